//! Calls of labeling functions that failed.

use std::panic::{AssertUnwindSafe, catch_unwind};

use synth_core::{BoxError, Vote};

/// So many faults of a function are kept with row and message; all are counted.
const EXAMPLES: usize = 5;

/// One call that failed: the function did not abstain, it could not say anything.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fault {
    /// The record, from 0.
    pub row: u64,
    /// What the function said was wrong, or what it panicked with.
    pub message: String,
}

/// The faults of one labeling function.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LfFaults {
    /// The function's name.
    pub lf: String,
    /// How many calls failed.
    pub count: u64,
    /// The first few of them.
    pub examples: Vec<Fault>,
}

/// All faults of a run. In the label matrix they stand as abstains.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Faults {
    by_lf: Vec<LfFaults>,
}

impl Faults {
    pub(crate) fn new(names: &[String]) -> Self {
        let none = |lf: &String| LfFaults { lf: lf.clone(), count: 0, examples: Vec::new() };
        Self { by_lf: names.iter().map(none).collect() }
    }

    pub(crate) fn push(&mut self, lf_idx: usize, fault: Fault) {
        let faults = &mut self.by_lf[lf_idx];
        faults.count += 1;
        if faults.examples.len() < EXAMPLES {
            faults.examples.push(fault);
        }
    }

    /// How many calls failed in all.
    pub fn total(&self) -> u64 {
        self.by_lf.iter().map(|faults| faults.count).sum()
    }

    /// The functions that failed at least once, in column order.
    pub fn iter(&self) -> impl Iterator<Item = &LfFaults> {
        self.by_lf.iter().filter(|faults| faults.count > 0)
    }
}

/// Calls a labeling function; its error, or the message of its panic, comes back as text.
pub(crate) fn call(function: impl FnOnce() -> Result<Vote, BoxError>) -> Result<Vote, String> {
    // A closure that panics may leave its own state half-changed; nothing of ours is in its reach.
    match catch_unwind(AssertUnwindSafe(function)) {
        Ok(result) => result.map_err(|error| chain(&*error)),
        Err(panic) => {
            let text = panic.downcast_ref::<&str>().map(|s| (*s).to_owned());
            let text = text.or_else(|| panic.downcast_ref::<String>().cloned());
            Err(format!("panicked: {}", text.unwrap_or_else(|| "no message".to_owned())))
        }
    }
}

/// An error and its causes on one line.
pub(crate) fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        text.push_str(": ");
        text.push_str(&error.to_string());
        cause = error.source();
    }
    text
}
