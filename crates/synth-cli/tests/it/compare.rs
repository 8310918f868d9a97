//! `synth evaluate --compare` and `--plots`.

use insta::assert_snapshot;

use crate::Project;

/// The messages of the demo: 390 to learn from, labelled by the functions and by majority, and 100 to score.
fn tickets() -> Project {
    let project = Project::empty();
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/demo");
    let records = std::fs::read_to_string(format!("{folder}/tickets.jsonl")).unwrap();
    project.file("tickets.lf", std::fs::read_to_string(format!("{folder}/tickets.lf")).unwrap());
    let lines: Vec<&str> = records.lines().collect();
    project.file("train.jsonl", lines[..390].join("\n"));
    project.file("test.jsonl", lines[390..].join("\n"));
    let label = "label --data train.jsonl --lfs tickets.lf";
    project.done(&format!("{label} --out soft.parquet"));
    project.done(&format!("{label} --model majority --out majority.jsonl"));
    project.done("train --data train.jsonl --soft soft.parquet --text text --model m --l2 0.001");
    project
}

#[test]
fn labels_are_compared_and_drawn() {
    let project = tickets();
    let evaluate = "evaluate --data test.jsonl --model m --gold gold";
    let shown = project.run(&format!("{evaluate} --compare majority.jsonl soft.parquet --plots plots --threads 1"));
    let (_, compared) = shown.split_once("other models").unwrap();
    assert_snapshot!(compared, @r#"
 with the same features, each trained on records with votes, scored on the same records

trained on      records  left out                accuracy                macro F1  log-loss    ECE                  worth
majority.jsonl      362         0  0.610 (0.510 to 0.700)  0.475 (0.400 to 0.542)     0.977  0.163  about 220 hand labels
soft.parquet        362         0  0.620 (0.530 to 0.720)  0.538 (0.414 to 0.664)     0.963  0.116  about 380 hand labels
gold                390         0  0.620 (0.520 to 0.710)  0.539 (0.410 to 0.664)     1.012  0.096
left out: records that to the model look like one that is scored

what hand labels come to: the mean of 5 draws, and the least and the most; the last line has all there are

hand labels                accuracy                macro F1
         16  0.340 (0.320 to 0.390)  0.163 (0.124 to 0.238)
         32  0.394 (0.350 to 0.460)  0.257 (0.201 to 0.346)
         64  0.430 (0.410 to 0.460)  0.323 (0.283 to 0.343)
        128  0.468 (0.420 to 0.520)  0.388 (0.346 to 0.444)
        256  0.572 (0.540 to 0.610)  0.500 (0.471 to 0.531)
        390  0.620 (0.620 to 0.620)  0.540 (0.539 to 0.540)
worth is by macro F1, in which rare classes count as much as common ones
---- stderr ----
wrote 6 plots into plots
"#);
    let files = ["confusion", "learning-curve", "reliability"];
    let read = |folder: &str| -> Vec<Vec<u8>> {
        let paths = files.iter().flat_map(|name| ["svg", "png"].map(|ending| format!("{folder}/{name}.{ending}")));
        paths.map(|path| project.bytes(&path)).collect()
    };
    let drawn = read("plots");
    for (svg, png) in drawn.iter().step_by(2).zip(drawn.iter().skip(1).step_by(2)) {
        assert!(String::from_utf8_lossy(svg).starts_with("<svg") && png.starts_with(b"\x89PNG\r\n\x1a\n"));
    }
    let curve = String::from_utf8_lossy(&drawn[2]).into_owned();
    for text in ["hand labels", "majority.jsonl", "soft.parquet", "macro F1", "128"] {
        assert!(curve.contains(text), "{text}");
    }
    // The same bytes at any number of threads.
    let json =
        project.json(&format!("{evaluate} --compare majority.jsonl soft.parquet --plots again --threads 3 --json"));
    assert_eq!(read("again"), drawn);
    assert_eq!(json["comparison"]["models"][2]["trained_on"], "gold");
    assert_eq!(json["comparison"]["models"][0]["worth"]["is"], "about");
    assert_eq!(json["plots"][0], "again/reliability.svg");
    assert_eq!(json["comparison"]["curve"]["points"][0]["n"], 16);
}

#[test]
fn what_cannot_be_compared_is_said() {
    let project = tickets();
    let evaluate = "evaluate --data train.jsonl --model m --gold gold --compare";
    assert_snapshot!(project.run(&format!("{evaluate} soft.parquet")), @r#"
exit code: 2
---- stderr ----
error: every record of `soft.parquet` looks like one that is scored
hint: score on other records than those learned from: --data test.jsonl
"#);
    assert_snapshot!(project.run(&format!("{evaluate} train.jsonl")), @r#"
exit code: 2
---- stderr ----
error: cannot use `train.jsonl` as soft labels: it has neither a column `probs` of lists of numbers nor columns `p_CLASS`
hint: `synth label --out soft.parquet` writes such a file; with `--prefix` say so here too
"#);
    project.file("other.jsonl", "{\"id\":\"x\",\"text\":\"a\",\"probs\":[0.5,0.5]}\n");
    assert_snapshot!(project.run(&format!("{evaluate} other.jsonl")), @r#"
exit code: 2
---- stderr ----
error: cannot use `other.jsonl` as soft labels: row 0 has 2 probabilities for 4 classes
"#);
    let without_gold: String = project.read("train.jsonl").replace("\"gold\"", "\"other\"");
    project.file("bare.jsonl", without_gold);
    project.done("label --data bare.jsonl --lfs tickets.lf --out bare.parquet");
    let shown = project.run("evaluate --data test.jsonl --model m --gold gold --compare bare.parquet");
    assert!(shown.contains("no record in these files has a gold label"), "{shown}");
    project.file("plots", "a file");
    assert_snapshot!(project.run("evaluate --data test.jsonl --model m --gold gold --plots plots"), @r#"
exit code: 2
---- stderr ----
error: cannot make the folder `plots`: File exists (os error 17)
"#);
}

#[test]
fn a_label_of_our_own_is_not_gold() {
    let project = tickets();
    // The records to learn from have no gold, and those to score call it `label`, as our own result is called.
    let bare: String = project.read("train.jsonl").replace("\"gold\"", "\"other\"");
    project.file("bare.jsonl", bare);
    project.file("scored.jsonl", project.read("test.jsonl").replace("\"gold\"", "\"label\""));
    project.done("label --data bare.jsonl --lfs tickets.lf --out bare.parquet");
    let shown = project.run("evaluate --data scored.jsonl --model m --gold label --compare bare.parquet");
    assert!(shown.contains("no record in these files has a gold label"), "{shown}");
    assert_snapshot!(project.run("evaluate --data soft.parquet --model m --gold label"), @r#"
exit code: 2
---- stderr ----
error: `label` is the label that synth gave these records, not one that is known
hint: keep known labels under another name, or let `synth label` put a `--prefix` before its own
"#);
    assert_snapshot!(project.run("train --data soft.parquet --soft soft.parquet --text text --model n --gold label"), @r#"
exit code: 2
---- stderr ----
error: `label` is the label that synth gave these records, not one that is known
hint: keep known labels under another name, or let `synth label` put a `--prefix` before its own
"#);
}

#[test]
fn gold_is_found_by_dots_and_missed_aloud() {
    let project = tickets();
    let nested = |name: &str, records: &str| {
        let lines = project.read(records);
        let lines = lines.lines().map(|line| {
            let mut record: serde_json::Value = serde_json::from_str(line).unwrap();
            record["known"] = serde_json::json!({ "class": record["gold"].take() });
            format!("{record}\n")
        });
        project.file(name, lines.collect::<String>());
    };
    nested("train.jsonl", "train.jsonl");
    nested("test.jsonl", "test.jsonl");
    project.done("label --data train.jsonl --lfs tickets.lf --out nested.parquet");
    let shown = project.run("evaluate --data test.jsonl --model m --gold known.class --compare nested.parquet");
    assert!(shown.contains("what hand labels come to"), "{shown}");
    let refused = "evaluate --data test.jsonl --model m --gold known.class --compare nested.parquet --vectors a=b.npy";
    assert_snapshot!(project.run(refused), @r#"
exit code: 2
---- stderr ----
error: `--compare` knows no `--vectors` for the files that it compares
hint: keep the vectors in the records, as a field of lists of numbers
"#);
}

#[test]
fn records_that_share_their_categories_are_not_the_same() {
    let project = tickets();
    project.done("train --data train.jsonl --soft soft.parquet --category channel --model c --l2 0.01");
    let shown = project.run("evaluate --data test.jsonl --model c --gold gold --compare soft.parquet");
    assert!(shown.contains("what hand labels come to"), "{shown}");
}
