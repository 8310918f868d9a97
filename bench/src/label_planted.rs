//! The default label model on planted matrices, whose truth is known.

use std::fs;
use std::path::Path;
use std::time::Instant;

use anyhow::Context;
use synth_core::metrics::Scores;
use synth_core::{ClassId, ClassSet, LabelMatrix, LabelModel, SoftLabels};
use synth_label::{Auto, Gold};

use crate::cpu::cpu_seconds;
use crate::label_data::{SplitMix, dense, read_npy};

/// Prints a line for each matrix `lm_n<n>_m<m>_k<k>_L.npy` in the folder, and for each change made to it.
pub(crate) fn run(root: &Path) -> anyhow::Result<()> {
    let mut stems: Vec<String> = fs::read_dir(root)?
        .filter_map(|entry| entry.ok()?.file_name().to_str()?.strip_suffix("_L.npy").map(str::to_owned))
        .filter(|stem| stem.starts_with("lm_n"))
        .collect();
    stems.sort();
    println!(
        "{:28}{:>10}{:>10}{:>10}{:>8}{:>8}{:>10}{:>10}",
        "matrix", "oracle", "majority", "auto", "ECE", "τ", "fit CPU s", "predict"
    );
    for stem in stems {
        let (n, m, votes) = read_npy(&root.join(format!("{stem}_L.npy")))?;
        let (_, _, truth) = read_npy(&root.join(format!("{stem}_y.npy")))?;
        let params: serde_json::Value =
            serde_json::from_str(&fs::read_to_string(root.join(format!("{stem}_params.json")))?)?;
        let k = params["prior"].as_array().context("prior")?.len();
        let gold: Vec<_> = truth.iter().map(|&y| Some(ClassId::new(y as u16))).collect();
        let matrix = dense(m, k, &votes)?;
        let oracle = score(&oracle(&params, m, &votes)?, &gold)?.accuracy;
        line(&stem, &matrix, &gold, Some(oracle))?;
        if n <= 100_000 {
            let copies = add_columns(m, &votes, |row, _| vec![row[0]; 4]);
            line("  first function 4 more times", &dense(m + 4, k, &copies)?, &gold, Some(oracle))?;
            let mut random = SplitMix(7);
            let adversary = add_columns(m, &votes, |_, i| {
                let wrong = (truth[i] + 1 + (random.below(k as u64 - 1)) as i64) % k as i64;
                vec![if random.below(100) < 85 { wrong } else { truth[i] }]
            });
            line("  and an adversary, 15 % right", &dense(m + 1, k, &adversary)?, &gold, Some(oracle))?;
        }
    }
    Ok(())
}

fn line(title: &str, matrix: &LabelMatrix, gold: &[Option<ClassId>], oracle: Option<f64>) -> anyhow::Result<()> {
    let (start, cpu) = (Instant::now(), cpu_seconds());
    let fit = Auto::default().fit(matrix.patterns(), &Gold::none())?;
    let fitted = cpu_seconds();
    let soft = fit.model.predict(matrix).map_err(anyhow::Error::from_boxed)?;
    let (predicted, wall) = (cpu_seconds(), start.elapsed().as_secs_f64());
    let scores = score(&soft, gold)?;
    let majority = synth_label::Majority::default().fit(matrix.patterns(), &Gold::none())?.model;
    let majority = score(&majority.predict(matrix).map_err(anyhow::Error::from_boxed)?, gold)?.accuracy;
    let tau = fit.report.reasons.last().and_then(|r| r.rsplit(' ').next()).unwrap_or("").to_owned();
    println!(
        "{title:28}{:>10.4}{majority:>10.4}{:>10.4}{:>8.4}{tau:>8}{:>10.2}{:>10.2}  {:.2} s wall, {} passes, {} patterns",
        oracle.unwrap_or(f64::NAN),
        scores.accuracy,
        scores.ece,
        fitted - cpu,
        predicted - fitted,
        wall,
        fit.trace.len(),
        matrix.patterns().len()
    );
    Ok(())
}

fn score(soft: &SoftLabels, gold: &[Option<ClassId>]) -> anyhow::Result<Scores> {
    Scores::of(soft, gold, |_| true).context("no gold")
}

fn add_columns(m: usize, votes: &[i64], mut more: impl FnMut(&[i64], usize) -> Vec<i64>) -> Vec<i64> {
    votes.chunks_exact(m).enumerate().flat_map(|(i, row)| [row.to_vec(), more(row, i)].concat()).collect()
}

/// The posterior under the parameters the matrix was made with: nothing can do better.
fn oracle(params: &serde_json::Value, m: usize, votes: &[i64]) -> anyhow::Result<SoftLabels> {
    let numbers = |value: &serde_json::Value| -> Vec<f64> {
        value.as_array().into_iter().flatten().filter_map(serde_json::Value::as_f64).collect()
    };
    let prior = numbers(&params["prior"]);
    let k = prior.len();
    // Log probability of each outcome of each function given the class, `[m, 1 + k, k]`, abstain first.
    let mut table = vec![0.0; m * (1 + k) * k];
    for lf in 0..m {
        let propensity = numbers(&params["propensity"][lf]);
        for y in 0..k {
            table[lf * (1 + k) * k + y] = (1.0 - propensity[y]).ln();
            for (v, p) in numbers(&params["confusion"][lf][y]).into_iter().enumerate() {
                table[(lf * (1 + k) + 1 + v) * k + y] = (propensity[y] * p + 1e-300).ln();
            }
        }
    }
    let n = votes.len() / m;
    let mut probs = Vec::with_capacity(n * k);
    for row in votes.chunks_exact(m) {
        let mut log: Vec<f64> = prior.iter().map(|p| p.ln()).collect();
        for (lf, &vote) in row.iter().enumerate() {
            let outcome = &table[(lf * (1 + k) + (vote + 1) as usize) * k..][..k];
            log.iter_mut().zip(outcome).for_each(|(sum, p)| *sum += p);
        }
        let top = log.iter().copied().fold(f64::NEG_INFINITY, f64::max);
        let sum: f64 = log.iter().map(|l| (l - top).exp()).sum();
        probs.extend(log.iter().map(|l| (l - top).exp() / sum));
    }
    Ok(SoftLabels::from_rows(ClassSet::new((0..k).map(|c| c.to_string()))?, probs, vec![1; n])?)
}
