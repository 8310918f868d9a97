//! `synth label` on votes, counts and saved models.

use insta::assert_snapshot;

use crate::{MAILS, Project, float_pairs, from_npy, npy};

const ROWS: [[i8; 3]; 4] = [[0, 1, -1], [1, 1, 1], [-1, -1, -1], [0, 0, 1]];

#[test]
fn npy_of_any_integers_in_either_order() {
    let project = Project::empty();
    let rows = ROWS.concat();
    let columns: Vec<i8> = (0..3).flat_map(|j| ROWS.map(|row| row[j])).collect();
    let bytes =
        |values: &[i8], wide: fn(i64) -> Vec<u8>| values.iter().flat_map(|&v| wide(i64::from(v))).collect::<Vec<u8>>();
    let files = [
        ("a.npy", npy("|i1", false, [4, 3], &bytes(&rows, |v| vec![v as u8]))),
        ("b.npy", npy("<i8", false, [4, 3], &bytes(&rows, |v| v.to_le_bytes().to_vec()))),
        ("c.npy", npy("<i4", true, [4, 3], &bytes(&columns, |v| (v as i32).to_le_bytes().to_vec()))),
        ("d.npy", npy(">i2", true, [4, 3], &bytes(&columns, |v| (v as i16).to_be_bytes().to_vec()))),
    ];
    for (name, contents) in files {
        project.file(name, contents);
        project.done(&format!("label --votes {name} --classes no,yes --model majority --out soft.npy"));
        let soft = float_pairs(&project.bytes("soft.npy"));
        // A tie, one for yes, nobody, two to one for no; the mean of the covered rows is even.
        assert_eq!(soft, [[0.5, 0.5], [0.0, 1.0], [0.5, 0.5], [1.0, 0.0]], "{name}");
    }
}

#[test]
fn soft_labels_of_votes_in_text() {
    let project = Project::empty();
    project.file("votes.npy", npy("|i1", false, [4, 3], &ROWS.concat().iter().map(|&v| v as u8).collect::<Vec<_>>()));
    assert_snapshot!(project.run("label --votes votes.npy --classes no,yes --model majority --out -"), @r#"
    exit code: 0
    ---- stdout ----
    {"id":0,"probs":[0.5,0.5],"label":"no","confidence":0.5,"n_votes":2}
    {"id":1,"probs":[0.0,1.0],"label":"yes","confidence":1.0,"n_votes":3}
    {"id":2,"probs":[0.5,0.5],"label":"no","confidence":0.5,"n_votes":0}
    {"id":3,"probs":[1.0,0.0],"label":"no","confidence":1.0,"n_votes":3}
    ---- stderr ----
    4 records, 3 labeling functions, 2 classes; 3 covered (75.0 %), 4 vote patterns
    label model: majority
      every vote counts the same
      the votes cannot tell for 1 of 3 functions that only vote one class, their mistakes from a class that is common
    labels: no 2, yes 1
    "#);
}

#[test]
fn votes_that_are_none() {
    let project = Project::empty();
    let label = |bytes: Vec<u8>| {
        project.file("votes.npy", bytes);
        project.run("label --votes votes.npy --classes no,yes --out soft.npy")
    };
    assert_snapshot!(label(npy("|i1", false, [2, 2], &[0, 1, 0xff, 2])), @"
    exit code: 2
    ---- stderr ----
    error: `votes.npy`, row 1, column 1: vote 2 is neither -1 nor below 2
    hint: classes count from 0; are all of them given?
    ");
    assert_snapshot!(label(npy("|i1", false, [2, 2], &[0, 1, 0xff, 0xfe])), @"
    exit code: 2
    ---- stderr ----
    error: `votes.npy`, row 1, column 1: vote -2 is neither -1 nor below 2
    hint: only -1 abstains
    ");
    assert_snapshot!(label(npy("<f8", false, [1, 1], &[0; 8])), @"
    exit code: 2
    ---- stderr ----
    error: cannot use the array `votes.npy`: its values are <f8, votes must be integers
    hint: save it with `votes.astype('int16')`
    ");
    assert_snapshot!(label(npy("|i1", false, [2, 2], &[0, 1, 1])), @"
    exit code: 2
    ---- stderr ----
    error: cannot use the array `votes.npy`: it is cut short: its shape (2, 2) needs more bytes than there are
    ");
    assert_snapshot!(label(b"PK\x03\x04 a zip file".to_vec()), @"
    exit code: 2
    ---- stderr ----
    error: cannot use the array `votes.npy`: it is no .npy file
    ");
    assert_snapshot!(label(Vec::new()), @"
    exit code: 2
    ---- stderr ----
    error: cannot use the array `votes.npy`: it is no .npy file
    ");
    assert_snapshot!(project.run("label --votes votes.npy --out soft.npy"), @"
    exit code: 2
    ---- stderr ----
    error: votes in .npy are numbers; name the classes: --classes a,b,c
    ");
    assert_snapshot!(project.run("label --votes votes.txt --classes no,yes --out soft.npy"), @"
    exit code: 2
    ---- stderr ----
    error: `votes.txt` holds no votes in a form that is known
    hint: votes are .npy (n x m integers, -1 abstains) or .csv (item,worker,label)
    ");
    assert_snapshot!(project.run("label --votes nothere.npy --classes no,yes --out soft.npy"), @"
    exit code: 2
    ---- stderr ----
    error: cannot open `nothere.npy`: No such file or directory (os error 2)
    ");
    assert_snapshot!(project.run("label --votes votes.npy --data x.jsonl --out soft.npy"), @"
    exit code: 2
    ---- stderr ----
    error: the argument '--votes <FILE>' cannot be used with '--data <FILE>...'

    Usage: synth label --votes <FILE> --out <FILE>

    For more information, try '--help'.
    ");
    assert_eq!(project.names(), ["votes.npy"]);
}

#[test]
fn crowd_votes_in_csv() {
    let project = Project::empty();
    project.file("crowd.csv", "item,worker,label\nq2,ann,10\nq2,bob,9\nq1,ann,9\nq2,ann,9\nq3,bob,10\n");
    assert_snapshot!(project.run("label --votes crowd.csv --out soft.csv --model majority"), @"
    exit code: 0
    ---- stderr ----
    warning: 1 vote was replaced by a later vote of the same worker on the same item
    3 records, 2 labeling functions, 2 classes; 3 covered (100.0 %), 3 vote patterns
    label model: majority
      every vote counts the same
      the votes cannot tell for 1 of 2 functions that only vote one class, their mistakes from a class that is common
    labels: 9 2, 10 1
    wrote soft.csv
    ");
    assert_snapshot!(project.read("soft.csv"), @"
    item,label,confidence,n_votes,p_9,p_10
    q2,9,1.0,2,1.0,0.0
    q1,9,1.0,1,1.0,0.0
    q3,10,1.0,1,0.0,1.0
    ");
    project.file("bad.csv", "item,worker,label\nq1,ann,maybe\n");
    assert_snapshot!(project.run("label --votes bad.csv --classes no,yes --out soft.csv"), @r#"
    exit code: 2
    ---- stderr ----
    error: label "maybe" at bad.csv:2 is no class
    hint: the classes are no, yes: name all of them, or leave the vote out
    "#);
    project.file("bad.csv", "item,label\nq1,maybe\n");
    assert_snapshot!(project.run("label --votes bad.csv --out soft.csv"), @"
    exit code: 2
    ---- stderr ----
    error: no field `worker` for the crowd votes
    hint: the fields are item, label
    ");
    // The setting may come from the environment, where it is meant for records.
    let with_gold = project.run("label --votes crowd.csv --out soft.csv --gold truth");
    assert!(with_gold.starts_with("exit code: 0"), "{with_gold}");
    assert!(with_gold.contains("warning: `--gold` names a field of records; votes have none, so no gold is used"));
    // The same votes by way of stdin.
    let crowd = project.read("crowd.csv");
    let piped = project.run_on(crowd, "label --votes - --stdin-format csv --out piped.csv -q");
    assert_eq!(piped.lines().next(), Some("exit code: 0"), "{piped}");
    assert_eq!(project.read("piped.csv"), project.read("soft.csv"));
}

#[test]
fn two_hundred_classes_need_two_bytes() {
    let project = Project::empty();
    let names: Vec<String> = (0..200).map(|c| format!("c{c}")).collect();
    let functions = (0..200).map(|c| format!("lf f{c} c{c} when text contains token \"w{c}\"\n"));
    project.file("k200.lf", format!("classes {}\n{}", names.join(", "), functions.collect::<String>()));
    let records = (0..400).map(|i| format!("{{\"text\": \"w{} w{}\"}}\n", i % 200, i % 199));
    project.file("records.jsonl", records.collect::<String>());
    let label = "label --data records.jsonl --lfs k200.lf";
    project.done(&format!("{label} --votes-out votes.npy --out soft.parquet"));
    let bytes = project.bytes("votes.npy");
    let (header, data) = from_npy(&bytes);
    assert_eq!(header, "{'descr': '<i2', 'fortran_order': False, 'shape': (400, 200), }");
    let vote = |row: usize, lf: usize| i16::from_le_bytes([data[(row * 200 + lf) * 2], data[(row * 200 + lf) * 2 + 1]]);
    assert_eq!((vote(199, 199), vote(199, 0), vote(199, 1), vote(0, 0)), (199, 0, -1, 0));
    let json = project.json(&format!("{label} --out soft.npy --json"));
    assert_eq!((&json["k"], &json["covered"]), (&200.into(), &400.into()));
}

/// Fitted once, used on other records: the same bytes as fitting there would give on the same records.
#[test]
fn a_saved_model_labels_as_the_fit_did() {
    let project = Project::new();
    for model in ["auto", "majority", "weighted", "dawid-skene", "triplet"] {
        let label = "label --data mails.jsonl --lfs spam.lf";
        project.done(&format!("{label} --model {model} --out fitted.npy --save-model m.json"));
        project.done(&format!("{label} --label-model m.json --out loaded.npy"));
        assert_eq!(project.bytes("fitted.npy"), project.bytes("loaded.npy"), "{model}");
        project.done(&format!("{label} --model {model} --out fitted.jsonl"));
        project.done(&format!("{label} --label-model m.json --out loaded.jsonl"));
        assert_eq!(project.read("fitted.jsonl"), project.read("loaded.jsonl"), "{model}");
    }
}

#[test]
fn a_saved_model_of_something_else() {
    let project = Project::new();
    project.done("label --data mails.jsonl --lfs spam.lf --save-model m.json");
    project.file(
        "other.lf",
        "classes ham, spam\nlf link spam when text contains \"http\"\nlf new ham when words(text) < 9\n",
    );
    project.file("classes.lf", "classes spam, ham\nlf link spam when text contains \"http\"\n");
    let label = |rest: &str| project.run(&format!("label --data mails.jsonl --out soft.csv {rest}"));
    assert_snapshot!(label("--lfs other.lf --label-model m.json"), @"
    exit code: 2
    ---- stderr ----
    error: cannot use the label model: the votes are of other labeling functions than the model was fitted on; missing: money, thanks, short; unknown: new
    hint: apply the labeling functions the model was fitted with, or fit it anew
    ");
    assert_snapshot!(label("--lfs classes.lf --label-model m.json"), @"
    exit code: 2
    ---- stderr ----
    warning: 1 warning about the labeling functions; `synth check classes.lf` shows them
    error: cannot use the label model: the classes of the label matrix and of the label model differ: spam, ham against ham, spam
    ");
    assert_snapshot!(label("--lfs spam.lf --label-model spam.lf"), @"
    exit code: 2
    ---- stderr ----
    error: cannot use `spam.lf`: not a saved label model: the JSON does not have the form of one: expected value at line 1 column 1
    hint: save the model again; a saved model is written whole or not at all
    ");
    assert_snapshot!(label("--lfs spam.lf --label-model nothere.json"), @"
    exit code: 2
    ---- stderr ----
    error: cannot read `nothere.json`: No such file or directory (os error 2)
    ");
    let other = label("--lfs spam.lf --label-model m.json --model majority");
    assert!(other.starts_with("exit code: 0"), "{other}");
    assert!(
        other.contains("warning: a label model is used as it was fitted: `--model` and `--balance` change nothing")
    );
    // The runs from here on fail, and must leave nothing.
    std::fs::remove_file(project.path("soft.csv")).unwrap();
    let half = project.read("m.json");
    project.file("m.json", &half[..half.len() / 2]);
    assert!(
        label("--lfs spam.lf --label-model m.json")
            .starts_with("exit code: 2\n---- stderr ----\nerror: cannot use `m.json`")
    );
    assert_eq!(project.names(), ["classes.lf", "m.json", "mails.jsonl", "other.lf", "spam.lf"]);
}

#[test]
fn counts_of_shards_merge_to_the_fit_on_everything() {
    let project = Project::new();
    let lines: Vec<&str> = MAILS.lines().collect();
    project.file("one.jsonl", lines[..2].join("\n"));
    project.file("two.jsonl", lines[2..].join("\n"));
    for shard in ["one", "two"] {
        project.done(&format!("label --data {shard}.jsonl --lfs spam.lf --counts-out {shard}.parquet"));
    }
    for model in ["auto", "majority", "weighted", "dawid-skene", "triplet"] {
        project.done(&format!("label --data mails.jsonl --lfs spam.lf --model {model} --save-model all.json"));
        project.done(&format!("label --merge-counts one.parquet two.parquet --model {model} --save-model merged.json"));
        assert_eq!(project.read("merged.json"), project.read("all.json"), "{model}");
        project.done(&format!("label --merge-counts two.parquet one.parquet --model {model} --save-model merged.json"));
        assert_eq!(project.read("merged.json"), project.read("all.json"), "{model}, shards in another order");
    }
}

#[test]
fn counts_that_cannot_be_merged() {
    let project = Project::new();
    project.done("label --data mails.jsonl --lfs spam.lf --counts-out one.parquet --out soft.parquet");
    project.file("other.lf", "classes ham, spam\nlf other spam when text contains \"http\"\n");
    project.done("label --data mails.jsonl --lfs other.lf --counts-out other.parquet");
    let merge = |rest: &str| project.run(&format!("label --merge-counts one.parquet {rest}"));
    assert_snapshot!(merge(""), @"
    exit code: 2
    ---- stderr ----
    error: `--merge-counts` has no rows to label
    hint: say where to keep the model: --save-model model.json
    ");
    assert_snapshot!(merge("other.parquet --save-model m.json"), @"
    exit code: 2
    ---- stderr ----
    error: the contents of `other.parquet` do not fit: the labeling functions differ: link, money, thanks, short against other
    ");
    assert_snapshot!(merge("soft.parquet --save-model m.json"), @"
    exit code: 2
    ---- stderr ----
    error: cannot use `soft.parquet` as vote counts: it is a Parquet file of another kind: metadata `synth.counts` is missing or damaged
    ");
    assert_snapshot!(merge("spam.lf --save-model m.json"), @"
    exit code: 2
    ---- stderr ----
    error: `spam.lf` is no complete Parquet file: Parquet error: Invalid Parquet file. Corrupt footer
    hint: the file may not have been copied or written to its end
    ");
    assert_snapshot!(merge("--out soft.csv --save-model m.json"), @"
    exit code: 2
    ---- stderr ----
    error: the argument '--merge-counts <FILE>...' cannot be used with '--out <FILE>'

    Usage: synth label --merge-counts <FILE>... --save-model <FILE>

    For more information, try '--help'.
    ");
    assert!(!project.path("m.json").exists());
}
