//! Tests against data that no clone has: skipped aloud where it is not there.

mod frechet_reference;
mod honest_texts;

use std::path::{Path, PathBuf};

/// The folder that a variable names, else one beside the repository.
#[expect(clippy::disallowed_methods, reason = "tests are told by a variable where data lies")]
fn folder(variable: &str, beside: &str) -> PathBuf {
    let repository = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    std::env::var_os(variable).map_or_else(|| repository.join(beside), PathBuf::from)
}

#[expect(clippy::print_stderr, reason = "what a test skips is said")]
fn say(text: &str) {
    eprintln!("{text}");
}
