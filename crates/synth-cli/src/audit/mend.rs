//! Records without what an audit found, and a log of each change.

use std::collections::BTreeMap;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::{Context, Result};
use arrow_array::{ArrayRef, BooleanArray, Float64Array, RecordBatch, StringArray};
use arrow_cast::CastOptions;
use arrow_schema::{DataType, Field, Schema, SchemaRef};
use serde::Serialize;
use serde_json::Value;
use synth::core::Dataset;
use synth::io::gold::GoldColumn;
use synth::io::{AtomicFile, Reader, RecordWriter};

use super::findings::Findings;
use super::records::Records;
use super::sources::LabelSource;
use crate::args::FixKind;
use crate::errors::{hinted, unboxed};
use crate::inputs;
use crate::progress::Progress;

/// A change of a record, a line of the log.
#[derive(Serialize)]
struct Change<'a> {
    row: usize,
    id: &'a str,
    change: &'static str,
    reason: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    from: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    to: Option<Value>,
    /// How much the record counts.
    #[serde(skip)]
    weight: f64,
    /// Its label, as it is written in the field.
    #[serde(skip)]
    written: Option<String>,
}

/// The field of weights.
const WEIGHT: &str = "weight";

/// The schema of mended records.
///
/// # Errors
/// The records cannot be mended in this way.
pub fn schema(fix: FixKind, source: &LabelSource, reader: &Reader) -> Result<SchemaRef> {
    let schema = reader.schema();
    match fix {
        FixKind::Drop => Ok(schema),
        FixKind::Relabel => match source.field() {
            Some(field) if schema.column_with_name(field).is_some() => Ok(schema),
            Some(field) => Err(hinted(
                format!("`--fix relabel` cannot write into `{field}`, which is within another field"),
                "bring the labels into a field of their own, or use --fix drop",
            )),
            None => Err(hinted(
                "`--fix relabel` writes into the field of the labels, and these are in none",
                "bring the labels into the records and name their field with --label, or use --fix drop",
            )),
        },
        FixKind::Weight if schema.column_with_name(WEIGHT).is_some() => {
            Err(hinted(format!("the records have a field `{WEIGHT}` already"), "rename it, or use --fix drop"))
        }
        FixKind::Weight => {
            let weight = Arc::new(Field::new(WEIGHT, DataType::Float64, false));
            let fields: Vec<_> = schema.fields().iter().cloned().chain([weight]).collect();
            Ok(Arc::new(Schema::new_with_metadata(fields, schema.metadata().clone())))
        }
    }
}

/// The log of changes beside mended records.
pub fn log_path(out: &Path) -> PathBuf {
    let mut name = out.file_name().unwrap_or(out.as_os_str()).to_owned();
    name.push(".changes.jsonl");
    out.with_file_name(name)
}

/// Mended records and the log of their changes, written but not yet there.
pub struct Mended {
    records: AtomicFile,
    log: AtomicFile,
    /// How many records changed.
    pub n: usize,
}

impl Mended {
    /// Makes both files appear.
    pub fn commit(self) -> Result<()> {
        // The records last: where they are, their log is.
        self.log.commit()?;
        Ok(self.records.commit()?)
    }
}

/// Writes mended records and the log.
pub fn write(
    fix: FixKind,
    out: &Path,
    findings: &Findings,
    records: &Records,
    reader: &Reader,
    progress: &Progress,
) -> Result<Mended> {
    let written = schema(fix, &records.source, reader)?;
    let gold = records.source.field().map(|field| GoldColumn::find(&reader.schema(), field, &records.classes));
    let changes = changes(fix, findings, records, gold.transpose()?.as_ref());
    let mut writer = RecordWriter::create(out, &written)?;
    let mut first = 0;
    for batch in inputs::with_vectors(reader, &[], progress)? {
        let batch = batch.map_err(unboxed)?;
        let n = batch.n_rows();
        let here = || (first..first + n).map(|row| changes.get(&row));
        let mut columns: Vec<ArrayRef> = batch.batch().columns().to_vec();
        match fix {
            FixKind::Drop => {}
            FixKind::Weight => {
                let weights = here().map(|change| change.map_or(1.0, |change| change.weight));
                columns.push(Arc::new(Float64Array::from_iter_values(weights)));
            }
            FixKind::Relabel => {
                let field = records.source.field().unwrap_or_default();
                let at = written.index_of(field)?;
                let labels: Vec<Option<&str>> = here().map(|change| change?.written.as_deref()).collect();
                columns[at] =
                    relabelled(&columns[at], &labels).with_context(|| format!("cannot write labels into `{field}`"))?;
            }
        }
        let mut whole = RecordBatch::try_new(Arc::clone(&written), columns)?;
        if fix == FixKind::Drop {
            let kept: BooleanArray = here().map(|change| Some(change.is_none())).collect();
            whole = arrow_select::filter::filter_record_batch(&whole, &kept)?;
        }
        writer.write(&Dataset::new(whole))?;
        first += n;
    }
    let path = log_path(out);
    let mut log = AtomicFile::create(&path)?;
    for change in changes.values() {
        let line = serde_json::to_string(change)?;
        writeln!(log, "{line}").with_context(|| format!("cannot write `{}`", path.display()))?;
    }
    Ok(Mended { records: writer.close()?, log, n: changes.len() })
}

/// What changes, by row.
fn changes<'a>(
    fix: FixKind,
    findings: &'a Findings,
    records: &'a Records,
    gold: Option<&GoldColumn>,
) -> BTreeMap<usize, Change<'a>> {
    let change = |row: usize| Change {
        row,
        id: &records.ids[row],
        change: match fix {
            FixKind::Drop => "dropped",
            FixKind::Relabel => "relabelled",
            FixKind::Weight => "weighed",
        },
        reason: String::new(),
        from: None,
        to: None,
        weight: 1.0,
        written: None,
    };
    let mut changes: BTreeMap<usize, Change<'_>> = BTreeMap::new();
    for error in findings.labels.iter().flat_map(|labels| &labels.errors) {
        let mut change = change(error.row);
        change.reason =
            format!("the label is likely wrong: {:.3}, {} {:.3}", error.score, error.suggested, error.probabilities[1]);
        match fix {
            FixKind::Drop => change.from = Some(&error.label),
            FixKind::Relabel => {
                change.from = Some(&error.label);
                change.to = Some(error.suggested.clone().into());
                let class = records.classes.id(&error.suggested);
                change.written = gold.zip(class).map(|(gold, class)| gold.written(class));
            }
            FixKind::Weight => change.weight = error.probabilities[0],
        }
        changes.insert(error.row, change);
    }
    for group in findings.copies.iter().flat_map(|copies| copies.joined.groups()) {
        let n = group.len();
        match fix {
            FixKind::Drop => {
                // Of what is left the first stays or, where labels differ, the first that the classifier agrees with.
                let left: Vec<usize> = group.iter().copied().filter(|row| !changes.contains_key(row)).collect();
                let mut labels = left.iter().filter_map(|row| records.labels[*row]);
                let first = labels.next();
                let differ = labels.any(|label| Some(label) != first);
                let agrees = |row: &&usize| findings.labels.as_ref().is_some_and(|labels| labels.agrees[**row]);
                let agreed = left.iter().find(agrees).filter(|_| differ);
                let Some(stays) = agreed.or(left.first()).copied() else { continue };
                let which = if differ { " with different labels" } else { "" };
                for row in left.into_iter().filter(|row| *row != stays) {
                    let reason = format!("one of {n} near copies{which}, of which {} stays", records.ids[stays]);
                    changes.insert(row, Change { reason, ..change(row) });
                }
            }
            FixKind::Weight => {
                for &row in group {
                    let change = changes.entry(row).or_insert_with(|| change(row));
                    change.weight /= n as f64;
                    if !change.reason.is_empty() {
                        change.reason.push_str("; ");
                    }
                    change.reason.push_str(&format!("one of {n} near copies"));
                }
            }
            FixKind::Relabel => {}
        }
    }
    if fix == FixKind::Weight {
        changes.values_mut().for_each(|change| change.to = Some(change.weight.into()));
    }
    changes
}

/// A column of labels of the type it had, with other labels where there are any.
fn relabelled(column: &ArrayRef, labels: &[Option<&str>]) -> Result<ArrayRef> {
    let texts = arrow_cast::cast(column, &DataType::Utf8)?;
    let texts: &StringArray = arrow_array::cast::AsArray::as_string(&texts);
    let changed: StringArray = texts.iter().zip(labels).map(|(old, label)| label.or(old)).collect();
    // What cannot be written is an error, not a label that is missing.
    let strict = CastOptions { safe: false, ..CastOptions::default() };
    Ok(arrow_cast::cast_with_options(&changed, column.data_type(), &strict)?)
}
