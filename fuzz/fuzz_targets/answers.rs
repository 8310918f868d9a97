//! Nothing that a language model says makes the readers of answers panic, and texts that are found are bare.
#![no_main]

use libfuzzer_sys::fuzz_target;
use synth_generate::{items, one_of};

fuzz_target!(|answer: &str| {
    for item in items(answer) {
        assert!(!item.is_empty() && item.trim() == item, "{item:?}");
    }
    let words = ["yes".to_owned(), "no".to_owned(), "not sure".to_owned()];
    assert!(one_of(answer, &words).is_none_or(|at| at < words.len()));
});
