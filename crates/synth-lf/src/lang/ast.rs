//! What a .lf file says, before names are looked up.
//!
//! Nodes that a message may point at carry their place. Two nodes are equal when they say the same, wherever
//! they stand.

use std::ops::Range;

/// A node and where it stands.
#[derive(Debug, Clone)]
pub(crate) struct Spanned<T> {
    pub(crate) node: T,
    pub(crate) span: Range<usize>,
}

impl<T: PartialEq> PartialEq for Spanned<T> {
    fn eq(&self, other: &Self) -> bool {
        self.node == other.node
    }
}

#[derive(Debug, Clone, PartialEq, Default)]
pub(crate) struct File {
    pub(crate) items: Vec<Spanned<Item>>,
}

#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Item {
    Classes(Vec<Spanned<String>>),
    Let { name: Spanned<String>, list: Spanned<List> },
    Function { name: Spanned<String>, body: Body },
}

#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Body {
    Clauses(Vec<Spanned<Clause>>),
    /// What a model is asked, each string a line of the prompt, and what its answers mean.
    Prompt {
        lines: Vec<Spanned<String>>,
        answers: Vec<Spanned<AnswerClause>>,
    },
}

#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Clause {
    pub(crate) class: Spanned<String>,
    pub(crate) condition: Condition,
}

/// What some answers of a model mean.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct AnswerClause {
    /// `None` abstains.
    pub(crate) class: Option<Spanned<String>>,
    pub(crate) texts: Vec<Spanned<String>>,
}

/// `And` and `Or` have at least two parts, none of which is of the same kind: [`Condition::and`] and
/// [`Condition::or`] see to it, so that a condition has one form.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Condition {
    Or(Vec<Condition>),
    And(Vec<Condition>),
    Not(Box<Condition>),
    Test(Box<Spanned<Test>>),
}

impl Condition {
    pub(crate) fn and(parts: Vec<Self>) -> Self {
        Self::join(parts, Self::And, |part| match part {
            Self::And(inner) => Ok(inner),
            other => Err(other),
        })
    }

    pub(crate) fn or(parts: Vec<Self>) -> Self {
        Self::join(parts, Self::Or, |part| match part {
            Self::Or(inner) => Ok(inner),
            other => Err(other),
        })
    }

    fn join(parts: Vec<Self>, make: fn(Vec<Self>) -> Self, open: fn(Self) -> Result<Vec<Self>, Self>) -> Self {
        let mut flat = Vec::with_capacity(parts.len());
        for part in parts {
            match open(part) {
                Ok(inner) => flat.extend(inner),
                Err(part) => flat.push(part),
            }
        }
        if flat.len() == 1 { flat.remove(0) } else { make(flat) }
    }
}

#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Test {
    Constant(bool),
    /// A field of true and false.
    Flag(Field),
    Contains {
        text: Text,
        quantifier: Quantifier,
        terms: Terms,
    },
    Anchored {
        text: Text,
        end: TextEnd,
        any_of: bool,
        terms: Terms,
    },
    Near {
        text: Text,
        left: Terms,
        distance: u32,
        order: Order,
        right: Terms,
    },
    In {
        text: Text,
        negated: bool,
        exact: bool,
        list: Spanned<List>,
    },
    Matches {
        text: Text,
        regex: Spanned<Regex>,
    },
    Present {
        field: Field,
        present: bool,
    },
    Compare {
        left: Spanned<Value>,
        op: Op,
        right: Spanned<Value>,
    },
}

/// How many strings of a list must be found. `One` is written without words, `Any` with `any of`; they mean
/// the same.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Quantifier {
    One,
    Any,
    All,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum TextEnd {
    Start,
    End,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Order {
    Before,
    After,
    Either,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum Op {
    Eq,
    Ne,
    Lt,
    Le,
    Gt,
    Ge,
}

impl Op {
    pub(crate) const ALL: [Self; 6] = [Self::Eq, Self::Ne, Self::Lt, Self::Le, Self::Gt, Self::Ge];

    pub(crate) fn sign(self) -> &'static str {
        match self {
            Self::Eq => "==",
            Self::Ne => "!=",
            Self::Lt => "<",
            Self::Le => "<=",
            Self::Gt => ">",
            Self::Ge => ">=",
        }
    }

    /// The same comparison with its sides changed.
    pub(crate) fn flipped(self) -> Self {
        match self {
            Self::Eq | Self::Ne => self,
            Self::Lt => Self::Gt,
            Self::Le => Self::Ge,
            Self::Gt => Self::Lt,
            Self::Ge => Self::Le,
        }
    }

    pub(crate) fn holds<T: PartialOrd>(self, left: T, right: T) -> bool {
        match self {
            Self::Eq => left == right,
            Self::Ne => left != right,
            Self::Lt => left < right,
            Self::Le => left <= right,
            Self::Gt => left > right,
            Self::Ge => left >= right,
        }
    }
}

#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Value {
    /// A number and how it is written.
    Number(f64, String),
    Str {
        exact: bool,
        text: String,
    },
    Date(String),
    Measure(Measure, Text),
    Count(Text, Terms),
    CountRegex(Text, Spanned<Regex>),
    Text(Text),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum Measure {
    Words,
    Tokens,
    Chars,
    UpperRatio,
    DigitRatio,
}

impl Measure {
    pub(crate) const ALL: [Self; 5] = [Self::Words, Self::Tokens, Self::Chars, Self::UpperRatio, Self::DigitRatio];

    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Words => "words",
            Self::Tokens => "tokens",
            Self::Chars => "chars",
            Self::UpperRatio => "upper_ratio",
            Self::DigitRatio => "digit_ratio",
        }
    }
}

/// A field, and what is done to its text before it is looked at, innermost first.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Text {
    pub(crate) field: Field,
    pub(crate) changes: Vec<Change>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum Change {
    Lower,
    Upper,
    Trim,
}

impl Change {
    pub(crate) const ALL: [Self; 3] = [Self::Lower, Self::Upper, Self::Trim];

    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Lower => "lower",
            Self::Upper => "upper",
            Self::Trim => "trim",
        }
    }
}

/// The parts of a dotted path.
pub(crate) type Field = Spanned<Vec<String>>;

#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Terms {
    pub(crate) exact: bool,
    /// `None` when none is written.
    pub(crate) mode: Option<Mode>,
    pub(crate) strings: Spanned<Strings>,
}

#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Strings {
    One(String),
    List(List),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) enum Mode {
    Substring,
    Word,
    Token,
}

impl Mode {
    pub(crate) const ALL: [Self; 3] = [Self::Substring, Self::Word, Self::Token];

    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Substring => "substring",
            Self::Word => "word",
            Self::Token => "token",
        }
    }
}

#[derive(Debug, Clone, PartialEq)]
pub(crate) enum List {
    Name(String),
    File(String),
    Items(Vec<Spanned<ListItem>>),
}

#[derive(Debug, Clone, PartialEq)]
pub(crate) enum ListItem {
    Str(String),
    Name(String),
    File(String),
}

#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) struct Regex {
    pub(crate) pattern: String,
    pub(crate) flags: String,
}
