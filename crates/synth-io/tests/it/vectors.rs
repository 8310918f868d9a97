//! Ready vectors beside records.

use std::path::Path;

use synth_core::{BoxError, Dataset};
use synth_io::Vectors;

use crate::chain;

/// A `.npy` array as NumPy writes it.
fn npy(path: &Path, descr: &str, shape: &str, bytes: &[u8]) {
    let header = format!("{{'descr': '{descr}', 'fortran_order': False, 'shape': {shape}, }}\n");
    let mut file = b"\x93NUMPY\x01\x00".to_vec();
    file.extend((header.len() as u16).to_le_bytes());
    file.extend(header.as_bytes());
    file.extend(bytes);
    std::fs::write(path, file).unwrap();
}

/// Three records in two batches.
fn batches() -> Vec<Result<Dataset, BoxError>> {
    let second = Dataset::of_texts("text", ["c"]);
    vec![Ok(Dataset::of_texts("text", ["a", "b"])), Ok(Dataset::continuing(second.batch().clone(), 2))]
}

fn vectors(path: &Path) -> Result<Vec<Vec<f64>>, String> {
    let mut found = Vec::new();
    for batch in Vectors::open("emb", path).map_err(|error| chain(&error))?.attach(batches()) {
        let batch = batch.map_err(|error| chain(&*error))?;
        let column = batch.column("emb").unwrap();
        found.extend((0..batch.n_rows()).map(|row| column.vector(row).unwrap()));
    }
    Ok(found)
}

#[test]
fn each_record_gets_its_vector() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("emb.npy");
    let numbers = [0.5, 1.0, 2.0, 3.0, -4.0, 5.0];
    let expected = [[0.5, 1.0], [2.0, 3.0], [-4.0, 5.0]];
    npy(&path, "<f8", "(3, 2)", &numbers.map(f64::to_le_bytes).concat());
    assert_eq!(vectors(&path).unwrap(), expected);
    npy(&path, "<f4", "(3, 2)", &numbers.map(|x| (x as f32).to_le_bytes()).concat());
    assert_eq!(vectors(&path).unwrap(), expected);
}

#[test]
fn what_does_not_fit_is_refused() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("emb.npy");
    for (descr, shape, n_bytes, expected) in [
        ("<f4", "(2, 1)", 8, "it has 2 rows for 3 records or more"),
        ("<f4", "(4, 1)", 16, "it has 4 rows for 3 records"),
        ("<f4", "(3, 1)", 11, "it is cut short"),
        ("<f8", "(9223372036854775807, 9223372036854775807)", 8, "it is cut short"),
        ("<i8", "(3, 1)", 24, "its values are <i8 of shape [3, 1]; vectors are float32 or float64"),
        ("<f4", "(3,)", 12, "its values are <f4 of shape [3]"),
    ] {
        npy(&path, descr, shape, &vec![0; n_bytes]);
        let error = vectors(&path).unwrap_err();
        assert!(error.contains(expected), "{error}");
    }
    npy(&path, "<f4", "(3, 1)", &[0; 12]);
    let clash = Vectors::open("text", &path).unwrap().attach(batches()).next().unwrap().unwrap_err();
    assert!(chain(&*clash).contains("already have a field `text`"), "{clash}");
}
