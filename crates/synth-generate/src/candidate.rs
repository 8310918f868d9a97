//! A text that was made, and where it comes from.

use serde::{Deserialize, Serialize};
use synth_core::ClassId;

use crate::Attribute;

/// A text that may become an example.
#[derive(Debug, Clone, PartialEq)]
pub struct Candidate {
    /// Its name, the same in every run that makes it.
    pub id: String,
    /// The text; of a picture a data URL.
    pub text: String,
    /// The class that was asked for; `None` where none was, as for texts that come from elsewhere.
    pub wanted: Option<ClassId>,
    /// The text it was made from, for paraphrases and augmentation.
    pub source: Option<String>,
    /// Where it comes from.
    pub provenance: Provenance,
}

/// Where a made text comes from. Written beside each kept row; `synth blame` shows it.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct Provenance {
    /// What was done: `examples`, `paraphrase`, `edge-cases`, `augment`, `back-translation`, `image`.
    pub kind: String,
    /// [`Generator::fingerprint`](crate::Generator::fingerprint).
    pub generator: String,
    /// [`Generator::model`](crate::Generator::model).
    pub model: String,
    /// The prompt as it was sent; empty where a text was changed without one.
    pub prompt: String,
    /// The key of the request in the journal, in hexadecimal.
    pub request: String,
    /// The ids of the records it was made from, or that stood in the prompt as examples.
    pub parents: Vec<String>,
    /// The seed of the request.
    pub seed: u64,
    /// The cell of the grid of attributes.
    pub attributes: Vec<Attribute>,
    /// What each filter said, in their order.
    pub scores: Vec<Score>,
}

/// What one filter said of a candidate.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Score {
    /// [`Filter::name`](crate::Filter::name).
    pub filter: String,
    /// Its number, where it has one.
    pub score: Option<f64>,
}
