//! What a prompt means to the network: one text encoder, or the two of XL (Podell et al. 2023, SDXL: Improving latent
//! diffusion models for high-resolution image synthesis).

use std::path::{Path, PathBuf};

use candle_core::{Device, Module, Result as Computed, Tensor};
use candle_nn::{Linear, linear_no_bias};
use serde::Deserialize;
use synth_core::BoxError;

use crate::NeuralError;
use crate::clip_text::{ClipText, ClipTokenizer, TextConfig};
use crate::hub::OnDownload;
use crate::model_folder::{ModelFolder, read_json};
use crate::weights::Weights;

/// The meaning of a prompt.
pub(super) struct Meaning {
    /// Of each token, `[n, tokens, d]`.
    pub(super) tokens: Tensor,
    /// Of all of it, `[n, p]`, where the network takes it.
    pub(super) whole: Option<Tensor>,
}

impl Meaning {
    /// Of one prompt and another.
    pub(super) fn stacked(&self, other: &Self) -> Computed<Self> {
        let whole = match (&self.whole, &other.whole) {
            (Some(one), Some(other)) => Some(Tensor::cat(&[one, other], 0)?),
            _ => None,
        };
        Ok(Self { tokens: Tensor::cat(&[&self.tokens, &other.tokens], 0)?, whole })
    }

    /// As much of nothing.
    fn nothing(&self) -> Computed<Self> {
        let whole = self.whole.as_ref().map(Tensor::zeros_like).transpose()?;
        Ok(Self { tokens: self.tokens.zeros_like()?, whole })
    }
}

/// From prompts to their meaning.
pub(super) struct PromptEncoder {
    tokenizer: ClipTokenizer,
    text: ClipText,
    second: Option<Second>,
    device: Device,
}

/// What XL has beside the first encoder.
struct Second {
    tokenizer: ClipTokenizer,
    text: ClipText,
    /// From the state of the token that ends a prompt to the meaning of the whole.
    projection: Linear,
    /// Whether an empty prompt means zeros, and not what the encoders make of it.
    empty_is_nothing: bool,
}

/// `model_index.json`.
#[derive(Deserialize)]
#[serde(default)]
struct Index {
    force_zeros_for_empty_prompt: bool,
}

impl Default for Index {
    /// As diffusers takes it where the file does not say.
    fn default() -> Self {
        Self { force_zeros_for_empty_prompt: true }
    }
}

/// An encoder's tokenizer, its settings and weights, and the path of each file of them that decides what it says.
struct Parts {
    tokenizer: ClipTokenizer,
    config: TextConfig,
    weights: Weights,
    /// That of the settings.
    path: PathBuf,
    files: Vec<PathBuf>,
}

impl Parts {
    /// Of the folders `text_encoder` and `tokenizer` with this ending.
    fn open(model: &ModelFolder, ending: &str, on_download: &mut OnDownload<'_>) -> Result<Self, NeuralError> {
        let (encoder, of_tokenizer) = (format!("text_encoder{ending}"), format!("tokenizer{ending}/"));
        let path = model.file(&format!("{encoder}/config.json"), on_download)?;
        let config: TextConfig = read_json(&path)?;
        config.check(&path)?;
        let tokenizer = ClipTokenizer::open(model, &of_tokenizer, config.max_position_embeddings, on_download)?;
        let (new, old) = (format!("{encoder}/model.safetensors"), format!("{encoder}/pytorch_model.bin"));
        let weights = Weights::of(model, &new, &old, on_download)?;
        let mut files = vec![weights.path().to_owned(), path.clone()];
        for name in ["vocab.json", "merges.txt", "special_tokens_map.json"] {
            files.push(model.file(&format!("{of_tokenizer}{name}"), on_download)?);
        }
        Ok(Self { tokenizer, config, weights, path, files })
    }
}

impl PromptEncoder {
    /// Opens the encoder, or both where the network takes the meaning of a whole prompt as `whole` numbers and that of a
    /// token as `d`; with it go the paths of the files that decide what it says.
    pub(super) fn open(
        model: &ModelFolder,
        d: usize,
        whole: Option<usize>,
        device: &Device,
        on_download: &mut OnDownload<'_>,
    ) -> Result<(Self, Vec<PathBuf>), NeuralError> {
        let Parts { tokenizer, config, weights, path, mut files } = Parts::open(model, "", on_download)?;
        let mut dim = config.hidden_size;
        let second = match whole {
            None => None,
            Some(whole) => {
                let parts = Parts::open(model, "_2", on_download)?;
                files.extend(parts.files);
                dim += parts.config.hidden_size;
                check(&path, config.max_position_embeddings == parts.config.max_position_embeddings, || {
                    "its prompts are not as long as those of `text_encoder_2`".to_owned()
                })?;
                let mut index = Index::default();
                if let Some(path) = model.optional_file("model_index.json", on_download)? {
                    index = read_json(&path)?;
                    files.push(path);
                }
                let config = parts.config;
                let (text, projection) = parts.weights.build(device, |weights| {
                    let projection = linear_no_bias(config.hidden_size, whole, weights.pp("text_projection"))?;
                    Ok((ClipText::new(weights, &config)?, projection))
                })?;
                let empty_is_nothing = index.force_zeros_for_empty_prompt;
                Some(Second { tokenizer: parts.tokenizer, text, projection, empty_is_nothing })
            }
        };
        check(&path, dim == d, || {
            let both = if second.is_some() { "it and `text_encoder_2`" } else { "it" };
            format!("the meaning of a token is {dim} numbers by {both}, and the network of `unet` takes {d}")
        })?;
        let text = weights.build(device, |weights| ClipText::new(weights, &config))?;
        Ok((Self { tokenizer, text, second, device: device.clone() }, files))
    }

    /// The meaning of a prompt.
    pub(super) fn meaning(&self, prompt: &str) -> Result<Meaning, BoxError> {
        let states = self.text.states(&self.tokenizer.tokens(prompt)?, &self.device)?;
        let Some(second) = &self.second else {
            return Ok(Meaning { tokens: states.last.unsqueeze(0)?, whole: None });
        };
        let tokens = second.tokenizer.tokens(prompt)?;
        let others = second.text.states(&tokens, &self.device)?;
        // XL looks at what goes into the last layer of either encoder.
        let both = Tensor::cat(&[&states.before_last, &others.before_last], 1)?;
        let end = others.last.narrow(0, second.tokenizer.end(&tokens), 1)?;
        Ok(Meaning { tokens: both.unsqueeze(0)?, whole: Some(second.projection.forward(&end)?) })
    }

    /// The meaning of what a picture, which means `wanted`, does not show.
    pub(super) fn negative(&self, prompt: &str, wanted: &Meaning) -> Result<Meaning, BoxError> {
        match &self.second {
            Some(second) if second.empty_is_nothing && prompt.is_empty() => Ok(wanted.nothing()?),
            _ => self.meaning(prompt),
        }
    }

    #[cfg(test)]
    pub(super) fn tokens(&self, prompt: &str) -> Vec<Vec<u32>> {
        let second = self.second.as_ref().map(|second| &second.tokenizer);
        [Some(&self.tokenizer), second]
            .into_iter()
            .flatten()
            .map(|tokenizer| tokenizer.tokens(prompt).unwrap())
            .collect()
    }
}

fn check(path: &Path, is_so: bool, problem: impl FnOnce() -> String) -> Result<(), NeuralError> {
    if is_so { Ok(()) } else { Err(NeuralError::ModelFile { path: path.to_owned(), source: problem().into() }) }
}
