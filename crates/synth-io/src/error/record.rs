//! What is wrong with one record, and where it stands.

use std::fmt;
use std::path::PathBuf;

/// A line of a file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Place {
    /// The file.
    pub path: PathBuf,
    /// The line, from 1.
    pub line: u64,
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.path.display(), self.line)
    }
}

/// A record that was set aside.
#[derive(Debug, Clone, PartialEq)]
pub struct BadRecord {
    /// Where it stands.
    pub place: Place,
    /// What is wrong with it.
    pub problem: RecordProblem,
}

impl fmt::Display for BadRecord {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.place, self.problem)
    }
}

/// What is wrong with one record. Columns count bytes of the line, from 1.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum RecordProblem {
    /// Bytes that are no UTF-8.
    #[error("invalid UTF-8 at column {column}")]
    InvalidUtf8 {
        /// Where.
        column: usize,
    },
    /// The line ends within a value.
    #[error("the line ends in the middle of a JSON value")]
    Truncated,
    /// Something that is not JSON.
    #[error("{problem} at column {column}")]
    Syntax {
        /// What is wrong.
        problem: &'static str,
        /// Where.
        column: usize,
    },
    /// JSON, but no object.
    #[error("expected an object, found {got}")]
    NotAnObject {
        /// What it is.
        got: &'static str,
    },
    /// One key stands twice in an object.
    #[error("key `{key}` stands twice in one object")]
    DuplicateKey {
        /// The key.
        key: String,
    },
    /// Values of one list have types that do not go together.
    #[error("a list holds both {first} and {got}")]
    MixedList {
        /// The type of the first.
        first: &'static str,
        /// The type of another.
        got: &'static str,
    },
    /// A field has another type than before.
    #[error("field `{field}` is {got} here and was {first} at {at}")]
    TypeConflict {
        /// The field, nested fields by dots.
        field: String,
        /// Its type here.
        got: &'static str,
        /// Its type before.
        first: &'static str,
        /// The line that had it first.
        at: Box<Place>,
    },
    /// A CSV record has more or fewer fields than the header.
    #[error("{got} fields, but the header has {expected}")]
    FieldCount {
        /// Fields in the header.
        expected: usize,
        /// Fields here.
        got: usize,
    },
    /// A quoted CSV field that never ends.
    #[error("a quoted field is never closed")]
    UnclosedQuote,
    /// Something between a closing quote and the next comma.
    #[error("text after the closing quote of field {field}")]
    AfterQuote {
        /// The field, from 1.
        field: usize,
    },
    /// A CSV header names a column twice.
    #[error("column `{name}` stands twice")]
    DuplicateColumn {
        /// The column.
        name: String,
    },
    /// A cell that may not be empty is.
    #[error("column `{name}` is empty")]
    EmptyCell {
        /// The column.
        name: &'static str,
    },
    /// A record of 2 GiB or more.
    #[error("a record of {bytes} bytes, at most 2 GiB are possible")]
    TooLong {
        /// Its length.
        bytes: u64,
    },
}

impl RecordProblem {
    pub(super) fn hints(&self) -> Vec<String> {
        let hint = match self {
            Self::NotAnObject { got: "a list" } => "one object a line: `jq -c '.[]'` takes a JSON array apart",
            Self::Truncated => "a record must stand on one line: `jq -c .` puts it there",
            Self::Syntax { problem, .. } if problem.contains("is not JSON") => {
                "write null for a missing number, or set such records aside with `--skip-bad`"
            }
            Self::TypeConflict { .. } => "make the types agree, or set such records aside with `--skip-bad`",
            Self::DuplicateColumn { .. } => "rename one of the two",
            _ => "set such records aside with `--skip-bad`",
        };
        vec![hint.to_owned()]
    }
}
