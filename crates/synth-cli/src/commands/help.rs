//! `synth help`

use std::process::ExitCode;

use anyhow::Result;
use clap::CommandFactory;
use synth::audit::EXAMPLE_CONTRACT;
use synth::lf::lang::REFERENCE;

use crate::args::{Cli, HelpArgs};
use crate::errors::hinted;
use crate::output;

pub fn run(args: &HelpArgs) -> Result<ExitCode> {
    let mut command = Cli::command();
    // Built, so that the help of a command knows the flags that all commands share.
    command.build();
    let text = match args.topic.as_deref() {
        None => command.render_long_help().ansi().to_string(),
        Some("lf") => REFERENCE.to_owned(),
        Some("contract") => EXAMPLE_CONTRACT.to_owned(),
        Some(topic) => match command.find_subcommand_mut(topic) {
            // As `synth COMMAND --help`: no flag of a command has more to say than its one line.
            Some(command) => command.render_help().ansi().to_string(),
            None => {
                let names: Vec<&str> = command.get_subcommands().map(clap::Command::get_name).collect();
                let hint = format!("there is help for {}, lf and contract", names.join(", "));
                return Err(hinted(format!("there is no help for `{topic}`"), hint));
            }
        },
    };
    output::print(&text)?;
    Ok(ExitCode::SUCCESS)
}
