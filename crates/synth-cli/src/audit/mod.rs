//! `synth audit`: what is read, what is found, how it is shown, and how it is mended.

pub mod annotators;
pub mod findings;
pub mod label_studio;
pub mod mend;
pub mod page;
pub mod pictures;
pub mod records;
pub mod sources;
pub mod summary;
