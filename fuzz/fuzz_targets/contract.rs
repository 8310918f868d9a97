//! Any text as a contract, and any text as a record and as a point in time: read or refused, never a panic.

#![no_main]

use libfuzzer_sys::fuzz_target;
use synth_audit::{Contract, ContractCheck, micros_of};
use synth_core::Dataset;

fuzz_target!(|input: (&str, &str)| {
    let (contract, text) = input;
    let now = micros_of(text).unwrap_or(i64::MAX);
    let Ok(contract) = toml::from_str::<Contract>(contract) else { return };
    let Ok(mut check) = ContractCheck::new(&contract) else { return };
    check.add(&Dataset::of_texts("text", [text, "", text]));
    for broken in check.finish(now) {
        assert!(!broken.to_string().is_empty());
    }
});
