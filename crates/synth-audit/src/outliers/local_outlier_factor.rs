//! Breunig, Kriegel, Ng, Sander (2000), LOF: identifying density-based local outliers.

use super::Neighbours;

/// How much thinner it is around each point than around its neighbours, `[n]`: about 1 inside a cluster, however thin that
/// is, more outside.
///
/// Where more than k points are the same, their density is taken as 1e10 and not as infinite.
///
/// ```
/// use ndarray::array;
/// use synth_audit::{Neighbours, local_outlier_factors};
///
/// let points = array![[0.0], [0.1], [0.2], [0.3], [5.0]];
/// let factors = local_outlier_factors(&Neighbours::of(points.view(), 2)?);
/// assert!(factors[4] > 10.0 && factors[..4].iter().all(|factor| *factor < 2.0));
/// # Ok::<(), synth_audit::AuditError>(())
/// ```
pub fn local_outlier_factors(neighbours: &Neighbours) -> Vec<f64> {
    let (n, k) = (neighbours.n_rows(), neighbours.k());
    let reach = |row: usize| neighbours.distances(row)[k - 1];
    let density = |row: usize| {
        let pairs = neighbours.rows(row).iter().zip(neighbours.distances(row));
        // No neighbour counts as nearer than it is to its own neighbours.
        let sum: f64 = pairs.map(|(other, distance)| distance.max(reach(*other as usize))).sum();
        1.0 / (sum / k as f64 + 1e-10)
    };
    let densities: Vec<f64> = (0..n).map(density).collect();
    let factor = |row: usize| {
        let around: f64 = neighbours.rows(row).iter().map(|other| densities[*other as usize]).sum();
        around / k as f64 / densities[row]
    };
    (0..n).map(factor).collect()
}
