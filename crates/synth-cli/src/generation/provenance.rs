//! Where the texts of a file come from, as it was written beside them.

use anyhow::{Context, Result};
use arrow_json::LineDelimitedWriter;
use synth::core::Dataset;
use synth::generate::{PROVENANCE, Provenance};

/// The provenance of each record; `None` for those without.
pub fn provenance(records: &Dataset) -> Result<Vec<Option<Provenance>>> {
    let Ok(at) = records.schema().index_of(PROVENANCE) else { return Ok(vec![None; records.n_rows()]) };
    let mut lines = Vec::new();
    LineDelimitedWriter::new(&mut lines).write(&records.batch().project(&[at])?)?;
    let lines = std::str::from_utf8(&lines)?.lines();
    lines
        .map(|line| {
            let mut value: serde_json::Value = serde_json::from_str(line)?;
            let mut found = value[PROVENANCE].take();
            // CSV has it as text.
            if let Some(text) = found.as_str() {
                found = if text.is_empty() { serde_json::Value::Null } else { serde_json::from_str(text)? };
            }
            serde_json::from_value(found)
        })
        .collect::<Result<_, serde_json::Error>>()
        .with_context(|| format!("the field `{PROVENANCE}` is not one that synth wrote"))
}
