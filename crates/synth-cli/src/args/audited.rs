//! What can be typed where data is audited.

use std::path::PathBuf;

use clap::{Args, ValueEnum};
use synth::audit::{LabelScore, SelectionRule};

use super::RecordArgs;

#[derive(Debug, Args)]
pub struct AuditArgs {
    #[command(flatten)]
    pub records: RecordArgs,
    /// The field of the labels [default: the gold field of synth.toml, or `label`]
    #[arg(long, value_name = "FIELD")]
    pub label: Option<String>,
    /// The field of the text [default: the only field of text, or `text`]
    #[arg(long, value_name = "FIELD")]
    pub text: Option<String>,
    /// Probabilities of a model that has not seen the records, one row a record, classes in the order of their names: .npy
    /// [default: by cross-validation of a classifier]
    #[arg(long, value_name = "FILE.npy")]
    pub probs: Option<PathBuf>,
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
    /// Earlier records with labels, whose shares these are compared with
    #[arg(long, value_name = "FILE")]
    pub before: Option<PathBuf>,
    /// How labels are chosen that are likely wrong
    #[arg(long, value_name = "RULE", default_value = "prune-by-noise-rate")]
    pub rule: RuleKind,
    /// How they are ranked
    #[arg(long, value_name = "SCORE", default_value = "self-confidence")]
    pub score: ScoreKind,
    /// Texts this much alike are copies: the Jaccard similarity of their shingles
    #[arg(long, value_name = "SHARE", default_value_t = SIMILARITY)]
    pub similarity: f64,
    /// Vectors this much alike are copies: their cosine
    #[arg(long, value_name = "COSINE", default_value_t = COSINE)]
    pub cosine: f64,
    /// A page with plots and the worst records, which opens in a browser without a network
    #[arg(long, value_name = "FILE.html")]
    pub report: Option<PathBuf>,
    /// Write mended records to --out: without what is wrong, with the label that the classifier suggests, or with a weight
    #[arg(long, value_name = "HOW", requires = "out")]
    pub fix: Option<FixKind>,
    /// The mended records: .parquet, .arrow, .jsonl or .csv; beside them a log of each change, .changes.jsonl
    #[arg(long, short, value_name = "FILE", requires = "fix")]
    pub out: Option<PathBuf>,
    /// Tasks for people who check the doubtful labels, as Label Studio imports them
    #[arg(long, value_name = "FILE.json")]
    pub label_studio: Option<PathBuf>,
    /// Decides folds, forests and intervals
    #[arg(long, value_name = "N", default_value_t = 0, env = "SYNTH_SEED")]
    pub seed: u64,
}

impl AuditArgs {
    /// An audit of labels as it is by default.
    pub fn of(records: RecordArgs, label: String) -> Self {
        Self {
            records,
            label: Some(label),
            text: None,
            probs: None,
            classes: Vec::new(),
            number: Vec::new(),
            category: Vec::new(),
            vectors: None,
            image: None,
            split: None,
            before: None,
            rule: RuleKind::PruneByNoiseRate,
            score: ScoreKind::SelfConfidence,
            similarity: SIMILARITY,
            cosine: COSINE,
            report: None,
            fix: None,
            out: None,
            label_studio: None,
            seed: 0,
        }
    }
}

/// How much alike copies are, where nothing else is said: texts, and vectors.
pub const SIMILARITY: f64 = 0.8;
const COSINE: f64 = 0.95;

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum RuleKind {
    /// As many of each label and other class as there are estimated to be
    PruneByNoiseRate,
    /// As many of each label as there are estimated to be, the least probable
    PruneByClass,
    /// What both of these choose
    Both,
    /// What is confidently of another class
    ConfidentLearning,
    /// What is predicted to be of another class
    PredictedNotGiven,
}

impl From<RuleKind> for SelectionRule {
    fn from(kind: RuleKind) -> Self {
        match kind {
            RuleKind::PruneByNoiseRate => Self::PruneByNoiseRate,
            RuleKind::PruneByClass => Self::PruneByClass,
            RuleKind::Both => Self::Both,
            RuleKind::ConfidentLearning => Self::ConfidentLearning,
            RuleKind::PredictedNotGiven => Self::PredictedNotGiven,
        }
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum ScoreKind {
    /// How probable the label is
    SelfConfidence,
    /// How much more probable it is than any other
    NormalizedMargin,
    /// How probable it is, by how sure the classifier is
    ConfidenceWeightedEntropy,
}

impl From<ScoreKind> for LabelScore {
    fn from(kind: ScoreKind) -> Self {
        match kind {
            ScoreKind::SelfConfidence => Self::SelfConfidence,
            ScoreKind::NormalizedMargin => Self::NormalizedMargin,
            ScoreKind::ConfidenceWeightedEntropy => Self::ConfidenceWeightedEntropy,
        }
    }
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
    /// Votes: item,worker,label as CSV
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
