//! Functions that cast the same votes, and pairs that depend on each other.

use rustc_hash::FxHashMap;

use crate::cells::Cells;

/// Pairs are counted on at most about this many patterns: counting costs the square of the votes a row.
const SAMPLE: usize = 1 << 15;
/// Functions up to which pairs stand in a plain table.
const DENSE_LFS: usize = 1024;

/// Two functions that vote on the same rows.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Pair {
    pub(crate) a: usize,
    pub(crate) b: usize,
    /// Rows on which both vote.
    pub(crate) both: f64,
    /// Rows on which both vote the same.
    pub(crate) agree: f64,
}

/// All pairs of functions that meet, ascending, and the cells they were counted on.
pub(crate) fn count_pairs(cells: &Cells) -> (Vec<Pair>, Cells) {
    let sample = cells.every(cells.len().div_ceil(SAMPLE).max(1));
    let m = sample.n_lfs;
    let mut dense = vec![(0.0, 0.0); if m <= DENSE_LFS { m * m } else { 0 }];
    let mut sparse: FxHashMap<usize, (f64, f64)> = FxHashMap::default();
    for p in 0..sample.len() {
        let votes = sample.votes(p);
        for (i, &first) in votes.iter().enumerate() {
            for &second in &votes[i + 1..] {
                let slot = sample.lf[first as usize] as usize * m + sample.lf[second as usize] as usize;
                let counted = if m <= DENSE_LFS { &mut dense[slot] } else { sparse.entry(slot).or_default() };
                counted.0 += sample.counts[p];
                if sample.class[first as usize] == sample.class[second as usize] {
                    counted.1 += sample.counts[p];
                }
            }
        }
    }
    let mut pairs: Vec<Pair> = dense
        .into_iter()
        .enumerate()
        // In any order: sorted below.
        .chain(sparse)
        .filter(|&(_, (both, _))| both > 0.0)
        .map(|(slot, (both, agree))| Pair { a: slot / m, b: slot % m, both, agree })
        .collect();
    pairs.sort_unstable_by_key(|pair| (pair.a, pair.b));
    (pairs, sample)
}

/// Two functions are taken for one when they differ on at most this share of the rows on which they would be
/// expected to differ.
const SAME: f64 = 0.15;
/// And only where they would be expected to differ on this many rows: no difference on fewer may be chance.
const EXPECTED_DIFFERENCES: f64 = 10.0;

/// Groups of functions that cast the same votes, or nearly; each ascending, in order of their first.
///
/// A pair differs on a row where either votes and they do not vote the same. How often a pair would be expected
/// to differ is what its functions show towards all others that are no near-copies: functions that are right
/// 98 % of the time also differ rarely, and are no copies. Where both functions vote several classes, they must
/// also hardly differ where both vote, since two crowd workers who were given the same items have that in common
/// without being one.
pub(crate) fn same_votes(pairs: &[Pair], sample: &Cells) -> Vec<Vec<usize>> {
    let m = sample.n_lfs;
    let polarity = sample.polarity();
    let either = |pair: &Pair| sample.lf_rows[pair.a] + sample.lf_rows[pair.b] - pair.both;
    let on_either = typical(pairs, m, |pair| (either(pair) - pair.agree, either(pair)));
    let on_both = typical(pairs, m, |pair| (pair.both - pair.agree, pair.both));
    let close = |differ: f64, rows: f64, typical: f64| {
        rows * typical >= EXPECTED_DIFFERENCES && differ <= SAME * rows * typical
    };
    let mut group: Vec<usize> = (0..m).collect();
    let find = |group: &[usize], mut lf: usize| {
        while group[lf] != lf {
            lf = group[lf];
        }
        lf
    };
    for pair in pairs {
        let &Pair { a, b, both, agree } = pair;
        let several_classes = polarity[a] > 1 && polarity[b] > 1;
        let same = close(either(pair) - agree, either(pair), on_either[a].min(on_either[b]))
            && (!several_classes || close(both - agree, both, on_both[a].min(on_both[b])));
        if same {
            let (a, b) = (find(&group, a), find(&group, b));
            group[a.max(b)] = a.min(b);
        }
    }
    let mut members = vec![Vec::new(); m];
    (0..m).for_each(|lf| members[find(&group, lf)].push(lf));
    members.retain(|group| group.len() > 1);
    members
}

/// How often each function differs from the others, near-copies left out.
fn typical(pairs: &[Pair], m: usize, differ: impl Fn(&Pair) -> (f64, f64)) -> Vec<f64> {
    /// Pairs that differ on fewer rows than this are near-copies.
    const NEAR: f64 = 0.1;
    let (mut differing, mut rows) = (vec![0.0; m], vec![0.0; m]);
    for pair in pairs {
        let (d, n) = differ(pair);
        if d > NEAR * n {
            for lf in [pair.a, pair.b] {
                differing[lf] += d;
                rows[lf] += n;
            }
        }
    }
    differing.iter().zip(rows).map(|(d, n)| if n > 0.0 { d / n } else { 0.0 }).collect()
}

/// The weight of each function: 1, or one over the size of its group.
pub(crate) fn group_weights(m: usize, groups: &[Vec<usize>]) -> Vec<f64> {
    let mut weights = vec![1.0; m];
    for group in groups {
        group.iter().for_each(|&lf| weights[lf] = 1.0 / group.len() as f64);
    }
    weights
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{matrix, planted};

    fn groups(rows: &[Vec<Option<u16>>], k: usize) -> Vec<Vec<usize>> {
        let (pairs, sample) = count_pairs(&Cells::of(matrix(rows[0].len(), k, rows).patterns()));
        same_votes(&pairs, &sample)
    }

    #[test]
    fn copies_are_found_and_good_functions_are_not_copies() {
        let (mut rows, _) = planted(2_000, &[0.5, 0.5], &[(0.5, 0.7), (0.5, 0.8), (0.4, 0.6), (0.6, 0.7)], 1);
        assert!(groups(&rows, 2).is_empty());
        for (i, row) in rows.iter_mut().enumerate() {
            // An exact copy of the first, and one that abstains on every 50th row.
            let copy = row[0];
            row.push(copy);
            row.push(if i % 50 == 0 { None } else { copy });
        }
        assert_eq!(groups(&rows, 2), [[0, 4, 5]]);
        let (rows, _) = planted(2_000, &[0.5, 0.5], &[(1.0, 0.98); 5], 2);
        assert!(groups(&rows, 2).is_empty());
    }

    #[test]
    fn a_few_equal_votes_prove_nothing() {
        let rows: Vec<_> = (0..6).map(|i| vec![Some(0), Some(0), (i % 2 == 0).then_some(1)]).collect();
        assert!(groups(&rows, 2).is_empty());
    }
}
