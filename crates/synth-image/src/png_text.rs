//! Pictures as bytes and as text.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use synth_core::BoxError;

use crate::{ImageError, Picture};

/// How a picture that is written as text begins: a data URL (RFC 2397).
const URL: &str = "data:image/png;base64,";

impl Picture {
    /// The bytes of a PNG file, with notes in it: pairs of a keyword of Latin letters and a text, as `iTXt`, which
    /// programs that show metadata read.
    ///
    /// ```
    /// use synth_image::Picture;
    ///
    /// let grey = Picture::from_rgb(2, 1, vec![128; 6])?;
    /// let bytes = grey.to_png(&[("Description", "a dull day")]);
    /// assert_eq!(Picture::from_bytes(&bytes)?, grey);
    /// # Ok::<(), synth_image::ImageError>(())
    /// ```
    ///
    /// # Panics
    /// If a keyword is empty, longer than 79 letters, or not of Latin ones.
    pub fn to_png(&self, notes: &[(&str, &str)]) -> Vec<u8> {
        let mut bytes = Vec::new();
        let mut encoder = png::Encoder::new(&mut bytes, self.width(), self.height());
        encoder.set_color(png::ColorType::Rgb);
        encoder.set_depth(png::BitDepth::Eight);
        for (keyword, text) in notes {
            encoder.add_itxt_chunk((*keyword).to_owned(), (*text).to_owned()).expect("notes before the header");
        }
        let written = encoder.write_header().and_then(|mut writer| writer.write_image_data(self.rgb()));
        written.expect("a keyword of Latin letters, and memory that takes bytes");
        bytes
    }

    /// The picture as text, as it stands in journals: a PNG file as a data URL.
    pub fn to_url(&self) -> String {
        format!("{URL}{}", STANDARD.encode(self.to_png(&[])))
    }

    /// A picture from what names it: a data URL of [`Picture::to_url`], or the path of a file.
    ///
    /// # Errors
    /// As [`Picture::open`].
    pub fn named(text: &str) -> Result<Self, ImageError> {
        match text.strip_prefix(URL) {
            None => Self::open(text),
            Some(encoded) => {
                let decode = |source: BoxError| ImageError::Decode { path: "a data URL".into(), source };
                Self::from_bytes(&STANDARD.decode(encoded).map_err(|error| decode(error.into()))?)
            }
        }
    }
}
