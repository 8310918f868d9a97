//! `synth fid`: how far made points, texts and pictures are from real ones.

use insta::assert_snapshot;

use crate::{Project, npy};

const TINY: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../synth-neural/tests/fixtures/bert_tiny");
const PICTURES: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../synth-image/tests/fixtures/files");

/// Points on a lattice of irrational steps, scattered evenly over a square of this side at `at`.
fn points(n: usize, side: f32, at: f32) -> Vec<u8> {
    let number = |i: usize, step: f32| at + side * (i as f32 * step).fract();
    let numbers = (0..n).flat_map(|i| [number(i, 0.618_034), number(i, 0.414_214)]);
    npy("<f4", false, [n, 2], &numbers.flat_map(f32::to_le_bytes).collect::<Vec<u8>>())
}

#[test]
fn features_are_compared() {
    let project = Project::empty();
    project.file("real.npy", points(300, 2.0, 0.0));
    project.file("made.npy", points(200, 2.0, 1.0));
    assert_snapshot!(project.run("fid real.npy made.npy"), @"
    exit code: 0
    ---- stdout ----
                          value       ±
    Fréchet distance     1.9839  0.3041
    kernel distance   85.001958
    precision             0.320
    recall                0.333

    300 real and 200 made points in 2 dimensions, by the features of the arrays
    ± of the Fréchet distance: its 95 % interval, by the bootstrap
    ");
    let same = project.json("fid real.npy real.npy --json");
    assert!(same["frechet"].as_f64().unwrap() < 1e-9 && same["kernel"].as_f64().unwrap() < 0.0);
    assert_eq!(
        (&same["precision"], &same["recall"], &same["refused"]),
        (&1.0.into(), &1.0.into(), &serde_json::Value::Null)
    );
    // The same at any number of threads.
    assert_eq!(project.done("fid real.npy made.npy --threads 1"), project.done("fid real.npy made.npy --threads 3"));
}

#[test]
fn too_few_points_have_no_frechet_distance() {
    let project = Project::new();
    assert_snapshot!(project.run(&format!("fid mails.jsonl mails.jsonl --embed-model {TINY}")), @"
    exit code: 1
    ---- stdout ----
                          value  ±
    Fréchet distance          -
    kernel distance   -0.001685
    precision             1.000
    recall                1.000

    6 real and 6 made points in 24 dimensions, by bert_tiny
    ---- stderr ----
    warning: no Fréchet distance: of 6 points in 24 dimensions no covariance can be known, and the distance would mostly tell how few they are; it takes more than 24 on either side, and is sound from about 120; the kernel distance beside it is without bias at any number
    ");
}

#[test]
fn what_cannot_be_compared() {
    let project = Project::empty();
    project.file("two.npy", points(30, 2.0, 0.0));
    project.file("three.npy", npy("<f4", false, [10, 3], &[0; 120]));
    project.file("few.npy", points(3, 2.0, 0.0));
    let wrong: Vec<u8> = (0..8).flat_map(|i| if i == 5 { f32::NAN } else { 1.0 }.to_le_bytes()).collect();
    project.file("wrong.npy", npy("<f4", false, [4, 2], &wrong));
    std::fs::create_dir(project.path("empty")).unwrap();
    assert_snapshot!(project.run("fid two.npy three.npy"), @"
    exit code: 2
    ---- stderr ----
    error: `two.npy` has points of 2 dimensions, `three.npy` of 3
    hint: both must come from the same model
    ");
    assert_snapshot!(project.run("fid few.npy two.npy"), @"
    exit code: 2
    ---- stderr ----
    error: `few.npy` has 3 points, too few to measure anything
    hint: 4 or more on either side are needed, and hundreds for figures that mean something
    ");
    assert_snapshot!(project.run("fid two.npy wrong.npy"), @"
    exit code: 2
    ---- stderr ----
    error: row 2 of `wrong.npy` holds what is no number
    hint: look for NaN and infinities in what made the features
    ");
    assert_snapshot!(project.run("fid two.npy empty"), @"
    exit code: 2
    ---- stderr ----
    error: the folder `empty` holds no pictures
    hint: names of pictures end in .png, .jpg, .jpeg or .webp; folders in it are not looked into: name one of them
    ");
    let missing = project.run(&format!("fid {PICTURES} {PICTURES}"));
    assert!(
        missing.contains("error: there are no weights of Inception at `[FOLDER]/synth/models/pt_inception"),
        "{missing}"
    );
    assert!(
        missing.contains("hint: fetch them: curl -L --create-dirs -o [FOLDER]/synth/models/pt_inception"),
        "{missing}"
    );
    assert_snapshot!(project.run("fid two.npy"), @"
    exit code: 2
    ---- stderr ----
    error: the following required arguments were not provided:
      <SYNTH>

    Usage: synth fid <REAL> <SYNTH>

    For more information, try '--help'.
    ");
}
