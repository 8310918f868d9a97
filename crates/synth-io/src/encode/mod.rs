//! Batches of records to bytes, in each format that is written.

mod csv;
mod empty;

use std::io::Write;
use std::path::Path;
use std::sync::Arc;

use arrow_array::RecordBatch;
use arrow_ipc::CompressionType;
use arrow_ipc::writer::{FileWriter, IpcWriteOptions, StreamWriter};
use arrow_json::writer::{LineDelimited, WriterBuilder};
use arrow_schema::SchemaRef;
use parquet::arrow::ArrowWriter;
use parquet::basic::{Compression as ParquetCompression, ZstdLevel};
use parquet::file::properties::{EnabledStatistics, WriterProperties};

use crate::sink::Sink;
use crate::{AtomicFile, Compression, Format, IoError};

/// Writes batches to an atomic file.
pub(crate) enum Encoder {
    Parquet(Box<ArrowWriter<AtomicFile>>, SchemaRef),
    ArrowFile(Box<FileWriter<AtomicFile>>),
    ArrowStream(Box<StreamWriter<AtomicFile>>),
    /// The buffer is kept between batches.
    Jsonl(Sink, Vec<u8>),
    Csv(Sink, Vec<u8>),
}

/// The endings of formats that hold records.
pub(crate) const ENDINGS: &[&str] = &[".parquet", ".arrow", ".jsonl", ".csv"];

/// The format that a file is to have: the one given, else the one that its name tells, else JSONL on stdout.
pub(crate) fn format_of(
    path: &Path,
    given: Option<Format>,
    known: &'static [&'static str],
) -> Result<(Format, Option<Compression>), IoError> {
    let (named, compression) = Format::of(path);
    let stdout = path == Path::new("-");
    let Some(format) = given.or(named).or(stdout.then_some(Format::Jsonl)) else {
        return Err(IoError::UnknownFormat { path: path.to_owned(), known });
    };
    if compression.is_some() && !matches!(format, Format::Jsonl | Format::Csv) {
        return Err(IoError::CompressedFormat { path: path.to_owned(), format: "Parquet, Arrow or NumPy" });
    }
    Ok((format, compression))
}

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
    /// Starts a file. `format` and `compression` are what [`format_of`] found.
    pub(crate) fn create(
        path: &Path,
        format: Format,
        compression: Option<Compression>,
        schema: &SchemaRef,
    ) -> Result<Self, IoError> {
        let failed = |error: synth_core::BoxError| IoError::write(path, error);
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
            Format::Npy => return Err(IoError::UnknownFormat { path: path.to_owned(), known: ENDINGS }),
        })
    }

    pub(crate) fn write(&mut self, batch: RecordBatch, path: &Path) -> Result<(), IoError> {
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
        }
    }

    pub(crate) fn finish(self, path: &Path) -> Result<(), IoError> {
        self.close(path)?.commit()
    }

    /// Writes what is left, and leaves it to the caller to make the file appear.
    pub(crate) fn close(self, path: &Path) -> Result<AtomicFile, IoError> {
        let failed = |error| IoError::write(path, error);
        match self {
            Self::Parquet(writer, _) => writer.into_inner().map_err(|error| IoError::write(path, error)),
            Self::ArrowFile(mut writer) => {
                writer.finish().map_err(failed)?;
                writer.into_inner().map_err(failed)
            }
            Self::ArrowStream(mut writer) => {
                writer.finish().map_err(failed)?;
                writer.into_inner().map_err(failed)
            }
            Self::Jsonl(sink, _) | Self::Csv(sink, _) => sink.close(path),
        }
    }
}
