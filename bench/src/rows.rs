//! A large file of records, to see what labelling it takes.

use std::fs::File;
use std::io::{BufWriter, Write};
use std::path::Path;

use anyhow::Result;

const WORDS: [&str; 24] = [
    "the", "parcel", "never", "came", "refund", "please", "great", "service", "app", "crashes", "again", "thanks",
    "invoice", "charged", "twice", "love", "it", "http", "not", "working", "courier", "late", "password", "hello",
];

/// Writes `n` records of about 90 bytes: id, text, stars. The same for the same `n`.
pub(crate) fn run(n: u64, path: &Path) -> Result<()> {
    let mut out = BufWriter::with_capacity(1 << 20, File::create(path)?);
    let mut state = 0x9E37_79B9_7F4A_7C15u64;
    for id in 0..n {
        write!(out, "{{\"id\": {id}, \"text\": \"")?;
        for i in 0..10 {
            // Xorshift: any sequence will do that does not repeat.
            state ^= state << 13;
            state ^= state >> 7;
            state ^= state << 17;
            write!(out, "{}{}", if i == 0 { "" } else { " " }, WORDS[(state >> 32) as usize % WORDS.len()])?;
        }
        writeln!(out, "\", \"stars\": {}}}", 1 + (state >> 40) % 5)?;
    }
    Ok(out.flush()?)
}
