//! `synth filter`

use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;

use anyhow::Result;
use arrow_array::{ArrayRef, BooleanArray, RecordBatch, StringArray};
use arrow_schema::{DataType, Field, Schema, SchemaRef};
use arrow_select::filter::filter_record_batch;
use arrow_select::take::take_record_batch;
use serde::Serialize;
use synth::batches;
use synth::core::{ClassId, Dataset, Event, Observer, Stage};
use synth::generate::{Candidate, Dropped, Kind, Plan, Provenance, Recorded, RunMode, Sampling};
use synth::io::RecordWriter;
use synth::io::gold::GoldColumn;
use synth::io::ids::IdColumn;

use crate::args::{Common, FilterArgs};
use crate::commands::generate::prompts;
use crate::config::{Config, or_file};
use crate::errors::{hinted, unboxed};
use crate::generation::chain::{Judging, Maker};
use crate::generation::material::{record_args, text_field};
use crate::generation::report::{self, FilterYield};
use crate::generation::{Journals, Material, backend};
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
    Ok(ExitCode::SUCCESS)
}

fn filter(args: &FilterArgs, config: &Config, progress: &Progress) -> Result<Summary> {
    let reader = inputs::reader(&record_args(&args.data, None), config, Some(&args.out), progress)?;
    let schema = reader.schema();
    let ids = IdColumn::find(&schema, args.material.id.as_deref())?;
    let material = Material::load(&args.material, &args.ask, &[], config, progress)?;
    let has = |name: &str| schema.column_with_name(name).is_some();
    let field = match has(&material.text_field) {
        true => material.text_field.clone(),
        false => text_field(&schema, args.material.text.as_deref(), &[])?,
    };
    let wanted_field =
        args.wanted.clone().or_else(|| ["wanted", "label"].into_iter().find(|name| has(name)).map(str::to_owned));
    let wanted = wanted_field.map(|field| GoldColumn::find(&schema, &field, &material.classes)).transpose()?;
    let maker = Maker {
        config: &config.filters,
        material: &material,
        kind: None,
        class: None,
        against: None,
        judge: judge(args, config, &material, progress)?,
        progress,
    };
    let mut filters = maker.chain(&args.material.filters)?;
    let mut writer = RecordWriter::create(&args.out, &schema)?;
    let dropped_schema = with_reasons(&schema);
    let mut dropped_writer =
        args.dropped.as_ref().map(|path| RecordWriter::create(path, &dropped_schema)).transpose()?;
    let mut summary = Summary { version: 1, seen: 0, kept: 0, filters: Vec::new(), out: args.out.clone() };
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
        let mut mask = vec![false; batch.n_rows()];
        kept.iter().for_each(|candidate| mask[position(candidate)] = true);
        let passed = filter_record_batch(batch.batch(), &BooleanArray::from(mask))?;
        writer.write(&Dataset::new(passed))?;
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
    fields.retain(|field| !["filter", "reason"].contains(&field.name().as_str()));
    fields.push(Arc::new(Field::new("filter", DataType::Utf8, false)));
    fields.push(Arc::new(Field::new("reason", DataType::Utf8, false)));
    Arc::new(Schema::new(fields))
}

/// The records that were dropped, in their order, with who dropped them and why.
fn reasons(batch: &Dataset, mut dropped: Vec<Dropped>, schema: &SchemaRef) -> Result<Dataset> {
    dropped.sort_by_key(|dropped| position(&dropped.candidate));
    let rows = dropped.iter().map(|dropped| position(&dropped.candidate) as u32);
    let taken =
        take_record_batch(batch.batch(), &rows.collect::<Vec<_>>().into_iter().collect::<arrow_array::UInt32Array>())?;
    let known = |field: &Arc<Field>| taken.column_by_name(field.name()).cloned();
    let (own, _) = schema.fields().split_at(schema.fields().len() - 2);
    let mut columns: Vec<ArrayRef> = own.iter().filter_map(known).collect();
    columns.push(Arc::new(StringArray::from_iter_values(dropped.iter().map(|dropped| dropped.filter))));
    columns.push(Arc::new(StringArray::from_iter_values(dropped.iter().map(|dropped| dropped.reason.as_str()))));
    Ok(Dataset::new(RecordBatch::try_new(SchemaRef::clone(schema), columns)?))
}

/// Who judges, if a judge is among the filters.
fn judge(args: &FilterArgs, config: &Config, material: &Material, progress: &Progress) -> Result<Option<Judging>> {
    let named = or_file(&args.material.filters, &config.filters.order);
    let Some(first) = material.classes.at(0).filter(|_| named.iter().any(|name| name == "judge")) else {
        return Ok(None);
    };
    let model = backend::language_model(&args.ask, config, progress)?;
    let journals = Journals::new(&args.ask, config)?;
    let mode = if args.ask.no_cache { RunMode::Fresh } else { RunMode::Cached };
    let about = format!("judged by {}", model.generator.model());
    let journal = journals.open(&about, &about, mode)?;
    let generator = Arc::new(Recorded::new(model.generator, journal, journals.budget)?);
    let settings = &config.generate;
    let describe = |name: &String| settings.classes.get(name).map(|class| class.description.clone());
    let plan = Plan {
        kind: Kind::Examples,
        descriptions: material.classes.names().iter().map(|name| describe(name).unwrap_or_default()).collect(),
        classes: material.classes.clone(),
        class: first,
        against: None,
        domain: settings.domain.clone().unwrap_or_else(|| "texts".to_owned()),
        style: String::new(),
        per_request: 1,
        few_shot: 0,
        list: true,
        max_tokens: 1,
        sampling: Sampling::greedy(),
        seed: 0,
    };
    Ok(Some(Judging { generator, plan, prompts: prompts(config)? }))
}

fn describe(summary: &Summary) -> String {
    let mut text = report::yield_table(&summary.filters);
    text.push_str(&format!("\nkept {} of {}", summary.kept, counted(summary.seen, "record", "records")));
    if summary.out != Path::new("-") {
        text.push_str(&format!("\nwrote {}", summary.out.display()));
    }
    text
}
