//! What is said beside an error.

use synth_io::{IoError, NpyProblem, Place, RecordProblem};

#[test]
fn errors_that_have_a_cure_name_it() {
    let record = |problem| IoError::Record { place: Place { path: "f".into(), line: 1 }, problem };
    let npy = |problem| IoError::Npy { path: "f".into(), problem };
    for (error, part) in [
        (record(RecordProblem::NotAnObject { got: "a list" }), "jq -c '.[]'"),
        (record(RecordProblem::Truncated), "one line"),
        (record(RecordProblem::DuplicateKey { key: "a".into() }), "--skip-bad"),
        (npy(NpyProblem::Dimensions { got: 1 }), "reshape(-1, 1)"),
        (npy(NpyProblem::NotIntegers { descr: "<f8".into() }), "astype"),
        (IoError::DuplicateId { id: "x".into(), first: 0, second: 1 }, "--id"),
        (IoError::Clash { field: "label".into() }, "--prefix"),
        (IoError::DropInNpy { path: "o.npy".into() }, "--uncovered null"),
        (IoError::VoteOutOfRange { path: "f".into(), row: 0, column: 0, value: -2, n_classes: 2 }, "only -1 abstains"),
    ] {
        let hints = error.hints();
        assert!(hints.iter().any(|hint| hint.contains(part)), "{error}: {hints:?}");
    }
    assert!(IoError::Cancelled.hints().is_empty());
}

#[test]
fn a_reader_that_went_away_is_no_failure() {
    let source = std::io::Error::from(std::io::ErrorKind::BrokenPipe);
    assert!(IoError::Write { path: "-".into(), source: source.into() }.is_broken_pipe());
    assert!(!IoError::Cancelled.is_broken_pipe());
}
