//! What is wrong with files, and how that is told.

use arrow_array::{ArrayRef, Int64Array, RecordBatch};
use std::sync::Arc;
use synth_io::{IoError, ReadOptions, RecordProblem};

use crate::{Folder, batches, chain, columns, gzip, json, open, open_with};

/// Opens and reads one file, which fails.
#[track_caller]
fn check(name: &str, contents: impl AsRef<[u8]>, expected: &str) -> IoError {
    let folder = Folder::new();
    let error = failure(&folder, name, contents);
    assert_eq!(folder.relative(chain(&error)), expected);
    assert_eq!(folder.names(), [name], "nothing else stays");
    error
}

#[track_caller]
fn failure(folder: &Folder, name: &str, contents: impl AsRef<[u8]>) -> IoError {
    match open(folder.file(name, contents)) {
        Err(error) => error,
        Ok(reader) => reader.batches().unwrap().find_map(Result::err).expect("no error"),
    }
}

#[test]
fn malformed_records_are_named() {
    let good = "{\"a\": 1}\n";
    check(
        "a.jsonl",
        format!("{good}\n{{\"a\": 2"),
        "malformed record at a.jsonl:3: the line ends in the middle of a JSON value",
    );
    check(
        "a.jsonl",
        [good.as_bytes(), b"{\"b\": \"\xff\"}"].concat(),
        "malformed record at a.jsonl:2: invalid UTF-8 at column 8",
    );
    check("a.jsonl", "{\"a\": NaN}", "malformed record at a.jsonl:1: `NaN` is not JSON at column 7");
    check("a.jsonl", "{\"a\": 1e999}", "malformed record at a.jsonl:1: a number too large for a float at column 7");
    check("a.jsonl", "[\n{\"a\": 1}\n]\n", "malformed record at a.jsonl:1: expected an object, found a list");
    check("a.jsonl", "{\"a\": 1, \"a\": 2}", "malformed record at a.jsonl:1: key `a` stands twice in one object");
    check("a.csv", "a,b\n1,2\n\"x\ny\",\n1\n", "malformed record at a.csv:5: 1 fields, but the header has 2");
    check("a.csv", "a,b\n1,\"x\n2,y\n", "malformed record at a.csv:2: a quoted field is never closed");
    check("a.csv", "a,b\n1,\"x\" y\n", "malformed record at a.csv:2: text after the closing quote of field 2");
    check("a.csv", b"a,b\n1,\xff\n", "malformed record at a.csv:2: invalid UTF-8 at column 3");
    check("a.csv", "a,b,a\n", "malformed header at a.csv:1: column `a` stands twice");
}

#[test]
fn a_type_conflict_names_both_lines() {
    let folder = Folder::new();
    let paths =
        [folder.file("a.jsonl", "\n{\"m\": {\"n\": 1}}\n"), folder.file("b.jsonl", "{}\n{\"m\": {\"n\": \"x\"}}\n")];
    let error = open_with(&paths, ReadOptions::default()).unwrap_err();
    assert_eq!(
        folder.relative(chain(&error)),
        "malformed record at b.jsonl:2: field `m.n` is text here and was an integer at a.jsonl:2"
    );
    let paths = [folder.file("a.csv", "x\ny\n"), folder.file("c.jsonl", "{\"x\": 1}\n")];
    let error = open_with(&paths, ReadOptions::default()).unwrap_err();
    assert_eq!(folder.relative(chain(&error)), "field `x` is Utf8 in `a.csv` and Int64 in `c.jsonl`");
}

#[test]
fn bad_records_are_set_aside_when_asked() {
    let folder = Folder::new();
    let lines = ["{\"a\": 1}", "{\"a\": \"x\", \"new\": 1}", "{\"a\"", "{\"a\": 2}", "{\"b\": 1, \"b\": 2}"];
    let paths =
        [folder.file("a.jsonl", lines.join("\n")), folder.file("b.csv", "a,b\n3,x\n4\n\"5\" ,y\n6,z\n\"7,u\n8,v\n")];
    let bad_file = folder.path("bad.txt");
    let options = ReadOptions { skip_bad: true, bad_file: Some(bad_file.clone()), ..Default::default() };
    // Two formats disagree on `b` but for this: no line of the first that has it is in order.
    let reader = open_with(&paths, options).unwrap();
    assert_eq!(reader.n_rows(), Some(5));
    assert_eq!(columns(&reader), "a: Int64, b: Utf8");
    let a: Vec<_> = batches(&reader)
        .iter()
        .flat_map(|b| (0..b.n_rows()).map(|i| b.row(i).number("a")).collect::<Vec<_>>())
        .collect();
    assert_eq!(a, [1.0, 2.0, 3.0, 6.0, 8.0].map(Some));
    let bad = reader.bad_records();
    assert_eq!(bad.count(), 6);
    let listed: Vec<_> = bad.listed().iter().map(|bad| folder.relative(bad)).collect();
    assert_eq!(
        listed,
        [
            "a.jsonl:2: field `a` is text here and was an integer at a.jsonl:1",
            "a.jsonl:3: the line ends in the middle of a JSON value",
            "a.jsonl:5: key `b` stands twice in one object",
            "b.csv:3: 1 fields, but the header has 2",
            "b.csv:4: text after the closing quote of field 1",
            "b.csv:6: a quoted field is never closed",
        ]
    );
    let set_aside = format!("{}\n{}\n{}\n4\n\"5\" ,y\n\"7,u\n", lines[1], lines[2], lines[4]);
    assert_eq!(std::fs::read_to_string(bad_file).unwrap(), set_aside);
}

#[test]
fn bad_records_are_counted_beyond_the_list() {
    let folder = Folder::new();
    let path = folder.file("a.jsonl", "x\n".repeat(1000));
    let reader = open_with(&[path], ReadOptions { skip_bad: true, ..Default::default() }).unwrap();
    assert_eq!((reader.bad_records().count(), reader.bad_records().listed().len()), (1000, 100));
    assert_eq!(reader.n_rows(), Some(0));
    assert!(batches(&reader).is_empty());
}

#[test]
fn empty_files_are_no_records() {
    let folder = Folder::new();
    for (name, contents, expected) in [
        ("a.jsonl", "", ""),
        ("b.csv", "", ""),
        ("c.csv", "x,y\n", "x: Utf8, y: Utf8"),
        ("d.jsonl", "\n \n", ""),
        ("e.jsonl", "{}\n", ""),
    ] {
        let reader = open(folder.file(name, contents)).unwrap();
        assert_eq!(columns(&reader), expected, "{name}");
        assert_eq!(reader.n_rows(), Some(u64::from(name == "e.jsonl")));
        assert_eq!(json(&reader).lines().count() as u64, reader.n_rows().unwrap());
    }
}

#[test]
fn files_cut_short() {
    let text = (0..20_000).map(|i| format!("{{\"a\": {}}}\n", i * 7919 % 10_007)).collect::<String>();
    let packed = gzip(text.as_bytes());
    for end in [11, packed.len() / 2, packed.len() - 4] {
        let folder = Folder::new();
        let error = failure(&folder, "a.jsonl.gz", &packed[..end]);
        assert_eq!(folder.relative(&error), "`a.jsonl.gz` is no complete gzip file", "{}", chain(&error));
    }
    let packed = zstd::encode_all(text.as_bytes(), 1).unwrap();
    let folder = Folder::new();
    let error = failure(&folder, "a.jsonl.zst", &packed[..packed.len() / 2]);
    assert_eq!(folder.relative(&error), "`a.jsonl.zst` is no complete zstd file", "{}", chain(&error));
}

fn numbers() -> RecordBatch {
    let values: ArrayRef = Arc::new(Int64Array::from_iter_values(0..10_000));
    RecordBatch::try_from_iter([("a", values)]).unwrap()
}

fn parquet() -> Vec<u8> {
    let batch = numbers();
    let mut writer = parquet::arrow::ArrowWriter::try_new(Vec::new(), batch.schema(), None).unwrap();
    writer.write(&batch).unwrap();
    writer.into_inner().unwrap()
}

fn arrow() -> Vec<u8> {
    let batch = numbers();
    let mut writer = arrow_ipc::writer::FileWriter::try_new(Vec::new(), &batch.schema()).unwrap();
    writer.write(&batch).unwrap();
    writer.finish().unwrap();
    writer.into_inner().unwrap()
}

#[test]
fn columnar_files_cut_short_or_not_what_they_say() {
    for (name, whole, what) in [("a.parquet", parquet(), "Parquet file"), ("a.arrow", arrow(), "Arrow file")] {
        let folder = Folder::new();
        assert_eq!(json(&open(folder.file(name, &whole)).unwrap()).lines().count(), 10_000);
        for cut in [&whole[..0], &whole[..3], &whole[..whole.len() / 2], &whole[..whole.len() - 1], b"{\"a\": 1}\n"] {
            let folder = Folder::new();
            let error = failure(&folder, name, cut);
            assert_eq!(folder.relative(&error), format!("`{name}` is no complete {what}"));
        }
    }
}

#[test]
fn damaged_columnar_files_do_not_panic() {
    for (name, whole) in [("a.parquet", parquet()), ("a.arrow", arrow())] {
        let folder = Folder::new();
        for at in (0..whole.len()).rev().take(1500).chain((0..whole.len()).step_by(997)) {
            let mut bytes = whole.clone();
            bytes[at] ^= 0x55;
            // Some damage cannot be seen; none may bring the program down.
            if let Ok(batches) = open(folder.file(name, &bytes)).and_then(|reader| reader.batches()) {
                batches.for_each(drop);
            }
        }
    }
}

#[test]
fn a_file_that_changes_between_passes() {
    let folder = Folder::new();
    for (name, before, after) in [
        ("a.jsonl", "{\"a\": 1}\n{\"a\": 2}\n", "{\"a\": 1}\n{\"a\": \"x\"}\n"),
        ("b.jsonl", "{\"a\": 1}\n{\"a\": 2}\n", "{\"a\": 1}\n"),
        ("c.csv", "a\n1\n2\n", "a\n1\nx\n"),
        ("d.csv", "a\n1\n2\n", "a\n1\n2\n3\n"),
    ] {
        let reader = open(folder.file(name, before)).unwrap();
        folder.file(name, after);
        let error = reader.batches().unwrap().find_map(Result::err).expect(name);
        assert!(matches!(error, IoError::Changed { .. }), "{name}: {error}");
    }
}

#[test]
fn files_that_are_not_there() {
    let folder = Folder::new();
    let error = open(folder.path("no.jsonl")).unwrap_err();
    assert_eq!(folder.relative(&error), "cannot open `no.jsonl`");
    let none: [&str; 0] = [];
    assert!(matches!(open_with(&none, ReadOptions::default()), Err(IoError::NoInput)));
    check("a.parquet.gz", gzip(b"x"), "`a.parquet.gz` is a compressed Parquet file");
    std::fs::create_dir(folder.path("d.jsonl")).unwrap();
    assert!(matches!(open(folder.path("d.jsonl")), Err(IoError::Open { .. })));
    let error = check("a.txt", "x", "`a.txt` has no known format");
    assert!(error.hints()[0].starts_with("names end in .jsonl"));
}

#[test]
fn a_record_says_what_it_is_by_type() {
    let folder = Folder::new();
    let error = failure(&folder, "a.jsonl", "{\"a\": [1, \"x\"]}");
    let IoError::Record { problem, place } = error else { panic!("{error}") };
    assert_eq!(problem, RecordProblem::MixedList { first: "an integer", got: "text" });
    assert_eq!(place.line, 1);
}
