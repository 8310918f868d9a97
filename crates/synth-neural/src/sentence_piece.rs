//! Texts as pieces of words, by the models of SentencePiece.

use std::path::{Path, PathBuf};

use prost::Message;
use synth_core::BoxError;
use tokenizers::models::unigram::Unigram;

use crate::NeuralError;
use crate::model_folder::read;

/// A unigram model of SentencePiece (Kudo and Richardson 2018), from its `.spm` or `.model` file.
///
/// The normalisation is our own, as that of `tokenizers` goes by grapheme clusters where SentencePiece takes the longest
/// rule that fits: 109 of 2,000 strings with Unicode traps came out otherwise. The search for the most probable pieces
/// is that of `tokenizers`.
pub(crate) struct SentencePiece {
    rules: Rules,
    add_dummy_prefix: bool,
    remove_extra_whitespaces: bool,
    unigram: Unigram,
}

/// What stands for a space.
const SPACE: &str = "\u{2581}";
/// No text holds it: not even a character.
const NONE: &str = "\u{10ffff}";

/// The parts of `sentencepiece_model.proto` that matter here.
#[derive(Clone, PartialEq, Message)]
struct ModelProto {
    #[prost(message, repeated, tag = "1")]
    pieces: Vec<Piece>,
    #[prost(message, optional, tag = "2")]
    trainer: Option<TrainerSpec>,
    #[prost(message, optional, tag = "3")]
    normalizer: Option<NormalizerSpec>,
}

#[derive(Clone, PartialEq, Message)]
struct Piece {
    #[prost(string, optional, tag = "1")]
    piece: Option<String>,
    #[prost(float, optional, tag = "2")]
    score: Option<f32>,
    #[prost(int32, optional, tag = "3")]
    kind: Option<i32>,
}

const NORMAL: i32 = 1;
const USER_DEFINED: i32 = 4;

#[derive(Clone, PartialEq, Message)]
struct TrainerSpec {
    #[prost(int32, optional, tag = "3")]
    model_type: Option<i32>,
    #[prost(bool, optional, tag = "24")]
    treat_whitespace_as_suffix: Option<bool>,
    #[prost(bool, optional, tag = "35")]
    byte_fallback: Option<bool>,
}

const UNIGRAM: i32 = 1;

#[derive(Clone, PartialEq, Message)]
struct NormalizerSpec {
    #[prost(bytes = "vec", optional, tag = "2")]
    precompiled_charsmap: Option<Vec<u8>>,
    #[prost(bool, optional, tag = "3")]
    add_dummy_prefix: Option<bool>,
    #[prost(bool, optional, tag = "4")]
    remove_extra_whitespaces: Option<bool>,
    #[prost(bool, optional, tag = "5")]
    escape_whitespaces: Option<bool>,
}

impl SentencePiece {
    /// Reads a file.
    ///
    /// # Errors
    /// It cannot be read, is damaged, or is a model with something that is not known here.
    pub(crate) fn open(path: &Path) -> Result<Self, NeuralError> {
        Self::parse(&read(path)?, path)
    }

    fn parse(bytes: &[u8], path: &Path) -> Result<Self, NeuralError> {
        let damaged = |source: BoxError| NeuralError::ModelFile { path: path.to_owned(), source };
        let unsupported = |what: &str| NeuralError::Unsupported { path: PathBuf::from(path), what: what.to_owned() };
        let model = ModelProto::decode(bytes).map_err(|error| damaged(error.into()))?;
        let trainer = model.trainer.unwrap_or_default();
        let normalizer = model.normalizer.unwrap_or_default();
        let is_user_defined = |piece: &Piece| piece.kind == Some(USER_DEFINED);
        let refused = [
            (trainer.model_type.is_some_and(|kind| kind != UNIGRAM), "pieces by another way than a unigram model"),
            (trainer.byte_fallback == Some(true), "pieces of single bytes"),
            (trainer.treat_whitespace_as_suffix == Some(true), "spaces at the end of words"),
            (normalizer.escape_whitespaces == Some(false), "spaces as they are"),
            (model.pieces.iter().any(is_user_defined), "pieces that a user defined"),
        ];
        if let Some((_, what)) = refused.iter().find(|(is_refused, _)| *is_refused) {
            return Err(unsupported(what));
        }
        // Others, as `<unk>` and `</s>`, are never found in a text.
        let normal = model.pieces.into_iter().filter(|piece| piece.kind.unwrap_or(NORMAL) == NORMAL);
        let mut vocabulary: Vec<(String, f64)> = normal
            .map(|piece| (piece.piece.unwrap_or_default(), f64::from(piece.score.unwrap_or_default())))
            .filter(|(piece, _)| !piece.is_empty())
            .collect();
        if vocabulary.is_empty() {
            return Err(damaged("it holds no pieces".into()));
        }
        if let Some((piece, score)) = vocabulary.iter().find(|(_, score)| !score.is_finite()) {
            return Err(damaged(format!("the score of the piece `{piece}` is {score}").into()));
        }
        vocabulary.push((NONE.to_owned(), 0.0));
        let unknown = vocabulary.len() - 1;
        let unigram = Unigram::from(vocabulary, Some(unknown), false).map_err(damaged)?;
        let rules = Rules::parse(&normalizer.precompiled_charsmap.unwrap_or_default())
            .ok_or_else(|| damaged("its rules of normalisation are cut off".into()))?;
        Ok(Self {
            rules,
            add_dummy_prefix: normalizer.add_dummy_prefix.unwrap_or(true),
            remove_extra_whitespaces: normalizer.remove_extra_whitespaces.unwrap_or(true),
            unigram,
        })
    }

    /// The most probable pieces of a text. What no piece fits stands by itself, as it is in the text.
    pub(crate) fn pieces(&self, text: &str) -> Result<Vec<String>, NeuralError> {
        // Fails on no text: there is a piece for what is unknown.
        self.unigram.encode(&self.normalised(text)).map_err(NeuralError::Compute)
    }

    /// A text as the model was trained on it, with [`SPACE`] for spaces.
    fn normalised(&self, text: &str) -> String {
        let mut normalised = String::with_capacity(text.len() + SPACE.len());
        let mut after_space = self.remove_extra_whitespaces;
        let mut rest = text;
        while !rest.is_empty() {
            let (written, n) = self.rules.first(rest);
            rest = &rest[n..];
            let written = if after_space { written.trim_start_matches(' ') } else { written };
            if let Some(last) = written.bytes().last() {
                if normalised.is_empty() && self.add_dummy_prefix {
                    normalised.push_str(SPACE);
                }
                normalised.extend(
                    written.split(' ').enumerate().flat_map(|(at, part)| [if at > 0 { SPACE } else { "" }, part]),
                );
                after_space = self.remove_extra_whitespaces && last == b' ';
            }
        }
        if self.remove_extra_whitespaces {
            let kept = normalised.trim_end_matches(SPACE).len();
            normalised.truncate(kept);
        }
        normalised
    }
}

/// The text of pieces.
pub(crate) fn text_of<'a>(pieces: impl IntoIterator<Item = &'a str>) -> String {
    let joined: String = pieces.into_iter().collect();
    let spaced = joined.replace(SPACE, " ");
    // The space before the first word is of the pieces, not of the text.
    spaced.trim().to_owned()
}

/// Rules that write some characters otherwise: a trie in a double array of 32-bit units, as darts-clone lays it out
/// (Yata 2008), and texts that end with a zero byte.
#[derive(Default)]
struct Rules {
    units: Vec<u32>,
    texts: String,
}

impl Rules {
    /// `None` where the parts do not fit.
    fn parse(bytes: &[u8]) -> Option<Self> {
        if bytes.is_empty() {
            return Some(Self::default());
        }
        let (size, rest) = bytes.split_first_chunk::<4>()?;
        let (units, texts) = rest.split_at_checked(u32::from_le_bytes(*size) as usize)?;
        let units =
            units.chunks_exact(4).map(|unit| u32::from_le_bytes([unit[0], unit[1], unit[2], unit[3]])).collect();
        Some(Self { units, texts: String::from_utf8(texts.to_vec()).ok()? })
    }

    /// How a text that is not empty begins when it is written by the rules, and how many bytes of it that takes: those of
    /// the longest rule that fits, else those of one character.
    fn first<'a>(&'a self, text: &'a str) -> (&'a str, usize) {
        let one = text.chars().next().map_or(0, char::len_utf8);
        self.longest(text.as_bytes()).filter(|(_, n)| text.is_char_boundary(*n)).unwrap_or((&text[..one], one))
    }

    fn longest(&self, text: &[u8]) -> Option<(&str, usize)> {
        let offset = |unit: u32| (unit >> 10) << ((unit & (1 << 9)) >> 6);
        let mut at = offset(*self.units.first()?);
        let mut found = None;
        for (n, &byte) in text.iter().enumerate() {
            at ^= u32::from(byte);
            let Some(&unit) = self.units.get(at as usize) else { break };
            if unit & ((1 << 31) | 0xff) != u32::from(byte) {
                break;
            }
            at ^= offset(unit);
            if (unit >> 8) & 1 == 1 {
                let Some(&leaf) = self.units.get(at as usize) else { break };
                let written = self.texts.get((leaf & !(1 << 31)) as usize..);
                let end = written.and_then(|written| written.find('\0'));
                found = written.zip(end).map(|(written, end)| (&written[..end], n + 1)).or(found);
            }
        }
        found
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_of_pieces() {
        assert_eq!(text_of(["\u{2581}so", "\u{2581}go", "od", "."]), "so good.");
        assert_eq!(text_of(["od", "\u{2581}so"]), "od so");
        assert_eq!(text_of([]), "");
    }

    #[test]
    fn damaged_rules_are_no_rules() {
        assert!(Rules::parse(&[9, 0, 0]).is_none());
        assert!(Rules::parse(&[9, 0, 0, 0, 1]).is_none());
        assert_eq!(Rules::parse(&[]).unwrap().first("añ"), ("a", 1));
        // A root that leads out of the array.
        let wild = Rules::parse(&[4, 0, 0, 0, 255, 255, 255, 255]).unwrap();
        assert_eq!(wild.first("ñ"), ("ñ", 2));
    }
}
