//! Tokens to syntax tree, by recursive descent.
//!
//! Written by hand because of what it does with mistakes: each is reported, then parsing goes on at the next
//! clause or item, so that one run shows all of them.

use std::ops::Range;

use super::ast::{
    AnswerClause, Body, Change, Clause, Condition, Field, File, Item, List, ListItem, Measure, Mode, Op, Order,
    Quantifier, Regex, Spanned, Strings, Terms, Test, Text, TextEnd, Value,
};
use super::diagnostics::{Diagnostic, Source, closest};
use super::lexer::{Comment, Token, TokenKind, lex};

/// Conditions nest no deeper than this, so that no input can exhaust the stack.
const MAX_DEPTH: usize = 64;

/// Words that cannot be a bare field or class name.
pub(super) const RESERVED: [&str; 9] = ["and", "or", "not", "when", "true", "false", "lf", "let", "classes"];

pub(crate) struct Parsed {
    pub(crate) file: File,
    pub(super) comments: Vec<Comment>,
    pub(crate) diagnostics: Vec<Diagnostic>,
}

/// Parses a file, whatever it holds. What could not be understood is left out of the tree and stands in the
/// diagnostics, in the order of the text.
pub(crate) fn parse(source: &Source) -> Parsed {
    let lexed = lex(source);
    let mut parser = Parser { source, tokens: lexed.tokens, at: 0, depth: 0, diagnostics: lexed.diagnostics };
    let file = parser.file();
    let mut diagnostics = parser.diagnostics;
    diagnostics.sort_by_key(|d| d.span.start);
    Parsed { file, comments: lexed.comments, diagnostics }
}

/// A mistake has been reported; what is being parsed is given up.
struct Abandoned;

type Result<T> = std::result::Result<T, Abandoned>;

struct Parser<'a> {
    source: &'a Source,
    tokens: Vec<Token>,
    at: usize,
    depth: usize,
    diagnostics: Vec<Diagnostic>,
}

impl Parser<'_> {
    fn file(&mut self) -> File {
        let mut file = File::default();
        while self.peek().kind != TokenKind::End {
            let start = self.peek().span.start;
            if let Ok(node) = self.item() {
                file.items.push(Spanned { node, span: start..self.previous_end() });
            } else {
                self.skip_to_item();
            }
        }
        file
    }

    fn item(&mut self) -> Result<Item> {
        if self.take_word("classes") {
            let mut names = vec![self.name("a class name")?];
            while self.take_sign(",") {
                names.push(self.name("a class name")?);
            }
            return Ok(Item::Classes(names));
        }
        if self.take_word("let") {
            let name = self.identifier("the name of the list")?;
            self.expect_sign("=", "as in `let links = [\"http\", \"www.\"]`")?;
            let list = self.list()?;
            return Ok(Item::Let { name, list });
        }
        if self.take_word("lf") {
            return self.function();
        }
        let message = format!("expected `lf`, `let` or `classes`, found {}", self.found());
        Err(self.fail(message, "a labeling function is written `lf NAME CLASS when CONDITION`"))
    }

    fn function(&mut self) -> Result<Item> {
        let name = self.identifier("the name of the labeling function")?;
        // A class may have the name `ask`.
        if self.next_is_word(0, "ask") && !self.next_is_word(1, "when") {
            self.at += 1;
            return Ok(Item::Function { name, body: self.prompt() });
        }
        let mut clauses = Vec::new();
        let mut broken = false;
        loop {
            let start = self.peek().span.start;
            match self.clause() {
                Ok(node) => clauses.push(Spanned { node, span: start..self.previous_end() }),
                Err(Abandoned) => {
                    broken = true;
                    self.skip_to_clause();
                }
            }
            if !self.at_clause() {
                break;
            }
        }
        // A function that lost a clause stays, so that its name is known and its other clauses are checked.
        if clauses.is_empty() && !broken {
            Err(Abandoned)
        } else {
            Ok(Item::Function { name, body: Body::Clauses(clauses) })
        }
    }

    fn clause(&mut self) -> Result<Clause> {
        let class = self.name("a class name")?;
        if !self.take_word("when") {
            let message = format!("expected `when` after the class, found {}", self.found());
            return Err(self.fail(message, "a clause is written `CLASS when CONDITION`"));
        }
        let condition = self.condition()?;
        if !self.at_clause() && !self.at_item() && self.peek().kind != TokenKind::End {
            let message = format!("expected `and`, `or` or the end of the condition, found {}", self.found());
            return Err(self.fail(message, ""));
        }
        Ok(Clause { class, condition })
    }

    /// The rest of `lf NAME ask`. What has a mistake is left out, so that all else is checked.
    fn prompt(&mut self) -> Body {
        let mut lines = Vec::new();
        // A string before `when` is the class of an answer; a prompt comes first.
        while let Token { kind: TokenKind::Str(node), span, .. } = self.peek().clone()
            && (lines.is_empty() || !self.next_is_word(1, "when"))
        {
            lines.push(Spanned { node, span });
            self.at += 1;
        }
        if lines.is_empty() {
            let message = format!("expected the prompt in quotes, found {}", self.found());
            let Abandoned = self.fail(message, "as in `ask \"Is this an advertisement? {text}\"`");
            self.skip_to_clause();
        }
        let mut answers = Vec::new();
        loop {
            let start = self.peek().span.start;
            match self.answer() {
                Ok(node) => answers.push(Spanned { node, span: start..self.previous_end() }),
                Err(Abandoned) => self.skip_to_clause(),
            }
            if !self.at_clause() {
                return Body::Prompt { lines, answers };
            }
        }
    }

    fn answer(&mut self) -> Result<AnswerClause> {
        let hint = "the answers of a model are written `CLASS when \"yes\"` or `abstain when \"unsure\"`";
        let class = if self.take_word("abstain") { None } else { Some(self.name("a class name or `abstain`")?) };
        self.expect_word("when", hint)?;
        let mut texts = Vec::new();
        loop {
            let Token { kind: TokenKind::Str(node), span, .. } = self.peek().clone() else {
                return Err(self.fail(format!("expected an answer in quotes, found {}", self.found()), hint));
            };
            self.at += 1;
            texts.push(Spanned { node, span });
            if !self.take_word("or") {
                break;
            }
        }
        if !self.at_clause() && !self.at_item() && self.peek().kind != TokenKind::End {
            let message = format!("expected `or` or the next answer, found {}", self.found());
            return Err(self.fail(message, hint));
        }
        Ok(AnswerClause { class, texts })
    }

    fn condition(&mut self) -> Result<Condition> {
        self.nested(|p| {
            let mut parts = vec![p.conjunct()?];
            while p.take_word("or") {
                parts.push(p.conjunct()?);
            }
            Ok(Condition::or(parts))
        })
    }

    fn conjunct(&mut self) -> Result<Condition> {
        let mut parts = vec![self.negation()?];
        while self.take_word("and") {
            parts.push(self.negation()?);
        }
        Ok(Condition::and(parts))
    }

    fn negation(&mut self) -> Result<Condition> {
        if self.take_word("not") {
            return self.nested(|p| Ok(Condition::Not(Box::new(p.negation()?))));
        }
        if self.take_sign("(") {
            let inner = self.condition()?;
            self.expect_sign(")", "")?;
            return Ok(inner);
        }
        let start = self.peek().span.start;
        let node = self.test()?;
        Ok(Condition::Test(Box::new(Spanned { node, span: start..self.previous_end() })))
    }

    fn nested<T>(&mut self, parse: impl FnOnce(&mut Self) -> Result<T>) -> Result<T> {
        if self.depth >= MAX_DEPTH {
            return Err(self.fail(format!("conditions nest more than {MAX_DEPTH} deep"), ""));
        }
        self.depth += 1;
        let result = parse(self);
        self.depth -= 1;
        result
    }

    fn test(&mut self) -> Result<Test> {
        for (word, value) in [("true", true), ("false", false)] {
            if self.take_word(word) {
                return Ok(Test::Constant(value));
            }
        }
        let left = self.value()?;
        if let Some(op) = self.comparison() {
            let right = self.value()?;
            return Ok(Test::Compare { left, op, right });
        }
        // A bare name followed by something that only text can be.
        match left.node {
            Value::Text(text) => self.text_test(text),
            _ => {
                let message = format!("expected a comparison, found {}", self.found());
                Err(self.fail(message, "compare it: ==, !=, <, <=, >, >="))
            }
        }
    }

    fn text_test(&mut self, text: Text) -> Result<Test> {
        if self.take_word("contains") {
            let quantifier = if self.take_words(["any", "of"]) {
                Quantifier::Any
            } else if self.take_words(["all", "of"]) {
                Quantifier::All
            } else {
                Quantifier::One
            };
            let terms = self.terms(true)?;
            return Ok(Test::Contains { text, quantifier, terms });
        }
        for (words, end) in [(["starts", "with"], TextEnd::Start), (["ends", "with"], TextEnd::End)] {
            if self.take_words(words) {
                let any_of = self.take_words(["any", "of"]);
                return Ok(Test::Anchored { text, end, any_of, terms: self.terms(false)? });
            }
        }
        if self.take_word("has") {
            return self.near(text);
        }
        let negated = self.next_is_word(0, "not") && self.next_is_word(1, "in");
        if negated {
            self.at += 1;
        }
        if self.take_word("in") {
            let exact = self.take_word("exact");
            return Ok(Test::In { text, negated, exact, list: self.list()? });
        }
        if self.take_sign("~") {
            return Ok(Test::Matches { text, regex: self.regex()? });
        }
        if self.next_is_word(0, "is") {
            self.at += 1;
            let present = self.take_word("present");
            if !present && !self.take_word("missing") {
                let message = format!("expected `missing` or `present`, found {}", self.found());
                return Err(self.fail(message, "whether a text is some string is asked with `==`"));
            }
            return Ok(Test::Present { field: self.plain(text)?, present });
        }
        if self.at_condition_end() {
            return Ok(Test::Flag(self.plain(text)?));
        }
        let message = format!("expected a condition on `{}`, found {}", text.field.node.join("."), self.found());
        let tests =
            ["contains", "starts with", "ends with", "has … within", "in", "not in", "is missing", "is present"];
        let misspelt = match &self.peek().kind {
            TokenKind::Ident(word) => closest(word, tests.iter().flat_map(|t| t.split(' ').next())),
            TokenKind::Sign("=") => Some("=="),
            _ => None,
        };
        let hint = match misspelt {
            Some(meant) => format!("did you mean `{meant}`?"),
            None => format!("possible: {}, ~, ==, !=, <, <=, >, >=", tests.join(", ")),
        };
        Err(self.fail(message, hint))
    }

    fn near(&mut self, text: Text) -> Result<Test> {
        let left = self.terms(false)?;
        let hint = "as in `text has \"not\" within 3 words before \"good\"`";
        self.expect_word("within", hint)?;
        let token = self.peek().clone();
        let distance = match token.kind {
            TokenKind::Number(value, _) if value.fract() == 0.0 && (1.0..=1e6).contains(&value) => value as u32,
            _ => {
                let message = format!("expected a number of words from 1 to 1000000, found {}", self.found());
                return Err(self.fail(message, hint));
            }
        };
        self.at += 1;
        if !self.take_word("words") {
            self.expect_word("word", hint)?;
        }
        for (word, order) in [("before", Order::Before), ("after", Order::After), ("of", Order::Either)] {
            if self.take_word(word) {
                let right = self.terms(false)?;
                return Ok(Test::Near { text, left, distance, order, right });
            }
        }
        let message = format!("expected `before`, `after` or `of`, found {}", self.found());
        Err(self.fail(message, hint))
    }

    fn value(&mut self) -> Result<Spanned<Value>> {
        let start = self.peek().span.start;
        let exact = self.next_is_word(0, "exact") && matches!(self.peek_at(1).kind, TokenKind::Str(_));
        if exact {
            self.at += 1;
        }
        let node = match self.peek().kind.clone() {
            TokenKind::Number(value, written) => {
                self.at += 1;
                Value::Number(value, written)
            }
            TokenKind::Str(text) => {
                self.at += 1;
                Value::Str { exact, text }
            }
            TokenKind::Ident(name) if self.peek_at(1).kind == TokenKind::Sign("(") => self.call(&name)?,
            _ => Value::Text(self.text()?),
        };
        Ok(Spanned { node, span: start..self.previous_end() })
    }

    /// `NAME(…)`.
    fn call(&mut self, name: &str) -> Result<Value> {
        if Change::ALL.iter().any(|change| change.name() == name) {
            return Ok(Value::Text(self.text()?));
        }
        if let Some(measure) = Measure::ALL.into_iter().find(|measure| measure.name() == name) {
            self.at += 2;
            let text = self.text()?;
            self.expect_sign(")", "")?;
            return Ok(Value::Measure(measure, text));
        }
        match name {
            "count" => {
                self.at += 2;
                let text = self.text()?;
                self.expect_sign(",", "as in `count(text, word \"love\")`")?;
                let value = match self.peek().kind {
                    TokenKind::Regex { .. } => Value::CountRegex(text, self.regex()?),
                    _ => Value::Count(text, self.terms(true)?),
                };
                self.expect_sign(")", "")?;
                Ok(value)
            }
            "date" => {
                self.at += 2;
                let TokenKind::Str(date) = self.peek().kind.clone() else {
                    let message = format!("expected a date in quotes, found {}", self.found());
                    return Err(self.fail(message, "as in `posted >= date(\"2024-01-31\")`"));
                };
                self.at += 1;
                self.expect_sign(")", "")?;
                Ok(Value::Date(date))
            }
            _ => {
                let known: Vec<&str> = Measure::ALL
                    .iter()
                    .map(|m| m.name())
                    .chain(["count", "date"])
                    .chain(Change::ALL.iter().map(|c| c.name()))
                    .collect();
                let hint = match closest(name, known.iter().copied()) {
                    Some(meant) => format!("did you mean `{meant}`?"),
                    None => format!("the functions are {}", known.join(", ")),
                };
                Err(self.fail(format!("there is no function `{name}`"), hint))
            }
        }
    }

    fn text(&mut self) -> Result<Text> {
        self.nested(|p| {
            if let TokenKind::Ident(name) = &p.peek().kind
                && p.peek_at(1).kind == TokenKind::Sign("(")
            {
                let Some(change) = Change::ALL.into_iter().find(|change| change.name() == name) else {
                    let message = format!("expected a text, found the function `{name}`");
                    return Err(p.fail(message, "a field's name, or lower(…), upper(…) or trim(…) of one"));
                };
                p.at += 2;
                let mut text = p.text()?;
                p.expect_sign(")", "")?;
                text.changes.push(change);
                return Ok(text);
            }
            Ok(Text { field: p.field()?, changes: Vec::new() })
        })
    }

    fn field(&mut self) -> Result<Field> {
        let start = self.peek().span.start;
        let mut parts = vec![self.field_part()?];
        while self.take_sign(".") {
            parts.push(self.field_part()?);
        }
        Ok(Spanned { node: parts, span: start..self.previous_end() })
    }

    fn field_part(&mut self) -> Result<String> {
        let part = match &self.peek().kind {
            TokenKind::Ident(name) if !RESERVED.contains(&name.as_str()) => name.clone(),
            TokenKind::Quoted(name) => name.clone(),
            TokenKind::Ident(name) => {
                let hint = format!("a field of this name is written `{name}` in backquotes");
                return Err(self.fail(format!("expected a condition, found `{name}`"), hint));
            }
            _ => {
                let message = format!("expected a condition, found {}", self.found());
                return Err(self.fail(message, "a condition begins with a field: `text contains \"free\"`"));
            }
        };
        self.at += 1;
        Ok(part)
    }

    fn terms(&mut self, modes: bool) -> Result<Terms> {
        let exact = self.take_word("exact");
        let mut mode = None;
        for candidate in Mode::ALL {
            // A list may be called `word`: then what follows is no string, or the class of the next clause.
            let applies = match &self.peek_at(1).kind {
                TokenKind::Sign("[") => true,
                TokenKind::Str(_) => !self.next_is_word(2, "when"),
                TokenKind::Ident(name) => {
                    !RESERVED.contains(&name.as_str()) && name != "within" && !self.next_is_word(2, "when")
                }
                _ => false,
            };
            if mode.is_none() && self.next_is_word(0, candidate.name()) && applies {
                if !modes {
                    let message = format!("`{}` cannot stand here", candidate.name());
                    let hint = "`has … within …` always means words; `starts with` and `ends with` mean characters";
                    return Err(self.fail(message, hint));
                }
                self.at += 1;
                mode = Some(candidate);
            }
        }
        let start = self.peek().span.start;
        let node = match self.peek().kind.clone() {
            TokenKind::Str(text) => {
                self.at += 1;
                Strings::One(text)
            }
            _ => Strings::List(self.list()?.node),
        };
        Ok(Terms { exact, mode, strings: Spanned { node, span: start..self.previous_end() } })
    }

    fn list(&mut self) -> Result<Spanned<List>> {
        let start = self.peek().span.start;
        let node = match self.peek().kind.clone() {
            TokenKind::Ident(name) if name == "file" && self.peek_at(1).kind == TokenKind::Sign("(") => {
                List::File(self.file_path()?)
            }
            TokenKind::Ident(name) if !RESERVED.contains(&name.as_str()) => {
                self.at += 1;
                List::Name(name)
            }
            TokenKind::Sign("[") => {
                self.at += 1;
                let mut items = Vec::new();
                while !self.take_sign("]") {
                    items.push(self.list_item()?);
                    if !self.take_sign(",") {
                        self.expect_sign("]", "the strings of a list are separated by commas")?;
                        break;
                    }
                }
                List::Items(items)
            }
            _ => {
                let message = format!("expected a string or a list, found {}", self.found());
                return Err(self
                    .fail(message, "as in `\"free\"`, `[\"free\", \"win\"]`, a `let` name or `file(\"words.txt\")`"));
            }
        };
        Ok(Spanned { node, span: start..self.previous_end() })
    }

    fn list_item(&mut self) -> Result<Spanned<ListItem>> {
        let start = self.peek().span.start;
        let node = match self.peek().kind.clone() {
            TokenKind::Str(text) => {
                self.at += 1;
                ListItem::Str(text)
            }
            TokenKind::Ident(name) if name == "file" && self.peek_at(1).kind == TokenKind::Sign("(") => {
                ListItem::File(self.file_path()?)
            }
            TokenKind::Ident(name) if !RESERVED.contains(&name.as_str()) => {
                self.at += 1;
                ListItem::Name(name)
            }
            _ => {
                let message = format!("expected a string, found {}", self.found());
                return Err(self.fail(message, "a list holds strings in double quotes, names of lists, and file(…)"));
            }
        };
        Ok(Spanned { node, span: start..self.previous_end() })
    }

    /// `file("…")`, the parser standing on `file`.
    fn file_path(&mut self) -> Result<String> {
        self.at += 2;
        let TokenKind::Str(path) = self.peek().kind.clone() else {
            let message = format!("expected a path in quotes, found {}", self.found());
            return Err(self.fail(message, "as in `file(\"words.txt\")`"));
        };
        self.at += 1;
        self.expect_sign(")", "")?;
        Ok(path)
    }

    fn regex(&mut self) -> Result<Spanned<Regex>> {
        let Token { kind, span, .. } = self.peek().clone();
        let TokenKind::Regex { pattern, flags } = kind else {
            let message = format!("expected a regular expression, found {}", self.found());
            return Err(self.fail(message, "regular expressions stand between slashes: `text ~ /free/i`"));
        };
        self.at += 1;
        Ok(Spanned { node: Regex { pattern, flags }, span })
    }

    fn comparison(&mut self) -> Option<Op> {
        let op = Op::ALL.into_iter().find(|op| self.peek().kind == TokenKind::Sign(op.sign()))?;
        self.at += 1;
        Some(op)
    }

    /// The field of a text that nothing is done to.
    fn plain(&mut self, text: Text) -> Result<Field> {
        if text.changes.is_empty() {
            return Ok(text.field);
        }
        let span = text.field.span;
        let message = "only a field can stand here, not a changed text";
        self.diagnostics.push(Diagnostic::error("syntax", self.source, span, message));
        Err(Abandoned)
    }

    fn identifier(&mut self, what: &str) -> Result<Spanned<String>> {
        let Token { kind, span, .. } = self.peek().clone();
        match kind {
            TokenKind::Ident(node) if !RESERVED.contains(&node.as_str()) => {
                self.at += 1;
                Ok(Spanned { node, span })
            }
            _ => {
                let message = format!("expected {what}, found {}", self.found());
                Err(self.fail(message, "names are made of letters, digits, _ and -, and begin with a letter or _"))
            }
        }
    }

    /// A class name: bare, or in quotes.
    fn name(&mut self, what: &str) -> Result<Spanned<String>> {
        match self.peek().clone() {
            Token { kind: TokenKind::Str(node), span, .. } => {
                self.at += 1;
                Ok(Spanned { node, span })
            }
            _ => self.identifier(what),
        }
    }

    fn peek(&self) -> &Token {
        self.peek_at(0)
    }

    fn peek_at(&self, ahead: usize) -> &Token {
        &self.tokens[(self.at + ahead).min(self.tokens.len() - 1)]
    }

    fn previous_end(&self) -> usize {
        self.at.checked_sub(1).map_or(0, |at| self.tokens[at].span.end)
    }

    fn next_is_word(&self, ahead: usize, word: &str) -> bool {
        matches!(&self.peek_at(ahead).kind, TokenKind::Ident(name) if name == word)
    }

    fn take_word(&mut self, word: &str) -> bool {
        let found = self.next_is_word(0, word);
        self.at += usize::from(found);
        found
    }

    fn take_words(&mut self, words: [&str; 2]) -> bool {
        let found = self.next_is_word(0, words[0]) && self.next_is_word(1, words[1]);
        self.at += if found { 2 } else { 0 };
        found
    }

    fn take_sign(&mut self, sign: &'static str) -> bool {
        let found = self.peek().kind == TokenKind::Sign(sign);
        self.at += usize::from(found);
        found
    }

    fn expect_word(&mut self, word: &str, hint: &str) -> Result<()> {
        if self.take_word(word) {
            return Ok(());
        }
        Err(self.fail(format!("expected `{word}`, found {}", self.found()), hint))
    }

    fn expect_sign(&mut self, sign: &'static str, hint: &str) -> Result<()> {
        if self.take_sign(sign) {
            return Ok(());
        }
        Err(self.fail(format!("expected `{sign}`, found {}", self.found()), hint))
    }

    /// The next token, for a message.
    fn found(&self) -> String {
        match &self.peek().kind {
            TokenKind::End => "the end of the file".to_owned(),
            _ => {
                let Range { start, end } = self.peek().span.clone();
                let written: String = self.source.text[start..end].chars().take(30).collect();
                format!("`{written}`")
            }
        }
    }

    fn fail(&mut self, message: impl Into<String>, hint: impl Into<String>) -> Abandoned {
        let mut span = self.peek().span.clone();
        // A mistake that the lexer has reported already is not reported again for what came of it.
        let known = self
            .diagnostics
            .iter()
            .any(|d| d.span.start <= span.start && span.start < d.span.end.max(d.span.start + 1));
        if span.is_empty() {
            // At the end of the file: point at the last character there is.
            let text = &self.source.text;
            let last = text.trim_end().len();
            span = text[..last].char_indices().next_back().map_or(0, |(i, _)| i)..last;
        }
        if !known {
            let hint = hint.into();
            let diagnostic = Diagnostic::error("syntax", self.source, span, message);
            self.diagnostics.push(Diagnostic { hint: (!hint.is_empty()).then_some(hint), ..diagnostic });
        }
        Abandoned
    }

    /// True before `lf`, `let` or `classes` at the beginning of a line.
    fn at_item(&self) -> bool {
        let token = self.peek();
        token.first_on_line && ["lf", "let", "classes"].iter().any(|word| self.next_is_word(0, word))
    }

    /// True before `CLASS when`.
    fn at_clause(&self) -> bool {
        let is_name = match &self.peek().kind {
            TokenKind::Ident(name) => !RESERVED.contains(&name.as_str()),
            TokenKind::Str(_) => true,
            _ => false,
        };
        is_name && self.next_is_word(1, "when")
    }

    /// True where a condition may be over, so that a bare field was all of it.
    fn at_condition_end(&self) -> bool {
        self.at_item()
            || self.at_clause()
            || matches!(self.peek().kind, TokenKind::End | TokenKind::Sign(")"))
            || self.next_is_word(0, "and")
            || self.next_is_word(0, "or")
    }

    fn skip_to_clause(&mut self) {
        while !self.at_clause() && !self.at_item() && self.peek().kind != TokenKind::End {
            self.at += 1;
        }
    }

    fn skip_to_item(&mut self) {
        // Always moves, so that parsing ends.
        self.at += usize::from(self.peek().kind != TokenKind::End);
        while !self.at_item() && self.peek().kind != TokenKind::End {
            self.at += 1;
        }
    }
}
