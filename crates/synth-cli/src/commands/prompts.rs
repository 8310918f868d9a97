//! `synth prompts`

use std::process::ExitCode;

use anyhow::Result;
use serde::Serialize;
use synth::generate::PromptKind;

use crate::args::{Common, PromptsArgs, TemplateKind};
use crate::commands::generate::prompts;
use crate::config::Config;
use crate::output;

/// What `--json` prints of each template.
#[derive(Serialize)]
struct Shown<'a> {
    kind: &'static str,
    origin: &'a str,
    template: &'a str,
}

pub fn run(args: &PromptsArgs, common: &Common) -> Result<ExitCode> {
    let config = Config::load(common)?;
    let prompts = prompts(&config)?;
    let wanted = args.kind.map(|kind| match kind {
        TemplateKind::Examples => PromptKind::Examples,
        TemplateKind::Paraphrase => PromptKind::Paraphrase,
        TemplateKind::EdgeCases => PromptKind::EdgeCases,
        TemplateKind::Judge => PromptKind::Judge,
        TemplateKind::Attributes => PromptKind::Attributes,
        TemplateKind::Image => PromptKind::Image,
    });
    let kinds = PromptKind::ALL.into_iter().filter(|kind| wanted.is_none_or(|wanted| wanted == *kind));
    let shown: Vec<Shown<'_>> = kinds
        .map(|kind| {
            let (origin, template) = prompts.source(kind);
            Shown { kind: kind.name(), origin, template }
        })
        .collect();
    if common.json {
        output::json(&serde_json::json!({ "version": 1, "templates": shown }))?;
        return Ok(ExitCode::SUCCESS);
    }
    let text = match &shown[..] {
        // As it would stand in a file.
        [only] => only.template.to_owned(),
        all => all.iter().map(|shown| format!("=== {}\n{}\n", shown.origin, shown.template)).collect(),
    };
    output::print(&text)?;
    Ok(ExitCode::SUCCESS)
}
