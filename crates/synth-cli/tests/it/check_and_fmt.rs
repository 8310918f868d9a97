//! `synth check`, `synth fmt` and `synth help`.

use insta::assert_snapshot;

use crate::{Project, SPAM_LF};

#[test]
fn a_file_without_mistakes() {
    assert_snapshot!(Project::new().run("check spam.lf"), @"");
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
    assert_snapshot!(project.run("check bad.lf"), @"");
}

#[test]
fn mistakes_as_json() {
    let project = Project::empty();
    project.file("bad.lf", MISTAKES);
    assert_snapshot!(project.run("check bad.lf --json"), @"");
}

#[test]
fn warnings_fail_only_when_they_are_denied() {
    let project = Project::empty();
    project.file("odd.lf", "classes ham, spam\nlet unused = [\"x\"]\nlf never ham when words(text) < 0\n");
    assert_snapshot!(project.run("check odd.lf"), @"");
    let denied = project.run("check odd.lf --deny-warnings");
    assert_eq!(denied.lines().next(), Some("exit code: 1"));
}

#[test]
fn classes_may_come_from_a_flag() {
    let project = Project::empty();
    project.file("no_classes.lf", "lf a ham when words(text) < 5\n");
    assert_snapshot!(project.run("check no_classes.lf"), @"");
    assert_snapshot!(project.run("check no_classes.lf --classes ham,spam"), @"");
    assert_snapshot!(project.run("check no_classes.lf --classes ham,ham"), @"");
}

#[test]
fn what_cannot_be_checked() {
    let project = Project::empty();
    project.file("latin1.lf", b"classes caf\xe9, tea\n");
    assert_snapshot!(project.run("check"), @"");
    assert_snapshot!(project.run("check nothere.lf"), @"");
    assert_snapshot!(project.run("check latin1.lf"), @"");
}

const UNTIDY: &str = "classes ham,spam\nlf link spam when text contains \"http\"\nlf s ham when words( text )<4 # short\n";

#[test]
fn fmt_writes_the_standard_form_and_leaves_it_alone() {
    let project = Project::empty();
    project.file("a.lf", UNTIDY);
    assert_snapshot!(project.run("fmt a.lf --check"), @"");
    assert_eq!(project.read("a.lf"), UNTIDY);
    assert_snapshot!(project.run("fmt a.lf"), @"");
    assert_snapshot!(project.read("a.lf"), @"");
    assert_snapshot!(project.run("fmt a.lf --check"), @"");
    assert_eq!(project.names(), ["a.lf"]);
}

#[test]
fn fmt_from_stdin_to_stdout() {
    let project = Project::empty();
    assert_snapshot!(project.run_on(UNTIDY, "fmt -"), @"");
    assert_snapshot!(project.run_on(UNTIDY, "fmt - --check"), @"");
    assert_eq!(project.run_on(SPAM_LF, "fmt -"), format!("exit code: 0\n---- stdout ----\n{SPAM_LF}"));
}

#[test]
fn fmt_changes_no_file_with_mistakes() {
    let project = Project::empty();
    project.file("bad.lf", "classes ham,spam\nlf a ham when (words(text) < 4\n");
    assert_snapshot!(project.run("fmt bad.lf"), @"");
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
    assert_snapshot!(project.run("help me"), @"");
    assert_snapshot!(project.run("--version"), @"");
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
