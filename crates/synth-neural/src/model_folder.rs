//! The files of a model that has several, in a folder here or in a repository of the hub.

use std::path::{Path, PathBuf};

use crate::NeuralError;
use crate::hub::{HubModel, OnDownload};

/// Where the files of a model stand.
#[derive(Debug, Clone)]
pub enum ModelFolder {
    /// A folder here, with the files that the hub would have.
    Path(PathBuf),
    /// A repository of the hub; the file that is named is that of the weights, and the others are fetched with it.
    Hub(HubModel),
}

impl ModelFolder {
    /// The name of the model, for people.
    pub fn name(&self) -> String {
        match self {
            Self::Path(path) => path.file_name().unwrap_or(path.as_os_str()).to_string_lossy().into_owned(),
            Self::Hub(model) => model.repo.clone(),
        }
    }

    /// The path of one of its files, fetched where it is on the hub and not in the cache.
    ///
    /// # Errors
    /// There is no such file, or it cannot be fetched.
    pub fn file(&self, name: &str, on_download: &mut OnDownload<'_>) -> Result<PathBuf, NeuralError> {
        match self {
            Self::Path(folder) => {
                let path = folder.join(name);
                if path.is_file() {
                    Ok(path)
                } else {
                    Err(NeuralError::NoModelFile { folder: folder.clone(), file: name.into() })
                }
            }
            Self::Hub(model) => HubModel { file: name.into(), ..model.clone() }.fetch(on_download),
        }
    }

    /// Whether a model of the hub was fetched before; what it lacks then, it has not.
    fn is_cached(&self) -> bool {
        let settings = |model: &HubModel| HubModel { file: "config.json".into(), ..model.clone() }.cached().is_some();
        matches!(self, Self::Hub(model) if model.cached().is_some() || settings(model))
    }

    /// The path of the first of several files that is there: one that is in the cache before one that is to be fetched.
    ///
    /// # Errors
    /// There is none, told by the first; it cannot be fetched.
    pub(crate) fn first_of(&self, names: &[&str], on_download: &mut OnDownload<'_>) -> Result<PathBuf, NeuralError> {
        if let Self::Hub(model) = self {
            let cached = |name: &&str| HubModel { file: (*name).into(), ..model.clone() }.cached().is_some();
            if let Some(name) = names.iter().find(|name| cached(name)) {
                return self.file(name, on_download);
            }
        }
        for name in names {
            match self.file(name, on_download) {
                Err(NeuralError::NoModelFile { .. } | NeuralError::NotOnHub { .. }) => {}
                found => return found,
            }
        }
        self.file(names[0], on_download)
    }

    /// As [`ModelFolder::file`]; `None` where there is no such file.
    ///
    /// # Errors
    /// It cannot be fetched.
    pub fn optional_file(&self, name: &str, on_download: &mut OnDownload<'_>) -> Result<Option<PathBuf>, NeuralError> {
        match self.file(name, on_download) {
            Err(NeuralError::NoModelFile { .. } | NeuralError::NotOnHub { .. }) => Ok(None),
            // Offline, a model that is in the cache is there as a whole.
            Err(NeuralError::Unreachable { .. }) if self.is_cached() => Ok(None),
            found => found.map(Some),
        }
    }
}

/// BLAKE3 of files, one after the other.
pub(crate) fn digest<'a>(paths: impl IntoIterator<Item = &'a Path>) -> Result<blake3::Hash, NeuralError> {
    let mut hasher = blake3::Hasher::new();
    for path in paths {
        let failed = |source| NeuralError::File { what: "read", path: path.to_owned(), source };
        std::io::copy(&mut std::fs::File::open(path).map_err(failed)?, &mut hasher).map_err(failed)?;
    }
    Ok(hasher.finalize())
}

/// The bytes of a file.
pub(crate) fn read(path: &Path) -> Result<Vec<u8>, NeuralError> {
    std::fs::read(path).map_err(|source| NeuralError::File { what: "read", path: path.to_owned(), source })
}

/// A file of settings in JSON.
pub(crate) fn read_json<T: serde::de::DeserializeOwned>(path: &Path) -> Result<T, NeuralError> {
    serde_json::from_slice(&read(path)?)
        .map_err(|error| NeuralError::ModelFile { path: path.to_owned(), source: error.into() })
}
