//! Text files in blocks: decompressed, with line numbers, whatever the length of a line.

use std::fs::File;
use std::io::{self, Read};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use flate2::read::MultiGzDecoder;

use crate::source::{Compression, Stored};
use crate::{IoError, Place};

/// Large enough that moving a rest of a line to the front costs nothing, small enough for the cache.
const BLOCK: usize = 1 << 18;

/// A sliding window over a text file.
pub(crate) struct Blocks {
    reader: Box<dyn Read + Send>,
    buffer: Vec<u8>,
    start: usize,
    end: usize,
    at_end: bool,
    /// The number of lines before `start`.
    line: u64,
    name: PathBuf,
    compressed: Option<&'static str>,
    bytes_read: Arc<AtomicU64>,
}

impl Blocks {
    pub(crate) fn open(stored: &Stored) -> Result<Self, IoError> {
        let bytes_read = Arc::new(AtomicU64::new(0));
        let file = Counted { file: stored.open()?, bytes: Arc::clone(&bytes_read) };
        let (reader, compressed): (Box<dyn Read + Send>, _) = match stored.compression {
            None => (Box::new(file), None),
            Some(Compression::Gzip) => {
                // The decoder reads its input in small pieces.
                let file = io::BufReader::with_capacity(1 << 16, file);
                (Box::new(MultiGzDecoder::new(file)), Some("gzip file"))
            }
            Some(Compression::Zstd) => {
                let decoder = zstd::Decoder::new(file).map_err(|source| stored.read_error(source))?;
                (Box::new(decoder), Some("zstd file"))
            }
        };
        Ok(Self::new(reader, stored.name.clone(), compressed, bytes_read))
    }

    /// Stdin, uncompressed, for one pass only.
    pub(crate) fn stdin() -> Self {
        Self::new(Box::new(io::stdin()), PathBuf::from("stdin"), None, Arc::default())
    }

    fn new(
        reader: Box<dyn Read + Send>,
        name: PathBuf,
        compressed: Option<&'static str>,
        bytes_read: Arc<AtomicU64>,
    ) -> Self {
        let buffer = vec![0; BLOCK];
        Self { reader, buffer, start: 0, end: 0, at_end: false, line: 0, name, compressed, bytes_read }
    }

    /// Bytes taken from the file so far, as they stand on the disk.
    pub(crate) fn bytes_read(&self) -> u64 {
        self.bytes_read.load(Ordering::Relaxed)
    }

    /// The number of the line that begins with the window, from 1.
    pub(crate) fn line(&self) -> u64 {
        self.line + 1
    }

    pub(crate) fn place(&self, line: u64) -> Place {
        Place { path: self.name.clone(), line }
    }

    pub(crate) fn name(&self) -> &Path {
        &self.name
    }

    /// What to say when the second pass finds something else than the first.
    pub(crate) fn changed(&self) -> IoError {
        IoError::Changed { path: self.name.clone(), line: self.line() }
    }

    /// The bytes seen so far that are not taken yet.
    pub(crate) fn window(&self) -> &[u8] {
        &self.buffer[self.start..self.end]
    }

    /// Skips a byte order mark. To be called first.
    pub(crate) fn skip_bom(&mut self) -> Result<(), IoError> {
        while self.window().len() < 3 && self.fill()? {}
        if self.window().starts_with(b"\xef\xbb\xbf") {
            self.start += 3;
        }
        Ok(())
    }

    /// Takes bytes from the front of the window, which hold so many line ends.
    pub(crate) fn take(&mut self, bytes: usize, lines: u64) {
        self.start += bytes;
        self.line += lines;
    }

    /// The number of bytes of the next line with its end; `None` at the end of the file.
    pub(crate) fn next_line(&mut self) -> Result<Option<usize>, IoError> {
        let mut searched = 0;
        loop {
            if let Some(at) = memchr::memchr(b'\n', &self.window()[searched..]) {
                return Ok(Some(searched + at + 1));
            }
            searched = self.window().len();
            if !self.fill()? {
                return Ok((searched > 0).then_some(searched));
            }
        }
    }

    /// Adds bytes to the window. False at the end of the file.
    pub(crate) fn fill(&mut self) -> Result<bool, IoError> {
        if self.at_end {
            return Ok(false);
        }
        if self.start > 0 {
            self.buffer.copy_within(self.start..self.end, 0);
            self.end -= self.start;
            self.start = 0;
        }
        if self.end == self.buffer.len() {
            // Doubling: a line of 100 MB is copied as often as a vector that grows to it.
            self.buffer.resize(self.buffer.len() * 2, 0);
        } else if self.buffer.len() > 64 * BLOCK && self.end < BLOCK {
            // One long line must not cost its memory for the rest of the file.
            self.buffer.truncate(BLOCK);
            self.buffer.shrink_to_fit();
        }
        loop {
            match self.reader.read(&mut self.buffer[self.end..]) {
                Ok(0) => {
                    self.at_end = true;
                    return Ok(false);
                }
                Ok(n) => {
                    self.end += n;
                    return Ok(true);
                }
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(source) => return Err(self.failed(source)),
            }
        }
    }

    fn failed(&self, source: io::Error) -> IoError {
        use io::ErrorKind::{InvalidData, InvalidInput, Other, UnexpectedEof};
        match self.compressed {
            Some(what) if matches!(source.kind(), InvalidData | InvalidInput | Other | UnexpectedEof) => {
                IoError::damaged(&self.name, what, source)
            }
            _ => IoError::Read { path: self.name.clone(), source },
        }
    }
}

struct Counted {
    file: File,
    bytes: Arc<AtomicU64>,
}

impl Read for Counted {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let n = self.file.read(buffer)?;
        self.bytes.fetch_add(n as u64, Ordering::Relaxed);
        Ok(n)
    }
}

#[cfg(test)]
impl Blocks {
    /// Blocks over a text that arrives a few bytes at a time.
    pub(crate) fn dripping(text: &[u8], piece: usize) -> Self {
        struct Drip(io::Cursor<Vec<u8>>, usize);
        impl Read for Drip {
            fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
                let n = buffer.len().min(self.1);
                self.0.read(&mut buffer[..n])
            }
        }
        let reader = Box::new(Drip(io::Cursor::new(text.to_vec()), piece));
        Self::new(reader, "drip".into(), None, Arc::default())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lines(text: &str, piece: usize) -> Vec<String> {
        let mut blocks = Blocks::dripping(text.as_bytes(), piece);
        blocks.skip_bom().unwrap();
        let mut lines = Vec::new();
        while let Some(n) = blocks.next_line().unwrap() {
            assert_eq!(blocks.line(), lines.len() as u64 + 1);
            lines.push(String::from_utf8(blocks.window()[..n].to_vec()).unwrap());
            blocks.take(n, 1);
        }
        lines
    }

    #[test]
    fn lines_come_whole_however_the_bytes_come() {
        let long = "x".repeat(3 * BLOCK);
        let text = format!("\u{feff}a\r\n\n{long}\nlast");
        for piece in [1 << 10, 1 << 30] {
            assert_eq!(lines(&text, piece), ["a\r\n", "\n", &format!("{long}\n"), "last"]);
        }
        assert_eq!(lines("\u{feff}ab\nc", 1), ["ab\n", "c"]);
        assert!(lines("", 1).is_empty());
    }
}
