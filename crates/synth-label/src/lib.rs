//! Label models: from the votes of labeling functions to soft labels, and how far each function can be trusted.
//!
//! ```
//! use synth_core::{ClassSet, LabelMatrixBuilder, LabelModel};
//! use synth_label::{Auto, FittedModel, Gold};
//!
//! let classes = ClassSet::new(["ham", "spam"])?;
//! let (ham, spam) = (classes.id("ham"), classes.id("spam"));
//! let mut builder = LabelMatrixBuilder::new(classes, ["links", "subscribe", "praise"])?;
//! builder.push_row([spam, spam, None])?;
//! builder.push_row([None, spam, ham])?;
//! builder.push_row([None, None, ham])?;
//! let matrix = builder.finish();
//!
//! let fit = Auto::default().fit(matrix.patterns(), &Gold::none())?;
//! let soft = fit.model.predict(&matrix)?;
//! assert_eq!(Some(soft.label(0)), spam);
//!
//! // Tomorrow's votes, without fitting again.
//! let tomorrow = FittedModel::from_json(&fit.model.to_json())?;
//! assert_eq!(tomorrow.predict(&matrix)?, soft);
//! # Ok::<(), Box<dyn std::error::Error + Send + Sync>>(())
//! ```
//!
//! - [`Auto`] is the default: it tells from the votes what kind they are ([`World`]) and chooses.
//! - [`Majority`], [`Weighted`], [`DawidSkene`], [`Triplet`] are the others; [`Method`] has them by name.
//! - All are fitted on vote patterns, with [`Gold`] labels where there are some and a [`ClassBalance`] given,
//!   uniform or estimated, and return a [`Fit`]: a [`FittedModel`] that can be saved, why the fit stopped, its trace,
//!   and a [`Report`] of what was chosen, why, and what the votes cannot tell.
//! - Pattern counts of shards are merged with [`VotePatterns::merge`](synth_core::VotePatterns::merge) and fitted as
//!   one; the same rows give the same model, however they were cut.
//! - [`Analysis`] is the table of the functions: coverage, overlaps, conflicts, accuracy, and what looks odd.
//! - A label model of your own implements [`LabelModel`](synth_core::LabelModel) and fits in everywhere.
//!
//! Everywhere n counts data points, m labeling functions and k classes, in that order. Results are the same, bit for
//! bit, at any number of threads.

mod analysis;
mod auto;
mod balance;
mod cells;
mod constants;
mod dawid_skene;
mod deep;
mod duplicates;
mod em;
mod error;
mod fit;
mod gold;
mod majority;
mod method;
mod model;
mod report;
mod saved;
mod shallow;
mod sharpness;
mod special;
#[cfg(test)]
mod testing;
mod triplet;
mod weighted;
mod world;

pub use analysis::{Analysis, Finding, LfSummary, is_against};
pub use auto::Auto;
pub use balance::ClassBalance;
pub use constants::Constants;
pub use dawid_skene::{Abstains, DawidSkene};
pub use error::LabelError;
pub use fit::{Fit, StopReason, TraceStep};
pub use gold::Gold;
pub use majority::Majority;
pub use method::Method;
pub use model::FittedModel;
pub use report::{LfEstimate, Report};
pub use triplet::Triplet;
pub use weighted::Weighted;
pub use world::World;

#[cfg(test)]
mod autotraits {
    #[test]
    fn public_types_cross_threads() {
        fn check<T: Send + Sync>() {}
        check::<crate::Fit>();
        check::<crate::FittedModel>();
        check::<crate::Gold>();
        check::<crate::LabelError>();
        check::<crate::Analysis>();
    }
}
