//! Soft labels into an end model: a classifier that also knows of records no function votes on.
//!
//!     cargo run -p synth-examples --example 6_end_model

use synth::core::BoxError;
use synth::prelude::*;

/// Fruit and tools, told apart by two words each; other words come with them.
fn records() -> Dataset {
    let kinds = [
        (["ripe", "sweet"], ["apple", "pear", "plum", "juice", "peel"]),
        (["steel", "sturdy"], ["hammer", "saw", "drill", "screw", "handle"]),
    ];
    let text = |i: usize| {
        let (telling, others) = kinds[i % 2];
        // Every third record has no word that a function knows.
        let first = if i.is_multiple_of(3) { "the" } else { telling[i / 2 % 2] };
        format!("{first} {} and {}", others[i / 2 % 5], others[i / 3 % 5])
    };
    Dataset::of_texts("text", (0..300).map(text))
}

fn main() -> Result<(), BoxError> {
    let records = records();
    let classes = ClassSet::new(["fruit", "tool"])?;
    let (fruit, tool) = (classes.id("fruit").ok_or("no class")?, classes.id("tool").ok_or("no class")?);
    let mut lfs = LfSet::new(classes.clone());
    lfs.add_keywords("ripe", "text", ["ripe", "sweet"], fruit)?.add_keywords(
        "steel",
        "text",
        ["steel", "sturdy"],
        tool,
    )?;
    let matrix = lfs.apply([Ok(records.clone())], &Silent)?.matrix;
    let soft = Auto::default().fit(matrix.patterns(), &Gold::none())?.model.predict(&matrix)?;

    // Learned from covered records only: the others have no label but the class balance.
    let weights: Vec<f64> = (0..soft.n_rows()).map(|row| if soft.covered(row) { 1.0 } else { 0.0 }).collect();
    let spec = FeatureSpec { texts: vec![TextSpec::of("text")], ..FeatureSpec::default() };
    let features = Features::fit(spec, [Ok(records.clone())], |row| weights[row as usize] > 0.0)?;
    let training =
        Trainer::default().train(&features.of_records(&records)?, soft.to_array().view(), &weights, &Silent)?;
    println!("learned from {} records, L2 {}", training.report.n_rows, training.report.l2);

    let folder = tempfile::tempdir()?;
    training.classifier(classes, features)?.save(folder.path())?;
    let classifier = Classifier::load(folder.path())?;
    let predicted = classifier.predict(&records)?;
    let uncovered: Vec<usize> = (0..soft.n_rows()).filter(|&row| !soft.covered(row)).collect();
    let right = uncovered.iter().filter(|&&row| predicted.label(row).index() == row % 2).count();
    println!("right on {right} of {} records on which no function votes", uncovered.len());
    assert!(right == uncovered.len());
    Ok(())
}
