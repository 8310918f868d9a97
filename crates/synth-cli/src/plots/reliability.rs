//! How sure a model was, and how often it was right.

use plotters::prelude::*;
use synth::learn::Evaluation;

use super::{Area, BLUE, Drawn, FONT, GREY, ORANGE, Plot, TEXT, TITLE, square};

/// A reliability diagram: for each bin of confidence a point at its accuracy, and a bar for its share of the records.
pub struct Reliability<'a>(pub &'a Evaluation);

impl Plot for Reliability<'_> {
    fn name(&self) -> &'static str {
        "reliability"
    }

    fn draw<B: DrawingBackend>(&self, area: &Area<B>, scale: u32) -> Drawn<B> {
        let Self(evaluation) = self;
        let bins = &evaluation.reliability;
        let mut chart = ChartBuilder::on(area)
            .caption(format!("Reliability, ECE {:.3}", evaluation.ece), (FONT, TITLE * scale))
            .margin(12 * scale)
            .x_label_area_size(45 * scale)
            .y_label_area_size(60 * scale)
            .build_cartesian_2d(0.0..1.0, 0.0..1.0)?;
        chart
            .configure_mesh()
            .x_desc("confidence")
            .y_desc("share that is right")
            .axis_desc_style((FONT, TEXT * scale))
            .label_style((FONT, TEXT * scale))
            .light_line_style(WHITE)
            .draw()?;
        let width = 1.0 / bins.len() as f64;
        chart
            .draw_series(bins.iter().enumerate().map(|(i, bin)| {
                let (left, height) = (i as f64 * width, bin.n as f64 / evaluation.n as f64);
                Rectangle::new([(left, 0.0), (left + width, height)], GREY.mix(0.35).filled())
            }))?
            .label("share of the records")
            .legend(square(GREY.mix(0.35), scale));
        chart
            .draw_series(LineSeries::new([(0.0, 0.0), (1.0, 1.0)], ORANGE.stroke_width(scale)))?
            .label("as sure as right")
            .legend(square(ORANGE.mix(1.0), scale));
        let points: Vec<(f64, f64)> = bins.iter().filter_map(|bin| bin.confidence.zip(bin.accuracy)).collect();
        chart.draw_series(LineSeries::new(points.iter().copied(), BLUE.stroke_width(2 * scale)))?;
        chart
            .draw_series(points.into_iter().map(|point| Circle::new(point, 4 * scale, BLUE.filled())))?
            .label("the model")
            .legend(square(BLUE.mix(1.0), scale));
        chart
            .configure_series_labels()
            .position(SeriesLabelPosition::UpperLeft)
            .label_font((FONT, TEXT * scale))
            .legend_area_size(20 * scale)
            .margin(8 * scale)
            .draw()
    }
}
