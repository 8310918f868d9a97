//! The records and functions of `synth demo`, for examples that train on their soft labels.

use ndarray::Array2;
use synth::core::BoxError;
use synth::learn::SparseMatrix;
use synth::lf::lang::{Source as LfSource, compile};
use synth::prelude::*;

const FOLDER: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../crates/synth-cli/demo");

/// 490 messages to an online shop, with soft labels.
pub fn labelled() -> Result<(Dataset, SoftLabels), BoxError> {
    let text = std::fs::read_to_string(format!("{FOLDER}/tickets.lf"))?;
    let no_lists = |_: &str, _: &LfSource| Err(std::io::ErrorKind::NotFound.into());
    let program = compile(&[LfSource::new("tickets.lf", text)], None, &no_lists).program.ok_or("mistakes")?;
    let mut lfs = LfSet::new(program.classes().clone());
    lfs.add_program(program)?;
    let reader = Reader::open(&[Source::new(format!("{FOLDER}/tickets.jsonl"))], ReadOptions::default(), &Silent)?;
    let matrix = lfs.apply(batches(&reader)?, &Silent)?.matrix;
    let soft = Auto::default().fit(matrix.patterns(), &Gold::none())?.model.predict(&matrix)?;
    let records = reader.batches()?.next().ok_or("no records")??;
    assert_eq!(records.n_rows(), soft.n_rows());
    Ok((records, soft))
}

/// All cells, those that are zero too: for few records only.
pub fn dense(matrix: &SparseMatrix) -> Array2<f64> {
    let mut dense = Array2::zeros((matrix.n_rows(), matrix.n_columns()));
    for row in 0..matrix.n_rows() {
        matrix.row(row).for_each(|(column, value)| dense[[row, column]] = value);
    }
    dense
}
