//! Several sources as one data set.

use std::fmt;
use std::io::Write;
use std::path::PathBuf;
use std::sync::Arc;

use arrow_array::RecordBatch;
use arrow_schema::SchemaRef;
use synth_core::{Dataset, Event, Observer, Stage};

use crate::blocks::Blocks;
use crate::schema::{Union, conform};
use crate::source::Stored;
use crate::{AtomicFile, BadRecord, Format, IoError, Place, RecordProblem, Source, columnar, csv, jsonl};

/// How records are read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ReadOptions {
    /// The most rows of a batch.
    pub batch_rows: usize,
    /// A batch ends with the record that takes it past so many bytes of text, so that memory stays bounded.
    pub batch_bytes: usize,
    /// Set malformed records of JSONL and CSV aside instead of stopping at the first.
    pub skip_bad: bool,
    /// Write the records that are set aside to this file, as they stand.
    pub bad_file: Option<PathBuf>,
    /// Where stdin is kept while it is read: records are read more than once. The folder of the output is a good
    /// choice, as there must be room.
    pub spool_dir: PathBuf,
}

impl Default for ReadOptions {
    fn default() -> Self {
        Self {
            // Enough to keep every core busy, little enough to keep a batch in the cache where records are short.
            batch_rows: 8192,
            batch_bytes: 16 << 20,
            skip_bad: false,
            bad_file: None,
            spool_dir: PathBuf::from("."),
        }
    }
}

/// Records in one or several sources, with the schema they share.
///
/// Cheap to clone. Opening reads JSONL and CSV once, to validate every record and learn the schema; [`Self::batches`]
/// then reads the records as often as they are needed, a batch at a time. Batches are `Send`: to use several cores,
/// hand them to several threads; [`Dataset::first_row`] tells where each belongs.
#[derive(Debug, Clone)]
pub struct Reader {
    parts: Arc<[Part]>,
    schema: SchemaRef,
    n_rows: Option<u64>,
    classes: Option<String>,
    bad: Arc<BadRecords>,
    size: BatchSize,
}

#[derive(Debug, Clone, Copy)]
pub(crate) struct BatchSize {
    pub(crate) rows: usize,
    pub(crate) bytes: usize,
}

/// One source, and how to read it. Text formats come with the schema that all files of the format share.
#[derive(Debug)]
enum Part {
    Jsonl(Stored, SchemaRef, FileScan),
    Csv(Stored, SchemaRef, FileScan),
    Parquet(Stored),
    Arrow(Stored),
}

/// What the first pass over a file found.
#[derive(Debug, Clone, Default)]
pub(crate) struct FileScan {
    pub(crate) rows: u64,
    /// Ascending. Eight bytes for each malformed record: there are few, or the data is of no use.
    pub(crate) bad_lines: Arc<Vec<u64>>,
}

impl FileScan {
    pub(crate) fn bad(&mut self, line: u64) {
        Arc::make_mut(&mut self.bad_lines).push(line);
    }
}

/// The malformed records that were set aside.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct BadRecords {
    count: u64,
    listed: Vec<BadRecord>,
}

impl BadRecords {
    /// As many are listed; all are counted.
    pub const LISTED: usize = 100;

    /// How many there are.
    pub fn count(&self) -> u64 {
        self.count
    }

    /// The first [`Self::LISTED`] of them.
    pub fn listed(&self) -> &[BadRecord] {
        &self.listed
    }
}

impl Reader {
    /// Opens sources as one data set: their records follow each other, their fields are the union of all.
    ///
    /// Where files have a field with different types of numbers it is of the wider type; other types must agree.
    /// The observer sees the first pass as [`Stage::Scan`], counted in bytes of the files.
    ///
    /// # Errors
    /// No source; a file that cannot be read, is cut short, or has an unknown format; without
    /// [`ReadOptions::skip_bad`] a malformed record; a field with types that do not go together.
    pub fn open(sources: &[Source], options: ReadOptions, observer: &dyn Observer) -> Result<Self, IoError> {
        if sources.is_empty() {
            return Err(IoError::NoInput);
        }
        let stored = sources.iter().map(|s| Stored::new(s, &options.spool_dir)).collect::<Result<Vec<_>, _>>()?;
        let size = BatchSize { rows: options.batch_rows.max(1), bytes: options.batch_bytes.max(1) };
        let bad_file = options.bad_file.as_ref().map(AtomicFile::create).transpose()?;
        let mut scan = Scan {
            observer,
            before: 0,
            reported: 0,
            skip_bad: options.skip_bad,
            found: BadRecords::default(),
            bad_file,
        };
        observer.event(Event::Started { stage: Stage::Scan, total: Some(stored.iter().map(|s| s.bytes).sum()) });
        let found = find(&stored, &mut scan)?;
        observer.event(Event::Finished { stage: Stage::Scan });
        if let Some(file) = scan.bad_file {
            file.commit()?;
        }
        Ok(Self {
            parts: found.parts.into(),
            schema: found.schema,
            n_rows: found.n_rows,
            classes: found.classes,
            bad: Arc::new(scan.found),
            size,
        })
    }

    /// The schema of every batch.
    pub fn schema(&self) -> SchemaRef {
        Arc::clone(&self.schema)
    }

    /// The number of records, where it is known without reading them: not for Arrow files.
    pub fn n_rows(&self) -> Option<u64> {
        self.n_rows
    }

    /// The classes that the metadata of soft labels names, as JSON.
    pub(crate) fn classes_json(&self) -> Option<&str> {
        self.classes.as_deref()
    }

    /// The malformed records that were set aside.
    pub fn bad_records(&self) -> &BadRecords {
        &self.bad
    }

    /// Reads the records, from the first.
    ///
    /// # Errors
    /// A file cannot be opened any more. The batches themselves can fail too, where a file is damaged or changed
    /// since it was opened.
    pub fn batches(&self) -> Result<Batches, IoError> {
        let mut batches = Batches { reader: self.clone(), next_part: 0, current: None, first_row: 0 };
        batches.open_next()?;
        Ok(batches)
    }
}

/// What the first pass over all sources found.
struct Found {
    parts: Vec<Part>,
    schema: SchemaRef,
    n_rows: Option<u64>,
    classes: Option<String>,
}

fn find(stored: &[Stored], scan: &mut Scan<'_>) -> Result<Found, IoError> {
    let of_format = |format| stored.iter().filter(move |s| s.format == format);
    let json_files: Vec<&Stored> = of_format(Format::Jsonl).collect();
    let (mut shape, mut guesses) = (jsonl::Shape::default(), csv::Guesses::default());
    let mut json_scans = Vec::new();
    let mut csv_scans = Vec::new();
    for file in 0..json_files.len() {
        json_scans.push(jsonl::scan(&json_files, file, &mut shape, scan)?);
        scan.before += json_files[file].bytes;
    }
    for file in of_format(Format::Csv) {
        csv_scans.push(csv::scan(file, &mut guesses, scan)?);
        scan.before += file.bytes;
    }
    let (json_schema, csv_schema) = (Arc::new(shape.schema()), Arc::new(guesses.schema()));
    let (mut json_scans, mut csv_scans) = (json_scans.into_iter(), csv_scans.into_iter());
    let mut union = Union::default();
    let mut n_rows = Some(0);
    let mut parts = Vec::new();
    for file in stored {
        let (schema, rows, part) = match file.format {
            Format::Csv => {
                let found = csv_scans.next().unwrap_or_default();
                (Arc::clone(&csv_schema), Some(found.rows), Part::Csv(file.clone(), Arc::clone(&csv_schema), found))
            }
            Format::Parquet => {
                let (schema, rows) = columnar::scan_parquet(file)?;
                (schema, Some(rows), Part::Parquet(file.clone()))
            }
            Format::Arrow => (columnar::scan_arrow(file)?, None, Part::Arrow(file.clone())),
            Format::Jsonl | Format::Npy => {
                let found = json_scans.next().unwrap_or_default();
                (Arc::clone(&json_schema), Some(found.rows), Part::Jsonl(file.clone(), Arc::clone(&json_schema), found))
            }
        };
        union.add(&file.name, &schema)?;
        n_rows = n_rows.zip(rows).map(|(a, b)| a + b);
        parts.push(part);
    }
    let classes = union.classes.take();
    Ok(Found { parts, schema: union.finish(), n_rows, classes })
}

type PartBatches = Box<dyn Iterator<Item = Result<RecordBatch, IoError>> + Send>;

/// One pass over the records of a [`Reader`].
pub struct Batches {
    reader: Reader,
    next_part: usize,
    current: Option<PartBatches>,
    first_row: u64,
}

impl fmt::Debug for Batches {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Batches").field("first_row", &self.first_row).finish_non_exhaustive()
    }
}

impl Batches {
    fn open_next(&mut self) -> Result<(), IoError> {
        let size = self.reader.size;
        let part = self.reader.parts.get(self.next_part);
        self.next_part += 1;
        self.current = match part {
            None => None,
            Some(Part::Jsonl(file, schema, found)) => {
                Some(Box::new(jsonl::Batches::open(file, Arc::clone(schema), found.clone(), size)?))
            }
            Some(Part::Csv(file, schema, found)) => {
                Some(Box::new(csv::Batches::open(file, Arc::clone(schema), found.clone(), size)?))
            }
            Some(Part::Parquet(file)) => Some(Box::new(columnar::parquet(file, size)?)),
            Some(Part::Arrow(file)) => Some(Box::new(columnar::arrow(file, size)?)),
        };
        Ok(())
    }

    fn read(&mut self) -> Result<Option<Dataset>, IoError> {
        while let Some(current) = &mut self.current {
            let Some(batch) = current.next() else {
                self.open_next()?;
                continue;
            };
            let batch = conform(batch?, &self.reader.schema).map_err(|error| {
                let part = &self.reader.parts[self.next_part - 1];
                IoError::damaged(&part.stored().name, "file of the common schema", error)
            })?;
            let first_row = self.first_row;
            self.first_row += batch.num_rows() as u64;
            return Ok(Some(Dataset::continuing(batch, first_row)));
        }
        Ok(None)
    }
}

impl Part {
    fn stored(&self) -> &Stored {
        match self {
            Self::Jsonl(stored, ..) | Self::Csv(stored, ..) | Self::Parquet(stored) | Self::Arrow(stored) => stored,
        }
    }
}

impl Iterator for Batches {
    type Item = Result<Dataset, IoError>;

    fn next(&mut self) -> Option<Self::Item> {
        let read = self.read();
        if read.is_err() {
            // What comes after an error would be out of step.
            self.current = None;
        }
        read.transpose()
    }
}

/// The first pass: its progress, and the malformed records it meets.
pub(crate) struct Scan<'a> {
    observer: &'a dyn Observer,
    /// Bytes of the files before the one at hand.
    before: u64,
    reported: u64,
    skip_bad: bool,
    found: BadRecords,
    bad_file: Option<AtomicFile>,
}

/// Progress is reported in steps of so many bytes.
const STEP: u64 = 1 << 20;

impl Scan<'_> {
    /// Sets a malformed record aside, or stops at it. `text` is the record as it stands in the file.
    pub(crate) fn bad(&mut self, place: Place, problem: RecordProblem, text: &[u8]) -> Result<(), IoError> {
        if !self.skip_bad {
            return Err(IoError::Record { place, problem });
        }
        self.found.count += 1;
        if self.found.listed.len() < BadRecords::LISTED {
            self.found.listed.push(BadRecord { place, problem });
        }
        if let Some(file) = &mut self.bad_file {
            let end: &[u8] = if text.ends_with(b"\n") { b"" } else { b"\n" };
            let written = file.write_all(text).and_then(|()| file.write_all(end));
            written.map_err(|error| IoError::write(file.path(), error))?;
        }
        Ok(())
    }

    /// Tells how far a file is read, and stops if that is wanted. Cheap enough for every line.
    #[inline]
    pub(crate) fn progress(&mut self, blocks: &Blocks) -> Result<(), IoError> {
        let done = self.before + blocks.bytes_read();
        if done < self.reported + STEP {
            return Ok(());
        }
        self.reported = done;
        self.observer.event(Event::Advanced { stage: Stage::Scan, done });
        if self.observer.cancelled() { Err(IoError::Cancelled) } else { Ok(()) }
    }
}
