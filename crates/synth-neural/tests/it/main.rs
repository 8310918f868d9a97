//! Tests through the public interface: the hub by a server in the test, real weights where there are some.

mod bert;
mod diffusion;
mod hub;
mod inception;
mod marian;
mod real;
mod vision;

use std::fs;
use std::path::{Path, PathBuf};

use tempfile::TempDir;

/// Where fixtures are, each with the script that made it.
fn fixtures() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures")
}

/// A copy of the folder of a model, to change.
fn copy(model: &str) -> TempDir {
    fn into(from: &Path, to: &Path) {
        for entry in fs::read_dir(from).unwrap() {
            let path = entry.unwrap().path();
            let target = to.join(path.file_name().unwrap());
            if path.is_dir() {
                fs::create_dir(&target).unwrap();
                into(&path, &target);
            } else {
                fs::copy(&path, target).unwrap();
            }
        }
    }
    let folder = tempfile::tempdir().unwrap();
    into(&fixtures().join(model), folder.path());
    folder
}
