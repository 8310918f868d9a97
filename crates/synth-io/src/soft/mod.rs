//! Soft labels beside their records.
//!
//! | column | type | |
//! |---|---|---|
//! | the id field, else `id` | its own, else u64 | first, whatever the order of the records' fields |
//! | the other fields | their own | unchanged, nested too |
//! | `probs` | list of f64 | in class order |
//! | `label` | text | the most probable class |
//! | `confidence` | f64 | its probability |
//! | `n_votes` | u32 | how many labeling functions voted |
//!
//! Parquet and Arrow carry the class names in the metadata under `synth.classes`, a JSON list, and the pairs of
//! [`Options::metadata`]. JSONL reads back as it was written; numbers that JSON lacks, NaN and infinities, become
//! null. CSV ends with a column `p_CLASS` for each class in place of `probs`, holds nested fields as JSON text, and
//! writes empty text as `""`, which most readers take for null. `.npy` holds the probabilities alone: f64, n x k.
//! Parquet knows no struct without fields; such a value is written as the text `{}`.

mod columns;
mod npy;
mod read;
mod write;

pub use read::{Loaded, load};
pub use write::{Options, Uncovered, Writer};
