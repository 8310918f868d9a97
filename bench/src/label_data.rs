//! Label matrices with gold: the shared benchmark data, and NumPy files.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, bail, ensure};
use synth_core::metrics::Scores;
use synth_core::{ClassId, ClassSet, LabelMatrix, LabelMatrixBuilder, LfVote, SoftLabels};

/// The open sets of labeling functions.
pub(crate) const OPEN: [&str; 8] = ["youtube", "sms", "trec", "agnews", "imdb", "yelp", "hausa", "tennis"];
/// The crowd sets whose published figures we compare with.
pub(crate) const CROWD: [&str; 12] = [
    "bluebird",
    "dog",
    "rte",
    "trec2011",
    "cf_weather",
    "cf_weather_amt",
    "sentiment_polarity",
    "sentiment_polarity_amt",
    "d_sentiment",
    "face_sentiment",
    "s_adult",
    "fact_eval",
];

/// Crowd sets that no choice was made on.
pub(crate) const UNSEEN: [&str; 2] = ["mozafari", "s_relevance"];

/// The folder of the data: from the flag, else from the environment.
pub(crate) fn folder(flag: Option<String>, variable: &str) -> anyhow::Result<PathBuf> {
    #[allow(clippy::disallowed_methods, reason = "a bench is no library")]
    let from_environment = std::env::var_os(variable);
    match flag.map(PathBuf::from).or(from_environment.map(PathBuf::from)) {
        Some(folder) => Ok(folder),
        None => bail!("give --data DIR or set {variable}"),
    }
}

/// A label matrix with gold, and which rows are scored.
pub(crate) struct LabelSet {
    pub(crate) name: String,
    pub(crate) matrix: LabelMatrix,
    pub(crate) gold: Vec<Option<ClassId>>,
    pub(crate) scored: Vec<bool>,
    /// Scored by F1 of the last class, not accuracy.
    pub(crate) by_f1: bool,
}

/// Score and log-loss.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Cell {
    pub(crate) score: f64,
    pub(crate) log_loss: f64,
}

impl LabelSet {
    /// Scores soft labels on all scored rows, or on the covered ones among them.
    pub(crate) fn score(&self, soft: &SoftLabels, covered_only: bool) -> anyhow::Result<Cell> {
        let keep = |row: usize| self.scored[row] && (!covered_only || soft.covered(row));
        let scores = Scores::of(soft, &self.gold, keep).context("no row to score")?;
        let f1 = scores.f1.last().copied().flatten().unwrap_or(0.0);
        Ok(Cell { score: if self.by_f1 { f1 } else { scores.accuracy }, log_loss: scores.log_loss })
    }
}

/// An open set: votes.npy and docs.jsonl. Scored on the test split, or on all labelled rows without one.
pub(crate) fn open_set(root: &Path, name: &str) -> anyhow::Result<LabelSet> {
    let (n, m, votes) = read_npy(&root.join(name).join("votes.npy"))?;
    let path = root.join(name).join("docs.jsonl");
    let (mut gold, mut test) = (Vec::with_capacity(n), Vec::with_capacity(n));
    for line in fs::read_to_string(&path).with_context(|| path.display().to_string())?.lines() {
        let doc: serde_json::Value = serde_json::from_str(line)?;
        gold.push(doc["label"].as_u64().map(|class| ClassId::new(class as u16)));
        test.push(doc["split"] == "test");
    }
    ensure!(gold.len() == n, "{name}: {} docs, {n} rows of votes", gold.len());
    let scored: Vec<bool> = test.iter().zip(&gold).map(|(&test, gold)| test && gold.is_some()).collect();
    let scored = if scored.contains(&true) { scored } else { gold.iter().map(Option::is_some).collect() };
    let top_vote = votes.iter().copied().max().unwrap_or(0).max(0) as usize;
    let k = 1 + gold.iter().flatten().map(|class| class.index()).max().unwrap_or(0).max(top_vote);
    Ok(LabelSet { name: name.into(), matrix: dense(m, k, &votes)?, gold, scored, by_f1: name == "sms" })
}

/// The text and the split of each row of an open set.
pub(crate) fn texts(root: &Path, name: &str) -> anyhow::Result<(Vec<String>, Vec<String>)> {
    let path = root.join(name).join("docs.jsonl");
    let (mut texts, mut splits) = (Vec::new(), Vec::new());
    for line in fs::read_to_string(&path).with_context(|| path.display().to_string())?.lines() {
        let doc: serde_json::Value = serde_json::from_str(line)?;
        texts.push(doc["text"].as_str().unwrap_or_default().to_owned());
        splits.push(doc["split"].as_str().unwrap_or_default().to_owned());
    }
    Ok((texts, splits))
}

/// A crowd set: votes.csv and truth.csv. The last of repeated votes counts; classes are the distinct labels.
pub(crate) fn crowd_set(root: &Path, name: &str) -> anyhow::Result<LabelSet> {
    let folder = root.join(format!("crowd_{name}"));
    let mut votes: BTreeMap<(String, String), String> = BTreeMap::new();
    for row in csv::Reader::from_path(folder.join("votes.csv"))?.deserialize() {
        let (item, worker, label): (String, String, String) = row?;
        votes.insert((item, worker), label);
    }
    let truth: BTreeMap<String, String> = csv::Reader::from_path(folder.join("truth.csv"))?
        .deserialize()
        .collect::<Result<_, _>>()
        .with_context(|| format!("{name}: truth.csv"))?;
    let labels: BTreeSet<&String> = votes.values().chain(truth.values()).collect();
    let classes = ClassSet::new(labels.iter().map(|label| label.as_str()))?;
    let workers: BTreeSet<&String> = votes.keys().map(|(_, worker)| worker).collect();
    let number: BTreeMap<&String, u32> = workers.iter().copied().zip(0..).collect();
    let mut items: BTreeMap<&String, Vec<LfVote>> = BTreeMap::new();
    for ((item, worker), label) in &votes {
        let class = classes.id(label).context("a label is a class")?;
        items.entry(item).or_default().push(LfVote { lf_idx: number[worker], class });
    }
    let mut builder = LabelMatrixBuilder::new(classes.clone(), workers.iter().map(|worker| worker.as_str()))?;
    let mut gold = Vec::with_capacity(items.len());
    for (item, row) in &mut items {
        row.sort_unstable();
        builder.push_sparse(row)?;
        gold.push(truth.get(*item).and_then(|label| classes.id(label)));
    }
    let scored = gold.iter().map(Option::is_some).collect();
    Ok(LabelSet { name: name.into(), matrix: builder.finish(), gold, scored, by_f1: false })
}

/// A matrix from dense votes, -1 for an abstain.
pub(crate) fn dense(m: usize, k: usize, votes: &[i64]) -> anyhow::Result<LabelMatrix> {
    let classes = ClassSet::new((0..k).map(|c| c.to_string()))?;
    let mut builder = LabelMatrixBuilder::new(classes, (0..m).map(|j| format!("lf{j}")))?;
    for row in votes.chunks_exact(m) {
        builder.push_row(row.iter().map(|&v| (v >= 0).then(|| ClassId::new(v as u16))))?;
    }
    Ok(builder.finish())
}

/// A NumPy file of little-endian integers in C order: rows, columns (1 for a vector) and values.
pub(crate) fn read_npy(path: &Path) -> anyhow::Result<(usize, usize, Vec<i64>)> {
    let bytes = fs::read(path).with_context(|| path.display().to_string())?;
    ensure!(bytes.starts_with(b"\x93NUMPY\x01"), "{}: not a version 1 .npy file", path.display());
    let header_len = usize::from(u16::from_le_bytes([bytes[8], bytes[9]]));
    let header = std::str::from_utf8(&bytes[10..10 + header_len])?;
    ensure!(header.contains("'fortran_order': False"), "{}: Fortran order", path.display());
    let body = &bytes[10 + header_len..];
    let field = |key: &str| {
        header.split_once(key).map(|(_, rest)| rest).with_context(|| format!("{}: no {key}", path.display()))
    };
    let descr = field("'descr': '")?.split('\'').next().unwrap_or_default().to_owned();
    let values: Vec<i64> = match descr.as_str() {
        "|i1" => body.iter().map(|&b| i64::from(b as i8)).collect(),
        "<i2" => body.chunks_exact(2).map(|b| i64::from(i16::from_le_bytes([b[0], b[1]]))).collect(),
        "<i4" => body.chunks_exact(4).map(|b| i64::from(i32::from_le_bytes([b[0], b[1], b[2], b[3]]))).collect(),
        "<i8" => body.chunks_exact(8).map(|b| i64::from_le_bytes(b.try_into().unwrap_or_default())).collect(),
        other => bail!("{}: type {other}", path.display()),
    };
    let shape = field("'shape': (")?.split(')').next().unwrap_or_default().to_owned();
    let mut sizes = shape.split(',').filter_map(|size| size.trim().parse::<usize>().ok());
    let rows = sizes.next().context("a shape")?;
    let columns = sizes.next().unwrap_or(1);
    ensure!(values.len() == rows * columns, "{}: {} values for {rows} x {columns}", path.display(), values.len());
    Ok((rows, columns, values))
}

/// A small seeded generator (Steele, Lea and Flood 2014).
pub(crate) struct SplitMix(pub(crate) u64);

impl SplitMix {
    /// A number below `n`.
    pub(crate) fn below(&mut self, n: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        (z ^ (z >> 31)) % n.max(1)
    }
}
