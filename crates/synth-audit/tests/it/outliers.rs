//! Outliers among points that are planted.

use ndarray::{Array2, array};
use proptest::prelude::*;
use synth_audit::{IsolationForest, IsolationForestSettings, Neighbours, local_outlier_factors};

/// Points of a formula, the same everywhere: two clusters of 100, the second one ten times as wide, and two that lie apart.
fn clusters() -> Array2<f64> {
    let noise = |row: usize, column: usize| ((row * 37 + column * 91) % 101) as f64 / 101.0;
    let mut points = Array2::from_shape_fn((202, 3), |(row, column)| match row {
        0..100 => noise(row, column),
        100..200 => 20.0 + 10.0 * noise(row * 3, column),
        _ => 0.0,
    });
    points.row_mut(200).fill(2.5);
    points.row_mut(201).fill(60.0);
    points
}

fn ranked(scores: &[f64]) -> Vec<usize> {
    let mut order: Vec<usize> = (0..scores.len()).collect();
    order.sort_by(|a, b| scores[*b].total_cmp(&scores[*a]));
    order
}

#[test]
fn what_lies_apart_is_found() {
    let points = clusters();
    let neighbours = Neighbours::of(points.view(), 10).unwrap();
    let factors = local_outlier_factors(&neighbours);
    // Near the dense cluster, but not in it: what distances alone do not see.
    let mut first = ranked(&factors)[..2].to_vec();
    first.sort_unstable();
    assert_eq!(first, [200, 201]);
    assert_eq!(ranked(&neighbours.mean_distances())[0], 201);
    let settings = IsolationForestSettings::default();
    let forest = IsolationForest::of(points.view(), &settings).unwrap();
    let scores = forest.scores(points.view()).unwrap();
    assert_eq!(ranked(&scores)[0], 201);
    assert!(scores.iter().all(|score| (0.0..=1.0).contains(score)));
    // The seed decides, the threads do not.
    let pool = rayon::ThreadPoolBuilder::new().num_threads(3).build().unwrap();
    pool.install(|| {
        let again = IsolationForest::of(points.view(), &settings).unwrap().scores(points.view()).unwrap();
        assert_eq!(again, scores);
        assert_eq!(Neighbours::of(points.view(), 10).unwrap(), neighbours);
    });
    let other = IsolationForest::of(points.view(), &IsolationForestSettings { seed: 1, ..settings }).unwrap();
    assert_ne!(other.scores(points.view()).unwrap(), scores);
}

#[test]
fn many_points_are_compared_block_by_block() {
    // More than are compared at once, either way. Of a formula, so that no two pairs are equally far.
    let points = Array2::from_shape_fn((2_600, 3), |(row, column)| ((row * 3 + column) as f64 * 12.9898).sin());
    let of = |threads: usize| {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
        pool.install(|| Neighbours::of(points.view(), 7).unwrap())
    };
    let neighbours = of(1);
    assert_eq!(neighbours, of(3));
    for row in (0..2_600).step_by(97) {
        let distance = |other: usize| {
            let apart = &points.row(row) - &points.row(other);
            apart.dot(&apart).sqrt()
        };
        let mut all: Vec<(f64, u32)> =
            (0..2_600).filter(|other| *other != row).map(|other| (distance(other), other as u32)).collect();
        all.sort_by(|a, b| a.0.total_cmp(&b.0));
        assert_eq!(neighbours.rows(row), all[..7].iter().map(|(_, other)| *other).collect::<Vec<_>>());
    }
}

#[derive(serde::Deserialize)]
struct Reference {
    points: Vec<Vec<f64>>,
    outlier_factors: Vec<f64>,
    isolation: Vec<f64>,
}

#[test]
fn scores_are_those_of_scikit_learn() {
    // By fixtures/outliers.py.
    let reference: Reference = serde_json::from_str(include_str!("../fixtures/outliers.json")).unwrap();
    let (n, d) = (reference.points.len(), reference.points[0].len());
    let points = Array2::from_shape_vec((n, d), reference.points.concat()).unwrap();
    let factors = local_outlier_factors(&Neighbours::of(points.view(), 5).unwrap());
    for (got, expected) in factors.iter().zip(&reference.outlier_factors) {
        assert!((got - expected).abs() < 1e-9, "{got} {expected}");
    }
    // Other trees, so other scores, but of a thousand trees nearly the same.
    let settings = IsolationForestSettings { n_trees: 1_000, ..IsolationForestSettings::default() };
    let scores = IsolationForest::of(points.view(), &settings).unwrap().scores(points.view()).unwrap();
    for (got, expected) in scores.iter().zip(&reference.isolation) {
        assert!((got - expected).abs() < 0.02, "{got} {expected}");
    }
}

#[test]
fn odd_points_have_sound_results() {
    // All the same: nothing lies apart.
    let same = Array2::from_elem((30, 4), 0.3);
    let neighbours = Neighbours::of(same.view(), 5).unwrap();
    assert!(neighbours.mean_distances().iter().all(|distance| *distance == 0.0));
    assert!(local_outlier_factors(&neighbours).iter().all(|factor| (factor - 1.0).abs() < 1e-9));
    let forest = IsolationForest::of(same.view(), &IsolationForestSettings::default()).unwrap();
    let scores = forest.scores(same.view()).unwrap();
    assert!(scores.iter().all(|score| score.is_finite() && *score == scores[0]));
    // One point, one coordinate, constant columns.
    assert!(IsolationForest::of(array![[1.0]].view(), &IsolationForestSettings::default()).is_ok());
    let constant = array![[1.0, 5.0], [2.0, 5.0], [9.0, 5.0]];
    let forest = IsolationForest::of(constant.view(), &IsolationForestSettings::default()).unwrap();
    assert_eq!(ranked(&forest.scores(constant.view()).unwrap())[0], 2);

    let message = |points: Array2<f64>, k| Neighbours::of(points.view(), k).unwrap_err().to_string();
    assert_eq!(message(array![[1.0], [f64::NAN]], 1), "row 1, column 0 is NaN, expected a finite number");
    assert_eq!(message(array![[1.0], [2.0]], 2), "`k` is 2, expected 1 or more, and less than there are points");
    assert_eq!(message(Array2::zeros((0, 3)), 1), "there are no points");
    // Whose mean is that of infinities.
    let huge =
        Array2::from_shape_fn((16, 1), |(row, _)| [1.7e308, -1.7e308, 0.0, 1.0][if row % 8 < 2 { row % 2 } else { 2 }]);
    assert!(message(huge, 3).ends_with("are too large to tell distances"));
    assert!(forest.scores(array![[1.0]].view()).is_err());
    assert!(
        IsolationForest::of(constant.view(), &IsolationForestSettings { sample: 1, ..Default::default() }).is_err()
    );
}

proptest! {
    #[test]
    fn neighbours_are_those_of_a_plain_search(numbers in prop::collection::vec(-3i32..4, 8..80), d in 1usize..4) {
        let n = numbers.len() / d;
        let points = Array2::from_shape_vec((n, d), numbers[..n * d].iter().map(|x| f64::from(*x)).collect()).unwrap();
        let k = 1 + n / 3;
        prop_assume!(k < n);
        let neighbours = Neighbours::of(points.view(), k).unwrap();
        for row in 0..n {
            let mut all: Vec<(f64, u32)> = (0..n).filter(|other| *other != row).map(|other| {
                let apart = &points.row(row) - &points.row(other);
                (apart.dot(&apart).sqrt(), other as u32)
            }).collect();
            all.sort_by(|a, b| a.0.total_cmp(&b.0).then(a.1.cmp(&b.1)));
            // Which of several equally far ones is the last may be decided by rounding.
            let distances: Vec<f64> = all[..k].iter().map(|(distance, _)| *distance).collect();
            for (got, expected) in neighbours.distances(row).iter().zip(&distances) {
                prop_assert!((got - expected).abs() < 1e-9);
            }
        }
    }
}
