//! `synth.toml`: what a project always uses. A flag, or a variable of the environment, wins over it.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result, anyhow};
use serde::Deserialize;

use crate::args::Common;
use crate::render;

#[derive(Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields, rename_all = "kebab-case")]
pub struct Config {
    pub data: DataConfig,
    pub lfs: LfsConfig,
    pub label: LabelConfig,
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

impl Config {
    /// The settings of the project; all empty without a `synth.toml`. Paths count from its folder.
    pub fn load(common: &Common) -> Result<Self> {
        let path = match &common.config {
            Some(path) => path.clone(),
            None if Path::new("synth.toml").is_file() => PathBuf::from("synth.toml"),
            None => return Ok(Self::default()),
        };
        let text = std::fs::read_to_string(&path).with_context(|| format!("cannot read `{}`", path.display()))?;
        let mut config: Self = toml::from_str(&text).map_err(|error| {
            let span = error.span().unwrap_or(0..0);
            anyhow!(render::Rendered(render::mistake(&path.to_string_lossy(), &text, span, error.message())))
        })?;
        let folder = path.parent().unwrap_or(Path::new("")).to_owned();
        let paths = config.data.files.iter_mut().chain(&mut config.lfs.files).chain(&mut config.label.out);
        for path in paths {
            *path = folder.join(&*path);
        }
        Ok(config)
    }
}

/// The flag if it was given, else what the file says.
pub fn or_file<T: Clone>(flag: &[T], file: &[T]) -> Vec<T> {
    if flag.is_empty() { file.to_vec() } else { flag.to_vec() }
}
