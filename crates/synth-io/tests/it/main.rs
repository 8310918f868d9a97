//! Files in, files out.

mod bad_input;
mod disk_full;
mod hints;
mod matrices;
mod pipes;
mod reading;
mod soft_labels;
mod traits;
mod vectors;

use std::fs;
use std::path::{Path, PathBuf};

use synth_core::{Dataset, Silent};
use synth_io::{IoError, ReadOptions, Reader, Source};
use tempfile::TempDir;

/// A folder of files that goes away.
struct Folder(TempDir);

impl Folder {
    fn new() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    fn file(&self, name: &str, contents: impl AsRef<[u8]>) -> PathBuf {
        let path = self.path(name);
        fs::write(&path, contents).unwrap();
        path
    }

    fn names(&self) -> Vec<String> {
        let mut names: Vec<_> =
            fs::read_dir(self.0.path()).unwrap().map(|e| e.unwrap().file_name().into_string().unwrap()).collect();
        names.sort();
        names
    }

    /// A text with the folder's own path taken out.
    fn relative(&self, text: impl ToString) -> String {
        text.to_string().replace(&format!("{}/", self.0.path().display()), "")
    }
}

fn open(path: impl AsRef<Path>) -> Result<Reader, IoError> {
    open_with(&[path], ReadOptions::default())
}

fn open_with(paths: &[impl AsRef<Path>], options: ReadOptions) -> Result<Reader, IoError> {
    let sources: Vec<Source> = paths.iter().map(|path| Source::new(path.as_ref())).collect();
    Reader::open(&sources, options, &Silent)
}

fn batches(reader: &Reader) -> Vec<Dataset> {
    reader.batches().unwrap().map(Result::unwrap).collect()
}

/// `name: type` of each column.
fn columns(reader: &Reader) -> String {
    let schema = reader.schema();
    schema.fields().iter().map(|f| format!("{}: {}", f.name(), f.data_type())).collect::<Vec<_>>().join(", ")
}

/// The records as JSON lines.
fn json(reader: &Reader) -> String {
    let mut out = Vec::new();
    for batch in batches(reader) {
        let mut writer = arrow_json::WriterBuilder::new()
            .with_explicit_nulls(true)
            .build::<_, arrow_json::writer::LineDelimited>(&mut out);
        writer.write(batch.batch()).unwrap();
        writer.finish().unwrap();
    }
    String::from_utf8(out).unwrap()
}

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    std::io::Write::write_all(&mut encoder, bytes).unwrap();
    encoder.finish().unwrap()
}

/// The error with its causes.
fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        text = format!("{text}: {error}");
        cause = error.source();
    }
    text
}
