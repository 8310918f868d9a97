//! Labeling functions: Rust closures, the .lf language, and how they are applied in parallel.
//!
//! ```
//! use synth_core::{ClassSet, Silent};
//! use synth_lf::{LfSet, lang::{Source, compile}};
//! # use std::sync::Arc;
//! # use arrow_array::{ArrayRef, RecordBatch, StringArray};
//! # let body: ArrayRef = Arc::new(StringArray::from(vec!["see www.example.com", "thanks", "well, hello there"]));
//! # let records = synth_core::Dataset::new(RecordBatch::try_from_iter([("body", body)])?);
//!
//! let classes = ClassSet::new(["ham", "spam"])?;
//! let (ham, spam) = (classes.id("ham"), classes.id("spam"));
//! let mut lfs = LfSet::new(classes);
//!
//! // A closure: `?` on a value that is missing abstains.
//! lfs.add("short", move |r| if r.text("body")?.len() < 10 { ham } else { None })?;
//! // Ready-made kinds.
//! lfs.add_keywords("polite", "body", ["thanks", "hello"], ham.unwrap())?;
//! // A file in the .lf language.
//! let source = Source::new("spam.lf", "classes ham, spam\nlf link spam when body contains \"www.\"");
//! let program = compile(&[source], None, &|path, _| std::fs::read_to_string(path)).program.unwrap();
//! lfs.add_program(program)?;
//!
//! let applied = lfs.apply([Ok(records)], &Silent)?;
//! assert_eq!(applied.matrix.lf_names(), ["short", "polite", "link"]);
//! assert_eq!(applied.matrix.vote(0, 2), spam);
//! assert_eq!(applied.matrix.vote(1, 0), ham);
//! assert_eq!(applied.matrix.vote(2, 0), None);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! - [`LfSet`]: labeling functions of any kind, in column order; [`RecordLfs`]: closures over a struct of yours.
//! - [`Applied`]: the label matrix, and the [`Faults`]: calls that failed or panicked, which are no abstains.
//! - [`PromptVoter`]: the model that functions ask which are written with `ask`.
//! - [`lang`]: the .lf language, its diagnostics and its formatter.

mod apply;
mod engine;
mod error;
mod faults;
pub mod lang;
mod prompted;
mod record;
mod row_value;
mod set;

pub use error::{FieldProblem, LfError};
pub use faults::{Fault, Faults, LfFaults};
pub use prompted::{PromptVoter, Question};
pub use record::RecordLfs;
pub use set::{Applied, Asked, Explanation, Found, LfSet};
