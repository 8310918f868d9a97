//! `synth train`

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::Result;
use serde::Serialize;
use synth::core::SoftLabels;
use synth::io::soft;
use synth::learn::{CalibratedOn, FeatureSpec, Features, LearnError, StopReason, TextSpec, Trainer, TrainingReport};

use crate::args::{Common, TrainArgs, TrainUncovered};
use crate::config::Config;
use crate::errors::hinted;
use crate::joined::Joined;
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
    if args.model.is_file() {
        let message = format!("`{}` is a file, and a model is a folder", args.model.display());
        return Err(hinted(message, "give the model a name of its own: --model model/"));
    }
    let reader = inputs::reader(&args.records, config, args.probs_out.as_deref(), progress)?;
    let id = args.records.id(config);
    let classes = inputs::given_classes(&args.classes)?;
    let labels = soft::load(&args.soft, classes.as_ref(), id, &args.prefix)?;
    let classes = labels.labels.classes().clone();
    let options = soft::Options {
        id: id.map(str::to_owned),
        prefix: args.prefix.clone(),
        n_rows: reader.n_rows(),
        ..soft::Options::default()
    };
    // A name that is taken is found out now, not after the work. What is begun and not finished leaves nothing.
    let create = |path: &PathBuf| soft::Writer::create(path, &reader.schema(), &classes, &options);
    drop(args.probs_out.as_ref().map(create).transpose()?);
    if let Some(field) = args.gold.field(config) {
        inputs::check_gold(&reader, field, &args.prefix)?;
    }
    let joined = Joined::of(&reader, id, args.gold.field(config), labels, &args.soft)?;

    let vectors = inputs::vectors(&args.vectors)?;
    let attached = vectors.iter().map(|(field, _)| field.clone());
    let spec = FeatureSpec {
        texts: args.text.iter().map(|field| text_spec(field, args.characters)).collect(),
        numbers: args.number.clone(),
        categories: args.category.clone(),
        embeddings: args.embedding.iter().cloned().chain(attached).collect(),
    };
    let weights = joined.weights(args.uncovered == TrainUncovered::Prior);
    if weights.iter().all(|weight| *weight == 0.0) {
        return Err(LearnError::NoRows.into());
    }
    let features =
        Features::fit(spec, inputs::with_vectors(&reader, &vectors, progress)?, |row| weights[row as usize] > 0.0)?;
    let matrix = features.of_batches(inputs::with_vectors(&reader, &vectors, progress)?)?;
    let trainer = Trainer { l2: args.l2, balanced: args.balanced, seed: args.seed, ..Trainer::default() };
    let mut training = trainer.train(&matrix, joined.targets().view(), &weights, progress)?;
    if let Some(gold) = joined.gold.as_ref().filter(|gold| gold.iter().any(Option::is_some)) {
        training.calibrate(gold)?;
    } else if joined.gold.is_some() {
        progress.warn("no record has a gold label, so nothing is calibrated on gold");
    }
    let report = training.report.clone();
    let probs = training.out_of_fold();
    training.classifier(classes.clone(), features)?.save(&args.model)?;
    if let Some(path) = &args.probs_out {
        let probs = SoftLabels::from_rows(classes.clone(), probs.into_raw_vec_and_offset().0, joined.n_votes())?;
        output::soft(create(path)?, &reader, &probs, progress)?;
    }

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
        0 if report.calibrated_on == CalibratedOn::Nothing => {
            "all records look the same, which leaves nothing to compare".to_owned()
        }
        0 | 1 => "as given".to_owned(),
        n => format!("the best of {n} by cross-validation"),
    };
    text.push_str(&format!("L2 {}: {chosen}\n", report.l2));
    if let Some((_, loss)) = report.tried.iter().find(|(l2, _)| *l2 == report.l2) {
        text.push_str(&format!("cross-entropy {loss:.4} against soft labels of records it did not see\n"));
    }
    if report.stop != StopReason::Converged {
        text.push_str(&format!("the fit was stopped after {} steps; the model is usable\n", report.iterations));
    }
    let temperature = report.calibration.temperature;
    text.push_str(&match report.calibrated_on {
        CalibratedOn::Gold => {
            let bias: Vec<String> = report.calibration.bias.iter().map(|bias| format!("{bias:.2}")).collect();
            let floor = report.calibration.floor;
            format!("calibrated on gold: temperature {temperature:.3}, bias {}, floor {floor:.3}", bias.join(" "))
        }
        CalibratedOn::Nothing => "all records look the same, which leaves nothing to calibrate on".to_owned(),
        CalibratedOn::SoftLabels => {
            format!("temperature {temperature:.3}, fitted on soft labels: it is as sure of itself as they are")
        }
    });
    text
}
