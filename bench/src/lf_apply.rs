//! What labeling functions cost: texts in memory to finished label matrix, on the generated texts of the peers.

use std::path::Path;
use std::time::Instant;

use anyhow::{Context, Result};
use serde_json::Value;
use synth_core::{Dataset, LabelMatrix, Silent};
use synth_io::votes::load_npy;
use synth_io::{ReadOptions, Reader, Source};
use synth_lf::LfSet;
use synth_lf::lang::{Source as LfSource, compile};

use crate::cpu::cpu_seconds;

/// Runs; the least is what the work costs, the rest is what else the machine did.
const REPEATS: usize = 5;

/// Measures the 20 functions of `lfs.json`, then the functions of `keywords_1800.json` beside the first 20 of them.
pub(crate) fn run(folder: &Path) -> Result<()> {
    let texts = folder.join("texts_100000.jsonl");
    let reader = Reader::open(&[Source::new(&texts)], ReadOptions::default(), &Silent)?;
    let batches: Vec<Dataset> = reader.batches()?.collect::<Result<_, _>>()?;
    println!(
        "{:<22} {:>5} {:>9} {:>8} {:>8} {:>10} {:>12}",
        "functions", "m", "rows", "cpu s", "wall s", "votes", "ns a vote"
    );
    let peers = functions(&folder.join("lfs.json"), usize::MAX)?;
    let matrix = measure("lfs.json", &peers, &batches)?;
    let reference = folder.join("L_100000.npy");
    if reference.is_file() {
        let expected = load_npy(&reference, matrix.classes(), Some(matrix.lf_names()))?;
        let cells = (0..matrix.n_rows()).flat_map(|row| (0..matrix.n_lfs()).map(move |lf| (row, lf)));
        let differing = cells.filter(|&(row, lf)| matrix.vote(row, lf) != expected.vote(row, lf)).count();
        println!("  cells that differ from {}: {differing}", reference.display());
    } else {
        println!("  no {} to compare with; `lf_apply.py --impl pydict --n 100000` makes it", reference.display());
    }
    let keywords = folder.join("keywords_1800.json");
    measure("keywords, first 20", &functions(&keywords, 20)?, &batches)?;
    measure("keywords, all", &functions(&keywords, usize::MAX)?, &batches)?;
    Ok(())
}

fn measure(name: &str, source: &str, batches: &[Dataset]) -> Result<LabelMatrix> {
    let compiled = compile(&[LfSource::new(name, source)], None, &|_, _| Err(std::io::ErrorKind::NotFound.into()));
    let program = compiled.program.with_context(|| format!("{:?}", compiled.diagnostics))?;
    let mut best: Option<(f64, f64, LabelMatrix)> = None;
    for _ in 0..REPEATS {
        let mut lfs = LfSet::new(program.classes().clone());
        lfs.add_program(program.clone())?;
        // Arrow columns are shared, not copied.
        let input: Vec<_> = batches.iter().cloned().map(Ok).collect();
        let (cpu, wall) = (cpu_seconds(), Instant::now());
        let matrix = lfs.apply(input, &Silent)?.matrix;
        let (cpu, wall) = (cpu_seconds() - cpu, wall.elapsed().as_secs_f64());
        if best.as_ref().is_none_or(|(least, ..)| cpu < *least) {
            best = Some((cpu, wall, matrix));
        }
    }
    let (cpu, wall, matrix) = best.context("at least one run")?;
    let votes: u64 = matrix.patterns().iter().map(|(votes, count)| votes.len() as u64 * count).sum();
    let (m, n) = (matrix.n_lfs(), matrix.n_rows());
    println!("{name:<22} {m:>5} {n:>9} {cpu:>8.3} {wall:>8.3} {votes:>10} {:>12.1}", cpu * 1e9 / votes.max(1) as f64);
    Ok(matrix)
}

/// The functions of a file of the peers in the .lf language.
fn functions(path: &Path, most: usize) -> Result<String> {
    let text = std::fs::read_to_string(path).with_context(|| format!("cannot read {}", path.display()))?;
    let spec: Value = serde_json::from_str(&text)?;
    let mut out = String::from("classes positive, negative\n");
    for lf in spec["lfs"].as_array().context("lfs")?.iter().take(most) {
        let part = |key: &str| lf[key].as_str().with_context(|| format!("{key} in {lf}"));
        let class = if lf["label"] == 0 { "positive" } else { "negative" };
        let condition = match part("type")? {
            "keywords" => format!("text contains word {}", lf["words"]),
            // What makes `(?i)` and slashes stand in a pattern as they are is the same in both.
            "regex" => format!("text ~ /{}/", part("pattern")?.replace('/', "\\/")),
            "length" => format!("chars(text) {} {}", part("op")?, lf["value"]),
            _ => format!("{} {} {}", part("field")?, part("op")?, lf["value"]),
        };
        out.push_str(&format!("lf {} {class} when {condition}\n", part("name")?));
    }
    Ok(out)
}
