//! New texts from old ones without a model: easy data augmentation.

mod augmenter;
mod draft;
mod inflect;
mod language;
mod noise;
mod protect;
mod recombine;
mod settings;
mod source;
mod thesaurus;
mod word_order;
mod word_synonyms;

pub use augmenter::Augmenter;
pub(crate) use language::{is_english, negates};
pub use settings::AugmenterSettings;
