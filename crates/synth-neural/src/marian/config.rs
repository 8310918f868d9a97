//! What `config.json` and `generation_config.json` say of a Marian model.

use serde::Deserialize;

use crate::NeuralError;
use crate::hub::OnDownload;
use crate::model_folder::{ModelFolder, read_json};

/// Sizes and rules of a model, by the names that transformers gives them.
#[derive(Debug, Clone, PartialEq, Deserialize)]
pub(crate) struct MarianConfig {
    #[serde(default)]
    model_type: Option<String>,
    pub(crate) vocab_size: usize,
    #[serde(default)]
    decoder_vocab_size: Option<usize>,
    pub(crate) d_model: usize,
    pub(crate) encoder_layers: usize,
    pub(crate) decoder_layers: usize,
    pub(crate) encoder_attention_heads: usize,
    pub(crate) decoder_attention_heads: usize,
    pub(crate) encoder_ffn_dim: usize,
    pub(crate) decoder_ffn_dim: usize,
    pub(crate) activation_function: Activation,
    #[serde(default)]
    pub(crate) scale_embedding: bool,
    pub(crate) max_position_embeddings: usize,
    pub(crate) pad_token_id: u32,
    pub(crate) eos_token_id: u32,
    pub(crate) decoder_start_token_id: u32,
    #[serde(default = "yes")]
    pub(crate) share_encoder_decoder_embeddings: bool,
    #[serde(default = "yes")]
    tie_word_embeddings: bool,
    #[serde(default)]
    pub(crate) num_beams: Option<usize>,
    #[serde(default)]
    pub(crate) max_length: Option<usize>,
    #[serde(default)]
    pub(crate) length_penalty: Option<f64>,
    #[serde(default)]
    early_stopping: Option<serde_json::Value>,
}

fn yes() -> bool {
    true
}

/// The function between the two halves of a feed-forward layer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Activation {
    #[serde(alias = "silu")]
    Swish,
    Relu,
    Gelu,
}

impl Activation {
    pub(crate) fn apply(self, x: f32) -> f32 {
        match self {
            Self::Swish => x / (1.0 + (-x).exp()),
            Self::Relu => x.max(0.0),
            Self::Gelu => 0.5 * x * (1.0 + candle_core::cpu::erf::erf_f32(x * std::f32::consts::FRAC_1_SQRT_2)),
        }
    }
}

/// What stands in `generation_config.json`, and wins.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Generation {
    num_beams: Option<usize>,
    max_length: Option<usize>,
    length_penalty: Option<f64>,
    early_stopping: Option<serde_json::Value>,
}

impl MarianConfig {
    pub(crate) fn of(folder: &ModelFolder, on_download: &mut OnDownload<'_>) -> Result<Self, NeuralError> {
        let path = folder.file("config.json", on_download)?;
        let mut config: Self = read_json(&path)?;
        let unsupported = |what: String| Err(NeuralError::Unsupported { path: path.clone(), what });
        if let Some(other) = config.model_type.as_deref().filter(|model_type| *model_type != "marian") {
            return unsupported(format!("a model of the type `{other}`"));
        }
        if !config.tie_word_embeddings {
            return unsupported("other vectors of words on the way out than on the way in".into());
        }
        let damaged = |problem: String| Err(NeuralError::ModelFile { path: path.clone(), source: problem.into() });
        let sizes = [
            config.vocab_size,
            config.d_model,
            config.encoder_layers,
            config.decoder_layers,
            config.encoder_ffn_dim,
            config.decoder_ffn_dim,
            config.encoder_attention_heads,
            config.decoder_attention_heads,
        ];
        if sizes.contains(&0) || config.max_position_embeddings < 3 {
            return damaged("one of its sizes is 0".into());
        }
        for heads in [config.encoder_attention_heads, config.decoder_attention_heads] {
            if !config.d_model.is_multiple_of(heads) {
                return damaged(format!("{heads} heads do not share {} numbers", config.d_model));
            }
        }
        let tokens = [config.pad_token_id, config.eos_token_id, config.decoder_start_token_id];
        let n_vocab = config.vocab_size.min(config.target_vocab_size());
        if tokens.iter().any(|token| *token as usize >= n_vocab) {
            return damaged(format!("it names tokens beyond the {n_vocab} of its vocabulary"));
        }
        if config.share_encoder_decoder_embeddings && config.decoder_vocab_size.is_some_and(|n| n != n_vocab) {
            return damaged("its vocabularies differ in size, and it says that they are one".into());
        }
        if let Some(path) = folder.optional_file("generation_config.json", on_download)? {
            let generation: Generation = read_json(&path)?;
            config.num_beams = generation.num_beams.or(config.num_beams);
            config.max_length = generation.max_length.or(config.max_length);
            config.length_penalty = generation.length_penalty.or(config.length_penalty);
            config.early_stopping = generation.early_stopping.or(config.early_stopping);
        }
        if config.early_stopping.as_ref().is_some_and(|value| !value.is_boolean() && !value.is_null()) {
            return unsupported("another rule of stopping than `true` or `false`".into());
        }
        Ok(config)
    }

    /// Tokens that translations are made of.
    pub(crate) fn target_vocab_size(&self) -> usize {
        match self.share_encoder_decoder_embeddings {
            true => self.vocab_size,
            false => self.decoder_vocab_size.unwrap_or(self.vocab_size),
        }
    }

    /// Whether a sentence is done once as many translations as beams have ended.
    pub(crate) fn stops_early(&self) -> bool {
        self.early_stopping == Some(serde_json::Value::Bool(true))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn activations_by_hand() {
        assert_eq!([-1.0, 2.0].map(|x| Activation::Relu.apply(x)), [0.0, 2.0]);
        assert!((Activation::Swish.apply(1.0) - 0.731_058_6).abs() < 1e-6);
        // The normal distribution function at 1 is .8413.
        assert!((Activation::Gelu.apply(1.0) - 0.841_344_7).abs() < 1e-6);
    }
}
