//! How many there are of each kind.

use plotters::prelude::*;
use plotters::style::text_anchor::{HPos, Pos, VPos};

use super::{Area, BLUE, Drawn, FONT, ORANGE, Plot, TEXT, TITLE, shortened};

/// Bars from left to right, one below the other, each with its number.
pub struct Bars {
    pub name: &'static str,
    pub title: String,
    /// What each bar is of, and its number; orange where it stands out.
    pub bars: Vec<(String, u64, bool)>,
}

/// With more bars than this, the names would lie on each other; the first are shown.
const MOST: usize = 22;

impl Plot for Bars {
    fn name(&self) -> &'static str {
        self.name
    }

    fn draw<B: DrawingBackend>(&self, area: &Area<B>, scale: u32) -> Drawn<B> {
        let margin = 12 * scale;
        let area = area.margin(margin, margin, margin, margin);
        let area = area.titled(&self.title, (FONT, TITLE * scale))?;
        let shown = &self.bars[..self.bars.len().min(MOST)];
        let longest = shown.iter().map(|(name, _, _)| name.chars().count()).max().unwrap_or(0).min(22);
        let (width, height) = area.dim_in_pixel();
        let left = ((longest as u32 * TEXT * 6 / 10 + 12) * scale) as i32;
        // Room for the number behind the longest bar.
        let room = (width as i32 - left - (80 * scale) as i32).max(1);
        let most = shown.iter().map(|(_, n, _)| *n).max().unwrap_or(0).max(1);
        let step = (height / shown.len().max(1) as u32).min(34 * scale) as i32;
        let font = (FONT, TEXT * scale).into_font();
        for (at, (name, n, stands_out)) in shown.iter().enumerate() {
            let top = at as i32 * step;
            let middle = top + step / 2;
            let length = (*n as f64 / most as f64 * f64::from(room)) as i32;
            let colour = if *stands_out { ORANGE } else { BLUE };
            area.draw(&Rectangle::new([(left, top + step / 8), (left + length, top + step * 7 / 8)], colour.filled()))?;
            let style = |side| font.color(&BLACK).pos(Pos::new(side, VPos::Center));
            area.draw_text(&shortened(name, longest), &style(HPos::Right), (left - 6 * scale as i32, middle))?;
            area.draw_text(&n.to_string(), &style(HPos::Left), (left + length + 6 * scale as i32, middle))?;
        }
        Ok(())
    }
}
