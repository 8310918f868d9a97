//! A key that cannot be shown.

use std::fmt;

/// What stands where the key stood.
const HIDDEN: &str = "…";

/// The shortest key that is taken out of what a model writes. Local servers take keys such as `EMPTY` or `none`,
/// which are words; keys that give access to something are far longer.
const LEAST_IN_ANSWERS: usize = 16;

/// A key. Printed it is `…`, it cannot be serialized, and nothing outside this crate can read it.
///
/// ```
/// let key = synth_llm::Secret::new("sk-4f1c");
/// assert_eq!(format!("{key} {key:?}"), "… …");
/// ```
#[derive(Clone)]
pub struct Secret(String);

impl Secret {
    /// Keeps a key. Blanks and line ends around it, as files and shells leave them, are no part of it.
    pub fn new(key: impl Into<String>) -> Self {
        Self(key.into().trim().to_owned())
    }

    pub(crate) fn expose(&self) -> &str {
        &self.0
    }

    /// Takes the key out of a text that a server wrote, in whatever case: servers echo what they were sent.
    pub(crate) fn hide_in(&self, text: &str) -> String {
        let key = self.0.to_ascii_lowercase();
        // As it stands within JSON: with its quotes and backslashes escaped, and its slashes by some.
        let quoted = serde_json::Value::from(key.as_str()).to_string();
        let quoted = quoted.trim_matches('"');
        let mut out = text.to_owned();
        for form in [&quoted.replace('/', "\\/"), quoted, key.as_str()] {
            out = without(&out, form);
        }
        out
    }

    /// Takes the key out of what a model wrote.
    pub(crate) fn hide_in_answer(&self, text: String) -> String {
        if self.0.len() < LEAST_IN_ANSWERS { text } else { self.hide_in(&text) }
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(HIDDEN)
    }
}

impl fmt::Display for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(HIDDEN)
    }
}

fn without(text: &str, lower_key: &str) -> String {
    if lower_key.is_empty() {
        return text.to_owned();
    }
    // ASCII letters have the same length in both cases, so positions are the same in both texts.
    let lower = text.to_ascii_lowercase();
    let mut out = String::with_capacity(text.len());
    let mut at = 0;
    for (found, part) in lower.match_indices(lower_key) {
        out.push_str(&text[at..found]);
        out.push_str(HIDDEN);
        at = found + part.len();
    }
    out.push_str(&text[at..]);
    out
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn it_is_never_shown() {
        let key = Secret::new(" sk-Secret/1\n");
        assert_eq!(format!("{key:?} {key} {:?}", Some(&key)), "… … Some(…)");
        let check = |text: &str, expected: &str| assert_eq!(key.hide_in(text), expected);
        check("no such key: sk-Secret/1!", "no such key: …!");
        check("sk-Secret/1sk-secret/1 SK-SECRET/1", "…… …");
        check(r#"{"key":"Bearer sk-Secret\/1"}"#, r#"{"key":"Bearer …"}"#);
        check("über sk-Secret/", "über sk-Secret/");
        assert_eq!(Secret::new("a\"b").hide_in(r#"{"key":"a\"b"}"#), r#"{"key":"…"}"#);
        assert_eq!(Secret::new("").hide_in("as it is"), "as it is");
    }

    #[test]
    fn keys_that_are_words_stay_in_answers() {
        assert_eq!(Secret::new("none").hide_in_answer("none of them".into()), "none of them");
        let key = "sk-0123456789abcdef";
        assert_eq!(Secret::new(key).hide_in_answer(format!("the key is {key}")), "the key is …");
    }

    proptest! {
        #[test]
        fn no_text_keeps_it(before in ".*", key in "[a-zA-Z0-9/+=_-]{4,20}", after in ".*") {
            let shown = Secret::new(&key).hide_in(&format!("{before}{key}{after}{key}"));
            prop_assert!(!shown.contains(&key));
        }
    }
}
