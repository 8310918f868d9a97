//! What can be typed where examples are made, judged and measured.

use std::path::PathBuf;

use clap::{Args, ValueEnum};

use super::{GoldArgs, RecordArgs};

/// The language model that is asked.
#[derive(Debug, Args)]
pub struct ModelBackendArgs {
    /// Where the language model runs [default: the server of [llm] if one is set, else weights that are here]
    #[arg(long, value_name = "BACKEND", env = "SYNTH_BACKEND")]
    pub backend: Option<BackendKind>,
    /// The address of the server, as http://localhost:8000/v1
    #[arg(long, value_name = "URL", env = "SYNTH_LLM_URL")]
    pub llm_url: Option<String>,
    /// The name of the model, as the server has it
    #[arg(long, value_name = "NAME", env = "SYNTH_LLM_MODEL")]
    pub llm_model: Option<String>,
    /// How much may be spent: 500req, 100ktok or 2usd [default: 1000req]
    #[arg(long, value_name = "BUDGET", env = "SYNTH_BUDGET")]
    pub budget: Option<String>,
    /// Ask anew what is recorded already
    #[arg(long)]
    pub no_cache: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum BackendKind {
    /// A server with the interface of OpenAI
    Openai,
    /// A model on this machine's processors
    Local,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum MadeKind {
    /// New examples of the class
    Examples,
    /// Texts of the class in other words
    Paraphrase,
    /// Texts of the class that could be taken for another one, see --against
    EdgeCases,
    /// Texts of the class with words changed; needs no model
    Augment,
    /// Texts of the class, translated into other languages and back, see --pivot
    BackTranslation,
    /// Pictures of the class, by the diffusion model of [image]; --out and --from are folders. A Turbo wants `steps = 1`
    /// and `guidance = 1`
    Image,
}

#[derive(Debug, Args)]
pub struct GenerateArgs {
    /// The class
    #[arg(long, value_name = "X", required = true)]
    pub class: String,
    /// How many rows are to be kept
    #[arg(long, value_name = "N", default_value_t = 20)]
    pub n: usize,
    /// The rows: .parquet, .arrow, .jsonl or .csv; `-` writes JSONL to stdout
    #[arg(long, short, value_name = "FILE", default_value = "-")]
    pub out: PathBuf,
    /// What is made
    #[arg(long, value_name = "KIND", default_value = "examples")]
    pub kind: MadeKind,
    #[command(flatten)]
    pub ask: ModelBackendArgs,
    /// The class at whose border edge cases lie
    #[arg(long, value_name = "Y")]
    pub against: Option<String>,
    /// The languages that back-translation goes by [default: `pivots` of [translate] in synth.toml]. Where a model is of
    /// several languages, `groups` there names it, and `codes` what it calls a language
    #[arg(long, value_name = "FR,DE", value_delimiter = ',')]
    pub pivot: Vec<String>,
    #[command(flatten)]
    pub material: MaterialArgs,
    /// Decides everything that is drawn [default: 0]
    #[arg(long, value_name = "N", env = "SYNTH_SEED")]
    pub seed: Option<u64>,
    /// Go on with a run that was stopped; what it spent counts
    #[arg(long, conflicts_with = "no_cache")]
    pub resume: bool,
    /// Show prompts, requests, tokens and cost, and ask nothing
    #[arg(long)]
    pub dry_run: bool,
}

/// What made texts are compared with.
#[derive(Debug, Args)]
pub struct MaterialArgs {
    /// Your records: their texts are shown in prompts and rewritten [default: the data of synth.toml]
    #[arg(long, value_name = "DATA", num_args = 1..)]
    pub from: Vec<PathBuf>,
    /// The field of the text [default: the only field of text, or `text`]
    #[arg(long, value_name = "FIELD")]
    pub text: Option<String>,
    #[command(flatten)]
    pub gold: GoldArgs,
    /// The field that names each record [default: id, else the row number]
    #[arg(long, value_name = "FIELD", env = "SYNTH_ID")]
    pub id: Option<String>,
    /// Labeling functions, which made texts must agree with
    #[arg(long, value_name = "FILE.lf", num_args = 1..)]
    pub lfs: Vec<PathBuf>,
    /// The classes, in order [default: those of the .lf files, of the model, or of the gold labels]
    #[arg(long, value_name = "A,B", value_delimiter = ',')]
    pub classes: Vec<String>,
    /// The folder of a classifier, which must be confident of made texts
    #[arg(long, value_name = "DIR")]
    pub model: Option<PathBuf>,
    /// Evaluation sets: never shown in a prompt, and nothing made may repeat them
    #[arg(long, value_name = "EVAL", num_args = 1..)]
    pub exclude: Vec<PathBuf>,
    /// The filters, in their order; `none` for none [default: all that there is something for]
    #[arg(long, value_name = "A,B", value_delimiter = ',')]
    pub filters: Vec<String>,
}

#[derive(Debug, Args)]
pub struct AugmentArgs {
    #[command(flatten)]
    pub records: RecordArgs,
    /// The field of the text [default: the only field of text, or `text`]
    #[arg(long, value_name = "FIELD")]
    pub text: Option<String>,
    /// How many variants of each record
    #[arg(long, value_name = "N", default_value_t = 4)]
    pub per_record: u32,
    /// Only of records that have this in the field `split`; the others pass through
    #[arg(long, value_name = "VALUE")]
    pub split: Option<String>,
    /// The field of labels, for the report [default: the gold field of synth.toml, or `label`]
    #[arg(long, value_name = "FIELD", env = "SYNTH_GOLD")]
    pub gold: Option<String>,
    /// Records and variants: .parquet, .arrow, .jsonl or .csv; `-` writes JSONL to stdout
    #[arg(long, short, value_name = "FILE", required = true)]
    pub out: PathBuf,
    /// Decides what is changed
    #[arg(long, value_name = "N", default_value_t = 0, env = "SYNTH_SEED")]
    pub seed: u64,
}

#[derive(Debug, Args)]
pub struct FilterArgs {
    /// The texts to judge
    #[arg(long, value_name = "FILE", required = true, num_args = 1..)]
    pub data: Vec<PathBuf>,
    /// Those that pass, with every filter's score in `provenance`: .parquet, .arrow, .jsonl or .csv; `-` writes JSONL to
    /// stdout
    #[arg(long, short, value_name = "FILE", required = true)]
    pub out: PathBuf,
    /// Those that do not, with `filter`, `reason` and `score`
    #[arg(long, value_name = "FILE")]
    pub dropped: Option<PathBuf>,
    /// The field of the class that each text is meant to have [default: `wanted`, or `label`, if there is one]
    #[arg(long, value_name = "FIELD")]
    pub wanted: Option<String>,
    #[command(flatten)]
    pub material: MaterialArgs,
    #[command(flatten)]
    pub ask: ModelBackendArgs,
}

#[derive(Debug, Args)]
pub struct EmbedArgs {
    #[command(flatten)]
    pub records: RecordArgs,
    /// The field of the text [default: the only field of text, or `text`]
    #[arg(long, value_name = "FIELD")]
    pub text: Option<String>,
    /// A folder of a model, or a repository of the hub [default: sentence-transformers/all-MiniLM-L6-v2]
    #[arg(long, value_name = "MODEL", env = "SYNTH_EMBED_MODEL")]
    pub model: Option<String>,
    /// Vectors alone as .npy; or the records with a field `embedding`: .parquet, .arrow, .jsonl or .csv
    #[arg(long, short, value_name = "FILE", required = true)]
    pub out: PathBuf,
}

#[derive(Debug, Args)]
pub struct FidArgs {
    /// Real ones: a folder of pictures, features as .npy (n x d), or records with texts
    #[arg(value_name = "REAL")]
    pub real: PathBuf,
    /// Made ones, as the real ones
    #[arg(value_name = "SYNTH")]
    pub made: PathBuf,
    /// What places pictures
    #[arg(long, value_name = "NETWORK", default_value = "inception")]
    pub features: FeaturesKind,
    /// The field of the text, in records [default: the only field of text, or `text`]
    #[arg(long, value_name = "FIELD")]
    pub text: Option<String>,
    /// The model that places texts: a folder, or a repository of the hub [default: sentence-transformers/all-MiniLM-L6-v2]
    #[arg(long, value_name = "MODEL", env = "SYNTH_EMBED_MODEL")]
    pub embed_model: Option<String>,
    /// Draws points of the bootstrap and subsets of the kernel distance
    #[arg(long, value_name = "N", default_value_t = 0, env = "SYNTH_SEED")]
    pub seed: u64,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum FeaturesKind {
    /// Inception v3, by which published distances are measured: pytorch-fid's weights
    Inception,
    /// DINOv2, nearer to what people see
    Dinov2,
    /// CLIP
    Clip,
    /// Grey thumbnails of 8 x 8 pixels, for small and simple pictures; needs no weights
    Thumbnail,
}

#[derive(Debug, Args)]
pub struct PromptsArgs {
    /// Only this one
    #[arg(long, value_name = "KIND")]
    pub kind: Option<TemplateKind>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum TemplateKind {
    Examples,
    Paraphrase,
    EdgeCases,
    Judge,
    Attributes,
    Image,
}

#[derive(Debug, Args)]
pub struct BlameArgs {
    /// A file that `generate` or `augment` wrote
    pub file: PathBuf,
    /// The id of the row, or its number, from 0
    pub row: String,
}
