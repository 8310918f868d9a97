//! Near copies: of texts by their shingles, of anything else by the angle between embeddings.

mod cosine;
mod groups;
mod hyperplanes;
mod texts;

pub use cosine::cosine_pairs;
pub use groups::{CopyGroups, CopyGroupsBuilder};
pub use hyperplanes::likely_cosine_pairs;
pub use texts::{TextCopy, copies_of_texts};
