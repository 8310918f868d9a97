//! Agreement by hand, and beside scikit-learn, statsmodels and the package krippendorff.

use proptest::prelude::*;
use serde::Deserialize;
use synth_audit::{AuditError, Ratings, Scale, Weights, interpretation};

use crate::shared;

#[derive(Deserialize)]
struct Reference {
    complete: Vec<Vec<i64>>,
    missing_is_minus1: Vec<Vec<i64>>,
    cohen: Cohen,
    fleiss: f64,
    krippendorff: Krippendorff,
}

#[derive(Deserialize)]
struct Cohen {
    none: f64,
    linear: f64,
    quadratic: f64,
}

#[derive(Deserialize)]
struct Krippendorff {
    complete: Scales,
    missing: Scales,
}

#[derive(Deserialize)]
struct Scales {
    nominal: f64,
    ordinal: f64,
    interval: f64,
}

fn ratings(rows: &[Vec<i64>]) -> Ratings {
    let cells = rows.iter().flatten().map(|cell| u32::try_from(*cell).ok()).collect();
    Ratings::new(rows[0].len(), cells).unwrap()
}

#[track_caller]
fn near(got: Option<f64>, expected: f64) {
    let got = got.unwrap();
    assert!((got - expected).abs() < 1e-9, "{got} {expected}");
}

#[test]
fn coefficients_are_those_of_the_reference_programs() {
    let Some(path) = shared("reference/agreement.json") else { return };
    let reference: Reference = serde_json::from_slice(&std::fs::read(path).unwrap()).unwrap();
    let (complete, missing) = (ratings(&reference.complete), ratings(&reference.missing_is_minus1));
    near(complete.cohen_kappa(0, 1, Weights::None).unwrap(), reference.cohen.none);
    near(complete.cohen_kappa(0, 1, Weights::Linear).unwrap(), reference.cohen.linear);
    near(complete.cohen_kappa(0, 1, Weights::Quadratic).unwrap(), reference.cohen.quadratic);
    near(complete.fleiss_kappa().unwrap(), reference.fleiss);
    for (ratings, expected) in
        [(&complete, &reference.krippendorff.complete), (&missing, &reference.krippendorff.missing)]
    {
        near(ratings.krippendorff_alpha(Scale::Nominal), expected.nominal);
        near(ratings.krippendorff_alpha(Scale::Ordinal), expected.ordinal);
        near(ratings.krippendorff_alpha(Scale::Interval), expected.interval);
    }
    assert!(matches!(missing.fleiss_kappa(), Err(AuditError::UnequalRatings { .. })));
}

#[test]
fn kappa_by_hand() {
    // Cohen's own formula: observed .7, by chance .5.
    let pair = |a: u32, b: u32, n: usize| vec![vec![i64::from(a), i64::from(b)]; n];
    let table = ratings(&[pair(0, 0, 20), pair(0, 1, 5), pair(1, 0, 10), pair(1, 1, 15)].concat());
    near(table.cohen_kappa(0, 1, Weights::None).unwrap(), 0.4);
    near(table.observed_agreement(0, 1).unwrap(), 0.7);
    // With two categories weights change nothing.
    near(table.cohen_kappa(0, 1, Weights::Quadratic).unwrap(), 0.4);
    let pairwise = table.pairwise_kappa(Weights::None);
    near(pairwise[1][0], 0.4);
    assert_eq!(pairwise[0][0], Some(1.0));
}

#[test]
fn alpha_by_hand() {
    // Krippendorff (2011), example C: four annotators, twelve units, with ratings missing.
    let table = [
        [1, 1, -1, 1],
        [2, 2, 3, 2],
        [3, 3, 3, 3],
        [3, 3, 3, 3],
        [2, 2, 2, 2],
        [1, 2, 3, 4],
        [4, 4, 4, 4],
        [1, 1, 2, 1],
        [2, 2, 2, 2],
        [-1, 5, 5, 5],
        [-1, -1, 1, 1],
        [-1, -1, 3, -1],
    ];
    let table = ratings(&table.map(|row| row.to_vec()));
    let rounded = |scale| (table.krippendorff_alpha(scale).unwrap() * 1000.0).round() / 1000.0;
    assert_eq!([Scale::Nominal, Scale::Ordinal, Scale::Interval].map(rounded), [0.743, 0.815, 0.849]);
}

#[test]
fn what_is_undefined_is_said_to_be() {
    let constant = ratings(&vec![vec![1, 1, 1]; 10]);
    assert_eq!(constant.cohen_kappa(0, 1, Weights::None).unwrap(), None);
    assert_eq!(constant.fleiss_kappa().unwrap(), None);
    assert_eq!(constant.krippendorff_alpha(Scale::Nominal), None);
    let nobody_twice = ratings(&[vec![1, -1], vec![-1, 0], vec![1, -1]]);
    assert_eq!(nobody_twice.cohen_kappa(0, 1, Weights::None).unwrap(), None);
    assert_eq!(nobody_twice.observed_agreement(0, 1).unwrap(), None);
    assert_eq!(nobody_twice.krippendorff_alpha(Scale::Interval), None);
    assert_eq!(nobody_twice.fleiss_kappa().unwrap(), None);
    let message = |error: AuditError| error.to_string();
    assert_eq!(
        message(Ratings::new(1, vec![Some(0)]).unwrap_err()),
        "`n_annotators` is 1, expected two or more, who can agree"
    );
    assert_eq!(message(Ratings::new(2, vec![None, None]).unwrap_err()), "there are no ratings");
    assert_eq!(message(Ratings::new(2, vec![Some(0); 3]).unwrap_err()), "there are 3 ratings for 4 rows");
    assert!(constant.cohen_kappa(0, 3, Weights::None).is_err());
    assert_eq!(
        [-0.1, 0.0, 0.3, 0.61, 1.0].map(interpretation),
        ["poor", "slight", "fair", "substantial", "almost perfect"]
    );
}

#[test]
fn values_count_on_a_scale_of_intervals() {
    let table = ratings(&[vec![0, 1], vec![1, 1], vec![2, 2], vec![0, 0]]);
    let alpha =
        |values: [f64; 3]| table.clone().with_values(values.to_vec()).unwrap().krippendorff_alpha(Scale::Interval);
    assert_eq!(alpha([0.0, 1.0, 2.0]), table.krippendorff_alpha(Scale::Interval));
    near(alpha([10.0, 20.0, 30.0]), alpha([0.0, 1.0, 2.0]).unwrap());
    assert!(alpha([0.0, 1.0, 100.0]) > alpha([0.0, 1.0, 2.0]));
    assert!(table.clone().with_values(vec![0.0]).is_err() && table.with_values(vec![f64::NAN; 3]).is_err());
}

proptest! {
    #[test]
    fn nobody_agrees_more_than_always(cells in prop::collection::vec(prop::option::of(0u32..4), 3..60)) {
        let n = cells.len() / 3 * 3;
        let Ok(ratings) = Ratings::new(3, cells[..n].to_vec()) else { return Ok(()) };
        for scale in [Scale::Nominal, Scale::Ordinal, Scale::Interval] {
            prop_assert!(ratings.krippendorff_alpha(scale).is_none_or(|alpha| alpha <= 1.0 + 1e-12));
        }
        let (there, back) = (ratings.cohen_kappa(0, 1, Weights::Linear)?, ratings.cohen_kappa(1, 0, Weights::Linear)?);
        prop_assert!(there.is_none_or(|kappa| kappa <= 1.0));
        prop_assert_eq!(there.map(|x| (x * 1e9).round()), back.map(|x| (x * 1e9).round()));
    }
}
