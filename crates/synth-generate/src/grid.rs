//! Diversity by attributes: a grid of what texts can be like, sampled evenly.
//!
//! Asked for "an example" again and again, a language model tells the same story; asked for a short complaint about a
//! late parcel and then for a long polite question about a broken one, it does not (Yu et al. 2023, AttrPrompt).

use std::collections::BTreeSet;

use rand::Rng;
use rand::seq::SliceRandom;

use crate::Attribute;
use crate::seeds::{Use, rng};

/// One attribute and the values it can have.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Axis {
    /// Its name, as `length`.
    pub name: String,
    /// Its values; at least one.
    pub values: Vec<String>,
}

/// All combinations of the values of some attributes, and what became of the requests for each.
#[derive(Debug, Clone)]
pub struct Grid {
    axes: Vec<Axis>,
    /// In the order in which they are taken when nothing else tells them apart.
    cells: Vec<Cell>,
}

#[derive(Debug, Clone, Default)]
struct Cell {
    /// Of each axis the place of its value.
    values: Vec<usize>,
    /// How often it was asked for.
    asked: u64,
    /// How many candidates came of it, and how many of them were kept.
    made: u64,
    kept: u64,
}

/// More cells than this are never all asked for; the seed chooses which stay.
const MAX_CELLS: usize = 1 << 12;

/// A cell that made so many candidates of which none was kept is asked no more.
const HOPELESS: u64 = 10;

impl Grid {
    /// The combinations of the values of these attributes; without attributes, a single empty one.
    pub fn new(axes: Vec<Axis>, seed: u64) -> Self {
        let n = axes.iter().try_fold(1_usize, |n, axis| n.checked_mul(axis.values.len()));
        let mut rng = rng(seed, Use::Cells, 0);
        let mut combinations: Vec<Vec<usize>> = match n.filter(|n| *n <= MAX_CELLS) {
            Some(n) => (0..n).map(|number| digits(number, &axes)).collect(),
            // Each value by chance: among so many combinations few are drawn twice.
            None => {
                let one = |_| axes.iter().map(|axis| rng.random_range(0..axis.values.len())).collect();
                let drawn: BTreeSet<Vec<usize>> = (0..MAX_CELLS).map(one).collect();
                drawn.into_iter().collect()
            }
        };
        combinations.shuffle(&mut rng);
        let cells = combinations.into_iter().map(|values| Cell { values, ..Cell::default() }).collect();
        Self { axes, cells }
    }

    /// The cells for the next requests: those asked for least so far, leaving out cells that yield nothing.
    /// If all cells yield nothing, all are asked on.
    pub(crate) fn choose(&mut self, count: usize) -> Vec<usize> {
        let hopeless = |cell: &Cell| cell.kept == 0 && cell.made >= HOPELESS;
        let none_left = self.cells.iter().all(hopeless);
        (0..count)
            .filter_map(|_| {
                let open = |&at: &usize| none_left || !hopeless(&self.cells[at]);
                let next = (0..self.cells.len()).filter(open).min_by_key(|&at| self.cells[at].asked)?;
                self.cells[next].asked += 1;
                Some(next)
            })
            .collect()
    }

    /// Takes note of what a request for a cell came to.
    pub(crate) fn note(&mut self, cell: usize, made: u64, kept: u64) {
        self.cells[cell].made += made;
        self.cells[cell].kept += kept;
    }

    /// The attributes of a cell.
    pub(crate) fn attributes(&self, cell: usize) -> Vec<Attribute> {
        let value =
            |(axis, &at): (&Axis, &usize)| Attribute { name: axis.name.clone(), value: axis.values[at].clone() };
        self.axes.iter().zip(&self.cells[cell].values).map(value).collect()
    }

    /// How many cells there are, and how many of them are asked no more.
    pub fn n_cells(&self) -> (usize, usize) {
        let given_up = self.cells.iter().filter(|cell| cell.kept == 0 && cell.made >= HOPELESS).count();
        (self.cells.len(), given_up)
    }
}

/// A number in the mixed base of the axes: of each the place of a value.
fn digits(number: usize, axes: &[Axis]) -> Vec<usize> {
    let mut rest = number;
    let digit = |axis: &Axis| {
        let digit = rest % axis.values.len();
        rest /= axis.values.len();
        digit
    };
    axes.iter().map(digit).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn axis(name: &str, values: &[&str]) -> Axis {
        Axis { name: name.into(), values: values.iter().map(|&value| value.into()).collect() }
    }

    #[test]
    fn every_cell_comes_once_before_any_comes_twice() {
        let mut grid = Grid::new(vec![axis("length", &["short", "long"]), axis("tone", &["a", "b", "c"])], 3);
        let mut found: Vec<_> = grid.choose(6).into_iter().map(|cell| grid.attributes(cell)).collect();
        found.sort();
        found.dedup();
        assert_eq!(found.len(), 6);
        let first: Vec<_> = found[0].iter().map(|a| (a.name.as_str(), a.value.as_str())).collect();
        assert_eq!(first, [("length", "long"), ("tone", "a")]);
    }

    #[test]
    fn requests_move_away_from_cells_that_yield_nothing() {
        let mut grid = Grid::new(vec![axis("tone", &["good", "bad"])], 3);
        for _ in 0..2 {
            for cell in grid.choose(2) {
                let good = grid.attributes(cell)[0].value == "good";
                grid.note(cell, 5, u64::from(good));
            }
        }
        let chosen = grid.choose(8);
        assert!(chosen.iter().all(|&cell| grid.attributes(cell)[0].value == "good"));
        assert_eq!(grid.n_cells(), (2, 1));
    }

    #[test]
    fn a_huge_grid_is_sampled() {
        let values: Vec<String> = (0..100).map(|i| i.to_string()).collect();
        let axes = (0..12).map(|i| Axis { name: i.to_string(), values: values.clone() }).collect();
        let grid = Grid::new(axes, 3);
        assert_eq!(grid.n_cells().0, MAX_CELLS);
        assert_eq!(grid.attributes(0).len(), 12);
        assert_eq!(Grid::new(Vec::new(), 3).n_cells().0, 1);
    }
}
