//! `synth.toml`: what a project always uses. A flag, or a variable of the environment, wins over it.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, anyhow};
use serde::Deserialize;
use synth::generate::{
    AgreementSettings, AugmenterSettings, ConfidenceSettings, ContaminationSettings, DiversitySettings,
    DuplicatesSettings, FrechetSettings, JudgeSettings, LeftoversSettings, Length, LookAlikesSettings, LooksSettings,
    MeaningSettings, RealismSettings,
};

use crate::args::Common;
use crate::render;

#[derive(Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields, rename_all = "kebab-case")]
pub struct Config {
    /// Where `synth.toml` is; empty for the current folder.
    #[serde(skip)]
    pub folder: PathBuf,
    /// Where networks of pictures and of sentence embeddings are computed: `cpu`, `cuda` or `cuda:1`.
    pub device: Option<String>,
    pub data: DataConfig,
    pub lfs: LfsConfig,
    pub label: LabelConfig,
    pub generate: GenerateConfig,
    pub filters: FiltersConfig,
    pub augment: AugmenterSettings,
    pub llm: LlmConfig,
    pub local: LocalConfig,
    pub embed: EmbedConfig,
    pub translate: TranslateConfig,
    pub features: FeaturesConfig,
    pub image: ImageConfig,
}

/// How pictures are drawn.
#[derive(Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields, rename_all = "kebab-case")]
pub struct ImageConfig {
    /// A folder in the layout of diffusers, or the name of a repository on the hub.
    pub model: Option<String>,
    pub steps: Option<usize>,
    pub guidance: Option<f64>,
    /// How much of a real picture may change; without it pictures begin with noise.
    pub strength: Option<f64>,
    /// Pixels from left to right and from top to bottom.
    pub size: Option<[usize; 2]>,
    /// `ddim`, `euler` or `euler-ancestral`.
    pub sampler: Option<String>,
    /// What places pictures for filters: `thumbnail`, `inception`, `dinov2` or `clip`.
    pub features: Option<String>,
    /// Which filters.
    pub filters: Vec<String>,
}

/// What places pictures in space.
#[derive(Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields, rename_all = "kebab-case")]
pub struct FeaturesConfig {
    /// The weights of pytorch-fid's Inception.
    pub inception: Option<PathBuf>,
    /// A folder, or the name of a repository on the hub.
    pub dinov2: Option<String>,
    /// As `dinov2`. Where it is set, it tells classes of pictures, too.
    pub clip: Option<String>,
}

/// How texts are translated there and back.
#[derive(Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields, rename_all = "kebab-case")]
pub struct TranslateConfig {
    /// The code of the language of the texts; default `en`.
    pub language: Option<String>,
    /// Codes of the languages that texts are translated by.
    pub pivots: Vec<String>,
    /// A folder, or the name of a repository on the hub, with `{from}` and `{to}` in it.
    pub model: Option<String>,
    /// In place of a model a program, with `{from}` and `{to}` among its arguments.
    pub command: Option<String>,
    /// What stands in the name of the model in place of a language's code: `fr = "ROMANCE"`.
    pub groups: BTreeMap<String, String>,
    /// What a model of several languages calls a language, where it is not its code: `fr = "fra"`; empty for a model that
    /// wants no name.
    pub codes: BTreeMap<String, String>,
    pub beams: Option<usize>,
    /// Sentences at once.
    pub batch: Option<usize>,
}

/// A model of sentence embeddings.
#[derive(Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields, rename_all = "kebab-case")]
pub struct EmbedConfig {
    /// A folder, or the name of a repository on the hub.
    pub model: Option<String>,
    /// Of one text.
    pub max_tokens: Option<usize>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields, rename_all = "kebab-case")]
pub struct DataConfig {
    pub files: Vec<PathBuf>,
    pub id: Option<String>,
    pub gold: Option<String>,
    pub skip_bad: bool,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields, rename_all = "kebab-case")]
pub struct LfsConfig {
    pub files: Vec<PathBuf>,
    pub classes: Vec<String>,
    pub max_faults: Option<u64>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields, rename_all = "kebab-case")]
pub struct LabelConfig {
    pub out: Option<PathBuf>,
    pub model: Option<String>,
    pub balance: Option<String>,
    pub uncovered: Option<String>,
    pub prefix: Option<String>,
    pub seed: Option<u64>,
}

/// What `synth generate` makes, and how it asks.
#[derive(Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields, rename_all = "kebab-case")]
pub struct GenerateConfig {
    pub backend: Option<String>,
    pub budget: Option<String>,
    /// The field of the text.
    pub text: Option<String>,
    /// What the texts are, in the plural.
    pub domain: Option<String>,
    pub style: Option<String>,
    pub per_request: Option<u32>,
    pub few_shot: Option<usize>,
    /// Of one text.
    pub max_tokens: Option<u32>,
    pub temperature: Option<f64>,
    pub top_p: Option<f64>,
    pub top_k: Option<u32>,
    pub repetition_penalty: Option<f64>,
    /// Requests of one round, at most.
    pub round: Option<usize>,
    pub seed: Option<u64>,
    pub journal: Option<PathBuf>,
    /// A folder of templates that take the place of those built in.
    pub prompts: Option<PathBuf>,
    pub exclude: Vec<PathBuf>,
    /// A classifier, which must be confident of made texts.
    pub model: Option<PathBuf>,
    /// The values of each attribute, for all classes.
    pub attributes: BTreeMap<String, Vec<String>>,
    /// Attributes whose values the model is asked for, once for each class.
    pub propose_attributes: Vec<String>,
    pub classes: BTreeMap<String, ClassConfig>,
}

/// What is said of one class.
#[derive(Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields, rename_all = "kebab-case")]
pub struct ClassConfig {
    pub description: String,
    pub attributes: BTreeMap<String, Vec<String>>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields, rename_all = "kebab-case")]
pub struct FiltersConfig {
    /// Which, in which order.
    pub order: Vec<String>,
    pub length: Option<Length>,
    pub leftovers: LeftoversSettings,
    /// Codes of the languages that are wanted.
    pub languages: Vec<String>,
    pub duplicates: DuplicatesSettings,
    pub contamination: ContaminationSettings,
    pub agreement: AgreementSettings,
    pub confidence: Option<ConfidenceSettings>,
    pub judge: JudgeSettings,
    pub frechet: FrechetSettings,
    pub diversity: DiversitySettings,
    pub meaning: MeaningSettings,
    pub looks: LooksSettings,
    pub look_alikes: LookAlikesSettings,
    pub realism: RealismSettings,
}

/// Dollars for a million tokens.
#[cfg_attr(not(feature = "llm"), expect(dead_code, reason = "only the client asks"))]
#[derive(Debug, Clone, Copy, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct PriceConfig {
    pub input_per_million: f64,
    pub output_per_million: f64,
}

/// A server.
#[derive(Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields, rename_all = "kebab-case")]
pub struct LlmConfig {
    /// Of models by name.
    pub prices: BTreeMap<String, PriceConfig>,
    pub base_url: Option<String>,
    pub model: Option<String>,
    /// The variable of the environment that holds the key.
    pub api_key_env: Option<String>,
    pub concurrency: Option<usize>,
    pub max_concurrency: Option<usize>,
    pub requests_per_minute: Option<u32>,
    pub tokens_per_minute: Option<u64>,
    pub timeout_seconds: Option<u64>,
    pub max_attempts: Option<u32>,
    /// Dollars.
    pub input_per_million: Option<f64>,
    pub output_per_million: Option<f64>,
}

/// A model on this machine.
#[derive(Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields, rename_all = "kebab-case")]
pub struct LocalConfig {
    /// A .gguf file, or the name of a repository on the hub.
    pub model: Option<String>,
    /// The file in the repository.
    pub file: Option<String>,
    pub context: Option<usize>,
    pub batch: Option<usize>,
    /// Where downloads are kept.
    pub cache: Option<PathBuf>,
}

impl Config {
    /// The settings of the project; all empty without a `synth.toml`. Paths count from its folder.
    pub fn load(common: &Common) -> Result<Self> {
        let path = match &common.config {
            Some(path) => path.clone(),
            None if Path::new("synth.toml").is_file() => PathBuf::from("synth.toml"),
            None => {
                let config = Self { device: common.device.clone(), ..Self::default() };
                crate::generation::backend::device(&config)?;
                return Ok(config);
            }
        };
        let text = std::fs::read_to_string(&path).with_context(|| format!("cannot read `{}`", path.display()))?;
        let mut config: Self = toml::from_str(&text).map_err(|error| {
            let (span, text) = (error.span().unwrap_or(0..0), without_secrets(&text));
            anyhow!(render::Rendered(render::mistake(&path.to_string_lossy(), &text, span, error.message())))
        })?;
        let folder = path.parent().unwrap_or(Path::new("")).to_owned();
        let made = &mut config.generate;
        let paths = config.data.files.iter_mut().chain(&mut config.lfs.files).chain(&mut config.label.out);
        let made = made.exclude.iter_mut().chain(&mut made.journal).chain(&mut made.prompts).chain(&mut made.model);
        let others = config.local.cache.iter_mut().chain(&mut config.features.inception);
        for path in paths.chain(made).chain(others) {
            *path = folder.join(&*path);
        }
        // The name of a repository on the hub is no path.
        if let Some(model) = config.local.model.as_mut().filter(|model| model.ends_with(".gguf")) {
            *model = folder.join(&*model).to_string_lossy().into_owned();
        }
        if let Some(model) = config.embed.model.as_mut().filter(|model| folder.join(&**model).is_dir()) {
            *model = folder.join(&*model).to_string_lossy().into_owned();
        }
        let folders = [&mut config.image.model, &mut config.features.dinov2, &mut config.features.clip];
        for model in folders.into_iter().flatten().filter(|model| folder.join(&***model).is_dir()) {
            *model = folder.join(&*model).to_string_lossy().into_owned();
        }
        if let Some(model) = config.translate.model.as_mut() {
            // Of a pair of languages there is a folder, of the template there is none.
            let parent = Path::new(&**model).parent().unwrap_or(Path::new(""));
            if folder.join(parent).is_dir() && parent.components().next().is_some() {
                *model = folder.join(&**model).to_string_lossy().into_owned();
            }
        }
        config.folder = folder;
        config.device = common.device.clone().or(config.device);
        // Said before any work, whether or not the command computes anything there.
        crate::generation::backend::device(&config)?;
        Ok(config)
    }
}

/// A text of settings in which what may be a key, in whatever wrong place, is not shown: no value under `[llm]`, and none
/// in a line with a word that goes with keys.
fn without_secrets(text: &str) -> String {
    const WORDS: [&str; 6] = ["key", "token", "secret", "password", "authorization", "bearer"];
    let mut section = "";
    let hidden = |line: &'_ str, section: &str| {
        let lower = line.to_lowercase();
        let is_hidden = section.starts_with("[llm") || lower.trim_start().starts_with("llm");
        if !is_hidden && !WORDS.iter().any(|word| lower.contains(word)) {
            return line.to_owned();
        }
        // As many bytes, so that places stay. Names stand before the first of these.
        let values = line.find(['=', '"', '\'', ' ']).unwrap_or(line.len());
        let (names, values) = line.split_at(values);
        let stars: String =
            values.bytes().map(|b| if b.is_ascii_whitespace() || b == b'=' { b as char } else { '*' }).collect();
        format!("{names}{stars}")
    };
    let mut shown = String::with_capacity(text.len());
    for line in text.split_inclusive('\n') {
        if line.trim_start().starts_with('[') {
            section = line.trim_start();
            shown.push_str(line);
        } else {
            shown.push_str(&hidden(line, section));
        }
    }
    shown
}

/// The flag if it was given, else what the file says.
pub fn or_file<T: Clone>(flag: &[T], file: &[T]) -> Vec<T> {
    if flag.is_empty() { file.to_vec() } else { flag.to_vec() }
}
