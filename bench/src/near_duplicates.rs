//! Near duplicates among 100,000 texts: what is found, memory, and CPU seconds: `bench/near_duplicates.sh` runs it
//! beside datasketch.

use std::collections::HashSet;
use std::fs::File;
use std::io::{BufWriter, Write};
use std::path::Path;
use std::time::Instant;

use anyhow::{Context, Result};
use synth_generate::{Candidate, Duplicates, DuplicatesSettings, Filter, Provenance};

use crate::cpu::cpu_seconds;
use crate::memory;

const N_TEXTS: usize = 100_000;
const N_WORDS: usize = 20_000;
const BATCH: usize = 1000;

/// A text, and for a planted copy the text it was made of with their similarity.
struct Text {
    text: String,
    planted: Option<(usize, f64)>,
}

/// Runs the filter over generated texts, and leaves them as JSONL in a folder for others to run on.
pub(crate) fn run(folder: &Path) -> Result<()> {
    let texts = generate();
    std::fs::create_dir_all(folder)?;
    let path = folder.join("near_duplicates.jsonl");
    let mut out = BufWriter::new(File::create(&path).with_context(|| path.display().to_string())?);
    for (id, text) in texts.iter().enumerate() {
        let (of, jaccard) = text.planted.unzip();
        writeln!(out, "{}", serde_json::json!({ "id": id, "text": text.text, "of": of, "jaccard": jaccard }))?;
    }
    out.flush()?;
    let bytes: usize = texts.iter().map(|text| text.text.len()).sum();
    let share = |low: f64, high: f64| {
        texts.iter().filter(|text| text.planted.is_some_and(|(_, jaccard)| (low..=high).contains(&jaccard))).count()
    };
    println!(
        "{N_TEXTS} texts of {} characters on average; planted at .8 and more: {}, at .5 and less: {}",
        bytes / N_TEXTS,
        share(0.8, 1.0),
        share(0.0, 0.5)
    );

    let candidates: Vec<Candidate> = texts.iter().enumerate().map(|(id, text)| candidate(id, &text.text)).collect();
    let none: [(&str, &str); 0] = [];
    let mut filter = Duplicates::new(&DuplicatesSettings::default(), none)?;
    let mut named: Vec<Option<usize>> = Vec::with_capacity(N_TEXTS);
    let (resident, cpu, start) = (memory::resident()?, cpu_seconds(), Instant::now());
    for batch in candidates.chunks(BATCH) {
        let verdicts = filter.judge(batch)?;
        let mut kept = Vec::with_capacity(batch.len());
        for (candidate, verdict) in batch.iter().zip(verdicts) {
            match verdict.dropped {
                None => kept.push(candidate.clone()),
                Some(reason) => {
                    let name = reason.rsplit(' ').next().context("a reason names a text")?;
                    named.push(Some(name.parse()?));
                    continue;
                }
            }
            named.push(None);
        }
        filter.keep(&kept)?;
        if named.len().is_multiple_of(50_000) {
            println!(
                "{:>7} texts, {} kept: {:.1} MiB more resident, {:.2} CPU s, {:.2} s",
                named.len(),
                filter.n_texts(),
                (memory::resident()? - resident) as f64 / f64::from(1 << 20),
                cpu_seconds() - cpu,
                start.elapsed().as_secs_f64()
            );
        }
    }

    let (mut found, mut missed, mut right, mut wrong) = (0, 0, 0, 0);
    for (id, text) in texts.iter().enumerate() {
        if text.planted.is_some_and(|(_, jaccard)| jaccard >= 0.8) {
            if named[id].is_some() { found += 1 } else { missed += 1 }
        }
        // What is repeated need not be what the copy was made of: another copy of it may be nearer.
        if let Some(other) = named[id] {
            let jaccard = jaccard(&text.text, &texts[other].text);
            right += u32::from(jaccard >= 0.8);
            wrong += u32::from(jaccard <= 0.5);
        }
    }
    println!(
        "recall {:.4} ({missed} missed), precision {:.4} ({wrong} wrong of {} dropped)",
        f64::from(found) / f64::from(found + missed),
        f64::from(right) / f64::from(right + wrong),
        named.iter().flatten().count()
    );
    Ok(())
}

fn candidate(id: usize, text: &str) -> Candidate {
    Candidate {
        id: id.to_string(),
        text: text.to_owned(),
        wanted: None,
        source: None,
        provenance: Provenance::default(),
    }
}

/// Four texts of five are new, each fifth a copy of one before it with up to a third of its words exchanged.
fn generate() -> Vec<Text> {
    let mut random = Random(0x9E37_79B9_7F4A_7C15);
    let words: Vec<String> = (0..N_WORDS)
        .map(|_| (0..2 + random.below(8)).map(|_| char::from(b'a' + random.below(26) as u8)).collect())
        .collect();
    let mut texts: Vec<Text> = Vec::with_capacity(N_TEXTS);
    let mut originals: Vec<(usize, Vec<usize>)> = Vec::new();
    for id in 0..N_TEXTS {
        let copied = (id % 5 == 4).then(|| random.below(originals.len()));
        let words_of = |numbers: &[usize]| numbers.iter().map(|&w| words[w].as_str()).collect::<Vec<_>>().join(" ");
        let (numbers, of) = match copied {
            None => ((0..8 + random.below(52)).map(|_| random.word()).collect::<Vec<_>>(), None),
            Some(at) => {
                let (of, mut numbers) = originals[at].clone();
                let exchanged = numbers.len() as f64 * random.unit() / 3.0;
                for _ in 0..exchanged.round() as usize {
                    let place = random.below(numbers.len());
                    numbers[place] = random.word();
                }
                (numbers, Some(of))
            }
        };
        let text = words_of(&numbers);
        let planted = of.map(|of| (of, jaccard(&text, &texts[of].text)));
        if of.is_none() {
            originals.push((id, numbers));
        }
        texts.push(Text { text, planted });
    }
    texts
}

/// The exact similarity, by nothing that the filter uses. The texts are ASCII, in lower case, single spaced.
fn jaccard(a: &str, b: &str) -> f64 {
    let shingles = |text: &str| -> HashSet<[u8; 5]> { text.as_bytes().array_windows().copied().collect() };
    let (a, b) = (shingles(a), shingles(b));
    let shared = a.intersection(&b).count();
    shared as f64 / (a.len() + b.len() - shared) as f64
}

/// Xorshift: any sequence will do that does not repeat.
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0
    }

    fn below(&mut self, n: usize) -> usize {
        (self.next() >> 11) as usize % n
    }

    fn unit(&mut self) -> f64 {
        (self.next() >> 11) as f64 / (1u64 << 53) as f64
    }

    /// Few words are frequent, as in a language: the logarithm of the rank is even.
    fn word(&mut self) -> usize {
        ((N_WORDS as f64).powf(self.unit()) as usize).min(N_WORDS - 1)
    }
}
