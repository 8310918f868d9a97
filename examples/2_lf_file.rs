//! Labeling functions in a file: the .lf language, its diagnostics, and what it found where.
//!
//!     cargo run -p synth-examples --example 2_lf_file

use std::path::Path;

use synth::core::BoxError;
use synth::label::Analysis;
use synth::prelude::*;

const REVIEWS: &str = r#"
{"id": 1, "text": "I love it, great sound", "stars": 5, "buyer": {"country": "DE", "verified": true}}
{"id": 2, "text": "Not so great: it fell apart after a week, I want a refund", "stars": 1}
{"id": 3, "text": "Does it fit a bicycle?", "stars": null, "buyer": {"country": "FR", "verified": false}}
{"id": 4, "text": "Excellent. Would recommend.", "buyer": {"country": "US", "verified": true}}
{"id": 5, "text": "Great idea, but cheap plastic, stopped working!!!", "stars": 2}
{"id": 6, "text": "Well made, never fell apart", "stars": 4, "buyer": {"country": "DE", "verified": true}}
{"id": 7, "text": "What is in the box?", "buyer": {"country": "IT", "verified": false}}
{"id": 8, "text": "It is a lamp", "stars": 3}
"#;

fn main() -> Result<(), BoxError> {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("lf/reviews.lf");
    let mut lfs = LfSet::new(ClassSet::new(["good", "bad", "question"])?);
    lfs.add_program(LfFiles::program(&[file], None)?)?;

    // Any .jsonl, .csv, .parquet or .arrow file will do; this one is made here.
    let folder = tempfile::tempdir()?;
    let reviews = folder.path().join("reviews.jsonl");
    std::fs::write(&reviews, REVIEWS)?;
    let reader = Reader::open(&[Source::new(&reviews)], ReadOptions::default(), &Silent)?;

    let applied = lfs.apply(batches(&reader)?, &Silent)?;
    let fit = Auto::default().fit(applied.matrix.patterns(), &Gold::none())?;
    let soft = fit.model.predict(&applied.matrix)?;

    // How far each function can be trusted.
    let analysis = Analysis::of(applied.matrix.patterns(), &Gold::none(), Some(&fit.model))?;
    for lf in &analysis.lfs {
        let trust = lf.model_accuracy.map_or("-".to_owned(), |accuracy| format!("{accuracy:.2}"));
        println!("{:15} votes on {}, in conflict on {}, estimated accuracy {trust}", lf.name, lf.votes, lf.conflicts);
    }

    // Each record with its label, and what the functions found in it.
    for batch in reader.batches()? {
        let batch = batch?;
        for row in 0..batch.n_rows() {
            println!("{:8} {:.2}", soft.classes().name(soft.label(row)), soft.confidence(row));
            for (lf_idx, name) in lfs.names().iter().enumerate() {
                if let Some(why) = lfs.explain(&batch, row, lf_idx)? {
                    let found: Vec<&str> = why.found.iter().map(|found| found.text.as_str()).collect();
                    println!("    {name}: {} {found:?}", lfs.classes().name(why.class));
                }
            }
        }
    }

    let label = |row| soft.classes().name(soft.label(row));
    assert_eq!([label(0), label(1), label(2)], ["good", "bad", "question"]);
    assert!(!soft.covered(7), "three stars and a lamp: no function has anything to say");
    Ok(())
}
