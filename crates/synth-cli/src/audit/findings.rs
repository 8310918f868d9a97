//! What an audit finds.

use anyhow::{Context, Result};
use ndarray::{Array2, Axis};
use serde::Serialize;
use synth::audit::{
    CopyGroups, CopyGroupsBuilder, IsolationForest, IsolationForestSettings, LabelScore, LabeledProbs, Neighbours,
    QualityScore, SelectionRule, copies_of_texts, cosine_pairs, evenness, label_drift, label_order,
    likely_cosine_pairs, local_outlier_factors, odd_texts, weak_slices,
};
use synth::core::{ClassId, ClassSet};
use synth::io::gold::GoldColumn;
use synth::io::{Reader, Vectors};
use synth::learn::{Evaluation, FeatureSpec, Features, TextSpec, Trainer, one_hot};

use super::pictures::is_picture;
use super::records::Records;
use crate::args::AuditArgs;
use crate::config::Config;
use crate::errors::{hinted, unboxed};
use crate::generation::material::{record_args, values};
use crate::inputs;
use crate::progress::Progress;

/// Everything that was found; what `--json` prints.
#[derive(Serialize)]
pub struct Findings {
    pub version: u32,
    pub records: usize,
    pub labelled: usize,
    pub quality: f64,
    /// How the quality comes to be.
    pub formula: String,
    /// How often each class is a label, in their order.
    pub classes: Vec<ClassCount>,
    pub labels: Option<LabelFindings>,
    pub copies: Option<CopyFindings>,
    pub outliers: Option<OutlierFindings>,
    pub odd_texts: Vec<Odd>,
    /// Fields that some records lack.
    pub missing: Vec<Missing>,
    pub order: Option<Order>,
    pub weak: Vec<Weak>,
    pub drift: Option<Drift>,
    /// What was not looked at, and why.
    pub skipped: Vec<String>,
}

#[derive(Serialize)]
pub struct ClassCount {
    pub name: String,
    pub n: u64,
    /// Fewer than a tenth of an even share, or than 10.
    pub is_rare: bool,
}

#[derive(Serialize)]
pub struct LabelFindings {
    /// Whose probabilities.
    pub probabilities: String,
    pub rule: &'static str,
    pub score: &'static str,
    /// The share of labels that are likely right.
    pub health: f64,
    /// The likeliest wrong first.
    pub errors: Vec<LabelError>,
    pub by_class: Vec<ClassHealth>,
    pub pairs: Vec<Pair>,
    /// The probabilities beside the labels.
    pub evaluation: Evaluation,
    /// How many labels have a score in each twentieth from 0 to 1.
    pub histogram: Vec<u64>,
}

#[derive(Serialize)]
pub struct LabelError {
    pub row: usize,
    pub id: String,
    pub label: String,
    /// The most probable class.
    pub suggested: String,
    /// How likely the label is right, from 0 to 1.
    pub score: f64,
    /// How probable the label and the suggested class are.
    pub probabilities: [f64; 2],
}

#[derive(Serialize)]
pub struct ClassHealth {
    pub class: String,
    pub labels: u64,
    pub wrong: u64,
    pub label_noise: f64,
    pub missed: u64,
}

#[derive(Serialize)]
pub struct Pair {
    pub label: String,
    pub class: String,
    pub n: u64,
}

#[derive(Serialize)]
pub struct CopyFindings {
    /// What copies are alike in.
    pub by: &'static str,
    pub at_least: f64,
    /// Records that would go if one of each group stayed.
    pub extra: usize,
    /// Ids of records that are copies of one another.
    pub groups: Vec<Vec<String>>,
    /// Groups whose records have different labels.
    pub conflicts: Vec<Vec<String>>,
    /// Groups whose records are in different splits.
    pub leaks: Vec<Vec<String>>,
    #[serde(skip)]
    pub joined: CopyGroups,
}

#[derive(Serialize)]
pub struct OutlierFindings {
    pub by: String,
    /// The farthest out first.
    pub rows: Vec<Outlier>,
}

#[derive(Serialize)]
pub struct Outlier {
    pub row: usize,
    pub id: String,
    pub score: f64,
}

#[derive(Serialize)]
pub struct Odd {
    pub row: usize,
    pub id: String,
    pub what: &'static str,
}

#[derive(Serialize)]
pub struct Missing {
    pub field: String,
    pub n: u64,
}

#[derive(Serialize)]
pub struct Order {
    pub runs: usize,
    pub expected: f64,
    pub deviations: f64,
    /// Whether the order tells the labels.
    pub is_sorted: bool,
}

#[derive(Serialize)]
pub struct Weak {
    pub field: String,
    pub value: String,
    pub n: usize,
    pub accuracy: f64,
    pub deviations: f64,
}

#[derive(Serialize)]
pub struct Drift {
    pub distance: f64,
    pub deviations: f64,
    /// Whether it is more than chance.
    pub is_drift: bool,
}

/// So many standard deviations are no chance.
const NO_CHANCE: f64 = 4.0;
/// More points than can be compared with one another.
const MANY_POINTS: usize = 50_000;

impl Findings {
    pub fn of(args: &AuditArgs, records: &Records, reader: &Reader, progress: &Progress) -> Result<Self> {
        let mut skipped = Vec::new();
        let labelled: Vec<usize> = (0..records.n_rows()).filter(|row| records.labels[*row].is_some()).collect();
        let counts = counts(&records.labels, records.classes.len());
        let copies = copies(args, records, &mut skipped)?;
        let labels = labels(args, records, &labelled, reader, progress, &mut skipped)?;
        let weak = labels.as_ref().map(|(_, is_right)| weak(records, &labelled, is_right)).unwrap_or_default();
        let labels = labels.map(|(labels, _)| labels);
        let outliers = outliers(args, records, &mut skipped)?;
        let texts: Vec<Option<&str>> = records.texts.iter().map(Option::as_deref).collect();
        let odd = if records.text_field.is_some() { odd_texts(&texts) } else { Vec::new() };
        let mut odd_texts: Vec<Odd> = odd
            .into_iter()
            .map(|odd| Odd { row: odd.row, id: records.ids[odd.row].clone(), what: odd.what.name() })
            .collect();
        for (row, path) in records.pictures.iter().enumerate() {
            progress.check()?;
            let is_picture = path.as_deref().is_some_and(is_picture);
            if !is_picture {
                odd_texts.push(Odd { row, id: records.ids[row].clone(), what: "no picture" });
            }
        }
        let numbers: Vec<usize> = records.labels.iter().flatten().map(|class| class.index()).collect();
        let order = label_order(&numbers).map(|order| Order {
            runs: order.runs,
            expected: order.expected,
            deviations: order.sorted,
            is_sorted: order.sorted >= NO_CHANCE,
        });
        let n = records.n_rows();
        let cells = (n * records.missing.len()).max(1) as f64;
        let lacking: u64 = records.missing.iter().map(|(_, n)| n).sum();
        let mut parts = vec![("completeness", 1.0 - lacking as f64 / cells), ("balance", evenness(&counts))];
        if let Some(copies) = &copies {
            parts.push(("uniqueness", 1.0 - copies.extra as f64 / n as f64));
        }
        if let Some(labels) = &labels {
            parts.push(("label quality", labels.health));
        }
        let quality = QualityScore::of(parts);
        let even = labelled.len() as f64 / records.classes.len() as f64;
        let class = |(name, n): (&String, &u64)| ClassCount {
            name: name.clone(),
            n: *n,
            is_rare: *n < 10 || (*n as f64) < even / 10.0,
        };
        Ok(Self {
            version: 1,
            records: n,
            labelled: labelled.len(),
            quality: quality.score,
            formula: quality.formula(),
            classes: records.classes.names().iter().zip(&counts).map(class).collect(),
            labels,
            copies,
            outliers,
            odd_texts,
            missing: records
                .missing
                .iter()
                .filter(|(_, n)| *n > 0)
                .map(|(field, n)| Missing { field: field.clone(), n: *n })
                .collect(),
            order,
            weak,
            drift: drift(args, records, &counts, progress)?,
            skipped,
        })
    }

    /// Whether anything should be looked at.
    pub fn is_clean(&self) -> bool {
        self.labels.as_ref().is_none_or(|labels| labels.errors.is_empty())
            && self.copies.as_ref().is_none_or(|copies| copies.groups.is_empty())
            && self.outliers.as_ref().is_none_or(|outliers| outliers.rows.is_empty())
            && self.odd_texts.is_empty()
            && self.missing.is_empty()
            && self.weak.is_empty()
            && self.order.as_ref().is_none_or(|order| !order.is_sorted)
            && self.drift.as_ref().is_none_or(|drift| !drift.is_drift)
            && self.classes.iter().all(|class| !class.is_rare)
    }
}

fn counts(labels: &[Option<ClassId>], n_classes: usize) -> Vec<u64> {
    let mut counts = vec![0; n_classes];
    labels.iter().flatten().for_each(|class| counts[class.index()] += 1);
    counts
}

/// Probabilities of all records by a model that has not seen them, and whose they are; `None` where there is nothing to
/// learn from.
fn probabilities(
    args: &AuditArgs,
    records: &Records,
    reader: &Reader,
    progress: &Progress,
) -> Result<Option<(Array2<f64>, String)>> {
    if let Some(path) = &args.probs {
        let probs = Vectors::open("probs", path)?.all()?;
        let (n, k) = (records.n_rows(), records.classes.len());
        if probs.dim() != (n, k) {
            return Err(hinted(
                format!(
                    "`{}` is {} x {}, expected {n} records x {k} classes",
                    path.display(),
                    probs.nrows(),
                    probs.ncols()
                ),
                format!(
                    "the classes are {}; others, or another order, are given by --classes",
                    records.classes.names().join(", ")
                ),
            ));
        }
        return Ok(Some((probs, path.display().to_string())));
    }
    const VECTORS: &str = "vectors";
    let vectors: Vec<_> = args.vectors.iter().map(|path| (VECTORS.to_owned(), path.clone())).collect();
    let spec = FeatureSpec {
        texts: records.text_field.iter().map(TextSpec::of).collect(),
        numbers: args.number.clone(),
        categories: args.category.clone(),
        embeddings: vectors.iter().map(|(field, _)| field.clone()).collect(),
    };
    if spec.fields().is_empty() {
        return Ok(None);
    }
    let is_labelled = |row: u64| records.labels[row as usize].is_some();
    let features = Features::fit(spec, inputs::with_vectors(reader, &vectors, progress)?, is_labelled)?;
    let matrix = features.of_batches(inputs::with_vectors(reader, &vectors, progress)?)?;
    let targets = one_hot(&records.labels, records.classes.len())?;
    let weights: Vec<f64> = records.labels.iter().map(|label| f64::from(u8::from(label.is_some()))).collect();
    let trainer = Trainer { seed: args.seed, ..Trainer::default() };
    let training = trainer.train(&matrix, targets.view(), &weights, progress)?;
    Ok(Some((training.out_of_fold(), format!("cross-validation, {} folds", trainer.n_folds))))
}

/// What is found of labels, and of each labelled record whether its label is the predicted one.
fn labels(
    args: &AuditArgs,
    records: &Records,
    labelled: &[usize],
    reader: &Reader,
    progress: &Progress,
    skipped: &mut Vec<String>,
) -> Result<Option<(LabelFindings, Vec<bool>)>> {
    if records.classes.len() < 2 {
        skipped.push("label errors: all records have the same label".to_owned());
        return Ok(None);
    }
    let Some((probs, source)) = probabilities(args, records, reader, progress)? else {
        skipped.push(
            "label errors: there is nothing to learn from; name --text, --number, --category, --vectors or --probs"
                .to_owned(),
        );
        return Ok(None);
    };
    let given: Vec<ClassId> = records.labels.iter().flatten().copied().collect();
    let probs = probs.select(Axis(0), labelled);
    let labeled = LabeledProbs::new(&given, probs.view())
        .map_err(|error| located(error, labelled))
        .context("cannot judge labels by these probabilities")?;
    let evaluation = Evaluation::of(probs.view(), &given, args.seed)?;
    // What a classifier loses that knows nothing but how common each label is.
    let shares = counts(&records.labels, records.classes.len()).into_iter().map(|n| n as f64 / given.len() as f64);
    let ignorant: f64 = shares.filter(|share| *share > 0.0).map(|share| -share * share.ln()).sum();
    if args.probs.is_none() && evaluation.log_loss > ignorant - 1e-3 {
        skipped.push(format!(
            "label errors: a classifier learns nothing that it can use for records that it has not seen: it loses {:.3} on \
             each, and who knows nothing but how common each label is {ignorant:.3}; name other fields to learn from, or \
             probabilities: --probs",
            evaluation.log_loss
        ));
        return Ok(None);
    }
    let (rule, score) = (SelectionRule::from(args.rule), LabelScore::from(args.score));
    let joint = labeled.confident_joint();
    let ranked = labeled.ranked(&labeled.label_errors(&joint, rule), score);
    let error = |at: usize| {
        let (row, suggested) = (labelled[at], labeled.predicted(at));
        LabelError {
            row,
            id: records.ids[row].clone(),
            label: records.name(given[at]).to_owned(),
            suggested: records.name(suggested).to_owned(),
            score: labeled.score(at, score),
            probabilities: [probs[[at, given[at].index()]], probs[[at, suggested.index()]]],
        }
    };
    let mut histogram = vec![0; 20];
    for score in labeled.scores(score) {
        histogram[((score * 20.0) as usize).min(19)] += 1;
    }
    let health = joint.health();
    let name = |class: ClassId| records.name(class).to_owned();
    let findings = LabelFindings {
        probabilities: source,
        rule: rule.name(),
        score: score.name(),
        health: health.score,
        errors: ranked.into_iter().map(error).collect(),
        by_class: health
            .classes
            .iter()
            .map(|class| ClassHealth {
                class: name(class.class),
                labels: class.n_labels,
                wrong: class.n_wrong,
                label_noise: class.label_noise,
                missed: class.n_missed,
            })
            .collect(),
        pairs: health
            .pairs
            .iter()
            .map(|pair| Pair { label: name(pair.label), class: name(pair.class), n: pair.n })
            .collect(),
        evaluation,
        histogram,
    };
    let is_right = (0..given.len()).map(|at| labeled.predicted(at) == given[at]).collect();
    Ok(Some((findings, is_right)))
}

/// An error that names the row of a record, not its place among labelled ones.
fn located(error: synth::audit::AuditError, labelled: &[usize]) -> synth::audit::AuditError {
    use synth::audit::AuditError;

    match error {
        AuditError::NotAProbability { row, value } => AuditError::NotAProbability { row: labelled[row], value },
        AuditError::NotADistribution { row, sum } => AuditError::NotADistribution { row: labelled[row], sum },
        other => other,
    }
}

fn copies(args: &AuditArgs, records: &Records, skipped: &mut Vec<String>) -> Result<Option<CopyFindings>> {
    let n = records.n_rows();
    let (by, at_least, groups) = if let Some(vectors) = &records.vectors {
        let mut joined = CopyGroupsBuilder::new(n);
        let add = |one, other, _| joined.join(one, other);
        match n <= MANY_POINTS {
            true => cosine_pairs(vectors.view(), args.cosine, add)?,
            false => likely_cosine_pairs(vectors.view(), args.cosine, args.seed, add)?,
        }
        ("vectors", args.cosine, joined.finish())
    } else if records.text_field.is_some() {
        let texts: Vec<&str> = records.texts.iter().map(|text| text.as_deref().unwrap_or_default()).collect();
        let copies = copies_of_texts(&texts, args.similarity)?;
        ("texts", args.similarity, CopyGroups::of(n, copies.iter().map(|copy| (copy.of, copy.row))))
    } else {
        skipped.push("near copies: there are no texts and no --vectors".to_owned());
        return Ok(None);
    };
    let ids = |groups: Vec<&[usize]>| -> Vec<Vec<String>> {
        groups.into_iter().map(|group| group.iter().map(|row| records.ids[*row].clone()).collect()).collect()
    };
    Ok(Some(CopyFindings {
        by,
        at_least,
        extra: groups.n_extra(),
        groups: ids(groups.groups().iter().map(Vec::as_slice).collect()),
        conflicts: ids(groups.mixed(&records.labels)),
        leaks: records.split.as_ref().map(|split| ids(groups.mixed(split))).unwrap_or_default(),
        joined: groups,
    }))
}

/// Outliers among vectors by the density around them, or, of many of them and of numbers, by how soon they are alone.
fn outliers(args: &AuditArgs, records: &Records, skipped: &mut Vec<String>) -> Result<Option<OutlierFindings>> {
    let (scores, least, by) = match &records.vectors {
        Some(vectors) if (3..=MANY_POINTS).contains(&vectors.nrows()) => {
            let k = 20.min(vectors.nrows() - 1);
            let factors = local_outlier_factors(&Neighbours::of(vectors.view(), k)?);
            (factors, 1.5, format!("local outlier factor of the vectors, {k} neighbours, above 1.5"))
        }
        Some(vectors) => (forest(vectors, args.seed)?, 0.65, "isolation forest of the vectors, above .65".to_owned()),
        None if !args.number.is_empty() => {
            let missing = records.numbers.iter().filter(|x| !x.is_finite()).count();
            if missing > 0 {
                skipped.push(format!("outliers: {missing} numbers are missing in {}", args.number.join(", ")));
                return Ok(None);
            }
            (
                forest(&records.numbers, args.seed)?,
                0.65,
                format!("isolation forest of {}, above .65", args.number.join(", ")),
            )
        }
        None => {
            skipped.push("outliers: there are no --vectors and no --number".to_owned());
            return Ok(None);
        }
    };
    let mut rows: Vec<Outlier> = scores
        .into_iter()
        .enumerate()
        .filter(|(_, score)| *score > least)
        .map(|(row, score)| Outlier { row, id: records.ids[row].clone(), score })
        .collect();
    rows.sort_by(|a, b| b.score.total_cmp(&a.score).then(a.row.cmp(&b.row)));
    Ok(Some(OutlierFindings { by, rows }))
}

fn forest(points: &Array2<f64>, seed: u64) -> Result<Vec<f64>> {
    let settings = IsolationForestSettings { seed, ..IsolationForestSettings::default() };
    Ok(IsolationForest::of(points.view(), &settings)?.scores(points.view())?)
}

/// Where the prediction is wrong more often than elsewhere: by the fields of --category, the split and the label.
fn weak(records: &Records, labelled: &[usize], is_right: &[bool]) -> Vec<Weak> {
    let mut fields: Vec<(&str, Vec<Option<&str>>)> = Vec::new();
    fn of<'a>(all: &'a [Option<String>], labelled: &[usize]) -> Vec<Option<&'a str>> {
        labelled.iter().map(|row| all[*row].as_deref()).collect()
    }
    fields.extend(records.split.as_deref().map(|split| ("split", of(split, labelled))));
    fields.extend(records.categories.iter().map(|(field, all)| (field.as_str(), of(all, labelled))));
    let labels = labelled.iter().map(|row| records.labels[*row].map(|class| records.name(class))).collect();
    fields.push((&records.label_field, labels));
    let weak = |(field, keys): (&str, Vec<Option<&str>>)| -> Vec<Weak> {
        weak_slices(&keys, is_right)
            .into_iter()
            .map(|slice| Weak {
                field: field.to_owned(),
                value: slice.key,
                n: slice.n,
                accuracy: slice.accuracy,
                deviations: slice.deviations,
            })
            .collect()
    };
    fields.into_iter().flat_map(weak).collect()
}

fn drift(args: &AuditArgs, records: &Records, counts_now: &[u64], progress: &Progress) -> Result<Option<Drift>> {
    let Some(path) = &args.before else { return Ok(None) };
    let before = record_args(std::slice::from_ref(path), None);
    let reader = inputs::reader(&before, &Config::default(), None, progress)?;
    let all = match args.classes.is_empty() {
        // Labels that are gone, and new ones.
        true => {
            let mut names = values(&reader, &records.label_field)?;
            names.extend(records.classes.names().iter().cloned());
            ClassSet::new(names)?
        }
        // They may be numbers of these.
        false => records.classes.clone(),
    };
    let gold = GoldColumn::find(&reader.schema(), &records.label_field, &all)?;
    let mut labels = Vec::new();
    for batch in inputs::with_vectors(&reader, &[], progress)? {
        labels.extend(gold.labels(&batch.map_err(unboxed)?)?);
    }
    let mut now = vec![0; all.len()];
    for (name, n) in records.classes.names().iter().zip(counts_now) {
        if let Some(class) = all.id(name) {
            now[class.index()] = *n;
        }
    }
    let drift = label_drift(&counts(&labels, all.len()), &now)
        .with_context(|| format!("cannot compare with `{}`", path.display()))?;
    Ok(Some(Drift { distance: drift.distance, deviations: drift.deviations, is_drift: drift.deviations >= NO_CHANCE }))
}
