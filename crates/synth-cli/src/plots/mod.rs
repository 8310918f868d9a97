//! Plots, each as SVG and as PNG.

mod bars;
mod confusion;
mod curve;
mod reliability;

use std::fmt::Display;
use std::path::{Path, PathBuf};
use std::sync::Once;

use anyhow::{Context, Result, anyhow};
use plotters::backend::{BitMapBackend, DrawingBackend, SVGBackend};
use plotters::coord::Shift;
use plotters::drawing::{DrawingArea, DrawingAreaErrorKind, IntoDrawingArea};
use plotters::element::Rectangle;
use plotters::style::{Color, FontStyle, RGBAColor, RGBColor, WHITE, register_font};
use synth::io::AtomicFile;

pub use bars::Bars;
pub use confusion::Confusion;
pub use curve::Curve;
pub use reliability::Reliability;

/// What can be drawn, on whatever draws.
pub trait Plot {
    /// The name of its files, without ending.
    fn name(&self) -> &'static str;

    /// Draws it; all lengths are in pixels times `scale`.
    fn draw<B: DrawingBackend>(&self, area: &Area<B>, scale: u32) -> Drawn<B>;
}

type Area<B> = DrawingArea<B, Shift>;
type Drawn<B> = Result<(), DrawingAreaErrorKind<<B as DrawingBackend>::ErrorType>>;

/// Width and height.
const SIZE: (u32, u32) = (640, 480);
/// Screens have up to this many pixels for one of the picture.
const PNG_SCALE: u32 = 2;
const FONT: &str = "sans-serif";
const TEXT: u32 = 15;
const TITLE: u32 = 18;
/// A blue and an orange that people who see no red or green can tell apart (Okabe and Ito 2008), and a grey.
const BLUE: RGBColor = RGBColor(0, 114, 178);
const ORANGE: RGBColor = RGBColor(213, 94, 0);
const GREY: RGBColor = RGBColor(150, 150, 150);

/// A plot as SVG.
pub fn svg(plot: &impl Plot) -> Result<String> {
    static FONTS: Once = Once::new();
    // The letters come with the program: plots look the same everywhere, on machines without fonts too.
    FONTS.call_once(|| {
        let _ = register_font(FONT, FontStyle::Normal, dejavu::sans::regular());
    });
    let mut svg = String::new();
    {
        let area = SVGBackend::with_string(&mut svg, SIZE).into_drawing_area();
        finish(plot, &area, 1).map_err(|error| anyhow!("cannot draw `{}`: {error}", plot.name()))?;
    }
    Ok(svg)
}

/// Draws a plot into a folder; returns the files.
pub fn save(folder: &Path, plot: &impl Plot) -> Result<[PathBuf; 2]> {
    let failed = |error: &dyn Display| anyhow!("cannot draw `{}`: {error}", plot.name());
    let svg = svg(plot)?;
    let (width, height) = (SIZE.0 * PNG_SCALE, SIZE.1 * PNG_SCALE);
    let mut pixels = vec![0; (width * height * 3) as usize];
    {
        let area = BitMapBackend::with_buffer(&mut pixels, (width, height)).into_drawing_area();
        finish(plot, &area, PNG_SCALE).map_err(|error| failed(&error))?;
    }
    let mut png = Vec::new();
    let mut encoder = png::Encoder::new(&mut png, width, height);
    encoder.set_color(png::ColorType::Rgb);
    encoder.write_header().and_then(|mut writer| writer.write_image_data(&pixels)).context("cannot encode a PNG")?;
    let files = ["svg", "png"].map(|ending| folder.join(plot.name()).with_extension(ending));
    for (path, bytes) in files.iter().zip([svg.as_bytes(), &png]) {
        AtomicFile::write_all_to(path, bytes)?;
    }
    Ok(files)
}

fn finish<B: DrawingBackend>(plot: &impl Plot, area: &Area<B>, scale: u32) -> Drawn<B> {
    area.fill(&WHITE)?;
    plot.draw(area, scale)?;
    area.present()
}

/// A square of a colour, beside what the colour means.
fn square(colour: RGBAColor, scale: u32) -> impl Fn((i32, i32)) -> Rectangle<(i32, i32)> {
    let half = 5 * scale as i32;
    move |(x, y)| Rectangle::new([(x, y - half), (x + 2 * half, y + half)], colour.filled())
}

/// A name in so many characters, with an ellipsis for what there is no room for: in the middle, as names often differ
/// at their ends.
fn shortened(name: &str, most: usize) -> String {
    let characters: Vec<char> = name.chars().collect();
    if characters.len() <= most {
        return name.to_owned();
    }
    let kept = most.saturating_sub(1);
    let end = characters.len() - kept / 2;
    characters[..kept.div_ceil(2)].iter().chain(&['…']).chain(&characters[end..]).collect()
}

#[cfg(test)]
mod tests {
    use super::shortened;

    #[test]
    fn long_names_keep_both_ends() {
        assert_eq!(["abcdefgh", "abc", "é"].map(|name| shortened(name, 5)), ["ab…gh", "abc", "é"]);
        assert_eq!(shortened("abcdefgh", 4), "ab…h");
    }
}
