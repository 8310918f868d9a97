//! The program `synth`, from outside: exit code, stdout, stderr, and the files it leaves.

mod audit;
mod back_translation;
mod bad_input;
mod check_and_fmt;
mod compare;
mod contract;
mod determinism;
mod embed;
mod fid;
mod generate;
#[cfg(feature = "neural")]
mod image;
mod interrupt;
mod label;
mod lfs;
mod settings;
mod train;
mod votes;

use std::fs;
use std::io::Write;
use std::path::PathBuf;
use std::process::{Command, Output, Stdio};

use tempfile::TempDir;

/// Six messages, one of which no function of [`SPAM_LF`] has anything to say about.
const MAILS: &str = r#"{"id":"a","text":"win money now http://x.example","gold":"spam"}
{"id":"b","text":"see you at lunch, thanks","gold":"ham"}
{"id":"c","text":"thanks for the money","gold":"ham"}
{"id":"d","text":"nothing here to see at all","gold":"ham"}
{"id":"e","text":"free money: http://y.example","gold":"spam"}
{"id":"f","text":"thanks, see you","gold":"ham"}
"#;

const SPAM_LF: &str = r#"classes ham, spam

lf link   spam when text contains "http"
lf money  spam when text contains any of word ["money", "win", "free"]
lf thanks ham  when text contains word "thanks"
lf short  ham  when words(text) < 4
"#;

/// A folder in which the program runs, and which goes away.
struct Project(TempDir);

impl Project {
    fn empty() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    /// With records and labeling functions.
    fn new() -> Self {
        let project = Self::empty();
        project.file("mails.jsonl", MAILS);
        project.file("spam.lf", SPAM_LF);
        project
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    fn file(&self, name: &str, contents: impl AsRef<[u8]>) {
        fs::write(self.path(name), contents).unwrap();
    }

    fn read(&self, name: &str) -> String {
        fs::read_to_string(self.path(name)).unwrap_or_else(|error| panic!("{name}: {error}"))
    }

    fn bytes(&self, name: &str) -> Vec<u8> {
        fs::read(self.path(name)).unwrap_or_else(|error| panic!("{name}: {error}"))
    }

    /// Every file in the folder, hidden ones too.
    fn names(&self) -> Vec<String> {
        let entries = fs::read_dir(self.0.path()).unwrap();
        let mut names: Vec<String> = entries.map(|e| e.unwrap().file_name().into_string().unwrap()).collect();
        names.sort();
        names
    }

    /// The program with arguments that hold no white space, and no settings from outside.
    #[expect(clippy::disallowed_methods, reason = "the settings of whoever runs the tests must not reach the program")]
    fn command(&self, args: &str) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_synth"));
        for (name, _) in std::env::vars_os() {
            if name.to_string_lossy().starts_with("SYNTH_") || name == "OPENAI_API_KEY" {
                command.env_remove(name);
            }
        }
        // No weights that somebody fetched before.
        command.env("XDG_CACHE_HOME", self.0.path());
        command.args(args.split_whitespace()).current_dir(self.0.path()).env("NO_COLOR", "1");
        command
    }

    /// Exit code, stdout and stderr, as a snapshot shows them.
    fn run(&self, args: &str) -> String {
        self.shown(&self.command(args).output().unwrap())
    }

    /// The same with an environment.
    fn run_with(&self, variables: &[(&str, &str)], args: &str) -> String {
        self.shown(&self.command(args).envs(variables.iter().copied()).output().unwrap())
    }

    /// The same with something on stdin.
    fn run_on(&self, stdin: impl AsRef<[u8]>, args: &str) -> String {
        let mut child = self.command(args);
        let mut child = child.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        // What does not read its stdin may be gone by now.
        let _ = child.stdin.take().unwrap().write_all(stdin.as_ref());
        self.shown(&child.wait_with_output().unwrap())
    }

    /// Runs what must succeed, and returns its stdout.
    fn done(&self, args: &str) -> String {
        let output = self.command(args).output().unwrap();
        assert!(output.status.success(), "synth {args}\n{}", self.shown(&output));
        String::from_utf8(output.stdout).unwrap()
    }

    /// As [`Project::done`], for output that is one JSON object.
    fn json(&self, args: &str) -> serde_json::Value {
        serde_json::from_str(&self.done(args)).unwrap()
    }

    fn shown(&self, output: &Output) -> String {
        let mut text = match output.status.code() {
            Some(code) => format!("exit code: {code}\n"),
            None => format!("{}\n", output.status),
        };
        for (name, bytes) in [("stdout", &output.stdout), ("stderr", &output.stderr)] {
            let bytes = self.filtered(&String::from_utf8_lossy(bytes));
            if !bytes.is_empty() {
                text.push_str(&format!("---- {name} ----\n{bytes}"));
            }
        }
        text
    }

    /// Takes out what differs from run to run and from machine to machine.
    fn filtered(&self, text: &str) -> String {
        let folder = self.0.path().canonicalize().unwrap();
        let text = text.replace(&*folder.to_string_lossy(), "[FOLDER]");
        text.replace(env!("CARGO_PKG_VERSION"), "[VERSION]")
    }
}

/// Numbers as `.npy`: `descr` such as `<i4`, the bytes as they lie in the file.
fn npy(descr: &str, fortran_order: bool, shape: [usize; 2], data: &[u8]) -> Vec<u8> {
    let order = if fortran_order { "True" } else { "False" };
    let header = format!("{{'descr': '{descr}', 'fortran_order': {order}, 'shape': ({}, {}), }}", shape[0], shape[1]);
    let padding = 64 - (10 + header.len() + 1) % 64;
    let header = format!("{header}{}\n", " ".repeat(padding % 64));
    let mut bytes = b"\x93NUMPY\x01\x00".to_vec();
    bytes.extend((header.len() as u16).to_le_bytes());
    bytes.extend(header.as_bytes());
    bytes.extend(data);
    bytes
}

/// The header of a `.npy` file, and its data.
fn from_npy(bytes: &[u8]) -> (String, &[u8]) {
    let length = usize::from(u16::from_le_bytes([bytes[8], bytes[9]]));
    (String::from_utf8_lossy(&bytes[10..10 + length]).trim().to_owned(), &bytes[10 + length..])
}

/// The rows of a `.npy` file of two float64 columns.
fn float_pairs(bytes: &[u8]) -> Vec<[f64; 2]> {
    let (header, data) = from_npy(bytes);
    assert!(header.contains("'<f8'") && header.contains(", 2)"), "{header}");
    let number = |bytes: &[u8]| f64::from_le_bytes(bytes.try_into().unwrap());
    data.chunks_exact(16).map(|row| [number(&row[..8]), number(&row[8..])]).collect()
}
