//! What else can be wrong with records: their texts, their order, how their labels changed, where a model fails.

mod drift;
mod order;
mod slices;
mod texts;

pub use drift::{LabelDrift, label_drift};
pub use order::{LabelOrder, label_order};
pub use slices::{WeakSlice, weak_slices};
pub use texts::{OddText, TextOddity, odd_texts};
