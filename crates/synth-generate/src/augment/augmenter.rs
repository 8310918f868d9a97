//! The generator that changes texts by rules.

use rand::seq::SliceRandom;
use rand_chacha::ChaCha8Rng;
use rayon::prelude::*;
use synth_core::Observer;

use super::language::foreign;
use super::recombine::recombine;
use super::settings::{AugmenterSettings, Operation};
use super::source::Source;
use super::thesaurus::Thesaurus;
use super::{noise, word_order, word_synonyms};
use crate::seeds::{Use, rng};
use crate::{Answer, GenerateError, Generator, Input, Price, Request, Response, Sink, Usage};

/// Changed when the same settings and tables begin to make other variants.
const VERSION: u32 = 1;

/// How often each operation is tried for one variant before it is given up.
const ROUNDS: usize = 2;

/// Requests that are worked on together; the observer is asked between them.
const BATCH: usize = 256;

/// Makes variants of English texts, without a model: easy data augmentation.
///
/// Words are replaced by synonyms, doubled by them, swapped and left out; on request they are mistyped; sentences are
/// left out, reordered and borrowed from other texts of the class ([`AugmenterSettings`]). Synonyms are those of the
/// most frequent senses of WordNet 3.0, in the form of the word they stand for. Left alone are stop words, numbers,
/// negations and what they negate, fixed expressions, everything with capitals (but for the first word of a
/// sentence), addresses, mentions and tags, and all words that are not in the table, since they may be names.
///
/// Each choice is made by one operation. Choices that come out like their source are tried again, and given up after
/// a fixed number of times: then there are fewer than asked for. [`Request::max_tokens`] and [`Request::sampling`]
/// mean nothing to it.
///
/// # Errors
/// Of single requests: [`GenerateError::Unsupported`] for prompts, [`GenerateError::Language`] for texts that are in
/// another language than English for sure. Of other languages neither stop words nor negations are known, so no
/// operation would be safe.
///
/// # Examples
/// ```
/// use std::ops::ControlFlow;
/// use synth_core::Silent;
/// use synth_generate::{Augmenter, AugmenterSettings, Generator, Input, Request, Sampling};
///
/// let all = AugmenterSettings::default();
/// let settings = AugmenterSettings { insert: 0.0, swap: 0.0, delete: 0.0, recombine: 0.0, ..all };
/// let request = Request {
///     input: Input::Text { text: "Movies are not for Mary".into(), others: Vec::new() },
///     n_choices: 1,
///     max_tokens: 100,
///     sampling: Sampling::default(),
///     seed: 7,
/// };
/// let mut choices = Vec::new();
/// Augmenter::new(settings)?.generate(&[request], &Silent, &mut |answers| {
///     choices.extend(answers.into_iter().flat_map(|answer| answer.result.unwrap().choices));
///     ControlFlow::Continue(())
/// })?;
/// assert_eq!(choices, ["Films are not for Mary"]);
/// # Ok::<(), synth_generate::GenerateError>(())
/// ```
///
/// # References
/// Wei & Zou 2019, EDA: Easy Data Augmentation Techniques for Boosting Performance on Text Classification Tasks.
/// Each operation says where it differs. Miller 1995, WordNet: A Lexical Database for English.
#[derive(Debug, Clone)]
pub struct Augmenter {
    settings: AugmenterSettings,
}

impl Augmenter {
    /// An augmenter with these settings.
    ///
    /// # Errors
    /// [`GenerateError::Setting`] if a rate is no share, or all are 0.
    pub fn new(settings: AugmenterSettings) -> Result<Self, GenerateError> {
        settings.check()?;
        Ok(Self { settings })
    }

    /// What is done to texts, for provenance: `one of replace 0.1, swap 0.1`.
    pub fn describe(&self) -> String {
        format!("one of {}", self.settings.line())
    }

    fn answer(&self, request: &Request) -> Result<Response, GenerateError> {
        let Input::Text { text, others } = &request.input else {
            return Err(GenerateError::Unsupported { generator: "augmentation".into(), what: "answer prompts" });
        };
        let source = Source::of(text);
        if let Some(language) = foreign(&source) {
            return Err(GenerateError::Language { generator: "augmentation".into(), language: language.into() });
        }
        let choice = |i: u32| self.variant(&source, others, &mut rng(request.seed, Use::Augment, u64::from(i)));
        Ok(Response { choices: (0..request.n_choices).filter_map(choice).collect(), usage: Usage::default() })
    }

    /// One variant that differs from its source, by the first operation that makes one, in an order by chance.
    fn variant(&self, source: &Source<'_>, others: &[String], rng: &mut ChaCha8Rng) -> Option<String> {
        let mut operations: Vec<(Operation, f64)> = self.settings.in_use().collect();
        operations.shuffle(rng);
        let tries = operations.iter().cycle().take(ROUNDS * operations.len());
        let mut variants = tries.filter_map(|&(operation, rate)| {
            let n = ((source.words.len() as f64 * rate).round() as usize).max(1);
            match operation {
                Operation::Replace => word_synonyms::replace(source, n, rng),
                Operation::Insert => word_synonyms::insert(source, n, rng),
                Operation::Swap => word_order::swap(source, n, rng),
                Operation::Delete => word_order::delete(source, n, rng),
                Operation::Noise => noise::mistype(source, rate, rng),
                Operation::Recombine => recombine(source.text, others, rate, rng),
            }
        });
        variants.find(|variant| variant != source.text && !variant.trim().is_empty())
    }
}

impl Generator for Augmenter {
    fn fingerprint(&self) -> String {
        format!("augment {VERSION}, WordNet 3.0 {}, {}", Thesaurus::version(), self.settings.line())
    }

    fn model(&self) -> &str {
        "augmentation with WordNet 3.0"
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
        for (batch, part) in requests.chunks(BATCH).enumerate() {
            if observer.cancelled() {
                return Err(GenerateError::Cancelled);
            }
            let answer = |(i, request)| Answer { request: batch * BATCH + i, result: self.answer(request) };
            if sink(part.par_iter().enumerate().map(answer).collect()).is_break() {
                break;
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;
    use std::ops::ControlFlow;

    use proptest::prelude::*;
    use synth_core::Silent;
    use synth_text::words;

    use super::*;
    use crate::{AnswerForm, Prompt, Sampling};

    const OFF: AugmenterSettings =
        AugmenterSettings { replace: 0.0, insert: 0.0, swap: 0.0, delete: 0.0, noise: 0.0, recombine: 0.0 };
    const ALL: AugmenterSettings =
        AugmenterSettings { replace: 0.3, insert: 0.3, swap: 0.3, delete: 0.3, noise: 0.2, recombine: 0.3 };

    fn request(text: &str, others: &[&str], n_choices: u32, seed: u64) -> Request {
        let others = others.iter().map(|&other| other.to_owned()).collect();
        let input = Input::Text { text: text.to_owned(), others };
        Request { input, n_choices, max_tokens: 100, sampling: Sampling::default(), seed }
    }

    fn answers(settings: AugmenterSettings, requests: &[Request]) -> Vec<Result<Vec<String>, String>> {
        let mut found = Vec::new();
        let sink: &mut Sink<'_> = &mut |answers| {
            for answer in answers {
                assert_eq!(answer.request, found.len());
                found.push(answer.result.map(|response| response.choices).map_err(|error| error.to_string()));
            }
            ControlFlow::Continue(())
        };
        Augmenter::new(settings).unwrap().generate(requests, &Silent, sink).unwrap();
        found
    }

    /// All that 200 seeds make of a text.
    fn variants(settings: AugmenterSettings, text: &str, others: &[&str]) -> BTreeSet<String> {
        let found = answers(settings, &[request(text, others, 200, 1)]).remove(0).unwrap();
        found.into_iter().collect()
    }

    fn check(settings: AugmenterSettings, text: &str, expected: &[&str]) {
        let expected: BTreeSet<String> = expected.iter().map(|&variant| variant.to_owned()).collect();
        assert_eq!(variants(settings, text, &[]), expected, "{text}");
    }

    #[test]
    fn synonyms_in_the_place_of_words() {
        let replace = AugmenterSettings { replace: 0.1, ..OFF };
        check(
            replace,
            "Movies, and (perhaps) more!",
            &["Films, and (perhaps) more!", "Movies, and (maybe) more!", "Movies, and (possibly) more!"],
        );
        check(replace, "Has a job?", &["Has an occupation?"]);
        check(replace, "An occupation  for Mary", &["A job  for Mary"]);
        check(replace, "MOVIE", &[]);
        // Two words at once, of 15.
        let long = "a movie and a film and a movie and a film and a movie and a film";
        let twice = variants(replace, long, &[]);
        let differing = |variant: &String| words(variant).zip(words(long)).filter(|(a, b)| a != b).count();
        assert!(!twice.is_empty() && twice.iter().all(|variant| differing(variant) == 2), "{twice:?}");
    }

    #[test]
    fn synonyms_beside_words() {
        let insert = AugmenterSettings { insert: 0.1, ..OFF };
        check(insert, "Movies for the family.", &["Films movies for the family.", "Movies for the household family."]);
        check(insert, "it is a job", &["it is an occupation job"]);
        check(insert, "it is \"a movie\"", &["it is \"a film movie\""]);
    }

    #[test]
    fn words_change_places() {
        let swap = AugmenterSettings { swap: 0.1, ..OFF };
        check(swap, "Movie night at home.", &["Night movie at home.", "Home night at movie.", "Movie home at night."]);
        check(swap, "the box. No parcel of John", &[]);
        check(swap, "movie movie", &[]);
    }

    #[test]
    fn words_are_left_out() {
        let delete = AugmenterSettings { delete: 0.1, ..OFF };
        check(delete, "Parcels come with money.", &["Come with money.", "Parcels come with."]);
        check(delete, "an awful, great movie", &[]);
        check(delete, "it was an awful movie for us", &["it was a movie for us"]);
        check(delete, "great movie", &[]);
        check(delete, "movie\nnight is here\n", &["movie\nis here\n"]);
    }

    #[test]
    fn sentences_are_borrowed() {
        let recombine = AugmenterSettings { recombine: 0.1, ..OFF };
        let text = "The parcel came so late. The box was all wet.";
        let found = variants(recombine, text, &["My books were gone. Nobody answers my calls."]);
        assert!(found.contains("The parcel came so late. Nobody answers my calls."), "{found:?}");
        assert!(found.contains("My books were gone. The box was all wet."), "{found:?}");
        let foreign =
            "Es sollte schon seit gestern hier sein, wie immer. Aber niemand antwortet mir hier jemals, leider.";
        assert!(variants(recombine, text, &[foreign]).iter().all(|variant| !variant.contains("niemand")));
    }

    #[test]
    fn what_must_stay_stays_and_in_its_order() {
        let text = "I didn't enjoy the movie in Paris, it cost 20 dollars and was not a really good film. \
                    My sister bought tickets and popcorn for the whole family last week. Never buy from @shop \
                    (see https://shop.com/film) without asking NASA about 3 movies :p 👍";
        let kept = [
            "didn't enjoy",
            "Paris",
            "20",
            "not a really good film",
            "Never buy",
            "@shop",
            "(see",
            "https://shop.com/film)",
        ];
        let kept = [&kept[..], &["without asking", "NASA", "3", ":p 👍"]].concat();
        let settings = AugmenterSettings { recombine: 0.0, ..ALL };
        let found = variants(settings, text, &[]);
        assert!(found.len() > 20, "{found:?}");
        for variant in found {
            let mut rest = variant.as_str();
            for part in &kept {
                let at = rest.find(part).unwrap_or_else(|| panic!("{part} is gone from {variant}"));
                rest = &rest[at + part.len()..];
            }
        }
    }

    #[test]
    fn no_word_crosses_the_end_of_its_sentence() {
        let text = "movies cost money here. parcels come with dirt there.";
        for variant in variants(AugmenterSettings { swap: 1.0, ..OFF }, text, &[]) {
            let sentence =
                |text: &str, i| words(text.split('.').nth(i).unwrap()).map(str::to_owned).collect::<BTreeSet<_>>();
            for i in 0..2 {
                assert_eq!(sentence(&variant, i), sentence(text, i), "{variant}");
            }
        }
    }

    #[test]
    fn the_same_seed_makes_the_same_choice() {
        let texts = ["the movie was fine, the parcel came late", "where is my parcel? nothing is here", ""];
        let requests = |n_choices| -> Vec<Request> {
            (0..600).map(|i| request(texts[i % 3], &texts[..2], n_choices, i as u64)).collect()
        };
        let (few, many) = (answers(ALL, &requests(2)), answers(ALL, &requests(6)));
        for (few, many) in few.iter().zip(&many) {
            assert!(many.as_ref().unwrap().starts_with(few.as_ref().unwrap()));
        }
        let alone = rayon::ThreadPoolBuilder::new().num_threads(1).build().unwrap();
        assert_eq!(alone.install(|| answers(ALL, &requests(6))), many);
        assert!(many.iter().collect::<std::collections::HashSet<_>>().len() > 300);
    }

    #[test]
    fn what_it_cannot_do_is_said() {
        let prompt = Prompt { system: String::new(), user: "hello".into(), form: AnswerForm::Text };
        let prompt = Request { input: Input::Prompt(prompt), ..request("", &[], 1, 0) };
        let german = request("Das Paket ist leider immer noch nicht bei mir angekommen.", &[], 1, 0);
        let found = answers(AugmenterSettings::default(), &[prompt, german, request("a job", &[], 1, 0)]);
        assert_eq!(found[0], Err("augmentation cannot answer prompts".into()));
        assert_eq!(found[1], Err("augmentation works on English texts, and this one is German".into()));
        assert!(found[2].is_ok());
        let error = |settings| Augmenter::new(settings).unwrap_err().to_string();
        assert_eq!(error(AugmenterSettings { swap: f64::NAN, ..OFF }), "`swap` is NaN, expected a share from 0 to 1");
        assert_eq!(error(AugmenterSettings { noise: 1.5, ..OFF }), "`noise` is 1.5, expected a share from 0 to 1");
        assert_eq!(error(OFF), "`replace` is 0, like all other rates, expected one rate at least above 0");
    }

    #[test]
    fn settings_are_in_the_fingerprint() {
        let augmenter = Augmenter::new(AugmenterSettings::default()).unwrap();
        assert_eq!(augmenter.describe(), "one of replace 0.1, insert 0.1, swap 0.1, delete 0.1, recombine 0.1");
        let fingerprint = augmenter.fingerprint();
        assert!(fingerprint.ends_with("replace 0.1, insert 0.1, swap 0.1, delete 0.1, recombine 0.1"), "{fingerprint}");
        assert!(fingerprint.contains(&Thesaurus::version()));
        assert_ne!(fingerprint, Augmenter::new(ALL).unwrap().fingerprint());
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(500))]
        #[test]
        fn any_text_makes_variants_or_none(
            text in "(\\PC|[ .,!?'\n\t]|(the|a|movie|Parcels|not|great|bought|happy|é|👍🏽|e\u{301}|http://x.y|#tag) ?){0,40}",
            seed: u64,
            rate in prop::sample::select(vec![0.05, 0.3, 1.0]),
        ) {
            let settings = AugmenterSettings {
                replace: rate, insert: rate, swap: rate, delete: rate, noise: rate, recombine: rate,
            };
            if let Ok(found) = answers(settings, &[request(&text, &[&text, "a movie. and parcels?"], 6, seed)]).remove(0) {
                for variant in found {
                    prop_assert!(!variant.trim().is_empty() && variant != text);
                }
            }
        }
    }
}
