//! The writer of soft labels.

use std::fmt;
use std::io::Write;
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use arrow_array::RecordBatch;
use arrow_ipc::CompressionType;
use arrow_ipc::writer::{FileWriter, IpcWriteOptions, StreamWriter};
use arrow_json::writer::{LineDelimited, WriterBuilder};
use arrow_schema::{Schema, SchemaRef};
use parquet::arrow::ArrowWriter;
use parquet::basic::{Compression as ParquetCompression, ZstdLevel};
use parquet::file::properties::{EnabledStatistics, WriterProperties};
use synth_core::{ClassSet, CoreError, Dataset, SoftLabels};

use super::columns::{Layout, Probs};
use super::{csv, empty, npy};
use crate::sink::Sink;
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
    encoder: Encoder,
    layout: Layout,
    classes: ClassSet,
    options: Options,
    rows: u64,
}

impl fmt::Debug for Writer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Writer").field("path", &self.path).field("rows", &self.rows).finish_non_exhaustive()
    }
}

enum Encoder {
    Parquet(Box<ArrowWriter<AtomicFile>>, SchemaRef),
    ArrowFile(Box<FileWriter<AtomicFile>>),
    ArrowStream(Box<StreamWriter<AtomicFile>>),
    /// The buffer is kept between batches.
    Jsonl(Sink, Vec<u8>),
    Csv(Sink, Vec<u8>),
    Npy(AtomicFile),
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
        let stdout = path == Path::new("-");
        let (named, compression) = Format::of(path);
        let Some(format) = options.format.or(named).or(stdout.then_some(Format::Jsonl)) else {
            return Err(IoError::UnknownFormat { path: path.to_owned(), known: ENDINGS });
        };
        if compression.is_some() && !matches!(format, Format::Jsonl | Format::Csv) {
            return Err(IoError::CompressedFormat { path: path.to_owned(), format: "Parquet, Arrow or NumPy" });
        }
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
        let encoder = Encoder::create(path, format, &layout.schema, classes, options)?;
        Ok(Self { path: path.to_owned(), encoder, layout, classes: classes.clone(), options: options.clone(), rows: 0 })
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
        if let Encoder::Npy(file) = &mut self.encoder {
            let known = |row| self.options.uncovered != Uncovered::Null || soft.covered(row);
            return npy::rows(file, soft, rows, known).map_err(|error| IoError::write(path, error));
        }
        let batch = self.layout.batch(records, soft, rows)?.map_err(|error| IoError::write(path, error))?;
        self.encoder.write(batch, path)
    }

    /// Ends the file and makes it appear.
    ///
    /// # Errors
    /// Writing fails; more or fewer records came than [`Options::n_rows`] says. Then there is no file.
    pub fn finish(self) -> Result<(), IoError> {
        if let Some(expected) = self.options.n_rows.filter(|&expected| expected != self.rows) {
            return Err(IoError::RowCount { path: self.path, expected, got: self.rows });
        }
        self.encoder.finish(&self.path, self.rows, self.classes.len())
    }
}

const ENDINGS: &[&str] = &[".parquet", ".arrow", ".jsonl", ".csv", ".npy"];

/// Properties of every Parquet file that we write.
pub(crate) fn parquet_properties() -> WriterProperties {
    WriterProperties::builder()
        // The lowest level is three times as fast as the default one and within a few percent of its size.
        .set_compression(ParquetCompression::ZSTD(ZstdLevel::try_new(1).unwrap_or_default()))
        // A row group is in memory until it is complete.
        .set_max_row_group_bytes(Some(32 << 20))
        .set_statistics_enabled(EnabledStatistics::Chunk)
        .build()
}

impl Encoder {
    fn create(
        path: &Path,
        format: Format,
        schema: &SchemaRef,
        classes: &ClassSet,
        options: &Options,
    ) -> Result<Self, IoError> {
        let failed = |error: synth_core::BoxError| IoError::write(path, error);
        let compression = Format::of(path).1;
        Ok(match format {
            Format::Parquet => {
                let file = AtomicFile::create(path)?;
                let schema = Arc::new(empty::schema(schema));
                let writer = ArrowWriter::try_new(file, Arc::clone(&schema), Some(parquet_properties()));
                let mut writer = writer.map_err(|error| failed(error.into()))?;
                // Readers other than Arrow's look for pairs here, not in the embedded Arrow schema.
                let mut pairs: Vec<_> = schema.metadata().iter().collect();
                pairs.sort();
                for (key, value) in pairs {
                    writer
                        .append_key_value_metadata(parquet::file::metadata::KeyValue::new(key.clone(), value.clone()));
                }
                Self::Parquet(Box::new(writer), schema)
            }
            Format::Arrow => {
                let mut file = AtomicFile::create(path)?;
                let write = IpcWriteOptions::default().try_with_compression(Some(CompressionType::LZ4_FRAME));
                let write = write.map_err(|error| failed(error.into()))?;
                if file.path() == Path::new("-") {
                    let writer = StreamWriter::try_new_with_options(file, schema, write);
                    Self::ArrowStream(Box::new(writer.map_err(|error| failed(error.into()))?))
                } else {
                    file.flush().map_err(|error| failed(error.into()))?;
                    let writer = FileWriter::try_new_with_options(file, schema, write);
                    Self::ArrowFile(Box::new(writer.map_err(|error| failed(error.into()))?))
                }
            }
            Format::Jsonl => Self::Jsonl(Sink::create(path, compression)?, Vec::new()),
            Format::Csv => {
                let mut buffer = Vec::new();
                csv::header(schema, &mut buffer);
                let mut sink = Sink::create(path, compression)?;
                sink.write_all(&buffer).map_err(|error| failed(error.into()))?;
                Self::Csv(sink, buffer)
            }
            Format::Npy => {
                let mut file = AtomicFile::create(path)?;
                npy::begin(&mut file, options.n_rows, classes.len()).map_err(|error| failed(error.into()))?;
                Self::Npy(file)
            }
        })
    }

    fn write(&mut self, batch: RecordBatch, path: &Path) -> Result<(), IoError> {
        let failed = |error| IoError::write(path, error);
        match self {
            Self::Parquet(writer, schema) => {
                let batch = empty::batch(batch, schema).map_err(failed)?;
                writer.write(&batch).map_err(|error| IoError::write(path, error))
            }
            Self::ArrowFile(writer) => writer.write(&batch).map_err(failed),
            Self::ArrowStream(writer) => writer.write(&batch).map_err(failed),
            Self::Jsonl(sink, buffer) => {
                buffer.clear();
                let mut writer = WriterBuilder::new().with_explicit_nulls(true).build::<_, LineDelimited>(&mut *buffer);
                writer.write(&batch).and_then(|()| writer.finish()).map_err(failed)?;
                sink.write_all(buffer).map_err(|error| IoError::write(path, error))
            }
            Self::Csv(sink, buffer) => {
                buffer.clear();
                csv::rows(&batch, buffer).map_err(failed)?;
                sink.write_all(buffer).map_err(|error| IoError::write(path, error))
            }
            // Written without columns.
            Self::Npy(_) => Ok(()),
        }
    }

    fn finish(self, path: &Path, rows: u64, n_classes: usize) -> Result<(), IoError> {
        let failed = |error| IoError::write(path, error);
        match self {
            Self::Parquet(writer, _) => writer.into_inner().map_err(|error| IoError::write(path, error))?.commit(),
            Self::ArrowFile(mut writer) => {
                writer.finish().map_err(failed)?;
                writer.into_inner().map_err(failed)?.commit()
            }
            Self::ArrowStream(mut writer) => {
                writer.finish().map_err(failed)?;
                writer.into_inner().map_err(failed)?.commit()
            }
            Self::Jsonl(sink, _) | Self::Csv(sink, _) => sink.finish(path),
            Self::Npy(mut file) => {
                npy::end(&mut file, rows, n_classes).map_err(|error| IoError::write(path, error))?;
                file.commit()
            }
        }
    }
}
