//! Parquet and Arrow IPC.

use std::fs::File;
use std::io::{BufReader, Read, Seek, SeekFrom};
use std::panic::{AssertUnwindSafe, catch_unwind};

use arrow_array::RecordBatch;
use arrow_ipc::reader::{FileReader, StreamReader, read_footer_length};
use arrow_ipc::{Block, root_as_footer};
use arrow_schema::{ArrowError, SchemaRef};
use parquet::arrow::arrow_reader::{ParquetRecordBatchReader, ParquetRecordBatchReaderBuilder};
use synth_core::BoxError;

use crate::IoError;
use crate::reader::BatchSize;
use crate::source::Stored;

type Builder = ParquetRecordBatchReaderBuilder<File>;

/// Runs a decoder of foreign bytes. Those of Parquet and Arrow panic at some kinds of damage; that is an error like
/// any other here. What the decoder holds is not used again after an error.
pub(crate) fn guard<T, E: Into<BoxError>>(decode: impl FnOnce() -> Result<T, E>) -> Result<T, BoxError> {
    match catch_unwind(AssertUnwindSafe(decode)) {
        Ok(decoded) => decoded.map_err(Into::into),
        Err(panic) => {
            let text = panic.downcast_ref::<String>().cloned();
            let text = text.or_else(|| panic.downcast_ref::<&str>().map(|text| (*text).to_owned()));
            Err(text.unwrap_or_else(|| "the decoder gave up".to_owned()).into())
        }
    }
}

fn open_parquet(stored: &Stored) -> Result<Builder, IoError> {
    let file = stored.open()?;
    guard(|| Builder::try_new(file)).map_err(|error| IoError::damaged(&stored.name, "Parquet file", error))
}

/// The schema and the number of rows.
pub(crate) fn scan_parquet(stored: &Stored) -> Result<(SchemaRef, u64), IoError> {
    let builder = open_parquet(stored)?;
    let rows = builder.metadata().file_metadata().num_rows();
    Ok((builder.schema().clone(), u64::try_from(rows).unwrap_or(0)))
}

/// The schema.
pub(crate) fn scan_arrow(stored: &Stored) -> Result<SchemaRef, IoError> {
    Ok(open_arrow(stored)?.schema())
}

/// The batches of a Parquet file.
pub(crate) fn parquet(stored: &Stored, size: BatchSize) -> Result<Batches, IoError> {
    let builder = open_parquet(stored)?;
    // The reader counts rows only; what a row costs is known from the densest row group.
    let groups = builder.metadata().row_groups();
    let row_bytes = groups.iter().map(|group| group.total_byte_size() / group.num_rows().max(1)).max().unwrap_or(0);
    let rows = size.bytes / usize::try_from(row_bytes).unwrap_or(0).max(1);
    let reader = guard(|| builder.with_batch_size(rows.clamp(1, size.rows)).build())
        .map_err(|error| IoError::damaged(&stored.name, "Parquet file", error))?;
    Ok(Batches { stored: stored.clone(), inner: Inner::Parquet(reader), size, rest: None })
}

/// The batches of an Arrow file or stream.
pub(crate) fn arrow(stored: &Stored, size: BatchSize) -> Result<Batches, IoError> {
    Ok(Batches { stored: stored.clone(), inner: open_arrow(stored)?, size, rest: None })
}

fn open_arrow(stored: &Stored) -> Result<Inner, IoError> {
    let mut file = stored.open()?;
    let mut magic = Vec::new();
    Read::by_ref(&mut file).take(6).read_to_end(&mut magic).map_err(|source| stored.read_error(source))?;
    let opened = guard(|| match magic.as_slice() {
        b"ARROW1" => {
            check_blocks(&mut file, stored.bytes)?;
            FileReader::try_new(BufReader::new(file), None).map(Box::new).map(Inner::File)
        }
        [b'F', b'E', b'A', b'1', ..] => {
            Err(ArrowError::IpcError("Feather version 1; write it anew as version 2".to_owned()))
        }
        _ => {
            file.rewind()?;
            StreamReader::try_new(BufReader::new(file), None).map(Box::new).map(Inner::Stream)
        }
    });
    opened.map_err(|error| IoError::damaged(&stored.name, "Arrow file", error))
}

/// That every block lies within the file. The reader trusts their lengths and asks for as much memory, and that
/// there is not enough of it cannot be caught.
fn check_blocks(file: &mut File, bytes: u64) -> Result<(), ArrowError> {
    let mut trailer = [0; 10];
    file.seek(SeekFrom::End(-10))?;
    file.read_exact(&mut trailer)?;
    let length = read_footer_length(trailer)? as u64;
    let start =
        (bytes - 10).checked_sub(length).ok_or_else(|| ArrowError::IpcError("the footer is damaged".to_owned()))?;
    let mut footer = vec![0; length as usize];
    file.seek(SeekFrom::Start(start))?;
    file.read_exact(&mut footer)?;
    let footer = root_as_footer(&footer).map_err(|error| ArrowError::IpcError(error.to_string()))?;
    let mut blocks = footer.recordBatches().into_iter().flatten().chain(footer.dictionaries().into_iter().flatten());
    let inside = |block: &Block| {
        let lengths = [block.offset(), i64::from(block.metaDataLength()), block.bodyLength()];
        let lengths = lengths.map(|length| u64::try_from(length).unwrap_or(u64::MAX));
        lengths.into_iter().fold(0, u64::saturating_add) <= bytes
    };
    if !blocks.all(inside) {
        return Err(ArrowError::IpcError("a block reaches behind the end of the file".to_owned()));
    }
    file.rewind()?;
    Ok(())
}

/// Batches of bounded size. What one batch of an Arrow file holds is in memory at once, but handed out in slices.
pub(crate) struct Batches {
    stored: Stored,
    inner: Inner,
    size: BatchSize,
    rest: Option<RecordBatch>,
}

enum Inner {
    Parquet(ParquetRecordBatchReader),
    File(Box<FileReader<BufReader<File>>>),
    Stream(Box<StreamReader<BufReader<File>>>),
}

impl Inner {
    fn schema(&self) -> SchemaRef {
        match self {
            Self::Parquet(reader) => arrow_array::RecordBatchReader::schema(reader),
            Self::File(reader) => reader.schema(),
            Self::Stream(reader) => reader.schema(),
        }
    }

    fn next(&mut self) -> Result<Option<RecordBatch>, BoxError> {
        guard(|| match self {
            Self::Parquet(reader) => reader.next().transpose(),
            Self::File(reader) => reader.next().transpose(),
            Self::Stream(reader) => reader.next().transpose(),
        })
    }
}

impl Iterator for Batches {
    type Item = Result<RecordBatch, IoError>;

    fn next(&mut self) -> Option<Self::Item> {
        let batch = match self.rest.take() {
            Some(batch) => batch,
            None => loop {
                match self.inner.next() {
                    Ok(None) => return None,
                    Ok(Some(batch)) if batch.num_rows() == 0 => {}
                    Ok(Some(batch)) => break batch,
                    Err(error) => {
                        let what = match self.inner {
                            Inner::Parquet(_) => "Parquet file",
                            Inner::File(_) | Inner::Stream(_) => "Arrow file",
                        };
                        return Some(Err(IoError::damaged(&self.stored.name, what, error)));
                    }
                }
            },
        };
        let rows = batch.num_rows();
        // A slice shares its buffers with the whole, so its share of the bytes is estimated.
        let row_bytes = batch.get_array_memory_size() / rows;
        let take = match self.inner {
            Inner::Parquet(_) => rows,
            Inner::File(_) | Inner::Stream(_) => {
                (self.size.bytes / row_bytes.max(1)).clamp(1, self.size.rows).min(rows)
            }
        };
        if take < rows {
            self.rest = Some(batch.slice(take, rows - take));
        }
        Some(Ok(batch.slice(0, take)))
    }
}
