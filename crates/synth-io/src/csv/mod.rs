//! Comma-separated values.
//!
//! The csv crate was the alternative. It takes a quote that is never closed for one record up to the end of the
//! file, and text behind a closing quote for part of the field; both hide damage that should be named.

mod columns;
mod read;
mod split;

pub(crate) use columns::Guesses;
pub(crate) use read::{Batches, Records, header, scan};
