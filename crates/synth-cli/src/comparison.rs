//! End models on several kinds of labels, and what they are worth in hand labels.

use std::collections::HashSet;
use std::path::PathBuf;

use anyhow::Result;
use ndarray::Array2;
use serde::Serialize;
use synth::batches;
use synth::core::{ClassId, ClassSet, Predict};
use synth::io::gold::GoldColumn;
use synth::io::{IoError, ReadOptions, Reader, Source, soft};
use synth::learn::{Classifier, Evaluation, LearningCurve, SparseMatrix, Trainer, Worth, one_hot};

use crate::errors::hinted;
use crate::inputs;
use crate::joined::Joined;
use crate::progress::Progress;
use crate::table::{plain, ranged, trimmed};

/// The records that are scored.
pub struct Test<'a> {
    pub features: &'a SparseMatrix,
    pub gold: &'a [ClassId],
    pub seed: u64,
}

/// What the fields of the compared files are called.
pub struct Fields<'a> {
    pub id: Option<&'a str>,
    pub gold: &'a str,
    pub prefix: &'a str,
}

/// Models with the same features, each trained on other labels and scored on the same records.
#[derive(Debug, Serialize)]
pub struct Comparison {
    models: Vec<Compared>,
    /// Where some training records have gold.
    curve: Option<LearningCurve>,
    /// There was gold, but only on records that look like one that is scored.
    #[serde(skip)]
    gold_left_out: bool,
}

#[derive(Debug, Serialize)]
struct Compared {
    /// The file of soft labels, or `gold`.
    trained_on: String,
    /// The number of records it learned from.
    n: usize,
    /// Records that it could have learned from but for looking like one that is scored.
    left_out: usize,
    evaluation: Evaluation,
    /// In hand labels; those themselves are worth what they are.
    worth: Option<Worth>,
}

/// Orders in which records might be labelled by hand.
const DRAWS: u64 = 5;

impl Comparison {
    /// Trains a model on each file of soft labels, which holds its records too, and one on their gold, if the first
    /// file that has the field `gold` has any. L2 is chosen anew for each; classes count alike if they did for `classifier`.
    pub fn of(
        files: &[PathBuf],
        fields: &Fields<'_>,
        options: &ReadOptions,
        classifier: &Classifier,
        test: &Test<'_>,
        progress: &Progress,
    ) -> Result<Self> {
        let balanced = classifier.report().balanced;
        let trainer = Trainer { seed: test.seed, balanced, ..Trainer::default() };
        // Different records may well share their categories and numbers, but hardly a text or a vector.
        let spec = classifier.features().spec();
        let tells_apart = !(spec.texts.is_empty() && spec.embeddings.is_empty());
        let scored: HashSet<u128> =
            (0..test.features.n_rows()).filter(|_| tells_apart).map(|row| test.features.fingerprint(row)).collect();
        let mut comparison = Self { models: Vec::new(), curve: None, gold_left_out: false };
        let mut hand_labelled: Option<(SparseMatrix, Vec<ClassId>, usize)> = None;
        for path in files {
            let reader = Reader::open(&[Source::new(path)], options.clone(), progress)?;
            let loaded = soft::load(path, Some(classifier.classes()), fields.id, fields.prefix)?;
            let has_gold = match GoldColumn::find(&reader.schema(), fields.gold, classifier.classes()) {
                Err(IoError::NoField { .. }) => false,
                found => found.map(|_| !inputs::is_result(&reader, fields.gold, fields.prefix))?,
            };
            let gold = Some(fields.gold).filter(|_| has_gold && hand_labelled.is_none());
            let joined = Joined::of(&reader, fields.id, gold, loaded, path)?;
            let features = classifier.features().of_batches(batches(&reader)?)?;
            // What looks like a scored record would answer by heart. What has no known feature looks like nothing.
            let apart: Vec<bool> = (0..features.n_rows())
                .map(|row| features.row(row).len() == 0 || !scored.contains(&features.fingerprint(row)))
                .collect();
            let mut weights = joined.weights(false);
            let known = weights.iter().filter(|weight| **weight > 0.0).count();
            weights.iter_mut().zip(&apart).filter(|(_, apart)| !**apart).for_each(|(weight, _)| *weight = 0.0);
            let left_out = known - weights.iter().filter(|weight| **weight > 0.0).count();
            if left_out > 0 && left_out == known {
                let message = format!("every record of `{}` looks like one that is scored", path.display());
                return Err(hinted(message, "score on other records than those learned from: --data test.jsonl"));
            }
            let targets = joined.targets();
            comparison.add(
                path.display().to_string(),
                left_out,
                &trainer,
                (&features, &targets, &weights),
                test,
                progress,
            )?;
            if let Some(gold) = joined.gold {
                let known: Vec<usize> = (0..gold.len()).filter(|&row| gold[row].is_some()).collect();
                let rows: Vec<usize> = known.iter().copied().filter(|&row| apart[row]).collect();
                comparison.gold_left_out |= !known.is_empty() && rows.is_empty();
                if !rows.is_empty() {
                    let left_out = known.len() - rows.len();
                    let gold = rows.iter().filter_map(|&row| gold[row]).collect();
                    hand_labelled = Some((features.select(&rows), gold, left_out));
                }
            }
        }
        if let Some((features, gold, left_out)) = hand_labelled {
            let targets = one_hot(&gold.iter().copied().map(Some).collect::<Vec<_>>(), classifier.classes().len())?;
            comparison.add(
                "gold".into(),
                left_out,
                &trainer,
                (&features, &targets, &vec![1.0; gold.len()]),
                test,
                progress,
            )?;
            let curve = LearningCurve::of(&trainer, &features, &gold, test.features, test.gold, DRAWS, progress)?;
            let (_, weak) = comparison.models.split_last_mut().expect("the model on gold was added");
            weak.iter_mut().for_each(|model| model.worth = Some(curve.worth(model.evaluation.macro_f1.value)));
            comparison.curve = Some(curve);
        }
        Ok(comparison)
    }

    fn add(
        &mut self,
        trained_on: String,
        left_out: usize,
        trainer: &Trainer,
        (features, targets, weights): (&SparseMatrix, &Array2<f64>, &[f64]),
        test: &Test<'_>,
        progress: &Progress,
    ) -> Result<()> {
        let training = trainer.train(features, targets.view(), weights, progress)?;
        let probs = training.report.calibration.distributions(training.model.logits(test.features));
        let evaluation = Evaluation::of(probs.view(), test.gold, test.seed)?;
        self.models.push(Compared { trained_on, n: training.report.n_rows, left_out, evaluation, worth: None });
        Ok(())
    }

    /// The curve with the macro F1 of the other models.
    pub fn curve(&self) -> Option<(&LearningCurve, Vec<(&str, f64)>)> {
        let weak = self.models.iter().filter(|model| model.worth.is_some());
        let others = weak.map(|model| (model.trained_on.as_str(), model.evaluation.macro_f1.value)).collect();
        self.curve.as_ref().map(|curve| (curve, others))
    }

    pub fn render(&self, classes: &ClassSet) -> String {
        let mut text = String::from(
            "\nother models with the same features, each trained on records with votes, scored on the same records\n\n",
        );
        let mut table =
            plain(&["trained on", "records", "left out", "accuracy", "macro F1", "log-loss", "ECE", "worth"], 1);
        for Compared { trained_on, n, left_out, evaluation, worth } in &self.models {
            let worth = match worth {
                None => String::new(),
                Some(Worth::Fewer(n)) => format!("fewer than {n} hand labels"),
                Some(Worth::About(n)) => format!("about {} hand labels", two_digits(*n)),
                Some(Worth::More(n)) => format!("more than {n} hand labels"),
            };
            table.add_row([
                trained_on.clone(),
                n.to_string(),
                left_out.to_string(),
                ranged(evaluation.accuracy),
                ranged(evaluation.macro_f1),
                format!("{:.3}", evaluation.log_loss),
                format!("{:.3}", evaluation.ece),
                worth,
            ]);
        }
        text.push_str(&trimmed(&table));
        text.push_str("left out: records that to the model look like one that is scored\n");
        let Some(curve) = &self.curve else {
            text.push_str(if self.gold_left_out {
                "all gold labels are on records left out, so there is no model on gold to compare with\n"
            } else {
                "no record in these files has a gold label, so there is no model on gold to compare with\n"
            });
            return text;
        };
        text.push_str(&format!(
            "\nwhat hand labels come to: the mean of {DRAWS} draws, and the least and the most; the last line has all there are\n\n"
        ));
        let mut table = plain(&["hand labels", "accuracy", "macro F1"], 0);
        for point in &curve.points {
            let spread =
                |spread: synth::learn::Spread| format!("{:.3} ({:.3} to {:.3})", spread.mean, spread.low, spread.high);
            table.add_row([point.n.to_string(), spread(point.accuracy), spread(point.macro_f1)]);
        }
        text.push_str(&trimmed(&table));
        if classes.len() > 2 {
            text.push_str("worth is by macro F1, in which rare classes count as much as common ones\n");
        }
        text
    }
}

/// A number as one says it that is known roughly: 1148 is 1100.
fn two_digits(n: usize) -> usize {
    let unit = 10usize.pow(n.max(1).ilog10().saturating_sub(1));
    (n + unit / 2) / unit * unit
}

#[cfg(test)]
mod tests {
    use super::two_digits;

    #[test]
    fn what_is_known_roughly_is_said_roughly() {
        assert_eq!([0, 9, 16, 149, 1148, 1150, 1996].map(two_digits), [0, 9, 16, 150, 1100, 1200, 2000]);
    }
}
