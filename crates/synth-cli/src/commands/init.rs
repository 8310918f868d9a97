//! `synth init`

use std::process::ExitCode;

use anyhow::{Context, Result};
use synth::io::AtomicFile;

use crate::args::InitArgs;
use crate::commands::demo::{FUNCTIONS, RECORDS};
use crate::errors::hinted;
use crate::output;

const SETTINGS: &str = r#"# What synth uses here when a flag does not say otherwise. Paths count from this file.

[data]
files = ["records.jsonl"]
id = "id"
# Known labels, where there are some. They are used for scores, and to fit better.
gold = "gold"

[lfs]
files = ["functions.lf"]

[label]
out = "soft.parquet"
model = "auto"
"#;

pub fn run(args: &InitArgs) -> Result<ExitCode> {
    let folder = &args.folder;
    std::fs::create_dir_all(folder).with_context(|| format!("cannot make the folder `{}`", folder.display()))?;
    let files = [("synth.toml", SETTINGS), ("functions.lf", FUNCTIONS), ("records.jsonl", RECORDS)];
    // All or none: a project is not mixed with what is there.
    for (name, _) in files {
        let path = folder.join(name);
        if path.exists() {
            let message = format!("`{}` is there already", path.display());
            return Err(hinted(message, "choose an empty folder: synth init my-project"));
        }
    }
    for (name, text) in files {
        AtomicFile::write_all_to(folder.join(name), text.as_bytes())?;
    }
    let cd = if folder.as_os_str() == "." { String::new() } else { format!("cd {} && ", folder.display()) };
    output::print(&format!(
        "wrote {} in `{}`: an example to change into your own.\n\nnext:\n  {cd}synth lfs      # what the functions do\n  {cd}synth label    # soft labels into soft.parquet\n",
        files.map(|(name, _)| name).join(", "),
        folder.display(),
    ))?;
    Ok(ExitCode::SUCCESS)
}
