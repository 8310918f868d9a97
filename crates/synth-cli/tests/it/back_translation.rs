//! `synth generate --kind back-translation`, with tiny models that know the sentences of their script, and with programs.

use insta::assert_snapshot;

use crate::Project;

const MODELS: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../synth-neural/tests/fixtures/marian");

/// Sentences as the models know them.
fn project() -> Project {
    let project = Project::empty();
    let texts = [
        ("My parcel is late.", "delivery"),
        ("Your package was never open, and the phone is broken.", "delivery"),
        ("No letter is missing?", "delivery"),
        ("Each parcel has been lost.", "delivery"),
        ("Every invoice was paid twice.", "billing"),
        ("My bill is wrong.", "billing"),
    ];
    let row = |(i, (text, gold)): (usize, &(&str, &str))| {
        serde_json::json!({ "id": format!("t{i}"), "text": text, "gold": gold }).to_string()
    };
    let rows: Vec<String> = texts.iter().enumerate().map(row).collect();
    project.file("texts.jsonl", rows.join("\n"));
    settings(&project, &format!("model = \"{MODELS}/{{from}}-{{to}}\"\n"));
    project
}

fn settings(project: &Project, translate: &str) {
    project.file("synth.toml", format!("[data]\nfiles = [\"texts.jsonl\"]\ngold = \"gold\"\n[translate]\n{translate}"));
}

const ARGS: &str = "generate --class delivery --kind back-translation --pivot fr --n 5 --out made.jsonl";

#[test]
fn texts_come_back_in_other_words() {
    let project = project();
    assert_snapshot!(project.run(ARGS), @"
    exit code: 0
    ---- stderr ----
    frechet: the filter `frechet` lets texts of a class pass unmeasured where it has few real texts: 64 are needed for 32 coordinates, and there are 4
    filter      seen  dropped   kept
    length         8        0  100 %
    leftovers      8        0  100 %
    language       8        0  100 %
    duplicates     8        1   88 %
    facts          7        0  100 %
    diversity      7        0  100 %
    frechet        7        0  100 %

    dropped by duplicates:
      No letter is missing?
        the same text as t2

    kept texts: Fréchet distance to the real ones 0.171; self-BLEU 0.118, of as many real ones 0.063
    back-translation by en-fr, fr-en: kept 5 of 8 made
    wrote made.jsonl
    ");
    let made = project.read("made.jsonl");
    for line in made.lines() {
        let row: serde_json::Value = serde_json::from_str(line).unwrap();
        assert_eq!((&row["wanted"], &row["label"]), (&"delivery".into(), &"delivery".into()));
        let kind = &row["provenance"]["kind"];
        assert!(kind == "back-translation" && row["provenance"]["parents"][0].as_str().unwrap().starts_with('t'));
    }
    // What was translated is not translated again, and comes out the same, at any number of threads.
    for threads in [1, 3] {
        project.done(&format!("{ARGS} --threads {threads} --no-cache"));
        assert_eq!(project.read("made.jsonl"), made);
    }
    let report = project.json(&format!("{ARGS} --json"));
    assert_eq!((&report["kind"], &report["model"]), (&"back-translation".into(), &"en-fr, fr-en".into()));
    assert_eq!(project.read("made.jsonl"), made);
    assert_snapshot!(project.run("generate --class delivery --kind back-translation --pivot fr --n 2 --dry-run"), @"
    exit code: 0
    ---- stdout ----
    --- 1: text
    Your package was never open, and the phone is broken.
    ---
    1 request by back-translation, if every text passes
    nothing was sent
    ");
}

#[test]
#[cfg(unix)]
fn a_program_translates() {
    let project = project();
    // From English to a language without vowels: the same in capitals. Back: an exclamation.
    project.file("translate.sh", "case $1 in en-xx) tr a-z A-Z;; *) tr A-Z. a-z!;; esac\n");
    settings(&project, "command = \"sh translate.sh {from}-{to}\"\npivots = [\"xx\"]\n");
    project.done("generate --class billing --kind back-translation --n 2 --filters none --out made.jsonl");
    let made = project.read("made.jsonl");
    assert!(made.contains("every invoice was paid twice!") || made.contains("my bill is wrong!"), "{made}");
    project.file("translate.sh", "echo there is no such mode >&2; exit 4\n");
    assert_snapshot!(project.run("generate --class billing --kind back-translation --n 2 --out other.jsonl --no-cache"), @"
    exit code: 2
    ---- stderr ----
    frechet: the filter `frechet` lets texts of a class pass unmeasured where it has few real texts: 64 are needed for 32 coordinates, and there are 2
    error: the translator `sh translate.sh en-xx` gave no answer: exit status: 4: there is no such mode
    ");
    assert!(!project.path("other.jsonl").exists());
}

#[test]
fn what_cannot_be_translated() {
    let project = project();
    let run = |args: &str| project.run(&format!("generate --class delivery --n 2 --out x.jsonl {args}"));
    assert_snapshot!(run("--kind back-translation"), @"
    exit code: 2
    ---- stderr ----
    error: no language to translate by is named
    hint: name one or more: --pivot fr,de; or `pivots` under [translate] in synth.toml
    ");
    assert_snapshot!(run("--kind back-translation --pivot en"), @"
    exit code: 2
    ---- stderr ----
    error: `--pivot en` is the language of the texts
    hint: name another language to translate by, or the language of the texts with `language` under [translate]
    ");
    assert_snapshot!(run("--kind back-translation --pivot ../fr"), @"
    exit code: 2
    ---- stderr ----
    error: `--pivot ../fr` is no code of a language
    hint: codes look like fr, or pt-br
    ");
    assert_snapshot!(run("--kind paraphrase --pivot fr"), @"
    exit code: 2
    ---- stderr ----
    error: `--pivot` means nothing for `--kind paraphrase`
    hint: it goes with --kind back-translation
    ");
    settings(&project, "model = \"./models/{from}-{to}\"\n");
    assert_snapshot!(run("--kind back-translation --pivot de"), @"
    exit code: 2
    ---- stderr ----
    error: there is no folder `./models/en-de`
    hint: name a folder with config.json, source.spm, target.spm, vocab.json and model.safetensors (or pytorch_model.bin), or a repository of the hub as Helsinki-NLP/opus-mt-en-fr
    ");
    settings(&project, "model = \"a\"\ncommand = \"b\"\npivots = [\"fr\"]\n");
    assert_snapshot!(run("--kind back-translation"), @"
    exit code: 2
    ---- stderr ----
    error: both `command` and `model` are set under [translate]
    hint: leave one out: either a program translates, or a model that runs here
    ");
    settings(&project, "command = \"b 'c\"\npivots = [\"fr\"]\n");
    assert_snapshot!(run("--kind back-translation"), @"
    exit code: 2
    ---- stderr ----
    error: `command` is b 'c, expected a program and its arguments, with all quotes closed
    ");
    assert!(!project.path("x.jsonl").exists());
}

#[test]
fn a_model_of_several_languages_is_told_which() {
    let project = project();
    // There by one model for many languages, back by another.
    for (from, to) in [("en-mul", "en-mul"), ("fr-en", "mul-en")] {
        let folder = project.path(&format!("models/{to}"));
        std::fs::create_dir_all(&folder).unwrap();
        for entry in std::path::Path::new(MODELS).join(from).read_dir().unwrap() {
            let entry = entry.unwrap();
            std::fs::copy(entry.path(), folder.join(entry.file_name())).unwrap();
        }
    }
    let group = "model = \"models/{from}-{to}\"\ngroups = { fr = \"mul\" }\n";
    settings(&project, &format!("{group}codes = {{ fr = \"fra\" }}\n"));
    let done = project.run(ARGS);
    assert!(done.contains("back-translation by en-mul, mul-en: kept"), "{done}");
    assert!(project.read("made.jsonl").lines().count() > 0);
    settings(&project, group);
    assert_snapshot!(project.run(ARGS), @r#"
    exit code: 2
    ---- stderr ----
    error: `models/en-mul`: the model does not translate into `fr`, but into fra, eng
    hint: name one of these under [translate.codes] in synth.toml: fr = "CODE"; or "" to let the model choose
    "#);
}
