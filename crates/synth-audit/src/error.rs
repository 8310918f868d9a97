//! What can go wrong with an audit.

/// An error of an audit, by what the caller can do about it.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum AuditError {
    /// Two inputs differ in length.
    #[error("there are {got} {what} for {expected} rows")]
    Rows {
        /// What there is too few or too many of.
        what: &'static str,
        /// How many there are.
        got: usize,
        /// How many there should be.
        expected: usize,
    },
    /// There is nothing to look at.
    #[error("there are no {what}")]
    Empty {
        /// What there is nothing of.
        what: &'static str,
    },
    /// One class leaves nothing to doubt.
    #[error("there is {n_classes} class: labels can be wrong only where there are two or more")]
    OneClass {
        /// How many there are.
        n_classes: usize,
    },
    /// A label that the probabilities know nothing of.
    #[error("row {row} has label {label}, and there are probabilities of {n_classes} classes")]
    Label {
        /// The row, from 0.
        row: usize,
        /// The number of the label, from 0.
        label: usize,
        /// How many classes there are.
        n_classes: usize,
    },
    /// A number that is no probability.
    #[error("row {row} has the probability {value}, expected 0 to 1")]
    NotAProbability {
        /// The row, from 0.
        row: usize,
        /// The number.
        value: f64,
    },
    /// Probabilities of a row that do not sum to 1.
    #[error("the probabilities of row {row} sum to {sum}, expected 1")]
    NotADistribution {
        /// The row, from 0.
        row: usize,
        /// Their sum.
        sum: f64,
    },
    /// Items with different numbers of ratings, where all must have as many.
    #[error(
        "item {row} has {got} ratings, and the first has {expected}: Fleiss' kappa is made for as many of each item"
    )]
    UnequalRatings {
        /// The item, from 0.
        row: usize,
        /// How many ratings it has.
        got: usize,
        /// How many the first one has.
        expected: usize,
    },
    /// A coordinate that is no number.
    #[error("row {row}, column {column} is {value}, expected a finite number")]
    NotFinite {
        /// The row, from 0.
        row: usize,
        /// The column, from 0.
        column: usize,
        /// What it is.
        value: f64,
    },
    /// Coordinates whose squares no number holds.
    #[error("the coordinates of row {row} are too large to tell distances")]
    Large {
        /// The row, from 0.
        row: usize,
    },
    /// A contract has a regular expression that is none.
    #[error("what `{field}` is to match is no regular expression: {problem}")]
    Pattern {
        /// The field.
        field: String,
        /// What is wrong with it.
        problem: String,
    },
    /// A contract promises what nothing could keep.
    #[error("the contract's {rule} is {value}, expected {expected}")]
    Promise {
        /// What the contract calls it.
        rule: String,
        /// What stands there.
        value: String,
        /// What would do.
        expected: &'static str,
    },
    /// A setting is out of its range.
    #[error("`{name}` is {value}, expected {expected}")]
    Setting {
        /// The setting.
        name: &'static str,
        /// What was given.
        value: String,
        /// What would do.
        expected: &'static str,
    },
}

impl AuditError {
    /// What to try, most useful first.
    pub fn hints(&self) -> Vec<String> {
        match self {
            Self::NotADistribution { .. } | Self::NotAProbability { .. } => {
                vec!["give probabilities, not scores or logits: each row one for each class, from 0 to 1".into()]
            }
            Self::Label { .. } => vec!["give probabilities of all classes, in their order".into()],
            Self::Rows { .. } => vec!["take both from the same records, in the same order".into()],
            Self::UnequalRatings { .. } => {
                vec!["use Krippendorff's alpha, which takes what is missing into account".into()]
            }
            Self::Large { .. } => vec!["scale the points".into()],
            Self::NotFinite { .. } => vec!["fill in or leave out what is missing".into()],
            _ => Vec::new(),
        }
    }
}
