//! Syntax tree to text: the one way in which `synth fmt` writes a file.
//!
//! Neighbouring functions, without an empty line between them, are aligned as a table. Comments stay with the
//! line they stood above or behind; a comment inside a condition moves above its clause.

use std::fmt::Write as _;
use std::ops::Range;

use super::ast::{
    AnswerClause, Body, Clause, Condition, File, Item, List, ListItem, Order, Quantifier, Regex, Spanned, Strings,
    Terms, Test, Text, TextEnd, Value,
};
use super::diagnostics::{Diagnostic, Source};
use super::lexer::{Comment, is_name_part, is_name_start, lex};
use super::parser::{Parsed, RESERVED, parse};

/// Lists that would reach beyond this column are written one item a line.
const WIDTH: usize = 100;

/// The file as `synth fmt` writes it.
///
/// ```
/// use synth_lf::lang::{Source, format};
///
/// let text = "classes a,b\nlf x a when (n<3)   # few\nlf longer b\nwhen n > 3";
/// assert_eq!(
///     format(&Source::new("x.lf", text)).unwrap(),
///     "classes a, b\nlf x      a when n < 3  # few\nlf longer b when n > 3\n"
/// );
/// ```
///
/// # Errors
/// The mistakes of a file that cannot be parsed; names need not be known.
pub fn format(source: &Source) -> Result<String, Vec<Diagnostic>> {
    let Parsed { file, comments, diagnostics } = parse(source);
    if diagnostics.is_empty() { Ok(print(&file, &comments, &source.text)) } else { Err(diagnostics) }
}

/// A line of the result: what belongs in a table is kept in cells until its paragraph is known.
enum Line {
    Plain(String),
    /// `lf NAME`, `CLASS`, `when …`; the first is empty in all but the first clause.
    Clause {
        head: String,
        class: String,
        rest: String,
    },
    Empty,
}

/// Prints a tree; `text` is what it was parsed from, for comments and empty lines.
pub(super) fn print(file: &File, comments: &[Comment], text: &str) -> String {
    let mut printer = Printer { comments, text, lines: Vec::new(), seen_to: 0 };
    for item in &file.items {
        printer.item(item);
    }
    printer.before(text.len(), "");
    render(printer.lines)
}

struct Printer<'a> {
    comments: &'a [Comment],
    text: &'a str,
    lines: Vec<Line>,
    /// Everything before this position of the text has been written.
    seen_to: usize,
}

impl Printer<'_> {
    /// Writes the empty line and the comments that stand between what is written and `at`.
    fn before(&mut self, at: usize, indent: &str) {
        while let Some((comment, rest)) = self.comments.split_first().filter(|(c, _)| c.span.start < at) {
            self.comments = rest;
            self.empty_line(comment.span.start);
            self.lines.push(Line::Plain(format!("{indent}{}", comment.text)));
            self.seen_to = comment.span.end;
        }
        if at < self.text.len() {
            self.empty_line(at);
        }
    }

    fn empty_line(&mut self, at: usize) {
        let between = self.text.get(self.seen_to..at).unwrap_or("");
        let blank = between.matches('\n').count() > 1;
        if blank && !self.lines.is_empty() && !matches!(self.lines.last(), Some(Line::Empty)) {
            self.lines.push(Line::Empty);
        }
    }

    /// The comments inside a node, which go above it, and the one behind it, which stays behind it.
    fn comments_of(&mut self, span: &Range<usize>, indent: &str) -> String {
        while let Some((comment, rest)) = self.comments.split_first().filter(|(c, _)| c.span.start < span.end) {
            self.comments = rest;
            self.lines.push(Line::Plain(format!("{indent}{}", comment.text)));
        }
        self.seen_to = span.end;
        match self.comments.split_first() {
            Some((comment, rest)) if !comment.own_line && self.on_same_line(span.end, comment.span.start) => {
                self.comments = rest;
                self.seen_to = comment.span.end;
                format!("  {}", comment.text)
            }
            _ => String::new(),
        }
    }

    fn on_same_line(&self, from: usize, to: usize) -> bool {
        self.text.get(from..to).is_some_and(|between| between.trim().is_empty() && !between.contains('\n'))
    }

    fn item(&mut self, item: &Spanned<Item>) {
        self.before(item.span.start, "");
        match &item.node {
            Item::Classes(names) => {
                let behind = self.comments_of(&item.span, "");
                let names: Vec<String> = names.iter().map(|name| class_name(&name.node)).collect();
                self.lines.push(Line::Plain(format!("classes {}{behind}", names.join(", "))));
            }
            Item::Let { name, list } => {
                let behind = self.comments_of(&item.span, "");
                let head = format!("let {} = ", name.node);
                let flat = list_text(&list.node);
                match &list.node {
                    List::Items(items) if head.len() + flat.chars().count() > WIDTH => {
                        self.lines.push(Line::Plain(format!("{head}[{behind}")));
                        for row in wrap(items) {
                            self.lines.push(Line::Plain(format!("    {row}")));
                        }
                        self.lines.push(Line::Plain("]".to_owned()));
                    }
                    _ => self.lines.push(Line::Plain(format!("{head}{flat}{behind}"))),
                }
            }
            Item::Function { name, body: Body::Prompt { lines, answers } } => {
                self.prompted_function(item, &name.node, lines, answers);
            }
            Item::Function { name, body: Body::Clauses(clauses) }
                if clauses.iter().any(|clause| is_long(&name.node, &clause.node)) =>
            {
                self.long_function(item, &name.node, clauses);
            }
            Item::Function { name, body: Body::Clauses(clauses) } => {
                for (i, clause) in clauses.iter().enumerate() {
                    let indent = if i == 0 { "" } else { "    " };
                    if i > 0 {
                        self.inside_function(clause.span.start);
                    }
                    let span = if i == 0 { item.span.start..clause.span.end } else { clause.span.clone() };
                    let behind = self.comments_of(&span, indent);
                    let head = if i == 0 { format!("lf {}", name.node) } else { String::new() };
                    let Clause { class, condition } = &clause.node;
                    let rest = format!("when {}{behind}", condition_text(condition, Level::Or));
                    self.lines.push(Line::Clause { head, class: class_name(&class.node), rest });
                }
            }
        }
    }

    /// A function that asks a model: a prompt of one line behind its name, a longer one below it, deeper than the
    /// answers.
    fn prompted_function(
        &mut self,
        item: &Spanned<Item>,
        name: &str,
        prompt: &[Spanned<String>],
        answers: &[Spanned<AnswerClause>],
    ) {
        let end = prompt.last().map_or(item.span.start, |last| last.span.end);
        let behind = self.comments_of(&(item.span.start..end), "");
        if let [line] = prompt {
            self.lines.push(Line::Plain(format!("lf {name} ask {}{behind}", string_text(&line.node))));
        } else {
            self.lines.push(Line::Plain(format!("lf {name} ask")));
            for (i, line) in prompt.iter().enumerate() {
                let behind = if i + 1 == prompt.len() { behind.as_str() } else { "" };
                self.lines.push(Line::Plain(format!("        {}{behind}", string_text(&line.node))));
            }
        }
        let class = |answer: &AnswerClause| match &answer.class {
            None => "abstain".to_owned(),
            // In quotes it is a class.
            Some(name) if name.node == "abstain" => string_text(&name.node),
            Some(name) => class_name(&name.node),
        };
        let classes: Vec<String> = answers.iter().map(|answer| class(&answer.node)).collect();
        let width = classes.iter().map(|class| class.chars().count()).max().unwrap_or(0);
        for (answer, class) in answers.iter().zip(classes) {
            self.inside_function(answer.span.start);
            let behind = self.comments_of(&answer.span, "    ");
            let texts: Vec<String> = answer.node.texts.iter().map(|text| string_text(&text.node)).collect();
            self.lines.push(Line::Plain(format!("    {class:width$} when {}{behind}", texts.join(" or "))));
        }
    }

    /// As [`Printer::before`], without an empty line.
    fn inside_function(&mut self, at: usize) {
        self.before(at, "    ");
        while matches!(self.lines.last(), Some(Line::Empty)) {
            self.lines.pop();
        }
    }

    /// A function with a clause too long for one line: each part of a condition on lines of its own.
    fn long_function(&mut self, item: &Spanned<Item>, name: &str, clauses: &[Spanned<Clause>]) {
        let single = clauses.len() == 1;
        for (i, clause) in clauses.iter().enumerate() {
            let Clause { class, condition } = &clause.node;
            if i > 0 {
                self.inside_function(clause.span.start);
            }
            let span = if i == 0 { item.span.start..clause.span.end } else { clause.span.clone() };
            let behind = self.comments_of(&span, if i == 0 { "" } else { "    " });
            let class = class_name(&class.node);
            if i == 0 {
                let class = if single { format!(" {class}") } else { String::new() };
                self.lines.push(Line::Plain(format!("lf {name}{class}")));
            }
            let (first, indent) =
                if single { ("when ".to_owned(), "    ") } else { (format!("{class} when "), "        ") };
            for (part, text) in top_parts(condition).into_iter().enumerate() {
                let (lead, indent) = if part == 0 { (first.as_str(), "    ") } else { ("", indent) };
                let filled = fill(&format!("{lead}{text}"), indent);
                self.lines.extend(filled.into_iter().map(Line::Plain));
            }
            if let Some(Line::Plain(last)) = self.lines.last_mut() {
                last.push_str(&behind);
            }
        }
    }
}

fn is_long(name: &str, clause: &Clause) -> bool {
    let condition = condition_text(&clause.condition, Level::Or);
    // `lf NAME CLASS when CONDITION`
    let len = 3 + name.chars().count() + 1 + class_name(&clause.class.node).chars().count() + 6;
    len + condition.chars().count() > WIDTH
}

/// The parts of a condition that `and` or `or` joins, the words in front.
fn top_parts(condition: &Condition) -> Vec<String> {
    let (parts, word, level) = match condition {
        Condition::And(parts) => (parts.as_slice(), "and ", Level::Not),
        Condition::Or(parts) => (parts.as_slice(), "or ", Level::And),
        other => (std::slice::from_ref(other), "", Level::Or),
    };
    let word = |i: usize| if i == 0 { "" } else { word };
    parts.iter().enumerate().map(|(i, part)| format!("{}{}", word(i), condition_text(part, level))).collect()
}

/// Lines of at most [`WIDTH`], broken between tokens; a token that is longer stays whole.
fn fill(text: &str, indent: &str) -> Vec<String> {
    let source = Source::new("", text);
    let starts: Vec<usize> = lex(&source).tokens.iter().map(|token| token.span.start).collect();
    let mut lines = vec![indent.to_owned()];
    for (i, &start) in starts.iter().enumerate().take(starts.len() - 1) {
        let piece = &text[start..starts[i + 1]];
        let line = &lines[lines.len() - 1];
        let breaks = text[..start].ends_with(' ') && line.trim() != "";
        if breaks && line.chars().count() + piece.trim_end().chars().count() > WIDTH {
            lines.push(format!("{indent}    "));
        }
        let last = lines.len() - 1;
        lines[last].push_str(piece);
    }
    lines.into_iter().map(|line| line.trim_end().to_owned()).collect()
}

/// List items, as many to a line as fit.
fn wrap(items: &[Spanned<ListItem>]) -> Vec<String> {
    let mut rows = vec![String::new()];
    for item in items {
        let text = format!("{},", item_text(&item.node));
        let row = &rows[rows.len() - 1];
        if !row.is_empty() && row.chars().count() + text.chars().count() + 5 > WIDTH {
            rows.push(String::new());
        }
        let last = rows.len() - 1;
        if !rows[last].is_empty() {
            rows[last].push(' ');
        }
        rows[last].push_str(&text);
    }
    rows
}

fn render(lines: Vec<Line>) -> String {
    let width = |s: &str| s.chars().count();
    let mut out = String::new();
    let mut at = 0;
    while at < lines.len() {
        // A paragraph ends at an empty line, or at a line that is neither a clause nor a comment.
        let in_table = |line: &Line| match line {
            Line::Clause { .. } => true,
            Line::Plain(text) => text.trim_start().starts_with('#'),
            Line::Empty => false,
        };
        let len = lines[at..].iter().take_while(|line| in_table(line)).count().max(1);
        let (mut heads, mut classes) = (0, 0);
        for line in &lines[at..at + len] {
            if let Line::Clause { head, class, .. } = line {
                (heads, classes) = (heads.max(width(head)), classes.max(width(class)));
            }
        }
        for line in &lines[at..at + len] {
            match line {
                Line::Plain(text) => out.push_str(text),
                Line::Clause { head, class, rest } => {
                    let (pad_head, pad_class) = (heads - width(head), classes - width(class));
                    let _ = write!(out, "{head}{:pad_head$} {class}{:pad_class$} {rest}", "", "");
                }
                Line::Empty => {}
            }
            out.push('\n');
        }
        at += len;
    }
    while out.ends_with("\n\n") {
        out.pop();
    }
    out
}

/// What may stand somewhere without parentheses.
#[derive(Clone, Copy, PartialEq, PartialOrd)]
enum Level {
    Or,
    And,
    Not,
}

fn condition_text(condition: &Condition, level: Level) -> String {
    let join = |parts: &[Condition], inner: Level, word: &str| {
        parts.iter().map(|part| condition_text(part, inner)).collect::<Vec<_>>().join(word)
    };
    let (text, own) = match condition {
        Condition::Or(parts) => (join(parts, Level::And, " or "), Level::Or),
        Condition::And(parts) => (join(parts, Level::Not, " and "), Level::And),
        Condition::Not(inner) => (format!("not {}", condition_text(inner, Level::Not)), Level::Not),
        Condition::Test(test) => (test_text(&test.node), Level::Not),
    };
    if own < level { format!("({text})") } else { text }
}

fn test_text(test: &Test) -> String {
    match test {
        Test::Constant(value) => value.to_string(),
        Test::Flag(field) => field_text(&field.node),
        Test::Contains { text, quantifier, terms } => {
            let quantifier = match quantifier {
                Quantifier::One => "",
                Quantifier::Any => "any of ",
                Quantifier::All => "all of ",
            };
            format!("{} contains {quantifier}{}", text_text(text), terms_text(terms))
        }
        Test::Anchored { text, end, any_of, terms } => {
            let end = match end {
                TextEnd::Start => "starts",
                TextEnd::End => "ends",
            };
            let any_of = if *any_of { "any of " } else { "" };
            format!("{} {end} with {any_of}{}", text_text(text), terms_text(terms))
        }
        Test::Near { text, left, distance, order, right } => {
            let order = match order {
                Order::Before => "before",
                Order::After => "after",
                Order::Either => "of",
            };
            let words = if *distance == 1 { "word" } else { "words" };
            let (text, left, right) = (text_text(text), terms_text(left), terms_text(right));
            format!("{text} has {left} within {distance} {words} {order} {right}")
        }
        Test::In { text, negated, exact, list } => {
            let not = if *negated { "not " } else { "" };
            format!("{} {not}in {}{}", text_text(text), exact_text(*exact), list_text(&list.node))
        }
        Test::Matches { text, regex } => format!("{} ~ {}", text_text(text), regex_text(&regex.node)),
        Test::Present { field, present } => {
            format!("{} is {}", field_text(&field.node), if *present { "present" } else { "missing" })
        }
        Test::Compare { left, op, right } => {
            format!("{} {} {}", value_text(&left.node), op.sign(), value_text(&right.node))
        }
    }
}

fn value_text(value: &Value) -> String {
    match value {
        Value::Number(_, written) => written.clone(),
        Value::Str { exact, text } => format!("{}{}", exact_text(*exact), string_text(text)),
        Value::Date(date) => format!("date({})", string_text(date)),
        Value::Measure(measure, text) => format!("{}({})", measure.name(), text_text(text)),
        Value::Count(text, terms) => format!("count({}, {})", text_text(text), terms_text(terms)),
        Value::CountRegex(text, regex) => format!("count({}, {})", text_text(text), regex_text(&regex.node)),
        Value::Text(text) => text_text(text),
    }
}

fn text_text(text: &Text) -> String {
    text.changes.iter().fold(field_text(&text.field.node), |inner, change| format!("{}({inner})", change.name()))
}

fn field_text(parts: &[String]) -> String {
    let part = |part: &String| if is_bare(part) { part.clone() } else { format!("`{part}`") };
    parts.iter().map(part).collect::<Vec<_>>().join(".")
}

fn class_name(name: &str) -> String {
    if is_bare(name) { name.to_owned() } else { string_text(name) }
}

fn is_bare(name: &str) -> bool {
    name.starts_with(is_name_start) && name.chars().all(is_name_part) && !RESERVED.contains(&name)
}

fn terms_text(terms: &Terms) -> String {
    let mode = terms.mode.map_or(String::new(), |mode| format!("{} ", mode.name()));
    let strings = match &terms.strings.node {
        Strings::One(text) => string_text(text),
        Strings::List(list) => list_text(list),
    };
    format!("{}{mode}{strings}", exact_text(terms.exact))
}

fn exact_text(exact: bool) -> &'static str {
    if exact { "exact " } else { "" }
}

fn list_text(list: &List) -> String {
    match list {
        List::Name(name) => name.clone(),
        List::File(path) => format!("file({})", string_text(path)),
        List::Items(items) => {
            format!("[{}]", items.iter().map(|item| item_text(&item.node)).collect::<Vec<_>>().join(", "))
        }
    }
}

fn item_text(item: &ListItem) -> String {
    match item {
        ListItem::Str(text) => string_text(text),
        ListItem::Name(name) => name.clone(),
        ListItem::File(path) => format!("file({})", string_text(path)),
    }
}

pub(super) fn string_text(text: &str) -> String {
    let mut out = String::from("\"");
    for c in text.chars() {
        match c {
            '"' => out.push_str("\\\""),
            '\\' => out.push_str("\\\\"),
            '\n' => out.push_str("\\n"),
            '\t' => out.push_str("\\t"),
            '\r' => out.push_str("\\r"),
            c if c.is_control() || matches!(c, '\u{2028}' | '\u{2029}' | '\u{feff}') => {
                let _ = write!(out, "\\u{{{:X}}}", c as u32);
            }
            c => out.push(c),
        }
    }
    out.push('"');
    out
}

/// The pattern between slashes. Other escapes are left as they are.
fn regex_text(regex: &Regex) -> String {
    let mut out = String::from("/");
    let mut chars = regex.pattern.chars();
    while let Some(c) = chars.next() {
        match c {
            '\\' => {
                out.push('\\');
                out.extend(chars.next());
            }
            '/' => out.push_str("\\/"),
            c => out.push(c),
        }
    }
    out.push('/');
    out + &regex.flags
}
