//! `synth agreement`

use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;

use anyhow::Result;
use arrow_array::{ArrayRef, Float64Array, RecordBatch, StringArray, UInt64Array};
use serde::Serialize;
use synth::audit::{Consensus, RatingPairs, Ratings, Scale, Weights, interpretation};
use synth::core::{ClassId, Dataset};
use synth::io::votes::Crowd;
use synth::io::{RecordWriter, Vectors};
use synth::label::Method;

use crate::args::{AgreementArgs, Common, ConsensusKind};
use crate::audit::annotators::{
    self, AnnotatorSummary, Item, SHOWN, annotator_table, item_table, relabel_first, shown, soft_labels, summaries,
};
use crate::errors::hinted;
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
    /// The least trustworthy first.
    annotators: Vec<AnnotatorSummary>,
    /// Items where one more label is worth most.
    relabel_first: Vec<Item>,
    out: PathBuf,
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

pub fn run(args: &AgreementArgs, common: &Common, progress: &Progress) -> Result<ExitCode> {
    if args.consensus.as_deref() == Some(Path::new("-")) {
        return Err(hinted(
            "the consensus and the agreement both go to stdout",
            "name a file: --consensus consensus.csv",
        ));
    }
    if let Some(out) = &args.consensus {
        let read: Vec<&PathBuf> = std::iter::once(&args.file).chain(&args.probs).collect();
        inputs::not_over("--consensus", out, &read)?;
    }
    let summary = inputs::on_threads(common, || agreement(args, progress))?;
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

fn agreement(args: &AgreementArgs, progress: &Progress) -> Result<Summary> {
    let classes = inputs::given_classes(&args.classes)?;
    let crowd = annotators::load(&args.file, classes.as_ref(), progress)?;
    let matrix = &crowd.matrix;
    if let [alone] = matrix.lf_names() {
        return Err(hinted(
            format!("all votes are those of `{alone}`"),
            "agreement takes two annotators or more, who voted on the same items",
        ));
    }
    let mut ratings = Ratings::of_votes(matrix)?;
    let names = matrix.classes().names();
    let numbers: Option<Vec<f64>> =
        names.iter().map(|name| name.parse().ok().filter(|x: &f64| x.is_finite())).collect();
    // Of two classes all scales say the same.
    let is_ordered = (numbers.is_some() || classes.is_some()) && names.len() > 2;
    let has_distances = is_ordered && numbers.is_some();
    if let Some(numbers) = numbers {
        ratings = ratings.with_values(numbers)?;
    }
    let on = |scale: Scale, is_known: bool| if is_known { ratings.krippendorff_alpha(scale) } else { None };
    let alpha = Alpha {
        nominal: on(Scale::Nominal, true),
        ordinal: on(Scale::Ordinal, is_ordered),
        interval: on(Scale::Interval, has_distances),
    };
    let (fleiss_kappa, no_fleiss) = fleiss(&ratings);
    Ok(Summary {
        version: 1,
        items: ratings.n_items(),
        annotators: matrix.lf_names().to_vec(),
        classes: names.to_vec(),
        ratings: ratings.n_ratings(),
        interpretation: alpha.nominal.map(interpretation),
        alpha,
        fleiss_kappa,
        no_fleiss,
        pairs: ratings.pairs().map(|pair| of_pair(&pair, matrix.lf_names(), is_ordered)).collect(),
        consensus: args.consensus.as_ref().map(|out| consensus(args, out, &crowd)).transpose()?,
    })
}

/// Fleiss' kappa, or why there is none.
fn fleiss(ratings: &Ratings) -> (Option<f64>, Option<String>) {
    match ratings.fleiss_kappa() {
        Ok(Some(kappa)) => (Some(kappa), None),
        Ok(None) => {
            let why = "it is not defined where all ratings are the same, or where no item has two";
            (None, Some(why.to_owned()))
        }
        Err(error) => (None, Some(error.to_string())),
    }
}

fn of_pair(pair: &RatingPairs, names: &[String], is_ordered: bool) -> Pair {
    let weighted = |weights: Weights| if is_ordered { pair.cohen_kappa(weights) } else { None };
    Pair {
        annotators: pair.annotators().map(|annotator| names[annotator].clone()),
        items: pair.n_items(),
        agreement: pair.observed_agreement(),
        kappa: pair.cohen_kappa(Weights::None),
        linear: weighted(Weights::Linear),
        quadratic: weighted(Weights::Quadratic),
    }
}

/// Finds the consensus and writes it.
fn consensus(args: &AgreementArgs, out: &Path, crowd: &Crowd) -> Result<ConsensusSummary> {
    let matrix = &crowd.matrix;
    let kind = args.method.unwrap_or(match args.probs {
        Some(_) => ConsensusKind::Crowdlab,
        None => ConsensusKind::DawidSkene,
    });
    let by_model =
        |method: Method| -> Result<Consensus> { Ok(Consensus::by_model(matrix, soft_labels(matrix, method)?.view())?) };
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
    Ok(ConsensusSummary {
        by,
        classifier_weight: consensus.classifier_weight,
        annotators: summaries(matrix, &consensus),
        relabel_first: relabel_first(matrix, &consensus, |row| crowd.items[row].clone()),
        out: out.to_owned(),
    })
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
        text.push_str(&trimmed(&annotator_table(consensus.annotators.iter().take(SHOWN))));
        if !consensus.relabel_first.is_empty() {
            text.push_str("\nask once more about\n");
            text.push_str(&trimmed(&item_table(consensus.relabel_first.iter().take(10))));
        }
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
