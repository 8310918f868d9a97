//! Whether records keep a contract.

use std::collections::{BTreeMap, BTreeSet, HashSet};

use arrow_array::cast::AsArray;
use arrow_schema::DataType;
use jiff::civil::{Date, DateTime};
use jiff::tz::TimeZone;
use regex::Regex;
use synth_core::{Dataset, Value};

use super::{Contract, FieldContract, Freshness};
use crate::AuditError;

/// A promise that does not hold.
#[derive(Debug, Clone, PartialEq, serde::Serialize)]
pub struct BrokenRule {
    /// The field, if it is about one.
    pub field: Option<String>,
    /// The rule, as the contract calls it.
    pub rule: &'static str,
    /// What is wrong.
    pub problem: String,
    /// The rows that break it, from 0, ascending; none where it is about all of them together.
    pub rows: Vec<u64>,
    /// What stands there instead, in the first of these rows; at most three.
    pub values: Vec<String>,
}

impl BrokenRule {
    /// A rule that is about all records together.
    pub fn whole(field: Option<String>, rule: &'static str, problem: String) -> Self {
        Self { field, rule, problem, rows: Vec::new(), values: Vec::new() }
    }
}

impl std::fmt::Display for BrokenRule {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        if let Some(field) = &self.field {
            write!(f, "`{field}`: ")?;
        }
        f.write_str(&self.problem)?;
        if !self.values.is_empty() {
            let values: Vec<String> = self.values.iter().map(|value| format!("`{value}`")).collect();
            let more = if self.rows.len() > values.len() { ", …" } else { "" };
            write!(f, ", as {}{more}", values.join(", "))?;
        }
        let named: Vec<String> = self.rows.iter().take(NAMED).map(u64::to_string).collect();
        match self.rows.len() {
            0 => Ok(()),
            1 => write!(f, ": row {}", named[0]),
            n if n > NAMED => write!(f, ": rows {}, …", named.join(", ")),
            _ => write!(f, ": rows {}", named.join(", ")),
        }
    }
}

/// What breaks the rule of a type, but could be read as of that type.
const READABLE: &str = "readable";
/// So many values are kept of each rule, of so many characters.
const VALUES: usize = 3;
const VALUE: usize = 40;
/// So many rows are named where a rule is shown.
const NAMED: usize = 10;

/// Takes down how records keep a [`Contract`], batch by batch.
#[derive(Debug)]
pub struct ContractCheck<'a> {
    contract: &'a Contract,
    fields: Vec<FieldCheck<'a>>,
    n: u64,
    /// Whether the field of the points in time is there.
    has_time: bool,
    /// The newest of them, in microseconds since 1970.
    newest: Option<i64>,
}

/// What is found of one field.
#[derive(Debug)]
struct FieldCheck<'a> {
    name: &'a str,
    contract: &'a FieldContract,
    pattern: Option<Regex>,
    values: Option<BTreeSet<&'a str>>,
    exists: bool,
    /// Rows without a value.
    missing: Vec<u64>,
    /// Rows that break a rule.
    broken: BTreeMap<&'static str, Broken>,
    /// The values so far, where they are to be unique.
    seen: HashSet<String>,
}

/// The rows that break a rule, and what stands in the first of them.
#[derive(Debug, Default)]
struct Broken {
    rows: Vec<u64>,
    values: Vec<String>,
}

impl<'a> ContractCheck<'a> {
    /// Begins a check.
    ///
    /// # Errors
    /// A contract that promises nothing, or what nothing could keep: a regular expression that is none, a share that is not
    /// from 0 to 1, a range that ends before it begins.
    pub fn new(contract: &'a Contract) -> Result<Self, AuditError> {
        let field = |(name, contract): (&'a String, &'a FieldContract)| {
            let pattern = contract.matches.as_deref().map(Regex::new).transpose();
            let pattern =
                pattern.map_err(|error| AuditError::Pattern { field: name.clone(), problem: error.to_string() })?;
            let values = contract.values.as_ref().map(|values| values.iter().map(String::as_str).collect());
            let (missing, broken, seen) = (Vec::new(), BTreeMap::new(), HashSet::new());
            Ok(FieldCheck { name, contract, pattern, values, exists: false, missing, broken, seen })
        };
        contract.check()?;
        let fields = contract.fields.iter().map(field).collect::<Result<_, AuditError>>()?;
        Ok(Self { contract, fields, n: 0, has_time: false, newest: None })
    }

    /// Looks at a batch of records, whose rows follow those before.
    pub fn add(&mut self, records: &Dataset) {
        let first = self.n;
        for field in &mut self.fields {
            field.add(records, first);
        }
        if let Some(freshness) = &self.contract.freshness
            && let Some(column) = records.column(&freshness.field)
        {
            self.has_time = true;
            let time = |row: usize| match column.value(row)? {
                Value::Time(micros) => Some(micros),
                Value::Text(text) => micros_of(text),
                _ => None,
            };
            self.newest = (0..records.n_rows()).filter_map(time).chain(self.newest).max();
        }
        self.n += records.n_rows() as u64;
    }

    /// The promises that do not hold; `now` in microseconds since 1970. Labels and copies are left to who knows them.
    pub fn finish(self, now: i64) -> Vec<BrokenRule> {
        let mut all = Vec::new();
        let whole = |rule, problem| BrokenRule::whole(None, rule, problem);
        if let Some([least, most]) = self.contract.rows
            && !(least..=most).contains(&self.n)
        {
            all.push(whole(
                "rows",
                format!(
                    "there {} {}, expected {least} to {most}",
                    if self.n == 1 { "is" } else { "are" },
                    if self.n == 1 { "1 record".to_owned() } else { format!("{} records", self.n) }
                ),
            ));
        }
        for field in self.fields {
            field.finish(self.n, &mut all);
        }
        if let Some(Freshness { field, days }) = &self.contract.freshness {
            const DAY: f64 = 86_400e6;
            let problem = match self.newest {
                None if !self.has_time && self.n > 0 => Some("the field does not exist".to_owned()),
                None => Some("no record has a point in time".to_owned()),
                Some(newest) => {
                    let age = now.saturating_sub(newest) as f64 / DAY;
                    // A day and a clock may be of other time zones.
                    if age < -1.0 {
                        Some(format!("the newest record is from the future, {:.1} days ahead: it tells nothing", -age))
                    } else if age > *days {
                        Some(format!("the newest record is {age:.1} days old, expected at most {days}"))
                    } else {
                        None
                    }
                }
            };
            all.extend(problem.map(|problem| BrokenRule { field: Some(field.clone()), ..whole("freshness", problem) }));
        }
        all
    }
}

impl FieldCheck<'_> {
    fn add(&mut self, records: &Dataset, first: u64) {
        let Some(column) = records.column(self.name) else {
            self.missing.extend((0..records.n_rows() as u64).map(|row| first + row));
            return;
        };
        self.exists = true;
        let contract = self.contract;
        let is_integer = column.array().data_type().is_integer();
        let whole_numbers = is_integer.then(|| arrow_cast::cast(column.array(), &DataType::Utf8).ok()).flatten();
        let whole_numbers = whole_numbers.as_ref().map(|texts| texts.as_string::<i32>());
        for (row, number) in (0..records.n_rows()).zip(first..) {
            let Some(value) = column.value(row) else {
                // A list, say, is a value, of no kind that a contract knows.
                match column.array().is_null(row) {
                    true => self.missing.push(number),
                    false if contract.r#type.is_some() => self.breaks("type", number, "a list"),
                    false => {}
                }
                continue;
            };
            if let Value::Text(text) = value
                && text.trim().is_empty()
            {
                self.missing.push(number);
                continue;
            }
            // Integers of more digits than a float holds stay apart.
            let text = match &whole_numbers {
                Some(texts) => texts.value(row).to_owned(),
                None => value.to_string(),
            };
            if let Some(kind) = contract.r#type.filter(|kind| !kind.holds(value)) {
                match kind.reads(&text) {
                    true => self.breaks(READABLE, number, &text),
                    false => self.breaks("type", number, &text),
                }
            }
            // What is no number is in no range.
            let x = match value {
                Value::Number(x) => Some(x),
                _ => text.parse().ok(),
            };
            let number_in = |[least, most]: [f64; 2]| x.is_some_and(|x| (least..=most).contains(&x));
            if contract.range.is_some_and(|range| !number_in(range)) {
                self.breaks("range", number, &text);
            }
            let is_long = |[least, most]: [usize; 2]| (least..=most).contains(&text.chars().count());
            if contract.length.is_some_and(|length| !is_long(length)) {
                self.breaks("length", number, &text);
            }
            if self.values.as_ref().is_some_and(|values| !values.contains(text.as_str())) {
                self.breaks("values", number, &text);
            }
            if self.pattern.as_ref().is_some_and(|pattern| !pattern.is_match(&text)) {
                self.breaks("matches", number, &text);
            }
            if contract.unique && self.seen.contains(&text) {
                self.breaks("unique", number, &text);
            } else if contract.unique {
                self.seen.insert(text);
            }
        }
    }

    fn breaks(&mut self, rule: &'static str, row: u64, value: &str) {
        let broken = self.broken.entry(rule).or_default();
        broken.rows.push(row);
        if broken.values.len() < VALUES {
            // What would break a line, or move a cursor, is spelled.
            let mut shown: String = value.chars().take(VALUE).collect::<String>().escape_debug().collect();
            if value.chars().nth(VALUE).is_some() {
                shown.push('…');
            }
            broken.values.push(shown);
        }
    }

    fn finish(self, n: u64, all: &mut Vec<BrokenRule>) {
        let field = || Some(self.name.to_owned());
        if !self.exists {
            if !self.contract.optional && n > 0 {
                let problem = "the field does not exist".to_owned();
                all.push(BrokenRule::whole(field(), "fields", problem));
            }
            return;
        }
        if let Some(most) = self.contract.missing
            && self.missing.len() as f64 > most * n as f64
        {
            let share = 100.0 * self.missing.len() as f64 / n as f64;
            let problem = format!("{share:.2} % of the records have no value, expected at most {:.2} %", 100.0 * most);
            all.push(BrokenRule { rows: self.missing, ..BrokenRule::whole(field(), "missing", problem) });
        }
        let mut broken = self.broken;
        // Texts that tell numbers are of a wrong type, if not for others that made all of a column texts.
        if let Some(readable) = broken.remove(READABLE)
            && !broken.contains_key("type")
        {
            broken.insert("type", readable);
        }
        for (rule, Broken { rows, values: shown }) in broken {
            let n = rows.len();
            let is = if n == 1 { "is" } else { "are" };
            let values = if n == 1 { "value" } else { "values" };
            let contract = self.contract;
            let problem = match (rule, contract.r#type, contract.range, contract.length) {
                ("type", Some(kind), ..) => format!("{n} {values} {is} not {}", kind.name()),
                ("range", _, Some([least, most]), _) => format!("{n} {values} {is} not from {least} to {most}"),
                ("length", .., Some([least, most])) => {
                    format!("{n} {values} {is} not {least} to {most} characters long")
                }
                ("values", ..) => format!("{n} {values} {is} none of those there may be"),
                ("matches", ..) => {
                    format!("{n} {values} {is} not matched by `{}`", contract.matches.as_deref().unwrap_or_default())
                }
                _ if n == 1 => "1 value repeats an earlier one".to_owned(),
                _ => format!("{n} values repeat earlier ones"),
            };
            all.push(BrokenRule { field: field(), rule, problem, rows, values: shown });
        }
    }
}

/// A point in time by its text, in microseconds since 1970; UTC where it names no zone. `None` if it is none.
///
/// ```
/// assert_eq!(synth_audit::micros_of("1970-01-02"), Some(86_400_000_000));
/// assert_eq!(synth_audit::micros_of("1970-01-02T01:00:00+01:00"), Some(86_400_000_000));
/// ```
pub fn micros_of(text: &str) -> Option<i64> {
    let text = text.trim();
    let zoned = text.parse().ok();
    let of_zone = |time: DateTime| time.to_zoned(TimeZone::UTC).ok().map(|time| time.timestamp());
    let plain = || text.parse::<DateTime>().ok().and_then(of_zone);
    let day = || text.parse::<Date>().ok().and_then(|day| of_zone(day.at(0, 0, 0, 0)));
    let time: jiff::Timestamp = zoned.or_else(plain).or_else(day)?;
    Some(time.as_microsecond())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_of_texts() {
        let day = 86_400_000_000;
        assert_eq!(micros_of("1970-01-02"), Some(day));
        assert_eq!(micros_of("1970-01-02T00:00:01"), Some(day + 1_000_000));
        assert_eq!(micros_of("1970-01-02T01:00:00+01:00"), Some(day));
        assert_eq!(["yesterday", "", "2026-13-01"].map(micros_of), [None; 3]);
    }
}
