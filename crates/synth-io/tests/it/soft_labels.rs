//! Soft labels, in every format.

use std::path::Path;
use std::sync::Arc;

use arrow_array::cast::AsArray;
use arrow_array::types::Float64Type;
use arrow_array::{ArrayRef, RecordBatch, StringArray};
use proptest::prelude::*;
use synth_core::{ClassSet, Dataset, SoftLabels};
use synth_io::soft::{Options, Uncovered, Writer, load};
use synth_io::{Format, IoError, ReadOptions, Reader};

use crate::{Folder, batches, json, open, open_with};

const RECORDS: &str = "{\"text\":\"a, \\\"b\\\"\",\"id\":\"r1\",\"m\":{\"x\":[1]}}\n{\"text\":\"\",\"id\":\"r2\",\"m\":null}\n{\"text\":null,\"id\":\"r3\",\"m\":{\"x\":[]}}\n";

fn classes() -> ClassSet {
    ClassSet::new(["ham", "spam"]).unwrap()
}

/// The second row has no votes.
fn labels() -> SoftLabels {
    SoftLabels::from_rows(classes(), vec![0.1, 0.9, 0.75, 0.25, 1.0, 0.0], vec![2, 0, 1]).unwrap()
}

fn write(reader: &Reader, path: &Path, options: &Options) -> Result<(), IoError> {
    let mut writer = Writer::create(path, &reader.schema(), &classes(), options)?;
    for batch in reader.batches()? {
        let batch = batch?;
        let start = batch.first_row() as usize;
        writer.write(&batch, &labels(), start..start + batch.n_rows())?;
    }
    writer.finish()
}

/// Writes the records above and returns what the file holds, decompressed.
fn written(name: &str, options: &Options) -> (Folder, std::path::PathBuf) {
    let folder = Folder::new();
    let read = ReadOptions { batch_rows: 2, ..Default::default() };
    let reader = open_with(&[folder.file("in.jsonl", RECORDS)], read).unwrap();
    let out = folder.path(name);
    write(&reader, &out, options).unwrap();
    assert_eq!(folder.names().len(), 2);
    (folder, out)
}

const AS_JSON: &str = r#"{"id":"r1","text":"a, \"b\"","m":{"x":[1]},"probs":[0.1,0.9],"label":"spam","confidence":0.9,"n_votes":2}
{"id":"r2","text":"","m":null,"probs":[0.75,0.25],"label":"ham","confidence":0.75,"n_votes":0}
{"id":"r3","text":null,"m":{"x":[]},"probs":[1.0,0.0],"label":"ham","confidence":1.0,"n_votes":1}
"#;

#[test]
fn every_format_says_the_same() {
    for name in ["o.jsonl", "o.jsonl.gz", "o.jsonl.zst", "o.parquet", "o.arrow"] {
        let (_folder, out) = written(name, &Options::default());
        assert_eq!(json(&open(&out).unwrap()), AS_JSON, "{name}");
    }
    let (_folder, out) = written("o.jsonl", &Options::default());
    assert_eq!(std::fs::read_to_string(out).unwrap(), AS_JSON);
}

#[test]
fn the_same_input_gives_the_same_bytes() {
    for name in ["o.jsonl.gz", "o.csv.zst", "o.parquet", "o.arrow", "o.npy"] {
        let options =
            Options { metadata: vec![("run".into(), "1".into()), ("a".into(), "2".into())], ..Default::default() };
        let bytes = [(); 3].map(|()| std::fs::read(&written(name, &options).1).unwrap());
        assert!(bytes[0] == bytes[1] && bytes[1] == bytes[2], "{name}");
    }
}

#[test]
fn csv_spreads_the_classes_and_writes_nested_fields_as_json() {
    let (_folder, out) = written("o.csv", &Options::default());
    assert_eq!(
        std::fs::read_to_string(out).unwrap(),
        "id,text,m,label,confidence,n_votes,p_ham,p_spam\n\
         r1,\"a, \"\"b\"\"\",\"{\"\"x\"\":[1]}\",spam,0.9,2,0.1,0.9\n\
         r2,\"\",,ham,0.75,0,0.75,0.25\n\
         r3,,{\"\"x\"\":[]},ham,1.0,1,1.0,0.0\n"
            .replace("{\"\"x\"\":[]}", "\"{\"\"x\"\":[]}\"")
    );
}

#[test]
fn uncovered_rows_are_treated_as_asked() {
    let with = |uncovered| Options { uncovered, ..Default::default() };
    let (_folder, out) = written("o.jsonl", &with(Uncovered::Null));
    let text = std::fs::read_to_string(out).unwrap();
    let second = r#"{"id":"r2","text":"","m":null,"probs":null,"label":null,"confidence":null,"n_votes":0}"#;
    assert_eq!(text.lines().nth(1), Some(second));
    let (_folder, out) = written("o.parquet", &with(Uncovered::Drop));
    let expected: String =
        AS_JSON.lines().filter(|line| !line.contains("r2")).map(|line| format!("{line}\n")).collect();
    assert_eq!(json(&open(out).unwrap()), expected);
    let (_folder, out) = written("o.csv", &with(Uncovered::Null));
    assert!(std::fs::read_to_string(out).unwrap().contains("\nr2,\"\",,,,0,,\n"));
    let (folder, _out) = written("o.csv", &Options::default());
    let error =
        Writer::create(folder.path("x.npy"), &arrow_schema::Schema::empty(), &classes(), &with(Uncovered::Drop));
    assert!(matches!(error, Err(IoError::DropInNpy { .. })));
}

#[test]
fn npy_holds_the_probabilities() {
    let (_folder, out) = written("o.npy", &Options { uncovered: Uncovered::Null, ..Default::default() });
    let bytes = std::fs::read(out).unwrap();
    let header = String::from_utf8_lossy(&bytes[10..128]).into_owned();
    assert_eq!(header.trim_end(), "{'descr': '<f8', 'fortran_order': False, 'shape': (3, 2), }");
    let values: Vec<f64> = bytes[128..].chunks(8).map(|b| f64::from_le_bytes(b.try_into().unwrap())).collect();
    assert_eq!((values[0], values[1], values[4], values[5]), (0.1, 0.9, 1.0, 0.0));
    assert!(values[2].is_nan() && values[3].is_nan());
}

#[test]
fn a_clash_proposes_a_prefix() {
    let folder = Folder::new();
    let reader = open(folder.file("a.jsonl", "{\"label\": \"x\", \"p_ham\": 1}\n")).unwrap();
    let create = |name: &str, prefix: &str| {
        let options = Options { prefix: prefix.into(), ..Default::default() };
        Writer::create(folder.path(name), &reader.schema(), &classes(), &options).map(drop)
    };
    let error = create("o.parquet", "").unwrap_err();
    assert_eq!(error.to_string(), "the records have a field `label`, which is also the name of a result column");
    assert!(error.hints()[0].contains("--prefix"));
    create("o.parquet", "soft_").unwrap();
    create("o.npy", "").unwrap();
    let reader = open(folder.file("b.jsonl", "{\"p_ham\": 1}\n")).unwrap();
    let create =
        |name: &str| Writer::create(folder.path(name), &reader.schema(), &classes(), &Options::default()).map(drop);
    assert!(matches!(create("o.csv"), Err(IoError::Clash { field }) if field == "p_ham"));
    create("o.parquet").unwrap();
}

#[test]
fn the_id_is_a_field_or_the_row_number() {
    let folder = Folder::new();
    let first = |contents: &str, id: Option<&str>| -> Result<String, IoError> {
        let reader = open(folder.file("a.jsonl", contents))?;
        let out = folder.path("o.jsonl");
        let options = Options { id: id.map(str::to_owned), ..Default::default() };
        let mut writer = Writer::create(&out, &reader.schema(), &classes(), &options)?;
        let batch = &batches(&reader)[0];
        writer.write(batch, &labels(), 0..batch.n_rows())?;
        writer.finish()?;
        let text = std::fs::read_to_string(out).unwrap();
        Ok(text.split(",\"probs\"").next().unwrap_or_default().to_owned())
    };
    assert_eq!(first("{\"t\": 1}", None).unwrap(), r#"{"id":0,"t":1"#);
    assert_eq!(first("{\"t\": 1, \"key\": \"k\"}", Some("key")).unwrap(), r#"{"key":"k","t":1"#);
    assert_eq!(first("{\"m\": {\"key\": 7}}", Some("m.key")).unwrap(), r#"{"id":7,"m":{"key":7}"#);
    let clash = first("{\"m\": {\"key\": 7}, \"id\": 1}", Some("m.key"));
    assert!(matches!(clash, Err(IoError::Clash { field }) if field == "id"));
    assert!(matches!(first("{\"t\": 1}", Some("key")), Err(IoError::NoField { .. })));
    // Crowd votes: no records but the item.
    assert_eq!(first("{\"item\": \"q\"}", Some("item")).unwrap(), r#"{"item":"q""#);
    assert_eq!(first("{}", None).unwrap(), r#"{"id":0"#);
}

#[test]
fn the_metadata_names_classes_and_run() {
    let options = Options { metadata: vec![("synth.run".into(), "f00".into())], ..Default::default() };
    for name in ["o.parquet", "o.arrow"] {
        let (_folder, out) = written(name, &options);
        let metadata = match name {
            "o.arrow" => arrow_ipc::reader::FileReader::try_new(std::fs::File::open(&out).unwrap(), None)
                .unwrap()
                .schema()
                .metadata
                .clone(),
            _ => {
                let file = std::fs::File::open(&out).unwrap();
                let builder = parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder::try_new(file).unwrap();
                let pairs = builder.metadata().file_metadata().key_value_metadata().unwrap();
                pairs.iter().map(|p| (p.key.clone(), p.value.clone().unwrap_or_default())).collect()
            }
        };
        assert_eq!(metadata.get("synth.classes").map(String::as_str), Some("[\"ham\",\"spam\"]"), "{name}");
        assert_eq!(metadata.get("synth.run").map(String::as_str), Some("f00"), "{name}");
    }
}

#[test]
fn what_parquet_does_not_know_becomes_text() {
    let folder = Folder::new();
    let reader = open(folder.file("a.jsonl", "{\"m\": {}, \"l\": [{\"e\": {}}], \"n\": {\"e\": null}}\n")).unwrap();
    let mut writer =
        Writer::create(folder.path("o.parquet"), &reader.schema(), &classes(), &Options::default()).unwrap();
    writer.write(&batches(&reader)[0], &labels(), 0..1).unwrap();
    writer.finish().unwrap();
    let text = json(&open(folder.path("o.parquet")).unwrap());
    assert!(text.starts_with(r#"{"id":0,"m":"{}","l":[{"e":"{}"}],"n":{"e":null}"#), "{text}");
}

#[test]
fn what_does_not_fit_is_refused_and_leaves_nothing() {
    let folder = Folder::new();
    let reader = open(folder.file("a.jsonl", RECORDS)).unwrap();
    let batch = &batches(&reader)[0];
    let options = Options { n_rows: Some(4), ..Default::default() };
    let mut writer = Writer::create(folder.path("o.parquet"), &reader.schema(), &classes(), &options).unwrap();
    assert!(matches!(writer.write(batch, &labels(), 0..2), Err(IoError::RowCount { expected: 3, got: 2, .. })));
    assert!(matches!(writer.write(batch, &labels(), 1..4), Err(IoError::RowCount { .. })));
    let other = SoftLabels::from_rows(ClassSet::new(["x", "y"]).unwrap(), vec![0.5; 6], vec![1; 3]).unwrap();
    assert!(matches!(writer.write(batch, &other, 0..3), Err(IoError::Core { .. })));
    writer.write(batch, &labels(), 0..3).unwrap();
    let error = writer.finish().unwrap_err();
    assert_eq!(folder.relative(error), "`o.parquet` was to have 4 rows, not 3");
    assert!(matches!(
        Writer::create(folder.path("o.txt"), &reader.schema(), &classes(), &Options::default()),
        Err(IoError::UnknownFormat { .. })
    ));
    assert!(matches!(
        Writer::create(folder.path("o.npy.gz"), &reader.schema(), &classes(), &Options::default()),
        Err(IoError::CompressedFormat { .. })
    ));
    assert_eq!(folder.names(), ["a.jsonl"]);
    let told = Options { format: Some(Format::Csv), ..Default::default() };
    assert!(Writer::create(folder.path("o.txt"), &reader.schema(), &classes(), &told).is_ok());
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]
    #[test]
    fn probabilities_come_back_to_the_last_bit(weights in prop::collection::vec(0.0f64..1.0, 2..40)) {
        let probs: Vec<f64> = weights.iter().flat_map(|p| [*p, 1.0 - *p]).collect();
        let n = weights.len();
        let soft = SoftLabels::from_rows(classes(), probs.clone(), vec![1; n]).unwrap();
        let folder = Folder::new();
        let reader = open(folder.file("a.jsonl", "{}\n".repeat(n))).unwrap();
        for name in ["o.parquet", "o.arrow", "o.jsonl", "o.csv"] {
            let mut writer = Writer::create(folder.path(name), &reader.schema(), &classes(), &Options::default()).unwrap();
            writer.write(&batches(&reader)[0], &soft, 0..n).unwrap();
            writer.finish().unwrap();
            let read = batches(&open(folder.path(name)).unwrap()).remove(0);
            let column = |name: &str| read.column(name).unwrap().array().as_primitive::<Float64Type>().values().to_vec();
            let values = if name == "o.csv" {
                column("p_ham").into_iter().zip(column("p_spam")).flat_map(|(a, b)| [a, b]).collect()
            } else {
                read.column("probs").unwrap().array().as_list::<i32>().values().as_primitive::<Float64Type>().values().to_vec()
            };
            prop_assert_eq!(&values, &probs, "{}", name);
        }
    }
}

#[test]
fn what_was_written_is_read_back() {
    let dir = tempfile::tempdir().unwrap();
    let classes = ClassSet::new(["ham", "spam"]).unwrap();
    let labels = SoftLabels::from_rows(classes.clone(), vec![0.25, 0.75, 1.0, 0.0, 0.5, 0.5], vec![2, 1, 0]).unwrap();
    let ids: ArrayRef = Arc::new(StringArray::from(vec!["a", "b", "c"]));
    let records = Dataset::new(RecordBatch::try_from_iter([("id", ids)]).unwrap());
    for name in ["soft.parquet", "soft.arrow", "soft.jsonl", "soft.csv", "soft.csv.gz", "soft.npy"] {
        let path = dir.path().join(name);
        let options = Options { uncovered: Uncovered::Null, n_rows: Some(3), ..Options::default() };
        let mut writer = Writer::create(&path, &records.schema(), &classes, &options).unwrap();
        writer.write(&records, &labels, 0..3).unwrap();
        writer.finish().unwrap();
        let loaded = load(&path, Some(&classes), None, "").unwrap();
        for row in 0..3 {
            assert_eq!(loaded.labels.probs(row), labels.probs(row), "{name}");
            assert_eq!(loaded.labels.covered(row), labels.covered(row), "{name}");
            assert_eq!(loaded.known[row], labels.covered(row), "{name}");
        }
        let ids = loaded.ids.map(|ids| ids.join(" "));
        assert_eq!(ids.as_deref(), (name != "soft.npy").then_some("a b c"), "{name}");
        // Only what names its classes can do without being told.
        let named = load(&path, None, None, "").map(|loaded| loaded.labels.classes().clone());
        match name {
            "soft.jsonl" | "soft.npy" => {
                assert_eq!(named.unwrap_err().hints(), ["name them in order: --classes a,b,c"], "{name}");
            }
            _ => assert_eq!(named.unwrap(), classes, "{name}"),
        }
        let other = ClassSet::new(["x", "y", "z"]).unwrap();
        assert!(load(&path, Some(&other), None, "").is_err(), "{name}");
    }
}

#[test]
fn what_are_no_soft_labels_is_said() {
    let dir = tempfile::tempdir().unwrap();
    let classes = ClassSet::new(["a", "b"]).unwrap();
    for (text, expected) in [
        ("{\"id\": 1, \"label\": \"a\"}\n", "neither a column `probs`"),
        ("{\"id\": 1, \"probs\": [0.5, 0.25, 0.25]}\n", "row 0 has 3 probabilities for 2 classes"),
        ("{\"id\": 1, \"probs\": [0.5, 0.6]}\n", "it sums to 1.1"),
        ("{\"id\": 1, \"probs\": [1, 0]}\n{\"id\": 1, \"probs\": [0, 1]}\n", "id `1` stands twice"),
        ("{\"id\": 1, \"probs\": [0.5, null]}\n", "NaN"),
        ("id,p_a,p_b\n1,0.5,\n2,0.5,0.5\n", "NaN"),
    ] {
        let path = dir.path().join(if text.starts_with("id,") { "soft.csv" } else { "soft.jsonl" });
        std::fs::write(&path, text).unwrap();
        let error = load(&path, Some(&classes), None, "").unwrap_err();
        let source = std::error::Error::source(&error).map(ToString::to_string).unwrap_or_default();
        assert!(format!("{error}: {source}").contains(expected), "{error}: {source}");
    }
}

#[test]
fn fields_of_records_are_not_taken_for_classes() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("soft.csv");
    // The records had `p_value` and the classes are `a` and `b`.
    std::fs::write(&path, "id,p_value,label,confidence,n_votes,p_a,p_b\n1,0.01,a,0.7,2,0.7,0.3\n").unwrap();
    let classes = ClassSet::new(["a", "b"]).unwrap();
    for given in [None, Some(&classes)] {
        let loaded = load(&path, given, None, "").unwrap();
        assert_eq!((loaded.labels.classes(), loaded.labels.probs(0)), (&classes, &[0.7, 0.3][..]));
    }
    // Written elsewhere: what is asked for is found wherever it stands.
    std::fs::write(&path, "p_b,p_value,id,p_a\n0.3,0.01,1,0.7\n").unwrap();
    assert_eq!(load(&path, Some(&classes), None, "").unwrap().labels.probs(0), [0.7, 0.3]);
    std::fs::write(&path, "id,p_a,p_b\n1,0.7,0.3\n").unwrap();
    let loaded = load(&path, None, None, "").unwrap();
    assert_eq!((loaded.labels.classes(), loaded.labels.n_votes(0)), (&classes, 1));
}
