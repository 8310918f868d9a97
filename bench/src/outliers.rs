//! Outliers and near copies in what `bench/outliers.py` has left in a folder: CPU seconds, and how well they are found.

use std::path::Path;

use anyhow::{Context, Result};
use ndarray::Array2;
use synth_audit::{
    IsolationForest, IsolationForestSettings, Neighbours, cosine_pairs, likely_cosine_pairs, local_outlier_factors,
};

use crate::cpu::cpu_seconds;

/// Measures each on one thread, or as many as there are.
pub(crate) fn run(folder: &Path) -> Result<()> {
    let read = |name: &str| std::fs::read(folder.join(name)).with_context(|| format!("no {name}"));
    let shapes: serde_json::Value = serde_json::from_slice(&read("shapes.json")?)?;
    let matrix = |name: &str| -> Result<Array2<f32>> {
        let numbers = read(name)?.chunks_exact(4).map(|b| f32::from_le_bytes([b[0], b[1], b[2], b[3]])).collect();
        let side = |at: usize| shapes[name][at].as_u64().map(|n| n as usize).context("no shape");
        Ok(Array2::from_shape_vec((side(0)?, side(1)?), numbers)?)
    };
    let points = matrix("points")?.mapv(f64::from);
    let is_out: Vec<bool> = read("outliers")?.into_iter().map(|byte| byte > 0).collect();

    let cpu = cpu_seconds();
    let forest = IsolationForest::of(points.view(), &IsolationForestSettings::default())?;
    let scores = forest.scores(points.view())?;
    println!("synth isolation forest: {:.2} CPU s, AUC {:.4}", cpu_seconds() - cpu, auc(&scores, &is_out));

    let cpu = cpu_seconds();
    let factors = local_outlier_factors(&Neighbours::of(points.view(), 20)?);
    println!("synth local outlier factor, k = 20: {:.2} CPU s, AUC {:.4}", cpu_seconds() - cpu, auc(&factors, &is_out));

    let directions = matrix("directions")?;
    let cpu = cpu_seconds();
    let mut pairs = Vec::new();
    cosine_pairs(directions.view(), 0.95, |one, other, _| pairs.push((one, other)))?;
    let cpu = cpu_seconds() - cpu;
    let planted = pairs.iter().filter(|(one, other)| *one < 1000 && one + 19_000 == *other).count();
    println!("synth pairs, cosine >= .95: {cpu:.2} CPU s, {} pairs, {planted} planted", pairs.len());

    let cpu = cpu_seconds();
    let mut n = 0;
    likely_cosine_pairs(directions.view(), 0.95, 0, |_, _, _| n += 1)?;
    println!("synth pairs by an index: {:.2} CPU s, {n} pairs", cpu_seconds() - cpu);
    Ok(())
}

/// How probable it is that an outlier's score is above that of another point.
fn auc(scores: &[f64], is_out: &[bool]) -> f64 {
    let mut order: Vec<usize> = (0..scores.len()).collect();
    order.sort_by(|a, b| scores[*a].total_cmp(&scores[*b]));
    let ranks: usize = order.iter().enumerate().filter(|(_, row)| is_out[**row]).map(|(rank, _)| rank + 1).sum();
    let n_out = is_out.iter().filter(|is_out| **is_out).count();
    let n_in = is_out.len() - n_out;
    (ranks as f64 - (n_out * (n_out + 1)) as f64 / 2.0) / (n_out * n_in) as f64
}
