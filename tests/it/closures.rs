//! Labeling functions written in Rust that go wrong.

use synth::core::BoxError;
use synth::prelude::*;

fn records() -> Dataset {
    Dataset::of_texts("text", (0..5_000).map(|row| format!("text {row}")))
}

#[test]
fn a_panic_is_a_fault_of_its_row_and_stops_nothing() -> Result<(), BoxError> {
    let classes = ClassSet::new(["a", "b"])?;
    let b = classes.id("b");
    let mut lfs = LfSet::new(classes);
    lfs.add("steady", move |_| b)?
        .add("panics", move |row| if row.position() % 1_000 == 7 { panic!("row {}", row.position()) } else { b })?
        .try_add("fails", move |row| match row.text("text") {
            Some(text) if text.ends_with("99") => Err("ends in 99"),
            _ => Ok(None),
        })?;
    // The default hook would print each panic.
    std::panic::set_hook(Box::new(|_| ()));
    let applied = lfs.apply([Ok(records())], &Silent);
    let _ = std::panic::take_hook();
    let applied = applied?;

    assert_eq!(applied.matrix.n_rows(), 5_000);
    assert_eq!(applied.matrix.vote(6, 1), b);
    assert_eq!(applied.matrix.vote(7, 1), None);
    assert_eq!(applied.matrix.vote(7, 0), b, "the other functions still vote on the row");
    let faults: Vec<_> = applied.faults.iter().collect();
    assert_eq!(faults.len(), 2);
    assert_eq!((faults[0].lf.as_str(), faults[0].count), ("panics", 5));
    let rows: Vec<u64> = faults[0].examples.iter().map(|fault| fault.row).collect();
    assert_eq!(rows, [7, 1_007, 2_007, 3_007, 4_007]);
    assert_eq!(faults[0].examples[1].message, "panicked: row 1007");
    assert_eq!((faults[1].lf.as_str(), faults[1].count), ("fails", 50));
    assert_eq!(faults[1].examples[0].message, "ends in 99");
    Ok(())
}

#[test]
fn a_column_that_does_not_exist_is_an_error_and_no_abstain() -> Result<(), BoxError> {
    let mut lfs = LfSet::new(ClassSet::new(["a", "b"])?);
    lfs.add("typo", |row| row.text("txet").and(None))?;
    let error = lfs.apply([Ok(records())], &Silent).unwrap_err();
    assert!(error.to_string().contains("txet") && error.to_string().contains("typo"), "{error}");
    Ok(())
}
