//! What kind of votes these are: three statistics that need no gold.

use serde::Serialize;

use crate::cells::Cells;

/// Three statistics of a label matrix, and what `auto` makes of them.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct World {
    /// The share of covered rows with at least three votes of functions that vote more than one class, copies
    /// counted as one. Three views of a row are what it takes to learn how good each is (Kruskal 1977); a
    /// function that votes one class only has no confusion row to learn. 0 to 1.
    pub depth: f64,
    /// The variance of the number of votes a row, over what it would be if functions voted independently. Far
    /// below 1 the rows were handed out: somebody saw to it that each gets so many votes.
    pub dispersion: f64,
    /// The coverage of the function behind an average vote. Where it is small, as with hundreds of crowd workers,
    /// an abstain mostly means that the function was not asked. 0 to 1.
    pub vote_coverage: f64,
    /// How far the votes can tell how good each function is: the share of the deep model in the mixture. 0 to 1.
    pub deep_share: f64,
    /// True where abstains say nothing to the deep model.
    pub abstains_say_nothing: bool,
    /// True where the number of votes a row is too even for chance.
    pub handed_out: bool,
}

/// Where the statistics turn a decision. The gaps they stand in are wide: depth is at most .16 on seven open
/// sets and at least .66 on tennis, crowd votes and planted matrices; dispersion is at most .41 or coverage at
/// most .17 on crowd votes with abstains, at least .77 and .36 on planted matrices and tennis. Leaving any one set
/// out moves no threshold across another set.
const SHALLOW_BELOW: f64 = 0.3;
const DEEP_FROM: f64 = 0.5;
const HANDED_OUT_BELOW: f64 = 0.5;
const ASKED_FROM: f64 = 0.25;

impl World {
    pub(crate) fn of(cells: &Cells, lf_weights: &[f64]) -> Self {
        let polarity = cells.polarity();
        let several: Vec<f64> =
            lf_weights.iter().zip(&polarity).map(|(&w, &classes)| if classes > 1 { w } else { 0.0 }).collect();
        let (mut deep, mut covered, mut sum, mut squares) = (0.0, 0.0, 0.0, 0.0);
        for p in 0..cells.len() {
            let (votes, count) = (cells.votes(p), cells.counts[p]);
            if votes.is_empty() {
                continue;
            }
            covered += count;
            sum += count * votes.len() as f64;
            squares += count * (votes.len() * votes.len()) as f64;
            let views: f64 = votes.iter().map(|&cell| several[cells.lf[cell as usize] as usize]).sum();
            // Weights are shares like 1/3 and add up inexactly.
            if views >= 3.0 - 1e-9 {
                deep += count;
            }
        }
        let n = cells.n_rows.max(1.0);
        let coverages: Vec<f64> = (0..cells.n_lfs).map(|lf| cells.coverage(lf)).collect();
        let independent: f64 = coverages.iter().map(|p| p * (1.0 - p)).sum();
        let total: f64 = coverages.iter().sum();
        let variance = (squares / n - (sum / n).powi(2)).max(0.0);
        let ratio = |a: f64, b: f64, otherwise: f64| if b > 1e-12 { a / b } else { otherwise };
        let depth = ratio(deep, covered, 0.0);
        // Where every function votes everywhere, nothing varies and nothing is handed out.
        let dispersion = ratio(variance, independent, 1.0);
        let vote_coverage = ratio(coverages.iter().map(|p| p * p).sum(), total, 0.0);
        let handed_out = dispersion < HANDED_OUT_BELOW;
        Self {
            depth,
            dispersion,
            vote_coverage,
            deep_share: ((depth - SHALLOW_BELOW) / (DEEP_FROM - SHALLOW_BELOW)).clamp(0.0, 1.0),
            abstains_say_nothing: handed_out || vote_coverage < ASKED_FROM,
            handed_out,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{matrix, planted};

    fn world(rows: &[Vec<Option<u16>>], k: usize) -> World {
        let m = rows[0].len();
        World::of(&Cells::of(matrix(m, k, rows).patterns()), &vec![1.0; m])
    }

    #[test]
    fn independent_functions_vary_as_expected() {
        let (rows, _) = planted(20_000, &[0.5, 0.5], &[(0.4, 0.8); 10], 1);
        let world = world(&rows, 2);
        assert!((world.dispersion - 1.0).abs() < 0.05 && (world.vote_coverage - 0.4).abs() < 0.01, "{world:?}");
        assert!(world.deep_share == 1.0 && !world.abstains_say_nothing, "{world:?}");
    }

    #[test]
    fn crowd_items_are_handed_out() {
        // Each item goes to 3 of 30 workers.
        let rows: Vec<Vec<Option<u16>>> = (0..300)
            .map(|i| (0..30).map(|j| ((i * 7 + j * 11) % 30 < 3).then_some(((i + j) % 2) as u16)).collect())
            .collect();
        let world = world(&rows, 2);
        assert!(world.handed_out && world.dispersion < 0.01, "{world:?}");
        assert_eq!(world.depth, 1.0);
    }

    #[test]
    fn functions_of_one_class_are_shallow() {
        let rows: Vec<Vec<Option<u16>>> =
            (0..100).map(|i| vec![Some(0), Some(0), Some(0), (i % 3 == 0).then_some(1)]).collect();
        assert_eq!(world(&rows, 2).depth, 0.0);
    }
}
