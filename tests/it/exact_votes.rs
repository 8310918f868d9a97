//! The rules of public benchmark sets in the .lf language give the votes that came with the sets.

use std::path::{Path, PathBuf};

use synth::core::BoxError;
use synth::io::votes::load_npy;
use synth::prelude::*;

/// Where the sets are; they are other people's and not part of this repository.
#[expect(clippy::disallowed_methods, reason = "where the benchmark data lies is a setting of the test")]
fn data() -> PathBuf {
    let workspace = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    std::env::var_os("SYNTH_BENCH_DATA").map_or_else(|| workspace.join("../shared/data"), PathBuf::from)
}

/// Compares every vote of `NAME.lf` with the columns of `NAME/votes.npy` from `first_column` on.
fn check(name: &str, first_column: usize, n_rows: usize, n_lfs: usize) -> Result<(), BoxError> {
    let folder = data().join(name);
    if !folder.is_dir() {
        eprintln!("skipped: no set `{name}`; SYNTH_BENCH_DATA names the folder with the benchmark sets");
        return Ok(());
    }
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("lf/{name}.lf"));
    let program = LfFiles::program(&[file], None)?;
    let mut lfs = LfSet::new(program.classes().clone());
    lfs.add_program(program)?;
    let expected = load_npy(&folder.join("votes.npy"), lfs.classes(), None)?;
    let reader = Reader::open(&[Source::new(folder.join("docs.jsonl"))], ReadOptions::default(), &Silent)?;
    let votes = lfs.apply(batches(&reader)?, &Silent)?.matrix;

    assert_eq!((votes.n_rows(), votes.n_lfs()), (n_rows, n_lfs), "{name}");
    assert_eq!(expected.n_rows(), n_rows, "{name}");
    let mut differing = Vec::new();
    let mut n_votes = 0;
    for row in 0..n_rows {
        for lf_idx in 0..n_lfs {
            let (got, wanted) = (votes.vote(row, lf_idx), expected.vote(row, first_column + lf_idx));
            n_votes += usize::from(wanted.is_some());
            if got != wanted {
                differing.push(format!("row {row}, {}: got {got:?}, expected {wanted:?}", lfs.names()[lf_idx]));
            }
        }
    }
    assert!(n_votes > n_rows / 10, "{name}: hardly anything to compare, {n_votes} votes");
    let shown = differing.iter().take(20).cloned().collect::<Vec<_>>().join("\n");
    assert!(differing.is_empty(), "{name}: {} cells differ\n{shown}", differing.len());
    Ok(())
}

#[test]
fn youtube() -> Result<(), BoxError> {
    check("youtube", 0, 1_956, 7)
}

#[test]
fn agnews() -> Result<(), BoxError> {
    check("agnews", 0, 24_000, 9)
}

#[test]
fn imdb() -> Result<(), BoxError> {
    check("imdb", 0, 5_000, 8)
}

#[test]
fn yelp() -> Result<(), BoxError> {
    check("yelp", 1, 7_600, 7)
}

#[test]
fn sms() -> Result<(), BoxError> {
    check("sms", 0, 5_571, 73)
}

#[test]
fn trec() -> Result<(), BoxError> {
    check("trec", 0, 6_033, 68)
}
