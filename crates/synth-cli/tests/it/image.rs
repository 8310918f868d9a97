//! `synth generate --kind image`, with a tiny model of random weights: what it draws is noise, and filters see that.

use std::fs;

use insta::assert_snapshot;
use synth::image::Picture;

use crate::Project;

const MODEL: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../synth-neural/tests/fixtures/diffusion/v1");

/// Pictures of two classes, 12 of each: a disc, and stripes.
fn project() -> Project {
    let project = Project::empty();
    for class in ["disc", "stripes"] {
        fs::create_dir_all(project.path("real").join(class)).unwrap();
        for i in 0..12u32 {
            let light = |x: u32, y: u32| match class {
                "disc" => u8::from(x.abs_diff(8 + i % 3).pow(2) + y.abs_diff(8).pow(2) < 20) * 150 + i as u8 * 5,
                _ => u8::from((x + i) % 6 < 3) * 150 + i as u8 * 5,
            };
            let pixels = (0..16).flat_map(|y| (0..16).map(move |x| (x, y)));
            let rgb = pixels.flat_map(|(x, y)| [light(x, y); 3]).collect();
            let png = Picture::from_rgb(16, 16, rgb).unwrap().to_png(&[]);
            fs::write(project.path("real").join(class).join(format!("{i:02}.png")), png).unwrap();
        }
    }
    settings(&project, "");
    project
}

fn settings(project: &Project, more: &str) {
    project.file("synth.toml", format!("[image]\nmodel = \"{MODEL}\"\nsteps = 3\n{more}"));
}

#[test]
fn pictures_are_drawn_into_a_folder() {
    let project = project();
    let args = "generate --class disc --kind image --n 3 --from real --filters looks,look-alikes --out made";
    assert_snapshot!(project.run(args), @"
    exit code: 0
    ---- stderr ----
    filter       seen  dropped   kept
    looks           4        0  100 %
    look-alikes     4        0  100 %

    kept pictures, by thumbnails of 8 x 8: Fréchet distance to the real ones -, kernel distance 0.4030
    images by v1: kept 3 of 4 made
    wrote made and its manifest.jsonl
    ");
    let manifest = project.read("made/manifest.jsonl");
    let rows: Vec<serde_json::Value> = manifest.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(rows.len(), 3);
    for row in &rows {
        assert_eq!((&row["wanted"], &row["provenance"]["kind"]), (&"disc".into(), &"image".into()));
        let bytes = project.bytes(&format!("made/{}", row["file"].as_str().unwrap()));
        let picture = Picture::from_bytes(&bytes).unwrap();
        assert_eq!((picture.width(), picture.height()), (16, 16));
        // The prompt stands in the file.
        let prompt = b"a photo of a disc, ";
        assert!(bytes.windows(prompt.len()).any(|window| window == prompt), "{row}");
    }
    assert_eq!(fs::read_dir(project.path("made")).unwrap().count(), 4);
    // The same bytes, drawn anew or from the journal, at any number of threads.
    let files = || {
        let mut all: Vec<_> = fs::read_dir(project.path("made")).unwrap().map(|e| e.unwrap().path()).collect();
        all.sort();
        all.into_iter().map(|path| fs::read(path).unwrap()).collect::<Vec<_>>()
    };
    let first = files();
    for more in ["", "--no-cache --threads 1", "--no-cache --threads 3"] {
        project.done(&format!("{args} {more}"));
        assert_eq!(files(), first, "{more}");
    }
}

#[test]
fn real_pictures_judge() {
    let project = project();
    let report: serde_json::Value = {
        let args = "generate --class disc --kind image --n 2 --from real --out made --json --budget 12req --filters confidence,realism";
        let output = project.command(args).output().unwrap();
        serde_json::from_slice(&output.stdout).unwrap()
    };
    // Noise is no disc: a classifier that was trained on the folders says so, and it lies where no disc does.
    let filters = report["filters"].as_array().unwrap();
    assert_eq!(
        filters.iter().map(|filter| filter["filter"].as_str().unwrap()).collect::<Vec<_>>(),
        ["confidence", "realism"]
    );
    let dropped: u64 = filters.iter().map(|filter| filter["dropped"].as_u64().unwrap()).sum();
    assert!(dropped > 0, "{report}");
    assert!(report["dropped_from_real"]["kernel"].as_f64().unwrap() > 0.0, "{report}");
}

#[test]
fn a_picture_may_begin_with_a_real_one() {
    let project = project();
    settings(&project, "strength = 0.4\n");
    project.done("generate --class disc --kind image --n 2 --from real --filters none --out made");
    let manifest = project.read("made/manifest.jsonl");
    assert!(manifest.lines().all(|line| line.contains("\"parents\":[\"real/disc/")), "{manifest}");
    assert_snapshot!(project.run("generate --class disc --kind image --n 2 --out other"), @"
    exit code: 2
    ---- stderr ----
    error: there is no text of the class `disc` for image
    hint: name a folder with pictures of the class: --from pictures/; or leave `strength` out under [image]
    ");
}

#[test]
fn a_folder_holds_the_pictures_of_one_run() {
    let project = project();
    let run =
        |more: &str| format!("generate --class disc --kind image --n 2 --from real --filters none --out made {more}");
    let pictures = || {
        let entries =
            fs::read_dir(project.path("made")).unwrap().map(|e| e.unwrap().file_name().into_string().unwrap());
        entries.filter(|name| name.ends_with(".png")).collect::<std::collections::BTreeSet<_>>()
    };
    project.done(&run("--seed 1"));
    let first = pictures();
    project.done(&run("--seed 2"));
    // Those of the run before are gone, as they are in no manifest.
    assert!(pictures().len() == 2 && pictures().is_disjoint(&first), "{:?}", pictures());
    project.file("made/holiday.png", Picture::from_rgb(1, 1, vec![9; 3]).unwrap().to_png(&[]));
    assert_snapshot!(project.run(&run("--seed 3")), @"
    exit code: 2
    ---- stderr ----
    error: `made/holiday.png` is no picture of an earlier run, and would be mixed with those of this one
    hint: name another folder: --out
    ");
    assert_eq!(pictures().len(), 3);
    assert_snapshot!(project.run("generate --class disc --kind image --from real --out real/disc"), @"
    exit code: 2
    ---- stderr ----
    frechet: the filter `frechet` lets pictures of a class pass unmeasured where it has few real pictures: 128 are needed for 64 coordinates, and there are 12
    error: `--out real/disc` lies in `--from real`
    hint: made pictures would count as real ones the next time: name a folder outside it
    ");
}

#[test]
fn folders_that_are_no_classes_are_left_out() {
    let project = project();
    fs::create_dir_all(project.path("real/.thumbnails")).unwrap();
    fs::create_dir_all(project.path("real/notes")).unwrap();
    let shown = project.run("generate --class square --kind image --from real --out made");
    assert!(shown.contains("the classes are disc, stripes"), "{shown}");
}

#[test]
fn clip_tells_classes_by_their_names() {
    let project = project();
    let clip = concat!(env!("CARGO_MANIFEST_DIR"), "/../synth-neural/tests/fixtures/vision/clip");
    settings(&project, &format!("[features]\nclip = \"{clip}\"\n"));
    let args =
        "generate --class disc --kind image --n 2 --from real --out made --json --budget 6req --filters confidence";
    let output = project.command(args).output().unwrap();
    let report: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(report["filters"][0]["filter"], "confidence");
    assert!(report["filters"][0]["seen"].as_u64().unwrap() >= 2, "{report}");
    // Features of pictures are compared, too.
    let shown = project.run("fid real/disc real/stripes --features clip");
    assert!(shown.contains("12 real and 12 made points in 20 dimensions, by clip"), "{shown}");
}

#[test]
fn what_cannot_be_drawn() {
    let project = project();
    let run = |args: &str| project.run(&format!("generate --kind image --n 2 {args}"));
    assert_snapshot!(run("--class disc --from real"), @"
    exit code: 2
    ---- stderr ----
    error: pictures go into a folder, not to stdout
    hint: name one: --out pictures/
    ");
    assert_snapshot!(run("--class square --from real --out made"), @"
    exit code: 2
    ---- stderr ----
    error: --class: there is no class `square`
    hint: the classes are disc, stripes
    ");
    assert_snapshot!(run("--class disc --from nowhere --out made"), @"
    exit code: 2
    ---- stderr ----
    error: there is no folder `nowhere`
    hint: name a folder with pictures, or one with a folder for each class
    ");
    assert_snapshot!(run("--class disc --from real --out made --filters length"), @"
    exit code: 2
    ---- stderr ----
    error: there is no filter `length` for pictures
    hint: there are: looks, look-alikes, confidence, realism, frechet, or none
    ");
    assert_snapshot!(run("--class disc --out made --filters realism"), @"
    exit code: 2
    ---- stderr ----
    error: the filter `realism` has no real pictures of the class
    hint: name a folder of pictures: --from pictures/
    ");
    assert_snapshot!(run("--class disc --out made --lfs a.lf"), @"
    exit code: 2
    ---- stderr ----
    error: `--lfs` means nothing for `--kind image`
    hint: the classes of pictures are the folders in that of --from
    ");
    assert_snapshot!(run("--class disc --from real --out made --device tpu"), @"
    exit code: 2
    ---- stderr ----
    error: `tpu` is no device, expected cpu, cuda, or cuda:1 for the second graphics processor
    ");
    #[cfg(not(feature = "cuda"))]
    assert_snapshot!(run("--class disc --from real --out made --device cuda --filters none"), @"
    exit code: 2
    ---- stderr ----
    error: this build cannot compute on `cuda:0`
    hint: build it for one, with CUDA's toolkit: cargo install --path crates/synth-cli --features cuda
    hint: or compute on this machine's processors: the device `cpu`
    ");
    settings(&project, "sampler = \"pndm\"\n");
    assert_snapshot!(run("--class disc --from real --out made"), @"
    exit code: 2
    ---- stderr ----
    error: `sampler` under [image] is `pndm`
    hint: it is `ddim`, `euler` or `euler-ancestral`
    ");
    settings(&project, "size = [15, 16]\n");
    assert_snapshot!(run("--class disc --from real --out made"), @"
    exit code: 2
    ---- stderr ----
    frechet: the filter `frechet` lets pictures of a class pass unmeasured where it has few real pictures: 128 are needed for 64 coordinates, and there are 12
    error: v1 gave no answer: a picture of 15 x 16 pixels cannot be drawn: its sides must be multiples of 4
    ");
    fs::write(project.path("real/disc/99.png"), "no picture").unwrap();
    assert_snapshot!(run("--class disc --from real --out made"), @"
    exit code: 2
    ---- stderr ----
    error: `real/disc/99.png` holds no picture that can be read: The image format could not be determined
    hint: PNG, JPEG and WebP are known; save it anew as one of these, or leave it out
    ");
    project.file("synth.toml", "[image]\nmodel = \"./nowhere\"\n");
    assert_snapshot!(run("--class disc --out made"), @"
    exit code: 2
    ---- stderr ----
    error: there is no folder `./nowhere`
    hint: name a folder with the folders unet, vae, text_encoder, tokenizer and scheduler (of XL also text_encoder_2, tokenizer_2), or a repository of the hub as stable-diffusion-v1-5/stable-diffusion-v1-5
    ");
}

#[test]
fn xl_and_its_turbo_draw_too() {
    let project = project();
    for (model, more) in [("xl", "steps = 2\n"), ("turbo", "steps = 1\nguidance = 1.0\n"), ("turbo", "")] {
        let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/../synth-neural/tests/fixtures/diffusion/");
        project.file("synth.toml", format!("[image]\nmodel = \"{folder}{model}\"\n{more}"));
        let done = project.run("generate --class disc --kind image --n 1 --filters none --out made");
        assert!(done.contains(&format!("images by {model}: kept 1 of")), "{done}");
        // Nobody is left to wonder about burnt pictures.
        let is_noted =
            done.contains("turbo was made to draw in few steps: set steps = 1 and guidance = 1 under [image]");
        assert_eq!(is_noted, more.is_empty(), "{done}");
    }
}
