//! Texts as points, those that mean the same near each other.

use std::path::PathBuf;

use candle_core::Tensor;
use candle_transformers::models::bert::{BertModel, Config};
use ndarray::Array2;
use rayon::prelude::*;
use serde::Deserialize;
use synth_core::{BoxError, Dataset, Embed};
use tokenizers::{Tokenizer, TruncationParams};

use crate::hub::{HubModel, OnDownload};
use crate::model_folder::{ModelFolder, read, read_json};
use crate::weights::Weights;
use crate::{Device, NeuralError};

/// What a sentence embedder is opened with.
#[derive(Debug, Clone)]
pub struct SentenceEmbedderSettings {
    /// The model, in the layout of sentence-transformers: `config.json`, `tokenizer.json`, `model.safetensors` or
    /// `pytorch_model.bin`.
    pub model: ModelFolder,
    /// The field of the text.
    pub field: String,
    /// Tokens of a text that are read, those that open and close it among them; at least 3, and never more than the
    /// model knows positions.
    pub max_tokens: usize,
    /// Where it is computed.
    pub device: Device,
}

impl SentenceEmbedderSettings {
    /// A model on this machine's processors, the field `text`, and 256 tokens, some 200 English words.
    pub fn of(model: ModelFolder) -> Self {
        Self { model, field: "text".into(), max_tokens: 256, device: Device::Cpu }
    }
}

/// Sentence embeddings by a BERT (Reimers and Gurevych 2019, Sentence-BERT).
///
/// An [`Embed`] of d coordinates, whose scalar products are cosines: each point has length 1. The coordinates of a text
/// depend on the text alone, on a processor bit for bit: not on the texts beside it, nor on the number of threads. A record without a
/// text counts as an empty text.
///
/// ```no_run
/// use synth_core::{Dataset, Embed};
/// use synth_neural::{HubModel, ModelFolder, SentenceEmbedder, SentenceEmbedderSettings};
///
/// let model = ModelFolder::Hub(HubModel::minilm("cache"));
/// let embedder = SentenceEmbedder::open(&SentenceEmbedderSettings::of(model), &mut |_| {})?;
/// let texts = Dataset::of_texts("text", ["where is my parcel?", "my package has not come", "the song is great"]);
/// let points = embedder.embed(&texts)?;
/// assert!(points.row(0).dot(&points.row(1)) > points.row(0).dot(&points.row(2)));
/// # Ok::<(), Box<dyn std::error::Error + Send + Sync>>(())
/// ```
pub struct SentenceEmbedder {
    model: BertModel,
    tokenizer: Tokenizer,
    pooling: Pooling,
    dim: usize,
    field: String,
    name: String,
}

impl std::fmt::Debug for SentenceEmbedder {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("SentenceEmbedder").field("name", &self.name).field("dim", &self.dim).finish_non_exhaustive()
    }
}

/// How the vectors of tokens become that of a text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Pooling {
    /// Their mean.
    Mean,
    /// That of the token that opens the text.
    First,
}

impl Pooling {
    /// By `1_Pooling/config.json`, in which exactly one mode is true.
    fn of(config: &serde_json::Map<String, serde_json::Value>) -> Option<Self> {
        let is_true = |(name, value): &(&String, &serde_json::Value)| {
            name.starts_with("pooling_mode_") && value.as_bool() == Some(true)
        };
        let modes: Vec<&str> = config.iter().filter(is_true).map(|(name, _)| name.as_str()).collect();
        match modes[..] {
            ["pooling_mode_mean_tokens"] => Some(Self::Mean),
            ["pooling_mode_cls_token"] => Some(Self::First),
            _ => None,
        }
    }
}

/// One of `modules.json`.
#[derive(Debug, Deserialize)]
struct Module {
    r#type: String,
}

impl SentenceEmbedder {
    /// Opens a model, fetching its files where they are on the hub and not in the cache.
    ///
    /// # Errors
    /// A file is not there, cannot be fetched or is damaged; weights that do not fit their `config.json`; a way to pool
    /// that is not known here; a setting out of its range.
    pub fn open(settings: &SentenceEmbedderSettings, on_download: &mut OnDownload<'_>) -> Result<Self, NeuralError> {
        if settings.max_tokens < 3 {
            let value = settings.max_tokens.to_string();
            return Err(NeuralError::Setting { name: "max_tokens", value, expected: "3 or more" });
        }
        let folder = &settings.model;
        let config_path = folder.file("config.json", on_download)?;
        let config: Config = read_json(&config_path)?;
        let damaged = |path: &PathBuf, source: BoxError| NeuralError::ModelFile { path: path.clone(), source };
        // Relatives of BERT have weights of the same names and number positions otherwise.
        if let Some(model_type) = config.model_type.as_deref().filter(|model_type| *model_type != "bert") {
            let what = format!("a model of the type `{model_type}`");
            return Err(NeuralError::Unsupported { path: config_path, what });
        }
        if let Some(path) = folder.optional_file("modules.json", on_download)? {
            let known = ["Transformer", "Pooling", "Normalize"];
            let modules: Vec<Module> = read_json(&path)?;
            let name = |module: &Module| module.r#type.rsplit('.').next().unwrap_or_default().to_owned();
            if let Some(other) = modules.iter().map(name).find(|name| !known.contains(&name.as_str())) {
                return Err(NeuralError::Unsupported { path, what: format!("a module `{other}`") });
            }
        }
        let pooling = match folder.optional_file("1_Pooling/config.json", on_download)? {
            None => Pooling::Mean,
            Some(path) => match Pooling::of(&read_json(&path)?) {
                Some(pooling) => pooling,
                None => {
                    let what = "a way to pool that is not `mean` or `cls`".into();
                    return Err(NeuralError::Unsupported { path, what });
                }
            },
        };
        let path = folder.file("tokenizer.json", on_download)?;
        let mut tokenizer = Tokenizer::from_bytes(read(&path)?).map_err(|error| damaged(&path, error))?;
        let max_length = settings.max_tokens.min(config.max_position_embeddings);
        let truncation = TruncationParams { max_length, ..TruncationParams::default() };
        // Each text alone: there is nothing to pad to.
        tokenizer.with_padding(None).with_truncation(Some(truncation)).map_err(|error| damaged(&path, error))?;
        let weights = Weights::of(folder, "model.safetensors", "pytorch_model.bin", on_download)?;
        let model = weights.build(&settings.device.open()?, |weights| BertModel::load(weights, &config))?;
        let (dim, name) = (config.hidden_size, folder.name());
        Ok(Self { model, tokenizer, pooling, dim, field: settings.field.clone(), name })
    }

    /// The name of the model, for people.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The point of a text, of length 1.
    ///
    /// # Errors
    /// The model cannot be computed.
    pub fn point(&self, text: &str) -> Result<Vec<f32>, NeuralError> {
        self.compute(text).map_err(NeuralError::Compute)
    }

    fn compute(&self, text: &str) -> Result<Vec<f32>, BoxError> {
        let encoding = self.tokenizer.encode_fast(text, true)?;
        let ids = Tensor::new(encoding.get_ids(), &self.model.device)?.unsqueeze(0)?;
        let tokens = self.model.forward(&ids, &ids.zeros_like()?, None)?.squeeze(0)?;
        let pooled = match self.pooling {
            Pooling::Mean => tokens.mean(0)?,
            Pooling::First => tokens.get(0)?,
        };
        let mut point: Vec<f32> = pooled.to_vec1()?;
        let length = point.iter().map(|x| x * x).sum::<f32>().sqrt();
        // As sentence-transformers has it, so that a point at 0 stays there.
        let length = length.max(1e-12);
        point.iter_mut().for_each(|x| *x /= length);
        Ok(point)
    }
}

impl Embed for SentenceEmbedder {
    fn dim(&self) -> usize {
        self.dim
    }

    fn embed(&self, records: &Dataset) -> Result<Array2<f64>, BoxError> {
        let Some(texts) = records.column(&self.field) else {
            return Err(format!("the records have no field `{}`", self.field).into());
        };
        let point = |row: usize| self.point(texts.text(row).unwrap_or_default());
        let points: Vec<Vec<f32>> = (0..records.n_rows()).into_par_iter().map(point).collect::<Result<_, _>>()?;
        let coordinates = points.into_iter().flatten().map(f64::from).collect();
        Ok(Array2::from_shape_vec((records.n_rows(), self.dim), coordinates)?)
    }
}

impl HubModel {
    /// all-MiniLM-L6-v2: sentence embeddings in English, 91 MB, Apache-2.0.
    ///
    /// ```
    /// use synth_neural::HubModel;
    ///
    /// assert_eq!(HubModel::minilm("cache").repo, "sentence-transformers/all-MiniLM-L6-v2");
    /// ```
    pub fn minilm(cache: impl Into<PathBuf>) -> Self {
        Self::new("sentence-transformers/all-MiniLM-L6-v2", "model.safetensors", cache)
    }
}
