//! Functions that ask a model: from records to questions, from answers to votes.

use std::ops::Range;
use std::sync::Arc;

use rustc_hash::FxHashMap;
use synth_core::{BoxError, Column, Dataset, Event, Observer, Stage, Value, Vote};

use crate::LfError;
use crate::faults::chain;
use crate::lang::{Piece, PromptSpec};

/// What a model is asked about a record.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Question {
    /// The labeling function that asks.
    pub lf: Arc<str>,
    /// The prompt, with the fields of the record in it. The possible answers stand in it only if whoever wrote it
    /// named them.
    pub prompt: Arc<str>,
    /// The possible answers. They are told apart without regard to case and to white space around them.
    pub answers: Arc<[String]>,
}

/// A model that answers the questions of prompted labeling functions.
///
/// ```
/// use std::sync::Arc;
/// use synth_core::{BoxError, Dataset, Observer, Silent};
/// use synth_lf::{LfSet, PromptVoter, Question, lang::{Source, compile}};
///
/// /// Says yes where it sees money.
/// struct Greedy;
///
/// impl PromptVoter for Greedy {
///     fn ask(&self, questions: &[Question], _: &dyn Observer) -> Result<Vec<Result<usize, BoxError>>, BoxError> {
///         let answer = |question: &Question| {
///             let wanted = if question.prompt.contains("money") { "yes" } else { "no" };
///             question.answers.iter().position(|answer| answer == wanted).ok_or("no such answer".into())
///         };
///         Ok(questions.iter().map(answer).collect())
///     }
/// }
///
/// let file = r#"
/// classes ham, spam
/// lf promo ask "Does this advertise something? {text}"
///     spam    when "yes"
///     abstain when "no"
/// "#;
/// let program = compile(&[Source::new("a.lf", file)], None, &|_, _| Ok(String::new())).program.unwrap();
/// let spam = program.classes().id("spam");
/// let mut lfs = LfSet::new(program.classes().clone());
/// lfs.add_program(program)?.bind(Arc::new(Greedy));
///
/// let records = Dataset::of_texts("text", ["free money", "see you"].map(str::to_owned).to_vec());
/// let applied = lfs.apply([Ok(records)], &Silent)?;
/// assert_eq!(applied.matrix.vote(0, 0), spam);
/// assert_eq!(applied.matrix.vote(1, 0), None);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub trait PromptVoter: Send + Sync {
    /// One reply for each question, in their order: the position of the answer in [`Question::answers`], or why
    /// there is none, as where the model said something else. No two questions of one function are equal. The
    /// observer may be told how many are answered, as [`Event::Advanced`] of [`Stage::Ask`]; that the stage begins
    /// and ends it is told already.
    ///
    /// # Errors
    /// What makes all further questions useless: no model, no money left, the observer asks to stop.
    fn ask(&self, questions: &[Question], observer: &dyn Observer) -> Result<Vec<Result<usize, BoxError>>, BoxError>;
}

/// The prompted functions of a set and the model they ask.
pub(crate) struct Asker<'a> {
    functions: Vec<Asking<'a>>,
    voter: &'a dyn PromptVoter,
}

/// A prompted function and its column.
struct Asking<'a> {
    lf_idx: u32,
    name: Arc<str>,
    prompt: &'a PromptSpec,
    answers: Arc<[String]>,
}

/// What a prompted function says of some rows.
pub(crate) struct AskedColumn {
    pub(crate) lf_idx: u32,
    /// The position of the first row in the whole data.
    pub(crate) first_row: u64,
    /// For each row its vote, or why the function failed on it.
    pub(crate) votes: Vec<Result<Vote, String>>,
}

/// One question and its answer, by position.
pub(crate) struct Asked {
    pub(crate) prompt: Arc<str>,
    pub(crate) answer: usize,
}

impl<'a> Asker<'a> {
    /// Prompted functions with their columns, ascending; `None` if there are none.
    ///
    /// # Errors
    /// There are some, and no model.
    pub(crate) fn new(
        functions: impl Iterator<Item = (u32, &'a str, &'a PromptSpec)>,
        voter: Option<&'a dyn PromptVoter>,
    ) -> Result<Option<Self>, LfError> {
        let asking = |(lf_idx, name, prompt): (u32, &str, &'a PromptSpec)| Asking {
            lf_idx,
            name: name.into(),
            prompt,
            answers: prompt.answers.iter().map(|answer| answer.text.clone()).collect(),
        };
        let functions: Vec<Asking<'a>> = functions.map(asking).collect();
        match (functions.first(), voter) {
            (None, _) => Ok(None),
            (Some(first), None) => Err(LfError::Unbound { lf: first.name.to_string() }),
            (Some(_), Some(voter)) => Ok(Some(Self { functions, voter })),
        }
    }

    /// The votes of all functions on a batch. Rows that make the same prompt share one question, and all questions
    /// go to the model in one call. A row without one of the fields is not asked about: the function abstains.
    pub(crate) fn ask(&self, records: &Dataset, observer: &dyn Observer) -> Result<Vec<AskedColumn>, LfError> {
        let mut questions = Vec::new();
        let rows: Vec<_> = self
            .functions
            .iter()
            .map(|function| function.questions(records, 0..records.n_rows(), &mut questions))
            .collect();
        let replies = self.replies(&questions, observer)?;
        let columns = self.functions.iter().zip(rows).map(|(function, rows)| {
            let vote = |row: Row| match row? {
                None => Ok(None),
                Some(question) => match &replies[question] {
                    Ok(answer) => Ok(function.prompt.answers[*answer].vote),
                    Err(error) => Err(chain(&**error)),
                },
            };
            AskedColumn {
                lf_idx: function.lf_idx,
                first_row: records.first_row(),
                votes: rows.into_iter().map(vote).collect(),
            }
        });
        Ok(columns.collect())
    }

    /// What the first function asks about a row, and the answer; `None` where it does not ask.
    pub(crate) fn ask_one(
        &self,
        records: &Dataset,
        row: usize,
        observer: &dyn Observer,
    ) -> Result<Option<Asked>, LfError> {
        let mut questions = Vec::new();
        for row in self.functions[0].questions(records, row..row + 1, &mut questions) {
            row.map_err(|message| LfError::Records(message.into()))?;
        }
        let reply = self.replies(&questions, observer)?.pop();
        let answer = reply.transpose().map_err(LfError::Records)?;
        Ok(answer.zip(questions.pop()).map(|(answer, question)| Asked { prompt: question.prompt, answer }))
    }

    fn replies(
        &self,
        questions: &[Question],
        observer: &dyn Observer,
    ) -> Result<Vec<Result<usize, BoxError>>, LfError> {
        if questions.is_empty() {
            return Ok(Vec::new());
        }
        observer.event(Event::Started { stage: Stage::Ask, total: Some(questions.len() as u64) });
        let replies = self.voter.ask(questions, observer);
        observer.event(Event::Finished { stage: Stage::Ask });
        let replies = match replies {
            Ok(replies) => replies,
            Err(_) if observer.cancelled() => return Err(LfError::Cancelled),
            Err(error) => return Err(LfError::Asking(error)),
        };
        if replies.len() != questions.len() {
            let message = format!("{} questions were asked, and {} replies came", questions.len(), replies.len());
            return Err(LfError::Asking(message.into()));
        }
        for (question, reply) in questions.iter().zip(&replies) {
            if let Ok(answer) = reply
                && *answer >= question.answers.len()
            {
                let message = format!("reply {answer} to a question with {} answers", question.answers.len());
                return Err(LfError::Asking(message.into()));
            }
        }
        Ok(replies)
    }
}

/// For a row the position of its question, `None` where a field is missing, or why there is no question.
type Row = Result<Option<usize>, String>;

impl Asking<'_> {
    /// Appends the questions about some rows, each once.
    fn questions(&self, records: &Dataset, rows: Range<usize>, questions: &mut Vec<Question>) -> Vec<Row> {
        let columns: Vec<Option<Column>> = self.prompt.fields().map(|field| records.column(field)).collect();
        let mut positions: FxHashMap<Arc<str>, usize> = FxHashMap::default();
        let question = |row: usize| {
            let Some(prompt) = render(&self.prompt.template, &columns, row)? else { return Ok(None) };
            let prompt = Arc::<str>::from(prompt);
            let position = *positions.entry(prompt.clone()).or_insert_with(|| {
                questions.push(Question { lf: self.name.clone(), prompt, answers: self.answers.clone() });
                questions.len() - 1
            });
            Ok(Some(position))
        };
        rows.map(question).collect()
    }
}

/// The prompt for a row; `None` where a field is missing. `columns` are those of the fields, in their order.
fn render(template: &[Piece], columns: &[Option<Column>], row: usize) -> Result<Option<String>, String> {
    let mut prompt = String::new();
    let mut columns = columns.iter();
    for piece in template {
        match piece {
            Piece::Text(text) => prompt.push_str(text),
            Piece::Field(path) => {
                let Some(Some(column)) = columns.next() else { return Ok(None) };
                match column.value(row) {
                    None => return Ok(None),
                    Some(Value::Text(text)) => prompt.push_str(text),
                    // Integers keep all their digits, dates are written as ISO 8601 has them.
                    Some(_) => match arrow_cast::display::array_value_to_string(column.array(), row) {
                        Ok(text) => prompt.push_str(&text),
                        Err(error) => return Err(format!("field `{path}`: {}", chain(&error))),
                    },
                }
            }
        }
    }
    Ok(Some(prompt))
}

#[cfg(test)]
mod tests {
    use std::sync::Mutex;

    use arrow_array::{ArrayRef, BooleanArray, Date32Array, Float64Array, Int64Array, RecordBatch, StringArray};
    use synth_core::Silent;

    use super::*;
    use crate::lang::{Source, compile};
    use crate::{Applied, LfSet};

    const FILE: &str = r#"classes ham, spam
lf link spam when text contains "http"
lf promo ask "Does this advertise something? {text}"
    spam    when "Yes" or "probably"
    ham     when "no"
    abstain when "unsure"
lf short ham when chars(text) < 4
"#;

    /// Answers by a function of the prompt, and notes what it is asked.
    struct Mock<F> {
        answer: F,
        calls: Mutex<Vec<Vec<Question>>>,
    }

    impl<F: Fn(&str) -> Result<usize, BoxError> + Send + Sync> PromptVoter for Mock<F> {
        fn ask(&self, questions: &[Question], _: &dyn Observer) -> Result<Vec<Result<usize, BoxError>>, BoxError> {
            self.calls.lock().unwrap().push(questions.to_vec());
            Ok(questions.iter().map(|question| (self.answer)(&question.prompt)).collect())
        }
    }

    fn mock<F: Fn(&str) -> Result<usize, BoxError>>(answer: F) -> Arc<Mock<F>> {
        Arc::new(Mock { answer, calls: Mutex::default() })
    }

    /// By the last word of the prompt.
    fn last_word(prompt: &str) -> Result<usize, BoxError> {
        match prompt.rsplit(' ').next() {
            Some("free") => Ok(0),
            Some("cheap") => Ok(1),
            Some("hi") => Ok(2),
            Some("hm") => Ok(3),
            _ => Err("the model said `perhaps`".into()),
        }
    }

    fn set(file: &str) -> LfSet {
        let compiled = compile(&[Source::new("t.lf", file)], None, &|_, _| Ok(String::new()));
        let Some(program) = compiled.program else { panic!("{:?}", compiled.diagnostics) };
        let mut set = LfSet::new(program.classes().clone());
        set.add_program(program).unwrap();
        set
    }

    fn texts(texts: &[Option<&str>]) -> Dataset {
        let text: ArrayRef = Arc::new(StringArray::from(texts.to_vec()));
        Dataset::new(RecordBatch::try_from_iter_with_nullable([("text", text, true)]).unwrap())
    }

    /// The votes as letters, a row a word; `-` abstains.
    fn shown(applied: &Applied) -> String {
        let letter = |vote: Vote| vote.map_or("-", |class| &applied.matrix.classes().name(class)[..1]);
        let row = |row: usize| (0..applied.matrix.n_lfs()).map(|lf| letter(applied.matrix.vote(row, lf))).collect();
        (0..applied.matrix.n_rows()).map(row).collect::<Vec<String>>().join(" ")
    }

    #[test]
    fn answers_become_votes_in_the_place_of_the_function() {
        let voter = mock(last_word);
        let mut lfs = set(FILE);
        lfs.bind(voter.clone());
        let rows = [Some("http free"), Some("cheap"), Some("hi"), Some("hm"), None, Some("hi")];
        let applied = lfs.apply([Ok(texts(&rows))], &Silent).unwrap();
        assert_eq!(shown(&applied), "ss- -s- -hh --h --- -hh");
        assert_eq!(applied.faults.total(), 0);
        // Equal prompts are one question; a row without the field is none.
        let calls = voter.calls.lock().unwrap();
        let prompts: Vec<&str> = calls[0].iter().map(|question| &*question.prompt).collect();
        let asked = ["http free", "cheap", "hi", "hm"].map(|text| format!("Does this advertise something? {text}"));
        assert_eq!((calls.len(), prompts), (1, asked.each_ref().map(String::as_str).to_vec()));
        assert_eq!(
            (&*calls[0][0].lf, &calls[0][0].answers[..]),
            ("promo", &["Yes", "probably", "no", "unsure"].map(str::to_owned)[..])
        );
    }

    #[test]
    fn batches_and_their_size_do_not_matter() {
        let mut lfs = set(FILE);
        lfs.bind(mock(last_word));
        let words = ["free", "hi", "hm", "odd", "http cheap"];
        let rows: Vec<Option<&str>> = (0..5000).map(|i| (i % 7 > 0).then(|| words[i % 5])).collect();
        let whole = lfs.apply([Ok(texts(&rows))], &Silent).unwrap();
        let mut first_row = 0;
        let batches = rows.chunks(1300).map(|chunk| {
            let batch = Dataset::continuing(texts(chunk).batch().clone(), first_row);
            first_row += chunk.len() as u64;
            Ok(batch)
        });
        let apart = lfs.apply(batches.collect::<Vec<_>>(), &Silent).unwrap();
        assert_eq!(shown(&whole), shown(&apart));
        assert_eq!(whole.faults, apart.faults);
    }

    #[test]
    fn no_answer_is_a_fault_of_each_row_that_asked() {
        let mut lfs = set(FILE);
        lfs.bind(mock(last_word));
        let rows = [Some("odd"), Some("hi"), Some("odd")];
        let applied = lfs.apply([Ok(Dataset::continuing(texts(&rows).batch().clone(), 10))], &Silent).unwrap();
        assert_eq!(shown(&applied), "--h -hh --h");
        let faults: Vec<_> = applied.faults.iter().collect();
        assert_eq!((faults.len(), faults[0].lf.as_str(), faults[0].count), (1, "promo", 2));
        let rows: Vec<u64> = faults[0].examples.iter().map(|fault| fault.row).collect();
        assert_eq!((rows, faults[0].examples[0].message.as_str()), (vec![10, 12], "the model said `perhaps`"));
    }

    #[test]
    fn without_a_model_nothing_is_read() {
        let lfs = set(FILE);
        let records = std::iter::once_with(|| panic!("the records are read"));
        let error = lfs.apply(records, &Silent).unwrap_err();
        assert_eq!(error.to_string(), "labeling function `promo` asks a model, and none is bound");
        assert_eq!(error.hints(), ["bind a model with `LfSet::bind`"]);
        assert!(matches!(lfs.explain(&texts(&[Some("hi")]), 0, 1), Err(LfError::Unbound { .. })));
        // Functions beside it can be explained.
        assert!(lfs.explain(&texts(&[Some("hi")]), 0, 2).unwrap().is_some());
        assert_eq!(
            lfs.prompted().map(|(name, prompt)| (name, prompt.classes().len())).collect::<Vec<_>>(),
            [("promo", 2)]
        );
    }

    /// Fails as a whole, or breaks its promise.
    struct Broken(Result<Vec<usize>, &'static str>);

    impl PromptVoter for Broken {
        fn ask(&self, _: &[Question], _: &dyn Observer) -> Result<Vec<Result<usize, BoxError>>, BoxError> {
            Ok(self.0.clone()?.into_iter().map(Ok).collect())
        }
    }

    struct Stopping;

    impl Observer for Stopping {
        fn event(&self, _: Event) {}

        fn cancelled(&self) -> bool {
            true
        }
    }

    #[test]
    fn a_model_of_no_use_ends_the_run() {
        for (replies, cause) in [
            (Err("no server"), "no server"),
            (Ok(vec![0, 0]), "1 questions were asked, and 2 replies came"),
            (Ok(vec![4]), "reply 4 to a question with 4 answers"),
        ] {
            let mut lfs = set(FILE);
            lfs.bind(Arc::new(Broken(replies)));
            let error = lfs.apply([Ok(texts(&[Some("hi")]))], &Silent).unwrap_err();
            let source = std::error::Error::source(&error).unwrap().to_string();
            let message = "the model of the prompted labeling functions did not answer";
            assert_eq!((error.to_string().as_str(), source.as_str()), (message, cause));
        }
        let mut lfs = set(FILE);
        lfs.bind(Arc::new(Broken(Err("stopped"))));
        let stopped = lfs.apply([Ok(texts(&[Some("hi")]))], &Stopping).unwrap_err();
        assert!(matches!(stopped, LfError::Cancelled));
    }

    #[test]
    fn fields_of_all_types_stand_in_a_prompt() {
        let columns: [(&str, ArrayRef); 5] = [
            ("n", Arc::new(Int64Array::from(vec![Some(9_007_199_254_740_993), None]))),
            ("x", Arc::new(Float64Array::from(vec![4.5, 1.0]))),
            ("ok", Arc::new(BooleanArray::from(vec![true, false]))),
            ("day", Arc::new(Date32Array::from(vec![19_753, 0]))),
            ("review text", Arc::new(StringArray::from(vec!["{n} \"ü\"", "b"]))),
        ];
        let records = Dataset::new(RecordBatch::try_from_iter(columns).unwrap());
        let voter = mock(|_| Ok(0));
        let mut lfs =
            set("classes a\nlf f ask \"{n} {x} {ok} {day}\" \"{{{`review text`}}}\" a when \"x\" abstain when \"y\"");
        lfs.bind(voter.clone());
        assert_eq!(shown(&lfs.apply([Ok(records)], &Silent).unwrap()), "a -");
        assert_eq!(&*voter.calls.lock().unwrap()[0][0].prompt, "9007199254740993 4.5 true 2024-01-31\n{{n} \"ü\"}");
    }

    #[test]
    fn fields_are_checked_before_anything_is_asked() {
        let voter = mock(last_word);
        let mut lfs = set("classes a\nlf f ask \"{txet}\" a when \"x\" abstain when \"y\"");
        lfs.bind(voter.clone());
        let error = lfs.apply([Ok(texts(&[Some("hi")]))], &Silent).unwrap_err();
        assert_eq!(error.to_string(), "no record has a field `txet`, which labeling function `f` reads");
        assert_eq!(error.hints()[0], "did you mean `text`?");
        assert!(voter.calls.lock().unwrap().is_empty());
    }

    #[test]
    fn an_explanation_shows_question_and_answer() {
        let mut lfs = set(FILE);
        lfs.add("closure", |_| None).unwrap().bind(mock(last_word));
        let records = texts(&[Some("cheap"), Some("hm"), None, Some("odd")]);
        let why = lfs.explain(&records, 0, 1).unwrap().unwrap();
        let asked = why.asked.unwrap();
        assert_eq!(
            (asked.prompt.as_str(), asked.answer.as_str()),
            ("Does this advertise something? cheap", "probably")
        );
        assert_eq!((lfs.classes().name(why.class), why.clause), ("spam", 1));
        assert_eq!(lfs.explain(&records, 1, 1).unwrap(), None);
        assert_eq!(lfs.explain(&records, 2, 1).unwrap(), None);
        assert!(lfs.explain(&records, 3, 1).is_err());
    }

    #[test]
    fn a_set_keeps_its_model_when_it_grows() {
        let mut lfs = LfSet::new(set(FILE).classes().clone());
        let mut bound = set(FILE);
        bound.bind(mock(last_word));
        lfs.add("first", |_| None).unwrap().extend(bound).unwrap();
        assert_eq!(shown(&lfs.apply([Ok(texts(&[Some("free")]))], &Silent).unwrap()), "--s-");
    }
}
