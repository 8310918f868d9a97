//! The constants of the default label model, chosen on all sets but the one they are scored on.

use std::path::Path;

use synth_core::LabelModel;
use synth_label::{Auto, Constants, Gold};

use crate::label_data::{CROWD, Cell, LabelSet, OPEN, crowd_set, open_set};

/// Prints, for the open and the crowd sets, what each set scores under the constants that are best for the others.
///
/// Best means: highest mean score, less .02 times mean log-loss, over the combination and its neighbours in the grid
/// (a plateau, not a peak).
pub(crate) fn run(root: &Path) -> anyhow::Result<()> {
    let open: Vec<LabelSet> = OPEN.iter().map(|name| open_set(root, name)).collect::<Result<_, _>>()?;
    let axes: [&[f64]; 5] =
        [&[0.7, 0.8, 0.9], &[1.5, 3.0, 10.0], &[0.15, 0.25, 0.35], &[0.4, 0.5, 0.6], &[0.2, 0.3, 0.4]];
    leave_one_out("open sets", &open, &axes, |v| Constants {
        precision: v[0],
        belief: v[1],
        abstain_power: v[2],
        balance_power: v[3],
        vote_share: v[4],
        ..Constants::default()
    })?;
    let crowd: Vec<LabelSet> = CROWD.iter().map(|name| crowd_set(root, name)).collect::<Result<_, _>>()?;
    leave_one_out("crowd sets", &crowd, &[&[0.5, 1.0, 2.0], &[0.0625, 0.125, 0.25]], |v| Constants {
        pooling: v[0],
        off: v[1],
        ..Constants::default()
    })
}

fn leave_one_out(
    title: &str,
    sets: &[LabelSet],
    axes: &[&[f64]],
    constants: impl Fn(&[f64]) -> Constants,
) -> anyhow::Result<()> {
    let n_points: usize = axes.iter().map(|axis| axis.len()).product();
    let index = |point: usize| -> Vec<usize> {
        let mut rest = point;
        axes.iter().map(|axis| (rest % axis.len(), rest /= axis.len()).0).collect()
    };
    let values = |point: usize| -> Vec<f64> { index(point).iter().zip(axes).map(|(&at, axis)| axis[at]).collect() };
    let mut grid: Vec<Vec<Cell>> = Vec::with_capacity(n_points);
    for point in 0..n_points {
        let auto = Auto { constants: constants(&values(point)), ..Auto::default() };
        let cells = sets.iter().map(|set| {
            let model = auto.fit(set.matrix.patterns(), &Gold::none())?.model;
            set.score(&model.predict(&set.matrix).map_err(anyhow::Error::from_boxed)?, false)
        });
        grid.push(cells.collect::<anyhow::Result<_>>()?);
    }
    let mean = |cells: &[Cell]| cells.iter().map(|c| c.score).sum::<f64>() / cells.len() as f64;
    let means: Vec<f64> = grid.iter().map(|cells| mean(cells)).collect();
    let (low, high) = means.iter().fold((f64::MAX, 0.0f64), |(low, high), &m| (low.min(m), high.max(m)));
    println!("{title}: {n_points} combinations, mean score {low:.4} to {high:.4}");
    let mut held_out = Vec::new();
    for set in 0..sets.len() {
        let worth = |point: usize| {
            let here = index(point);
            let near = (0..n_points).filter(|&p| index(p).iter().zip(&here).all(|(&a, &b)| a.abs_diff(b) <= 1));
            let of_others = near.flat_map(|p| grid[p].iter().enumerate().filter(|&(s, _)| s != set).map(|(_, c)| c));
            let (sum, n) = of_others.fold((0.0, 0), |(sum, n), c| (sum + c.score - 0.02 * c.log_loss, n + 1));
            sum / f64::from(n)
        };
        let best = (0..n_points).max_by(|&a, &b| worth(a).total_cmp(&worth(b))).unwrap_or(0);
        println!("  {:24}{:?}: {:.3}", sets[set].name, values(best), grid[best][set].score);
        held_out.push(grid[best][set]);
    }
    let log_loss = held_out.iter().map(|c| c.log_loss).sum::<f64>() / held_out.len() as f64;
    println!("  each set under the constants chosen without it: {:.4}/{log_loss:.3}\n", mean(&held_out));
    Ok(())
}
