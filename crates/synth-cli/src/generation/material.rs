//! The user's texts, their classes, and what judges texts by them.

use std::collections::{BTreeMap, BTreeSet, HashSet};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::Result;
use arrow_schema::Schema;
use synth::core::{BoxError, ClassId, ClassSet, Dataset, Embed, Predict, SoftLabels, Value, is_text};
use synth::generate::{GenerateError, Source, Sources, TextRecords};
use synth::io::Reader;
use synth::io::gold::GoldColumn;
use synth::io::ids::IdColumn;
use synth::label::FittedModel;
use synth::learn::Classifier;
use synth::lf::LfSet;
use synth::{FeatureEmbed, WeakLabeler, batches};

use super::Backend;
use super::chain::check;
use crate::args::{MaterialArgs, ModelArgs, RecordArgs};
use crate::config::{Config, or_file};
use crate::errors::{hinted, unboxed};
use crate::inputs;
use crate::progress::{Interrupts, Progress};

/// Everything that is known before anything is made.
pub struct Material {
    pub classes: ClassSet,
    /// The field of the text.
    pub text_field: String,
    /// Texts as records like the user's.
    pub records: TextRecords,
    pub sources: Sources,
    /// Ids and texts of the evaluation sets.
    pub evaluation: Vec<(String, String)>,
    /// Labeling functions with their label model.
    pub functions: Option<Arc<WeakLabeler<FittedModel>>>,
    /// A classifier.
    pub model: Option<Arc<dyn Predict>>,
}

/// Of soft labels, only those this sure tell the class of an example.
const SURE: f64 = 0.8;

/// Coordinates of texts, in which Fréchet distances are taken.
const DIM: usize = 32;

/// What can be read and checked without asking a model, so that mistakes are found before anything is paid for.
pub struct Prepared {
    material: Material,
    functions: Option<LfSet>,
    reader: Option<Reader>,
    id: Option<String>,
    gold: Option<String>,
    /// The texts of the files of labeling functions.
    sources: Vec<String>,
}

impl Prepared {
    /// Reads the user's records and what belongs to them; `named` are classes, each with the flag that names it.
    pub fn load(args: &MaterialArgs, named: &[(&str, &str)], config: &Config, progress: &Progress) -> Result<Self> {
        let id = args.id.as_deref().or(config.data.id.as_deref());
        let files = or_file(&args.from, &config.data.files);
        let reader = match files.is_empty() {
            true => None,
            false => Some(inputs::reader(&record_args(&files, args.id.clone()), config, None, progress)?),
        };
        let schema = reader.as_ref().map(|reader| reader.schema());
        let gold = args
            .gold
            .field(config)
            .filter(|field| args.gold.gold.is_some() || schema.as_ref().is_some_and(|schema| has_field(schema, field)));
        let written = args.text.as_deref().or(config.generate.text.as_deref());
        let text_field = match &schema {
            Some(schema) => text_field(schema, written, &[id, gold])?,
            None => written.unwrap_or("text").to_owned(),
        };
        let records = match &schema {
            Some(schema) => TextRecords::new(Arc::clone(schema), &text_field)?,
            None => TextRecords::of_field(&text_field),
        };
        let (functions, sources) = functions(args, config, progress)?;
        if functions.is_some() && reader.is_none() {
            return Err(hinted(
                "labeling functions need records to learn how far each can be trusted",
                "name yours: --from records.jsonl",
            ));
        }
        let folder = args.model.as_ref().or(config.generate.model.as_ref());
        check(&args.filters, &config.filters, functions.is_some(), folder.is_some())?;
        let model =
            folder.map(|folder| Classifier::load(folder)).transpose()?.map(|model| Arc::new(model) as Arc<dyn Predict>);
        let of_functions = functions.as_ref().map(LfSet::classes);
        let of_model = model.as_deref().map(|model| model.classes());
        let classes = classes(args, config, of_functions, of_model, reader.as_ref(), gold, named)?;
        for (flag, name) in named {
            known(&classes, flag, name)?;
        }
        for name in config.generate.classes.keys() {
            known(&classes, "[generate.classes]", name)?;
        }
        let mut evaluation =
            evaluation(&or_file(&args.exclude, &config.generate.exclude), &text_field, config, progress)?;
        if let Some(reader) = &reader {
            evaluation.extend(held_out(reader, id, &text_field)?);
        }
        let material =
            Material { classes, text_field, records, sources: Sources::default(), evaluation, functions: None, model };
        let (id, gold) = (id.map(str::to_owned), gold.map(str::to_owned));
        Ok(Self { material, functions, reader, id, gold, sources })
    }

    pub fn classes(&self) -> &ClassSet {
        &self.material.classes
    }

    pub fn text_field(&self) -> &str {
        &self.material.text_field
    }

    /// Whether there are functions that ask a model.
    pub fn asks(&self) -> bool {
        self.functions.as_ref().is_some_and(|set| set.prompted().next().is_some())
    }

    /// A hash of everything that decides what prompts show: records, what is known of their classes, functions.
    pub fn digest(&self) -> Result<String> {
        let mut hasher = blake3::Hasher::new();
        let mut add = |part: &str| {
            hasher.update(&(part.len() as u64).to_le_bytes());
            hasher.update(part.as_bytes());
        };
        self.sources.iter().for_each(|text| add(text));
        self.material.evaluation.iter().for_each(|(_, text)| add(text));
        if let Some(reader) = &self.reader {
            let ids = IdColumn::find(&reader.schema(), self.id.as_deref())?;
            let fields = [Some(self.text_field()), self.gold.as_deref(), Some("label"), Some("confidence")];
            for batch in batches(reader)? {
                let batch = batch.map_err(unboxed)?;
                let names = ids.ids(&batch)?;
                let columns: Vec<_> = fields.iter().flatten().filter_map(|field| batch.column(field)).collect();
                for row in 0..batch.n_rows() {
                    add(names.value(row));
                    for column in &columns {
                        add(&column.value(row).map_or_else(String::new, |value| value.to_string()));
                    }
                }
            }
        }
        Ok(hasher.finalize().to_hex().to_string())
    }

    /// The material, with what labeling functions know. Without a back end those that ask a model know nothing.
    pub fn finish(self, backend: Option<&Backend<'_>>, config: &Config, progress: &Progress) -> Result<Material> {
        let mut material = self.material;
        let Some(reader) = &self.reader else { return Ok(material) };
        let (id, gold) = (self.id.as_deref(), self.gold.as_deref());
        if let Some(mut set) = self.functions {
            let asks = set.prompted().next().is_some();
            if let Some(backend) = backend.filter(|_| asks) {
                backend.bind(&mut set)?;
            }
            if !asks || backend.is_some() {
                material.functions = Some(Arc::new(fitted(set, reader, id, gold, config, progress)?));
            }
        }
        material.sources = material.read(reader, id, gold)?;
        Ok(material)
    }
}

impl Material {
    /// What tells the class of a text: the classifier, or else the labeling functions.
    pub fn predictor(&self) -> Option<Arc<dyn Predict>> {
        let functions = || self.functions.clone().map(|functions| functions as Arc<dyn Predict>);
        self.model.clone().or_else(functions)
    }

    /// What the predictor says of texts; `None` for those it knows nothing of.
    pub fn predict(&self, texts: &[&str]) -> Result<Vec<Option<Vec<f64>>>> {
        let Some(predictor) = self.predictor() else { return Ok(vec![None; texts.len()]) };
        let soft = match predictor.predict(&self.records.dataset(texts)) {
            // What there is no money, or nobody, to ask is not known.
            Err(error) if GenerateError::budget_in(&*error).is_some() || GenerateError::is_of_generator(&*error) => {
                return Ok(vec![None; texts.len()]);
            }
            soft => soft.map_err(unboxed)?,
        };
        // A classifier always knows something.
        let known = |row: usize| self.model.is_some() || soft.covered(row);
        Ok((0..soft.n_rows()).map(|row| known(row).then(|| soft.probs(row).to_vec())).collect())
    }

    /// Coordinates for Fréchet distances, by the words of all real texts; `None` without texts.
    pub fn embed(&self) -> Result<Option<Arc<dyn Embed>>> {
        let texts: Vec<&str> = self.sources.all().iter().map(|source| source.text.as_str()).collect();
        if texts.iter().all(|text| text.trim().is_empty()) {
            return Ok(None);
        }
        let embed = FeatureEmbed::of_texts(&self.text_field, &self.records.dataset(&texts), DIM);
        Ok(Some(Arc::new(embed.map_err(unboxed)?)))
    }

    /// The real texts of each class, and all of them under `None`.
    pub fn real(&self) -> BTreeMap<Option<ClassId>, Vec<String>> {
        let mut real: BTreeMap<Option<ClassId>, Vec<String>> = BTreeMap::new();
        for source in self.sources.all() {
            real.entry(None).or_default().push(source.text.clone());
            if source.class.is_some() {
                real.entry(source.class).or_default().push(source.text.clone());
            }
        }
        real
    }

    /// The texts with what is known of their classes: gold, else soft labels that stand beside them, else what the
    /// predictor says. Texts of evaluation sets are left out.
    fn read(&self, reader: &Reader, id: Option<&str>, gold: Option<&str>) -> Result<Sources> {
        let schema = reader.schema();
        let ids = IdColumn::find(&schema, id)?;
        let gold = gold.map(|field| GoldColumn::find(&schema, field, &self.classes)).transpose()?;
        let written = written_labels(&schema).then(|| GoldColumn::find(&schema, "label", &self.classes)).transpose()?;
        let hidden: HashSet<String> = self.evaluation.iter().map(|(_, text)| normal(text)).collect();
        let mut all = Vec::new();
        for batch in batches(reader)? {
            let batch = batch.map_err(unboxed)?;
            let Some(texts) = batch.column(&self.text_field) else { continue };
            let names = ids.ids(&batch)?;
            let mut labels = vec![None; batch.n_rows()];
            if let Some(gold) = &gold {
                labels = gold.labels(&batch)?;
            }
            if let Some(written) = &written {
                fill(&mut labels, sure(&batch, written.labels(&batch)?));
            }
            if labels.iter().any(Option::is_none) {
                fill(&mut labels, self.predicted(&batch).map_err(unboxed)?);
            }
            let probs = batch.column("probs").filter(|_| written.is_some());
            for (row, class) in labels.into_iter().enumerate() {
                let Some(text) = texts.text(row).filter(|text| !text.trim().is_empty()) else { continue };
                if hidden.contains(&normal(text)) {
                    continue;
                }
                let probs = probs.as_ref().and_then(|probs| probs.vector(row));
                all.push(Source {
                    id: names.value(row).to_owned(),
                    text: text.to_owned(),
                    class,
                    probs: probs.filter(|probs| probs.len() == self.classes.len()),
                });
            }
        }
        Ok(Sources::new(all, self.classes.len()))
    }

    fn predicted(&self, batch: &Dataset) -> Result<Vec<Option<ClassId>>, BoxError> {
        let Some(predictor) = self.predictor() else { return Ok(vec![None; batch.n_rows()]) };
        let soft: SoftLabels = predictor.predict(batch)?;
        let class = |row| (soft.covered(row) && soft.confidence(row) >= SURE).then(|| soft.label(row));
        Ok((0..batch.n_rows()).map(class).collect())
    }
}

/// What is not known yet, from elsewhere.
fn fill(labels: &mut [Option<ClassId>], others: Vec<Option<ClassId>>) {
    labels.iter_mut().zip(others).for_each(|(label, other)| *label = label.or(other));
}

/// The class of a name that a flag or a setting gives.
pub fn known(classes: &ClassSet, place: &str, name: &str) -> Result<ClassId> {
    classes.id(name).ok_or_else(|| {
        hinted(
            format!("{place}: there is no class `{name}`"),
            format!("the classes are {}", classes.names().join(", ")),
        )
    })
}

/// Flags that name these files.
pub fn record_args(files: &[PathBuf], id: Option<String>) -> RecordArgs {
    RecordArgs { data: files.to_vec(), stdin_format: None, id, skip_bad: false, bad_out: None }
}

/// A text without what does not make it another one: case and white space.
fn normal(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ").to_lowercase()
}

/// Whether there is such a field, or one that it may be within.
pub fn has_field(schema: &Schema, path: &str) -> bool {
    schema.column_with_name(path).is_some() || path.split('.').next().is_some_and(|top| schema.index_of(top).is_ok())
}

/// Whether soft labels of `synth label` stand beside the records.
fn written_labels(schema: &Schema) -> bool {
    ["label", "confidence", "n_votes"].iter().all(|name| schema.column_with_name(name).is_some())
}

/// Classes of soft labels that are sure.
fn sure(batch: &Dataset, labels: Vec<Option<ClassId>>) -> Vec<Option<ClassId>> {
    let confident = |row: usize| batch.row(row).number("confidence").is_some_and(|confidence| confidence >= SURE);
    labels.into_iter().enumerate().map(|(row, label)| label.filter(|_| confident(row))).collect()
}

/// The field of the text: the one that is named, else the only one that holds text, else `text`.
pub fn text_field(schema: &Schema, named: Option<&str>, not: &[Option<&str>]) -> Result<String> {
    const OURS: [&str; 8] = ["id", "label", "split", "wanted", "gold", "filter", "reason", "provenance"];
    let taken = |name: &str| OURS.contains(&name) || not.contains(&Some(name));
    let fields = schema.fields().iter().filter(|field| is_text(field.data_type()) && !taken(field.name()));
    let names: Vec<&str> = fields.map(|field| field.name().as_str()).collect();
    if let Some(named) = named {
        return match has_field(schema, named) {
            true => Ok(named.to_owned()),
            false => Err(hinted(
                format!("the records have no field `{named}`"),
                format!("fields of text: {}", if names.is_empty() { "none".to_owned() } else { names.join(", ") }),
            )),
        };
    }
    match names[..] {
        [only] => Ok(only.to_owned()),
        [] => Err(hinted("the records have no field of text", "name it: --text FIELD")),
        _ if names.contains(&"text") => Ok("text".to_owned()),
        _ => Err(hinted(
            format!("several fields hold text: {}", names.join(", ")),
            "name the one that matters: --text FIELD",
        )),
    }
}

/// The labeling functions, as they stand in their files; and the texts of these.
fn functions(args: &MaterialArgs, config: &Config, progress: &Progress) -> Result<(Option<LfSet>, Vec<String>)> {
    let paths = or_file(&args.lfs, &config.lfs.files);
    if paths.is_empty() {
        return Ok((None, Vec::new()));
    }
    let files = inputs::lf_files(&paths, &or_file(&args.classes, &config.lfs.classes), progress)?;
    let sources = files.sources.iter().map(|source| source.text.to_string());
    let sources = sources.chain(files.lists.iter().map(|(_, text)| text.clone())).collect();
    Ok((Some(inputs::lf_set(&files)?), sources))
}

/// Labeling functions with a label model that is fitted on the user's records.
fn fitted(
    set: LfSet,
    reader: &Reader,
    id: Option<&str>,
    gold: Option<&str>,
    config: &Config,
    progress: &Progress,
) -> Result<WeakLabeler<FittedModel>> {
    let votes = inputs::apply(&set, reader, id, gold, progress)?;
    let plain = ModelArgs { model: None, balance: None, seed: None };
    let fit = inputs::fit(&plain, config, votes.matrix.patterns(), &inputs::gold_rows(&votes)?)?;
    Ok(WeakLabeler::new(set, fit.model).watched_by(Arc::new(Interrupts)))
}

/// The classes: as functions, classifier, flags, settings or gold labels tell, in this order.
fn classes(
    args: &MaterialArgs,
    config: &Config,
    functions: Option<&ClassSet>,
    model: Option<&ClassSet>,
    reader: Option<&Reader>,
    gold: Option<&str>,
    named: &[(&str, &str)],
) -> Result<ClassSet> {
    if let (Some(functions), Some(model)) = (functions, model)
        && functions != model
    {
        return Err(hinted(
            format!(
                "the labeling functions have the classes {}, the classifier {}",
                functions.names().join(", "),
                model.names().join(", ")
            ),
            "they must be the same, in the same order",
        ));
    }
    if let Some(classes) = functions.or(model) {
        return Ok(classes.clone());
    }
    if let Some(given) = inputs::given_classes(&or_file(&args.classes, &config.lfs.classes))? {
        return Ok(given);
    }
    let mut found: BTreeSet<String> = named.iter().map(|(_, name)| (*name).to_owned()).collect();
    found.extend(config.generate.classes.keys().cloned());
    if let Some(reader) = reader {
        let written = written_labels(&reader.schema()).then_some("label");
        if let Some(field) = gold.or(written) {
            found = values(reader, field)?;
        }
    }
    if found.is_empty() && named.is_empty() {
        // Filters that go by no class need none; nobody sees this one.
        found.insert("-".to_owned());
    }
    Ok(ClassSet::new(found)?)
}

/// The values of a field for the split of a record that mean: not for training.
const HELD_OUT: [&str; 8] = ["test", "valid", "validation", "val", "dev", "eval", "evaluation", "holdout"];

/// Records that their field `split` keeps for evaluation: ids and texts.
fn held_out(reader: &Reader, id: Option<&str>, text_field: &str) -> Result<Vec<(String, String)>> {
    let schema = reader.schema();
    if schema.column_with_name("split").is_none() {
        return Ok(Vec::new());
    }
    let ids = IdColumn::find(&schema, id)?;
    let mut all = Vec::new();
    for batch in batches(reader)? {
        let batch = batch.map_err(unboxed)?;
        let names = ids.ids(&batch)?;
        let (Some(splits), Some(texts)) = (batch.column("split"), batch.column(text_field)) else { continue };
        let is_held_out = |&row: &usize| {
            splits.value(row).is_some_and(|split| HELD_OUT.contains(&&*split.to_string().to_lowercase()))
        };
        let text = |row: usize| Some((names.value(row).to_owned(), texts.text(row)?.to_owned()));
        all.extend((0..batch.n_rows()).filter(is_held_out).filter_map(text));
    }
    Ok(all)
}

/// The values of a field, as text; none where it does not exist.
pub fn values(reader: &Reader, field: &str) -> Result<BTreeSet<String>> {
    let mut found = BTreeSet::new();
    for batch in batches(reader)? {
        let batch = batch.map_err(unboxed)?;
        let Some(column) = batch.column(field) else { break };
        // A number that is none is no value: what pandas makes of a missing one.
        let is_there = |value: &Value<'_>| !matches!(value, Value::Number(number) if number.is_nan());
        let values = (0..batch.n_rows()).filter_map(|row| column.value(row)).filter(is_there);
        let names = values.map(|value| value.to_string());
        found.extend(names.filter(|name| !name.is_empty()));
    }
    Ok(found)
}

/// Ids and texts of evaluation sets.
fn evaluation(files: &[PathBuf], field: &str, config: &Config, progress: &Progress) -> Result<Vec<(String, String)>> {
    let mut all = Vec::new();
    for path in files {
        let reader = inputs::reader(&record_args(std::slice::from_ref(path), None), config, None, progress)?;
        let schema = reader.schema();
        let ids = IdColumn::find(&schema, None)?;
        let field = if has_field(&schema, field) { field.to_owned() } else { text_field(&schema, None, &[])? };
        for batch in batches(&reader)? {
            let batch = batch.map_err(unboxed)?;
            let names = ids.ids(&batch)?;
            let Some(texts) = batch.column(&field) else { continue };
            let name = file_name(path);
            let text = |row: usize| Some((format!("{name}: {}", names.value(row)), texts.text(row)?.to_owned()));
            all.extend((0..batch.n_rows()).filter_map(text));
        }
    }
    Ok(all)
}

fn file_name(path: &Path) -> String {
    path.file_name().unwrap_or(path.as_os_str()).to_string_lossy().into_owned()
}
