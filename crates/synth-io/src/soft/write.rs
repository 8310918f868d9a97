//! The writer of soft labels.

use std::fmt;
use std::ops::Range;
use std::path::{Path, PathBuf};

use arrow_schema::Schema;
use synth_core::{ClassSet, CoreError, Dataset, SoftLabels};

use super::columns::{Layout, Probs};
use super::npy;
use crate::encode::{Encoder, format_of};
use crate::{AtomicFile, Format, IoError};

/// What becomes of rows on which no labeling function voted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum Uncovered {
    /// They keep the model's class balance as their distribution; `n_votes` is 0.
    #[default]
    Prior,
    /// Probabilities, label and confidence are null; NaN in `.npy`.
    Null,
    /// They are left out.
    Drop,
}

/// How soft labels are written.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Options {
    /// The format, if not the one that the file's name tells. Stdout is JSONL unless told otherwise.
    pub format: Option<Format>,
    /// The id field, as for [`IdColumn::find`](crate::ids::IdColumn::find).
    pub id: Option<String>,
    /// Stands before the names of the result columns.
    pub prefix: String,
    /// What becomes of rows without votes.
    pub uncovered: Uncovered,
    /// Pairs for the metadata of Parquet and Arrow files, such as the fingerprint of the run.
    pub metadata: Vec<(String, String)>,
    /// The number of records, if known: then [`Writer::finish`] makes sure that all came. An array that goes to
    /// stdout needs it.
    pub n_rows: Option<u64>,
}

/// Writes soft labels beside their records, batch by batch; the file appears when all is written.
pub struct Writer {
    path: PathBuf,
    output: Output,
    layout: Layout,
    classes: ClassSet,
    options: Options,
    rows: u64,
}

enum Output {
    Columns(Encoder),
    /// `.npy`, the probabilities alone.
    Array(AtomicFile),
}

impl fmt::Debug for Writer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Writer").field("path", &self.path).field("rows", &self.rows).finish_non_exhaustive()
    }
}

impl Writer {
    /// Starts a file of soft labels for records of this schema; `-` is stdout.
    ///
    /// The name tells format and compression: `.parquet`, `.arrow`, `.jsonl`, `.csv` or `.npy`, the text formats also
    /// with `.gz` or `.zst`. Arrow is an IPC file; on stdout it is a stream.
    ///
    /// # Errors
    /// No known format; a field of the records has the name of a result column; rows are to be dropped from
    /// `.npy`; no such id field; the file cannot be created.
    pub fn create(
        path: impl AsRef<Path>,
        records: &Schema,
        classes: &ClassSet,
        options: &Options,
    ) -> Result<Self, IoError> {
        let path = path.as_ref();
        let (format, compression) = format_of(path, options.format, ENDINGS)?;
        if format == Format::Npy && options.uncovered == Uncovered::Drop {
            return Err(IoError::DropInNpy { path: path.to_owned() });
        }
        let probs = if format == Format::Csv { Probs::Columns } else { Probs::List };
        // An array has no columns that could clash.
        let no_fields = Schema::empty();
        let layout = match format {
            Format::Npy => Layout::new(&no_fields, classes, probs, &Options::default())?,
            _ => Layout::new(records, classes, probs, options)?,
        };
        let output = if format == Format::Npy {
            let mut file = AtomicFile::create(path)?;
            npy::begin(&mut file, options.n_rows, classes.len()).map_err(|error| IoError::write(path, error))?;
            Output::Array(file)
        } else {
            Output::Columns(Encoder::create(path, format, compression, &layout.schema)?)
        };
        Ok(Self { path: path.to_owned(), output, layout, classes: classes.clone(), options: options.clone(), rows: 0 })
    }

    /// Writes a batch of records; `rows` are the rows of `soft` that belong to it.
    ///
    /// # Errors
    /// Writing fails, as on a full disk; `rows` is not as long as the batch or beyond `soft`; the soft labels are of
    /// other classes; a record without an id.
    pub fn write(&mut self, records: &Dataset, soft: &SoftLabels, rows: Range<usize>) -> Result<(), IoError> {
        if rows.len() != records.n_rows() || rows.end > soft.n_rows() {
            let (expected, got) =
                (records.n_rows() as u64, rows.end.min(soft.n_rows()).saturating_sub(rows.start) as u64);
            return Err(IoError::RowCount { path: self.path.clone(), expected, got });
        }
        if soft.classes() != &self.classes {
            let source = CoreError::Mismatch {
                what: "the classes of the file and of the soft labels",
                left: self.classes.names().join(", "),
                right: soft.classes().names().join(", "),
            };
            return Err(IoError::Core { path: self.path.clone(), source });
        }
        self.rows += rows.len() as u64;
        let path = &self.path;
        match &mut self.output {
            Output::Array(file) => {
                let known = |row| self.options.uncovered != Uncovered::Null || soft.covered(row);
                npy::rows(file, soft, rows, known).map_err(|error| IoError::write(path, error))
            }
            Output::Columns(encoder) => {
                let batch = self.layout.batch(records, soft, rows)?.map_err(|error| IoError::write(path, error))?;
                encoder.write(batch, path)
            }
        }
    }

    /// Ends the file and makes it appear.
    ///
    /// # Errors
    /// Writing fails; more or fewer records came than [`Options::n_rows`] says. Then there is no file.
    pub fn finish(self) -> Result<(), IoError> {
        if let Some(expected) = self.options.n_rows.filter(|&expected| expected != self.rows) {
            return Err(IoError::RowCount { path: self.path, expected, got: self.rows });
        }
        match self.output {
            Output::Columns(encoder) => encoder.finish(&self.path),
            Output::Array(mut file) => {
                let ended = npy::end(&mut file, self.rows, self.classes.len());
                ended.map_err(|error| IoError::write(&self.path, error))?;
                file.commit()
            }
        }
    }
}

const ENDINGS: &[&str] = &[".parquet", ".arrow", ".jsonl", ".csv", ".npy"];
