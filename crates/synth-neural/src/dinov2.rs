//! DINOv2: features of pictures that nobody labelled (Oquab et al. 2023, DINOv2: Learning robust visual features without
//! supervision).

use candle_core::{Module, Result as Computed, Tensor};
use candle_nn::{LayerNorm, VarBuilder, layer_norm};
use serde::Deserialize;
use synth_core::BoxError;
use synth_image::{ImageFeatures, Picture};

use crate::hub::{HubModel, OnDownload};
use crate::model_folder::{ModelFolder, read_json};
use crate::transformer::{Act, LayerNames, TransformerLayer, TransformerSizes};
use crate::vision::{patches, seen};
use crate::weights::Weights;
use crate::{Device, NeuralError};

/// `config.json`.
#[derive(Deserialize)]
struct Config {
    hidden_size: usize,
    num_hidden_layers: usize,
    num_attention_heads: usize,
    image_size: usize,
    patch_size: usize,
    mlp_ratio: usize,
    #[serde(default)]
    use_swiglu_ffn: bool,
}

/// DINOv2. Stein et al. (2023), Exposing flaws of generative model evaluation metrics, find
/// distances by it nearer to what people see than those by Inception.
///
/// ```no_run
/// use synth_image::{ImageFeatures, Picture};
/// use synth_neural::{Device, Dinov2, HubModel, ModelFolder};
///
/// let dinov2 = Dinov2::open(&ModelFolder::Hub(HubModel::dinov2("cache")), Device::Cpu, &mut |_| {})?;
/// assert_eq!(dinov2.features(&[Picture::open("dog.png")?])?.dim(), (1, 384));
/// # Ok::<(), Box<dyn std::error::Error + Send + Sync>>(())
/// ```
pub struct Dinov2 {
    filters: Tensor,
    bias: Tensor,
    class: Tensor,
    /// Those of a picture as it is looked at, that of the class first.
    positions: Tensor,
    layers: Vec<TransformerLayer>,
    norm: LayerNorm,
    patch: usize,
    dim: usize,
    name: String,
}

impl std::fmt::Debug for Dinov2 {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Dinov2").field("name", &self.name).finish_non_exhaustive()
    }
}

/// The side of the pictures that it looks at, as its authors use it; it was trained on larger ones, too.
const SIDE: usize = 224;
const MEAN: [f32; 3] = [0.485, 0.456, 0.406];
const SPREAD: [f32; 3] = [0.229, 0.224, 0.225];

const LAYER: LayerNames = LayerNames {
    norms: ["norm1", "norm2"],
    attention: [
        "attention.attention.query",
        "attention.attention.key",
        "attention.attention.value",
        "attention.output.dense",
    ],
    scales: Some(["layer_scale1.lambda1", "layer_scale2.lambda1"]),
};

impl Dinov2 {
    /// Opens a model in the layout of transformers: `config.json`, and `model.safetensors` or `pytorch_model.bin`.
    ///
    /// # Errors
    /// A file is not there, cannot be fetched or is damaged; weights that do not fit their settings; the giant model, which
    /// has other layers.
    pub fn open(model: &ModelFolder, device: Device, on_download: &mut OnDownload<'_>) -> Result<Self, NeuralError> {
        let path = model.file("config.json", on_download)?;
        let config: Config = read_json(&path)?;
        if config.use_swiglu_ffn {
            return Err(NeuralError::Unsupported { path, what: "gated feed-forward layers".into() });
        }
        let (heads, patch) = (config.num_attention_heads, config.patch_size);
        let is_whole = heads > 0 && config.hidden_size.is_multiple_of(heads) && patch > 0 && SIDE.is_multiple_of(patch);
        if !is_whole || config.image_size < patch {
            let source =
                format!("its heads do not share its numbers, or its patches do not share {SIDE} pixels").into();
            return Err(NeuralError::ModelFile { path, source });
        }
        let weights = Weights::of(model, "model.safetensors", "pytorch_model.bin", on_download)?;
        weights.build(&device.open()?, |weights| Self::new(&weights, &config, model.name()))
    }

    fn new(weights: &VarBuilder<'_>, config: &Config, name: String) -> Computed<Self> {
        let d = config.hidden_size;
        let sizes = TransformerSizes {
            d,
            wide: d * config.mlp_ratio,
            heads: config.num_attention_heads,
            epsilon: 1e-6,
            act: Act::Gelu,
        };
        let embeddings = weights.pp("embeddings");
        let side = config.image_size / config.patch_size;
        let positions = embeddings.get((1, side * side + 1, d), "position_embeddings")?.squeeze(0)?;
        let layer = |at: usize| TransformerLayer::new(&weights.pp("encoder.layer").pp(at), sizes, &LAYER);
        Ok(Self {
            filters: embeddings
                .get((d, 3, config.patch_size, config.patch_size), "patch_embeddings.projection.weight")?,
            bias: embeddings.get(d, "patch_embeddings.projection.bias")?,
            class: embeddings.get((1, 1, d), "cls_token")?.squeeze(0)?,
            positions: interpolated(&positions, side, SIDE / config.patch_size)?,
            layers: (0..config.num_hidden_layers).map(layer).collect::<Computed<_>>()?,
            norm: layer_norm(d, sizes.epsilon, weights.pp("layernorm"))?,
            patch: config.patch_size,
            dim: d,
            name,
        })
    }

    fn of_picture(&self, picture: &Picture) -> Result<Vec<f32>, BoxError> {
        let pixels = seen(picture, SIDE, MEAN, SPREAD, self.filters.device())?;
        let rows = patches(&pixels, &self.filters, Some(&self.bias), self.patch)?;
        let mut x = (Tensor::cat(&[&self.class, &rows], 0)? + &self.positions)?;
        for layer in &self.layers {
            x = layer.forward(&x, None)?;
        }
        Ok(self.norm.forward(&x.narrow(0, 0, 1)?)?.squeeze(0)?.to_vec1()?)
    }
}

/// Positions of `from` x `from` patches for `to` x `to`, by the bicubic filter of PyTorch, which the models were made to be
/// used with: a = -3/4, and a scale that is a tenth of a patch too large, as its authors have it.
fn interpolated(positions: &Tensor, from: usize, to: usize) -> Computed<Tensor> {
    if from == to {
        return Ok(positions.clone());
    }
    let (_, d) = positions.dims2()?;
    let all: Vec<Vec<f32>> = positions.to_vec2()?;
    let scale = (to as f64 + 0.1) / from as f64;
    // For each place four neighbours and their weights.
    let taps = |at: usize| {
        let place = (at as f64 + 0.5) / scale - 0.5;
        let low = place.floor();
        let weight = |offset: i64| cubic(place - (low + offset as f64));
        let neighbour = |offset: i64| (low as i64 + offset).clamp(0, from as i64 - 1) as usize;
        [-1, 0, 1, 2].map(|offset| (neighbour(offset), weight(offset)))
    };
    let mut found = all[0].clone();
    for y in 0..to {
        for x in 0..to {
            let mut sums = vec![0.0; d];
            for (row, by_row) in taps(y) {
                for (column, by_column) in taps(x) {
                    let position = &all[1 + row * from + column];
                    sums.iter_mut().zip(position).for_each(|(sum, p)| *sum += by_row * by_column * f64::from(*p));
                }
            }
            found.extend(sums.into_iter().map(|sum| sum as f32));
        }
    }
    Tensor::from_vec(found, (to * to + 1, d), positions.device())
}

/// Keys (1981), Cubic convolution interpolation, with a = -3/4.
fn cubic(x: f64) -> f64 {
    const A: f64 = -0.75;
    let x = x.abs();
    match x {
        x if x <= 1.0 => ((A + 2.0) * x - (A + 3.0)) * x * x + 1.0,
        x if x < 2.0 => ((A * x - 5.0 * A) * x + 8.0 * A) * x - 4.0 * A,
        _ => 0.0,
    }
}

impl ImageFeatures for Dinov2 {
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

impl HubModel {
    /// DINOv2, the small one: 88 MB, Apache-2.0.
    ///
    /// ```
    /// use synth_neural::HubModel;
    ///
    /// assert_eq!(HubModel::dinov2("cache").repo, "facebook/dinov2-small");
    /// ```
    pub fn dinov2(cache: impl Into<std::path::PathBuf>) -> Self {
        Self::new("facebook/dinov2-small", "model.safetensors", cache)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_filter_by_hand() {
        assert_eq!([0.0, 1.0, 2.0, -1.0].map(cubic), [1.0, 0.0, 0.0, 0.0]);
        assert!((cubic(0.5) - 0.593_75).abs() < 1e-12 && (cubic(1.5) + 0.093_75).abs() < 1e-12);
        // Weights sum to 1, so that what is even stays so.
        let even = Tensor::ones((10, 2), candle_core::DType::F32, &candle_core::Device::Cpu).unwrap();
        let found: Vec<f32> = interpolated(&even, 3, 16).unwrap().flatten_all().unwrap().to_vec1().unwrap();
        assert!(found.len() == 2 * 257 && found.iter().all(|x| (x - 1.0).abs() < 1e-6));
    }
}
