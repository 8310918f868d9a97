//! The functions to evaluate on a row.

/// A set of functions by their numbers, that gives them back in order and is empty again afterwards.
///
/// One bit a function, and one bit for each 64 functions with any in the set: reading it costs what is in it, next to
/// nothing for what is not.
#[derive(Debug, Default)]
pub(super) struct FunctionSet {
    bits: Vec<u64>,
    filled: Vec<u64>,
}

impl FunctionSet {
    /// An empty set that functions 0 to `n_functions - 1` fit in.
    pub(super) fn new(n_functions: usize) -> Self {
        let n_words = n_functions.div_ceil(64);
        Self { bits: vec![0; n_words], filled: vec![0; n_words.div_ceil(64)] }
    }

    #[inline]
    pub(super) fn insert(&mut self, function: u32) {
        let word = function as usize / 64;
        self.bits[word] |= 1 << (function % 64);
        self.filled[word / 64] |= 1 << (word % 64);
    }

    /// Calls `found` with each function, ascending, and empties the set.
    #[inline]
    pub(super) fn drain(&mut self, mut found: impl FnMut(u32)) {
        for (i, filled) in self.filled.iter_mut().enumerate() {
            let mut words = std::mem::take(filled);
            while words != 0 {
                let word = 64 * i + words.trailing_zeros() as usize;
                words &= words - 1;
                let mut bits = std::mem::take(&mut self.bits[word]);
                while bits != 0 {
                    found(64 * word as u32 + bits.trailing_zeros());
                    bits &= bits - 1;
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn gives_back_in_order_once() {
        let mut set = FunctionSet::new(9_000);
        for function in [8_999, 0, 63, 64, 4_096, 0, 5_000] {
            set.insert(function);
        }
        let mut drained = Vec::new();
        set.drain(|function| drained.push(function));
        assert_eq!(drained, [0, 63, 64, 4_096, 5_000, 8_999]);
        set.drain(|function| panic!("{function} is still there"));
        FunctionSet::new(0).drain(|function| panic!("{function} is in an empty set"));
    }
}
