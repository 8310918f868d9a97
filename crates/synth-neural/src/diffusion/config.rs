//! What the JSON files of a folder in diffusers' layout say.

use std::path::Path;

use serde::Deserialize;

use crate::NeuralError;

fn small() -> f64 {
    1e-5
}

/// `unet/config.json`.
#[derive(Debug, Deserialize)]
pub(crate) struct UnetConfig {
    pub(crate) sample_size: usize,
    pub(crate) in_channels: usize,
    out_channels: usize,
    block_out_channels: Vec<usize>,
    down_block_types: Vec<String>,
    up_block_types: Vec<String>,
    layers_per_block: usize,
    cross_attention_dim: usize,
    /// In spite of its name the number of heads, where `num_attention_heads` does not give it.
    attention_head_dim: OneOrEach,
    #[serde(default)]
    num_attention_heads: Option<OneOrEach>,
    #[serde(default)]
    transformer_layers_per_block: Option<OneOrEach>,
    #[serde(default = "groups")]
    norm_num_groups: usize,
    #[serde(default = "small")]
    norm_eps: f64,
    #[serde(default)]
    use_linear_projection: bool,
    #[serde(default)]
    center_input_sample: bool,
    #[serde(default = "yes")]
    flip_sin_to_cos: bool,
    #[serde(default)]
    freq_shift: f64,
    #[serde(default = "one")]
    downsample_padding: usize,
    #[serde(default = "one_number")]
    mid_block_scale_factor: f64,
    // What other models have and this one may not.
    #[serde(default)]
    act_fn: Option<String>,
    #[serde(default)]
    addition_embed_type: Option<String>,
    #[serde(default)]
    addition_time_embed_dim: Option<usize>,
    #[serde(default)]
    projection_class_embeddings_input_dim: Option<usize>,
    #[serde(default)]
    class_embed_type: Option<String>,
    #[serde(default)]
    encoder_hid_dim: Option<usize>,
    #[serde(default)]
    time_cond_proj_dim: Option<usize>,
    #[serde(default)]
    dual_cross_attention: bool,
    #[serde(default)]
    mid_block_type: Option<String>,
    #[serde(default)]
    resnet_time_scale_shift: Option<String>,
}

fn groups() -> usize {
    32
}

fn yes() -> bool {
    true
}

fn one() -> usize {
    1
}

fn one_number() -> f64 {
    1.0
}

/// A number for all blocks, or one for each.
#[derive(Debug, Clone, Deserialize)]
#[serde(from = "serde_json::Value")]
struct OneOrEach(Vec<usize>);

impl From<serde_json::Value> for OneOrEach {
    fn from(value: serde_json::Value) -> Self {
        let number = |value: &serde_json::Value| value.as_u64().map(|n| n as usize);
        match &value {
            // What is no number is none, and too few of them are told below.
            serde_json::Value::Array(all) => Self(all.iter().filter_map(number).collect()),
            one => Self(number(one).into_iter().collect()),
        }
    }
}

impl OneOrEach {
    fn at(&self, block: usize) -> Option<usize> {
        if let [one] = self.0[..] { Some(one) } else { self.0.get(block).copied() }
    }
}

const ATTENDING: [&str; 2] = ["CrossAttnDownBlock2D", "CrossAttnUpBlock2D"];
const PLAIN: [&str; 2] = ["DownBlock2D", "UpBlock2D"];

/// The network, as its settings describe it, checked.
#[derive(Debug)]
pub(crate) struct UnetPlan {
    pub(crate) in_channels: usize,
    pub(crate) out_channels: usize,
    /// At least one, from the largest picture to the smallest.
    pub(crate) blocks: Vec<BlockPlan>,
    /// Layers of a block on the way down; on the way up it is one more.
    pub(crate) layers: usize,
    /// Numbers of a token of the prompt.
    pub(crate) meaning: usize,
    pub(crate) groups: usize,
    pub(crate) epsilon: f64,
    pub(crate) linear_projections: bool,
    pub(crate) flip_sin_to_cos: bool,
    pub(crate) freq_shift: f64,
    pub(crate) added: Option<AddedPlan>,
}

/// What the network of XL is told beside the meaning of each token.
#[derive(Debug, Clone, Copy)]
pub(crate) struct AddedPlan {
    /// Numbers of the meaning of a whole prompt.
    pub(crate) whole: usize,
    /// Numbers that each size becomes.
    pub(crate) of_size: usize,
}

/// The sizes that the network of XL is told: height and width, and what was cut off, of the original and of the picture.
pub(crate) const N_SIZES: usize = 6;

/// Layers at one size of the picture.
#[derive(Debug, Clone, Copy)]
pub(crate) struct BlockPlan {
    pub(crate) channels: usize,
    pub(crate) attends: bool,
    /// Layers of each attention.
    pub(crate) depth: usize,
    pub(crate) heads: usize,
}

impl UnetConfig {
    pub(crate) fn plan(&self, path: &Path) -> Result<UnetPlan, NeuralError> {
        let unsupported = |what: String| NeuralError::Unsupported { path: path.to_owned(), what };
        let others = [
            ("act_fn", self.act_fn.as_deref().filter(|name| *name != "silu")),
            ("addition_embed_type", self.addition_embed_type.as_deref().filter(|name| *name != "text_time")),
            ("center_input_sample", self.center_input_sample.then_some("true")),
            ("class_embed_type", self.class_embed_type.as_deref()),
            ("downsample_padding", (self.downsample_padding != 1).then_some("other than 1")),
            ("mid_block_scale_factor", (self.mid_block_scale_factor != 1.0).then_some("other than 1")),
            ("mid_block_type", self.mid_block_type.as_deref().filter(|name| *name != "UNetMidBlock2DCrossAttn")),
            ("resnet_time_scale_shift", self.resnet_time_scale_shift.as_deref().filter(|name| *name != "default")),
            ("encoder_hid_dim", self.encoder_hid_dim.map(|_| "set")),
            ("time_cond_proj_dim", self.time_cond_proj_dim.map(|_| "set")),
            ("dual_cross_attention", self.dual_cross_attention.then_some("true")),
        ];
        if let Some((name, value)) = others.iter().find_map(|(name, value)| value.map(|value| (name, value))) {
            return Err(unsupported(format!("`{name}` {value}")));
        }
        let damaged = |problem: &str| NeuralError::ModelFile { path: path.to_owned(), source: problem.into() };
        /// Larger than any model is trained on.
        const LARGEST: usize = 1 << 13;
        if self.sample_size > LARGEST {
            return Err(damaged("its pictures are larger than any"));
        }
        let n = self.block_out_channels.len();
        if n == 0 || self.down_block_types.len() != n || self.up_block_types.len() != n {
            return Err(damaged("it names another number of blocks than of their channels"));
        }
        let added = match self.addition_embed_type {
            None => None,
            Some(_) => {
                let of_size = self.addition_time_embed_dim.filter(|n| *n > 0 && n.is_multiple_of(2));
                let all = self.projection_class_embeddings_input_dim;
                let whole = |of_size: usize| all.and_then(|all| all.checked_sub(N_SIZES.checked_mul(of_size)?));
                let plan = of_size.and_then(|of_size| Some(AddedPlan { whole: whole(of_size)?, of_size }));
                let plan = plan.filter(|plan| plan.whole > 0);
                Some(plan.ok_or_else(|| damaged("the sizes of what is added to the time do not fit each other"))?)
            }
        };
        let heads = self.num_attention_heads.as_ref().unwrap_or(&self.attention_head_dim);
        let mut blocks = Vec::with_capacity(n);
        for (at, &channels) in self.block_out_channels.iter().enumerate() {
            let (down, up) = (&self.down_block_types[at], &self.up_block_types[n - 1 - at]);
            let attends = *down == ATTENDING[0];
            let known = if attends { ATTENDING } else { PLAIN };
            if *down != known[0] || *up != known[1] {
                return Err(unsupported(format!("blocks of the types `{down}` and `{up}`")));
            }
            let too_few = || damaged("it has too few numbers for its blocks");
            let depth = self.transformer_layers_per_block.as_ref().map_or(Some(1), |layers| layers.at(at));
            let (depth, heads) = (depth.ok_or_else(too_few)?, heads.at(at).filter(|n| *n > 0).ok_or_else(too_few)?);
            let groups = self.norm_num_groups.max(1);
            if channels == 0 || !channels.is_multiple_of(heads) || !channels.is_multiple_of(groups) {
                return Err(damaged("its channels are not shared by its heads or groups"));
            }
            blocks.push(BlockPlan { channels, attends, depth, heads });
        }
        Ok(UnetPlan {
            in_channels: self.in_channels,
            out_channels: self.out_channels,
            blocks,
            layers: self.layers_per_block,
            meaning: self.cross_attention_dim,
            groups: self.norm_num_groups,
            epsilon: self.norm_eps,
            linear_projections: self.use_linear_projection,
            flip_sin_to_cos: self.flip_sin_to_cos,
            freq_shift: self.freq_shift,
            added,
        })
    }
}

/// `vae/config.json`.
#[derive(Debug, Deserialize)]
pub(crate) struct VaeConfig {
    pub(crate) block_out_channels: Vec<usize>,
    pub(crate) layers_per_block: usize,
    pub(crate) latent_channels: usize,
    #[serde(default = "groups")]
    pub(crate) norm_num_groups: usize,
    #[serde(default = "scaling")]
    pub(crate) scaling_factor: f64,
    // What other models have and this one may not.
    #[serde(default)]
    latents_mean: Option<serde_json::Value>,
    #[serde(default)]
    shift_factor: Option<f64>,
}

impl VaeConfig {
    /// Whether there is such an autoencoder, whose latents have so many channels.
    pub(crate) fn check(&self, path: &Path, channels: usize) -> Result<(), NeuralError> {
        let others = [("latents_mean", self.latents_mean.is_some()), ("shift_factor", self.shift_factor.is_some())];
        if let Some((name, _)) = others.iter().find(|(_, is_set)| *is_set) {
            return Err(NeuralError::Unsupported { path: path.to_owned(), what: format!("`{name}`") });
        }
        if self.block_out_channels.is_empty() || self.latent_channels != channels {
            let source = "its latents are not those that the network of `unet` takes".into();
            return Err(NeuralError::ModelFile { path: path.to_owned(), source });
        }
        Ok(())
    }
}

/// That of Stable Diffusion 1, whose file does not name it.
fn scaling() -> f64 {
    0.18215
}

/// `scheduler/scheduler_config.json`.
#[derive(Debug, Clone, Deserialize)]
pub(crate) struct ScheduleConfig {
    #[serde(rename = "_class_name", default)]
    pub(crate) class_name: String,
    pub(crate) beta_start: f64,
    pub(crate) beta_end: f64,
    pub(crate) beta_schedule: BetaSchedule,
    pub(crate) num_train_timesteps: usize,
    #[serde(default)]
    pub(crate) prediction_type: Prediction,
    #[serde(default)]
    pub(crate) steps_offset: usize,
    #[serde(default)]
    pub(crate) set_alpha_to_one: bool,
    #[serde(default)]
    pub(crate) clip_sample: bool,
    #[serde(default)]
    pub(crate) timestep_spacing: Option<Spacing>,
    // What other models have and this one may not.
    #[serde(default)]
    pub(crate) rescale_betas_zero_snr: bool,
    #[serde(default)]
    pub(crate) thresholding: bool,
    #[serde(default)]
    pub(crate) trained_betas: Option<serde_json::Value>,
}

/// Schedulers of diffusers in whose place DDIM or Euler's steps can be taken: they go the same way, in other steps.
const SCHEDULERS: [&str; 10] =
    ["DDIM", "DDPM", "PNDM", "LMSDiscrete", "Euler", "Heun", "DPMSolver", "DEIS", "UniPC", "KDPM2"];

impl ScheduleConfig {
    /// Whether pictures can be drawn by it.
    pub(crate) fn check(&self, path: &Path) -> Result<(), NeuralError> {
        let unsupported = |what: String| Err(NeuralError::Unsupported { path: path.to_owned(), what });
        if !self.class_name.is_empty() && !SCHEDULERS.iter().any(|known| self.class_name.starts_with(known)) {
            return unsupported(format!("the steps of a `{}`", self.class_name));
        }
        let others = [
            ("rescale_betas_zero_snr", self.rescale_betas_zero_snr),
            ("thresholding", self.thresholding),
            ("trained_betas", self.trained_betas.is_some()),
        ];
        if let Some((name, _)) = others.iter().find(|(_, is_set)| *is_set) {
            return unsupported(format!("`{name}`"));
        }
        let damaged = |problem: &str| Err(NeuralError::ModelFile { path: path.to_owned(), source: problem.into() });
        /// More than any model is trained with.
        const MOST_STEPS: usize = 100_000;
        if self.num_train_timesteps == 0 || self.num_train_timesteps > MOST_STEPS {
            return damaged("it has no steps, or more than 100,000");
        }
        if self.steps_offset > self.num_train_timesteps {
            return damaged("its `steps_offset` leads beyond its steps");
        }
        if !(self.beta_start > 0.0 && self.beta_start <= self.beta_end && self.beta_end < 1.0) {
            return damaged("its noise, from `beta_start` to `beta_end`, is not above 0, growing and below 1");
        }
        Ok(())
    }

    /// Whether the model was made to draw in a few steps: those are told by the spacing of their steps.
    pub(crate) fn is_of_few_steps(&self) -> bool {
        self.timestep_spacing == Some(Spacing::Trailing) && self.class_name.starts_with("Euler")
    }
}

/// How the noise of a step grows in training.
#[derive(Debug, Clone, Copy, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum BetaSchedule {
    Linear,
    /// Its root grows linearly.
    ScaledLinear,
}

/// What the network predicts.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Prediction {
    #[default]
    /// The noise.
    Epsilon,
    /// Noise and picture, weighed: Salimans and Ho (2022), Progressive distillation.
    #[serde(rename = "v_prediction")]
    Velocity,
    /// The picture.
    Sample,
}

/// Which of the steps of training are taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Spacing {
    Linspace,
    Leading,
    Trailing,
}
