//! What would be asked, and what it would cost; nothing is sent, fetched or written.

use std::process::ExitCode;
use std::sync::Arc;

use anyhow::Result;
use synth::generate::{
    Axis, Budget, GenerateError, Generator, Grid, Input, Journal, MICRODOLLARS, Planned, Recorded, Request, Usage,
};

use super::{Job, Making, axes};
use crate::generation::chain::has_judge;
use crate::output;
use crate::table::counted;

/// Prompts that are shown to people; `--json` has all of them.
const SHOWN: usize = 5;

/// What is asked if every text passes.
struct Bill {
    texts: usize,
    attributes: usize,
    judge: usize,
    /// `None` where tokens cannot be counted, as the model is not here yet.
    usage: Option<Usage>,
    /// `None` where the price is not known.
    dollars: Option<f64>,
}

pub(super) fn run(job: Job<'_>, json: bool) -> Result<ExitCode> {
    let Job { args, config, progress, backend, prepared, prompts, plan } = job;
    let asks_functions = prepared.asks();
    let material = prepared.finish(None, config, progress)?;
    let making = Making { args, config, progress, material, prompts, plan };
    if asks_functions {
        // Which texts are of the class is known when they are asked.
        making.plan.check_settings()?;
    } else {
        making.plan.check(&making.material.sources)?;
    }
    let prompts_nobody = !making.plan.kind.is_prompted();
    let axes = axes(config, &args.class).into_iter();
    let mut grid = Grid::new(axes.map(|(name, values)| Axis { name, values }).collect(), making.plan.seed);
    let texts = args.n.div_ceil(making.plan.per_request as usize);
    let planned = match making.plan.requests(0, texts, &mut grid, &making.material.sources, &making.prompts) {
        Err(GenerateError::NoSources { .. }) if asks_functions => Vec::new(),
        planned => planned?,
    };
    let judge = if has_judge(&args.material.filters, &config.filters) { args.n } else { 0 };
    let asks = !prompts_nobody || judge > 0;
    let counter = match asks && !backend.must_fetch()? {
        true => {
            let generator = Arc::clone(backend.generator()?);
            Some(Recorded::new(generator, Arc::new(Journal::in_memory()?), Budget::default())?)
        }
        false => None,
    };
    let attributes = if prompts_nobody { 0 } else { config.generate.propose_attributes.len() };
    let usage = counter.as_ref().map(|counter| making.usage(&planned, judge, counter)).transpose()?;
    let dollars = match (&counter, usage) {
        (Some(counter), Some(usage)) => counter.price().map(|price| price.of(usage) as f64 / MICRODOLLARS as f64),
        // What runs here is free.
        _ => Some(0.0),
    };
    let bill = Bill { texts, attributes, judge, usage, dollars };
    if json {
        let inputs: Vec<&Input> = planned.iter().map(|planned| &planned.request.input).collect();
        output::json(&serde_json::json!({
            "version": 1, "requests": bill.texts + bill.attributes + bill.judge,
            "prompt_tokens": bill.usage.map(|usage| usage.prompt_tokens),
            "completion_tokens_at_most": bill.usage.map(|usage| usage.completion_tokens),
            "dollars_if_all_pass": bill.dollars, "budget": backend.budget().to_string(), "inputs": inputs,
        }))?;
        return Ok(ExitCode::SUCCESS);
    }
    let mut text: String = planned.iter().take(SHOWN).enumerate().map(|(at, planned)| shown(at + 1, planned)).collect();
    if planned.len() > SHOWN {
        text.push_str(&format!("and {} more; --json shows all\n", planned.len() - SHOWN));
    }
    let model = if prompts_nobody {
        making.plan.kind.name()
    } else {
        counter.as_ref().map_or("the local model", |counter| counter.model())
    };
    text.push_str(&bill.describe(model));
    if asks_functions {
        text.push_str("labeling functions that ask a model were not asked: what they vote is not known here\n");
    }
    if asks && backend.must_fetch()? {
        text.push_str("the weights of the model are fetched first\n");
    }
    if asks {
        text.push_str(&format!("the budget is {}\n", backend.budget()));
    }
    text.push_str("nothing was sent\n");
    output::print(&text)?;
    Ok(ExitCode::SUCCESS)
}

fn shown(number: usize, planned: &Planned) -> String {
    match &planned.request.input {
        Input::Prompt(prompt) => {
            format!("--- {number}: system\n{}\n--- {number}: user\n{}\n---\n", prompt.system, prompt.user)
        }
        Input::Text { text, .. } => format!("--- {number}: text\n{text}\n---\n"),
        Input::Picture { .. } => shown_picture(&planned.request),
    }
}

/// What would be drawn.
#[cfg(feature = "neural")]
pub(super) fn run_pictures(planned: &[Planned], json: bool) -> Result<ExitCode> {
    if json {
        let inputs: Vec<&Input> = planned.iter().map(|planned| &planned.request.input).collect();
        output::json(&serde_json::json!({ "version": 1, "requests": planned.len(), "inputs": inputs }))?;
        return Ok(ExitCode::SUCCESS);
    }
    let mut text: String = planned.iter().take(SHOWN).map(|planned| shown_picture(&planned.request) + "\n").collect();
    if planned.len() > SHOWN {
        text.push_str(&format!("and {} more; --json shows all\n", planned.len() - SHOWN));
    }
    text.push_str("nothing was drawn\n");
    output::print(&text)?;
    Ok(ExitCode::SUCCESS)
}

/// What is drawn, on one line.
fn shown_picture(request: &Request) -> String {
    match &request.input {
        Input::Picture { prompt, negative_prompt, start, .. } => {
            let without =
                if negative_prompt.is_empty() { String::new() } else { format!(" (without: {negative_prompt})") };
            let from = if start.is_some() { ", from a real one" } else { "" };
            format!("{prompt}{without}{from}")
        }
        _ => String::new(),
    }
}

impl Making<'_> {
    fn usage(&self, planned: &[Planned], judge: usize, counter: &Recorded) -> Result<Usage> {
        let mut usage = Usage::default();
        if self.plan.kind.is_prompted() {
            planned.iter().for_each(|planned| usage += counter.estimate(&planned.request));
            for name in &self.config.generate.propose_attributes {
                usage += counter.estimate(&self.ask_for(name)?);
            }
        }
        if judge > 0 {
            // About texts of full length.
            let prompt = self.rubric().prompt(self.plan.class, "")?;
            let tokens = counter.n_tokens(&prompt.system) + counter.n_tokens(&prompt.user);
            let n = judge as u64;
            usage += Usage {
                prompt_tokens: n.saturating_mul(tokens + u64::from(self.plan.max_tokens)),
                completion_tokens: n.saturating_mul(u64::from(self.config.filters.judge.max_tokens)),
            };
        }
        Ok(usage)
    }
}

impl Bill {
    fn describe(&self, model: &str) -> String {
        let requests = |n: usize| counted(n as u64, "request", "requests");
        let mut text = format!("{} by {model}, if every text passes", requests(self.texts));
        if self.attributes > 0 {
            text.push_str(&format!("; before them {} for attributes", requests(self.attributes)));
        }
        if self.judge > 0 {
            text.push_str(&format!("; beside them {} for the judge", requests(self.judge)));
        }
        text.push('\n');
        if let Some(usage) = self.usage.filter(|usage| *usage != Usage::default()) {
            text.push_str(&format!("about {} tokens in, at most {} out", usage.prompt_tokens, usage.completion_tokens));
            text.push_str(&match self.dollars {
                Some(dollars) => format!(", at most {dollars:.4} dollars for these\n"),
                None => "; the price is not known, see [llm] in synth.toml\n".to_owned(),
            });
        }
        text
    }
}
