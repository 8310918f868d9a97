//! What the commands that make and judge texts share: the model that is asked, the user's texts, the filters.

pub mod backend;
pub mod chain;
pub mod embedder;
#[cfg(feature = "neural")]
pub mod image_features;
pub mod material;
#[cfg(feature = "neural")]
pub mod pictures;
pub mod provenance;
pub mod report;
pub mod translation;

pub use backend::Backend;
pub use material::{Material, Prepared};
