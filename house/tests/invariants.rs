//! The rules of ARCHITECTURE.md that no compiler checks.
//!
//! Each test collects everything that breaks its rule and fails with the whole list. A new arrow, a new exception
//! or a longer file is a change to the tables here, and so is seen in review.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

/// The crates each crate may use, and does use. ARCHITECTURE.md draws them.
const ARROWS: &[(&str, &[&str])] = &[
    ("synth-core", &[]),
    ("synth-text", &[]),
    ("synth-audit", &["synth-core", "synth-text"]),
    ("synth-image", &["synth-core"]),
    ("synth-io", &["synth-core"]),
    ("synth-label", &["synth-core"]),
    ("synth-learn", &["synth-core", "synth-io", "synth-text"]),
    ("synth-lf", &["synth-core", "synth-text"]),
    ("synth-generate", &["synth-core", "synth-image", "synth-io", "synth-text"]),
    ("synth-llm", &["synth-core", "synth-generate"]),
    ("synth-neural", &["synth-core", "synth-generate", "synth-image"]),
    (
        "synth",
        &[
            "synth-audit",
            "synth-core",
            "synth-generate",
            "synth-image",
            "synth-io",
            "synth-label",
            "synth-learn",
            "synth-lf",
            "synth-llm",
            "synth-neural",
        ],
    ),
    ("synth-cli", &["synth"]),
];

/// The lints of the workspace that a package goes without.
const WITHOUT: &[(&str, &[&str])] = &[
    // Printing and exit codes are its job, and nobody links to a binary.
    ("synth-cli", &["exit", "missing_docs", "print_stderr", "print_stdout", "unreachable_pub"]),
    // Programs to read; they print.
    ("synth-examples", CLIPPY_AND_DOCS),
    // Tests alone.
    ("synth-tests", CLIPPY_AND_DOCS),
];

const CLIPPY_AND_DOCS: &[&str] = &[
    "dbg_macro",
    "exit",
    "get_unwrap",
    "iter_over_hash_type",
    "missing_docs",
    "print_stderr",
    "print_stdout",
    "todo",
    "unreachable_pub",
];

/// Files that write other than through `AtomicFile`, and why.
const WRITERS: &[(&str, &str)] = &[
    ("crates/synth-io/src/atomic.rs", "it is what the others go through"),
    ("crates/synth-cli/src/commands/demo.rs", "a temporary folder that nobody else sees"),
];

/// Source files longer than `MAX_LINES`, and why they are not split.
const LONG: &[(&str, &str)] =
    &[("crates/synth-lf/src/lang/parser.rs", "one method for each rule of the grammar, in its order")];

const MAX_LINES: usize = 600;
const MAX_BYTES: u64 = 1 << 20;

#[test]
fn arrows_between_crates_are_the_allowed_ones() {
    let mut wrong = Vec::new();
    let allowed: BTreeMap<&str, Vec<&str>> = ARROWS.iter().map(|&(name, uses)| (name, uses.to_vec())).collect();
    let packages = packages();
    for package in &packages {
        let uses: Vec<&str> = package.uses.iter().filter(|u| u.ours && !u.dev).map(|u| u.name.as_str()).collect();
        if package.published() {
            match allowed.get(package.name.as_str()) {
                None => wrong.push(format!("{} is not in the table", package.name)),
                Some(expected) if *expected != uses => {
                    wrong.push(format!("{} uses {uses:?}, allowed are {expected:?}", package.name));
                }
                Some(_) => {}
            }
        }
        for used in package.uses.iter().filter(|used| used.ours) {
            match packages.iter().find(|p| p.name == used.name) {
                Some(found) if found.published() => {}
                _ => wrong.push(format!("{} uses {}, which is no crate of crates/", package.name, used.name)),
            }
            // A test that needs a crate above is a test of the crate above.
            if used.dev && package.published() && !allowed[package.name.as_str()].contains(&used.name.as_str()) {
                wrong.push(format!("the tests of {} use {}", package.name, used.name));
            }
        }
    }
    for (name, _) in ARROWS {
        if !packages.iter().any(|p| p.name == *name) {
            wrong.push(format!("{name} is in the table and not in the workspace"));
        }
    }
    none(&wrong);
}

#[test]
fn synth_core_has_no_io_threads_clock_or_environment() {
    let mut wrong = std_modules("crates/synth-core/src", &["env", "fs", "io", "net", "process", "thread", "time"]);
    let core = package("synth-core");
    for name in ["crossbeam", "jiff", "rand", "rayon", "tempfile", "tokio"] {
        if core.uses.iter().any(|used| used.name == name && !used.dev) {
            wrong.push(format!("synth-core uses {name}"));
        }
    }
    none(&wrong);
}

#[test]
fn synth_label_sees_votes_and_never_a_record() {
    let mut wrong = Vec::new();
    for source in sources("crates/synth-label/src") {
        for name in ["Column", "Dataset", "Predict", "Row"] {
            if words(&source.code).any(|word| word == name) {
                wrong.push(format!("{} names {name}", source.path));
            }
        }
    }
    wrong.extend(
        package("synth-label").uses.iter().filter(|u| u.name.starts_with("arrow")).map(|u| format!("uses {}", u.name)),
    );
    none(&wrong);
}

#[test]
fn only_the_program_prints_reads_the_environment_or_exits() {
    let mut wrong = Vec::new();
    for (name, _) in ARROWS.iter().filter(|(name, _)| *name != "synth-cli") {
        let found = std_modules(&format!("crates/{name}/src"), &["env", "process"]);
        // The one place that starts a program, which the user names.
        wrong.extend(found.into_iter().filter(|found| !found.contains("/translation/command.rs uses std::process")));
        // The lints forbid printing and exiting; here: nobody switches them off.
        for source in sources(&format!("crates/{name}")) {
            for lint in ["print_stdout", "print_stderr", "clippy::exit", "clippy::all", "disallowed_methods"] {
                if source.code.contains(lint) && !source.path.contains("/tests/") {
                    wrong.push(format!("{} mentions the lint {lint}", source.path));
                }
            }
        }
    }
    none(&wrong);
}

#[test]
fn only_the_client_and_the_hub_use_a_network() {
    // Tests talk to servers of their own on this machine.
    let mut wrong = std_modules("crates", &["net"]);
    wrong.retain(|found| !found.contains("/tests/"));
    let clients = ["hf-hub", "hyper", "native-tls", "reqwest", "rustls", "tokio", "ureq"];
    for package in packages().iter().filter(|package| package.published() && package.name != "synth-llm") {
        for used in package.uses.iter().filter(|used| clients.contains(&used.name.as_str())) {
            // Its module of the hub, which the next check names.
            let of_hub = package.name == "synth-neural" && ["hf-hub", "ureq"].contains(&used.name.as_str());
            if !of_hub {
                wrong.push(format!("{} uses {}", package.name, used.name));
            }
        }
    }
    for source in sources("crates/synth-neural/src") {
        for client in ["hf_hub", "ureq"].iter().filter(|client| words(&source.code).any(|word| word == **client)) {
            if !source.path.ends_with("/hub.rs") {
                wrong.push(format!("{} uses {client}", source.path));
            }
        }
    }
    none(&wrong);
}

#[test]
fn files_are_written_through_atomic_file() {
    let mut wrong = Vec::new();
    for source in sources("crates") {
        if source.path.contains("/tests/") || WRITERS.iter().any(|(path, _)| *path == source.path) {
            continue;
        }
        for call in ["File::create", "File::options", "OpenOptions", "fs::write", "fs::rename", "fs::copy"] {
            let code = without_tests(&source.code);
            let found = code.match_indices(call).any(|(at, _)| !code[..at].ends_with("Atomic"));
            if found {
                wrong.push(format!("{} uses {call}", source.path));
            }
        }
    }
    none(&wrong);
}

#[test]
fn every_package_has_the_workspace_lints_and_metadata() {
    let mut wrong = Vec::new();
    let workspace = table(&root().join("Cargo.toml"));
    let lints = &workspace["workspace"]["lints"];
    for lint in ["missing_docs", "unreachable_pub", "unsafe_code"] {
        if lints["rust"].get(lint).is_none() {
            wrong.push(format!("the workspace has no lint {lint}"));
        }
    }
    for lint in ["dbg_macro", "exit", "get_unwrap", "iter_over_hash_type", "print_stderr", "print_stdout", "todo"] {
        if lints["clippy"].get(lint).is_none() {
            wrong.push(format!("the workspace has no lint {lint}"));
        }
    }
    for package in packages() {
        let manifest = table(&package.folder.join("Cargo.toml"));
        let own = manifest.get("lints");
        if own.and_then(|own| own.get("workspace")).and_then(toml::Value::as_bool) != Some(true) {
            let (_, without) = *WITHOUT.iter().find(|(name, _)| *name == package.name).unwrap_or(&("", &[]));
            for group in ["rust", "clippy"] {
                for (lint, level) in lints[group].as_table().expect("a table of lints") {
                    let set = own.and_then(|own| own.get(group)).and_then(|own| own.get(lint));
                    if set != Some(level) && !without.contains(&lint.as_str()) {
                        wrong.push(format!("{} goes without {lint}", package.name));
                    }
                }
            }
        }
        for key in ["description", "edition", "license", "publish", "rust-version", "version"] {
            if manifest["package"].get(key).is_none() {
                wrong.push(format!("{} has no {key}", package.name));
            }
        }
    }
    none(&wrong);
}

#[test]
fn exceptions_to_lints_state_their_reason() {
    let mut wrong = Vec::new();
    for source in sources(".") {
        for keyword in ["allow(", "expect("] {
            for attribute in ["#[", "#!["] {
                for (at, _) in source.code.match_indices(&format!("{attribute}{keyword}")) {
                    let end = source.code[at..].find(']').map_or(source.code.len(), |end| at + end);
                    if !source.code[at..end].contains("reason =") {
                        wrong.push(format!("{}: {}]", source.path, &source.code[at..end]));
                    }
                }
            }
        }
    }
    none(&wrong);
}

#[test]
fn no_test_is_ignored_and_nothing_is_left_to_do() {
    let mut wrong = Vec::new();
    for source in sources(".") {
        if source.code.contains("#[ignore") {
            wrong.push(format!("{} ignores a test", source.path));
        }
        for mark in [concat!("TO", "DO"), concat!("FIX", "ME")] {
            if words(&source.text).any(|word| word == mark) {
                wrong.push(format!("{} has a {mark}", source.path));
            }
        }
    }
    none(&wrong);
}

#[test]
fn every_crate_opens_with_a_sentence_and_an_example() {
    let mut wrong = Vec::new();
    for (name, _) in ARROWS.iter().filter(|(name, _)| *name != "synth-cli") {
        let text = read(&root().join(format!("crates/{name}/src/lib.rs")));
        let docs: Vec<&str> = text.lines().take_while(|line| line.starts_with("//!")).collect();
        if !docs.first().is_some_and(|line| line.ends_with('.')) || !docs.iter().any(|line| line.contains("```")) {
            wrong.push(format!("the docs of {name}"));
        }
    }
    none(&wrong);
}

#[test]
fn no_file_is_large() {
    let large = |path: &PathBuf| fs::metadata(path).expect("a file of the repository").len() > MAX_BYTES;
    none(&files().into_iter().filter(large).map(|path| relative(&path)).collect::<Vec<_>>());
}

#[test]
fn no_source_file_is_long() {
    let mut wrong = Vec::new();
    for source in sources(".") {
        let lines = without_tests(&source.text).lines().count();
        let allowed = LONG.iter().any(|(path, _)| *path == source.path);
        let is_tests = source.path.contains("tests/") || source.path.ends_with("/tests.rs");
        if lines > MAX_LINES && !allowed && !is_tests {
            wrong.push(format!("{} has {lines} lines, {MAX_LINES} are allowed", source.path));
        }
        if lines <= MAX_LINES && allowed {
            wrong.push(format!("{} is short enough now: take it off the list", source.path));
        }
    }
    none(&wrong);
}

#[test]
fn nothing_names_a_machine() {
    let mut wrong = Vec::new();
    // In pieces, so that this file does not name one.
    let homes = [concat!("/ho", "me/"), concat!("/ro", "ot/"), concat!("/Us", "ers/"), concat!("/wo", "rk/")];
    for path in files() {
        let Ok(text) = fs::read_to_string(&path) else { continue };
        for (number, line) in text.lines().enumerate() {
            let before = |at: usize| line[..at].chars().next_back();
            let starts = |at: usize| before(at).is_none_or(|c| !c.is_alphanumeric() && !"./_-~}".contains(c));
            if homes.iter().any(|home| line.match_indices(home).any(|(at, _)| starts(at))) {
                wrong.push(format!("{}:{}: {}", relative(&path), number + 1, line.trim()));
            }
        }
    }
    let lock = table(&root().join("Cargo.lock"));
    for package in lock["package"].as_array().expect("Cargo.lock lists packages") {
        let source = package.get("source").and_then(toml::Value::as_str);
        if source.is_some_and(|source| source != "registry+https://github.com/rust-lang/crates.io-index") {
            wrong.push(format!("Cargo.lock takes {} from {source:?}", package["name"]));
        }
    }
    if [".cargo/config.toml", ".cargo/config"].iter().any(|path| root().join(path).exists()) {
        wrong.push("a .cargo/config in the repository changes where crates come from, or how they are built".into());
    }
    none(&wrong);
}

#[test]
fn what_the_documents_tell_people_to_type_exists() {
    let mut wrong = Vec::new();
    let arguments = ["args.rs", "args/audited.rs", "args/made.rs"]
        .map(|file| read(&root().join("crates/synth-cli/src").join(file)))
        .concat();
    let commands = variants(&arguments, "pub enum Command {");
    let flags: Vec<String> = arguments
        .lines()
        .filter_map(|line| line.trim().strip_prefix("pub "))
        .filter_map(|line| line.split_once(':'))
        .map(|(field, _)| format!("--{}", field.replace('_', "-")))
        .collect();
    let names: Vec<String> = packages().into_iter().map(|package| package.name).collect();
    let mut seen = 0;
    for document in ["README.md", "ARCHITECTURE.md", "DESIGN.md"] {
        for line in shell_lines(&read(&root().join(document))) {
            // Comments, and what comes after a pipe, are not ours.
            let typed = line.split(" #").next().and_then(|line| line.split(" | ").next()).expect("one piece");
            let mut parts: Vec<&str> = typed.split_whitespace().collect();
            match parts[..] {
                ["cargo", "run", ..] => {
                    let at = parts.iter().position(|part| *part == "--").map_or(parts.len(), |at| at + 1);
                    match parts[..at].iter().position(|part| *part == "-p") {
                        Some(p) if !names.iter().any(|name| name == parts[p + 1]) => {
                            wrong.push(format!("{document}: no package {}", parts[p + 1]));
                            continue;
                        }
                        // Another program than `synth`, with arguments of its own.
                        Some(_) => continue,
                        None => parts.drain(..at),
                    };
                }
                ["synth", ..] => drop(parts.drain(..1)),
                ["cargo", ..] | ["cd", ..] | ["SYNTH_BENCH_DATA=FOLDER", ..] => continue,
                [] => continue,
                [other, ..] => {
                    wrong.push(format!("{document}: `{other}` is no program of ours"));
                    continue;
                }
            }
            seen += 1;
            if !parts.first().is_some_and(|command| commands.iter().any(|known| known == command)) {
                wrong.push(format!("{document}: no command in `{line}`"));
            }
            for part in parts.iter().filter(|part| part.starts_with("--")) {
                if !flags.iter().any(|flag| flag == part) {
                    wrong.push(format!("{document}: no flag {part}"));
                }
            }
        }
    }
    assert!(seen > 5, "only {seen} commands found in the documents");
    none(&wrong);
}

#[test]
fn what_the_documents_link_to_exists() {
    let mut wrong = Vec::new();
    for document in ["README.md", "ARCHITECTURE.md", "DESIGN.md"] {
        let text = read(&root().join(document));
        for (at, _) in text.match_indices("](") {
            let target = text[at + 2..].split([')', '#']).next().expect("split gives at least one piece");
            if !target.starts_with("http") && !root().join(target).exists() {
                wrong.push(format!("{document} links to {target}"));
            }
        }
    }
    none(&wrong);
}

#[test]
fn the_run_of_ci_is_that_of_the_readme() {
    let (readme, ci) = (read(&root().join("README.md")), read(&root().join(".ci/run")));
    let mut wrong = Vec::new();
    for command in ["cargo run --release -- demo", "cargo test --workspace"] {
        if !shell_lines(&readme).any(|line| line.starts_with(command)) {
            wrong.push(format!("the README has no `{command}`"));
        }
    }
    for command in ["cargo test --workspace", "cargo clippy", "cargo fmt", "cargo doc"] {
        if !ci.lines().any(|line| !line.trim_start().starts_with('#') && line.contains(command)) {
            wrong.push(format!(".ci/run does not call `{command}`"));
        }
    }
    none(&wrong);
}

/// ARCHITECTURE.md names behind each invariant, in parentheses and backquotes, the tests that check it.
#[test]
fn every_invariant_names_tests_that_exist() {
    let text = read(&root().join("ARCHITECTURE.md"));
    let section = text.split("\n## Invariants\n").nth(1).expect("a section on invariants");
    let section = section.split("\n## ").next().expect("split gives at least one piece");
    let functions: Vec<String> = sources(".").into_iter().map(|source| source.code).collect();
    let (mut wrong, mut count) = (Vec::new(), 0);
    let numbered = |line: &&str| line.split_once(". ").is_some_and(|(n, _)| n.parse::<u32>().is_ok());
    for line in section.lines().filter(numbered) {
        count += 1;
        let tests: Vec<&str> = line.rsplit_once(" (`").map_or(Vec::new(), |(_, tests)| {
            tests.trim_end_matches(['.', ')']).split(", ").map(|test| test.trim_matches('`')).collect()
        });
        if tests.is_empty() {
            wrong.push(format!("no test behind: {line}"));
        }
        for test in tests {
            if !functions.iter().any(|code| code.contains(&format!("fn {test}("))) {
                wrong.push(format!("there is no test `{test}`"));
            }
        }
    }
    assert!(count >= 10, "only {count} invariants found");
    none(&wrong);
}

#[test]
fn the_readme_is_short() {
    let lines = read(&root().join("README.md")).lines().count();
    assert!(lines < 150, "{lines} lines");
}

/// A package of the workspace, as cargo sees it.
struct Package {
    name: String,
    folder: PathBuf,
    uses: Vec<Used>,
}

struct Used {
    name: String,
    ours: bool,
    dev: bool,
}

impl Package {
    /// Whether it is one of `crates/`, and no tests, examples or measurements.
    fn published(&self) -> bool {
        relative(&self.folder).starts_with("crates/")
    }
}

fn packages() -> Vec<Package> {
    let output = Command::new(env!("CARGO"))
        .args(["metadata", "--format-version", "1", "--no-deps", "--offline"])
        .current_dir(root())
        .output()
        .expect("cargo runs");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let metadata: serde_json::Value = serde_json::from_slice(&output.stdout).expect("cargo prints JSON");
    let list = |value: &serde_json::Value| value.as_array().expect("a list").clone();
    let text = |value: &serde_json::Value| value.as_str().expect("a text").to_owned();
    list(&metadata["packages"])
        .iter()
        .map(|package| {
            let mut uses: Vec<Used> = list(&package["dependencies"])
                .iter()
                .map(|used| Used {
                    name: text(&used["name"]),
                    ours: used["path"].is_string(),
                    dev: used["kind"] == "dev",
                })
                .collect();
            uses.sort_by(|a, b| a.name.cmp(&b.name));
            let manifest = PathBuf::from(text(&package["manifest_path"]));
            let folder = manifest.parent().expect("a manifest lies in a folder").to_owned();
            Package { name: text(&package["name"]), folder, uses }
        })
        .collect()
}

fn package(name: &str) -> Package {
    packages().into_iter().find(|package| package.name == name).expect("a package of the workspace")
}

/// A Rust source file.
struct Source {
    /// From the root, with `/`.
    path: String,
    text: String,
    /// The text without comments, and without what stands in strings.
    code: String,
}

fn sources(under: &str) -> Vec<Source> {
    let folder = root().join(under);
    assert!(folder.exists(), "{under} is gone");
    files()
        .into_iter()
        .filter(|path| path.extension().is_some_and(|e| e == "rs"))
        .filter(|path| under == "." || path.starts_with(&folder))
        .map(|path| {
            let text = read(&path);
            Source { path: relative(&path), code: without_comments_and_strings(&text), text }
        })
        .collect()
}

/// What stands before the tests. They come last in their file, or have files of their own.
fn without_tests(code: &str) -> &str {
    code.split("\n#[cfg(test)]\nmod tests {").next().expect("split gives at least one piece")
}

/// All files of the repository, without what cargo built.
fn files() -> Vec<PathBuf> {
    let (mut found, mut folders) = (Vec::new(), vec![root()]);
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(&folder).expect("a folder of the repository") {
            let entry = entry.expect("an entry of a folder");
            let (path, name) = (entry.path(), entry.file_name());
            if !entry.file_type().expect("its type").is_dir() {
                found.push(path);
            } else if name != ".git" && name != "target" && !path.join("CACHEDIR.TAG").exists() {
                folders.push(path);
            }
        }
    }
    found.sort();
    found
}

/// Where sources name one of these modules of std.
fn std_modules(under: &str, modules: &[&str]) -> Vec<String> {
    let mut found = Vec::new();
    for source in sources(under) {
        for (at, _) in source.code.match_indices("std::") {
            let path = &source.code[at + 5..];
            let named: Vec<&str> = if path.starts_with('{') {
                // `use std::{fs, io::Read}`: what stands behind the brace or a comma at the first level.
                let mut depth = 0;
                let end = path.char_indices().find_map(|(i, c)| {
                    depth += i32::from(c == '{') - i32::from(c == '}');
                    (depth == 0).then_some(i)
                });
                path[1..end.unwrap_or(path.len())].split(',').map(str::trim).collect()
            } else {
                vec![path]
            };
            for name in named {
                let name = words(name).next().unwrap_or_default();
                if modules.contains(&name) {
                    found.push(format!("{} uses std::{name}", source.path));
                }
            }
        }
    }
    found
}

fn without_comments_and_strings(text: &str) -> String {
    let bytes = text.as_bytes();
    let mut code = String::with_capacity(text.len());
    let mut at = 0;
    while at < bytes.len() {
        let rest = &text[at..];
        if rest.starts_with("//") {
            at += rest.find('\n').unwrap_or(rest.len());
        } else if rest.starts_with("/*") {
            at += rest.find("*/").map_or(rest.len(), |end| end + 2);
        } else if let Some(hashes) = raw_string(rest).filter(|_| at == 0 || !is_word(bytes[at - 1])) {
            let open = rest.find('"').expect("a raw string opens") + 1;
            let close = format!("\"{}", "#".repeat(hashes));
            at += rest[open..].find(&close).map_or(rest.len(), |end| open + end + close.len());
            code.push_str("\"\"");
        } else if rest.starts_with('"') {
            let mut end = 1;
            while end < rest.len() && bytes[at + end] != b'"' {
                end += if bytes[at + end] == b'\\' { 2 } else { 1 };
            }
            at += (end + 1).min(rest.len());
            code.push_str("\"\"");
        } else if rest.starts_with("'\"'") || rest.starts_with("'\\\"'") {
            at += rest[1..].find('\'').map_or(1, |end| end + 2);
            code.push_str("' '");
        } else {
            let c = rest.chars().next().expect("there is a rest");
            code.push(c);
            at += c.len_utf8();
        }
    }
    code
}

/// The number of `#` of the raw string that starts here, if one does.
fn raw_string(text: &str) -> Option<usize> {
    let text = text.strip_prefix("br").or_else(|| text.strip_prefix('r'))?;
    let rest = text.trim_start_matches('#');
    rest.starts_with('"').then_some(text.len() - rest.len())
}

#[test]
fn comments_and_strings_are_left_out() {
    let check = |text: &str, expected: &str| assert_eq!(without_comments_and_strings(text), expected);
    check("a // b\nc /* d */ e", "a \nc  e");
    check(r#"f("x // \" y", 'z') // "#, r#"f("", 'z') "#);
    check(r##"r#"a "b" c"# + '"' + "d""##, r#""" + ' ' + """#);
    check("for\"x\"", "for\"\"");
}

fn is_word(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || byte == b'_'
}

fn words(text: &str) -> impl Iterator<Item = &str> {
    text.split(|c: char| !c.is_alphanumeric() && c != '_').filter(|word| !word.is_empty())
}

/// The lines of shell in a document: what stands in blocks marked `sh`, and behind `$ ` in those marked `console`.
fn shell_lines(document: &str) -> impl Iterator<Item = &str> {
    let mut block = None;
    document.lines().filter_map(move |line| {
        if let Some(language) = line.strip_prefix("```") {
            block = if block.is_some() { None } else { Some(language) };
            return None;
        }
        match block {
            Some("sh") => Some(line.trim()),
            Some("console") => line.strip_prefix("$ "),
            _ => None,
        }
    })
}

/// The variants of an enum, as clap spells them.
fn variants(text: &str, head: &str) -> Vec<String> {
    let body = text.split(head).nth(1).expect("the enum of commands");
    let body = body.split("\n}").next().expect("split gives at least one piece");
    body.lines().filter_map(|line| line.trim().split_once('(')).map(|(name, _)| name.to_lowercase()).collect()
}

fn table(path: &Path) -> toml::Table {
    read(path).parse().expect("a TOML file")
}

fn read(path: &Path) -> String {
    fs::read_to_string(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("the workspace").to_owned()
}

fn relative(path: &Path) -> String {
    let parts = path.strip_prefix(root()).expect("a path of the repository").components();
    parts.map(|part| part.as_os_str().to_string_lossy()).collect::<Vec<_>>().join("/")
}

fn none(wrong: &[String]) {
    assert!(wrong.is_empty(), "\n  {}\n", wrong.join("\n  "));
}
