//! `synth train`, `synth predict`, `synth evaluate`.

use insta::assert_snapshot;

use crate::{MAILS, Project, npy};

/// With soft labels of the mails.
fn labelled() -> Project {
    let project = Project::new();
    project.done("label --data mails.jsonl --lfs spam.lf --out soft.parquet");
    project
}

#[test]
fn a_model_is_trained_used_and_scored() {
    let project = labelled();
    assert_snapshot!(project.run("train --data mails.jsonl --soft soft.parquet --text text --model m --l2 0.001"), @r#"
exit code: 0
---- stderr ----
learned from 5 of 6 records, 7 features
1 left out: no function voted on them, or they have no soft label
L2 0.001: as given
cross-entropy 0.8611 against soft labels of records it did not see
temperature 20.000, fitted on soft labels: it is as sure of itself as they are
wrote m
"#);
    assert_eq!(project.names(), ["m", "mails.jsonl", "soft.parquet", "spam.lf"]);
    assert_snapshot!(project.run("predict --data mails.jsonl --model m --out p.jsonl"), @r#"
exit code: 0
---- stderr ----
6 records; labels: ham 4, spam 2
"#);
    let first = project.read("p.jsonl").lines().next().unwrap().to_owned();
    assert!(
        first.starts_with(r#"{"id":"a","text":"win money now http://x.example","gold":"spam","probs":["#),
        "{first}"
    );
    assert_snapshot!(project.run("evaluate --data mails.jsonl --model m --gold gold"), @r#"
exit code: 0
---- stdout ----
6 records with gold; figures with their 95 % intervals

  accuracy  1.000 (1.000 to 1.000)
  macro F1  1.000 (1.000 to 1.000)
  log-loss  0.6531
  Brier     0.4600
  ECE       0.4795

class  records  precision  recall     F1  ROC AUC  PR AUC
ham          4      1.000   1.000  1.000    1.000   1.000
spam         2      1.000   1.000  1.000    1.000   1.000

rows: the gold class; columns: the class it was given

      ham  spam
ham     4     0
spam    0     2

how sure it was, and how often it was right

confidence  records  right
     0.521        6  1.000
"#);
    let scores = project.json("evaluate --data mails.jsonl --model m --gold gold --json");
    assert_eq!(scores["evaluation"]["n"], 6);
    assert_eq!(scores["classes"][1], "spam");
}

#[test]
fn gold_calibrates_and_probabilities_are_written() {
    let project = labelled();
    let train =
        "train --data mails.jsonl --soft soft.parquet --text text --model m --gold gold --probs-out oof.csv --json";
    let summary = project.json(train);
    assert_eq!(summary["report"]["calibrated_on"], "gold");
    assert_eq!((&summary["n"], &summary["left_out"]), (&6.into(), &1.into()));
    let probs = project.read("oof.csv");
    assert_eq!(probs.lines().next(), Some("id,text,gold,label,confidence,n_votes,p_ham,p_spam"));
    assert_eq!(probs.lines().count(), 7);
}

#[test]
fn the_same_bytes_at_any_number_of_threads() {
    let project = labelled();
    for threads in ["1", "3"] {
        let train = "train --data mails.jsonl --soft soft.parquet --text text";
        project.done(&format!("{train} --model m{threads} --threads {threads}"));
    }
    for file in ["model.json", "weights.safetensors"] {
        assert_eq!(project.bytes(&format!("m1/{file}")), project.bytes(&format!("m3/{file}")), "{file}");
    }
}

#[test]
fn soft_labels_in_every_format_give_the_same_model() {
    let project = labelled();
    for (name, more) in [("parquet", ""), ("csv", ""), ("jsonl", "--classes ham,spam"), ("npy", "--classes ham,spam")] {
        project.done(&format!("label --data mails.jsonl --lfs spam.lf --out soft.{name} --uncovered null"));
        let train = format!("train --data mails.jsonl --soft soft.{name} --text text --model {name} {more}");
        project.done(&train);
        assert_eq!(project.bytes(&format!("{name}/weights.safetensors")), project.bytes("parquet/weights.safetensors"));
    }
}

#[test]
fn what_cannot_be_trained_is_said() {
    let project = labelled();
    let train = "train --data mails.jsonl --soft soft.parquet --model m";
    let other = MAILS.replace("\"id\":\"a\"", "\"id\":\"z\"");
    project.file("other.jsonl", other);
    project.file("none.jsonl", "{\"id\":\"a\",\"text\":\"x\",\"probs\":[0.5,0.5],\"n_votes\":0}\n");
    assert_snapshot!(project.run(train), @r#"
exit code: 2
---- stderr ----
error: no field is named to learn from
hint: name a field of text: --text body
"#);
    assert_snapshot!(project.run(&format!("{train} --text txt")), @r#"
exit code: 2
---- stderr ----
error: the records have no field `txt`
hint: the fields are id, text, gold
"#);
    assert_snapshot!(project.run(&format!("{train} --number text")), @r#"
exit code: 2
---- stderr ----
error: field `text` holds Utf8, but numbers are needed
"#);
    assert_snapshot!(project.run("train --data other.jsonl --soft soft.parquet --text text --model m"), @r#"
exit code: 2
---- stderr ----
error: `soft.parquet` has a soft label for id `a`, but no record has it
hint: take the records that were labelled, and name the same `--id`
"#);
    assert_snapshot!(project.run("train --data none.jsonl --soft none.jsonl --classes a,b --text text --model m"), @r#"
exit code: 2
---- stderr ----
error: there is no row to learn from
hint: every record is uncovered, or without a label: write functions that cover more
"#);
    assert_snapshot!(project.run("train --data none.jsonl --soft none.jsonl --text text --model m"), @r#"
exit code: 2
---- stderr ----
error: cannot use `none.jsonl` as soft labels: it does not name its classes
hint: name them in order: --classes a,b,c
"#);
    assert_snapshot!(project.run("train --data mails.jsonl --soft mails.jsonl --text text --model m"), @r#"
exit code: 2
---- stderr ----
error: cannot use `mails.jsonl` as soft labels: it has neither a column `probs` of lists of numbers nor columns `p_CLASS`
hint: `synth label --out soft.parquet` writes such a file; with `--prefix` say so here too
"#);
    assert!(!project.path("m").exists());
    assert_snapshot!(project.run("evaluate --data mails.jsonl --model m --gold gold"), @r#"
exit code: 2
---- stderr ----
error: cannot open `m/model.json`: No such file or directory (os error 2)
hint: `synth train --model DIR` makes such a folder
"#);
}

#[test]
fn a_damaged_model_is_refused() {
    let project = labelled();
    project.done("train --data mails.jsonl --soft soft.parquet --text text --model m");
    assert_snapshot!(project.run("evaluate --data mails.jsonl --model m"), @r#"
exit code: 2
---- stderr ----
error: there is nothing to score against
hint: name the field that holds known labels: --gold label
"#);
    let weights = project.bytes("m/weights.safetensors");
    project.file("m/weights.safetensors", &weights[..weights.len() / 2]);
    assert_snapshot!(project.run("predict --data mails.jsonl --model m --out p.csv"), @r#"
exit code: 2
---- stderr ----
error: `m/weights.safetensors` is no model: invalid header length
"#);
    assert!(!project.path("p.csv").exists());
}

#[test]
fn vectors_beside_the_records_are_features() {
    let project = labelled();
    // For six records a vector of two numbers: the first is large where the gold label is spam.
    let numbers = [[1.0, 0.0], [0.9, 0.2], [0.0, 1.0], [0.1, 0.8], [0.0, 0.9], [0.2, 1.0]];
    let bytes: Vec<u8> = numbers.concat().into_iter().flat_map(f64::to_le_bytes).collect();
    project.file("emb.npy", npy("<f8", false, [6, 2], &bytes));
    project.done("train --data mails.jsonl --soft soft.parquet --vectors emb=emb.npy --model m");
    project.done("predict --data mails.jsonl --model m --vectors emb=emb.npy --out p.csv");
    assert_eq!(project.read("p.csv").lines().next(), Some("id,text,gold,label,confidence,n_votes,p_ham,p_spam"));
    let scores = project.json("evaluate --data mails.jsonl --model m --vectors emb=emb.npy --gold gold --json");
    assert_eq!(scores["evaluation"]["n"], 6);
    assert_snapshot!(project.run("predict --data mails.jsonl --model m --out q.csv"), @r#"
exit code: 2
---- stderr ----
error: the records have no field `emb`
hint: the fields are id, text, gold
"#);
    project.file("two.jsonl", MAILS.lines().take(2).map(|line| format!("{line}\n")).collect::<String>());
    assert_snapshot!(project.run("predict --data two.jsonl --model m --vectors emb=emb.npy --out q.csv"), @r#"
exit code: 2
---- stderr ----
error: cannot use the array `emb.npy`: it has 6 rows for 2 records
"#);
    assert_snapshot!(project.run("predict --data two.jsonl --model m --vectors emb.npy --out q.csv"), @r#"
exit code: 2
---- stderr ----
error: `--vectors emb.npy` is no NAME=FILE.npy
hint: the name is the field that the vectors become: --vectors emb=embeddings.npy
"#);
    assert!(!project.path("q.csv").exists());
}

#[test]
fn an_output_that_cannot_be_written_is_found_out_before_the_work() {
    let project = labelled();
    let train = "train --data soft.parquet --soft soft.parquet --text text --model m";
    assert_snapshot!(project.run(&format!("{train} --probs-out oof.parquet")), @r#"
exit code: 2
---- stderr ----
error: the records have a field `probs`, which is also the name of a result column
hint: choose another name for the result columns with `--prefix`
"#);
    assert!(!project.path("m").exists());
    project.file("m", "a file of this name");
    assert_snapshot!(project.run(train), @r#"
exit code: 2
---- stderr ----
error: `m` is a file, and a model is a folder
hint: give the model a name of its own: --model model/
"#);
}

#[test]
fn rows_without_a_soft_label_teach_nothing() {
    let project = labelled();
    project.done("label --data mails.jsonl --lfs spam.lf --out null.parquet --uncovered null");
    let train = "train --data mails.jsonl --text text --model m --uncovered prior --json";
    assert_eq!(project.json(&format!("{train} --soft null.parquet"))["left_out"], 1);
    assert_eq!(project.json(&format!("{train} --soft soft.parquet"))["left_out"], 0);
}

#[test]
fn settings_of_the_project_hold_here_too() {
    let project = labelled();
    project.file("bad.jsonl", format!("{MAILS}not json\n"));
    project.file("synth.toml", "[data]\nfiles = [\"bad.jsonl\"]\nskip-bad = true\ngold = \"gold\"\n");
    let summary = project.json("train --soft soft.parquet --text text --model m --json");
    assert_eq!((&summary["n"], &summary["report"]["calibrated_on"]), (&6.into(), &"gold".into()));
    assert_eq!(project.json("evaluate --model m --json")["evaluation"]["n"], 6);
    assert_eq!(project.json("predict --model m --out p.csv --json")["n"], 6);
}

#[test]
fn without_ids_the_numbers_of_rows_must_match() {
    let project = labelled();
    let records: String = (0..6).map(|i| format!("{{\"text\":\"thanks {i}\"}}\n")).collect();
    project.file("bare.jsonl", records);
    project.file("five.jsonl", "{\"probs\":[0.9,0.1]}\n".repeat(5));
    let train = "train --soft five.jsonl --classes ham,spam --text text --model m";
    assert_snapshot!(project.run(&format!("{train} --data bare.jsonl")), @r#"
exit code: 2
---- stderr ----
error: `five.jsonl` has 5 rows for 6 records, and no ids
hint: label these very records, or use a format with ids, such as .parquet
"#);
    // Nor are row numbers taken for the ids of records.
    assert_snapshot!(project.run(&format!("{train} --data mails.jsonl")), @r#"
exit code: 2
---- stderr ----
error: `five.jsonl` has 5 rows for 6 records, and no ids
hint: label these very records, or use a format with ids, such as .parquet
"#);
}
