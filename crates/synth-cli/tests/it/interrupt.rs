//! Ctrl-C.

#![cfg(target_os = "linux")]

use std::io::Write;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use crate::Project;

pub fn interrupt(child: &Child) {
    let status = Command::new("kill").args(["-INT", &child.id().to_string()]).status().unwrap();
    assert!(status.success());
}

/// Waits until the program minds SIGINT itself.
fn wait_for_handler(child: &Child) {
    let path = format!("/proc/{}/status", child.id());
    let caught = |status: &str| {
        let mask = status.lines().find_map(|line| line.strip_prefix("SigCgt:")).unwrap().trim();
        u64::from_str_radix(mask, 16).unwrap() & (1 << (2 - 1)) != 0
    };
    wait_for("the handler", || caught(&std::fs::read_to_string(&path).unwrap()));
}

/// Waits until something is so; far longer than it takes.
pub fn wait_for(what: &str, mut is_so: impl FnMut() -> bool) {
    let begin = Instant::now();
    while !is_so() {
        assert!(begin.elapsed() < Duration::from_secs(30), "waited in vain for {what}");
        std::thread::sleep(Duration::from_millis(2));
    }
}

pub fn spawn(project: &Project, args: &str) -> Child {
    let mut command = project.command(args);
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap()
}

/// A file that takes seconds to read, so that the signal comes in the middle.
fn large(project: &Project) {
    let line = format!("{{\"text\": \"{}\"}}\n", "see you at lunch ".repeat(12));
    project.file("large.jsonl", line.repeat(400_000));
}

#[test]
fn while_reading() {
    let project = Project::new();
    large(&project);
    let child = spawn(&project, "label --data large.jsonl --lfs spam.lf --out soft.parquet --votes-out v.npy");
    wait_for_handler(&child);
    interrupt(&child);
    let output = child.wait_with_output().unwrap();
    assert_eq!(project.shown(&output), "exit code: 130\n---- stderr ----\nstopped; nothing was written\n");
    assert_eq!(project.names(), ["large.jsonl", "mails.jsonl", "spam.lf"]);
}

#[test]
fn while_writing() {
    let project = Project::new();
    large(&project);
    let child = spawn(&project, "label --data large.jsonl --lfs spam.lf --out soft.jsonl --model majority");
    wait_for("the output to begin", || project.names().iter().any(|name| name.starts_with(".soft.jsonl.")));
    interrupt(&child);
    let output = child.wait_with_output().unwrap();
    assert_eq!(project.shown(&output), "exit code: 130\n---- stderr ----\nstopped; nothing was written\n");
    assert_eq!(project.names(), ["large.jsonl", "mails.jsonl", "spam.lf"]);
}

/// The copy of stdin beside the output goes too.
#[test]
fn while_reading_a_slow_stdin() {
    let project = Project::new();
    let mut child = spawn(&project, "label --data - --lfs spam.lf --out soft.parquet");
    let mut stdin = child.stdin.take().unwrap();
    stdin.write_all(crate::MAILS.as_bytes()).unwrap();
    wait_for("the copy of stdin", || project.names().iter().any(|name| name.starts_with(".input.")));
    interrupt(&child);
    // Time for the signal to arrive while the pipe is still open, as it is behind a slow program.
    std::thread::sleep(Duration::from_millis(100));
    drop(stdin);
    let output = child.wait_with_output().unwrap();
    assert_eq!(project.shown(&output), "exit code: 130\n---- stderr ----\nstopped; nothing was written\n");
    assert_eq!(project.names(), ["mails.jsonl", "spam.lf"]);
}

#[test]
fn while_training() {
    let project = Project::new();
    large(&project);
    project.file("soft.jsonl", "{\"id\": 0, \"probs\": [0.5, 0.5]}\n");
    let train = "train --data large.jsonl --soft soft.jsonl --classes a,b --text text --model m --probs-out p.csv";
    let child = spawn(&project, train);
    wait_for_handler(&child);
    interrupt(&child);
    let output = child.wait_with_output().unwrap();
    assert_eq!(project.shown(&output), "exit code: 130\n---- stderr ----\nstopped; nothing was written\n");
    assert_eq!(project.names(), ["large.jsonl", "mails.jsonl", "soft.jsonl", "spam.lf"]);
}
