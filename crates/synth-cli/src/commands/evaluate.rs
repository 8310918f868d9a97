//! `synth evaluate`

use std::process::ExitCode;

use anyhow::Result;
use ndarray::Array2;
use serde::Serialize;
use synth::core::{ClassSet, Predict};
use synth::io::gold::GoldColumn;
use synth::learn::{Classifier, Evaluation, Interval};

use crate::args::{Common, EvaluateArgs};
use crate::config::Config;
use crate::errors::{hinted, unboxed};
use crate::progress::Progress;
use crate::table::{counted, plain, trimmed};
use crate::{inputs, output};

/// What `--json` prints.
#[derive(Serialize)]
struct Summary<'a> {
    version: u32,
    classes: &'a [String],
    evaluation: &'a Evaluation,
}

pub fn run(args: &EvaluateArgs, common: &Common, progress: &Progress) -> Result<ExitCode> {
    let config = Config::load(common)?;
    let (classes, evaluation) = inputs::on_threads(common, || evaluate(args, &config, progress))?;
    if common.json {
        output::json(&Summary { version: 1, classes: classes.names(), evaluation: &evaluation })?;
    } else {
        output::print(&render(&classes, &evaluation))?;
    }
    Ok(ExitCode::SUCCESS)
}

fn evaluate(args: &EvaluateArgs, config: &Config, progress: &Progress) -> Result<(ClassSet, Evaluation)> {
    let classifier = Classifier::load(&args.model)?;
    let classes = classifier.classes().clone();
    let Some(field) = args.gold.field(config) else {
        return Err(hinted(
            "there is nothing to score against",
            "name the field that holds known labels: --gold label",
        ));
    };
    let reader = inputs::reader(&args.records, config, None, progress)?;
    let column = GoldColumn::find(&reader.schema(), field, &classes)?;
    let (mut probs, mut gold) = (Vec::new(), Vec::new());
    for batch in inputs::with_vectors(&reader, &inputs::vectors(&args.vectors)?)? {
        let batch = batch.map_err(unboxed)?;
        let labels = column.labels(&batch)?;
        let soft = classifier.predict(&batch).map_err(unboxed)?;
        for (row, class) in labels.into_iter().enumerate().filter_map(|(row, class)| Some((row, class?))) {
            probs.extend_from_slice(soft.probs(row));
            gold.push(class);
        }
    }
    let probs = Array2::from_shape_vec((gold.len(), classes.len()), probs)?;
    Ok((classes, Evaluation::of(probs.view(), &gold, args.seed)?))
}

fn render(classes: &ClassSet, evaluation: &Evaluation) -> String {
    let interval = |Interval { value, low, high }: Interval| format!("{value:.3} ({low:.3} to {high:.3})");
    let optional = |value: Option<f64>| value.map_or("-".to_owned(), |value| format!("{value:.3}"));
    let mut text = format!(
        "{} with gold; figures with their 95 % intervals\n\n  accuracy  {}\n  macro F1  {}\n  log-loss  {:.4}\n  Brier     {:.4}\n  ECE       {:.4}\n\n",
        counted(evaluation.n as u64, "record", "records"),
        interval(evaluation.accuracy),
        interval(evaluation.macro_f1),
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
