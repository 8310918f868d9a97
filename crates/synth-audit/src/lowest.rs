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
