//! What is wrong with a data set: labels, outliers, copies, and annotators who do not agree.
//!
//! ```
//! use synth_audit::Ratings;
//!
//! // Two annotators, four items; -1 would be an item that one of them did not see.
//! let ratings = Ratings::new(2, vec![Some(0), Some(0), Some(1), Some(1), Some(0), Some(1), Some(1), Some(1)])?;
//! assert_eq!(ratings.cohen_kappa(0, 1, synth_audit::Weights::None)?, Some(0.5));
//! # Ok::<(), synth_audit::AuditError>(())
//! ```
//!
//! - [`LabeledProbs`]: labels beside probabilities; [`ConfidentJoint`], [`SelectionRule`], [`LabelScore`],
//!   [`DatasetHealth`]: which labels are likely wrong.
//! - [`Ratings`]: how far annotators agree.
//! - [`AuditError`]: what can go wrong.

mod agreement;
mod error;
mod label_errors;

pub use agreement::{Ratings, Scale, Weights, interpretation};
pub use error::AuditError;
pub use label_errors::{
    ClassHealth, ConfidentJoint, DatasetHealth, LabelScore, LabeledProbs, NoiseEstimate, PairHealth, Probability,
    SelectionRule,
};
