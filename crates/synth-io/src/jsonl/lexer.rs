//! The tokens of one line of JSON.

use crate::RecordProblem;

/// A position in a line of valid UTF-8.
#[derive(Debug, Clone)]
pub(super) struct Cursor<'a> {
    text: &'a str,
    at: usize,
}

/// A number, as far as its text tells without a loss.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Number {
    Int(i64),
    /// Beyond `i64`.
    UInt(u64),
    Float(f64),
}

type Result<T> = std::result::Result<T, RecordProblem>;

impl<'a> Cursor<'a> {
    /// A cursor at the start of a line.
    pub(super) fn new(line: &'a [u8]) -> Result<Self> {
        match std::str::from_utf8(line) {
            Ok(text) => Ok(Self { text, at: 0 }),
            Err(error) => Err(RecordProblem::InvalidUtf8 { column: error.valid_up_to() + 1 }),
        }
    }

    /// The next byte after white space; 0 at the end, which is no byte of a JSON token.
    #[inline]
    pub(super) fn peek(&mut self) -> u8 {
        let bytes = self.text.as_bytes();
        while let Some(&byte) = bytes.get(self.at) {
            if !matches!(byte, b' ' | b'\t' | b'\r' | b'\n') {
                return byte;
            }
            self.at += 1;
        }
        0
    }

    /// Steps over the byte that was peeked.
    #[inline]
    pub(super) fn bump(&mut self) {
        self.at += 1;
    }

    /// Takes a byte that must come next.
    #[inline]
    pub(super) fn expect(&mut self, byte: u8, otherwise: &'static str) -> Result<()> {
        if self.peek() != byte {
            return Err(self.problem(otherwise));
        }
        self.at += 1;
        Ok(())
    }

    /// After an item of a list or an object: true if another follows.
    #[inline]
    pub(super) fn more(&mut self, close: u8) -> Result<bool> {
        match self.peek() {
            b',' => {
                self.at += 1;
                if self.peek() == close {
                    return Err(self.problem("a comma without a value behind it"));
                }
                Ok(true)
            }
            byte if byte == close => {
                self.at += 1;
                Ok(false)
            }
            _ => Err(self.problem("expected a comma or the end of the value")),
        }
    }

    /// After an opening bracket: true if the value is empty, and steps over its end.
    #[inline]
    pub(super) fn empty(&mut self, close: u8) -> bool {
        let empty = self.peek() == close;
        self.at += usize::from(empty);
        empty
    }

    /// That the line ends here.
    pub(super) fn end(&mut self) -> Result<()> {
        if self.peek() == 0 && self.at >= self.text.len() { Ok(()) } else { Err(self.problem("text after the record")) }
    }

    /// `true`, `false` or `null`.
    #[inline]
    pub(super) fn word(&mut self, word: &str) -> Result<()> {
        if !self.text[self.at..].starts_with(word) {
            return Err(self.problem("a word that is not JSON"));
        }
        self.at += word.len();
        Ok(())
    }

    /// A string: borrowed where it has no escapes, else unescaped into `scratch`.
    #[inline]
    pub(super) fn string<'s>(&mut self, scratch: &'s mut String) -> Result<&'s str>
    where
        'a: 's,
    {
        let plain = self.plain()?;
        if self.text.as_bytes()[self.at] == b'"' {
            self.at += 1;
            return Ok(plain);
        }
        scratch.clear();
        scratch.push_str(plain);
        loop {
            // Here stands a quote or a backslash: all else is plain or an error.
            if self.text.as_bytes()[self.at] == b'"' {
                self.at += 1;
                return Ok(scratch);
            }
            let escaped = self.escape()?;
            scratch.push(escaped);
            let plain = self.rest_of_plain()?;
            scratch.push_str(plain);
        }
    }

    fn plain(&mut self) -> Result<&'a str> {
        self.expect(b'"', "expected a string")?;
        self.rest_of_plain()
    }

    /// The text up to the next quote or backslash.
    #[inline]
    fn rest_of_plain(&mut self) -> Result<&'a str> {
        let start = self.at;
        self.at += plain_run(&self.text.as_bytes()[start..]);
        match self.text.as_bytes().get(self.at) {
            Some(b'"' | b'\\') => Ok(&self.text[start..self.at]),
            Some(_) => Err(self.problem("a control character inside a string")),
            None => Err(RecordProblem::Truncated),
        }
    }

    fn escape(&mut self) -> Result<char> {
        let start = self.at;
        self.at += 1;
        let Some(&byte) = self.text.as_bytes().get(self.at) else {
            return Err(RecordProblem::Truncated);
        };
        self.at += 1;
        Ok(match byte {
            b'"' | b'\\' | b'/' => char::from(byte),
            b'b' => '\u{8}',
            b'f' => '\u{c}',
            b'n' => '\n',
            b'r' => '\r',
            b't' => '\t',
            b'u' => {
                let high = self.hex()?;
                let code = if (0xd800..0xdc00).contains(&high) && self.text[self.at..].starts_with("\\u") {
                    self.at += 2;
                    let low = self.hex()?;
                    // A low half out of range gives a code that is no character, refused below.
                    low.checked_sub(0xdc00)
                        .filter(|low| *low < 0x400)
                        .map(|low| 0x10000 + ((high - 0xd800) << 10) + low)
                } else {
                    Some(high)
                };
                match code.and_then(char::from_u32) {
                    Some(c) => c,
                    None => {
                        self.at = start;
                        return Err(self.problem("half a surrogate pair"));
                    }
                }
            }
            _ => {
                self.at = start;
                return Err(self.problem("an unknown escape"));
            }
        })
    }

    fn hex(&mut self) -> Result<u32> {
        let mut code = 0;
        for _ in 0..4 {
            let Some(&byte) = self.text.as_bytes().get(self.at) else {
                return Err(RecordProblem::Truncated);
            };
            let Some(digit) = char::from(byte).to_digit(16) else {
                return Err(self.problem("an unknown escape"));
            };
            code = code * 16 + digit;
            self.at += 1;
        }
        Ok(code)
    }

    /// A number. Its value is exact for integers of 64 bits, else the nearest float.
    #[inline]
    pub(super) fn number(&mut self) -> Result<Number> {
        let (text, integer) = self.number_text()?;
        if integer {
            if let Ok(value) = text.parse() {
                return Ok(Number::Int(value));
            }
            if let Ok(value) = text.parse() {
                return Ok(Number::UInt(value));
            }
        }
        match text.parse::<f64>() {
            Ok(value) if value.is_finite() => Ok(Number::Float(value)),
            _ => {
                self.at -= text.len();
                Err(self.problem("a number too large for a float"))
            }
        }
    }

    /// The text of a number, and whether it is an integer.
    #[inline]
    fn number_text(&mut self) -> Result<(&'a str, bool)> {
        let bytes = self.text.as_bytes();
        let start = self.at;
        let digits = |from: usize| bytes[from..].iter().take_while(|b| b.is_ascii_digit()).count();
        let mut at = start + usize::from(bytes.get(start) == Some(&b'-'));
        let whole = digits(at);
        if whole == 0 || (whole > 1 && bytes[at] == b'0') {
            return Err(self.bad_number(at));
        }
        at += whole;
        let mut integer = true;
        if bytes.get(at) == Some(&b'.') {
            integer = false;
            let fraction = digits(at + 1);
            if fraction == 0 {
                return Err(self.bad_number(at + 1));
            }
            at += 1 + fraction;
        }
        if let Some(b'e' | b'E') = bytes.get(at) {
            integer = false;
            at += 1 + usize::from(matches!(bytes.get(at + 1), Some(b'+' | b'-')));
            let exponent = digits(at);
            if exponent == 0 {
                return Err(self.bad_number(at));
            }
            at += exponent;
        }
        self.at = at;
        Ok((&self.text[start..at], integer))
    }

    fn bad_number(&self, at: usize) -> RecordProblem {
        let rest = &self.text[self.at..];
        if at >= self.text.len() {
            RecordProblem::Truncated
        } else if rest.starts_with("-Infinity") {
            self.problem("`-Infinity` is not JSON")
        } else {
            self.problem("a malformed number")
        }
    }

    /// The problem with whatever stands here.
    pub(super) fn problem(&self, problem: &'static str) -> RecordProblem {
        let rest = &self.text[self.at.min(self.text.len())..];
        if rest.trim_start().is_empty() {
            return RecordProblem::Truncated;
        }
        let problem = if rest.starts_with("NaN") {
            "`NaN` is not JSON"
        } else if rest.starts_with("Infinity") {
            "`Infinity` is not JSON"
        } else if ["null", "true", "false"].iter().any(|word| word.starts_with(rest.trim_end())) {
            return RecordProblem::Truncated;
        } else {
            problem
        };
        RecordProblem::Syntax { problem, column: self.at + 1 }
    }
}

/// How many bytes come before a quote, a backslash or a control character.
#[inline]
fn plain_run(bytes: &[u8]) -> usize {
    const ONES: u64 = 0x0101_0101_0101_0101;
    const HIGH: u64 = 0x8080_8080_8080_8080;
    // A byte is zero where subtracting one borrows and its high bit was clear. Borrows can mark a byte above a true
    // one wrongly, never below it, and the lowest mark is what counts.
    let zeros = |x: u64| x.wrapping_sub(ONES) & !x & HIGH;
    let mut at = 0;
    while let Some(chunk) = bytes.get(at..at + 8) {
        let word = u64::from_le_bytes(chunk.try_into().expect("eight bytes"));
        let control = word.wrapping_sub(ONES * 0x20) & !word & HIGH;
        let found = zeros(word ^ (ONES * u64::from(b'"'))) | zeros(word ^ (ONES * u64::from(b'\\'))) | control;
        if found != 0 {
            return at + found.trailing_zeros() as usize / 8;
        }
        at += 8;
    }
    at + bytes[at..].iter().take_while(|b| !matches!(b, b'"' | b'\\' | 0..0x20)).count()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn string(line: &str) -> Result<String> {
        Cursor::new(line.as_bytes())?.string(&mut String::new()).map(str::to_owned)
    }

    fn number(line: &str) -> Result<Number> {
        Cursor::new(line.as_bytes())?.number()
    }

    proptest! {
        #[test]
        fn strings_agree_with_serde_json(text in any::<String>(), garbage in "[\"\\\\u0-9a-f\u{0}-\u{ff}]{0,20}") {
            let quoted = serde_json::to_string(&text).unwrap();
            prop_assert_eq!(string(&quoted).unwrap(), text);
            let quoted = format!("\"{garbage}\"");
            if let Ok(theirs) = serde_json::from_str::<String>(&quoted) {
                prop_assert_eq!(string(&quoted).unwrap(), theirs);
            }
        }

        #[test]
        fn floats_agree_with_the_standard_library(value in any::<f64>().prop_filter("finite", |v| v.is_finite())) {
            prop_assert_eq!(number(&format!("{value:e}")).unwrap(), Number::Float(value));
        }
    }

    #[test]
    fn numbers() {
        assert_eq!(number("-12,"), Ok(Number::Int(-12)));
        assert_eq!(number("9223372036854775808"), Ok(Number::UInt(1 << 63)));
        assert_eq!(number("18446744073709551616"), Ok(Number::Float(18446744073709551616.0)));
        assert_eq!(number("1e2"), Ok(Number::Float(100.0)));
        assert_eq!(number("-"), Err(RecordProblem::Truncated));
        assert_eq!(number("1."), Err(RecordProblem::Truncated));
        for (text, problem) in [
            ("007", "a malformed number"),
            (".5", "a malformed number"),
            ("1.x", "a malformed number"),
            ("1e999", "a number too large for a float"),
            ("-Infinity", "`-Infinity` is not JSON"),
        ] {
            assert_eq!(number(text), Err(RecordProblem::Syntax { problem, column: 1 }), "{text}");
        }
    }

    #[test]
    fn surrogates() {
        assert_eq!(string(r#""\ud83d\ude00""#).unwrap(), "😀");
        for bad in [r#""\ud83d""#, r#""\ud83dx""#, r#""\ud83d\u0041""#, r#""\ude00""#] {
            assert!(
                matches!(string(bad), Err(RecordProblem::Syntax { problem: "half a surrogate pair", .. })),
                "{bad}"
            );
        }
    }
}
