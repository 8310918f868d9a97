//! Ready vectors that stand beside the records, in a `.npy` array.

use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use arrow_array::{ArrayRef, FixedSizeListArray, Float32Array, Float64Array, RecordBatch};
use arrow_schema::{DataType, Field, Schema};
use ndarray::{Array2, ArrayView2};
use synth_core::{BoxError, CoreError, Dataset};

use crate::npy::Header;
use crate::{AtomicFile, IoError, NpyProblem};

/// Vectors, one for each record in order, as embedding models leave them: a `.npy` array of float32 or float64, n x d,
/// in C order. Rows are read as records pass, so the array need not fit in memory.
#[derive(Debug)]
pub struct Vectors {
    field: String,
    path: PathBuf,
    file: File,
    /// Where the first value stands.
    start: u64,
    n_rows: u64,
    length: usize,
    is_double: bool,
}

impl Vectors {
    /// Opens an array; `field` is the name under which records get its vectors.
    ///
    /// # Errors
    /// The file cannot be read, is no such array, or is cut short.
    pub fn open(field: impl Into<String>, path: &Path) -> Result<Self, IoError> {
        let problem = |problem| IoError::Npy { path: path.to_owned(), problem };
        let mut file = File::open(path).map_err(|source| IoError::Open { path: path.to_owned(), source })?;
        let header = Header::read(&mut file).map_err(|error| error.at(path))?;
        let is_double = header.descr == "<f8";
        let (n_rows, length) = match header.shape[..] {
            [n, d] if (is_double || header.descr == "<f4") && !header.fortran_order && d > 0 => (n, d),
            _ => return Err(problem(NpyProblem::NotVectors { descr: header.descr, shape: header.shape })),
        };
        let read = |source| IoError::Read { path: path.to_owned(), source };
        let start = file.stream_position().map_err(read)?;
        let bytes = file.metadata().map_err(read)?.len() - start;
        let size = if is_double { 8 } else { 4 };
        if length.checked_mul(size).and_then(|row| n_rows.checked_mul(row)).map(|bytes| bytes as u64) != Some(bytes) {
            return Err(problem(NpyProblem::CutShort { rows: n_rows, columns: length }));
        }
        let (path, n_rows) = (path.to_owned(), n_rows as u64);
        Ok(Self { field: field.into(), path, file, start, n_rows, length, is_double })
    }

    /// The field that records get.
    pub fn field(&self) -> &str {
        &self.field
    }

    /// All of them, `[n, d]`, in memory.
    ///
    /// # Errors
    /// The array cannot be read.
    pub fn all(self) -> Result<Array2<f64>, IoError> {
        let (n, d) = (self.n_rows as usize, self.length);
        let bytes = self.bytes(0, n)?;
        let numbers: Vec<f64> = match self.is_double {
            true => bytes.as_chunks().0.iter().map(|bytes| f64::from_le_bytes(*bytes)).collect(),
            false => bytes.as_chunks().0.iter().map(|bytes| f64::from(f32::from_le_bytes(*bytes))).collect(),
        };
        Ok(Array2::from_shape_vec((n, d), numbers).expect("n rows of d numbers"))
    }

    /// Records, batch by batch, each with its vector as one more field: a list of numbers.
    ///
    /// # Errors
    /// In the place of a batch: the array cannot be read, or has another number of rows than there are records; a
    /// record has a field of this name.
    pub fn attach<I>(self, batches: I) -> impl Iterator<Item = Result<Dataset, BoxError>>
    where
        I: IntoIterator<Item = Result<Dataset, BoxError>>,
    {
        let mut batches = batches.into_iter();
        let mut n = 0;
        let mut ended = false;
        std::iter::from_fn(move || match batches.next() {
            Some(batch) => Some(batch.and_then(|batch| {
                n = batch.first_row() + batch.n_rows() as u64;
                Ok(self.extend(&batch)?)
            })),
            None if !ended && n < self.n_rows => {
                ended = true;
                Some(Err(self.row_count(n, false).into()))
            }
            None => None,
        })
    }

    fn row_count(&self, records: u64, or_more: bool) -> IoError {
        let problem = NpyProblem::RowsForRecords { rows: self.n_rows, records, or_more };
        IoError::Npy { path: self.path.clone(), problem }
    }

    fn extend(&self, records: &Dataset) -> Result<Dataset, IoError> {
        let schema = records.schema();
        if schema.column_with_name(&self.field).is_some() {
            let problem = NpyProblem::FieldExists { field: self.field.clone() };
            return Err(IoError::Npy { path: self.path.clone(), problem });
        }
        let end = records.first_row() + records.n_rows() as u64;
        if end > self.n_rows {
            return Err(self.row_count(end, true));
        }
        let column = self.rows(records.first_row(), records.n_rows())?;
        let field = Arc::new(Field::new(&self.field, column.data_type().clone(), false));
        let fields: Vec<_> = schema.fields().iter().cloned().chain([field]).collect();
        let columns: Vec<ArrayRef> = records.batch().columns().iter().cloned().chain([column]).collect();
        let schema = Arc::new(Schema::new_with_metadata(fields, schema.metadata().clone()));
        let batch = RecordBatch::try_new(schema, columns).expect("a vector for each record");
        Ok(Dataset::continuing(batch, records.first_row()))
    }

    /// Some rows as they lie in the file.
    fn bytes(&self, first: u64, n: usize) -> Result<Vec<u8>, IoError> {
        let size = if self.is_double { 8 } else { 4 };
        let mut bytes = vec![0; n * self.length * size];
        let mut file = &self.file;
        let at = self.start + first * (self.length * size) as u64;
        let read = file.seek(SeekFrom::Start(at)).and_then(|_| file.read_exact(&mut bytes));
        read.map_err(|source| IoError::Read { path: self.path.clone(), source })?;
        Ok(bytes)
    }

    fn rows(&self, first: u64, n: usize) -> Result<ArrayRef, IoError> {
        let bytes = self.bytes(first, n)?;
        let (values, item): (ArrayRef, _) = if self.is_double {
            let values = bytes.as_chunks().0.iter().map(|bytes| f64::from_le_bytes(*bytes));
            (Arc::new(Float64Array::from_iter_values(values)), DataType::Float64)
        } else {
            let values = bytes.as_chunks().0.iter().map(|bytes| f32::from_le_bytes(*bytes));
            (Arc::new(Float32Array::from_iter_values(values)), DataType::Float32)
        };
        let item = Arc::new(Field::new_list_field(item, false));
        Ok(Arc::new(FixedSizeListArray::new(item, self.length as i32, values, None)))
    }
}

/// Writes vectors to a `.npy` array of float32, n x d, which [`Vectors`] and NumPy read; the file appears when all is
/// written.
///
/// ```
/// use ndarray::array;
/// use synth_io::{Vectors, VectorsWriter};
///
/// let dir = tempfile::tempdir()?;
/// let path = dir.path().join("vectors.npy");
/// let mut writer = VectorsWriter::create(&path, 2)?;
/// writer.write(array![[0.0, 1.0], [0.5, 0.5]].view())?;
/// writer.finish()?;
/// assert_eq!(Vectors::open("vector", &path)?.field(), "vector");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug)]
pub struct VectorsWriter {
    path: PathBuf,
    file: AtomicFile,
    dim: usize,
    rows: usize,
}

impl VectorsWriter {
    /// Starts a file of vectors of d numbers.
    ///
    /// # Errors
    /// The file cannot be created, or is a pipe: its header is written last.
    pub fn create(path: impl AsRef<Path>, dim: usize) -> Result<Self, IoError> {
        let path = path.as_ref().to_owned();
        let mut file = AtomicFile::create(&path)?;
        let begun = match file.can_seek() {
            true => file.write_all(&header(0, dim)),
            false => Err(io::Error::new(io::ErrorKind::NotSeekable, "an array of vectors goes into no pipe")),
        };
        begun.map_err(|error| IoError::write(&path, error))?;
        Ok(Self { path, file, dim, rows: 0 })
    }

    /// Writes vectors, `[n, d]`.
    ///
    /// # Errors
    /// Writing fails, as on a full disk; vectors of another length.
    pub fn write(&mut self, vectors: ArrayView2<'_, f64>) -> Result<(), IoError> {
        if vectors.ncols() != self.dim {
            let source = CoreError::Mismatch {
                what: "the length of the vectors of the file and of those to write",
                left: self.dim.to_string(),
                right: vectors.ncols().to_string(),
            };
            return Err(IoError::Core { path: self.path.clone(), source });
        }
        let bytes: Vec<u8> = vectors.iter().flat_map(|x| (*x as f32).to_le_bytes()).collect();
        self.rows += vectors.nrows();
        self.file.write_all(&bytes).map_err(|error| IoError::write(&self.path, error))
    }

    /// Ends the file and makes it appear.
    ///
    /// # Errors
    /// Writing fails; then there is no file.
    pub fn finish(mut self) -> Result<(), IoError> {
        let ended = self.file.seek(SeekFrom::Start(0)).and_then(|_| self.file.write_all(&header(self.rows, self.dim)));
        ended.map_err(|error| IoError::write(&self.path, error))?;
        self.file.commit()
    }
}

/// The header; its length is the same for every number of rows.
fn header(rows: usize, dim: usize) -> Vec<u8> {
    Header { descr: "<f4".to_owned(), fortran_order: false, shape: vec![rows, dim] }.to_bytes()
}
