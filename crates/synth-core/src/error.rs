//! What can be wrong with the values of this crate.

/// Why a class set, label matrix or set of soft labels could not be built.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum CoreError {
    /// A class set needs at least one class.
    #[error("no classes are given")]
    NoClasses,
    /// Class ids are 16 bits wide.
    #[error("{got} classes are given, at most {max} are possible", max = crate::MAX_CLASSES)]
    TooManyClasses {
        /// How many were given.
        got: usize,
    },
    /// Two classes, or two labeling functions, have the same name.
    #[error("{what} `{name}` is declared twice")]
    DuplicateName {
        /// `class` or `labeling function`.
        what: &'static str,
        /// The name.
        name: String,
    },
    /// A class or labeling function has an empty name, or one with a line break in it.
    #[error("{what} {position} has a name that is empty or spans lines: {name:?}")]
    BadName {
        /// `class` or `labeling function`.
        what: &'static str,
        /// Its position, from 1.
        position: usize,
        /// The name.
        name: String,
    },
    /// A row of votes has the wrong length.
    #[error("row {row} has {got} votes, expected {expected}, one for each labeling function")]
    WrongVoteCount {
        /// The row, from 0.
        row: usize,
        /// Votes expected.
        expected: usize,
        /// Votes found.
        got: usize,
    },
    /// A vote names a class that does not exist.
    #[error("row {row}, labeling function `{lf}`: class index {got} is out of range, there are {n_classes} classes")]
    VoteOutOfRange {
        /// The row, from 0.
        row: usize,
        /// The name of the labeling function.
        lf: String,
        /// The class index found.
        got: usize,
        /// The number of classes.
        n_classes: usize,
    },
    /// Votes of one row are not in the order of the labeling functions, or one function voted twice.
    #[error("row {row}: votes must name each labeling function at most once, in order, below {n_lfs}")]
    UnorderedVotes {
        /// The row, from 0.
        row: usize,
        /// The number of labeling functions.
        n_lfs: usize,
    },
    /// More different vote patterns than a 32-bit index can name.
    #[error("more than 4 billion different vote patterns")]
    TooManyPatterns,
    /// Two label matrices or pattern tables do not belong together.
    #[error("{what} differ: {left} against {right}")]
    Mismatch {
        /// What differs.
        what: &'static str,
        /// The value on the left.
        left: String,
        /// The value on the right.
        right: String,
    },
    /// A distribution does not have k entries, or has one that is negative or not a number, or does not sum to 1.
    #[error("distribution {index} is not one over {n_classes} classes: {problem}")]
    BadDistribution {
        /// Which distribution, from 0.
        index: usize,
        /// The number of classes.
        n_classes: usize,
        /// What is wrong with it.
        problem: String,
    },
}
