//! Logistic regression on hard labels, beside scikit-learn's on the same features: `bench/logistic.sh`.

use std::fs;
use std::path::Path;

use anyhow::Result;
use synth_core::ClassId;
use synth_learn::{LogisticRegression, one_hot};

use crate::cpu::cpu_seconds;
use crate::end_model::TextSet;

/// Fits on gold of the training rows, and leaves features and labels for others to fit on: little-endian arrays.
pub(crate) fn run(root: &Path, out: &Path) -> Result<()> {
    println!(
        "{:<8} {:>8} {:>8} {:>9} {:>6} {:>18} {:>6} {:>8}",
        "set", "rows", "features", "l2", "k", "objective", "steps", "cpu s"
    );
    for name in ["agnews", "trec"] {
        let set = TextSet::open(root, name)?;
        let (_, matrix) = set.features()?;
        let rows: Vec<usize> = set.train.iter().copied().filter(|&row| set.labels.gold[row].is_some()).collect();
        let features = matrix.select(&rows);
        let gold: Vec<Option<ClassId>> = rows.iter().map(|&row| set.labels.gold[row]).collect();
        let k = set.labels.matrix.n_classes();
        let targets = one_hot(&gold, k)?;
        let folder = out.join(name);
        fs::create_dir_all(&folder)?;
        let (mut starts, mut columns, mut values) = (vec![0i64], Vec::new(), Vec::new());
        for row in 0..features.n_rows() {
            for (column, value) in features.row(row) {
                columns.push(column as i64);
                values.push(value);
            }
            starts.push(columns.len() as i64);
        }
        let integers = |numbers: &[i64]| numbers.iter().flat_map(|x| x.to_le_bytes()).collect::<Vec<u8>>();
        fs::write(folder.join("starts.i64"), integers(&starts))?;
        fs::write(folder.join("columns.i64"), integers(&columns))?;
        fs::write(
            folder.join("labels.i64"),
            integers(&gold.iter().flatten().map(|class| class.index() as i64).collect::<Vec<_>>()),
        )?;
        fs::write(folder.join("values.f64"), values.iter().flat_map(|x| x.to_le_bytes()).collect::<Vec<u8>>())?;
        for l2 in [1e-3, 1e-4] {
            let regression = LogisticRegression { l2, ..LogisticRegression::default() };
            let start = cpu_seconds();
            let fit = regression.fit(&features, targets.view(), &vec![1.0; rows.len()], None)?;
            let cpu = cpu_seconds() - start;
            let (n, d) = (features.n_rows(), features.n_columns());
            println!(
                "{name:<8} {n:>8} {d:>8} {l2:>9} {k:>6} {:>18.12} {:>6} {cpu:>8.3}",
                fit.objective, fit.iterations
            );
        }
    }
    Ok(())
}
