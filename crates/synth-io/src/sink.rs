//! An atomic file behind a compressor.

use std::io::{self, Write};
use std::path::Path;

use flate2::write::GzEncoder;

use crate::{AtomicFile, Compression, IoError};

/// Where text formats are written to.
pub(crate) enum Sink {
    Plain(AtomicFile),
    Gzip(GzEncoder<AtomicFile>),
    Zstd(zstd::Encoder<'static, AtomicFile>),
}

impl Sink {
    pub(crate) fn create(path: &Path, compression: Option<Compression>) -> Result<Self, IoError> {
        let file = AtomicFile::create(path)?;
        Ok(match compression {
            None => Self::Plain(file),
            // The header holds no time and no name: same input, same bytes.
            Some(Compression::Gzip) => Self::Gzip(GzEncoder::new(file, flate2::Compression::default())),
            Some(Compression::Zstd) => {
                Self::Zstd(zstd::Encoder::new(file, 3).map_err(|error| IoError::write(path, error))?)
            }
        })
    }

    /// Ends the compressed stream and commits the file.
    pub(crate) fn close(self, path: &Path) -> Result<AtomicFile, IoError> {
        let file = match self {
            Self::Plain(file) => Ok(file),
            Self::Gzip(encoder) => encoder.finish(),
            Self::Zstd(encoder) => encoder.finish(),
        };
        file.map_err(|error| IoError::write(path, error))
    }
}

impl Write for Sink {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        match self {
            Self::Plain(file) => file.write(bytes),
            Self::Gzip(encoder) => encoder.write(bytes),
            Self::Zstd(encoder) => encoder.write(bytes),
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        match self {
            Self::Plain(file) => file.flush(),
            Self::Gzip(encoder) => encoder.flush(),
            Self::Zstd(encoder) => encoder.flush(),
        }
    }
}
