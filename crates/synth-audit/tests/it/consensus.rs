//! The consensus of annotators by hand, and beside cleanlab: see fixtures/crowdlab.py.

use ndarray::{Array2, array};
use serde::Deserialize;
use synth_audit::{AuditError, Consensus};
use synth_core::{ClassId, ClassSet, LabelMatrix, LabelMatrixBuilder};

#[derive(Deserialize)]
struct Recorded {
    votes: Vec<Vec<i64>>,
    probs: Vec<Vec<f64>>,
    consensus: Vec<usize>,
    quality: Vec<f64>,
    model_weight: f64,
}

fn matrix(votes: &[Vec<i64>], k: usize) -> LabelMatrix {
    let classes = ClassSet::new((0..k).map(|class| class.to_string())).unwrap();
    let annotators: Vec<String> = (0..votes[0].len()).map(|annotator| format!("a{annotator}")).collect();
    let mut builder = LabelMatrixBuilder::new(classes, annotators).unwrap();
    for row in votes {
        builder.push_row(row.iter().map(|vote| u16::try_from(*vote).ok().map(ClassId::new))).unwrap();
    }
    builder.finish()
}

#[test]
fn crowdlab_is_that_of_cleanlab() {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/fixtures/crowdlab.json");
    let recorded: Recorded = serde_json::from_slice(&std::fs::read(path).unwrap()).unwrap();
    let probs = Array2::from_shape_vec((80, 3), recorded.probs.concat()).unwrap();
    let consensus = Consensus::with_classifier(&matrix(&recorded.votes, 3), probs.view()).unwrap();
    assert!((consensus.classifier_weight.unwrap() - recorded.model_weight).abs() < 1e-9);
    let labels: Vec<usize> = consensus.labels.iter().map(|label| label.index()).collect();
    assert_eq!(labels, recorded.consensus);
    for (row, (got, expected)) in consensus.quality.iter().zip(&recorded.quality).enumerate() {
        assert!((got - expected).abs() < 1e-9, "item {row}: {got} {expected}");
    }
    // The better an annotator was made, the better they are found to be.
    let quality: Vec<f64> = consensus.annotators.iter().map(|annotator| annotator.quality.unwrap()).collect();
    assert!(quality[0] > quality[3] && quality[3] > quality[5], "{quality:?}");
    let order = consensus.relabel_first();
    assert!(order.is_sorted_by(|a, b| consensus.quality[*a] <= consensus.quality[*b]) && order.len() == 80);
}

#[test]
fn a_label_model_by_hand() {
    let votes = matrix(&[vec![0, 0, -1], vec![1, 0, -1], vec![-1, 1, -1]], 2);
    let probs = array![[0.9, 0.1], [0.4, 0.6], [0.2, 0.8]];
    let consensus = Consensus::by_model(&votes, probs.view()).unwrap();
    assert_eq!(consensus.labels.iter().map(|label| label.index()).collect::<Vec<_>>(), [0, 1, 1]);
    assert_eq!(consensus.quality, [0.9, 0.6, 0.8]);
    assert_eq!(consensus.relabel_first(), [1, 2, 0]);
    let [first, second, nobody] = consensus.annotators[..] else { panic!() };
    assert_eq!((first.n, first.agreement, first.quality), (2, Some(1.0), Some(0.75)));
    assert_eq!((second.n, second.agreement), (3, Some(0.5)));
    assert!((second.quality.unwrap() - (0.9 + 0.4 + 0.8) / 3.0).abs() < 1e-12);
    assert_eq!((nobody.n, nobody.agreement, nobody.quality), (0, None, None));
}

#[test]
fn what_cannot_be_agreed_on() {
    let alone = matrix(&[vec![0, -1], vec![-1, 1]], 2);
    let probs = array![[0.9, 0.1], [0.4, 0.6]];
    let error = Consensus::with_classifier(&alone, probs.view()).unwrap_err();
    assert_eq!(error.to_string(), "there are no items that two annotators labelled");
    assert!(Consensus::by_model(&alone, probs.view()).is_ok());
    assert!(matches!(Consensus::by_model(&alone, array![[0.5, 0.5]].view()), Err(AuditError::Rows { got: 1, .. })));
    let wrong = array![[0.9, 0.1], [f64::NAN, 0.6]];
    assert!(matches!(Consensus::by_model(&alone, wrong.view()), Err(AuditError::NotAProbability { row: 1, .. })));
    // One class, on which everybody agrees.
    let one = matrix(&[vec![0, 0], vec![0, 0]], 1);
    let consensus = Consensus::with_classifier(&one, array![[1.0], [1.0]].view()).unwrap();
    assert!(consensus.quality.iter().all(|quality| quality.is_finite()));
}
