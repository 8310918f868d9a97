//! Weights from the Hugging Face hub, kept in a cache.

use std::fmt;
use std::fs::{self, File};
use std::io;
use std::path::{Component, Path, PathBuf};

use hf_hub::api::sync::{ApiBuilder, ApiError};
use hf_hub::{Cache, Repo, RepoType};
use sha2::{Digest, Sha256};

use crate::NeuralError;

/// A file on the hub, and where it is kept here.
///
/// The cache has the layout of Hugging Face's own libraries: a folder that they have filled can be given.
#[derive(Debug, Clone)]
pub struct HubModel {
    /// The repository, as `owner/name`.
    pub repo: String,
    /// The file in it, as `smollm2-135m-instruct-q8_0.gguf`.
    pub file: String,
    /// A branch, a tag or a commit.
    pub revision: String,
    /// The folder of the cache, made if it does not exist.
    pub cache: PathBuf,
    /// For repositories that are not public.
    pub token: Option<HubToken>,
    /// The address of the hub, or of a mirror.
    pub endpoint: String,
}

/// A token of the hub. It is never shown.
#[derive(Clone)]
pub struct HubToken(String);

impl HubToken {
    /// Takes the token as the hub gave it.
    pub fn new(token: impl Into<String>) -> Self {
        Self(token.into())
    }
}

impl fmt::Debug for HubToken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("HubToken")
    }
}

/// How far a download is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Download<'a> {
    /// The file.
    pub file: &'a str,
    /// Bytes that are here.
    pub done: u64,
    /// Bytes in all.
    pub total: u64,
}

/// Takes note of downloads as they go on. Must return quickly.
pub type OnDownload<'a> = dyn FnMut(Download<'_>) + 'a;

/// Where the hub is, unless a mirror is named.
const ENDPOINT: &str = "https://huggingface.co";
/// A connection that breaks is taken up again so often.
const RETRIES: usize = 3;

impl HubModel {
    /// A file of a repository, at its main branch.
    pub fn new(repo: impl Into<String>, file: impl Into<String>, cache: impl Into<PathBuf>) -> Self {
        Self {
            repo: repo.into(),
            file: file.into(),
            revision: "main".into(),
            cache: cache.into(),
            token: None,
            endpoint: ENDPOINT.into(),
        }
    }

    /// SmolLM2-135M-Instruct: 145 MB, Apache-2.0, and the smallest that follows simple instructions.
    ///
    /// ```
    /// use synth_neural::HubModel;
    ///
    /// assert_eq!(HubModel::smollm2("cache").repo, "HuggingFaceTB/SmolLM2-135M-Instruct-GGUF");
    /// ```
    pub fn smollm2(cache: impl Into<PathBuf>) -> Self {
        Self::new("HuggingFaceTB/SmolLM2-135M-Instruct-GGUF", "smollm2-135m-instruct-q8_0.gguf", cache)
    }

    /// The path of the file in the cache, if it is there. Uses no network.
    pub fn cached(&self) -> Option<PathBuf> {
        Cache::new(self.cache.clone()).repo(self.on_hub()).get(&self.file)
    }

    /// The path of the file in the cache, fetched first where it is not there.
    ///
    /// A download that was cut off goes on where it was. Size and checksum are those that the hub names; a file
    /// that differs is removed.
    ///
    /// # Errors
    /// The hub cannot be reached, does not have the file or does not give it; the file is not what it should be.
    pub fn fetch(&self, on_download: &mut OnDownload<'_>) -> Result<PathBuf, NeuralError> {
        self.check()?;
        if let Some(path) = self.cached() {
            check_sum(&path)?;
            return Ok(path);
        }
        let failed = |error| self.failed(error);
        let api = ApiBuilder::from_cache(Cache::new(self.cache.clone()))
            .with_endpoint(self.endpoint.trim_end_matches('/').to_owned())
            .with_token(self.token.as_ref().map(|token| token.0.clone()))
            .with_retries(RETRIES)
            .with_progress(false)
            .build()
            .map_err(failed)?;
        let repo = api.repo(self.on_hub());
        let size = api.metadata(&repo.url(&self.file)).map_err(failed)?.size() as u64;
        let progress = Progress { file: &self.file, done: 0, total: size, on_download };
        let path = repo.download_with_progress(&self.file, progress).map_err(failed)?;
        let got = fs::metadata(&path).map_err(|source| unreadable(&path, source))?.len();
        if got != size {
            return Err(corrupt(&path, "size", size.to_string(), got.to_string()));
        }
        check_sum(&path)?;
        Ok(path)
    }

    fn on_hub(&self) -> Repo {
        Repo::with_revision(self.repo.clone(), RepoType::Model, self.revision.clone())
    }

    /// Names become paths of the cache: nothing may lead out of it.
    fn check(&self) -> Result<(), NeuralError> {
        let names = [("repo", &self.repo), ("file", &self.file), ("revision", &self.revision)];
        for (name, value) in names {
            let inside = Path::new(value).components().all(|part| matches!(part, Component::Normal(_)));
            if value.is_empty() || !inside {
                return Err(NeuralError::Setting { name, value: value.clone(), expected: "a name of the hub" });
            }
        }
        Ok(())
    }

    fn failed(&self, error: ApiError) -> NeuralError {
        let (repo, file) = (self.repo.clone(), self.file.clone());
        match status(&error) {
            Some(404) => NeuralError::NotOnHub { repo, file, revision: self.revision.clone() },
            Some(status @ (401 | 403)) => NeuralError::Refused { repo, file, status },
            _ => {
                let (cache, endpoint) = (self.cache.clone(), self.endpoint.clone());
                NeuralError::Unreachable { repo, file, cache, endpoint, source: error.into() }
            }
        }
    }
}

/// The status of an answer that says no.
fn status(error: &ApiError) -> Option<u16> {
    match error {
        ApiError::RequestError(error) => match **error {
            ureq::Error::StatusCode(status) => Some(status),
            _ => None,
        },
        ApiError::TooManyRetries(error) => status(error),
        _ => None,
    }
}

/// Checks a file of the cache whose name there is its SHA-256, as that of every large file is.
fn check_sum(path: &Path) -> Result<(), NeuralError> {
    let failed = |source| unreadable(path, source);
    let blob = path.canonicalize().map_err(failed)?;
    let name = blob.file_name().and_then(|name| name.to_str()).unwrap_or_default();
    if name.len() != 64 || !name.bytes().all(|byte| byte.is_ascii_hexdigit()) {
        return Ok(());
    }
    let mut hasher = Sha256::new();
    io::copy(&mut File::open(&blob).map_err(failed)?, &mut hasher).map_err(failed)?;
    let got: String = hasher.finalize().iter().map(|byte| format!("{byte:02x}")).collect();
    if got.eq_ignore_ascii_case(name) { Ok(()) } else { Err(corrupt(path, "sha256", name.to_owned(), got)) }
}

fn unreadable(path: &Path, source: io::Error) -> NeuralError {
    NeuralError::File { what: "check", path: path.to_owned(), source }
}

/// Removes a file that is not what it should be, so that the next attempt begins anew.
fn corrupt(path: &Path, what: &'static str, expected: String, got: String) -> NeuralError {
    // A file that cannot be removed is found corrupt again.
    if let Ok(blob) = path.canonicalize() {
        let _ = fs::remove_file(blob);
    }
    let _ = fs::remove_file(path);
    NeuralError::Corrupt { path: path.to_owned(), what, expected, got }
}

struct Progress<'a, 'b> {
    file: &'a str,
    done: u64,
    total: u64,
    on_download: &'a mut OnDownload<'b>,
}

impl Progress<'_, '_> {
    fn tell(&mut self) {
        (self.on_download)(Download { file: self.file, done: self.done, total: self.total });
    }
}

impl hf_hub::api::Progress for Progress<'_, '_> {
    fn init(&mut self, size: usize, _: &str) {
        (self.done, self.total) = (0, size as u64);
        self.tell();
    }

    fn update(&mut self, size: usize) {
        self.done += size as u64;
        self.tell();
    }

    fn finish(&mut self) {}
}
