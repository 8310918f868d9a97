//! From names and settings to networks that place pictures.

use std::sync::Arc;

use anyhow::Result;
use synth::image::{ImageFeatures, Thumbnail};
use synth::neural::{Clip, Dinov2, HubModel, Inception, ModelFolder};

use super::backend::{device, downloading, model_cache, model_folder, with_token};
use crate::args::FeaturesKind;
use crate::config::Config;
use crate::progress::Progress;

/// The network of this name, with the weights that the settings name.
pub fn image_features(kind: FeaturesKind, config: &Config, progress: &Progress) -> Result<Arc<dyn ImageFeatures>> {
    Ok(match kind {
        FeaturesKind::Inception => {
            let in_cache = || model_cache(config).join("pt_inception-2015-12-05-6726825d.pth");
            Arc::new(Inception::open(config.features.inception.clone().unwrap_or_else(in_cache), device(config)?)?)
        }
        FeaturesKind::Dinov2 => {
            let needed = "config.json and model.safetensors";
            let device = device(config)?;
            let model = model(config.features.dinov2.as_deref(), HubModel::dinov2, needed, config)?;
            Arc::new(downloading(progress, |on_download| Dinov2::open(&model, device, on_download))?)
        }
        FeaturesKind::Clip => clip(config, progress)?,
        FeaturesKind::Thumbnail => Arc::new(Thumbnail),
    })
}

/// The CLIP that the settings name, else a small one.
pub fn clip(config: &Config, progress: &Progress) -> Result<Arc<Clip>> {
    let needed = "config.json, model.safetensors, vocab.json, merges.txt and special_tokens_map.json";
    let model = model(config.features.clip.as_deref(), HubModel::clip, needed, config)?;
    let device = device(config)?;
    Ok(Arc::new(downloading(progress, |on_download| Clip::open(&model, device, on_download))?))
}

fn model(
    name: Option<&str>,
    default: impl Fn(std::path::PathBuf) -> HubModel,
    needed: &str,
    config: &Config,
) -> Result<ModelFolder> {
    let default = default(model_cache(config));
    match name {
        Some(name) => model_folder(name, "model.safetensors", needed, &default.repo, config),
        None => Ok(ModelFolder::Hub(with_token(default))),
    }
}
