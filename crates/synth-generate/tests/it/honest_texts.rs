//! What filters say of texts that people wrote: nearly nothing.

use serde_json::Value;
use synth_core::ClassId;
use synth_generate::{
    Candidate, Diversity, DiversitySettings, Filter, Language, Leftovers, LeftoversSettings, Length, Provenance,
};

use crate::{folder, say};

/// The texts of a benchmark set.
fn texts(set: &str) -> Option<Vec<String>> {
    let path = folder("SYNTH_BENCH_DATA", "../shared/data").join(set).join("docs.jsonl");
    let Ok(lines) = std::fs::read_to_string(path) else {
        say(&format!("skipped: no set `{set}`; SYNTH_BENCH_DATA names the folder with the benchmark sets"));
        return None;
    };
    let text = |line: &str| {
        let record: Value = serde_json::from_str(line).expect("a record");
        record["text"].as_str().expect("a text").to_owned()
    };
    // Enough to see one in a thousand, and soon done.
    Some(lines.lines().take(6000).map(text).collect())
}

/// The share of texts that a filter drops, and what it says of some of them.
fn dropped(filter: &mut dyn Filter, texts: &[String]) -> (f64, Vec<String>) {
    let candidate = |text: &String| Candidate {
        id: String::new(),
        text: text.clone(),
        wanted: Some(ClassId::new(0)),
        source: None,
        provenance: Provenance::default(),
    };
    let batch: Vec<Candidate> = texts.iter().map(candidate).collect();
    let verdicts = filter.judge(&batch).expect("a verdict");
    let reasons: Vec<String> = batch
        .iter()
        .zip(verdicts)
        .filter_map(|(candidate, verdict)| {
            let text: String = candidate.text.chars().take(100).collect();
            Some(format!("{}: {text:?}", verdict.dropped?))
        })
        .collect();
    (reasons.len() as f64 / texts.len() as f64, reasons)
}

/// At most one in a thousand is taken for a leftover of a model.
#[test]
fn people_leave_no_leftovers() {
    let mut leftovers = Leftovers::new(&LeftoversSettings::default()).expect("default settings");
    for set in ["youtube", "sms", "agnews", "trec", "yelp", "imdb"] {
        let Some(texts) = texts(set) else { continue };
        let (share, reasons) = dropped(&mut leftovers, &texts);
        say(&format!("leftovers {set}: {} of {}\n  {}", reasons.len(), texts.len(), reasons.join("\n  ")));
        assert!(share <= 0.001, "{set}: {share}");
    }
}

/// At most one in a hundred short messages in slang, and one in five hundred news, is taken for another language.
#[test]
fn english_texts_are_english() {
    for (set, most) in [("youtube", 0.01), ("sms", 0.01), ("agnews", 0.002), ("trec", 0.01)] {
        let Some(texts) = texts(set) else { continue };
        assert_eq!(Language::of_texts(&texts).codes(), ["eng"], "{set}");
        let (share, reasons) = dropped(&mut Language::of_texts(&texts), &texts);
        let shown = &reasons[..reasons.len().min(12)];
        say(&format!("language {set}: {} of {}\n  {}", reasons.len(), texts.len(), shown.join("\n  ")));
        assert!(share <= most, "{set}: {share}");
    }
}

/// Limits from half of the texts let nearly all of the other half pass.
#[test]
fn lengths_of_real_texts_are_allowed() {
    for set in ["youtube", "sms", "agnews"] {
        let Some(texts) = texts(set) else { continue };
        let (even, odd): (Vec<_>, Vec<_>) = texts.into_iter().enumerate().partition(|(i, _)| i % 2 == 0);
        let of = |half: Vec<(usize, String)>| half.into_iter().map(|(_, text)| text).collect::<Vec<_>>();
        let mut limits = Length::of_texts(&of(even), 2.0).expect("a factor of 2");
        let (share, reasons) = dropped(&mut limits, &of(odd));
        say(&format!("length {set}: {limits:?} drops {share:.4}\n  {}", reasons.join("\n  ")));
        assert!(share <= 0.01, "{set}: {share}");
    }
}

/// The first 300 texts of a set, as many as a run makes, are diverse enough but for those that people copied.
#[test]
fn people_are_diverse() {
    for (set, most) in [("youtube", 0.1), ("sms", 0.05), ("agnews", 0.05), ("trec", 0.05)] {
        let Some(mut texts) = texts(set) else { continue };
        texts.truncate(300);
        let (share, reasons) = dropped(&mut Diversity::new(&DiversitySettings::default()).expect("defaults"), &texts);
        let shown = &reasons[..reasons.len().min(12)];
        say(&format!("diversity {set}: {share:.4}\n  {}", shown.join("\n  ")));
        assert!(share <= most, "{set}: {share}");
    }
}
