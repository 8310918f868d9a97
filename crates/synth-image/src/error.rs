//! What can go wrong with pictures.

use std::path::PathBuf;

use synth_core::BoxError;

/// An error with a picture, by what the caller can do about it.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ImageError {
    /// A file or folder could not be read.
    #[error("cannot read `{}`", path.display())]
    Read {
        /// The file or folder.
        path: PathBuf,
        /// Why not.
        source: std::io::Error,
    },
    /// A file holds no picture, a damaged one, or one of a kind that is not known.
    #[error("`{}` holds no picture that can be read", path.display())]
    Decode {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        source: BoxError,
    },
    /// A picture is larger than anything that is looked at.
    #[error("`{}` has {width} x {height} pixels", path.display())]
    Large {
        /// The file.
        path: PathBuf,
        /// Pixels from left to right.
        width: u32,
        /// Pixels from top to bottom.
        height: u32,
    },
    /// Bytes and size of a picture do not fit.
    #[error("{got} bytes for {width} x {height} pixels of three bytes")]
    Size {
        /// The bytes that were given.
        got: usize,
        /// Pixels from left to right.
        width: u32,
        /// Pixels from top to bottom.
        height: u32,
    },
    /// A folder without a single picture.
    #[error("the folder `{}` holds no pictures", path.display())]
    NoPictures {
        /// The folder.
        path: PathBuf,
    },
}

impl ImageError {
    /// What to try, most useful first.
    pub fn hints(&self) -> Vec<String> {
        match self {
            Self::Decode { .. } => {
                vec!["PNG, JPEG and WebP are known; save it anew as one of these, or leave it out".into()]
            }
            Self::Large { .. } => vec![format!(
                "up to {} million pixels are read: make it smaller",
                crate::picture::MAX_PIXELS / 1_000_000
            )],
            Self::NoPictures { .. } => vec!["names of pictures end in .png, .jpg, .jpeg or .webp".into()],
            _ => Vec::new(),
        }
    }
}
