//! `synth agreement`

use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;

use anyhow::Result;
use arrow_array::{ArrayRef, Float64Array, RecordBatch, StringArray, UInt64Array};
use serde::Serialize;
use synth::audit::{Consensus, Ratings, Scale, Weights, interpretation};
use synth::core::{ClassId, Dataset, LabelModel};
use synth::io::votes::{Crowd, load_crowd};
use synth::io::{RecordWriter, Vectors};
use synth::label::{ClassBalance, Gold, Method};

use crate::args::{AgreementArgs, Common, ConsensusKind};
use crate::errors::{hinted, unboxed};
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
    /// What the alpha of names is called.
    interpretation: Option<&'static str>,
    pairs: Vec<Pair>,
    /// With `--consensus`.
    consensus: Option<ConsensusSummary>,
}

#[derive(Serialize)]
struct ConsensusSummary {
    by: &'static str,
    /// How much the classifier counts beside annotators, of which one who is always right counts 1.
    classifier_weight: Option<f64>,
    /// The best first.
    annotators: Vec<AnnotatorSummary>,
    /// Items where one more label is worth most.
    relabel_first: Vec<Item>,
    out: PathBuf,
}

#[derive(Serialize)]
struct AnnotatorSummary {
    annotator: String,
    labels: usize,
    /// How probable their labels are on average.
    quality: Option<f64>,
    /// With the consensus, on items that others labelled, too.
    agreement: Option<f64>,
}

#[derive(Serialize)]
struct Item {
    item: String,
    label: String,
    quality: f64,
}

#[derive(Serialize)]
struct Alpha {
    nominal: Option<f64>,
    /// Where the classes are numbers, or given in an order.
    ordinal: Option<f64>,
    /// Where they are numbers.
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
    if args.consensus.as_deref() == Some(Path::new("-")) {
        return Err(hinted(
            "the consensus and the agreement both go to stdout",
            "name a file: --consensus consensus.csv",
        ));
    }
    let summary = inputs::on_threads(common, || agreement(args))?;
    if common.json {
        output::json(&summary)?;
    } else {
        output::print(&render(&summary))?;
        if let Some(consensus) = &summary.consensus {
            progress.note(&format!("wrote {}", consensus.out.display()));
        }
        if summary.pairs.len() > SHOWN {
            progress.note(&format!("{} more pairs: --json has all", summary.pairs.len() - SHOWN));
        }
    }
    Ok(ExitCode::SUCCESS)
}

fn agreement(args: &AgreementArgs) -> Result<Summary> {
    let classes = inputs::given_classes(&args.classes)?;
    let crowd = load_crowd(&args.file, classes.as_ref())?;
    let matrix = &crowd.matrix;
    let (n, m) = (matrix.n_rows(), matrix.n_lfs());
    let cells = (0..n).flat_map(|row| (0..m).map(move |worker| (row, worker)));
    let cells = cells.map(|(row, worker)| matrix.vote(row, worker).map(|class| class.index() as u32)).collect();
    let mut ratings = Ratings::new(m, cells)?;
    let consensus = args.consensus.as_ref().map(|out| consensus(args, out, &crowd)).transpose()?;
    let names = matrix.classes().names();
    let numbers: Option<Vec<f64>> =
        names.iter().map(|name| name.parse().ok().filter(|x: &f64| x.is_finite())).collect();
    // Of two classes all scales say the same.
    let are_numbers = (numbers.is_some() || classes.is_some()) && names.len() > 2;
    let has_distances = are_numbers && numbers.is_some();
    if let Some(numbers) = numbers {
        ratings = ratings.with_values(numbers)?;
    }
    let on = |scale: Scale, is_known: bool| if is_known { ratings.krippendorff_alpha(scale) } else { None };
    let alpha = Alpha {
        nominal: on(Scale::Nominal, true),
        ordinal: on(Scale::Ordinal, are_numbers),
        interval: on(Scale::Interval, has_distances),
    };
    let (fleiss_kappa, no_fleiss) = match ratings.fleiss_kappa() {
        Ok(kappa) => (
            kappa,
            kappa
                .is_none()
                .then(|| "it is not defined where all ratings are the same, or where no item has two".to_owned()),
        ),
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
        interpretation: alpha.nominal.map(interpretation),
        alpha,
        fleiss_kappa,
        no_fleiss,
        pairs,
        consensus,
    })
}

/// Finds the consensus and writes it.
fn consensus(args: &AgreementArgs, out: &Path, crowd: &Crowd) -> Result<ConsensusSummary> {
    let matrix = &crowd.matrix;
    let kind = args.method.unwrap_or(match args.probs {
        Some(_) => ConsensusKind::Crowdlab,
        None => ConsensusKind::DawidSkene,
    });
    let by_model = |method: Method| -> Result<Consensus> {
        let fit = method.fit(matrix.patterns(), &Gold::none(), &ClassBalance::Estimate)?;
        let soft = fit.model.predict(matrix).map_err(unboxed)?;
        Ok(Consensus::by_model(matrix, soft.to_array().view())?)
    };
    let (by, consensus) = match (kind, &args.probs) {
        (ConsensusKind::Majority, None) => ("majority", by_model(Method::Majority)?),
        (ConsensusKind::DawidSkene, None) => ("dawid-skene", by_model(Method::DawidSkene)?),
        (ConsensusKind::Crowdlab, Some(path)) => {
            let probs = Vectors::open("probs", path)?.all()?;
            ("crowdlab", Consensus::with_classifier(matrix, probs.view())?)
        }
        (ConsensusKind::Crowdlab, None) => {
            return Err(hinted(
                "`--method crowdlab` needs a classifier",
                "name what it says of the items: --probs probs.npy",
            ));
        }
        (_, Some(_)) => {
            return Err(hinted(
                "`--probs` means nothing without a classifier's vote",
                "use --method crowdlab, or leave --probs out",
            ));
        }
    };
    let name = |class: ClassId| matrix.classes().name(class).to_owned();
    let n_votes = (0..matrix.n_rows()).map(|row| matrix.votes(row).len() as u64);
    let columns: [(&str, ArrayRef); 4] = [
        ("item", Arc::new(StringArray::from_iter_values(&crowd.items))),
        ("label", Arc::new(StringArray::from_iter_values(consensus.labels.iter().map(|label| name(*label))))),
        ("quality", Arc::new(Float64Array::from_iter_values(consensus.quality.iter().copied()))),
        ("n_votes", Arc::new(UInt64Array::from_iter_values(n_votes))),
    ];
    let batch = RecordBatch::try_from_iter(columns)?;
    let mut writer = RecordWriter::create(out, &batch.schema())?;
    writer.write(&Dataset::new(batch))?;
    writer.finish()?;
    let mut annotators: Vec<AnnotatorSummary> = matrix
        .lf_names()
        .iter()
        .zip(&consensus.annotators)
        .map(|(annotator, found)| AnnotatorSummary {
            annotator: annotator.clone(),
            labels: found.n,
            quality: found.quality,
            agreement: found.agreement,
        })
        .collect();
    // Sorting keeps the order of equals.
    annotators.sort_by(|a, b| b.quality.unwrap_or(0.0).total_cmp(&a.quality.unwrap_or(0.0)));
    let item = |row: usize| Item {
        item: crowd.items[row].clone(),
        label: name(consensus.labels[row]),
        quality: consensus.quality[row],
    };
    Ok(ConsensusSummary {
        by,
        classifier_weight: consensus.classifier_weight,
        annotators,
        relabel_first: consensus.relabel_first().into_iter().take(SHOWN).map(item).collect(),
        out: out.to_owned(),
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
    for (scale, alpha) in [("ordinal", summary.alpha.ordinal), ("interval", summary.alpha.interval)] {
        text.push_str(&alpha.map(|alpha| format!(", {scale} {alpha:.3}")).unwrap_or_default());
    }
    text.push_str(&format!("{called}\nFleiss' kappa         {}\n", shown(summary.fleiss_kappa)));
    if let Some(why) = &summary.no_fleiss {
        text.push_str(&format!("  {why}\n"));
    }
    if let Some(consensus) = &summary.consensus {
        text.push_str(&format!("\nconsensus by {}\n", consensus.by));
        let mut table = plain(&["annotator", "labels", "quality", "agreement"], 1);
        for found in consensus.annotators.iter().take(SHOWN) {
            let quality = [found.quality, found.agreement].map(shown);
            table.add_row([&found.annotator, &found.labels.to_string(), &quality[0], &quality[1]]);
        }
        text.push_str(&trimmed(&table));
        text.push_str("\nask once more about\n");
        let mut table = plain(&["item", "label", "quality"], 2);
        for item in consensus.relabel_first.iter().take(10) {
            table.add_row([&item.item, &item.label, &format!("{:.3}", item.quality)]);
        }
        text.push_str(&trimmed(&table));
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
