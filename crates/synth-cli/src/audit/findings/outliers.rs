//! Records that lie apart.

use anyhow::Result;
use ndarray::{Array2, ArrayView2, Axis};
use serde::Serialize;
use synth::audit::{IsolationForest, IsolationForestSettings, Neighbours, local_outlier_factors};

use super::MANY_POINTS;
use crate::args::{AuditArgs, OutlierKind};
use crate::audit::records::Records;
use crate::table::counted;

#[derive(Serialize)]
pub struct OutlierFindings {
    pub by: String,
    /// The farthest out first.
    pub rows: Vec<Outlier>,
}

#[derive(Serialize)]
pub struct Outlier {
    pub row: usize,
    pub id: String,
    pub score: f64,
}

/// Neighbours that a record is compared with, as scikit-learn has it.
const NEIGHBOURS: usize = 20;
/// A density that is so many times that of a record: about 1 within clusters, where chance makes it 1.2 or so.
const THIN: f64 = 1.5;
/// A distance that is so many times the usual one.
const FAR: f64 = 3.0;
/// A score of an isolation forest: .5 is that of usual points, and 1 that of points that every split leaves alone.
const ALONE: f64 = 0.65;

/// Outliers among vectors, where there are any, and otherwise among numbers.
pub fn find(args: &AuditArgs, records: &Records, skipped: &mut Vec<String>) -> Result<Option<OutlierFindings>> {
    let of_numbers = args.fields.number.join(", ");
    let (points, rows, of) = match &records.vectors {
        Some(vectors) => (vectors.clone(), (0..records.n_rows()).collect(), "the vectors".to_owned()),
        None if args.fields.number.is_empty() => {
            skipped.push("outliers: there are no --vectors and no --number".to_owned());
            return Ok(None);
        }
        None => {
            let is_whole = |row: &usize| records.numbers.row(*row).iter().all(|x| x.is_finite());
            let rows: Vec<usize> = (0..records.n_rows()).filter(is_whole).collect();
            let lacking = records.n_rows() - rows.len();
            if lacking > 0 {
                skipped.push(format!(
                    "outliers among {}: {of_numbers} must be numbers, one is missing",
                    counted(lacking as u64, "record", "records")
                ));
            }
            (records.numbers.select(Axis(0), &rows), rows, of_numbers)
        }
    };
    if rows.len() < 3 {
        skipped
            .push(format!("outliers: {} too few to lie apart", counted(rows.len() as u64, "record is", "records are")));
        return Ok(None);
    }
    let usual = match &records.vectors {
        Some(_) if rows.len() <= MANY_POINTS => OutlierKind::Lof,
        _ => OutlierKind::IsolationForest,
    };
    let kind = args.outliers.unwrap_or(usual);
    let k = NEIGHBOURS.min(rows.len() - 1);
    let neighbours = || match &records.vectors {
        Some(_) => Neighbours::of(points.view(), k),
        // Numbers of different units count the same.
        None => Neighbours::of(standardized(points.view()).view(), k),
    };
    let (scores, least, by) = match kind {
        OutlierKind::Lof => {
            let by = format!("local outlier factor of {of}, {k} neighbours, above {THIN}");
            (local_outlier_factors(&neighbours()?), THIN, by)
        }
        OutlierKind::Knn => {
            let distances = neighbours()?.mean_distances();
            // Of those that are no copies of their neighbours: most may be.
            let apart: Vec<f64> = distances.iter().copied().filter(|distance| *distance > 0.0).collect();
            let least = if apart.is_empty() { 0.0 } else { FAR * median(&apart) };
            let by = format!("distance of {k} neighbours of {of}, above {FAR} times the median: {least:.3}");
            (distances, least, by)
        }
        OutlierKind::IsolationForest => {
            let settings = IsolationForestSettings { seed: args.labels.seed, ..IsolationForestSettings::default() };
            let scores = IsolationForest::of(points.view(), &settings)?.scores(points.view())?;
            (scores, ALONE, format!("isolation forest of {of}, above {ALONE}"))
        }
    };
    let outliers = rows.into_iter().zip(scores).filter(|(_, score)| *score > least);
    let mut rows: Vec<Outlier> =
        outliers.map(|(row, score)| Outlier { row, id: records.ids[row].clone(), score }).collect();
    rows.sort_by(|a, b| b.score.total_cmp(&a.score).then(a.row.cmp(&b.row)));
    Ok(Some(OutlierFindings { by, rows }))
}

/// Columns with a mean of 0 and a standard deviation of 1; of 0 where all are the same.
fn standardized(points: ArrayView2<'_, f64>) -> Array2<f64> {
    let mut points = points.to_owned();
    for mut column in points.columns_mut() {
        // Squares and sums of huge numbers are numbers then.
        let largest = column.iter().fold(0.0, |largest: f64, x| largest.max(x.abs()));
        let scale = if largest > 0.0 { largest } else { 1.0 };
        column.mapv_inplace(|x| x / scale);
        let mean = column.sum() / column.len() as f64;
        column.mapv_inplace(|x| x - mean);
        let deviation = (column.iter().map(|x| x * x).sum::<f64>() / column.len() as f64).sqrt();
        if deviation > 1e-12 {
            column.mapv_inplace(|x| x / deviation);
        } else {
            column.fill(0.0);
        }
    }
    points
}

/// The middle one of numbers, the upper one of two.
fn median(numbers: &[f64]) -> f64 {
    let mut sorted = numbers.to_vec();
    let middle = sorted.len() / 2;
    *sorted.select_nth_unstable_by(middle, f64::total_cmp).1
}

#[cfg(test)]
mod tests {
    use ndarray::array;

    use super::*;

    #[test]
    fn columns_are_standardized() {
        let points = standardized(array![[1.0, 7.0, f64::MAX], [3.0, 7.0, -f64::MAX]].view());
        let off = &points - &array![[-1.0, 0.0, 1.0], [1.0, 0.0, -1.0]];
        assert!(off.iter().all(|x| x.abs() < 1e-12), "{points}");
        assert_eq!([median(&[3.0, 1.0, 2.0]), median(&[5.0])], [2.0, 5.0]);
    }
}
