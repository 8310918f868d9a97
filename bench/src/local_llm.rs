//! The local language model: tokens per CPU second, for one prompt and for eight at once.
//!
//! llama.cpp's figures for the same prompts come from `crates/synth-neural/tests/fixtures/llama_cpp.mjs bench`. The
//! number of threads is set by `RAYON_NUM_THREADS`.

use std::ops::ControlFlow;
use std::path::Path;
use std::time::Instant;

use anyhow::{Context, Result};
use synth_core::Silent;
use synth_generate::{AnswerForm, Generator, Input, Prompt, Request, Sampling};
use synth_neural::{LocalLlm, LocalLlmSettings, ModelSource};

use crate::cpu::cpu_seconds;

/// Tokens of an answer, beside the first.
const N: u32 = 64;

/// Reads prompts with an answer of one token, then with one of 65: what is between them is decoding.
pub(crate) fn run(weights: &Path, inputs: &Path) -> Result<()> {
    let model = LocalLlm::open(&LocalLlmSettings::of(ModelSource::Path(weights.to_owned())), &mut |_| {})?;
    let inputs: serde_json::Value = serde_json::from_slice(&std::fs::read(inputs)?)?;
    let text = |key: &str| inputs["prompts"][0][key].as_str().map(str::to_owned);
    let prompt = Prompt {
        system: text("system").context("the first prompt has no `system`")?,
        user: text("user").context("the first prompt has no `user`")?,
        form: AnswerForm::Text,
    };
    let request = |max_tokens| Request {
        input: Input::Prompt(prompt.clone()),
        n_choices: 1,
        max_tokens,
        sampling: Sampling::greedy(),
        seed: 0,
    };
    // The first call lays out what later ones use.
    measure(&model, &[request(4)])?;
    for rows in [1, 8] {
        let (read, whole) = (measure(&model, &vec![request(1); rows])?, measure(&model, &vec![request(N + 1); rows])?);
        let (prompt, decoded) = (read.prompt as f64, (whole.answer - read.answer) as f64);
        println!(
            "synth rows={rows}  prompt {:.1} tokens/CPU s {:.1} tokens/s  decode {:.1} tokens/CPU s {:.1} tokens/s",
            prompt / read.cpu,
            prompt / read.wall,
            decoded / (whole.cpu - read.cpu),
            decoded / (whole.wall - read.wall),
        );
    }
    Ok(())
}

#[derive(Default)]
struct Measured {
    prompt: u64,
    answer: u64,
    cpu: f64,
    wall: f64,
}

fn measure(model: &LocalLlm, requests: &[Request]) -> Result<Measured> {
    let mut measured = Measured::default();
    let mut failed = None;
    let (cpu, wall) = (cpu_seconds(), Instant::now());
    model.generate(requests, &Silent, &mut |answers| {
        for answer in answers {
            match answer.result {
                Ok(response) => {
                    measured.prompt += response.usage.prompt_tokens;
                    measured.answer += response.usage.completion_tokens;
                }
                Err(error) => failed = Some(error),
            }
        }
        ControlFlow::Continue(())
    })?;
    measured.cpu = cpu_seconds() - cpu;
    measured.wall = wall.elapsed().as_secs_f64();
    failed.map_or(Ok(measured), |error| Err(error.into()))
}
