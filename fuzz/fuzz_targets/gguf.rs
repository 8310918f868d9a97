//! No bytes in the place of a GGUF file make opening it panic, or allocate what a damaged header announces.
#![no_main]

use std::io::Write;

use libfuzzer_sys::fuzz_target;
use synth_neural::{LocalLlm, LocalLlmSettings, ModelSource};

fuzz_target!(|bytes: &[u8]| {
    let mut file = tempfile::NamedTempFile::new().expect("a temporary file");
    file.write_all(bytes).expect("room for it");
    let settings = LocalLlmSettings::of(ModelSource::Path(file.path().to_owned()));
    let _ = LocalLlm::open(&settings, &mut |_| {});
});
