//! Label errors in what `bench/label_errors.py` has left in a folder: rows by each rule, CPU seconds, memory.

use std::fmt::Write as _;
use std::path::Path;

use anyhow::{Context, Result};
use ndarray::Array2;
use synth_audit::{LabeledProbs, SelectionRule};
use synth_core::ClassId;

use crate::cpu::cpu_seconds;
use crate::memory;

/// Writes the rows that each rule chooses beside the input, one file a rule.
pub(crate) fn run(folder: &Path) -> Result<()> {
    let read = |name: &str| std::fs::read(folder.join(name)).with_context(|| format!("no {name}"));
    let labels: Vec<ClassId> =
        read("labels")?.chunks_exact(2).map(|bytes| ClassId::new(u16::from_le_bytes([bytes[0], bytes[1]]))).collect();
    let probs: Vec<f32> = {
        let bytes = read("probs")?;
        bytes.chunks_exact(4).map(|bytes| f32::from_le_bytes([bytes[0], bytes[1], bytes[2], bytes[3]])).collect()
    };
    let (n, bytes) = (labels.len(), probs.len() * 4);
    let probs = Array2::from_shape_vec((n, probs.len() / n), probs)?;
    let rules: Vec<String> = serde_json::from_slice(&read("rules.json")?)?;
    memory::reset()?;
    let before = memory::peak()?;
    for rule in SelectionRule::ALL.into_iter().filter(|rule| rules.iter().any(|name| name == rule.name())) {
        let cpu = cpu_seconds();
        let given = LabeledProbs::new(&labels, probs.view())?;
        let found = given.label_errors(&given.confident_joint(), rule);
        let cpu = cpu_seconds() - cpu;
        let beside = (memory::peak()? - before) as f64 / bytes as f64;
        let mut lines = String::new();
        for row in found {
            writeln!(lines, "{row}")?;
        }
        std::fs::write(folder.join(format!("synth.{}", rule.name())), lines)?;
        if rules.len() == 1 {
            println!(
                "synth, {}, {n} x {}: {cpu:.2} CPU s, {beside:.2} times the memory of the probabilities beside them",
                rule.name(),
                probs.ncols()
            );
        }
    }
    Ok(())
}
