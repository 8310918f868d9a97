//! What a fit has to say about itself.

use std::fmt;

use serde::Serialize;

use crate::World;
use crate::cells::Cells;
use crate::model::FittedModel;

/// Which model was chosen and why, what the votes could not tell, and how far each function is trusted.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Report {
    /// The method: `auto`, `majority`, `weighted`, `dawid-skene` or `triplet`.
    pub method: String,
    /// What was chosen and why, with the numbers, one sentence each.
    pub reasons: Vec<String>,
    /// How common each class is taken to be, `[k]`.
    pub balance: Vec<f64>,
    /// What kind of votes these are, where the method looked.
    pub world: Option<World>,
    /// Each labeling function, in column order.
    pub lfs: Vec<LfEstimate>,
    /// What the votes cannot tell, one sentence each.
    pub not_identified: Vec<String>,
    /// Groups of functions that cast the same votes and count as one, by their numbers.
    pub same_votes: Vec<Vec<usize>>,
}

/// How far the model trusts one labeling function.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct LfEstimate {
    /// Its name.
    pub name: String,
    /// The share of its votes that the model holds to be right; `None` if it never votes.
    pub accuracy: Option<f64>,
    /// The share that would be right if its votes said nothing of the class.
    pub chance: Option<f64>,
    /// How much its votes count: 1, or less where several functions cast the same votes.
    pub weight: f64,
}

/// Estimates this close to chance are chance.
const WORSE_BY: f64 = 0.02;

impl LfEstimate {
    /// True when its votes are right less often than votes that say nothing would be.
    pub fn worse_than_chance(&self) -> bool {
        matches!((self.accuracy, self.chance), (Some(accuracy), Some(chance)) if accuracy < chance - WORSE_BY)
    }
}

/// Estimates are made on at most about this many patterns: a share of a hundred thousand votes is as good.
const SAMPLE: usize = 1 << 15;

impl Report {
    pub(crate) fn of(model: &FittedModel, cells: &Cells, lf_weights: &[f64], reasons: Vec<String>) -> Self {
        Self {
            method: model.method.clone(),
            reasons,
            balance: model.balance.clone(),
            world: None,
            lfs: estimates(model, cells, lf_weights),
            not_identified: not_identified(model, cells),
            same_votes: Vec::new(),
        }
    }

    /// The functions that look worse than chance, by their numbers.
    pub fn worse_than_chance(&self) -> Vec<usize> {
        (0..self.lfs.len()).filter(|&lf| self.lfs[lf].worse_than_chance()).collect()
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "label model: {}", self.method)?;
        for reason in &self.reasons {
            writeln!(f, "  {reason}")?;
        }
        for group in &self.same_votes {
            let names: Vec<&str> = group.iter().map(|&lf| self.lfs[lf].name.as_str()).collect();
            writeln!(f, "  counted as one, they cast the same votes: {}", names.join(", "))?;
        }
        for lf in self.lfs.iter().filter(|lf| lf.worse_than_chance()) {
            let (accuracy, chance) = (lf.accuracy.unwrap_or_default(), lf.chance.unwrap_or_default());
            writeln!(f, "  worse than chance: {} ({accuracy:.2}, chance is {chance:.2})", lf.name)?;
        }
        for what in &self.not_identified {
            writeln!(f, "  the votes cannot tell {what}")?;
        }
        Ok(())
    }
}

fn estimates(model: &FittedModel, cells: &Cells, lf_weights: &[f64]) -> Vec<LfEstimate> {
    let k = cells.n_classes;
    let sample = cells.every(cells.len().div_ceil(SAMPLE).max(1));
    let identity: Vec<u32> = (0..cells.n_lfs as u32).collect();
    let posterior = model.posteriors_of_cells(&sample, &identity);
    let (mut right, mut votes) = (vec![0.0; cells.n_lfs], vec![0.0; cells.n_lfs]);
    for p in 0..sample.len() {
        for &cell in sample.votes(p) {
            let (lf, class) = (cells.lf[cell as usize] as usize, cells.class[cell as usize] as usize);
            right[lf] += sample.counts[p] * posterior[p * k + class];
            votes[lf] += sample.counts[p];
        }
    }
    let mut chance = vec![0.0; cells.n_lfs];
    for cell in 0..cells.n_cells() {
        chance[cells.lf[cell] as usize] += cells.cell_rows[cell] * model.balance[cells.class[cell] as usize];
    }
    let estimate = |lf: usize| LfEstimate {
        name: model.lf_names[lf].clone(),
        accuracy: (votes[lf] > 0.0).then(|| right[lf] / votes[lf]),
        chance: (cells.lf_rows[lf] > 0.0).then(|| chance[lf] / cells.lf_rows[lf]),
        weight: lf_weights[lf],
    };
    (0..cells.n_lfs).map(estimate).collect()
}

fn not_identified(model: &FittedModel, cells: &Cells) -> Vec<String> {
    let mut found = Vec::new();
    let (k, polarity) = (cells.n_classes, cells.polarity());
    let mut voted = vec![false; k];
    cells.class.iter().for_each(|&class| voted[usize::from(class)] = true);
    let unvoted: Vec<&str> = model.classes.ids().filter(|c| !voted[c.index()]).map(|c| model.classes.name(c)).collect();
    if !unvoted.is_empty() {
        found.push(format!("anything about classes that no function votes for: {}", unvoted.join(", ")));
    }
    let name = |lf: usize| model.lf_names[lf].as_str();
    let silent: Vec<&str> = (0..cells.n_lfs).filter(|&lf| polarity[lf] == 0).map(name).collect();
    if !silent.is_empty() {
        found.push(format!("how good functions are that never vote: {}", shortened(&silent)));
    }
    let mut meets = vec![false; cells.n_lfs];
    for p in 0..cells.len() {
        if let votes @ [_, _, ..] = cells.votes(p) {
            votes.iter().for_each(|&cell| meets[cells.lf[cell as usize] as usize] = true);
        }
    }
    let lone: Vec<&str> = (0..cells.n_lfs).filter(|&lf| polarity[lf] > 0 && !meets[lf]).map(name).collect();
    if !lone.is_empty() {
        found.push(format!("how good functions are that vote where no other does: {}", shortened(&lone)));
    }
    let unipolar = polarity.iter().filter(|&&p| p == 1).count();
    if unipolar > 0 && k > 1 {
        found.push(format!(
            "for {unipolar} of {} functions that only vote one class, their mistakes from a class that is common",
            cells.n_lfs
        ));
    }
    found
}

fn shortened(names: &[&str]) -> String {
    match names {
        [..] if names.len() > 5 => format!("{}, … ({} in all)", names[..5].join(", "), names.len()),
        all => all.join(", "),
    }
}
