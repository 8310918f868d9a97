//! Rows that are copies of one another, together.

/// Groups of rows that are near copies: a row belongs to a group if it is a copy of any row in it.
///
/// ```
/// use synth_audit::CopyGroups;
///
/// let groups = CopyGroups::of(6, [(0, 3), (3, 5), (1, 2)]);
/// assert_eq!(groups.groups(), [vec![0, 3, 5], vec![1, 2]]);
/// // One row of each group is enough.
/// assert_eq!(groups.n_extra(), 3);
/// // The first group has two labels; in the second one is not known.
/// let labels = [Some("spam"), Some("ham"), None, Some("spam"), None, Some("ham")];
/// assert_eq!(groups.mixed(&labels), [&[0, 3, 5]]);
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CopyGroups {
    groups: Vec<Vec<usize>>,
}

impl CopyGroups {
    /// Puts pairs of copies among `n` rows together, in whatever order they come. Pairs with other rows are left out.
    pub fn of(n: usize, pairs: impl IntoIterator<Item = (usize, usize)>) -> Self {
        let mut joined = CopyGroupsBuilder::new(n);
        pairs.into_iter().for_each(|(one, other)| joined.join(one, other));
        joined.finish()
    }

    /// The groups of two rows or more, rows in ascending order, groups by their first row.
    pub fn groups(&self) -> &[Vec<usize>] {
        &self.groups
    }

    /// How many rows would go if one of each group stayed.
    pub fn n_extra(&self) -> usize {
        self.groups.iter().map(|group| group.len() - 1).sum()
    }

    /// The groups whose rows have different keys: by label those whose labels conflict, by split those that leak. A row
    /// without a key contradicts none.
    ///
    /// # Shapes
    /// `keys: [n]`; rows beyond them have none.
    pub fn mixed<K: PartialEq>(&self, keys: &[Option<K>]) -> Vec<&[usize]> {
        let is_mixed = |group: &&[usize]| {
            let mut of_group = group.iter().filter_map(|row| keys.get(*row)?.as_ref());
            let first = of_group.next();
            of_group.any(|key| Some(key) != first)
        };
        self.groups.iter().map(Vec::as_slice).filter(is_mixed).collect()
    }
}

/// Puts pairs of copies together as they come, so that nobody need keep them: of n rows that are all the same there are
/// n² / 2.
#[derive(Debug, Clone)]
pub struct CopyGroupsBuilder {
    /// An earlier row of the same group, or the row itself.
    parents: Vec<usize>,
}

impl CopyGroupsBuilder {
    /// Of so many rows, none of which is a copy yet.
    pub fn new(n: usize) -> Self {
        Self { parents: (0..n).collect() }
    }

    /// One row is a copy of another; nothing happens if there is no such row.
    pub fn join(&mut self, one: usize, other: usize) {
        if one.max(other) < self.parents.len() {
            let (one, other) = (root(&mut self.parents, one), root(&mut self.parents, other));
            // The first row of a group stands for it.
            self.parents[one.max(other)] = one.min(other);
        }
    }

    /// The groups.
    pub fn finish(mut self) -> CopyGroups {
        let n = self.parents.len();
        let mut by_root: Vec<Vec<usize>> = vec![Vec::new(); n];
        for row in 0..n {
            let root = root(&mut self.parents, row);
            by_root[root].push(row);
        }
        CopyGroups { groups: by_root.into_iter().filter(|group| group.len() > 1).collect() }
    }
}

/// The first row of the group that a row belongs to so far.
fn root(parents: &mut [usize], mut row: usize) -> usize {
    while parents[row] != row {
        // Halves the way for the next time.
        parents[row] = parents[parents[row]];
        row = parents[row];
    }
    row
}
