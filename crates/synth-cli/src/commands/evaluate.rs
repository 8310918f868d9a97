//! `synth evaluate`

use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::{Context, Result};
use serde::Serialize;
use synth::core::{ClassSet, Predict};
use synth::io::ReadOptions;
use synth::io::gold::GoldColumn;
use synth::learn::{Classifier, Evaluation, SparseMatrix};

use crate::args::{Common, EvaluateArgs};
use crate::comparison::{Comparison, Fields, Test};
use crate::config::Config;
use crate::errors::{hinted, unboxed};
use crate::plots::{self, Confusion, Curve, Reliability};
use crate::progress::Progress;
use crate::table::{counted, plain, ranged, trimmed};
use crate::{inputs, output};

/// What `--json` prints.
#[derive(Serialize)]
struct Summary<'a> {
    version: u32,
    classes: &'a [String],
    evaluation: &'a Evaluation,
    /// With `--compare`.
    comparison: Option<&'a Comparison>,
    /// The files of `--plots`.
    plots: &'a [PathBuf],
}

/// Everything there is to say.
struct Scored {
    classes: ClassSet,
    evaluation: Evaluation,
    comparison: Option<Comparison>,
    plots: Vec<PathBuf>,
}

pub fn run(args: &EvaluateArgs, common: &Common, progress: &Progress) -> Result<ExitCode> {
    let config = Config::load(common)?;
    let scored = inputs::on_threads(common, || evaluate(args, &config, progress))?;
    let Scored { classes, evaluation, comparison, plots } = &scored;
    if common.json {
        let comparison = comparison.as_ref();
        output::json(&Summary { version: 1, classes: classes.names(), evaluation, comparison, plots })?;
    } else {
        let compared = comparison.as_ref().map(|comparison| comparison.render(classes)).unwrap_or_default();
        output::print(&(render(classes, evaluation) + &compared))?;
        if let Some(folder) = &args.plots {
            progress.note(&format!("wrote {} plots into {}", plots.len(), folder.display()));
        }
    }
    Ok(ExitCode::SUCCESS)
}

fn evaluate(args: &EvaluateArgs, config: &Config, progress: &Progress) -> Result<Scored> {
    let classifier = Classifier::load(&args.model)?;
    let classes = classifier.classes().clone();
    let Some(field) = args.gold.field(config) else {
        return Err(hinted(
            "there is nothing to score against",
            "name the field that holds known labels: --gold label",
        ));
    };
    let reader = inputs::reader(&args.records, config, None, progress)?;
    inputs::check_gold(&reader, field, &args.prefix)?;
    if !args.compare.is_empty() && !args.vectors.is_empty() {
        return Err(hinted(
            "`--compare` knows no `--vectors` for the files that it compares",
            "keep the vectors in the records, as a field of lists of numbers",
        ));
    }
    let column = GoldColumn::find(&reader.schema(), field, &classes)?;
    let mut features = SparseMatrix::new(classifier.features().n_columns());
    let mut gold = Vec::new();
    for batch in inputs::with_vectors(&reader, &inputs::vectors(&args.vectors)?, progress)? {
        let batch = batch.map_err(unboxed)?;
        let labels = column.labels(&batch)?;
        let rows: Vec<usize> = (0..labels.len()).filter(|&row| labels[row].is_some()).collect();
        features.append(&classifier.features().of_records(&batch)?.select(&rows));
        gold.extend(labels.into_iter().flatten());
    }
    let evaluation = Evaluation::of(classifier.of_features(&features).view(), &gold, args.seed)?;
    let comparison = match &args.compare[..] {
        [] => None,
        files => {
            let test = Test { features: &features, gold: &gold, seed: args.seed };
            let fields = Fields { id: args.records.id(config), gold: field, prefix: &args.prefix };
            let options =
                ReadOptions { skip_bad: args.records.skip_bad || config.data.skip_bad, ..ReadOptions::default() };
            Some(Comparison::of(files, &fields, &options, &classifier, &test, progress)?)
        }
    };
    let mut plots = Vec::new();
    if let Some(folder) = &args.plots {
        std::fs::create_dir_all(folder).with_context(|| format!("cannot make the folder `{}`", folder.display()))?;
        plots.extend(plots::save(folder, &Reliability(&evaluation))?);
        let title = "Rows: the gold class. Columns: the class it was given.";
        plots.extend(plots::save(folder, &Confusion { classes: &classes, counts: &evaluation.confusion, title })?);
        if let Some((curve, others)) = comparison.as_ref().and_then(Comparison::curve) {
            plots.extend(plots::save(folder, &Curve { curve, others })?);
        }
    }
    Ok(Scored { classes, evaluation, comparison, plots })
}

fn render(classes: &ClassSet, evaluation: &Evaluation) -> String {
    let optional = |value: Option<f64>| value.map_or("-".to_owned(), |value| format!("{value:.3}"));
    let mut text = format!(
        "{} with gold; figures with their 95 % intervals\n\n  accuracy  {}\n  macro F1  {}\n  log-loss  {:.4}\n  Brier     {:.4}\n  ECE       {:.4}\n\n",
        counted(evaluation.n as u64, "record", "records"),
        ranged(evaluation.accuracy),
        ranged(evaluation.macro_f1),
        evaluation.log_loss,
        evaluation.brier,
        evaluation.ece
    );
    let mut table = plain(&["class", "records", "precision", "recall", "F1", "ROC AUC", "PR AUC"], 1);
    for (name, scores) in classes.names().iter().zip(&evaluation.classes) {
        let figures = [scores.precision, scores.recall, scores.f1, scores.roc_auc, scores.pr_auc].map(optional);
        table.add_row([name.clone(), scores.n.to_string()].into_iter().chain(figures));
    }
    text.push_str(&format!("{}\nrows: the gold class; columns: the class it was given\n\n", trimmed(&table)));
    let mut header = vec![""];
    header.extend(classes.names().iter().map(String::as_str));
    let mut table = plain(&header, 1);
    for (name, row) in classes.names().iter().zip(&evaluation.confusion) {
        table.add_row(std::iter::once(name.clone()).chain(row.iter().map(u64::to_string)));
    }
    text.push_str(&format!("{}\nhow sure it was, and how often it was right\n\n", trimmed(&table)));
    let mut table = plain(&["confidence", "records", "right"], 0);
    for bin in evaluation.reliability.iter().filter(|bin| bin.n > 0) {
        table.add_row([optional(bin.confidence), bin.n.to_string(), optional(bin.accuracy)]);
    }
    text.push_str(&trimmed(&table));
    text
}
