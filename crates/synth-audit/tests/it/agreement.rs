//! Agreement by hand, and beside scikit-learn, statsmodels and the package krippendorff.

use proptest::prelude::*;
use serde::Deserialize;
use synth_audit::{AuditError, Ratings, Scale, Weights, interpretation};
use synth_core::{ClassId, ClassSet, LabelMatrixBuilder, LfVote};

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

fn kappa(ratings: &Ratings, one: usize, other: usize, weights: Weights) -> Option<f64> {
    ratings.pair(one, other).unwrap().cohen_kappa(weights)
}

#[track_caller]
fn near(got: Option<f64>, expected: f64) {
    near_by(got, expected, 1e-9);
}

#[track_caller]
fn near_by(got: Option<f64>, expected: f64, by: f64) {
    let got = got.unwrap();
    assert!((got - expected).abs() < by, "{got} {expected}");
}

#[test]
fn coefficients_are_those_of_the_reference_programs() {
    let Some(path) = shared("reference/agreement.json") else { return };
    let reference: Reference = serde_json::from_slice(&std::fs::read(path).unwrap()).unwrap();
    let (complete, missing) = (ratings(&reference.complete), ratings(&reference.missing_is_minus1));
    near(kappa(&complete, 0, 1, Weights::None), reference.cohen.none);
    near(kappa(&complete, 0, 1, Weights::Linear), reference.cohen.linear);
    near(kappa(&complete, 0, 1, Weights::Quadratic), reference.cohen.quadratic);
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
    near(kappa(&table, 0, 1, Weights::None), 0.4);
    near(table.pair(0, 1).unwrap().observed_agreement(), 0.7);
    // With two categories weights change nothing.
    near(kappa(&table, 0, 1, Weights::Quadratic), 0.4);
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
    assert_eq!(kappa(&constant, 0, 1, Weights::None), None);
    assert_eq!(constant.fleiss_kappa().unwrap(), None);
    assert_eq!(constant.krippendorff_alpha(Scale::Nominal), None);
    let nobody_twice = ratings(&[vec![1, -1], vec![-1, 0], vec![1, -1]]);
    assert_eq!(kappa(&nobody_twice, 0, 1, Weights::None), None);
    assert_eq!(nobody_twice.pair(0, 1).unwrap().observed_agreement(), None);
    assert_eq!(nobody_twice.krippendorff_alpha(Scale::Interval), None);
    assert_eq!(nobody_twice.fleiss_kappa().unwrap(), None);
    let message = |error: AuditError| error.to_string();
    assert_eq!(
        message(Ratings::new(1, vec![Some(0)]).unwrap_err()),
        "`n_annotators` is 1, expected two or more, who can agree"
    );
    assert_eq!(message(Ratings::new(2, vec![None, None]).unwrap_err()), "there are no ratings");
    assert_eq!(message(Ratings::new(2, vec![Some(0); 3]).unwrap_err()), "there are 3 ratings for 4 rows");
    assert!(constant.pair(0, 3).is_err());
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

#[test]
fn pairs_are_those_who_rated_the_same() {
    // Numbers of categories may be large; annotators 0 and 2 share no item.
    let (a, b) = (Some(7), Some(u32::MAX));
    let cells = vec![a, a, None, b, a, None, None, b, b, None, None, None];
    let table = Ratings::new(3, cells).unwrap();
    assert_eq!((table.n_items(), table.n_ratings()), (4, 6));
    let pairs: Vec<_> =
        table.pairs().map(|pair| (pair.annotators(), pair.n_items(), pair.observed_agreement())).collect();
    assert_eq!(pairs, [([0, 1], 2, Some(0.5)), ([1, 2], 1, Some(1.0))]);
    assert_eq!(table.pairs().next().unwrap(), table.pair(0, 1).unwrap());
}

#[test]
fn many_annotators_with_few_ratings_take_little() {
    // As a matrix of items and annotators it would take 60 GB.
    let classes = ClassSet::new(["a", "b", "c"]).unwrap();
    let names = (0..100_000).map(|annotator| format!("w{annotator}"));
    let mut votes = LabelMatrixBuilder::new(classes, names).unwrap();
    for item in 0..100_000u32 {
        let vote = |lf_idx, class: u32| LfVote { lf_idx, class: ClassId::new((class % 3) as u16) };
        votes.push_sparse(&[vote(item / 2, item), vote(50_000 + item / 2, item + u32::from(item % 4 == 0))]).unwrap();
    }
    let ratings = Ratings::of_votes(&votes.finish()).unwrap();
    assert_eq!(ratings.pairs().count(), 50_000);
    // A quarter of the pairs differ, of two thirds by chance.
    near_by(ratings.krippendorff_alpha(Scale::Nominal), 1.0 - 0.25 / (2.0 / 3.0), 1e-4);
}

proptest! {
    #[test]
    fn alpha_is_what_its_formula_says(cells in prop::collection::vec(prop::option::of(0u32..5), 4..80)) {
        let n = cells.len() / 4 * 4;
        let Ok(ratings) = Ratings::new(4, cells[..n].to_vec()) else { return Ok(()) };
        // Krippendorff (2011), by the matrix of coincidences.
        let mut together = [[0.0; 5]; 5];
        for item in cells[..n].chunks(4) {
            let said: Vec<usize> = item.iter().flatten().map(|category| *category as usize).collect();
            for (i, a) in said.iter().enumerate() {
                for (j, b) in said.iter().enumerate() {
                    if i != j {
                        together[*a][*b] += 1.0 / (said.len() - 1) as f64;
                    }
                }
            }
        }
        let of: Vec<f64> = together.iter().map(|row| row.iter().sum()).collect();
        let total: f64 = of.iter().sum();
        for scale in [Scale::Nominal, Scale::Ordinal, Scale::Interval] {
            let apart = |a: usize, b: usize| match scale {
                Scale::Nominal => f64::from(u8::from(a != b)),
                Scale::Interval => (a as f64 - b as f64).powi(2),
                Scale::Ordinal => {
                    let (low, high) = (a.min(b), a.max(b));
                    let between: f64 = of[low..=high].iter().sum();
                    if a == b { 0.0 } else { (between - (of[low] + of[high]) / 2.0).powi(2) }
                }
            };
            let all = || (0..5).flat_map(|a| (0..5).map(move |b| (a, b)));
            let observed: f64 = all().map(|(a, b)| together[a][b] * apart(a, b)).sum();
            let expected: f64 = all().map(|(a, b)| of[a] * of[b] * apart(a, b)).sum();
            match ratings.krippendorff_alpha(scale) {
                None => prop_assert!(expected == 0.0),
                Some(alpha) => prop_assert!((alpha - (1.0 - (total - 1.0) * observed / expected)).abs() < 1e-9),
            }
        }
    }

    #[test]
    fn nobody_agrees_more_than_always(cells in prop::collection::vec(prop::option::of(0u32..4), 3..60)) {
        let n = cells.len() / 3 * 3;
        let Ok(ratings) = Ratings::new(3, cells[..n].to_vec()) else { return Ok(()) };
        for scale in [Scale::Nominal, Scale::Ordinal, Scale::Interval] {
            prop_assert!(ratings.krippendorff_alpha(scale).is_none_or(|alpha| alpha <= 1.0 + 1e-12));
        }
        let (there, back) = (kappa(&ratings, 0, 1, Weights::Linear), kappa(&ratings, 1, 0, Weights::Linear));
        prop_assert!(there.is_none_or(|kappa| kappa <= 1.0));
        prop_assert_eq!(there.map(|x| (x * 1e9).round()), back.map(|x| (x * 1e9).round()));
    }
}
