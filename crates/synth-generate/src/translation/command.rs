//! Translations by a program of the user's.

use std::io::{BufRead, BufReader, Read, Write};
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::Duration;

use synth_core::{BoxError, Observer};

use super::{Sentence, TextToTranslate, Translate, by_sentences};
use crate::{GenerateError, Sampling};

/// A program that reads one sentence a line from its standard input and writes as many lines, as
/// [Apertium](https://www.apertium.org) does: `apertium -u eng-spa`.
///
/// It is started once for each batch, without a shell, and knows no chance: where words are to be drawn, it gives the
/// same.
///
/// ```
/// use synth_core::Silent;
/// use synth_generate::{CommandTranslator, Sampling, TextToTranslate, Translate};
///
/// let translator = CommandTranslator::new("tr a-z A-Z")?;
/// let text = TextToTranslate { text: "so good. yes!", seed: 0, choice: 0 };
/// # if cfg!(unix) {
/// assert_eq!(translator.translate(&[text], Sampling::greedy(), &Silent)?, ["SO GOOD. YES!"]);
/// # }
/// # Ok::<(), synth_generate::GenerateError>(())
/// ```
#[derive(Debug, Clone)]
pub struct CommandTranslator {
    line: String,
    program: String,
    args: Vec<String>,
}

impl CommandTranslator {
    /// A command line: words with spaces between them, quotes around words that hold spaces.
    ///
    /// # Errors
    /// It is empty, or a quote is not closed.
    pub fn new(line: &str) -> Result<Self, GenerateError> {
        let wrong = || GenerateError::Setting {
            name: "command",
            value: line.to_owned(),
            expected: "a program and its arguments, with all quotes closed",
        };
        let mut words = words(line).ok_or_else(wrong)?.into_iter();
        let program = words.next().ok_or_else(wrong)?;
        Ok(Self { line: line.to_owned(), program, args: words.collect() })
    }

    fn run(&self, sentences: &[Sentence<'_>], observer: &dyn Observer) -> Result<Vec<String>, GenerateError> {
        if sentences.is_empty() {
            return Ok(Vec::new());
        }
        let failed = |source: BoxError| GenerateError::Generator {
            generator: format!("the translator `{}`", self.line),
            source,
        };
        let mut command = Command::new(&self.program);
        command.args(&self.args).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        // A group of its own: Ctrl-C is for us, and what the program starts can be ended with it.
        #[cfg(unix)]
        std::os::unix::process::CommandExt::process_group(&mut command, 0);
        let mut child = command.spawn().map_err(|error| failed(error.into()))?;
        let lines: Vec<String> = sentences.iter().map(|sentence| one_line(sentence.text)).collect();
        let output = talk(&mut child, lines, observer).map_err(|error| failed(error.into()))?;
        let Some((status, translated, said)) = output else { return Err(GenerateError::Cancelled) };
        if !status.success() {
            let said = said.lines().next_back().unwrap_or("it said nothing").trim();
            return Err(failed(format!("{status}: {said}").into()));
        }
        if translated.len() != sentences.len() {
            let (got, wanted) = (translated.len(), sentences.len());
            return Err(failed(format!("it wrote {got} lines for {wanted} sentences").into()));
        }
        Ok(translated)
    }
}

impl Translate for CommandTranslator {
    fn fingerprint(&self) -> String {
        format!("command {}", self.line)
    }

    fn name(&self) -> &str {
        &self.line
    }

    fn translate(
        &self,
        texts: &[TextToTranslate<'_>],
        _: Sampling,
        observer: &dyn Observer,
    ) -> Result<Vec<String>, GenerateError> {
        by_sentences(texts, |sentences| self.run(sentences, observer))
    }
}

type Output = (std::process::ExitStatus, Vec<String>, String);

/// Writes lines to a program and reads what it writes; `None` if the observer asked to stop, and it was killed.
fn talk(child: &mut Child, lines: Vec<String>, observer: &dyn Observer) -> std::io::Result<Option<Output>> {
    // A program may write before it has read all: each pipe has a thread, or both sides could wait for each other.
    let (stdin, stdout, stderr) = (child.stdin.take(), child.stdout.take(), child.stderr.take());
    let writer = thread::spawn(move || {
        let mut stdin = stdin?;
        // A program that ends early is told by its status, or by the lines that are missing.
        lines.iter().try_for_each(|line| writeln!(stdin, "{line}")).ok()
    });
    let reader = thread::spawn(move || {
        let stdout = stdout.into_iter().flat_map(|stdout| BufReader::new(stdout).lines());
        stdout.collect::<std::io::Result<Vec<String>>>()
    });
    let errors = thread::spawn(move || {
        let mut said = Vec::new();
        if let Some(mut stderr) = stderr {
            let _ = stderr.read_to_end(&mut said);
        }
        String::from_utf8_lossy(&said).into_owned()
    });
    let mut status = None;
    // What the program has started may hold the pipes when it has ended.
    while status.is_none() || !reader.is_finished() || !errors.is_finished() {
        if observer.cancelled() {
            end(child);
            // Threads whose pipes somebody else still holds are left to end by themselves.
            return Ok(None);
        }
        if status.is_none() {
            status = child.try_wait()?;
        }
        thread::sleep(Duration::from_millis(5));
    }
    let lost = || std::io::Error::other("a thread that reads from it is gone");
    let (_, read, said) = (writer.join(), reader.join(), errors.join());
    let Some(status) = status else { return Ok(None) };
    Ok(Some((status, read.map_err(|_| lost())??, said.map_err(|_| lost())?)))
}

/// Ends a program, and on Unix all of its group; one that has ended already is none the worse for it.
fn end(child: &mut Child) {
    #[cfg(unix)]
    {
        // The standard library ends single programs only.
        let group = format!("-{}", child.id());
        let _ = Command::new("kill").args(["-KILL", "--", &group]).stderr(Stdio::null()).status();
    }
    let _ = child.kill();
    let _ = child.wait();
}

/// A sentence may go over several lines.
fn one_line(sentence: &str) -> String {
    sentence.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// The words of a command line; `None` where a quote is not closed.
fn words(line: &str) -> Option<Vec<String>> {
    let (mut words, mut word, mut quote) = (Vec::new(), None::<String>, None);
    for c in line.chars() {
        match quote {
            Some(open) if c == open => quote = None,
            Some(_) => word.get_or_insert_default().push(c),
            None if c == '"' || c == '\'' => {
                quote = Some(c);
                word.get_or_insert_default();
            }
            None if c.is_whitespace() => words.extend(word.take()),
            None => word.get_or_insert_default().push(c),
        }
    }
    words.extend(word);
    quote.is_none().then_some(words)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_of_a_command_line() {
        let all = |line| words(line).unwrap();
        assert_eq!(all("apertium -u eng-spa"), ["apertium", "-u", "eng-spa"]);
        assert_eq!(all("a 'b c'\"d 'e\" ''"), ["a", "b cd 'e", ""]);
        assert_eq!(words("a 'b"), None);
        assert!(CommandTranslator::new("  ").is_err());
    }
}

#[cfg(all(test, unix))]
mod unix_tests {
    use synth_core::{Event, Silent};

    use super::*;

    fn translate(command: &str, texts: &[&str], observer: &dyn Observer) -> Result<Vec<String>, GenerateError> {
        let texts: Vec<_> = texts.iter().map(|text| TextToTranslate { text, seed: 0, choice: 0 }).collect();
        CommandTranslator::new(command).unwrap().translate(&texts, Sampling::greedy(), observer)
    }

    fn complaint(command: &str) -> String {
        let error = translate(command, &["One. Two."], &Silent).unwrap_err();
        let source = std::error::Error::source(&error).unwrap().to_string();
        format!("{error}: {source}")
    }

    #[test]
    fn sentences_go_through_and_what_goes_wrong_is_said() {
        assert_eq!(translate("sed s/o/0/g", &["so\tgood. go!\nno", "…"], &Silent).unwrap(), ["s0 g00d. g0!\nn0", "…"]);
        // More than a pipe holds, either way.
        let long = "so good. ".repeat(40_000);
        assert_eq!(translate("cat", &[&long], &Silent).unwrap(), [long]);
        assert_eq!(
            complaint("head -n 1"),
            "the translator `head -n 1` gave no answer: it wrote 1 lines for 2 sentences"
        );
        let failed = complaint("sh -c 'echo no such pair >&2; exit 3'");
        assert!(failed.ends_with("exit status: 3: no such pair"), "{failed}");
        assert!(complaint("there-is-no-such-program").contains("No such file"));
    }

    #[test]
    fn a_program_that_hangs_is_ended() {
        struct Impatient;
        impl Observer for Impatient {
            fn event(&self, _: Event) {}

            fn cancelled(&self) -> bool {
                true
            }
        }
        for command in ["sleep 100", "sh -c 'sleep 100; true'", "sh -c 'sleep 100 & exit 0'"] {
            assert!(matches!(translate(command, &["One."], &Impatient), Err(GenerateError::Cancelled)), "{command}");
        }
    }
}
