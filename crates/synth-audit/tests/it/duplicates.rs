//! Near copies that are planted.

use ndarray::{Array2, array};
use proptest::prelude::*;
use synth_audit::{CopyGroups, copies_of_texts, cosine_pairs, likely_cosine_pairs};

fn pairs(vectors: &Array2<f64>, threshold: f64) -> Vec<(usize, usize, f64)> {
    let mut pairs = Vec::new();
    cosine_pairs(vectors.view(), threshold, |one, other, cosine| pairs.push((one, other, cosine))).unwrap();
    pairs
}

fn plain(vectors: &Array2<f64>, threshold: f64) -> Vec<(usize, usize)> {
    let cosine = |a: usize, b: usize| {
        let (a, b) = (vectors.row(a), vectors.row(b));
        a.dot(&b) / (a.dot(&a) * b.dot(&b)).sqrt()
    };
    let n = vectors.nrows();
    (0..n).flat_map(|a| (a + 1..n).map(move |b| (a, b))).filter(|(a, b)| cosine(*a, *b) >= threshold).collect()
}

#[test]
fn copies_among_many_are_found() {
    // More than a block, of a formula; every hundredth row nearly repeats an early one.
    let noise = |row: usize, column: usize| ((row * 7919 + column * 104_729) % 1009) as f64 / 504.0 - 1.0;
    let mut vectors = Array2::from_shape_fn((1500, 24), |(row, column)| noise(row, column * column + row % 13));
    for row in (100..1500).step_by(100) {
        let copy = vectors.row(row / 100).mapv(|x| 2.0 * x + 0.01);
        vectors.row_mut(row).assign(&copy);
    }
    let found: Vec<(usize, usize)> = pairs(&vectors, 0.99).iter().map(|(one, other, _)| (*one, *other)).collect();
    assert_eq!(found, plain(&vectors, 0.99));
    assert!((1..15).all(|row| found.contains(&(row, 100 * row))));
    // Where many pairs are alike, and where all are.
    let found: Vec<(usize, usize)> = pairs(&vectors, 0.05).iter().map(|(one, other, _)| (*one, *other)).collect();
    assert_eq!(found, plain(&vectors, 0.05));
    let same = Array2::from_elem((300, 5), 0.1);
    assert_eq!(pairs(&same, 1.0 - 1e-6).len(), 300 * 299 / 2);
    assert_eq!(CopyGroups::of(300, pairs(&same, 0.9).iter().map(|(a, b, _)| (*a, *b))).n_extra(), 299);
    let narrow = vectors.mapv(|x| x as f32);
    let mut n = 0;
    cosine_pairs(narrow.view(), 0.99, |_, _, _| n += 1).unwrap();
    assert_eq!(n, plain(&vectors, 0.99).len());
}

#[test]
fn an_index_finds_nearly_all_copies() {
    // 4,000 directions that have nothing to do with one another; the last thousand nearly repeat the first.
    let mut state = 1u64;
    let mut number = || {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (state >> 40) as f32 / (1 << 23) as f32 - 1.0
    };
    let mut vectors = Array2::from_shape_simple_fn((4000, 48), &mut number);
    for row in 3000..4000 {
        let copy = vectors.row(row - 3000).mapv(|x| x + 0.15 * number());
        vectors.row_mut(row).assign(&copy);
    }
    let all = |threshold: f64, seed: u64| {
        let mut pairs = Vec::new();
        likely_cosine_pairs(vectors.view(), threshold, seed, |one, other, _| pairs.push((one, other))).unwrap();
        pairs
    };
    let mut exact = Vec::new();
    cosine_pairs(vectors.view(), 0.95, |one, other, _| exact.push((one, other))).unwrap();
    assert!(exact.len() >= 1000);
    let found = all(0.95, 0);
    assert!(found.iter().all(|pair| exact.contains(pair)) && found.is_sorted());
    assert!(found.len() as f64 >= 0.99 * exact.len() as f64, "{} of {}", found.len(), exact.len());
    let pool = rayon::ThreadPoolBuilder::new().num_threads(3).build().unwrap();
    assert_eq!(pool.install(|| all(0.95, 0)), found);
    // Of many that are all the same, one group.
    let same = Array2::from_elem((2000, 5), 0.1);
    let mut pairs = Vec::new();
    likely_cosine_pairs(same.view(), 0.99, 0, |one, other, _| pairs.push((one, other))).unwrap();
    assert_eq!(CopyGroups::of(2000, pairs).groups().len(), 1);
    assert!(likely_cosine_pairs(same.view(), 0.0, 0, |_, _, _| ()).is_err());
    likely_cosine_pairs(Array2::<f64>::zeros((9, 2)).view(), 0.9, 0, |_, _, _| panic!("no direction")).unwrap();
}

#[test]
fn an_index_finds_copies_where_all_point_nearly_the_same_way() {
    // As embeddings do: any two have a cosine of about .8, copies one above .97.
    let mut state = 7u64;
    let mut number = || {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (state >> 40) as f32 / (1 << 23) as f32 - 1.0
    };
    let mut vectors = Array2::from_shape_simple_fn((6000, 32), || 1.2 + number());
    for row in 5000..6000 {
        let copy = vectors.row(row - 5000).mapv(|x| x + 0.35 * number());
        vectors.row_mut(row).assign(&copy);
    }
    let mut exact = Vec::new();
    cosine_pairs(vectors.view(), 0.97, |one, other, _| exact.push((one, other))).unwrap();
    assert!((1000..3000).contains(&exact.len()), "{}", exact.len());
    for seed in 0..3 {
        let mut found = Vec::new();
        likely_cosine_pairs(vectors.view(), 0.97, seed, |one, other, _| found.push((one, other))).unwrap();
        assert!(found.iter().all(|pair| exact.binary_search(pair).is_ok()));
        assert!(found.len() as f64 >= 0.985 * exact.len() as f64, "{} of {}", found.len(), exact.len());
    }
}

#[test]
fn odd_vectors_have_sound_results() {
    let message = |vectors: Array2<f64>, threshold| {
        cosine_pairs(vectors.view(), threshold, |_, _, _| ()).unwrap_err().to_string()
    };
    assert_eq!(message(array![[1.0, f64::NAN]], 0.9), "row 0, column 1 is NaN, expected a finite number");
    assert_eq!(message(Array2::zeros((0, 2)), 0.9), "there are no vectors");
    assert_eq!(message(array![[1.0]], 0.0), "`threshold` is 0, expected above 0, up to 1");
    assert!(pairs(&array![[0.0, 0.0], [0.0, 0.0]], 0.5).is_empty());
    assert_eq!(pairs(&array![[1.0], [2.0], [-1.0]], 1.0), [(0, 1, 1.0)]);
}

#[test]
fn texts_that_repeat_others() {
    let texts = [
        "",
        "Subscribe to my channel, it is new",
        "The parcel never came",
        " ",
        "the parcel  never came!",
        "subscribe to my channel, it is new",
    ];
    let copies = copies_of_texts(&texts, 0.8).unwrap();
    assert_eq!(copies.iter().map(|copy| (copy.row, copy.of)).collect::<Vec<_>>(), [(4, 2), (5, 1)]);
    assert!(copies[0].jaccard < 1.0 && copies[1].jaccard == 1.0);
    // The third time it is still a copy of the first.
    let again = copies_of_texts(&["so good", "so good", "so good"], 1.0).unwrap();
    assert_eq!(again.iter().map(|copy| copy.of).collect::<Vec<_>>(), [0, 0]);
    assert!(copies_of_texts(&texts, 1.1).is_err());
    // One that is like two, which are not alike, joins them.
    let [left, both, right] = ["abcdefghijklmnop", "abcdefghijklmnopqrst", "efghijklmnopqrst"];
    let copies = copies_of_texts(&[left, right, both], 0.7).unwrap();
    assert_eq!(copies.iter().map(|copy| (copy.row, copy.of)).collect::<Vec<_>>(), [(2, 0), (2, 1)]);
}

proptest! {
    #[test]
    fn pairs_are_those_of_a_plain_search(numbers in prop::collection::vec(-2i32..3, 10..200), d in 1usize..7) {
        let n = numbers.len() / d;
        let vectors = Array2::from_shape_vec((n, d), numbers[..n * d].iter().map(|x| f64::from(*x)).collect()).unwrap();
        // No cosine of such vectors is so near to it that rounding decides.
        let found: Vec<(usize, usize)> = pairs(&vectors, 0.9011).iter().map(|(one, other, _)| (*one, *other)).collect();
        prop_assert_eq!(found, plain(&vectors, 0.9011));
    }

    #[test]
    fn groups_do_not_depend_on_the_order_of_pairs(mut pairs in prop::collection::vec((0usize..20, 0usize..20), 0..30)) {
        let groups = CopyGroups::of(20, pairs.clone());
        pairs.reverse();
        prop_assert_eq!(&groups, &CopyGroups::of(20, pairs));
        prop_assert!(groups.groups().iter().all(|group| group.is_sorted() && group.len() > 1));
    }
}
