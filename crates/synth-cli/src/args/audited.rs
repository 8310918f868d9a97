//! What can be typed where data is audited.

use std::path::PathBuf;

use clap::builder::{PossibleValue, PossibleValuesParser, TypedValueParser};
use clap::{Args, ValueEnum};
use synth::audit::{LabelScore, SelectionRule};

use super::RecordArgs;

#[derive(Debug, Args)]
#[command(after_help = "Exit codes: 0 nothing was found; 1 something was; 2 could not run.")]
pub struct AuditArgs {
    #[command(flatten)]
    pub records: RecordArgs,
    #[command(flatten)]
    pub fields: AuditFields,
    #[command(flatten)]
    pub labels: LabelErrorArgs,
    /// Earlier records with labels, whose shares these are compared with
    #[arg(long, value_name = "FILE")]
    pub before: Option<PathBuf>,
    /// Texts this much alike are copies: the Jaccard similarity of their shingles
    #[arg(long, value_name = "SHARE", default_value_t = SIMILARITY)]
    pub similarity: f64,
    /// Vectors this much alike are copies: their cosine
    #[arg(long, value_name = "COSINE", default_value_t = 0.95)]
    pub cosine: f64,
    /// How outliers are told, among --vectors or --number [default: lof for up to 50,000 vectors, else isolation-forest]
    #[arg(long, value_name = "METHOD")]
    pub outliers: Option<OutlierKind>,
    /// A page with plots and the worst records, which opens in a browser without a network
    #[arg(long, value_name = "FILE.html")]
    pub report: Option<PathBuf>,
    /// Write mended records to --out: without what is wrong, with the label that the classifier suggests, or with a weight
    #[arg(long, value_name = "HOW", requires = "out")]
    pub fix: Option<FixKind>,
    /// The mended records: .parquet, .arrow, .jsonl or .csv; beside them a log of each change, .changes.jsonl
    #[arg(long, short, value_name = "FILE", requires = "fix")]
    pub out: Option<PathBuf>,
    /// Write the doubtful labels for people who check them: label-studio, or label-studio=FILE.json [default file:
    /// label-studio.json]
    #[arg(long, value_name = "FORMAT[=FILE]", value_parser = export)]
    pub export: Option<PathBuf>,
}

/// What of the records is looked at.
#[derive(Debug, Default, Args)]
pub struct AuditFields {
    /// The field of the labels [default: the gold field of synth.toml, or `label`]
    #[arg(long, value_name = "FIELD")]
    pub label: Option<String>,
    /// Soft labels in place of labels, as `synth label` writes them: the most probable class counts, and the classifier
    /// learns all
    #[arg(long, value_name = "FILE", conflicts_with = "label")]
    pub soft: Option<PathBuf>,
    /// Votes of annotators on the records, item,worker,label as CSV: how far they agree, and what they say together
    #[arg(long, value_name = "FILE.csv")]
    pub votes: Option<PathBuf>,
    /// The field of the text [default: the only field of text, or `text`]
    #[arg(long, value_name = "FIELD")]
    pub text: Option<String>,
    /// The classes, in the order of --probs [default: the labels there are, by name]
    #[arg(long, value_name = "A,B", value_delimiter = ',')]
    pub classes: Vec<String>,
    /// Fields of numbers, to learn from and to look for outliers in
    #[arg(long, value_name = "FIELD", num_args = 1..)]
    pub number: Vec<String>,
    /// Fields with few different values, to learn from and to look for weak parts in
    #[arg(long, value_name = "FIELD", num_args = 1..)]
    pub category: Vec<String>,
    /// Vectors beside the records, as `synth embed` writes them: to learn from, for outliers and near copies
    #[arg(long, value_name = "FILE.npy")]
    pub vectors: Option<PathBuf>,
    /// The field that names a picture's file, from the folder of the records: the page shows it, and what cannot be read is odd
    #[arg(long, value_name = "FIELD")]
    pub image: Option<String>,
    /// The field that tells training records from test records; no copy may be in both [default: split, if there is one]
    #[arg(long, value_name = "FIELD")]
    pub split: Option<String>,
}

impl AuditFields {
    /// The fields that stand beside the labels, each with the flag that names it.
    pub fn learned(&self) -> impl Iterator<Item = (&'static str, &str)> {
        let one = [("--text", &self.text), ("--image", &self.image), ("--split", &self.split)];
        let one = one.into_iter().filter_map(|(flag, field)| Some((flag, field.as_deref()?)));
        let several = [("--number", &self.number), ("--category", &self.category)];
        one.chain(several.into_iter().flat_map(|(flag, fields)| fields.iter().map(move |field| (flag, field.as_str()))))
    }
}

/// How it is told which labels are wrong.
#[derive(Debug, Default, Args)]
pub struct LabelErrorArgs {
    /// Probabilities of a model that has not seen the records: .npy, one row a record; or columns, joined by id, as
    /// `synth predict` and `synth train --probs-out` write them [default: by cross-validation of a classifier]
    #[arg(long, value_name = "FILE")]
    pub probs: Option<PathBuf>,
    /// How labels are chosen that are likely wrong
    #[arg(long, value_name = "RULE", default_value = SelectionRule::default().name(), value_parser = rules())]
    pub rule: SelectionRule,
    /// How they are ranked
    #[arg(long, value_name = "SCORE", default_value = LabelScore::default().name(), value_parser = scores())]
    pub score: LabelScore,
    /// Decides folds, forests and intervals
    #[arg(long, value_name = "N", default_value_t = 0, env = "SYNTH_SEED")]
    pub seed: u64,
}

/// How much alike copies of texts are, where nothing else is said.
pub const SIMILARITY: f64 = 0.8;

fn rules() -> impl TypedValueParser<Value = SelectionRule> {
    let help = |rule| match rule {
        SelectionRule::PruneByNoiseRate => "As many of each label and other class as there are estimated to be",
        SelectionRule::PruneByClass => "As many of each label as there are estimated to be, the least probable",
        SelectionRule::Both => "What both of these choose",
        SelectionRule::ConfidentLearning => "What is confidently of another class",
        SelectionRule::PredictedNotGiven => "What is predicted to be of another class",
    };
    one_of(&SelectionRule::ALL, SelectionRule::name, help)
}

fn scores() -> impl TypedValueParser<Value = LabelScore> {
    let help = |score| match score {
        LabelScore::SelfConfidence => "How probable the label is",
        LabelScore::NormalizedMargin => "How much more probable it is than any other",
        LabelScore::ConfidenceWeightedEntropy => "How probable it is, by how sure the classifier is",
    };
    one_of(&LabelScore::ALL, LabelScore::name, help)
}

/// Reads one of several things by the names that they have.
fn one_of<T: Copy + Send + Sync + 'static>(
    all: &'static [T],
    name: fn(T) -> &'static str,
    help: impl Fn(T) -> &'static str,
) -> impl TypedValueParser<Value = T> {
    let values = all.iter().map(|one| PossibleValue::new(name(*one)).help(help(*one)));
    PossibleValuesParser::new(values).try_map(move |typed| {
        let found = all.iter().find(|one| name(**one) == typed).copied();
        found.ok_or("there is none of this name")
    })
}

/// The file of `label-studio=FILE`.
fn export(typed: &str) -> Result<PathBuf, String> {
    match typed.split_once('=').unwrap_or((typed, "label-studio.json")) {
        ("label-studio", "") => Err("the name of the file is missing: label-studio=tasks.json".to_owned()),
        ("label-studio", file) => Ok(PathBuf::from(file)),
        (format, _) => Err(format!("there is no format `{format}`; possible: label-studio, label-studio=FILE.json")),
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum OutlierKind {
    /// Local outlier factor: how much thinner it is around a record than around its neighbours
    Lof,
    /// How far the neighbours of a record are
    Knn,
    /// How soon a record is alone when points are split at random
    IsolationForest,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum FixKind {
    /// Leave out records whose label is likely wrong, and copies of others
    Drop,
    /// Give records whose label is likely wrong the most probable class
    Relabel,
    /// Add a field `weight`: less for records whose label is likely wrong, and for copies
    Weight,
}

#[derive(Debug, Args)]
pub struct AgreementArgs {
    /// Votes: item,worker,label as CSV; of several votes of one annotator on one item the last counts
    #[arg(value_name = "FILE.csv")]
    pub file: PathBuf,
    /// The classes, in order, where that counts [default: the labels there are, as numbers or by name]
    #[arg(long, value_name = "A,B", value_delimiter = ',')]
    pub classes: Vec<String>,
    /// Write the consensus: item, label, quality and n_votes; .parquet, .arrow, .jsonl or .csv
    #[arg(long, value_name = "FILE")]
    pub consensus: Option<PathBuf>,
    /// How it is found [default: crowdlab with --probs, else dawid-skene]
    #[arg(long, value_name = "METHOD", requires = "consensus")]
    pub method: Option<ConsensusKind>,
    /// Probabilities of a classifier that has not seen the items, one row an item in the order of the votes: .npy
    #[arg(long, value_name = "FILE.npy", requires = "consensus")]
    pub probs: Option<PathBuf>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum ConsensusKind {
    /// What most say
    Majority,
    /// By how often each annotator is right about each class
    DawidSkene,
    /// By the annotators and a classifier, see --probs
    Crowdlab,
}
