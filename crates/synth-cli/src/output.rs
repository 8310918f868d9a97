//! What goes to stdout, and soft labels to files.

use std::io::Write;

use anyhow::Result;
use serde::Serialize;
use synth::core::{Event, Observer, SoftLabels, Stage};
use synth::io::Reader;
use synth::io::soft::Writer;

use crate::progress::Progress;

/// Prints text. A reader that has gone away is an error of its own kind, which ends the program quietly.
pub fn print(text: &str) -> Result<()> {
    let mut out = anstream::stdout().lock();
    out.write_all(text.as_bytes())?;
    Ok(out.flush()?)
}

/// Prints one JSON object.
pub fn json(value: &impl Serialize) -> Result<()> {
    print(&(serde_json::to_string_pretty(value)? + "\n"))
}

/// Reads the records once more and writes them with their soft labels, one row each.
pub fn soft(mut writer: Writer, reader: &Reader, soft: &SoftLabels, progress: &Progress) -> Result<()> {
    progress.event(Event::Started { stage: Stage::Write, total: Some(soft.n_rows() as u64) });
    for batch in reader.batches()? {
        let batch = batch?;
        let start = batch.first_row() as usize;
        writer.write(&batch, soft, start..start + batch.n_rows())?;
        progress.event(Event::Advanced { stage: Stage::Write, done: (start + batch.n_rows()) as u64 });
        progress.check()?;
    }
    progress.event(Event::Finished { stage: Stage::Write });
    Ok(writer.finish()?)
}
