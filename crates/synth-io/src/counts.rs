//! Vote patterns with their counts, in a Parquet file: what shards of a large data set hand over to be merged.
//!
//! Columns: `count` (u64), `lf_idx` (list of u32, ascending), `class` (list of u16, of the same length); abstains have
//! no entry. The metadata holds the format's version under `synth.counts`, the classes under `synth.classes` and the
//! labeling functions under `synth.lfs`, both as JSON. The rows of a saved label matrix ([`crate::matrix`]) are the
//! same thing in another order, with their number under `synth.rows`, so it can be read as counts too.

use std::fs::File;
use std::path::Path;
use std::sync::Arc;

use arrow_array::builder::{ListBuilder, UInt16Builder, UInt32Builder, UInt64Builder};
use arrow_array::cast::AsArray;
use arrow_array::types::{UInt16Type, UInt32Type, UInt64Type};
use arrow_array::{Array, RecordBatch};
use arrow_schema::{DataType, Field, Schema, SchemaRef};
use parquet::arrow::ArrowWriter;
use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;
use parquet::file::metadata::KeyValue;
use synth_core::{ClassId, ClassSet, LfVote, VotePatterns};

use crate::columnar::guard;
use crate::encode::parquet_properties;
use crate::{AtomicFile, CountsProblem, IoError};

const VERSION: u64 = 1;
const VERSION_KEY: &str = "synth.counts";
pub(crate) const CLASSES_KEY: &str = "synth.classes";
const LFS_KEY: &str = "synth.lfs";
const ROWS_KEY: &str = "synth.rows";

/// Rows of one batch.
const BATCH: usize = 1 << 16;

/// Saves vote patterns, with pairs of metadata of the caller's.
///
/// # Errors
/// The file cannot be written.
pub fn save(path: &Path, patterns: &VotePatterns, metadata: &[(String, String)]) -> Result<(), IoError> {
    write(path, patterns.classes(), patterns.lf_names(), None, metadata, patterns.iter())
}

/// Loads vote patterns.
///
/// # Errors
/// The file is damaged, of another kind or of a newer version; its votes or counts are out of range.
pub fn load(path: &Path) -> Result<VotePatterns, IoError> {
    let table = Table::load(path)?;
    let rows = (0..table.counts.len()).map(|row| (table.votes(row), table.counts[row]));
    VotePatterns::from_counts(table.classes.clone(), table.lf_names.iter().cloned(), rows)
        .map_err(|source| IoError::Core { path: path.to_owned(), source })
}

/// Loads several files and adds up their counts.
///
/// # Errors
/// As [`load`]; the files differ in labeling functions or classes; the counts overflow; no file at all.
pub fn merge(paths: &[impl AsRef<Path>]) -> Result<VotePatterns, IoError> {
    let mut merged: Option<VotePatterns> = None;
    for path in paths.iter().map(AsRef::as_ref) {
        let next = load(path)?;
        merged = Some(match merged {
            None => next,
            Some(before) => {
                if before.n_rows().checked_add(next.n_rows()).is_none() {
                    return Err(IoError::Counts { path: path.to_owned(), problem: CountsProblem::Overflow });
                }
                before.merge(&next).map_err(|source| IoError::Core { path: path.to_owned(), source })?
            }
        });
    }
    merged.ok_or(IoError::NoInput)
}

/// Writes rows of votes with counts. `n_rows`: their order is that of a label matrix with so many rows.
pub(crate) fn write<'a>(
    path: &Path,
    classes: &ClassSet,
    lf_names: &[String],
    n_rows: Option<usize>,
    metadata: &[(String, String)],
    counted: impl Iterator<Item = (&'a [LfVote], u64)>,
) -> Result<(), IoError> {
    let failed = |error| IoError::write(path, error);
    let schema = schema();
    let mut pairs = vec![
        (VERSION_KEY.to_owned(), VERSION.to_string()),
        (CLASSES_KEY.to_owned(), json(classes.names())),
        (LFS_KEY.to_owned(), json(lf_names)),
    ];
    pairs.extend(n_rows.map(|n| (ROWS_KEY.to_owned(), n.to_string())));
    pairs.extend_from_slice(metadata);
    let file = AtomicFile::create(path)?;
    let mut writer = ArrowWriter::try_new(file, Arc::clone(&schema), Some(parquet_properties())).map_err(failed)?;
    for (key, value) in pairs {
        writer.append_key_value_metadata(KeyValue::new(key, value));
    }
    let mut columns = Columns::default();
    let mut counted = counted.peekable();
    while counted.peek().is_some() {
        for (votes, count) in counted.by_ref().take(BATCH) {
            columns.push(votes, count);
        }
        writer.write(&columns.finish(&schema)).map_err(failed)?;
    }
    writer.into_inner().map_err(failed)?.commit()
}

pub(crate) fn json(names: &[String]) -> String {
    serde_json::Value::from(names).to_string()
}

fn schema() -> SchemaRef {
    let list = |of| DataType::List(Arc::new(Field::new_list_field(of, true)));
    Arc::new(Schema::new(vec![
        Field::new("count", DataType::UInt64, false),
        Field::new("lf_idx", list(DataType::UInt32), false),
        Field::new("class", list(DataType::UInt16), false),
    ]))
}

#[derive(Default)]
struct Columns {
    counts: UInt64Builder,
    lfs: ListBuilder<UInt32Builder>,
    classes: ListBuilder<UInt16Builder>,
}

impl Columns {
    fn push(&mut self, votes: &[LfVote], count: u64) {
        self.counts.append_value(count);
        for vote in votes {
            self.lfs.values().append_value(vote.lf_idx);
            self.classes.values().append_value(vote.class.index() as u16);
        }
        self.lfs.append(true);
        self.classes.append(true);
    }

    fn finish(&mut self, schema: &SchemaRef) -> RecordBatch {
        let columns: Vec<arrow_array::ArrayRef> =
            vec![Arc::new(self.counts.finish()), Arc::new(self.lfs.finish()), Arc::new(self.classes.finish())];
        RecordBatch::try_new(Arc::clone(schema), columns).expect("the builders have the types of the schema")
    }
}

/// The rows of a file, as they stand in it.
pub(crate) struct Table {
    pub(crate) classes: ClassSet,
    pub(crate) lf_names: Vec<String>,
    /// The number of rows of the label matrix in whose order the rows stand, if they do.
    pub(crate) n_rows: Option<u64>,
    pub(crate) counts: Vec<u64>,
    offsets: Vec<usize>,
    votes: Vec<LfVote>,
}

impl Table {
    pub(crate) fn votes(&self, row: usize) -> &[LfVote] {
        &self.votes[self.offsets[row]..self.offsets[row + 1]]
    }

    pub(crate) fn load(path: &Path) -> Result<Self, IoError> {
        let problem = |problem| IoError::Counts { path: path.to_owned(), problem };
        let damaged = |error| IoError::damaged(path, "Parquet file", error);
        let file = File::open(path).map_err(|source| IoError::Open { path: path.to_owned(), source })?;
        let builder = guard(|| ParquetRecordBatchReaderBuilder::try_new(file)).map_err(damaged)?;
        let pairs = builder.metadata().file_metadata().key_value_metadata().cloned().unwrap_or_default();
        let value = |key: &str| pairs.iter().find(|pair| pair.key == key).and_then(|pair| pair.value.as_deref());
        let not_counts = |key| problem(CountsProblem::NotCounts { key });
        let version: u64 = value(VERSION_KEY).and_then(|v| v.parse().ok()).ok_or_else(|| not_counts(VERSION_KEY))?;
        if version > VERSION {
            return Err(problem(CountsProblem::Newer { got: version, known: VERSION }));
        }
        let names = |key| -> Result<Vec<String>, IoError> {
            value(key).and_then(|text| serde_json::from_str(text).ok()).ok_or_else(|| not_counts(key))
        };
        let classes =
            ClassSet::new(names(CLASSES_KEY)?).map_err(|source| IoError::Core { path: path.to_owned(), source })?;
        let mut table = Self {
            classes,
            lf_names: names(LFS_KEY)?,
            n_rows: value(ROWS_KEY).and_then(|n| n.parse().ok()),
            counts: Vec::new(),
            offsets: vec![0],
            votes: Vec::new(),
        };
        let mut total: u64 = 0;
        let mut batches = guard(|| builder.with_batch_size(BATCH).build()).map_err(damaged)?;
        while let Some(batch) = guard(|| batches.next().transpose()).map_err(damaged)? {
            table.push(&batch, &mut total).map_err(problem)?;
        }
        // Also keeps a damaged count from asking for more rows than there is memory for.
        if let Some(expected) = table.n_rows.filter(|&expected| expected != total) {
            return Err(problem(CountsProblem::Total { expected, got: total }));
        }
        Ok(table)
    }

    fn push(&mut self, batch: &RecordBatch, total: &mut u64) -> Result<(), CountsProblem> {
        let column = |column: &'static str, expected: &'static str| {
            let wrong = CountsProblem::Column { column, expected };
            match batch.column_by_name(column) {
                Some(array) if array.null_count() == 0 => Ok((array, wrong)),
                _ => Err(wrong),
            }
        };
        let (counts, wrong) = column("count", "u64")?;
        let counts = counts.as_primitive_opt::<UInt64Type>().ok_or(wrong)?;
        let (lfs, wrong_lfs) = column("lf_idx", "list of u32")?;
        let (classes, wrong_classes) = column("class", "list of u16")?;
        let lfs = lfs.as_list_opt::<i32>().ok_or_else(|| wrong_lfs.clone())?;
        let classes = classes.as_list_opt::<i32>().ok_or_else(|| wrong_classes.clone())?;
        let lf_values =
            lfs.values().as_primitive_opt::<UInt32Type>().filter(|v| v.null_count() == 0).ok_or(wrong_lfs)?;
        let class_values =
            classes.values().as_primitive_opt::<UInt16Type>().filter(|v| v.null_count() == 0).ok_or(wrong_classes)?;
        for row in 0..batch.num_rows() {
            let span = |offsets: &[i32]| offsets[row] as usize..offsets[row + 1] as usize;
            let lfs = &lf_values.values()[span(lfs.value_offsets())];
            let classes = &class_values.values()[span(classes.value_offsets())];
            if lfs.len() != classes.len() {
                let row = self.counts.len();
                return Err(CountsProblem::Lengths { row, lfs: lfs.len(), classes: classes.len() });
            }
            *total = total.checked_add(counts.value(row)).ok_or(CountsProblem::Overflow)?;
            self.counts.push(counts.value(row));
            self.votes
                .extend(lfs.iter().zip(classes).map(|(&lf_idx, &class)| LfVote { lf_idx, class: ClassId::new(class) }));
            self.offsets.push(self.votes.len());
        }
        Ok(())
    }
}
