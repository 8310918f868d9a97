//! Text to tokens. Every text can be taken apart; what fits nothing becomes a diagnostic.

use std::ops::Range;

use super::diagnostics::{Diagnostic, Source};

/// What a token is.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum TokenKind {
    /// A bare name or keyword.
    Ident(String),
    /// A name in backquotes, which is never a keyword.
    Quoted(String),
    Str(String),
    Regex {
        pattern: String,
        flags: String,
    },
    /// A number and how it was written.
    Number(f64, String),
    /// One of the signs of [`SIGNS`].
    Sign(&'static str),
    End,
}

#[derive(Debug, Clone)]
pub(super) struct Token {
    pub(super) kind: TokenKind,
    pub(super) span: Range<usize>,
    /// True for the first token of a line.
    pub(super) first_on_line: bool,
}

/// A comment, with its `#`, without white space at the end.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Comment {
    pub(super) text: String,
    pub(super) span: Range<usize>,
    /// True when nothing but white space stands before it on its line.
    pub(super) own_line: bool,
}

/// Longer signs first, so that `<=` is not read as `<`.
const SIGNS: [&str; 14] = ["==", "!=", "<=", ">=", "<", ">", "=", "~", ",", ".", "(", ")", "[", "]"];

#[derive(Debug, Default)]
pub(super) struct Lexed {
    pub(super) tokens: Vec<Token>,
    pub(super) comments: Vec<Comment>,
    pub(super) diagnostics: Vec<Diagnostic>,
}

/// Takes a source apart. The last token is always [`TokenKind::End`].
pub(super) fn lex(source: &Source) -> Lexed {
    let mut lexer = Lexer { source, text: &source.text, at: 0, first_on_line: true, out: Lexed::default() };
    lexer.run();
    lexer.out
}

struct Lexer<'a> {
    source: &'a Source,
    text: &'a str,
    at: usize,
    first_on_line: bool,
    out: Lexed,
}

impl Lexer<'_> {
    fn run(&mut self) {
        // A byte order mark is no part of the text.
        self.at = if self.text.starts_with('\u{feff}') { '\u{feff}'.len_utf8() } else { 0 };
        while let Some(c) = self.peek() {
            match c {
                '\n' => {
                    self.at += 1;
                    self.first_on_line = true;
                }
                _ if c.is_whitespace() => self.at += c.len_utf8(),
                '#' => self.comment(),
                '"' => self.string(),
                '`' => self.backquoted(),
                '/' => self.regex(),
                '-' | '0'..='9' => self.number(),
                _ if is_name_start(c) => self.name(),
                _ => self.sign(c),
            }
        }
        self.push(TokenKind::End, self.at);
    }

    fn peek(&self) -> Option<char> {
        self.text[self.at..].chars().next()
    }

    fn push(&mut self, kind: TokenKind, start: usize) {
        let first_on_line = std::mem::take(&mut self.first_on_line);
        self.out.tokens.push(Token { kind, span: start..self.at, first_on_line });
    }

    fn error(&mut self, code: &'static str, span: Range<usize>, message: String, hint: Option<&str>) {
        let diagnostic = Diagnostic::error(code, self.source, span, message);
        self.out.diagnostics.push(Diagnostic { hint: hint.map(str::to_owned), ..diagnostic });
    }

    /// The position of the next line break, or the end.
    fn line_end(&self) -> usize {
        self.text[self.at..].find('\n').map_or(self.text.len(), |n| self.at + n)
    }

    fn comment(&mut self) {
        let start = self.at;
        self.at = self.line_end();
        let text = self.text[start..self.at].trim_end().to_owned();
        let span = start..start + text.len();
        self.out.comments.push(Comment { text, span, own_line: self.first_on_line });
    }

    fn name(&mut self) {
        let start = self.at;
        let rest = &self.text[start..];
        self.at += rest.find(|c| !is_name_part(c)).unwrap_or(rest.len());
        self.push(TokenKind::Ident(self.text[start..self.at].to_owned()), start);
    }

    fn number(&mut self) {
        let start = self.at;
        let rest = &self.text.as_bytes()[start..];
        let digits = |mut i: usize| {
            while rest.get(i).is_some_and(u8::is_ascii_digit) {
                i += 1;
            }
            i
        };
        let mut end = digits(usize::from(rest[0] == b'-'));
        if rest.get(end) == Some(&b'.') && rest.get(end + 1).is_some_and(u8::is_ascii_digit) {
            end = digits(end + 1);
        }
        if matches!(rest.get(end), Some(b'e' | b'E')) {
            let sign = usize::from(matches!(rest.get(end + 1), Some(b'+' | b'-')));
            if rest.get(end + 1 + sign).is_some_and(u8::is_ascii_digit) {
                end = digits(end + 1 + sign);
            }
        }
        // What hangs on to a number belongs to the same mistake: `5stars`.
        let tail = &self.text[start + end..];
        let tail_len = tail.find(|c| !is_name_part(c)).unwrap_or(tail.len());
        self.at = start + end + tail_len;
        let written = self.text[start..self.at].to_owned();
        match written.parse::<f64>() {
            Ok(value) if value.is_finite() => self.push(TokenKind::Number(value, written), start),
            _ => {
                let hint = "numbers are written 3, -0.5 or 1e6; names begin with a letter";
                self.error("bad-number", start..self.at, format!("`{written}` is not a number"), Some(hint));
                self.push(TokenKind::Number(0.0, "0".to_owned()), start);
            }
        }
    }

    fn string(&mut self) {
        let start = self.at;
        self.at += 1;
        let mut value = String::new();
        loop {
            match self.peek() {
                None | Some('\n') => {
                    let message = "this string does not end on its line".to_owned();
                    let hint = "close it with \"; a line break inside a string is written \\n";
                    self.error("unterminated-string", start..self.at, message, Some(hint));
                    break;
                }
                Some('"') => {
                    self.at += 1;
                    break;
                }
                Some('\\') => self.escape(&mut value),
                Some(c) => {
                    self.at += c.len_utf8();
                    value.push(c);
                }
            }
        }
        self.push(TokenKind::Str(value), start);
    }

    fn escape(&mut self, value: &mut String) {
        let start = self.at;
        self.at += 1;
        let next = self.peek().filter(|&c| c != '\n');
        self.at += next.map_or(0, char::len_utf8);
        let known = match next {
            Some('n') => Some('\n'),
            Some('t') => Some('\t'),
            Some('r') => Some('\r'),
            Some(c @ ('"' | '\\')) => Some(c),
            Some('u') => self.unicode_escape(),
            _ => None,
        };
        match known {
            Some(c) => value.push(c),
            None => {
                let message = format!("`{}` is not an escape", &self.text[start..self.at]);
                let hint = r#"the escapes are \" \\ \n \t \r and \u{1F600}"#;
                self.error("bad-escape", start..self.at, message, Some(hint));
            }
        }
    }

    /// Reads `{1F600}`.
    fn unicode_escape(&mut self) -> Option<char> {
        let body = self.text[self.at..].strip_prefix('{')?;
        let end = body.find(|c: char| !c.is_ascii_hexdigit())?;
        let code = body[..end].to_owned();
        if !body[end..].starts_with('}') {
            return None;
        }
        self.at += end + 2;
        u32::from_str_radix(&code, 16).ok().and_then(char::from_u32)
    }

    fn backquoted(&mut self) {
        let start = self.at;
        let line_end = self.line_end();
        let body = &self.text[start + 1..line_end];
        let (name, end) = match body.find('`') {
            Some(len) => (&body[..len], start + 1 + len + 1),
            None => (body, line_end),
        };
        let (name, closed) = (name.to_owned(), end > start + 1 + name.len());
        self.at = end;
        if !closed {
            let message = "this name does not end on its line".to_owned();
            self.error("unterminated-name", start..end, message, Some("close it with `"));
        } else if name.is_empty() {
            self.error("empty-name", start..end, "a name cannot be empty".to_owned(), None);
        }
        self.push(TokenKind::Quoted(name), start);
    }

    fn regex(&mut self) {
        let start = self.at;
        let line_end = self.line_end();
        let body = &self.text[start + 1..line_end];
        let mut pattern = String::new();
        let mut chars = body.char_indices();
        let mut end = None;
        while let Some((i, c)) = chars.next() {
            match c {
                '/' => {
                    end = Some(i);
                    break;
                }
                // Only the slash loses its backslash; all other escapes are the expression's own.
                '\\' => match chars.next() {
                    Some((_, '/')) => pattern.push('/'),
                    Some((_, other)) => pattern.extend(['\\', other]),
                    None => pattern.push('\\'),
                },
                _ => pattern.push(c),
            }
        }
        let Some(end) = end else {
            self.at = line_end;
            let message = "this regular expression does not end on its line".to_owned();
            let hint = "close it with /; a slash inside is written \\/";
            self.error("unterminated-regex", start..line_end, message, Some(hint));
            self.push(TokenKind::Regex { pattern: String::new(), flags: String::new() }, start);
            return;
        };
        let flags_at = start + 1 + end + 1;
        let rest = &self.text[flags_at..];
        let flags = rest[..rest.find(|c| !is_name_part(c)).unwrap_or(rest.len())].to_owned();
        self.at = flags_at + flags.len();
        self.push(TokenKind::Regex { pattern, flags }, start);
    }

    fn sign(&mut self, c: char) {
        let start = self.at;
        if let Some(sign) = SIGNS.into_iter().find(|sign| self.text[start..].starts_with(sign)) {
            self.at += sign.len();
            self.push(TokenKind::Sign(sign), start);
            return;
        }
        self.at += c.len_utf8();
        // A run of such signs is one mistake.
        if let Some(last) = self.out.diagnostics.last_mut()
            && last.code == "unknown-sign"
            && last.span.end == start
        {
            last.span.end = self.at;
            return;
        }
        let hint = match c {
            '\'' | '“' | '”' | '‘' | '’' => Some("strings stand in straight double quotes"),
            '&' => Some("conditions are joined with `and`"),
            '|' => Some("conditions are joined with `or`"),
            '!' => Some("the opposite of a condition is written `not`"),
            '{' | '}' | ';' | ':' => Some("no such sign is needed; `synth help lf` shows the language"),
            _ => None,
        };
        self.error("unknown-sign", start..self.at, format!("`{c}` means nothing here"), hint);
        self.first_on_line = false;
    }
}

/// Where byte `at` of a string's value stands in the string as it is written, quotes included.
pub(super) fn place_in_string(written: &str, at: usize) -> usize {
    let mut chars = written.char_indices().skip(1);
    let mut before = 0;
    while before < at {
        before += match chars.next() {
            None => return written.len(),
            Some((_, '\\')) => match chars.next() {
                Some((_, 'u')) => {
                    let code: String = chars.by_ref().skip(1).map_while(|(_, c)| (c != '}').then_some(c)).collect();
                    u32::from_str_radix(&code, 16).ok().and_then(char::from_u32).map_or(0, char::len_utf8)
                }
                // All other escapes stand for one byte.
                _ => 1,
            },
            Some((_, c)) => c.len_utf8(),
        };
    }
    chars.next().map_or(written.len(), |(i, _)| i)
}

pub(super) fn is_name_start(c: char) -> bool {
    c.is_alphabetic() || c == '_'
}

pub(super) fn is_name_part(c: char) -> bool {
    c.is_alphanumeric() || c == '_' || c == '-'
}
