//! Records of a CSV file, and the two passes over it.

use std::path::Path;
use std::sync::Arc;

use arrow_array::{RecordBatch, RecordBatchOptions};
use arrow_schema::SchemaRef;

use super::columns::{Column, Guesses};
use super::split::{Cells, Split, split};
use crate::blocks::Blocks;
use crate::reader::{BatchSize, FileScan, Scan};
use crate::source::Stored;
use crate::{Format, IoError, Place, RecordProblem, Source};

/// The records of a file, one at a time, each with its line.
pub(crate) struct Records {
    pub(crate) blocks: Blocks,
    at_end: bool,
    pub(crate) cells: Cells,
    /// The bytes of the window that the record at hand takes.
    current: usize,
}

impl Records {
    pub(crate) fn open(stored: &Stored) -> Result<Self, IoError> {
        Self::new(Blocks::open(stored)?)
    }

    /// Opens a file, or stdin, for one pass only.
    pub(crate) fn open_once(path: &Path) -> Result<Self, IoError> {
        if path == Path::new("-") {
            return Self::new(Blocks::stdin());
        }
        // Nothing is spooled: a named pipe is the only thing that would be, and that beside itself.
        let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
        Self::open(&Stored::new(&Source::new(path).with_format(Format::Csv), folder)?)
    }

    fn new(mut blocks: Blocks) -> Result<Self, IoError> {
        blocks.skip_bom()?;
        Ok(Self { blocks, at_end: false, cells: Cells::default(), current: 0 })
    }

    /// Steps to the next record; `None` at the end of the file. Its cells stand in `cells` if it is in order.
    pub(crate) fn advance(&mut self) -> Result<Option<Result<(), RecordProblem>>, IoError> {
        let lines = memchr::memchr_iter(b'\n', self.text()).count() as u64;
        self.blocks.take(std::mem::take(&mut self.current), lines);
        loop {
            match self.blocks.window() {
                [b'\n', ..] => self.blocks.take(1, 1),
                [b'\r', b'\n', ..] => self.blocks.take(2, 1),
                [] if self.at_end => return Ok(None),
                window => match split(window, self.at_end, &mut self.cells) {
                    // Doubling, as every attempt starts anew.
                    Split::More => self.fill(window.len() * 2)?,
                    Split::Record { bytes } => {
                        self.current = bytes;
                        return Ok(Some(Ok(())));
                    }
                    Split::Bad { bytes, problem } => {
                        self.current = bytes;
                        return Ok(Some(Err(problem)));
                    }
                },
            }
        }
    }

    /// The text of the record at hand.
    pub(crate) fn text(&self) -> &[u8] {
        &self.blocks.window()[..self.current]
    }

    /// Where the record at hand begins.
    pub(crate) fn place(&self) -> Place {
        self.blocks.place(self.blocks.line())
    }

    fn fill(&mut self, at_least: usize) -> Result<(), IoError> {
        loop {
            self.at_end = !self.blocks.fill()?;
            if self.at_end || self.blocks.window().len() > at_least {
                return Ok(());
            }
        }
    }
}

/// The column names of a file; `None` if it is empty.
pub(crate) fn header(records: &mut Records) -> Result<Option<Vec<String>>, IoError> {
    let Some(read) = records.advance()? else {
        return Ok(None);
    };
    let bad = |problem| IoError::Header { place: records.place(), problem };
    read.map_err(bad)?;
    let mut names: Vec<String> = Vec::with_capacity(records.cells.len());
    for (position, name) in (1..).zip(records.cells.iter()) {
        let name = if name.is_empty() { format!("column_{position}") } else { name.to_owned() };
        if names.contains(&name) {
            return Err(bad(RecordProblem::DuplicateColumn { name }));
        }
        names.push(name);
    }
    Ok(Some(names))
}

/// The first pass: learns the types of a file's columns and counts its records.
pub(crate) fn scan(stored: &Stored, guesses: &mut Guesses, scan: &mut Scan<'_>) -> Result<FileScan, IoError> {
    let mut records = Records::open(stored)?;
    let mut result = FileScan::default();
    let Some(names) = header(&mut records)? else {
        return Ok(result);
    };
    let columns: Vec<usize> = names.iter().map(|name| guesses.column(name)).collect();
    while let Some(read) = records.advance()? {
        let (expected, got) = (columns.len(), records.cells.len());
        let fits = if got == expected { Ok(()) } else { Err(RecordProblem::FieldCount { expected, got }) };
        match read.and(fits) {
            Ok(()) => {
                result.rows += 1;
                columns.iter().zip(records.cells.iter()).for_each(|(&column, cell)| guesses.learn(column, cell));
            }
            Err(problem) => {
                let place = records.place();
                result.bad(place.line);
                scan.bad(place, problem, records.text())?;
            }
        }
        scan.progress(&records.blocks)?;
    }
    Ok(result)
}

/// The second pass over one file.
pub(crate) struct Batches {
    records: Records,
    schema: SchemaRef,
    columns: Vec<Column>,
    /// For each column of the schema its position in the file.
    positions: Vec<Option<usize>>,
    width: usize,
    size: BatchSize,
    scan: FileScan,
    skipped: usize,
    rows: u64,
}

impl Batches {
    pub(crate) fn open(stored: &Stored, schema: SchemaRef, scan: FileScan, size: BatchSize) -> Result<Self, IoError> {
        let mut records = Records::open(stored)?;
        let names = header(&mut records)?.unwrap_or_default();
        let positions = schema.fields.iter().map(|field| names.iter().position(|name| name == field.name())).collect();
        let columns = schema.fields.iter().map(|field| Column::new(field.data_type())).collect();
        Ok(Self { records, schema, columns, positions, width: names.len(), size, scan, skipped: 0, rows: 0 })
    }

    fn read(&mut self) -> Result<Option<RecordBatch>, IoError> {
        let (mut rows, mut total) = (0, 0);
        while rows < self.size.rows && total < self.size.bytes {
            let Some(read) = self.records.advance()? else { break };
            if self.scan.bad_lines.get(self.skipped) == Some(&self.records.blocks.line()) {
                self.skipped += 1;
                continue;
            }
            let cells = &self.records.cells;
            let mut fits = read.is_ok() && cells.len() == self.width;
            for (column, position) in self.columns.iter_mut().zip(&self.positions) {
                fits = fits && column.push(position.map(|position| cells.get(position))).is_some();
            }
            if !fits {
                return Err(self.records.blocks.changed());
            }
            rows += 1;
            total += self.records.text().len();
        }
        self.rows += rows as u64;
        if rows == 0 {
            return if self.rows == self.scan.rows { Ok(None) } else { Err(self.records.blocks.changed()) };
        }
        let columns = self.columns.iter_mut().map(Column::finish).collect();
        let options = RecordBatchOptions::new().with_row_count(Some(rows));
        RecordBatch::try_new_with_options(Arc::clone(&self.schema), columns, &options)
            .map(Some)
            .map_err(|error| IoError::damaged(self.records.blocks.name(), "CSV file", error))
    }
}

impl Iterator for Batches {
    type Item = Result<RecordBatch, IoError>;

    fn next(&mut self) -> Option<Self::Item> {
        self.read().transpose()
    }
}
