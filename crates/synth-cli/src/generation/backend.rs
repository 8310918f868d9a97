//! From flags, settings and the environment to the model that is asked.

use std::cell::OnceCell;
use std::sync::Arc;

use anyhow::{Context, Result, anyhow};
use synth::PromptedBy;
use synth::generate::{Budget, Generator, Journal, Recorded, RunMode, Spent};
use synth::lf::LfSet;

use crate::args::{BackendKind, ModelBackendArgs};
use crate::config::Config;
use crate::errors::hinted;
use crate::inputs;
use crate::progress::Progress;

/// The language model of a command, opened when something first asks it. All that asks it shares one run of the journal
/// and one budget.
pub struct Backend<'a> {
    args: &'a ModelBackendArgs,
    config: &'a Config,
    progress: &'a Progress,
    budget: Budget,
    generator: OnceCell<Arc<dyn Generator>>,
    run: OnceCell<Run>,
    /// Of a generator that is no language model.
    beside: OnceCell<Run>,
}

struct Run {
    recorded: Recorded,
    journal: Arc<Journal>,
}

impl<'a> Backend<'a> {
    /// As flags and settings say; opens nothing yet.
    pub fn new(args: &'a ModelBackendArgs, config: &'a Config, progress: &'a Progress) -> Result<Self> {
        let budget = args.budget.as_ref().or(config.generate.budget.as_ref());
        let budget = budget.map(|text| text.parse()).transpose()?.unwrap_or_default();
        Ok(Self {
            args,
            config,
            progress,
            budget,
            generator: OnceCell::new(),
            run: OnceCell::new(),
            beside: OnceCell::new(),
        })
    }

    /// Where the model runs: on a server where one is configured, else here where weights are.
    pub fn kind(&self) -> Result<BackendKind> {
        match (self.args.backend, &self.config.generate.backend) {
            (Some(kind), _) => Ok(kind),
            (None, Some(name)) => inputs::setting("generate.backend", name),
            (None, None) if model_name(self.args, self.config).is_some() => Ok(BackendKind::Openai),
            (None, None) if local_weights(self.config) => Ok(BackendKind::Local),
            (None, None) => Err(hinted(
                "no language model is configured",
                "name a server: --llm-url http://localhost:8000/v1 --llm-model NAME, or `base-url` and `model` under \
                 [llm] in synth.toml; or let one run here: --backend local, whose weights (145 MB) are fetched once; \
                 `synth generate --kind augment` needs neither",
            )),
        }
    }

    /// Whether weights must be fetched before the model can run.
    pub fn must_fetch(&self) -> Result<bool> {
        Ok(self.kind()? == BackendKind::Local && must_fetch(self.config)?)
    }

    /// The model itself: what is asked of it is paid, and not recorded.
    pub fn generator(&self) -> Result<&Arc<dyn Generator>> {
        if let Some(generator) = self.generator.get() {
            return Ok(generator);
        }
        let opened = match self.kind()? {
            BackendKind::Openai => openai(self.args, self.config, self.progress)?,
            BackendKind::Local => local(self.config, self.progress)?,
        };
        Ok(self.generator.get_or_init(|| opened))
    }

    /// Begins a run of a generator that is no language model: its responses are recorded, and it is free, so that nothing
    /// bounds it but a budget that was given for this very command.
    pub fn begin_with(
        &self,
        generator: Arc<dyn Generator>,
        plan: &str,
        about: &str,
        resume: bool,
    ) -> Result<&Recorded> {
        let budget = if self.args.budget.is_some() { self.budget } else { Budget::Requests(u64::MAX) };
        let run = self.open_with(generator, budget, plan, about, resume)?;
        self.beside.set(run).map_err(|_| anyhow!("a command has one run"))?;
        let run = self.beside.get().context("the run that was just begun")?;
        Ok(&run.recorded)
    }

    /// Begins the run that everything is recorded in, or goes on with it; `plan` tells which runs are the same work.
    /// Commands that simply start again need not call it.
    pub fn begin(&self, plan: &str, about: &str, resume: bool) -> Result<()> {
        let run = self.open(plan, about, resume)?;
        self.run.set(run).map_err(|_| anyhow!("a command has one run"))
    }

    /// The model as everything asks it.
    pub fn recorded(&self) -> Result<&Recorded> {
        if let Some(run) = self.run.get() {
            return Ok(&run.recorded);
        }
        let about = format!("asked {}", self.generator()?.model());
        let run = self.open(&about, &about, false)?;
        // Nothing to resume: the same command again finds what is recorded.
        run.journal.finish()?;
        Ok(&self.run.get_or_init(|| run).recorded)
    }

    /// Notes that the run came to its end.
    pub fn finish(&self) -> Result<()> {
        for run in self.run.get().into_iter().chain(self.beside.get()) {
            run.journal.finish()?;
        }
        Ok(())
    }

    fn open(&self, plan: &str, about: &str, resume: bool) -> Result<Run> {
        self.open_with(Arc::clone(self.generator()?), self.budget, plan, about, resume)
    }

    fn open_with(
        &self,
        generator: Arc<dyn Generator>,
        budget: Budget,
        plan: &str,
        about: &str,
        resume: bool,
    ) -> Result<Run> {
        // A budget that cannot be kept to is said before there is a run.
        budget.check(&*generator)?;
        let mode = match (resume, self.args.no_cache) {
            (true, _) => RunMode::Resume,
            (false, true) => RunMode::Fresh,
            (false, false) => RunMode::Cached,
        };
        let default = || self.config.folder.join(".synth").join("journal.sqlite");
        let path = self.config.generate.journal.clone().unwrap_or_else(default);
        if let Some(folder) = path.parent().filter(|folder| !folder.as_os_str().is_empty()) {
            std::fs::create_dir_all(folder)
                .with_context(|| format!("cannot make the folder `{}`", folder.display()))?;
        }
        let journal = Arc::new(Journal::open(path, plan, about, mode)?);
        Ok(Run { recorded: Recorded::new(generator, Arc::clone(&journal), budget)?, journal })
    }

    /// Has the model answer for the functions of a set that ask one, if there are any; then what it costs can be
    /// asked.
    pub fn bind(&self, set: &mut LfSet) -> Result<Option<Arc<PromptedBy>>> {
        if set.prompted().next().is_none() {
            return Ok(None);
        }
        let voter = Arc::new(PromptedBy::new(Arc::new(self.recorded()?.clone())));
        set.bind(Arc::clone(&voter) as Arc<dyn synth::lf::PromptVoter>);
        Ok(Some(voter))
    }

    /// How much may be spent.
    pub fn budget(&self) -> Budget {
        self.budget
    }

    /// What was spent by all that asked.
    pub fn spent(&self) -> Spent {
        let nothing = Spent { microdollars: Some(0), ..Spent::default() };
        self.run.get().map_or(nothing, |run| run.recorded.spent())
    }
}

fn model_name<'a>(args: &'a ModelBackendArgs, config: &'a Config) -> Option<&'a str> {
    args.llm_model.as_deref().or(config.llm.model.as_deref())
}

#[cfg(feature = "llm")]
fn openai(args: &ModelBackendArgs, config: &Config, progress: &Progress) -> Result<Arc<dyn Generator>> {
    use std::time::Duration;

    use synth::llm::{OpenAi, OpenAiSettings};

    let llm = &config.llm;
    let Some(model) = model_name(args, config) else {
        return Err(hinted(
            "no model is named for the server",
            "--llm-model NAME, or `model` under [llm] in synth.toml; the server's /v1/models lists its own",
        ));
    };
    let default = OpenAiSettings::new(model);
    let configured = llm.base_url.as_ref().unwrap_or(&default.base_url);
    let base_url = args.llm_url.as_ref().unwrap_or(configured);
    let concurrency = llm.concurrency.unwrap_or(default.concurrency);
    let settings = OpenAiSettings {
        key: key(llm.api_key_env.as_deref(), base_url, configured, &default.base_url, progress)?,
        base_url: base_url.clone(),
        concurrency,
        max_concurrency: llm.max_concurrency.unwrap_or(default.max_concurrency.max(concurrency)),
        requests_per_minute: llm.requests_per_minute,
        tokens_per_minute: llm.tokens_per_minute,
        timeout: llm.timeout_seconds.map_or(default.timeout, Duration::from_secs),
        max_attempts: llm.max_attempts.unwrap_or(default.max_attempts),
        price: price(model, config)?,
        ..default
    };
    Ok(Arc::new(OpenAi::new(settings)?))
}

/// What a model costs: by the table, or by the pair beside the name of the model that the settings have.
#[cfg(feature = "llm")]
fn price(model: &str, config: &Config) -> Result<Option<synth::generate::Price>> {
    use synth::generate::Price;

    let llm = &config.llm;
    if let Some(price) = llm.prices.get(model) {
        let (input_per_million, output_per_million) = (price.input_per_million, price.output_per_million);
        return Ok(Some(Price { input_per_million, output_per_million }));
    }
    match (llm.input_per_million, llm.output_per_million) {
        (Some(input_per_million), Some(output_per_million)) => {
            // Another model has another price.
            let is_meant = llm.model.as_deref().is_none_or(|configured| configured == model);
            Ok(is_meant.then_some(Price { input_per_million, output_per_million }))
        }
        (None, None) => Ok(None),
        _ => Err(hinted(
            "half a price is set under [llm]",
            "set both `input-per-million` and `output-per-million`, in dollars; 0 where it is free",
        )),
    }
}

/// The key for a server, from the variable that the settings name: for the host of the settings alone, and no other
/// that a flag names. Without a variable, that of OpenAI's own programs is read for OpenAI's own server.
#[cfg(feature = "llm")]
#[expect(clippy::disallowed_methods, reason = "which variable holds the key is known only when the settings are read")]
fn key(
    variable: Option<&str>,
    url: &str,
    configured: &str,
    of_openai: &str,
    progress: &Progress,
) -> Result<Option<synth::llm::Secret>> {
    let read = |name: &str| std::env::var(name).ok().filter(|key| !key.is_empty()).map(synth::llm::Secret::new);
    let variable = match variable {
        Some(_) if origin(url) != origin(configured) => {
            progress.warn(
                "the key of `api-key-env` is for the `base-url` beside it in synth.toml, and is not sent to the address \
                 of --llm-url",
            );
            None
        }
        variable => variable,
    };
    match variable {
        Some(name) => match read(name) {
            Some(key) => Ok(Some(key)),
            // What is no name of a variable may be the key itself.
            None if !name.bytes().all(|byte| byte.is_ascii_uppercase() || byte.is_ascii_digit() || byte == b'_') => {
                Err(hinted(
                    "`api-key-env` under [llm] is no name of a variable",
                    "export the key as MY_KEY=…, and write `api-key-env = \"MY_KEY\"`: a key stands in no file",
                ))
            }
            None => Err(hinted(
                format!("the environment has no key in `{name}`"),
                "set the variable that `api-key-env` under [llm] names, or leave the setting out for a server \
                 without keys",
            )),
        },
        None if origin(url) == origin(of_openai) => match read("OPENAI_API_KEY") {
            Some(key) => Ok(Some(key)),
            None => Err(hinted(
                "there is no key for api.openai.com",
                "export OPENAI_API_KEY=…, or name another server with --llm-url",
            )),
        },
        None => Ok(None),
    }
}

/// Scheme, host and port of an address: who gets what is sent there.
#[cfg(feature = "llm")]
fn origin(url: &str) -> String {
    let (scheme, rest) = url.split_once("://").unwrap_or(("", url));
    let host = rest.split(['/', '?', '#']).next().unwrap_or(rest);
    format!("{scheme}://{host}").to_ascii_lowercase()
}

#[cfg(not(feature = "llm"))]
fn openai(_: &ModelBackendArgs, _: &Config, _: &Progress) -> Result<Arc<dyn Generator>> {
    Err(missing_feature("llm", "a client of servers"))
}

/// Whether a model is configured to run here, or the default one was fetched before.
#[cfg(feature = "neural")]
fn local_weights(config: &Config) -> bool {
    config.local.model.is_some() || synth::neural::HubModel::smollm2(model_cache(config)).cached().is_some()
}

#[cfg(not(feature = "neural"))]
fn local_weights(_: &Config) -> bool {
    false
}

/// Where the weights of the local language model come from.
#[cfg(feature = "neural")]
fn local_source(config: &Config) -> Result<synth::neural::ModelSource> {
    use std::path::PathBuf;

    use synth::neural::{HubModel, ModelSource};

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
    Ok(match local.model.as_deref() {
        None => ModelSource::Hub(with_token(HubModel::smollm2(model_cache(config)))),
        Some(path) if path.ends_with(".gguf") => ModelSource::Path(PathBuf::from(path)),
        Some(repo) => ModelSource::Hub(with_token(hub(repo)?)),
    })
}

/// Whether weights must be fetched before the model can run.
#[cfg(feature = "neural")]
fn must_fetch(config: &Config) -> Result<bool> {
    use synth::neural::ModelSource;

    Ok(matches!(local_source(config)?, ModelSource::Hub(model) if model.cached().is_none()))
}

#[cfg(not(feature = "neural"))]
fn must_fetch(_: &Config) -> Result<bool> {
    Err(missing_feature("neural", "a model that runs here"))
}

#[cfg(feature = "neural")]
fn local(config: &Config, progress: &Progress) -> Result<Arc<dyn Generator>> {
    use synth::neural::{LocalLlm, LocalLlmSettings};

    let local = &config.local;
    let default = LocalLlmSettings::of(local_source(config)?);
    let settings = LocalLlmSettings {
        context: local.context.unwrap_or(default.context),
        batch: local.batch.unwrap_or(default.batch),
        ..default
    };
    Ok(Arc::new(downloading(progress, |on_download| LocalLlm::open(&settings, on_download))?))
}

/// Where networks are computed.
#[cfg(feature = "neural")]
pub fn device(config: &Config) -> Result<synth::neural::Device> {
    config.device.as_deref().map_or(Ok(synth::neural::Device::Cpu), |name| Ok(name.parse()?))
}

/// That nothing is to be computed elsewhere than on a processor.
#[cfg(not(feature = "neural"))]
pub fn device(config: &Config) -> Result<()> {
    match config.device.as_deref() {
        None | Some("cpu") => Ok(()),
        Some(_) => Err(missing_feature("neural", "networks")),
    }
}

/// Does what may download files, and shows how far each is.
#[cfg(feature = "neural")]
pub fn downloading<T>(progress: &Progress, open: impl FnOnce(&mut synth::neural::OnDownload<'_>) -> T) -> T {
    use synth::core::{Event, Observer, Stage};

    let mut begun: Option<String> = None;
    let opened = open(&mut |download| {
        if begun.as_deref() != Some(download.file) {
            if begun.is_some() {
                progress.event(Event::Finished { stage: Stage::Download });
            }
            progress.note(&format!("fetching {}, {} MB", download.file, download.total / 1_000_000));
            progress.event(Event::Started { stage: Stage::Download, total: Some(download.total) });
            begun = Some(download.file.to_owned());
        }
        progress.event(Event::Advanced { stage: Stage::Download, done: download.done });
    });
    if begun.is_some() {
        progress.event(Event::Finished { stage: Stage::Download });
    }
    opened
}

#[cfg(feature = "neural")]
#[expect(clippy::disallowed_methods, reason = "the variable of the hub's own programs")]
pub fn with_token(model: synth::neural::HubModel) -> synth::neural::HubModel {
    let token = std::env::var("HF_TOKEN").ok().filter(|token| !token.is_empty());
    synth::neural::HubModel { token: token.map(synth::neural::HubToken::new), ..model }
}

/// The folder of this name, else the repository of the hub; there it is found by the file of its weights. `needed` are
/// the files it has to have, `example` is a repository.
#[cfg(feature = "neural")]
pub fn model_folder(
    name: &str,
    weights: &str,
    needed: &str,
    example: &str,
    config: &Config,
) -> Result<synth::neural::ModelFolder> {
    use std::path::{Path, PathBuf};

    use synth::neural::{HubModel, ModelFolder};

    if Path::new(name).is_dir() {
        return Ok(ModelFolder::Path(PathBuf::from(name)));
    }
    // A repository is OWNER/NAME, and no path.
    if name.split('/').count() == 2 && !name.starts_with(['.', '/']) {
        return Ok(ModelFolder::Hub(with_token(HubModel::new(name, weights, model_cache(config)))));
    }
    Err(hinted(
        format!("there is no folder `{name}`"),
        format!("name a folder with {needed}, or a repository of the hub as {example}"),
    ))
}

/// Where downloads are kept: as the settings say, else with the user's other caches.
#[cfg(feature = "neural")]
#[expect(clippy::disallowed_methods, reason = "where the user's caches are")]
pub fn model_cache(config: &Config) -> std::path::PathBuf {
    use std::path::PathBuf;

    if let Some(cache) = &config.local.cache {
        return cache.clone();
    }
    let folder = |name: &str| std::env::var_os(name).filter(|value| !value.is_empty()).map(PathBuf::from);
    let caches = folder("XDG_CACHE_HOME").or_else(|| folder("HOME").map(|home| home.join(".cache")));
    caches.unwrap_or_else(|| PathBuf::from(".cache")).join("synth").join("models")
}

#[cfg(not(feature = "neural"))]
fn local(_: &Config, _: &Progress) -> Result<Arc<dyn Generator>> {
    Err(missing_feature("neural", "a model that runs here"))
}

#[cfg(not(all(feature = "llm", feature = "neural")))]
pub fn missing_feature(feature: &str, what: &str) -> anyhow::Error {
    hinted(
        format!("this program was built without {what}"),
        format!("build it with the feature: cargo install --path crates/synth-cli --features {feature}"),
    )
}
