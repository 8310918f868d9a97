//! Texts, order, drift and weak parts, by hand.

use synth_audit::{AuditError, TextOddity, label_drift, label_order, odd_texts, weak_slices};

#[test]
fn long_texts_are_odd_among_short_ones() {
    let (usual, long, longer) = ("so good ".repeat(3), "x".repeat(223), "x".repeat(225));
    let mut texts = vec![Some(usual.as_str()); 20];
    texts.extend([Some(long.as_str()), Some(longer.as_str()), Some(" "), None]);
    // All quarters are of 24 characters, so 200 more are too many.
    let odd: Vec<_> = odd_texts(&texts).iter().map(|odd| (odd.row, odd.what)).collect();
    assert_eq!(odd, [(21, TextOddity::Long), (22, TextOddity::Empty), (23, TextOddity::Empty)]);
    assert!(odd_texts(&[]).is_empty());
}

#[test]
fn runs_of_two_kinds_by_hand() {
    // Wald and Wolfowitz: of 3 and 3 there are 1 + 2 * 9 / 6 = 4 runs, with a variance of 2 * 9 * (18 - 6) / (36 * 5) = 1.2.
    let order = label_order(&[0, 0, 0, 1, 1, 1]).unwrap();
    assert_eq!((order.runs, order.expected), (2, 4.0));
    assert!((order.sorted - 2.0 / 1.2f64.sqrt()).abs() < 1e-12);
    // Who takes turns is less sorted than chance.
    assert!(label_order(&[0, 1, 0, 1, 0, 1]).unwrap().sorted < 0.0);
    assert_eq!(label_order(&[]), None);
}

#[test]
fn drift_by_hand() {
    // (10 - 15)² / 15 + (20 - 15)² / 15, twice.
    let drift = label_drift(&[10, 20], &[20, 10]).unwrap();
    assert!((drift.chi_squared - 20.0 / 3.0).abs() < 1e-12 && (drift.distance - 1.0 / 3.0).abs() < 1e-12);
    assert_eq!(drift.degrees, 1);
    // A class that is in neither counts for nothing; the same shares are no drift.
    let same = label_drift(&[10, 0, 20], &[100, 0, 200]).unwrap();
    assert_eq!((same.distance, same.degrees), (0.0, 1));
    assert!(same.deviations < 0.0);
    assert_eq!(label_drift(&[3], &[9]).unwrap().deviations, 0.0);
    assert!(matches!(label_drift(&[0], &[9]), Err(AuditError::Empty { .. })));
    assert!(matches!(label_drift(&[1], &[9, 1]), Err(AuditError::Rows { .. })));
}

#[test]
fn weak_parts_by_hand() {
    // 10 of 20 right, and 76 of 80: together .86, so (.95 - .5) / sqrt(.86 * .14 * (1 / 20 + 1 / 80)).
    let keys: Vec<_> = (0..100).map(|row| Some(if row < 20 { "a" } else { "b" })).collect();
    let is_right: Vec<bool> = (0..100).map(|row| !(10..24).contains(&row)).collect();
    let weak = weak_slices(&keys, &is_right);
    assert_eq!((weak.len(), weak[0].key.as_str(), weak[0].n, weak[0].accuracy), (1, "a", 20, 0.5));
    assert!((weak[0].deviations - 0.45 / (0.86 * 0.14 * 0.0625f64).sqrt()).abs() < 1e-12);
    // Too few, all right, all wrong, without a key: no part is weak.
    assert!(weak_slices(&keys[1..], &is_right[1..]).is_empty());
    assert!(weak_slices(&keys, &[true; 100]).is_empty() && weak_slices(&keys, &[false; 100]).is_empty());
    assert!(weak_slices::<&str>(&[None; 100], &is_right).is_empty());
}
