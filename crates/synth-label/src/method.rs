//! The methods by name.

use std::fmt;
use std::str::FromStr;

use synth_core::VotePatterns;

use crate::{Auto, ClassBalance, DawidSkene, Fit, Gold, LabelError, Majority, Triplet, Weighted};

/// One of the label models of this crate, with its defaults.
///
/// ```
/// use synth_label::Method;
///
/// assert_eq!("dawid-skene".parse::<Method>()?, Method::DawidSkene);
/// assert!("snorkel".parse::<Method>().is_err());
/// # Ok::<(), synth_label::LabelError>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub enum Method {
    /// [`Auto`].
    #[default]
    Auto,
    /// [`Majority`].
    Majority,
    /// [`Weighted`].
    Weighted,
    /// [`DawidSkene`].
    DawidSkene,
    /// [`Triplet`].
    Triplet,
}

impl Method {
    /// All methods, the default first.
    pub const ALL: [Self; 5] = [Self::Auto, Self::Majority, Self::Weighted, Self::DawidSkene, Self::Triplet];

    /// Its name: `auto`, `majority`, `weighted`, `dawid-skene` or `triplet`.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Auto => "auto",
            Self::Majority => "majority",
            Self::Weighted => "weighted",
            Self::DawidSkene => "dawid-skene",
            Self::Triplet => "triplet",
        }
    }

    /// Fits it with its defaults and this class balance.
    ///
    /// # Errors
    /// A given class balance that is none; gold of another matrix.
    pub fn fit(self, patterns: &VotePatterns, gold: &Gold, balance: &ClassBalance) -> Result<Fit, LabelError> {
        let balance = balance.clone();
        match self {
            Self::Auto => Auto { balance, ..Auto::default() }.fit(patterns, gold),
            Self::Majority => Majority { balance }.fit(patterns, gold),
            Self::Weighted => Weighted { balance }.fit(patterns, gold),
            Self::DawidSkene => DawidSkene { balance, ..DawidSkene::default() }.fit(patterns, gold),
            Self::Triplet => Triplet { balance }.fit(patterns, gold),
        }
    }
}

impl fmt::Display for Method {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl FromStr for Method {
    type Err = LabelError;

    fn from_str(name: &str) -> Result<Self, LabelError> {
        Self::ALL.into_iter().find(|method| method.name() == name).ok_or_else(|| LabelError::Param {
            name: "label model",
            value: format!("{name:?}"),
            expected: format!("one of {}", Self::ALL.map(Self::name).join(", ")),
        })
    }
}
