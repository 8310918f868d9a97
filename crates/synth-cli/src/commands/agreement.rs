//! `synth agreement`

use std::process::ExitCode;

use anyhow::Result;
use serde::Serialize;
use synth::audit::{Ratings, Scale, Weights, interpretation};
use synth::io::votes::load_crowd;

use crate::args::{AgreementArgs, Common};
use crate::progress::Progress;
use crate::table::{counted, plain, trimmed};
use crate::{inputs, output};

/// What `--json` prints; what is not defined is null.
#[derive(Serialize)]
struct Summary {
    version: u32,
    items: usize,
    annotators: Vec<String>,
    classes: Vec<String>,
    ratings: usize,
    /// Krippendorff's alpha.
    alpha: Alpha,
    /// Fleiss' kappa; also null where items have different numbers of ratings.
    fleiss_kappa: Option<f64>,
    /// Why there is no Fleiss' kappa.
    no_fleiss: Option<String>,
    /// What the alpha of names, or Fleiss' kappa, is called.
    interpretation: Option<&'static str>,
    pairs: Vec<Pair>,
}

#[derive(Serialize)]
struct Alpha {
    nominal: Option<f64>,
    /// Where the classes are numbers.
    ordinal: Option<f64>,
    interval: Option<f64>,
}

#[derive(Serialize)]
struct Pair {
    annotators: [String; 2],
    /// Items that both rated.
    items: usize,
    agreement: Option<f64>,
    kappa: Option<f64>,
    linear: Option<f64>,
    quadratic: Option<f64>,
}

/// So many pairs are shown; `--json` has all.
const SHOWN: usize = 30;

pub fn run(args: &AgreementArgs, common: &Common, progress: &Progress) -> Result<ExitCode> {
    let summary = inputs::on_threads(common, || agreement(args))?;
    if common.json {
        output::json(&summary)?;
    } else {
        output::print(&render(&summary))?;
        if summary.pairs.len() > SHOWN {
            progress.note(&format!("{} more pairs: --json has all", summary.pairs.len() - SHOWN));
        }
    }
    Ok(ExitCode::SUCCESS)
}

fn agreement(args: &AgreementArgs) -> Result<Summary> {
    let classes = inputs::given_classes(&args.classes)?;
    let matrix = load_crowd(&args.file, classes.as_ref())?.matrix;
    let (n, m) = (matrix.n_rows(), matrix.n_lfs());
    let cells = (0..n).flat_map(|row| (0..m).map(move |worker| (row, worker)));
    let cells = cells.map(|(row, worker)| matrix.vote(row, worker).map(|class| class.index() as u32)).collect();
    let mut ratings = Ratings::new(m, cells)?;
    let names = matrix.classes().names();
    let numbers: Option<Vec<f64>> =
        names.iter().map(|name| name.parse().ok().filter(|x: &f64| x.is_finite())).collect();
    // Of two classes all scales say the same.
    let are_numbers = (numbers.is_some() || classes.is_some()) && names.len() > 2;
    if let Some(numbers) = numbers {
        ratings = ratings.with_values(numbers)?;
    }
    let on = |scale: Scale, is_known: bool| if is_known { ratings.krippendorff_alpha(scale) } else { None };
    let alpha = Alpha {
        nominal: on(Scale::Nominal, true),
        ordinal: on(Scale::Ordinal, are_numbers),
        interval: on(Scale::Interval, are_numbers),
    };
    let (fleiss_kappa, no_fleiss) = match ratings.fleiss_kappa() {
        Ok(kappa) => (kappa, kappa.is_none().then(|| "it is not defined where all ratings are the same".to_owned())),
        Err(error) => (None, Some(error.to_string())),
    };
    let votes: Vec<Vec<bool>> = (0..m).map(|w| (0..n).map(|row| matrix.vote(row, w).is_some()).collect()).collect();
    let mut pairs = Vec::new();
    for one in 0..m {
        for other in one + 1..m {
            let items = votes[one].iter().zip(&votes[other]).filter(|(a, b)| **a && **b).count();
            if items == 0 {
                continue;
            }
            let kappa = |weights: Weights| ratings.cohen_kappa(one, other, weights);
            let weighted = |weights: Weights| if are_numbers { kappa(weights) } else { Ok(None) };
            pairs.push(Pair {
                annotators: [one, other].map(|worker| matrix.lf_names()[worker].clone()),
                items,
                agreement: ratings.observed_agreement(one, other)?,
                kappa: kappa(Weights::None)?,
                linear: weighted(Weights::Linear)?,
                quadratic: weighted(Weights::Quadratic)?,
            });
        }
    }
    Ok(Summary {
        version: 1,
        items: n,
        annotators: matrix.lf_names().to_vec(),
        classes: names.to_vec(),
        ratings: votes.iter().flatten().filter(|voted| **voted).count(),
        interpretation: fleiss_kappa.or(alpha.nominal).map(interpretation),
        alpha,
        fleiss_kappa,
        no_fleiss,
        pairs,
    })
}

fn shown(value: Option<f64>) -> String {
    value.map_or_else(|| "undefined".to_owned(), |value| format!("{value:.3}"))
}

fn render(summary: &Summary) -> String {
    let mut text = format!(
        "{} of {} by {}, classes {}\n\n",
        counted(summary.ratings as u64, "rating", "ratings"),
        counted(summary.items as u64, "item", "items"),
        counted(summary.annotators.len() as u64, "annotator", "annotators"),
        summary.classes.join(", ")
    );
    let called = summary.interpretation.map(|called| format!("  ({called})")).unwrap_or_default();
    text.push_str(&format!("Krippendorff's alpha  {}", shown(summary.alpha.nominal)));
    if let (Some(ordinal), Some(interval)) = (summary.alpha.ordinal, summary.alpha.interval) {
        text.push_str(&format!(", ordinal {ordinal:.3}, interval {interval:.3}"));
    }
    text.push_str(&format!("{called}\nFleiss' kappa         {}\n", shown(summary.fleiss_kappa)));
    if let Some(why) = &summary.no_fleiss {
        text.push_str(&format!("  {why}\n"));
    }
    if !summary.pairs.is_empty() {
        let is_weighted = summary.alpha.ordinal.is_some();
        let columns = if is_weighted { 7 } else { 5 };
        let header = ["annotators", "", "items", "agreement", "kappa", "linear", "quadratic"];
        let mut table = plain(&header[..columns], 2);
        for pair in summary.pairs.iter().take(SHOWN) {
            let [one, other] = &pair.annotators;
            let weighted = |value: Option<f64>| value.map_or_else(|| "-".to_owned(), |value| format!("{value:.3}"));
            let row = [
                one.clone(),
                other.clone(),
                pair.items.to_string(),
                shown(pair.agreement),
                shown(pair.kappa),
                weighted(pair.linear),
                weighted(pair.quadratic),
            ];
            table.add_row(&row[..columns]);
        }
        text.push_str(&format!("\n{}", trimmed(&table)));
    }
    text
}
