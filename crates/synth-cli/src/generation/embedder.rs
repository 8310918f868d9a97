//! From names and settings to a model of sentence embeddings.

use std::sync::Arc;

use anyhow::Result;
use synth::core::Embed;

use crate::config::Config;
use crate::progress::Progress;

/// The model of this name: a folder, or a repository of the hub; without a name the one of the settings, else a small
/// one of the hub. It reads texts from a field. With the model goes its name, for people.
#[cfg(feature = "neural")]
pub fn embedder(
    name: Option<&str>,
    field: &str,
    config: &Config,
    progress: &Progress,
) -> Result<(Arc<dyn Embed>, String)> {
    use synth::neural::{HubModel, ModelFolder, SentenceEmbedder, SentenceEmbedderSettings};

    use super::backend::{device, downloading, model_cache, model_folder, with_token};

    let model = match name.or(config.embed.model.as_deref()) {
        None => ModelFolder::Hub(with_token(HubModel::minilm(model_cache(config)))),
        Some(name) => {
            let needed = "config.json, tokenizer.json and model.safetensors";
            model_folder(name, "model.safetensors", needed, "sentence-transformers/all-MiniLM-L6-v2", config)?
        }
    };
    let default = SentenceEmbedderSettings::of(model);
    let settings = SentenceEmbedderSettings {
        field: field.to_owned(),
        max_tokens: config.embed.max_tokens.unwrap_or(default.max_tokens),
        device: device(config)?,
        ..default
    };
    let embedder = downloading(progress, |on_download| SentenceEmbedder::open(&settings, on_download))?;
    let name = embedder.name().to_owned();
    Ok((Arc::new(embedder), name))
}

#[cfg(not(feature = "neural"))]
pub fn embedder(_: Option<&str>, _: &str, _: &Config, _: &Progress) -> Result<(Arc<dyn Embed>, String)> {
    Err(super::backend::missing_feature("neural", "models that run here"))
}
