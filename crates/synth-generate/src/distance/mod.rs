//! How far made texts are from real ones, and from each other.

mod bootstrap;
mod frechet;
mod kernel;
mod manifold;
mod matrix;
mod self_bleu;

pub use bootstrap::frechet_deviation;
pub(crate) use frechet::Target;
pub use frechet::{Moments, frechet_distance};
pub use kernel::{KernelDistance, KernelDistanceSettings, kernel_distance};
pub use manifold::{PrecisionRecall, precision_recall};
pub use self_bleu::self_bleu;
pub(crate) use self_bleu::{Ngrams, References};
