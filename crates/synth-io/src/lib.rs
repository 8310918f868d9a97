//! Records, votes and soft labels, in and out of files.
//!
//! ```
//! use synth_core::{ClassSet, Silent, SoftLabels};
//! use synth_io::{ReadOptions, Reader, Source, soft};
//!
//! let dir = tempfile::tempdir()?;
//! let path = dir.path().join("docs.jsonl");
//! std::fs::write(&path, "{\"id\": \"a\", \"text\": \"win money\"}\n{\"id\": \"b\", \"text\": \"hello\"}\n")?;
//!
//! // A first pass learns the schema; every call of `batches` is a pass of its own.
//! let reader = Reader::open(&[Source::new(&path)], ReadOptions::default(), &Silent)?;
//! assert_eq!(reader.n_rows(), Some(2));
//!
//! let classes = ClassSet::new(["ham", "spam"])?;
//! let labels = SoftLabels::from_rows(classes.clone(), vec![0.1, 0.9, 0.7, 0.3], vec![2, 1])?;
//! let out = dir.path().join("soft.jsonl");
//! let mut writer = soft::Writer::create(&out, &reader.schema(), &classes, &soft::Options::default())?;
//! for batch in reader.batches()? {
//!     let batch = batch?;
//!     let start = batch.first_row() as usize;
//!     writer.write(&batch, &labels, start..start + batch.n_rows())?;
//! }
//! writer.finish()?; // Only now is there a file.
//! let written = std::fs::read_to_string(&out)?;
//! assert!(written.starts_with(r#"{"id":"a","text":"win money","probs":[0.1,0.9],"label":"spam","confidence":0.9,"n_votes":2}"#));
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! In:
//!
//! - [`Source`]: a file or stdin, with its [`Format`] and [`Compression`].
//! - [`Reader`], [`Batches`]: several sources as one data set, read in bounded batches as often as needed.
//! - [`ids`], [`gold`]: the id and the gold label of each record.
//! - [`votes`]: label matrices from `.npy` and from crowd CSV.
//! - [`Vectors`]: embeddings from `.npy`, beside the records.
//!
//! Out:
//!
//! - [`AtomicFile`]: a file that appears whole or not at all. Everything here that writes goes through it.
//! - [`soft`]: soft labels beside their records; read back too.
//! - [`counts`], [`matrix`]: vote patterns and label matrices, saved and loaded.
//!
//! # What is read how
//!
//! Records are flat or nested; nested fields become Arrow structs and lists, reached by dots.
//! Blank lines, a byte order mark and CRLF line ends do no harm in JSONL and CSV.
//!
//! **JSONL.** One object a line. The schema is the union over all lines of all JSONL files. Integers are Int64, or
//! UInt64 where the column has values beyond Int64 and none below zero; integers beyond 64 bits, and columns that
//! mix integers with fractions, are Float64. A field that is only ever null, and the items of a list that is only
//! ever empty, are text. These are malformed records: a field that had another type before, a key that stands
//! twice in one object, a number beyond Float64 (`1e999`), `NaN` and `Infinity`, which are not JSON, a lone
//! surrogate (`"\ud800"`), a line that is no object, nesting deeper than 64 levels.
//!
//! **CSV.** Comma, double quotes, one header line. A column is integer, float or bool if all its cells are, else
//! text. Numbers look as in JSON: `007`, `+1`, `.5`, `NaN` and integers beyond 64 bits make a column text, so that no
//! digit is lost. An empty cell, quoted or not, is null. A column without a name is called `column_N`, from 1.
//! Malformed are: another number of cells than the header, a quote that is never closed, text behind a closing quote.
//!
//! **Parquet, Arrow.** Columns as they are; dictionaries become their values. Arrow files and streams, not Feather 1.
//!
//! JSONL and CSV may be compressed with gzip or zstd; that shows in the first bytes, whatever the name.
//! A file that is empty holds zero records, except Parquet and Arrow, where that means that it is damaged.

mod atomic;
mod blocks;
mod columnar;
pub mod counts;
mod csv;
mod encode;
mod error;
pub mod gold;
pub mod ids;
mod jsonl;
pub mod matrix;
mod npy;
mod reader;
mod record_writer;
mod schema;
mod sink;
pub mod soft;
mod source;
mod vectors;
pub mod votes;

pub use atomic::AtomicFile;
pub use error::{BadRecord, CountsProblem, IoError, NpyProblem, Place, RecordProblem, SoftProblem};
pub use reader::{BadRecords, Batches, ReadOptions, Reader};
pub use record_writer::RecordWriter;
pub use source::{Compression, Format, Source};
pub use vectors::{Vectors, VectorsWriter};
