//! A program as one plan for all its functions.

use std::ops::Range;

use rustc_hash::{FxHashMap, FxHashSet};

use super::finder::Finder;
use super::guard::{Guard, guards};
use super::table::Table;
use crate::lang::PromptSpec;
use crate::lang::ast::{Change, Measure, Mode, Op, Order, TextEnd};
use crate::lang::program::{Condition, Near, Number, Program, Regex, Terms, Text};
use synth_core::ClassId;
use synth_text::WordRanges;

/// A program, ready to run. Positions of functions are those of the program.
#[derive(Debug, Default)]
pub(crate) struct Engine {
    pub(super) functions: Vec<Vec<(ClassId, Expr)>>,
    /// For functions that vote whenever one signal is set, their class.
    pub(super) plain: Vec<Option<ClassId>>,
    /// Functions that may vote although nothing was found.
    pub(super) always: Vec<u32>,
    pub(super) fields: Vec<FieldUse>,
    pub(super) texts: Vec<TextPlan>,
    pub(super) signals: Vec<Signal>,
    signal_functions: Vec<u32>,
    pub(super) regexes: Vec<(TextId, regex::Regex)>,
    pub(super) checks: Vec<Check>,
}

pub(super) type FieldId = usize;
pub(super) type TextId = usize;
pub(super) type SignalId = u32;
pub(super) type RegexId = usize;

/// A field and how functions use it, for checking it against the data.
#[derive(Debug)]
pub(super) struct FieldUse {
    pub(super) path: String,
    /// Each use, with the first function that makes it.
    pub(super) uses: Vec<(FieldKind, usize)>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum FieldKind {
    Any,
    Text,
    Number,
    Flag,
    Time,
    /// What can stand in a prompt.
    Shown,
}

/// A condition, with everything it refers to by number.
#[derive(Debug)]
pub(super) enum Expr {
    Constant(bool),
    And(Vec<Expr>),
    Or(Vec<Expr>),
    Not(Box<Expr>),
    Flag(FieldId),
    Present(FieldId),
    Seen(SignalId),
    Near {
        left: SignalId,
        right: SignalId,
        distance: u32,
        order: Order,
    },
    /// A regex, and signals without all of which it cannot match.
    Matches {
        regex: RegexId,
        guards: Vec<SignalId>,
    },
    Compare(Num, Op, Num),
    CompareTime(FieldId, Op, i64),
}

#[derive(Debug)]
pub(super) enum Num {
    Constant(f64),
    Field(FieldId),
    Measure(Measure, TextId),
    Count(SignalId, TextId),
    CountRegex(RegexId),
}

/// Something that can be found in a text: one of some strings.
#[derive(Debug, Default)]
pub(super) struct Signal {
    /// Where the functions to evaluate when it is found stand in `signal_functions`.
    functions: Range<u32>,
    /// Where it is found matters, not only that it is.
    pub(super) places: bool,
    /// The strings are runs of word characters.
    pub(super) runs: bool,
    /// Some function asks for more than that it is found.
    is_read: bool,
}

/// Everything that is looked for in one text.
#[derive(Debug)]
pub(super) struct TextPlan {
    pub(super) field: FieldId,
    pub(super) changes: Vec<Change>,
    pub(super) finder: Option<Finder>,
    /// For each string of the finder.
    pub(super) finder_uses: Vec<Vec<Use>>,
    pub(super) words: Table,
    /// Some words are looked for as runs of word characters, which now and then are only part of a word.
    pub(super) looks_for_runs: bool,
    pub(super) tokens: Table,
    pub(super) whole: Table,
}

/// What a string that was found sets, if a check holds.
#[derive(Debug, Clone, Copy)]
pub(super) struct Use {
    pub(super) signal: SignalId,
    /// The position of the check; [`NO_CHECK`] for none.
    pub(super) check: u32,
}

pub(super) const NO_CHECK: u32 = u32::MAX;

/// What else must hold where a folded string was found.
#[derive(Debug)]
pub(super) enum Check {
    /// The text, not folded, reads like this.
    Exact(Box<str>),
    /// The find is at this end of the text; and reads like this.
    Anchored(TextEnd, Option<Box<str>>),
    /// The words up to and with the one found are these, folded, or as written if `exact`.
    Words { words: Box<[Box<str>]>, exact: bool },
}

impl Engine {
    /// An engine to vote.
    pub(crate) fn new(program: &Program) -> Self {
        Self::with(program, Planner::default())
    }

    /// An engine to explain votes: slower, since it keeps what was found.
    pub(crate) fn explaining(program: &Program) -> Self {
        Self::with(program, Planner { keeps_finds: true, ..Planner::default() })
    }

    fn with(program: &Program, mut planner: Planner) -> Self {
        for (f, function) in program.functions.iter().enumerate() {
            planner.function = f;
            planner.reads = planner.keeps_finds || !function.is_plain();
            let mut triggers = Some(Vec::new());
            // A function that asks a model has no clause, so nothing makes it a candidate here.
            for field in function.prompt().into_iter().flat_map(PromptSpec::fields) {
                planner.field(field, FieldKind::Shown);
            }
            let mut clauses = Vec::with_capacity(function.clauses().len());
            for clause in function.clauses() {
                let (expr, needs) = planner.condition(&clause.condition);
                triggers = triggers.zip(needs).map(|(mut all, more)| {
                    all.extend(more);
                    all
                });
                clauses.push((clause.class, expr));
            }
            planner.engine.plain.push(function.is_plain().then(|| clauses[0].0));
            planner.engine.functions.push(clauses);
            match triggers {
                None => planner.engine.always.push(f as u32),
                Some(mut signals) => {
                    signals.sort_unstable();
                    signals.dedup();
                    planner.triggers.extend(signals.into_iter().map(|signal| (signal, f as u32)));
                }
            }
        }
        planner.finish()
    }

    /// The functions to evaluate when a signal is found.
    #[inline]
    pub(super) fn functions_of(&self, signal: SignalId) -> &[u32] {
        let Range { start, end } = self.signals[signal as usize].functions;
        &self.signal_functions[start as usize..end as usize]
    }
}

/// Signals one of which must be set for a condition to hold; `None` when it can hold without any.
type Needs = Option<Vec<SignalId>>;

#[derive(Default)]
struct Planner {
    engine: Engine,
    function: usize,
    /// The function needs to know more of its signals than that they are found.
    reads: bool,
    /// All functions do, to explain their votes.
    keeps_finds: bool,
    words: WordRanges,
    /// Signals, and functions to evaluate when they are found.
    triggers: Vec<(SignalId, u32)>,
    fields: FxHashMap<String, FieldId>,
    texts: FxHashMap<Text, TextId>,
    strings: Vec<TextStrings>,
    signals: FxHashMap<(TextId, Kind, Terms), SignalId>,
    regexes: FxHashMap<(TextId, Regex), (RegexId, Vec<SignalId>)>,
}

/// What is looked for in one text, while it is collected.
#[derive(Default)]
struct TextStrings {
    substrings: Vec<Box<str>>,
    numbers: FxHashMap<Box<str>, usize>,
    words: FxHashMap<Box<str>, Vec<Use>>,
    tokens: FxHashMap<Box<str>, Vec<Use>>,
    whole: FxHashMap<Box<str>, Vec<Use>>,
}

/// How strings are found: anywhere, at an end, as the whole text, or as words whose place matters.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
enum Kind {
    Find,
    Start,
    End,
    Whole,
    Place,
    /// As a run of word characters: what a regex calls a word.
    Run,
}

impl Planner {
    fn condition(&mut self, condition: &Condition) -> (Expr, Needs) {
        match condition {
            Condition::Constant(value) => (Expr::Constant(*value), (!value).then(Vec::new)),
            Condition::And(parts) => {
                let (parts, needs): (Vec<_>, Vec<_>) = parts.iter().map(|part| self.condition(part)).unzip();
                // Any one part will do; the one with the fewest signals is found least often, as a rule.
                (Expr::And(parts), needs.into_iter().flatten().min_by_key(Vec::len))
            }
            Condition::Or(parts) => {
                let (parts, needs): (Vec<_>, Vec<_>) = parts.iter().map(|part| self.condition(part)).unzip();
                let all: Option<Vec<_>> = needs.into_iter().collect();
                (Expr::Or(parts), all.map(|sets| sets.into_iter().flatten().collect()))
            }
            Condition::Not(inner) => (Expr::Not(Box::new(self.condition(inner).0)), None),
            Condition::Flag(field) => (Expr::Flag(self.field(field, FieldKind::Flag)), None),
            Condition::Present(field) => (Expr::Present(self.field(field, FieldKind::Any)), None),
            Condition::Find(text, terms) => self.seen(text, Kind::Find, terms),
            Condition::Anchored(text, TextEnd::Start, terms) => self.seen(text, Kind::Start, terms),
            Condition::Anchored(text, TextEnd::End, terms) => self.seen(text, Kind::End, terms),
            Condition::Whole(text, terms) => self.seen(text, Kind::Whole, terms),
            Condition::Near(near) => {
                let Near { text, left, distance, order, right } = &**near;
                let text = self.text(text);
                let left = self.signal(text, Kind::Place, left);
                let right = self.signal(text, Kind::Place, right);
                (Expr::Near { left, right, distance: *distance, order: *order }, Some(vec![left]))
            }
            Condition::Matches(text, regex) => {
                let (regex, guards) = self.regex(text, regex);
                let best = guards.first().map(|&signal| vec![signal]);
                (Expr::Matches { regex, guards }, best)
            }
            Condition::Compare(left, op, right) => {
                let needs = self.counted(left, *op, right).or_else(|| self.counted(right, op.flipped(), left));
                (Expr::Compare(self.number(left), *op, self.number(right)), needs)
            }
            Condition::CompareTime(field, op, micros) => {
                (Expr::CompareTime(self.field(field, FieldKind::Time), *op, *micros), None)
            }
        }
    }

    fn seen(&mut self, text: &Text, kind: Kind, terms: &Terms) -> (Expr, Needs) {
        let text = self.text(text);
        let signal = self.signal(text, kind, terms);
        (Expr::Seen(signal), Some(vec![signal]))
    }

    /// The signal without which a comparison of a count cannot hold: `count(…) >= 2` is false at 0.
    fn counted(&mut self, count: &Number, op: Op, other: &Number) -> Needs {
        let Number::Constant(value) = other else { return None };
        if op.holds(0.0, *value) {
            return None;
        }
        match count {
            Number::Count(text, terms) => {
                let text = self.text(text);
                Some(vec![self.signal(text, Kind::Find, terms)])
            }
            Number::CountRegex(text, regex) => self.regex(text, regex).1.first().map(|&signal| vec![signal]),
            _ => None,
        }
    }

    fn number(&mut self, number: &Number) -> Num {
        match number {
            Number::Constant(value) => Num::Constant(*value),
            Number::Field(field) => Num::Field(self.field(field, FieldKind::Number)),
            Number::Measure(measure, text) => Num::Measure(*measure, self.text(text)),
            Number::Count(text, terms) => {
                let text = self.text(text);
                Num::Count(self.signal(text, Kind::Find, terms), text)
            }
            Number::CountRegex(text, regex) => Num::CountRegex(self.regex(text, regex).0),
        }
    }

    fn field(&mut self, path: &str, kind: FieldKind) -> FieldId {
        let fields = &mut self.engine.fields;
        let id = *self.fields.entry(path.to_owned()).or_insert_with(|| {
            fields.push(FieldUse { path: path.to_owned(), uses: Vec::new() });
            fields.len() - 1
        });
        if !fields[id].uses.iter().any(|(other, _)| *other == kind) {
            fields[id].uses.push((kind, self.function));
        }
        id
    }

    fn text(&mut self, text: &Text) -> TextId {
        let field = self.field(&text.field, FieldKind::Text);
        if let Some(&id) = self.texts.get(text) {
            return id;
        }
        let id = self.engine.texts.len();
        self.engine.texts.push(TextPlan {
            field,
            changes: text.changes.clone(),
            finder: None,
            finder_uses: Vec::new(),
            words: Table::default(),
            looks_for_runs: false,
            tokens: Table::default(),
            whole: Table::default(),
        });
        self.strings.push(TextStrings::default());
        self.texts.insert(text.clone(), id);
        id
    }

    fn regex(&mut self, text: &Text, regex: &Regex) -> (RegexId, Vec<SignalId>) {
        let text = self.text(text);
        if let Some(known) = self.regexes.get(&(text, regex.clone())) {
            return known.clone();
        }
        let signals = guards(regex).into_iter().map(|Guard { strings, are_words }| {
            let (kind, mode) = if are_words { (Kind::Run, Mode::Word) } else { (Kind::Find, Mode::Substring) };
            self.signal(text, kind, &Terms { exact: false, mode, strings: strings.into() })
        });
        let signals = signals.collect();
        let compiled = regex::Regex::new(&regex.0).expect("checked when the program was resolved");
        self.engine.regexes.push((text, compiled));
        let known = (self.engine.regexes.len() - 1, signals);
        self.regexes.insert((text, regex.clone()), known.clone());
        known
    }

    /// The signal that these terms are found in this way, made when it is first asked for.
    fn signal(&mut self, text: TextId, kind: Kind, terms: &Terms) -> SignalId {
        let key = (text, kind, terms.clone());
        if let Some(&known) = self.signals.get(&key) {
            self.engine.signals[known as usize].is_read |= self.reads;
            return known;
        }
        let signal = self.engine.signals.len() as SignalId;
        self.signals.insert(key, signal);
        let (places, runs) = (kind == Kind::Place, kind == Kind::Run);
        self.engine.signals.push(Signal { functions: 0..0, places, runs, is_read: self.reads });
        // What is looked for: as words, `love` and `love!` are the same and would count twice.
        let as_words = matches!((kind, terms.mode), (Kind::Find, Mode::Word) | (Kind::Place, _));
        let sought = |written: &str| match as_words {
            true => synth_text::words(written).collect::<Vec<_>>().join(" "),
            false => written.to_owned(),
        };
        let mut seen = FxHashSet::default();
        for string in terms.strings.iter() {
            let folded = synth_text::fold(string);
            if seen.insert(sought(if terms.exact { string } else { &folded })) {
                self.add_string(text, kind, terms, string, folded.into_boxed_str(), signal);
            }
        }
        signal
    }

    fn add_string(
        &mut self,
        text: TextId,
        kind: Kind,
        terms: &Terms,
        string: &str,
        folded: Box<str>,
        signal: SignalId,
    ) {
        let exact = || terms.exact.then(|| Box::from(string));
        let checks = &mut self.engine.checks;
        let mut check = |check: Option<Check>| match check {
            None => NO_CHECK,
            Some(check) => {
                checks.push(check);
                (checks.len() - 1) as u32
            }
        };
        let plan = &mut self.engine.texts[text];
        let strings = &mut self.strings[text];
        match (kind, terms.mode) {
            (Kind::Find, Mode::Substring) | (Kind::Start | Kind::End, _) => {
                let check = check(match kind {
                    Kind::Start => Some(Check::Anchored(TextEnd::Start, exact())),
                    Kind::End => Some(Check::Anchored(TextEnd::End, exact())),
                    _ => exact().map(Check::Exact),
                });
                let substrings = &mut strings.substrings;
                let number = *strings.numbers.entry(folded).or_insert_with_key(|folded| {
                    substrings.push(folded.clone());
                    plan.finder_uses.push(Vec::new());
                    substrings.len() - 1
                });
                plan.finder_uses[number].push(Use { signal, check });
            }
            (Kind::Find | Kind::Place, Mode::Word) | (Kind::Place, _) => {
                self.words.find(&folded);
                let Some(last) = self.words.len().checked_sub(1) else { return };
                // Folding changes neither where words are nor how many.
                let words = (last > 0 || terms.exact).then(|| {
                    let as_written = if terms.exact { string } else { &*folded };
                    Check::Words { words: synth_text::words(as_written).map(Box::from).collect(), exact: terms.exact }
                });
                let last = self.words.get(last);
                let used = Use { signal, check: check(words) };
                strings.words.entry(folded[last].into()).or_default().push(used);
            }
            (Kind::Run, _) => {
                plan.looks_for_runs = true;
                strings.words.entry(folded).or_default().push(Use { signal, check: NO_CHECK });
            }
            (Kind::Find, Mode::Token) => {
                let check = check(exact().map(Check::Exact));
                strings.tokens.entry(folded).or_default().push(Use { signal, check });
            }
            (Kind::Whole, _) => {
                let check = check(exact().map(Check::Exact));
                strings.whole.entry(folded).or_default().push(Use { signal, check });
            }
        }
    }

    fn finish(mut self) -> Engine {
        let mut engine = self.engine;
        self.triggers.sort_unstable();
        for of_signal in self.triggers.chunk_by(|(a, _), (b, _)| a == b) {
            let start = engine.signal_functions.len() as u32;
            engine.signal_functions.extend(of_signal.iter().map(|(_, function)| function));
            engine.signals[of_signal[0].0 as usize].functions = start..engine.signal_functions.len() as u32;
        }
        let (signals, signal_functions) = (&engine.signals, &engine.signal_functions);
        let voters_of = |used: &Use| {
            let Signal { functions, is_read, .. } = &signals[used.signal as usize];
            let voters = &signal_functions[functions.start as usize..functions.end as usize];
            (used.check == NO_CHECK && !is_read).then_some(voters)
        };
        for (plan, strings) in engine.texts.iter_mut().zip(self.strings) {
            plan.finder = Finder::new(strings.substrings);
            plan.words = Table::new(strings.words, voters_of);
            plan.tokens = Table::new(strings.tokens, voters_of);
            plan.whole = Table::new(strings.whole, voters_of);
        }
        engine
    }
}
