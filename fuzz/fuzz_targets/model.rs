//! No bytes in the place of a saved model make loading it panic, or allocate what a damaged description announces.
//!
//! The input is a description, a zero byte, and weights. `CHECKSUM` in the description stands for that of the weights:
//! no chance would find it.
#![no_main]

use libfuzzer_sys::fuzz_target;
use synth_core::{Dataset, Predict};
use synth_learn::Classifier;
use xxhash_rust::xxh3::xxh3_128;

fuzz_target!(|bytes: &[u8]| {
    let split = bytes.iter().position(|byte| *byte == 0).unwrap_or(bytes.len());
    let (description, weights) = (&bytes[..split], bytes.get(split + 1..).unwrap_or_default());
    let checksum = format!("{:032x}", xxh3_128(weights));
    let description = String::from_utf8_lossy(description).replace("CHECKSUM", &checksum);
    if let Ok(classifier) = Classifier::from_bytes(description.as_bytes(), weights) {
        let _ = classifier.predict(&Dataset::of_texts("text", ["some text", ""]));
    }
});
