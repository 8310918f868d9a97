//! No bytes in the place of weights of PyTorch make opening them panic. What describes the tensors is within an archive with
//! checksums: start with tests/fixtures/pickles of synth-neural as the corpus to get there.
#![no_main]

use std::io::Write;

use libfuzzer_sys::fuzz_target;
use synth_neural::{Device, Inception};

fuzz_target!(|bytes: &[u8]| {
    let mut file = tempfile::Builder::new().suffix(".pth").tempfile().expect("a temporary file");
    file.write_all(bytes).expect("room for it");
    let _ = Inception::open(file.path(), Device::Cpu);
});
