//! Whether a made text counts: the filters, cheap ones first, which is also their order where none is configured.
//!
//! - [`Length`]: empty, too short, too long.
//! - [`Leftovers`]: what language models say around the text that was asked for.
//! - [`Language`]: another language than wanted.
//! - [`Duplicates`]: repeats a record, or what was kept before.
//! - [`Contamination`]: shares a run of words with an evaluation set.
//! - [`Facts`]: loses the numbers, names or negations of its source.
//! - [`Meaning`]: says what another text says already, or no longer what its source says.
//! - [`Diversity`]: is put together from what was kept before.
//! - [`Agreement`]: labeling functions see another class.
//! - [`Confidence`]: a model sees another class, or is surer than an edge case allows.
//! - [`Frechet`]: takes the kept texts away from the real ones.
//! - [`Judge`]: a language model gives it a bad grade.
//!
//! Of pictures, which travel as text, beside those that go by classes and points:
//!
//! - [`Looks`]: blank, dark, bright or blurred.
//! - [`LookAlikes`]: looks like a real picture, or one that was kept.
//! - [`Realism`]: lies where no real picture lies.

mod agreement;
mod confidence;
mod contamination;
mod diversity;
mod duplicates;
mod facts;
mod frechet;
mod judge;
mod language;
mod leftovers;
mod length;
mod look_alikes;
mod looks;
mod meaning;
mod predicted;
mod realism;
#[cfg(test)]
mod tests;

pub use agreement::{Agreement, AgreementSettings};
pub use confidence::{Confidence, ConfidenceSettings};
pub use contamination::{Contamination, ContaminationSettings};
pub use diversity::{Diversity, DiversitySettings};
pub use duplicates::{Duplicates, DuplicatesSettings};
pub use facts::Facts;
pub use frechet::{Frechet, FrechetSettings};
pub use judge::{Judge, JudgeSettings};
pub use language::Language;
pub use leftovers::{Leftovers, LeftoversSettings};
pub use length::Length;
pub use look_alikes::{LookAlikes, LookAlikesSettings};
pub use looks::{Looks, LooksSettings};
pub use meaning::{Meaning, MeaningSettings};
pub use realism::{Realism, RealismSettings};

use crate::GenerateError;

/// Refuses a setting that is no share, from 0 to 1.
fn check_share(name: &'static str, value: f64) -> Result<(), GenerateError> {
    if (0.0..=1.0).contains(&value) {
        return Ok(());
    }
    Err(GenerateError::Setting { name, value: value.to_string(), expected: "a number from 0 to 1" })
}
