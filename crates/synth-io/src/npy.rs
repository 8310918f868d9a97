//! The header of `.npy` files.
//!
//! ndarray-npy would read them, but needs another ndarray than the one in our public signatures, and reads only the
//! one integer type it is asked for. The format is a magic number, a length, and a Python dictionary of three keys.

use std::io::{self, Read};
use std::path::Path;

use crate::{IoError, NpyProblem};

/// What an array is.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Header {
    /// The element type as NumPy writes it, as `<i8`.
    pub(crate) descr: String,
    pub(crate) fortran_order: bool,
    pub(crate) shape: Vec<usize>,
}

/// Why a header could not be read.
#[derive(Debug)]
pub(crate) enum HeaderError {
    Io(io::Error),
    Problem(NpyProblem),
}

impl HeaderError {
    /// The error of the file at a path.
    pub(crate) fn at(self, path: &Path) -> IoError {
        let path = path.to_owned();
        match self {
            Self::Io(source) => IoError::Read { path, source },
            Self::Problem(problem) => IoError::Npy { path, problem },
        }
    }
}

const MAGIC: &[u8] = b"\x93NUMPY";

/// No array needs a longer header; a damaged length must not ask for memory.
const MAX_HEADER: u32 = 1 << 16;

impl Header {
    /// Reads a header and leaves the reader at the first value.
    pub(crate) fn read(reader: &mut impl Read) -> Result<Self, HeaderError> {
        let mut start = [0; 8];
        fill(reader, &mut start, NpyProblem::NotNpy)?;
        if !start.starts_with(MAGIC) {
            return Err(HeaderError::Problem(NpyProblem::NotNpy));
        }
        let damaged = |problem| NpyProblem::Header { problem };
        let length = match (start[6], start[7]) {
            (1, _) => {
                let mut length = [0; 2];
                fill(reader, &mut length, damaged("it is cut short"))?;
                u32::from(u16::from_le_bytes(length))
            }
            (2 | 3, _) => {
                let mut length = [0; 4];
                fill(reader, &mut length, damaged("it is cut short"))?;
                u32::from_le_bytes(length)
            }
            (major, minor) => return Err(HeaderError::Problem(NpyProblem::Version { major, minor })),
        };
        if length > MAX_HEADER {
            return Err(HeaderError::Problem(damaged("it is too long")));
        }
        let mut text = vec![0; length as usize];
        fill(reader, &mut text, damaged("it is cut short"))?;
        let text = std::str::from_utf8(&text).map_err(|_| HeaderError::Problem(damaged("it is no text")))?;
        Parser { rest: text }.header().map_err(|problem| HeaderError::Problem(damaged(problem)))
    }

    /// The bytes of a header.
    pub(crate) fn to_bytes(&self) -> Vec<u8> {
        let order = if self.fortran_order { "True" } else { "False" };
        let shape = match self.shape.as_slice() {
            [n] => format!("({n},)"),
            shape => format!("({})", shape.iter().map(usize::to_string).collect::<Vec<_>>().join(", ")),
        };
        let mut text = format!("{{'descr': '{}', 'fortran_order': {order}, 'shape': {shape}, }}", self.descr);
        // Values begin at a multiple of 64. Two 20-digit dimensions fit 128 bytes, so every header of ours has the
        // same length and can be written again when the number of rows is known.
        while !(MAGIC.len() + 4 + text.len() + 1).is_multiple_of(128) {
            text.push(' ');
        }
        text.push('\n');
        let mut bytes = MAGIC.to_vec();
        bytes.extend([1, 0]);
        bytes.extend((text.len() as u16).to_le_bytes());
        bytes.extend(text.as_bytes());
        bytes
    }
}

fn fill(reader: &mut impl Read, buffer: &mut [u8], short: NpyProblem) -> Result<(), HeaderError> {
    reader.read_exact(buffer).map_err(|error| match error.kind() {
        io::ErrorKind::UnexpectedEof => HeaderError::Problem(short),
        _ => HeaderError::Io(error),
    })
}

struct Parser<'a> {
    rest: &'a str,
}

impl<'a> Parser<'a> {
    fn header(mut self) -> Result<Header, &'static str> {
        let (mut descr, mut fortran_order, mut shape) = (None, None, None);
        self.expect('{')?;
        while !self.take('}') {
            let key = self.string().ok_or("expected a key")?;
            self.expect(':')?;
            match key {
                "descr" => descr = Some(self.descr()?),
                "fortran_order" => fortran_order = Some(self.bool()?),
                "shape" => shape = Some(self.shape()?),
                _ => return Err("an unknown key"),
            }
            if !self.take(',') {
                self.expect('}')?;
                break;
            }
        }
        match (descr, fortran_order, shape) {
            (Some(descr), Some(fortran_order), Some(shape)) => Ok(Header { descr, fortran_order, shape }),
            _ => Err("a key is missing"),
        }
    }

    fn take(&mut self, c: char) -> bool {
        self.rest = self.rest.trim_start();
        match self.rest.strip_prefix(c) {
            Some(rest) => {
                self.rest = rest;
                true
            }
            None => false,
        }
    }

    fn expect(&mut self, c: char) -> Result<(), &'static str> {
        if self.take(c) { Ok(()) } else { Err("it is no dictionary") }
    }

    fn string(&mut self) -> Option<&'a str> {
        let quote = ['\'', '"'].into_iter().find(|&quote| self.take(quote))?;
        let (text, rest) = self.rest.split_once(quote)?;
        self.rest = rest;
        Some(text)
    }

    fn descr(&mut self) -> Result<String, &'static str> {
        match self.string() {
            Some(text) => Ok(text.to_owned()),
            None => Err("its values are records"),
        }
    }

    fn bool(&mut self) -> Result<bool, &'static str> {
        self.rest = self.rest.trim_start();
        for (word, value) in [("True", true), ("False", false)] {
            if let Some(rest) = self.rest.strip_prefix(word) {
                self.rest = rest;
                return Ok(value);
            }
        }
        Err("`fortran_order` is neither True nor False")
    }

    fn shape(&mut self) -> Result<Vec<usize>, &'static str> {
        const BAD: &str = "`shape` is no tuple of sizes";
        let mut shape = Vec::new();
        if !self.take('(') {
            return Err(BAD);
        }
        while !self.take(')') {
            self.rest = self.rest.trim_start();
            let digits = self.rest.bytes().take_while(u8::is_ascii_digit).count();
            shape.push(self.rest[..digits].parse().map_err(|_| BAD)?);
            self.rest = &self.rest[digits..];
            // Python 2 wrote long integers so.
            self.take('L');
            if !self.take(',') {
                return if self.take(')') { Ok(shape) } else { Err(BAD) };
            }
        }
        Ok(shape)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn bytes(header: &str) -> Vec<u8> {
        let mut bytes = b"\x93NUMPY\x01\x00".to_vec();
        bytes.extend((header.len() as u16).to_le_bytes());
        bytes.extend(header.as_bytes());
        bytes
    }

    fn read(bytes: &[u8]) -> Result<Header, NpyProblem> {
        Header::read(&mut &*bytes).map_err(|error| match error {
            HeaderError::Problem(problem) => problem,
            HeaderError::Io(error) => panic!("{error}"),
        })
    }

    #[test]
    fn headers_as_numpy_writes_them() {
        let header = read(&bytes("{'descr': '<i8', 'fortran_order': False, 'shape': (3, 4), }   \n")).unwrap();
        assert_eq!(header, Header { descr: "<i8".into(), fortran_order: false, shape: vec![3, 4] });
        let header = read(&bytes("{\"shape\": (3L,), 'fortran_order': True,'descr': '|i1'}")).unwrap();
        assert_eq!(header, Header { descr: "|i1".into(), fortran_order: true, shape: vec![3] });
        assert!(read(&bytes("{'descr': [('a', '<i8')], 'fortran_order': False, 'shape': ()}")).is_err());
        assert_eq!(read(b"PK\x03\x04 npz"), Err(NpyProblem::NotNpy));
        assert_eq!(read(b"\x93NUMPY\x09\x00"), Err(NpyProblem::Version { major: 9, minor: 0 }));
    }

    proptest! {
        #[test]
        fn headers_come_back(n: usize, m: usize, fortran_order: bool) {
            let header = Header { descr: "<f8".into(), fortran_order, shape: vec![n, m] };
            let bytes = header.to_bytes();
            prop_assert_eq!(bytes.len(), 128);
            prop_assert_eq!(read(&bytes).unwrap(), header);
        }

        #[test]
        fn nothing_makes_it_panic(text in "[{}(), :'\"a-zA-Z0-9\u{e9}]{0,60}", raw in prop::collection::vec(any::<u8>(), 0..40)) {
            let _ = Header::read(&mut bytes(&text).as_slice());
            let _ = Header::read(&mut raw.as_slice());
        }
    }
}
