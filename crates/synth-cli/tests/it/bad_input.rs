//! Input that is broken, odd, or far too much of something: a clear error or a sensible result, and nothing
//! half-written.

use std::io::Write;

use insta::assert_snapshot;

use crate::{Project, float_pairs, npy};

/// Labels one file with the functions for spam; a run that fails leaves nothing.
fn label(name: &str, contents: impl AsRef<[u8]>) -> String {
    let project = Project::new();
    project.file(name, contents);
    let before = project.names();
    let shown = project.run(&format!("label --data {name} --lfs spam.lf --model majority --out soft.jsonl"));
    if !shown.starts_with("exit code: 0\n") {
        assert_eq!(project.names(), before);
    }
    shown
}

#[test]
fn an_empty_file() {
    assert_snapshot!(label("empty.jsonl", ""), @"
    exit code: 0
    ---- stderr ----
    0 records, 4 labeling functions, 2 classes; 0 covered (0.0 %), 0 vote patterns
    label model: majority
      every vote counts the same
      the votes cannot tell anything about classes that no function votes for: ham, spam
      the votes cannot tell how good functions are that never vote: link, money, thanks, short
    labels: ham 0, spam 0
    wrote soft.jsonl
    ");
    assert_snapshot!(label("empty.csv", ""), @"
    exit code: 0
    ---- stderr ----
    0 records, 4 labeling functions, 2 classes; 0 covered (0.0 %), 0 vote patterns
    label model: majority
      every vote counts the same
      the votes cannot tell anything about classes that no function votes for: ham, spam
      the votes cannot tell how good functions are that never vote: link, money, thanks, short
    labels: ham 0, spam 0
    wrote soft.jsonl
    ");
    assert_snapshot!(label("empty.parquet", ""), @"
    exit code: 2
    ---- stderr ----
    error: `empty.parquet` is no complete Parquet file: EOF: Parquet file too small. Size is 0 but need 8
    hint: the file may not have been copied or written to its end
    ");
    let project = Project::new();
    project.file("empty.jsonl", "");
    for ending in ["parquet", "arrow", "jsonl", "csv", "npy"] {
        project.done(&format!("label --data empty.jsonl --lfs spam.lf --out soft.{ending}"));
        assert!(project.path(&format!("soft.{ending}")).exists());
    }
    assert!(
        project.run("lfs --data empty.jsonl --lfs spam.lf").starts_with("exit code: 0\n---- stdout ----\n0 records")
    );
}

#[test]
fn a_truncated_gzip() {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    encoder.write_all(crate::MAILS.as_bytes()).unwrap();
    let whole = encoder.finish().unwrap();
    assert!(label("mails.jsonl.gz", &whole).starts_with("exit code: 0\n"));
    assert_snapshot!(label("mails.jsonl.gz", &whole[..whole.len() / 2]), @"
    exit code: 2
    ---- stderr ----
    error: `mails.jsonl.gz` is no complete gzip file: incomplete deflate stream
    hint: the file may not have been copied or written to its end
    ");
    // Only the checksum at the end is missing.
    assert_snapshot!(label("mails.jsonl.gz", &whole[..whole.len() - 4]), @"
    exit code: 2
    ---- stderr ----
    error: `mails.jsonl.gz` is no complete gzip file: unexpected end of file
    hint: the file may not have been copied or written to its end
    ");
}

#[test]
fn invalid_utf8() {
    assert_snapshot!(label("latin1.jsonl", b"{\"text\": \"thanks\"}\n{\"text\": \"caf\xe9\"}\n"), @"
    exit code: 2
    ---- stderr ----
    error: malformed record at latin1.jsonl:2: invalid UTF-8 at column 14
    hint: set such records aside with `--skip-bad`
    ");
    assert_snapshot!(label("latin1.csv", b"text\nthanks\ncaf\xe9\n"), @"
    exit code: 2
    ---- stderr ----
    error: malformed record at latin1.csv:3: invalid UTF-8 at column 4
    hint: set such records aside with `--skip-bad`
    ");
}

#[test]
fn numbers_that_are_none_and_numbers_that_are_huge() {
    assert_snapshot!(label("nan.jsonl", "{\"text\": \"thanks\", \"n\": NaN}\n"), @"
    exit code: 2
    ---- stderr ----
    error: malformed record at nan.jsonl:1: `NaN` is not JSON at column 25
    hint: write null for a missing number, or set such records aside with `--skip-bad`
    ");
    assert_snapshot!(label("huge.jsonl", "{\"text\": \"thanks\", \"n\": 1e999}\n"), @"
    exit code: 2
    ---- stderr ----
    error: malformed record at huge.jsonl:1: a number too large for a float at column 25
    hint: set such records aside with `--skip-bad`
    ");
    let project = Project::empty();
    project
        .file("n.jsonl", "{\"n\": 1e308}\n{\"n\": 123456789012345678901234567890}\n{\"n\": -1e-320}\n{\"n\": null}\n");
    project.file("n.lf", "classes low, high\nlf n high when n > 1e20\n     low when n < 0\n");
    assert_snapshot!(project.run("label --data n.jsonl --lfs n.lf --model majority --out - --quiet"), @r#"
    exit code: 0
    ---- stdout ----
    {"id":0,"n":1.0e308,"probs":[0.0,1.0],"label":"high","confidence":1.0,"n_votes":1}
    {"id":1,"n":1.2345678901234568e29,"probs":[0.0,1.0],"label":"high","confidence":1.0,"n_votes":1}
    {"id":2,"n":-1.0e-320,"probs":[1.0,0.0],"label":"low","confidence":1.0,"n_votes":1}
    {"id":3,"n":null,"probs":[0.3333333333333333,0.6666666666666666],"label":"high","confidence":0.6666666666666666,"n_votes":0}
    "#);
}

#[test]
fn a_field_that_is_missing() {
    assert_snapshot!(label("no_text.jsonl", "{\"body\": \"thanks\"}\n"), @"
    exit code: 2
    ---- stderr ----
    error: no record has a field `text`, which labeling function `link` reads
    hint: the fields are body
    ");
    // In one record only it is an abstain.
    assert!(label("some.jsonl", "{\"body\": \"thanks\"}\n{\"text\": \"thanks\"}\n").starts_with("exit code: 0\n"));
    assert_snapshot!(label("number.jsonl", "{\"text\": 5}\n"), @"
    exit code: 2
    ---- stderr ----
    error: labeling function `link` needs text in field `text`, which holds Int64
    hint: the fields are text
    ");
    assert_snapshot!(label("both.jsonl", "{\"text\": 5}\n{\"text\": \"five\"}\n"), @"
    exit code: 2
    ---- stderr ----
    error: malformed record at both.jsonl:2: field `text` is text here and was an integer at both.jsonl:1
    hint: make the types agree, or set such records aside with `--skip-bad`
    ");
}

#[test]
fn ids_that_stand_twice() {
    assert_snapshot!(label("twice.jsonl", "{\"id\": 1, \"text\": \"a\"}\n{\"id\": 2, \"text\": \"a\"}\n{\"id\": 1, \"text\": \"b\"}\n"), @"
    exit code: 2
    ---- stderr ----
    error: the records cannot be used: id `1` stands twice, in rows 0 and 2
    hint: name another id field with `--id`; without a field `id` rows are known by their number
    ");
}

#[test]
fn an_unknown_class() {
    let project = Project::new();
    project.file("eggs.jsonl", "{\"text\": \"thanks\", \"gold\": \"eggs\"}\n");
    assert_snapshot!(project.run("label --data eggs.jsonl --lfs spam.lf --gold gold --out soft.csv"), @r#"
    exit code: 2
    ---- stderr ----
    error: the records cannot be used: row 0: gold label "eggs" in field `gold` is no class
    hint: the classes are ham, spam; leave the label empty where it is unknown
    "#);
    assert_snapshot!(project.run("label --data mails.jsonl --lfs spam.lf --classes ham,eggs,spam --out soft.csv"), @"
    exit code: 2
    ---- stderr ----
    error[bad-classes]: these are not the classes given elsewhere: ham, eggs, spam
     --> spam.lf:1:1
      |
    1 | classes ham, spam
      | ^^^^^^^^^^^^^^^^^
      |
      = hint: leave out one of the two, or make them agree, order included
    ");
    assert_eq!(project.names(), ["eggs.jsonl", "mails.jsonl", "spam.lf"]);
}

#[test]
fn no_function_and_one_function() {
    let project = Project::new();
    project.file("none.lf", "classes ham, spam\n");
    assert_snapshot!(project.run("label --data mails.jsonl --lfs none.lf --model majority --out none.npy"), @"
    exit code: 0
    ---- stderr ----
    warning: 2 warnings about the labeling functions; `synth check none.lf` shows them
    6 records, 0 labeling functions, 2 classes; 0 covered (0.0 %), 1 vote pattern
    label model: majority
      every vote counts the same
      the votes cannot tell anything about classes that no function votes for: ham, spam
    labels: ham 0, spam 0
    wrote none.npy
    ");
    assert_eq!(float_pairs(&project.bytes("none.npy")), [[0.5, 0.5]; 6]);
    project.done("label --data mails.jsonl --lfs none.lf --votes-out no_votes.npy --counts-out c.parquet");
    project.file("one.lf", "classes ham, spam\nlf link spam when text contains \"http\"\n");
    for model in ["auto", "majority", "weighted", "dawid-skene", "triplet"] {
        project.done(&format!("label --data mails.jsonl --lfs none.lf --model {model} --out none.npy"));
        project.done(&format!("label --data mails.jsonl --lfs one.lf --model {model} --out one.npy"));
        let soft = float_pairs(&project.bytes("one.npy"));
        assert!(soft[0][1] > 0.5, "{model} {soft:?}");
    }
}

#[test]
fn all_abstain() {
    let project = Project::empty();
    project.file("votes.npy", npy("|i1", false, [3, 2], &[0xff; 6]));
    for model in ["auto", "majority", "weighted", "dawid-skene", "triplet"] {
        project.done(&format!("label --votes votes.npy --classes a,b --model {model} --out soft.npy"));
        assert_eq!(float_pairs(&project.bytes("soft.npy")), [[0.5, 0.5]; 3], "{model}");
    }
    project.done("label --votes votes.npy --classes a,b --uncovered drop --out soft.csv");
    assert_eq!(project.read("soft.csv").lines().count(), 1);
}

#[test]
fn one_record_and_one_class() {
    let project = Project::empty();
    project.file("one.jsonl", "{\"text\": \"thanks\"}");
    project.file("two.lf", "classes a, b\nlf x b when text contains \"thanks\"\nlf y b when words(text) < 5\n");
    project.file("only.lf", "classes only\nlf x only when text contains \"thanks\"\n");
    for model in ["auto", "majority", "weighted", "dawid-skene", "triplet"] {
        project.done(&format!("label --data one.jsonl --lfs two.lf --model {model} --out soft.npy"));
        let soft = float_pairs(&project.bytes("soft.npy"));
        assert!(soft.len() == 1 && soft[0][1] > 0.5, "{model} {soft:?}");
        let k1 = project.done(&format!("label --data one.jsonl --lfs only.lf --model {model} --out - --quiet"));
        assert_eq!(
            k1, "{\"id\":0,\"text\":\"thanks\",\"probs\":[1.0],\"label\":\"only\",\"confidence\":1.0,\"n_votes\":1}\n",
            "{model}"
        );
    }
}

#[test]
fn two_thousand_functions() {
    let project = Project::empty();
    let function = |i: usize| {
        format!("lf f{i} {} when text contains token \"w{i}\"\n", if i.is_multiple_of(2) { "even" } else { "odd" })
    };
    project.file("many.lf", format!("classes even, odd\n{}", (0..2_000).map(function).collect::<String>()));
    let record = |i: usize| format!("{{\"text\": \"w{} w{}\"}}\n", i % 2_000, (i + 2) % 2_000);
    project.file("records.jsonl", (0..4_000).map(record).collect::<String>());
    let json = project.json("label --data records.jsonl --lfs many.lf --out soft.npy --json");
    assert_eq!((&json["m"], &json["covered"]), (&2_000.into(), &4_000.into()));
    let soft = float_pairs(&project.bytes("soft.npy"));
    let wrong = soft.iter().enumerate().filter(|(i, p)| p[i % 2] <= 0.5).count();
    assert_eq!(wrong, 0, "both functions that vote on a record agree");
}

/// 100 MB, of which one function finds a word at the very end.
#[test]
fn a_line_of_100_megabytes() {
    let project = Project::new();
    let mut line = b"{\"id\": 1, \"text\": \"".to_vec();
    line.resize(100 << 20, b'x');
    line.extend(b" thanks\"}\n{\"id\": 2, \"text\": \"thanks\"}\n");
    project.file("long.jsonl", line);
    project.done("label --data long.jsonl --lfs spam.lf --votes-out votes.npy");
    let bytes = project.bytes("votes.npy");
    let (_, votes) = crate::from_npy(&bytes);
    assert_eq!(votes, [0xff, 0xff, 0, 0, 0xff, 0xff, 0, 0]);
}

/// A limit on the size of files is what a full disk looks like.
#[cfg(unix)]
#[test]
fn a_full_disk() {
    let project = Project::new();
    let record = |i: u64| {
        format!("{{\"id\": {i}, \"noise\": {}, \"text\": \"thanks\"}}\n", i.wrapping_mul(0x9e37_79b9_7f4a_7c15))
    };
    project.file("records.jsonl", (0..20_000).map(record).collect::<String>());
    project.done("label --data records.jsonl --lfs spam.lf --out whole.csv");
    let before = project.names();
    let run = |args: &str| {
        // 16 blocks of 512 or 1024 bytes; the signal that comes with the limit is ignored, so that writes fail.
        let script = format!("trap '' XFSZ; ulimit -f 16; exec \"$0\" {args}");
        let mut command = std::process::Command::new("sh");
        command.args(["-c", &script, env!("CARGO_BIN_EXE_synth")]).current_dir(project.path(""));
        project.shown(&command.output().unwrap())
    };
    let label = "label --data records.jsonl --lfs spam.lf";
    for output in [
        "--out soft.parquet",
        "--out soft.arrow",
        "--out soft.jsonl",
        "--out soft.csv",
        "--out soft.npy",
        "--votes-out v.npy",
    ] {
        let shown = run(&format!("{label} {output}"));
        let name = output.split(' ').next_back().unwrap();
        let expected = format!("exit code: 2\n---- stderr ----\nerror: cannot write `{name}`: ");
        assert!(shown.starts_with(&expected) && shown.contains("File too large"), "{shown}");
        assert_eq!(project.names(), before, "{output}");
    }
    // What stood there before still stands.
    let whole = project.bytes("whole.csv");
    assert!(run(&format!("{label} --out whole.csv")).starts_with("exit code: 2\n"));
    assert_eq!(project.bytes("whole.csv"), whole);
    // The copy of stdin does not stay either.
    let shown = run("label --data - --lfs spam.lf --out soft.csv < records.jsonl");
    assert!(shown.starts_with("exit code: 2\n") && shown.contains("File too large"), "{shown}");
    assert_eq!(project.names(), before);
}

/// A device that is always full.
#[cfg(target_os = "linux")]
#[test]
fn a_full_device() {
    let project = Project::new();
    std::os::unix::fs::symlink("/dev/full", project.path("soft.jsonl")).unwrap();
    assert_snapshot!(project.run("label --data mails.jsonl --lfs spam.lf --model majority --out soft.jsonl"), @"
    exit code: 2
    ---- stderr ----
    error: cannot write `soft.jsonl`: No space left on device (os error 28)
    ");
}
