//! The records and functions of `synth demo`, for examples that train on their soft labels.

use synth::core::BoxError;
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
