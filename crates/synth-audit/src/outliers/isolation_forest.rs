//! Liu, Ting, Zhou (2008), Isolation forest.

use ndarray::{ArrayView1, ArrayView2};
use rand::seq::{SliceRandom, index};
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;
use rayon::prelude::*;

use super::check;
use crate::AuditError;

/// What an [`IsolationForest`] is grown with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct IsolationForestSettings {
    /// How many trees, at least 1.
    pub n_trees: usize,
    /// Points that each tree sees, at least 2; all of them where there are fewer.
    pub sample: usize,
    /// Decides all splits.
    pub seed: u64,
}

impl Default for IsolationForestSettings {
    /// As its authors have it: 100 trees of 256 points.
    fn default() -> Self {
        Self { n_trees: 100, sample: 256, seed: 0 }
    }
}

/// Random splits of points: those that are soon alone are outliers.
///
/// ```
/// use ndarray::Array2;
/// use synth_audit::{IsolationForest, IsolationForestSettings};
///
/// let mut points = Array2::from_shape_fn((200, 2), |(row, column)| ((row * 7 + column * 3) % 20) as f64);
/// points[[5, 0]] = 60.0;
/// let forest = IsolationForest::of(points.view(), &IsolationForestSettings::default())?;
/// let scores = forest.scores(points.view())?;
/// assert!((0..200).all(|row| row == 5 || scores[row] < scores[5]));
/// # Ok::<(), synth_audit::AuditError>(())
/// ```
#[derive(Debug, Clone)]
pub struct IsolationForest {
    trees: Vec<Vec<Node>>,
    dim: usize,
    /// How deep a point lies on average, for the points that a tree has seen.
    usual_depth: f64,
}

/// A split, or where points end. The first node is the root.
#[derive(Debug, Clone, Copy)]
struct Node {
    /// Which coordinate is compared.
    column: u32,
    /// Where the points below the split go on, and behind it those that are not; 0 where points end.
    below: u32,
    /// The split, or how deep points that end here are taken to lie.
    value: f64,
}

impl IsolationForest {
    /// Grows a forest.
    ///
    /// # Shapes
    /// `points: [n, d]`
    ///
    /// # Errors
    /// No points, or a coordinate that is not finite; a setting out of its range.
    pub fn of(points: ArrayView2<'_, f64>, settings: &IsolationForestSettings) -> Result<Self, AuditError> {
        check(points)?;
        for (name, value, least) in [("n_trees", settings.n_trees, 1), ("sample", settings.sample, 2)] {
            if value < least {
                let expected = if least == 1 { "1 or more" } else { "2 or more" };
                return Err(AuditError::Setting { name, value: value.to_string(), expected });
            }
        }
        let sample = settings.sample.min(points.nrows());
        let tree = |number: usize| {
            let mut random = ChaCha8Rng::seed_from_u64(settings.seed);
            random.set_stream(number as u64);
            let mut rows = index::sample(&mut random, points.nrows(), sample).into_vec();
            let mut nodes = Vec::with_capacity(2 * sample);
            let deepest = (sample as f64).log2().ceil() as u32;
            let mut columns: Vec<u32> = (0..points.ncols() as u32).collect();
            nodes.push(Node { column: 0, below: 0, value: 0.0 });
            grow(points, &mut rows, &mut nodes, (0, 0, deepest), &mut columns, &mut random);
            nodes
        };
        let trees = (0..settings.n_trees).into_par_iter().map(tree).collect();
        Ok(Self { trees, dim: points.ncols(), usual_depth: usual_depth(sample) })
    }

    /// How soon each point is alone, `[n]`: near 1 for outliers, about .5 or less for the others.
    ///
    /// # Shapes
    /// `points: [n, d]`, of as many coordinates as the forest was grown with.
    ///
    /// # Errors
    /// No points, or others than these.
    pub fn scores(&self, points: ArrayView2<'_, f64>) -> Result<Vec<f64>, AuditError> {
        check(points)?;
        if points.ncols() != self.dim {
            return Err(AuditError::Rows { what: "coordinates", got: points.ncols(), expected: self.dim });
        }
        let scores = (0..points.nrows()).into_par_iter().with_min_len(256).map(|row| self.score(points.row(row)));
        Ok(scores.collect())
    }

    fn score(&self, point: ArrayView1<'_, f64>) -> f64 {
        let depth = |nodes: &Vec<Node>| {
            let mut node = nodes[0];
            while node.below > 0 {
                let is_above = point[node.column as usize] >= node.value;
                node = nodes[node.below as usize + usize::from(is_above)];
            }
            node.value
        };
        let mean = self.trees.iter().map(depth).sum::<f64>() / self.trees.len() as f64;
        if self.usual_depth > 0.0 { (-mean / self.usual_depth).exp2() } else { 0.5 }
    }
}

/// Splits the points of a node by a random coordinate at a random place, until each is alone or lies deep.
fn grow(
    points: ArrayView2<'_, f64>,
    rows: &mut [usize],
    nodes: &mut Vec<Node>,
    (node, depth, deepest): (usize, u32, u32),
    columns: &mut [u32],
    random: &mut ChaCha8Rng,
) {
    nodes[node].value = f64::from(depth) + usual_depth(rows.len());
    if rows.len() < 2 || depth >= deepest {
        return;
    }
    // The first coordinate, in a random order, that is not the same for all.
    columns.shuffle(random);
    let range = |column: u32| {
        let all = rows.iter().map(|row| points[[*row, column as usize]]);
        all.fold((f64::INFINITY, f64::NEG_INFINITY), |(low, high), x| (low.min(x), high.max(x)))
    };
    let found = columns.iter().map(|column| (*column, range(*column))).find(|(_, (low, high))| low < high);
    let Some((column, (low, high))) = found else { return };
    // Above the lowest one, so that either side has a point, also where the two are neighbours among numbers.
    let at = low + (high - low) * random.random::<f64>();
    let at = if at > low && at.is_finite() { at } else { high };
    let mut below = 0;
    for i in 0..rows.len() {
        if points[[rows[i], column as usize]] < at {
            rows.swap(i, below);
            below += 1;
        }
    }
    let first = nodes.len();
    nodes[node] = Node { column, below: first as u32, value: at };
    nodes.extend([Node { column: 0, below: 0, value: 0.0 }; 2]);
    let (lower, upper) = rows.split_at_mut(below);
    grow(points, lower, nodes, (first, depth + 1, deepest), columns, random);
    grow(points, upper, nodes, (first + 1, depth + 1, deepest), columns, random);
}

/// How deep a point lies on average in a random tree of n points.
fn usual_depth(n: usize) -> f64 {
    const EULER: f64 = 0.577_215_664_901_532_9;
    match n {
        0 | 1 => 0.0,
        2 => 1.0,
        n => {
            let n = n as f64;
            2.0 * ((n - 1.0).ln() + EULER) - 2.0 * (n - 1.0) / n
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn depths_by_hand() {
        assert_eq!([0, 1, 2].map(usual_depth), [0.0, 0.0, 1.0]);
        // 2 (ln 255 + .5772) - 2 * 255 / 256
        assert!((usual_depth(256) - 10.244_770_9).abs() < 1e-6);
    }
}
