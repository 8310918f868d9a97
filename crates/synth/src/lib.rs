//! Turns unlabelled records into training data.
//!
//! People write labeling functions instead of labels: Rust closures, or a small language of keywords and
//! regular expressions. They are applied in parallel, a label model works out from their agreements and
//! conflicts how far each can be trusted, and every record gets a soft label.
//!
//! ```
//! use synth::prelude::*;
//!
//! let dir = tempfile::tempdir()?;
//! let file = dir.path().join("mails.jsonl");
//! std::fs::write(&file, r#"{"id": 1, "body": "Win money now: www.example.com"}
//! {"id": 2, "body": "see you at lunch, thanks"}
//! {"id": 3, "body": "thanks for the money"}
//! "#)?;
//!
//! let classes = ClassSet::new(["ham", "spam"])?;
//! let (ham, spam) = (classes.id("ham"), classes.id("spam"));
//! let mut lfs = LfSet::new(classes);
//! lfs.add("link", move |r| if r.text("body")?.contains("www.") { spam } else { None })?
//!     .add("short", move |r| if r.text("body")?.len() < 25 { ham } else { None })?
//!     .add_keywords("money", "body", ["money", "win"], spam.unwrap())?
//!     .add_keywords("polite", "body", ["thanks", "please"], ham.unwrap())?;
//!
//! let reader = Reader::open(&[Source::new(&file)], ReadOptions::default(), &Silent)?;
//! let applied = lfs.apply(batches(&reader)?, &Silent)?;
//! let fit = Auto::default().fit(applied.matrix.patterns(), &Gold::none())?;
//! let soft = fit.model.predict(&applied.matrix)?;
//! assert_eq!(soft.classes().name(soft.label(0)), "spam");
//! assert_eq!(soft.classes().name(soft.label(1)), "ham");
//! # Ok::<(), Box<dyn std::error::Error + Send + Sync>>(())
//! ```
//!
//! The parts, in the order in which data passes through them:
//!
//! - [`io`]: records, votes and soft labels, in and out of files.
//! - [`lf`]: labeling functions, the .lf language, and how they are applied.
//! - [`generate`]: examples that were missing, and the models that write them.
//! - [`label`]: label models, and the analysis of labeling functions.
//! - [`learn`]: end models, trained on soft labels.
//! - [`audit`]: what is wrong with a data set.
//! - [`core`]: the types they share.
//!
//! And here: [`LfFiles`], .lf files from disk; [`WeakLabeler`], labeling functions with their label model as one
//! thing that turns records into soft labels; [`PromptedBy`], a language model that prompted labeling functions ask;
//! [`FeatureEmbed`], the words of texts as coordinates.

mod feature_embed;
mod lf_files;
mod prompted;
mod weak_labeler;

pub use feature_embed::FeatureEmbed;
pub use lf_files::{LfFileError, LfFiles};
pub use prompted::{PromptCost, PromptedBy};
pub use weak_labeler::{WeakLabeler, batches};

pub use synth_audit as audit;
pub use synth_core as core;
pub use synth_generate as generate;
/// Pictures, read and resized. Needs the feature `neural`.
#[cfg(feature = "neural")]
pub use synth_image as image;
pub use synth_io as io;
pub use synth_label as label;
pub use synth_learn as learn;
pub use synth_lf as lf;
/// A client of OpenAI-compatible servers. Needs the feature `llm`.
#[cfg(feature = "llm")]
pub use synth_llm as llm;
/// Models on this machine: a language model, translation, sentence embeddings, features of pictures. Needs the feature
/// `neural`.
#[cfg(feature = "neural")]
pub use synth_neural as neural;

/// What most programs need.
pub mod prelude {
    pub use synth_core::metrics::Scores;
    pub use synth_core::{
        ClassId, ClassSet, Dataset, LabelMatrix, LabelMatrixBuilder, LabelModel, LfVote, Observer, Predict, Row,
        Silent, SoftLabels, Vote, VotePatterns,
    };
    pub use synth_io::{ReadOptions, Reader, Source};
    pub use synth_label::{Auto, Gold};
    pub use synth_learn::{Classifier, FeatureSpec, Features, TextSpec, Trainer};
    pub use synth_lf::{Applied, Faults, LfSet, RecordLfs};

    pub use crate::{LfFiles, WeakLabeler, batches};
}
