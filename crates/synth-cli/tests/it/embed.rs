//! `synth embed`, with a tiny model whose weights are random.

use insta::assert_snapshot;

use crate::Project;

const TINY: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../synth-neural/tests/fixtures/bert_tiny");

#[test]
fn vectors_alone_or_beside_the_records() {
    let project = Project::new();
    assert_snapshot!(project.run(&format!("embed --data mails.jsonl --model {TINY} --out mails.npy")), @"
    exit code: 0
    ---- stderr ----
    6 records to 24 dimensions by bert_tiny
    wrote mails.npy
    ");
    let array = project.bytes("mails.npy");
    assert_eq!(array.len(), 128 + 6 * 24 * 4);
    project.done(&format!("embed --data mails.jsonl --model {TINY} --out mails-embedded.parquet"));
    project.done(&format!("embed --data mails.jsonl --model {TINY} --out mails-embedded.jsonl"));
    let first: serde_json::Value =
        serde_json::from_str(project.read("mails-embedded.jsonl").lines().next().unwrap()).unwrap();
    assert_eq!(first["id"], "a");
    let numbers: Vec<f32> = first["embedding"].as_array().unwrap().iter().map(|x| x.as_f64().unwrap() as f32).collect();
    let of_array: Vec<f32> =
        array[128..128 + 24 * 4].as_chunks().0.iter().map(|bytes| f32::from_le_bytes(*bytes)).collect();
    assert_eq!(numbers, of_array);
    // What was written trains a classifier.
    project.done("label --data mails.jsonl --lfs spam.lf --out soft.parquet");
    project.done("train --data mails.jsonl --soft soft.parquet --vectors emb=mails.npy --model m");
    project.done("predict --model m --data mails.jsonl --vectors emb=mails.npy --out predicted.jsonl");
}

#[test]
fn made_texts_are_compared_by_what_they_mean() {
    let project = Project::new();
    project.file("synth.toml", format!("[embed]\nmodel = {TINY:?}\n"));
    let made = ["see you at lunch - thanks", "where is the great song?"];
    let lines: Vec<String> = made.iter().map(|text| serde_json::json!({ "text": text }).to_string()).collect();
    project.file("made.jsonl", lines.join("\n"));
    let settings = "[filters.meaning]\nmost = 0.9\n";
    project.file("synth.toml", format!("[embed]\nmodel = {TINY:?}\n{settings}"));
    let shown = project.run("filter --data made.jsonl --from mails.jsonl --filters meaning --out kept.jsonl");
    assert!(shown.contains("means the same as b: cosine 0."), "{shown}");
    assert_eq!(project.read("kept.jsonl").lines().count(), 1, "{shown}");
}

#[test]
fn what_is_no_model_is_said() {
    let project = Project::new();
    assert_snapshot!(project.run("embed --data mails.jsonl --model nowhere --out x.npy"), @"
    exit code: 2
    ---- stderr ----
    error: there is no folder `nowhere`
    hint: name a folder with config.json, tokenizer.json and model.safetensors, or a repository of the hub as sentence-transformers/all-MiniLM-L6-v2
    ");
    std::fs::create_dir(project.path("empty")).unwrap();
    assert_snapshot!(project.run("embed --data mails.jsonl --model empty --out x.npy"), @"
    exit code: 2
    ---- stderr ----
    error: the folder `empty` has no `config.json`
    hint: name a folder with all files that the hub has of the model
    ");
    assert!(!project.path("x.npy").exists());
}
