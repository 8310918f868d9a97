//! What can go wrong between records and an end model.

use synth_core::BoxError;

/// An error of an end model, by what the caller can do about it.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum LearnError {
    /// A parameter is out of its range.
    #[error("{name} is {value}, expected {expected}")]
    Param {
        /// The parameter.
        name: &'static str,
        /// What it was.
        value: String,
        /// What it may be.
        expected: &'static str,
    },
    /// The records could not be read.
    #[error("cannot read the records")]
    Records(#[source] BoxError),
    /// A feature comes from a field that does not exist.
    #[error("the records have no field `{field}`")]
    NoField {
        /// The field.
        field: String,
        /// The fields there are.
        known: Vec<String>,
    },
    /// A field holds something that cannot be such a feature.
    #[error("field `{field}` holds {got}, but {needed} {} needed", if needed.ends_with('s') { "are" } else { "is" })]
    FieldType {
        /// The field.
        field: String,
        /// What it should hold.
        needed: &'static str,
        /// Its type.
        got: String,
    },
    /// Two features come from the same field.
    #[error("field `{field}` is named twice")]
    FieldTwice {
        /// The field.
        field: String,
    },
    /// No field was named.
    #[error("no field is named to learn from")]
    NoFeatures,
    /// A number that is none.
    #[error("field `{field}` of row {row} is {value}")]
    NotFinite {
        /// The field.
        field: String,
        /// The record, from 0.
        row: u64,
        /// NaN or an infinity.
        value: f64,
    },
    /// A vector of another length than the others.
    #[error("field `{field}` of row {row} is a vector of {got} numbers, the others have {expected}")]
    VectorLength {
        /// The field.
        field: String,
        /// The record, from 0.
        row: u64,
        /// The length of the others.
        expected: usize,
        /// Its length.
        got: usize,
    },
    /// What belongs to rows is more or less than there are rows.
    #[error("{expected} rows of features, but {got} {what}")]
    RowCount {
        /// What belongs to the rows.
        what: &'static str,
        /// The number of rows.
        expected: usize,
        /// How many there are of it.
        got: usize,
    },
    /// An array of another shape than the others ask for.
    #[error("the shape of {what} is {got:?}, expected {expected:?}")]
    Shape {
        /// The array.
        what: &'static str,
        /// The shape it should have.
        expected: Vec<usize>,
        /// The shape it has.
        got: Vec<usize>,
    },
    /// A value that cannot be computed with.
    #[error("{what} of row {row} is {value}")]
    BadValue {
        /// What it is.
        what: &'static str,
        /// The row, from 0.
        row: usize,
        /// NaN, an infinity, or below 0 where nothing may be.
        value: f64,
    },
    /// There is nothing to learn from.
    #[error("there is no row to learn from")]
    NoRows,
    /// Targets over no class at all.
    #[error("there is no class to tell from others")]
    NoClasses,
    /// There is nothing to score against.
    #[error("no record has a gold label")]
    NoGold,
    /// The optimiser gave up.
    #[error("the optimiser failed: {problem}")]
    Optimiser {
        /// Its own words.
        problem: String,
    },
    /// The records, or the labels, are over other classes than the model.
    #[error("the classes are {got}, the model knows {expected}")]
    Classes {
        /// The model's classes, joined by commas.
        expected: String,
        /// The others.
        got: String,
    },
    /// The observer asked to stop.
    #[error("stopped")]
    Cancelled,
    /// A folder that holds no model, or a damaged one.
    #[error("`{path}` is no model: {problem}")]
    Damaged {
        /// The file.
        path: String,
        /// What is wrong with it.
        problem: String,
    },
    /// A model of a format that this version does not read.
    #[error("`{path}` has format version {got}, this program reads up to {newest}")]
    NewerFormat {
        /// The file.
        path: String,
        /// The version found.
        got: u64,
        /// The newest version that can be read.
        newest: u64,
    },
    /// A file of a model could not be read or written.
    #[error(transparent)]
    Io(#[from] synth_io::IoError),
}

impl LearnError {
    pub(crate) fn check_shape(what: &'static str, expected: &[usize], got: &[usize]) -> Result<(), Self> {
        if expected == got {
            return Ok(());
        }
        Err(Self::Shape { what, expected: expected.to_vec(), got: got.to_vec() })
    }

    /// What to try.
    pub fn hints(&self) -> Vec<String> {
        match self {
            Self::NoField { known, .. } => vec![format!("the fields are {}", known.join(", "))],
            Self::NoFeatures => vec!["name a field of text: --text body".into()],
            Self::NoRows => {
                vec!["every record is uncovered, or without a label: write functions that cover more".into()]
            }
            Self::NewerFormat { .. } => vec!["use a newer synth, or train the model anew".into()],
            Self::NotFinite { .. } => {
                vec!["leave the value out: a missing number counts as the mean, a missing vector as zeros".into()]
            }
            Self::Io(synth_io::IoError::Open { path, .. }) if path.ends_with("model.json") => {
                vec!["`synth train --model DIR` makes such a folder".into()]
            }
            Self::NoGold => vec!["label a few records by hand, and name the field: --gold FIELD".into()],
            Self::Io(error) => error.hints(),
            _ => Vec::new(),
        }
    }
}
