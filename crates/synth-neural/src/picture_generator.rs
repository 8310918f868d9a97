//! A diffusion model as a generator.

use std::ops::ControlFlow;

use synth_core::{BoxError, Observer};
use synth_generate::{Answer, GenerateError, Generator, Input, Price, Request, Response, Sink, Usage};
use synth_image::Picture;

use crate::{Diffusion, DiffusionSampler, PictureRequest};

/// A diffusion model as a [`Generator`]: what it answers are pictures as data URLs, one for each choice.
///
/// The pixels depend on the request and the number of the choice alone, on one kind of processor. [`Request::max_tokens`]
/// and [`Request::sampling`] mean nothing to it.
///
/// # Errors
/// Of single requests: [`GenerateError::Unsupported`] for prompts of language models and texts; a picture to begin with
/// that cannot be read; a setting out of its range.
#[derive(Debug)]
pub struct PictureGenerator {
    diffusion: Diffusion,
    sampler: Option<DiffusionSampler>,
}

/// No request has as many choices.
const CHOICES: u64 = 1 << 24;

impl PictureGenerator {
    /// A generator by this model; `sampler` as in [`PictureRequest::sampler`].
    pub fn new(diffusion: Diffusion, sampler: Option<DiffusionSampler>) -> Self {
        Self { diffusion, sampler }
    }

    /// `None` if the observer asked to stop.
    fn choices(&self, request: &Request, observer: &dyn Observer) -> Result<Option<Vec<String>>, GenerateError> {
        let Input::Picture { prompt, negative_prompt, start, settings } = &request.input else {
            let generator = "a diffusion model".into();
            return Err(GenerateError::Unsupported { generator, what: "answer prompts for texts" });
        };
        let failed =
            |source: BoxError| GenerateError::Generator { generator: self.diffusion.name().to_owned(), source };
        let picture = start.as_deref().map(Picture::named).transpose().map_err(|error| failed(error.into()))?;
        let mut choices = Vec::new();
        for choice in 0..u64::from(request.n_choices) {
            let wanted = PictureRequest {
                prompt,
                negative_prompt,
                size: settings.size,
                steps: settings.steps,
                guidance: settings.guidance,
                sampler: self.sampler,
                start: picture.as_ref().zip(settings.strength),
                seed: request.seed.wrapping_mul(CHOICES) + choice,
            };
            match self.diffusion.draw(&wanted, &|| observer.cancelled()).map_err(|error| failed(error.into()))? {
                Some(picture) => choices.push(picture.to_url()),
                None => return Ok(None),
            }
        }
        Ok(Some(choices))
    }
}

impl Generator for PictureGenerator {
    fn fingerprint(&self) -> String {
        let sampler = match self.sampler {
            None => "its own steps",
            Some(DiffusionSampler::Ddim) => "DDIM",
            Some(DiffusionSampler::Euler) => "Euler",
            Some(DiffusionSampler::EulerAncestral) => "Euler ancestral",
        };
        format!("{}, {sampler}", self.diffusion.fingerprint())
    }

    fn model(&self) -> &str {
        self.diffusion.name()
    }

    fn price(&self) -> Option<Price> {
        Some(Price { input_per_million: 0.0, output_per_million: 0.0 })
    }

    /// None: nothing here is counted in tokens.
    fn n_tokens(&self, _text: &str) -> u64 {
        0
    }

    fn generate(
        &self,
        requests: &[Request],
        observer: &dyn Observer,
        sink: &mut Sink<'_>,
    ) -> Result<(), GenerateError> {
        for (at, request) in requests.iter().enumerate() {
            let result = match self.choices(request, observer) {
                Ok(None) => return Err(GenerateError::Cancelled),
                Ok(Some(choices)) => Ok(Response { choices, usage: Usage::default() }),
                Err(error) => Err(error),
            };
            if let ControlFlow::Break(()) = sink(vec![Answer { request: at, result }]) {
                return Ok(());
            }
        }
        Ok(())
    }
}
