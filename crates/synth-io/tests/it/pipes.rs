//! `-` is stdin and stdout.

#![cfg(unix)]

use std::io::Write;
use std::path::Path;
use std::process::{Command, Stdio};

use synth_core::{ClassSet, SoftLabels};
use synth_io::ReadOptions;
use synth_io::soft::{Options, Writer};

use crate::{Folder, batches, open_with};

/// Runs itself with records on its stdin and soft labels on its stdout.
#[test]
#[expect(clippy::disallowed_methods, reason = "tells the child process what it is")]
fn records_come_from_stdin_and_soft_labels_go_to_stdout() {
    const VARIABLE: &str = "SYNTH_IO_TEST_SPOOL";
    if let Some(dir) = std::env::var_os(VARIABLE) {
        let options = ReadOptions { spool_dir: dir.into(), ..Default::default() };
        let reader = open_with(&["-"], options).unwrap();
        let classes = ClassSet::new(["a", "b"]).unwrap();
        let soft = SoftLabels::from_rows(classes.clone(), vec![0.5, 0.5, 0.25, 0.75], vec![0, 1]).unwrap();
        let mut writer = Writer::create(Path::new("-"), &reader.schema(), &classes, &Options::default()).unwrap();
        writer.write(&batches(&reader)[0], &soft, 0..2).unwrap();
        return writer.finish().unwrap();
    }
    let folder = Folder::new();
    let name = "pipes::records_come_from_stdin_and_soft_labels_go_to_stdout";
    let mut child = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", name, "--nocapture"])
        .env(VARIABLE, folder.path(""))
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    child.stdin.take().unwrap().write_all(&crate::gzip(b"{\"t\": 1}\n{\"t\": 2}\n")).unwrap();
    let output = child.wait_with_output().unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    let expected = "{\"id\":0,\"t\":1,\"probs\":[0.5,0.5],\"label\":\"a\",\"confidence\":0.5,\"n_votes\":0}\n\
                    {\"id\":1,\"t\":2,\"probs\":[0.25,0.75],\"label\":\"b\",\"confidence\":0.75,\"n_votes\":1}\n";
    assert!(text.contains(expected), "{text}");
    assert!(folder.names().is_empty(), "the copy of stdin is gone");
}
