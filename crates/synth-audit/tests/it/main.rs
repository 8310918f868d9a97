//! Tests of synth-audit.

mod agreement;
mod consensus;
mod duplicates;
mod label_errors;
mod outliers;
mod records;

use std::path::PathBuf;

/// A file beside the shared benchmark data; `None`, said aloud, where there is none.
#[expect(
    clippy::disallowed_methods,
    clippy::print_stderr,
    reason = "tests find the shared benchmark data by a variable, and say what they skip"
)]
fn shared(path: &str) -> Option<PathBuf> {
    let data = std::env::var_os("SYNTH_BENCH_DATA")
        .map_or_else(|| PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/../../../shared/data")), PathBuf::from);
    let path = data.join("..").join(path);
    if path.exists() {
        return Some(path);
    }
    eprintln!("skipped: there is no {}", path.display());
    None
}
