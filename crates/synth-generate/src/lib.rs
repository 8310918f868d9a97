//! Examples that were missing: made by generators, judged by filters, traced from prompt to row.
//!
//! ```
//! use std::sync::Arc;
//!
//! use synth_core::{ClassSet, Silent};
//! use synth_generate::{
//!     Augmenter, AugmenterSettings, Budget, Duplicates, DuplicatesSettings, FilterChain, Grid, Journal, Kind, PictureSettings,
//!     Pipeline, Plan, Prompts, Recorded, Sampling, Source, Sources,
//! };
//!
//! let classes = ClassSet::new(["delivery", "billing"])?;
//! let text = "Where is my parcel? It should have been here last week, and nobody answers the phone.";
//! let source = Source { id: "t-1".into(), text: text.into(), class: classes.id("delivery"), probs: None };
//! let sources = Sources::new(vec![source], classes.len());
//! let plan = Plan {
//!     kind: Kind::Augment,
//!     descriptions: vec![String::new(); 2],
//!     class: classes.id("delivery").unwrap(),
//!     against: None,
//!     classes,
//!     domain: "messages".into(),
//!     style: String::new(),
//!     per_request: 4,
//!     few_shot: 0,
//!     list: false,
//!     max_tokens: 1,
//!     sampling: Sampling::default(),
//!     picture: PictureSettings::default(),
//!     seed: 7,
//! };
//! let augmenter = Arc::new(Augmenter::new(AugmenterSettings::default())?);
//! let generator = Recorded::new(augmenter, Arc::new(Journal::in_memory()?), Budget::Requests(10))?;
//! let duplicates = Duplicates::new(&DuplicatesSettings { similarity: 1.0 }, [("t-1", text)])?;
//! let mut filters = FilterChain::new(vec![Box::new(duplicates)]);
//!
//! let prompts = Prompts::built_in();
//! let pipeline = Pipeline { plan: &plan, sources: &sources, prompts: &prompts, generator: &generator, round: 8 };
//! let (outcome, _) = pipeline.run(3, Grid::new(Vec::new(), 7), &mut filters, &Silent)?;
//! assert_eq!(outcome.kept.len(), 3);
//! assert_eq!(outcome.kept[0].provenance.parents, ["t-1"]);
//! # Ok::<(), Box<dyn std::error::Error + Send + Sync>>(())
//! ```
//!
//! In the order in which data passes through them:
//!
//! - [`Sources`], [`Prompts`], [`Grid`], [`Plan`]: from the user's texts and wishes to requests.
//! - [`Request`], [`Generator`], [`Response`]: what is asked of a language model, an augmenter or a translator, and
//!   what comes back.
//! - [`Journal`], [`Budget`], [`Recorded`]: responses are kept before they are used, and paid once.
//! - [`Candidate`], [`Provenance`]: a text that was made, and where it comes from.
//! - [`Filter`], [`Verdict`], [`FilterChain`]: whether it counts.
//! - [`Pipeline`], [`Outcome`]: all of this until enough is kept; [`soft_labels`]: what the kept are worth.

mod answer;
mod augment;
mod budget;
mod candidate;
mod chain;
mod distance;
mod error;
mod filter;
mod filters;
mod generator;
mod grid;
mod items;
mod journal;
mod pipeline;
mod plan;
mod prompts;
mod recorded;
mod records;
mod rows;
mod seeds;
mod soft;
mod sources;
#[cfg(test)]
mod testing;
mod translation;

pub use answer::one_of;
pub use augment::{Augmenter, AugmenterSettings};
pub use budget::{Budget, Spent};
pub use candidate::{Candidate, Provenance, Score};
pub use chain::{Dropped, FilterChain, Tally};
pub use distance::{
    KernelDistance, KernelDistanceSettings, Moments, PrecisionRecall, frechet_deviation, frechet_distance,
    kernel_distance, precision_recall, self_bleu,
};
pub use error::GenerateError;
pub use filter::{Filter, Verdict};
pub use filters::{
    Agreement, AgreementSettings, Confidence, ConfidenceSettings, Contamination, ContaminationSettings, Diversity,
    DiversitySettings, Duplicates, DuplicatesSettings, Facts, Frechet, FrechetSettings, Judge, JudgeSettings, Language,
    Leftovers, LeftoversSettings, Length, LookAlikes, LookAlikesSettings, Looks, LooksSettings, Meaning,
    MeaningSettings, Realism, RealismSettings,
};
pub use generator::{
    Answer, AnswerForm, Generator, Input, MICRODOLLARS, PictureSettings, Price, Prompt, Request, Response, Sampling,
    Sink, Usage,
};
pub use grid::{Axis, Grid};
pub use items::items;
pub use journal::{Journal, Key, Recalled, RunMode};
pub use pipeline::{Outcome, Pipeline, Stop};
pub use plan::{Kind, Plan, Planned};
pub use prompts::{Attribute, ClassText, Contrast, PromptKind, PromptValues, Prompts};
pub use recorded::Recorded;
pub use records::TextRecords;
pub use rows::{PROVENANCE, provenance_column, provenance_field, rows, rows_schema};
pub use soft::{Wish, soft_labels};
pub use sources::{Source, Sources};
pub use translation::{BackTranslator, CommandTranslator, Pivot, Sentence, TextToTranslate, Translate, by_sentences};
