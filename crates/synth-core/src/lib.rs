//! The types every part of synth shares, and nothing that reads, writes, prints or waits.
//!
//! ```
//! use synth_core::{ClassSet, LabelMatrixBuilder};
//!
//! let classes = ClassSet::new(["ham", "spam"])?;
//! let spam = classes.id("spam");
//! let mut builder = LabelMatrixBuilder::new(classes, ["links", "short"])?;
//! builder.push_row([spam, None])?;
//! builder.push_row([None, None])?;
//! builder.push_row([spam, None])?;
//! let matrix = builder.finish();
//!
//! assert_eq!(matrix.n_rows(), 3);
//! assert_eq!(matrix.patterns().len(), 2); // three rows, two different ones
//! # Ok::<(), synth_core::CoreError>(())
//! ```
//!
//! In the order in which data passes through them:
//!
//! - [`ClassSet`], [`ClassId`], [`Vote`]: what a record can be called, and what one labeling function says of it.
//! - [`Dataset`], [`Row`]: records as Arrow columns, and one of them.
//! - [`LabelMatrix`], [`VotePatterns`]: the votes of m labeling functions on n records, as unique rows with counts.
//! - [`LabelModel`], [`SoftLabels`], [`Predict`]: from votes, or from records, to a distribution over classes.
//! - [`Embed`]: from records to points in space.
//! - [`metrics`]: how good those distributions are where gold labels are known.
//! - [`Observer`], [`Event`]: how long work reports and is stopped.
//!
//! Everywhere n counts data points, m labeling functions and k classes, in that order.

mod class;
mod dataset;
mod error;
mod events;
mod label_matrix;
pub mod metrics;
mod model;
mod patterns;
mod soft_labels;

pub use class::{ClassId, ClassSet, MAX_CLASSES, Vote};
pub use dataset::{Column, Dataset, Row, Value, is_text};
pub use error::CoreError;
pub use events::{Event, Observer, Silent, Stage};
pub use label_matrix::{LabelMatrix, LabelMatrixBuilder};
pub use model::{BoxError, Embed, LabelModel, Predict};
pub use patterns::{LfVote, VotePatterns};
pub use soft_labels::SoftLabels;
