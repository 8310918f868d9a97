//! Whether the order of records tells their labels: then a part of them is no sample of all.

/// How labels follow one another.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct LabelOrder {
    /// Runs of equal labels.
    pub runs: usize,
    /// How many there would be on average, were the records in random order.
    pub expected: f64,
    /// How many standard deviations there are less than that; above about 4 the order is not random.
    pub sorted: f64,
}

/// Counts runs of labels, as numbers; `None` with fewer than two different ones, which leave no order. Mood (1940), The
/// distribution theory of runs, of any number of kinds.
///
/// ```
/// let sorted: Vec<usize> = (0..90).map(|row| row / 30).collect();
/// let order = synth_audit::label_order(&sorted).unwrap();
/// assert_eq!((order.runs, order.expected), (3, 61.0));
/// assert!(order.sorted > 10.0);
/// assert_eq!(synth_audit::label_order(&[1, 1, 1]), None);
/// ```
pub fn label_order(labels: &[usize]) -> Option<LabelOrder> {
    let mut counts = std::collections::BTreeMap::new();
    labels.iter().for_each(|label| *counts.entry(*label).or_insert(0.0) += 1.0);
    if counts.len() < 2 {
        return None;
    }
    let n = labels.len() as f64;
    let sum = |power: i32| counts.values().map(|count: &f64| count.powi(power)).sum::<f64>();
    let runs = 1 + labels.windows(2).filter(|pair| pair[0] != pair[1]).count();
    let expected = (n * (n + 1.0) - sum(2)) / n;
    let variance = (sum(2) * (sum(2) + n * (n + 1.0)) - 2.0 * n * sum(3) - n.powi(3)) / (n * n * (n - 1.0));
    let sorted = if variance > 0.0 { (expected - runs as f64) / variance.sqrt() } else { 0.0 };
    Some(LabelOrder { runs, expected, sorted })
}
