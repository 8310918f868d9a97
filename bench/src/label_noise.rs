//! What an audit of labels is worth: end models on labels with planted errors, before and after these are mended.

use std::path::Path;

use anyhow::Result;
use synth_audit::{LabelScore, LabeledProbs, SelectionRule};
use synth_core::{ClassId, Silent};
use synth_learn::{SparseMatrix, Trainer, one_hot};

use crate::end_model::{TextSet, mean_and_deviation};
use crate::label_data::SplitMix;

const SETS: [&str; 2] = ["agnews", "yelp"];
const SEEDS: u64 = 5;
/// What is planted: a name, the share of wrong labels, and whether each class is mostly taken for the next one.
const NOISE: [(&str, f64, bool); 2] = [("10 %, any class", 0.1, false), ("20 %, the next class", 0.2, true)];

/// Accuracy on the test split with the planted labels, without those that the audit finds, with its labels in their place,
/// with less weight, and with the true labels.
const COLUMNS: [&str; 5] = ["as planted", "drop", "relabel", "weight", "true labels"];

/// Prints the table.
pub(crate) fn run(root: &Path) -> Result<()> {
    println!("accuracy on the test split, mean and standard error over {SEEDS} draws of wrong labels\n");
    print!("{:<7} {:<21} {:>17}", "set", "planted", "found (precision)");
    COLUMNS.iter().for_each(|column| print!(" {column:>15}"));
    println!();
    for name in SETS {
        let set = TextSet::open(root, name)?;
        let (_, matrix) = set.features()?;
        let (train, test) = (matrix.select(&set.train), matrix.select(&set.test));
        for (what, share, is_next) in NOISE {
            let mut scores = vec![Vec::new(); COLUMNS.len() + 2];
            for seed in 0..SEEDS {
                let labels = planted(&set, share, is_next, seed);
                for (scores, score) in scores.iter_mut().zip(scored(&set, &train, &test, &labels, seed)?) {
                    scores.push(score);
                }
            }
            let cell = |scores: &Vec<f64>| {
                let (mean, deviation) = mean_and_deviation(scores);
                (mean, deviation / (SEEDS as f64).sqrt())
            };
            let cells: Vec<(f64, f64)> = scores.iter().map(cell).collect();
            print!("{name:<7} {what:<21} {:>17}", format!("{:.3} ({:.3})", cells[5].0, cells[6].0));
            cells[..5].iter().for_each(|(mean, error)| print!(" {:>15}", format!("{mean:.4} ± {error:.4}")));
            println!();
        }
    }
    Ok(())
}

/// The labels of the training rows, some of them wrong.
fn planted(set: &TextSet, share: f64, is_next: bool, seed: u64) -> Vec<ClassId> {
    let (mut random, k) = (SplitMix(seed), set.labels.matrix.n_classes() as u64);
    let wrong = |row: &usize| {
        let gold = set.gold(*row);
        if random.below(1000) as f64 >= 1000.0 * share {
            return gold;
        }
        let step = if is_next { 1 } else { 1 + random.below(k - 1) };
        ClassId::new(((gold.index() as u64 + step) % k) as u16)
    };
    set.train.iter().map(wrong).collect()
}

/// Accuracies as in [`COLUMNS`], the share of planted errors that is found, and that of what is found.
fn scored(set: &TextSet, train: &SparseMatrix, test: &SparseMatrix, labels: &[ClassId], seed: u64) -> Result<[f64; 7]> {
    let k = set.labels.matrix.n_classes();
    let trainer = Trainer { seed, ..Trainer::default() };
    let accuracy = |labels: &[ClassId], weights: &[f64]| -> Result<_> {
        let targets = one_hot(&labels.iter().map(|label| Some(*label)).collect::<Vec<_>>(), k)?;
        let training = trainer.train(train, targets.view(), weights, &Silent)?;
        let calibration = training.report.calibration.clone();
        let probs = calibration.distributions(training.model.logits(test));
        Ok((set.score(&probs)?.1.accuracy.value, training.out_of_fold()))
    };
    let even = vec![1.0; labels.len()];
    let (before, probs) = accuracy(labels, &even)?;
    let given = LabeledProbs::new(labels, probs.view())?;
    let found = given.label_errors(&given.confident_joint(), SelectionRule::default());
    let (mut dropped, mut relabelled, mut weights) = (even.clone(), labels.to_vec(), even.clone());
    for &row in &found {
        dropped[row] = 0.0;
        relabelled[row] = given.predicted(row);
        weights[row] = given.score(row, LabelScore::SelfConfidence);
    }
    let gold: Vec<ClassId> = set.train.iter().map(|&row| set.gold(row)).collect();
    let n_wrong = labels.iter().zip(&gold).filter(|(label, gold)| label != gold).count() as f64;
    let n_right = found.iter().filter(|&&row| labels[row] != gold[row]).count() as f64;
    Ok([
        before,
        accuracy(labels, &dropped)?.0,
        accuracy(&relabelled, &even)?.0,
        accuracy(labels, &weights)?.0,
        accuracy(&gold, &even)?.0,
        n_right / n_wrong,
        n_right / found.len().max(1) as f64,
    ])
}
