//! Translation at the size of opus-mt-en-fr: tokens per CPU second. See bench/marian.sh.

use std::path::Path;
use std::time::Instant;

use anyhow::Result;
use synth_neural::{ModelFolder, Translator, TranslatorSettings};

use crate::cpu::cpu_seconds;

/// Translates the sentences that `bench/marian.py write` has left in a folder, with its model.
pub(crate) fn run(folder: &Path) -> Result<()> {
    let translator = Translator::open(&TranslatorSettings::of(ModelFolder::Path(folder.to_owned())), &mut |_| {})?;
    let sentences: Vec<Vec<u32>> = serde_json::from_slice(&std::fs::read(folder.join("ids.json"))?)?;
    for beams in [1, 4] {
        translator.translate_tokens(&sentences, beams)?;
        let (cpu, wall) = (cpu_seconds(), Instant::now());
        let n: usize = translator.translate_tokens(&sentences, beams)?.iter().map(Vec::len).sum();
        let (cpu, wall) = (cpu_seconds() - cpu, wall.elapsed().as_secs_f64());
        println!("synth f32 beams={beams}: {:.0} tokens/CPU s, {:.0} tokens/s", n as f64 / cpu, n as f64 / wall);
    }
    Ok(())
}
