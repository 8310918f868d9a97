//! From flags, settings and the environment to the model that is asked.

use std::path::PathBuf;
use std::sync::Arc;

use anyhow::{Context, Result};
use synth::PromptedBy;
use synth::generate::{Budget, Generator, Journal, Recorded, RunMode};
use synth::lf::LfSet;

use crate::args::{BackendKind, ModelBackendArgs};
use crate::config::Config;
use crate::errors::hinted;
use crate::inputs;
use crate::progress::Progress;

/// A language model, and how it is best asked.
pub struct Model {
    pub generator: Arc<dyn Generator>,
    pub kind: BackendKind,
}

/// The language model that flags and settings name: a server where one is configured, else weights that are here.
pub fn language_model(args: &ModelBackendArgs, config: &Config, progress: &Progress) -> Result<Model> {
    let kind = match (args.backend, &config.generate.backend) {
        (Some(kind), _) => kind,
        (None, Some(name)) => inputs::setting("generate.backend", name)?,
        (None, None) if model_name(args, config).is_some() => BackendKind::Openai,
        (None, None) if local_weights(config) => BackendKind::Local,
        (None, None) => {
            return Err(hinted(
                "no language model is configured",
                "name a server: --llm-url http://localhost:8000/v1 --llm-model NAME, or `base-url` and `model` under \
                 [llm] in synth.toml; or let one run here: --backend local, whose weights (145 MB) are fetched once; \
                 `synth generate --kind augment` needs neither",
            ));
        }
    };
    let generator = match kind {
        BackendKind::Openai => openai(args, config)?,
        BackendKind::Local => local(config, progress)?,
    };
    Ok(Model { generator, kind })
}

fn model_name<'a>(args: &'a ModelBackendArgs, config: &'a Config) -> Option<&'a str> {
    args.llm_model.as_deref().or(config.llm.model.as_deref())
}

#[cfg(feature = "llm")]
fn openai(args: &ModelBackendArgs, config: &Config) -> Result<Arc<dyn Generator>> {
    use std::time::Duration;

    use synth::generate::Price;
    use synth::llm::{OpenAi, OpenAiSettings};

    let llm = &config.llm;
    let Some(model) = model_name(args, config) else {
        return Err(hinted(
            "no model is named for the server",
            "--llm-model NAME, or `model` under [llm] in synth.toml; the server's /v1/models lists its own",
        ));
    };
    let default = OpenAiSettings::new(model);
    let base_url = args.llm_url.clone().or_else(|| llm.base_url.clone()).unwrap_or_else(|| default.base_url.clone());
    let price = match (llm.input_per_million, llm.output_per_million) {
        (Some(input_per_million), Some(output_per_million)) => Some(Price { input_per_million, output_per_million }),
        (None, None) => None,
        _ => {
            return Err(hinted(
                "half a price is set under [llm]",
                "set both `input-per-million` and `output-per-million`, in dollars; 0 where it is free",
            ));
        }
    };
    let settings = OpenAiSettings {
        key: key(llm.api_key_env.as_deref(), base_url == default.base_url)?,
        base_url,
        concurrency: llm.concurrency.unwrap_or(default.concurrency),
        max_concurrency: llm.max_concurrency.unwrap_or(default.max_concurrency).max(llm.concurrency.unwrap_or(1)),
        requests_per_minute: llm.requests_per_minute,
        tokens_per_minute: llm.tokens_per_minute,
        timeout: llm.timeout_seconds.map_or(default.timeout, Duration::from_secs),
        max_attempts: llm.max_attempts.unwrap_or(default.max_attempts),
        price,
        ..default
    };
    Ok(Arc::new(OpenAi::new(settings)?))
}

/// The key for a server, from the variable that the settings name. Without one, the variable of OpenAI's own programs
/// is read for OpenAI's own server: no other is ever sent its key.
#[cfg(feature = "llm")]
#[expect(clippy::disallowed_methods, reason = "which variable holds the key is known only when the settings are read")]
fn key(variable: Option<&str>, is_openai: bool) -> Result<Option<synth::llm::Secret>> {
    let read = |name: &str| std::env::var(name).ok().filter(|key| !key.is_empty()).map(synth::llm::Secret::new);
    match variable {
        Some(name) => match read(name) {
            Some(key) => Ok(Some(key)),
            None => Err(hinted(
                format!("the environment has no key in `{name}`"),
                "set the variable that `api-key-env` under [llm] names, or leave the setting out for a server \
                 without keys",
            )),
        },
        None if is_openai => match read("OPENAI_API_KEY") {
            Some(key) => Ok(Some(key)),
            None => Err(hinted(
                "there is no key for api.openai.com",
                "export OPENAI_API_KEY=…, or name another server with --llm-url",
            )),
        },
        None => Ok(None),
    }
}

#[cfg(not(feature = "llm"))]
fn openai(_: &ModelBackendArgs, _: &Config) -> Result<Arc<dyn Generator>> {
    Err(missing_feature("llm", "a client of servers"))
}

/// Whether a model is configured to run here, or the default one was fetched before.
#[cfg(feature = "local-llm")]
fn local_weights(config: &Config) -> bool {
    config.local.model.is_some() || synth::neural::HubModel::smollm2(model_cache(config)).cached().is_some()
}

#[cfg(not(feature = "local-llm"))]
fn local_weights(_: &Config) -> bool {
    false
}

#[cfg(feature = "local-llm")]
fn local(config: &Config, progress: &Progress) -> Result<Arc<dyn Generator>> {
    use synth::core::{Event, Observer, Stage};
    use synth::neural::{HubModel, LocalLlm, LocalLlmSettings, ModelSource};

    let local = &config.local;
    let hub = |repo: &str| -> Result<HubModel> {
        let cache = model_cache(config);
        match &local.file {
            Some(file) => Ok(HubModel::new(repo, file, cache)),
            None => Err(hinted(
                format!("`{repo}` is a repository, and no file in it is named"),
                "name one that ends in .gguf with `file` under [local] in synth.toml",
            )),
        }
    };
    let model = match local.model.as_deref() {
        None => ModelSource::Hub(with_token(HubModel::smollm2(model_cache(config)))),
        Some(path) if path.ends_with(".gguf") => ModelSource::Path(PathBuf::from(path)),
        Some(repo) => ModelSource::Hub(with_token(hub(repo)?)),
    };
    let default = LocalLlmSettings::of(model);
    let settings = LocalLlmSettings {
        context: local.context.unwrap_or(default.context),
        batch: local.batch.unwrap_or(default.batch),
        ..default
    };
    let mut begun = false;
    let opened = LocalLlm::open(&settings, &mut |download| {
        if !begun {
            progress.note(&format!("fetching {}, {} MB", download.file, download.total / 1_000_000));
            progress.event(Event::Started { stage: Stage::Download, total: Some(download.total) });
            begun = true;
        }
        progress.event(Event::Advanced { stage: Stage::Download, done: download.done });
    });
    if begun {
        progress.event(Event::Finished { stage: Stage::Download });
    }
    Ok(Arc::new(opened?))
}

#[cfg(feature = "local-llm")]
#[expect(clippy::disallowed_methods, reason = "the variable of the hub's own programs")]
fn with_token(model: synth::neural::HubModel) -> synth::neural::HubModel {
    let token = std::env::var("HF_TOKEN").ok().filter(|token| !token.is_empty());
    synth::neural::HubModel { token: token.map(synth::neural::HubToken::new), ..model }
}

/// Where downloads are kept: as the settings say, else with the user's other caches.
#[cfg(feature = "local-llm")]
#[expect(clippy::disallowed_methods, reason = "where the user's caches are")]
fn model_cache(config: &Config) -> PathBuf {
    if let Some(cache) = &config.local.cache {
        return cache.clone();
    }
    let folder = |name: &str| std::env::var_os(name).filter(|value| !value.is_empty()).map(PathBuf::from);
    let caches = folder("XDG_CACHE_HOME").or_else(|| folder("HOME").map(|home| home.join(".cache")));
    caches.unwrap_or_else(|| PathBuf::from(".cache")).join("synth").join("models")
}

#[cfg(not(feature = "local-llm"))]
fn local(_: &Config, _: &Progress) -> Result<Arc<dyn Generator>> {
    Err(missing_feature("local-llm", "a model that runs here"))
}

#[cfg(not(all(feature = "llm", feature = "local-llm")))]
fn missing_feature(feature: &str, what: &str) -> anyhow::Error {
    hinted(
        format!("this program was built without {what}"),
        format!("build it with the feature: cargo install --path crates/synth-cli --features {feature}"),
    )
}

/// Where responses are recorded, and how much may be spent.
pub struct Journals {
    path: PathBuf,
    pub budget: Budget,
}

impl Journals {
    /// As flags and settings say; by default in `.synth` beside `synth.toml`.
    pub fn new(args: &ModelBackendArgs, config: &Config) -> Result<Self> {
        let default = || config.folder.join(".synth").join("journal.sqlite");
        let path = config.generate.journal.clone().unwrap_or_else(default);
        let budget = args.budget.as_ref().or(config.generate.budget.as_ref());
        Ok(Self { path, budget: budget.map(|text| text.parse()).transpose()?.unwrap_or_default() })
    }

    /// Opens the journal for a run, and makes the folder it is in.
    pub fn open(&self, plan: &str, about: &str, mode: RunMode) -> Result<Arc<Journal>> {
        if let Some(folder) = self.path.parent().filter(|folder| !folder.as_os_str().is_empty()) {
            std::fs::create_dir_all(folder)
                .with_context(|| format!("cannot make the folder `{}`", folder.display()))?;
        }
        Ok(Arc::new(Journal::open(&self.path, plan, about, mode)?))
    }
}

/// Has a model answer for the functions of a set that ask one, if there are any; then what it costs can be asked.
pub fn bind(
    set: &mut LfSet,
    args: &ModelBackendArgs,
    config: &Config,
    progress: &Progress,
) -> Result<Option<Arc<PromptedBy>>> {
    if set.prompted().next().is_none() {
        return Ok(None);
    }
    let journals = Journals::new(args, config)?;
    let model = language_model(args, config, progress)?;
    let mode = if args.no_cache { RunMode::Fresh } else { RunMode::Cached };
    let about = format!("labeling functions that ask {}", model.generator.model());
    let journal = journals.open(&about, &about, mode)?;
    let voter = Arc::new(PromptedBy::new(Arc::new(Recorded::new(model.generator, journal, journals.budget)?)));
    set.bind(Arc::clone(&voter) as Arc<dyn synth::lf::PromptVoter>);
    Ok(Some(voter))
}
