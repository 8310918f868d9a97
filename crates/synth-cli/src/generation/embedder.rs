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
    use std::path::{Path, PathBuf};

    use synth::neural::{HubModel, ModelFolder, SentenceEmbedder, SentenceEmbedderSettings};

    use super::backend::{downloading, model_cache, with_token};

    let cache = model_cache(config);
    let model = match name.or(config.embed.model.as_deref()) {
        None => ModelFolder::Hub(with_token(HubModel::minilm(cache))),
        Some(folder) if Path::new(folder).is_dir() => ModelFolder::Path(PathBuf::from(folder)),
        // A repository is OWNER/NAME, and no path.
        Some(repo) if repo.split('/').count() == 2 && !repo.starts_with(['.', '/']) => {
            ModelFolder::Hub(with_token(HubModel::new(repo, "model.safetensors", cache)))
        }
        Some(folder) => {
            return Err(crate::errors::hinted(
                format!("there is no folder `{folder}`"),
                "name a folder with config.json, tokenizer.json and model.safetensors, or a repository of the hub as \
                 sentence-transformers/all-MiniLM-L6-v2",
            ));
        }
    };
    let default = SentenceEmbedderSettings::of(model);
    let settings = SentenceEmbedderSettings {
        field: field.to_owned(),
        max_tokens: config.embed.max_tokens.unwrap_or(default.max_tokens),
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
