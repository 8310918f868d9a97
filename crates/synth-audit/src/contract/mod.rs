//! What records are promised to be like, and where they are not.

mod check;

use std::collections::BTreeMap;

use serde::Deserialize;
use synth_core::Value;

pub use self::check::{BrokenRule, ContractCheck, micros_of};
use crate::AuditError;

/// A contract that shows all there is to promise, with comments, as TOML.
pub const EXAMPLE_CONTRACT: &str = include_str!("example.toml");

/// A promise about records: how many, which fields, and what stands in these. In a file it is TOML:
///
#[doc = concat!("```toml\n", include_str!("example.toml"), "```\n")]
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
/// assert_eq!(broken[0].to_string(), "`text`: 1 value is not 1 to 10 characters long, as `where is my parcel?`: row 1");
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

    /// Whether a text tells such a value: in CSV one cell that is none makes all of a column texts.
    fn reads(self, text: &str) -> bool {
        match self {
            Self::Number => text.parse::<f64>().is_ok(),
            Self::Integer => text.parse().is_ok_and(|number: f64| number.fract() == 0.0),
            Self::Bool => text.parse::<bool>().is_ok(),
            Self::Text | Self::Time => false,
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
    /// Fields of numbers that it learns from.
    #[serde(default)]
    pub number: Vec<String>,
    /// Fields with few different values that it learns from.
    #[serde(default)]
    pub category: Vec<String>,
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

impl Contract {
    /// Finds promises that nothing could keep, or that are none.
    fn check(&self) -> Result<(), AuditError> {
        if *self == Self::default() {
            return Err(AuditError::Empty { what: "promises in the contract" });
        }
        let wrong =
            |rule: String, value: String, expected: &'static str| Err(AuditError::Promise { rule, value, expected });
        for (rule, share) in self.all_shares() {
            if !(0.0..=1.0).contains(&share) {
                return wrong(rule, share.to_string(), "a share from 0 to 1");
            }
        }
        for (rule, [least, most]) in self.ranges() {
            if least.partial_cmp(&most).is_none_or(|order| order.is_gt()) {
                return wrong(rule, format!("[{least}, {most}]"), "the least first");
            }
        }
        for (name, field) in &self.fields {
            if field.values.as_ref().is_some_and(Vec::is_empty) {
                return wrong(format!("[fields.{name}] values"), "[]".to_owned(), "the values there may be");
            }
            if matches!(field.r#type, Some(FieldType::Text | FieldType::Bool | FieldType::Time))
                && field.range.is_some()
            {
                let kind = field.r#type.map_or("", FieldType::name);
                return wrong(format!("[fields.{name}] range"), format!("one of {kind}"), "a field of numbers");
            }
        }
        match self.freshness.as_ref().map(|freshness| freshness.days) {
            Some(days) if !days.is_finite() || days < 0.0 => {
                wrong("[freshness] days".to_owned(), days.to_string(), "0 or more")
            }
            _ => Ok(()),
        }
    }

    /// All shares that are promised, each with what it is called in the contract.
    fn all_shares(&self) -> impl Iterator<Item = (String, f64)> {
        let missing =
            self.fields.iter().filter_map(|(name, field)| Some((format!("[fields.{name}] missing"), field.missing?)));
        let of_class = |(class, range): (&String, &[f64; 2])| {
            let rule = format!("[label] shares of {class}");
            range.map(|share| (rule.clone(), share))
        };
        let classes = self.label.iter().flat_map(move |label| label.shares.iter().flat_map(of_class));
        let errors = self.label.iter().filter_map(|label| Some(("[label] errors".to_owned(), label.errors?)));
        missing
            .chain(classes)
            .chain(errors)
            .chain(self.copies.iter().map(|copies| ("[copies] most".to_owned(), copies.most)))
    }

    /// All ranges, each with what it is called in the contract.
    fn ranges(&self) -> impl Iterator<Item = (String, [f64; 2])> {
        let rows = self.rows.iter().map(|rows| ("rows".to_owned(), rows.map(|n| n as f64)));
        let of_field = |(name, field): (&String, &FieldContract)| {
            let range = field.range.map(|range| (format!("[fields.{name}] range"), range));
            let length = field.length.map(|length| (format!("[fields.{name}] length"), length.map(|n| n as f64)));
            range.into_iter().chain(length)
        };
        let shares = self.label.iter().flat_map(|label| &label.shares);
        let shares = shares.map(|(class, range)| (format!("[label] shares of {class}"), *range));
        rows.chain(self.fields.iter().flat_map(of_field)).chain(shares)
    }
}
