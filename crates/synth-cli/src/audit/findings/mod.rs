//! What an audit finds.

mod annotators;
mod copies;
mod drift;
mod labels;
mod outliers;
mod weak;

use std::collections::HashSet;

use anyhow::Result;
use rayon::prelude::*;
use serde::Serialize;
use synth::audit::{QualityScore, evenness, label_order, odd_texts};
use synth::io::Reader;

pub use self::annotators::AnnotatorFindings;
use self::copies::CopyFindings;
pub use self::drift::{Drift, Moved};
pub use self::labels::{LabelError, LabelFindings, judge};
use self::outliers::OutlierFindings;
use self::weak::Weak;
use super::pictures::is_picture;
use super::records::Records;
use crate::args::AuditArgs;
use crate::progress::Progress;

/// Everything that was found; what `--json` prints.
#[derive(Serialize)]
pub struct Findings {
    pub version: u32,
    pub records: usize,
    pub labelled: usize,
    pub quality: f64,
    /// How the quality comes to be.
    pub formula: String,
    /// Parts of the quality that could not be judged.
    pub not_judged: Vec<&'static str>,
    /// How often each class is a label, in their order.
    pub classes: Vec<ClassCount>,
    pub labels: Option<LabelFindings>,
    pub annotators: Option<AnnotatorFindings>,
    pub copies: Option<CopyFindings>,
    pub outliers: Option<OutlierFindings>,
    /// Texts, and pictures that cannot be read.
    pub odd: Vec<Odd>,
    /// Records whose id an earlier one has.
    pub repeated_ids: usize,
    /// Fields that some records lack.
    pub missing: Vec<Missing>,
    pub order: Option<Order>,
    pub weak: Vec<Weak>,
    pub drift: Option<Drift>,
    /// What was not looked at, and why.
    pub skipped: Vec<String>,
}

#[derive(Serialize)]
pub struct ClassCount {
    pub name: String,
    pub n: u64,
    /// Fewer than a tenth of an even share, or than 10.
    pub is_rare: bool,
}

#[derive(Serialize)]
pub struct Odd {
    pub row: usize,
    pub id: String,
    pub what: &'static str,
}

#[derive(Serialize)]
pub struct Missing {
    pub field: String,
    pub n: u64,
}

#[derive(Serialize)]
pub struct Order {
    pub runs: usize,
    pub expected: f64,
    pub deviations: f64,
    /// Whether the order tells the labels.
    pub is_sorted: bool,
}

/// So many standard deviations are no chance.
const NO_CHANCE: f64 = 4.0;
/// More points than can be compared with one another.
const MANY_POINTS: usize = 50_000;

impl Findings {
    pub fn of(args: &AuditArgs, records: &Records, reader: &Reader, progress: &Progress) -> Result<Self> {
        let mut skipped = Vec::new();
        let copies = copies::find(args, records, &mut skipped)?;
        let judged = match judge(&args.labels, &args.fields, records, reader, progress)? {
            Ok(judged) => Some(judged),
            Err(why) => {
                let name = "; name --text, --number, --category, --vectors or --probs";
                skipped.push(format!("label errors: {why}{}", if why.wants_fields() { name } else { "" }));
                None
            }
        };
        let weak = judged.as_ref().map(|judged| weak::find(records, &judged.is_right)).unwrap_or_default();
        let annotators = annotators::find(records, judged.as_ref().map(|judged| &judged.probs), &mut skipped)?;
        let labels = judged.map(|judged| judged.findings);
        let outliers = outliers::find(args, records, &mut skipped)?;
        let texts: Vec<Option<&str>> = records.texts.iter().map(Option::as_deref).collect();
        let odd = if records.text_field.is_ok() { odd_texts(&texts) } else { Vec::new() };
        let mut odd: Vec<Odd> = odd
            .into_iter()
            .map(|odd| Odd { row: odd.row, id: records.ids[odd.row].clone(), what: odd.what.name() })
            .collect();
        progress.check()?;
        let pictures = records.pictures.par_iter().enumerate();
        let unreadable = pictures.filter(|(_, path)| !path.as_deref().is_some_and(is_picture));
        let unreadable: Vec<usize> = unreadable.map(|(row, _)| row).collect();
        let no_picture = |row: usize| Odd { row, id: records.ids[row].clone(), what: "no picture" };
        odd.extend(unreadable.into_iter().map(no_picture));
        let numbers: Vec<usize> = records.labels.iter().flatten().map(|class| class.index()).collect();
        let order = label_order(&numbers).map(|order| Order {
            runs: order.runs,
            expected: order.expected,
            deviations: order.sorted,
            is_sorted: order.sorted >= NO_CHANCE,
        });
        let (n, counts) = (records.n_rows(), records.label_counts());
        let n_labelled: u64 = counts.iter().sum();
        let cells = (n * records.missing.len()).max(1) as f64;
        let lacking: u64 = records.missing.iter().map(|(_, n)| n).sum();
        let mut parts = vec![("completeness", 1.0 - lacking as f64 / cells), ("balance", evenness(&counts))];
        let uniqueness = copies.as_ref().map(|copies| 1.0 - copies.extra as f64 / n as f64);
        let mut perhaps =
            vec![("uniqueness", uniqueness), ("label quality", labels.as_ref().map(|labels| labels.health))];
        perhaps.extend(annotators.as_ref().map(|annotators| ("agreement", annotators.alpha)));
        let not_judged = perhaps.iter().filter(|(_, part)| part.is_none()).map(|(name, _)| *name).collect();
        parts.extend(perhaps.into_iter().filter_map(|(name, part)| Some((name, part?))));
        let quality = QualityScore::of(parts);
        let drift = args.before.as_ref().map(|path| drift::find(path, &args.fields.classes, records, progress));
        let drift = drift.transpose()?;
        let even = n_labelled as f64 / records.classes.len() as f64;
        let class = |(name, n): (&String, &u64)| ClassCount {
            name: name.clone(),
            n: *n,
            is_rare: *n < 10 || (*n as f64) < even / 10.0,
        };
        Ok(Self {
            version: 1,
            records: n,
            labelled: n_labelled as usize,
            quality: quality.score,
            formula: quality.formula(),
            not_judged,
            classes: records.classes.names().iter().zip(&counts).map(class).collect(),
            labels,
            annotators,
            copies,
            outliers,
            odd,
            repeated_ids: n - records.ids.iter().collect::<HashSet<_>>().len(),
            missing: records
                .missing
                .iter()
                .filter(|(_, n)| *n > 0)
                .map(|(field, n)| Missing { field: field.clone(), n: *n })
                .collect(),
            order,
            weak,
            drift,
            skipped,
        })
    }

    /// Whether anything should be looked at.
    pub fn is_clean(&self) -> bool {
        self.labels.as_ref().is_none_or(|labels| labels.errors.is_empty())
            && self.copies.as_ref().is_none_or(|copies| copies.groups.is_empty())
            && self.outliers.as_ref().is_none_or(|outliers| outliers.rows.is_empty())
            && self.odd.is_empty()
            && self.repeated_ids == 0
            && self.missing.is_empty()
            && self.weak.is_empty()
            && self.order.as_ref().is_none_or(|order| !order.is_sorted)
            && self.drift.as_ref().is_none_or(|drift| !drift.is_drift)
            && self.classes.iter().all(|class| !class.is_rare)
    }
}
