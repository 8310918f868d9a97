//! Vote counts and label matrices.

use proptest::prelude::*;
use synth_core::{ClassId, ClassSet, LabelMatrix, LabelMatrixBuilder, Vote};
use synth_io::{CountsProblem, IoError, counts, matrix, votes};

use crate::{Folder, chain};

fn build(rows: &[Vec<Vote>]) -> LabelMatrix {
    let classes = ClassSet::new(["a", "b, \"c\"", "d"]).unwrap();
    let mut builder = LabelMatrixBuilder::new(classes, ["x", "y", "z"]).unwrap();
    rows.iter().for_each(|row| builder.push_row(row.iter().copied()).unwrap());
    builder.finish()
}

fn rows() -> impl Strategy<Value = Vec<Vec<Vote>>> {
    let vote = prop::option::of((0u16..3).prop_map(ClassId::new));
    prop::collection::vec(prop::collection::vec(vote, 3), 0..40)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]
    #[test]
    fn what_is_saved_is_loaded(rows in rows()) {
        let folder = Folder::new();
        let votes = build(&rows);
        let path = folder.path("m.parquet");
        matrix::save(&path, &votes, &[]).unwrap();
        prop_assert_eq!(&matrix::load(&path).unwrap(), &votes);
        prop_assert_eq!(&counts::load(&path).unwrap(), votes.patterns());
    }

    #[test]
    fn shards_merge_as_if_counted_together(rows in rows(), cut in 0usize..40) {
        let folder = Folder::new();
        let (head, tail) = rows.split_at(cut.min(rows.len()));
        let paths = [folder.path("1.parquet"), folder.path("2.parquet")];
        counts::save(&paths[0], build(head).patterns(), &[]).unwrap();
        counts::save(&paths[1], build(tail).patterns(), &[]).unwrap();
        let whole = build(&rows);
        prop_assert_eq!(&counts::merge(&paths).unwrap(), whole.patterns());
    }

    #[test]
    fn garbage_is_no_vote_matrix(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
        let classes = ClassSet::new(["a"]).unwrap();
        prop_assert!(votes::read_npy(bytes.as_slice(), "x.npy".as_ref(), &classes, None).is_err());
    }
}

#[test]
fn counts_are_no_matrix_and_other_parquet_is_neither() {
    let folder = Folder::new();
    let path = folder.path("c.parquet");
    counts::save(&path, build(&[vec![None; 3]]).patterns(), &[("run".into(), "1".into())]).unwrap();
    let error = matrix::load(&path).unwrap_err();
    assert_eq!(
        folder.relative(chain(&error)),
        "cannot use `c.parquet` as vote counts: it holds the counts of vote patterns, not the rows of a label matrix"
    );
    let whole = std::fs::read(&path).unwrap();
    folder.file("c.parquet", &whole[..whole.len() / 2]);
    assert!(matches!(counts::load(&path), Err(IoError::Damaged { .. })));
    assert!(matches!(counts::load(&folder.path("none.parquet")), Err(IoError::Open { .. })));
    let none: [&str; 0] = [];
    assert!(matches!(counts::merge(&none), Err(IoError::NoInput)));
}

/// A file of counts with other metadata or columns than ours.
fn forge(version: &str, count: u64, lf: u32, class: u16, second_class: bool) -> (Folder, IoError) {
    use arrow_array::builder::{ListBuilder, UInt16Builder, UInt32Builder};
    use std::sync::Arc;
    let folder = Folder::new();
    let path = folder.path("c.parquet");
    let (mut lfs, mut classes) = (ListBuilder::new(UInt32Builder::new()), ListBuilder::new(UInt16Builder::new()));
    for _ in 0..2 {
        lfs.append_value([Some(lf)]);
        classes.append_value(vec![Some(class); 1 + usize::from(second_class)]);
    }
    let counts: arrow_array::ArrayRef = Arc::new(arrow_array::UInt64Array::from(vec![count; 2]));
    let columns: [(&str, arrow_array::ArrayRef); 3] =
        [("count", counts), ("lf_idx", Arc::new(lfs.finish())), ("class", Arc::new(classes.finish()))];
    let batch = arrow_array::RecordBatch::try_from_iter(columns).unwrap();
    let file = std::fs::File::create(&path).unwrap();
    let mut writer = parquet::arrow::ArrowWriter::try_new(file, batch.schema(), None).unwrap();
    for (key, value) in [("synth.counts", version), ("synth.classes", "[\"a\"]"), ("synth.lfs", "[\"f\"]")] {
        let pair = parquet::file::metadata::KeyValue::new(key.to_owned(), value.to_owned());
        writer.append_key_value_metadata(pair);
    }
    writer.write(&batch).unwrap();
    writer.close().unwrap();
    let error = counts::load(&path).unwrap_err();
    (folder, error)
}

#[test]
fn forged_counts_are_refused() {
    let problem = |(_, error): (Folder, IoError)| match error {
        IoError::Counts { problem, .. } => problem,
        other => panic!("{other}"),
    };
    assert_eq!(problem(forge("x", 1, 0, 0, false)), CountsProblem::NotCounts { key: "synth.counts" });
    assert_eq!(problem(forge("2", 1, 0, 0, false)), CountsProblem::Newer { got: 2, known: 1 });
    assert_eq!(problem(forge("1", u64::MAX, 0, 0, false)), CountsProblem::Overflow);
    assert_eq!(problem(forge("1", 1, 0, 0, true)), CountsProblem::Lengths { row: 0, lfs: 1, classes: 2 });
    assert!(matches!(forge("1", 1, 1, 0, false).1, IoError::Core { .. }));
    assert!(matches!(forge("1", 1, 0, 1, false).1, IoError::Core { .. }));
}

#[test]
fn damaged_counts_do_not_panic() {
    let folder = Folder::new();
    let path = folder.path("c.parquet");
    matrix::save(&path, &build(&vec![vec![None, Some(ClassId::new(1)), None]; 3]), &[]).unwrap();
    let whole = std::fs::read(&path).unwrap();
    for at in 0..whole.len() {
        let mut bytes = whole.clone();
        bytes[at] ^= 0x55;
        std::fs::write(&path, bytes).unwrap();
        drop(matrix::load(&path));
    }
}

#[test]
fn shards_of_different_functions_do_not_merge() {
    let folder = Folder::new();
    let other = LabelMatrixBuilder::new(ClassSet::new(["a"]).unwrap(), ["x"]).unwrap().finish();
    let paths = [folder.path("1.parquet"), folder.path("2.parquet")];
    counts::save(&paths[0], build(&[]).patterns(), &[]).unwrap();
    counts::save(&paths[1], other.patterns(), &[]).unwrap();
    let error = counts::merge(&paths).unwrap_err();
    assert_eq!(
        folder.relative(chain(&error)),
        "the contents of `2.parquet` do not fit: the labeling functions differ: x, y, z against x"
    );
}

#[test]
fn votes_go_out_and_come_in() {
    let folder = Folder::new();
    let path = folder.path("v.npy");
    let class = |c| Some(ClassId::new(c));
    let matrix = build(&[vec![class(0), None, class(2)], vec![None, class(1), None]]);
    votes::save_npy(&path, &matrix).unwrap();
    let read = votes::load_npy(&path, matrix.classes(), Some(matrix.lf_names())).unwrap();
    assert_eq!(read, matrix);
    assert_eq!(&std::fs::read(&path).unwrap()[128..], [0, 255, 2, 255, 1, 255]);
}
