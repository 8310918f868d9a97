//! Examples that were missing: made by generators, judged by filters, traced from prompt to row.
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

pub use answer::one_of;
pub use augment::{Augmenter, AugmenterSettings};
pub use budget::{Budget, Spent};
pub use candidate::{Candidate, Provenance, Score};
pub use chain::{Dropped, FilterChain, Tally};
pub use distance::{Moments, frechet_distance, self_bleu};
pub use error::GenerateError;
pub use filter::{Filter, Verdict};
pub use filters::{
    Agreement, AgreementSettings, Confidence, ConfidenceSettings, Contamination, ContaminationSettings, Diversity,
    DiversitySettings, Duplicates, DuplicatesSettings, Frechet, FrechetSettings, Judge, JudgeSettings, Language,
    Leftovers, LeftoversSettings, Length,
};
pub use generator::{
    Answer, AnswerForm, Generator, Input, MICRODOLLARS, Price, Prompt, Request, Response, Sampling, Sink, Usage,
};
pub use grid::{Axis, Grid};
pub use items::items;
pub use journal::{Journal, Key, RunInfo, RunMode};
pub use pipeline::{Outcome, Pipeline, Stop};
pub use plan::{Kind, Plan, Planned};
pub use prompts::{Attribute, ClassText, Contrast, PromptKind, PromptValues, Prompts};
pub use recorded::Recorded;
pub use records::TextRecords;
pub use rows::{PROVENANCE, provenance_column, provenance_field, rows, rows_schema};
pub use soft::{Wish, soft_labels};
pub use sources::{Source, Sources};
