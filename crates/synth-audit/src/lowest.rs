//! The lowest of many numbers that come one after the other.

/// The rows of the n lowest numbers, the first of equal ones.
pub(crate) struct Lowest {
    n: usize,
    /// What is among them so far, and some that no longer are.
    found: Vec<(f64, u32)>,
    /// What is not below is not among them.
    bound: f64,
}

impl Lowest {
    pub(crate) fn new(n: usize) -> Self {
        Self { n, found: Vec::new(), bound: if n == 0 { f64::NEG_INFINITY } else { f64::INFINITY } }
    }

    /// Rows must come in ascending order. What a number must lie below from here on.
    pub(crate) fn offer(&mut self, number: f64, row: usize) -> f64 {
        if number < self.bound {
            self.found.push((number, row as u32));
            if self.found.len() == 2 * self.n {
                self.cut();
            }
        }
        self.bound
    }

    /// What a number must lie below to be among them.
    pub(crate) fn bound(&self) -> f64 {
        self.bound
    }

    /// Takes up those of later rows.
    pub(crate) fn extend(&mut self, mut later: Self) {
        self.found.append(&mut later.found);
        self.cut();
    }

    /// Forgets what is no longer among them.
    fn cut(&mut self) {
        if self.found.len() > self.n {
            self.found.select_nth_unstable_by(self.n - 1, |a, b| a.0.total_cmp(&b.0).then(a.1.cmp(&b.1)));
            self.found.truncate(self.n);
            self.bound = self.found[self.n - 1].0;
        }
    }

    pub(crate) fn rows(mut self) -> impl Iterator<Item = usize> {
        self.cut();
        self.found.into_iter().map(|(_, row)| row as usize)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn they_are_the_first_when_sorted(numbers in prop::collection::vec(0u8..20, 0..60), n in 0usize..12, cut in 0usize..60) {
            // In two parts, as rows are worked on.
            let part = |rows: std::ops::Range<usize>| {
                let mut lowest = Lowest::new(n);
                for row in rows {
                    let bound = lowest.offer(f64::from(numbers[row]), row);
                    assert_eq!(bound, lowest.bound());
                }
                lowest
            };
            let cut = cut.min(numbers.len());
            let mut lowest = part(0..cut);
            lowest.extend(part(cut..numbers.len()));
            let mut found: Vec<usize> = lowest.rows().collect();
            found.sort_unstable();
            let mut sorted: Vec<usize> = (0..numbers.len()).collect();
            sorted.sort_by_key(|row| (numbers[*row], *row));
            sorted.truncate(n);
            sorted.sort_unstable();
            prop_assert_eq!(found, sorted);
        }
    }
}
