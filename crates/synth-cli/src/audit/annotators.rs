//! What annotators say together, how far each can be trusted, and where to ask once more.

use std::path::Path;

use anyhow::Result;
use comfy_table::Table;
use ndarray::Array2;
use serde::Serialize;
use synth::audit::Consensus;
use synth::core::{ClassId, ClassSet, LabelMatrix, LabelModel};
use synth::io::Format;
use synth::io::votes::{Crowd, load_crowd};
use synth::label::{ClassBalance, Gold, Method};

use crate::errors::{hinted, unboxed};
use crate::progress::Progress;
use crate::table::{counted, plain};

/// So many are shown; `--json` and files have all, of items that are asked about so many.
pub const SHOWN: usize = 30;

/// How far an annotator can be trusted.
#[derive(Serialize)]
pub struct AnnotatorSummary {
    pub annotator: String,
    pub labels: usize,
    /// How probable their labels are on average.
    pub quality: Option<f64>,
    /// With the consensus, on items that others labelled, too.
    pub agreement: Option<f64>,
}

/// An item with what is said of it together.
#[derive(Serialize)]
pub struct Item {
    pub item: String,
    /// Its row among the items.
    #[serde(skip)]
    pub row: usize,
    pub label: String,
    pub quality: f64,
}

/// Reads votes; of what replaces an earlier vote it is told.
pub fn load(path: &Path, classes: Option<&ClassSet>, progress: &Progress) -> Result<Crowd> {
    if let Some(format @ (Format::Jsonl | Format::Parquet | Format::Arrow | Format::Npy)) = Format::of(path).0 {
        let name = format!("{format:?}").to_lowercase();
        return Err(hinted(
            format!("`{}` is {name}, and votes are CSV", path.display()),
            "write a line for each vote, below the line item,worker,label",
        ));
    }
    let crowd = load_crowd(path, classes)?;
    if crowd.n_replaced > 0 {
        progress.warn(&format!(
            "{} replaced by a later one of the same annotator on the same item",
            counted(crowd.n_replaced, "vote is", "votes are")
        ));
    }
    Ok(crowd)
}

/// What a label model makes of votes, `[items, classes]`.
pub fn soft_labels(votes: &LabelMatrix, method: Method) -> Result<Array2<f64>> {
    let fit = method.fit(votes.patterns(), &Gold::none(), &ClassBalance::Estimate)?;
    Ok(fit.model.predict(votes).map_err(unboxed)?.to_array())
}

/// All annotators, the least trustworthy first.
pub fn summaries(votes: &LabelMatrix, consensus: &Consensus) -> Vec<AnnotatorSummary> {
    let summary = |(annotator, found): (&String, &synth::audit::AnnotatorQuality)| AnnotatorSummary {
        annotator: annotator.clone(),
        labels: found.n,
        quality: found.quality,
        agreement: found.agreement,
    };
    let mut all: Vec<AnnotatorSummary> = votes.lf_names().iter().zip(&consensus.annotators).map(summary).collect();
    // Sorting keeps the order of equals.
    all.sort_by(|a, b| a.quality.unwrap_or(1.0).total_cmp(&b.quality.unwrap_or(1.0)));
    all
}

/// The items where one more label is worth most, the least sure first. What is as good as certain is not asked about. `name`
/// is what an item is called, by its row.
pub fn relabel_first(votes: &LabelMatrix, consensus: &Consensus, name: impl Fn(usize) -> String) -> Vec<Item> {
    const CERTAIN: f64 = 0.99;
    let class = |class: ClassId| votes.classes().name(class).to_owned();
    let item = |row: usize| Item {
        item: name(row),
        row,
        label: class(consensus.labels[row]),
        quality: consensus.quality[row],
    };
    let doubtful = consensus.relabel_first().into_iter().take_while(|row| consensus.quality[*row] < CERTAIN);
    doubtful.take(SHOWN).map(item).collect()
}

pub fn annotator_table<'a>(annotators: impl Iterator<Item = &'a AnnotatorSummary>) -> Table {
    let mut table = plain(&["annotator", "labels", "quality", "agreement"], 1);
    for found in annotators {
        let [quality, agreement] = [found.quality, found.agreement].map(shown);
        table.add_row([&found.annotator, &found.labels.to_string(), &quality, &agreement]);
    }
    table
}

pub fn item_table<'a>(items: impl Iterator<Item = &'a Item>) -> Table {
    let mut table = plain(&["item", "label", "quality"], 2);
    for item in items {
        table.add_row([&item.item, &item.label, &format!("{:.3}", item.quality)]);
    }
    table
}

/// A figure, if it is defined.
pub fn shown(value: Option<f64>) -> String {
    value.map_or_else(|| "undefined".to_owned(), |value| format!("{value:.3}"))
}
