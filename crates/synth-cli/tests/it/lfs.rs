//! `synth lfs`.

use insta::assert_snapshot;

use crate::Project;

#[test]
fn the_table() {
    assert_snapshot!(Project::new().run("lfs --data mails.jsonl --lfs spam.lf --model majority"), @"");
}

#[test]
fn the_table_with_gold() {
    let project = Project::new();
    assert_snapshot!(project.run("lfs --data mails.jsonl --lfs spam.lf --gold gold --model majority"), @"");
}

#[test]
fn what_looks_odd_is_pointed_out() {
    let project = Project::new();
    project.file(
        "odd.lf",
        r#"classes ham, spam
lf link  spam when text contains "http"
lf again spam when text contains "http:"
lf never ham  when text contains "xylophone"
lf money spam when text contains "money"
"#,
    );
    assert_snapshot!(project.run("lfs --data mails.jsonl --lfs odd.lf --model majority"), @"");
}

#[test]
fn the_rows_a_function_gets_wrong() {
    let project = Project::new();
    assert_snapshot!(project.run("lfs --data mails.jsonl --lfs spam.lf --gold gold --rows money --model majority"), @"");
    assert_snapshot!(project.run("lfs --data mails.jsonl --lfs spam.lf --gold gold --rows link --model majority"), @"");
    assert_snapshot!(project.run("lfs --data mails.jsonl --lfs spam.lf --rows nope --model majority"), @"");
}

#[test]
fn json_is_one_object_with_a_version() {
    let project = Project::new();
    let json = project.json("lfs --data mails.jsonl --lfs spam.lf --gold gold --rows money --json");
    assert_eq!(json["version"], 1);
    assert_eq!((&json["n"], &json["m"], &json["k"]), (&6.into(), &4.into(), &2.into()));
    assert_eq!(json["classes"], serde_json::json!(["ham", "spam"]));
    assert_eq!(json["analysis"]["lfs"][1]["name"], "money");
    assert_eq!(json["analysis"]["lfs"][1]["correct"], 2);
    assert_eq!(json["analysis"]["lfs"][1]["incorrect"], 1);
    assert_eq!(json["rows"][0]["id"], "c");
    assert_eq!(json["rows"][0]["gold"], "ham");
    assert_eq!(json["rows"][0]["found"][0], serde_json::json!({"field": "text", "text": "money", "span": [15, 20]}));
    assert_eq!(json["rows"].as_array().unwrap().len(), 1);
}

#[test]
fn limit_says_how_many_rows() {
    let project = Project::new();
    let record = |id: usize| format!("{{\"id\": {id}, \"text\": \"thanks for the money\", \"gold\": \"ham\"}}\n");
    project.file("same.jsonl", (0..20).map(record).collect::<String>());
    let rows = |limit: &str| {
        let args = format!("lfs --data same.jsonl --lfs spam.lf --gold gold --rows money --json {limit}");
        project.json(&args)["rows"].as_array().unwrap().len()
    };
    assert_eq!((rows(""), rows("--limit 3"), rows("--limit 0")), (10, 3, 0));
}

/// Gold may be numbers of classes; a record may be without.
#[test]
fn gold_as_class_numbers() {
    let project = Project::new();
    project.file(
        "numbers.jsonl",
        "{\"text\": \"thanks for the money\", \"gold\": 0}\n{\"text\": \"free money\", \"gold\": 1}\n{\"text\": \"win\"}\n",
    );
    let json = project.json("lfs --data numbers.jsonl --lfs spam.lf --gold gold --json");
    assert_eq!(json["analysis"]["lfs"][1]["correct"], 1);
    assert_eq!(json["analysis"]["lfs"][1]["incorrect"], 1);
    project.file("numbers.jsonl", "{\"text\": \"x\", \"gold\": 2}\n");
    assert_snapshot!(project.run("lfs --data numbers.jsonl --lfs spam.lf --gold gold"), @"");
}
