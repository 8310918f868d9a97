//! No text makes the .lf compiler or formatter panic, and a formatted file compiles to the same functions.
#![no_main]

use libfuzzer_sys::fuzz_target;
use synth_lf::lang::{Severity, Source, compile, format};

fuzz_target!(|text: &str| {
    let source = Source::new("fuzz.lf", text);
    let compiled = compile(std::slice::from_ref(&source), None, &|_, _| Ok(String::new()));
    for diagnostic in &compiled.diagnostics {
        let _ = (diagnostic.to_string(), &text[diagnostic.span.clone()]);
    }
    let has_error = compiled.diagnostics.iter().any(|d| d.severity == Severity::Error);
    assert_eq!(compiled.program.is_none(), has_error, "a program or an error, never both or neither");
    let Ok(formatted) = format(&source) else {
        assert!(has_error, "what compiles can be formatted");
        return;
    };
    let again = Source::new("formatted.lf", formatted.as_str());
    assert_eq!(format(&again).as_ref(), Ok(&formatted), "formatting twice changes nothing");
    if let Some(program) = compiled.program {
        let other = compile(&[again], None, &|_, _| Ok(String::new())).program.expect("a formatted file compiles");
        assert!(program.names().eq(other.names()), "formatting keeps every name");
        assert!(program.same_functions(&other).iter().all(Option::is_some), "formatting keeps every function");
    }
});
