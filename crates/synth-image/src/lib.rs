//! Pictures: read from files whatever is in them, resized as Pillow does, measured and compared.
//!
//! ```
//! use synth_image::Picture;
//!
//! let black = Picture::from_rgb(64, 64, vec![0; 64 * 64 * 3])?;
//! assert_eq!(black.resized(8, 8).dim(), (3, 8, 8));
//! # Ok::<(), synth_image::ImageError>(())
//! ```
//!
//! - [`Picture`]: red, green and blue, in 8 bits each.
//! - [`ImageFeatures`], [`Thumbnail`], [`PictureEmbed`]: what places pictures in space, those that look alike near each other.
//! - [`folder`]: the files of a folder that hold pictures, in order.
//! - [`ImageError`]: what can go wrong.

mod error;
mod features;
mod files;
mod measures;
mod picture;
mod png_text;
mod thumbnail;

pub use error::ImageError;
pub use features::{ImageFeatures, PictureEmbed};
pub use files::folder;
pub use picture::Picture;
pub use thumbnail::Thumbnail;
