//! What goes to stdout.

use std::io::Write;

use anyhow::Result;
use serde::Serialize;

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
