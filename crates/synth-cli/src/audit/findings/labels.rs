//! Which labels are likely wrong.

use std::path::Path;

use anyhow::{Context, Result};
use ndarray::{Array2, Axis};
use serde::Serialize;
use synth::audit::{AuditError, LabeledProbs, evenness};
use synth::core::ClassId;
use synth::io::{Format, Reader, Vectors, soft};
use synth::learn::{Evaluation, FeatureSpec, Features, TextSpec, Trainer, one_hot};

use crate::args::{AuditFields, LabelErrorArgs};
use crate::audit::records::Records;
use crate::errors::hinted;
use crate::inputs;
use crate::joined::Joined;
use crate::progress::Progress;

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
    /// Of each record whether its label is the most probable class.
    #[serde(skip)]
    pub agrees: Vec<bool>,
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
    /// The share of records that are truly of the class.
    pub prior: f64,
}

#[derive(Serialize)]
pub struct Pair {
    pub label: String,
    pub class: String,
    pub n: u64,
    /// How probable the label is for records of the class.
    pub noise: f64,
    /// How probable the class is for records with the label.
    pub inverse_noise: f64,
}

/// Labels beside the probabilities that they are judged by.
pub struct Judged {
    pub findings: LabelFindings,
    /// Of each labelled record whether its label is the predicted one.
    pub is_right: Vec<bool>,
    /// How probable each class is for each record, `[n, classes]`.
    pub probs: Array2<f64>,
}

/// Why labels are not judged.
pub enum NotJudged {
    OneClass,
    NoLabels,
    /// The records have no field to learn from that was found or named; why no text was.
    NoFields(String),
    /// What a classifier loses on records that it has not seen, and what it costs to know only the shares of labels.
    NothingLearned {
        log_loss: f64,
        ignorant: f64,
    },
}

impl NotJudged {
    /// Whether other fields would help.
    pub fn wants_fields(&self) -> bool {
        matches!(self, Self::NoFields(_) | Self::NothingLearned { .. })
    }
}

impl std::fmt::Display for NotJudged {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::OneClass => f.write_str("all records have the same label"),
            Self::NoLabels => f.write_str("no record has a label"),
            Self::NoFields(why) => write!(f, "{why}, and there is nothing else to learn from"),
            Self::NothingLearned { log_loss, ignorant } => write!(
                f,
                "a classifier learns nothing of use from these fields: its log-loss on records that it has not seen is \
                 {log_loss:.3}, and that of the mere shares of the labels {ignorant:.3}"
            ),
        }
    }
}

/// Judges labels; otherwise tells why they are not judged.
pub fn judge(
    args: &LabelErrorArgs,
    fields: &AuditFields,
    records: &Records,
    reader: &Reader,
    progress: &Progress,
) -> Result<Result<Judged, NotJudged>> {
    if records.classes.len() < 2 {
        return Ok(Err(NotJudged::OneClass));
    }
    let labelled = records.labelled();
    if labelled.is_empty() {
        return Ok(Err(NotJudged::NoLabels));
    }
    let Some((all, source)) = probabilities(args, fields, records, reader, progress)? else {
        return Ok(Err(NotJudged::NoFields(records.text_field.clone().err().unwrap_or_default())));
    };
    let given: Vec<ClassId> = records.labels.iter().flatten().copied().collect();
    let probs = all.select(Axis(0), &labelled);
    let labeled = LabeledProbs::new(&given, probs.view())
        .map_err(|error| located(error, &labelled))
        .context("cannot judge labels by these probabilities")?;
    let evaluation = Evaluation::of(probs.view(), &given, args.seed)?;
    // What a classifier loses that knows nothing but how common each label is: the entropy of their shares.
    let ignorant = evenness(&records.label_counts()) * (records.classes.len() as f64).ln();
    // Less than this is rounding, and what cross-validation varies by.
    const LEARNED: f64 = 1e-3;
    if args.probs.is_none() && evaluation.log_loss > ignorant - LEARNED {
        return Ok(Err(NotJudged::NothingLearned { log_loss: evaluation.log_loss, ignorant }));
    }
    let joint = labeled.confident_joint();
    let ranked = labeled.ranked(&labeled.label_errors(&joint, args.rule), args.score);
    let error = |at: usize| {
        let (row, suggested) = (labelled[at], labeled.predicted(at));
        LabelError {
            row,
            id: records.ids[row].clone(),
            label: records.name(given[at]).to_owned(),
            suggested: records.name(suggested).to_owned(),
            score: labeled.score(at, args.score),
            probabilities: [probs[[at, given[at].index()]], probs[[at, suggested.index()]]],
        }
    };
    let mut histogram = vec![0; 20];
    for score in labeled.scores(args.score) {
        histogram[((score * 20.0) as usize).min(19)] += 1;
    }
    let is_right: Vec<bool> = (0..given.len()).map(|at| labeled.agrees(at)).collect();
    let mut agrees = vec![false; records.n_rows()];
    labelled.iter().zip(&is_right).for_each(|(row, is_right)| agrees[*row] = *is_right);
    let (health, noise) = (joint.health(), joint.noise());
    let name = |class: ClassId| records.name(class).to_owned();
    let by_class = health.classes.iter().map(|class| ClassHealth {
        class: name(class.class),
        labels: class.n_labels,
        wrong: class.n_wrong,
        label_noise: class.label_noise,
        missed: class.n_missed,
        prior: noise.prior[class.class.index()],
    });
    let pairs = health.pairs.iter().map(|pair| Pair {
        label: name(pair.label),
        class: name(pair.class),
        n: pair.n,
        noise: noise.noise[[pair.label.index(), pair.class.index()]],
        inverse_noise: noise.inverse_noise[[pair.class.index(), pair.label.index()]],
    });
    let findings = LabelFindings {
        probabilities: source,
        rule: args.rule.name(),
        score: args.score.name(),
        health: health.score,
        errors: ranked.into_iter().map(error).collect(),
        by_class: by_class.collect(),
        pairs: pairs.collect(),
        evaluation,
        histogram,
        agrees,
    };
    Ok(Ok(Judged { findings, is_right, probs: all }))
}

/// Probabilities of all records by a model that has not seen them, and whose they are; `None` where there is nothing to
/// learn from.
fn probabilities(
    args: &LabelErrorArgs,
    fields: &AuditFields,
    records: &Records,
    reader: &Reader,
    progress: &Progress,
) -> Result<Option<(Array2<f64>, String)>> {
    if let Some(path) = &args.probs {
        return Ok(Some((given(path, records, reader)?, path.display().to_string())));
    }
    const VECTORS: &str = "vectors";
    let vectors: Vec<_> = fields.vectors.iter().map(|path| (VECTORS.to_owned(), path.clone())).collect();
    let spec = FeatureSpec {
        texts: records.text_field.iter().map(TextSpec::of).collect(),
        numbers: fields.number.clone(),
        categories: fields.category.clone(),
        embeddings: vectors.iter().map(|(field, _)| field.clone()).collect(),
    };
    if spec.fields().is_empty() {
        return Ok(None);
    }
    let is_labelled = |row: u64| records.labels[row as usize].is_some();
    let features = Features::fit(spec, inputs::with_vectors(reader, &vectors, progress)?, is_labelled)?;
    let matrix = features.of_batches(inputs::with_vectors(reader, &vectors, progress)?)?;
    let weights: Vec<f64> = records.labels.iter().map(|label| f64::from(u8::from(label.is_some()))).collect();
    let trainer = Trainer { seed: args.seed, ..Trainer::default() };
    let targets = match &records.targets {
        Some(targets) => targets,
        None => &one_hot(&records.labels, records.classes.len())?,
    };
    let training = trainer.train(&matrix, targets.view(), &weights, progress)?;
    Ok(Some((training.out_of_fold(), format!("cross-validation, {} folds", trainer.n_folds))))
}

/// Probabilities from a file: an array in the order of the records, or columns beside their ids.
fn given(path: &Path, records: &Records, reader: &Reader) -> Result<Array2<f64>> {
    let (n, k) = (records.n_rows(), records.classes.len());
    let in_order = || {
        format!(
            "the classes are {}; others, or another order, are given by --classes",
            records.classes.names().join(", ")
        )
    };
    if Format::of(path).0 == Some(Format::Npy) {
        let probs = Vectors::open("probs", path)?.all()?;
        if probs.dim() != (n, k) {
            let (rows, columns) = probs.dim();
            return Err(hinted(
                format!("`{}` is {rows} x {columns}, expected {n} records x {k} classes", path.display()),
                in_order(),
            ));
        }
        return Ok(probs);
    }
    let loaded = soft::load(path, Some(&records.classes), records.id_field.as_deref(), "")?;
    let joined = Joined::of(reader, records.id_field.as_deref(), None, loaded, path)?;
    let known = joined.weights(true);
    if let Some(row) = (0..n).find(|row| known[*row] == 0.0 && records.labels[*row].is_some()) {
        return Err(hinted(
            format!("`{}` has no probabilities for the record `{}`", path.display(), records.ids[row]),
            "predict these very records: synth predict --model MODEL --data RECORDS --out probs.parquet",
        ));
    }
    Ok(joined.targets())
}

/// An error that names the row of a record, not its place among labelled ones.
pub(super) fn located(error: AuditError, labelled: &[usize]) -> AuditError {
    match error {
        AuditError::NotAProbability { row, value } => AuditError::NotAProbability { row: labelled[row], value },
        AuditError::NotADistribution { row, sum } => AuditError::NotADistribution { row: labelled[row], sum },
        other => other,
    }
}
