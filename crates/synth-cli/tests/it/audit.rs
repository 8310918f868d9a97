//! `synth audit` and `synth agreement`, on records in which everything is planted.

use insta::assert_snapshot;

use crate::Project;

/// 120 records of three kinds of mails, six of them labelled wrong, two copies, one of which is labelled otherwise and
/// one of which is in the other split; a text that is empty, and one that would run in a browser.
fn project() -> Project {
    let project = Project::empty();
    let kinds = [
        ("delivery", ["parcel", "courier", "tracking", "shipment"]),
        ("billing", ["invoice", "refund", "charge", "payment"]),
        ("account", ["password", "login", "profile", "username"]),
    ];
    let ends =
        ["please help me soon", "it is wrong again", "nobody has answered yet", "thanks in advance", "since monday"];
    let mut rows = Vec::new();
    for i in 0..120 {
        let (label, words) = kinds[i % 3];
        let n = i / 3;
        let text = format!("the {} and my {} number {n}: {}", words[n % 4], words[(n / 4 + 1) % 4], ends[n % 5]);
        let label = if [7, 34, 58, 76, 97].contains(&i) { "account" } else { label };
        let split = if i % 10 == 9 { "test" } else { "train" };
        let text = match i {
            40 => "  ".to_owned(),
            43 => "<script>alert('my login')</script> and the password of my profile".to_owned(),
            _ => text,
        };
        rows.push(serde_json::json!({ "id": format!("m{i}"), "text": text, "label": label, "split": split }));
    }
    // A copy in the other split, and one with another label.
    rows[29]["text"] = rows[2]["text"].clone();
    rows[60]["text"] = rows[3]["text"].clone();
    rows[60]["label"] = "billing".into();
    let lines: Vec<String> = rows.iter().map(ToString::to_string).collect();
    project.file("mails.jsonl", lines.join("\n"));
    project
}

#[test]
fn what_is_planted_is_found() {
    let project = project();
    let args = "audit --data mails.jsonl --report page.html --export label-studio=tasks.json";
    assert_snapshot!(project.run(args), @"
    exit code: 1
    ---- stdout ----
    120 records, 120 with a label
    quality 98 = 100 x (completeness 0.998 x balance 0.996 x uniqueness 0.983 x label quality 0.950)^(1/4)

    6 labels are likely wrong, by prune-by-noise-rate (cross-validation, 5 folds, which agrees with 93.3 % of the labels)
      id   label    rather    text                                              self-confidence
      m43  billing  account   <script>alert('my login')</script> and the pass…            0.000
      m60  billing  delivery  the courier and my courier number 1: it is wron…            0.037
      m97  account  billing   the invoice and my refund number 32: nobody has…            0.039
      m7   account  billing   the charge and my refund number 2: nobody has a…            0.042
      m76  account  billing   the refund and my payment number 25: please hel…            0.048
      m58  account  billing   the payment and my refund number 19: since mond…            0.108

    estimated among all records:
      labelled  are       records
      account   billing         4
      billing   account         1
      billing   delivery        1

    2 groups of near copies by texts (0.8 and more): 2 records too many
    with different labels 1:
      m3, m60
    in different splits 1:
      m2, m29

    1 text or picture is odd:
      m40 (empty)

    1 field is missing in some records:
      text in 1

    not looked at: outliers: there are no --vectors and no --number
    ---- stderr ----
    wrote 6 tasks to tasks.json; their labeling interface is tasks.xml
    wrote page.html
    ");
    let page = project.read("page.html");
    assert!(page.contains("&lt;script&gt;alert(") && !page.contains("<script>alert("), "texts are shown, not run");
    assert!(!page.contains("http://") || page.matches("http://").count() == page.matches("http://www.w3.org/").count());
    assert_eq!(page.matches("<svg").count(), 4);
    let tasks: Vec<serde_json::Value> = serde_json::from_str(&project.read("tasks.json")).unwrap();
    assert_eq!((&tasks[0]["data"]["id"], &tasks[0]["data"]["label"]), (&"m43".into(), &"billing".into()));
    assert_eq!(tasks[0]["predictions"][0]["result"][0]["value"]["choices"][0], "account");
    // The same bytes at any number of threads.
    for threads in [1, 3] {
        project.run(&format!("{args} --threads {threads}"));
        assert!(project.read("page.html") == page);
    }
}

fn found(project: &Project, args: &str) -> serde_json::Value {
    let output = project.command(&format!("audit --data mails.jsonl --json {args}")).output().unwrap();
    assert_eq!(output.status.code(), Some(1), "{}", String::from_utf8_lossy(&output.stderr));
    serde_json::from_slice(&output.stdout).unwrap()
}

fn rows(project: &Project, file: &str) -> Vec<serde_json::Value> {
    project.read(file).lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

#[test]
fn what_is_found_is_mended() {
    let project = project();
    let audit = found(&project, "--fix drop --out dropped.jsonl");
    let errors: Vec<&str> =
        audit["labels"]["errors"].as_array().unwrap().iter().map(|error| error["id"].as_str().unwrap()).collect();
    let planted = ["m7", "m34", "m43", "m58", "m60", "m76", "m97"];
    assert!(errors.len() >= 6 && errors.iter().all(|id| planted.contains(id)), "{errors:?}");
    let dropped = rows(&project, "dropped.jsonl");
    let log = rows(&project, "dropped.jsonl.changes.jsonl");
    assert_eq!(dropped.len(), 120 - log.len());
    assert!(dropped.iter().all(|row| !errors.contains(&row["id"].as_str().unwrap())));
    assert!(
        log.iter().any(|change| change["reason"] == "one of 2 near copies, of which m2 stays" && change["id"] == "m29"),
        "{log:?}"
    );

    found(&project, "--fix relabel --out relabelled.csv");
    let relabelled = project.read("relabelled.csv");
    let line = relabelled.lines().find(|line| line.starts_with("m7,") || line.contains(",m7,")).unwrap();
    assert!(line.contains("billing") && !line.contains("account"), "{line}");
    assert_eq!(relabelled.lines().count(), 121);
    let change = &rows(&project, "relabelled.csv.changes.jsonl")[0];
    assert_eq!((&change["id"], &change["from"], &change["to"]), (&"m7".into(), &"account".into(), &"billing".into()));

    // Of three copies, the last of which is not like the first, it is told which one stays.
    let ends =
        ["", " x1", " x1 x2"].map(|end| format!("{{\"label\": 1, \"text\": \"one two three four five six{end}\"}}"));
    project.file("chain.jsonl", ends.join("\n"));
    project.run("audit --data chain.jsonl --similarity 0.7 --fix drop --out first.jsonl");
    assert_eq!(rows(&project, "first.jsonl").len(), 1);
    let reasons = rows(&project, "first.jsonl.changes.jsonl");
    assert!(reasons.iter().all(|change| change["reason"] == "one of 3 near copies, of which 0 stays"), "{reasons:?}");

    // Labels that are numbers of classes stay numbers; so do those that are true and false.
    let numbered: Vec<String> = rows(&project, "mails.jsonl")
        .into_iter()
        .map(|mut row| {
            let class = ["account", "billing", "delivery"].iter().position(|name| row["label"] == *name).unwrap();
            row["flag"] = (class == 1).into();
            row["label"] = class.into();
            row.to_string()
        })
        .collect();
    project.file("numbered.jsonl", numbered.join("\n"));
    let args = "audit --data numbered.jsonl --quiet --fix relabel --out again.jsonl --text text";
    project.run(&format!("{args} --classes account,billing,delivery"));
    let again = rows(&project, "again.jsonl");
    assert_eq!((&again[7]["label"], again.len()), (&1.into(), 120));
    assert!(again.iter().all(|row| row["label"].is_u64()));
    project.run(&format!("{args} --label flag"));
    assert!(rows(&project, "again.jsonl").iter().all(|row| row["flag"].is_boolean()));

    found(&project, "--fix weight --out weighed.jsonl");
    let weighed = rows(&project, "weighed.jsonl");
    let weight = |row: usize| weighed[row]["weight"].as_f64().unwrap();
    assert!(weight(0) == 1.0 && weight(7) < 0.5 && weight(29) == 0.5);
    // One line for what is a copy, and wrong as well.
    let log = rows(&project, "weighed.jsonl.changes.jsonl");
    let both: Vec<_> = log.iter().filter(|change| change["id"] == "m60").collect();
    assert!(both.len() == 1 && both[0]["reason"].as_str().unwrap().ends_with("; one of 2 near copies"), "{both:?}");
    // What exists already is not written over.
    assert_snapshot!(project.run("audit --data weighed.jsonl --fix weight --out again.jsonl"), @"
    exit code: 2
    ---- stderr ----
    error: the records have a field `weight` already
    hint: rename it, or use --fix drop
    ");
}

#[test]
fn probabilities_vectors_and_earlier_records() {
    let project = project();
    let audit = found(&project, "");
    // Probabilities of one's own; one row is sure.
    let probs = |row: usize| match row {
        7 => vec![0.0, 1.0, 0.0],
        _ => [[0.1, 0.1, 0.8], [0.1, 0.8, 0.1], [0.8, 0.1, 0.1]][row % 3].to_vec(),
    };
    project.file("probs.npy", npy(&(0..120).map(probs).collect::<Vec<_>>()));
    let given = found(&project, "--probs probs.npy");
    assert_eq!(given["labels"]["probabilities"], "probs.npy");
    assert_eq!(given["labels"]["errors"][0]["id"], "m7");
    assert_ne!(audit["labels"]["errors"], given["labels"]["errors"]);
    // The same numbers as vectors: three directions, and one that lies apart.
    let vectors = found(&project, "--vectors probs.npy --probs probs.npy");
    assert_eq!(vectors["outliers"]["rows"][0]["id"], "m7");
    assert_eq!(vectors["copies"]["by"], "texts (0.8 and more) and vectors (0.95 and more)");
    let with_classes = found(&project, "--probs probs.npy --classes account,billing,delivery");
    assert_eq!(with_classes["labels"]["errors"], given["labels"]["errors"]);

    let old: Vec<String> = (0..60).map(|i| format!("{{\"label\": \"{}\"}}", ["delivery", "other"][i % 2])).collect();
    project.file("old.jsonl", old.join("\n"));
    let drift = &found(&project, "--before old.jsonl")["drift"];
    assert!(drift["is_drift"] == true && drift["distance"].as_f64().unwrap() > 0.5, "{drift}");

    let mut wrong = vec![vec![1.0 / 3.0; 3]; 120];
    wrong[1][2] = f32::NAN;
    project.file("nan.npy", npy(&wrong));
    assert_snapshot!(project.run("audit --data mails.jsonl --probs nan.npy"), @"
    exit code: 2
    ---- stderr ----
    error: cannot judge labels by these probabilities: row 1 has the probability NaN, expected 0 to 1
    hint: give probabilities, not scores or logits: each row one for each class, from 0 to 1
    ");
    project.file("logits.npy", npy(&vec![vec![0.5; 3]; 120]));
    assert_snapshot!(project.run("audit --data mails.jsonl --probs logits.npy"), @"
    exit code: 2
    ---- stderr ----
    error: cannot judge labels by these probabilities: the probabilities of row 0 sum to 1.5, expected 1
    hint: give probabilities, not scores or logits: each row one for each class, from 0 to 1
    ");
    assert_snapshot!(project.run("audit --data mails.jsonl --probs probs.npy --classes account,billing,delivery,other"), @"
    exit code: 2
    ---- stderr ----
    error: `probs.npy` is 120 x 3, expected 120 records x 4 classes
    hint: the classes are account, billing, delivery, other; others, or another order, are given by --classes
    ");
}

/// An array of float32 as NumPy writes it.
fn npy(rows: &[Vec<f32>]) -> Vec<u8> {
    let data: Vec<u8> = rows.iter().flatten().flat_map(|x| x.to_le_bytes()).collect();
    crate::npy("<f4", false, [rows.len(), rows[0].len()], &data)
}

#[test]
fn labels_probabilities_and_votes_come_from_beside_the_records() {
    let project = project();
    let mut records = rows(&project, "mails.jsonl");
    let kinds = ["delivery", "billing", "account"];
    // Soft labels: sure of the true class, but for one that is wrong, one that is undecided and one that is missing.
    let soft = |row: usize| match row {
        7 => [0.9, 0.05, 0.05],
        8 => [0.4, 0.4, 0.2],
        _ => {
            [0, 1, 2].map(|class| if kinds[row % 3] == ["account", "billing", "delivery"][class] { 0.9 } else { 0.05 })
        }
    };
    let lines = (0..120).filter(|row| *row != 9).map(|row| {
        let n_votes = if row == 11 { 0 } else { 2 };
        serde_json::json!({ "id": format!("m{row}"), "probs": soft(row), "n_votes": n_votes }).to_string()
    });
    project.file("soft.jsonl", lines.collect::<Vec<_>>().join("\n"));
    let audit = found(&project, "--soft soft.jsonl --classes account,billing,delivery");
    assert_eq!(audit["labelled"], 117);
    let mut errors = audit["labels"]["errors"].as_array().unwrap().iter();
    assert!(errors.any(|error| error["id"] == "m7" && error["suggested"] == "billing"), "{audit}");
    assert_snapshot!(project.run("audit --data mails.jsonl --soft soft.jsonl"), @"
    exit code: 2
    ---- stderr ----
    error: cannot use `soft.jsonl` as soft labels: it does not name its classes
    hint: name them in order: --classes a,b,c
    ");
    assert_snapshot!(project.run(
        "audit --data mails.jsonl --soft soft.jsonl --classes account,billing,delivery --fix relabel --out x.jsonl"
    ), @"
    exit code: 2
    ---- stderr ----
    error: `--fix relabel` writes into the field of the labels, and these are in none
    hint: bring the labels into the records and name their field with --label, or use --fix drop
    ");

    // The same file as probabilities beside the labels: in another order, joined by id.
    let lines = (0..120).rev().map(|row| {
        let row_soft = if row == 7 { soft(4) } else { soft(row) };
        serde_json::json!({ "id": format!("m{row}"), "probs": row_soft }).to_string()
    });
    project.file("probs.jsonl", lines.collect::<Vec<_>>().join("\n"));
    let audit = found(&project, "--probs probs.jsonl");
    let wrong: Vec<&str> =
        audit["labels"]["errors"].as_array().unwrap().iter().map(|error| error["id"].as_str().unwrap()).collect();
    assert_eq!(wrong, ["m7", "m34", "m58", "m60", "m76", "m97"]);
    assert_snapshot!(project.run("audit --data mails.jsonl --probs soft.jsonl"), @"
    exit code: 2
    ---- stderr ----
    error: `soft.jsonl` has no probabilities for the record `m9`
    hint: predict these very records: synth predict --model MODEL --data RECORDS --out probs.parquet
    ");

    // Votes of three: two are right, one says what comes first; without a field of labels they are the labels.
    let mut csv = "item,worker,label\n".to_owned();
    for row in (0..120).filter(|row| row % 4 != 3) {
        let truth = kinds[row % 3];
        let first = if row % 2 == 0 { kinds[(row + 1) % 3] } else { truth };
        csv.push_str(&format!("m{row},anna,{truth}\nm{row},bert,{truth}\nm{row},carl,{first}\n"));
    }
    project.file("votes.csv", &csv);
    records.iter_mut().for_each(|record| drop(record.as_object_mut().unwrap().remove("label")));
    let lines: Vec<String> = records.iter().map(ToString::to_string).collect();
    project.file("unlabelled.jsonl", lines.join("\n"));
    assert_snapshot!(project.run("audit --data unlabelled.jsonl --votes votes.csv --report page.html"), @"
    exit code: 1
    ---- stdout ----
    120 records, 90 with a label
    quality 80 = 100 x (completeness 0.997 x balance 1.000 x uniqueness 0.983 x label quality 1.000 x agreement 0.336)^(1/5)

    0 labels are likely wrong, by prune-by-noise-rate (cross-validation, 5 folds, which agrees with 98.9 % of the labels)

    3 annotators: Krippendorff's alpha 0.336, fair; consensus by crowdlab
      annotator  labels  quality  agreement
      carl           90    0.335      0.333
      anna           90    0.913      1.000
      bert           90    0.913      1.000
    ask once more about:
      item  label     quality
      m40   billing     0.491
      m60   delivery    0.903
      m77   account     0.914
      m4    billing     0.917
      m38   account     0.917
      m74   account     0.917
      m32   account     0.917
      m5    account     0.917
      m86   account     0.917
      m18   delivery    0.918

    2 groups of near copies by texts (0.8 and more): 2 records too many
    in different splits 1:
      m2, m29

    1 text or picture is odd:
      m40 (empty)

    1 field is missing in some records:
      text in 1

    not looked at: outliers: there are no --vectors and no --number
    ---- stderr ----
    wrote page.html
    ");
    let page = project.read("page.html");
    assert!(page.contains("Krippendorff") && page.contains("<td>carl</td>"));
    // Beside labels votes count in the quality, and items without a record are told of.
    project.file("more.csv", csv.clone() + "x1,anna,billing\n");
    let output = project.run("audit --data mails.jsonl --votes more.csv");
    assert!(output.contains("x agreement 0.") && output.contains("^(1/5)"), "{output}");
    assert!(output.contains("warning: 1 item with votes but without a record"), "{output}");
    project.file("other.csv", "item,worker,label\n1,anna,billing\n");
    assert_snapshot!(project.run("audit --data mails.jsonl --votes other.csv"), @"
    exit code: 2
    ---- stderr ----
    error: no record has votes: the first item is `1`, the first id is `m0`
    hint: name the field that holds the items of the votes: --id FIELD
    ");
    project.file("one.csv", "item,worker,label\nm1,anna,billing\nm2,anna,account\n");
    let output = project.run("audit --data mails.jsonl --votes one.csv");
    assert!(output.contains("not looked at: agreement: there is one annotator"), "{output}");
}

#[test]
fn outliers_by_every_method() {
    let project = Project::empty();
    // A line of points, of which one is off, and one has no number.
    let lines: Vec<String> = (0..60)
        .map(|i| {
            let y = if i == 30 { 900.0 } else { f64::from(i) * 10.0 };
            let x = if i == 5 { "null".to_owned() } else { i.to_string() };
            format!("{{\"x\": {x}, \"y\": {y}, \"label\": {}}}", i % 2)
        })
        .collect();
    project.file("points.jsonl", lines.join("\n"));
    for method in ["", "--outliers lof", "--outliers knn", "--outliers isolation-forest"] {
        let args = format!("audit --data points.jsonl --number x y --json {method}");
        let output = project.command(&args).output().unwrap();
        let audit: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
        assert_eq!(audit["outliers"]["rows"][0]["row"], 30, "{method} {}", audit["outliers"]);
        let skipped = audit["skipped"].to_string();
        assert!(skipped.contains("outliers among 1 record: x, y must be numbers, one is missing"), "{skipped}");
    }
    // Most are the same: a few others that are as far from each other as usual are no outliers.
    let lines: Vec<String> =
        (0..90).map(|i| format!("{{\"x\": {}, \"label\": {}}}", if i < 60 { 0 } else { i }, i % 2)).collect();
    project.file("same.jsonl", lines.join("\n"));
    let output = project.run("audit --data same.jsonl --number x --outliers knn");
    assert!(output.contains("0 outliers by distance of 20 neighbours of x, above 3 times the median: "), "{output}");
    project.file("two.jsonl", lines[..2].join("\n"));
    assert!(project.run("audit --data two.jsonl --number x").contains("outliers: 2 records are too few to lie apart"));
}

#[test]
fn more_vectors_than_can_be_compared_with_one_another() {
    let project = Project::empty();
    let n: usize = 50_010;
    let lines: Vec<String> = (0..n).map(|i| format!("{{\"label\": {}}}", i % 2)).collect();
    project.file("many.jsonl", lines.join("\n"));
    // Without a period that would bring copies.
    let coordinate = |row: usize, column: usize| ((row * 8 + column) as f32 * 12.989_8).sin() * 43_758.547;
    let vector = |row: usize| (0..8).map(|column| coordinate(row, column).rem_euclid(2.0) - 1.0).collect::<Vec<f32>>();
    let mut vectors: Vec<Vec<f32>> = (0..n).map(vector).collect();
    vectors[40_000] = vectors[17].iter().map(|x| 1.0001 * x).collect();
    project.file("many.npy", npy(&vectors));
    project.file("even.npy", npy(&vec![vec![0.5, 0.5]; n]));
    let args = "audit --data many.jsonl --vectors many.npy --probs even.npy --cosine 0.99999 --json";
    let output = project.command(&format!("{args} --fix drop --out left.jsonl")).output().unwrap();
    let audit: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    let groups = audit["copies"]["groups"].as_array().unwrap();
    assert!(groups.contains(&serde_json::json!(["17", "40000"])), "{groups:?}");
    assert!(audit["outliers"]["by"].as_str().unwrap().starts_with("isolation forest"));
    let extra = audit["copies"]["extra"].as_u64().unwrap() as usize;
    assert!(extra < 50, "{extra}");
    assert_eq!(rows(&project, "left.jsonl").len(), n - extra);
}

#[test]
fn many_batches_are_mended_and_missing_labels_stay() {
    let project = Project::empty();
    let n: usize = 20_000;
    // Every thousandth label is wrong, and every record behind it has none.
    let label = |i: usize| match i % 1000 {
        500 => Some(1 - i % 2),
        501 => None,
        _ => Some(i % 2),
    };
    let lines: Vec<String> = (0..n)
        .map(|i| serde_json::json!({ "n": i, "label": label(i).map(|label| label.to_string()) }).to_string())
        .collect();
    project.file("many.jsonl", lines.join("\n"));
    let probs: Vec<Vec<f32>> =
        (0..n).map(|i| if i % 2 == 0 { vec![0.875, 0.125] } else { vec![0.125, 0.875] }).collect();
    project.file("probs.npy", npy(&probs));
    for rule in ["prune-by-noise-rate", "prune-by-class", "both", "confident-learning", "predicted-not-given"] {
        for score in ["self-confidence", "normalized-margin", "confidence-weighted-entropy"] {
            let how = format!("audit --data many.jsonl --probs probs.npy --rule {rule} --score {score} --quiet");
            let last = rule == "predicted-not-given" && score == "confidence-weighted-entropy";
            project.run(&format!("{how} --fix relabel --out relabelled.jsonl"));
            let relabelled = rows(&project, "relabelled.jsonl");
            let expected = |i: usize| (i % 1000 != 501).then(|| (i % 2).to_string());
            let wrong = (0..n)
                .find(|i| relabelled[*i]["n"] != *i || relabelled[*i]["label"].as_str() != expected(*i).as_deref());
            assert_eq!((relabelled.len(), wrong), (n, None), "{rule} {score}");
            if last {
                project.run(&format!("{how} --fix weight --out weighed.parquet"));
                project.run(&format!("{how} --fix drop --out left.jsonl"));
                assert_eq!(rows(&project, "left.jsonl").len(), n - 20);
                let log = rows(&project, "weighed.parquet.changes.jsonl");
                assert_eq!((log.len(), &log[3]["row"], &log[3]["to"]), (20, &3500.into(), &0.125.into()));
            }
        }
    }
}

#[test]
fn what_cannot_be_written_is_found_out_before_the_work() {
    let project = project();
    let args = "audit --data mails.jsonl";
    assert_snapshot!(project.run(&format!("{args} --report no/page.html --fix drop --out out.jsonl")), @"
    exit code: 2
    ---- stderr ----
    error: cannot write `no/page.html`: there is no folder `no`
    ");
    assert_snapshot!(project.run(&format!("{args} --report -")), @"
    exit code: 2
    ---- stderr ----
    error: `--report -`: stdout is for what is found
    hint: name a file
    ");
    assert_snapshot!(project.run(&format!("{args} --export label-studio=-")), @"
    exit code: 2
    ---- stderr ----
    error: `--export -`: stdout is for what is found
    hint: name a file
    ");
    assert_snapshot!(project.run(&format!("{args} --export csv")), @"
    exit code: 2
    ---- stderr ----
    error: invalid value 'csv' for '--export <FORMAT[=FILE]>': there is no format `csv`; possible: label-studio, label-studio=FILE.json

    For more information, try '--help'.
    ");
    assert_snapshot!(project.run(&format!("{args} --fix drop --out out.txt")), @"
    exit code: 2
    ---- stderr ----
    error: `out.txt` has no known format
    hint: names end in .parquet, .arrow, .jsonl, .csv
    ");
    assert_snapshot!(project.run(&format!("{args} --fix drop --out out.jsonl --report out.jsonl")), @"
    exit code: 2
    ---- stderr ----
    error: --out and --report are both `out.jsonl`
    hint: name two files
    ");
    assert_eq!(project.names(), ["mails.jsonl"]);
    // What is read is never written over.
    project.file("votes.csv", "item,worker,label\nm1,a,billing\nm1,b,account\n");
    for written in ["--fix drop --out mails.jsonl", "--report mails.jsonl", "--votes votes.csv --report ./votes.csv"] {
        let output = project.run(&format!("{args} {written}"));
        assert!(output.contains("which is read: it would be lost"), "{output}");
    }
    let output = project.run("agreement votes.csv --consensus votes.csv");
    assert!(output.contains("--consensus is `votes.csv`, which is read: it would be lost"), "{output}");
    assert!(project.read("mails.jsonl").starts_with('{') && project.read("votes.csv").starts_with("item"));
    let output = project.run(&format!("{args} --export label-studio"));
    assert!(output.contains("wrote 6 tasks to label-studio.json"), "{output}");
}

#[test]
fn what_else_is_found() {
    let project = project();
    // Beside an earlier file: which shares moved.
    let old: Vec<String> =
        (0..90).map(|i| format!("{{\"label\": \"{}\"}}", if i < 60 { "billing" } else { "account" })).collect();
    project.file("old.jsonl", old.join("\n"));
    let output = project.run("audit --data mails.jsonl --before old.jsonl");
    let (_, drift) = output.split_once("the shares of labels").unwrap();
    assert_snapshot!(drift.lines().take(4).collect::<Vec<_>>().join("\n"), @"
    are 36.7 points from those before: more than chance (5.8 deviations)
     billing: 66.7 % then, 30.0 % now
     delivery: 0.0 % then, 32.5 % now
     account: 33.3 % then, 37.5 % now
    ");
    assert!(project.run("audit --data mails.jsonl --before votes.csv").contains("votes.csv"));

    // Ids that are there already, and copies whose labels differ: the one that the classifier agrees with stays.
    let mut records = rows(&project, "mails.jsonl");
    records[5]["id"] = "m4".into();
    records[60]["text"] = records[60]["text"].as_str().unwrap().to_uppercase().into();
    records.swap(3, 60);
    let lines: Vec<String> = records.iter().map(ToString::to_string).collect();
    project.file("mails.jsonl", lines.join("\n"));
    let output = project.run("audit --data mails.jsonl --fix drop --rule confident-learning --out left.jsonl");
    assert!(output.contains("1 record has an id that an earlier one has"), "{output}");
    let left = rows(&project, "left.jsonl");
    assert!(left.iter().any(|row| row["id"] == "m3") && left.iter().all(|row| row["id"] != "m60"));

    // A field of categories is no text, though it is the only one that could be.
    let table: Vec<String> = (0..60)
        .map(|i| {
            let kind = ["a", "b", "c"][i % 3];
            format!("{{\"x\": {}, \"kind\": \"{kind}\", \"label\": {}}}", i % 7, i % 3)
        })
        .collect();
    project.file("table.jsonl", table.join("\n"));
    assert_snapshot!(project.run("audit --data table.jsonl --number x --category kind"), @"
    exit code: 0
    ---- stdout ----
    60 records, 60 with a label
    quality 100 = 100 x (completeness 1.000 x balance 1.000 x label quality 1.000)^(1/3)
      not judged: uniqueness

    0 labels are likely wrong, by prune-by-noise-rate (cross-validation, 5 folds, which agrees with 100.0 % of the labels)

    0 outliers by isolation forest of x, above 0.65

    not looked at: near copies: the records have no field of text, and there are no vectors; name --text or --vectors
    ");
    assert_snapshot!(project.run("audit --data table.jsonl --number x --category label"), @"
    exit code: 2
    ---- stderr ----
    error: `--category label` is the field of the labels
    hint: name what labels are told by, or another field with --label
    ");
    // Of two texts neither is taken by chance.
    project.file("two.jsonl", "{\"title\": \"so\", \"body\": \"good\", \"label\": 1}\n".repeat(3));
    assert_snapshot!(project.run("audit --data two.jsonl"), @"
    exit code: 1
    ---- stdout ----
    3 records, 3 with a label
    quality 0 = 100 x (completeness 1.000 x balance 0.000)^(1/2)
      not judged: uniqueness, label quality

    1 class is rare:
      1 (3)

    not looked at: near copies: several fields hold text: title, body, and there are no vectors; name --text or --vectors

    not looked at: label errors: all records have the same label

    not looked at: outliers: there are no --vectors and no --number
    ");
    // Numbers with a fraction may be classes, but not many of them.
    let halves: Vec<String> = (0..40).map(|i| format!("{{\"label\": {}}}", f64::from(i % 4) / 2.0)).collect();
    project.file("halves.jsonl", halves.join("\n"));
    assert!(
        project.run("audit --data halves.jsonl").starts_with("exit code: 0\n---- stdout ----\n40 records, 40 with")
    );
    let numbers: Vec<String> = (0..40).map(|i| format!("{{\"label\": {}.5}}", i)).collect();
    project.file("numbers.jsonl", numbers.join("\n"));
    assert_snapshot!(project.run("audit --data numbers.jsonl"), @"
    exit code: 2
    ---- stderr ----
    error: `label` holds 40 different numbers with a fraction: they are no classes
    hint: an audit judges classes: put the numbers into a few ranges, or name another field with --label
    ");
    let many: Vec<String> = (0..3000).map(|i| format!("{{\"label\": \"x{i}\"}}")).collect();
    project.file("many.jsonl", many.join("\n"));
    assert_snapshot!(project.run("audit --data many.jsonl"), @"
    exit code: 2
    ---- stderr ----
    error: `label` holds 3000 different labels, and an audit takes up to 2000
    hint: name the field of the labels: --label FIELD
    ");
    project.file("lists.jsonl", "{\"label\": [1, 2]}\n");
    assert_snapshot!(project.run("audit --data lists.jsonl"), @"
    exit code: 2
    ---- stderr ----
    error: no record has a label in the field `label`, which holds List(Int64)
    hint: labels are texts, whole numbers, or true and false
    ");
    project.file("empty.jsonl", "");
    assert_snapshot!(project.run("audit --data empty.jsonl"), @"
    exit code: 2
    ---- stderr ----
    error: there are no records
    hint: name a file that has some: --data records.jsonl
    ");
}

#[test]
fn what_cannot_be_audited() {
    let project = project();
    assert_snapshot!(project.run("audit --data mails.jsonl --label class"), @"
    exit code: 2
    ---- stderr ----
    error: no record has a label in the field `class`
    hint: name the field: --label FIELD; the records have id, label, split, text
    ");
    assert_snapshot!(project.run("audit --data mails.jsonl --fix drop"), @"
    exit code: 2
    ---- stderr ----
    error: the following required arguments were not provided:
      --out <FILE>

    Usage: synth audit --fix <HOW> --out <FILE> --data <FILE>...

    For more information, try '--help'.
    ");
    assert_snapshot!(project.run("audit --data mails.jsonl --similarity 2"), @"
    exit code: 2
    ---- stderr ----
    error: `similarity` is 2, expected above 0, up to 1
    ");
    assert_snapshot!(project.run("audit --data mails.jsonl --category kind"), @"
    exit code: 2
    ---- stderr ----
    error: the records have no field `kind`
    hint: they have id, label, split, text
    ");
    project.file("one.jsonl", "{\"text\": \"so good\", \"label\": \"a\"}\n{\"text\": \"so bad\", \"label\": \"a\"}\n");
    assert_snapshot!(project.run("audit --data one.jsonl"), @"
    exit code: 1
    ---- stdout ----
    2 records, 2 with a label
    quality 0 = 100 x (completeness 1.000 x balance 0.000 x uniqueness 1.000)^(1/3)
      not judged: label quality

    no near copies by texts (0.8 and more)

    1 class is rare:
      a (2)

    not looked at: label errors: all records have the same label

    not looked at: outliers: there are no --vectors and no --number
    ");
    project.file("bare.jsonl", "{\"label\": 3}\n{\"label\": 10}\n{\"label\": null}\n");
    assert_snapshot!(project.run("audit --data bare.jsonl"), @"
    exit code: 1
    ---- stdout ----
    3 records, 2 with a label
    quality 82 = 100 x (completeness 0.667 x balance 1.000)^(1/2)
      not judged: uniqueness, label quality

    1 field is missing in some records:
      label in 1

    2 classes are rare:
      3 (1)
      10 (1)

    not looked at: near copies: the records have no field of text, and there are no vectors; name --text or --vectors

    not looked at: label errors: the records have no field of text, and there is nothing else to learn from; name --text, --number, --category, --vectors or --probs

    not looked at: outliers: there are no --vectors and no --number
    ");
}

#[test]
fn annotators_agree_or_not() {
    let project = Project::empty();
    let votes =
        [("a", [1, 1]), ("b", [2, 3]), ("c", [3, 3]), ("d", [3, 3]), ("e", [2, 2]), ("f", [1, 2]), ("g", [4, 4])];
    let mut csv = "item,worker,label\n".to_owned();
    for (item, [anna, bert]) in votes {
        csv.push_str(&format!("{item},anna,{anna}\n{item},bert,{bert}\n"));
    }
    project.file("votes.csv", &csv);
    assert_snapshot!(project.run("agreement votes.csv"), @"
    exit code: 0
    ---- stdout ----
    14 ratings of 7 items by 2 annotators, classes 1, 2, 3, 4

    Krippendorff's alpha  0.634, ordinal 0.856, interval 0.862  (substantial)
    Fleiss' kappa         0.606

    annotators        items  agreement  kappa  linear  quadratic
    anna        bert      7      0.714  0.611   0.741      0.854
    ");
    assert_snapshot!(project.run("agreement votes.csv --consensus out.csv"), @"
    exit code: 0
    ---- stdout ----
    14 ratings of 7 items by 2 annotators, classes 1, 2, 3, 4

    Krippendorff's alpha  0.634, ordinal 0.856, interval 0.862  (substantial)
    Fleiss' kappa         0.606

    consensus by dawid-skene
    annotator  labels  quality  agreement
    anna            7    0.765      0.857
    bert            7    0.798      0.857

    ask once more about
    item  label  quality
    f     1        0.460
    b     3        0.581
    e     2        0.871
    a     1        0.895
    g     4        0.910
    c     3        0.938
    d     3        0.938

    annotators        items  agreement  kappa  linear  quadratic
    anna        bert      7      0.714  0.611   0.741      0.854
    ---- stderr ----
    wrote out.csv
    ");
    assert_snapshot!(project.read("out.csv"), @"
    item,label,quality,n_votes
    a,1,0.8949567272932323,2
    b,3,0.5805957466985118,2
    c,3,0.9378301874005419,2
    d,3,0.9378301874005419,2
    e,2,0.8714315153619955,2
    f,1,0.46012303204859883,2
    g,4,0.9097541051740732,2
    ");
    assert_snapshot!(project.run("agreement votes.csv --consensus out.csv --method crowdlab"), @"
    exit code: 2
    ---- stderr ----
    error: `--method crowdlab` needs a classifier
    hint: name what it says of the items: --probs probs.npy
    ");
    project.file("consensus.npy", npy(&vec![vec![0.25; 4]; 7]));
    assert_snapshot!(project.run("agreement votes.csv --consensus - --probs consensus.npy"), @"
    exit code: 2
    ---- stderr ----
    error: the consensus and the agreement both go to stdout
    hint: name a file: --consensus consensus.csv
    ");
    project.file("missing.csv", csv + "a,carla,1\n");
    assert_snapshot!(project.run("agreement missing.csv"), @"
    exit code: 0
    ---- stdout ----
    15 ratings of 7 items by 3 annotators, classes 1, 2, 3, 4

    Krippendorff's alpha  0.659, ordinal 0.870, interval 0.878  (substantial)
    Fleiss' kappa         undefined
      item 1 has 2 ratings, and the first has 3: Fleiss' kappa is made for as many of each item

    annotators         items  agreement      kappa  linear  quadratic
    anna        bert       7      0.714      0.611   0.741      0.854
    anna        carla      1      1.000  undefined       -          -
    bert        carla      1      1.000  undefined       -          -
    ");
    project.file("same.csv", "item,worker,label\na,x,1\na,y,1\nb,x,1\nb,y,1\n");
    assert_snapshot!(project.run("agreement same.csv --json"), @r#"
    exit code: 0
    ---- stdout ----
    {
      "version": 1,
      "items": 2,
      "annotators": [
        "x",
        "y"
      ],
      "classes": [
        "1"
      ],
      "ratings": 4,
      "alpha": {
        "nominal": null,
        "ordinal": null,
        "interval": null
      },
      "fleiss_kappa": null,
      "no_fleiss": "it is not defined where all ratings are the same, or where no item has two",
      "interpretation": null,
      "pairs": [
        {
          "annotators": [
            "x",
            "y"
          ],
          "items": 2,
          "agreement": 1.0,
          "kappa": null,
          "linear": null,
          "quadratic": null
        }
      ],
      "consensus": null
    }
    "#);
    // Numbers are in their order, whole or not; what all agree on need not be asked about; the last vote counts.
    let csv: String =
        ["10", "2", "1.5", "1"].iter().map(|label| format!("i{label},x,{label}\ni{label},y,{label}\n")).collect();
    project.file("numbers.csv", format!("item,worker,label\ni1,x,2\n{csv}"));
    assert_snapshot!(project.run("agreement numbers.csv --consensus out.csv --method majority"), @"
    exit code: 0
    ---- stdout ----
    8 ratings of 4 items by 2 annotators, classes 1, 1.5, 2, 10

    Krippendorff's alpha  1.000, ordinal 1.000, interval 1.000  (almost perfect)
    Fleiss' kappa         1.000

    consensus by majority
    annotator  labels  quality  agreement
    x               4    1.000      1.000
    y               4    1.000      1.000

    annotators     items  agreement  kappa  linear  quadratic
    x           y      4      1.000  1.000   1.000      1.000
    ---- stderr ----
    warning: 1 vote is replaced by a later one of the same annotator on the same item
    wrote out.csv
    ");
    project.file("empty.csv", "item,worker,label\n");
    assert_snapshot!(project.run("agreement empty.csv"), @"
    exit code: 2
    ---- stderr ----
    error: there are no votes in `empty.csv`
    hint: write a line for each vote, below the line item,worker,label
    ");
    assert_snapshot!(project.run("agreement votes.npy"), @"
    exit code: 2
    ---- stderr ----
    error: `votes.npy` is npy, and votes are CSV
    hint: write a line for each vote, below the line item,worker,label
    ");
    project.file("alone.csv", "item,worker,label\na,x,1\nb,x,0\n");
    assert_snapshot!(project.run("agreement alone.csv"), @"
    exit code: 2
    ---- stderr ----
    error: all votes are those of `x`
    hint: agreement takes two annotators or more, who voted on the same items
    ");
}

#[cfg(feature = "neural")]
#[test]
fn pictures_are_shown() {
    use synth::image::Picture;

    let project = Project::empty();
    std::fs::create_dir(project.path("data")).unwrap();
    let mut rows = Vec::new();
    for i in 0..24u8 {
        let picture = Picture::from_rgb(300, 200, vec![10 * i; 300 * 200 * 3]).unwrap();
        std::fs::write(project.path(&format!("data/{i}.png")), picture.to_png(&[])).unwrap();
        // How light it is tells its label, but for one.
        let label = if (i >= 12) == (i != 20) { "light" } else { "dark" };
        rows.push(serde_json::json!({ "id": i, "file": format!("{i}.png"), "light": i, "label": label }).to_string());
    }
    project.file("data/5.png", "no picture");
    project.file("data/rows.jsonl", rows.join("\n"));
    let args = "audit --data data/rows.jsonl --image file --number light --report page.html";
    assert_snapshot!(project.run(args), @"
    exit code: 1
    ---- stdout ----
    24 records, 24 with a label
    quality 98 = 100 x (completeness 1.000 x balance 0.995 x label quality 0.958)^(1/3)
      not judged: uniqueness

    1 label is likely wrong, by prune-by-noise-rate (cross-validation, 5 folds, which agrees with 91.7 % of the labels)
      id  label  rather  record    self-confidence
      20  dark   light   light 20            0.017

    estimated among all records:
      labelled  are    records
      dark      light        1

    0 outliers by isolation forest of light, above 0.65

    1 text or picture is odd:
      5 (no picture)

    not looked at: near copies: the records have no field of text, and there are no vectors; name --text or --vectors
    ---- stderr ----
    wrote page.html
    ");
    let page = project.read("page.html");
    assert_eq!(page.matches("<img src=\"data:image/png;base64,").count(), 1, "the label that is likely wrong");
    // Who checks a picture is shown it.
    project.run(&format!("{args} --export label-studio"));
    let tasks: Vec<serde_json::Value> = serde_json::from_str(&project.read("label-studio.json")).unwrap();
    assert!(tasks.len() == 1 && tasks[0]["data"]["image"].as_str().unwrap().ends_with("data/20.png"), "{tasks:?}");
    assert_eq!(tasks[0]["predictions"][0]["result"][0]["to_name"], "image");
    // Of records in two folders it is not clear where pictures are.
    project.file("more.jsonl", "{\"id\": 99, \"file\": \"99.png\", \"light\": 3, \"label\": \"dark\"}");
    assert_snapshot!(project.run("audit --data data/rows.jsonl more.jsonl --image file --number light"), @"
    exit code: 2
    ---- stderr ----
    error: the records are in several folders, so that it is not clear which one `0.png` is in
    hint: put the files of records into one folder, or name pictures by whole paths
    ");
}
