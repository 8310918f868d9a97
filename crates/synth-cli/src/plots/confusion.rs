//! Which classes are taken for which.

use plotters::prelude::*;
use plotters::style::text_anchor::{HPos, Pos, VPos};
use synth::core::ClassSet;

use super::{Area, BLUE, Drawn, FONT, Plot, TEXT, TITLE, shortened};

/// A confusion matrix: a row for each gold class, a column for each class that was given, darker for a larger share of
/// the row, with the number of records.
pub struct Confusion<'a> {
    pub classes: &'a ClassSet,
    /// `[gold][predicted]`.
    pub counts: &'a [Vec<u64>],
    pub title: &'a str,
}

/// With more classes than this, names and numbers would lie on each other.
const MOST_WITH_TEXT: usize = 16;

impl Plot for Confusion<'_> {
    fn name(&self) -> &'static str {
        "confusion"
    }

    fn draw<B: DrawingBackend>(&self, area: &Area<B>, scale: u32) -> Drawn<B> {
        let k = self.counts.len();
        let longest = self.classes.names().iter().map(|name| name.chars().count()).max().unwrap_or(0);
        // Many classes leave no room for names side by side, and still more for none at all.
        let (beside, below) = match k {
            0..=6 => (longest.min(22), 2),
            7..=MOST_WITH_TEXT => (longest.min(22), longest.min(14)),
            _ => (0, 0),
        };
        let pixels = |characters: usize| characters as u32 * TEXT * 6 / 10;
        let font = (FONT, TEXT * scale).into_font();
        let margin = 12 * scale;
        let area = area.margin(margin, margin, margin, margin);
        let area = area.titled(self.title, (FONT, TITLE * scale))?;
        let (width, height) = area.dim_in_pixel();
        let (left, right, bottom) = ((pixels(beside) + 20) * scale, 20 * scale, (pixels(below) + 24) * scale);
        let (width, height) = (width.saturating_sub(left + right), height.saturating_sub(bottom + 8 * scale));
        let edge = |i: usize, length: u32| (i as u64 * u64::from(length) / k as u64) as i32;
        let (left, top) = (left as i32, 8 * scale as i32);
        for (gold, row) in self.counts.iter().enumerate() {
            let n = row.iter().sum::<u64>().max(1) as f64;
            for (predicted, &count) in row.iter().enumerate() {
                let share = count as f64 / n;
                let from = (left + edge(predicted, width), top + edge(gold, height));
                let to = (left + edge(predicted + 1, width), top + edge(gold + 1, height));
                area.draw(&Rectangle::new([from, to], BLUE.mix(share).filled()))?;
                area.draw(&Rectangle::new([from, to], BLACK.mix(0.15)))?;
                if k <= MOST_WITH_TEXT {
                    let colour = if share > 0.5 { WHITE } else { BLACK };
                    let middle = (i32::midpoint(from.0, to.0), i32::midpoint(from.1, to.1));
                    let style = font.color(&colour).pos(Pos::new(HPos::Center, VPos::Center));
                    area.draw_text(&count.to_string(), &style, middle)?;
                }
            }
        }
        if k > MOST_WITH_TEXT {
            return Ok(());
        }
        for (i, name) in self.classes.names().iter().enumerate() {
            let right = font.color(&BLACK).pos(Pos::new(HPos::Right, VPos::Center));
            let y = top + i32::midpoint(edge(i, height), edge(i + 1, height));
            area.draw_text(&shortened(name, beside), &right, (left - 8 * scale as i32, y))?;
            let x = left + i32::midpoint(edge(i, width), edge(i + 1, width));
            let y = top + height as i32 + 8 * scale as i32;
            let (name, font, pos) = if k > 6 {
                let turned = font.transform(FontTransform::Rotate90);
                (shortened(name, below), turned, Pos::new(HPos::Left, VPos::Center))
            } else {
                let characters = (width / scale) as usize / k / 9;
                (shortened(name, characters), font.clone(), Pos::new(HPos::Center, VPos::Top))
            };
            area.draw_text(&name, &font.color(&BLACK).pos(pos), (x, y))?;
        }
        Ok(())
    }
}
