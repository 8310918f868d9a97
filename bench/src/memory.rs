//! Memory of this process, as Linux tells it.

use anyhow::{Context, Result};

/// Forgets what was before.
pub(crate) fn reset() -> Result<()> {
    std::fs::write("/proc/self/clear_refs", "5").context("memory is measured on Linux alone")
}

/// The most bytes since the last reset.
pub(crate) fn peak() -> Result<u64> {
    bytes("VmHWM:")
}

/// The bytes that are resident now.
pub(crate) fn resident() -> Result<u64> {
    bytes("VmRSS:")
}

fn bytes(name: &str) -> Result<u64> {
    let status = std::fs::read_to_string("/proc/self/status").context("memory is measured on Linux alone")?;
    let line = status.lines().find_map(|line| line.strip_prefix(name)).with_context(|| format!("no {name}"))?;
    Ok(line.trim().trim_end_matches(" kB").parse::<u64>()? * 1024)
}
