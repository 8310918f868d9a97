//! What records are promised to be like, and where they are not.

use std::collections::{BTreeMap, BTreeSet, HashSet};

use arrow_array::cast::AsArray;
use arrow_schema::DataType;
use jiff::civil::{Date, DateTime};
use jiff::tz::TimeZone;
use regex::Regex;
use serde::Deserialize;
use synth_core::{Dataset, Value};

use crate::AuditError;

/// A promise about records: how many, which fields, and what stands in these. In a file it is TOML:
///
/// ```toml
/// rows = [1000, 100000]
///
/// [fields.id]
/// unique = true
///
/// [fields.text]
/// type = "text"          # or number, integer, bool, time
/// missing = 0.01         # at most this share of the records has none
/// length = [1, 5000]     # characters
///
/// [fields.stars]
/// optional = true        # the field need not be there
/// type = "integer"
/// range = [1, 5]
///
/// [fields.lang]
/// values = ["en", "fr"]
/// matches = "^[a-z]{2}$"
///
/// [label]
/// field = "label"
/// text = "text"          # what a classifier learns from [default: the only field of text, or `text`]
/// errors = 0.05          # at most this share of the labels is likely wrong
/// shares = { spam = [0.2, 0.6] }
///
/// [copies]
/// field = "text"
/// most = 0.02            # at most this share of the records nearly repeats another
///
/// [freshness]
/// field = "posted"
/// days = 30              # the newest record is no older
/// ```
///
/// ```
/// use synth_audit::{Contract, ContractCheck};
/// use synth_core::Dataset;
///
/// let contract = Contract {
///     fields: [("text".to_owned(), synth_audit::FieldContract { length: Some([1, 10]), ..Default::default() })].into(),
///     ..Contract::default()
/// };
/// let mut check = ContractCheck::new(&contract)?;
/// check.add(&Dataset::of_texts("text", ["so good", "where is my parcel?"]));
/// let broken = check.finish(0);
/// assert_eq!(broken[0].to_string(), "`text`: 1 value is not 1 to 10 characters long: row 1");
/// # Ok::<(), synth_audit::AuditError>(())
/// ```
#[derive(Debug, Clone, Default, PartialEq, Deserialize)]
#[serde(default, deny_unknown_fields, rename_all = "kebab-case")]
pub struct Contract {
    /// How many records there are, at least and at most.
    pub rows: Option<[u64; 2]>,
    /// Fields by name. Others may be there, too.
    pub fields: BTreeMap<String, FieldContract>,
    /// What is promised of labels.
    pub label: Option<LabelContract>,
    /// What is promised of near copies.
    pub copies: Option<CopiesContract>,
    /// How new the records are.
    pub freshness: Option<Freshness>,
}

/// What stands in a field.
#[derive(Debug, Clone, Default, PartialEq, Deserialize)]
#[serde(default, deny_unknown_fields, rename_all = "kebab-case")]
pub struct FieldContract {
    /// What kind of values.
    pub r#type: Option<FieldType>,
    /// The field need not be there.
    pub optional: bool,
    /// The share of records that may lack a value, from 0 to 1; all, if it is not given.
    pub missing: Option<f64>,
    /// No value stands twice.
    pub unique: bool,
    /// The least and the largest number; a value that is none is out of range.
    pub range: Option<[f64; 2]>,
    /// The least and the largest number of characters, also of numbers as they are written.
    pub length: Option<[usize; 2]>,
    /// The values there are.
    pub values: Option<Vec<String>>,
    /// A regular expression that matches each text, anywhere in it.
    pub matches: Option<String>,
}

/// A kind of values.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum FieldType {
    /// Text.
    Text,
    /// Numbers.
    Number,
    /// Numbers without a fraction.
    Integer,
    /// True and false.
    Bool,
    /// Points in time, or texts that tell them, as 2026-11-26 or 2026-11-26T09:30:00.
    Time,
}

impl FieldType {
    fn name(self) -> &'static str {
        match self {
            Self::Text => "text",
            Self::Number => "a number",
            Self::Integer => "a whole number",
            Self::Bool => "true or false",
            Self::Time => "a point in time",
        }
    }

    fn holds(self, value: Value<'_>) -> bool {
        match (self, value) {
            (Self::Text, Value::Text(_)) | (Self::Number, Value::Number(_)) | (Self::Bool, Value::Bool(_)) => true,
            (Self::Integer, Value::Number(number)) => number.fract() == 0.0,
            (Self::Time, Value::Time(_)) => true,
            (Self::Time, Value::Text(text)) => micros_of(text).is_some(),
            _ => false,
        }
    }
}

/// What is promised of labels. Whoever checks it brings what an audit has found.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct LabelContract {
    /// The field.
    pub field: String,
    /// The field of the text that a classifier learns from, if it is named.
    #[serde(default)]
    pub text: Option<String>,
    /// The least and the largest share of each class, among records with a label.
    #[serde(default)]
    pub shares: BTreeMap<String, [f64; 2]>,
    /// The share of labels that may be likely wrong.
    #[serde(default)]
    pub errors: Option<f64>,
}

/// What is promised of near copies. Whoever checks it brings what an audit has found.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct CopiesContract {
    /// The field of the text.
    pub field: String,
    /// The share of records that may be near copies of others.
    pub most: f64,
}

/// How new records are.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Freshness {
    /// The field of the time.
    pub field: String,
    /// How many days old the newest record may be.
    pub days: f64,
}

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
}

impl std::fmt::Display for BrokenRule {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        if let Some(field) = &self.field {
            write!(f, "`{field}`: ")?;
        }
        f.write_str(&self.problem)?;
        let named: Vec<String> = self.rows.iter().take(NAMED).map(u64::to_string).collect();
        match self.rows.len() {
            0 => Ok(()),
            1 => write!(f, ": row {}", named[0]),
            n if n > NAMED => write!(f, ": rows {}, …", named.join(", ")),
            _ => write!(f, ": rows {}", named.join(", ")),
        }
    }
}

/// So many rows are named where a rule is shown.
const NAMED: usize = 10;

/// Takes down how records keep a [`Contract`], batch by batch.
#[derive(Debug)]
pub struct ContractCheck<'a> {
    contract: &'a Contract,
    fields: Vec<FieldCheck<'a>>,
    n: u64,
    /// The newest point in time, in microseconds since 1970.
    newest: Option<i64>,
}

/// All ranges of a contract, by what they are of.
fn ranges(contract: &Contract) -> impl Iterator<Item = (&'static str, [f64; 2])> {
    let whole = |[least, most]: [u64; 2]| [least as f64, most as f64];
    let rows = contract.rows.map(|rows| ("rows", whole(rows)));
    let of_field = move |field: &FieldContract| {
        let length = field.length.map(|length| ("length", whole(length.map(|n| n as u64))));
        field.range.map(|range| ("range", range)).into_iter().chain(length)
    };
    let shares = contract.label.iter().flat_map(|label| label.shares.values().map(|shares| ("shares", *shares)));
    rows.into_iter().chain(contract.fields.values().flat_map(of_field)).chain(shares)
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
    broken: BTreeMap<&'static str, Vec<u64>>,
    /// The values so far, where they are to be unique.
    seen: HashSet<String>,
}

impl<'a> ContractCheck<'a> {
    /// Begins a check.
    ///
    /// # Errors
    /// A regular expression of the contract that is none; a share that is not from 0 to 1; a range that ends before it
    /// begins.
    pub fn new(contract: &'a Contract) -> Result<Self, AuditError> {
        let field = |(name, contract): (&'a String, &'a FieldContract)| {
            let pattern = contract.matches.as_deref().map(Regex::new).transpose();
            let pattern =
                pattern.map_err(|error| AuditError::Pattern { field: name.clone(), problem: error.to_string() })?;
            let values = contract.values.as_ref().map(|values| values.iter().map(String::as_str).collect());
            let (missing, broken, seen) = (Vec::new(), BTreeMap::new(), HashSet::new());
            Ok(FieldCheck { name, contract, pattern, values, exists: false, missing, broken, seen })
        };
        let label = contract.label.as_ref();
        let shares = contract.fields.values().filter_map(|field| Some(("missing", field.missing?)));
        let shares = shares.chain(label.and_then(|label| Some(("errors", label.errors?))));
        let mut shares = shares.chain(contract.copies.as_ref().map(|copies| ("most", copies.most)));
        if let Some((name, share)) = shares.find(|(_, share)| !(0.0..=1.0).contains(share)) {
            return Err(AuditError::Setting { name, value: share.to_string(), expected: "a share from 0 to 1" });
        }
        if let Some((name, [least, most])) =
            ranges(contract).find(|(_, [least, most])| least.partial_cmp(most).is_none_or(|order| order.is_gt()))
        {
            let value = format!("[{least}, {most}]");
            return Err(AuditError::Setting { name, value, expected: "the least first" });
        }
        if let Some(days) = contract.freshness.as_ref().map(|freshness| freshness.days).filter(|days| days.is_nan()) {
            return Err(AuditError::Setting { name: "days", value: days.to_string(), expected: "a number" });
        }
        let fields = contract.fields.iter().map(field).collect::<Result<_, AuditError>>()?;
        Ok(Self { contract, fields, n: 0, newest: None })
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
        let whole = |rule, problem| BrokenRule { field: None, rule, problem, rows: Vec::new() };
        if let Some([least, most]) = self.contract.rows
            && !(least..=most).contains(&self.n)
        {
            all.push(whole("rows", format!("there are {} records, expected {least} to {most}", self.n)));
        }
        for field in self.fields {
            field.finish(self.n, &mut all);
        }
        if let Some(Freshness { field, days }) = &self.contract.freshness {
            const DAY: f64 = 86_400e6;
            let problem = match self.newest {
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
                    false if contract.r#type.is_some() => self.breaks("type", number),
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
            if contract.r#type.is_some_and(|kind| !kind.holds(value)) {
                self.breaks("type", number);
            }
            // What is no number is in no range.
            let number_in = |[least, most]: [f64; 2]| matches!(value, Value::Number(x) if (least..=most).contains(&x));
            if contract.range.is_some_and(|range| !number_in(range)) {
                self.breaks("range", number);
            }
            // Integers of more digits than a float holds stay apart.
            let text = match &whole_numbers {
                Some(texts) => texts.value(row).to_owned(),
                None => value.to_string(),
            };
            let is_long = |[least, most]: [usize; 2]| (least..=most).contains(&text.chars().count());
            if contract.length.is_some_and(|length| !is_long(length)) {
                self.breaks("length", number);
            }
            if self.values.as_ref().is_some_and(|values| !values.contains(text.as_str())) {
                self.breaks("values", number);
            }
            if self.pattern.as_ref().is_some_and(|pattern| !pattern.is_match(&text)) {
                self.breaks("matches", number);
            }
            if contract.unique && !self.seen.insert(text) {
                self.breaks("unique", number);
            }
        }
    }

    fn breaks(&mut self, rule: &'static str, row: u64) {
        self.broken.entry(rule).or_default().push(row);
    }

    fn finish(self, n: u64, all: &mut Vec<BrokenRule>) {
        let field = || Some(self.name.to_owned());
        if !self.exists {
            if !self.contract.optional && n > 0 {
                let problem = "the field does not exist".to_owned();
                all.push(BrokenRule { field: field(), rule: "fields", problem, rows: Vec::new() });
            }
            return;
        }
        if let Some(most) = self.contract.missing
            && self.missing.len() as f64 > most * n as f64
        {
            let share = 100.0 * self.missing.len() as f64 / n as f64;
            let problem = format!("{share:.2} % of the records have no value, expected at most {:.2} %", 100.0 * most);
            all.push(BrokenRule { field: field(), rule: "missing", problem, rows: self.missing });
        }
        for (rule, rows) in self.broken {
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
                _ => format!("{n} {values} {is} there already"),
            };
            all.push(BrokenRule { field: field(), rule, problem, rows });
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
