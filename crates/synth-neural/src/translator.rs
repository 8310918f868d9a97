//! Texts from one language into another.

use std::collections::BTreeMap;
use std::ops::Range;
use std::path::Path;

use synth_core::Observer;
use synth_generate::{GenerateError, Sampling, Sentence, TextToTranslate, Translate, by_sentences};

use crate::NeuralError;
use crate::hub::{HubModel, OnDownload};
use crate::marian::{Marian, MarianConfig, Search, Task, search};
use crate::model_folder::{ModelFolder, digest, read_json};
use crate::sampling::Sampler;
use crate::sentence_piece::{SentencePiece, text_of};
use crate::weights::Weights;

/// What a translator is opened with.
#[derive(Debug, Clone)]
pub struct TranslatorSettings {
    /// The model, in the layout that Opus-MT has on the hub: `config.json`, `source.spm`, `target.spm`, `vocab.json`, and
    /// `model.safetensors` or `pytorch_model.bin`; `target_vocab.json` where either language has its own vocabulary.
    pub model: ModelFolder,
    /// What a model that translates into several languages calls the one that is wanted, as `fra`: its sentences begin
    /// with `>>fra<<`. It means nothing to a model of one language; `None` for what a sentence begins with by itself.
    pub into: Option<String>,
    /// How many translations of a sentence are followed at once where the best one is wanted: 1 takes the most probable
    /// word each time; `None` as many as the model's settings say.
    pub beams: Option<usize>,
    /// Sentences that are translated together, at least 1. It changes how fast it is, not the translations.
    pub batch: usize,
}

impl TranslatorSettings {
    /// A model, with its own number of beams, 16 sentences at a time.
    pub fn of(model: ModelFolder) -> Self {
        Self { model, into: None, beams: None, batch: 16 }
    }
}

/// Machine translation by a Marian model, on this machine's processors.
///
/// Translations are those of transformers' `MarianMTModel` with `renormalize_logits`: the token that pads counts for
/// nothing. A translation does not depend on the texts beside it, nor on the number of threads.
///
/// ```no_run
/// use synth_core::Silent;
/// use synth_generate::{Sampling, TextToTranslate, Translate};
/// use synth_neural::{HubModel, ModelFolder, Translator, TranslatorSettings};
///
/// let model = ModelFolder::Hub(HubModel::opus_mt("en", "fr", "cache"));
/// let translator = Translator::open(&TranslatorSettings::of(model), &mut |_| {})?;
/// let text = TextToTranslate { text: "Where is my parcel?", seed: 0, choice: 0 };
/// assert_eq!(translator.translate(&[text], Sampling::greedy(), &Silent)?, ["Où est mon colis ?"]);
/// # Ok::<(), Box<dyn std::error::Error + Send + Sync>>(())
/// ```
pub struct Translator {
    marian: Marian,
    source: SentencePiece,
    vocabulary: BTreeMap<String, u32>,
    /// What each sentence begins with.
    code: Option<u32>,
    /// The piece of each number, in translations.
    pieces: BTreeMap<u32, String>,
    /// What stands for pieces without a number, in sentences and in translations.
    unknown: (u32, u32),
    beams: usize,
    /// Tokens of a sentence, in either language, with those that begin and end it.
    longest: usize,
    batch: usize,
    name: String,
    digest: blake3::Hash,
}

impl std::fmt::Debug for Translator {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Translator").field("name", &self.name).finish_non_exhaustive()
    }
}

impl Translator {
    /// Opens a model, fetching its files where they are on the hub and not in the cache.
    ///
    /// # Errors
    /// A file is not there, cannot be fetched or is damaged; weights that do not fit their `config.json`; a model with
    /// something that is not known here; a setting out of its range.
    pub fn open(settings: &TranslatorSettings, on_download: &mut OnDownload<'_>) -> Result<Self, NeuralError> {
        for (name, value) in [("beams", settings.beams), ("batch", Some(settings.batch))] {
            if value == Some(0) {
                return Err(NeuralError::Setting { name, value: "0".into(), expected: "1 or more" });
            }
        }
        let folder = &settings.model;
        let config = MarianConfig::of(folder, on_download)?;
        let source_path = folder.file("source.spm", on_download)?;
        let source = SentencePiece::open(&source_path)?;
        // Its pieces stand in the vocabulary; the file itself is read for nothing but to know that it is there and whole.
        SentencePiece::open(&folder.file("target.spm", on_download)?)?;
        let path = folder.file("vocab.json", on_download)?;
        let vocabulary = read_vocabulary(&path, config.vocab_size)?;
        let (target_path, of_target) = match config.share_encoder_decoder_embeddings {
            true => (None, vocabulary.clone()),
            false => {
                let path = folder.file("target_vocab.json", on_download)?;
                let vocabulary = read_vocabulary(&path, config.target_vocab_size())?;
                (Some(path), vocabulary)
            }
        };
        let (unknown, unknown_out) = (vocabulary["<unk>"], of_target["<unk>"]);
        let pieces = of_target.into_iter().map(|(piece, number)| (number, piece)).collect();
        let code = settings.into.as_deref().map(|into| code_of(into, &vocabulary)).transpose()?.flatten();
        let weights = Weights::of(folder, "model.safetensors", "pytorch_model.bin", on_download)?;
        let config_path = folder.file("config.json", on_download)?;
        let generation = folder.optional_file("generation_config.json", on_download)?;
        let files = [weights.path(), &path, &source_path, &config_path].into_iter();
        let digest = digest(files.chain(generation.as_deref()).chain(target_path.as_deref()))?;
        let beams = settings.beams.or(config.num_beams).unwrap_or(1);
        if beams.saturating_mul(2) > config.target_vocab_size() {
            let value = beams.to_string();
            return Err(NeuralError::Setting { name: "beams", value, expected: "less than half the vocabulary" });
        }
        let longest = config.max_length.unwrap_or(usize::MAX).min(config.max_position_embeddings).max(3);
        let (batch, name) = (settings.batch, folder.name());
        let marian = Marian::of(config, &weights)?;
        let unknown = (unknown, unknown_out);
        Ok(Self { marian, source, vocabulary, code, pieces, unknown, beams, longest, batch, name, digest })
    }

    /// The pieces of a sentence's words, with `▁` for spaces.
    ///
    /// # Errors
    /// The pieces cannot be computed.
    pub fn pieces(&self, sentence: &str) -> Result<Vec<String>, NeuralError> {
        self.source.pieces(sentence)
    }

    /// The numbers of a sentence's pieces, behind that of the language that is wanted, without the one that ends it.
    ///
    /// # Errors
    /// The pieces cannot be computed.
    pub fn tokenize(&self, sentence: &str) -> Result<Vec<u32>, NeuralError> {
        let number = |piece: &String| self.vocabulary.get(piece).copied().unwrap_or(self.unknown.0);
        Ok(self.code.into_iter().chain(self.pieces(sentence)?.iter().map(number)).collect())
    }

    /// The text of numbers, as they come out.
    pub fn detokenize(&self, tokens: &[u32]) -> String {
        let special = [self.unknown.1, self.marian.config().eos_token_id, self.marian.config().pad_token_id];
        let words = tokens.iter().filter(|token| !special.contains(token));
        text_of(words.filter_map(|token| self.pieces.get(token)).map(String::as_str))
    }

    /// Translates sentences, each as the numbers that [`Translator::tokenize`] gives; at most as many of them as the model
    /// has positions are read. As [`Translate::translate`], without the splitting of texts.
    ///
    /// # Errors
    /// The model cannot be computed.
    pub fn translate_tokens(&self, sentences: &[Vec<u32>], beams: usize) -> Result<Vec<Vec<u32>>, NeuralError> {
        let search_of = |_: usize| self.best(beams);
        Ok(self.decode(sentences, search_of, &|| false)?.unwrap_or_default())
    }

    fn best(&self, beams: usize) -> Search {
        match beams {
            0 | 1 => Search::Walk(Box::new(Sampler::new(Sampling::greedy(), 0, 0))),
            _ => Search::Beams(beams),
        }
    }

    /// `None` if it was cancelled.
    fn decode(
        &self,
        sentences: &[Vec<u32>],
        search_of: impl Fn(usize) -> Search,
        is_cancelled: &dyn Fn() -> bool,
    ) -> Result<Option<Vec<Vec<u32>>>, NeuralError> {
        let mut translated = Vec::with_capacity(sentences.len());
        for (at, batch) in sentences.chunks(self.batch).enumerate() {
            let task = |(offset, tokens): (usize, &Vec<u32>)| {
                let most = self.marian.config().max_position_embeddings - 1;
                let mut tokens = tokens[..tokens.len().min(most)].to_vec();
                tokens.push(self.marian.config().eos_token_id);
                Task { tokens, search: search_of(at * self.batch + offset) }
            };
            let tasks = batch.iter().enumerate().map(task).collect();
            match search(&self.marian, tasks, self.longest, is_cancelled)? {
                Some(some) => translated.extend(some),
                None => return Ok(None),
            }
        }
        Ok(Some(translated))
    }

    /// The tokens of parts of a sentence that the model can see at once, cut between words where it is too long, and
    /// between pieces where a word is: languages without spaces are one word to it.
    fn parts(&self, sentence: &str) -> Result<Vec<Part>, NeuralError> {
        let most = self.longest - 2;
        let whole = self.tokenize(sentence)?;
        if whole.len() <= most {
            return Ok(vec![Part { tokens: whole, begins_word: true }]);
        }
        let words = word_ranges(sentence);
        let (mut parts, mut from) = (Vec::new(), 0);
        while from < words.len() {
            let tokens = |to: usize| self.tokenize(&sentence[words[from].start..words[to - 1].end]);
            // As many words as fit, by halving, and one at least.
            let (mut fit, mut too_many) = (from + 1, words.len() + 1);
            while fit + 1 < too_many {
                let to = fit.midpoint(too_many);
                if tokens(to)?.len() <= most { fit = to } else { too_many = to }
            }
            let numbers = tokens(fit)?;
            let (code, pieces) = numbers.split_at(usize::from(self.code.is_some()));
            let room = most.saturating_sub(code.len()).max(1);
            let part = |(at, some): (usize, &[u32])| Part { tokens: [code, some].concat(), begins_word: at == 0 };
            parts.extend(pieces.chunks(room).enumerate().map(part));
            from = fit;
        }
        Ok(parts)
    }

    fn by_sentence(
        &self,
        sentences: &[Sentence<'_>],
        sampling: Sampling,
        observer: &dyn Observer,
    ) -> Result<Vec<String>, GenerateError> {
        let failed =
            |error: NeuralError| GenerateError::Generator { generator: self.name.clone(), source: error.into() };
        Sampler::check(&sampling).map_err(failed)?;
        // Parts of all sentences, each with the number of its sentence.
        let (mut owners, mut tokens, mut begin_words) = (Vec::new(), Vec::new(), Vec::new());
        for (at, sentence) in sentences.iter().enumerate() {
            for (number, part) in self.parts(sentence.text).map_err(failed)?.into_iter().enumerate() {
                owners.push((at, number as u32));
                tokens.push(part.tokens);
                begin_words.push(part.begins_word);
            }
        }
        let search_of = |at: usize| {
            if sampling.temperature == 0.0 {
                return self.best(self.beams);
            }
            let (sentence, part) = owners[at];
            let Sentence { of, part: number, .. } = sentences[sentence];
            /// No sentence has as many parts.
            const PARTS: u32 = 1 << 12;
            Search::Walk(Box::new(Sampler::of_part(sampling, of.seed, of.choice, number.wrapping_mul(PARTS) + part)))
        };
        let translated = self.decode(&tokens, search_of, &|| observer.cancelled()).map_err(failed)?;
        let Some(translated) = translated else { return Err(GenerateError::Cancelled) };
        let mut texts = vec![String::new(); sentences.len()];
        for (((at, part), tokens), begins_word) in owners.into_iter().zip(translated).zip(begin_words) {
            if part > 0 && begins_word {
                texts[at].push(' ');
            }
            texts[at].push_str(&self.detokenize(&tokens));
        }
        Ok(texts)
    }
}

/// A part of a sentence that the model can see at once.
struct Part {
    tokens: Vec<u32>,
    /// False for what goes on in a word: no space belongs before it.
    begins_word: bool,
}

/// Numbers of pieces, one for each up to `n`.
fn read_vocabulary(path: &Path, n: usize) -> Result<BTreeMap<String, u32>, NeuralError> {
    let vocabulary: BTreeMap<String, u32> = read_json(path)?;
    let damaged = |problem: String| NeuralError::ModelFile { path: path.to_owned(), source: problem.into() };
    if let Some((piece, number)) = vocabulary.iter().find(|(_, number)| **number as usize >= n) {
        return Err(damaged(format!("`{piece}` is number {number} of the {n} in `config.json`")));
    }
    if !vocabulary.contains_key("<unk>") {
        return Err(damaged("it has no `<unk>`".into()));
    }
    Ok(vocabulary)
}

/// The number of the token that asks for a language; `None` in a model that knows no such tokens.
fn code_of(into: &str, vocabulary: &BTreeMap<String, u32>) -> Result<Option<u32>, NeuralError> {
    let found = vocabulary.get(&format!(">>{into}<<")).copied();
    let codes = vocabulary.keys().filter_map(|piece| piece.strip_prefix(">>")?.strip_suffix("<<"));
    let known: Vec<String> = codes.map(str::to_owned).collect();
    if found.is_some() || known.is_empty() {
        return Ok(found);
    }
    Err(NeuralError::TargetLanguage { into: into.to_owned(), known })
}

/// Where the words of a text are, by the white space between them.
fn word_ranges(text: &str) -> Vec<Range<usize>> {
    let start = |word: &str| word.as_ptr() as usize - text.as_ptr() as usize;
    text.split_whitespace().map(|word| start(word)..start(word) + word.len()).collect()
}

impl Translate for Translator {
    fn fingerprint(&self) -> String {
        let into = self.code.map(|code| format!(", into {code}")).unwrap_or_default();
        format!("Marian {}{into}, {} beams, up to {} tokens", self.digest, self.beams, self.longest)
    }

    fn name(&self) -> &str {
        &self.name
    }

    fn translate(
        &self,
        texts: &[TextToTranslate<'_>],
        sampling: Sampling,
        observer: &dyn Observer,
    ) -> Result<Vec<String>, GenerateError> {
        by_sentences(texts, |sentences| self.by_sentence(sentences, sampling, observer))
    }
}

impl HubModel {
    /// Opus-MT from one language into another, each by its code: 300 MB, CC-BY 4.0 (Tiedemann and Thottingal 2020).
    ///
    /// ```
    /// use synth_neural::HubModel;
    ///
    /// assert_eq!(HubModel::opus_mt("en", "fr", "cache").repo, "Helsinki-NLP/opus-mt-en-fr");
    /// ```
    pub fn opus_mt(from: &str, to: &str, cache: impl Into<std::path::PathBuf>) -> Self {
        Self::new(format!("Helsinki-NLP/opus-mt-{from}-{to}"), "model.safetensors", cache)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_where_they_are() {
        assert_eq!(word_ranges("  so\ngood "), [2..4, 5..9]);
        assert!(word_ranges(" ").is_empty());
    }
}
