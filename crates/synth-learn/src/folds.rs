//! Folds for cross-validation.

use std::collections::HashMap;

use ndarray::ArrayView2;
use xxhash_rust::xxh3::xxh3_64_with_seed;

use crate::SparseMatrix;
use crate::softmax::most_probable;

/// Deals rows into `n_folds` folds, each with about as many rows of each class (by the most probable one) as the
/// others, and so for the rows that have no weight. Rows with the same features stand in one fold, for a model that saw
/// one of them knows the others by heart; rows without any feature look like nothing and are dealt singly.
///
/// `None` where all rows with a weight would stand in one fold, so that there is nothing to learn from.
pub(crate) fn stratified(
    features: &SparseMatrix,
    targets: ArrayView2<'_, f64>,
    weights: &[f64],
    n_folds: usize,
    seed: u64,
) -> Option<Vec<usize>> {
    let mut first_of: HashMap<u128, usize> = HashMap::new();
    // For each row the first one that looks like it; one with a weight, if there is such.
    let mut group = vec![0; weights.len()];
    let (weighted, others): (Vec<usize>, Vec<usize>) = (0..weights.len()).partition(|&row| weights[row] > 0.0);
    for row in weighted.iter().copied().chain(others) {
        group[row] = match features.row(row).len() {
            0 => row,
            _ => *first_of.entry(features.fingerprint(row)).or_insert(row),
        };
    }
    let mut order: Vec<(bool, usize, u64, usize)> = (0..weights.len())
        .filter(|&row| group[row] == row)
        .map(|row| {
            let shuffled = xxh3_64_with_seed(&(row as u64).to_le_bytes(), seed);
            (weights[row] == 0.0, most_probable(targets.row(row)), shuffled, row)
        })
        .collect();
    order.sort_unstable();
    if order.iter().filter(|(without, ..)| !without).count() < 2 {
        return None;
    }
    let mut folds = vec![0; weights.len()];
    for (i, (.., row)) in order.into_iter().enumerate() {
        folds[row] = i % n_folds;
    }
    (0..folds.len()).for_each(|row| folds[row] = folds[group[row]]);
    Some(folds)
}

#[cfg(test)]
mod tests {
    use ndarray::Array2;

    use super::*;

    /// Rows that all look different.
    fn features(rows: u32) -> SparseMatrix {
        let mut features = SparseMatrix::new(1);
        (0..rows).for_each(|row| features.push_row([(0, f64::from(row) + 1.0)]));
        features
    }

    #[test]
    fn each_fold_has_its_share_of_each_class() {
        // Ten rows of the first class, five of the second.
        let targets = Array2::from_shape_fn((15, 2), |(row, c)| f64::from(u8::from((row < 10) == (c == 0))));
        let deal = |weights: &[f64], seed| stratified(&features(15), targets.view(), weights, 5, seed).unwrap();
        let folds = deal(&[1.0; 15], 1);
        for fold in 0..5 {
            let rows: Vec<usize> = (0..15).filter(|&row| folds[row] == fold).collect();
            assert_eq!((rows.len(), rows.iter().filter(|&&row| row < 10).count()), (3, 2));
        }
        assert_eq!(folds, deal(&[1.0; 15], 1));
        assert_ne!(folds, deal(&[1.0; 15], 2));
        // The only two rows that teach are not in one fold, whatever lies between them.
        let mut weights = [0.0; 15];
        (weights[0], weights[14]) = (1.0, 1.0);
        let folds = deal(&weights, 1);
        assert_ne!(folds[0], folds[14]);
    }

    #[test]
    fn rows_that_look_alike_stand_together() {
        let mut features = SparseMatrix::new(2);
        (0..20u32).for_each(|row| features.push_row([(row % 4 / 2, f64::from(row % 2) + 1.0)]));
        (0..4).for_each(|_| features.push_row([]));
        let targets = Array2::from_elem((24, 2), 0.5);
        let mut weights = vec![1.0; 24];
        weights[3] = 0.0;
        let folds = stratified(&features, targets.view(), &weights, 5, 0).unwrap();
        assert!((0..20).all(|row| folds[row] == folds[row % 4]));
        // Eight kinds of rows: four that look like something, and four that look like nothing.
        assert!((0..5).all(|fold| folds.contains(&fold)));
        weights
            .iter_mut()
            .enumerate()
            .for_each(|(row, weight)| *weight = f64::from(u8::from(row % 4 == 0 && row < 20)));
        assert_eq!(stratified(&features, targets.view(), &weights, 5, 0), None);
    }
}
