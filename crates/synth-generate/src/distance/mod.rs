//! How far made texts are from real ones, and from each other.

mod frechet;
mod self_bleu;

pub(crate) use frechet::Target;
pub use frechet::{Moments, frechet_distance};
pub use self_bleu::self_bleu;
pub(crate) use self_bleu::{Ngrams, References};
