//! What is allowed and probably not meant.

use rustc_hash::{FxHashMap, FxHashSet};

use super::ast::{Measure, Mode, Op};
use super::diagnostics::Diagnostic;
use super::program::{Body, Condition, Number, Program};
use super::resolve::Places;
use crate::engine::guards;

/// The warnings about a program whose parts stand in `places`.
pub(super) fn warnings(program: &Program, places: &Places) -> Vec<Diagnostic> {
    let mut out = Vec::new();
    clauses(program, places, &mut out);
    prompts(program, places, &mut out);
    duplicates(program, places, &mut out);
    for (source, span, name) in &places.unused_lists {
        let message = format!("no function uses the list `{name}`");
        out.push(Diagnostic::warning("unused-list", source, span.clone(), message).hint("use it or remove it"));
    }
    unused_classes(program, places, &mut out);
    repeated_terms(places, &mut out);
    for (source, span, regex) in &places.regexes {
        if guards(regex).is_empty() {
            let message = "no piece of text stands in every match, so this is run over every text";
            out.push(
                Diagnostic::warning("unguarded-regex", source, span.clone(), message)
                    .hint("fine for a few; where it is slow, add a condition on a string that matches contain"),
            );
        }
    }
    out
}

fn clauses(program: &Program, places: &Places, out: &mut Vec<Diagnostic>) {
    for (f, function) in program.functions.iter().enumerate() {
        let (source, _) = &places.functions[f];
        let mut closed = false;
        for (clause, span) in function.clauses().iter().zip(&places.clauses[f]) {
            let value = constant(&clause.condition);
            let warn = |code, message| Diagnostic::warning(code, source, span.clone(), message);
            if closed {
                out.push(warn("never-fires", "an earlier clause of this function always holds, so this never votes"));
            } else if value == Some(false) {
                out.push(warn("never-fires", "this condition holds for no record"));
            } else if value == Some(true) || always_if_present(&clause.condition) {
                let which = if value == Some(true) { "" } else { " that has the field" };
                let hint = "a function that votes on everything says nothing about any record";
                let message = format!("this condition holds for every record{which}");
                out.push(Diagnostic::warning("always-fires", source, span.clone(), message).hint(hint));
                closed = value == Some(true);
            }
        }
    }
}

fn prompts(program: &Program, places: &Places, out: &mut Vec<Diagnostic>) {
    for ((function, (source, _)), span) in program.functions.iter().zip(&places.functions).zip(&places.prompts) {
        let (Some(prompt), Some(span)) = (function.prompt(), span) else { continue };
        if prompt.fields().next().is_none() {
            let message = "the prompt does not look at the record, so its answer is the same for all";
            let hint = "put a field in braces where its value belongs: {text}";
            out.push(Diagnostic::warning("constant-prompt", source, span.clone(), message).hint(hint));
        }
        if prompt.answers.len() == 1 {
            let message = "there is one possible answer, so every record that has the fields gets it";
            let hint = "name the other answers too; `abstain when \"no\"` makes one an abstain";
            out.push(Diagnostic::warning("always-fires", source, span.clone(), message).hint(hint));
        }
    }
}

/// The value that a condition has for every record, as far as it can be seen from the condition alone.
fn constant(condition: &Condition) -> Option<bool> {
    match condition {
        Condition::Constant(value) => Some(*value),
        Condition::Not(inner) => constant(inner).map(|value| !value),
        Condition::And(parts) => {
            let values: Vec<_> = parts.iter().map(constant).collect();
            let contradicts = parts.iter().any(|a| parts.contains(&Condition::Not(Box::new(a.clone()))));
            if contradicts || values.contains(&Some(false)) {
                Some(false)
            } else {
                values.iter().all(|v| *v == Some(true)).then_some(true)
            }
        }
        Condition::Or(parts) => {
            let values: Vec<_> = parts.iter().map(constant).collect();
            let tautology = parts.iter().any(|a| parts.contains(&Condition::Not(Box::new(a.clone()))));
            if tautology || values.contains(&Some(true)) {
                Some(true)
            } else {
                values.iter().all(|v| *v == Some(false)).then_some(false)
            }
        }
        // Where the field is missing a comparison is false, so none is always true.
        Condition::Compare(..) if compared(condition) == Some(false) => Some(false),
        _ => None,
    }
}

/// True for a comparison that holds wherever its field is not missing.
fn always_if_present(condition: &Condition) -> bool {
    compared(condition) == Some(true)
}

/// What a comparison with a constant gives wherever its field is not missing, if it always gives the same.
fn compared(condition: &Condition) -> Option<bool> {
    match condition {
        Condition::Compare(left, op, Number::Constant(value)) => compare(range(left)?, *op, *value),
        Condition::Compare(Number::Constant(value), op, right) => compare(range(right)?, op.flipped(), *value),
        _ => None,
    }
}

/// The values a number can have.
fn range(number: &Number) -> Option<(f64, f64)> {
    match number {
        Number::Constant(value) => Some((*value, *value)),
        Number::Measure(Measure::UpperRatio | Measure::DigitRatio, _) => Some((0.0, 1.0)),
        Number::Measure(..) | Number::Count(..) | Number::CountRegex(..) => Some((0.0, f64::INFINITY)),
        Number::Field(_) => None,
    }
}

fn compare((low, high): (f64, f64), op: Op, value: f64) -> Option<bool> {
    let (always, never) = match op {
        Op::Lt => (high < value, low >= value),
        Op::Le => (high <= value, low > value),
        Op::Gt => (low > value, high <= value),
        Op::Ge => (low >= value, high < value),
        Op::Eq => (low == high && low == value, value < low || value > high),
        Op::Ne => (value < low || value > high, low == high && low == value),
    };
    if always { Some(true) } else { never.then_some(false) }
}

fn duplicates(program: &Program, places: &Places, out: &mut Vec<Diagnostic>) {
    // Functions are few and conditions do not hash; the printed form does.
    let mut seen: FxHashMap<String, usize> = FxHashMap::default();
    let empty = Body::Clauses(Vec::new());
    for (f, function) in program.functions.iter().enumerate().filter(|(_, f)| f.body != empty) {
        let first = *seen.entry(format!("{:?}", function.body)).or_insert(f);
        if first != f {
            let (source, span) = &places.functions[f];
            let (other, other_span) = &places.functions[first];
            let message = format!("`{}` says the same as `{}`", function.name, program.functions[first].name);
            out.push(
                Diagnostic::warning("duplicate-function", source, span.clone(), message)
                    .related(other, other_span.clone(), "the same function")
                    .hint("remove one: voting twice makes a function look more certain than it is"),
            );
        }
    }
}

fn unused_classes(program: &Program, places: &Places, out: &mut Vec<Diagnostic>) {
    let Some((source, spans)) = &places.classes else { return };
    for (class, span) in program.classes.ids().zip(spans) {
        if !program.functions.iter().any(|function| function.votes_for(class)) {
            let message = format!("no function votes for the class `{}`", program.classes.name(class));
            let hint = "records of this class can only be told by what is not said of them";
            out.push(Diagnostic::warning("unused-class", source, span.clone(), message).hint(hint));
        }
    }
}

fn repeated_terms(places: &Places, out: &mut Vec<Diagnostic>) {
    let mut told = FxHashSet::default();
    for (source, span, terms) in &places.lists {
        // A named list is used in many places and written in one.
        if !told.insert((source.name.clone(), terms)) {
            continue;
        }
        let key = |s: &String| if terms.exact { s.clone() } else { synth_text::fold(s) };
        let keys: Vec<String> = terms.strings.iter().map(key).collect();
        let mut seen: FxHashMap<&str, usize> = FxHashMap::default();
        for (i, string) in keys.iter().enumerate() {
            if seen.insert(string, i).is_some() {
                let message = format!("{:?} stands twice in this list", terms.strings[i]);
                out.push(Diagnostic::warning("repeated-term", source, span.clone(), message));
            }
        }
        // Lists that were written by hand are short; what a file holds is not compared pair by pair.
        if terms.mode != Mode::Substring || keys.len() > 200 {
            continue;
        }
        for (i, long) in keys.iter().enumerate() {
            let inside = keys.iter().position(|short| short != long && long.contains(short.as_str()));
            if let Some(short) = inside {
                let (long, short) = (&terms.strings[i], &terms.strings[short]);
                let message = format!("{long:?} adds nothing: every text that holds it holds {short:?}");
                let hint = "remove it, or put `word` before the list if you mean whole words";
                out.push(Diagnostic::warning("repeated-term", source, span.clone(), message).hint(hint));
            }
        }
    }
}
