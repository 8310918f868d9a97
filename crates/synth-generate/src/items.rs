//! The texts in an answer that should be a list.
//!
//! Servers that cannot be made to answer in JSON answer nearly in JSON, in numbered lists, or in prose. What is
//! plainly meant is taken; what was cut off at the end is left out. A JSON parser stops at the first mistake, hence
//! the scanner here.

/// The texts of an answer of the form [`AnswerForm::Items`](crate::AnswerForm::Items), in their order: of a JSON list,
/// also inside a fenced block, with trailing commas, or cut off after some whole items; else of a numbered or bulleted
/// list; else its paragraphs.
///
/// ```
/// use synth_generate::items;
///
/// assert_eq!(items(r#"{"items": ["one", "two"]}"#), ["one", "two"]);
/// assert_eq!(items("Sure!\n```json\n[\"one\", \"two\",]\n```"), ["one", "two"]);
/// assert_eq!(items(r#"{"items": ["one", "two", "thr"#), ["one", "two"]);
/// assert_eq!(items("Here are two:\n1. one\n2) two"), ["one", "two"]);
/// ```
pub fn items(answer: &str) -> Vec<String> {
    // JSON as it was asked for may have a fence inside a text.
    let whole = answer.trim_start();
    let json = if whole.starts_with(['{', '[']) { arrays(whole) } else { None };
    let text = unfenced(answer);
    let found = json.or_else(|| arrays(text)).or_else(|| listed(text)).unwrap_or_else(|| paragraphs(text));
    found.iter().map(|item| bare(item)).filter(|item| !item.is_empty()).map(str::to_owned).collect()
}

/// The text in an answer of the form [`AnswerForm::Text`](crate::AnswerForm::Text).
///
/// Where the texts of the data are single lines it is the first line that announces no other ("Here is one:"),
/// without the mark of a list: behind it, small models explain what they wrote, or go on with a list.
pub(crate) fn only_text(answer: &str, single_lines: bool) -> &str {
    let whole = bare(answer);
    if !single_lines {
        return whole;
    }
    let line = whole.lines().map(str::trim).find(|line| !line.is_empty() && !line.ends_with(':'));
    line.map_or(whole, |line| bare(marked(line).unwrap_or(line)))
}

/// A text without the white space and the quotation marks around it.
pub(crate) fn bare(text: &str) -> &str {
    const PAIRS: [(char, char); 4] = [('"', '"'), ('“', '”'), ('«', '»'), ('„', '“')];
    let text = text.trim();
    for (open, close) in PAIRS {
        if let Some(inner) = text.strip_prefix(open).and_then(|rest| rest.strip_suffix(close)) {
            // `"a" and "b"` begins and ends with marks that are no pair.
            if !inner.contains([open, close]) {
                return inner.trim();
            }
        }
    }
    text
}

/// What stands in the first fenced block, if there is one.
fn unfenced(text: &str) -> &str {
    let Some(at) = text.find("```") else { return text };
    let inside = &text[at + 3..];
    // The language stands behind the fence.
    let inside = inside.split_once('\n').map_or(inside, |(language, rest)| {
        if language.trim().chars().all(char::is_alphanumeric) { rest } else { inside }
    });
    inside.split_once("```").map_or(inside, |(block, _)| block)
}

/// The items of the first JSON array that has some.
fn arrays(text: &str) -> Option<Vec<String>> {
    /// Brackets that may open it. Each is looked at up to the end, so an answer of brackets alone would take long.
    const TRIES: usize = 32;
    text.match_indices('[').take(TRIES).map(|(at, _)| array(&text[at + 1..])).find(|items| !items.is_empty())
}

/// The strings of an array, whose opening bracket is gone, up to its end or to where it is cut off. Objects stand for
/// their field `text`, or else for their first text.
fn array(text: &str) -> Vec<String> {
    let mut scanner = Scanner { rest: text };
    let mut found = Vec::new();
    loop {
        scanner.skip(|c| c.is_whitespace() || c == ',');
        match scanner.rest.chars().next() {
            Some('"' | '\'') => match scanner.string() {
                Some(item) => found.push(item),
                None => return found,
            },
            Some('{') => match scanner.object() {
                Some(item) => found.extend(item),
                None => return found,
            },
            // The end, prose in brackets, or something that holds no text.
            _ => return found,
        }
        scanner.skip(char::is_whitespace);
        // A wrong bracket ends it too.
        if !scanner.rest.is_empty() && !scanner.rest.starts_with([',', ']', '}', ')', '"', '{']) {
            // That quotation mark ended no item: this is prose.
            return Vec::new();
        }
    }
}

struct Scanner<'a> {
    rest: &'a str,
}

impl Scanner<'_> {
    fn skip(&mut self, what: impl Fn(char) -> bool) {
        self.rest = self.rest.trim_start_matches(what);
    }

    /// A string in quotation marks; `None` if it is cut off.
    fn string(&mut self) -> Option<String> {
        let mark = self.rest.chars().next()?;
        let mut value = String::new();
        let mut chars = self.rest.char_indices().skip(1).peekable();
        while let Some((at, c)) = chars.next() {
            match c {
                '\\' => match chars.next()?.1 {
                    'n' => value.push('\n'),
                    't' => value.push('\t'),
                    'r' | 'b' | 'f' => {}
                    'u' => {
                        let unit = |chars: &mut dyn Iterator<Item = (usize, char)>| {
                            let digits: String = chars.take(4).map(|(_, digit)| digit).collect();
                            u16::from_str_radix(&digits, 16).ok()
                        };
                        let first = unit(&mut chars)?;
                        let mut units = vec![first];
                        // The second half of a pair.
                        if (0xd800..0xdc00).contains(&first) && chars.next_if(|&(_, c)| c == '\\').is_some() {
                            chars.next();
                            units.push(unit(&mut chars)?);
                        }
                        value.push_str(&String::from_utf16_lossy(&units));
                    }
                    other => value.push(other),
                },
                // A plain apostrophe inside '…' is followed by a letter.
                c if c == mark && !(mark == '\'' && chars.peek().is_some_and(|(_, next)| next.is_alphanumeric())) => {
                    self.rest = &self.rest[at + c.len_utf8()..];
                    return Some(value);
                }
                c => value.push(c),
            }
        }
        self.rest = "";
        None
    }

    /// The text of an object, if it has one; `None` if the object is cut off.
    fn object(&mut self) -> Option<Option<String>> {
        self.rest = self.rest.strip_prefix('{')?;
        let (mut named, mut first) = (None, None);
        loop {
            self.skip(|c| c.is_whitespace() || c == ',');
            if let Some(rest) = self.rest.strip_prefix('}') {
                self.rest = rest;
                return Some(named.or(first));
            }
            let key = self.rest.starts_with(['"', '\'']).then(|| self.string()).flatten()?;
            self.skip(|c| c.is_whitespace() || c == ':');
            if self.rest.starts_with(['"', '\'']) {
                let value = self.string()?;
                if key == "text" {
                    named = Some(value);
                } else if first.is_none() {
                    first = Some(value);
                }
            } else {
                // Numbers, true, false, null; lists and objects inside are not looked into.
                let end = self.rest.find([',', '}'])?;
                self.rest = &self.rest[end..];
            }
        }
    }
}

/// The items of a numbered or bulleted list; lines without a mark go on with the item before them.
fn listed(text: &str) -> Option<Vec<String>> {
    let mut found: Vec<String> = Vec::new();
    let mut open = false;
    for line in text.lines().map(str::trim) {
        if let Some(item) = marked(line) {
            found.push(item.to_owned());
            open = true;
        } else if line.is_empty() {
            // Prose behind the list belongs to no item.
            open = false;
        } else if let Some(last) = found.last_mut().filter(|_| open) {
            last.push(' ');
            last.push_str(line);
        }
    }
    (!found.is_empty()).then_some(found)
}

/// A line without the mark of a list in front, if it has one.
fn marked(line: &str) -> Option<&str> {
    let digits = line.chars().take_while(char::is_ascii_digit).count();
    let rest = match digits {
        0 => line.strip_prefix(['-', '*', '•'])?,
        1..=3 => line[digits..].strip_prefix(['.', ')'])?,
        _ => return None,
    };
    // `-5` and `1.5` are no marks.
    rest.starts_with(char::is_whitespace).then(|| rest.trim_start())
}

fn paragraphs(text: &str) -> Vec<String> {
    let lines: Vec<&str> = text.lines().map(str::trim).collect();
    lines.split(|line| line.is_empty()).map(|paragraph| paragraph.join(" ")).collect()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_wrong_bracket_loses_nothing() {
        assert_eq!(items(r#"{"items": ["a", "b"}"#), ["a", "b"]);
        assert_eq!(items(r#"[{"text":"a"}}"#), ["a"]);
        // Nor does an answer of brackets take for ever.
        assert!(!items(&"['a".repeat(200_000)).is_empty());
    }

    #[test]
    fn of_an_answer_the_line_that_is_the_text() {
        assert_eq!(only_text("Here is one:\n\n\"where is it?\"\nThis asks for a place.", true), "where is it?");
        assert_eq!(only_text("1. who was it?\n2. what was it?", true), "who was it?");
        assert_eq!(only_text("Here is one:", true), "Here is one:");
        assert_eq!(only_text(" \"Dear all,\n\nsee you\" ", false), "Dear all,\n\nsee you");
    }

    fn check(answer: &str, expected: &[&str]) {
        assert_eq!(items(answer), expected, "{answer}");
    }

    #[test]
    fn json() {
        check(r#"{"items": ["a \"b\"", "c\nd", "é \ud83d\ude00"]}"#, &["a \"b\"", "c\nd", "é 😀"]);
        check("{\"items\": [\"a [Name]\",\n \"b\",\n]}", &["a [Name]", "b"]);
        check(r#"[{"text": "a", "label": "x"}, {"label": "y", "text": "b"}, {"note": "c"}]"#, &["a", "b", "c"]);
        check(r#"{"n": 2, "items": [{"id": 1, "text": "a"}, {"id": 2, "text": "b"}]}"#, &["a", "b"]);
        check("['it's fine', 'two']", &["it's fine", "two"]);
        check(r#"{"items": ["use ```rust``` here", "b"]}"#, &["use ```rust``` here", "b"]);
        check("{\"items\": []}", &["{\"items\": []}"]);
    }

    #[test]
    fn cut_off() {
        check(r#"{"items": ["a", "b", "c"#, &["a", "b"]);
        check(r#"{"items": ["a", "b""#, &["a", "b"]);
        check(r#"[{"text": "a"}, {"text": "b"#, &["a"]);
        check("```json\n{\"items\": [\"a\", \"b", &["a"]);
        check(r#"["a\ud83d"#, &["[\"a\\ud83d"]);
    }

    #[test]
    fn lists_and_prose() {
        check("1. a\n2. b\n   goes on\n\nI hope this helps!", &["a", "b goes on"]);
        check("Here you are:\n\n- \"a\"\n- “b”\n* c", &["a", "b", "c"]);
        check("one text\nin two lines\n\nand another", &["one text in two lines", "and another"]);
        check("see [1] and [the \"other\" one]", &["see [1] and [the \"other\" one]"]);
        check("1.5 litres\n-5 degrees", &["1.5 litres -5 degrees"]);
        check("\"a\" and \"b\"", &["\"a\" and \"b\""]);
        check("", &[]);
    }

    proptest! {
        #[test]
        fn what_is_json_comes_back(texts in prop::collection::vec("[^\\p{Z}\\p{C}\"“”«»„][^\\p{C}]{0,20}[^\\p{Z}\\p{C}\"“”«»„]", 1..6)) {
            // No text of these is trimmed or in quotation marks, and `[` inside strings is found only later.
            let answer = serde_json::json!({ "items": texts }).to_string();
            prop_assert_eq!(items(&answer), texts);
        }

        #[test]
        fn nothing_makes_it_panic(answer in ".{0,60}|[\\[\\]{}\"'\\\\u0-9,: a-f`\n.-]{0,60}") {
            items(&answer);
        }
    }
}
