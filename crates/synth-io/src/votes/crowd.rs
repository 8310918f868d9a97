//! Votes of crowd workers: CSV with the columns `item`, `worker` and `label`.

use std::path::Path;

use hashbrown::HashMap;
use synth_core::{ClassSet, LabelMatrix, LabelMatrixBuilder, LfVote};

use crate::csv::{Records, header};
use crate::{IoError, RecordProblem};

/// Crowd votes as a label matrix: items are rows, workers are labeling functions.
#[derive(Debug, Clone)]
pub struct Crowd {
    /// The votes. Workers stand in the order of their first vote and carry their names.
    pub matrix: LabelMatrix,
    /// The items, in the order of their first vote.
    pub items: Vec<String>,
    /// How many votes were replaced by a later vote of the same worker on the same item.
    pub n_replaced: u64,
}

/// Reads crowd votes; `-` is stdin.
///
/// The columns `item`, `worker` and `label` may stand in any order and among others. Cells are text, also where they
/// look like numbers. Without `classes` the classes are the distinct labels: sorted as numbers if all are numbers,
/// else bytewise. Where a worker voted on an item more than once the last vote counts.
///
/// # Errors
/// A column is missing, a cell of the three is empty, a label is none of the classes; malformed CSV; no vote at all,
/// if the classes are not given.
pub fn load_crowd(path: &Path, classes: Option<&ClassSet>) -> Result<Crowd, IoError> {
    const COLUMNS: [&str; 3] = ["item", "worker", "label"];
    let mut records = Records::open_once(path)?;
    let names = header(&mut records)?.unwrap_or_default();
    let mut positions = [0; 3];
    for (position, column) in positions.iter_mut().zip(COLUMNS) {
        let found = names.iter().position(|name| name == column);
        let missing = || IoError::NoField { field: column.to_owned(), role: "crowd votes", known: names.clone() };
        *position = found.ok_or_else(missing)?;
    }
    let [mut items, mut workers, mut labels] = [(); 3].map(|()| Interner::default());
    if let Some(classes) = classes {
        for name in classes.names() {
            labels.intern(name);
        }
    }
    let mut votes: Vec<[u32; 3]> = Vec::new();
    while let Some(read) = records.advance()? {
        let got = records.cells.len();
        let bad = |problem| IoError::Record { place: records.place(), problem };
        read.map_err(bad)?;
        if got != names.len() {
            return Err(bad(RecordProblem::FieldCount { expected: names.len(), got }));
        }
        let cells = positions.map(|position| records.cells.get(position));
        if let Some(at) = cells.iter().position(|cell| cell.is_empty()) {
            return Err(bad(RecordProblem::EmptyCell { name: COLUMNS[at] }));
        }
        let label = labels.intern(cells[2]);
        if let Some(classes) = classes.filter(|classes| label as usize >= classes.len()) {
            let (label, classes) = (cells[2].to_owned(), classes.names().to_vec());
            return Err(IoError::UnknownLabel { place: records.place(), label, classes });
        }
        votes.push([items.intern(cells[0]), workers.intern(cells[1]), label]);
    }
    if votes.is_empty() && classes.is_none() {
        return Err(IoError::NoVotes { path: path.to_owned() });
    }
    let core = |source| IoError::Core { path: path.to_owned(), source };
    let classes = match classes {
        Some(classes) => classes.clone(),
        None => {
            let mut names = labels.names.clone();
            sort_labels(&mut names);
            ClassSet::new(names).map_err(core)?
        }
    };
    // The number of a label in order of appearance, as a class.
    let class_of: Vec<_> = labels.names.iter().filter_map(|name| classes.id(name)).collect();
    let mut builder = LabelMatrixBuilder::new(classes, workers.names).map_err(core)?;
    // Stable: of the votes of one worker on one item the last stays last.
    votes.sort_by_key(|&[item, worker, _]| (item, worker));
    let mut n_replaced = 0;
    let mut row: Vec<LfVote> = Vec::new();
    for item_votes in votes.chunk_by(|a, b| a[0] == b[0]) {
        row.clear();
        for &[_, worker, label] in item_votes {
            let vote = LfVote { lf_idx: worker, class: class_of[label as usize] };
            match row.last_mut().filter(|last| last.lf_idx == worker) {
                Some(last) => {
                    *last = vote;
                    n_replaced += 1;
                }
                None => row.push(vote),
            }
        }
        builder.push_sparse(&row).map_err(core)?;
    }
    Ok(Crowd { matrix: builder.finish(), items: items.names, n_replaced })
}

/// Numbers for names, in the order of their first appearance.
#[derive(Debug, Default)]
struct Interner {
    names: Vec<String>,
    numbers: HashMap<String, u32>,
}

impl Interner {
    fn intern(&mut self, name: &str) -> u32 {
        if let Some(&number) = self.numbers.get(name) {
            return number;
        }
        let number = self.names.len() as u32;
        self.names.push(name.to_owned());
        self.numbers.insert(name.to_owned(), number);
        number
    }
}

/// Sorts labels: by what they are worth if all are numbers, else bytewise.
///
/// ```
/// let mut labels = ["10", "1.5", "2"].map(str::to_owned);
/// synth_io::votes::sort_labels(&mut labels);
/// assert_eq!(labels, ["1.5", "2", "10"]);
/// ```
pub fn sort_labels(labels: &mut [String]) {
    labels.sort();
    let integers: Option<Vec<i128>> = labels.iter().map(|label| label.parse().ok()).collect();
    let numbers = || labels.iter().all(|label| label.parse::<f64>().is_ok_and(f64::is_finite));
    // `01` and `1` are the same number: bytes decide, as the sort is stable.
    if integers.is_some() {
        labels.sort_by_key(|label| label.parse::<i128>().unwrap_or(0));
    } else if numbers() {
        let number = |label: &String| label.parse().unwrap_or(0.0);
        labels.sort_by(|a, b| f64::total_cmp(&number(a), &number(b)));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn load(text: &str, classes: Option<&ClassSet>) -> Result<Crowd, IoError> {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("votes.csv");
        std::fs::write(&path, text).unwrap();
        load_crowd(&path, classes)
    }

    #[test]
    fn items_and_workers_stand_in_order_of_appearance() {
        let crowd = load("label,note,item,worker\n10,x,q2,w1\n9,,q1,w1\n10,,q1,w0\n9,,q2,w1\n", None).unwrap();
        assert_eq!(crowd.items, ["q2", "q1"]);
        assert_eq!(crowd.matrix.lf_names(), ["w1", "w0"]);
        assert_eq!(crowd.matrix.classes().names(), ["9", "10"]);
        assert_eq!(crowd.n_replaced, 1);
        let classes = crowd.matrix.classes();
        assert_eq!(crowd.matrix.vote(0, 0), classes.id("9"));
        assert_eq!(crowd.matrix.vote(0, 1), None);
        assert_eq!(crowd.matrix.vote(1, 1), classes.id("10"));
    }

    #[test]
    fn labels_that_are_not_all_integers_sort_bytewise() {
        let crowd = load("item,worker,label\na,w,10\nb,w,9\nc,w,x\n", None).unwrap();
        assert_eq!(crowd.matrix.classes().names(), ["10", "9", "x"]);
    }

    #[test]
    fn mistakes_name_their_line() {
        let classes = ClassSet::new(["no", "yes"]).unwrap();
        let check = |text: &str, expected: &str| {
            let error = load(text, Some(&classes)).unwrap_err().to_string();
            assert!(error.ends_with(expected), "{error}");
        };
        check("item,worker,label\na,w,yes\n\na,v,maybe\n", "votes.csv:4 is no class");
        check("item,worker,label\na,w\n", "votes.csv:2");
        check("item,worker,label\na,,yes\n", "votes.csv:2");
        check("item,label\na,yes\n", "no field `worker` for the crowd votes");
        check("", "no field `item` for the crowd votes");
    }
}
