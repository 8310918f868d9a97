//! Folds for cross-validation.

use ndarray::ArrayView2;
use xxhash_rust::xxh3::xxh3_64_with_seed;

use crate::softmax::most_probable;

/// Deals rows into `n_folds` folds, each with about as many rows of each class (by the most probable one) as the
/// others. Depends on nothing but the targets and the seed.
pub(crate) fn stratified(targets: ArrayView2<'_, f64>, n_folds: usize, seed: u64) -> Vec<usize> {
    let mut order: Vec<(usize, u64, usize)> = targets
        .rows()
        .into_iter()
        .enumerate()
        .map(|(row, target)| (most_probable(target), xxh3_64_with_seed(&(row as u64).to_le_bytes(), seed), row))
        .collect();
    order.sort_unstable();
    let mut folds = vec![0; order.len()];
    for (i, (_, _, row)) in order.into_iter().enumerate() {
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
        let folds = stratified(targets.view(), 5, 1);
        for fold in 0..5 {
            let rows: Vec<usize> = (0..15).filter(|&row| folds[row] == fold).collect();
            assert_eq!((rows.len(), rows.iter().filter(|&&row| row < 10).count()), (3, 2));
        }
        assert_eq!(folds, stratified(targets.view(), 5, 1));
        assert_ne!(folds, stratified(targets.view(), 5, 2));
    }
}
