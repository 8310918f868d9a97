//! What the tests of this crate share: small matrices, and planted ones.

use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;
use synth_core::{ClassId, ClassSet, LabelMatrix, LabelMatrixBuilder, LfVote, SoftLabels, VotePatterns};

pub(crate) type RawVotes = Vec<Option<u16>>;

pub(crate) fn classes(k: usize) -> ClassSet {
    ClassSet::new((0..k).map(|c| format!("c{c}"))).unwrap()
}

pub(crate) fn matrix(m: usize, k: usize, rows: &[RawVotes]) -> LabelMatrix {
    let mut builder = LabelMatrixBuilder::new(classes(k), (0..m).map(|j| format!("lf{j}"))).unwrap();
    for row in rows {
        builder.push_row(row.iter().map(|v| v.map(ClassId::new))).unwrap();
    }
    builder.finish()
}

pub(crate) fn patterns(m: usize, k: usize, rows: &[(RawVotes, u64)]) -> VotePatterns {
    let sparse: Vec<(Vec<LfVote>, u64)> = rows
        .iter()
        .map(|(row, count)| {
            let vote = |(j, v): (usize, &Option<u16>)| v.map(|v| LfVote { lf_idx: j as u32, class: ClassId::new(v) });
            (row.iter().enumerate().filter_map(vote).collect(), *count)
        })
        .collect();
    let names = (0..m).map(|j| format!("lf{j}"));
    VotePatterns::from_counts(classes(k), names, sparse.iter().map(|(v, c)| (v.as_slice(), *c))).unwrap()
}

/// Votes of independent functions on classes drawn from `balance`: each function votes with its coverage and
/// is right with its accuracy, else says one of the other classes.
pub(crate) fn planted(n: usize, balance: &[f64], lfs: &[(f64, f64)], seed: u64) -> (Vec<RawVotes>, Vec<u16>) {
    let mut rng = ChaCha8Rng::seed_from_u64(seed);
    let k = balance.len();
    let (mut rows, mut truth) = (Vec::with_capacity(n), Vec::with_capacity(n));
    for _ in 0..n {
        let mut u: f64 = rng.random();
        let mut class = 0;
        while class + 1 < k && u >= balance[class] {
            u -= balance[class];
            class += 1;
        }
        let vote = |&(coverage, accuracy): &(f64, f64)| {
            let (votes, right, other): (f64, f64, usize) =
                (rng.random(), rng.random(), rng.random_range(0..k.max(2) - 1));
            let wrong = (class + 1 + other) % k;
            (votes < coverage).then_some(if right < accuracy { class } else { wrong } as u16)
        };
        rows.push(lfs.iter().map(vote).collect());
        truth.push(class as u16);
    }
    (rows, truth)
}

/// The share of rows whose label is the truth.
pub(crate) fn accuracy(soft: &SoftLabels, truth: &[u16]) -> f64 {
    let hits = truth.iter().enumerate().filter(|&(row, &y)| soft.label(row).index() == usize::from(y)).count();
    hits as f64 / truth.len() as f64
}
