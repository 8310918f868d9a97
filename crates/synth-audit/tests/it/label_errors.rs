//! Label errors by hand, and beside cleanlab 2.9.0.

use std::collections::BTreeMap;

use ndarray::{Array2, array};
use proptest::prelude::*;
use serde::Deserialize;
use synth_audit::{AuditError, LabelScore, LabeledProbs, SelectionRule};
use synth_core::ClassId;

use crate::shared;

#[derive(Deserialize)]
struct Reference {
    labels: Vec<u16>,
    pred_probs: Vec<Vec<f64>>,
    thresholds: Vec<f64>,
    confident_joint: Vec<Vec<u64>>,
    confident_joint_uncalibrated: Vec<Vec<u64>>,
    est_py: Vec<f64>,
    noise_matrix: Vec<Vec<f64>>,
    inverse_noise_matrix: Vec<Vec<f64>>,
    quality: BTreeMap<String, Vec<f64>>,
    issues: BTreeMap<String, Vec<usize>>,
}

fn ids(labels: &[u16]) -> Vec<ClassId> {
    labels.iter().map(|label| ClassId::new(*label)).collect()
}

fn matrix(rows: &[Vec<f64>]) -> Array2<f64> {
    Array2::from_shape_vec((rows.len(), rows[0].len()), rows.concat()).unwrap()
}

#[track_caller]
fn near<'a>(got: impl IntoIterator<Item = &'a f64>, expected: &[f64]) {
    let got: Vec<f64> = got.into_iter().copied().collect();
    assert_eq!(got.len(), expected.len());
    let farthest = got.iter().zip(expected).map(|(a, b)| (a - b).abs()).fold(0.0, f64::max);
    assert!(farthest < 1e-9, "{farthest}");
}

#[test]
fn errors_are_those_of_cleanlab() {
    let Some(path) = shared("reference/cleanlab_n2000_k4.json") else { return };
    let reference: Reference = serde_json::from_slice(&std::fs::read(path).unwrap()).unwrap();
    let (labels, probs) = (ids(&reference.labels), matrix(&reference.pred_probs));
    let given = LabeledProbs::new(&labels, probs.view()).unwrap();
    let joint = given.confident_joint();
    near(joint.thresholds(), &reference.thresholds);
    assert_eq!(joint.confident().flatten().to_vec(), reference.confident_joint_uncalibrated.concat());
    assert_eq!(joint.counts().flatten().to_vec(), reference.confident_joint.concat());
    let noise = joint.noise();
    near(&noise.prior, &reference.est_py);
    near(&noise.noise, &reference.noise_matrix.concat());
    near(&noise.inverse_noise, &reference.inverse_noise_matrix.concat());
    for rule in SelectionRule::ALL {
        let name = rule.name().replace('-', "_").replace("not_given", "neq_given");
        assert_eq!(given.label_errors(&joint, rule), reference.issues[&name], "{name}");
    }
    for score in LabelScore::ALL {
        let expected = &reference.quality[&score.name().replace('-', "_")];
        near(&given.scores(score), expected);
        // The same order, whatever the rule.
        for rule in SelectionRule::ALL {
            let errors = given.label_errors(&joint, rule);
            let mut order = errors.clone();
            order.sort_by(|a, b| expected[*a].total_cmp(&expected[*b]));
            assert_eq!(given.ranked(&errors, score), order, "{} {}", rule.name(), score.name());
        }
    }
    let health = joint.health();
    let wrong: u64 = health.classes.iter().map(|class| class.n_wrong).sum();
    assert!((health.score - (1.0 - wrong as f64 / 2000.0)).abs() < 1e-12);
    assert_eq!(wrong, health.pairs.iter().map(|pair| pair.n).sum::<u64>());
    assert!(health.classes.is_sorted_by(|a, b| a.label_noise >= b.label_noise));
    assert_eq!((health.pairs[0].label.index(), health.pairs[0].class.index(), health.pairs[0].n), (0, 3, 35));
}

/// Four that are right, one labelled 0 that is of class 1.
fn small() -> (Vec<ClassId>, Array2<f64>) {
    (ids(&[0, 0, 0, 1, 1]), array![[0.9, 0.1], [0.8, 0.2], [0.1, 0.9], [0.1, 0.9], [0.2, 0.8]])
}

#[test]
fn counts_by_hand() {
    let (labels, probs) = small();
    let given = LabeledProbs::new(&labels, probs.view()).unwrap();
    let joint = given.confident_joint();
    // Means of what was given: (.9 + .8 + .1) / 3 and (.9 + .8) / 2. The last reaches neither.
    near(joint.thresholds(), &[0.6, 0.85]);
    assert_eq!(joint.confident(), &array![[2, 1], [0, 1]]);
    assert_eq!(joint.counts(), &array![[2, 1], [0, 2]]);
    for rule in SelectionRule::ALL {
        assert_eq!(given.label_errors(&joint, rule), [2], "{}", rule.name());
    }
    near(&given.scores(LabelScore::NormalizedMargin), &[0.9, 0.8, 0.1, 0.9, 0.8]);
    assert_eq!(given.ranked(&[0, 1, 2, 3, 4], LabelScore::SelfConfidence), [2, 1, 4, 0, 3]);
}

#[test]
fn what_is_certain_is_right_or_wrong() {
    let (labels, probs) = (ids(&[0, 1, 1]), array![[1.0, 0.0], [1.0, 0.0], [0.5, 0.5]]);
    let given = LabeledProbs::new(&labels, probs.view()).unwrap();
    let scores = given.scores(LabelScore::ConfidenceWeightedEntropy);
    // An entropy of 1 over a probability of .5: ln(1 + 2) / 2.
    near(&scores, &[1.0, 0.0, 3f64.ln() / 2.0]);
}

#[test]
fn threads_change_nothing() {
    // More rows than are worked on together.
    let n: usize = 30_000;
    let noise = |row: usize| ((row * 7919) % 1009) as f64 / 1009.0;
    let labels = ids(&(0..n).map(|row| (row % 3) as u16).collect::<Vec<_>>());
    let probs = Array2::from_shape_fn((n, 3), |(row, class)| {
        let right = 0.1 + 0.8 * noise(row);
        if class == row % 3 {
            right
        } else {
            (1.0 - right) * [noise(row + 5), 1.0 - noise(row + 5)][(class + 3 - row % 3) % 3 - 1]
        }
    });
    let of = |threads: usize| {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
        pool.install(|| {
            let given = LabeledProbs::new(&labels, probs.view()).unwrap();
            let joint = given.confident_joint();
            let errors = SelectionRule::ALL.map(|rule| given.label_errors(&joint, rule));
            (joint, LabelScore::ALL.map(|score| given.ranked(&errors[0], score)), errors)
        })
    };
    let alone = of(1);
    assert!(alone.2.iter().all(|errors| errors.len() > 1000));
    assert_eq!(alone, of(3));
}

#[test]
fn the_same_of_32_bits() {
    let (labels, probs) = small();
    let narrow = probs.mapv(|p| p as f32);
    let (wide, narrow) =
        (LabeledProbs::new(&labels, probs.view()).unwrap(), LabeledProbs::new(&labels, narrow.view()).unwrap());
    assert_eq!(wide.confident_joint().counts(), narrow.confident_joint().counts());
}

#[test]
fn odd_data_has_sound_results() {
    // A class that nothing is labelled with, and one with a single example, which stays.
    let labels = ids(&[0, 0, 2]);
    let probs = array![[0.1, 0.8, 0.1], [0.9, 0.05, 0.05], [0.7, 0.2, 0.1]];
    let given = LabeledProbs::new(&labels, probs.view()).unwrap();
    let joint = given.confident_joint();
    assert_eq!(joint.counts().sum_axis(ndarray::Axis(1)).to_vec(), [2, 0, 1]);
    for rule in [SelectionRule::PruneByNoiseRate, SelectionRule::PruneByClass, SelectionRule::Both] {
        assert!(!given.label_errors(&joint, rule).contains(&2));
    }
    assert_eq!(given.label_errors(&joint, SelectionRule::PredictedNotGiven), [0, 2]);
    assert!(joint.noise().prior.iter().all(|p| p.is_finite()) && joint.health().score.is_finite());
    // One label for all.
    let (labels, probs) = (ids(&[1; 4]), array![[0.5, 0.5], [0.2, 0.8], [0.4, 0.6], [0.9, 0.1]]);
    let given = LabeledProbs::new(&labels, probs.view()).unwrap();
    assert_eq!(given.confident_joint().counts().sum(), 4);
    assert_eq!(given.label_errors(&given.confident_joint(), SelectionRule::PredictedNotGiven), [3]);
}

#[test]
fn what_is_no_distribution_is_refused() {
    let message =
        |labels: &[u16], probs: Array2<f64>| LabeledProbs::new(&ids(labels), probs.view()).unwrap_err().to_string();
    assert_eq!(message(&[0], array![[0.5, 0.6]]), "the probabilities of row 0 sum to 1.1, expected 1");
    assert_eq!(message(&[0, 1], array![[0.5, 0.5], [f64::NAN, 0.5]]), "row 1 has the probability NaN, expected 0 to 1");
    assert_eq!(message(&[0], array![[1.5, -0.5]]), "row 0 has the probability 1.5, expected 0 to 1");
    assert_eq!(
        message(&[0, 0], array![[1.0], [1.0]]),
        "there is 1 class: labels can be wrong only where there are two or more"
    );
    assert_eq!(message(&[2], array![[0.5, 0.5]]), "row 0 has label 2, and there are probabilities of 2 classes");
    assert_eq!(message(&[0], array![[0.5, 0.5], [0.5, 0.5]]), "there are 1 labels for 2 rows");
    assert_eq!(message(&[], Array2::zeros((0, 2))), "there are no labelled examples");
    assert!(matches!(
        LabeledProbs::new(&ids(&[0]), array![[1.0f32, f32::INFINITY]].view()),
        Err(AuditError::NotAProbability { .. })
    ));
}

fn given() -> impl Strategy<Value = (Vec<ClassId>, Array2<f64>)> {
    (2usize..5, 1usize..60).prop_flat_map(|(k, n)| {
        let labels = prop::collection::vec(0..k as u16, n);
        let probs = prop::collection::vec(0.01f64..1.0, n * k);
        (labels, probs).prop_map(move |(labels, probs)| {
            let mut probs = Array2::from_shape_vec((n, k), probs).unwrap();
            for mut row in probs.rows_mut() {
                let sum = row.sum();
                row /= sum;
            }
            (ids(&labels), probs)
        })
    })
}

proptest! {
    #[test]
    fn rules_and_scores_hold_what_they_say((labels, probs) in given()) {
        let given = LabeledProbs::new(&labels, probs.view()).unwrap();
        let joint = given.confident_joint();
        let counts: Vec<u64> = (0..given.n_classes()).map(|k| labels.iter().filter(|l| l.index() == k).count() as u64).collect();
        prop_assert_eq!(joint.counts().sum_axis(ndarray::Axis(1)).to_vec(), counts);
        let of = |rule| given.label_errors(&joint, rule);
        let both = of(SelectionRule::Both);
        let (by_rate, by_class) = (of(SelectionRule::PruneByNoiseRate), of(SelectionRule::PruneByClass));
        let expected: Vec<usize> = by_rate.iter().copied().filter(|row| by_class.contains(row)).collect();
        prop_assert_eq!(both, expected);
        let differing = of(SelectionRule::PredictedNotGiven);
        for rule in SelectionRule::ALL {
            prop_assert!(of(rule).is_sorted() && of(rule).iter().all(|row| differing.contains(row)));
        }
        for score in LabelScore::ALL {
            prop_assert!(given.scores(score).iter().all(|x| (0.0..=1.0).contains(x)));
        }
        for column in joint.noise().noise.columns() {
            prop_assert!((column.sum() - 1.0).abs() < 1e-9 || column.sum() == 0.0);
        }
        let pool = rayon::ThreadPoolBuilder::new().num_threads(3).build().unwrap();
        prop_assert_eq!(pool.install(|| given.confident_joint()), joint);
    }
}
