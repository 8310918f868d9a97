//! Whether labels are others than they were.

use std::path::Path;

use anyhow::{Context, Result};
use serde::Serialize;
use synth::audit::label_drift;
use synth::core::ClassSet;
use synth::io::gold::GoldColumn;

use super::NO_CHANCE;
use crate::audit::records::{Records, counts};
use crate::config::Config;
use crate::errors::{hinted, unboxed};
use crate::generation::material::{record_args, values};
use crate::inputs;
use crate::progress::Progress;

#[derive(Serialize)]
pub struct Drift {
    pub distance: f64,
    pub deviations: f64,
    /// Whether it is more than chance.
    pub is_drift: bool,
    /// The share of each class before and now, the farthest apart first.
    pub shares: Vec<Moved>,
}

#[derive(Serialize)]
pub struct Moved {
    pub class: String,
    pub before: f64,
    pub now: f64,
}

/// Compares the shares of labels with those in an earlier file.
pub fn find(path: &Path, classes: &[String], records: &Records, progress: &Progress) -> Result<Drift> {
    let Some(field) = records.source.field() else {
        return Err(hinted("`--before` compares the labels of a field", "name it: --label FIELD"));
    };
    let before = record_args(&[path.to_owned()], None);
    let reader = inputs::reader(&before, &Config::default(), None, progress)?;
    let all = match classes.is_empty() {
        // Labels that are gone, and new ones.
        true => {
            let mut names = values(&reader, field)?;
            names.extend(records.classes.names().iter().cloned());
            ClassSet::new(names)?
        }
        // They may be numbers of these.
        false => records.classes.clone(),
    };
    let gold = GoldColumn::find(&reader.schema(), field, &all)
        .with_context(|| format!("cannot compare with `{}`", path.display()))?;
    let mut labels = Vec::new();
    for batch in inputs::with_vectors(&reader, &[], progress)? {
        labels.extend(gold.labels(&batch.map_err(unboxed)?)?);
    }
    let mut now = vec![0; all.len()];
    for (name, n) in records.classes.names().iter().zip(records.label_counts()) {
        if let Some(class) = all.id(name) {
            now[class.index()] = n;
        }
    }
    let before = counts(&labels, all.len());
    let drift = label_drift(&before, &now).with_context(|| format!("cannot compare with `{}`", path.display()))?;
    let share = |counts: &[u64], class: usize| counts[class] as f64 / counts.iter().sum::<u64>().max(1) as f64;
    let moved = |(class, name): (usize, &String)| Moved {
        class: name.clone(),
        before: share(&before, class),
        now: share(&now, class),
    };
    let mut shares: Vec<Moved> = all.names().iter().enumerate().map(moved).collect();
    let by = |moved: &Moved| (moved.now - moved.before).abs();
    // Sorting keeps the order of equals.
    shares.sort_by(|a, b| by(b).total_cmp(&by(a)));
    let is_drift = drift.deviations >= NO_CHANCE;
    Ok(Drift { distance: drift.distance, deviations: drift.deviations, is_drift, shares })
}
