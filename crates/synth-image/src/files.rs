//! The pictures of a folder.

use std::path::{Path, PathBuf};

use crate::ImageError;

/// The files of a folder whose names say that they hold pictures, sorted by name; folders in it are not looked into.
///
/// # Errors
/// The folder cannot be read, or holds none.
pub fn folder(path: &Path) -> Result<Vec<PathBuf>, ImageError> {
    let failed = |source| ImageError::Read { path: path.to_owned(), source };
    let is_picture = |path: &PathBuf| {
        let ending = path.extension().and_then(|ending| ending.to_str()).unwrap_or_default().to_ascii_lowercase();
        ["png", "jpg", "jpeg", "webp"].contains(&ending.as_str()) && path.is_file()
    };
    let entries = std::fs::read_dir(path).map_err(failed)?;
    let files = entries.map(|entry| Ok(entry?.path())).collect::<std::io::Result<Vec<PathBuf>>>().map_err(failed)?;
    let mut pictures: Vec<PathBuf> = files.into_iter().filter(is_picture).collect();
    pictures.sort_unstable();
    if pictures.is_empty() { Err(ImageError::NoPictures { path: path.to_owned() }) } else { Ok(pictures) }
}
