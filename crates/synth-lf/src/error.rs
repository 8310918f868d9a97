//! What can go wrong when labeling functions are put together or applied.

use std::fmt;

use synth_core::{BoxError, CoreError, Dataset};

use crate::lang::closest;

/// Why a set of labeling functions could not be built or applied.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum LfError {
    /// Two labeling functions have the same name.
    #[error("labeling function `{name}` is declared twice")]
    DuplicateName {
        /// The name.
        name: String,
    },
    /// A program was written for other classes than the set it is added to.
    #[error("the .lf files declare the classes {program}, but the labeling functions vote for {set}")]
    OtherClasses {
        /// The classes of the program.
        program: String,
        /// The classes of the set.
        set: String,
    },
    /// A pattern given to a labeling function in Rust is no regular expression.
    #[error("labeling function `{lf}`: {pattern:?} is no regular expression")]
    BadRegex {
        /// The labeling function.
        lf: String,
        /// The pattern.
        pattern: String,
        /// What is wrong with it.
        #[source]
        source: Box<regex::Error>,
    },
    /// Fields that labeling functions read are not in the data, or hold something else.
    #[error("{}", join(.problems))]
    Fields {
        /// Each such field.
        problems: Vec<FieldProblem>,
        /// The fields there are.
        fields: Vec<String>,
    },
    /// The records could not be read, or are not as they must be.
    #[error("the records cannot be used")]
    Records(#[source] BoxError),
    /// A labeling function asks a model, and no model is bound.
    #[error("labeling function `{lf}` asks a model, and none is bound")]
    Unbound {
        /// The first such function.
        lf: String,
    },
    /// The model that prompted labeling functions ask is of no further use: it cannot be reached, its budget is spent.
    #[error("the model of the prompted labeling functions did not answer")]
    Asking(#[source] BoxError),
    /// A label matrix could not be built, for instance because a closure voted for a class that does not exist.
    #[error(transparent)]
    Core(#[from] CoreError),
    /// The observer asked to stop.
    #[error("stopped")]
    Cancelled,
}

impl LfError {
    pub(crate) fn fields(problems: Vec<FieldProblem>, records: &Dataset) -> Self {
        let fields = records.schema().fields().iter().map(|field| field.name().clone()).collect();
        Self::Fields { problems, fields }
    }

    /// What to try.
    pub fn hints(&self) -> Vec<String> {
        match self {
            Self::Fields { problems, fields } => {
                let mut hints: Vec<String> = problems
                    .iter()
                    .filter(|problem| problem.found.is_none())
                    .filter_map(|problem| closest(&problem.field, fields.iter().map(String::as_str)))
                    .map(|meant| format!("did you mean `{meant}`?"))
                    .collect();
                hints.push(format!("the fields are {}", fields.join(", ")));
                hints
            }
            Self::Unbound { .. } => {
                vec!["bind a model with `LfSet::bind`".to_owned()]
            }
            Self::OtherClasses { .. } => vec!["make them agree, order included".to_owned()],
            _ => Vec::new(),
        }
    }
}

/// A field that a labeling function cannot read.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct FieldProblem {
    /// The first labeling function that reads it.
    pub lf: String,
    /// The field's path.
    pub field: String,
    /// What the function needs it to hold.
    pub needed: &'static str,
    /// The Arrow type it has; `None` if no record has the field.
    pub found: Option<String>,
}

impl fmt::Display for FieldProblem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { lf, field, needed, found } = self;
        match found {
            None => write!(f, "no record has a field `{field}`, which labeling function `{lf}` reads"),
            Some(found) => write!(f, "labeling function `{lf}` needs {needed} in field `{field}`, which holds {found}"),
        }
    }
}

fn join(problems: &[FieldProblem]) -> String {
    problems.iter().map(ToString::to_string).collect::<Vec<_>>().join("; ")
}
