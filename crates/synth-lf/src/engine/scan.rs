//! Running an engine over the rows of a batch.

use std::ops::Range;

use regex_syntax::is_word_character;
use synth_core::{ClassId, Column, Dataset, LfVote, Value, is_text};
use synth_text::{Folded, WordRanges, tokens};

use super::function_set::FunctionSet;
use super::plan::{Check, Engine, Expr, FieldId, FieldKind, NO_CHECK, Num, RegexId, SignalId, TextId, TextPlan, Use};
use super::table::{Lists, Table};
use crate::error::{FieldProblem, LfError};
use crate::lang::ast::{Change, Measure, Order, TextEnd};
use crate::lang::time::parse_time;
use crate::{Explanation, Found};

impl Engine {
    /// The engine over the columns of a batch.
    ///
    /// # Errors
    /// A field that does not exist, or is not of the type that a function needs; all of them at once.
    pub(crate) fn bind<'a>(&'a self, records: &Dataset, names: &[String]) -> Result<BoundEngine<'a>, LfError> {
        let columns: Vec<Option<Column>> = self.fields.iter().map(|field| records.column(&field.path)).collect();
        let mut problems = Vec::new();
        let nothing_known = records.n_rows() == 0 && records.schema().fields().is_empty();
        for (field, column) in self.fields.iter().zip(&columns).filter(|_| !nothing_known) {
            for &(kind, function) in &field.uses {
                let found = column.as_ref().map(|column| column.array().data_type());
                if !found.is_some_and(|data_type| kind.accepts(data_type)) {
                    let found = found.map(ToString::to_string);
                    let needed = kind.describe();
                    problems.push(FieldProblem {
                        lf: names[function].clone(),
                        field: field.path.clone(),
                        needed,
                        found,
                    });
                    break;
                }
            }
        }
        if problems.is_empty() {
            Ok(BoundEngine { engine: self, columns })
        } else {
            Err(LfError::fields(problems, records))
        }
    }
}

impl FieldKind {
    fn accepts(self, data_type: &arrow_schema::DataType) -> bool {
        use arrow_schema::DataType;
        let is_text = is_text(data_type);
        *data_type == DataType::Null
            || match self {
                Self::Any => true,
                Self::Text => is_text,
                Self::Number => data_type.is_integer() || matches!(data_type, DataType::Float32 | DataType::Float64),
                Self::Flag => *data_type == DataType::Boolean,
                Self::Time => {
                    is_text || matches!(data_type, DataType::Date32 | DataType::Date64 | DataType::Timestamp(..))
                }
                Self::Shown => [Self::Text, Self::Number, Self::Flag, Self::Time].iter().any(|k| k.accepts(data_type)),
            }
    }

    fn describe(self) -> &'static str {
        match self {
            Self::Any => "any value",
            Self::Text => "text",
            Self::Number => "a number",
            Self::Flag => "true or false",
            Self::Time => "a date",
            Self::Shown => "text, a number, true or false, or a date",
        }
    }
}

/// An engine and the columns it reads.
#[derive(Debug)]
pub(crate) struct BoundEngine<'a> {
    engine: &'a Engine,
    columns: Vec<Option<Column>>,
}

/// What a thread needs to run an engine; made once, used for many rows.
#[derive(Debug, Default)]
pub(crate) struct Scratch {
    /// For each text that is changed first, what it is after its changes; `None` where the field is missing.
    changed: Vec<Option<String>>,
    state: State,
}

/// What is known of the row at hand. Nothing is cleared between rows: what belongs to a row bears its stamp.
#[derive(Debug, Default)]
struct State {
    stamp: u32,
    signals: Vec<SignalState>,
    /// For signals whose places matter: the first and last word of each find.
    places: Vec<Vec<(u32, u32)>>,
    /// Functions that may vote.
    candidates: FunctionSet,
    regexes: Vec<(u32, bool)>,
    /// For each text what is known of it.
    scanned: Vec<Scanned>,
    folded: Folded,
    words: WordRanges,
    /// Words that may be in the table of words, and where they stand in it.
    hits: Vec<u32>,
    lists: Vec<Lists>,
    /// All finds, kept only to explain a vote.
    finds: Option<Vec<(SignalId, TextId, Range<usize>)>>,
}

/// The words of a text, and whether it is ASCII; known once it was looked through.
#[derive(Debug, Clone, Copy, Default)]
struct Scanned {
    stamp: u32,
    n_words: usize,
    ascii: bool,
}

#[derive(Debug, Clone, Copy, Default)]
struct SignalState {
    stamp: u32,
    count: u32,
}

impl State {
    fn begin(&mut self, engine: &Engine) {
        self.stamp = self.stamp.wrapping_add(1);
        if self.stamp == 1 || self.signals.len() != engine.signals.len() {
            // First use, or the stamps have come around after four billion rows.
            self.stamp = 1;
            self.signals = vec![SignalState::default(); engine.signals.len()];
            self.places = vec![Vec::new(); engine.signals.len()];
            self.candidates = FunctionSet::new(engine.functions.len());
            self.regexes = vec![(0, false); engine.regexes.len()];
            self.scanned = vec![Scanned::default(); engine.texts.len()];
        }
        if let Some(finds) = &mut self.finds {
            finds.clear();
        }
    }

    fn set(&mut self, engine: &Engine, signal: SignalId) {
        let state = &mut self.signals[signal as usize];
        if state.stamp == self.stamp {
            state.count += 1;
            return;
        }
        *state = SignalState { stamp: self.stamp, count: 1 };
        for &function in engine.functions_of(signal) {
            self.candidates.insert(function);
        }
    }

    fn seen(&self, signal: SignalId) -> bool {
        self.signals[signal as usize].stamp == self.stamp
    }

    fn count(&self, signal: SignalId) -> u32 {
        if self.seen(signal) { self.signals[signal as usize].count } else { 0 }
    }

    /// True when a find of `left` is at most `distance` words from one of `right`, in the asked order. Finds
    /// that share a word are no pair.
    fn near(&self, left: SignalId, right: SignalId, distance: u32, order: Order) -> bool {
        if !self.seen(left) || !self.seen(right) {
            return false;
        }
        let (lefts, rights) = (&self.places[left as usize], &self.places[right as usize]);
        match order {
            Order::Before => follows(lefts, rights, distance),
            Order::After => follows(rights, lefts, distance),
            Order::Either => follows(lefts, rights, distance) || follows(rights, lefts, distance),
        }
    }
}

/// True when one of `seconds` begins at most `distance` words behind the end of one of `firsts`. Both are first and
/// last words, ascending by the last.
fn follows(firsts: &[(u32, u32)], seconds: &[(u32, u32)], distance: u32) -> bool {
    // Finds of phrases begin before they end, so a little more than the distance is looked at.
    let longest = seconds.iter().map(|(first, last)| last - first).max().unwrap_or(0);
    firsts.iter().any(|&(_, end)| {
        let from = seconds.partition_point(|&(_, last)| last <= end);
        let reach = end.saturating_add(distance).saturating_add(longest);
        let near = seconds[from..].iter().take_while(|&&(_, last)| last <= reach);
        near.into_iter().any(|&(first, _)| first > end && first - end <= distance)
    })
}

/// The row at hand and its changed texts.
#[derive(Clone, Copy)]
struct RowTexts<'a> {
    row: usize,
    changed: &'a [Option<String>],
}

impl BoundEngine<'_> {
    /// Appends the votes on a row, ascending; positions of functions are counted from `first_lf`.
    pub(crate) fn vote(&self, row: usize, first_lf: u32, scratch: &mut Scratch, votes: &mut Vec<LfVote>) {
        let Scratch { changed, state } = scratch;
        let row = self.scan(row, changed, state);
        let mut candidates = std::mem::take(&mut state.candidates);
        candidates.drain(|function| {
            // To be a candidate is all that a plain function needs.
            let plain = self.engine.plain[function as usize];
            let vote = plain.or_else(|| Some(self.evaluate(function as usize, row, state)?.1));
            votes.extend(vote.map(|class| LfVote { lf_idx: first_lf + function, class }));
        });
        state.candidates = candidates;
    }

    /// Why a function votes as it does on a row; `None` when it abstains.
    pub(crate) fn explain(&self, row: usize, function: usize) -> Option<Explanation> {
        let mut scratch = Scratch::default();
        scratch.state.finds = Some(Vec::new());
        let Scratch { changed, state } = &mut scratch;
        let row = self.scan(row, changed, state);
        let (clause, class) = self.evaluate(function, row, state)?;
        let mut found = Vec::new();
        self.collect(&self.engine.functions[function][clause].1, row, state, &mut found);
        found.sort_by(|a, b| (&a.field, a.span.start, a.span.end).cmp(&(&b.field, b.span.start, b.span.end)));
        found.dedup();
        Some(Explanation { class, clause, found, asked: None })
    }

    /// One pass over each text: sets signals and collects the functions to evaluate.
    fn scan<'s>(&self, row: usize, changed: &'s mut Vec<Option<String>>, state: &mut State) -> RowTexts<'s> {
        let engine = self.engine;
        state.begin(engine);
        changed.resize(engine.texts.len(), None);
        for (slot, plan) in changed.iter_mut().zip(&engine.texts).filter(|(_, plan)| !plan.changes.is_empty()) {
            let text = self.columns[plan.field].as_ref().and_then(|column| column.text(row));
            *slot = text.map(|text| change(text, &plan.changes));
        }
        let row = RowTexts { row, changed };
        for (id, plan) in engine.texts.iter().enumerate().filter(|(_, plan)| !plan.looks_for_nothing()) {
            if let Some(text) = self.text(id, row) {
                scan_text(engine, id, plan, text, state);
            }
        }
        for &function in &engine.always {
            state.candidates.insert(function);
        }
        row
    }

    /// The first clause of a function that holds, and its class.
    fn evaluate(&self, function: usize, row: RowTexts<'_>, state: &mut State) -> Option<(usize, ClassId)> {
        let clauses = &self.engine.functions[function];
        let at = clauses.iter().position(|(_, condition)| self.holds(condition, row, state))?;
        Some((at, clauses[at].0))
    }

    fn holds(&self, expr: &Expr, row: RowTexts<'_>, state: &mut State) -> bool {
        match expr {
            Expr::Constant(value) => *value,
            Expr::And(parts) => parts.iter().all(|part| self.holds(part, row, state)),
            Expr::Or(parts) => parts.iter().any(|part| self.holds(part, row, state)),
            Expr::Not(inner) => !self.holds(inner, row, state),
            Expr::Flag(field) => matches!(self.value(*field, row), Some(Value::Bool(true))),
            Expr::Present(field) => {
                self.columns[*field].as_ref().is_some_and(|column| !column.array().is_null(row.row))
            }
            Expr::Seen(signal) => state.seen(*signal),
            Expr::Near { left, right, distance, order } => state.near(*left, *right, *distance, *order),
            Expr::Matches { regex, guards } => {
                guards.iter().all(|&signal| state.seen(signal)) && self.matches(*regex, row, state)
            }
            Expr::Compare(left, op, right) => {
                let (left, right) = (self.number(left, row, state), self.number(right, row, state));
                left.zip(right).is_some_and(|(left, right)| op.holds(left, right))
            }
            Expr::CompareTime(field, op, micros) => {
                let time = match self.value(*field, row) {
                    Some(Value::Time(time)) => Some(time),
                    Some(Value::Text(text)) => parse_time(text),
                    _ => None,
                };
                time.is_some_and(|time| op.holds(time, *micros))
            }
        }
    }

    fn matches(&self, id: RegexId, row: RowTexts<'_>, state: &mut State) -> bool {
        if state.regexes[id].0 != state.stamp {
            let (text, regex) = &self.engine.regexes[id];
            let matches = self.text(*text, row).is_some_and(|text| regex.is_match(text));
            state.regexes[id] = (state.stamp, matches);
        }
        state.regexes[id].1
    }

    fn number(&self, number: &Num, row: RowTexts<'_>, state: &mut State) -> Option<f64> {
        match number {
            Num::Constant(value) => Some(*value),
            Num::Field(field) => match self.value(*field, row)? {
                Value::Number(number) => Some(number),
                _ => None,
            },
            Num::Count(signal, text) => self.text(*text, row).map(|_| f64::from(state.count(*signal))),
            Num::CountRegex(id) => {
                let (text, regex) = &self.engine.regexes[*id];
                Some(regex.find_iter(self.text(*text, row)?).count() as f64)
            }
            Num::Measure(measure, id) => {
                let text = self.text(*id, row)?;
                let known = &mut state.scanned[*id];
                if *measure == Measure::Words && known.stamp != state.stamp {
                    let n_words = synth_text::count_words(text);
                    *known = Scanned { stamp: state.stamp, n_words, ascii: text.is_ascii() };
                }
                match (measure, known.stamp == state.stamp) {
                    (Measure::Words, _) => Some(known.n_words as f64),
                    (Measure::Chars, true) if known.ascii => Some(text.len() as f64),
                    _ => measure_text(*measure, text),
                }
            }
        }
    }

    fn value(&self, field: FieldId, row: RowTexts<'_>) -> Option<Value<'_>> {
        self.columns[field].as_ref()?.value(row.row)
    }

    /// A text of a row, after its changes.
    fn text<'s>(&'s self, id: TextId, row: RowTexts<'s>) -> Option<&'s str> {
        let plan = &self.engine.texts[id];
        if plan.changes.is_empty() {
            self.columns[plan.field].as_ref()?.text(row.row)
        } else {
            row.changed[id].as_deref()
        }
    }

    /// What in the texts makes a condition hold. What is negated does not count: it is not there.
    fn collect(&self, expr: &Expr, row: RowTexts<'_>, state: &mut State, found: &mut Vec<Found>) {
        match expr {
            Expr::And(parts) => parts.iter().for_each(|part| self.collect(part, row, state, found)),
            Expr::Or(parts) => {
                for part in parts {
                    if self.holds(part, row, state) {
                        self.collect(part, row, state, found);
                    }
                }
            }
            Expr::Seen(signal) => self.collect_signal(*signal, row, state, found),
            Expr::Near { left, right, .. } => {
                self.collect_signal(*left, row, state, found);
                self.collect_signal(*right, row, state, found);
            }
            Expr::Matches { regex, .. } => self.collect_regex(*regex, row, found),
            Expr::Compare(left, _, right) => {
                for side in [left, right] {
                    match side {
                        Num::Count(signal, _) => self.collect_signal(*signal, row, state, found),
                        Num::CountRegex(regex) => self.collect_regex(*regex, row, found),
                        _ => {}
                    }
                }
            }
            Expr::Constant(_) | Expr::Not(_) | Expr::Flag(_) | Expr::Present(_) | Expr::CompareTime(..) => {}
        }
    }

    fn collect_signal(&self, signal: SignalId, row: RowTexts<'_>, state: &State, found: &mut Vec<Found>) {
        let finds = state.finds.iter().flatten().filter(|(s, ..)| *s == signal);
        found.extend(finds.filter_map(|(_, text, span)| self.found(*text, span.clone(), row)));
    }

    fn collect_regex(&self, id: RegexId, row: RowTexts<'_>, found: &mut Vec<Found>) {
        let (text, regex) = &self.engine.regexes[id];
        let Some(content) = self.text(*text, row) else { return };
        found.extend(regex.find_iter(content).filter_map(|m| self.found(*text, m.range(), row)));
    }

    fn found(&self, id: TextId, span: Range<usize>, row: RowTexts<'_>) -> Option<Found> {
        let plan = &self.engine.texts[id];
        let text = self.text(id, row)?.get(span.clone())?.to_owned();
        let field = self.engine.fields[plan.field].path.clone();
        Some(Found { field, text, span, changed: !plan.changes.is_empty() })
    }
}

impl TextPlan {
    fn looks_for_nothing(&self) -> bool {
        self.finder.is_none() && self.words.is_empty() && self.tokens.is_empty() && self.whole.is_empty()
    }
}

/// Finds everything that is looked for in a text, and sets the signals of it.
fn scan_text(engine: &Engine, id: TextId, plan: &TextPlan, text: &str, state: &mut State) {
    let mut folded = std::mem::take(&mut state.folded);
    folded.set(text);
    let scan = TextScan { engine, id, text, folded: &folded };
    if let Some(finder) = &plan.finder {
        finder.for_each(folded.text(), |string, start, end| {
            for &used in &plan.finder_uses[string] {
                scan.found(used, start..end, state);
            }
        });
    }
    if !plan.words.is_empty() {
        scan.words(plan, state);
    }
    if !plan.tokens.is_empty() {
        for token in tokens(folded.text()) {
            let start = token.as_ptr() as usize - folded.text().as_ptr() as usize;
            let range = start..start + token.len();
            if plan.tokens.may_hold(&folded, &range) {
                scan.listed(&plan.tokens, range, state);
            }
        }
    }
    if !plan.whole.is_empty() {
        scan.listed(&plan.whole, 0..folded.text().len(), state);
    }
    state.folded = folded;
}

/// A text while it is searched.
struct TextScan<'a> {
    engine: &'a Engine,
    id: TextId,
    text: &'a str,
    folded: &'a Folded,
}

impl TextScan<'_> {
    fn words(&self, plan: &TextPlan, state: &mut State) {
        let mut words = std::mem::take(&mut state.words);
        let mut hits = std::mem::take(&mut state.hits);
        words.find(self.folded.text());
        if hits.len() < words.len() {
            hits.resize(words.len(), 0);
        }
        // First which words may be listed, without a branch: with many lists it is anybody's guess.
        let mut n_hits = 0;
        for (i, range) in words.iter().enumerate() {
            hits[n_hits] = i as u32;
            n_hits += usize::from(plan.words.may_hold(self.folded, &range));
        }
        // Then where: apart from what follows from it, the look-ups need not wait for one another.
        let mut lists = std::mem::take(&mut state.lists);
        lists.clear();
        lists.extend(hits[..n_hits].iter().map(|&i| plan.words.find(self.folded, &words.get(i as usize))));
        for (&i, &at) in hits.iter().zip(&lists) {
            let listed = plan.words.at(at);
            self.vote(listed.voters, state);
            for &used in listed.uses {
                self.word_found(used, &words, i as usize, state);
            }
        }
        state.lists = lists;
        // What folds to ASCII need not be ASCII: `’` does, and gets shorter.
        let ascii = words.joints().is_some() && self.text.len() == self.folded.text().len();
        let n_words = words.len();
        state.scanned[self.id] = Scanned { stamp: state.stamp, n_words, ascii };
        if plan.looks_for_runs {
            self.runs(plan, words.joints(), state);
        }
        state.words = words;
        state.hits = hits;
    }

    /// Looks up the runs of word characters that are not words themselves: "don't" holds two.
    fn runs(&self, plan: &TextPlan, joints: Option<&[usize]>, state: &mut State) {
        let text = self.folded.text();
        let mut look_up = |range: Range<usize>| {
            if plan.words.may_hold(self.folded, &range) {
                for used in plan.words.get(self.folded, &range).uses {
                    if self.engine.signals[used.signal as usize].runs {
                        state.set(self.engine, used.signal);
                    }
                }
            }
        };
        let in_word = |c: char| c.is_ascii_alphanumeric() || c == '_' || (!c.is_ascii() && is_word_character(c));
        let Some(joints) = joints else {
            for run in text.split(|c| !in_word(c)) {
                let start = run.as_ptr() as usize - text.as_ptr() as usize;
                look_up(start..start + run.len());
            }
            return;
        };
        for &joint in joints {
            let (before, after) = (&text[..joint], &text[joint + 1..]);
            look_up(before.trim_end_matches(in_word).len()..joint);
            look_up(joint + 1..text.len() - after.trim_start_matches(in_word).len());
        }
    }

    /// Sets what a string sets that is not a word.
    fn listed(&self, table: &Table, range: Range<usize>, state: &mut State) {
        let listed = table.get(self.folded, &range);
        self.vote(listed.voters, state);
        for &used in listed.uses {
            self.found(used, range.clone(), state);
        }
    }

    #[inline]
    fn vote(&self, functions: &[[u32; 2]], state: &mut State) {
        for &[one, other] in functions {
            state.candidates.insert(one);
            state.candidates.insert(other);
        }
    }

    /// Word `last` is in the table.
    fn word_found(&self, used: Use, words: &WordRanges, last: usize, state: &mut State) {
        let mut first = last;
        if used.check != NO_CHECK {
            let Check::Words { words: wanted, exact } = &self.engine.checks[used.check as usize] else { return };
            let Some(start) = (last + 1).checked_sub(wanted.len()) else { return };
            let reads = |range: Range<usize>| if *exact { self.original(&range) } else { &self.folded.text()[range] };
            if !(start..=last).zip(wanted).all(|(word, wanted)| reads(words.get(word)) == &**wanted) {
                return;
            }
            first = start;
        }
        state.set(self.engine, used.signal);
        if self.engine.signals[used.signal as usize].places {
            let places = &mut state.places[used.signal as usize];
            if state.signals[used.signal as usize].count == 1 {
                places.clear();
            }
            places.push((first as u32, last as u32));
        }
        self.note(used.signal, words.get(first).start..words.get(last).end, state);
    }

    fn found(&self, used: Use, range: Range<usize>, state: &mut State) {
        if used.check != NO_CHECK {
            let exact = match &self.engine.checks[used.check as usize] {
                Check::Anchored(TextEnd::Start, _) if range.start != 0 => return,
                Check::Anchored(TextEnd::End, _) if range.end != self.folded.text().len() => return,
                Check::Anchored(_, exact) => exact.as_deref(),
                Check::Exact(exact) => Some(&**exact),
                Check::Words { .. } => return,
            };
            if exact.is_some_and(|exact| self.original(&range) != exact) {
                return;
            }
        }
        state.set(self.engine, used.signal);
        self.note(used.signal, range, state);
    }

    /// Remembers a find, if finds are kept.
    fn note(&self, signal: SignalId, range: Range<usize>, state: &mut State) {
        if let Some(finds) = &mut state.finds {
            let range = self.folded.original(range.start)..self.folded.original(range.end);
            finds.push((signal, self.id, range));
        }
    }

    /// How a piece of the folded text is written in the text itself.
    fn original(&self, range: &Range<usize>) -> &str {
        &self.text[self.folded.original(range.start)..self.folded.original(range.end)]
    }
}

fn change(text: &str, changes: &[Change]) -> String {
    let mut text = text.to_owned();
    for change in changes {
        text = match change {
            Change::Lower => text.to_lowercase(),
            Change::Upper => text.to_uppercase(),
            Change::Trim => text.trim().to_owned(),
        };
    }
    text
}

fn measure_text(measure: Measure, text: &str) -> Option<f64> {
    let ratio = |part: usize, whole: usize| (whole > 0).then(|| part as f64 / whole as f64);
    match measure {
        Measure::Words => Some(synth_text::count_words(text) as f64),
        Measure::Tokens => Some(tokens(text).count() as f64),
        Measure::Chars => Some(text.chars().count() as f64),
        Measure::UpperRatio => {
            let letters = text.chars().filter(|c| c.is_alphabetic());
            let (upper, all) = letters.fold((0, 0), |(upper, all), c| (upper + usize::from(c.is_uppercase()), all + 1));
            ratio(upper, all)
        }
        Measure::DigitRatio => {
            let seen = text.chars().filter(|c| !c.is_whitespace());
            let (digits, all) = seen.fold((0, 0), |(digits, all), c| (digits + usize::from(c.is_numeric()), all + 1));
            ratio(digits, all)
        }
    }
}
