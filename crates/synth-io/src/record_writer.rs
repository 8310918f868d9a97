//! Records to a file, as they are.

use std::path::{Path, PathBuf};

use arrow_schema::SchemaRef;
use synth_core::Dataset;

use crate::encode::{ENDINGS, Encoder, format_of};
use crate::{AtomicFile, IoError};

/// Writes records, batch by batch; the file appears when all is written.
///
/// ```
/// use synth_core::Dataset;
/// use synth_io::RecordWriter;
///
/// let dir = tempfile::tempdir()?;
/// let path = dir.path().join("texts.jsonl");
/// let records = Dataset::of_texts("text", ["one", "two"]);
/// let mut writer = RecordWriter::create(&path, &records.schema())?;
/// writer.write(&records)?;
/// writer.finish()?;
/// assert_eq!(std::fs::read_to_string(&path)?, "{\"text\":\"one\"}\n{\"text\":\"two\"}\n");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub struct RecordWriter {
    path: PathBuf,
    encoder: Encoder,
    schema: SchemaRef,
}

impl std::fmt::Debug for RecordWriter {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("RecordWriter").field("path", &self.path).finish_non_exhaustive()
    }
}

impl RecordWriter {
    /// Starts a file of records of this schema; `-` is stdout.
    ///
    /// The name tells format and compression: `.parquet`, `.arrow`, `.jsonl` or `.csv`, the text formats also with
    /// `.gz` or `.zst`. Stdout is JSONL.
    ///
    /// # Errors
    /// No known format; the file cannot be created.
    pub fn create(path: impl AsRef<Path>, schema: &SchemaRef) -> Result<Self, IoError> {
        let path = path.as_ref();
        let (format, compression) = format_of(path, None, ENDINGS)?;
        let encoder = Encoder::create(path, format, compression, schema)?;
        Ok(Self { path: path.to_owned(), encoder, schema: SchemaRef::clone(schema) })
    }

    /// Writes a batch.
    ///
    /// # Errors
    /// Writing fails, as on a full disk; the batch has another schema.
    pub fn write(&mut self, records: &Dataset) -> Result<(), IoError> {
        let batch = records.batch().clone().with_schema(SchemaRef::clone(&self.schema));
        let batch = batch.map_err(|error| IoError::write(&self.path, error))?;
        self.encoder.write(batch, &self.path)
    }

    /// Ends the file and makes it appear.
    ///
    /// # Errors
    /// Writing fails; then there is no file.
    pub fn finish(self) -> Result<(), IoError> {
        self.encoder.finish(&self.path)
    }

    /// Ends the file, which appears with [`AtomicFile::commit`]: for several files that appear together.
    ///
    /// # Errors
    /// Writing fails; then there is no file.
    pub fn close(self) -> Result<AtomicFile, IoError> {
        self.encoder.close(&self.path)
    }
}
