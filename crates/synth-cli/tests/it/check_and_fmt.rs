//! `synth check`, `synth fmt` and `synth help`.

use insta::assert_snapshot;

use crate::{Project, SPAM_LF};

#[test]
fn a_file_without_mistakes() {
    assert_snapshot!(Project::new().run("check spam.lf"), @"
    exit code: 0
    ---- stdout ----
    4 functions, 0 errors, 0 warnings
    ");
}

const MISTAKES: &str = r#"classes ham, spam
lf a spam when text contains any of lists
lf a eggs when words(text) < "three"
lf b ham when
"#;

#[test]
fn all_mistakes_are_shown_together() {
    let project = Project::empty();
    project.file("bad.lf", MISTAKES);
    assert_snapshot!(project.run("check bad.lf"), @r#"
    exit code: 1
    ---- stdout ----
    5 errors, 0 warnings
    ---- stderr ----
    error[unknown-list]: there is no list `lists`
     --> bad.lf:2:37
      |
    2 | lf a spam when text contains any of lists
      |                                     ^^^^^
      |
      = hint: declare it above: let lists = ["…"]; a single string stands in quotes

    error[duplicate-name]: labeling function `a` is declared twice
     --> bad.lf:3:4
      |
    3 | lf a eggs when words(text) < "three"
      |    ^
      |
     ::: bad.lf:2:4
      |
    2 | lf a spam when text contains any of lists
      |    - the first is here

    error[unknown-class]: there is no class `eggs`
     --> bad.lf:3:6
      |
    3 | lf a eggs when words(text) < "three"
      |      ^^^^
      |
      = hint: the classes are ham, spam

    error[bad-comparison]: this cannot be compared with the other side
     --> bad.lf:3:30
      |
    3 | lf a eggs when words(text) < "three"
      |                              ^^^^^^^
      |
      = hint: numbers compare with numbers, a text field with a string, a field with a date

    error[syntax]: expected a condition, found the end of the file
     --> bad.lf:4:13
      |
    4 | lf b ham when
      |             ^
      |
      = hint: a condition begins with a field: `text contains "free"`
    "#);
}

const PROMPTED: &str = r#"classes ham, spam

lf promo ask "Does this advertise something? {text}"
    spam    when "yes" or "probably"
    ham     when "no"
    abstain when "unsure"
"#;

#[test]
fn functions_that_ask_a_model_are_checked_without_one() {
    let project = Project::empty();
    project.file("ask.lf", PROMPTED);
    assert_snapshot!(project.run("check ask.lf"), @"
    exit code: 0
    ---- stdout ----
    1 function, 0 errors, 0 warnings
    ");
    assert_snapshot!(project.run("fmt ask.lf --check"), @"exit code: 0");
    project.file(
        "bad.lf",
        r#"classes ham, spam
lf a ask "Does this advertise something? {text" spam when "yes" ham when "Yes"
lf b ask "Is this\tspam? {text} }" smap when "yes"
lf c ask ham when "no"
"#,
    );
    assert_snapshot!(project.run("check bad.lf"), @r#"
    exit code: 1
    ---- stdout ----
    5 errors, 0 warnings
    ---- stderr ----
    error[bad-prompt]: this brace is not closed
     --> bad.lf:2:42
      |
    2 | lf a ask "Does this advertise something? {text" spam when "yes" ham when "Yes"
      |                                          ^
      |
      = hint: a field is written {text} or {meta.lang}, a brace in the text {{ or }}

    error[bad-answer]: the answer "Yes" stands twice
     --> bad.lf:2:74
      |
    2 | lf a ask "Does this advertise something? {text" spam when "yes" ham when "Yes"
      |                                                                          ^^^^^
      |
     ::: bad.lf:2:59
      |
    2 | lf a ask "Does this advertise something? {text" spam when "yes" ham when "Yes"
      |                                                           ----- the first is here
      |
      = hint: answers are told apart without regard to upper and lower case

    error[bad-prompt]: this brace closes nothing
     --> bad.lf:3:33
      |
    3 | lf b ask "Is this\tspam? {text} }" smap when "yes"
      |                                 ^
      |
      = hint: a field is written {text} or {meta.lang}, a brace in the text {{ or }}

    error[unknown-class]: there is no class `smap`
     --> bad.lf:3:36
      |
    3 | lf b ask "Is this\tspam? {text} }" smap when "yes"
      |                                    ^^^^
      |
      = hint: did you mean `spam`?

    error[syntax]: expected the prompt in quotes, found `ham`
     --> bad.lf:4:10
      |
    4 | lf c ask ham when "no"
      |          ^^^
      |
      = hint: as in `ask "Is this an advertisement? {text}"`
    "#);
}

#[test]
fn mistakes_as_json() {
    let project = Project::empty();
    project.file("bad.lf", MISTAKES);
    assert_snapshot!(project.run("check bad.lf --json"), @r#"
    exit code: 1
    ---- stdout ----
    {
      "version": 1,
      "functions": 0,
      "errors": 5,
      "warnings": 0,
      "diagnostics": [
        {
          "severity": "error",
          "code": "unknown-list",
          "message": "there is no list `lists`",
          "hint": "declare it above: let lists = [\"…\"]; a single string stands in quotes",
          "file": "bad.lf",
          "line": 2,
          "column": 37,
          "span": [
            54,
            59
          ]
        },
        {
          "severity": "error",
          "code": "duplicate-name",
          "message": "labeling function `a` is declared twice",
          "hint": null,
          "file": "bad.lf",
          "line": 3,
          "column": 4,
          "span": [
            63,
            64
          ]
        },
        {
          "severity": "error",
          "code": "unknown-class",
          "message": "there is no class `eggs`",
          "hint": "the classes are ham, spam",
          "file": "bad.lf",
          "line": 3,
          "column": 6,
          "span": [
            65,
            69
          ]
        },
        {
          "severity": "error",
          "code": "bad-comparison",
          "message": "this cannot be compared with the other side",
          "hint": "numbers compare with numbers, a text field with a string, a field with a date",
          "file": "bad.lf",
          "line": 3,
          "column": 30,
          "span": [
            89,
            96
          ]
        },
        {
          "severity": "error",
          "code": "syntax",
          "message": "expected a condition, found the end of the file",
          "hint": "a condition begins with a field: `text contains \"free\"`",
          "file": "bad.lf",
          "line": 4,
          "column": 13,
          "span": [
            109,
            110
          ]
        }
      ]
    }
    "#);
}

#[test]
fn warnings_fail_only_when_they_are_denied() {
    let project = Project::empty();
    project.file("odd.lf", "classes ham, spam\nlet unused = [\"x\"]\nlf never ham when words(text) < 0\n");
    assert_snapshot!(project.run("check odd.lf"), @r#"
    exit code: 0
    ---- stdout ----
    1 function, 0 errors, 3 warnings
    ---- stderr ----
    warning[unused-class]: no function votes for the class `spam`
     --> odd.lf:1:14
      |
    1 | classes ham, spam
      |              ^^^^
      |
      = hint: records of this class can only be told by what is not said of them

    warning[unused-list]: no function uses the list `unused`
     --> odd.lf:2:5
      |
    2 | let unused = ["x"]
      |     ^^^^^^
      |
      = hint: use it or remove it

    warning[never-fires]: this condition holds for no record
     --> odd.lf:3:10
      |
    3 | lf never ham when words(text) < 0
      |          ^^^^^^^^^^^^^^^^^^^^^^^^
    "#);
    let denied = project.run("check odd.lf --deny-warnings");
    assert_eq!(denied.lines().next(), Some("exit code: 1"));
}

#[test]
fn classes_may_come_from_a_flag() {
    let project = Project::empty();
    project.file("no_classes.lf", "lf a ham when words(text) < 5\n");
    assert_snapshot!(project.run("check no_classes.lf"), @"
    exit code: 1
    ---- stdout ----
    1 error, 0 warnings
    ---- stderr ----
    error[no-classes]: no classes are declared
     --> no_classes.lf:1:1
      |
    1 | lf a ham when words(text) < 5
      | ^
      |
      = hint: begin a file with a line like `classes ham, spam`
    ");
    assert_snapshot!(project.run("check no_classes.lf --classes ham,spam"), @"
    exit code: 0
    ---- stdout ----
    1 function, 0 errors, 0 warnings
    ");
    assert_snapshot!(project.run("check no_classes.lf --classes ham,ham"), @"
    exit code: 2
    ---- stderr ----
    error: bad `--classes`: class `ham` is declared twice
    ");
}

#[test]
fn what_cannot_be_checked() {
    let project = Project::empty();
    project.file("latin1.lf", b"classes caf\xe9, tea\n");
    assert_snapshot!(project.run("check"), @"
    exit code: 2
    ---- stderr ----
    error: no .lf file is given
    hint: name one: synth check spam.lf
    ");
    assert_snapshot!(project.run("check nothere.lf"), @"
    exit code: 2
    ---- stderr ----
    error: cannot read `nothere.lf`: No such file or directory (os error 2)
    ");
    assert_snapshot!(project.run("check latin1.lf"), @"
    exit code: 2
    ---- stderr ----
    error: cannot read `latin1.lf`: stream did not contain valid UTF-8
    ");
}

const UNTIDY: &str =
    "classes ham,spam\nlf link spam when text contains \"http\"\nlf s ham when words( text )<4 # short\n";

#[test]
fn fmt_writes_the_standard_form_and_leaves_it_alone() {
    let project = Project::empty();
    project.file("a.lf", UNTIDY);
    assert_snapshot!(project.run("fmt a.lf --check"), @"
    exit code: 1
    ---- stdout ----
    a.lf
    ");
    assert_eq!(project.read("a.lf"), UNTIDY);
    assert_snapshot!(project.run("fmt a.lf"), @"exit code: 0");
    assert_snapshot!(project.read("a.lf"), @r#"
    classes ham, spam
    lf link spam when text contains "http"
    lf s    ham  when words(text) < 4  # short
    "#);
    assert_snapshot!(project.run("fmt a.lf --check"), @"exit code: 0");
    assert_eq!(project.names(), ["a.lf"]);
}

#[test]
fn fmt_from_stdin_to_stdout() {
    let project = Project::empty();
    assert_snapshot!(project.run_on(UNTIDY, "fmt -"), @r#"
    exit code: 0
    ---- stdout ----
    classes ham, spam
    lf link spam when text contains "http"
    lf s    ham  when words(text) < 4  # short
    "#);
    assert_snapshot!(project.run_on(UNTIDY, "fmt - --check"), @"
    exit code: 1
    ---- stdout ----
    <stdin>
    ");
    assert_eq!(project.run_on(SPAM_LF, "fmt -"), format!("exit code: 0\n---- stdout ----\n{SPAM_LF}"));
}

#[test]
fn fmt_changes_no_file_with_mistakes() {
    let project = Project::empty();
    project.file("bad.lf", "classes ham,spam\nlf a ham when (words(text) < 4\n");
    assert_snapshot!(project.run("fmt bad.lf"), @"
    exit code: 2
    ---- stderr ----
    error[syntax]: expected `)`, found the end of the file
     --> bad.lf:2:30
      |
    2 | lf a ham when (words(text) < 4
      |                              ^
    ");
    assert_eq!(project.read("bad.lf"), "classes ham,spam\nlf a ham when (words(text) < 4\n");
}

#[test]
fn help_shows_the_reference_as_it_is() {
    let reference = include_str!("../../../synth-lf/src/reference.md");
    assert_eq!(Project::empty().done("help lf"), reference);
}

#[test]
fn help_for_what_there_is_and_is_not() {
    let project = Project::empty();
    assert_eq!(project.done("help check"), project.done("check --help"));
    assert_eq!(project.done("help"), project.done("--help"));
    assert_snapshot!(project.run("help me"), @"
    exit code: 2
    ---- stderr ----
    error: there is no help for `me`
    hint: there is help for init, check, fmt, lfs, label, train, predict, evaluate, audit, agreement, generate, augment, filter, prompts, embed, fid, blame, demo, help, lf and contract
    ");
    assert_snapshot!(project.run("--version"), @"
    exit code: 0
    ---- stdout ----
    synth [VERSION]
    ");
}

/// Whoever reads our output and has seen enough is no error.
#[cfg(unix)]
#[test]
fn a_broken_pipe_is_no_error() {
    let project = Project::new();
    let mut child = project.command("help lf");
    let mut child = child.stdout(std::process::Stdio::piped()).stderr(std::process::Stdio::piped()).spawn().unwrap();
    drop(child.stdout.take());
    let output = child.wait_with_output().unwrap();
    assert_eq!(project.shown(&output), "exit code: 0\n");
}
