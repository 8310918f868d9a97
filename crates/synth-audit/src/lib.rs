//! What is wrong with a data set: labels, outliers, copies, and annotators who do not agree.
//!
//! ```
//! use synth_audit::Ratings;
//!
//! // Two annotators, four items; -1 would be an item that one of them did not see.
//! let ratings = Ratings::new(2, vec![Some(0), Some(0), Some(1), Some(1), Some(0), Some(1), Some(1), Some(1)])?;
//! assert_eq!(ratings.pair(0, 1)?.cohen_kappa(synth_audit::Weights::None), Some(0.5));
//! # Ok::<(), synth_audit::AuditError>(())
//! ```
//!
//! - [`LabeledProbs`]: labels beside probabilities; [`ConfidentJoint`], [`SelectionRule`], [`LabelScore`],
//!   [`DatasetHealth`]: which labels are likely wrong.
//! - [`Neighbours`], [`local_outlier_factors`], [`IsolationForest`]: which points lie apart.
//! - [`cosine_pairs`], [`likely_cosine_pairs`], [`copies_of_texts`], [`CopyGroups`]: near copies, those with other labels, those in other splits.
//! - [`odd_texts`], [`label_order`], [`label_drift`], [`weak_slices`]: what else can be wrong with records.
//! - [`QualityScore`]: one number for all of it.
//! - [`Ratings`], [`RatingPairs`]: how far annotators agree.
//! - [`Consensus`]: what several annotators say together, and where to ask once more.
//! - [`Contract`], [`ContractCheck`]: what records are promised to be like, and where they are not.
//! - [`AuditError`]: what can go wrong.

mod agreement;
mod consensus;
mod contract;
mod duplicates;
mod error;
mod label_errors;
mod lowest;
mod number;
mod outliers;
mod quality;
mod records;

pub use agreement::{RatingPairs, Ratings, Scale, Weights, interpretation};
pub use consensus::{AnnotatorQuality, Consensus};
pub use contract::{
    BrokenRule, Contract, ContractCheck, CopiesContract, EXAMPLE_CONTRACT, FieldContract, FieldType, Freshness,
    LabelContract, micros_of,
};
pub use duplicates::{CopyGroups, CopyGroupsBuilder, TextCopy, copies_of_texts, cosine_pairs, likely_cosine_pairs};
pub use error::AuditError;
pub use label_errors::{
    ClassHealth, ConfidentJoint, DatasetHealth, LabelScore, LabeledProbs, NoiseEstimate, PairHealth, SelectionRule,
};
pub use number::Number;
pub use outliers::{IsolationForest, IsolationForestSettings, Neighbours, local_outlier_factors};
pub use quality::{QualityScore, evenness};
pub use records::{
    LabelDrift, LabelOrder, OddText, TextOddity, WeakSlice, label_drift, label_order, odd_texts, weak_slices,
};
