//! What the tests of several filters share, and what holds for all of them.

use std::collections::BTreeMap;
use std::ops::ControlFlow;
use std::sync::Arc;

use ndarray::Array2;
use proptest::prelude::*;
use synth_core::{BoxError, ClassId, ClassSet, Dataset, Embed, Observer, Predict, SoftLabels};

use super::*;
use crate::{
    Answer, Candidate, Filter, Generator, Input, Price, Prompt, Provenance, Request, Response, Sink, TextRecords,
    Usage, Verdict,
};

/// Candidates that are wanted to be of the class at 1, called c0, c1 and so on.
pub(super) fn candidates(texts: &[&str]) -> Vec<Candidate> {
    let candidate = |(i, text): (usize, &&str)| Candidate {
        id: format!("c{i}"),
        text: (*text).to_owned(),
        wanted: Some(ClassId::new(1)),
        source: None,
        provenance: Provenance::default(),
    };
    texts.iter().enumerate().map(candidate).collect()
}

/// Candidates that are pictures of 32 x 32 grey pixels, by functions of x and y, called c0, c1 and so on.
pub(super) fn pictures(of: &[&dyn Fn(u32, u32) -> u8]) -> Vec<Candidate> {
    let url = |of: &&dyn Fn(u32, u32) -> u8| {
        let pixels = (0..32).flat_map(|y| (0..32).map(move |x| (x, y)));
        let rgb = pixels.flat_map(|(x, y)| [of(x, y); 3]).collect();
        synth_image::Picture::from_rgb(32, 32, rgb).unwrap().to_url()
    };
    let urls: Vec<String> = of.iter().map(url).collect();
    candidates(&urls.iter().map(String::as_str).collect::<Vec<_>>())
}

/// Which candidates a filter drops.
pub(super) fn dropped(filter: &mut dyn Filter, batch: &[Candidate]) -> Vec<bool> {
    filter.judge(batch).unwrap().iter().map(|verdict| verdict.dropped.is_some()).collect()
}

/// Tells ham and spam, and something else, by their names in the field `text`.
pub(super) struct Keyword(ClassSet);

impl Keyword {
    pub(super) fn new() -> Self {
        Self(ClassSet::new(["ham", "spam", "other"]).unwrap())
    }
}

impl Predict for Keyword {
    fn classes(&self) -> &ClassSet {
        &self.0
    }

    fn predict(&self, records: &Dataset) -> Result<SoftLabels, BoxError> {
        let column = records.column("text").ok_or("there is no field `text`")?;
        let (mut probs, mut n_votes) = (Vec::new(), Vec::new());
        for row in 0..records.n_rows() {
            let text = column.text(row).unwrap_or_default();
            let has = |word: &str| text.contains(word);
            let (p, votes) = match (has("ham"), has("spam")) {
                _ if has("maybe") => ([0.3, 0.3, 0.4], 1),
                _ if has("else") => ([0.0, 0.0, 1.0], 1),
                (true, true) => ([0.5, 0.5, 0.0], 2),
                (true, false) => ([0.9, 0.1, 0.0], 1),
                (false, true) => ([0.1, 0.9, 0.0], 1),
                (false, false) => ([0.6, 0.2, 0.2], 0),
            };
            probs.extend(p);
            n_votes.push(votes);
        }
        Ok(SoftLabels::from_rows(self.0.clone(), probs, n_votes)?)
    }
}

/// Places a text of two numbers at them.
pub(super) struct Numbers;

impl Embed for Numbers {
    fn dim(&self) -> usize {
        2
    }

    fn embed(&self, records: &Dataset) -> Result<Array2<f64>, BoxError> {
        let column = records.column("text").ok_or("there is no field `text`")?;
        let mut points = Array2::zeros((records.n_rows(), 2));
        for (row, mut point) in points.rows_mut().into_iter().enumerate() {
            let text = column.text(row).unwrap_or_default();
            for (value, number) in point.iter_mut().zip(text.split(' ')) {
                *value = number.parse()?;
            }
        }
        Ok(points)
    }
}

/// Places a text by its length and its vowels.
struct Letters;

impl Embed for Letters {
    fn dim(&self) -> usize {
        2
    }

    fn embed(&self, records: &Dataset) -> Result<Array2<f64>, BoxError> {
        let column = records.column("text").ok_or("there is no field `text`")?;
        Ok(Array2::from_shape_fn((records.n_rows(), 2), |(row, at)| {
            let text = column.text(row).unwrap_or_default();
            if at == 0 { text.len() as f64 } else { text.matches(['a', 'e', 'i', 'o', 'u']).count() as f64 }
        }))
    }
}

/// Answers with the text that it is asked, but for a few words that ask for trouble.
pub(super) struct Scripted;

impl Generator for Scripted {
    fn fingerprint(&self) -> String {
        "scripted".to_owned()
    }

    fn model(&self) -> &str {
        "scripted"
    }

    fn price(&self) -> Option<Price> {
        None
    }

    fn n_tokens(&self, text: &str) -> u64 {
        text.len() as u64
    }

    fn generate(&self, requests: &[Request], _: &dyn Observer, sink: &mut Sink<'_>) -> Result<(), GenerateError> {
        // Backwards, since the order must not matter.
        for (request, asked) in requests.iter().enumerate().rev() {
            let Input::Prompt(Prompt { user, .. }) = &asked.input else { continue };
            let result = match user.as_str() {
                "fail" => Err(GenerateError::Generator { generator: "scripted".into(), source: "broken".into() }),
                "cancel" => Err(GenerateError::Cancelled),
                "stop" => return Err(GenerateError::Unsupported { generator: "scripted".into(), what: "go on" }),
                "silent" => continue,
                "empty" => Ok(Response { choices: Vec::new(), usage: Usage::default() }),
                text => Ok(Response { choices: vec![text.to_owned()], usage: Usage::default() }),
            };
            if sink(vec![Answer { request, result }]) == ControlFlow::Break(()) {
                break;
            }
        }
        Ok(())
    }
}

/// One of each kind.
fn all() -> Vec<Box<dyn Filter>> {
    let records = || TextRecords::of_field("text");
    let known = || [("t-1", "where is my parcel?"), ("t-2", "the spam that I had"), ("t-3", "one word")];
    let real: Vec<String> = (0..40).map(|i| "the parcel never came ".repeat(1 + i % 3) + &"u".repeat(i % 7)).collect();
    let real = BTreeMap::from([(Some(ClassId::new(1)), real)]);
    let rubric = |candidate: &Candidate| {
        let user = format!("{}", 1 + candidate.text.len() % 7);
        Ok(Prompt { system: String::new(), user, form: crate::AnswerForm::Text })
    };
    vec![
        Box::new(Length { max_chars: 30, ..Length::default() }),
        Box::new(Leftovers::new(&LeftoversSettings::default()).unwrap()),
        Box::new(Language::of_codes(&["en"]).unwrap()),
        Box::new(Duplicates::new(&DuplicatesSettings::default(), known()).unwrap()),
        Box::new(Facts),
        Box::new(Contamination::new(&ContaminationSettings { n_words: 3, allowed: 0.0 }, known()).unwrap()),
        Box::new(Diversity::new(&DiversitySettings { n_words: 2, most: 0.7 }).unwrap()),
        Box::new(Agreement::new(&AgreementSettings::default(), Arc::new(Keyword::new()), records()).unwrap()),
        Box::new(Confidence::new(&ConfidenceSettings::edge(), None, Arc::new(Keyword::new()), records()).unwrap()),
        Box::new(Meaning::new(&MeaningSettings::default(), Arc::new(Letters), records(), [("r", "real")]).unwrap()),
        Box::new(Frechet::new(&FrechetSettings::default(), Arc::new(Letters), records(), &real).unwrap()),
        Box::new(Judge::new(&JudgeSettings::default(), Arc::new(Scripted), rubric).unwrap()),
        Box::new(
            Realism::new(&RealismSettings::default(), Arc::new(Letters), records(), &["a", "bb", "ccc", "dddd", "ee"])
                .unwrap(),
        ),
    ]
}

/// Judges batches one after the other, keeping what passes; all verdicts of all filters.
fn run(batches: &[Vec<String>]) -> Vec<Vec<Verdict>> {
    let verdicts = |mut filter: Box<dyn Filter>| {
        let mut all = Vec::new();
        for (number, texts) in batches.iter().enumerate() {
            let mut batch = candidates(&texts.iter().map(String::as_str).collect::<Vec<_>>());
            batch.iter_mut().for_each(|candidate| candidate.id = format!("{number}-{}", candidate.id));
            let verdicts = filter.judge(&batch).unwrap();
            assert_eq!(verdicts.len(), batch.len(), "{}", filter.name());
            let passed =
                |(candidate, verdict): (&Candidate, &Verdict)| verdict.dropped.is_none().then(|| candidate.clone());
            let kept: Vec<Candidate> = batch.iter().zip(&verdicts).filter_map(passed).collect();
            filter.keep(&kept).unwrap();
            all.extend(verdicts);
        }
        all
    };
    all().into_iter().map(verdicts).collect()
}

#[test]
fn names_are_those_of_settings() {
    let names: Vec<&str> = all().iter().map(|filter| filter.name()).collect();
    let docs = include_str!("mod.rs").lines().filter(|line| line.starts_with("//! - ")).count();
    // Those of pictures cannot judge the texts of these tests.
    assert!(names.len() + 2 == docs && docs == 15, "{}", names.len());
    assert!(names.iter().all(|name| name.chars().all(|c| c.is_ascii_lowercase() || c == '-')));
}

#[test]
fn nothing_is_judged_without_candidates() {
    for mut filter in all() {
        assert!(filter.judge(&[]).unwrap().is_empty(), "{}", filter.name());
        filter.keep(&[]).unwrap();
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]
    #[test]
    fn one_verdict_for_each_candidate_and_the_same_each_time(
        batches in proptest::collection::vec(
            proptest::collection::vec("(spam|ham|maybe|parcel|never|Sure! |[name]| |\\PC|é|\\{\"){0,12}", 0..8),
            1..4,
        ),
    ) {
        let first = run(&batches);
        prop_assert_eq!(&first, &run(&batches));
        // Nothing with a reason passes for good: drops are told apart from passes by the reason alone.
        for verdict in first.iter().flatten() {
            prop_assert!(verdict.dropped.as_ref().is_none_or(|reason| !reason.is_empty()));
            prop_assert!(verdict.score.is_none_or(f64::is_finite));
        }
    }
}
