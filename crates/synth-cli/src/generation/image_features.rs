//! From names and settings to a network that places pictures.

use anyhow::Result;
use synth::image::{ImageFeatures, Thumbnail};

use crate::args::FeaturesKind;
use crate::config::Config;

/// The network of this name, with the weights that the settings name.
pub fn image_features(kind: FeaturesKind, config: &Config) -> Result<Box<dyn ImageFeatures>> {
    use synth::neural::Inception;

    match kind {
        FeaturesKind::Inception => {
            let in_cache = || super::backend::model_cache(config).join("pt_inception-2015-12-05-6726825d.pth");
            Ok(Box::new(Inception::open(config.features.inception.clone().unwrap_or_else(in_cache))?))
        }
        FeaturesKind::Thumbnail => Ok(Box::new(Thumbnail)),
    }
}
