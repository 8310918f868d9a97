//! The word in an answer that should be one word.

use synth_text::fold;

/// Which of some words an answer of the form [`AnswerForm::OneOf`](crate::AnswerForm::OneOf) gives: that of a JSON
/// object `{"answer": …}`, also with text around it; else the only one of the words that stands in the answer, as
/// often as it likes. `None` where that is none, or several.
///
/// Upper and lower case are the same. Where one word stands inside another, as `spam` in `not spam`, the longer one
/// is meant.
///
/// ```
/// use synth_generate::one_of;
///
/// let grades = ["1", "2", "3", "4", "5"].map(str::to_owned);
/// assert_eq!(one_of(r#"{"answer": "4"}"#, &grades), Some(3));
/// assert_eq!(one_of("I would give it a 4.", &grades), Some(3));
/// assert_eq!(one_of("between 3 and 4", &grades), None);
/// assert_eq!(one_of("a 45", &grades), None);
/// ```
pub fn one_of(answer: &str, words: &[String]) -> Option<usize> {
    match json_answer(answer) {
        Some(value) => only_word(&value, words),
        None => only_word(answer, words),
    }
}

/// What stands under `answer` in the first JSON object that has it.
fn json_answer(text: &str) -> Option<String> {
    text.match_indices('{').find_map(|(at, _)| {
        let mut values = serde_json::Deserializer::from_str(&text[at..]).into_iter::<serde_json::Value>();
        match values.next()?.ok()?.get("answer")? {
            serde_json::Value::String(word) => Some(word.clone()),
            serde_json::Value::Array(_) | serde_json::Value::Object(_) | serde_json::Value::Null => None,
            other => Some(other.to_string()),
        }
    })
}

fn only_word(text: &str, words: &[String]) -> Option<usize> {
    let text = fold(text.trim());
    let folded: Vec<String> = words.iter().map(|word| fold(word.trim())).collect();
    if let Some(whole) = folded.iter().position(|word| *word == text) {
        return Some(whole);
    }
    // (start, end, word): by start, the longest first, so that what lies inside another comes behind it.
    let mut found = Vec::new();
    for (index, word) in folded.iter().enumerate().filter(|(_, word)| !word.is_empty()) {
        let whole = text.match_indices(word).filter(|(at, _)| stands_alone(&text, *at, at + word.len()));
        found.extend(whole.map(|(at, _)| (at, at + word.len(), index)));
    }
    found.sort_by_key(|&(start, end, index)| (start, std::cmp::Reverse(end), index));
    let (mut reached, mut only) = (0, None);
    for (_, end, index) in found {
        if end <= reached {
            continue;
        }
        reached = end;
        if only.is_some_and(|other| other != index) {
            return None;
        }
        only = Some(index);
    }
    only
}

/// Whether what stands from `start` to `end` is no part of a longer word or number.
fn stands_alone(text: &str, start: usize, end: usize) -> bool {
    let joins = |c: char| c.is_alphanumeric() || c == '_';
    let before = text[..start].chars().next_back();
    let mut after = text[end..].chars();
    let number_goes_on = matches!(after.next(), Some('.' | ','))
        && after.next().is_some_and(|c| c.is_ascii_digit())
        && text[..end].ends_with(|c: char| c.is_ascii_digit());
    let number_began = before.is_some_and(|c| matches!(c, '-' | '.' | ','))
        && text[start..].starts_with(|c: char| c.is_ascii_digit())
        && text[..start].len() > 1
        && text[..start - 1].ends_with(|c: char| c.is_ascii_digit());
    let negative = before == Some('-') && text[start..].starts_with(|c: char| c.is_ascii_digit());
    !before.is_some_and(joins) && !text[end..].starts_with(joins) && !number_goes_on && !number_began && !negative
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn check(answer: &str, words: &[&str], expected: Option<&str>) {
        let words: Vec<String> = words.iter().map(|word| (*word).to_owned()).collect();
        assert_eq!(one_of(answer, &words).map(|at| words[at].as_str()), expected, "{answer:?}");
    }

    #[test]
    fn json() {
        let grades = ["1", "2", "3", "4", "5"];
        check(r#"{"answer": "5"}"#, &grades, Some("5"));
        check(r#"{"answer": 5}"#, &grades, Some("5"));
        check("```json\n{\"answer\": \" 2 \"}\n```", &grades, Some("2"));
        check(r#"{"grade": 1} {"answer": "3"}"#, &grades, Some("3"));
        check(r#"{"answer": "7"}"#, &grades, None);
        check(r#"{"answer": null}"#, &grades, None);
        check(r#"{"answer": "4"#, &grades, Some("4"));
        check(r#"{"answer": "the grade is 4"}, not 5"#, &grades, Some("4"));
    }

    #[test]
    fn plain_text() {
        let grades = ["1", "2", "3", "4", "5"];
        for (answer, expected) in [
            ("4", Some("4")),
            ("Grade: 4.", Some("4")),
            ("4, clearly a 4", Some("4")),
            ("**4**", Some("4")),
            ("4/5", None),
            ("4.5", None),
            ("2.4", None),
            ("-4", None),
            ("14", None),
            ("", None),
            ("four", None),
        ] {
            check(answer, &grades, expected);
        }
    }

    #[test]
    fn words_inside_words() {
        let classes = ["spam", "not spam", "Hôtel"];
        check("It is not spam", &classes, Some("not spam"));
        check("SPAM!", &classes, Some("spam"));
        check("not spam, or spam", &classes, None);
        check("spammer", &classes, None);
        check("un HÔTEL", &classes, Some("Hôtel"));
    }

    proptest! {
        #[test]
        fn nothing_makes_it_panic(answer in "(\\PC|[{}\":0-9.,é-]|answer|spam){0,20}", word in "\\PC{0,4}") {
            let words = [word, "spam".to_owned(), "1".to_owned()];
            prop_assert!(one_of(&answer, &words).is_none_or(|at| at < 3));
        }
    }
}
