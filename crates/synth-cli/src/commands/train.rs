//! `synth train`

use std::collections::HashMap;
use std::path::Path;
use std::process::ExitCode;

use anyhow::Result;
use ndarray::Array2;
use serde::Serialize;
use synth::batches;
use synth::core::{ClassId, Dataset, Event, Observer, SoftLabels, Stage};
use synth::io::gold::GoldColumn;
use synth::io::ids::{IdColumn, Unique};
use synth::io::{Reader, soft};
use synth::learn::{CalibratedOn, FeatureSpec, Features, TextSpec, Trainer, TrainingReport};

use crate::args::{Common, TrainArgs, TrainUncovered};
use crate::config::Config;
use crate::errors::hinted;
use crate::progress::Progress;
use crate::table::counted;
use crate::{inputs, output};

/// What `--json` prints.
#[derive(Serialize)]
struct Summary<'a> {
    version: u32,
    classes: &'a [String],
    n: usize,
    /// Records that are not learned from, as no function voted on them or they have no soft label.
    left_out: usize,
    report: &'a TrainingReport,
    model: &'a Path,
}

pub fn run(args: &TrainArgs, common: &Common, progress: &Progress) -> Result<ExitCode> {
    let config = Config::load(common)?;
    inputs::on_threads(common, || train(args, common, &config, progress))
}

fn train(args: &TrainArgs, common: &Common, config: &Config, progress: &Progress) -> Result<ExitCode> {
    if args.probs_out.as_deref() == Some(Path::new("-")) && common.json {
        return Err(hinted("`--probs-out -` and `--json` both go to stdout", "write the probabilities to a file"));
    }
    let reader = inputs::records(&args.records, config, progress)?;
    let id = args.records.id.as_deref().or(config.data.id.as_deref());
    let classes = inputs::given_classes(&args.classes)?;
    let labels = soft::load(&args.soft, classes.as_ref(), id, &args.prefix)?;
    let classes = labels.labels.classes().clone();
    let gold = args.records.gold.as_deref().map(|field| GoldColumn::find(&reader.schema(), field, &classes));
    let joined = Joined::of(&reader, id, gold.transpose()?.as_ref(), labels, args)?;

    let spec = FeatureSpec {
        texts: args.text.iter().map(|field| text_spec(field, args.characters)).collect(),
        numbers: args.number.clone(),
        categories: args.category.clone(),
        embeddings: args.embedding.clone(),
    };
    let weights: Vec<f64> = joined.soft_rows.iter().map(|row| joined.weight(*row, args.uncovered)).collect();
    let features = Features::fit(spec, batches(&reader)?, |row| weights[row as usize] > 0.0)?;
    let matrix = features.of_batches(batches(&reader)?)?;
    progress.event(Event::Started { stage: Stage::Fit, total: None });
    let trainer = Trainer { l2: args.l2, balanced: args.balanced, seed: args.seed, ..Trainer::default() };
    let training = trainer.train(&matrix, joined.targets().view(), &weights);
    progress.event(Event::Finished { stage: Stage::Fit });
    let mut training = training?;
    if let Some(gold) = &joined.gold {
        training.calibrate(gold)?;
    }
    if let Some(path) = &args.probs_out {
        let n_votes = joined.soft_rows.iter().map(|row| row.map_or(0, |row| joined.labels.n_votes(row))).collect();
        let probs = training.out_of_fold().into_raw_vec_and_offset().0;
        let probs = SoftLabels::from_rows(classes.clone(), probs, n_votes)?;
        let options = soft::Options {
            id: id.map(str::to_owned),
            prefix: args.prefix.clone(),
            n_rows: Some(probs.n_rows() as u64),
            ..soft::Options::default()
        };
        output::soft(path, &reader, &probs, &options, progress)?;
    }
    let report = training.report.clone();
    training.classifier(classes.clone(), features)?.save(&args.model)?;

    let n = weights.len();
    let left_out = n - report.n_rows;
    if common.json {
        let (classes, model) = (classes.names(), args.model.as_path());
        output::json(&Summary { version: 1, classes, n, left_out, report: &report, model })?;
    } else {
        progress.note(&describe(&report, n, left_out));
        progress.note(&format!("wrote {}", args.model.display()));
    }
    Ok(ExitCode::SUCCESS)
}

fn text_spec(field: &str, characters: bool) -> TextSpec {
    TextSpec { characters: characters.then_some([3, 5]), ..TextSpec::of(field) }
}

/// Records with their soft labels.
struct Joined {
    labels: SoftLabels,
    /// For each record the row of its soft label, if it has one.
    soft_rows: Vec<Option<usize>>,
    gold: Option<Vec<Option<ClassId>>>,
}

impl Joined {
    fn of(
        reader: &Reader,
        id: Option<&str>,
        gold: Option<&GoldColumn>,
        loaded: soft::Loaded,
        args: &TrainArgs,
    ) -> Result<Self> {
        let column = IdColumn::find(&reader.schema(), id)?;
        let mut unique = Unique::new(column.clone());
        let soft::Loaded { labels, ids } = loaded;
        let rows_of_ids: Option<HashMap<&str, usize>> =
            ids.as_ref().map(|ids| ids.iter().enumerate().map(|(row, id)| (id.as_str(), row)).collect());
        let mut soft_rows: Vec<Option<usize>> = Vec::new();
        let mut golds = Vec::new();
        for batch in reader.batches()? {
            let batch: Dataset = batch?;
            unique.check(&batch)?;
            match &rows_of_ids {
                Some(rows) => {
                    soft_rows.extend(column.ids(&batch)?.iter().map(|id| rows.get(id.unwrap_or_default()).copied()));
                }
                None => soft_rows.extend((soft_rows.len()..soft_rows.len() + batch.n_rows()).map(Some)),
            }
            if let Some(gold) = gold {
                golds.extend(gold.labels(&batch)?);
            }
        }
        let soft = args.soft.display();
        match &ids {
            None if soft_rows.len() != labels.n_rows() => {
                let message =
                    format!("`{soft}` has {} rows for {} records, and no ids", labels.n_rows(), soft_rows.len());
                return Err(hinted(message, "label these very records, or use a format with ids, such as .parquet"));
            }
            Some(ids) => {
                let mut found = vec![false; ids.len()];
                soft_rows.iter().flatten().for_each(|&row| found[row] = true);
                if let Some(missing) = found.iter().position(|found| !found) {
                    let message = format!("`{soft}` has a soft label for id `{}`, but no record has it", ids[missing]);
                    return Err(hinted(message, "train on the records that were labelled, and name the same `--id`"));
                }
            }
            None => {}
        }
        Ok(Self { labels, soft_rows, gold: gold.map(|_| golds) })
    }

    fn weight(&self, row: Option<usize>, uncovered: TrainUncovered) -> f64 {
        let learned = row.is_some_and(|row| uncovered == TrainUncovered::Prior || self.labels.covered(row));
        f64::from(u8::from(learned))
    }

    /// `[n, k]`; uniform where there is no soft label, which has no weight.
    fn targets(&self) -> Array2<f64> {
        let k = self.labels.classes().len();
        Array2::from_shape_fn((self.soft_rows.len(), k), |(i, c)| {
            self.soft_rows[i].map_or(1.0 / k as f64, |row| self.labels.probs(row)[c])
        })
    }
}

fn describe(report: &TrainingReport, n: usize, left_out: usize) -> String {
    let mut text = format!(
        "learned from {} of {}, {}\n",
        report.n_rows,
        counted(n as u64, "record", "records"),
        counted(report.n_features as u64, "feature", "features")
    );
    if left_out > 0 {
        text.push_str(&format!("{left_out} left out: no function voted on them, or they have no soft label\n"));
    }
    let chosen = match report.tried.len() {
        0 => "too few records to compare".to_owned(),
        1 => "as given".to_owned(),
        n => format!("the best of {n} by cross-validation"),
    };
    text.push_str(&format!("L2 {}: {chosen}\n", report.l2));
    if let Some((_, loss)) = report.tried.iter().find(|(l2, _)| *l2 == report.l2) {
        text.push_str(&format!("cross-entropy {loss:.4} against soft labels of records it did not see\n"));
    }
    if !report.converged {
        text.push_str(&format!("the fit was stopped after {} steps; the model is usable\n", report.iterations));
    }
    let temperature = report.calibration.temperature;
    text.push_str(&match report.calibrated_on {
        CalibratedOn::Gold => {
            let bias: Vec<String> = report.calibration.bias.iter().map(|bias| format!("{bias:.2}")).collect();
            format!("calibrated on gold: temperature {temperature:.3}, bias {}", bias.join(" "))
        }
        CalibratedOn::SoftLabels => {
            format!("temperature {temperature:.3}, fitted on soft labels: it is as sure of itself as they are")
        }
    });
    text
}
