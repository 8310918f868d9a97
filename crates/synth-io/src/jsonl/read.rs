//! The two passes over a file.

use arrow_array::RecordBatch;
use arrow_schema::SchemaRef;

use super::decode::Decoder;
use super::shape::{Bad, Origin};
use super::{MAX_LINE, Shape};
use crate::blocks::Blocks;
use crate::reader::{BatchSize, FileScan, Scan};
use crate::source::Stored;
use crate::{IoError, Place, RecordProblem};

/// The first pass: learns the shape of one file's records and counts them.
///
/// `files` are all files that share the shape, `file` is the one to read.
pub(crate) fn scan(
    files: &[&Stored],
    file: usize,
    shape: &mut Shape,
    scan: &mut Scan<'_>,
) -> Result<FileScan, IoError> {
    let mut blocks = Blocks::open(files[file])?;
    let mut result = FileScan::default();
    let mut scratch = String::new();
    blocks.skip_bom()?;
    while let Some(bytes) = blocks.next_line()? {
        let line = blocks.line();
        let text = &blocks.window()[..bytes];
        if !is_blank(text) {
            let learnt = if bytes > MAX_LINE {
                Err(Bad::Problem(RecordProblem::TooLong { bytes: bytes as u64 }))
            } else {
                shape.learn(text, Origin { file, line }, &mut scratch)
            };
            match learnt {
                Ok(()) => result.rows += 1,
                Err(bad) => {
                    let problem = match bad {
                        Bad::Problem(problem) => problem,
                        Bad::Conflict { field, got, first, at } => {
                            let at = Box::new(Place { path: files[at.file].name.clone(), line: at.line });
                            RecordProblem::TypeConflict { field, got, first, at }
                        }
                    };
                    scan.bad(blocks.place(line), problem, text)?;
                    result.bad(line);
                }
            }
        }
        blocks.take(bytes, 1);
        scan.progress(&blocks)?;
    }
    Ok(result)
}

/// Only white space.
fn is_blank(line: &[u8]) -> bool {
    line.iter().all(|b| matches!(b, b' ' | b'\t' | b'\r' | b'\n'))
}

/// The second pass over one file.
pub(crate) struct Batches {
    blocks: Blocks,
    decoder: Decoder,
    size: BatchSize,
    scan: FileScan,
    /// How many of the bad lines are behind us.
    skipped: usize,
    rows: u64,
}

impl Batches {
    pub(crate) fn open(stored: &Stored, schema: SchemaRef, scan: FileScan, size: BatchSize) -> Result<Self, IoError> {
        let mut blocks = Blocks::open(stored)?;
        blocks.skip_bom()?;
        Ok(Self { blocks, decoder: Decoder::new(schema), size, scan, skipped: 0, rows: 0 })
    }

    fn read(&mut self) -> Result<Option<RecordBatch>, IoError> {
        let mut total = 0;
        while self.decoder.len() < self.size.rows && total < self.size.bytes {
            let Some(bytes) = self.blocks.next_line()? else { break };
            let text = &self.blocks.window()[..bytes];
            if self.scan.bad_lines.get(self.skipped) == Some(&self.blocks.line()) {
                self.skipped += 1;
            } else if !is_blank(text) {
                self.decoder.push(text).ok_or_else(|| self.blocks.changed())?;
                total += bytes;
            }
            self.blocks.take(bytes, 1);
        }
        let rows = self.decoder.len();
        self.rows += rows as u64;
        if rows == 0 {
            return if self.rows == self.scan.rows { Ok(None) } else { Err(self.blocks.changed()) };
        }
        self.decoder.flush().map(Some).map_err(|error| IoError::damaged(self.blocks.name(), "JSONL file", error))
    }
}

impl Iterator for Batches {
    type Item = Result<RecordBatch, IoError>;

    fn next(&mut self) -> Option<Self::Item> {
        self.read().transpose()
    }
}
