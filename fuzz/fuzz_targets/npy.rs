//! No bytes make the reader of `.npy` votes panic, or allocate what a damaged header announces.
#![no_main]

use std::path::Path;

use libfuzzer_sys::fuzz_target;
use synth_core::ClassSet;

fuzz_target!(|bytes: &[u8]| {
    let classes = ClassSet::new(["a", "b", "c"]).expect("three names make a class set");
    let _ = synth_io::votes::read_npy(bytes, Path::new("fuzz.npy"), &classes, None);
});
