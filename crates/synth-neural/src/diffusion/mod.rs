//! Pictures of what a prompt says: latent diffusion.

mod config;
mod prompt;
mod schedule;
#[cfg(test)]
mod tests;
mod unet;
mod vae;

use std::path::PathBuf;

use candle_core::{Device as On, Result as Computed, Tensor};
use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;
use rand_distr::{Distribution, StandardNormal};
use synth_core::BoxError;
use synth_image::Picture;

use self::config::{ScheduleConfig, UnetConfig, VaeConfig};
use self::prompt::PromptEncoder;
use self::schedule::Schedule;
use self::unet::Unet;
use self::vae::Vae;
use crate::hub::{HubModel, OnDownload};
use crate::model_folder::{ModelFolder, digest, read_json};
use crate::weights::Weights;
use crate::{Device, NeuralError};

/// A picture that is wanted.
#[derive(Debug, Clone, PartialEq)]
pub struct PictureRequest<'a> {
    /// What it shows.
    pub prompt: &'a str,
    /// What it does not show; empty for nothing in particular. At a guidance of 1 it is not looked at.
    pub negative_prompt: &'a str,
    /// Pixels from left to right and from top to bottom, multiples of [`Diffusion::unit`]; `None` as many as the model
    /// was trained on.
    pub size: Option<(usize, usize)>,
    /// Steps from noise to the picture, from 1 to those of the training, 1,000 mostly. A Turbo takes 1 to 4.
    pub steps: usize,
    /// How much the prompt matters, at least 1: 1 for as it is, as a Turbo wants it; more to exaggerate (Ho and Salimans
    /// 2022, Classifier-free diffusion guidance).
    pub guidance: f64,
    /// How steps are taken; `None` as the model's settings say.
    pub sampler: Option<DiffusionSampler>,
    /// A picture to begin with, and how much of it may change, above 0 up to 1: the share of the steps that are taken
    /// (Meng et al. 2022, SDEdit).
    pub start: Option<(&'a Picture, f64)>,
    /// Decides all noise, and so, on one kind of processor, every pixel.
    pub seed: u64,
}

impl<'a> PictureRequest<'a> {
    /// A picture by 30 steps at a guidance of 7.5.
    pub fn of(prompt: &'a str, seed: u64) -> Self {
        Self { prompt, negative_prompt: "", size: None, steps: 30, guidance: 7.5, sampler: None, start: None, seed }
    }
}

/// How steps are taken from noise to a picture.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DiffusionSampler {
    /// Song, Meng, Ermon (2021), without noise on the way.
    Ddim,
    /// Karras et al. (2022), of first order.
    Euler,
    /// The same with new noise after each step but the last: what XL Turbo was made for.
    EulerAncestral,
}

/// Stable Diffusion 1, 2 and XL and their Turbos, or any model in the layout of diffusers with the same parts (Rombach et al. 2022).
///
/// ```no_run
/// use synth_neural::{Device, Diffusion, HubModel, ModelFolder, PictureRequest};
///
/// let model = ModelFolder::Hub(HubModel::stable_diffusion("cache"));
/// let diffusion = Diffusion::open(&model, Device::Cpu, &mut |_| {})?;
/// let picture = diffusion.draw(&PictureRequest::of("a photo of a golden retriever", 7), &|| false)?;
/// assert_eq!(picture.map(|picture| picture.width()), Some(512));
/// # Ok::<(), synth_neural::NeuralError>(())
/// ```
pub struct Diffusion {
    prompts: PromptEncoder,
    unet: Unet,
    vae: Vae,
    /// Latents along a side of the pictures that the model was trained on.
    side: usize,
    /// Sides of latents are multiples of it.
    latent_unit: usize,
    /// Pixels of a latent, along a side.
    factor: usize,
    latent_channels: usize,
    schedule: ScheduleConfig,
    device: On,
    name: String,
    fingerprint: String,
}

impl std::fmt::Debug for Diffusion {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Diffusion").field("name", &self.name).finish_non_exhaustive()
    }
}

/// What noise is drawn for: no two draw alike.
#[derive(Clone, Copy)]
enum Noise {
    Start,
    Encoding,
    /// What this step adds, from 0.
    Step(usize),
}

impl Diffusion {
    /// Opens a model, fetching its files where they are on the hub and not in the cache.
    ///
    /// # Errors
    /// A file is not there, cannot be fetched or is damaged; weights that do not fit their settings; a model with
    /// something that is not known here.
    pub fn open(model: &ModelFolder, device: Device, on_download: &mut OnDownload<'_>) -> Result<Self, NeuralError> {
        let of_device = if device == Device::Cpu { "a processor" } else { "a graphics processor" };
        let device = device.open()?;
        let unet_path = model.file("unet/config.json", on_download)?;
        let unet_config: UnetConfig = read_json(&unet_path)?;
        let plan = unet_config.plan(&unet_path)?;
        let vae_path = model.file("vae/config.json", on_download)?;
        let vae_config: VaeConfig = read_json(&vae_path)?;
        vae_config.check(&vae_path, unet_config.in_channels)?;
        let schedule_path = model.file("scheduler/scheduler_config.json", on_download)?;
        let schedule: ScheduleConfig = read_json(&schedule_path)?;
        schedule.check(&schedule_path)?;
        let whole = plan.added.map(|added| added.whole);
        let (prompts, mut files) = PromptEncoder::open(model, plan.meaning, whole, &device, on_download)?;
        let mut weights = |new: &str, old: &str| Weights::of(model, new, old, on_download);
        let of_unet = weights("unet/diffusion_pytorch_model.safetensors", "unet/diffusion_pytorch_model.bin")?;
        let of_vae = weights("vae/diffusion_pytorch_model.safetensors", "vae/diffusion_pytorch_model.bin")?;
        files.extend([of_unet.path(), of_vae.path()].map(ToOwned::to_owned));
        files.extend([unet_path, vae_path, schedule_path]);
        let hash = digest(files.iter().map(PathBuf::as_path))?;
        let unet = of_unet.build(&device, |weights| Unet::new(weights, &plan))?;
        let vae = of_vae.build(&device, |weights| Vae::new(weights, &vae_config))?;
        Ok(Self {
            prompts,
            unet,
            vae,
            side: unet_config.sample_size,
            latent_unit: 1 << (plan.blocks.len() - 1),
            factor: 1 << (vae_config.block_out_channels.len() - 1),
            latent_channels: vae_config.latent_channels,
            schedule,
            device,
            name: model.name(),
            fingerprint: format!("diffusion {hash}, on {of_device}"),
        })
    }

    /// The name of the model, for people.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// What decides the pictures beside a request, the same on every machine.
    pub fn fingerprint(&self) -> &str {
        &self.fingerprint
    }

    /// Whether the model was made to draw in 1 to 4 steps at a guidance of 1: Turbo, by its settings.
    pub fn is_of_few_steps(&self) -> bool {
        self.schedule.is_of_few_steps()
    }

    /// Sides of pictures are multiples of so many pixels.
    pub fn unit(&self) -> usize {
        self.factor * self.latent_unit
    }

    /// Draws a picture; `None` if `is_cancelled` says so between two steps.
    ///
    /// # Errors
    /// A setting of the request out of its range; the model cannot be computed.
    pub fn draw(
        &self,
        request: &PictureRequest<'_>,
        is_cancelled: &dyn Fn() -> bool,
    ) -> Result<Option<Picture>, NeuralError> {
        let (width, height) = self.check(request)?;
        let shape = (1, self.latent_channels, height / self.factor, width / self.factor);
        let noise = |what| self.noise(request.seed, what, shape);
        let drawn = || -> Result<Option<Tensor>, BoxError> {
            let start = match request.start {
                Some((picture, strength)) => {
                    let pixels: Vec<f32> =
                        picture.resized(width as u32, height as u32).iter().map(|x| x / 127.5 - 1.0).collect();
                    let pixels = Tensor::from_vec(pixels, (1, 3, height, width), &self.device)?;
                    Some((self.encoded(&pixels, &noise(Noise::Encoding)?)?, strength))
                }
                None => None,
            };
            let start = start.as_ref().map(|(latents, strength)| (latents, *strength));
            self.denoised(request, start, &noise, is_cancelled)
        };
        let Some(pixels) = drawn().map_err(NeuralError::Compute)? else { return Ok(None) };
        let picture = || -> Result<Picture, BoxError> {
            // `[3, h, w]` to three bytes a pixel.
            let numbers: Vec<f32> = pixels.squeeze(0)?.permute((1, 2, 0))?.flatten_all()?.to_vec1()?;
            if numbers.iter().any(|x| !x.is_finite()) {
                return Err("pixels come out that are no numbers".into());
            }
            let rgb = numbers.into_iter().map(|x| (x * 255.0).round() as u8).collect();
            Ok(Picture::from_rgb(width as u32, height as u32, rgb)?)
        };
        picture().map(Some).map_err(NeuralError::Compute)
    }

    /// Checks a request; width and height.
    fn check(&self, request: &PictureRequest<'_>) -> Result<(usize, usize), NeuralError> {
        let wrong = |name, value: String, expected| Err(NeuralError::Setting { name, value, expected });
        let side = self.side * self.factor;
        let (width, height) = request.size.unwrap_or((side, side));
        let unit = self.unit();
        /// Memory for more is not to be had.
        const MOST_PIXELS: usize = 1 << 25;
        if width.checked_mul(height).is_none_or(|n| n > MOST_PIXELS) {
            return wrong("size", format!("{width}x{height}"), "at most 33 million pixels");
        }
        if width == 0 || height == 0 || !width.is_multiple_of(unit) || !height.is_multiple_of(unit) {
            return Err(NeuralError::PictureSize { width, height, unit });
        }
        if request.steps == 0 || request.steps > self.schedule.num_train_timesteps {
            return wrong("steps", request.steps.to_string(), "1 or more, and no more than in training");
        }
        if !(request.guidance.is_finite() && request.guidance >= 1.0) {
            return wrong("guidance", request.guidance.to_string(), "1 or more");
        }
        if let Some((_, strength)) = request.start
            && !(strength > 0.0 && strength <= 1.0 && strength * request.steps as f64 >= 1.0)
        {
            return wrong("strength", strength.to_string(), "above 0, up to 1, and enough for one step");
        }
        Ok((width, height))
    }

    fn noise(&self, seed: u64, what: Noise, shape: (usize, usize, usize, usize)) -> Computed<Tensor> {
        let mut key = [0; 32];
        key[..8].copy_from_slice(&seed.to_le_bytes());
        let (what, step) = match what {
            Noise::Start => (1, 0),
            Noise::Encoding => (2, 0),
            Noise::Step(step) => (3, step as u64),
        };
        key[8] = what;
        key[16..24].copy_from_slice(&step.to_le_bytes());
        let mut random = ChaCha8Rng::from_seed(key);
        let n = shape.0 * shape.1 * shape.2 * shape.3;
        let numbers: Vec<f32> = (0..n).map(|_| StandardNormal.sample(&mut random)).collect();
        Tensor::from_vec(numbers, shape, &self.device)
    }

    /// The latents of a picture, `[1, 3, h, w]` from -1 to 1, drawn around their mean.
    fn encoded(&self, pixels: &Tensor, noise: &Tensor) -> Computed<Tensor> {
        let (mean, deviation) = self.vae.encode(pixels)?;
        (mean + (deviation * noise)?)? * self.vae.scaling()
    }

    /// From noise, and perhaps the latents of a picture, to pixels from 0 to 1, `[1, 3, h, w]`.
    fn denoised(
        &self,
        request: &PictureRequest<'_>,
        start: Option<(&Tensor, f64)>,
        noise: &dyn Fn(Noise) -> Computed<Tensor>,
        is_cancelled: &dyn Fn() -> bool,
    ) -> Result<Option<Tensor>, BoxError> {
        let default = match &*self.schedule.class_name {
            name if name.starts_with("EulerAncestral") => DiffusionSampler::EulerAncestral,
            name if name.starts_with("Euler") => DiffusionSampler::Euler,
            _ => DiffusionSampler::Ddim,
        };
        let schedule = Schedule::new(&self.schedule, request.sampler.unwrap_or(default), request.steps);
        let guided = request.guidance > 1.0;
        let mut meaning = self.prompts.meaning(request.prompt)?;
        if guided {
            meaning = self.prompts.negative(request.negative_prompt, &meaning)?.stacked(&meaning)?;
        }
        let begin = noise(Noise::Start)?;
        let (_, _, height, width) = begin.dims4()?;
        let condition = self.unet.condition(meaning, (width * self.factor, height * self.factor))?;
        let steps = schedule.steps(start.map_or(1.0, |(_, strength)| strength));
        let mut latents = match (start, steps.first()) {
            (Some((picture, _)), Some(first)) => schedule.noised(picture, &begin, *first)?,
            _ => (begin * schedule.noise_scale)?,
        };
        for (at, step) in steps.iter().enumerate() {
            if is_cancelled() {
                return Ok(None);
            }
            let seen = schedule.seen(&latents, *step)?;
            let predicted = if guided {
                let both = self.unet.forward(&Tensor::cat(&[&seen, &seen], 0)?, step.time, &condition)?.chunk(2, 0)?;
                (&both[0] + ((&both[1] - &both[0])? * request.guidance)?)?
            } else {
                self.unet.forward(&seen, step.time, &condition)?
            };
            latents = schedule.next(&latents, &predicted, *step, || noise(Noise::Step(at)))?;
        }
        let pixels = self.vae.decode(&(latents / self.vae.scaling())?)?;
        Ok(Some(((pixels / 2.0)? + 0.5)?.clamp(0f32, 1f32)?))
    }
}

impl HubModel {
    /// Stable Diffusion 1.5: pictures of 512 x 512 pixels, 4.3 GB, CreativeML Open RAIL-M.
    ///
    /// ```
    /// use synth_neural::HubModel;
    ///
    /// assert_eq!(HubModel::stable_diffusion("cache").repo, "stable-diffusion-v1-5/stable-diffusion-v1-5");
    /// ```
    pub fn stable_diffusion(cache: impl Into<std::path::PathBuf>) -> Self {
        Self::new("stable-diffusion-v1-5/stable-diffusion-v1-5", "unet/diffusion_pytorch_model.safetensors", cache)
    }
}
