//! Random numbers keyed by what they are for, never shared between two uses.

use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;

/// What random numbers are drawn for. The number is part of their key: two uses never draw alike.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Use {
    /// The examples of a prompt.
    FewShot = 1,
    /// The order of sources.
    Order = 2,
    /// The order of the cells of a grid.
    Cells = 3,
    /// The seed of a request.
    Request = 4,
    /// A variant of a text.
    Augment = 5,
    /// Samples of real texts.
    Frechet = 6,
    /// The subsets of a kernel distance.
    Subsets = 7,
    /// Points of a bootstrap.
    Bootstrap = 8,
}

/// A generator of random numbers for one use, keyed by a seed and the position of what they are for.
pub(crate) fn rng(seed: u64, what: Use, position: u64) -> ChaCha8Rng {
    let mut key = [0; 32];
    key[..8].copy_from_slice(&seed.to_le_bytes());
    key[8..16].copy_from_slice(&(what as u64).to_le_bytes());
    key[16..24].copy_from_slice(&position.to_le_bytes());
    ChaCha8Rng::from_seed(key)
}
