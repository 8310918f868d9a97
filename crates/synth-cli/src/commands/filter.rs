//! `synth filter`

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;

use anyhow::Result;
use arrow_array::{ArrayRef, Float64Array, RecordBatch, StringArray, UInt32Array};
use arrow_schema::{DataType, Field, Schema, SchemaRef};
use arrow_select::take::take_record_batch;
use serde::Serialize;
use synth::batches;
use synth::core::{ClassId, Dataset, Event, Observer, Stage};
use synth::generate::{Candidate, Dropped, PROVENANCE, Provenance, provenance_column, provenance_field};
use synth::io::RecordWriter;
use synth::io::gold::GoldColumn;
use synth::io::ids::IdColumn;

use crate::args::{Common, FilterArgs};
use crate::commands::generate::prompts;
use crate::config::Config;
use crate::errors::{FOUND, hinted, unboxed};
use crate::generation::chain::{Maker, Rubric, has_judge};
use crate::generation::material::{record_args, text_field, values};
use crate::generation::provenance::provenance;
use crate::generation::report::{self, FilterYield};
use crate::generation::{Backend, Prepared};
use crate::inputs;
use crate::output;
use crate::progress::Progress;
use crate::table::counted;

/// What `--json` prints.
#[derive(Serialize)]
struct Summary {
    version: u32,
    seen: u64,
    kept: u64,
    /// Dropped only as the budget had no room for judging them.
    unjudged: u64,
    filters: Vec<FilterYield>,
    out: PathBuf,
}

pub fn run(args: &FilterArgs, common: &Common, progress: &Progress) -> Result<ExitCode> {
    let config = Config::load(common)?;
    let stdout = Path::new("-");
    let to_stdout = [Some(&args.out), args.dropped.as_ref()].into_iter().flatten().filter(|path| *path == stdout);
    if to_stdout.count() + usize::from(common.json) > 1 {
        return Err(hinted("more than one of the outputs and `--json` goes to stdout", "write all but one to files"));
    }
    let summary = inputs::on_threads(common, || filter(args, &config, progress))?;
    if common.json {
        output::json(&summary)?;
    } else {
        progress.note(&describe(&summary));
    }
    if summary.unjudged > 0 {
        let records = counted(summary.unjudged, "record was", "records were");
        progress.warn(&format!("{records} not judged: allow more with --budget; what was judged is free then"));
        return Ok(ExitCode::from(FOUND));
    }
    Ok(ExitCode::SUCCESS)
}

fn filter(args: &FilterArgs, config: &Config, progress: &Progress) -> Result<Summary> {
    let reader = inputs::reader(&record_args(&args.data, None), config, Some(&args.out), progress)?;
    let schema = reader.schema();
    let ids = IdColumn::find(&schema, args.material.id.as_deref())?;
    let has = |name: &str| schema.column_with_name(name).is_some();
    if let Some(text) = args.material.text.as_deref() {
        text_field(&schema, Some(text), &[])?;
    }
    let backend = Backend::new(&args.ask, config, progress)?;
    let wanted_field =
        args.wanted.clone().or_else(|| ["wanted", "label"].into_iter().find(|name| has(name)).map(str::to_owned));
    let of_candidates = match &wanted_field {
        Some(field) => values(&reader, field)?,
        None => BTreeSet::new(),
    };
    let named: Vec<(&str, &str)> = of_candidates.iter().map(|name| ("--wanted", name.as_str())).collect();
    let prepared = Prepared::load(&args.material, &named, config, progress)?;
    let field = match has(prepared.text_field()) {
        true => prepared.text_field().to_owned(),
        false => text_field(&schema, None, &[])?,
    };
    let wanted = wanted_field.map(|field| GoldColumn::find(&schema, &field, prepared.classes())).transpose()?;
    if has_judge(&args.material.filters, &config.filters) && wanted.is_none() {
        return Err(hinted(
            "a judge must know the class that each text is meant to have",
            "name its field: --wanted FIELD",
        ));
    }
    let rubric = match has_judge(&args.material.filters, &config.filters) {
        true => Some(Rubric::new(prompts(config)?, prepared.classes(), config)),
        false => None,
    };
    let mut writer = RecordWriter::create(&args.out, &with_provenance(&schema))?;
    let dropped_schema = with_reasons(&schema);
    let mut dropped_writer =
        args.dropped.as_ref().map(|path| RecordWriter::create(path, &dropped_schema)).transpose()?;
    let material = prepared.finish(Some(&backend), config, progress)?;
    let judge = rubric.map(|rubric| Ok::<_, anyhow::Error>((backend.recorded()?.clone(), rubric))).transpose()?;
    let maker =
        Maker { settings: config, material: &material, kind: None, class: None, against: None, judge, progress };
    let mut filters = maker.chain(&args.material.filters)?;
    let mut summary = Summary { version: 1, seen: 0, kept: 0, unjudged: 0, filters: Vec::new(), out: args.out.clone() };
    progress.event(Event::Started { stage: Stage::Write, total: reader.n_rows() });
    for batch in batches(&reader)? {
        let batch = batch.map_err(unboxed)?;
        progress.check()?;
        let names = ids.ids(&batch)?;
        let labels = wanted.as_ref().map(|column| column.labels(&batch)).transpose()?;
        let candidates = candidates(&batch, &names, &field, labels.as_deref());
        let (kept, dropped) = filters.judge(candidates)?;
        filters.keep(&kept)?;
        summary.seen += batch.n_rows() as u64;
        summary.kept += kept.len() as u64;
        summary.unjudged += dropped.iter().filter(|dropped| dropped.unaffordable).count() as u64;
        writer.write(&passed(&batch, &kept, &with_provenance(&schema))?)?;
        if let Some(writer) = &mut dropped_writer {
            writer.write(&reasons(&batch, dropped, &dropped_schema)?)?;
        }
        progress.event(Event::Advanced { stage: Stage::Write, done: summary.seen });
    }
    progress.event(Event::Finished { stage: Stage::Write });
    writer.finish()?;
    dropped_writer.map_or(Ok(()), RecordWriter::finish)?;
    summary.filters = report::yields(filters.tallies());
    Ok(summary)
}

/// The texts of a batch as candidates; the seed holds the row, by which they are found again.
fn candidates(batch: &Dataset, names: &StringArray, field: &str, wanted: Option<&[Option<ClassId>]>) -> Vec<Candidate> {
    let texts = batch.column(field);
    (0..batch.n_rows())
        .map(|row| Candidate {
            id: names.value(row).to_owned(),
            text: texts.as_ref().and_then(|texts| texts.text(row)).unwrap_or_default().to_owned(),
            wanted: wanted.and_then(|wanted| wanted[row]),
            source: None,
            provenance: Provenance { seed: row as u64, ..Provenance::default() },
        })
        .collect()
}

fn position(candidate: &Candidate) -> usize {
    candidate.provenance.seed as usize
}

fn with_reasons(schema: &Schema) -> SchemaRef {
    let mut fields: Vec<_> = schema.fields().iter().cloned().collect();
    fields.retain(|field| !["filter", "reason", "score"].contains(&field.name().as_str()));
    fields.push(Arc::new(Field::new("filter", DataType::Utf8, false)));
    fields.push(Arc::new(Field::new("reason", DataType::Utf8, false)));
    fields.push(Arc::new(Field::new("score", DataType::Float64, true)));
    Arc::new(Schema::new(fields))
}

/// The schema of what passes: with what each filter said of it, where `synth blame` finds it.
fn with_provenance(schema: &Schema) -> SchemaRef {
    let mut fields: Vec<_> = schema.fields().iter().cloned().collect();
    fields.retain(|field| field.name() != PROVENANCE);
    fields.push(Arc::new(provenance_field()));
    Arc::new(Schema::new_with_metadata(fields, schema.metadata().clone()))
}

/// The records that passed. Provenance that they have stays, and gets the scores.
fn passed(batch: &Dataset, kept: &[Candidate], schema: &SchemaRef) -> Result<Dataset> {
    let rows: UInt32Array = kept.iter().map(|candidate| position(candidate) as u32).collect();
    let taken = Dataset::new(take_record_batch(batch.batch(), &rows)?);
    let mut all = Vec::with_capacity(kept.len());
    for (before, candidate) in provenance(&taken)?.into_iter().zip(kept) {
        let mut after = before.unwrap_or_else(|| Provenance { kind: "given".to_owned(), ..Provenance::default() });
        after.scores.extend(candidate.provenance.scores.iter().cloned());
        all.push(after);
    }
    let (own, _) = schema.fields().split_at(schema.fields().len() - 1);
    let mut columns: Vec<ArrayRef> =
        own.iter().filter_map(|field| taken.batch().column_by_name(field.name()).cloned()).collect();
    columns.extend(provenance_column(&all.iter().map(Some).collect::<Vec<_>>())?.batch().columns().iter().cloned());
    Ok(Dataset::new(RecordBatch::try_new(SchemaRef::clone(schema), columns)?))
}

/// The records that were dropped, in their order, with who dropped them and why.
fn reasons(batch: &Dataset, mut dropped: Vec<Dropped>, schema: &SchemaRef) -> Result<Dataset> {
    dropped.sort_by_key(|dropped| position(&dropped.candidate));
    let rows: UInt32Array = dropped.iter().map(|dropped| position(&dropped.candidate) as u32).collect();
    let taken = take_record_batch(batch.batch(), &rows)?;
    let known = |field: &Arc<Field>| taken.column_by_name(field.name()).cloned();
    let (own, _) = schema.fields().split_at(schema.fields().len() - 3);
    let mut columns: Vec<ArrayRef> = own.iter().filter_map(known).collect();
    columns.push(Arc::new(StringArray::from_iter_values(dropped.iter().map(|dropped| dropped.filter))));
    columns.push(Arc::new(StringArray::from_iter_values(dropped.iter().map(|dropped| dropped.reason.as_str()))));
    // Of the filter that dropped it, the last that was asked.
    let score = |dropped: &Dropped| dropped.candidate.provenance.scores.last().and_then(|score| score.score);
    columns.push(Arc::new(dropped.iter().map(score).collect::<Float64Array>()));
    Ok(Dataset::new(RecordBatch::try_new(SchemaRef::clone(schema), columns)?))
}

fn describe(summary: &Summary) -> String {
    let mut text = report::yield_table(&summary.filters);
    text.push_str(&format!("\nkept {} of {}", summary.kept, counted(summary.seen, "record", "records")));
    if summary.out != Path::new("-") {
        text.push_str(&format!("\nwrote {}", summary.out.display()));
    }
    text
}
