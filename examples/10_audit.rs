//! Labels that are likely wrong, copies and a quality score, found from Rust.
//!
//!     cargo run -p synth-examples --example 10_audit

use std::collections::BTreeSet;

use synth::audit::{LabelScore, LabeledProbs, QualityScore, SelectionRule, copies_of_texts};
use synth::core::BoxError;
use synth::learn::one_hot;
use synth::prelude::*;

/// Fruit and tools: what was written of 300 of them.
fn texts() -> Vec<String> {
    let kinds = [
        (["ripe", "sweet", "fresh"], ["apple", "pear", "plum", "fig", "melon"]),
        (["steel", "sturdy", "sharp"], ["hammer", "saw", "drill", "file", "axe"]),
    ];
    let text = |i: usize| {
        let (how, what) = kinds[i % 2];
        format!("a {} {} and a {}, number {i}", how[i / 2 % 3], what[i / 2 % 5], what[i / 3 % 5])
    };
    (0..300).map(text).collect()
}

fn main() -> Result<(), BoxError> {
    let mut texts = texts();
    texts[201] = texts[7].to_uppercase();
    let records = Dataset::of_texts("text", texts.clone());
    // Whoever labelled them was wrong about these.
    let wrong = BTreeSet::from([14, 57, 120, 183, 266]);
    let classes = ClassSet::new(["fruit", "tool"])?;
    let label = |row: usize| classes.at((row % 2) ^ usize::from(wrong.contains(&row))).ok_or("no class");
    let labels = (0..texts.len()).map(label).collect::<Result<Vec<_>, _>>()?;

    // Each record is judged by a classifier that has learned from the others.
    let spec = FeatureSpec { texts: vec![TextSpec::of("text")], ..FeatureSpec::default() };
    let features = Features::fit(spec, [Ok(records.clone())], |_| true)?.of_records(&records)?;
    let targets = one_hot(&labels.iter().copied().map(Some).collect::<Vec<_>>(), classes.len())?;
    let training = Trainer::default().train(&features, targets.view(), &vec![1.0; labels.len()], &Silent)?;
    let probs = training.out_of_fold();

    let judged = LabeledProbs::new(&labels, probs.view())?;
    let joint = judged.confident_joint();
    let errors = judged.label_errors(&joint, SelectionRule::PruneByNoiseRate);
    for &row in &judged.ranked(&errors, LabelScore::SelfConfidence) {
        println!(
            "{:.3}  {}, not {}",
            judged.score(row, LabelScore::SelfConfidence),
            texts[row],
            classes.name(labels[row])
        );
    }
    assert!(errors.into_iter().collect::<BTreeSet<_>>() == wrong);

    let copies = copies_of_texts(&texts.iter().map(String::as_str).collect::<Vec<_>>(), 1.0)?;
    assert!(copies.len() == 1 && (copies[0].of, copies[0].row) == (7, 201));
    let quality = QualityScore::of([
        ("uniqueness", 1.0 - copies.len() as f64 / texts.len() as f64),
        ("label quality", joint.health().score),
    ]);
    println!("quality {}", quality.formula());
    Ok(())
}
