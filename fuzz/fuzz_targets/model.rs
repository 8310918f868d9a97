//! No bytes in the place of a saved model make loading it panic, or allocate what a damaged description announces.
//!
//! The input is a description, a zero byte, and weights. A description is taken apart before it is compared with the
//! checksum that the weights hold, so all of the reading is reached.
#![no_main]

use libfuzzer_sys::fuzz_target;
use synth_core::{Dataset, Predict};
use synth_learn::Classifier;

fuzz_target!(|bytes: &[u8]| {
    let split = bytes.iter().position(|byte| *byte == 0).unwrap_or(bytes.len());
    let (description, weights) = (&bytes[..split], bytes.get(split + 1..).unwrap_or_default());
    if let Ok(classifier) = Classifier::from_bytes(description, weights) {
        let _ = classifier.predict(&Dataset::of_texts("text", ["some text", ""]));
    }
});
