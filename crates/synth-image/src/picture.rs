//! A picture, from a file or from numbers.

use std::fs::File;
use std::io::{BufRead, BufReader, Cursor, Seek};
use std::path::Path;

use fast_image_resize::images::Image;
use fast_image_resize::{FilterType, PixelType, ResizeAlg, ResizeOptions, Resizer};
use image::{ImageError as DecodeError, ImageReader, Limits};
use ndarray::Array3;

use crate::ImageError;

/// A picture of red, green and blue, in 8 bits each, row by row from the top.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Picture {
    width: u32,
    height: u32,
    rgb: Vec<u8>,
}

/// Larger pictures are refused: what made them is no camera, and what reads them would need gigabytes.
pub(crate) const MAX_PIXELS: u64 = 100_000_000;

impl Picture {
    /// A picture of three bytes a pixel.
    ///
    /// # Errors
    /// No pixel, or another number of bytes.
    pub fn from_rgb(width: u32, height: u32, rgb: Vec<u8>) -> Result<Self, ImageError> {
        if width == 0 || height == 0 || rgb.len() as u64 != u64::from(width) * u64::from(height) * 3 {
            return Err(ImageError::Size { got: rgb.len(), width, height });
        }
        Ok(Self { width, height, rgb })
    }

    /// Reads a file of PNG, JPEG or WebP, whatever its name. Grey becomes grey of three colours, 16 bits become 8, what
    /// is transparent loses its transparency, CMYK is converted, of what moves the first picture is taken.
    ///
    /// # Errors
    /// The file cannot be read, holds no picture, is damaged, or has more than 100 million pixels.
    pub fn open(path: impl AsRef<Path>) -> Result<Self, ImageError> {
        let path = path.as_ref();
        let open = || File::open(path).map(BufReader::new);
        Self::read(path, open)
    }

    /// As [`Picture::open`], from the bytes of a file.
    ///
    /// # Errors
    /// As [`Picture::open`].
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, ImageError> {
        Self::read(Path::new("bytes of a picture"), || Ok(Cursor::new(bytes)))
    }

    /// Reads it twice: first how large it is, then what is on it.
    fn read<R: BufRead + Seek>(path: &Path, open: impl Fn() -> std::io::Result<R>) -> Result<Self, ImageError> {
        let read = |source| ImageError::Read { path: path.to_owned(), source };
        let damaged = |error: DecodeError| match error {
            DecodeError::IoError(source) if source.kind() != std::io::ErrorKind::UnexpectedEof => read(source),
            error => ImageError::Decode { path: path.to_owned(), source: error.into() },
        };
        let open = || -> Result<_, ImageError> {
            let mut reader = ImageReader::new(open().map_err(read)?).with_guessed_format().map_err(read)?;
            // Of pixels there are limits below; this one is for what else stands in a file.
            let mut limits = Limits::no_limits();
            limits.max_alloc = Some(8 * MAX_PIXELS);
            reader.limits(limits);
            Ok(reader)
        };
        let (width, height) = open()?.into_dimensions().map_err(damaged)?;
        if u64::from(width) * u64::from(height) > MAX_PIXELS {
            return Err(ImageError::Large { path: path.to_owned(), width, height });
        }
        let rgb = open()?.decode().map_err(damaged)?.into_rgb8();
        Self::from_rgb(rgb.width(), rgb.height(), rgb.into_raw())
    }

    /// Pixels from left to right.
    pub fn width(&self) -> u32 {
        self.width
    }

    /// Pixels from top to bottom.
    pub fn height(&self) -> u32 {
        self.height
    }

    /// Three bytes a pixel, row by row.
    pub fn rgb(&self) -> &[u8] {
        &self.rgb
    }

    /// The picture at another size, in numbers from 0 to 255 that are not rounded; some lie a little beyond, where the
    /// filter overshoots.
    ///
    /// By the bicubic filter that Pillow has, which averages over all pixels where it makes smaller: Parmar, Zhang, Zhu
    /// (2022), On aliased resizing and surprising subtleties in GAN evaluation, show how much others change distances.
    ///
    /// # Shapes
    /// The result: `[3, height, width]`.
    ///
    /// # Panics
    /// If a side is 0.
    pub fn resized(&self, width: u32, height: u32) -> Array3<f32> {
        assert!(width > 0 && height > 0, "a picture has pixels");
        let bytes: Vec<u8> = self.rgb.iter().flat_map(|byte| f32::from(*byte).to_ne_bytes()).collect();
        let from = Image::from_vec_u8(self.width, self.height, bytes, PixelType::F32x3).expect("three numbers a pixel");
        let mut to = Image::new(width, height, PixelType::F32x3);
        let options = ResizeOptions::new().resize_alg(ResizeAlg::Convolution(FilterType::CatmullRom));
        Resizer::new().resize(&from, &mut to, &options).expect("pictures of one type");
        let numbers: Vec<f32> = to.buffer().as_chunks().0.iter().map(|bytes| f32::from_ne_bytes(*bytes)).collect();
        let (w, h) = (width as usize, height as usize);
        Array3::from_shape_fn((3, h, w), |(channel, y, x)| numbers[(y * w + x) * 3 + channel])
    }
}
