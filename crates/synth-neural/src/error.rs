//! What can go wrong with models that run in the process.

use std::path::PathBuf;

use synth_core::BoxError;

use crate::Device;

/// An error of a local model, by what the caller can do about it.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum NeuralError {
    /// There is no file of weights where one was named.
    #[error("there are no weights at `{path}`")]
    NoWeights {
        /// The file.
        path: PathBuf,
    },
    /// There are no weights of Inception where they were looked for.
    #[error("there are no weights of Inception at `{path}`")]
    NoInception {
        /// The file.
        path: PathBuf,
    },
    /// This build computes on processors alone.
    #[error("this build cannot compute on `{device}`")]
    NoCuda {
        /// The device that was named.
        device: Device,
    },
    /// A graphics processor that cannot be used.
    #[error("the device `{device}` cannot be used")]
    Device {
        /// The device that was named.
        device: Device,
        /// Why not.
        source: BoxError,
    },
    /// A file could not be read or written.
    #[error("cannot {what} `{path}`")]
    File {
        /// What was tried: `read`, `check`.
        what: &'static str,
        /// The file.
        path: PathBuf,
        /// Why not.
        source: std::io::Error,
    },
    /// A file that is no GGUF file, or a damaged one.
    #[error("`{path}` is no intact GGUF file: {problem}")]
    Damaged {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        problem: String,
    },
    /// A folder of a model lacks one of its files.
    #[error("the folder `{folder}` has no `{file}`")]
    NoModelFile {
        /// The folder.
        folder: PathBuf,
        /// The file.
        file: String,
    },
    /// A file of a model that is damaged, or does not fit the others.
    #[error("`{path}` cannot be used")]
    ModelFile {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        source: BoxError,
    },
    /// A file that would run code where other programs open it.
    #[error("`{path}` holds more than weights, and is not read: {what}")]
    Code {
        /// The file.
        path: PathBuf,
        /// What it holds.
        what: String,
    },
    /// A model of a family that is not known here.
    #[error("`{path}` holds a model of the architecture `{got}`, known is {known}")]
    Architecture {
        /// The file.
        path: PathBuf,
        /// Its architecture.
        got: String,
        /// The architectures there are, joined by commas.
        known: &'static str,
    },
    /// A model of a known family with something that is not computed here.
    #[error("`{path}` needs {what}, which is not known here")]
    Unsupported {
        /// The file.
        path: PathBuf,
        /// What it needs.
        what: String,
    },
    /// A model that translates into several languages, and not into this one.
    #[error("the model does not translate into `{into}`, but into {}", some_of(known, into))]
    TargetLanguage {
        /// What was named.
        into: String,
        /// What it calls its languages.
        known: Vec<String>,
    },
    /// The chat template of a model does not take a prompt.
    #[error("the chat template of `{model}` cannot be rendered")]
    Template {
        /// The model.
        model: String,
        /// Why.
        source: BoxError,
    },
    /// A prompt and its answer are longer than the model can see.
    #[error("{prompt} tokens of prompt and {answer} of answer do not fit into a context of {context}")]
    ContextOverflow {
        /// Tokens of the prompt, with what the chat template adds.
        prompt: usize,
        /// Tokens that the answer may have.
        answer: usize,
        /// Tokens there is room for.
        context: usize,
    },
    /// A setting is out of its range.
    #[error("`{name}` is {value}, expected {expected}")]
    Setting {
        /// The setting.
        name: &'static str,
        /// What was given.
        value: String,
        /// What would do.
        expected: &'static str,
    },
    /// A picture of a size that the model cannot draw.
    #[error("a picture of {width} x {height} pixels cannot be drawn: its sides must be multiples of {unit}")]
    PictureSize {
        /// Pixels from left to right.
        width: usize,
        /// Pixels from top to bottom.
        height: usize,
        /// What the sides are multiples of.
        unit: usize,
    },
    /// A file is not in the cache, and could not be fetched from the hub.
    #[error("`{file}` of `{repo}` is not in the cache `{cache}`, and the hub at {endpoint} cannot be reached")]
    Unreachable {
        /// The repository.
        repo: String,
        /// The file.
        file: String,
        /// The folder of the cache.
        cache: PathBuf,
        /// The address of the hub.
        endpoint: String,
        /// What came in between.
        source: BoxError,
    },
    /// The hub has no such repository, revision or file.
    #[error("the hub has no `{file}` in `{repo}` at revision `{revision}`")]
    NotOnHub {
        /// The repository.
        repo: String,
        /// The file.
        file: String,
        /// The revision.
        revision: String,
    },
    /// The hub does not give the file to this caller.
    #[error("the hub refuses `{file}` of `{repo}` with status {status}")]
    Refused {
        /// The repository.
        repo: String,
        /// The file.
        file: String,
        /// The status of the answer: 401 or 403.
        status: u16,
    },
    /// A file that is not what the hub says it is.
    #[error("`{path}` has {what} {got}, the hub says {expected}")]
    Corrupt {
        /// The file.
        path: PathBuf,
        /// What differs: `size` or `sha256`.
        what: &'static str,
        /// What it should be.
        expected: String,
        /// What it is.
        got: String,
    },
    /// The model could not be computed.
    #[error("the model cannot be computed")]
    Compute(#[source] BoxError),
}

/// Names, or some of many: first those that begin as the one that was asked for.
fn some_of(known: &[String], asked: &str) -> String {
    const SHOWN: usize = 12;
    let mut order: Vec<&str> = known.iter().map(String::as_str).collect();
    order.sort_by_key(|name| !name.chars().next().is_some_and(|first| asked.starts_with(first)));
    let rest = order.len().saturating_sub(SHOWN);
    order.truncate(SHOWN);
    let shown = order.join(", ");
    if rest > 0 { format!("{shown} and {rest} others") } else { shown }
}

impl NeuralError {
    /// What to try, most useful first.
    pub fn hints(&self) -> Vec<String> {
        match self {
            Self::NoWeights { .. } => vec![
                "name a GGUF file that exists".into(),
                "name a model of the hub instead, as HuggingFaceTB/SmolLM2-135M-Instruct-GGUF".into(),
            ],
            Self::NoCuda { .. } => vec![
                "build it for one, with CUDA's toolkit: cargo install --path crates/synth-cli --features cuda".into(),
                "or compute on this machine's processors: the device `cpu`".into(),
            ],
            Self::Device { .. } => vec!["see which there are, by their numbers: nvidia-smi -L".into()],
            Self::NoInception { path } => vec![format!(
                "fetch them: curl -L --create-dirs -o {} \
                 https://github.com/mseitzer/pytorch-fid/releases/download/fid_weights/pt_inception-2015-12-05-6726825d.pth",
                path.display()
            )],
            Self::NoModelFile { .. } => vec!["name a folder with all files that the hub has of the model".into()],
            Self::ModelFile { .. } => {
                vec!["fetch the files again, all of the same model: weights and `config.json` must agree".into()]
            }
            Self::TargetLanguage { .. } => vec!["name one of its languages as it calls it".into()],
            Self::Code { .. } => vec!["use a model in safetensors, from an author whom you trust".into()],
            Self::Damaged { .. } => vec!["fetch the file again: it may be cut off, or of another format".into()],
            Self::Unsupported { path, .. } if path.extension().is_none_or(|ending| ending != "gguf") => {
                vec!["use another model for this task: one of the same family without it".into()]
            }
            Self::Architecture { .. } | Self::Unsupported { .. } => {
                vec![
                    "use a SmolLM2 of any size, or serve the model elsewhere and use the OpenAI-compatible back end"
                        .into(),
                ]
            }
            Self::ContextOverflow { .. } => {
                vec!["ask for shorter answers, show fewer examples, or raise the context up to the model's".into()]
            }
            Self::Unreachable { repo, file, endpoint, .. } => vec![
                format!("fetch {endpoint}/{repo}/resolve/main/{file} on a machine with a network, and name its path"),
                "check the network, and try again: what was fetched before is kept".into(),
            ],
            Self::NotOnHub { repo, .. } => {
                vec![format!("see which files there are: https://huggingface.co/{repo}/tree/main")]
            }
            Self::Refused { repo, .. } => {
                vec![format!("accept the terms at https://huggingface.co/{repo}, and give a token of your account")]
            }
            Self::Corrupt { .. } => vec!["the file was removed from the cache: try again".into()],
            _ => Vec::new(),
        }
    }
}
