//! Translations beside transformers, and pieces beside sentencepiece, as they were recorded: see fixtures/marian.py.

use std::fs;
use std::path::Path;

use serde::Deserialize;
use synth_core::Silent;
use synth_generate::{Sampling, TextToTranslate, Translate};
use synth_neural::{ModelFolder, NeuralError, Translator, TranslatorSettings};
use tempfile::TempDir;

use crate::{copy, fixtures};

#[derive(Deserialize)]
struct Recorded {
    strings: Vec<String>,
    en_pieces: Vec<String>,
    fr_pieces: Vec<String>,
    #[serde(rename = "en-fr")]
    en_fr: Model,
    #[serde(rename = "fr-en")]
    fr_en: Model,
    #[serde(rename = "en-mul")]
    en_mul: Model,
}

#[derive(Deserialize)]
struct Model {
    sentences: Vec<String>,
    ids: Vec<Vec<u32>>,
    greedy: Vec<Vec<u32>>,
    beam: Vec<Vec<u32>>,
    greedy_text: Vec<String>,
    beam_text: Vec<String>,
}

fn recorded() -> Recorded {
    serde_json::from_slice(&fs::read(fixtures().join("marian.json")).unwrap()).unwrap()
}

fn open(folder: &Path, settings: impl FnOnce(&mut TranslatorSettings)) -> Result<Translator, NeuralError> {
    let mut all = TranslatorSettings::of(ModelFolder::Path(folder.to_owned()));
    settings(&mut all);
    Translator::open(&all, &mut |_| {})
}

fn model(name: &str) -> Translator {
    open(&fixtures().join("marian").join(name), |_| {}).unwrap()
}

fn each_model(check: impl Fn(&Translator, &Model)) {
    let recorded = recorded();
    check(&model("en-fr"), &recorded.en_fr);
    check(&model("fr-en"), &recorded.fr_en);
}

#[test]
fn pieces_are_those_of_sentencepiece() {
    let recorded = recorded();
    assert_eq!(recorded.strings.len(), 2000);
    for (name, pieces) in [("en-fr", &recorded.en_pieces), ("fr-en", &recorded.fr_pieces)] {
        let (folder, model) = (fixtures().join("marian").join(name), model(name));
        let vocabulary: std::collections::HashMap<String, u32> =
            serde_json::from_slice(&fs::read(folder.join("vocab.json")).unwrap()).unwrap();
        for (text, pieces) in recorded.strings.iter().zip(pieces) {
            assert_eq!(model.pieces(text).unwrap().join(" "), *pieces, "{text:?}");
            let number = |piece: &str| vocabulary.get(piece).copied().unwrap_or(vocabulary["<unk>"]);
            let expected: Vec<u32> = pieces.split(' ').filter(|piece| !piece.is_empty()).map(number).collect();
            assert_eq!(model.tokenize(text).unwrap(), expected, "{text:?}");
        }
    }
}

#[test]
fn tokens_are_those_of_transformers() {
    each_model(|translator, recorded| {
        let max = 64 - 1;
        for (sentence, ids) in recorded.sentences.iter().zip(&recorded.ids) {
            let mut tokens = translator.tokenize(sentence).unwrap();
            tokens.truncate(max);
            tokens.push(0);
            assert_eq!(&tokens, ids, "{sentence:?}");
        }
    });
}

#[test]
fn translations_are_those_of_transformers() {
    each_model(|translator, recorded| {
        assert_eq!(recorded.sentences.len(), 200);
        let tokens: Vec<Vec<u32>> = recorded.sentences.iter().map(|text| translator.tokenize(text).unwrap()).collect();
        for (beams, expected, texts) in
            [(1, &recorded.greedy, &recorded.greedy_text), (4, &recorded.beam, &recorded.beam_text)]
        {
            let translated = translator.translate_tokens(&tokens, beams).unwrap();
            for (at, (got, expected)) in translated.iter().zip(expected).enumerate() {
                assert_eq!(got, expected, "{beams} beams, sentence {at}: {:?}", recorded.sentences[at]);
                assert_eq!(translator.detokenize(got), texts[at]);
            }
        }
    });
}

#[test]
fn a_model_of_several_languages_is_told_which() {
    let recorded = recorded().en_mul;
    let folder = fixtures().join("marian/en-mul");
    let into = |code: &str| open(&folder, |settings| settings.into = Some(code.to_owned()));
    let translators = [("fra", into("fra").unwrap()), ("eng", into("eng").unwrap())];
    let mut n = 0;
    for (code, translator) in &translators {
        let prefix = format!(">>{code}<< ");
        let of_language = (0..recorded.sentences.len()).filter(|at| recorded.sentences[*at].starts_with(&prefix));
        for at in of_language {
            let mut tokens = translator.tokenize(&recorded.sentences[at][prefix.len()..]).unwrap();
            let one = std::slice::from_ref(&tokens);
            for (beams, expected, texts) in
                [(1, &recorded.greedy, &recorded.greedy_text), (4, &recorded.beam, &recorded.beam_text)]
            {
                let translated = translator.translate_tokens(one, beams).unwrap();
                assert_eq!(translated[0], expected[at], "{beams} beams: {:?}", recorded.sentences[at]);
                assert_eq!(translator.detokenize(&translated[0]), texts[at]);
            }
            tokens.truncate(63);
            tokens.push(0);
            assert_eq!(tokens, recorded.ids[at]);
            n += 1;
        }
    }
    assert_eq!(n, 86);
    let text = ["This package is late. My bill was wrong!"];
    let [french, english] =
        translators.each_ref().map(|(_, translator)| translate(translator, &text, Sampling::greedy()));
    assert_eq!(french, ["Le colis est en retard. Mon montant était faux!"]);
    assert_ne!(french, english);
    assert_ne!(translators[0].1.fingerprint(), translators[1].1.fingerprint());
    let error = into("deu").unwrap_err();
    assert_eq!(error.to_string(), "the model does not translate into `deu`, but into eng, fra");
    // One that knows a single language is not asked for it by name.
    assert!(open(&fixtures().join("marian/en-fr"), |settings| settings.into = Some("fr".to_owned())).is_ok());
}

#[test]
fn a_translation_does_not_depend_on_the_sentences_beside_it() {
    each_model(|translator, recorded| {
        let tokens: Vec<Vec<u32>> =
            recorded.sentences.iter().skip(130).map(|text| translator.tokenize(text).unwrap()).collect();
        for beams in [1, 4] {
            let together = translator.translate_tokens(&tokens, beams).unwrap();
            // Backwards, so that each comes after other ones.
            let mut alone: Vec<_> = tokens
                .iter()
                .rev()
                .map(|one| translator.translate_tokens(std::slice::from_ref(one), beams).unwrap().remove(0))
                .collect();
            alone.reverse();
            assert_eq!(together, alone);
        }
    });
}

fn translate(translator: &Translator, texts: &[&str], sampling: Sampling) -> Vec<String> {
    let texts: Vec<_> = texts.iter().zip(0..).map(|(text, choice)| TextToTranslate { text, seed: 5, choice }).collect();
    translator.translate(&texts, sampling, &Silent).unwrap()
}

#[test]
fn texts_are_translated_by_sentences() {
    let translator = model("en-fr");
    let text = "This parcel is late.  My bill was wrong!\n\n12:30\nYour order is lost?";
    let expected = "Le colis est en retard.  Mon montant était faux!\n\n12:30\nVotre achat est perdu?";
    assert_eq!(translate(&translator, &[text, "", " - "], Sampling::greedy()), [expected, "", " - "]);
    // A sentence that is longer than the model can see is translated in parts, of which one has room for six of these.
    let long = ["this parcel is late"; 40].join(", and ") + ".";
    let translated = translate(&translator, &[&long], Sampling::greedy()).remove(0);
    assert!(translated.matches("colis est en retard").count() > 10, "{translated}");
    // Nor is the rest of one without spaces lost.
    let unspaced = ["thisparcelislate,"; 20].concat();
    let translated = translate(&translator, &[&unspaced, &unspaced[..17]], Sampling::greedy());
    assert!(translated[0].len() > 4 * translated[1].len(), "{translated:?}");
}

#[test]
fn words_are_drawn_by_seed_and_choice_alone() {
    let translator = model("fr-en");
    let (text, sampling) =
        ("Mon colis est perdu. Votre courrier est en retard.", Sampling { top_p: 0.95, ..Sampling::default() });
    let drawn = translate(&translator, &[text; 12], sampling);
    let distinct: std::collections::BTreeSet<&String> = drawn.iter().collect();
    assert!(distinct.len() >= 4, "{drawn:?}");
    assert!(drawn.iter().any(|text| text.contains("parcel")) && drawn.iter().any(|text| text.contains("package")));
    let alone = TextToTranslate { text, seed: 5, choice: 7 };
    assert_eq!(translator.translate(&[alone], sampling, &Silent).unwrap()[0], drawn[7]);
    assert_eq!(translate(&translator, &[text; 12], sampling), drawn);
}

#[test]
fn threads_do_not_matter() {
    let recorded = recorded().en_fr;
    let texts: Vec<&str> = recorded.sentences[..20].iter().map(String::as_str).collect();
    let on = |threads: usize| {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
        pool.install(|| translate(&model("en-fr"), &texts, Sampling::default()))
    };
    assert_eq!(on(1), on(3));
}

#[test]
fn what_is_wrong_with_the_files_is_said() {
    let message = |folder: &TempDir| {
        let error = open(folder.path(), |_| {}).unwrap_err();
        assert!(!error.hints().is_empty(), "{error}");
        let cause = std::error::Error::source(&error).map(|cause| format!(": {cause}")).unwrap_or_default();
        format!("{error}{cause}").replace(&*folder.path().to_string_lossy(), "F")
    };
    let change = |folder: &TempDir, file: &str, old: &str, new: &str| {
        let text = fs::read_to_string(folder.path().join(file)).unwrap();
        assert!(text.contains(old));
        fs::write(folder.path().join(file), text.replace(old, new)).unwrap();
    };
    let folder = copy("marian/en-fr");
    change(&folder, "config.json", "\"encoder_ffn_dim\": 64", "\"encoder_ffn_dim\": 60");
    let layer = "model.encoder.layers.0.fc1.bias";
    let expected = format!(
        "`F/model.safetensors` cannot be used: the tensor `{layer}` is [64], by the settings it should be [60]"
    );
    assert_eq!(message(&folder), expected);
    change(&folder, "config.json", "\"marian\"", "\"bart\"");
    assert_eq!(message(&folder), "`F/config.json` needs a model of the type `bart`, which is not known here");

    let folder = copy("marian/en-fr");
    change(&folder, "config.json", "\"encoder_layers\": 2", "\"encoder_layers\": 3");
    assert!(message(&folder).contains("it has no tensor `model.encoder.layers.2"), "{}", message(&folder));
    let weights = fs::read(folder.path().join("model.safetensors")).unwrap();
    fs::write(folder.path().join("model.safetensors"), &weights[..weights.len() - 10]).unwrap();
    assert!(message(&folder).starts_with("`F/model.safetensors` cannot be used: "), "{}", message(&folder));
    let mut wrong = weights.clone();
    let end = wrong.len();
    wrong[end - 4..].copy_from_slice(&f32::NAN.to_le_bytes());
    fs::write(folder.path().join("model.safetensors"), wrong).unwrap();
    assert!(message(&folder).ends_with(" holds NaN"), "{}", message(&folder));
    fs::remove_file(folder.path().join("model.safetensors")).unwrap();
    assert_eq!(message(&folder), "the folder `F` has no `model.safetensors`");

    let folder = copy("marian/en-fr");
    change(&folder, "vocab.json", "\"<unk>\"", "\"<unknown>\"");
    assert_eq!(message(&folder), "`F/vocab.json` cannot be used: it has no `<unk>`");
    let pieces = fs::read(folder.path().join("source.spm")).unwrap();
    fs::write(folder.path().join("source.spm"), &pieces[..pieces.len() / 2]).unwrap();
    assert!(message(&folder).starts_with("`F/source.spm` cannot be used: "), "{}", message(&folder));
    fs::write(folder.path().join("source.spm"), b"").unwrap();
    assert_eq!(message(&folder), "`F/source.spm` cannot be used: it holds no pieces");
    let error = open(folder.path(), |settings| settings.batch = 0).unwrap_err();
    assert_eq!(error.to_string(), "`batch` is 0, expected 1 or more");
}

#[test]
fn files_of_pytorch_that_hold_code_are_refused() {
    let folder = copy("marian/fr-en");
    for (file, what) in [("code.bin", "a call of `posix.system`"), ("reduce.bin", "a call of `builtins.eval`")] {
        fs::copy(fixtures().join("pickles").join(file), folder.path().join("pytorch_model.bin")).unwrap();
        let error = open(folder.path(), |_| {}).unwrap_err();
        let expected = format!("pytorch_model.bin` holds more than weights, and is not read: {what}");
        assert!(error.to_string().ends_with(&expected), "{error}");
        assert!(error.hints()[0].contains("safetensors"));
    }
    for (file, what) in [("short.bin", "a tensor without a shape"), ("old.bin", "it is no archive of PyTorch")] {
        fs::copy(fixtures().join("pickles").join(file), folder.path().join("pytorch_model.bin")).unwrap();
        let error = open(folder.path(), |_| {}).unwrap_err();
        assert!(std::error::Error::source(&error).unwrap().to_string().starts_with(what), "{error:?}");
    }
}
