//! Soft labels into a training loop: logistic regression by gradient descent, and nobody labelled anything.
//!
//!     cargo run -p synth-examples --example 5_training

use std::collections::BTreeMap;

use synth::core::BoxError;
use synth::prelude::*;

const GOOD: [&str; 6] = ["love", "great", "charming", "touching", "funny", "superb"];
const BAD: [&str; 6] = ["boring", "awful", "bland", "tedious", "clumsy", "flat"];
const REST: [&str; 6] = ["film", "plot", "music", "actors", "scene", "ending"];

/// A review of ten words, and whether it is a good one.
fn review(mut random: impl FnMut(usize) -> usize) -> (String, bool) {
    let good = random(2) == 0;
    let (fitting, other) = if good { (GOOD, BAD) } else { (BAD, GOOD) };
    let words = (0..10).map(|_| match random(10) {
        0..=2 => fitting[random(6)],
        3 => other[random(6)],
        _ => REST[random(6)],
    });
    (words.collect::<Vec<_>>().join(" "), good)
}

fn main() -> Result<(), BoxError> {
    let mut state = 42u64;
    let mut random = |below: usize| {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (state >> 33) as usize % below
    };
    let (texts, gold): (Vec<String>, Vec<bool>) = (0..2_000).map(|_| review(&mut random)).unzip();

    // The functions know six of the twelve words that tell.
    let classes = ClassSet::new(["bad", "good"])?;
    let (bad, good) = (classes.id("bad").ok_or("no class")?, classes.id("good").ok_or("no class")?);
    let mut lfs = LfSet::new(classes);
    for (good_word, bad_word) in GOOD.iter().zip(BAD).take(3) {
        lfs.add_keywords(*good_word, "text", [*good_word], good)?.add_keywords(bad_word, "text", [bad_word], bad)?;
    }
    let matrix = lfs.apply([Ok(Dataset::of_texts("text", &texts))], &Silent)?.matrix;
    let soft = Auto::default().fit(matrix.patterns(), &Gold::none())?.model.predict(&matrix)?;

    // P(good) = 1 / (1 + exp(-the sum of the weights of the words)).
    let p = |weights: &BTreeMap<&str, f64>, text: &str| {
        1.0 / (1.0 + (-text.split(' ').filter_map(|word| weights.get(word)).sum::<f64>()).exp())
    };
    // Cross-entropy against the soft label; records that no function voted on are left out. Weights decay: so the
    // model leans on every word that goes along with a label, and not only on those the label was made from.
    let mut weights = BTreeMap::new();
    for epoch in 1..=20 {
        let mut loss = 0.0;
        for row in (0..texts.len()).filter(|&row| soft.covered(row)) {
            let (target, p) = (soft.probs(row)[good.index()], p(&weights, &texts[row]));
            loss -= target * p.ln() + (1.0 - target) * (1.0 - p).ln();
            for word in texts[row].split(' ') {
                let weight = weights.entry(word).or_insert(0.0);
                *weight += 0.02 * (target - p - 0.1 * *weight);
            }
        }
        if epoch % 5 == 0 {
            println!("epoch {epoch:2}: cross-entropy {loss:.1}");
        }
    }

    let accuracy = |says_good: &dyn Fn(usize) -> bool| {
        (0..texts.len()).filter(|&row| says_good(row) == gold[row]).count() as f64 / texts.len() as f64
    };
    let by_labels = accuracy(&|row| soft.label(row) == good);
    let by_model = accuracy(&|row| p(&weights, &texts[row]) > 0.5);
    println!("accuracy: soft labels {by_labels:.3}, model trained on them {by_model:.3}\n{weights:.2?}");
    assert!(by_model > by_labels + 0.05);
    assert!(weights["superb"] > 0.0 && weights["flat"] < 0.0, "words that no function knows");
    Ok(())
}
