//! Records without what an audit found, and a log of each change.

use std::collections::{BTreeMap, BTreeSet};
use std::io::Write;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::{Context, Result};
use arrow_array::{ArrayRef, BooleanArray, Float64Array, RecordBatch, StringArray};
use arrow_cast::CastOptions;
use arrow_schema::{DataType, Field, Schema};
use serde::Serialize;
use synth::batches;
use synth::core::Dataset;
use synth::io::gold::GoldColumn;
use synth::io::{AtomicFile, Reader, RecordWriter};

use super::findings::Findings;
use super::records::Records;
use crate::args::FixKind;
use crate::errors::{hinted, unboxed};

/// A change, a line of the log.
#[derive(Serialize)]
struct Change<'a> {
    row: usize,
    id: &'a str,
    change: &'static str,
    reason: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    from: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    to: Option<String>,
}

/// What becomes of the records.
#[derive(Default)]
struct Plan<'a> {
    changes: Vec<Change<'a>>,
    dropped: BTreeSet<usize>,
    /// As they are written in the field.
    labels: BTreeMap<usize, String>,
    weights: BTreeMap<usize, f64>,
}

/// The field of weights.
const WEIGHT: &str = "weight";

/// Writes mended records and the log; how many records changed, and the log's path.
pub fn write(
    fix: FixKind,
    out: &Path,
    findings: &Findings,
    records: &Records,
    reader: &Reader,
) -> Result<(usize, PathBuf)> {
    let schema = reader.schema();
    if fix == FixKind::Weight && schema.column_with_name(WEIGHT).is_some() {
        return Err(hinted(format!("the records have a field `{WEIGHT}` already"), "rename it, or use --fix drop"));
    }
    if fix == FixKind::Relabel && schema.column_with_name(&records.label_field).is_none() {
        return Err(hinted(
            format!("`--fix relabel` cannot write into `{}`, which is within another field", records.label_field),
            "bring the labels into a field of their own, or use --fix drop",
        ));
    }
    let gold = GoldColumn::find(&schema, &records.label_field, &records.classes)?;
    let plan = plan(fix, findings, records, &gold);
    let mut fields: Vec<_> = schema.fields().iter().cloned().collect();
    if fix == FixKind::Weight {
        fields.push(Arc::new(Field::new(WEIGHT, DataType::Float64, false)));
    }
    let written = Arc::new(Schema::new_with_metadata(fields, schema.metadata().clone()));
    let mut writer = RecordWriter::create(out, &written)?;
    let mut first = 0;
    for batch in batches(reader)? {
        let batch = batch.map_err(unboxed)?;
        let n = batch.n_rows();
        let mut columns: Vec<ArrayRef> = batch.batch().columns().to_vec();
        match fix {
            FixKind::Drop => {}
            FixKind::Weight => {
                let weight = |row: usize| plan.weights.get(&row).copied().unwrap_or(1.0);
                columns.push(Arc::new(Float64Array::from_iter_values((first..first + n).map(weight))));
            }
            FixKind::Relabel => {
                let at = schema.index_of(&records.label_field)?;
                columns[at] = relabelled(&columns[at], first, &plan.labels)
                    .with_context(|| format!("cannot write labels into `{}`", records.label_field))?;
            }
        }
        let mut whole = RecordBatch::try_new(Arc::clone(&written), columns)?;
        if fix == FixKind::Drop {
            let kept: BooleanArray = (first..first + n).map(|row| Some(!plan.dropped.contains(&row))).collect();
            whole = arrow_select::filter::filter_record_batch(&whole, &kept)?;
        }
        writer.write(&Dataset::new(whole))?;
        first += n;
    }
    let mut name = out.file_name().unwrap_or(out.as_os_str()).to_owned();
    name.push(".changes.jsonl");
    let path = out.with_file_name(name);
    let mut log = AtomicFile::create(&path)?;
    for change in &plan.changes {
        let line = serde_json::to_string(change)?;
        writeln!(log, "{line}").with_context(|| format!("cannot write `{}`", path.display()))?;
    }
    // The records last: where they are, their log is.
    log.commit()?;
    writer.finish()?;
    Ok((plan.changes.len(), path))
}

fn plan<'a>(fix: FixKind, findings: &'a Findings, records: &'a Records, gold: &GoldColumn) -> Plan<'a> {
    let mut plan = Plan::default();
    for error in findings.labels.iter().flat_map(|labels| &labels.errors) {
        let reason =
            format!("the label is likely wrong: {:.3}, {} {:.3}", error.score, error.suggested, error.probabilities[1]);
        let (change, to) = match fix {
            FixKind::Drop => {
                plan.dropped.insert(error.row);
                ("dropped", None)
            }
            FixKind::Relabel => {
                let written = records.classes.id(&error.suggested).map(|class| gold.written(class));
                plan.labels.extend(written.map(|written| (error.row, written)));
                ("relabelled", Some(error.suggested.clone()))
            }
            FixKind::Weight => {
                plan.weights.insert(error.row, error.probabilities[0]);
                ("weighed", Some(error.probabilities[0].to_string()))
            }
        };
        let from = Some(error.label.as_str()).filter(|_| fix != FixKind::Weight);
        plan.changes.push(Change { row: error.row, id: &records.ids[error.row], change, reason, from, to });
    }
    for group in findings.copies.iter().flat_map(|copies| copies.joined.groups()) {
        match fix {
            // Of what is left the first stays.
            FixKind::Drop => {
                let mut left = group.iter().filter(|row| !plan.dropped.contains(row));
                let Some(stays) = left.next() else { continue };
                let go: Vec<usize> = left.copied().collect();
                for row in go {
                    let reason = format!("a near copy of {}", records.ids[*stays]);
                    plan.changes.push(Change {
                        row,
                        id: &records.ids[row],
                        change: "dropped",
                        reason,
                        from: None,
                        to: None,
                    });
                    plan.dropped.insert(row);
                }
            }
            FixKind::Weight => {
                for &row in group {
                    let weight = plan.weights.entry(row).or_insert(1.0);
                    *weight /= group.len() as f64;
                    let (reason, to) = (format!("one of {} near copies", group.len()), Some(weight.to_string()));
                    plan.changes.push(Change { row, id: &records.ids[row], change: "weighed", reason, from: None, to });
                }
            }
            FixKind::Relabel => {}
        }
    }
    plan.changes.sort_by_key(|change| change.row);
    plan
}

/// A column of labels, some of them changed, of the type it had.
fn relabelled(column: &ArrayRef, first: usize, labels: &BTreeMap<usize, String>) -> Result<ArrayRef> {
    let texts = arrow_cast::cast(column, &DataType::Utf8)?;
    let texts: &StringArray = arrow_array::cast::AsArray::as_string(&texts);
    let label = |(at, old)| labels.get(&(first + at)).map(String::as_str).or(old);
    let changed: StringArray = texts.iter().enumerate().map(label).collect();
    // What cannot be written is an error, not a label that is missing.
    let strict = CastOptions { safe: false, ..CastOptions::default() };
    Ok(arrow_cast::cast_with_options(&changed, column.data_type(), &strict)?)
}
