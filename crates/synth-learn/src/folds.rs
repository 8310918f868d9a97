//! Folds for cross-validation.

use ndarray::ArrayView2;
use xxhash_rust::xxh3::xxh3_64_with_seed;

use crate::softmax::most_probable;

/// Deals rows into `n_folds` folds, each with about as many rows of each class (by the most probable one) as the
/// others, and so for the rows that have no weight. Depends on nothing but these arguments. Two rows with a weight are
/// enough for every fold to leave one of them to learn from.
pub(crate) fn stratified(targets: ArrayView2<'_, f64>, weights: &[f64], n_folds: usize, seed: u64) -> Vec<usize> {
    let mut order: Vec<(bool, usize, u64, usize)> = targets
        .rows()
        .into_iter()
        .enumerate()
        .map(|(row, target)| {
            let shuffled = xxh3_64_with_seed(&(row as u64).to_le_bytes(), seed);
            (weights[row] == 0.0, most_probable(target), shuffled, row)
        })
        .collect();
    order.sort_unstable();
    let mut folds = vec![0; order.len()];
    for (i, (.., row)) in order.into_iter().enumerate() {
        folds[row] = i % n_folds;
    }
    folds
}

#[cfg(test)]
mod tests {
    use ndarray::Array2;

    use super::*;

    #[test]
    fn each_fold_has_its_share_of_each_class() {
        // Ten rows of the first class, five of the second.
        let targets = Array2::from_shape_fn((15, 2), |(row, c)| f64::from(u8::from((row < 10) == (c == 0))));
        let folds = stratified(targets.view(), &[1.0; 15], 5, 1);
        for fold in 0..5 {
            let rows: Vec<usize> = (0..15).filter(|&row| folds[row] == fold).collect();
            assert_eq!((rows.len(), rows.iter().filter(|&&row| row < 10).count()), (3, 2));
        }
        assert_eq!(folds, stratified(targets.view(), &[1.0; 15], 5, 1));
        assert_ne!(folds, stratified(targets.view(), &[1.0; 15], 5, 2));
        // The only two rows that teach are not in one fold, whatever lies between them.
        let mut weights = [0.0; 15];
        (weights[0], weights[14]) = (1.0, 1.0);
        let folds = stratified(targets.view(), &weights, 5, 1);
        assert_ne!(folds[0], folds[14]);
    }
}
