//! Pictures from files, and resizing beside Pillow's: see fixtures/pillow.py.

use std::fs;
use std::path::{Path, PathBuf};

use serde::Deserialize;
use synth_image::{ImageError, Picture, folder};

#[derive(Deserialize)]
struct Recorded {
    width: u32,
    height: u32,
    rgb: Vec<u8>,
    sizes: Vec<(u32, u32)>,
    resized: Vec<[Vec<f32>; 3]>,
}

fn fixtures() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures")
}

#[test]
fn resizing_is_that_of_pillow() {
    let recorded: Recorded = serde_json::from_slice(&fs::read(fixtures().join("pillow.json")).unwrap()).unwrap();
    let picture = Picture::from_rgb(recorded.width, recorded.height, recorded.rgb).unwrap();
    for ((width, height), expected) in recorded.sizes.iter().zip(&recorded.resized) {
        let got = picture.resized(*width, *height);
        assert_eq!(got.len(), expected.iter().map(Vec::len).sum::<usize>());
        let farthest = got.iter().zip(expected.iter().flatten()).map(|(a, b)| (a - b).abs()).fold(0.0, f32::max);
        assert!(farthest < 1e-3, "{width} x {height}: {farthest}");
    }
}

/// The mean of each colour.
fn means(picture: &Picture) -> [f64; 3] {
    let n = f64::from(picture.width() * picture.height());
    [0, 1, 2].map(|c| picture.rgb().iter().skip(c).step_by(3).map(|x| f64::from(*x)).sum::<f64>() / n)
}

#[test]
fn pictures_of_every_kind_are_read() {
    let open = |name: &str| Picture::open(fixtures().join("files").join(name)).unwrap();
    let rgb = open("rgb.png");
    for same in ["rgb.webp", "transparent.png", "moving.webp", "moving.png", "wrong_name.jpg"] {
        assert_eq!(open(same), rgb, "{same}");
    }
    for near in ["rgb.jpg", "cmyk.jpg", "palette.png"] {
        let off = means(&open(near)).iter().zip(means(&rgb)).map(|(a, b)| (a - b).abs()).fold(0.0, f64::max);
        assert!(off < 8.0, "{near}: {off}");
    }
    assert_eq!(open("grey.png"), open("grey16.png"));
    let one = open("one_pixel.png");
    assert_eq!((one.width(), one.height(), one.rgb()), (1, 1, &[5, 6, 7][..]));
    let resized = one.resized(3, 3);
    assert!(
        resized.iter().zip([5.0; 9].into_iter().chain([6.0; 9]).chain([7.0; 9])).all(|(a, b)| (a - b).abs() < 1e-3)
    );
}

#[test]
fn what_is_no_picture_is_said() {
    let message = |name: &str| {
        let error = Picture::open(fixtures().join("files").join(name)).unwrap_err();
        assert!(!error.hints().is_empty() || matches!(error, ImageError::Read { .. }), "{name}: {error}");
        error.to_string().replace(&*fixtures().to_string_lossy(), "F")
    };
    for name in ["cut.png", "text.png", "empty.jpg"] {
        assert_eq!(message(name), format!("`F/files/{name}` holds no picture that can be read"));
    }
    assert_eq!(message("huge.png"), "`F/files/huge.png` has 20000 x 20000 pixels");
    assert_eq!(message("missing.png"), "cannot read `F/files/missing.png`");
    let size = Picture::from_rgb(2, 2, vec![0; 5]).unwrap_err();
    assert_eq!(size.to_string(), "5 bytes for 2 x 2 pixels of three bytes");
    assert!(Picture::from_rgb(0, 2, Vec::new()).is_err());
}

#[test]
fn a_folder_gives_its_pictures_in_order() {
    let temporary = tempfile::tempdir().unwrap();
    let empty = folder(temporary.path()).unwrap_err();
    assert!(empty.to_string().ends_with("holds no pictures") && !empty.hints().is_empty());
    for name in ["b.PNG", "a.jpeg", "note.txt", "c.webp"] {
        fs::write(temporary.path().join(name), "x").unwrap();
    }
    fs::create_dir(temporary.path().join("d.png")).unwrap();
    let names: Vec<_> =
        folder(temporary.path()).unwrap().iter().map(|path| path.file_name().unwrap().to_owned()).collect();
    assert_eq!(names, ["a.jpeg", "b.PNG", "c.webp"]);
    assert!(matches!(folder(&temporary.path().join("none")), Err(ImageError::Read { .. })));
}
