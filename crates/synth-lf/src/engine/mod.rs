//! Runs a [`Program`](crate::lang::Program) over texts.
//!
//! - `guard`: from each regex the literal pieces one of which every match must contain.
//! - `plan`: all functions of a program become one plan: for each text field one `finder` for substrings
//!   and guards, one `table` for words, one for tokens, and for each string found there the *signals* it sets.
//! - `scan`: one pass over a text sets signals; a function is evaluated only if a signal it needs was set.
//!
//! So the cost of a text depends on its length and on what is found in it, not on the number of functions.

mod finder;
mod function_set;
mod guard;
mod plan;
mod scan;
mod table;
#[cfg(test)]
mod tests;

pub(crate) use guard::guards;
pub(crate) use plan::Engine;
pub(crate) use scan::{BoundEngine, Scratch};
