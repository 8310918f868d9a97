//! What a run of `generate` came to, for people and machines.

use serde::Serialize;
use synth::core::{ClassId, Embed};
use synth::generate::{
    Budget, Candidate, GenerateError, Kind, Moments, Stop, Tally, Usage, frechet_distance, self_bleu,
};

use super::Material;
use crate::errors::unboxed;
use crate::table::{counted, plain, trimmed};

/// What one filter did.
#[derive(Serialize)]
pub struct FilterYield {
    pub filter: String,
    pub seen: u64,
    pub dropped: u64,
    pub examples: Vec<DroppedText>,
}

/// An example of what a filter dropped.
#[derive(Serialize)]
pub struct DroppedText {
    pub text: String,
    pub reason: String,
}

/// What each filter did.
pub fn yields(tallies: &[Tally]) -> Vec<FilterYield> {
    let dropped = |tally: &Tally| {
        let example = |dropped: &synth::generate::Dropped| DroppedText {
            text: shown(&dropped.candidate),
            reason: dropped.reason.clone(),
        };
        tally.examples.iter().map(example).collect()
    };
    tallies
        .iter()
        .map(|tally| FilterYield {
            filter: tally.filter.to_owned(),
            seen: tally.seen,
            dropped: tally.dropped,
            examples: dropped(tally),
        })
        .collect()
}

/// A text; of a picture what it was to show, and its seed.
fn shown(candidate: &Candidate) -> String {
    match candidate.provenance.kind == Kind::Image.name() {
        true => format!("{}: {}", candidate.id, candidate.provenance.prompt),
        false => candidate.text.clone(),
    }
}

/// A table of what each filter did, with examples of what it dropped.
pub fn yield_table(yields: &[FilterYield]) -> String {
    if yields.is_empty() {
        return "no filters\n".to_owned();
    }
    let mut table = plain(&["filter", "seen", "dropped", "kept"], 1);
    for filter in yields {
        let kept = match filter.seen {
            0 => "-".to_owned(),
            seen => format!("{:.0} %", 100.0 * (seen - filter.dropped) as f64 / seen as f64),
        };
        table.add_row([filter.filter.clone(), filter.seen.to_string(), filter.dropped.to_string(), kept]);
    }
    let mut text = trimmed(&table);
    for filter in yields.iter().filter(|filter| !filter.examples.is_empty()) {
        text.push_str(&format!("\ndropped by {}:\n", filter.filter));
        for example in &filter.examples {
            text.push_str(&format!("  {}\n    {}\n", one_line(&example.text), example.reason));
        }
    }
    text
}

/// The beginning of a text, on one line.
pub fn one_line(text: &str) -> String {
    const CHARS: usize = 100;
    let line = text.split_whitespace().collect::<Vec<_>>().join(" ");
    match line.char_indices().nth(CHARS) {
        Some((end, _)) => format!("{}…", &line[..end]),
        None => line,
    }
}

/// How many requests were not answered, as a line; empty where all were.
pub fn failures(n: u64, first: Option<&str>) -> String {
    match n {
        0 => String::new(),
        n => {
            let requests = counted(n, "request was", "requests were");
            format!("{requests} not answered, the first: {}\n", first.unwrap_or("-"))
        }
    }
}

/// What was spent, as a sentence.
pub fn spent(requests: u64, recorded: u64, usage: Usage, dollars: Option<f64>) -> String {
    let mut text = counted(requests, "request", "requests");
    if recorded > 0 {
        text.push_str(&format!(" ({recorded} of them free, from the journal)"));
    }
    let tokens = usage.total();
    if tokens > 0 {
        text.push_str(&format!(", {tokens} tokens"));
    }
    match dollars {
        Some(0.0) => {}
        Some(sum) => text.push_str(&format!(", {sum:.4} dollars")),
        None => text.push_str(", price unknown"),
    }
    text
}

/// An error and what caused it, on one line.
pub fn with_causes(error: &GenerateError) -> String {
    let mut text = error.to_string();
    let mut cause = std::error::Error::source(error);
    while let Some(error) = cause {
        text.push_str(&format!(": {error}"));
        cause = error.source();
    }
    text
}

/// Why fewer rows were kept than wanted.
pub fn why(stop: Stop) -> Option<String> {
    match stop {
        Stop::Enough => None,
        Stop::Budget(Budget::Requests(n)) if n > 0 => {
            Some(format!("the budget of {n} requests is used up; allow more: --budget {}req", n.saturating_mul(5)))
        }
        Stop::Budget(budget) => Some(format!("the budget of {budget} is used up; allow more with --budget")),
        Stop::Unanswered => Some("requests are no longer answered; --resume goes on from there".to_owned()),
        Stop::Dry(0) => Some(
            "the last answers hold no text that could be read; `--dry-run` shows the prompt, and a larger model keeps \
             to the form better"
                .to_owned(),
        ),
        Stop::Dry(made) => Some(format!(
            "the last {} all failed the filters; see what each dropped, and relax it under [filters], or change the \
             prompt",
            counted(made, "candidate", "candidates")
        )),
    }
}

/// How alike kept and real texts are.
#[derive(Serialize)]
pub struct Likeness {
    /// Fréchet distance of the kept texts to the real ones of the class, on TF-IDF of words.
    pub frechet: Option<f64>,
    /// Self-BLEU of the kept texts, from 0 (nothing in common) to 1 (all the same).
    pub self_bleu: Option<f64>,
    /// Self-BLEU of as many real texts.
    pub self_bleu_real: Option<f64>,
}

/// Runs of up to so many words, as is usual for BLEU.
const N_WORDS: usize = 4;

/// Measures kept texts against the real ones of their class.
pub fn likeness(material: &Material, class: ClassId, kept: &[&str]) -> anyhow::Result<Likeness> {
    let real: Vec<&str> = material.sources.of_class(class).map(|source| source.text.as_str()).collect();
    let embed = if real.len() > 1 && kept.len() > 1 { material.embed()? } else { None };
    let frechet = match embed {
        Some(embed) => frechet_distance(&moments(material, &*embed, &real)?, &moments(material, &*embed, kept)?),
        None => None,
    };
    let sample = &real[..real.len().min(kept.len())];
    Ok(Likeness { frechet, self_bleu: self_bleu(kept, N_WORDS), self_bleu_real: self_bleu(sample, N_WORDS) })
}

fn moments(material: &Material, embed: &dyn Embed, texts: &[&str]) -> anyhow::Result<Moments> {
    let embedded = embed.embed(&material.records.dataset(texts)).map_err(unboxed)?;
    Ok(Moments::of(embedded.view()))
}
