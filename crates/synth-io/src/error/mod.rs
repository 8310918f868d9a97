//! What can go wrong while reading and writing.

mod record;

use std::io;
use std::path::{Path, PathBuf};

use synth_core::{BoxError, CoreError};

pub use self::record::{BadRecord, Place, RecordProblem};

/// Why something could not be read or written.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum IoError {
    /// A file could not be opened.
    #[error("cannot open `{}`", path.display())]
    Open {
        /// The file.
        path: PathBuf,
        /// What the system says.
        source: io::Error,
    },
    /// Reading failed midway.
    #[error("cannot read `{}`", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// What the system says.
        source: io::Error,
    },
    /// Writing failed. Nothing half-written stays.
    #[error("cannot write `{}`", path.display())]
    Write {
        /// The file.
        path: PathBuf,
        /// What the system, or the encoder of the format, says.
        source: BoxError,
    },
    /// A file is cut short, damaged, or not of the format it claims.
    #[error("`{}` is no complete {what}", path.display())]
    Damaged {
        /// The file.
        path: PathBuf,
        /// What it should be, as `Parquet file`.
        what: &'static str,
        /// What the decoder says.
        source: BoxError,
    },
    /// The name of a file tells no format that can be used here.
    #[error("`{}` has no known format", path.display())]
    UnknownFormat {
        /// The file.
        path: PathBuf,
        /// The endings that would do.
        known: &'static [&'static str],
    },
    /// A format that is read from its end, or compresses by itself, inside .gz or .zst.
    #[error("`{}` is a compressed {format} file", path.display())]
    CompressedFormat {
        /// The file.
        path: PathBuf,
        /// The format.
        format: &'static str,
    },
    /// A malformed record.
    #[error("malformed record at {place}")]
    Record {
        /// Where.
        place: Place,
        /// What is wrong with it.
        #[source]
        problem: RecordProblem,
    },
    /// The header line of a CSV file cannot be used.
    #[error("malformed header at {place}")]
    Header {
        /// Where.
        place: Place,
        /// What is wrong with it.
        #[source]
        problem: RecordProblem,
    },
    /// Two files have the same field with types that do not go together.
    #[error("field `{field}` is {first} in `{}` and {second} in `{}`", first_path.display(), second_path.display())]
    SchemaConflict {
        /// The field, nested fields by dots.
        field: String,
        /// The file that had it first.
        first_path: PathBuf,
        /// Its type there.
        first: Box<str>,
        /// The other file.
        second_path: PathBuf,
        /// Its type there.
        second: Box<str>,
    },
    /// A file changed between two passes over it.
    #[error("`{}` changed while it was read, seen at line {line}", path.display())]
    Changed {
        /// The file.
        path: PathBuf,
        /// The line at which that showed.
        line: u64,
    },
    /// No source at all.
    #[error("no input is given")]
    NoInput,
    /// The observer asked to stop.
    #[error("cancelled")]
    Cancelled,
    /// A field that is needed does not exist.
    #[error("no field `{field}` for the {role}")]
    NoField {
        /// The field.
        field: String,
        /// What it is needed for: `id`, `gold label`, `vote`.
        role: &'static str,
        /// The fields there are.
        known: Vec<String>,
    },
    /// A field has a type that cannot serve.
    #[error("field `{field}` is {got}, the {role} must be {expected}")]
    FieldType {
        /// The field.
        field: String,
        /// What it is needed for.
        role: &'static str,
        /// The types that can serve.
        expected: &'static str,
        /// Its type.
        got: String,
    },
    /// Two records have the same id.
    #[error("id `{id}` stands twice, in rows {first} and {second}")]
    DuplicateId {
        /// The id.
        id: String,
        /// The row that had it first, from 0.
        first: u64,
        /// The row that has it again.
        second: u64,
    },
    /// A record has no id.
    #[error("row {row} has no id in field `{field}`")]
    NullId {
        /// The id field.
        field: String,
        /// The row, from 0.
        row: u64,
    },
    /// A gold label names no class.
    #[error("row {row}: gold label {value:?} in field `{field}` is no class")]
    UnknownClass {
        /// The gold field.
        field: String,
        /// The row, from 0.
        row: u64,
        /// The value.
        value: String,
        /// The classes there are.
        classes: Vec<String>,
    },
    /// A `.npy` file cannot be used.
    #[error("cannot use the array `{}`", path.display())]
    Npy {
        /// The file.
        path: PathBuf,
        /// Why.
        #[source]
        problem: NpyProblem,
    },
    /// A vote in a `.npy` file is neither a class index nor -1.
    #[error("`{}`, row {row}, column {column}: vote {value} is neither -1 nor below {n_classes}", path.display())]
    VoteOutOfRange {
        /// The file.
        path: PathBuf,
        /// The row, from 0.
        row: usize,
        /// The column, from 0.
        column: usize,
        /// The vote.
        value: i128,
        /// The number of classes.
        n_classes: usize,
    },
    /// There is no crowd vote, so that it is not known which classes there are.
    #[error("there are no votes in `{}`", path.display())]
    NoVotes {
        /// The file.
        path: PathBuf,
    },
    /// A crowd vote names a label that is no class.
    #[error("label {label:?} at {place} is no class")]
    UnknownLabel {
        /// Where.
        place: Place,
        /// The label.
        label: String,
        /// The classes there are.
        classes: Vec<String>,
    },
    /// A file of vote counts, or a saved label matrix, cannot be used.
    #[error("cannot use `{}` as vote counts", path.display())]
    Counts {
        /// The file.
        path: PathBuf,
        /// Why.
        #[source]
        problem: CountsProblem,
    },
    /// A file cannot be used as soft labels.
    #[error("cannot use `{}` as soft labels", path.display())]
    Soft {
        /// The file.
        path: PathBuf,
        /// Why.
        #[source]
        problem: SoftProblem,
    },
    /// A column that would be written has the name of a field that the records have.
    #[error("the records have a field `{field}`, which is also the name of a result column")]
    Clash {
        /// The field.
        field: String,
    },
    /// Rows cannot be left out of a `.npy` file: its rows are known only by their position.
    #[error("rows without votes cannot be dropped from `{}`, whose rows are known only by position", path.display())]
    DropInNpy {
        /// The file.
        path: PathBuf,
    },
    /// More or fewer rows were written than announced, or there are not as many soft labels as records.
    #[error("`{}` was to have {expected} rows, not {got}", path.display())]
    RowCount {
        /// The file.
        path: PathBuf,
        /// Rows announced.
        expected: u64,
        /// Rows there are.
        got: u64,
    },
    /// Values that go into or come out of a file do not fit together.
    #[error("the contents of `{}` do not fit", path.display())]
    Core {
        /// The file.
        path: PathBuf,
        /// How.
        source: CoreError,
    },
}

/// Why a `.npy` file cannot be used.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum NpyProblem {
    /// The magic bytes are missing.
    #[error("it is no .npy file")]
    NotNpy,
    /// A version of the format that does not exist yet.
    #[error("its format version {major}.{minor} is not known")]
    Version {
        /// Major version.
        major: u8,
        /// Minor version.
        minor: u8,
    },
    /// The header is no dictionary of `descr`, `fortran_order` and `shape`.
    #[error("its header is damaged: {problem}")]
    Header {
        /// What is wrong.
        problem: &'static str,
    },
    /// Values that are no integers.
    #[error("its values are {descr}, votes must be integers")]
    NotIntegers {
        /// The type as NumPy writes it.
        descr: String,
    },
    /// An array that is not two-dimensional.
    #[error("it has {got} dimensions, votes must have 2: rows and labeling functions")]
    Dimensions {
        /// The number of dimensions.
        got: usize,
    },
    /// No labeling function.
    #[error("it has no columns")]
    NoColumns,
    /// Fewer bytes than the shape asks for.
    #[error("it is cut short: its shape ({rows}, {columns}) needs more bytes than there are")]
    CutShort {
        /// Rows announced.
        rows: usize,
        /// Columns announced.
        columns: usize,
    },
    /// Not vectors: see [`Vectors`](crate::Vectors).
    #[error("its values are {descr} of shape {shape:?}; vectors are float32 or float64 (<f4, <f8), n x d, in C order")]
    NotVectors {
        /// The type as NumPy writes it.
        descr: String,
        /// The shape.
        shape: Vec<usize>,
    },
    /// Vectors under the name of a field that the records have.
    #[error("the records already have a field `{field}`; give it another name")]
    FieldExists {
        /// The field.
        field: String,
    },
    /// Vectors of other records.
    #[error("it has {rows} rows for {records} records{}", if *or_more { " or more" } else { "" })]
    RowsForRecords {
        /// Rows there are.
        rows: u64,
        /// Records seen.
        records: u64,
        /// There may be still more records.
        or_more: bool,
    },
    /// Another number of columns than there are labeling functions.
    #[error("it has {got} columns for {expected} labeling functions")]
    Columns {
        /// Labeling functions.
        expected: usize,
        /// Columns.
        got: usize,
    },
}

/// Why a file cannot be used as soft labels.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum SoftProblem {
    /// No column of probabilities.
    #[error("it has neither a column `probs` of lists of numbers nor columns `p_CLASS`")]
    NoProbs,
    /// The classes are named nowhere.
    #[error("it does not name its classes")]
    NoClasses,
    /// It is over other classes than expected.
    #[error("its classes are {got}, expected {expected}")]
    OtherClasses {
        /// The classes expected, joined by commas.
        expected: String,
        /// Its classes.
        got: String,
    },
    /// More or fewer probabilities than classes.
    #[error("row {row} has {got} probabilities for {expected} classes")]
    Length {
        /// The row, from 0.
        row: u64,
        /// The number of classes.
        expected: usize,
        /// The number of probabilities.
        got: usize,
    },
    /// An array that is not of float64, n x k, in C order.
    #[error("its values are {descr}; soft labels are float64 (<f8), n x k, in C order")]
    NotFloats {
        /// The type as NumPy writes it.
        descr: String,
    },
}

/// Why a file of vote counts, or a saved label matrix, cannot be used.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum CountsProblem {
    /// Parquet, but without our metadata.
    #[error("it is a Parquet file of another kind: metadata `{key}` is missing or damaged")]
    NotCounts {
        /// The missing or damaged key.
        key: &'static str,
    },
    /// Written by a newer version of this program.
    #[error("its format version is {got}, this program reads up to {known}")]
    Newer {
        /// Version of the file.
        got: u64,
        /// The newest known version.
        known: u64,
    },
    /// Columns that are missing or of another type.
    #[error("its column `{column}` is missing, has nulls, or has another type than {expected}")]
    Column {
        /// The column.
        column: &'static str,
        /// The expected type.
        expected: &'static str,
    },
    /// The lists of one row have different lengths.
    #[error("row {row}: {lfs} labeling functions with {classes} classes")]
    Lengths {
        /// The row, from 0.
        row: usize,
        /// Entries in `lf_idx`.
        lfs: usize,
        /// Entries in `class`.
        classes: usize,
    },
    /// The counts of one or several files add up to more than 64 bits hold.
    #[error("its counts add up to more than 2^64")]
    Overflow,
    /// The counts of a label matrix do not add up to its number of rows.
    #[error("its counts add up to {got} rows instead of {expected}")]
    Total {
        /// The number of rows.
        expected: u64,
        /// What the counts add up to.
        got: u64,
    },
    /// Patterns with counts, but not in the order of rows.
    #[error("it holds the counts of vote patterns, not the rows of a label matrix")]
    NoRows,
}

impl IoError {
    /// What could be tried, most useful first.
    pub fn hints(&self) -> Vec<String> {
        let hint = |text: &str| vec![text.to_owned()];
        match self {
            Self::Record { problem, .. } | Self::Header { problem, .. } => problem.hints(),
            Self::UnknownFormat { known, .. } => vec![format!("names end in {}", known.join(", "))],
            Self::CompressedFormat { .. } => hint("decompress it first; the format compresses by itself"),
            Self::Damaged { .. } => hint("the file may not have been copied or written to its end"),
            Self::Changed { .. } => hint("records are read twice: wait until the file is complete, or copy it"),
            Self::NoField { known, .. } if known.is_empty() => hint("the records have no fields"),
            Self::NoField { known, .. } => vec![format!("the fields are {}", known.join(", "))],
            Self::DuplicateId { .. } => {
                hint("name another id field with `--id`; without a field `id` rows are known by their number")
            }
            Self::UnknownClass { classes, .. } => {
                vec![format!("the classes are {}; leave the label empty where it is unknown", classes.join(", "))]
            }
            Self::UnknownLabel { classes, .. } => {
                vec![format!("the classes are {}: name all of them, or leave the vote out", classes.join(", "))]
            }
            Self::NoVotes { .. } => hint("write a line for each vote, below the line item,worker,label"),
            Self::Npy { problem: NpyProblem::Dimensions { got: 1 }, .. } => {
                hint("for a single labeling function, save it as a column: `votes.reshape(-1, 1)`")
            }
            Self::Npy { problem: NpyProblem::NotIntegers { .. }, .. } => hint("save it with `votes.astype('int16')`"),
            Self::VoteOutOfRange { value, .. } if *value < 0 => hint("only -1 abstains"),
            Self::VoteOutOfRange { .. } => hint("classes count from 0; are all of them given?"),
            Self::Counts { problem: CountsProblem::Newer { .. }, .. } => hint("update this program"),
            Self::Soft { problem: SoftProblem::NoClasses, .. } => hint("name them in order: --classes a,b,c"),
            Self::Soft { problem: SoftProblem::NoProbs, .. } => {
                hint("`synth label --out soft.parquet` writes such a file; with `--prefix` say so here too")
            }
            Self::Clash { .. } => hint("choose another name for the result columns with `--prefix`"),
            Self::DropInNpy { .. } => hint("keep them as NaN with `--uncovered null`, or write another format"),
            _ => Vec::new(),
        }
    }

    /// True where the reader of a pipe went away, as `head` does: no failure for a program that writes to one.
    pub fn is_broken_pipe(&self) -> bool {
        let mut cause: Option<&(dyn std::error::Error + 'static)> = Some(self);
        while let Some(error) = cause {
            if error.downcast_ref::<io::Error>().is_some_and(|e| e.kind() == io::ErrorKind::BrokenPipe) {
                return true;
            }
            cause = error.source();
        }
        false
    }

    pub(crate) fn write(path: &Path, source: impl Into<BoxError>) -> Self {
        Self::Write { path: path.to_owned(), source: source.into() }
    }

    pub(crate) fn damaged(path: &Path, what: &'static str, source: impl Into<BoxError>) -> Self {
        Self::Damaged { path: path.to_owned(), what, source: source.into() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn errors_are_small_enough_to_be_returned() {
        assert!(size_of::<IoError>() < 128, "{}", size_of::<IoError>());
    }
}
