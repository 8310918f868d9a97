//! `synth check --contract`

use insta::assert_snapshot;

use crate::Project;

const CONTRACT: &str = r#"
rows = [3, 100]

[fields.id]
unique = true
matches = "^m\\d+$"

[fields.text]
type = "text"
missing = 0.0
length = [2, 200]

[fields.stars]
type = "integer"
range = [1, 5]

[fields.kind]
values = ["mail", "chat"]

[fields.posted]
type = "time"

[fields.note]
optional = true

[label]
field = "label"
shares = { ham = [0.4, 0.6], spam = [0.4, 0.6] }

[copies]
field = "text"
most = 0.1

[freshness]
field = "posted"
days = 36500
"#;

fn rows(rows: &[&str]) -> String {
    rows.join("\n")
}

#[test]
fn records_keep_or_break_a_contract() {
    let project = Project::empty();
    project.file("contract.toml", CONTRACT);
    let good = rows(&[
        r#"{"id": "m1", "text": "so good", "stars": 5, "kind": "mail", "posted": "2026-01-02", "label": "ham"}"#,
        r#"{"id": "m2", "text": "win money now", "stars": 1, "kind": "chat", "posted": "2026-01-03T10:00:00", "label": "spam"}"#,
        r#"{"id": "m3", "text": "where is it?", "stars": 2, "kind": "mail", "posted": "2026-01-03T10:00:00Z", "label": "ham"}"#,
        r#"{"id": "m4", "text": "click this link", "stars": 4, "kind": null, "posted": "2026-01-04", "label": "spam"}"#,
    ]);
    project.file("good.jsonl", good);
    assert_snapshot!(project.run("check --contract contract.toml --data good.jsonl"), @"
    exit code: 0
    ---- stdout ----
    4 records as promised
    ");
    let bad = rows(&[
        r#"{"id": "m1", "text": "so good", "stars": 5.5, "kind": "mail", "posted": "yesterday", "label": "ham"}"#,
        r#"{"id": "m1", "text": "so good", "stars": 9, "kind": "post", "posted": "2026-01-03", "label": "ham"}"#,
        r#"{"id": "x3", "text": "", "stars": 2, "kind": "mail", "posted": "2026-01-03", "label": "ham"}"#,
        r#"{"id": "m4", "text": "?", "stars": null, "kind": "mail", "posted": "2026-01-04", "label": "spam"}"#,
    ]);
    project.file("bad.jsonl", bad);
    assert_snapshot!(project.run("check --contract contract.toml --data bad.jsonl"), @r"
    exit code: 1
    ---- stdout ----
    `id`: 1 value is not matched by `^m\d+$`, as `x3`: row 2
    `id`: 1 value repeats an earlier one, as `m1`: row 1
    `kind`: 1 value is none of those there may be, as `post`: row 1
    `posted`: 1 value is not a point in time, as `yesterday`: row 0
    `stars`: 2 values are not from 1 to 5, as `5.5`, `9`: rows 0, 1
    `stars`: 1 value is not a whole number, as `5.5`: row 0
    `text`: 25.00 % of the records have no value, expected at most 0.00 %: row 2
    `text`: 1 value is not 2 to 200 characters long, as `?`: row 3
    `text`: 25.00 % of the records are near copies of others, expected at most 10.00 %: row 1
    `label`: the share of `ham` is 0.750, expected 0.4 to 0.6
    `label`: the share of `spam` is 0.250, expected 0.4 to 0.6
    4 records, 11 rules broken
    ");
    assert_snapshot!(project.run("check --contract contract.toml --data bad.jsonl --json").lines().take(12).collect::<Vec<_>>().join("\n"), @r#"
    exit code: 1
    ---- stdout ----
    {
      "version": 1,
      "records": 4,
      "broken": [
        {
          "field": "id",
          "rule": "matches",
          "problem": "1 value is not matched by `^m\\d+$`",
          "rows": [
            2
    "#);
    project.file("few.jsonl", "{\"id\": \"m1\", \"label\": \"ham\"}");
    project.file("old.toml", "rows = [2, 3]\n[fields.text]\n[freshness]\nfield = \"posted\"\ndays = 1\n");
    assert_snapshot!(project.run("check --contract old.toml --data few.jsonl"), @"
    exit code: 1
    ---- stdout ----
    there is 1 record, expected 2 to 3
    `text`: the field does not exist
    `posted`: the field does not exist
    1 record, 3 rules broken
    ");
    assert_snapshot!(project.run("check --contract old.toml --data good.jsonl --now 2026-01-10"), @"
    exit code: 1
    ---- stdout ----
    there are 4 records, expected 2 to 3
    `posted`: the newest record is 6.0 days old, expected at most 1
    4 records, 2 rules broken
    ");
}

#[test]
fn wrong_labels_break_a_contract() {
    let project = Project::empty();
    let text = |i: usize| {
        let [verb, noun, end] = match i.is_multiple_of(2) {
            true => [["win", "earn", "claim"], ["money", "prizes", "cash"], ["now", "today", "here"]],
            false => [["see", "meet", "call"], ["grandma", "anna", "him"], ["at lunch", "tonight", "later"]],
        };
        format!("{} {} {}", verb[i / 2 % 3], noun[i / 6 % 3], end[i / 18 % 3])
    };
    let label = |i: usize| if i.is_multiple_of(2) != (i == 10 || i == 21) { "spam" } else { "ham" };
    let lines: Vec<String> =
        (0..54).map(|i| format!("{{\"text\": \"{}\", \"label\": \"{}\"}}", text(i), label(i))).collect();
    project.file("mails.jsonl", lines.join("\n"));
    project.file("strict.toml", "[label]\nfield = \"label\"\nerrors = 0.01\n");
    project.file("lax.toml", "[label]\nfield = \"label\"\nerrors = 0.05\n");
    assert_snapshot!(project.run("check --contract strict.toml --data mails.jsonl"), @"
    exit code: 1
    ---- stdout ----
    `label`: 3.70 % of the labels are likely wrong, expected at most 1.00 %: rows 10, 21
    54 records, 1 rule broken
    ");
    assert_snapshot!(project.run("check --contract lax.toml --data mails.jsonl"), @"
    exit code: 0
    ---- stdout ----
    54 records as promised
    ");
    // Shares alone train no classifier: these records have nothing to learn from.
    let bare: Vec<String> = (0..20).map(|i| format!("{{\"label\": {}}}", i % 2)).collect();
    project.file("bare.jsonl", bare.join("\n"));
    project.file("shares.toml", "[label]\nfield = \"label\"\nshares = { 0 = [0.4, 0.6], 1 = [0.6, 0.9] }\n");
    assert_snapshot!(project.run("check --contract shares.toml --data bare.jsonl"), @"
    exit code: 1
    ---- stdout ----
    `label`: the share of `1` is 0.500, expected 0.6 to 0.9
    20 records, 1 rule broken
    ");
    // Of several texts the contract names the one to learn from.
    let two: Vec<String> = (0..54)
        .map(|i| format!("{{\"body\": \"{}\", \"from\": \"x{i}\", \"label\": \"{}\"}}", text(i), label(i)))
        .collect();
    project.file("two.jsonl", two.join("\n"));
    project.file("named.toml", "[label]\nfield = \"label\"\ntext = \"body\"\nerrors = 0.01\n");
    assert_snapshot!(project.run("check --contract named.toml --data two.jsonl"), @"
    exit code: 1
    ---- stdout ----
    `label`: 3.70 % of the labels are likely wrong, expected at most 1.00 %: rows 10, 21
    54 records, 1 rule broken
    ");
    // Nothing can be learned of records that are all the same.
    let same: Vec<String> = (0..20).map(|i| format!("{{\"text\": \"so good\", \"label\": {}}}", i % 2)).collect();
    project.file("same.jsonl", same.join("\n"));
    assert_snapshot!(project.run("check --contract lax.toml --data same.jsonl"), @"
    exit code: 1
    ---- stdout ----
    `label`: it cannot be told how many labels are wrong: a classifier learns nothing of use from these fields: its log-loss on records that it has not seen is 0.693, and that of the mere shares of the labels 0.693; let [label] name text, number or category
    20 records, 1 rule broken
    ");
}

#[test]
fn every_row_that_breaks_a_rule_is_named() {
    let project = Project::empty();
    let lines: Vec<String> =
        (0..40).map(|i| format!("{{\"code\": {}, \"name\": \"n{i}\", \"label\": null}}", i * 100)).collect();
    project.file("a.jsonl", lines.join("\n"));
    // Numbers have a length as they are written; a text is in no range.
    project.file(
        "contract.toml",
        "[fields.code]\nlength = [3, 4]\nrange = [0, 1900]\n[fields.name]\nrange = [0, 1]\n[label]\nfield = \"label\"\n",
    );
    assert_snapshot!(project.run("check --contract contract.toml --data a.jsonl"), @"
    exit code: 1
    ---- stdout ----
    `code`: 1 value is not 3 to 4 characters long, as `0`: row 0
    `code`: 20 values are not from 0 to 1900, as `2000`, `2100`, `2200`, …: rows 20, 21, 22, 23, 24, 25, 26, 27, 28, 29, …
    `name`: 40 values are not from 0 to 1, as `n0`, `n1`, `n2`, …: rows 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, …
    `label`: no record has a label
    40 records, 4 rules broken
    ");
    let output = project.command("check --contract contract.toml --data a.jsonl --json").output().unwrap();
    let report: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(report["broken"][1]["rows"], serde_json::json!((20..40).collect::<Vec<_>>()));
    // One cell of a CSV file that is no number makes texts of all: it alone is named.
    project.file("c.csv", "n,m\n5,1\nx,2\n4,\"a\nb\"\n9,3\n");
    project.file("numbers.toml", "[fields.n]\ntype = \"integer\"\nrange = [1, 5]\n[fields.m]\ntype = \"integer\"\n");
    assert_snapshot!(project.run("check --contract numbers.toml --data c.csv"), @r"
    exit code: 1
    ---- stdout ----
    `m`: 1 value is not a whole number, as `a\nb`: row 2
    `n`: 2 values are not from 1 to 5, as `x`, `9`: rows 1, 3
    `n`: 1 value is not a whole number, as `x`: row 1
    4 records, 3 rules broken
    ");
    project.file("d.jsonl", "{\"n\": \"5\", \"m\": 1}\n{\"n\": \"4\", \"m\": 2}\n");
    assert_snapshot!(project.run("check --contract numbers.toml --data d.jsonl"), @"
    exit code: 1
    ---- stdout ----
    `n`: 2 values are not a whole number, as `5`, `4`: rows 0, 1
    2 records, 1 rule broken
    ");
    // A record from the future hides how old the others are.
    project.file("b.jsonl", "{\"day\": \"2026-01-02\"}\n{\"day\": \"2062-01-02\"}\n");
    project.file("fresh.toml", "[freshness]\nfield = \"day\"\ndays = 3\n");
    assert_snapshot!(project.run("check --contract fresh.toml --data b.jsonl --now 2026-01-03"), @"
    exit code: 1
    ---- stdout ----
    `day`: the newest record is from the future, 13148.0 days ahead: it tells nothing
    2 records, 1 rule broken
    ");
    project.file("c.jsonl", "{\"day\": \"2026-01-02\"}\n{\"day\": \"2026-01-03T14:00:00\"}\n");
    assert_snapshot!(project.run("check --contract fresh.toml --data c.jsonl --now 2026-01-03"), @"
    exit code: 0
    ---- stdout ----
    2 records as promised
    ");
}

#[test]
fn the_example_of_a_contract_is_one() {
    let project = Project::empty();
    let help = project.command("help contract").output().unwrap().stdout;
    project.file("contract.toml", &help);
    project.file("a.jsonl", "{\"id\": 1, \"text\": \"so good\"}");
    let output = project.run("check --contract contract.toml --data a.jsonl");
    assert!(output.contains("there is 1 record, expected 1000 to 100000"), "{output}");
}

#[test]
fn contracts_with_mistakes() {
    let project = Project::empty();
    project.file("a.jsonl", "{\"text\": \"so good\"}");
    let run = |contract: &str| {
        project.file("contract.toml", contract);
        project.run("check --contract contract.toml --data a.jsonl")
    };
    assert_snapshot!(run("[fields.text]\nlenght = [1, 2]\n"), @"
    exit code: 2
    ---- stderr ----
    error: unknown field `lenght`, expected one of `type`, `optional`, `missing`, `unique`, `range`, `length`, `values`, `matches`
     --> contract.toml:2:1
      |
    2 | lenght = [1, 2]
      | ^^^^^^
    ");
    assert_snapshot!(run("[fields.text]\nmatches = \"(\"\n"), @"
    exit code: 2
    ---- stderr ----
    error: what `text` is to match is no regular expression: regex parse error:
        (
        ^
    error: unclosed group
    ");
    assert_snapshot!(run("[label]\nfield = \"class\"\n[copies]\nfield = \"txt\"\nmost = 0.1\n"), @"
    exit code: 1
    ---- stdout ----
    `txt`: the field does not exist
    `class`: the field does not exist
    1 record, 2 rules broken
    ");
    assert_snapshot!(run("[label]\nfield = \"text\"\nshares = { ham = [20, 60] }\n"), @"
    exit code: 2
    ---- stderr ----
    error: the contract's [label] shares of ham is 20, expected a share from 0 to 1
    ");
    assert_snapshot!(run(""), @"
    exit code: 2
    ---- stderr ----
    error: there are no promises in the contract
    ");
    assert_snapshot!(run("[fields.text]\ntype = \"text\"\nrange = [1, 2]\n"), @"
    exit code: 2
    ---- stderr ----
    error: the contract's [fields.text] range is one of text, expected a field of numbers
    ");
    assert_snapshot!(run("[fields.text]\nlength = [5, 2]\n"), @"
    exit code: 2
    ---- stderr ----
    error: the contract's [fields.text] length is [5, 2], expected the least first
    ");
    assert_snapshot!(run("[label]\nfield = \"text\"\ntext = \"body\"\nerrors = 0.1\n"), @"
    exit code: 1
    ---- stdout ----
    `body`: the field does not exist
    1 record, 1 rule broken
    ");
    assert_snapshot!(run("[fields.text]\nmissing = 5\n"), @"
    exit code: 2
    ---- stderr ----
    error: the contract's [fields.text] missing is 5, expected a share from 0 to 1
    ");
    assert_snapshot!(project.run("check --data a.jsonl"), @"
    exit code: 2
    ---- stderr ----
    error: the following required arguments were not provided:
      --contract <CONTRACT.toml>

    Usage: synth check --contract <CONTRACT.toml> --data <FILE>... [FILES]...

    For more information, try '--help'.
    ");
    assert_snapshot!(project.run("check --contract contract.toml --now soon --data a.jsonl"), @"
    exit code: 2
    ---- stderr ----
    error: `--now soon` is no point in time
    hint: write a day or a time: --now 2026-11-26
    ");
}
