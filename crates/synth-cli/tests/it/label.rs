//! `synth label` on records.

use insta::assert_snapshot;

use crate::{MAILS, Project, float_pairs, from_npy};

const LABEL: &str = "label --data mails.jsonl --lfs spam.lf --model majority";

#[test]
fn jsonl() {
    let project = Project::new();
    assert_snapshot!(project.run(&format!("{LABEL} --out soft.jsonl")), @"
    exit code: 0
    ---- stderr ----
    6 records, 4 labeling functions, 2 classes; 5 covered (83.3 %), 5 vote patterns
    label model: majority
      every vote counts the same
      the votes cannot tell for 4 of 4 functions that only vote one class, their mistakes from a class that is common
    labels: ham 3, spam 2
    wrote soft.jsonl
    ");
    assert_snapshot!(project.read("soft.jsonl"), @r#"
    {"id":"a","text":"win money now http://x.example","gold":"spam","probs":[0.0,1.0],"label":"spam","confidence":1.0,"n_votes":2}
    {"id":"b","text":"see you at lunch, thanks","gold":"ham","probs":[1.0,0.0],"label":"ham","confidence":1.0,"n_votes":1}
    {"id":"c","text":"thanks for the money","gold":"ham","probs":[0.5,0.5],"label":"ham","confidence":0.5,"n_votes":2}
    {"id":"d","text":"nothing here to see at all","gold":"ham","probs":[0.5,0.5],"label":"ham","confidence":0.5,"n_votes":0}
    {"id":"e","text":"free money: http://y.example","gold":"spam","probs":[0.0,1.0],"label":"spam","confidence":1.0,"n_votes":2}
    {"id":"f","text":"thanks, see you","gold":"ham","probs":[1.0,0.0],"label":"ham","confidence":1.0,"n_votes":2}
    "#);
    assert_eq!(project.names(), ["mails.jsonl", "soft.jsonl", "spam.lf"]);
}

#[test]
fn csv_without_probabilities_for_uncovered_rows() {
    let project = Project::new();
    project.done(&format!("{LABEL} --out soft.csv --uncovered null"));
    assert_snapshot!(project.read("soft.csv"), @r#"
    id,text,gold,label,confidence,n_votes,p_ham,p_spam
    a,win money now http://x.example,spam,spam,1.0,2,0.0,1.0
    b,"see you at lunch, thanks",ham,ham,1.0,1,1.0,0.0
    c,thanks for the money,ham,ham,0.5,2,0.5,0.5
    d,nothing here to see at all,ham,,,0,,
    e,free money: http://y.example,spam,spam,1.0,2,0.0,1.0
    f,"thanks, see you",ham,ham,1.0,2,1.0,0.0
    "#);
}

#[test]
fn to_stdout_without_uncovered_rows() {
    assert_snapshot!(Project::new().run(&format!("{LABEL} --out - --uncovered drop --quiet")), @r#"
    exit code: 0
    ---- stdout ----
    {"id":"a","text":"win money now http://x.example","gold":"spam","probs":[0.0,1.0],"label":"spam","confidence":1.0,"n_votes":2}
    {"id":"b","text":"see you at lunch, thanks","gold":"ham","probs":[1.0,0.0],"label":"ham","confidence":1.0,"n_votes":1}
    {"id":"c","text":"thanks for the money","gold":"ham","probs":[0.5,0.5],"label":"ham","confidence":0.5,"n_votes":2}
    {"id":"e","text":"free money: http://y.example","gold":"spam","probs":[0.0,1.0],"label":"spam","confidence":1.0,"n_votes":2}
    {"id":"f","text":"thanks, see you","gold":"ham","probs":[1.0,0.0],"label":"ham","confidence":1.0,"n_votes":2}
    "#);
}

#[test]
fn npy_keeps_every_row() {
    let project = Project::new();
    project.done(&format!("{LABEL} --out prior.npy"));
    project.done(&format!("{LABEL} --out null.npy --uncovered null"));
    let (prior, null) = (float_pairs(&project.bytes("prior.npy")), float_pairs(&project.bytes("null.npy")));
    assert_eq!((prior.len(), null.len()), (6, 6));
    assert_eq!([prior[0], prior[1], prior[2]], [[0.0, 1.0], [1.0, 0.0], [0.5, 0.5]]);
    // Five covered rows: two spam, two ham, one tie.
    assert_eq!(prior[3], [0.5, 0.5]);
    assert!(null[3].iter().all(|p| p.is_nan()));
    assert_eq!(null[4], prior[4]);
    assert_snapshot!(project.run(&format!("{LABEL} --out drop.npy --uncovered drop")), @"
    exit code: 2
    ---- stderr ----
    error: rows without votes cannot be dropped from `drop.npy`, whose rows are known only by position
    hint: keep them as NaN with `--uncovered null`, or write another format
    ");
    assert_eq!(project.names(), ["mails.jsonl", "null.npy", "prior.npy", "spam.lf"]);
}

/// What one command writes as Parquet or Arrow the next can read.
#[test]
fn columnar_files_hold_the_same() {
    let project = Project::new();
    for ending in ["parquet", "arrow", "jsonl"] {
        project.done(&format!("{LABEL} --out soft.{ending}"));
        project.done(&format!(
            "label --data soft.{ending} --lfs spam.lf --model majority --prefix again_ --out {ending}.csv"
        ));
    }
    assert_eq!(project.read("parquet.csv"), project.read("jsonl.csv"));
    assert_eq!(project.read("arrow.csv"), project.read("jsonl.csv"));
    assert!(project.read("parquet.csv").starts_with("id,text,gold,"), "{}", project.read("parquet.csv"));
}

#[test]
fn a_field_of_the_records_with_the_name_of_a_result() {
    let project = Project::new();
    project.file("labelled.jsonl", MAILS.replace("gold", "label"));
    let label = "label --data labelled.jsonl --lfs spam.lf --model majority --quiet";
    assert_snapshot!(project.run(&format!("{label} --out soft.csv")), @"
    exit code: 2
    ---- stderr ----
    error: the records have a field `label`, which is also the name of a result column
    hint: choose another name for the result columns with `--prefix`
    ");
    project.done(&format!("{label} --out soft.csv --prefix ours_"));
    let header = project.read("soft.csv").lines().next().unwrap().to_owned();
    assert_eq!(header, "id,text,label,ours_label,ours_confidence,ours_n_votes,ours_p_ham,ours_p_spam");
}

#[test]
fn votes_alone_fit_nothing() {
    let project = Project::new();
    assert_snapshot!(project.run("label --data mails.jsonl --lfs spam.lf --votes-out votes.npy"), @"
    exit code: 0
    ---- stderr ----
    6 records, 4 labeling functions, 2 classes; 5 covered (83.3 %), 5 vote patterns
    wrote votes.npy
    ");
    let bytes = project.bytes("votes.npy");
    let (header, data) = from_npy(&bytes);
    assert_eq!(header, "{'descr': '|i1', 'fortran_order': False, 'shape': (6, 4), }");
    let votes: Vec<i8> = data.iter().map(|&byte| byte as i8).collect();
    let rows = [[1, 1, -1, -1], [-1, -1, 0, -1], [-1, 1, 0, -1], [-1; 4], [1, 1, -1, -1], [-1, -1, 0, 0]];
    assert_eq!(votes, rows.concat());
}

#[test]
fn votes_beside_soft_labels() {
    let project = Project::new();
    project
        .done(&format!("{LABEL} --out soft.npy --votes-out votes.npy --counts-out counts.parquet --save-model m.json"));
    assert_eq!(project.names(), ["counts.parquet", "m.json", "mails.jsonl", "soft.npy", "spam.lf", "votes.npy"]);
    // The same votes, from the file, give the same soft labels.
    project.done("label --votes votes.npy --classes ham,spam --model majority --out again.npy");
    assert_eq!(project.bytes("again.npy"), project.bytes("soft.npy"));
}

#[test]
fn from_stdin() {
    let project = Project::new();
    project.done(&format!("{LABEL} --out file.jsonl"));
    let shown = project.run_on(MAILS, "label --data - --lfs spam.lf --model majority --out stdin.jsonl --quiet");
    assert_eq!(shown, "exit code: 0\n");
    assert_eq!(project.read("stdin.jsonl"), project.read("file.jsonl"));
    let csv = "id,text\n1,free money\n";
    let args = "label --data - --stdin-format csv --lfs spam.lf --model majority --out - --quiet";
    assert_snapshot!(project.run_on(csv, args), @r#"
    exit code: 0
    ---- stdout ----
    {"id":1,"text":"free money","probs":[0.5,0.5],"label":"ham","confidence":0.5,"n_votes":2}
    "#);
    assert_eq!(project.names(), ["file.jsonl", "mails.jsonl", "spam.lf", "stdin.jsonl"]);
}

#[test]
fn every_model_and_balance_gives_distributions() {
    let project = Project::new();
    for model in ["auto", "majority", "weighted", "dawid-skene", "triplet"] {
        for balance in ["estimate", "uniform", "ham=.2,spam=.8"] {
            let args =
                format!("label --data mails.jsonl --lfs spam.lf --out soft.npy --model {model} --balance {balance}");
            project.done(&format!("{args} --seed 7 --threads 2"));
            for [ham, spam] in float_pairs(&project.bytes("soft.npy")) {
                assert!(
                    ham >= 0.0 && spam >= 0.0 && (ham + spam - 1.0).abs() < 1e-9,
                    "{model} {balance}: {ham} {spam}"
                );
            }
        }
    }
    // Nobody voted on the fourth: it gets the balance that is given.
    project.done(&format!("{LABEL} --balance ham=.2,spam=.8 --out soft.npy"));
    assert_eq!(float_pairs(&project.bytes("soft.npy"))[3], [0.2, 0.8]);
}

#[test]
fn a_balance_that_is_none() {
    let project = Project::new();
    let label = |balance: &str| project.run(&format!("{LABEL} --out soft.jsonl --balance {balance}"));
    assert_snapshot!(label("eggs=.2,spam=.8"), @"
    exit code: 2
    ---- stderr ----
    error: `--balance eggs=.2,spam=.8`: there is no class `eggs`
    hint: write estimate, uniform, or a share for each class: ham=0.50,spam=0.50
    ");
    assert_snapshot!(label("ham=.2"), @"
    exit code: 2
    ---- stderr ----
    error: `--balance ham=.2`: class `spam` is missing
    hint: write estimate, uniform, or a share for each class: ham=0.50,spam=0.50
    ");
    assert_snapshot!(label("ham=.2,ham=.8"), @"
    exit code: 2
    ---- stderr ----
    error: `--balance ham=.2,ham=.8`: class `ham` stands twice
    hint: write estimate, uniform, or a share for each class: ham=0.50,spam=0.50
    ");
    assert_snapshot!(label("ham=.2,spam=.9"), @"
    exit code: 2
    ---- stderr ----
    error: `--balance ham=.2,spam=.9`: the shares are [0.2, 0.9] and sum to 1.1, they must be from 0 to 1 and sum to 1
    hint: write estimate, uniform, or a share for each class: ham=0.50,spam=0.50
    ");
    assert_snapshot!(label("ham=NaN,spam=1"), @"
    exit code: 2
    ---- stderr ----
    error: `--balance ham=NaN,spam=1`: the shares are [NaN, 1.0] and sum to NaN, they must be from 0 to 1 and sum to 1
    hint: write estimate, uniform, or a share for each class: ham=0.50,spam=0.50
    ");
    assert_snapshot!(label("ham=-1,spam=2"), @"
    exit code: 2
    ---- stderr ----
    error: `--balance ham=-1,spam=2`: the shares are [-1.0, 2.0] and sum to 1, they must be from 0 to 1 and sum to 1
    hint: write estimate, uniform, or a share for each class: ham=0.50,spam=0.50
    ");
    assert_snapshot!(label("guess"), @"
    exit code: 2
    ---- stderr ----
    error: `--balance guess`: `guess` is no CLASS=SHARE
    hint: write estimate, uniform, or a share for each class: ham=0.50,spam=0.50
    ");
    assert_eq!(project.names(), ["mails.jsonl", "spam.lf"]);
}

/// Gold is used: the model that has it moves.
#[test]
fn gold_is_fitted_with() {
    let project = Project::new();
    let label = "label --data mails.jsonl --lfs spam.lf --model dawid-skene";
    project.done(&format!("{label} --out without.npy"));
    project.done(&format!("{label} --out with.npy --gold gold"));
    assert_ne!(project.bytes("without.npy"), project.bytes("with.npy"));
}

#[test]
fn ids() {
    let project = Project::new();
    project.file("named.jsonl", "{\"key\": 1, \"text\": \"free\"}\n{\"key\": 1, \"text\": \"thanks\"}\n");
    let label = "label --data named.jsonl --lfs spam.lf --model majority --out - --quiet";
    assert_snapshot!(project.run(label), @r#"
    exit code: 0
    ---- stdout ----
    {"id":0,"key":1,"text":"free","probs":[0.5,0.5],"label":"ham","confidence":0.5,"n_votes":2}
    {"id":1,"key":1,"text":"thanks","probs":[1.0,0.0],"label":"ham","confidence":1.0,"n_votes":2}
    "#);
    assert_snapshot!(project.run(&format!("{label} --id key")), @"
    exit code: 2
    ---- stderr ----
    error: the records cannot be used: id `1` stands twice, in rows 0 and 1
    hint: name another id field with `--id`; without a field `id` rows are known by their number
    ");
    assert_snapshot!(project.run(&format!("{label} --id text")), @r#"
    exit code: 0
    ---- stdout ----
    {"text":"free","key":1,"probs":[0.5,0.5],"label":"ham","confidence":0.5,"n_votes":2}
    {"text":"thanks","key":1,"probs":[1.0,0.0],"label":"ham","confidence":1.0,"n_votes":2}
    "#);
    assert_snapshot!(project.run(&format!("{label} --id nope")), @"
    exit code: 2
    ---- stderr ----
    error: no field `nope` for the id
    hint: the fields are key, text
    ");
}

#[test]
fn malformed_records_are_set_aside_when_that_is_asked_for() {
    let project = Project::new();
    let mut mails: Vec<&str> = MAILS.lines().collect();
    mails.insert(2, "{\"id\": \"x\", \"text\": ");
    mails.insert(5, "no JSON at all");
    project.file("mails.jsonl", mails.join("\n"));
    assert_snapshot!(project.run(&format!("{LABEL} --out soft.jsonl")), @"
    exit code: 2
    ---- stderr ----
    error: malformed record at mails.jsonl:3: the line ends in the middle of a JSON value
    hint: a record must stand on one line: `jq -c .` puts it there
    ");
    assert_snapshot!(project.run(&format!("{LABEL} --out soft.jsonl --skip-bad --bad-out bad.txt")), @"
    exit code: 0
    ---- stderr ----
    warning: 2 malformed records set aside:
      mails.jsonl:3: the line ends in the middle of a JSON value
      mails.jsonl:6: expected an object, found null
    6 records, 4 labeling functions, 2 classes; 5 covered (83.3 %), 5 vote patterns
    label model: majority
      every vote counts the same
      the votes cannot tell for 4 of 4 functions that only vote one class, their mistakes from a class that is common
    labels: ham 3, spam 2
    wrote soft.jsonl
    ");
    assert_eq!(project.read("bad.txt"), "{\"id\": \"x\", \"text\": \nno JSON at all\n");
    assert_eq!(project.read("soft.jsonl").lines().count(), 6);
    assert_snapshot!(project.run(&format!("{LABEL} --out soft.jsonl --bad-out bad.txt")), @"
    exit code: 2
    ---- stderr ----
    error: the following required arguments were not provided:
      --skip-bad

    Usage: synth label --skip-bad --data <FILE>... --lfs <FILE.lf>... --model <MODEL> --out <FILE> --bad-out <FILE>

    For more information, try '--help'.
    ");
}

#[test]
fn json_is_one_object_with_a_version() {
    let project = Project::new();
    let json = project.json(&format!("{LABEL} --out soft.csv --votes-out votes.npy --seed 7 --json"));
    assert_eq!(json["version"], 1);
    assert_eq!((&json["n"], &json["m"], &json["k"]), (&6.into(), &4.into(), &2.into()));
    assert_eq!((&json["covered"], &json["patterns"], &json["seed"]), (&5.into(), &5.into(), &7.into()));
    assert_eq!((&json["faults"], &json["bad_records"]), (&0.into(), &0.into()));
    assert_eq!(json["model"]["method"], "majority");
    assert_eq!(json["labels"], serde_json::json!([3, 2]));
    assert_eq!(json["written"], serde_json::json!(["votes.npy", "soft.csv"]));
    assert_snapshot!(project.run(&format!("{LABEL} --out - --json")), @"
    exit code: 2
    ---- stderr ----
    error: more than one of the outputs and `--json` goes to stdout
    hint: write all but one of them to files
    ");
}

#[test]
fn several_files_of_each_kind() {
    let project = Project::new();
    project.file("more.csv", "id,text,gold\ng,http again,spam\n");
    project.file("more.lf", "classes ham, spam\nlf again spam when text contains \"again\"\n");
    let label = "label --lfs spam.lf more.lf --model majority --quiet";
    project.done(&format!("{label} --data mails.jsonl more.csv --out soft.csv"));
    assert_eq!(project.read("soft.csv").lines().last(), Some("g,http again,spam,spam,1.0,3,0.0,1.0"));
    project.file("same_name.lf", "lf link spam when text contains \"again\"\n");
    assert_snapshot!(project.run("label --lfs spam.lf same_name.lf --data mails.jsonl --out soft.csv"), @r#"
    exit code: 2
    ---- stderr ----
    error[duplicate-name]: labeling function `link` is declared twice
     --> same_name.lf:1:4
      |
    1 | lf link spam when text contains "again"
      |    ^^^^
      |
     ::: spam.lf:3:4
      |
    3 | lf link   spam when text contains "http"
      |    ---- the first is here
    "#);
}

#[test]
fn what_cannot_be_written_is_said_before_the_work() {
    let project = Project::new();
    // Records that cannot be read: an error about the output shows that it came first.
    project.file("mails.jsonl", "no JSON");
    let label = |outputs: &str| project.run(&format!("{LABEL} {outputs}"));
    assert_snapshot!(label(""), @"
    exit code: 2
    ---- stderr ----
    error: nothing to write is asked for
    hint: name a file for the soft labels: --out soft.parquet
    ");
    assert_snapshot!(label("--out soft.txt"), @"
    exit code: 2
    ---- stderr ----
    error: `soft.txt` has no known format
    hint: the name tells the format: .parquet, .arrow, .jsonl, .csv or .npy
    ");
    assert_snapshot!(label("--out nothere/soft.csv"), @"
    exit code: 2
    ---- stderr ----
    error: cannot write `nothere/soft.csv`: No such file or directory (os error 2)
    ");
    assert_snapshot!(label("--out same.npy --votes-out same.npy"), @"
    exit code: 2
    ---- stderr ----
    error: `same.npy` is named twice: it would be written over
    hint: give each output a file of its own
    ");
    assert_snapshot!(label("--out mails.jsonl"), @"
    exit code: 2
    ---- stderr ----
    error: `mails.jsonl` is named twice: it would be written over
    hint: give each output a file of its own
    ");
    assert_snapshot!(label("--out soft.csv --save-model ../nothere/m.json"), @"
    exit code: 2
    ---- stderr ----
    error: cannot write `../nothere/m.json`: No such file or directory (os error 2)
    ");
    assert_eq!(project.names(), ["mails.jsonl", "spam.lf"]);
}
