//! Pictures that records name: small ones for the page.

#[cfg(feature = "neural")]
use anyhow::Context;
use anyhow::Result;

/// Pixels of the longer side.
#[cfg(feature = "neural")]
const SIDE: u32 = 160;

/// Whether a file holds a picture that can be read.
#[cfg(feature = "neural")]
pub fn is_picture(path: &std::path::Path) -> bool {
    synth::image::Picture::open(path).is_ok()
}

/// A small copy of a picture, as a data URL.
#[cfg(feature = "neural")]
pub fn thumbnail(path: &std::path::Path) -> Result<String> {
    use synth::image::Picture;

    let picture = Picture::open(path)?;
    let (width, height) = (picture.width(), picture.height());
    let longer = width.max(height).max(1);
    let side = |length: u32| (length * SIDE / longer).clamp(1, length.max(1));
    let (width, height) = if longer <= SIDE { (width, height) } else { (side(width), side(height)) };
    let small = picture.resized(width, height);
    let rgb = small.permuted_axes([1, 2, 0]).iter().map(|x| x.round().clamp(0.0, 255.0) as u8).collect();
    Ok(Picture::from_rgb(width, height, rgb).context("cannot make a small picture")?.to_url())
}

#[cfg(not(feature = "neural"))]
pub fn thumbnail(_: &std::path::Path) -> Result<String> {
    Err(crate::generation::backend::missing_feature("neural", "pictures"))
}

#[cfg(not(feature = "neural"))]
pub fn is_picture(_: &std::path::Path) -> bool {
    false
}
