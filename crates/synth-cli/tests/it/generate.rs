//! `synth generate`, `augment`, `filter`, `prompts` and `blame`.

use std::collections::{HashMap, HashSet};
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use insta::assert_snapshot;

use crate::Project;

/// A server with the interface of OpenAI, whose answer depends on the request alone. It ends with the program.
struct Server {
    url: String,
    /// How often each request was answered, by its body.
    asked: Arc<Mutex<HashMap<String, usize>>>,
    /// The headers of all requests.
    headers: Arc<Mutex<String>>,
}

impl Server {
    fn start(delay: Duration) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}/v1", listener.local_addr().unwrap());
        let server = Self { url, asked: Arc::default(), headers: Arc::default() };
        let (asked, headers) = (Arc::clone(&server.asked), Arc::clone(&server.headers));
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let (asked, headers) = (Arc::clone(&asked), Arc::clone(&headers));
                std::thread::spawn(move || serve(stream, delay, &asked, &headers));
            }
        });
        server
    }

    fn n_asked(&self) -> usize {
        self.asked.lock().unwrap().values().sum()
    }
}

fn serve(stream: TcpStream, delay: Duration, asked: &Mutex<HashMap<String, usize>>, headers: &Mutex<String>) {
    let mut reader = BufReader::new(stream);
    loop {
        let mut length = 0;
        loop {
            let mut line = String::new();
            if reader.read_line(&mut line).unwrap_or(0) == 0 {
                return;
            }
            if let Some(value) = line.to_ascii_lowercase().strip_prefix("content-length:") {
                length = value.trim().parse().unwrap();
            }
            if line.trim().is_empty() {
                break;
            }
            headers.lock().unwrap().push_str(&line);
        }
        let mut body = vec![0; length];
        if reader.read_exact(&mut body).is_err() {
            return;
        }
        std::thread::sleep(delay);
        let body = String::from_utf8(body).unwrap();
        let content = answer(&body);
        *asked.lock().unwrap().entry(body).or_default() += 1;
        let answer = serde_json::json!({
            "choices": [{ "index": 0, "finish_reason": "stop", "message": { "role": "assistant", "content": content } }],
            "usage": { "prompt_tokens": 100, "completion_tokens": 20 },
        })
        .to_string();
        let head =
            format!("HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: {}\r\n\r\n", answer.len());
        if reader.get_mut().write_all((head + &answer).as_bytes()).is_err() {
            return;
        }
    }
}

/// Texts that depend on the seed of the request, some of them of no use; a grade; or a yes or no.
fn answer(body: &str) -> String {
    let request: serde_json::Value = serde_json::from_str(body).unwrap();
    let prompt = request["messages"].to_string();
    if prompt.contains("Grade this text") {
        return r#"{"answer": "5"}"#.to_owned();
    }
    if prompt.contains("advertise") {
        let yes = prompt.contains("http");
        return format!(r#"{{"answer": "{}"}}"#, if yes { "yes" } else { "no" });
    }
    let seed = request["seed"].as_u64().unwrap();
    const WORDS: [&str; 8] = ["garden", "lottery", "holiday", "kitchen", "computer", "bicycle", "theatre", "medicine"];
    let word = |i: u64| WORDS[(seed >> (3 * i)) as usize % 8];
    let items = [
        format!("win money for your {} and {} at http://{}.example/{seed}", word(0), word(1), word(2)),
        "As an AI language model, I cannot write spam.".to_owned(),
        format!("the free {} of number {seed} brings money to every {}", word(3), word(4)),
    ];
    serde_json::json!({ "items": items }).to_string()
}

const SETTINGS: &str = "[data]\nfiles = [\"mails.jsonl\"]\ngold = \"gold\"\n[lfs]\nfiles = [\"spam.lf\"]\n";

fn project() -> Project {
    let project = Project::new();
    project.file("synth.toml", SETTINGS);
    project
}

#[test]
fn variants_of_a_class_say_where_they_come_from() {
    let project = project();
    assert_snapshot!(project.run("generate --class ham --kind augment --n 3 --seed 1 --filters length --out rows.jsonl"), @"
    exit code: 0
    ---- stderr ----
    filter  seen  dropped   kept
    length     4        0  100 %

    kept texts: Fréchet distance to the real ones 1.080; self-BLEU 1.000, of as many real ones 0.061
    augment by augmentation with WordNet 3.0: kept 3 of 4 made
    wrote rows.jsonl
    ");
    let rows = project.read("rows.jsonl");
    assert_eq!(rows.lines().count(), 3);
    let first: serde_json::Value = serde_json::from_str(rows.lines().next().unwrap()).unwrap();
    assert_eq!((&first["wanted"], &first["label"]), (&"ham".into(), &"ham".into()));
    assert!(["b", "c", "d", "f"].contains(&first["provenance"]["parents"][0].as_str().unwrap()));
    // The same from each format.
    for out in ["rows.parquet", "rows.csv", "rows.arrow"] {
        project.done(&format!("generate --class ham --kind augment --n 3 --seed 1 --filters length --out {out}"));
        assert_eq!(project.done(&format!("blame {out} 0")), project.done("blame rows.jsonl 0"), "{out}");
    }
}

#[test]
fn a_server_is_asked_and_never_twice_for_the_same() {
    let (project, server) = (project(), Server::start(Duration::ZERO));
    let args = format!("generate --class spam --n 6 --llm-url {} --llm-model m --out rows.jsonl", server.url);
    let shown = project.run(&args);
    assert!(shown.starts_with("exit code: 0"), "{shown}");
    assert!(shown.contains("As an AI language model, I cannot write spam."), "{shown}");
    let (rows, n) = (project.bytes("rows.jsonl"), server.n_asked());
    assert!(n >= 3);
    // Nothing new is asked for the same, nor with other filters.
    project.done(&args);
    assert_eq!((project.bytes("rows.jsonl"), server.n_asked()), (rows, n));
    project.done(&format!("{args} --filters leftovers"));
    assert_eq!(server.n_asked(), n);
    project.done(&format!("{args} --no-cache"));
    assert_eq!(server.n_asked(), 2 * n);
    let blame = project.done("blame rows.jsonl 0");
    assert!(blame.contains("model  m\n") && blame.contains("leftovers passed"), "{blame}");
}

#[test]
fn the_key_is_nowhere_but_in_its_header() {
    let (project, server) = (project(), Server::start(Duration::ZERO));
    let key = "sk-very-secret-0123456789";
    project.file(
        "synth.toml",
        format!("{SETTINGS}[llm]\nbase-url = \"{}\"\nmodel = \"m\"\napi-key-env = \"MY_KEY\"\n", server.url),
    );
    let shown = project.run_with(&[("MY_KEY", key)], "generate --class spam --n 2 --out rows.jsonl");
    assert!(server.headers.lock().unwrap().contains(key));
    assert!(!shown.contains(key));
    let mut folders = vec![project.path("")];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else {
                let bytes = std::fs::read(&path).unwrap();
                assert!(!bytes.windows(key.len()).any(|window| window == key.as_bytes()), "{}", path.display());
            }
        }
    }
    assert_snapshot!(project.run("generate --class spam --n 2"), @"
    exit code: 2
    ---- stderr ----
    error: the environment has no key in `MY_KEY`
    hint: set the variable that `api-key-env` under [llm] names, or leave the setting out for a server without keys
    ");
    // Another host that a flag names does not get it.
    let other = Server::start(Duration::ZERO);
    let args = format!("generate --class spam --n 2 --seed 5 --llm-url {}", other.url);
    let shown = project.run_with(&[("MY_KEY", key)], &args);
    assert!(shown.contains("is not sent to the address") && other.n_asked() > 0, "{shown}");
    assert!(!other.headers.lock().unwrap().contains(key));
    // Nor is it shown where it was written into the wrong place.
    for wrong in ["api-key-env =", "api-key =", "key =", "password =", "authorization = # sk", "api-key-env"] {
        let llm = format!("[llm]\nbase-url = \"{}\"\nmodel = \"m\"\n{wrong} \"{key}\"\n", server.url);
        project.file("synth.toml", format!("{SETTINGS}{llm}"));
        let shown = project.run("generate --class spam --n 2");
        assert!(shown.starts_with("exit code: 2") && !shown.contains(key), "{shown}");
    }
}

/// The requests whose responses a journal has, each by its seed and prompt, and whether there is a run to resume.
fn journal(project: &Project) -> (HashSet<String>, bool) {
    let path = project.path(".synth/journal.sqlite");
    if !path.exists() {
        return (HashSet::new(), false);
    }
    let connection = rusqlite::Connection::open(path).unwrap();
    if connection.prepare("SELECT 1 FROM runs").is_err() {
        return (HashSet::new(), false);
    }
    let mut requests = connection.prepare("SELECT request FROM responses").unwrap();
    let requests = requests.query_map([], |row| row.get::<_, String>(0)).unwrap();
    let recorded = requests.map(|request| {
        let request: serde_json::Value = serde_json::from_str(&request.unwrap()).unwrap();
        format!("{} {}", request["seed"], request["input"]["prompt"]["user"])
    });
    let unfinished =
        connection.query_row("SELECT count(*) FROM runs WHERE finished = 0", [], |row| row.get::<_, i64>(0)).unwrap();
    (recorded.collect(), unfinished > 0)
}

/// The same of a request that the server got.
fn prompt(body: &str) -> String {
    let body: serde_json::Value = serde_json::from_str(body).unwrap();
    let user = body["messages"].as_array().unwrap().iter().find(|message| message["role"] == "user").unwrap();
    format!("{} {}", body["seed"], user["content"])
}

#[test]
fn killed_anywhere_a_run_goes_on_and_ends_the_same() {
    const KILLS: usize = 100;
    let server = Server::start(Duration::from_millis(5));
    // With a function that asks, a judge, and a budget that ends it.
    let project = || {
        let project = project();
        project.file(
            "asks.lf",
            "lf promo ask \"Does this advertise something? {text}\" spam when \"yes\" ham when \"no\"\n",
        );
        project.file("synth.toml", SETTINGS.replace("\"spam.lf\"", "\"spam.lf\", \"asks.lf\""));
        project
    };
    let args = |resume: bool| {
        let more = if resume { " --resume" } else { "" };
        let url = &server.url;
        let filters = "leftovers,duplicates,agreement,judge";
        format!(
            "generate --class spam --n 90 --budget 150req --filters {filters} --llm-url {url} --llm-model m --out \
             rows.jsonl{more}"
        )
    };
    let whole = project();
    let start = Instant::now();
    let shown = whole.run(&args(false));
    assert!(shown.starts_with("exit code: 1") && shown.contains("the budget of 150 requests is used up"), "{shown}");
    assert_eq!(server.n_asked(), 150);
    let (expected, takes) = (whole.bytes("rows.jsonl"), start.elapsed());
    let (mut kills, mut resumed) = (0, 0);
    // Any sequence will do that does not repeat (Marsaglia 2003).
    let mut random = 0x9E37_79B9_u32;
    while kills < KILLS {
        let project = project();
        let (mut recorded, mut unfinished) = (HashSet::new(), false);
        loop {
            server.asked.lock().unwrap().clear();
            resumed += usize::from(unfinished);
            let mut child = project.command(&args(unfinished)).stderr(std::process::Stdio::null()).spawn().unwrap();
            random ^= random << 13;
            random ^= random >> 17;
            random ^= random << 5;
            std::thread::sleep(takes.mul_f64(f64::from(random) / f64::from(u32::MAX)));
            let ended = child.try_wait().unwrap();
            if ended.is_none() {
                child.kill().unwrap();
                child.wait().unwrap();
                kills += 1;
            }
            // What was on its way when the process ended has reached the server by now, or never will.
            std::thread::sleep(Duration::from_millis(10));
            let asked: Vec<String> = server.asked.lock().unwrap().keys().map(|body| prompt(body)).collect();
            assert!(asked.iter().all(|prompt| !recorded.contains(prompt)), "a recorded response was asked for again");
            let before = recorded;
            (recorded, unfinished) = journal(&project);
            assert!(before.is_subset(&recorded), "a recorded response was lost");
            // The file appears at once or not at all.
            let is_written = project.path("rows.jsonl").exists();
            assert!(!is_written || project.bytes("rows.jsonl") == expected, "other rows than those of the whole run");
            if is_written && !unfinished {
                // It came to its end before it could be killed.
                break;
            }
            if let Some(status) = ended {
                // The budget ends it.
                assert_eq!(status.code(), Some(1));
                break;
            }
        }
        assert!(project.bytes("rows.jsonl") == expected);
    }
    assert!(resumed > KILLS / 4, "{resumed} of {kills} runs were resumed");
}

#[test]
fn a_budget_ends_a_run() {
    let (project, server) = (project(), Server::start(Duration::ZERO));
    let url = &server.url;
    let shown =
        project.run(&format!("generate --class spam --n 50 --budget 3req --llm-url {url} --llm-model m --out r.jsonl"));
    assert!(shown.starts_with("exit code: 1"), "{shown}");
    assert!(shown.contains("the budget of 3 requests is used up; allow more: --budget 15req"), "{shown}");
    assert_eq!(server.n_asked(), 3);
    let shown = project.run(&format!("generate --class spam --n 50 --budget 1usd --llm-url {url} --llm-model m"));
    assert!(shown.contains("a budget of money needs a price"), "{shown}");
    // The price is that of the model that is named, and of no other.
    let priced = self::project();
    let prices = "[llm.prices.priced]\ninput-per-million = 10\noutput-per-million = 100\n";
    priced.file("synth.toml", format!("{SETTINGS}{prices}"));
    let args =
        |model: &str| format!("generate --class spam --n 500 --budget 0.5usd --llm-url {url} --llm-model {model}");
    let shown = priced.run(&args("priced"));
    assert!(shown.contains("the budget of 0.5000 dollars is used up"), "{shown}");
    let dollars: f64 = shown.split(" tokens, ").nth(1).unwrap().split(' ').next().unwrap().parse().unwrap();
    assert!(dollars > 0.3 && dollars <= 0.5, "{dollars}");
    assert!(priced.run(&args("other")).contains("a budget of money needs a price"));
    server.asked.lock().unwrap().clear();
    project.run(&format!("generate --class spam --n 50 --no-cache --budget 3req --llm-url {url} --llm-model m"));
    let shown = project.run(&format!("generate --class spam --dry-run --llm-url {url} --llm-model m"));
    assert!(shown.contains("nothing was sent") && server.n_asked() == 3, "{shown}");
    // What another run has paid is free: the same again gets further.
    let args = format!("generate --class spam --n 50 --budget 3req --llm-url {url} --llm-model m --out r.jsonl");
    let shown = project.run(&args);
    assert!(shown.contains("6 requests (3 of them free, from the journal)"), "{shown}");
    assert_eq!(server.n_asked(), 6);
}

#[test]
fn a_judge_and_prompted_functions_ask_too() {
    let (project, server) = (project(), Server::start(Duration::ZERO));
    let url = &server.url;
    project.done(&format!("generate --class spam --n 2 --filters judge --llm-url {url} --llm-model m --out r.jsonl"));
    assert!(project.read("r.jsonl").contains(r#""filter":"judge","score":5.0"#));
    project.file(
        "ask.lf",
        "classes ham, spam\nlf promo ask \"Does this advertise something? {text}\" spam when \"yes\" ham when \"no\"\n",
    );
    let shown = project.done(&format!("lfs --data mails.jsonl --lfs ask.lf spam.lf --llm-url {url} --llm-model m"));
    assert!(shown.contains("promo  ") && shown.contains("asked"), "{shown}");
    // Who only looks, or mistypes a class, asks nothing.
    project.file("synth.toml", SETTINGS.replace("spam.lf", "ask2.lf"));
    project.file("ask2.lf", project.read("ask.lf").replace("Does this", "Please say: does this"));
    let n = server.n_asked();
    let ask = |more: &str| project.run(&format!("generate --class {more} --llm-url {url} --llm-model m"));
    assert!(ask("spamm").contains("there is no class `spamm`"));
    // So does a mistake elsewhere.
    for wrong in ["--filters agreement,lenght", "--out r.txt"] {
        assert!(ask(&format!("spam {wrong}")).starts_with("exit code: 2"), "{wrong}");
    }
    let settings = project.read("synth.toml");
    project.file("synth.toml", format!("{settings}[filters.judge]\ngrades = 1\n"));
    assert!(ask("spam").contains("`grades` is 1"));
    project.file("synth.toml", settings);
    let shown = ask("spam --filters judge --n 6 --dry-run");
    assert!(shown.contains("2 requests by m, if") && shown.contains("6 requests for the judge"), "{shown}");
    assert!(shown.contains("labeling functions that ask a model were not asked"), "{shown}");
    assert_eq!(server.n_asked(), n);
    // All that asks shares one budget, and is counted.
    let shown = ask("spam --filters agreement,judge --n 2 --budget 6req --out r.jsonl");
    assert!(shown.contains("the budget of 6 requests is used up"), "{shown}");
    // What there is no money to judge is left out, and what was judged is not.
    let shown = ask("spam --filters agreement,judge --n 2 --budget 2req --out r.jsonl");
    assert!(shown.contains("the budget of 2 requests was used up before it was judged"), "{shown}");
    // Nor does `filter` say that all is well with what nobody judged.
    let made = "{\"text\":\"one\",\"label\":\"ham\"}\n{\"text\":\"two\",\"label\":\"ham\"}\n";
    project.file("made.jsonl", made);
    let filter = |more: &str| {
        project
            .run(&format!("filter --data made.jsonl --filters judge --llm-url {url} --llm-model m --out k.jsonl{more}"))
    };
    let shown = filter(" --classes ham,spam --lfs spam.lf --budget 1req");
    assert!(shown.starts_with("exit code: 1") && shown.contains("1 record was not judged"), "{shown}");
    assert!(filter(" --lfs spam.lf").starts_with("exit code: 0"));
    let shown = ask("spam --filters agreement,judge --n 2 --out r.jsonl");
    assert!(shown.contains("kept 2 of") && shown.contains("of them free"), "{shown}");
}

#[test]
fn every_kind_and_its_settings() {
    let (project, server) = (project(), Server::start(Duration::ZERO));
    let url = &server.url;
    let run = |args: &str| project.done(&format!("generate {args} --llm-url {url} --llm-model m --out r.jsonl"));
    let first = || serde_json::from_str::<serde_json::Value>(project.read("r.jsonl").lines().next().unwrap()).unwrap();
    run("--class spam --kind paraphrase --n 3 --filters leftovers");
    let row = first();
    assert_eq!(row["provenance"]["kind"], "paraphrase");
    assert!(["a", "e"].contains(&row["provenance"]["parents"][0].as_str().unwrap()));
    run("--class spam --kind edge-cases --against ham --n 3 --filters leftovers");
    let row = first();
    assert_eq!(row["provenance"]["kind"], "edge-cases");
    assert_eq!(row["probs"].as_array().unwrap().len(), 2);
    // One attribute is given, another one proposed by the model.
    let settings =
        "[generate]\npropose-attributes = [\"topic\"]\n[generate.attributes]\nlength = [\"short\", \"long\"]\n";
    project.file("synth.toml", format!("{SETTINGS}{settings}"));
    run("--class spam --n 4 --filters leftovers --seed 2");
    let attributes = first()["provenance"]["attributes"].clone();
    let names: Vec<&str> = attributes.as_array().unwrap().iter().map(|a| a["name"].as_str().unwrap()).collect();
    assert_eq!(names, ["length", "topic"]);
    // What an evaluation set has is dropped.
    let made = first()["text"].as_str().unwrap().to_owned();
    project.file("eval.jsonl", serde_json::json!({ "text": made }).to_string());
    let shown = project.run(&format!(
        "generate --class spam --n 4 --filters leftovers,contamination --seed 2 --exclude eval.jsonl --llm-url {url} \
         --llm-model m --out r.jsonl"
    ));
    assert!(shown.contains("dropped by contamination"), "{shown}");
    assert!(!project.read("r.jsonl").contains(&made));
}

#[test]
#[expect(clippy::disallowed_methods, clippy::print_stderr, reason = "tests find weights by a variable, and say so")]
fn a_small_model_here() {
    let project = project();
    let Some(weights) = std::env::var_os("SYNTH_SMOLLM2") else {
        eprintln!("skipped: SYNTH_SMOLLM2 names no file");
        return;
    };
    let settings = format!(
        "{SETTINGS}[generate]\nmax-tokens = 16\nper-request = 2\n[local]\nmodel = {:?}\n",
        weights.to_str().unwrap()
    );
    project.file("synth.toml", settings);
    let shown = project.run("generate --class spam --backend local --n 2 --filters length --budget 4req --out r.jsonl");
    assert!(shown.contains("examples by SmolLM2-135M-Instruct.Q4_1.gguf: kept 2 of"), "{shown}");
    let rows = project.bytes("r.jsonl");
    project.done("generate --class spam --backend local --n 2 --filters length --budget 4req --no-cache --out r.jsonl");
    assert_eq!(project.bytes("r.jsonl"), rows, "the same seed, the same bytes");
}

#[test]
fn records_kept_for_evaluation_are_never_shown() {
    let (project, server) = (project(), Server::start(Duration::ZERO));
    let mails = project.read("mails.jsonl");
    let split: Vec<String> = mails
        .lines()
        .enumerate()
        .map(|(row, line)| line.replacen('{', &format!("{{\"split\":\"{}\",", ["train", "Test"][row % 2]), 1))
        .collect();
    project.file("mails.jsonl", split.join("\n"));
    project.done(&format!(
        "generate --class ham --n 4 --filters none --llm-url {} --llm-model m --out r.jsonl",
        server.url
    ));
    let asked = server.asked.lock().unwrap();
    for (row, line) in mails.lines().enumerate() {
        let text = serde_json::from_str::<serde_json::Value>(line).unwrap()["text"].as_str().unwrap().to_owned();
        let shown = asked.keys().any(|body| body.contains(&text));
        assert!(!shown || row % 2 == 0, "row {row} was shown");
    }
    assert!(!asked.is_empty());
}

#[test]
fn what_cannot_be_made() {
    let project = project();
    let run = |args: &str| project.run(args);
    assert_snapshot!(run("generate --class eggs --kind augment"), @"
    exit code: 2
    ---- stderr ----
    error: --class: there is no class `eggs`
    hint: the classes are ham, spam
    ");
    assert_snapshot!(run("generate --class spam"), @"
    exit code: 2
    ---- stderr ----
    error: no language model is configured
    hint: name a server: --llm-url http://localhost:8000/v1 --llm-model NAME, or `base-url` and `model` under [llm] in synth.toml; or let one run here: --backend local, whose weights (145 MB) are fetched once; `synth generate --kind augment` needs neither
    ");
    assert_snapshot!(run("generate --class spam --kind edge-cases"), @"
    exit code: 2
    ---- stderr ----
    error: edge cases need another class to border on
    hint: name it: synth generate --class X --kind edge-cases --against Y
    ");
    assert_snapshot!(run("generate --class spam --against ham --kind augment"), @"
    exit code: 2
    ---- stderr ----
    error: `--against` means nothing for `--kind augment`
    hint: it goes with --kind edge-cases
    ");
    assert_snapshot!(run("generate --class spam --kind augment --filters lenght"), @"
    exit code: 2
    ---- stderr ----
    error: there is no filter `lenght`
    hint: there are: length, leftovers, language, duplicates, contamination, facts, meaning, diversity, agreement, confidence, frechet, judge, or none
    ");
    assert_snapshot!(run("generate --class spam --kind augment --budget 5eur"), @"
    exit code: 2
    ---- stderr ----
    error: `budget` is 5eur, expected a number of requests, tokens or dollars, such as 500req, 100ktok or 2usd
    ");
    assert_snapshot!(run("generate --class spam --kind augment --json"), @"
    exit code: 2
    ---- stderr ----
    error: the rows and `--json` both go to stdout
    hint: name a file for the rows: --out rows.jsonl
    ");
    assert_snapshot!(run("generate --class spam --llm-url http://127.0.0.1:9/v1 --llm-model m --resume"), @"
    exit code: 2
    ---- stderr ----
    error: the journal `.synth/journal.sqlite` has no unfinished run like this one
    hint: without --resume the run starts, and still pays for no response that is recorded
    ");
    assert_snapshot!(run("blame mails.jsonl 0"), @"
    exit code: 2
    ---- stderr ----
    error: `mails.jsonl` has no field `provenance`
    hint: rows that `synth generate` and `synth augment` write have one
    ");
}

#[test]
fn every_record_is_augmented_and_keeps_its_fields() {
    let project = Project::new();
    assert_snapshot!(project.run("augment --data mails.jsonl --per-record 2 --gold gold --out more.jsonl"), @"
    exit code: 0
    ---- stderr ----
    6 records, 6 variants made, 3 kept
    3 records could not be changed
    label  before   share  after   share
    ham         4  66.7 %      5  55.6 %
    spam        2  33.3 %      4  44.4 %
    wrote more.jsonl
    ");
    let more = project.read("more.jsonl");
    let rows: Vec<serde_json::Value> = more.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let originals = rows.iter().filter(|row| row["provenance"].is_null()).count();
    assert_eq!(originals, 6);
    for row in rows.iter().filter(|row| !row["provenance"].is_null()) {
        let parent = rows.iter().find(|other| other["id"] == row["provenance"]["parents"][0]).unwrap();
        assert_eq!(row["gold"], parent["gold"]);
        assert_ne!(row["text"], parent["text"]);
    }
}

#[test]
fn filters_judge_what_comes_from_elsewhere() {
    let project = Project::new();
    project.file(
        "made.jsonl",
        "{\"id\":1,\"text\":\"see you at lunch, thanks\",\"label\":\"ham\"}\n\
         {\"id\":2,\"text\":\"As an AI language model, I cannot do that\",\"label\":\"ham\"}\n\
         {\"id\":3,\"text\":\"thanks for the dinner yesterday\",\"label\":\"ham\"}\n",
    );
    assert_snapshot!(project.run("filter --data made.jsonl --from mails.jsonl --classes ham,spam --out kept.jsonl --dropped bad.csv"), @r#"
    exit code: 0
    ---- stderr ----
    language: no real text has the 40 letters that tell its language, so texts in any language pass
    frechet: the filter `frechet` lets texts of a class pass unmeasured where it has few real texts: 64 are needed for 32 coordinates, and there are 6
    filter      seen  dropped   kept
    length         3        0  100 %
    leftovers      3        1   67 %
    language       2        0  100 %
    duplicates     2        1   50 %
    diversity      1        0  100 %
    frechet        1        0  100 %

    dropped by leftovers:
      As an AI language model, I cannot do that
        a leftover (self): "As an AI language model"

    dropped by duplicates:
      see you at lunch, thanks
        the same text as b

    kept 1 of 3 records
    wrote kept.jsonl
    "#);
    assert_snapshot!(project.done("blame kept.jsonl 3"), @"
    3 (row 0)
           text  thanks for the dinner yesterday
          label  ham
           kind  given
           seed  0
        filters  length 31.000, leftovers passed, language passed, duplicates passed, diversity passed, frechet passed
    ");
    assert_snapshot!(project.read("bad.csv"), @r#"
    id,text,label,filter,reason,score
    1,"see you at lunch, thanks",ham,duplicates,the same text as b,1.0
    2,"As an AI language model, I cannot do that",ham,leftovers,"a leftover (self): ""As an AI language model""",
    "#);
    // Scores go on where they were: what was filtered can be filtered again, and needs no class to go by.
    project.done("filter --data kept.jsonl --filters length --out again.csv");
    let blame = project.done("blame again.csv 0");
    assert!(blame.contains("frechet passed, length 31.000"), "{blame}");
    assert_snapshot!(project.run("filter --data made.jsonl --text body --out kept.jsonl"), @"
    exit code: 2
    ---- stderr ----
    error: the records have no field `body`
    hint: fields of text: text
    ");
}

#[test]
fn templates_are_shown_and_replaced() {
    let project = project();
    assert!(project.done("prompts --kind judge").contains("{% block user %}Grade this text"));
    std::fs::create_dir(project.path("prompts")).unwrap();
    project.file("prompts/judge.j2", "{% block system %}{% endblock %}{% block user %}{{ clas }}{% endblock %}");
    project.file("synth.toml", format!("{SETTINGS}[generate]\nprompts = \"prompts\"\n"));
    assert_snapshot!(project.run("prompts"), @"
    exit code: 2
    ---- stderr ----
    error: the template prompts/judge.j2 has a mistake in line 1: undefined value: `clas` is undefined
    hint: `synth prompts` shows the templates in force, and what each is given
    ");
}
