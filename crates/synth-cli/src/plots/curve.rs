//! What hand labels come to, and what other labels come to beside them.

use plotters::prelude::*;
use synth::learn::LearningCurve;

use super::{Area, BLUE, Drawn, FONT, GREY, ORANGE, Plot, TEXT, TITLE, shortened, square};

/// A learning curve over hand labels, with a line for each other way to label.
pub struct Curve<'a> {
    pub curve: &'a LearningCurve,
    /// The macro F1 of other models, by what they were trained on.
    pub others: Vec<(&'a str, f64)>,
}

impl Plot for Curve<'_> {
    fn name(&self) -> &'static str {
        "learning-curve"
    }

    fn draw<B: DrawingBackend>(&self, area: &Area<B>, scale: u32) -> Drawn<B> {
        let points = &self.curve.points;
        let sizes = points.iter().map(|point| point.n as f64).collect();
        let (first, last) = (points[0].n as f64, points[points.len() - 1].n as f64);
        let lows = points.iter().map(|point| point.macro_f1.low).chain(self.others.iter().map(|(_, f1)| *f1));
        let least = ((lows.fold(1.0, f64::min) * 10.0).floor() / 10.0).min(0.9);
        let mut chart = ChartBuilder::on(area)
            .caption("What hand labels come to", (FONT, TITLE * scale))
            .margin(12 * scale)
            // Half of the last number on the axis.
            .margin_right(28 * scale)
            .x_label_area_size(45 * scale)
            .y_label_area_size(60 * scale)
            .build_cartesian_2d((first..last.max(first + 1.0)).log_scale().with_key_points(sizes), least..1.0)?;
        chart
            .configure_mesh()
            .x_desc("hand labels")
            .y_desc("macro F1")
            .x_label_formatter(&|n| format!("{n:.0}"))
            .y_label_formatter(&|f1| format!("{f1:.2}"))
            .axis_desc_style((FONT, TEXT * scale))
            .label_style((FONT, TEXT * scale))
            .light_line_style(WHITE)
            .draw()?;
        let spread = points.iter().map(|point| (point.n as f64, point.macro_f1.low));
        let spread = spread.chain(points.iter().rev().map(|point| (point.n as f64, point.macro_f1.high)));
        chart.draw_series([Polygon::new(spread.collect::<Vec<_>>(), BLUE.mix(0.15))])?;
        let means: Vec<(f64, f64)> = points.iter().map(|point| (point.n as f64, point.macro_f1.mean)).collect();
        chart.draw_series(LineSeries::new(means.iter().copied(), BLUE.stroke_width(2 * scale)))?;
        chart
            .draw_series(means.into_iter().map(|point| Circle::new(point, 3 * scale, BLUE.filled())))?
            .label("hand labels, least to most of the draws")
            .legend(square(BLUE.mix(1.0), scale));
        let colours = [ORANGE, RGBColor(0, 158, 115), RGBColor(204, 121, 167), GREY];
        for (&(name, f1), colour) in self.others.iter().zip(colours.into_iter().cycle()) {
            chart
                .draw_series(LineSeries::new([(first, f1), (last, f1)], colour.stroke_width(2 * scale)))?
                .label(shortened(name, 32))
                .legend(square(colour.mix(1.0), scale));
        }
        chart
            .configure_series_labels()
            .position(SeriesLabelPosition::LowerRight)
            .label_font((FONT, TEXT * scale))
            .background_style(WHITE.mix(0.8))
            .legend_area_size(20 * scale)
            .margin(8 * scale)
            .draw()
    }
}
