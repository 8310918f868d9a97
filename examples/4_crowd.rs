//! Votes of crowd workers: a worker is a labeling function, and some are better than others.
//!
//!     cargo run -p synth-examples --example 4_crowd

use std::fmt::Write;

use synth::core::BoxError;
use synth::io::votes::load_crowd;
use synth::label::{DawidSkene, Majority};
use synth::prelude::*;

/// How often each worker is right: two know their birds, four hardly do, one is nearly always wrong.
const SKILL: [f64; 7] = [0.97, 0.95, 0.55, 0.5, 0.45, 0.5, 0.1];
const BIRDS: [&str; 3] = ["crow", "raven", "rook"];
const ITEMS: usize = 600;

/// Noise that is the same on every run: a number in 0..1 for each question.
fn noise(item: usize, worker: usize, question: u64) -> f64 {
    let mut x = (item as u64) << 32 | (worker as u64) << 8 | question;
    for _ in 0..3 {
        x = (x ^ (x >> 31)).wrapping_add(1).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    }
    (x >> 11) as f64 / (1u64 << 53) as f64
}

fn truth(item: usize) -> usize {
    item * 7 % 3
}

/// What a crowdsourcing platform exports: item, worker, label.
fn votes_csv() -> String {
    let mut csv = String::from("item,worker,label\n");
    for item in 0..ITEMS {
        for (worker, skill) in SKILL.iter().enumerate() {
            let right = noise(item, worker, 0) < *skill;
            let other = truth(item) + 1 + usize::from(noise(item, worker, 1) < 0.5);
            let label = BIRDS[if right { truth(item) } else { other % 3 }];
            writeln!(csv, "photo-{item},worker-{worker},{label}").expect("a string can be written to");
        }
    }
    csv
}

fn main() -> Result<(), BoxError> {
    let folder = tempfile::tempdir()?;
    let file = folder.path().join("votes.csv");
    std::fs::write(&file, votes_csv())?;
    let crowd = load_crowd(&file, None)?;
    let classes = crowd.matrix.classes();
    let gold: Vec<Vote> = (0..ITEMS).map(|item| classes.id(BIRDS[truth(item)])).collect();

    let patterns = crowd.matrix.patterns();
    let majority = Majority::default().fit(patterns, &Gold::none())?;
    let dawid_skene = DawidSkene::default().fit(patterns, &Gold::none())?;
    let auto = Auto::default().fit(patterns, &Gold::none())?;
    let mut accuracy = Vec::new();
    for fit in [&majority, &dawid_skene, &auto] {
        let soft = fit.model.predict(&crowd.matrix)?;
        let scores = Scores::of(&soft, &gold, |_| true).ok_or("no gold")?;
        println!("{:12} accuracy {:.3}, log-loss {:.3}", fit.report.method, scores.accuracy, scores.log_loss);
        accuracy.push(scores.accuracy);
    }
    println!("\nwhat auto found:\n{}", auto.report);
    for (lf, skill) in auto.report.lfs.iter().zip(SKILL) {
        println!("{}  right {skill:.2}, estimated {:.2}", lf.name, lf.accuracy.ok_or("it voted")?);
    }

    assert_eq!(crowd.items[1], "photo-1");
    assert!(accuracy[2] > accuracy[0], "knowing the workers beats counting their votes");
    assert!(auto.report.lfs[6].accuracy < Some(1.0 / 3.0), "the last worker is worse than chance");
    Ok(())
}
