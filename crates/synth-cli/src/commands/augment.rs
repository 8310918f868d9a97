//! `synth augment`

use std::collections::{BTreeMap, HashMap};
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;

use anyhow::Result;
use arrow_array::cast::AsArray;
use arrow_array::{Array, ArrayRef, RecordBatch, StringArray, UInt32Array};
use arrow_schema::{DataType, Field, Schema, SchemaRef};
use arrow_select::take::take_record_batch;
use serde::Serialize;
use synth::batches;
use synth::core::{Dataset, Event, Observer, Stage};
use synth::generate::{
    Answer, Augmenter, Candidate, Duplicates, DuplicatesSettings, FilterChain, Generator, Input, Key, PROVENANCE,
    Provenance, Request, Sampling, provenance_column, provenance_field,
};
use synth::io::ids::{IdColumn, Unique};
use synth::io::{Reader, RecordWriter};

use crate::args::{AugmentArgs, Common};
use crate::config::Config;
use crate::errors::{hinted, unboxed};
use crate::generation::material::text_field;
use crate::generation::report::{self, FilterYield};
use crate::inputs;
use crate::output;
use crate::progress::Progress;
use crate::table::{counted, plain, trimmed};

/// What `--json` prints.
#[derive(Serialize)]
struct Summary {
    version: u32,
    records: u64,
    made: u64,
    kept: u64,
    /// Records that could not be changed, as those in other languages.
    unchanged: u64,
    first_failure: Option<String>,
    filters: Vec<FilterYield>,
    /// For each label, how many records had it before, and have it now.
    labels: Vec<LabelCount>,
    out: PathBuf,
}

#[derive(Serialize)]
struct LabelCount {
    label: String,
    before: u64,
    after: u64,
}

pub fn run(args: &AugmentArgs, common: &Common, progress: &Progress) -> Result<ExitCode> {
    let config = Config::load(common)?;
    if common.json && args.out == Path::new("-") {
        return Err(hinted("the rows and `--json` both go to stdout", "name a file for the rows: --out rows.jsonl"));
    }
    if args.per_record == 0 {
        return Err(hinted("`--per-record 0`: nothing is to be made", "say how many variants of each record"));
    }
    let summary = inputs::on_threads(common, || augment(args, &config, progress))?;
    if common.json {
        output::json(&summary)?;
    } else {
        progress.note(&describe(&summary));
    }
    Ok(ExitCode::SUCCESS)
}

fn augment(args: &AugmentArgs, config: &Config, progress: &Progress) -> Result<Summary> {
    let reader = inputs::reader(&args.records, config, Some(&args.out), progress)?;
    let schema = reader.schema();
    let id = args.records.id(config);
    let gold = args.gold.clone().or_else(|| config.data.gold.clone());
    let label_field = gold.or_else(|| schema.column_with_name("label").map(|_| "label".to_owned()));
    let written = args.text.as_deref().or(config.generate.text.as_deref());
    let field = text_field(&schema, written, &[id, label_field.as_deref()])?;
    if schema.index_of(&field).is_err() {
        return Err(hinted(format!("`{field}` is no field of its own"), "variants replace a whole field of text"));
    }
    if args.split.is_some() && schema.index_of("split").is_err() {
        return Err(hinted("the records have no field `split`", "leave `--split` out to augment all of them"));
    }
    if schema.index_of(PROVENANCE).is_ok() {
        let hint = "augment the data it was made from, and put both together";
        return Err(hinted(format!("the records have a field `{PROVENANCE}`: they were made"), hint));
    }
    let ids = IdColumn::find(&schema, id)?;
    let layout = Layout::new(&schema, &ids, &field);
    let augmenter = Augmenter::new(config.augment)?;
    let duplicates = Duplicates::new(&DuplicatesSettings { similarity: 1.0 }, real(&reader, &ids, &field)?)?;
    let mut filters = FilterChain::new(vec![Box::new(duplicates)]);
    let mut writer = RecordWriter::create(&args.out, &layout.schema)?;
    let mut labels = Labels::default();
    let mut summary = Summary {
        version: 1,
        records: 0,
        made: 0,
        kept: 0,
        unchanged: 0,
        first_failure: None,
        filters: Vec::new(),
        labels: Vec::new(),
        out: args.out.clone(),
    };
    progress.event(Event::Started { stage: Stage::Write, total: reader.n_rows() });
    for batch in batches(&reader)? {
        let batch = batch.map_err(unboxed)?;
        progress.check()?;
        let names = ids.ids(&batch)?;
        let chosen = chosen(&batch, &field, args.split.as_deref());
        let others = others(&batch, &field, label_field.as_deref(), &chosen);
        let variants = variants(args, &augmenter, &batch, &names, &field, &chosen, others, progress, &mut summary)?;
        summary.made += variants.len() as u64;
        let (kept, _) = filters.judge(variants)?;
        filters.keep(&kept)?;
        summary.kept += kept.len() as u64;
        let rows = layout.rows(&batch, &names, &kept)?;
        labels.count(&batch, &rows, label_field.as_deref());
        writer.write(&rows)?;
        summary.records += batch.n_rows() as u64;
        progress.event(Event::Advanced { stage: Stage::Write, done: summary.records });
    }
    progress.event(Event::Finished { stage: Stage::Write });
    writer.finish()?;
    summary.filters = report::yields(filters.tallies());
    summary.labels = labels.0.into_iter().map(|(label, [before, after])| LabelCount { label, before, after }).collect();
    Ok(summary)
}

/// The ids and texts of all records: a variant that says the same as one of them adds nothing. Two records with one id
/// are an error, since variants are told apart by the ids of what they were made from.
fn real(reader: &Reader, ids: &IdColumn, field: &str) -> Result<Vec<(String, String)>> {
    let mut unique = Unique::new(ids.clone());
    let mut all = Vec::new();
    for batch in batches(reader)? {
        let batch = batch.map_err(unboxed)?;
        unique.check(&batch)?;
        let names = ids.ids(&batch)?;
        let Some(texts) = batch.column(field) else { continue };
        all.extend(
            (0..batch.n_rows()).filter_map(|row| Some((names.value(row).to_owned(), texts.text(row)?.to_owned()))),
        );
    }
    Ok(all)
}

/// For each chosen row, some texts with the same label that may lend it sentences: the next ones in the batch, and
/// from its start again.
fn others(batch: &Dataset, field: &str, label: Option<&str>, chosen: &[usize]) -> Vec<Vec<String>> {
    const OTHERS: usize = 3;
    let (Some(labels), Some(texts)) = (label.and_then(|label| batch.column(label)), batch.column(field)) else {
        return vec![Vec::new(); chosen.len()];
    };
    let mut alike: HashMap<String, Vec<usize>> = HashMap::new();
    let label = |row: usize| labels.value(row).map(|label| label.to_string());
    let places: Vec<Option<(String, usize)>> = chosen
        .iter()
        .map(|&row| {
            let label = label(row)?;
            let rows = alike.entry(label.clone()).or_default();
            rows.push(row);
            Some((label, rows.len() - 1))
        })
        .collect();
    let others = |place: Option<(String, usize)>| {
        let Some((label, at)) = place else { return Vec::new() };
        let rows = &alike[&label];
        let next = rows.iter().cycle().skip(at + 1).take(OTHERS.min(rows.len() - 1));
        next.filter_map(|&row| texts.text(row).map(str::to_owned)).collect()
    };
    places.into_iter().map(others).collect()
}

/// The rows to make variants of.
fn chosen(batch: &Dataset, field: &str, split: Option<&str>) -> Vec<usize> {
    let texts = batch.column(field);
    let splits = batch.column("split");
    let of_split = |row: usize| match split {
        None => true,
        Some(wanted) => splits.as_ref().and_then(|splits| splits.value(row)).is_some_and(|v| v.to_string() == wanted),
    };
    let has_text = |row: usize| texts.as_ref().and_then(|texts| texts.text(row)).is_some_and(|t| !t.trim().is_empty());
    (0..batch.n_rows()).filter(|&row| of_split(row) && has_text(row)).collect()
}

/// Variants of the chosen rows of a batch, in their order.
#[expect(clippy::too_many_arguments, reason = "what one batch needs, in one place")]
fn variants(
    args: &AugmentArgs,
    augmenter: &Augmenter,
    batch: &Dataset,
    names: &StringArray,
    field: &str,
    chosen: &[usize],
    others: Vec<Vec<String>>,
    progress: &Progress,
    summary: &mut Summary,
) -> Result<Vec<Candidate>> {
    let Some(texts) = batch.column(field) else { return Ok(Vec::new()) };
    let text = |row: usize| texts.text(row).unwrap_or_default().to_owned();
    let requests: Vec<Request> = chosen
        .iter()
        .zip(others)
        .map(|(&row, others)| Request {
            input: Input::Text { text: text(row), others },
            n_choices: args.per_record,
            max_tokens: 1,
            sampling: Sampling::default(),
            seed: seed_of(args.seed, names.value(row)),
        })
        .collect();
    let mut answers: Vec<Option<Vec<String>>> = vec![None; requests.len()];
    let mut failure = None;
    augmenter.generate(&requests, progress, &mut |all: Vec<Answer>| {
        for answer in all {
            match answer.result {
                Ok(response) => answers[answer.request] = Some(response.choices),
                Err(error) => {
                    failure.get_or_insert_with(|| error.to_string());
                }
            }
        }
        ControlFlow::Continue(())
    })?;
    progress.check()?;
    if summary.first_failure.is_none() {
        summary.first_failure = failure;
    }
    let mut made = Vec::new();
    for ((&row, request), choices) in chosen.iter().zip(&requests).zip(answers) {
        let choices = choices.unwrap_or_default();
        summary.unchanged += u64::from(choices.is_empty());
        let parent = names.value(row);
        for (at, variant) in choices.into_iter().enumerate() {
            made.push(Candidate {
                id: format!("{parent}-a{}", at + 1),
                text: variant,
                wanted: None,
                source: Some(text(row)),
                provenance: Provenance {
                    kind: "augment".to_owned(),
                    generator: augmenter.fingerprint(),
                    model: augmenter.model().to_owned(),
                    prompt: augmenter.describe(),
                    request: Key::of(augmenter, request).to_hex(),
                    parents: vec![parent.to_owned()],
                    seed: request.seed,
                    ..Provenance::default()
                },
            });
        }
    }
    Ok(made)
}

/// The seed of a record: the same wherever it stands, in whatever batch.
fn seed_of(seed: u64, id: &str) -> u64 {
    let mut hasher = blake3::Hasher::new();
    hasher.update(&seed.to_le_bytes());
    hasher.update(id.as_bytes());
    let hash = hasher.finalize();
    hash.as_bytes()[..8].iter().fold(0, |seed, byte| seed << 8 | u64::from(*byte))
}

/// How rows are written: the fields of the records, with ids as text, and where a variant comes from.
struct Layout {
    schema: SchemaRef,
    /// Where the id stands among the fields of the records; `None` where it becomes a field of its own, in front.
    id: Option<usize>,
    text: usize,
}

impl Layout {
    fn new(records: &Schema, ids: &IdColumn, text_field: &str) -> Self {
        let id = match ids {
            IdColumn::Field(name) => records.index_of(name).ok(),
            _ => None,
        };
        let text = records.index_of(text_field).unwrap_or_default();
        let mut fields: Vec<Field> = records.fields().iter().map(|field| Field::clone(field)).collect();
        fields[text] = Field::new(text_field, DataType::Utf8, fields[text].is_nullable());
        match id {
            Some(at) => fields[at] = Field::new(fields[at].name(), DataType::Utf8, false),
            None => fields.insert(0, Field::new("id", DataType::Utf8, false)),
        }
        fields.push(provenance_field());
        Self { schema: Arc::new(Schema::new_with_metadata(fields, records.metadata().clone())), id, text }
    }

    /// Each record, and behind it its variants.
    fn rows(&self, batch: &Dataset, names: &StringArray, kept: &[Candidate]) -> Result<Dataset> {
        let mut variants = kept.iter().peekable();
        let mut all: Vec<(u32, Option<&Candidate>)> = Vec::new();
        for row in 0..batch.n_rows() {
            all.push((row as u32, None));
            let of_row = |variant: &&Candidate| variant.provenance.parents[0] == names.value(row);
            while let Some(variant) = variants.next_if(|variant| of_row(variant)) {
                all.push((row as u32, Some(variant)));
            }
        }
        let indices = UInt32Array::from_iter_values(all.iter().map(|(row, _)| *row));
        let mut columns: Vec<ArrayRef> = take_record_batch(batch.batch(), &indices)?.columns().to_vec();
        let texts = arrow_cast::cast(&columns[self.text], &DataType::Utf8)?;
        let texts = texts.as_string::<i32>();
        let text = all.iter().enumerate().map(|(at, (_, variant))| match variant {
            Some(variant) => Some(variant.text.as_str()),
            None => texts.is_valid(at).then(|| texts.value(at)),
        });
        columns[self.text] = Arc::new(text.collect::<StringArray>());
        let id = all.iter().map(|(row, variant)| variant.map_or(names.value(*row as usize), |v| v.id.as_str()));
        let id: ArrayRef = Arc::new(StringArray::from_iter_values(id));
        match self.id {
            Some(at) => columns[at] = id,
            None => columns.insert(0, id),
        }
        let provenance: Vec<Option<&Provenance>> =
            all.iter().map(|(_, variant)| variant.map(|variant| &variant.provenance)).collect();
        columns.extend(provenance_column(&provenance)?.batch().columns().iter().cloned());
        Ok(Dataset::new(RecordBatch::try_new(Arc::clone(&self.schema), columns)?))
    }
}

/// How many records have each label, before and after.
#[derive(Default)]
struct Labels(BTreeMap<String, [u64; 2]>);

impl Labels {
    fn count(&mut self, before: &Dataset, after: &Dataset, field: Option<&str>) {
        let Some(field) = field else { return };
        for (at, records) in [before, after].into_iter().enumerate() {
            let Some(column) = records.column(field) else { return };
            for row in 0..records.n_rows() {
                let label = column.value(row).map_or_else(|| "-".to_owned(), |value| value.to_string());
                self.0.entry(label).or_default()[at] += 1;
            }
        }
    }
}

fn describe(summary: &Summary) -> String {
    let mut text = format!(
        "{}, {} made, {} kept",
        counted(summary.records, "record", "records"),
        counted(summary.made, "variant", "variants"),
        summary.kept
    );
    if summary.unchanged > 0 {
        text.push_str(&format!("\n{} could not be changed", counted(summary.unchanged, "record", "records")));
        if let Some(why) = &summary.first_failure {
            text.push_str(&format!(", the first: {why}"));
        }
    }
    let total = |at: usize| -> u64 {
        summary.labels.iter().map(|label| if at == 0 { label.before } else { label.after }).sum()
    };
    if !summary.labels.is_empty() {
        let mut table = plain(&["label", "before", "share", "after", "share"], 1);
        let share = |part: u64, of: u64| format!("{:.1} %", 100.0 * part as f64 / of.max(1) as f64);
        for label in &summary.labels {
            table.add_row([
                label.label.clone(),
                label.before.to_string(),
                share(label.before, total(0)),
                label.after.to_string(),
                share(label.after, total(1)),
            ]);
        }
        text.push_str(&format!("\n{}", trimmed(&table).trim_end()));
    }
    if summary.out != Path::new("-") {
        text.push_str(&format!("\nwrote {}", summary.out.display()));
    }
    text
}
