//! What .lf files mean: functions with every name looked up, every list spelt out, every regex checked.

use std::sync::Arc;

use synth_core::{ClassId, ClassSet};

use super::ast::{Change, Measure, Mode, Op, Order, TextEnd};
use super::prompt::PromptSpec;

/// Labeling functions written in the .lf language, checked and ready to run.
///
/// Add it to an [`LfSet`](crate::LfSet) to apply it.
#[derive(Debug, Clone, PartialEq)]
pub struct Program {
    pub(crate) classes: ClassSet,
    pub(crate) functions: Vec<Function>,
}

impl Program {
    /// The classes, in declared order.
    pub fn classes(&self) -> &ClassSet {
        &self.classes
    }

    /// The names of the functions, in the order of the files.
    pub fn names(&self) -> impl ExactSizeIterator<Item = &str> {
        self.functions.iter().map(|function| function.name.as_str())
    }

    /// The functions that ask a model: the name of each and what it asks, in the order of the files.
    pub fn prompted(&self) -> impl Iterator<Item = (&str, &PromptSpec)> {
        self.functions.iter().filter_map(|function| Some((function.name.as_str(), function.prompt()?)))
    }

    /// The functions at these positions only, in this order.
    ///
    /// # Panics
    /// If there is no function at one of the positions.
    pub fn subset(&self, positions: &[usize]) -> Self {
        let functions = positions.iter().map(|&i| self.functions[i].clone()).collect();
        Self { classes: self.classes.clone(), functions }
    }

    /// For each function, where `other` has one that gives the same votes on every record, if it does.
    ///
    /// Lets an editor loop run only the functions that changed. Names and places do not matter; classes do.
    pub fn same_functions(&self, other: &Self) -> Vec<Option<usize>> {
        let find = |function: &Function| other.functions.iter().position(|f| f.body == function.body);
        let same_classes = self.classes == other.classes;
        self.functions.iter().map(|function| same_classes.then(|| find(function)).flatten()).collect()
    }
}

#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Function {
    pub(crate) name: String,
    pub(crate) body: Body,
}

#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Body {
    Clauses(Vec<Clause>),
    /// What a model is asked. The engine only checks its fields.
    Prompt(PromptSpec),
}

impl Function {
    /// None for functions that ask a model.
    pub(crate) fn clauses(&self) -> &[Clause] {
        match &self.body {
            Body::Clauses(clauses) => clauses,
            Body::Prompt(_) => &[],
        }
    }

    pub(crate) fn prompt(&self) -> Option<&PromptSpec> {
        match &self.body {
            Body::Clauses(_) => None,
            Body::Prompt(prompt) => Some(prompt),
        }
    }

    /// True if it has a way to vote for the class.
    pub(crate) fn votes_for(&self, class: ClassId) -> bool {
        match &self.body {
            Body::Clauses(clauses) => clauses.iter().any(|clause| clause.class == class),
            Body::Prompt(prompt) => prompt.answers.iter().any(|answer| answer.vote == Some(class)),
        }
    }

    /// True for functions that vote wherever one of some strings is found: most functions, in most files.
    pub(crate) fn is_plain(&self) -> bool {
        let [Clause { condition, .. }] = self.clauses() else { return false };
        matches!(condition, Condition::Find(..) | Condition::Anchored(..) | Condition::Whole(..))
    }
}

#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Clause {
    pub(crate) class: ClassId,
    pub(crate) condition: Condition,
}

#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Condition {
    Constant(bool),
    Or(Vec<Condition>),
    And(Vec<Condition>),
    Not(Box<Condition>),
    Flag(String),
    Present(String),
    /// Some string of the terms is found in the text.
    Find(Text, Terms),
    /// The text begins or ends with some string.
    Anchored(Text, TextEnd, Terms),
    /// The whole text is one of the strings.
    Whole(Text, Terms),
    Near(Box<Near>),
    Matches(Text, Regex),
    Compare(Number, Op, Number),
    /// The field, read as a time, against microseconds since 1970 UTC.
    CompareTime(String, Op, i64),
}

#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Near {
    pub(crate) text: Text,
    pub(crate) left: Terms,
    pub(crate) distance: u32,
    pub(crate) order: Order,
    pub(crate) right: Terms,
}

#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Number {
    Constant(f64),
    Field(String),
    Measure(Measure, Text),
    Count(Text, Terms),
    CountRegex(Text, Regex),
}

/// A text that conditions look at: a field after some changes, innermost first.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) struct Text {
    pub(crate) field: String,
    pub(crate) changes: Vec<Change>,
}

/// Strings to look for. Neither the list nor a string in it is empty.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) struct Terms {
    pub(crate) exact: bool,
    pub(crate) mode: Mode,
    pub(crate) strings: Arc<[String]>,
}

/// A regular expression that compiles, with its flags in front: `(?i)free`.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) struct Regex(pub(crate) Arc<str>);
