//! How an error reaches the person, and the exit code it makes.

use std::process::ExitCode;

use anyhow::Error;
use synth::audit::AuditError;
use synth::core::BoxError;
use synth::generate::GenerateError;
use synth::io::IoError;
use synth::label::LabelError;
use synth::learn::LearnError;
use synth::lf::LfError;

use crate::render::Rendered;

/// Ran, but a check found something.
pub const FOUND: u8 = 1;
/// Could not run.
const CANNOT: u8 = 2;
/// Stopped by Ctrl-C, as shells count it: 128 and the number of the signal.
const INTERRUPTED: u8 = 130;

/// The advice of a person who knows this part: printed as `hint: …`.
#[derive(Debug, thiserror::Error)]
#[error("{message}")]
pub struct Hinted {
    pub message: String,
    pub hint: String,
}

/// An error with a hint.
pub fn hinted(message: impl Into<String>, hint: impl Into<String>) -> Error {
    Hinted { message: message.into(), hint: hint.into() }.into()
}

/// An error that came in a box, as what is inside, so that its hints are found.
pub fn unboxed(error: BoxError) -> Error {
    let label = error.downcast::<LabelError>().map(|error| Error::from(*error));
    let known = label.or_else(|error| error.downcast::<IoError>().map(|error| Error::from(*error)));
    let known = known.or_else(|error| error.downcast::<LearnError>().map(|error| Error::from(*error)));
    let known = known.or_else(|error| error.downcast::<GenerateError>().map(|error| Error::from(*error)));
    let known = known.or_else(|error| error.downcast::<LfError>().map(|error| Error::from(*error)));
    #[cfg(feature = "neural")]
    let known = known
        .or_else(|error| error.downcast::<synth::image::ImageError>().map(|error| Error::from(*error)))
        .or_else(|error| error.downcast::<synth::neural::NeuralError>().map(|error| Error::from(*error)));
    known.unwrap_or_else(Error::from_boxed)
}

/// Prints an error with its causes and hints, and returns its exit code.
pub fn report(error: &Error) -> ExitCode {
    let cancelled = |cause: &(dyn std::error::Error + 'static)| {
        matches!(cause.downcast_ref(), Some(LfError::Cancelled))
            || matches!(cause.downcast_ref(), Some(IoError::Cancelled))
            || matches!(cause.downcast_ref(), Some(LearnError::Cancelled))
            || matches!(cause.downcast_ref(), Some(GenerateError::Cancelled))
    };
    if error.chain().any(cancelled) {
        let made = error.chain().any(|cause| matches!(cause.downcast_ref(), Some(GenerateError::Cancelled)));
        let kept =
            if made { "; what a model has answered is in the journal, and free when it is run again" } else { "" };
        anstream::eprintln!("stopped; nothing was written{kept}");
        return ExitCode::from(INTERRUPTED);
    }
    let broken_pipe = |cause: &(dyn std::error::Error + 'static)| {
        cause.downcast_ref::<std::io::Error>().is_some_and(|e| e.kind() == std::io::ErrorKind::BrokenPipe)
    };
    if error.chain().any(broken_pipe) {
        // Whoever read our output has seen enough.
        return ExitCode::SUCCESS;
    }
    if let Some(Rendered(text)) = error.downcast_ref() {
        anstream::eprint!("{text}");
        return ExitCode::from(CANNOT);
    }
    let mut text = String::new();
    for cause in error.chain().map(ToString::to_string) {
        // Some causes repeat themselves in what they caused.
        if !text.contains(&cause) {
            text = if text.is_empty() { cause } else { format!("{text}: {cause}") };
        }
    }
    let (red, bold) = ("\u{1b}[1;31m", "\u{1b}[1m");
    let reset = "\u{1b}[0m";
    anstream::eprintln!("{red}error{reset}: {text}");
    let mut hints: Vec<String> = Vec::new();
    for cause in error.chain() {
        hints.extend(cause.downcast_ref::<Hinted>().map(|e| e.hint.clone()));
        hints.extend(cause.downcast_ref::<IoError>().map(IoError::hints).unwrap_or_default());
        hints.extend(cause.downcast_ref::<LfError>().map(LfError::hints).unwrap_or_default());
        hints.extend(cause.downcast_ref::<LearnError>().map(LearnError::hints).unwrap_or_default());
        hints.extend(cause.downcast_ref::<LabelError>().map(LabelError::hints).unwrap_or_default());
        hints.extend(cause.downcast_ref::<GenerateError>().map(GenerateError::hints).unwrap_or_default());
        hints.extend(cause.downcast_ref::<AuditError>().map(AuditError::hints).unwrap_or_default());
        #[cfg(feature = "llm")]
        hints.extend(cause.downcast_ref::<synth::llm::LlmError>().map(synth::llm::LlmError::hints).unwrap_or_default());
        #[cfg(feature = "neural")]
        hints.extend(
            cause.downcast_ref::<synth::image::ImageError>().map(synth::image::ImageError::hints).unwrap_or_default(),
        );
        #[cfg(feature = "neural")]
        hints.extend(
            cause
                .downcast_ref::<synth::neural::NeuralError>()
                .map(synth::neural::NeuralError::hints)
                .unwrap_or_default(),
        );
    }
    for hint in hints {
        anstream::eprintln!("{bold}hint{reset}: {hint}");
    }
    ExitCode::from(CANNOT)
}
