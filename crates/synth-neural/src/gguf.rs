//! GGUF, the file format of llama.cpp: typed metadata, then tensors in blocks of quantised numbers.
//!
//! <https://github.com/ggml-org/ggml/blob/master/docs/gguf.md>, versions 2 and 3. Own code, as the reader of
//! candle panics on files whose alignment is 0 or whose shapes overflow; here no bytes may.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{self, BufReader, Read, Seek, SeekFrom};
use std::path::{Path, PathBuf};

use candle_core::quantized::GgmlDType;

use crate::NeuralError;

/// A file whose header has been read.
pub(crate) struct Gguf {
    path: PathBuf,
    reader: BufReader<File>,
    size: u64,
    metadata: BTreeMap<String, Value>,
    tensors: BTreeMap<String, Place>,
    /// Where the data of tensors begins.
    data: u64,
}

/// A value of the metadata. Numbers of all widths are kept in the widest.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Value {
    Unsigned(u64),
    Signed(i64),
    Float(f64),
    Bool(bool),
    String(String),
    Array(Vec<Value>),
}

/// Where a tensor lies in the file.
struct Place {
    dtype: GgmlDType,
    shape: Vec<usize>,
    offset: u64,
}

/// A tensor as it lies in the file.
pub(crate) struct RawTensor {
    pub(crate) dtype: GgmlDType,
    /// Rows before columns.
    pub(crate) shape: Vec<usize>,
    pub(crate) bytes: Vec<u8>,
}

const MAGIC: &[u8] = b"GGUF";
const DEFAULT_ALIGNMENT: u64 = 32;
/// Arrays of arrays are allowed by the format and used by nobody; the bound keeps the stack whole.
const MAX_DEPTH: usize = 4;

impl Gguf {
    /// Reads the header.
    pub(crate) fn open(path: &Path) -> Result<Self, NeuralError> {
        let failed = |source| NeuralError::File { what: "read", path: path.to_owned(), source };
        let file = File::open(path).map_err(|source| match source.kind() {
            io::ErrorKind::NotFound => NeuralError::NoWeights { path: path.to_owned() },
            _ => failed(source),
        })?;
        let size = file.metadata().map_err(failed)?.len();
        let mut header = Header { reader: BufReader::new(file), left: size };
        let read = header.read();
        let (metadata, tensors) = read.map_err(|problem| match problem {
            Problem::Io(source) if source.kind() == io::ErrorKind::UnexpectedEof => damaged(path, CUT_OFF),
            Problem::Io(source) => failed(source),
            Problem::Format(problem) => damaged(path, problem),
        })?;
        let alignment = match metadata.get("general.alignment") {
            None => DEFAULT_ALIGNMENT,
            Some(Value::Unsigned(n)) if n.is_power_of_two() && *n <= 1 << 20 => *n,
            Some(other) => return Err(damaged(path, format!("its alignment is {other:?}"))),
        };
        // Within the size of the file, so the sum cannot overflow.
        let data = (size - header.left).next_multiple_of(alignment);
        Ok(Self { path: path.to_owned(), reader: header.reader, size, metadata, tensors, data })
    }

    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    pub(crate) fn damaged(&self, problem: impl Into<String>) -> NeuralError {
        damaged(&self.path, problem)
    }

    pub(crate) fn unsupported(&self, what: impl Into<String>) -> NeuralError {
        NeuralError::Unsupported { path: self.path.clone(), what: what.into() }
    }

    pub(crate) fn get(&self, key: &str) -> Option<&Value> {
        self.metadata.get(key)
    }

    /// What must be there, and of a type.
    pub(crate) fn need<'a, T>(&'a self, key: &str, of: impl Fn(&'a Value) -> Option<T>) -> Result<T, NeuralError> {
        let value = self.get(key).ok_or_else(|| self.damaged(format!("its metadata has no `{key}`")))?;
        of(value).ok_or_else(|| self.damaged(format!("`{key}` of its metadata is of another type")))
    }

    /// The names of all tensors.
    pub(crate) fn tensors(&self) -> impl Iterator<Item = &str> {
        self.tensors.keys().map(String::as_str)
    }

    pub(crate) fn has_tensor(&self, name: &str) -> bool {
        self.tensors.contains_key(name)
    }

    /// Reads a tensor of a shape.
    pub(crate) fn tensor(&mut self, name: &str, shape: &[usize]) -> Result<RawTensor, NeuralError> {
        let wrong = |problem: String| damaged(&self.path, problem);
        let place = self.tensors.get(name).ok_or_else(|| wrong(format!("it has no tensor `{name}`")))?;
        if place.shape != shape {
            return Err(wrong(format!("the shape of `{name}` is {:?}, expected {shape:?}", place.shape)));
        }
        let (block, columns) = (place.dtype.block_size(), shape.last().copied().unwrap_or(1));
        if !columns.is_multiple_of(block) {
            return Err(wrong(format!("rows of `{name}` are {columns} long, not a multiple of {block}")));
        }
        let elements = shape.iter().try_fold(1usize, |product, n| product.checked_mul(*n));
        let bytes = elements.and_then(|n| (n / block).checked_mul(place.dtype.type_size()));
        let start = self.data.checked_add(place.offset);
        let end = start.zip(bytes).and_then(|(start, bytes)| start.checked_add(bytes as u64));
        // Checked before anything is allocated: a header can ask for any size.
        let (Some(start), Some(bytes), true) = (start, bytes, end.is_some_and(|end| end <= self.size)) else {
            return Err(wrong(format!("it ends before the end of `{name}`")));
        };
        let mut buffer = vec![0; bytes];
        let read = self.reader.seek(SeekFrom::Start(start)).and_then(|_| self.reader.read_exact(&mut buffer));
        read.map_err(|source| NeuralError::File { what: "read", path: self.path.clone(), source })?;
        Ok(RawTensor { dtype: place.dtype, shape: shape.to_vec(), bytes: buffer })
    }
}

const CUT_OFF: &str = "it ends within its header";

fn damaged(path: &Path, problem: impl Into<String>) -> NeuralError {
    NeuralError::Damaged { path: path.to_owned(), problem: problem.into() }
}

impl Value {
    pub(crate) fn unsigned(&self) -> Option<u64> {
        match *self {
            Self::Unsigned(n) => Some(n),
            Self::Signed(n) => u64::try_from(n).ok(),
            _ => None,
        }
    }

    pub(crate) fn size(&self) -> Option<usize> {
        self.unsigned().and_then(|n| usize::try_from(n).ok())
    }

    pub(crate) fn float(&self) -> Option<f64> {
        if let Self::Float(x) = self { Some(*x) } else { None }
    }

    pub(crate) fn bool(&self) -> Option<bool> {
        if let Self::Bool(b) = self { Some(*b) } else { None }
    }

    pub(crate) fn string(&self) -> Option<&str> {
        if let Self::String(s) = self { Some(s) } else { None }
    }

    pub(crate) fn array(&self) -> Option<&[Value]> {
        if let Self::Array(values) = self { Some(values) } else { None }
    }
}

enum Problem {
    Io(io::Error),
    Format(String),
}

impl From<io::Error> for Problem {
    fn from(error: io::Error) -> Self {
        Self::Io(error)
    }
}

/// Reads, and knows how much of the file is left, so that no length in the file is believed before it can be true.
struct Header {
    reader: BufReader<File>,
    left: u64,
}

type Entries = (BTreeMap<String, Value>, BTreeMap<String, Place>);

impl Header {
    fn read(&mut self) -> Result<Entries, Problem> {
        let magic: [u8; 4] = self.bytes()?;
        if magic != MAGIC {
            return Err(Problem::Format("it does not begin with `GGUF`".into()));
        }
        let version = u32::from_le_bytes(self.bytes()?);
        if !(2..=3).contains(&version) {
            return Err(Problem::Format(format!("its version is {version}, known are 2 and 3")));
        }
        // At the least an entry is an empty name, a type and one byte or an offset.
        let (n_tensors, n_values) = (self.count(24)?, self.count(13)?);
        let mut metadata = BTreeMap::new();
        for _ in 0..n_values {
            let key = self.string()?;
            let kind = u32::from_le_bytes(self.bytes()?);
            let value = self.value(kind, 0)?;
            metadata.insert(key, value);
        }
        let mut tensors = BTreeMap::new();
        for _ in 0..n_tensors {
            let name = self.string()?;
            let n_dims = u32::from_le_bytes(self.bytes()?);
            if n_dims > 4 {
                return Err(Problem::Format(format!("`{name}` has {n_dims} dimensions")));
            }
            let mut shape = Vec::new();
            for _ in 0..n_dims {
                let n = usize::try_from(u64::from_le_bytes(self.bytes()?));
                shape.push(n.map_err(|_| Problem::Format(format!("`{name}` is too large")))?);
            }
            // Files name the innermost dimension first.
            shape.reverse();
            let kind = u32::from_le_bytes(self.bytes()?);
            let unknown = || Problem::Format(format!("`{name}` is quantised in a way that is not known here ({kind})"));
            let dtype = dtype(kind).ok_or_else(unknown)?;
            let offset = u64::from_le_bytes(self.bytes()?);
            tensors.insert(name, Place { dtype, shape, offset });
        }
        Ok((metadata, tensors))
    }

    fn bytes<const N: usize>(&mut self) -> Result<[u8; N], Problem> {
        let mut bytes = [0; N];
        self.reader.read_exact(&mut bytes)?;
        self.left = self.left.saturating_sub(N as u64);
        Ok(bytes)
    }

    /// A number of things that take so many bytes each at the least.
    fn count(&mut self, least: u64) -> Result<usize, Problem> {
        let n = u64::from_le_bytes(self.bytes()?);
        if n.saturating_mul(least) > self.left {
            return Err(Problem::Format(CUT_OFF.into()));
        }
        usize::try_from(n).map_err(|_| Problem::Format(CUT_OFF.into()))
    }

    fn string(&mut self) -> Result<String, Problem> {
        let mut bytes = vec![0; self.count(1)?];
        self.reader.read_exact(&mut bytes)?;
        self.left = self.left.saturating_sub(bytes.len() as u64);
        String::from_utf8(bytes).map_err(|_| Problem::Format("a text of its header is not UTF-8".into()))
    }

    fn value(&mut self, kind: u32, depth: usize) -> Result<Value, Problem> {
        Ok(match kind {
            0 => Value::Unsigned(u8::from_le_bytes(self.bytes()?).into()),
            1 => Value::Signed(i8::from_le_bytes(self.bytes()?).into()),
            2 => Value::Unsigned(u16::from_le_bytes(self.bytes()?).into()),
            3 => Value::Signed(i16::from_le_bytes(self.bytes()?).into()),
            4 => Value::Unsigned(u32::from_le_bytes(self.bytes()?).into()),
            5 => Value::Signed(i32::from_le_bytes(self.bytes()?).into()),
            6 => Value::Float(f32::from_le_bytes(self.bytes()?).into()),
            7 => Value::Bool(u8::from_le_bytes(self.bytes()?) != 0),
            8 => Value::String(self.string()?),
            9 if depth < MAX_DEPTH => {
                let kind = u32::from_le_bytes(self.bytes()?);
                let n = self.count(1)?;
                Value::Array((0..n).map(|_| self.value(kind, depth + 1)).collect::<Result<_, _>>()?)
            }
            10 => Value::Unsigned(u64::from_le_bytes(self.bytes()?)),
            11 => Value::Signed(i64::from_le_bytes(self.bytes()?)),
            12 => Value::Float(f64::from_le_bytes(self.bytes()?)),
            other => return Err(Problem::Format(format!("its metadata has a value of an unknown type ({other})"))),
        })
    }
}

/// The kinds of blocks that candle computes with, by their numbers in ggml.h.
fn dtype(kind: u32) -> Option<GgmlDType> {
    Some(match kind {
        0 => GgmlDType::F32,
        1 => GgmlDType::F16,
        2 => GgmlDType::Q4_0,
        3 => GgmlDType::Q4_1,
        6 => GgmlDType::Q5_0,
        7 => GgmlDType::Q5_1,
        8 => GgmlDType::Q8_0,
        10 => GgmlDType::Q2K,
        11 => GgmlDType::Q3K,
        12 => GgmlDType::Q4K,
        13 => GgmlDType::Q5K,
        14 => GgmlDType::Q6K,
        30 => GgmlDType::BF16,
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::tiny;

    fn problem(bytes: &[u8]) -> String {
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(file.path(), bytes).unwrap();
        match crate::LocalLlm::open(
            &crate::LocalLlmSettings::of(crate::ModelSource::Path(file.path().to_owned())),
            &mut |_| {},
        ) {
            Ok(_) => "none".into(),
            Err(NeuralError::Damaged { problem, .. }) => problem,
            Err(other) => format!("{other:?}"),
        }
    }

    #[test]
    fn what_candle_wrote_is_read() {
        let file = tiny::file(&tiny::Tiny::default());
        let mut gguf = Gguf::open(file.path()).unwrap();
        assert_eq!(gguf.need("general.architecture", Value::string).unwrap(), "llama");
        assert_eq!(gguf.need("llama.block_count", Value::size).unwrap(), tiny::N_LAYERS);
        assert_eq!(gguf.need("tokenizer.ggml.tokens", Value::array).unwrap().len(), tiny::n_vocab());
        let norm = gguf.tensor("output_norm.weight", &[tiny::HIDDEN]).unwrap();
        assert_eq!((norm.dtype, norm.bytes.len()), (GgmlDType::F32, 4 * tiny::HIDDEN));
        let error = gguf.tensor("output_norm.weight", &[7]).err().unwrap().to_string();
        assert!(error.ends_with("the shape of `output_norm.weight` is [64], expected [7]"), "{error}");
        let error = gguf.need("llama.block_count", Value::string).err().unwrap().to_string();
        assert!(error.ends_with("`llama.block_count` of its metadata is of another type"), "{error}");
    }

    #[test]
    fn files_that_are_none_say_so() {
        let whole = std::fs::read(tiny::file(&tiny::Tiny::default()).path()).unwrap();
        assert_eq!(problem(&whole), "none");
        assert_eq!(problem(b""), "it ends within its header");
        assert_eq!(problem(b"garbage that is long enough for a header"), "it does not begin with `GGUF`");
        assert_eq!(problem(&whole[..100]), "it ends within its header");
        assert!(problem(&whole[..whole.len() - 200]).starts_with("it ends before the end of `"));
        let mut version = whole.clone();
        version[4] = 9;
        assert_eq!(problem(&version), "its version is 9, known are 2 and 3");
        // A billion tensors in a file of some kilobytes.
        let mut many = whole;
        many[11] = 0x40;
        assert_eq!(problem(&many), "it ends within its header");
        let missing = Gguf::open(Path::new("no/such.gguf")).err().unwrap();
        assert_eq!(missing.to_string(), "there are no weights at `no/such.gguf`");
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]
        #[test]
        fn no_bytes_make_it_panic(at in 0usize..3000, byte in any::<u8>(), cut in 0usize..40_000) {
            let mut bytes = tiny::bytes(&tiny::Tiny::default());
            let at = at % bytes.len();
            bytes[at] = byte;
            bytes.truncate(bytes.len() - cut.min(bytes.len()) / 8);
            problem(&bytes);
        }
    }
}
