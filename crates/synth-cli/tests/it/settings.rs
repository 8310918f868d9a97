//! `synth init`, `synth demo`, `synth.toml`, the environment, flags.

use insta::assert_snapshot;

use crate::Project;

#[test]
fn init_makes_a_project_that_works_at_once() {
    let project = Project::empty();
    assert_snapshot!(project.run("init shop"), @"
    exit code: 0
    ---- stdout ----
    wrote synth.toml, functions.lf, records.jsonl in `shop`: an example to change into your own.

    next:
      cd shop && synth lfs      # what the functions do
      cd shop && synth label    # soft labels into soft.parquet
    ");
    let shop = project.path("shop");
    let inside = |args: &str| project.shown(&project.command(args).current_dir(&shop).output().unwrap());
    let lfs = inside("lfs");
    assert!(
        lfs.starts_with("exit code: 0\n---- stdout ----\n490 records, 18 labeling functions, 4 classes\n"),
        "{lfs}"
    );
    assert!(lfs.contains("against gold: accuracy 0."), "{lfs}");
    let label = inside("label");
    assert!(label.starts_with("exit code: 0\n"), "{label}");
    assert!(label.ends_with("wrote soft.parquet\n"), "{label}");
    let mut names: Vec<_> = std::fs::read_dir(&shop).unwrap().map(|e| e.unwrap().file_name()).collect();
    names.sort();
    assert_eq!(names, ["functions.lf", "records.jsonl", "soft.parquet", "synth.toml"]);
    // Votes from elsewhere can be labelled there too: the settings are about records.
    project.file("shop/votes.npy", crate::npy("|i1", false, [2, 1], &[0, 1]));
    let votes = inside("label --votes votes.npy --classes a,b --out votes.jsonl");
    assert!(votes.starts_with("exit code: 0\n"), "{votes}");
}

#[test]
fn init_mixes_with_nothing() {
    let project = Project::empty();
    project.file("functions.lf", "mine");
    assert_snapshot!(project.run("init"), @"
    exit code: 2
    ---- stderr ----
    error: `./functions.lf` is there already
    hint: choose an empty folder: synth init my-project
    ");
    assert_eq!((project.names(), project.read("functions.lf")), (vec!["functions.lf".to_owned()], "mine".to_owned()));
    assert_snapshot!(project.run("init functions.lf"), @"
    exit code: 2
    ---- stderr ----
    error: cannot make the folder `functions.lf`: File exists (os error 17)
    ");
}

#[test]
fn demo_shows_something_and_leaves_nothing() {
    let project = Project::empty();
    let shown = project.run("demo");
    assert!(shown.starts_with("exit code: 0\n---- stdout ----\n"), "{shown}");
    assert!(!shown.contains("---- stderr ----"), "{shown}");
    for part in [
        "490 records, 18 labeling functions, 4 classes",
        "\n  majority vote  accuracy 0.",
        "\n  soft labels    accuracy 0.",
    ] {
        assert!(shown.contains(part), "{part}: {shown}");
    }
    assert_eq!(project.run("demo"), shown, "the same on every run");
    assert!(project.names().is_empty());
}

const SETTINGS: &str = r#"[data]
files = ["mails.jsonl"]
id = "id"

[lfs]
files = ["spam.lf"]

[label]
out = "soft.csv"
model = "majority"
uncovered = "drop"
prefix = "ours_"
seed = 3
"#;

#[test]
fn the_file_says_everything() {
    let project = Project::new();
    project.file("synth.toml", SETTINGS);
    let json = project.json("label --json");
    assert_eq!((&json["model"]["method"], &json["seed"]), (&"majority".into(), &3.into()));
    let written = project.read("soft.csv");
    assert_eq!(written.lines().count(), 1 + 5);
    assert!(written.starts_with("id,text,gold,ours_label,"), "{written}");
    // A flag wins, and so does an output of another kind.
    project.done("label --votes-out votes.npy --quiet");
    project.done("label --out other.csv --uncovered prior --prefix x_");
    assert!(project.read("other.csv").starts_with("id,text,gold,x_label,"));
    assert_eq!(project.read("other.csv").lines().count(), 1 + 6);
    assert_eq!(project.names(), ["mails.jsonl", "other.csv", "soft.csv", "spam.lf", "synth.toml", "votes.npy"]);
    project.done("check");
}

#[test]
fn a_flag_wins_over_the_environment_and_that_over_the_file() {
    let project = Project::new();
    project.file("synth.toml", SETTINGS);
    let method = |variables: &[(&str, &str)], args: &str| {
        let output = project.command(&format!("label --json {args}")).envs(variables.iter().copied()).output().unwrap();
        let json: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
        (json["model"]["method"].as_str().unwrap().to_owned(), json["seed"].as_u64().unwrap())
    };
    let variables = [("SYNTH_MODEL", "weighted"), ("SYNTH_SEED", "5")];
    assert_eq!(method(&[], ""), ("majority".to_owned(), 3));
    assert_eq!(method(&variables, ""), ("weighted".to_owned(), 5));
    assert_eq!(method(&variables, "--model triplet --seed 7"), ("triplet".to_owned(), 7));
}

#[test]
fn variables_of_the_environment() {
    let project = Project::new();
    let label = "label --data mails.jsonl --lfs spam.lf --model majority --out - --quiet";
    let dropped = project.run_with(&[("SYNTH_UNCOVERED", "drop")], label);
    assert_eq!(dropped, project.run(&format!("{label} --uncovered drop")));
    assert_snapshot!(project.run_with(&[("SYNTH_MODEL", "guess")], "label --data mails.jsonl --lfs spam.lf --out -"), @"
    exit code: 2
    ---- stderr ----
    error: invalid value 'guess' for '--model <MODEL>'
      [possible values: auto, majority, weighted, dawid-skene, triplet]

    For more information, try '--help'.
    ");
    assert_snapshot!(project.run_with(&[("SYNTH_THREADS", "many")], label), @"
    exit code: 2
    ---- stderr ----
    error: invalid value 'many' for '--threads <N>': invalid digit found in string

    For more information, try '--help'.
    ");
    assert_snapshot!(project.run_with(&[("SYNTH_CONFIG", "nothere.toml")], label), @"
    exit code: 2
    ---- stderr ----
    error: cannot read `nothere.toml`: No such file or directory (os error 2)
    ");
}

#[test]
fn settings_that_are_none() {
    let project = Project::new();
    let check = |toml: &str| {
        project.file("synth.toml", toml);
        project.run("label --data mails.jsonl --lfs spam.lf --out soft.csv")
    };
    assert_snapshot!(check("[label]\nmodel = \"majority\"\ncolour = 1\n"), @"
    exit code: 2
    ---- stderr ----
    error: unknown field `colour`, expected one of `out`, `model`, `balance`, `uncovered`, `prefix`, `seed`
     --> synth.toml:3:1
      |
    3 | colour = 1
      | ^^^^^^
    ");
    assert_snapshot!(check("[labels]\nmodel = \"majority\"\n"), @"
    exit code: 2
    ---- stderr ----
    error: unknown field `labels`, expected one of `device`, `data`, `lfs`, `label`, `generate`, `filters`, `augment`, `llm`, `local`, `embed`, `translate`, `features`, `image`
     --> synth.toml:1:2
      |
    1 | [labels]
      |  ^^^^^^
    ");
    assert_snapshot!(check("[label]\nseed = \"three\"\n"), @r#"
    exit code: 2
    ---- stderr ----
    error: invalid type: string "three", expected u64
     --> synth.toml:2:8
      |
    2 | seed = "three"
      |        ^^^^^^^
    "#);
    assert_snapshot!(check("[label\n"), @"
    exit code: 2
    ---- stderr ----
    error: unclosed table, expected `]`
     --> synth.toml:1:7
      |
    1 | [label
      |       ^
    ");
    assert_snapshot!(check("[label]\nmodel = \"guess\"\n"), @"
    exit code: 2
    ---- stderr ----
    error: `label.model` in synth.toml is `guess`
    hint: possible: auto, majority, weighted, dawid-skene, triplet
    ");
    assert_snapshot!(check("[label]\nuncovered = \"keep\"\n"), @"
    exit code: 2
    ---- stderr ----
    error: `label.uncovered` in synth.toml is `keep`
    hint: possible: prior, null, drop
    ");
    assert_eq!(project.names(), ["mails.jsonl", "spam.lf", "synth.toml"]);
}

#[test]
fn flags_that_are_none() {
    let project = Project::new();
    assert_snapshot!(project.run("label --colour red"), @"
    exit code: 2
    ---- stderr ----
    error: unexpected argument '--colour' found

    Usage: synth label [OPTIONS]

    For more information, try '--help'.
    ");
    assert_snapshot!(project.run("lable"), @"
    exit code: 2
    ---- stderr ----
    error: unrecognized subcommand 'lable'

      tip: some similar subcommands exist: 'blame', 'label'

    Usage: synth [OPTIONS] <COMMAND>

    For more information, try '--help'.
    ");
    assert_snapshot!(project.run("label --data mails.jsonl --lfs spam.lf --out soft.csv --model guess"), @"
    exit code: 2
    ---- stderr ----
    error: invalid value 'guess' for '--model <MODEL>'
      [possible values: auto, majority, weighted, dawid-skene, triplet]

    For more information, try '--help'.
    ");
    assert_snapshot!(project.run("label --data mails.jsonl --lfs spam.lf --out soft.csv --threads 0"), @"
    exit code: 2
    ---- stderr ----
    error: `--threads 0`: there must be at least one thread
    hint: leave it out to use all cores
    ");
    assert_snapshot!(project.run("fmt"), @"
    exit code: 2
    ---- stderr ----
    error: the following required arguments were not provided:
      <FILES>...

    Usage: synth fmt <FILES>...

    For more information, try '--help'.
    ");
    assert_snapshot!(project.run("lfs --watch --json"), @"
    exit code: 2
    ---- stderr ----
    error: the argument '--watch' cannot be used with '--json'

    Usage: synth lfs --watch

    For more information, try '--help'.
    ");
}

#[test]
fn files_that_are_missing() {
    let project = Project::new();
    assert_snapshot!(project.run("label --data nothere.jsonl --lfs spam.lf --out soft.csv"), @"
    exit code: 2
    ---- stderr ----
    error: cannot open `nothere.jsonl`: No such file or directory (os error 2)
    ");
    assert_snapshot!(project.run("label --data mails.jsonl --lfs nothere.lf --out soft.csv"), @"
    exit code: 2
    ---- stderr ----
    error: cannot read `nothere.lf`: No such file or directory (os error 2)
    ");
    assert_snapshot!(project.run("label --data mails.jsonl --out soft.csv"), @"
    exit code: 2
    ---- stderr ----
    error: no labeling functions are given
    hint: name a file: --lfs spam.lf; `synth help lf` shows how to write one
    ");
    assert_snapshot!(project.run("label --lfs spam.lf --out soft.csv"), @"
    exit code: 2
    ---- stderr ----
    error: no records are given
    hint: name a file: --data records.jsonl; `-` is stdin
    ");
    assert_snapshot!(project.run("lfs --data mails.txt --lfs spam.lf"), @"
    exit code: 2
    ---- stderr ----
    error: `mails.txt` has no known format
    hint: names end in .jsonl, .csv, .parquet, .arrow, and .gz or .zst behind the first two
    ");
    project.file("list.lf", "classes ham, spam\nlf a ham when sender in file(\"nothere.txt\")\n");
    assert_snapshot!(project.run("check list.lf"), @r#"
    exit code: 1
    ---- stdout ----
    1 error, 0 warnings
    ---- stderr ----
    error[unreadable-list]: cannot read `nothere.txt`: No such file or directory (os error 2)
     --> list.lf:2:25
      |
    2 | lf a ham when sender in file("nothere.txt")
      |                         ^^^^^^^^^^^^^^^^^^^
      |
      = hint: the path counts from the folder of the .lf file
    "#);
    assert_eq!(project.names(), ["list.lf", "mails.jsonl", "spam.lf"]);
}
