//! Progress on stderr, and Ctrl-C.

use std::io::IsTerminal;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use indicatif::{MultiProgress, ProgressBar, ProgressStyle};
use synth::core::{Event, Observer, Stage};
use synth::generate::MICRODOLLARS;
use synth::lf::LfError;

static INTERRUPTED: AtomicBool = AtomicBool::new(false);

/// Draws a bar for each stage, where stderr is a terminal; below it one for a stage within it.
pub struct Progress {
    drawn: MultiProgress,
    bars: Mutex<Vec<(Stage, ProgressBar)>>,
    draws: bool,
    quiet: bool,
}

/// Draws nothing, and stops what it observes at Ctrl-C.
pub struct Interrupts;

impl Observer for Interrupts {
    fn event(&self, _: Event) {}

    fn cancelled(&self) -> bool {
        INTERRUPTED.load(Ordering::SeqCst)
    }
}

impl Progress {
    /// For work that looks for Ctrl-C: the first one asks it to stop, the second ends the program. Elsewhere Ctrl-C
    /// ends the program at once, as ever.
    pub fn install(quiet: bool, stoppable: bool) -> Self {
        let handler = || {
            if INTERRUPTED.swap(true, Ordering::SeqCst) {
                std::process::exit(130);
            }
        };
        // Without a handler Ctrl-C ends the program as ever, which leaves nothing half-written either.
        if stoppable {
            let _ = ctrlc::set_handler(handler);
        }
        let draws = !quiet && std::io::stderr().is_terminal();
        Self { drawn: MultiProgress::new(), bars: Mutex::default(), draws, quiet }
    }

    /// Says something that is no error, unless asked to be quiet.
    pub fn warn(&self, text: &str) {
        if !self.quiet {
            anstream::eprintln!("\u{1b}[1;33mwarning\u{1b}[0m: {text}");
        }
    }

    /// Tells what was done, unless asked to be quiet.
    pub fn note(&self, text: &str) {
        if !self.quiet {
            anstream::eprintln!("{text}");
        }
    }
}

impl Progress {
    /// An error once Ctrl-C was pressed.
    pub fn check(&self) -> Result<(), LfError> {
        if self.cancelled() { Err(LfError::Cancelled) } else { Ok(()) }
    }
}

impl Observer for Progress {
    fn event(&self, event: Event) {
        if !self.draws {
            return;
        }
        let mut bars = self.bars.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        match event {
            Event::Started { stage, total } => {
                let (name, unit) = match stage {
                    Stage::Scan => ("reading", "{bytes} of {total_bytes}"),
                    Stage::Apply => ("applying functions", "{human_pos} records, {per_sec}"),
                    Stage::Ask => ("asking", "{human_pos} of {human_len} questions"),
                    Stage::Fit if total.is_some() => ("fitting", "{human_pos} of {human_len} fits"),
                    Stage::Fit => ("fitting", ""),
                    Stage::Generate => ("generating", "{human_pos} of {human_len} kept, {msg}"),
                    Stage::Embed => ("embedding", "{human_pos} of {human_len}"),
                    Stage::Download => ("fetching", "{bytes} of {total_bytes}"),
                    Stage::Write => ("writing", "{human_pos} records"),
                    _ => ("working", "{human_pos}"),
                };
                let new = self.drawn.add(total.map_or_else(ProgressBar::new_spinner, ProgressBar::new));
                let template = match total {
                    Some(_) => format!("{name:>18} {{bar:30}} {unit} {{eta}}"),
                    None => format!("{name:>18} {{spinner}} {unit}"),
                };
                if let Ok(style) = ProgressStyle::with_template(&template) {
                    new.set_style(style);
                }
                new.enable_steady_tick(Duration::from_millis(120));
                bars.push((stage, new));
            }
            Event::Advanced { stage, done } => {
                if let Some((_, bar)) = bars.iter().rfind(|(drawn, _)| *drawn == stage) {
                    bar.set_position(done);
                }
            }
            Event::Generated { kept, dropped, requests, microdollars } => {
                if let Some((_, bar)) = bars.iter().rfind(|(drawn, _)| *drawn == Stage::Generate) {
                    let cost = match microdollars {
                        None | Some(0) => String::new(),
                        Some(sum) => format!(", {:.4} dollars", sum as f64 / MICRODOLLARS as f64),
                    };
                    bar.set_position(kept);
                    bar.set_message(format!("{dropped} dropped, {requests} requests{cost},"));
                }
            }
            Event::Finished { stage } => {
                if let Some(at) = bars.iter().rposition(|(drawn, _)| *drawn == stage) {
                    bars.remove(at).1.finish_and_clear();
                }
            }
            _ => {}
        }
    }

    fn cancelled(&self) -> bool {
        INTERRUPTED.load(Ordering::SeqCst)
    }
}
