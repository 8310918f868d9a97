//! End models: what soft labels are for.
//!
//! ```
//! use ndarray::array;
//! use synth_core::{ClassSet, Dataset, Predict, Silent};
//! use synth_learn::{FeatureSpec, Features, TextSpec, Trainer};
//!
//! let records = Dataset::of_texts("text", ["so good", "good film", "so bad", "bad film"]);
//! let soft = array![[0.9, 0.1], [0.8, 0.2], [0.2, 0.8], [0.1, 0.9]];
//!
//! let spec = FeatureSpec { texts: vec![TextSpec::of("text")], ..FeatureSpec::default() };
//! let features = Features::fit(spec, [Ok(records.clone())], |_| true)?;
//! let matrix = features.of_records(&records)?;
//! let training = Trainer::default().train(&matrix, soft.view(), &[1.0; 4], &Silent)?;
//! let classifier = training.classifier(ClassSet::new(["pos", "neg"])?, features)?;
//! assert_eq!(classifier.predict(&records)?.n_rows(), 4);
//! # Ok::<(), Box<dyn std::error::Error + Send + Sync>>(())
//! ```
//!
//! In the order in which data passes through them:
//!
//! - [`FeatureSpec`], [`Features`], [`SparseMatrix`]: what a model sees of records.
//! - [`LogisticRegression`]: the model, fitted on soft labels.
//! - [`Trainer`], [`Training`]: L2 by cross-validation, out-of-fold probabilities.
//! - [`Calibration`]: probabilities that mean what they say.
//! - [`Classifier`]: features, model and calibration as one; a [`Predict`](synth_core::Predict), saved and loaded.
//! - [`Evaluation`]: how good it is where gold is known.
//! - [`LearningCurve`]: how many hand labels it is worth.

mod calibration;
mod classifier;
mod error;
mod evaluation;
mod features;
mod folds;
mod learning_curve;
mod logistic;
mod saved;
mod softmax;
mod sparse;

pub use calibration::Calibration;
pub use classifier::{CalibratedOn, Classifier, L2_GRID, Trainer, Training, TrainingReport, one_hot};
pub use error::LearnError;
pub use evaluation::{Bin, ClassScores, Evaluation, Interval};
pub use features::{FeatureSpec, Features, TextSpec};
pub use learning_curve::{CurvePoint, LearningCurve, Spread, Worth};
pub use logistic::{LogisticFit, LogisticModel, LogisticRegression, StopReason};
pub use sparse::SparseMatrix;
