//! What is read, from every format.

use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, Ordering};

use proptest::prelude::*;
use serde_json::{Value, json};
use synth_core::{Event, Observer, Stage};
use synth_io::{Format, IoError, ReadOptions, Reader, Source};

use crate::{Folder, batches, columns, gzip, json, open, open_with};

#[test]
fn jsonl_with_nesting() {
    let folder = Folder::new();
    let path = folder.file(
        "a.jsonl",
        "\u{feff}{\"id\": 1, \"meta\": {\"lang\": \"en\", \"tags\": [\"x\"]}}\r\n\n  \n{\"meta\": {\"n\": 2}, \"t\": \"\\u00e4\\n\"}",
    );
    let reader = open(path).unwrap();
    assert_eq!(reader.n_rows(), Some(2));
    assert_eq!(
        json(&reader),
        "{\"id\":1,\"meta\":{\"lang\":\"en\",\"tags\":[\"x\"],\"n\":null},\"t\":null}\n\
         {\"id\":null,\"meta\":{\"lang\":null,\"tags\":null,\"n\":2},\"t\":\"ä\\n\"}\n"
    );
    let batch = &batches(&reader)[0];
    assert_eq!(batch.row(0).text("meta.lang").as_deref(), Some("en"));
}

#[test]
fn csv_of_every_type() {
    let folder = Folder::new();
    let path = folder
        .file("a.csv", "\u{feff}n,x,b,t,\r\n1,1,true,007,\"a,\"\"b\"\"\"\r\n\r\n,0.5,False,+1,\"two\nlines\"\r\n");
    let reader = open(path).unwrap();
    assert_eq!(columns(&reader), "n: Int64, x: Float64, b: Boolean, t: Utf8, column_5: Utf8");
    assert_eq!(
        json(&reader),
        "{\"n\":1,\"x\":1.0,\"b\":true,\"t\":\"007\",\"column_5\":\"a,\\\"b\\\"\"}\n\
         {\"n\":null,\"x\":0.5,\"b\":false,\"t\":\"+1\",\"column_5\":\"two\\nlines\"}\n"
    );
}

#[test]
fn compression_shows_in_the_bytes() {
    let folder = Folder::new();
    let text = b"{\"a\": 1}\n";
    let members = [gzip(text), gzip(text)].concat();
    for (name, bytes) in [
        ("a.jsonl.gz", members.clone()),
        ("b.jsonl", members),
        ("c.jsonl.zst", zstd::encode_all(&text.repeat(2)[..], 1).unwrap()),
    ] {
        let reader = open(folder.file(name, bytes)).unwrap();
        assert_eq!(json(&reader), "{\"a\":1}\n{\"a\":1}\n", "{name}");
    }
}

#[test]
fn several_files_are_one_data_set() {
    let folder = Folder::new();
    let paths = [
        folder.file("a.jsonl", "{\"a\": 1, \"b\": \"x\"}\n"),
        folder.file("b.jsonl", ""),
        folder.file("c.csv", "c,a\n,7\n"),
        folder.file("d.jsonl", "{\"a\": 0.5}\n{\"a\": 2}\n"),
    ];
    let reader = open_with(&paths, ReadOptions::default()).unwrap();
    assert_eq!(columns(&reader), "a: Float64, b: Utf8, c: Utf8");
    assert_eq!(reader.n_rows(), Some(4));
    let first_rows: Vec<_> = batches(&reader).iter().map(|b| (b.first_row(), b.n_rows())).collect();
    assert_eq!(first_rows, [(0, 1), (1, 1), (2, 2)]);
    let lines = "{\"a\":1.0,\"b\":\"x\",\"c\":null}\n{\"a\":7.0,\"b\":null,\"c\":null}\n{\"a\":0.5,\"b\":null,\"c\":null}\n{\"a\":2.0,\"b\":null,\"c\":null}\n";
    assert_eq!(json(&reader), lines);
    // Every pass is the same.
    assert_eq!(json(&reader), lines);
}

#[test]
fn batches_are_bounded_by_rows_and_by_bytes() {
    let folder = Folder::new();
    let path = folder.file("a.jsonl", "{\"t\": \"0123456789\"}\n".repeat(10));
    let sizes = |options: ReadOptions| -> Vec<usize> {
        batches(&open_with(&[&path], options).unwrap()).iter().map(|b| b.n_rows()).collect()
    };
    assert_eq!(sizes(ReadOptions { batch_rows: 4, ..Default::default() }), [4, 4, 2]);
    assert_eq!(sizes(ReadOptions { batch_bytes: 60, ..Default::default() }), [3, 3, 3, 1]);
}

#[test]
fn a_line_of_a_hundred_megabytes() {
    let folder = Folder::new();
    let text = "x".repeat(100 << 20);
    let path = folder.file("a.jsonl", format!("{{\"t\": \"{text}\"}}\n{{\"t\": \"short\"}}\n"));
    let reader = open(path).unwrap();
    let batches = batches(&reader);
    assert_eq!(batches.iter().map(|b| b.n_rows()).collect::<Vec<_>>(), [1, 1]);
    assert_eq!(batches[0].row(0).text("t").map(|t| t.len()), Some(text.len()));
}

#[test]
fn a_source_can_be_told_its_format() {
    let folder = Folder::new();
    let path = folder.file("records", "a\n1\n");
    assert!(matches!(open(&path), Err(IoError::UnknownFormat { .. })));
    let source = Source::new(&path).with_format(Format::Csv);
    let reader = Reader::open(&[source], ReadOptions::default(), &synth_core::Silent).unwrap();
    assert_eq!(json(&reader), "{\"a\":1}\n");
    assert_eq!(Source::new("-").format().unwrap(), Format::Jsonl);
}

#[cfg(unix)]
#[test]
fn what_can_be_read_only_once_is_spooled() {
    let folder = Folder::new();
    let pipe = folder.path("pipe.csv");
    assert!(std::process::Command::new("mkfifo").arg(&pipe).status().unwrap().success());
    let writer = std::thread::spawn({
        let pipe = pipe.clone();
        move || std::fs::write(pipe, "a\n1\n2\n").unwrap()
    });
    let options = ReadOptions { spool_dir: folder.path(""), ..Default::default() };
    let reader = open_with(&[pipe], options).unwrap();
    writer.join().unwrap();
    assert_eq!(json(&reader), "{\"a\":1}\n{\"a\":2}\n");
    assert_eq!(json(&reader), "{\"a\":1}\n{\"a\":2}\n");
    drop(reader);
    assert_eq!(folder.names(), ["pipe.csv"]);
}

#[derive(Default)]
struct Watching {
    events: Mutex<Vec<Event>>,
    stop: AtomicBool,
}

impl Observer for Watching {
    fn event(&self, event: Event) {
        self.events.lock().unwrap().push(event);
    }

    fn cancelled(&self) -> bool {
        self.stop.load(Ordering::Relaxed)
    }
}

#[test]
fn the_first_pass_reports_bytes_and_can_be_stopped() {
    let folder = Folder::new();
    let paths = ["a.jsonl", "b.jsonl"].map(|name| folder.file(name, "{\"a\": 1}\n".repeat(400_000)));
    let sources = paths.map(Source::new);
    let watching = Watching::default();
    Reader::open(&sources, ReadOptions::default(), &watching).unwrap();
    let events = watching.events.lock().unwrap().clone();
    let total = 2 * 9 * 400_000;
    assert_eq!(events.first(), Some(&Event::Started { stage: Stage::Scan, total: Some(total) }));
    assert_eq!(events.last(), Some(&Event::Finished { stage: Stage::Scan }));
    let done: Vec<u64> =
        events.iter().filter_map(|e| if let Event::Advanced { done, .. } = e { Some(*done) } else { None }).collect();
    assert!(done.is_sorted() && done.len() >= 4 && *done.last().unwrap() <= total, "{done:?}");
    watching.stop.store(true, Ordering::Relaxed);
    assert!(matches!(Reader::open(&sources, ReadOptions::default(), &watching), Err(IoError::Cancelled)));
}

/// JSON values of one type a field, or null.
fn record() -> impl Strategy<Value = Value> {
    let nullable = |value: BoxedStrategy<Value>| prop_oneof![3 => value, 1 => Just(Value::Null)];
    let text = any::<String>().prop_map(Value::from).boxed();
    // serde_json itself misreads the last digit of some floats; all digits are compared where the lexer is tested.
    let float = any::<i32>().prop_map(|x| Value::from(f64::from(x) / 8.0)).boxed();
    let list = prop::collection::vec(nullable(any::<i64>().prop_map(Value::from).boxed()), 0..4).prop_map(Value::from);
    let nested = (nullable(text.clone()), nullable(any::<bool>().prop_map(Value::from).boxed()))
        .prop_map(|(a, b)| json!({"a": a, "b": b}))
        .boxed();
    (
        nullable(text),
        nullable(float),
        nullable(any::<u64>().prop_map(Value::from).boxed()),
        nullable(list.boxed()),
        nullable(nested),
    )
        .prop_map(|(t, x, u, l, s)| json!({"l": l, "s": s, "t": t, "u": u, "x": x}))
}

/// Null structs and structs of nulls are the same thing to a schema.
fn normal(value: &Value) -> Value {
    match value {
        Value::Object(fields) if fields.values().all(Value::is_null) => Value::Null,
        Value::Object(fields) => fields.iter().map(|(k, v)| (k.clone(), normal(v))).collect(),
        other => other.clone(),
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]
    #[test]
    fn jsonl_says_what_serde_json_says(records in prop::collection::vec(record(), 1..20), rows in 1usize..8) {
        let folder = Folder::new();
        let text: String = records.iter().map(|r| format!("{r}\n")).collect();
        let options = ReadOptions { batch_rows: rows, ..Default::default() };
        let reader = open_with(&[folder.file("a.jsonl", text)], options).unwrap();
        let read: Vec<Value> = json(&reader).lines().map(|line| serde_json::from_str(line).unwrap()).collect();
        let (read, records): (Vec<_>, Vec<_>) = (read.iter().map(normal).collect(), records.iter().map(normal).collect());
        // A column that is null throughout may be missing where it was never more.
        prop_assert_eq!(read, records);
    }

    #[test]
    fn csv_text_comes_back(rows in prop::collection::vec(("[a-z,\"\n\r ä]{0,6}", "[a-z,\"\n\r ä]{1,6}"), 0..20)) {
        let folder = Folder::new();
        let quote = |text: &str| format!("\"{}\"", text.replace('"', "\"\""));
        let mut text = "one,two\n".to_owned();
        for (one, two) in &rows {
            text += &format!("{},x{}\r\n", quote(one), if two.contains([',', '"', '\n', '\r']) { "" } else { two });
        }
        let reader = open(folder.file("a.csv", text)).unwrap();
        let mut read = Vec::new();
        for batch in batches(&reader) {
            for row in 0..batch.n_rows() {
                read.push(batch.row(row).text("one").unwrap_or_default().into_owned());
            }
        }
        prop_assert_eq!(read, rows.iter().map(|(one, _)| one.clone()).collect::<Vec<_>>());
    }
}
