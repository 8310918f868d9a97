//! Labeling functions of all kinds, together.

use std::cell::RefCell;
use std::ops::Range;
use std::sync::Arc;
use std::sync::mpsc::sync_channel;

use rustc_hash::FxHashSet;
use serde::de::DeserializeOwned;
use synth_core::{
    BoxError, ClassId, ClassSet, Dataset, LabelMatrix, LabelMatrixBuilder, LfVote, Observer, Row, Silent, Vote,
};

use crate::apply::{self, ChunkVotes};
use crate::engine::{BoundEngine, Engine, Scratch};
use crate::faults::call;
use crate::lang::PromptSpec;
use crate::lang::ast::Mode;
use crate::lang::program::{Body, Clause, Condition, Function, Program, Regex, Terms, Text};
use crate::prompted::Asker;
use crate::{Faults, FieldProblem, LfError, PromptVoter, RecordLfs};

type RowFunction = Box<dyn Fn(&Row<'_>) -> Result<Vote, BoxError> + Send + Sync>;

/// Labeling functions in column order: closures, ready-made kinds and programs in the .lf language.
pub struct LfSet {
    classes: ClassSet,
    names: Vec<String>,
    taken: FxHashSet<String>,
    parts: Vec<Part>,
    voter: Option<Arc<dyn PromptVoter>>,
}

/// Neighbouring columns of one kind.
enum Part {
    /// Declarative functions; they share one pass over each text.
    Program(Program),
    Closure(RowFunction),
    Group(Box<dyn Group>),
}

/// Functions that read a record together.
pub(crate) trait Group: Send + Sync {
    fn classes(&self) -> &ClassSet;
    fn names(&self) -> &[String];
    fn vote_row(&self, records: &Dataset, row: usize, first_lf: u32, out: &mut ChunkVotes);
}

/// What applying labeling functions gave.
#[derive(Debug, Clone)]
pub struct Applied {
    /// The votes, one row a record.
    pub matrix: LabelMatrix,
    /// The calls that failed.
    pub faults: Faults,
}

/// Why a labeling function voted as it did.
#[derive(Debug, Clone, PartialEq)]
pub struct Explanation {
    /// Its vote.
    pub class: ClassId,
    /// Which of its clauses held, or of its answers was given, from 0.
    pub clause: usize,
    /// What in the record made it hold, by field and place. Empty for closures, and for conditions that look
    /// at no text.
    pub found: Vec<Found>,
    /// What a prompted function asked, and what it was answered.
    pub asked: Option<Asked>,
}

/// A question to a model and its answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Asked {
    /// The prompt, with the fields of the record in it.
    pub prompt: String,
    /// The answer, as the .lf file has it.
    pub answer: String,
}

/// A piece of text that a condition found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Found {
    /// The field's path.
    pub field: String,
    /// What was found, as it is written there.
    pub text: String,
    /// Its bytes in the field's text; in the changed text, if `changed`.
    pub span: Range<usize>,
    /// True when the text was changed first, by `lower(…)` and the like.
    pub changed: bool,
}

impl std::fmt::Debug for LfSet {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("LfSet").field("classes", &self.classes).field("names", &self.names).finish_non_exhaustive()
    }
}

impl LfSet {
    /// No functions yet, for these classes.
    pub fn new(classes: ClassSet) -> Self {
        Self { classes, names: Vec::new(), taken: FxHashSet::default(), parts: Vec::new(), voter: None }
    }

    /// The classes.
    pub fn classes(&self) -> &ClassSet {
        &self.classes
    }

    /// The names of the functions, in column order.
    pub fn names(&self) -> &[String] {
        &self.names
    }

    /// Adds a closure over a record. Where a value is missing, `?` abstains.
    ///
    /// # Errors
    /// The name is taken.
    pub fn add(
        &mut self,
        name: impl Into<String>,
        function: impl Fn(&Row<'_>) -> Vote + Send + Sync + 'static,
    ) -> Result<&mut Self, LfError> {
        self.push([name.into()], Part::Closure(Box::new(move |row| Ok(function(row)))))
    }

    /// Adds a closure that can fail. A failure is counted as a fault, with its row, and not taken for an abstain;
    /// so is a panic.
    ///
    /// # Errors
    /// The name is taken.
    pub fn try_add<E: Into<BoxError>>(
        &mut self,
        name: impl Into<String>,
        function: impl Fn(&Row<'_>) -> Result<Vote, E> + Send + Sync + 'static,
    ) -> Result<&mut Self, LfError> {
        self.push([name.into()], Part::Closure(Box::new(move |row| function(row).map_err(Into::into))))
    }

    /// Adds a function that votes where a text field holds one of some words, in any case.
    ///
    /// # Errors
    /// The name is taken.
    pub fn add_keywords<S: Into<String>>(
        &mut self,
        name: impl Into<String>,
        field: impl Into<String>,
        words: impl IntoIterator<Item = S>,
        class: ClassId,
    ) -> Result<&mut Self, LfError> {
        let terms = Terms { exact: false, mode: Mode::Word, strings: words.into_iter().map(Into::into).collect() };
        let text = Text { field: field.into(), changes: Vec::new() };
        self.add_function(name.into(), Condition::Find(text, terms), class)
    }

    /// Adds a function that votes where a regular expression matches a text field.
    ///
    /// # Errors
    /// The name is taken, or the pattern is no regular expression.
    pub fn add_regex(
        &mut self,
        name: impl Into<String>,
        field: impl Into<String>,
        pattern: &str,
        class: ClassId,
    ) -> Result<&mut Self, LfError> {
        let name = name.into();
        if let Err(error) = regex::Regex::new(pattern) {
            return Err(LfError::BadRegex { lf: name, pattern: pattern.to_owned(), source: Box::new(error) });
        }
        let text = Text { field: field.into(), changes: Vec::new() };
        self.add_function(name, Condition::Matches(text, Regex(pattern.into())), class)
    }

    fn add_function(&mut self, name: String, condition: Condition, class: ClassId) -> Result<&mut Self, LfError> {
        let functions = vec![Function { name, body: Body::Clauses(vec![Clause { class, condition }]) }];
        self.add_program(Program { classes: self.classes.clone(), functions })
    }

    /// Adds all functions of a program.
    ///
    /// # Errors
    /// A name is taken; the program was written for other classes.
    pub fn add_program(&mut self, program: Program) -> Result<&mut Self, LfError> {
        self.check_classes(&program.classes)?;
        let names: Vec<String> = program.names().map(str::to_owned).collect();
        self.push(names, Part::Program(program))
    }

    /// Adds functions over a struct of yours; each record is deserialized once for all of them. A record that
    /// does not fit is a fault of each.
    ///
    /// # Errors
    /// A name is taken; the functions were written for other classes.
    pub fn add_records<T>(&mut self, functions: RecordLfs<T>) -> Result<&mut Self, LfError>
    where
        T: DeserializeOwned + Send + Sync + 'static,
    {
        self.check_classes(functions.classes())?;
        self.push(Group::names(&functions).to_vec(), Part::Group(Box::new(functions)))
    }

    /// The functions that ask a model: the name of each and what it asks, in column order.
    pub fn prompted(&self) -> impl Iterator<Item = (&str, &PromptSpec)> {
        self.prompts().map(|(_, name, prompt)| (name, prompt))
    }

    /// The same with their columns.
    fn prompts(&self) -> impl Iterator<Item = (u32, &str, &PromptSpec)> {
        let functions = self.parts.iter().flat_map(|part| {
            let functions = if let Part::Program(program) = part { program.functions.as_slice() } else { &[] };
            // Closures and groups have columns too.
            (0..part.len()).map(|i| functions.get(i).and_then(Function::prompt))
        });
        (0..)
            .zip(&self.names)
            .zip(functions)
            .filter_map(|((lf_idx, name), prompt)| Some((lf_idx, name.as_str(), prompt?)))
    }

    /// Has this model answer for all functions that ask one, in place of any bound before.
    pub fn bind(&mut self, voter: Arc<dyn PromptVoter>) -> &mut Self {
        self.voter = Some(voter);
        self
    }

    /// Adds all functions of another set. If a model is bound to the other and none to this one, it is bound to
    /// this one.
    ///
    /// # Errors
    /// A name is taken; the other set is for other classes.
    pub fn extend(&mut self, other: Self) -> Result<&mut Self, LfError> {
        self.check_classes(&other.classes)?;
        if let Some(name) = other.names.iter().find(|name| self.taken.contains(*name)) {
            return Err(LfError::DuplicateName { name: name.clone() });
        }
        let mut names = other.names.into_iter();
        for part in other.parts {
            let own: Vec<String> = names.by_ref().take(part.len()).collect();
            self.push(own, part)?;
        }
        self.voter = self.voter.take().or(other.voter);
        Ok(self)
    }

    fn check_classes(&self, other: &ClassSet) -> Result<(), LfError> {
        if *other == self.classes {
            return Ok(());
        }
        Err(LfError::OtherClasses { program: other.names().join(", "), set: self.classes.names().join(", ") })
    }

    fn push(&mut self, names: impl IntoIterator<Item = String>, part: Part) -> Result<&mut Self, LfError> {
        let before = self.names.len();
        for name in names {
            if !self.taken.insert(name.clone()) {
                for name in self.names.drain(before..) {
                    self.taken.remove(&name);
                }
                return Err(LfError::DuplicateName { name });
            }
            self.names.push(name);
        }
        match (self.parts.last_mut(), part) {
            (Some(Part::Program(last)), Part::Program(more)) => last.functions.extend(more.functions),
            (_, part) => self.parts.push(part),
        }
        Ok(self)
    }

    /// Applies all functions to batches of records, in parallel on the current rayon pool, while the next batch
    /// is being read. The result does not depend on the number of threads or the size of batches, as long as the model
    /// that prompted functions ask answers the same question in the same way.
    ///
    /// # Errors
    /// The records cannot be read; a function reads a field that does not exist or holds something else, or votes
    /// for a class that does not exist; a function asks a model and none is bound, or the model is of no further use;
    /// the observer asks to stop.
    pub fn apply<I>(&self, batches: I, observer: &dyn Observer) -> Result<Applied, LfError>
    where
        I: IntoIterator<Item = Result<Dataset, BoxError>>,
        I::IntoIter: Send,
    {
        let asker = Asker::new(self.prompts(), self.voter.as_deref())?;
        let engines = self.engines();
        let mut builder = LabelMatrixBuilder::new(self.classes.clone(), self.names.clone())?;
        let mut faults = Faults::new(&self.names);
        let batches = batches.into_iter();
        apply::stage(observer, None, |progress| {
            std::thread::scope(|scope| {
                let (sender, receiver) = sync_channel(2);
                scope.spawn(move || {
                    for batch in batches {
                        let failed = batch.is_err();
                        // No receiver means that the work was given up.
                        if sender.send(batch).is_err() || failed {
                            break;
                        }
                    }
                });
                for records in receiver {
                    let records = records.map_err(LfError::Records)?;
                    let chunks = self.run_batch(&engines, &records)?;
                    // Nothing is asked about records that something else is wrong with.
                    let asked = asker.as_ref().map_or(Ok(Vec::new()), |asker| asker.ask(&records, observer))?;
                    apply::enter(chunks, asked, &mut builder, &mut faults)?;
                    progress(builder.n_rows() as u64)?;
                }
                Ok(())
            })
        })?;
        Ok(Applied { matrix: builder.finish(), faults })
    }

    /// Why a function votes as it does on a record; `None` when it abstains. A prompted function asks its model again.
    ///
    /// # Errors
    /// As [`LfSet::apply`]; also a function that fails on this record.
    ///
    /// # Panics
    /// If there is no such function or row.
    pub fn explain(&self, records: &Dataset, row: usize, lf_idx: usize) -> Result<Option<Explanation>, LfError> {
        let (mut first, mut parts) = (0, self.parts.iter());
        let part = loop {
            let part = parts.next().expect("a column belongs to a part");
            if lf_idx < first + part.len() {
                break part;
            }
            first += part.len();
        };
        let plain = |class| Explanation { class, clause: 0, found: Vec::new(), asked: None };
        match part {
            Part::Program(program) => {
                let engine = Engine::explaining(program);
                let names = &self.names[first..first + part.len()];
                let engine = engine.bind(records, names)?;
                match program.functions[lf_idx - first].prompt() {
                    None => Ok(engine.explain(row, lf_idx - first)),
                    Some(prompt) => self.explain_prompted(records, row, (lf_idx as u32, &self.names[lf_idx], prompt)),
                }
            }
            Part::Closure(function) => {
                let vote = call(|| function(&records.row(row)));
                vote.map(|vote| vote.map(plain)).map_err(|message| LfError::Records(message.into()))
            }
            Part::Group(group) => {
                let mut out = ChunkVotes::default();
                group.vote_row(records, row, first as u32, &mut out);
                Ok(out.votes.iter().find(|vote| vote.lf_idx as usize == lf_idx).map(|vote| plain(vote.class)))
            }
        }
    }

    fn explain_prompted(
        &self,
        records: &Dataset,
        row: usize,
        function: (u32, &str, &PromptSpec),
    ) -> Result<Option<Explanation>, LfError> {
        let Some(asker) = Asker::new([function].into_iter(), self.voter.as_deref())? else { return Ok(None) };
        let Some(asked) = asker.ask_one(records, row, &Silent)? else { return Ok(None) };
        let answer = &function.2.answers[asked.answer];
        Ok(answer.vote.map(|class| Explanation {
            class,
            clause: asked.answer,
            found: Vec::new(),
            asked: Some(Asked { prompt: asked.prompt.to_string(), answer: answer.text.clone() }),
        }))
    }

    fn engines(&self) -> Vec<Option<Engine>> {
        let engine = |part: &Part| match part {
            Part::Program(program) => Some(Engine::new(program)),
            Part::Closure(_) | Part::Group(_) => None,
        };
        self.parts.iter().map(engine).collect()
    }

    /// The votes of all functions but those that ask a model.
    fn run_batch(&self, engines: &[Option<Engine>], records: &Dataset) -> Result<Vec<ChunkVotes>, LfError> {
        let mut first = 0;
        let mut bound = Vec::with_capacity(self.parts.len());
        for (part, engine) in self.parts.iter().zip(engines) {
            let names = &self.names[first..first + part.len()];
            let voter = match (part, engine) {
                (Part::Closure(function), _) => BoundPart::Closure(function, &names[0]),
                (Part::Group(group), _) => BoundPart::Group(group.as_ref()),
                (Part::Program(_), Some(engine)) => BoundPart::Engine(engine.bind(records, names)?),
                (Part::Program(_), None) => unreachable!("every program has its engine"),
            };
            bound.push((first as u32, voter));
            first += part.len();
        }
        let scratch = || bound.iter().map(|_| Scratch::default()).collect::<Vec<_>>();
        let vote = |scratch: &mut Vec<Scratch>, row: usize, out: &mut ChunkVotes| {
            for ((first, part), scratch) in bound.iter().zip(scratch) {
                part.vote(records, row, *first, scratch, out);
            }
        };
        let chunks = apply::run(0..records.n_rows(), &scratch, &vote);
        let mut distinct: Vec<FieldProblem> = Vec::new();
        for problem in chunks.iter().flat_map(|chunk| &chunk.problems) {
            if !distinct.contains(problem) {
                distinct.push(problem.clone());
            }
        }
        if distinct.is_empty() { Ok(chunks) } else { Err(LfError::fields(distinct, records)) }
    }
}

impl Part {
    fn len(&self) -> usize {
        match self {
            Self::Program(program) => program.functions.len(),
            Self::Closure(_) => 1,
            Self::Group(group) => group.names().len(),
        }
    }
}

/// A part and the batch it runs over.
enum BoundPart<'a> {
    Engine(BoundEngine<'a>),
    Closure(&'a RowFunction, &'a str),
    Group(&'a dyn Group),
}

impl BoundPart<'_> {
    fn vote(&self, records: &Dataset, row: usize, first: u32, scratch: &mut Scratch, out: &mut ChunkVotes) {
        match self {
            Self::Engine(engine) => engine.vote(row, first, scratch, &mut out.votes),
            Self::Group(group) => group.vote_row(records, row, first, out),
            Self::Closure(function, name) => {
                let unknown = RefCell::new(Vec::new());
                let view = records.row_noting(row, &unknown);
                match call(|| function(&view)) {
                    Ok(vote) => out.votes.extend(vote.map(|class| LfVote { lf_idx: first, class })),
                    Err(message) => out.fault(first, view.position(), message),
                }
                for field in unknown.into_inner() {
                    let problem = FieldProblem { lf: (*name).to_owned(), field, needed: "any value", found: None };
                    if !out.problems.contains(&problem) {
                        out.problems.push(problem);
                    }
                }
            }
        }
    }
}
