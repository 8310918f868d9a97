//! No bytes make the reader of records panic. The first byte chooses JSONL or CSV; compression shows in the next.
#![no_main]

use libfuzzer_sys::fuzz_target;
use synth_core::Silent;
use synth_io::{Format, ReadOptions, Reader, Source};

fuzz_target!(|bytes: &[u8]| {
    let Some((&choice, content)) = bytes.split_first() else { return };
    let format = if choice % 2 == 0 { Format::Jsonl } else { Format::Csv };
    let file = tempfile::NamedTempFile::new().expect("a temporary file");
    std::fs::write(file.path(), content).expect("room for it");
    let source = Source::new(file.path()).with_format(format);
    let Ok(reader) = Reader::open(&[source], ReadOptions::default(), &Silent) else { return };
    // What the first pass lets through, the second reads.
    for batch in reader.batches().expect("the file is still there") {
        batch.expect("a record that the first pass took");
    }
});
