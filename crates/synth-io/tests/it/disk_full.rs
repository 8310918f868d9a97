//! What happens when the disk is full: an error that names the path, and nothing half-written.

#![cfg(target_os = "linux")]

use std::path::Path;
use std::process::Command;

use synth_core::{ClassSet, SoftLabels};
use synth_io::soft::{Options, Writer};
use synth_io::{AtomicFile, IoError};

use crate::{Folder, batches, chain, open};

const FORMATS: [&str; 7] = ["o.parquet", "o.arrow", "o.jsonl", "o.jsonl.gz", "o.csv", "o.csv.zst", "o.npy"];

/// More than fits, however well it is compressed: the probabilities are noise.
fn write_much(input: &Path, out: &Path, format: Option<synth_io::Format>) -> Result<(), IoError> {
    let classes = ClassSet::new(["a", "b"]).unwrap();
    let n = 20_000;
    let noise = |i: usize| (i as u64).wrapping_mul(0x9e37_79b9_7f4a_7c15) as f64 / 2f64.powi(64);
    let soft =
        SoftLabels::from_rows(classes.clone(), (0..n).flat_map(|i| [noise(i), 1.0 - noise(i)]).collect(), vec![1; n]);
    let soft = soft.unwrap();
    let reader = open(input)?;
    let options = Options { format, n_rows: Some(n as u64), ..Default::default() };
    let mut writer = Writer::create(out, &reader.schema(), &classes, &options)?;
    for batch in batches(&reader) {
        let start = batch.first_row() as usize;
        writer.write(&batch, &soft, start..start + batch.n_rows())?;
    }
    writer.finish()
}

#[test]
fn every_format_fails_on_a_full_device() {
    use synth_io::Format::{Arrow, Csv, Jsonl, Npy, Parquet};
    let folder = Folder::new();
    let input = folder.file("in.jsonl", "{}\n".repeat(20_000));
    for format in [Parquet, Arrow, Jsonl, Csv, Npy] {
        let error = write_much(&input, Path::new("/dev/full"), Some(format)).unwrap_err();
        assert_eq!(error.to_string(), "cannot write `/dev/full`", "{format:?}");
        assert!(chain(&error).contains("No space left"), "{format:?}: {}", chain(&error));
    }
}

/// Runs itself with a limit on the size of files, which is what a full disk looks like to a regular file.
#[test]
#[expect(clippy::disallowed_methods, reason = "tells the child process what it is")]
fn nothing_half_written_stays() {
    const VARIABLE: &str = "SYNTH_IO_TEST_FOLDER";
    if let Some(dir) = std::env::var_os(VARIABLE) {
        let dir = Path::new(&dir);
        for name in FORMATS {
            let out = dir.join(name);
            let error = write_much(&dir.join("in.jsonl"), &out, None).unwrap_err();
            assert_eq!(error.to_string(), format!("cannot write `{}`", out.display()));
        }
        let error = AtomicFile::write_all_to(dir.join("big"), &[0; 1 << 20]).unwrap_err();
        assert!(chain(&error).contains("too large"), "{}", chain(&error));
        return;
    }
    let folder = Folder::new();
    folder.file("in.jsonl", "{}\n".repeat(20_000));
    let this = std::env::current_exe().unwrap();
    // 64 blocks of 512 or 1024 bytes; the signal that comes with the limit is ignored, so that writes fail.
    let script = "trap '' XFSZ; ulimit -f 64; exec \"$0\" --exact disk_full::nothing_half_written_stays --nocapture";
    let output = Command::new("sh")
        .args(["-c", script])
        .arg(this)
        .env(VARIABLE, folder.path(""))
        .env("TMPDIR", folder.path(""))
        .output()
        .unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    assert_eq!(folder.names(), ["in.jsonl"]);
}
