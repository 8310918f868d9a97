//! No bytes in the place of a SentencePiece model make opening it, or tokenizing by it, panic.
#![no_main]

use std::path::Path;
use std::sync::LazyLock;

use libfuzzer_sys::fuzz_target;
use synth_neural::{ModelFolder, Translator, TranslatorSettings};
use tempfile::TempDir;

/// A small model, whose `source.spm` is replaced.
static MODEL: LazyLock<TempDir> = LazyLock::new(|| {
    let from = Path::new(env!("CARGO_MANIFEST_DIR")).join("../crates/synth-neural/tests/fixtures/marian/en-fr");
    let folder = TempDir::new().expect("a temporary folder");
    for entry in from.read_dir().expect("the model is in the repository") {
        let entry = entry.expect("a file of it");
        std::fs::copy(entry.path(), folder.path().join(entry.file_name())).expect("room for it");
    }
    folder
});

fuzz_target!(|bytes: &[u8]| {
    std::fs::write(MODEL.path().join("source.spm"), bytes).expect("room for it");
    let settings = TranslatorSettings::of(ModelFolder::Path(MODEL.path().to_owned()));
    if let Ok(translator) = Translator::open(&settings, &mut |_| {}) {
        let _ = translator.tokenize("The parcel\u{a0}is ﬁne — été 한 👩‍👩‍👧.");
    }
});
