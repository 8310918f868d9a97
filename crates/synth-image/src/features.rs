//! Pictures as points.

use ndarray::Array2;
use synth_core::BoxError;

use crate::Picture;

/// Places pictures in space, those that look alike near each other: a network that was trained to name what they show.
pub trait ImageFeatures: Send + Sync {
    /// The number of coordinates, d.
    fn dim(&self) -> usize;

    /// The name of the network, for people.
    fn name(&self) -> &str;

    /// The points of pictures, `[n, d]`; each depends on its own picture alone.
    ///
    /// # Errors
    /// The network cannot be computed.
    fn features(&self, pictures: &[Picture]) -> Result<Array2<f64>, BoxError>;
}
