//! Syntax trees to a [`Program`]: looks up names, reads lists, compiles regexes, checks that sides compare.

use std::ops::Range;
use std::sync::Arc;

use rustc_hash::{FxHashMap, FxHashSet};
use synth_core::{ClassId, ClassSet};

use super::ast::{self, List, ListItem, Mode, Op, Quantifier, Spanned, Strings, Test, Value};
use super::diagnostics::{Diagnostic, Source, closest};
use super::lexer::place_in_string;
use super::program::{Body, Clause, Condition, Function, Near, Number, Program, Regex, Terms, Text};
use super::prompt::{self, Answer, Piece, PromptSpec};

/// Reads a list file: the path as written, and the name of the .lf file that asks for it.
pub type ReadList<'a> = dyn Fn(&str, &Source) -> Result<String, std::io::Error> + 'a;

/// Where the parts of a program stand, for messages about them.
pub(super) struct Places {
    pub(super) functions: Vec<(Source, Range<usize>)>,
    /// For each function its clauses.
    pub(super) clauses: Vec<Vec<Range<usize>>>,
    /// For each function its prompt, if it asks a model.
    pub(super) prompts: Vec<Option<Range<usize>>>,
    pub(super) classes: Option<(Source, Vec<Range<usize>>)>,
    pub(super) regexes: Vec<(Source, Range<usize>, Regex)>,
    pub(super) unused_lists: Vec<(Source, Range<usize>, String)>,
    /// Lists of which any one string will do.
    pub(super) lists: Vec<(Source, Range<usize>, Terms)>,
}

/// Resolves files that have been parsed. Everything that is wrong is reported; the program holds the rest.
pub(super) fn resolve(
    files: &[(Source, ast::File)],
    given: Option<&ClassSet>,
    read_list: &ReadList<'_>,
    diagnostics: &mut Vec<Diagnostic>,
) -> (Option<Program>, Places) {
    let mut places = Places {
        functions: Vec::new(),
        clauses: Vec::new(),
        prompts: Vec::new(),
        classes: None,
        regexes: Vec::new(),
        unused_lists: Vec::new(),
        lists: Vec::new(),
    };
    let classes = classes(files, given, &mut places, diagnostics);
    let mut functions = Vec::new();
    let mut names: FxHashMap<&str, (&Source, Range<usize>)> = FxHashMap::default();
    for (source, file) in files {
        let mut resolver = Resolver {
            source,
            classes: classes.as_ref(),
            lists: FxHashMap::default(),
            used: FxHashSet::default(),
            read_list,
            places: &mut places,
            diagnostics,
        };
        resolver.collect_lists(file);
        for item in &file.items {
            let ast::Item::Function { name, body } = &item.node else { continue };
            if let Some((first, span)) = names.get(name.node.as_str()) {
                let message = format!("labeling function `{}` is declared twice", name.node);
                let twice = Diagnostic::error("duplicate-name", source, name.span.clone(), message);
                resolver.diagnostics.push(twice.related(first, span.clone(), "the first is here"));
            } else {
                names.insert(&name.node, (source, name.span.clone()));
            }
            resolver.places.functions.push((source.clone(), name.span.clone()));
            let body = resolver.body(body);
            functions.push(Function { name: name.node.clone(), body });
        }
        resolver.unused_lists(file);
    }
    (classes.map(|classes| Program { classes, functions }), places)
}

/// The classes that the files declare, or that the caller gives.
fn classes(
    files: &[(Source, ast::File)],
    given: Option<&ClassSet>,
    places: &mut Places,
    diagnostics: &mut Vec<Diagnostic>,
) -> Option<ClassSet> {
    let mut declared: Option<(&Source, Range<usize>, Option<ClassSet>)> = None;
    let mut differ = false;
    for (source, file) in files {
        for item in &file.items {
            let ast::Item::Classes(names) = &item.node else { continue };
            let set = match ClassSet::new(names.iter().map(|name| name.node.clone())) {
                Ok(set) => Some(set),
                Err(error) => {
                    diagnostics.push(Diagnostic::error("bad-classes", source, item.span.clone(), error.to_string()));
                    None
                }
            };
            match &declared {
                None => {
                    let spans = names.iter().map(|name| name.span.clone()).collect();
                    places.classes = Some((source.clone(), spans));
                    declared = Some((source, item.span.clone(), set));
                }
                Some((first, span, other)) => {
                    if let (Some(set), Some(other)) = (&set, other)
                        && set != other
                    {
                        differ = true;
                        let message = "the classes are declared twice, and differently";
                        let twice = Diagnostic::error("bad-classes", source, item.span.clone(), message);
                        let twice = twice.hint("files that are given together make one set of functions");
                        diagnostics.push(twice.related(first, span.clone(), "the first declaration is here"));
                    }
                }
            }
        }
    }
    if differ {
        // Which of them functions mean is not known, so nothing is said of unknown classes.
        return None;
    }
    match (declared, given) {
        (Some((source, span, Some(set))), Some(given)) if set != *given => {
            let message = format!("these are not the classes given elsewhere: {}", given.names().join(", "));
            diagnostics.push(
                Diagnostic::error("bad-classes", source, span, message)
                    .hint("leave out one of the two, or make them agree, order included"),
            );
            Some(given.clone())
        }
        (_, Some(given)) => Some(given.clone()),
        (Some((_, _, set)), None) => set,
        (None, None) => {
            if let Some((source, _)) = files.first() {
                let span = 0..source.text.chars().next().map_or(0, char::len_utf8);
                diagnostics.push(
                    Diagnostic::error("no-classes", source, span, "no classes are declared")
                        .hint("begin a file with a line like `classes ham, spam`"),
                );
            }
            None
        }
    }
}

struct Resolver<'a> {
    source: &'a Source,
    classes: Option<&'a ClassSet>,
    lists: FxHashMap<&'a str, ResolvedList>,
    used: FxHashSet<String>,
    read_list: &'a ReadList<'a>,
    places: &'a mut Places,
    diagnostics: &'a mut Vec<Diagnostic>,
}

struct ResolvedList {
    /// `None` if the list has a mistake, which has been reported.
    strings: Option<Arc<[String]>>,
    span: Range<usize>,
}

impl<'a> Resolver<'a> {
    fn error(&mut self, code: &'static str, span: &Range<usize>, message: impl Into<String>) -> &mut Diagnostic {
        let at = self.diagnostics.len();
        self.diagnostics.push(Diagnostic::error(code, self.source, span.clone(), message));
        &mut self.diagnostics[at]
    }

    /// Lists see those above them only, so they cannot go in circles.
    fn collect_lists(&mut self, file: &'a ast::File) {
        for item in &file.items {
            let ast::Item::Let { name, list } = &item.node else { continue };
            let strings = self.list(&list.node, &list.span);
            if let Some(first) = self.lists.get(name.node.as_str()) {
                let span = first.span.clone();
                let message = format!("list `{}` is declared twice", name.node);
                let twice = Diagnostic::error("duplicate-name", self.source, name.span.clone(), message);
                self.diagnostics.push(twice.related(self.source, span, "the first is here"));
                continue;
            }
            self.lists.insert(&name.node, ResolvedList { strings, span: name.span.clone() });
        }
    }

    fn unused_lists(&mut self, file: &ast::File) {
        for item in &file.items {
            if let ast::Item::Let { name, .. } = &item.node
                && !self.used.contains(&name.node)
            {
                self.places.unused_lists.push((self.source.clone(), name.span.clone(), name.node.clone()));
            }
        }
    }

    fn body(&mut self, body: &ast::Body) -> Body {
        match body {
            ast::Body::Clauses(clauses) => {
                self.places.clauses.push(clauses.iter().map(|clause| clause.span.clone()).collect());
                self.places.prompts.push(None);
                Body::Clauses(clauses.iter().filter_map(|clause| self.clause(&clause.node)).collect())
            }
            ast::Body::Prompt { lines, answers } => {
                self.places.clauses.push(Vec::new());
                self.places.prompts.push(hull(lines));
                Body::Prompt(PromptSpec { template: self.template(lines), answers: self.answers(answers) })
            }
        }
    }

    /// What a model is asked, without what has a mistake.
    fn template(&mut self, lines: &[Spanned<String>]) -> Vec<Piece> {
        let mut template = Vec::new();
        let n_before = self.diagnostics.len();
        for (i, line) in lines.iter().enumerate() {
            if i > 0 {
                prompt::push_text(&mut template, "\n");
            }
            for mistake in prompt::read(&line.node, &mut template) {
                let written = &self.source.text[line.span.clone()];
                let place = |at| line.span.start + place_in_string(written, at);
                let span = place(mistake.span.start)..place(mistake.span.end);
                let hint = "a field is written {text} or {meta.lang}, a brace in the text {{ or }}";
                self.error("bad-prompt", &span, mistake.message).hint = Some(hint.to_owned());
            }
        }
        let blank = |piece: &Piece| matches!(piece, Piece::Text(text) if text.trim().is_empty());
        if let Some(span) = hull(lines).filter(|_| self.diagnostics.len() == n_before && template.iter().all(blank)) {
            let hint = "write what the model is asked, fields in braces: \"Is this an advertisement? {text}\"";
            self.error("bad-prompt", &span, "the prompt is empty").hint = Some(hint.to_owned());
        }
        template
    }

    fn answers(&mut self, clauses: &[Spanned<ast::AnswerClause>]) -> Vec<Answer> {
        let mut answers = Vec::new();
        let mut seen: FxHashMap<String, Range<usize>> = FxHashMap::default();
        for ast::AnswerClause { class, texts } in clauses.iter().map(|clause| &clause.node) {
            let vote = class.as_ref().and_then(|class| self.class(class));
            for Spanned { node, span } in texts {
                let text = node.trim();
                if text.is_empty() {
                    self.error("bad-answer", span, "an answer cannot be empty");
                } else if let Some(first) = seen.insert(synth_text::fold(text), span.clone()) {
                    let message = format!("the answer {text:?} stands twice");
                    let twice = Diagnostic::error("bad-answer", self.source, span.clone(), message);
                    let twice = twice.hint("answers are told apart without regard to upper and lower case");
                    self.diagnostics.push(twice.related(self.source, first, "the first is here"));
                }
                answers.push(Answer { text: text.to_owned(), vote });
            }
        }
        if let Some(span) = hull(clauses).filter(|_| clauses.iter().all(|clause| clause.node.class.is_none())) {
            let hint = "write the class that an answer means before `when`: spam when \"yes\"";
            self.error("bad-answer", &span, "no answer means a class, so this never votes").hint =
                Some(hint.to_owned());
        }
        answers
    }

    fn clause(&mut self, clause: &ast::Clause) -> Option<Clause> {
        let class = self.class(&clause.class);
        let condition = self.condition(&clause.condition);
        Some(Clause { class: class?, condition: condition? })
    }

    fn class(&mut self, name: &Spanned<String>) -> Option<ClassId> {
        let classes = self.classes?;
        let found = classes.id(&name.node);
        if found.is_none() {
            let hint = match closest(&name.node, classes.names().iter().map(String::as_str)) {
                Some(meant) => format!("did you mean `{meant}`?"),
                None => format!("the classes are {}", classes.names().join(", ")),
            };
            self.error("unknown-class", &name.span, format!("there is no class `{}`", name.node)).hint = Some(hint);
        }
        found
    }

    fn condition(&mut self, condition: &ast::Condition) -> Option<Condition> {
        // All parts are looked at before any failure counts, so that every mistake is reported.
        let all = |this: &mut Self, parts: &[ast::Condition]| -> Option<Vec<Condition>> {
            let parts: Vec<_> = parts.iter().map(|part| this.condition(part)).collect();
            parts.into_iter().collect()
        };
        Some(match condition {
            ast::Condition::Or(parts) => Condition::Or(all(self, parts)?),
            ast::Condition::And(parts) => Condition::And(all(self, parts)?),
            ast::Condition::Not(inner) => negate(self.condition(inner)?),
            ast::Condition::Test(test) => self.test(test)?,
        })
    }

    fn test(&mut self, test: &Spanned<Test>) -> Option<Condition> {
        Some(match &test.node {
            Test::Constant(value) => Condition::Constant(*value),
            Test::Flag(field) => Condition::Flag(path(field)),
            Test::Present { field, present } => {
                let condition = Condition::Present(path(field));
                if *present { condition } else { negate(condition) }
            }
            Test::Contains { text, quantifier, terms } => {
                let span = terms.strings.span.clone();
                let terms = self.terms(terms, None)?;
                let text = text_of(text);
                if *quantifier != Quantifier::All {
                    self.places.lists.push((self.source.clone(), span, terms.clone()));
                }
                if *quantifier == Quantifier::All && terms.strings.len() > 1 {
                    let each = |s: &String| Terms { strings: Arc::new([s.clone()]), ..terms.clone() };
                    let find = |s| Condition::Find(text.clone(), each(s));
                    Condition::And(terms.strings.iter().map(find).collect())
                } else {
                    Condition::Find(text, terms)
                }
            }
            Test::Anchored { text, end, terms, .. } => {
                Condition::Anchored(text_of(text), *end, self.terms(terms, None)?)
            }
            Test::In { text, negated, exact, list } => {
                let strings = self.list(&list.node, &list.span)?;
                let terms = Terms { exact: *exact, mode: Mode::Substring, strings };
                if terms.strings.is_empty() {
                    self.error("empty-list", &list.span, "this list is empty");
                    return None;
                }
                // The empty string is allowed here, as in `title == ""`.
                let condition = Condition::Whole(text_of(text), terms);
                if *negated { self.present_and_not(text, condition) } else { condition }
            }
            Test::Near { text, left, distance, order, right } => {
                let (left, right) = (self.terms(left, Some(Mode::Word)), self.terms(right, Some(Mode::Word)));
                let (text, distance, order) = (text_of(text), *distance, *order);
                Condition::Near(Box::new(Near { text, left: left?, distance, order, right: right? }))
            }
            Test::Matches { text, regex } => Condition::Matches(text_of(text), self.regex(regex)?),
            Test::Compare { left, op, right } => self.compare(&test.span, left, *op, right)?,
        })
    }

    /// `x not in list` and `x != "…"`: false, as every condition, where the field is missing.
    fn present_and_not(&self, text: &ast::Text, condition: Condition) -> Condition {
        Condition::And(vec![Condition::Present(path(&text.field)), negate(condition)])
    }

    fn compare(
        &mut self,
        span: &Range<usize>,
        left: &Spanned<Value>,
        op: Op,
        right: &Spanned<Value>,
    ) -> Option<Condition> {
        match (&left.node, &right.node) {
            // The constant stands on the right from here on.
            (Value::Str { .. } | Value::Date(_), Value::Text(_)) => self.compare(span, right, op.flipped(), left),
            (Value::Text(text), Value::Str { exact, text: string }) => {
                if !matches!(op, Op::Eq | Op::Ne) {
                    let message = "texts are compared with == and != only";
                    let hint = "dates are written date(\"2024-01-31\")";
                    self.error("bad-comparison", span, message).hint = Some(hint.to_owned());
                    return None;
                }
                // The empty string is allowed here: `title == ""` asks for an empty title.
                let terms = Terms { exact: *exact, mode: Mode::Substring, strings: Arc::new([string.clone()]) };
                let condition = Condition::Whole(text_of(text), terms);
                Some(if op == Op::Ne { self.present_and_not(text, condition) } else { condition })
            }
            (Value::Text(text), Value::Date(date)) if text.changes.is_empty() => {
                let micros = super::time::parse_time(date);
                if micros.is_none() {
                    let hint = "write it as 2024-01-31 or 2024-01-31T12:00:00Z";
                    let message = format!("`{date}` is not a date");
                    self.error("bad-date", &right.span, message).hint = Some(hint.to_owned());
                }
                Some(Condition::CompareTime(path(&text.field), op, micros?))
            }
            _ => {
                let (left, right) = (self.number(left), self.number(right));
                Some(Condition::Compare(left?, op, right?))
            }
        }
    }

    fn number(&mut self, value: &Spanned<Value>) -> Option<Number> {
        Some(match &value.node {
            Value::Number(number, _) => Number::Constant(*number),
            Value::Text(text) if text.changes.is_empty() => Number::Field(path(&text.field)),
            Value::Measure(measure, text) => Number::Measure(*measure, text_of(text)),
            Value::Count(text, terms) => Number::Count(text_of(text), self.terms(terms, None)?),
            Value::CountRegex(text, regex) => Number::CountRegex(text_of(text), self.regex(regex)?),
            Value::Text(_) | Value::Str { .. } | Value::Date(_) => {
                let message = "this cannot be compared with the other side";
                let hint = "numbers compare with numbers, a text field with a string, a field with a date";
                self.error("bad-comparison", &value.span, message).hint = Some(hint.to_owned());
                return None;
            }
        })
    }

    fn terms(&mut self, terms: &ast::Terms, mode: Option<Mode>) -> Option<Terms> {
        let span = &terms.strings.span;
        let strings = match &terms.strings.node {
            Strings::One(text) => Arc::new([text.clone()]),
            Strings::List(list) => self.list(list, span)?,
        };
        let mode = mode.or(terms.mode).unwrap_or(Mode::Substring);
        self.nonempty(Terms { exact: terms.exact, mode, strings }, span)
    }

    /// Refuses terms that could never be found, or always.
    fn nonempty(&mut self, terms: Terms, span: &Range<usize>) -> Option<Terms> {
        if terms.strings.is_empty() {
            self.error("empty-list", span, "this list is empty");
            return None;
        }
        let mut fine = true;
        for string in terms.strings.iter() {
            let problem = match terms.mode {
                _ if string.is_empty() => Some("the empty string stands in every text"),
                Mode::Word if synth_text::count_words(string) == 0 => Some("it holds no word, so no word can equal it"),
                Mode::Token if string.contains(char::is_whitespace) => {
                    Some("a token holds no white space, so none can equal it")
                }
                _ => None,
            };
            if let Some(problem) = problem {
                fine = false;
                let hint = match terms.mode {
                    Mode::Substring => "remove it",
                    Mode::Word | Mode::Token => "leave out `word` or `token` to look for it anywhere",
                };
                self.error("bad-term", span, format!("{string:?}: {problem}")).hint = Some(hint.to_owned());
            }
        }
        fine.then_some(terms)
    }

    fn list(&mut self, list: &List, span: &Range<usize>) -> Option<Arc<[String]>> {
        match list {
            List::Name(name) => self.named_list(name, span),
            List::File(path) => Some(self.file(path, span)?.into()),
            List::Items(items) => {
                let mut strings = Vec::new();
                let mut fine = true;
                for item in items {
                    match &item.node {
                        ListItem::Str(text) => strings.push(text.clone()),
                        ListItem::Name(name) => match self.named_list(name, &item.span) {
                            Some(more) => strings.extend(more.iter().cloned()),
                            None => fine = false,
                        },
                        ListItem::File(path) => match self.file(path, &item.span) {
                            Some(more) => strings.extend(more),
                            None => fine = false,
                        },
                    }
                }
                fine.then(|| strings.into())
            }
        }
    }

    fn named_list(&mut self, name: &str, span: &Range<usize>) -> Option<Arc<[String]>> {
        self.used.insert(name.to_owned());
        if let Some(list) = self.lists.get(name) {
            return list.strings.clone();
        }
        let hint = match closest(name, self.lists.keys().copied()) {
            Some(meant) => format!("did you mean `{meant}`?"),
            None => format!("declare it above: let {name} = [\"…\"]; a single string stands in quotes"),
        };
        self.error("unknown-list", span, format!("there is no list `{name}`")).hint = Some(hint);
        None
    }

    fn file(&mut self, path: &str, span: &Range<usize>) -> Option<Vec<String>> {
        match (self.read_list)(path, self.source) {
            Ok(text) => Some(
                text.trim_start_matches('\u{feff}')
                    .lines()
                    .map(str::trim)
                    .filter(|line| !line.is_empty() && !line.starts_with('#'))
                    .map(str::to_owned)
                    .collect(),
            ),
            Err(error) => {
                let message = format!("cannot read `{path}`: {error}");
                let hint = "the path counts from the folder of the .lf file";
                self.error("unreadable-list", span, message).hint = Some(hint.to_owned());
                None
            }
        }
    }

    fn regex(&mut self, regex: &Spanned<ast::Regex>) -> Option<Regex> {
        let ast::Regex { pattern, flags } = &regex.node;
        let mut seen = String::new();
        for flag in flags.chars() {
            if !"imsx".contains(flag) || seen.contains(flag) {
                let span = regex.span.end - flags.len()..regex.span.end;
                let message = format!("`{flags}` are not flags of a regular expression");
                let hint =
                    "i ignores case, m lets ^ and $ match at lines, s lets . match line breaks, x ignores white space";
                self.error("bad-regex", &span, message).hint = Some(hint.to_owned());
                return None;
            }
            seen.push(flag);
        }
        let prefix = if flags.is_empty() { String::new() } else { format!("(?{flags})") };
        let whole = format!("{prefix}{pattern}");
        if let Err(error) = regex::Regex::new(&whole) {
            let (span, message) = self.regex_mistake(regex, &whole, prefix.len(), &error);
            let diagnostic = self.error("bad-regex", &span, message);
            if whole.contains("(?=") || whole.contains("(?!") || whole.contains("(?<") {
                diagnostic.hint =
                    Some("look-around would break the promise of linear time; join conditions instead".to_owned());
            }
            return None;
        }
        let regex_ir = Regex(whole.into());
        self.places.regexes.push((self.source.clone(), regex.span.clone(), regex_ir.clone()));
        Some(regex_ir)
    }

    /// Where in the file the mistake inside a pattern is, and what it is.
    fn regex_mistake(
        &self,
        regex: &Spanned<ast::Regex>,
        whole: &str,
        prefix: usize,
        error: &regex::Error,
    ) -> (Range<usize>, String) {
        let everything = regex.span.clone();
        let (inner, message) = match regex_syntax::Parser::new().parse(whole) {
            Err(regex_syntax::Error::Parse(e)) => (e.span().start.offset..e.span().end.offset, e.kind().to_string()),
            Err(regex_syntax::Error::Translate(e)) => {
                (e.span().start.offset..e.span().end.offset, e.kind().to_string())
            }
            _ => return (everything, error.to_string()),
        };
        // Positions fit as long as no slash was unescaped on the way.
        let written = &self.source.text[regex.span.clone()];
        if written.contains("\\/") || inner.start < prefix {
            return (everything, message);
        }
        let start = regex.span.start + 1 + inner.start - prefix;
        let end = (regex.span.start + 1 + inner.end - prefix).max(start + 1);
        if self.source.text.is_char_boundary(start) && self.source.text.is_char_boundary(end) {
            (start..end, message)
        } else {
            (everything, message)
        }
    }
}

/// From the beginning of the first to the end of the last.
fn hull<T>(nodes: &[Spanned<T>]) -> Option<Range<usize>> {
    Some(nodes.first()?.span.start..nodes.last()?.span.end)
}

/// Two negations are none: conditions with the same meaning compare equal more often.
fn negate(condition: Condition) -> Condition {
    match condition {
        Condition::Not(inner) => *inner,
        Condition::Constant(value) => Condition::Constant(!value),
        other => Condition::Not(Box::new(other)),
    }
}

fn path(field: &ast::Field) -> String {
    field.node.join(".")
}

fn text_of(text: &ast::Text) -> Text {
    Text { field: path(&text.field), changes: text.changes.clone() }
}
