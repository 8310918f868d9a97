//! What can be typed.

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand, ValueEnum};
use synth::LfFiles;

use crate::config::{Config, or_file};
use crate::inputs;
use crate::progress::Progress;

mod audited;
mod made;

pub use audited::*;
pub use made::*;

/// Turns unlabelled records into training data.
///
/// You write labeling functions instead of labels; synth works out how far each can be trusted and gives every
/// record a soft label.
#[derive(Debug, Parser)]
#[command(name = "synth", version, max_term_width = 100, disable_help_subcommand = true)]
#[command(after_help = "Start with `synth demo`. `synth help lf` describes the language of labeling functions.")]
pub struct Cli {
    #[command(subcommand)]
    pub command: Command,
    #[command(flatten)]
    pub common: Common,
    /// Show no progress and no warnings
    #[arg(long, short, global = true)]
    pub quiet: bool,
}

#[derive(Debug, Args)]
pub struct Common {
    /// Settings of the project [default: synth.toml, if there is one]
    #[arg(long, value_name = "FILE", global = true, env = "SYNTH_CONFIG")]
    pub config: Option<PathBuf>,
    /// How many threads to use; the result does not depend on it [default: one for each core]
    #[arg(long, value_name = "N", global = true, env = "SYNTH_THREADS")]
    pub threads: Option<usize>,
    /// Where networks of pictures and of embeddings are computed: cpu, cuda, or cuda:1 for a second one [default: cpu]
    #[arg(long, value_name = "DEVICE", global = true, env = "SYNTH_DEVICE")]
    pub device: Option<String>,
    /// Print one JSON object to stdout instead of text
    #[arg(long, global = true)]
    pub json: bool,
}

#[derive(Debug, Subcommand)]
pub enum Command {
    /// Start a project: settings, labeling functions and example records in a folder
    Init(InitArgs),
    /// Look for mistakes in .lf files, or for records that break a contract
    Check(CheckArgs),
    /// Write .lf files in the one standard form
    Fmt(FmtArgs),
    /// Show what labeling functions do on records: coverage, conflicts, accuracy
    Lfs(LfsArgs),
    /// Give every record a soft label
    Label(LabelArgs),
    /// Train a classifier on soft labels
    Train(TrainArgs),
    /// Let a trained classifier give every record a soft label
    Predict(PredictArgs),
    /// Score a trained classifier against known labels
    Evaluate(EvaluateArgs),
    /// Find what is wrong with labelled records: labels, copies, leaks, outliers; and mend it
    Audit(AuditArgs),
    /// Measure how far annotators agree
    Agreement(AgreementArgs),
    /// Make examples of a class
    Generate(GenerateArgs),
    /// Make variants of every record, by changing words
    Augment(AugmentArgs),
    /// Let texts that were made pass the filters of `generate`
    Filter(FilterArgs),
    /// Show the templates of prompts
    Prompts(PromptsArgs),
    /// Place texts in space, those that mean the same near each other
    Embed(EmbedArgs),
    /// Measure how far made points, texts or images are from real ones
    Fid(FidArgs),
    /// Show where a made row comes from
    Blame(BlameArgs),
    /// Run everything on example records that come with the program
    Demo(DemoArgs),
    /// Show help for a command, `lf` for the language of labeling functions, or `contract` for what can be promised
    Help(HelpArgs),
}

#[derive(Debug, Args)]
pub struct InitArgs {
    /// The folder, made if it does not exist
    #[arg(default_value = ".")]
    pub folder: PathBuf,
}

#[derive(Debug, Args)]
pub struct CheckArgs {
    /// The .lf files [default: those of synth.toml]
    pub files: Vec<PathBuf>,
    /// The classes, where no file declares them
    #[arg(long, value_name = "A,B", value_delimiter = ',')]
    pub classes: Vec<String>,
    /// Let warnings fail the check too
    #[arg(long)]
    pub deny_warnings: bool,
    /// Check records in place of .lf files: whether they are as this contract promises; see `synth help contract`
    #[arg(long, value_name = "CONTRACT.toml", conflicts_with_all = ["files", "classes", "deny_warnings"])]
    pub contract: Option<PathBuf>,
    /// The time that freshness counts from, as 2026-11-26 [default: the clock]
    #[arg(long, value_name = "TIME", requires = "contract")]
    pub now: Option<String>,
    /// The records of --contract [default: the data of synth.toml]
    #[arg(long, value_name = "FILE", num_args = 1.., requires = "contract")]
    pub data: Vec<PathBuf>,
}

#[derive(Debug, Args)]
pub struct FmtArgs {
    /// The .lf files; `-` formats stdin to stdout
    #[arg(required = true)]
    pub files: Vec<PathBuf>,
    /// Change nothing; exit with 1 if a file is not in standard form
    #[arg(long)]
    pub check: bool,
}

/// Where records come from.
#[derive(Debug, Args)]
pub struct RecordArgs {
    /// Records: .jsonl, .csv, .parquet, .arrow, also .gz or .zst; `-` is stdin
    #[arg(long, value_name = "FILE", num_args = 1..)]
    pub data: Vec<PathBuf>,
    /// The format of stdin [default: jsonl]
    #[arg(long, value_name = "FORMAT")]
    pub stdin_format: Option<DataFormat>,
    /// The field that names each record [default: id, else the row number]
    #[arg(long, value_name = "FIELD", env = "SYNTH_ID")]
    pub id: Option<String>,
    /// Set malformed records aside instead of stopping at the first
    #[arg(long)]
    pub skip_bad: bool,
    /// Write the records that were set aside to this file
    #[arg(long, value_name = "FILE", requires = "skip_bad")]
    pub bad_out: Option<PathBuf>,
}

impl RecordArgs {
    /// The field of ids, by flag or settings.
    pub fn id<'a>(&'a self, config: &'a Config) -> Option<&'a str> {
        self.id.as_deref().or(config.data.id.as_deref())
    }
}

/// Where known labels come from.
#[derive(Debug, Args)]
pub struct GoldArgs {
    /// The field that holds known labels: class names, or class numbers from 0
    #[arg(long, value_name = "FIELD", env = "SYNTH_GOLD")]
    pub gold: Option<String>,
}

impl GoldArgs {
    /// The field, by flag or settings.
    pub fn field<'a>(&'a self, config: &'a Config) -> Option<&'a str> {
        self.gold.as_deref().or(config.data.gold.as_deref())
    }
}

/// Where records and labeling functions come from.
#[derive(Debug, Args)]
pub struct InputArgs {
    #[command(flatten)]
    pub records: RecordArgs,
    #[command(flatten)]
    pub gold: GoldArgs,
    /// Labeling functions
    #[arg(long, value_name = "FILE.lf", num_args = 1..)]
    pub lfs: Vec<PathBuf>,
    /// The classes, in order [default: as the .lf files declare them]
    #[arg(long, value_name = "A,B", value_delimiter = ',')]
    pub classes: Vec<String>,
}

impl InputArgs {
    /// The labeling functions, by flag or settings.
    pub fn lf_files(&self, config: &Config, progress: &Progress) -> anyhow::Result<LfFiles> {
        let classes = or_file(&self.classes, &config.lfs.classes);
        inputs::lf_files(&or_file(&self.lfs, &config.lfs.files), &classes, progress)
    }
}

#[derive(Debug, Clone, Copy, ValueEnum)]
pub enum DataFormat {
    Jsonl,
    Csv,
    Parquet,
    Arrow,
}

/// How the label model is fitted.
#[derive(Debug, Args)]
pub struct ModelArgs {
    /// The label model
    #[arg(long, value_name = "MODEL", env = "SYNTH_MODEL")]
    pub model: Option<ModelKind>,
    /// How common each class is: `estimate`, `uniform`, or shares such as `ham=.8,spam=.2`
    #[arg(long, value_name = "BALANCE", env = "SYNTH_BALANCE")]
    pub balance: Option<String>,
    /// Recorded with the result; the label models that come with synth use no random numbers
    #[arg(long, value_name = "N", env = "SYNTH_SEED")]
    pub seed: Option<u64>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum ModelKind {
    /// Looks at the votes and chooses
    Auto,
    /// The class with the most votes; ties share
    Majority,
    /// Votes weighed by how often each function agrees with the others
    Weighted,
    /// A confusion matrix for each function, by EM
    DawidSkene,
    /// Accuracies from agreements of three functions at a time, in closed form
    Triplet,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum UncoveredKind {
    /// The class balance, with n_votes 0
    Prior,
    /// No probabilities, label or confidence
    Null,
    /// Left out
    Drop,
}

#[derive(Debug, Args)]
pub struct LabelArgs {
    #[command(flatten)]
    pub input: InputArgs,
    #[command(flatten)]
    pub ask: ModelBackendArgs,
    #[command(flatten)]
    pub model: ModelArgs,
    /// Votes instead of records: .npy (n x m integers, -1 abstains) or .csv (item,worker,label); `-` is .npy on
    /// stdin, or CSV with `--stdin-format csv`
    #[arg(long, value_name = "FILE", conflicts_with_all = ["data", "lfs"])]
    pub votes: Option<PathBuf>,
    /// Soft labels: .parquet, .arrow, .jsonl, .csv or .npy; `-` writes JSONL to stdout
    #[arg(long, short, value_name = "FILE")]
    pub out: Option<PathBuf>,
    /// The votes as .npy, -1 where a function abstains
    #[arg(long, value_name = "FILE")]
    pub votes_out: Option<PathBuf>,
    /// Vote patterns with counts, to be merged with those of other shards
    #[arg(long, value_name = "FILE")]
    pub counts_out: Option<PathBuf>,
    /// Fit on the counts of several shards together
    #[arg(long, value_name = "FILE", num_args = 1.., conflicts_with_all = ["data", "lfs", "votes", "out", "votes_out", "counts_out", "label_model"])]
    pub merge_counts: Vec<PathBuf>,
    /// Keep the fitted label model
    #[arg(long, value_name = "FILE")]
    pub save_model: Option<PathBuf>,
    /// Use a label model that was kept, fit none
    #[arg(long, value_name = "FILE", conflicts_with = "save_model")]
    pub label_model: Option<PathBuf>,
    /// What records get on which no function voted [default: prior]
    #[arg(long, value_name = "POLICY", env = "SYNTH_UNCOVERED")]
    pub uncovered: Option<UncoveredKind>,
    /// Put this before the names of the columns that are added
    #[arg(long, value_name = "PREFIX")]
    pub prefix: Option<String>,
    /// So many calls of labeling functions may fail before the exit code is 1 [default: 0]
    #[arg(long, value_name = "N")]
    pub max_faults: Option<u64>,
}

#[derive(Debug, Args)]
pub struct LfsArgs {
    #[command(flatten)]
    pub input: InputArgs,
    #[command(flatten)]
    pub ask: ModelBackendArgs,
    #[command(flatten)]
    pub model: ModelArgs,
    /// Show the records a function gets wrong, or is outvoted on, with what it found in them
    #[arg(long, value_name = "NAME")]
    pub rows: Option<String>,
    /// How many records `--rows` shows
    #[arg(long, value_name = "N", default_value_t = 10)]
    pub limit: usize,
    /// Show everything anew whenever an .lf file is saved
    #[arg(long, conflicts_with = "json")]
    pub watch: bool,
}

#[derive(Debug, Args)]
pub struct TrainArgs {
    #[command(flatten)]
    pub records: RecordArgs,
    #[command(flatten)]
    pub gold: GoldArgs,
    /// Soft labels, as `synth label` writes them; joined by id
    #[arg(long, value_name = "FILE", required = true)]
    pub soft: PathBuf,
    /// The classes, in order, where the soft labels do not name them (.jsonl, .npy)
    #[arg(long, value_name = "A,B", value_delimiter = ',')]
    pub classes: Vec<String>,
    /// What stands before the names of the columns of soft labels
    #[arg(long, value_name = "PREFIX", default_value = "")]
    pub prefix: String,
    /// Fields of text to learn from
    #[arg(long, value_name = "FIELD", num_args = 1..)]
    pub text: Vec<String>,
    /// Learn from pieces of words too, of 3 to 5 characters: for misspellings, and languages that build long words
    #[arg(long)]
    pub characters: bool,
    /// Fields of numbers, or of true and false
    #[arg(long, value_name = "FIELD", num_args = 1..)]
    pub number: Vec<String>,
    /// Fields with few different values
    #[arg(long, value_name = "FIELD", num_args = 1..)]
    pub category: Vec<String>,
    /// Fields of ready vectors: lists of numbers
    #[arg(long, value_name = "FIELD", num_args = 1..)]
    pub embedding: Vec<String>,
    /// Vectors beside the records, from an array of one row a record, as a field of this name
    #[arg(long, value_name = "NAME=FILE.npy", num_args = 1..)]
    pub vectors: Vec<String>,
    /// The folder for the model
    #[arg(long, value_name = "DIR", required = true)]
    pub model: PathBuf,
    /// What becomes of records on which no function voted
    #[arg(long, value_name = "POLICY", default_value = "drop")]
    pub uncovered: TrainUncovered,
    /// The strength of L2 [default: the best by cross-validation]
    #[arg(long, value_name = "NUMBER")]
    pub l2: Option<f64>,
    /// Let all classes count alike, however rare
    #[arg(long)]
    pub balanced: bool,
    /// Deals records into folds
    #[arg(long, value_name = "N", default_value_t = 0, env = "SYNTH_SEED")]
    pub seed: u64,
    /// For every record what a model says of it that did not see it: soft labels, in any format of `synth label`
    #[arg(long, value_name = "FILE")]
    pub probs_out: Option<PathBuf>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum TrainUncovered {
    /// They are not learned from
    Drop,
    /// They count like others, with the class balance as their label
    Prior,
}

#[derive(Debug, Args)]
pub struct PredictArgs {
    #[command(flatten)]
    pub records: RecordArgs,
    /// Vectors beside the records, from an array of one row a record, as a field of this name
    #[arg(long, value_name = "NAME=FILE.npy", num_args = 1..)]
    pub vectors: Vec<String>,
    /// The folder of the model
    #[arg(long, value_name = "DIR", required = true)]
    pub model: PathBuf,
    /// Soft labels: .parquet, .arrow, .jsonl, .csv or .npy; `-` writes JSONL to stdout
    #[arg(long, short, value_name = "FILE", required = true)]
    pub out: PathBuf,
    /// Put this before the names of the columns that are added
    #[arg(long, value_name = "PREFIX", default_value = "")]
    pub prefix: String,
}

#[derive(Debug, Args)]
pub struct EvaluateArgs {
    #[command(flatten)]
    pub records: RecordArgs,
    #[command(flatten)]
    pub gold: GoldArgs,
    /// Vectors beside the records, from an array of one row a record, as a field of this name
    #[arg(long, value_name = "NAME=FILE.npy", num_args = 1..)]
    pub vectors: Vec<String>,
    /// The folder of the model
    #[arg(long, value_name = "DIR", required = true)]
    pub model: PathBuf,
    /// Soft labels, with their records, as `synth label` writes them. A model is trained on each file, and one on gold,
    /// and all are scored beside each other; then you also learn how many hand labels each is worth
    #[arg(long, value_name = "FILE", num_args = 1..)]
    pub compare: Vec<PathBuf>,
    /// What stands before the names of the columns of soft labels in those files
    #[arg(long, value_name = "PREFIX", default_value = "", requires = "compare")]
    pub prefix: String,
    /// A folder for plots, as SVG and PNG
    #[arg(long, value_name = "DIR")]
    pub plots: Option<PathBuf>,
    /// Draws the records of the bootstrap for intervals
    #[arg(long, value_name = "N", default_value_t = 0, env = "SYNTH_SEED")]
    pub seed: u64,
}

#[derive(Debug, Args)]
pub struct DemoArgs {}

#[derive(Debug, Args)]
pub struct HelpArgs {
    /// A command, `lf`, or `contract`
    pub topic: Option<String>,
}
