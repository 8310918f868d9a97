//! Texts as tokens, and tokens as texts, from what a GGUF file says of its tokenizer.

use std::borrow::Cow;

use tokenizers::models::bpe::{BPE, Vocab};
use tokenizers::pre_tokenizers::byte_level::ByteLevel;
use tokenizers::pre_tokenizers::digits::Digits;
use tokenizers::pre_tokenizers::sequence::Sequence;
use tokenizers::{AddedToken, PreTokenizerWrapper};

use crate::NeuralError;
use crate::gguf::{Gguf, Value};

/// Byte-level byte-pair encoding (Sennrich et al. 2016; Radford et al. 2019).
pub(crate) struct Tokenizer {
    inner: tokenizers::Tokenizer,
    /// What every prompt begins with, where the model wants it.
    first: Option<u32>,
    /// The tokens that end an answer, ascending.
    ends: Vec<u32>,
    special: Special,
    /// The names of control tokens.
    control: Vec<String>,
}

/// Tokens with a role, as text: chat templates name them.
#[derive(Debug, Clone, Default)]
pub(crate) struct Special {
    pub(crate) bos: String,
    pub(crate) eos: String,
}

/// Types of tokens, as in llama.h.
const CONTROL: u64 = 3;
const USER_DEFINED: u64 = 4;

/// Control tokens that end a turn, whether or not a file says so.
const ENDS: [&str; 2] = ["<|im_end|>", "<|endoftext|>"];

impl Tokenizer {
    pub(crate) fn of(gguf: &Gguf) -> Result<Self, NeuralError> {
        let model = gguf.need("tokenizer.ggml.model", Value::string)?;
        if model != "gpt2" {
            return Err(gguf.unsupported(format!("a tokenizer of the kind `{model}`")));
        }
        let pre = gguf.need("tokenizer.ggml.pre", Value::string)?;
        // Each way to split a text into words is added together with texts that llama.cpp has split.
        if pre != "smollm" {
            return Err(gguf.unsupported(format!("a tokenizer that splits texts as `{pre}`")));
        }
        let strings = |key: &str| -> Result<Vec<&str>, NeuralError> {
            let values = gguf.need(key, Value::array)?;
            let all: Option<Vec<&str>> = values.iter().map(Value::string).collect();
            all.ok_or_else(|| gguf.damaged(format!("`{key}` of its metadata is no list of texts")))
        };
        let tokens = strings("tokenizer.ggml.tokens")?;
        let merges: Option<Vec<(String, String)>> = strings("tokenizer.ggml.merges")?
            .into_iter()
            .map(|merge| merge.split_once(' ').map(|(left, right)| (left.to_owned(), right.to_owned())))
            .collect();
        let merges = merges.ok_or_else(|| gguf.damaged("a merge of its tokenizer is no pair"))?;
        let number = |id: usize| u32::try_from(id).map_err(|_| gguf.damaged("it has too many tokens"));
        let mut vocabulary = Vocab::new();
        for (id, token) in tokens.iter().enumerate() {
            vocabulary.insert((*token).to_owned(), number(id)?);
        }
        let bad = |error: tokenizers::Error| gguf.damaged(format!("its tokenizer does not fit together: {error}"));
        let bpe = BPE::builder().vocab_and_merges(vocabulary, merges).build();
        let mut inner = tokenizers::Tokenizer::new(bpe.map_err(bad)?);
        // Each digit is a word; the rest is split as in GPT-2.
        let words: Vec<PreTokenizerWrapper> = vec![Digits::new(true).into(), ByteLevel::new(false, false, true).into()];
        inner.with_pre_tokenizer(Some(Sequence::new(words)));
        inner.with_decoder(Some(ByteLevel::default()));

        let kinds = match gguf.get("tokenizer.ggml.token_type") {
            Some(kinds) => kinds.array().unwrap_or_default().iter().map(Value::unsigned).collect(),
            None => Vec::new(),
        };
        let of_kind = |kind: u64| {
            let found = tokens.iter().zip(&kinds).filter(move |(_, found)| **found == Some(kind));
            found.map(|(token, _)| *token)
        };
        inner.add_special_tokens(of_kind(CONTROL).map(|token| AddedToken::from(token, true))).map_err(bad)?;
        inner
            .add_tokens(of_kind(USER_DEFINED).map(|token| AddedToken::from(token, false).normalized(false)))
            .map_err(bad)?;

        let role = |key: &str| -> Result<Option<u32>, NeuralError> {
            let Some(id) = gguf.get(key).and_then(Value::size) else { return Ok(None) };
            if id >= tokens.len() {
                return Err(gguf.damaged(format!("`{key}` is {id}, of {} tokens", tokens.len())));
            }
            number(id).map(Some)
        };
        let (bos, eos) = (role("tokenizer.ggml.bos_token_id")?, role("tokenizer.ggml.eos_token_id")?);
        let text = |id: Option<u32>| id.map_or_else(String::new, |id| tokens[id as usize].to_owned());
        let special = Special { bos: text(bos), eos: text(eos) };
        let mut ends: Vec<u32> = eos.into_iter().chain(role("tokenizer.ggml.eot_token_id")?).collect();
        ends.extend(of_kind(CONTROL).filter(|token| ENDS.contains(token)).filter_map(|token| inner.token_to_id(token)));
        ends.sort_unstable();
        ends.dedup();
        let adds_bos = gguf.get("tokenizer.ggml.add_bos_token").and_then(Value::bool).unwrap_or(false);
        // Names of one sign would break ordinary texts.
        let control = of_kind(CONTROL).filter(|token| token.chars().nth(1).is_some()).map(str::to_owned).collect();
        Ok(Self { inner, first: bos.filter(|_| adds_bos), ends, special, control })
    }

    pub(crate) fn special(&self) -> &Special {
        &self.special
    }

    /// A text in which no control token is named: what stands in a record must not end the turn of who quotes it. A
    /// space behind its first sign makes a name plain text.
    pub(crate) fn without_control<'a>(&self, text: &'a str) -> Cow<'a, str> {
        let mut text = Cow::Borrowed(text);
        for name in &self.control {
            if text.contains(name.as_str()) {
                let first = name.chars().next().map_or(0, char::len_utf8);
                text = text.replace(name.as_str(), &format!("{} {}", &name[..first], &name[first..])).into();
            }
        }
        text
    }

    /// The tokens of a text. Names of control tokens in it become control tokens.
    pub(crate) fn tokens(&self, text: &str) -> Vec<u32> {
        // A byte-level tokenizer without normalizer and truncation has nothing that could fail.
        self.inner.encode_fast(text, false).map(|encoding| encoding.get_ids().to_vec()).unwrap_or_default()
    }

    /// The tokens of a whole prompt.
    pub(crate) fn prompt(&self, text: &str) -> Vec<u32> {
        let tokens = self.tokens(text);
        match self.first {
            Some(first) if tokens.first() != Some(&first) => [&[first], &tokens[..]].concat(),
            _ => tokens,
        }
    }

    /// The text of tokens, without control tokens; what is no UTF-8 becomes `\u{fffd}`.
    pub(crate) fn text(&self, tokens: &[u32]) -> String {
        self.inner.decode(tokens, true).unwrap_or_default()
    }

    /// Whether a token ends an answer.
    pub(crate) fn ends(&self, token: u32) -> bool {
        self.ends.binary_search(&token).is_ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tiny::{self, Tiny};

    fn tokenizer(tiny: &Tiny) -> Result<Tokenizer, NeuralError> {
        Tokenizer::of(&Gguf::open(tiny::file(tiny).path()).unwrap())
    }

    #[test]
    fn merges_in_their_order() {
        let tokenizer = tokenizer(&Tiny::default()).unwrap();
        let check = |text: &str, expected: &[&str]| {
            let expected: Vec<u32> = expected.iter().map(|token| tiny::id(token)).collect();
            assert_eq!(tokenizer.tokens(text), expected, "{text}");
            assert_eq!(tokenizer.text(&expected).as_str(), text);
        };
        // Merged are `h e`, `l l`, `he ll` and `hell o`; Ġ is a space.
        check("hello", &["hello"]);
        check("hell help", &["hell", "Ġ", "he", "l", "p"]);
        check("12", &["1", "2"]);
        check("é", &["Ã", "©"]);
        check("", &[]);
        assert_eq!(tokenizer.tokens("a<|im_end|>b"), [tiny::id("a"), tiny::END, tiny::id("b")]);
        assert_eq!(tokenizer.text(&[tiny::id("a"), tiny::END, tiny::id("Ã")]), "a\u{fffd}");
        assert!(tokenizer.ends(tiny::END) && tokenizer.ends(0) && !tokenizer.ends(1));
    }

    #[test]
    fn what_a_record_names_is_no_control_token() {
        let tokenizer = tokenizer(&Tiny::default()).unwrap();
        let plain = tokenizer.without_control("a<|im_end|>b <|im_end|> c");
        assert_eq!(plain, "a< |im_end|>b < |im_end|> c");
        assert!(!tokenizer.tokens(&plain).contains(&tiny::END));
        assert!(matches!(tokenizer.without_control("a < b |> c"), Cow::Borrowed(_)));
    }

    #[test]
    fn a_prompt_begins_as_the_model_wants_it() {
        let begins = tokenizer(&Tiny { adds_bos: true, ..Tiny::default() }).unwrap();
        assert_eq!(begins.prompt("a"), [1, tiny::id("a")]);
        assert_eq!(begins.prompt("<|im_start|>a"), [1, tiny::id("a")]);
        assert_eq!(tokenizer(&Tiny::default()).unwrap().prompt("a"), [tiny::id("a")]);
    }

    #[test]
    fn another_kind_is_refused() {
        let error = tokenizer(&Tiny { pre: "llama-bpe", ..Tiny::default() }).err().unwrap().to_string();
        assert!(
            error.ends_with("needs a tokenizer that splits texts as `llama-bpe`, which is not known here"),
            "{error}"
        );
    }
}
