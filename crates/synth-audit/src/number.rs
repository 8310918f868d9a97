//! Numbers of either width.

/// A number of 64 bits, or of 32, which keep a large matrix small.
pub trait Number: Copy + PartialOrd + Into<f64> + Send + Sync {}

impl Number for f32 {}
impl Number for f64 {}
