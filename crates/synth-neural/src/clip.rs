//! CLIP: pictures and texts as points of one space (Radford et al. 2021, Learning transferable visual models from natural
//! language supervision).

use std::sync::Arc;

use candle_core::{Module, Result as Computed, Tensor};
use candle_nn::{LayerNorm, Linear, VarBuilder, layer_norm, linear_no_bias};
use serde::Deserialize;
use synth_core::{BoxError, ClassSet, Dataset, Predict, SoftLabels};
use synth_image::{ImageFeatures, Picture};

use crate::clip_text::{ClipText, ClipTokenizer, TextConfig};
use crate::hub::{HubModel, OnDownload};
use crate::model_folder::{ModelFolder, read_json};
use crate::transformer::{Act, CLIP_LAYER, TransformerLayer, TransformerSizes};
use crate::vision::{patches, seen};
use crate::weights::Weights;
use crate::{Device, NeuralError};

/// `config.json`.
#[derive(Deserialize)]
struct Config {
    projection_dim: usize,
    text_config: TextConfig,
    vision_config: VisionConfig,
}

#[derive(Deserialize)]
struct VisionConfig {
    hidden_size: usize,
    intermediate_size: usize,
    num_hidden_layers: usize,
    num_attention_heads: usize,
    image_size: usize,
    patch_size: usize,
    #[serde(default)]
    hidden_act: Act,
}

/// CLIP: features of pictures, and how well texts describe them.
///
/// ```no_run
/// use synth_image::Picture;
/// use synth_neural::{Clip, Device, HubModel, ModelFolder};
///
/// let clip = Clip::open(&ModelFolder::Hub(HubModel::clip("cache")), Device::Cpu, &mut |_| {})?;
/// let probs = clip.probabilities(&Picture::open("pet.png")?, &["a photo of a dog", "a photo of a cat"])?;
/// assert!((probs.iter().sum::<f64>() - 1.0).abs() < 1e-6);
/// # Ok::<(), Box<dyn std::error::Error + Send + Sync>>(())
/// ```
pub struct Clip {
    tokenizer: ClipTokenizer,
    text: ClipText,
    text_projection: Linear,
    filters: Tensor,
    class: Tensor,
    positions: Tensor,
    pre_norm: LayerNorm,
    layers: Vec<TransformerLayer>,
    post_norm: LayerNorm,
    projection: Linear,
    /// How much closeness counts, learned in training.
    scale: f64,
    side: usize,
    patch: usize,
    dim: usize,
    name: String,
}

impl std::fmt::Debug for Clip {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Clip").field("name", &self.name).finish_non_exhaustive()
    }
}

const MEAN: [f32; 3] = [0.481_454_66, 0.457_827_5, 0.408_210_73];
const SPREAD: [f32; 3] = [0.268_629_55, 0.261_302_6, 0.275_777_1];

impl Clip {
    /// Opens a model in the layout of transformers: `config.json`, `model.safetensors` or `pytorch_model.bin`,
    /// `vocab.json`, `merges.txt`, `special_tokens_map.json`.
    ///
    /// # Errors
    /// A file is not there, cannot be fetched or is damaged; weights that do not fit their settings.
    pub fn open(model: &ModelFolder, device: Device, on_download: &mut OnDownload<'_>) -> Result<Self, NeuralError> {
        let path = model.file("config.json", on_download)?;
        let config: Config = read_json(&path)?;
        config.text_config.check(&path)?;
        let vision = &config.vision_config;
        let (heads, patch) = (vision.num_attention_heads, vision.patch_size);
        if heads == 0 || !vision.hidden_size.is_multiple_of(heads) || patch == 0 || vision.image_size < patch {
            let source = "its heads do not share its numbers, or its pictures are smaller than a patch".into();
            return Err(NeuralError::ModelFile { path, source });
        }
        let length = config.text_config.max_position_embeddings;
        let tokenizer = ClipTokenizer::open(model, "", length, on_download)?;
        let weights = Weights::of(model, "model.safetensors", "pytorch_model.bin", on_download)?;
        let name = model.name();
        weights.build(&device.open()?, |weights| Self::new(&weights, &config, tokenizer, name))
    }

    fn new(weights: &VarBuilder<'_>, config: &Config, tokenizer: ClipTokenizer, name: String) -> Computed<Self> {
        let (vision, dim) = (&config.vision_config, config.projection_dim);
        let d = vision.hidden_size;
        let sizes = TransformerSizes {
            d,
            wide: vision.intermediate_size,
            heads: vision.num_attention_heads,
            epsilon: 1e-5,
            act: vision.hidden_act,
        };
        let n_positions = (vision.image_size / vision.patch_size).pow(2) + 1;
        let of_picture = weights.pp("vision_model");
        let embeddings = of_picture.pp("embeddings");
        let layer = |at: usize| TransformerLayer::new(&of_picture.pp("encoder.layers").pp(at), sizes, &CLIP_LAYER);
        Ok(Self {
            tokenizer,
            text: ClipText::new(weights.clone(), &config.text_config)?,
            text_projection: linear_no_bias(config.text_config.hidden_size, dim, weights.pp("text_projection"))?,
            filters: embeddings.get((d, 3, vision.patch_size, vision.patch_size), "patch_embedding.weight")?,
            class: embeddings.get(d, "class_embedding")?,
            positions: embeddings.get((n_positions, d), "position_embedding.weight")?,
            // As the weights have it.
            pre_norm: layer_norm(d, sizes.epsilon, of_picture.pp("pre_layrnorm"))?,
            layers: (0..vision.num_hidden_layers).map(layer).collect::<Computed<_>>()?,
            post_norm: layer_norm(d, sizes.epsilon, of_picture.pp("post_layernorm"))?,
            projection: linear_no_bias(d, dim, weights.pp("visual_projection"))?,
            scale: f64::from(weights.get((), "logit_scale")?.to_scalar::<f32>()?.exp()),
            side: vision.image_size,
            patch: vision.patch_size,
            dim,
            name,
        })
    }

    fn of_picture(&self, picture: &Picture) -> Result<Vec<f32>, BoxError> {
        let pixels = seen(picture, self.side, MEAN, SPREAD, self.filters.device())?;
        let tokens = Tensor::cat(&[self.class.unsqueeze(0)?, patches(&pixels, &self.filters, None, self.patch)?], 0)?;
        let mut x = self.pre_norm.forward(&(tokens + &self.positions)?)?;
        for layer in &self.layers {
            x = layer.forward(&x, None)?;
        }
        let class = self.post_norm.forward(&x.narrow(0, 0, 1)?)?;
        Ok(self.projection.forward(&class)?.squeeze(0)?.to_vec1()?)
    }

    fn of_text(&self, text: &str) -> Result<Vec<f32>, BoxError> {
        let tokens = self.tokenizer.tokens(text)?;
        let states = self.text.states(&tokens, self.filters.device())?.last;
        let end = states.narrow(0, self.tokenizer.end(&tokens), 1)?;
        Ok(self.text_projection.forward(&end)?.squeeze(0)?.to_vec1()?)
    }

    /// How well each of some texts describes a picture, as probabilities.
    ///
    /// # Errors
    /// The model cannot be computed.
    pub fn probabilities(&self, picture: &Picture, texts: &[&str]) -> Result<Vec<f64>, NeuralError> {
        let computed = || -> Result<Vec<f64>, BoxError> {
            let texts: Vec<Vec<f32>> = texts.iter().map(|text| self.of_text(text)).collect::<Result<_, _>>()?;
            Ok(self.softmax(&self.of_picture(picture)?, &texts))
        };
        computed().map_err(NeuralError::Compute)
    }

    fn softmax(&self, picture: &[f32], texts: &[Vec<f32>]) -> Vec<f64> {
        let logits: Vec<f64> = texts.iter().map(|text| self.scale * cosine(picture, text)).collect();
        let largest = logits.iter().copied().fold(f64::NEG_INFINITY, f64::max);
        let weights: Vec<f64> = logits.iter().map(|logit| (logit - largest).exp()).collect();
        let sum: f64 = weights.iter().sum();
        weights.into_iter().map(|weight| weight / sum).collect()
    }
}

fn cosine(a: &[f32], b: &[f32]) -> f64 {
    let dot = |a: &[f32], b: &[f32]| a.iter().zip(b).map(|(a, b)| f64::from(*a) * f64::from(*b)).sum::<f64>();
    dot(a, b) / (dot(a, a) * dot(b, b)).sqrt().max(f64::MIN_POSITIVE)
}

impl ImageFeatures for Clip {
    fn dim(&self) -> usize {
        self.dim
    }

    fn name(&self) -> &str {
        &self.name
    }

    fn point(&self, picture: &Picture) -> Result<Vec<f64>, BoxError> {
        Ok(self.of_picture(picture)?.into_iter().map(f64::from).collect())
    }
}

/// A classifier that was never trained on the classes: each is described by a text, and a picture is of the class whose
/// text CLIP finds nearest.
pub struct ClipZeroShot {
    clip: Arc<Clip>,
    classes: ClassSet,
    texts: Vec<Vec<f32>>,
    field: String,
}

impl ClipZeroShot {
    /// A classifier of the pictures that a field of records names, by the path of a file or as a data URL; `texts` has one
    /// for each class, as `a photo of a dog`.
    ///
    /// # Errors
    /// Another number of texts than of classes; the model cannot be computed.
    pub fn new(
        clip: Arc<Clip>,
        classes: ClassSet,
        texts: &[String],
        field: impl Into<String>,
    ) -> Result<Self, NeuralError> {
        if texts.len() != classes.len() {
            let value = texts.len().to_string();
            return Err(NeuralError::Setting { name: "texts", value, expected: "one for each class" });
        }
        let texts = texts.iter().map(|text| clip.of_text(text)).collect::<Result<_, _>>();
        Ok(Self { texts: texts.map_err(NeuralError::Compute)?, clip, classes, field: field.into() })
    }
}

impl Predict for ClipZeroShot {
    fn classes(&self) -> &ClassSet {
        &self.classes
    }

    fn predict(&self, records: &Dataset) -> Result<SoftLabels, BoxError> {
        let Some(names) = records.column(&self.field) else {
            return Err(format!("the records have no field `{}`", self.field).into());
        };
        let mut probs = Vec::with_capacity(records.n_rows() * self.classes.len());
        for row in 0..records.n_rows() {
            let picture = Picture::named(names.text(row).unwrap_or_default())?;
            probs.extend(self.clip.softmax(&self.clip.of_picture(&picture)?, &self.texts));
        }
        Ok(SoftLabels::from_rows(self.classes.clone(), probs, vec![1; records.n_rows()])?)
    }
}

impl HubModel {
    /// CLIP ViT-B/32: 605 MB, MIT.
    ///
    /// ```
    /// use synth_neural::HubModel;
    ///
    /// assert_eq!(HubModel::clip("cache").repo, "openai/clip-vit-base-patch32");
    /// ```
    pub fn clip(cache: impl Into<std::path::PathBuf>) -> Self {
        Self::new("openai/clip-vit-base-patch32", "model.safetensors", cache)
    }
}
