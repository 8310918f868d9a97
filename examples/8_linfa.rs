//! Soft labels into linfa: for a learner that takes one class a row, and weights.
//!
//!     cargo run --release -p synth-examples --example 8_linfa

mod demo;
#[path = "demo/dense.rs"]
mod dense;

use linfa::Dataset as Rows;
use linfa::traits::{Fit, Predict as _};
use linfa_trees::DecisionTree;
use ndarray::{Array1, Array2};
use synth::core::BoxError;
use synth::prelude::*;

fn main() -> Result<(), BoxError> {
    let (records, soft) = demo::labelled()?;
    let words = TextSpec { words: Some([1, 1]), ..TextSpec::of("text") };
    let spec = FeatureSpec { texts: vec![words], ..FeatureSpec::default() };
    let features = Features::fit(spec, [Ok(records.clone())], |row| soft.covered(row as usize))?;
    let x = dense::dense(&features.of_records(&records)?);

    // A record stands there once for each class, with its probability as weight.
    let covered: Vec<usize> = (0..soft.n_rows()).filter(|&row| soft.covered(row)).collect();
    let k = soft.classes().len();
    let stands = |i: usize| (covered[i / k], i % k);
    let n = covered.len() * k;
    let rows = Array2::from_shape_fn((n, features.n_columns()), |(i, column)| x[[stands(i).0, column]]);
    let classes = Array1::from_shape_fn(n, |i| stands(i).1);
    let weights = Array1::from_shape_fn(n, |i| soft.probs(stands(i).0)[stands(i).1] as f32);
    let tree = DecisionTree::params().max_depth(Some(20)).fit(&Rows::new(rows, classes).with_weights(weights))?;

    let predicted = tree.predict(&x);
    let agree = covered.iter().filter(|&&row| predicted[row] == soft.label(row).index()).count();
    println!("a tree with {} leaves, from {} records, {} rows", tree.num_leaves(), covered.len(), n);
    println!("agrees with the soft labels on {:.0} % of them", 100.0 * agree as f64 / covered.len() as f64);
    assert!(agree as f64 > 0.7 * covered.len() as f64);
    Ok(())
}
