//! From noise to a picture, step by step.
//!
//! DDIM: Song, Meng, Ermon (2021), Denoising diffusion implicit models, eq. 12 without noise. Euler: Karras et al. (2022),
//! Elucidating the design space of diffusion-based generative models, algorithm 2 without churn. Ancestral steps: Song et
//! al. (2021), Score-based generative modeling through stochastic differential equations, appendix F, as in k-diffusion.
//! All as diffusers has them.

use candle_core::{Result, Tensor};

use super::DiffusionSampler;
use super::config::{BetaSchedule, Prediction, ScheduleConfig, Spacing};

/// The steps from noise to a picture.
pub(super) struct Schedule {
    steps: Vec<Step>,
    prediction: Prediction,
    clip: bool,
    /// What noise is multiplied with before the first step.
    pub(super) noise_scale: f64,
}

/// One step, and where it leads.
#[derive(Debug, Clone, Copy)]
pub(super) struct Step {
    /// The time that the network is told.
    pub(super) time: f64,
    kind: Kind,
}

#[derive(Debug, Clone, Copy)]
enum Kind {
    /// Shares of the picture in what is seen, now and next.
    Ddim { alpha: f64, next: f64 },
    /// Noise in what is seen, now and next; and of the next how much is new.
    Euler { sigma: f64, next: f64, new: f64 },
}

impl Schedule {
    /// `n` steps, at least one and at most as many as there are in training.
    pub(super) fn new(config: &ScheduleConfig, sampler: DiffusionSampler, n: usize) -> Self {
        let alphas = alphas(config);
        let spacing = config.timestep_spacing.unwrap_or(match sampler {
            DiffusionSampler::Ddim => Spacing::Leading,
            DiffusionSampler::Euler | DiffusionSampler::EulerAncestral => Spacing::Linspace,
        });
        let times = times(config, spacing, n);
        let (steps, noise_scale): (Vec<Step>, f64) = match sampler {
            DiffusionSampler::Ddim => {
                let last = if config.set_alpha_to_one { 1.0 } else { alphas[0] };
                let width = (config.num_train_timesteps / n) as i64;
                let step = |time: f64| {
                    let time = (time.round_ties_even() as usize).min(alphas.len() - 1);
                    let next = usize::try_from(time as i64 - width).map_or(last, |next| alphas[next]);
                    Step { time: time as f64, kind: Kind::Ddim { alpha: alphas[time], next } }
                };
                (times.into_iter().map(step).collect(), 1.0)
            }
            DiffusionSampler::Euler | DiffusionSampler::EulerAncestral => {
                let sigmas: Vec<f64> = alphas.iter().map(|alpha| ((1.0 - alpha) / alpha).sqrt()).collect();
                let of_times: Vec<f64> = times.iter().map(|time| interpolated(&sigmas, *time)).collect();
                let next = of_times[1..].iter().copied().chain([0.0]);
                let new = |sigma: f64, next: f64| match sampler {
                    DiffusionSampler::EulerAncestral => next * ((sigma * sigma - next * next).max(0.0)).sqrt() / sigma,
                    _ => 0.0,
                };
                let step = |((time, sigma), next): ((&f64, &f64), f64)| Step {
                    time: *time,
                    kind: Kind::Euler { sigma: *sigma, next, new: new(*sigma, next) },
                };
                let largest = of_times.iter().copied().fold(0.0, f64::max);
                let scale = if spacing == Spacing::Leading { (largest * largest + 1.0).sqrt() } else { largest };
                (times.iter().zip(&of_times).zip(next).map(step).collect(), scale)
            }
        };
        Self { steps, prediction: config.prediction_type, clip: config.clip_sample, noise_scale }
    }

    /// All steps, or the last ones where one begins with a picture: the share of them is `strength`.
    pub(super) fn steps(&self, strength: f64) -> &[Step] {
        let n = ((self.steps.len() as f64 * strength) as usize).min(self.steps.len());
        &self.steps[self.steps.len() - n..]
    }

    /// A picture with the noise that a step expects.
    pub(super) fn noised(&self, picture: &Tensor, noise: &Tensor, step: Step) -> Result<Tensor> {
        match step.kind {
            Kind::Ddim { alpha, .. } => (picture * alpha.sqrt())? + (noise * (1.0 - alpha).sqrt())?,
            Kind::Euler { sigma, .. } => picture + (noise * sigma)?,
        }
    }

    /// What the network sees of a noisy picture.
    pub(super) fn seen(&self, noisy: &Tensor, step: Step) -> Result<Tensor> {
        match step.kind {
            Kind::Ddim { .. } => Ok(noisy.clone()),
            Kind::Euler { sigma, .. } => noisy / (sigma * sigma + 1.0).sqrt(),
        }
    }

    /// The picture with less noise, by what the network predicts; `noise` is drawn where a step adds some anew.
    pub(super) fn next(
        &self,
        noisy: &Tensor,
        predicted: &Tensor,
        step: Step,
        noise: impl FnOnce() -> Result<Tensor>,
    ) -> Result<Tensor> {
        match step.kind {
            Kind::Ddim { alpha, next } => {
                let (signal, spread) = (alpha.sqrt(), (1.0 - alpha).sqrt());
                let (picture, noise) = match self.prediction {
                    Prediction::Epsilon => (((noisy - (predicted * spread)?)? / signal)?, predicted.clone()),
                    Prediction::Sample => (predicted.clone(), ((noisy - (predicted * signal)?)? / spread)?),
                    Prediction::Velocity => {
                        (((noisy * signal)? - (predicted * spread)?)?, ((predicted * signal)? + (noisy * spread)?)?)
                    }
                };
                let picture = if self.clip { picture.clamp(-1f32, 1f32)? } else { picture };
                (picture * next.sqrt())? + (noise * (1.0 - next).sqrt())?
            }
            Kind::Euler { sigma, next, new } => {
                let picture = match self.prediction {
                    Prediction::Epsilon => (noisy - (predicted * sigma)?)?,
                    Prediction::Sample => predicted.clone(),
                    Prediction::Velocity => {
                        let square = sigma * sigma + 1.0;
                        ((predicted * (-sigma / square.sqrt()))? + (noisy / square)?)?
                    }
                };
                let direction = ((noisy - picture)? / sigma)?;
                // As much of the old noise as makes up the next step's with the new.
                let old = (next * next - new * new).max(0.0).sqrt();
                let less = (noisy + (direction * (old - sigma))?)?;
                if new > 0.0 { less + (noise()? * new)? } else { Ok(less) }
            }
        }
    }
}

/// The share of the picture that is left after each step of training.
fn alphas(config: &ScheduleConfig) -> Vec<f64> {
    let n = config.num_train_timesteps;
    let between = |from: f64, to: f64, i: usize| from + (to - from) * i as f64 / (n - 1).max(1) as f64;
    let beta = |i: usize| match config.beta_schedule {
        BetaSchedule::Linear => between(config.beta_start, config.beta_end, i),
        BetaSchedule::ScaledLinear => between(config.beta_start.sqrt(), config.beta_end.sqrt(), i).powi(2),
    };
    let mut left = 1.0;
    let mut alpha = |i: usize| {
        left *= 1.0 - beta(i);
        left
    };
    (0..n).map(&mut alpha).collect()
}

/// The times of steps, from noise on.
fn times(config: &ScheduleConfig, spacing: Spacing, n: usize) -> Vec<f64> {
    let all = config.num_train_timesteps;
    match spacing {
        Spacing::Linspace => {
            let time = |i: usize| (all - 1) as f64 * (n - 1 - i) as f64 / (n - 1).max(1) as f64;
            if n == 1 { vec![0.0] } else { (0..n).map(time).collect() }
        }
        Spacing::Leading => (0..n).rev().map(|i| (i * (all / n) + config.steps_offset) as f64).collect(),
        Spacing::Trailing => {
            let width = all as f64 / n as f64;
            (0..n).map(|i| (all as f64 - i as f64 * width).round_ties_even() - 1.0).collect()
        }
    }
}

/// The value between two entries.
fn interpolated(values: &[f64], at: f64) -> f64 {
    let low = (at.floor() as usize).min(values.len() - 1);
    let high = (low + 1).min(values.len() - 1);
    values[low] + (values[high] - values[low]) * (at - low as f64)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn config(spacing: Spacing) -> ScheduleConfig {
        ScheduleConfig {
            class_name: "DDIMScheduler".into(),
            beta_start: 0.1,
            beta_end: 0.3,
            beta_schedule: BetaSchedule::Linear,
            num_train_timesteps: 10,
            prediction_type: Prediction::Epsilon,
            steps_offset: 1,
            set_alpha_to_one: true,
            clip_sample: false,
            timestep_spacing: Some(spacing),
            rescale_betas_zero_snr: false,
            thresholding: false,
            trained_betas: None,
        }
    }

    #[test]
    fn times_by_hand() {
        assert_eq!(times(&config(Spacing::Leading), Spacing::Leading, 3), [7.0, 4.0, 1.0]);
        assert_eq!(times(&config(Spacing::Linspace), Spacing::Linspace, 4), [9.0, 6.0, 3.0, 0.0]);
        assert_eq!(times(&config(Spacing::Trailing), Spacing::Trailing, 4), [9.0, 7.0, 4.0, 1.0]);
        assert_eq!(times(&config(Spacing::Linspace), Spacing::Linspace, 1), [0.0]);
    }

    #[test]
    fn what_is_not_known_is_refused() {
        let refused = |change: fn(&mut ScheduleConfig)| {
            let mut config = config(Spacing::Leading);
            change(&mut config);
            let error = config.check(std::path::Path::new("F")).unwrap_err();
            let cause = std::error::Error::source(&error).map(|cause| format!(": {cause}")).unwrap_or_default();
            format!("{error}{cause}")
        };
        assert_eq!(
            refused(|config| config.class_name = "LCMScheduler".into()),
            "`F` needs the steps of a `LCMScheduler`, which is not known here"
        );
        assert_eq!(refused(|config| config.thresholding = true), "`F` needs `thresholding`, which is not known here");
        let betas =
            "`F` cannot be used: its noise, from `beta_start` to `beta_end`, is not above 0, growing and below 1";
        assert_eq!(refused(|config| config.beta_start = 0.0), betas);
        assert_eq!(refused(|config| config.beta_end = f64::NAN), betas);
        assert!(refused(|config| config.num_train_timesteps = 0).contains("no steps"));
        assert!(refused(|config| config.steps_offset = 11).contains("offset"));
        assert!(config(Spacing::Leading).check(std::path::Path::new("F")).is_ok());
    }

    #[test]
    fn shares_by_hand() {
        let alphas = alphas(&config(Spacing::Leading));
        assert!((alphas[0] - 0.9).abs() < 1e-12 && (alphas[1] - 0.9 * (1.0 - 0.1 - 0.2 / 9.0)).abs() < 1e-12);
        assert!((interpolated(&[1.0, 3.0, 7.0], 1.25) - 4.0).abs() < 1e-12);
        assert_eq!(interpolated(&[1.0, 3.0], 5.0), 3.0 + (5.0 - 1.0) * 0.0);
    }

    #[test]
    fn strength_takes_the_last_steps() {
        let schedule = Schedule::new(&config(Spacing::Leading), DiffusionSampler::Ddim, 5);
        let times = |strength| schedule.steps(strength).iter().map(|step| step.time).collect::<Vec<_>>();
        assert_eq!(times(1.0), [9.0, 7.0, 5.0, 3.0, 1.0]);
        assert_eq!(times(0.5), [3.0, 1.0]);
        assert!(times(0.1).is_empty());
    }
}
