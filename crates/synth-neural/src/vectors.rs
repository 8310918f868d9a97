//! Small sums over vectors, which every architecture of our own needs.

/// The sum of products, in eight sums side by side: the compiler makes one vector of them.
pub(crate) fn dot(a: &[f32], b: &[f32]) -> f32 {
    let mut sums = [0f32; 8];
    let (a_chunks, b_chunks) = (a.chunks_exact(8), b.chunks_exact(8));
    let rest: f32 = a_chunks.remainder().iter().zip(b_chunks.remainder()).map(|(x, y)| x * y).sum();
    for (a, b) in a_chunks.zip(b_chunks) {
        for ((sum, x), y) in sums.iter_mut().zip(a).zip(b) {
            *sum += x * y;
        }
    }
    sums.iter().sum::<f32>() + rest
}

/// Adds to each number the one at its place.
pub(crate) fn add(states: &mut [f32], more: &[f32]) {
    states.iter_mut().zip(more).for_each(|(state, more)| *state += more);
}

/// For a query the mean of the values, weighed by how well their keys match it (Vaswani et al. 2017): one head of
/// attention. Adds it to `attended`.
///
/// # Shapes
/// `attended, query: [head]`; `past`: pairs of key and value, each `[head]`.
pub(crate) fn attend<'a, I: Iterator<Item = (&'a [f32], &'a [f32])>>(
    attended: &mut [f32],
    query: &[f32],
    past: impl Fn() -> I,
) {
    let scale = 1.0 / (query.len() as f32).sqrt();
    let mut weights: Vec<f32> = past().map(|(key, _)| scale * dot(query, key)).collect();
    let largest = weights.iter().copied().fold(f32::NEG_INFINITY, f32::max);
    weights.iter_mut().for_each(|weight| *weight = (*weight - largest).exp());
    let sum: f32 = weights.iter().sum();
    for (weight, (_, value)) in weights.iter().zip(past()) {
        let share = weight / sum;
        attended.iter_mut().zip(value).for_each(|(a, v)| *a += share * v);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn products_of_any_length() {
        let a: Vec<f32> = (0..19).map(|x| x as f32).collect();
        assert_eq!(dot(&a, &a), (0..19).map(|x| (x * x) as f32).sum::<f32>());
    }

    #[test]
    fn attention_by_hand() {
        // Weights of e^1 and e^0, as the scale of four numbers is 1/2.
        let keys = [[2f32, 0.0, 0.0, 0.0], [0.0, 1.0, 0.0, 0.0]];
        let values = [[1f32, 0.0, 0.0, 4.0], [0.0, 1.0, 0.0, 0.0]];
        let mut attended = [0.0; 4];
        attend(&mut attended, &[1.0, 0.0, 0.0, 0.0], || {
            keys.iter().zip(&values).map(|(key, value)| (&key[..], &value[..]))
        });
        let first = 1f32.exp() / (1f32.exp() + 1.0);
        let expected = [first, 1.0 - first, 0.0, 4.0 * first];
        assert!(attended.iter().zip(expected).all(|(got, expected)| (got - expected).abs() < 1e-6), "{attended:?}");
    }
}
