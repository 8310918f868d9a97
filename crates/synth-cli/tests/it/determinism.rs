//! The same input gives the same bytes, at any number of threads and in any order of shards.

use crate::Project;

/// Records on which the functions of [`FUNCTIONS`] agree and disagree in many ways, the same on every run.
fn records(n: usize) -> String {
    let words = ["win", "free", "thanks", "lunch", "http", "meeting", "cash", "please"];
    let mut state = 1u64;
    let mut next = |below: usize| {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (state >> 33) as usize % below
    };
    let mut line = |id: usize| {
        let text: Vec<&str> = (0..1 + next(6)).map(|_| words[next(8)]).collect();
        format!("{{\"id\": {id}, \"text\": \"{}\", \"n\": {}}}\n", text.join(" "), next(100))
    };
    (0..n).map(&mut line).collect()
}

const FUNCTIONS: &str = r#"classes ham, spam, news
lf win     spam when text contains word "win"
lf free    spam when text contains any of ["free", "cash"]
lf link    spam when text contains "http"
           news when n < 10
lf thanks  ham  when text contains any of word ["thanks", "please"]
lf meeting news when text ~ /meeting|lunch/
           ham  when n > 60
lf short   ham  when words(text) < 3
"#;

fn project(n: usize) -> Project {
    let project = Project::empty();
    project.file("records.jsonl", records(n));
    project.file("f.lf", FUNCTIONS);
    project
}

#[test]
fn at_any_number_of_threads() {
    let project = project(70_000);
    for model in ["auto", "dawid-skene"] {
        for threads in [1, 2, 5] {
            let outputs = ["parquet", "jsonl"].map(|ending| format!("soft{threads}.{ending}"));
            let label = format!("label --data records.jsonl --lfs f.lf --model {model} --threads {threads}");
            project
                .done(&format!("{label} --out {} --save-model m{threads}.json --votes-out v{threads}.npy", outputs[0]));
            project.done(&format!("{label} --out {}", outputs[1]));
        }
        for threads in [2, 5] {
            for name in ["soft#.parquet", "soft#.jsonl", "m#.json", "v#.npy"] {
                let [one, more] = ["1".to_owned(), threads.to_string()].map(|n| project.bytes(&name.replace('#', &n)));
                assert!(!one.is_empty() && one == more, "{model}: {name} differs at {threads} threads");
            }
        }
    }
}

#[test]
fn in_any_order_of_shards() {
    let project = project(900);
    let text = project.read("records.jsonl");
    let lines: Vec<&str> = text.lines().collect();
    for (shard, lines) in ["a", "b", "c"].iter().zip(lines.chunks(300)) {
        project.file(&format!("{shard}.jsonl"), lines.join("\n"));
        project.done(&format!("label --data {shard}.jsonl --lfs f.lf --counts-out {shard}.parquet"));
    }
    for model in ["auto", "weighted", "dawid-skene", "triplet"] {
        let merged = |shards: &str| {
            project.done(&format!("label --merge-counts {shards} --model {model} --save-model m.json"));
            project.read("m.json")
        };
        let once = merged("a.parquet b.parquet c.parquet");
        assert_eq!(merged("c.parquet a.parquet b.parquet"), once, "{model}");
        // Every shard twice: counts double, in whatever order they come.
        let twice = merged("a.parquet b.parquet c.parquet a.parquet b.parquet c.parquet");
        assert_eq!(merged("c.parquet c.parquet b.parquet b.parquet a.parquet a.parquet"), twice, "{model}");
        project.done(&format!("label --data records.jsonl --lfs f.lf --model {model} --save-model all.json"));
        assert_eq!(project.read("all.json"), once, "{model}");
        // Records in another order.
        project.done(&format!("label --data c.jsonl a.jsonl b.jsonl --lfs f.lf --model {model} --save-model all.json"));
        assert_eq!(project.read("all.json"), once, "{model}, records in another order");
    }
}

/// The fingerprint tells runs apart by what went in, and nothing else.
#[test]
fn fingerprints() {
    let project = project(50);
    let fingerprint = |args: &str| {
        let json = project.json(&format!("label --data records.jsonl --lfs f.lf --json --out soft.csv {args}"));
        json["fingerprint"].as_str().unwrap().to_owned()
    };
    let plain = fingerprint("");
    assert_eq!(plain.len(), 16);
    assert_eq!(fingerprint("--threads 2"), plain);
    assert_ne!(fingerprint("--seed 1"), plain);
    assert_ne!(fingerprint("--model majority"), plain);
    project.file("f.lf", FUNCTIONS.replace("words(text) < 3", "words(text) < 2"));
    assert_ne!(fingerprint(""), plain);
}
