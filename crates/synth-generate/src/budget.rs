//! How much may be spent, and how much was.

use std::fmt;
use std::str::FromStr;

use crate::generator::MICRODOLLARS;
use crate::{GenerateError, Generator, Price, Usage};

/// How much a run may spend.
///
/// What the run itself has recorded counts like what is paid now: so a run that was killed and is resumed ends where
/// it would have ended. What other runs have recorded is free: the same run begun anew gets further.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Budget {
    /// So many requests.
    Requests(u64),
    /// So many tokens, in and out together.
    Tokens(u64),
    /// So many millionths of a dollar.
    Microdollars(u64),
}

impl Budget {
    /// Checks that what a generator is asked can be counted in this budget.
    ///
    /// # Errors
    /// The budget is money and the generator has no price.
    pub fn check(self, generator: &dyn Generator) -> Result<(), GenerateError> {
        match (self, generator.price()) {
            (Self::Microdollars(_), None) => Err(GenerateError::NoPrice { model: generator.model().to_owned() }),
            _ => Ok(()),
        }
    }
}

impl Default for Budget {
    /// A thousand requests: enough for a class, too few to hurt.
    fn default() -> Self {
        Self::Requests(1000)
    }
}

impl FromStr for Budget {
    type Err = GenerateError;

    /// `500req`, `100ktok`, `2usd`; numbers may have a fraction, and `k` or `m` behind them.
    fn from_str(text: &str) -> Result<Self, GenerateError> {
        let bad = || GenerateError::Setting {
            name: "budget",
            value: text.to_owned(),
            expected: "a number of requests, tokens or dollars, such as 500req, 100ktok or 2usd",
        };
        let unit_at = text.find(|c: char| !(c.is_ascii_digit() || c == '.')).ok_or_else(bad)?;
        let number: f64 = text[..unit_at].parse().map_err(|_| bad())?;
        let (scale, unit) = match &text[unit_at..] {
            unit if unit.starts_with('k') => (1e3, &unit[1..]),
            unit if unit.starts_with('m') => (1e6, &unit[1..]),
            unit => (1.0, unit),
        };
        // Floats beyond u64 saturate, which is as good as no budget.
        let amount = number * scale;
        match unit {
            "req" => Ok(Self::Requests(amount as u64)),
            "tok" => Ok(Self::Tokens(amount as u64)),
            "usd" => Ok(Self::Microdollars((amount * MICRODOLLARS as f64).round() as u64)),
            _ => Err(bad()),
        }
    }
}

impl fmt::Display for Budget {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Requests(n) => write!(f, "{n} requests"),
            Self::Tokens(n) => write!(f, "{n} tokens"),
            Self::Microdollars(n) => write!(f, "{:.4} dollars", *n as f64 / MICRODOLLARS as f64),
        }
    }
}

/// What a run has spent, before it was killed too if it is one that was resumed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Spent {
    /// Requests that were answered.
    pub requests: u64,
    /// Those among them that cost nothing, as another run had recorded the answer, or this one had asked the same
    /// before.
    pub recorded: u64,
    /// Requests that were not answered. A server may bill some of them all the same, so a budget of requests counts
    /// them; their tokens are not known.
    pub failed: u64,
    /// The tokens of the requests that were paid.
    pub usage: Usage,
    /// What they cost, in millionths of a dollar; `None` where the price of a model is not known.
    pub microdollars: Option<u64>,
}

impl Spent {
    /// Nothing yet.
    pub(crate) fn nothing() -> Self {
        Self { microdollars: Some(0), ..Self::default() }
    }

    /// Counts a request that was paid.
    pub(crate) fn pay(&mut self, usage: Usage, price: Option<Price>) {
        self.requests += 1;
        self.usage += usage;
        self.microdollars = self.microdollars.zip(price).map(|(sum, price)| sum.saturating_add(price.of(usage)));
    }

    /// Counts requests that cost nothing.
    pub(crate) fn recall(&mut self, n: usize) {
        self.requests += n as u64;
        self.recorded += n as u64;
    }

    /// Whether all this is within a budget.
    pub(crate) fn within(&self, budget: Budget) -> bool {
        match budget {
            Budget::Requests(n) => self.requests - self.recorded + self.failed <= n,
            Budget::Tokens(n) => self.usage.total() <= n,
            // Without a price nobody could tell; the price is asked for before anything is spent.
            Budget::Microdollars(n) => self.microdollars.is_some_and(|sum| sum <= n),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn budgets_are_read() {
        let read = |text: &str| text.parse::<Budget>().ok();
        assert_eq!(read("500req"), Some(Budget::Requests(500)));
        assert_eq!(read("100ktok"), Some(Budget::Tokens(100_000)));
        assert_eq!(read("1.5mtok"), Some(Budget::Tokens(1_500_000)));
        assert_eq!(read("2usd"), Some(Budget::Microdollars(2_000_000)));
        assert_eq!(read("0.25usd"), Some(Budget::Microdollars(250_000)));
        for bad in ["", "5", "req", "5eur", "-1usd", "1..2usd", "5 req"] {
            assert_eq!(read(bad), None, "{bad}");
        }
    }

    #[test]
    fn money_is_unknown_once_a_price_is() {
        let usage = Usage { prompt_tokens: 1000, completion_tokens: 10 };
        let price = Price { input_per_million: 0.15, output_per_million: 0.6 };
        let mut spent = Spent::nothing();
        spent.pay(usage, Some(price));
        assert_eq!(spent.microdollars, Some(156)); // 1000 * .15 + 10 * .6
        spent.recall(5);
        assert_eq!((spent.microdollars, spent.requests, spent.recorded), (Some(156), 6, 5));
        spent.failed += 1;
        assert!(spent.within(Budget::Requests(2)) && !spent.within(Budget::Requests(1)));
        spent.pay(usage, None);
        assert_eq!(spent.microdollars, None);
        assert!(!spent.within(Budget::Microdollars(1_000_000)));
        assert!(spent.within(Budget::Tokens(2020)) && !spent.within(Budget::Tokens(2019)));
    }
}
