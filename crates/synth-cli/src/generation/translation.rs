//! From languages and settings to a generator that translates there and back.

use std::sync::Arc;

use anyhow::Result;
use synth::generate::{BackTranslator, CommandTranslator, Generator, Pivot, Translate};

use crate::config::{Config, or_file};
use crate::errors::hinted;
use crate::progress::Progress;

/// The models for a pair of languages, where none are named.
const MODELS: &str = "Helsinki-NLP/opus-mt-{from}-{to}";

/// Goes by the languages of a flag, or of the settings.
pub fn back_translator(pivots: &[String], config: &Config, progress: &Progress) -> Result<Arc<dyn Generator>> {
    let own = config.translate.language.as_deref().unwrap_or("en");
    let pivot = |language: String| -> Result<Pivot> {
        let there = translator(own, &language, config, progress)?;
        let back = translator(&language, own, config, progress)?;
        Ok(Pivot { language, there, back })
    };
    let pivots = languages(pivots, config)?.into_iter().map(pivot).collect::<Result<_>>()?;
    Ok(Arc::new(BackTranslator::new(pivots)?))
}

/// The languages that texts are translated into, checked.
pub fn languages(pivots: &[String], config: &Config) -> Result<Vec<String>> {
    let own = config.translate.language.as_deref().unwrap_or("en");
    let pivots: Vec<String> = or_file(pivots, &config.translate.pivots).iter().map(|code| code.trim().into()).collect();
    if pivots.is_empty() {
        return Err(hinted(
            "no language to translate by is named",
            "name one or more: --pivot fr,de; or `pivots` under [translate] in synth.toml",
        ));
    }
    for pivot in &pivots {
        if pivot == own {
            return Err(hinted(
                format!("`--pivot {pivot}` is the language of the texts"),
                "name another language to translate by, or the language of the texts with `language` under [translate]",
            ));
        }
        // It becomes part of a path and of a command.
        if pivot.is_empty() || !pivot.chars().all(|c| c.is_alphanumeric() || c == '-' || c == '_') {
            return Err(hinted(format!("`--pivot {pivot}` is no code of a language"), "codes look like fr, or pt-br"));
        }
    }
    Ok(pivots)
}

/// Translates from one language into another: by a command where the settings have one, else by a model.
fn translator(from: &str, to: &str, config: &Config, progress: &Progress) -> Result<Arc<dyn Translate>> {
    let settings = &config.translate;
    let of_pair = |template: &str| template.replace("{from}", from).replace("{to}", to);
    let group = |code: &str| settings.groups.get(code).cloned().unwrap_or_else(|| code.to_owned());
    match (&settings.command, &settings.model) {
        (Some(_), Some(_)) => Err(hinted(
            "both `command` and `model` are set under [translate]",
            "leave one out: either a program translates, or a model that runs here",
        )),
        (Some(command), None) => Ok(Arc::new(CommandTranslator::new(&of_pair(command))?)),
        (None, model) => {
            let template = model.as_deref().unwrap_or(MODELS);
            marian(&template.replace("{from}", &group(from)).replace("{to}", &group(to)), to, config, progress)
        }
    }
}

#[cfg(feature = "neural")]
fn marian(model: &str, to: &str, config: &Config, progress: &Progress) -> Result<Arc<dyn Translate>> {
    use synth::neural::{NeuralError, Translator, TranslatorSettings};

    use super::backend::{downloading, model_folder};

    let needed = "config.json, source.spm, target.spm, vocab.json and model.safetensors (or pytorch_model.bin)";
    let example = "Helsinki-NLP/opus-mt-en-fr";
    let default = TranslatorSettings::of(model_folder(model, "model.safetensors", needed, example, config)?);
    let into = config.translate.codes.get(to).map_or(to, String::as_str);
    let settings = TranslatorSettings {
        into: Some(into.to_owned()).filter(|into| !into.is_empty()),
        beams: config.translate.beams.or(default.beams),
        batch: config.translate.batch.unwrap_or(default.batch),
        ..default
    };
    let opened = downloading(progress, |on_download| Translator::open(&settings, on_download));
    let translator = opened.map_err(|error| match error {
        NeuralError::TargetLanguage { .. } => {
            let hint = format!(
                "name one of these under [translate.codes] in synth.toml: {to} = \"CODE\"; or \"\" to let the model choose"
            );
            hinted(format!("`{model}`: {error}"), hint)
        }
        // The hub answers alike for what is not there and for what is not shown.
        NeuralError::NotOnHub { .. } | NeuralError::Refused { .. } => hinted(
            format!("the hub gives no model `{model}`"),
            format!(
                "there may be none of this pair alone: name the group that a model has in its name under [translate.groups] \
                 in synth.toml, as {to} = \"ROMANCE\""
            ),
        ),
        error => error.into(),
    })?;
    Ok(Arc::new(translator))
}

#[cfg(not(feature = "neural"))]
fn marian(_: &str, _: &str, _: &Config, _: &Progress) -> Result<Arc<dyn Translate>> {
    Err(super::backend::missing_feature("neural", "models that run here"))
}
