//! No bytes in the place of weights of PyTorch make opening them panic, run code, or allocate what they announce.
#![no_main]

use std::io::Write;

use libfuzzer_sys::fuzz_target;
use synth_neural::{Device, Inception};

fuzz_target!(|bytes: &[u8]| {
    let mut file = tempfile::Builder::new().suffix(".pth").tempfile().expect("a temporary file");
    file.write_all(bytes).expect("room for it");
    let _ = Inception::open(file.path(), Device::Cpu);
});
