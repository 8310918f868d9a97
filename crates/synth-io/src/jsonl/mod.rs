//! JSON objects, one a line.
//!
//! Two passes over the same lines. The first ([`Shape`]) validates each line and learns the schema without building
//! a value; the second ([`Decoder`]) appends values to Arrow builders of that schema. Both walk the text with one
//! lexer ([`Cursor`]). serde_json and arrow-json were the alternative: neither finds keys that stand twice, names
//! both lines of a type conflict, or leaves a schema untouched by a line that turns out bad at its end.

mod decode;
mod lexer;
mod read;
mod shape;

pub(crate) use read::{Batches, scan};
pub(crate) use shape::Shape;

/// Deeper values are refused: the walk is recursive.
const MAX_DEPTH: usize = 64;

/// Text offsets within a batch are 32 bits wide.
const MAX_LINE: usize = i32::MAX as usize;
