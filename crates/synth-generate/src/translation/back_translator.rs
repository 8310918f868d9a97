//! The generator that translates texts there and back.

use std::collections::BTreeMap;
use std::ops::ControlFlow;
use std::sync::Arc;

use synth_core::Observer;

use super::{TextToTranslate, Translate};
use crate::{Answer, GenerateError, Generator, Input, Price, Request, Response, Sampling, Sink, Usage};

/// A language that texts are translated into, and back from.
#[derive(Clone)]
pub struct Pivot {
    /// Its code, as `fr`.
    pub language: String,
    /// From the language of the texts.
    pub there: Arc<dyn Translate>,
    /// Into the language of the texts.
    pub back: Arc<dyn Translate>,
}

/// Puts texts in other words by translating them into another language and back (Sennrich, Haddow, Birch 2016; for
/// classification Xie et al. 2020, Unsupervised Data Augmentation).
///
/// The way there is the best translation, so that the meaning stays; on the way back words are drawn as
/// [`Request::sampling`] has it, so that choices differ. The choices of a request take the pivots in turn, from one that
/// its seed decides. [`Request::max_tokens`] means nothing to it.
///
/// # Errors
/// Of single requests: [`GenerateError::Unsupported`] for prompts.
#[derive(Clone)]
pub struct BackTranslator {
    pivots: Vec<Pivot>,
    model: String,
}

/// Requests that are worked on together.
const BATCH: usize = 8;

/// Where a choice belongs.
#[derive(Clone, Copy)]
struct Place {
    request: usize,
    choice: u32,
}

impl BackTranslator {
    /// A generator that goes by these languages.
    ///
    /// # Errors
    /// There is no pivot.
    pub fn new(pivots: Vec<Pivot>) -> Result<Self, GenerateError> {
        if pivots.is_empty() {
            let value = "none".to_owned();
            return Err(GenerateError::Setting { name: "pivot", value, expected: "one or more languages" });
        }
        let mut names: Vec<&str> = pivots.iter().flat_map(|pivot| [pivot.there.name(), pivot.back.name()]).collect();
        names.dedup();
        let model = names.join(", ");
        Ok(Self { pivots, model })
    }

    /// The choices of some requests, in order.
    fn translated(&self, requests: &[Request], observer: &dyn Observer) -> Result<Vec<Vec<String>>, GenerateError> {
        let mut choices: Vec<Vec<(u32, String)>> = vec![Vec::new(); requests.len()];
        for (pivot, places) in self.places(requests) {
            if observer.cancelled() {
                return Err(GenerateError::Cancelled);
            }
            let texts = Self::there_and_back(&self.pivots[pivot], requests, &places, observer)?;
            for (place, text) in places.iter().zip(texts) {
                choices[place.request].push((place.choice, text));
            }
        }
        let in_order = |mut choices: Vec<(u32, String)>| {
            choices.sort_by_key(|(choice, _)| *choice);
            choices.into_iter().map(|(_, text)| text).collect()
        };
        Ok(choices.into_iter().map(in_order).collect())
    }

    /// The choices of requests, by pivot.
    fn places(&self, requests: &[Request]) -> BTreeMap<usize, Vec<Place>> {
        let mut places: BTreeMap<usize, Vec<Place>> = BTreeMap::new();
        for (request, asked) in requests.iter().enumerate() {
            let n = self.pivots.len() as u64;
            for choice in 0..asked.n_choices {
                let pivot = (asked.seed % n + u64::from(choice)) % n;
                places.entry(pivot as usize).or_default().push(Place { request, choice });
            }
        }
        places
    }

    /// Translates the texts of some choices by one pivot.
    fn there_and_back(
        pivot: &Pivot,
        requests: &[Request],
        places: &[Place],
        observer: &dyn Observer,
    ) -> Result<Vec<String>, GenerateError> {
        let source = |place: &Place| match &requests[place.request].input {
            Input::Text { text, .. } => text.as_str(),
            Input::Prompt(_) | Input::Picture { .. } => "",
        };
        // All choices of a request have the same way there.
        let mut sources: Vec<&str> = places.iter().map(source).collect();
        sources.dedup();
        let there: Vec<_> = sources.iter().map(|text| TextToTranslate { text, seed: 0, choice: 0 }).collect();
        let there = pivot.there.translate(&there, Sampling::greedy(), observer)?;
        let mut translated = Vec::with_capacity(places.len());
        // By how words are drawn, which is mostly the same for all.
        let mut rest = places;
        while let Some(first) = rest.first() {
            let sampling = requests[first.request].sampling;
            let n = rest.iter().take_while(|place| requests[place.request].sampling == sampling).count();
            let (some, others) = rest.split_at(n);
            let text = |place: &Place| {
                let at = sources.iter().position(|text| *text == source(place)).unwrap_or_default();
                TextToTranslate { text: &there[at], seed: requests[place.request].seed, choice: place.choice }
            };
            let texts: Vec<_> = some.iter().map(text).collect();
            translated.extend(pivot.back.translate(&texts, sampling, observer)?);
            rest = others;
        }
        Ok(translated)
    }
}

impl Generator for BackTranslator {
    fn fingerprint(&self) -> String {
        let of = |pivot: &Pivot| {
            format!("{}: {}, back {}", pivot.language, pivot.there.fingerprint(), pivot.back.fingerprint())
        };
        let pivots: Vec<String> = self.pivots.iter().map(of).collect();
        format!("back-translation by {}", pivots.join("; "))
    }

    fn model(&self) -> &str {
        &self.model
    }

    fn price(&self) -> Option<Price> {
        Some(Price { input_per_million: 0.0, output_per_million: 0.0 })
    }

    /// None: nothing here is counted in tokens.
    fn n_tokens(&self, _text: &str) -> u64 {
        0
    }

    fn generate(
        &self,
        requests: &[Request],
        observer: &dyn Observer,
        sink: &mut Sink<'_>,
    ) -> Result<(), GenerateError> {
        for at in (0..requests.len()).step_by(BATCH) {
            let batch = &requests[at..requests.len().min(at + BATCH)];
            let answers = match self.translated(batch, observer) {
                Err(GenerateError::Cancelled) => return Err(GenerateError::Cancelled),
                Ok(all) => all.into_iter().map(Ok).collect(),
                // One of them may be what it fails at: each for itself, so that the others are answered.
                Err(_) => {
                    let one =
                        |request: &Request| Ok(self.translated(std::slice::from_ref(request), observer)?.remove(0));
                    batch.iter().map(one).collect::<Vec<Result<_, _>>>()
                }
            };
            let answer = |(request, result): (usize, Result<Vec<String>, GenerateError>)| {
                let result = match (&requests[request].input, result) {
                    (_, Err(GenerateError::Cancelled)) => return Err(GenerateError::Cancelled),
                    (Input::Text { .. }, result) => result.map(|choices| Response { choices, usage: Usage::default() }),
                    (Input::Prompt(_) | Input::Picture { .. }, _) => {
                        let generator = "back-translation".into();
                        Err(GenerateError::Unsupported { generator, what: "answer prompts or draw" })
                    }
                };
                Ok(Answer { request, result })
            };
            let answers = (at..).zip(answers).map(answer).collect::<Result<_, _>>()?;
            if let ControlFlow::Break(()) = sink(answers) {
                return Ok(());
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use synth_core::Silent;

    use super::*;

    /// Adds a word: and, where words are drawn, what they are drawn by.
    struct Adds(&'static str);

    impl Translate for Adds {
        fn fingerprint(&self) -> String {
            format!("adds {}", self.0)
        }

        fn name(&self) -> &str {
            self.0
        }

        fn translate(
            &self,
            texts: &[TextToTranslate<'_>],
            sampling: Sampling,
            _: &dyn Observer,
        ) -> Result<Vec<String>, GenerateError> {
            let one = |text: &TextToTranslate<'_>| match sampling.temperature > 0.0 {
                true => format!("{} {} {}/{}", text.text, self.0, text.seed, text.choice),
                false => format!("{} {}", text.text, self.0),
            };
            Ok(texts.iter().map(one).collect())
        }
    }

    fn generator() -> BackTranslator {
        let pivot = |language: &str, there: &'static str, back: &'static str| Pivot {
            language: language.to_owned(),
            there: Arc::new(Adds(there)),
            back: Arc::new(Adds(back)),
        };
        BackTranslator::new(vec![pivot("fr", "en-fr", "fr-en"), pivot("de", "en-de", "de-en")]).unwrap()
    }

    fn request(text: &str, n_choices: u32, seed: u64, sampling: Sampling) -> Request {
        let input = Input::Text { text: text.to_owned(), others: Vec::new() };
        Request { input, n_choices, max_tokens: 1, sampling, seed }
    }

    fn choices(requests: &[Request]) -> Vec<Vec<String>> {
        let mut all = vec![Vec::new(); requests.len()];
        let sink = &mut |answers: Vec<Answer>| {
            answers.into_iter().for_each(|answer| all[answer.request] = answer.result.unwrap().choices);
            ControlFlow::Continue(())
        };
        generator().generate(requests, &Silent, sink).unwrap();
        all
    }

    #[test]
    fn choices_take_pivots_in_turn_and_draw_on_the_way_back() {
        let some = choices(&[
            request("a", 3, 7, Sampling::default()),
            request("b", 1, 4, Sampling::greedy()),
            request("a", 1, 8, Sampling::default()),
        ]);
        assert_eq!(some[0], ["a en-de de-en 7/0", "a en-fr fr-en 7/1", "a en-de de-en 7/2"]);
        assert_eq!(some[1], ["b en-fr fr-en"]);
        assert_eq!(some[2], ["a en-fr fr-en 8/0"]);
    }

    #[test]
    fn a_choice_does_not_depend_on_what_is_asked_beside_it() {
        let requests: Vec<Request> =
            (0..20).map(|i| request(["a", "b", "c"][i % 3], 2, i as u64, Sampling::default())).collect();
        let together = choices(&requests);
        for (request, together) in requests.iter().zip(&together) {
            assert_eq!(&choices(std::slice::from_ref(request))[0], together);
        }
    }

    #[test]
    fn prompts_are_refused_one_by_one() {
        let prompt = crate::Prompt { system: String::new(), user: "hi".into(), form: crate::AnswerForm::Text };
        let prompt = Request { input: Input::Prompt(prompt), ..request("", 1, 0, Sampling::greedy()) };
        let mut results = Vec::new();
        let requests = [prompt, request("b", 1, 0, Sampling::greedy())];
        generator()
            .generate(&requests, &Silent, &mut |answers| {
                results.extend(answers.into_iter().map(|answer| answer.result.is_ok()));
                ControlFlow::Continue(())
            })
            .unwrap();
        assert_eq!(results, [false, true]);
    }

    #[test]
    fn what_one_text_fails_at_does_not_fail_the_others() {
        struct Fails;
        impl Translate for Fails {
            fn fingerprint(&self) -> String {
                "fails".into()
            }

            fn name(&self) -> &str {
                "fails"
            }

            fn translate(
                &self,
                texts: &[TextToTranslate<'_>],
                _: Sampling,
                _: &dyn Observer,
            ) -> Result<Vec<String>, GenerateError> {
                match texts.iter().any(|text| text.text.contains("bad")) {
                    true => Err(GenerateError::Generator { generator: "it".into(), source: "a bad one".into() }),
                    false => Ok(texts.iter().map(|text| text.text.to_owned()).collect()),
                }
            }
        }
        let (there, back) = (Arc::new(Fails), Arc::new(Fails));
        let generator = BackTranslator::new(vec![Pivot { language: "fr".into(), there, back }]).unwrap();
        let requests = ["a", "bad", "b"].map(|text| request(text, 1, 0, Sampling::greedy()));
        let mut results = Vec::new();
        let sink = &mut |answers: Vec<Answer>| {
            results.extend(answers.into_iter().map(|answer| answer.result.map(|response| response.choices)));
            ControlFlow::Continue(())
        };
        generator.generate(&requests, &Silent, sink).unwrap();
        assert_eq!(
            (results[0].as_ref().unwrap(), results[2].as_ref().unwrap()),
            (&vec!["a".into()], &vec!["b".into()])
        );
        assert!(results[1].is_err());
    }

    #[test]
    fn it_says_what_it_goes_by() {
        let generator = generator();
        assert_eq!(generator.model(), "en-fr, fr-en, en-de, de-en");
        assert!(generator.fingerprint().starts_with("back-translation by fr: adds en-fr, back adds fr-en; de: "));
        assert!(BackTranslator::new(Vec::new()).is_err());
    }
}
