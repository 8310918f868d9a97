//! The program `synth`: arguments, environment, rendering and exit codes around the library.

mod args;
mod audit;
mod commands;
mod comparison;
mod config;
mod errors;
mod generation;
mod inputs;
mod joined;
mod output;
mod plots;
mod progress;
mod render;
mod table;

use std::process::ExitCode;

use args::{Cli, Command};
use clap::Parser;

fn main() -> ExitCode {
    let cli = Cli::parse();
    let stoppable = matches!(
        cli.command,
        Command::Lfs(_)
            | Command::Label(_)
            | Command::Train(_)
            | Command::Predict(_)
            | Command::Evaluate(_)
            | Command::Audit(_)
            | Command::Generate(_)
            | Command::Augment(_)
            | Command::Filter(_)
            | Command::Embed(_)
            | Command::Fid(_)
    );
    let progress = progress::Progress::install(cli.quiet, stoppable);
    let result = match cli.command {
        Command::Init(args) => commands::init::run(&args),
        Command::Check(args) => commands::check::run(&args, &cli.common, &progress),
        Command::Fmt(args) => commands::fmt::run(&args),
        Command::Lfs(args) => commands::lfs::run(&args, &cli.common, &progress),
        Command::Label(args) => commands::label::run(&args, &cli.common, &progress),
        Command::Train(args) => commands::train::run(&args, &cli.common, &progress),
        Command::Predict(args) => commands::predict::run(&args, &cli.common, &progress),
        Command::Evaluate(args) => commands::evaluate::run(&args, &cli.common, &progress),
        Command::Audit(args) => commands::audit::run(&args, &cli.common, &progress),
        Command::Agreement(args) => commands::agreement::run(&args, &cli.common, &progress),
        Command::Generate(args) => commands::generate::run(&args, &cli.common, &progress),
        Command::Augment(args) => commands::augment::run(&args, &cli.common, &progress),
        Command::Filter(args) => commands::filter::run(&args, &cli.common, &progress),
        Command::Prompts(args) => commands::prompts::run(&args, &cli.common),
        Command::Embed(args) => commands::embed::run(&args, &cli.common, &progress),
        Command::Fid(args) => commands::fid::run(&args, &cli.common, &progress),
        Command::Blame(args) => commands::blame::run(&args, &cli.common, &progress),
        Command::Demo(args) => commands::demo::run(&args, &progress),
        Command::Help(args) => commands::help::run(&args),
    };
    match result {
        Ok(code) => code,
        Err(error) => errors::report(&error),
    }
}
