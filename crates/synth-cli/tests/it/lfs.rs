//! `synth lfs`.

use insta::assert_snapshot;

use crate::Project;
#[cfg(target_os = "linux")]
use crate::interrupt::{interrupt, spawn, wait_for};

#[test]
fn the_table() {
    assert_snapshot!(Project::new().run("lfs --data mails.jsonl --lfs spam.lf --model majority"), @"
    exit code: 0
    ---- stdout ----
    6 records, 4 labeling functions, 2 classes
    covered 5 (83.3 %), overlaps 4 (66.7 %), conflicts 1 (16.7 %)

    function  votes for  coverage  overlaps  conflicts  estimated
    link      spam          0.333     0.333      0.000      1.000
    money     spam          0.500     0.500      0.167      0.833
    thanks    ham           0.500     0.333      0.167      0.833
    short     ham           0.167     0.167      0.000      1.000

    label model: majority
      every vote counts the same
      the votes cannot tell for 4 of 4 functions that only vote one class, their mistakes from a class that is common
    ");
}

#[test]
fn the_table_with_gold() {
    let project = Project::new();
    assert_snapshot!(project.run("lfs --data mails.jsonl --lfs spam.lf --gold gold --model majority"), @"
    exit code: 0
    ---- stdout ----
    6 records, 4 labeling functions, 2 classes
    covered 5 (83.3 %), overlaps 4 (66.7 %), conflicts 1 (16.7 %)

    function  votes for  coverage  overlaps  conflicts  right  wrong  accuracy       95 %  estimated
    link      spam          0.333     0.333      0.000      2      0     1.000  0.34-1.00      1.000
    money     spam          0.500     0.500      0.167      2      1     0.667  0.21-0.94      0.833
    thanks    ham           0.500     0.333      0.167      3      0     1.000  0.44-1.00      0.833
    short     ham           0.167     0.167      0.000      1      0     1.000  0.21-1.00      1.000

    label model: majority
      every vote counts the same
      the votes cannot tell for 4 of 4 functions that only vote one class, their mistakes from a class that is common
    against gold: accuracy 0.833, macro F1 0.829, log-loss 0.231 on 6 records; accuracy 0.900, macro F1 0.899, log-loss 0.139 on 5 covered
    ");
}

#[test]
fn what_looks_odd_is_pointed_out() {
    let project = Project::empty();
    let texts = ["http://a free money", "free money", "thanks", "see you, thanks", "https://b"];
    let record = |i: usize| format!("{{\"text\": \"{} {i}\"}}\n", texts[i % 5]);
    project.file("mails.jsonl", (0..100).map(record).collect::<String>());
    project.file(
        "odd.lf",
        r#"classes ham, spam
lf link   spam when text contains "http"
lf again  spam when text contains "://"
lf silent ham  when text contains "xylophone"
lf free   spam when text contains "free"
lf thanks ham  when text contains "thanks"
lf nested ham  when text contains "you, thanks"
"#,
    );
    assert_snapshot!(project.run("lfs --data mails.jsonl --lfs odd.lf --model majority"), @"
    exit code: 0
    ---- stdout ----
    100 records, 6 labeling functions, 2 classes
    covered 100 (100.0 %), overlaps 60 (60.0 %), conflicts 0 (0.0 %)

    function  votes for  coverage  overlaps  conflicts  estimated
    link      spam          0.400     0.400      0.000      1.000
    again     spam          0.400     0.400      0.000      1.000
    silent    -             0.000     0.000      0.000          -
    free      spam          0.400     0.200      0.000      1.000
    thanks    ham           0.400     0.200      0.000      1.000
    nested    ham           0.200     0.200      0.000      1.000

    ! silent never votes
    ! link and again cast the same votes and count as one
    ! nested adds nothing: where it votes, thanks votes the same

    label model: majority
      every vote counts the same
      the votes cannot tell how good functions are that never vote: silent
      the votes cannot tell for 5 of 6 functions that only vote one class, their mistakes from a class that is common
    ");
}

#[test]
fn the_rows_a_function_gets_wrong() {
    let project = Project::new();
    assert_snapshot!(project.run("lfs --data mails.jsonl --lfs spam.lf --gold gold --rows money --model majority"), @r#"
    exit code: 0
    ---- stdout ----
    c (row 2): money votes spam, gold ham, label model ham
        thanks for the [money]
        found: text "money"
    "#);
    assert_snapshot!(project.run("lfs --data mails.jsonl --lfs spam.lf --gold gold --rows link --model majority"), @"
    exit code: 0
    ---- stdout ----
    `link` is wrong or outvoted on no record
    ");
    assert_snapshot!(project.run("lfs --data mails.jsonl --lfs spam.lf --rows nope --model majority"), @"
    exit code: 2
    ---- stderr ----
    error: there is no labeling function `nope`
    hint: the functions are link, money, thanks, short
    ");
}

#[test]
fn a_function_that_asks_a_model_needs_one() {
    let project = Project::new();
    project.file(
        "ask.lf",
        "classes ham, spam\nlf promo ask \"An advertisement? {text}\" spam when \"yes\" ham when \"no\"\n",
    );
    assert_snapshot!(project.run("lfs --data mails.jsonl --lfs ask.lf"), @"
    exit code: 2
    ---- stderr ----
    error: no language model is configured
    hint: name a server: --llm-url http://localhost:8000/v1 --llm-model NAME, or `base-url` and `model` under [llm] in synth.toml; or let one run here: --backend local, whose weights (145 MB) are fetched once; `synth generate --kind augment` needs neither
    ");
    assert_snapshot!(project.run("label --data mails.jsonl --lfs ask.lf --out soft.jsonl"), @"
    exit code: 2
    ---- stderr ----
    error: no language model is configured
    hint: name a server: --llm-url http://localhost:8000/v1 --llm-model NAME, or `base-url` and `model` under [llm] in synth.toml; or let one run here: --backend local, whose weights (145 MB) are fetched once; `synth generate --kind augment` needs neither
    ");
    assert!(!project.names().contains(&"soft.jsonl".to_owned()));
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
    assert_snapshot!(project.run("lfs --data numbers.jsonl --lfs spam.lf --gold gold"), @r#"
    exit code: 2
    ---- stderr ----
    error: the records cannot be used: row 0: gold label "2" in field `gold` is no class
    hint: the classes are ham, spam; leave the label empty where it is unknown
    "#);
}

/// A save shows everything anew and runs only what changed; a half-written file is no end.
#[cfg(target_os = "linux")]
#[test]
fn watch() {
    use std::io::Read;
    use std::sync::{Arc, Mutex};

    let project = Project::new();
    let mut child = spawn(&project, "lfs --data mails.jsonl --lfs spam.lf --model majority --watch");
    let seen = Arc::new(Mutex::new(String::new()));
    let collect = |mut pipe: Box<dyn Read + Send>| {
        let seen = Arc::clone(&seen);
        std::thread::spawn(move || {
            let mut buffer = [0; 4096];
            while let Ok(n @ 1..) = pipe.read(&mut buffer) {
                seen.lock().unwrap().push_str(&String::from_utf8_lossy(&buffer[..n]));
            }
        })
    };
    let readers = [collect(Box::new(child.stdout.take().unwrap())), collect(Box::new(child.stderr.take().unwrap()))];
    let wait = |text: &str| wait_for(text, || seen.lock().unwrap().contains(text));
    wait("link      spam          0.333");
    wait("watching; save an .lf file");
    project.file("spam.lf", crate::SPAM_LF.replace("when text contains \"http\"", "when text contains"));
    wait("error[syntax]");
    project.file("spam.lf", crate::SPAM_LF.replace("\"http\"", "\"you\""));
    wait("1 of 4 functions changed");
    wait("link      spam          0.333     0.333      0.333");
    interrupt(&child);
    assert_eq!(child.wait().unwrap().code(), Some(0), "Ctrl-C is how watching ends");
    for reader in readers {
        reader.join().unwrap();
    }
}
