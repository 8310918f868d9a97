//! Where records come from.

use std::fs::File;
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use tempfile::TempPath;

use crate::IoError;

/// How records are written down.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Format {
    /// One JSON object a line: `.jsonl`, `.ndjson`, `.json`.
    Jsonl,
    /// Comma-separated values with a header: `.csv`.
    Csv,
    /// `.parquet`.
    Parquet,
    /// Arrow IPC, file or stream: `.arrow`, `.feather`, `.ipc`.
    Arrow,
    /// A NumPy array: `.npy`. Holds votes and soft labels, never records.
    Npy,
}

impl Format {
    /// The format that a file's name tells, and the compression around it.
    ///
    /// ```
    /// use synth_io::{Compression, Format};
    ///
    /// assert_eq!(Format::of("docs.jsonl.gz".as_ref()), (Some(Format::Jsonl), Some(Compression::Gzip)));
    /// assert_eq!(Format::of("docs.PARQUET".as_ref()), (Some(Format::Parquet), None));
    /// assert_eq!(Format::of("docs".as_ref()), (None, None));
    /// ```
    pub fn of(path: &Path) -> (Option<Self>, Option<Compression>) {
        let name = path.file_name().unwrap_or_default().to_string_lossy().to_ascii_lowercase();
        let (stem, compression) = if let Some(stem) = name.strip_suffix(".gz") {
            (stem, Some(Compression::Gzip))
        } else if let Some(stem) = name.strip_suffix(".zst") {
            (stem, Some(Compression::Zstd))
        } else {
            (name.as_str(), None)
        };
        let format = match stem.rsplit_once('.').map(|(_, ending)| ending) {
            Some("jsonl" | "ndjson" | "json") => Some(Self::Jsonl),
            Some("csv") => Some(Self::Csv),
            Some("parquet") => Some(Self::Parquet),
            Some("arrow" | "feather" | "ipc") => Some(Self::Arrow),
            Some("npy") => Some(Self::Npy),
            _ => None,
        };
        (format, compression)
    }
}

/// How a text format is compressed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Compression {
    /// `.gz`, of one or several members.
    Gzip,
    /// `.zst`.
    Zstd,
}

/// A file of records, or stdin.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Source {
    path: PathBuf,
    format: Option<Format>,
}

impl Source {
    /// A file whose format its name tells. `-` is stdin, read as JSONL.
    ///
    /// Compression shows in the first bytes of a file, whatever its name.
    pub fn new(path: impl Into<PathBuf>) -> Self {
        Self { path: path.into(), format: None }
    }

    /// The same source, read in this format whatever its name.
    #[must_use]
    pub fn with_format(mut self, format: Format) -> Self {
        self.format = Some(format);
        self
    }

    /// The path; `-` is stdin.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// True when this is stdin.
    pub fn is_stdin(&self) -> bool {
        self.path == Path::new("-")
    }

    /// The format it is read in.
    ///
    /// # Errors
    /// The name tells none and none was given, or one that holds no records.
    pub fn format(&self) -> Result<Format, IoError> {
        let named = || if self.is_stdin() { Some(Format::Jsonl) } else { Format::of(&self.path).0 };
        match self.format.or_else(named) {
            Some(format) if format != Format::Npy => Ok(format),
            _ => Err(IoError::UnknownFormat { path: self.path.clone(), known: RECORD_ENDINGS }),
        }
    }
}

const RECORD_ENDINGS: &[&str] = &[".jsonl", ".csv", ".parquet", ".arrow", "and .gz or .zst behind the first two"];

/// A source that can be opened as often as needed.
#[derive(Debug, Clone)]
pub(crate) struct Stored {
    /// For messages: `-` reads `stdin`.
    pub(crate) name: PathBuf,
    path: PathBuf,
    pub(crate) format: Format,
    pub(crate) compression: Option<Compression>,
    pub(crate) bytes: u64,
    /// Deletes the spool file with the last clone.
    _spool: Option<Arc<TempPath>>,
}

impl Stored {
    /// Looks at a file, or spools stdin into `spool_dir`.
    pub(crate) fn new(source: &Source, spool_dir: &Path) -> Result<Self, IoError> {
        let format = source.format()?;
        let mut stored = if source.is_stdin() {
            Self::spooled("stdin".into(), format, io::stdin().lock(), spool_dir)?
        } else {
            let (name, path) = (source.path.clone(), source.path.clone());
            Self { name, path, format, compression: None, bytes: 0, _spool: None }
        };
        let mut file = stored.open()?;
        let mut metadata = file.metadata().map_err(|source| stored.open_error(source))?;
        if metadata.is_dir() {
            return Err(stored.open_error(io::ErrorKind::IsADirectory.into()));
        }
        if !metadata.is_file() {
            // A named pipe, or what a shell makes of `<(command)`, can be read only once.
            stored = Self::spooled(stored.name, format, file, spool_dir)?;
            file = stored.open()?;
            metadata = file.metadata().map_err(|source| stored.open_error(source))?;
        }
        stored.bytes = metadata.len();
        let mut magic = Vec::new();
        Read::by_ref(&mut file).take(4).read_to_end(&mut magic).map_err(|source| stored.read_error(source))?;
        // Neither can begin a text in UTF-8, a Parquet or an Arrow file.
        stored.compression = match magic.as_slice() {
            [0x1f, 0x8b, ..] => Some(Compression::Gzip),
            [0x28, 0xb5, 0x2f, 0xfd] => Some(Compression::Zstd),
            _ => None,
        };
        if stored.compression.is_some() && matches!(format, Format::Parquet | Format::Arrow) {
            let format = if format == Format::Parquet { "Parquet" } else { "Arrow" };
            return Err(IoError::CompressedFormat { path: stored.name, format });
        }
        Ok(stored)
    }

    fn spooled(name: PathBuf, format: Format, reader: impl Read, dir: &Path) -> Result<Self, IoError> {
        let spool = spool(&name, reader, dir)?;
        let path = spool.to_path_buf();
        Ok(Self { name, path, format, compression: None, bytes: 0, _spool: Some(Arc::new(spool)) })
    }

    pub(crate) fn open(&self) -> Result<File, IoError> {
        File::open(&self.path).map_err(|source| self.open_error(source))
    }

    pub(crate) fn read_error(&self, source: io::Error) -> IoError {
        IoError::Read { path: self.name.clone(), source }
    }

    fn open_error(&self, source: io::Error) -> IoError {
        IoError::Open { path: self.name.clone(), source }
    }
}

fn spool(name: &Path, mut reader: impl Read, dir: &Path) -> Result<TempPath, IoError> {
    let failed = |source: io::Error| IoError::write(&dir.join("(copy of the input)"), source);
    let mut file = tempfile::Builder::new().prefix(".input.").suffix(".tmp").tempfile_in(dir).map_err(failed)?;
    // Not io::copy: whether reading or writing failed must be told apart.
    let mut buffer = vec![0; 1 << 18];
    loop {
        let n = match reader.read(&mut buffer) {
            Ok(0) => return Ok(file.into_temp_path()),
            Ok(n) => n,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
            Err(source) => return Err(IoError::Read { path: name.to_owned(), source }),
        };
        file.write_all(&buffer[..n]).map_err(failed)?;
    }
}
