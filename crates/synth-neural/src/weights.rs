//! The tensors of a model, from a file of safetensors or of PyTorch.

use std::collections::{BTreeMap, HashMap};
use std::fs::File;
use std::io::{BufReader, Read, Seek, SeekFrom};
use std::path::{Path, PathBuf};

use candle_core::pickle::{Object, PthTensors, Stack};
use candle_core::{DType, Device, Tensor};
use candle_nn::VarBuilder;
use serde::Deserialize;
use synth_core::BoxError;

use crate::NeuralError;
use crate::hub::OnDownload;
use crate::model_folder::ModelFolder;

/// The tensors of a model by name, as 32-bit numbers on the processor, each of which is finite.
pub(crate) struct Weights {
    path: PathBuf,
    tensors: HashMap<String, Tensor>,
}

impl Weights {
    /// Reads the weights of a model: safetensors if there are any, else a file of PyTorch.
    ///
    /// # Errors
    /// There is neither; the file is damaged; it holds code; a number in it is none.
    pub(crate) fn of(
        folder: &ModelFolder,
        safetensors: &str,
        pytorch: &str,
        on_download: &mut OnDownload<'_>,
    ) -> Result<Self, NeuralError> {
        let path = folder.first_of(&[safetensors, pytorch], on_download)?;
        Self::read(&path)
    }

    /// Reads a file, by the end of its name: `.safetensors`, or `.bin`, `.pt` or `.pth`.
    pub(crate) fn read(path: &Path) -> Result<Self, NeuralError> {
        let is_pytorch = path.extension().is_some_and(|ext| ext == "bin" || ext == "pt" || ext == "pth");
        let tensors = if is_pytorch { of_pytorch(path) } else { of_safetensors(path) };
        let tensors = tensors.map_err(|problem| problem.at(path))?;
        let mut weights = Self { path: path.to_owned(), tensors: HashMap::with_capacity(tensors.len()) };
        for (name, tensor) in tensors {
            // Counters that go with some layers are no weights.
            if tensor.dtype().is_int() {
                continue;
            }
            let tensor = tensor.to_dtype(DType::F32).and_then(|tensor| tensor.contiguous());
            let tensor = tensor.map_err(|error| weights.damaged(error))?;
            let numbers: Vec<f32> =
                tensor.flatten_all().and_then(|all| all.to_vec1()).map_err(|e| weights.damaged(e))?;
            if let Some(wrong) = numbers.iter().find(|number| !number.is_finite()) {
                return Err(weights.damaged(format!("the tensor `{name}` holds {wrong}")));
            }
            weights.tensors.insert(name, tensor);
        }
        Ok(weights)
    }

    /// The file.
    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    pub(crate) fn has(&self, name: &str) -> bool {
        self.tensors.contains_key(name)
    }

    /// A tensor of a shape.
    pub(crate) fn tensor(&self, name: &str, shape: &[usize]) -> Result<Tensor, NeuralError> {
        let Some(tensor) = self.tensors.get(name) else {
            return Err(self.damaged(format!("it has no tensor `{name}`, of {shape:?}")));
        };
        if tensor.dims() != shape {
            let got = tensor.dims();
            return Err(self.damaged(format!("the tensor `{name}` is {got:?}, by the settings it should be {shape:?}")));
        }
        Ok(tensor.clone())
    }

    /// The numbers of a tensor of a shape.
    pub(crate) fn numbers(&self, name: &str, shape: &[usize]) -> Result<Vec<f32>, NeuralError> {
        let tensor = self.tensor(name, shape)?;
        tensor.flatten_all().and_then(|all| all.to_vec1()).map_err(|error| self.damaged(error))
    }

    /// All of them.
    fn into_tensors(self) -> HashMap<String, Tensor> {
        self.tensors
    }

    /// Has something take its weights; that some are missing, or of another shape, is told with the file.
    pub(crate) fn build<T>(
        self,
        device: &Device,
        build: impl FnOnce(VarBuilder<'_>) -> candle_core::Result<T>,
    ) -> Result<T, NeuralError> {
        let path = self.path().to_owned();
        let weights = VarBuilder::from_tensors(self.into_tensors(), DType::F32, device);
        build(weights).map_err(|error| NeuralError::ModelFile { path, source: error.into() })
    }

    fn damaged(&self, source: impl Into<BoxError>) -> NeuralError {
        NeuralError::ModelFile { path: self.path.clone(), source: source.into() }
    }
}

/// Why a file cannot be read.
enum Problem {
    Whole(NeuralError),
    Damaged(BoxError),
    Code(String),
}

impl Problem {
    fn at(self, path: &Path) -> NeuralError {
        match self {
            Self::Whole(error) => error,
            Self::Damaged(source) => NeuralError::ModelFile { path: path.to_owned(), source },
            Self::Code(what) => NeuralError::Code { path: path.to_owned(), what },
        }
    }
}

impl<E: Into<BoxError>> From<E> for Problem {
    fn from(error: E) -> Self {
        Self::Damaged(error.into())
    }
}

/// What the header of a file of safetensors says of a tensor.
#[derive(Deserialize)]
struct Entry {
    dtype: String,
    shape: Vec<usize>,
    /// Where its bytes begin and end, behind the header.
    data_offsets: [u64; 2],
}

/// A file of safetensors: eight bytes with the length of the header, the header in JSON, and the numbers. Read tensor by
/// tensor, as the file as a whole beside its tensors takes twice the memory: 20 GB for the network of XL.
fn of_safetensors(path: &Path) -> Result<Vec<(String, Tensor)>, Problem> {
    /// No model has as long a header.
    const LONGEST: u64 = 1 << 27;
    let whole = |source| Problem::Whole(NeuralError::File { what: "read", path: path.to_owned(), source });
    let mut file = File::open(path).map_err(whole)?;
    let size = file.metadata().map_err(whole)?.len();
    let mut length = [0; 8];
    file.read_exact(&mut length).map_err(|_| "it is too short for weights")?;
    let length = u64::from_le_bytes(length);
    if length > LONGEST || length + 8 > size {
        return Err(format!("its header takes {length} bytes, and there are {size}").into());
    }
    let mut header = vec![0; length as usize];
    file.read_exact(&mut header).map_err(whole)?;
    let header: BTreeMap<String, serde_json::Value> = serde_json::from_slice(&header)?;
    let (start, mut tensors) = (8 + length, Vec::with_capacity(header.len()));
    for (name, entry) in header.into_iter().filter(|(name, _)| name != "__metadata__") {
        let Entry { dtype, shape, data_offsets: [from, to] } = serde_json::from_value(entry)?;
        let dtype = match dtype.as_str() {
            "F64" => DType::F64,
            "F32" => DType::F32,
            "F16" => DType::F16,
            "BF16" => DType::BF16,
            // Counters and masks that go with some layers are no weights.
            "I8" | "I16" | "I32" | "I64" | "U8" | "U16" | "U32" | "U64" | "BOOL" => continue,
            other => return Err(format!("the tensor `{name}` holds numbers of the type {other}").into()),
        };
        let n = shape.iter().try_fold(dtype.size_in_bytes(), |n, side| n.checked_mul(*side));
        let n = n.filter(|n| to.checked_sub(from) == Some(*n as u64));
        let n = n.ok_or_else(|| format!("the tensor `{name}` of {shape:?} takes other than {from} to {to} bytes"))?;
        if start.checked_add(to).is_none_or(|end| end > size) {
            return Err(format!("it is cut off: the tensor `{name}` ends at byte {to} behind the header").into());
        }
        let mut bytes = vec![0; n];
        file.seek(SeekFrom::Start(start + from)).and_then(|_| file.read_exact(&mut bytes)).map_err(whole)?;
        tensors.push((name, Tensor::from_raw_buffer(&bytes, dtype, &shape, &Device::Cpu)?));
    }
    Ok(tensors)
}

/// What the files that `torch.save` writes of weights build: nothing of it runs code.
const HARMLESS: [(&str, &str); 4] = [
    ("torch._utils", "_rebuild_tensor_v2"),
    ("torch._utils", "_rebuild_parameter"),
    ("collections", "OrderedDict"),
    ("torch", "Size"),
];

/// A file of `torch.save`: an archive with a pickle, a program that builds Python objects. Candle's reader runs none of
/// it; a file that would call anything but what builds tensors is refused all the same, as its author meant harm.
fn of_pytorch(path: &Path) -> Result<Vec<(String, Tensor)>, Problem> {
    let file = File::open(path)
        .map_err(|source| Problem::Whole(NeuralError::File { what: "read", path: path.to_owned(), source }))?;
    let mut archive = zip::ZipArchive::new(BufReader::new(file)).map_err(|error| {
        format!(
            "it is no archive of PyTorch ({error}); files from before PyTorch 1.6 are to be saved anew, as safetensors"
        )
    })?;
    let names: Vec<String> =
        archive.file_names().map(|name| Ok(name?.into_owned())).collect::<zip::result::ZipResult<_>>()?;
    for name in names.iter().filter(|name| name.ends_with("data.pkl")) {
        let mut pickle = BufReader::new(archive.by_name(name)?);
        let mut stack = Stack::empty();
        // Step by step, as nothing of it may be missed.
        while !stack.read(&mut pickle).map_err(|error| format!("what describes its tensors cannot be read: {error}"))? {
            stack.stack().last().map_or(Ok(()), check)?;
        }
    }
    let tensors = PthTensors::new(path, None)?;
    // The reader makes room for what a tensor says it holds.
    let mut infos: Vec<_> = tensors.tensor_infos().values().collect();
    infos.sort_unstable_by_key(|info| &info.name);
    for info in infos {
        let bytes = info.layout.shape().elem_count() * info.dtype.size_in_bytes() + info.layout.start_offset();
        let there = archive.by_name(&info.path)?.size();
        if bytes as u64 > there {
            return Err(format!("the tensor `{}` takes {bytes} bytes, and there are {there}", info.name).into());
        }
    }
    let mut names: Vec<&String> = tensors.tensor_infos().keys().collect();
    names.sort_unstable();
    let mut found = Vec::with_capacity(names.len());
    for name in names {
        let tensor = tensors.get(name)?.ok_or_else(|| format!("the tensor `{name}` has no numbers"))?;
        found.push((name.clone(), tensor));
    }
    Ok(found)
}

/// Whether what builds a tensor, its storage, its offset and its shape, speaks of sizes that can be computed with.
fn is_of_a_size(args: &Object) -> bool {
    const MOST: i64 = 1 << 40;
    let number = |object: &Object| match object {
        Object::Int(n) => Some(i64::from(*n)),
        Object::Long(n) => Some(*n),
        _ => None,
    };
    let Object::Tuple(args) = args else { return false };
    let Object::Tuple(shape) = &args[2] else { return false };
    let n = shape.iter().try_fold(1i64, |n, side| n.checked_mul(number(side).filter(|side| (0..MOST).contains(side))?));
    let offset = number(&args[1]);
    n.is_some_and(|n| n < MOST) && offset.is_some_and(|offset| (0..MOST).contains(&offset))
}

/// Checks an object as it is built: classes and functions, and, as candle's reader relies on it, the number of arguments
/// of those that build tensors.
fn check(object: &Object) -> Result<(), Problem> {
    let n_of = |object: &Object| if let Object::Tuple(all) = object { all.len() } else { 0 };
    match object {
        Object::Class { module_name, class_name } => {
            let is_storage = module_name == "torch" && class_name.ends_with("Storage");
            if is_storage || HARMLESS.contains(&(module_name, class_name)) {
                return Ok(());
            }
            Err(Problem::Code(format!("a call of `{module_name}.{class_name}`")))
        }
        Object::PersistentLoad(id) if n_of(id) < 5 => Err("a tensor without numbers".into()),
        Object::Reduce { callable, args } => {
            let least = match &**callable {
                Object::Class { class_name, .. } if class_name == "_rebuild_tensor_v2" => 4,
                Object::Class { .. } => 1,
                _ => return Err(Problem::Code("a call of what it makes".into())),
            };
            if n_of(args) < least {
                return Err("a tensor without a shape".into());
            }
            if least > 1 && !is_of_a_size(args) { Err("a tensor that no memory holds".into()) } else { Ok(()) }
        }
        _ => Ok(()),
    }
}
