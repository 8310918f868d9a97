//! Votes in `.npy`: an integer array of n x m, where -1 abstains.

use std::fs::File;
use std::io::{self, BufReader, Read, Write};
use std::path::Path;

use synth_core::{ClassId, ClassSet, LabelMatrix, LabelMatrixBuilder, LfVote};

use crate::npy::Header;
use crate::{AtomicFile, IoError, NpyProblem};

/// Reads votes from a file; `-` is stdin. See [`read_npy`].
///
/// # Errors
/// As [`read_npy`]; the file cannot be opened.
pub fn load_npy(path: &Path, classes: &ClassSet, lf_names: Option<&[String]>) -> Result<LabelMatrix, IoError> {
    if path == Path::new("-") {
        return read_npy(io::stdin().lock(), Path::new("stdin"), classes, lf_names);
    }
    let file = File::open(path).map_err(|source| IoError::Open { path: path.to_owned(), source })?;
    read_npy(BufReader::with_capacity(1 << 18, file), path, classes, lf_names)
}

/// Reads votes: any type of integers, little or big endian, in C or Fortran order.
///
/// -1 abstains, all else is the index of a class. `name` is the file's name, for messages. Without names the
/// labeling functions are called `lf0`, `lf1` and so on. In C order rows are taken as they come; in Fortran order
/// the whole array is read first.
///
/// # Shapes
/// `[n, m]`, with m at least 1.
///
/// # Errors
/// No `.npy`, another shape or element type, another number of columns than names, cut short; a vote out of range.
pub fn read_npy(
    mut reader: impl Read,
    name: &Path,
    classes: &ClassSet,
    lf_names: Option<&[String]>,
) -> Result<LabelMatrix, IoError> {
    let problem = |problem| IoError::Npy { path: name.to_owned(), problem };
    let read = |source| IoError::Read { path: name.to_owned(), source };
    let core = |source| IoError::Core { path: name.to_owned(), source };
    let header = Header::read(&mut reader).map_err(|error| error.at(name))?;
    let [n, m] = header.shape[..] else {
        return Err(problem(NpyProblem::Dimensions { got: header.shape.len() }));
    };
    if m == 0 {
        // Any number of rows would fit into no bytes at all.
        return Err(problem(NpyProblem::NoColumns));
    }
    let Some(element) = Element::of(&header.descr) else {
        return Err(problem(NpyProblem::NotIntegers { descr: header.descr }));
    };
    if let Some(names) = lf_names.filter(|names| names.len() != m) {
        return Err(problem(NpyProblem::Columns { expected: names.len(), got: m }));
    }
    let cut_short = || problem(NpyProblem::CutShort { rows: n, columns: m });
    let row_bytes = m.checked_mul(element.size).ok_or_else(cut_short)?;
    let all_bytes = n.checked_mul(row_bytes).ok_or_else(cut_short)?;
    let mut bytes = Vec::new();
    // Memory grows with what is there, not with what the header announces.
    let mut take = |bytes: &mut Vec<u8>, count: usize| {
        bytes.clear();
        let got = reader.by_ref().take(count as u64).read_to_end(bytes).map_err(read)?;
        if got == count { Ok(()) } else { Err(cut_short()) }
    };
    // Also before names are made up for as many columns as a damaged header announces.
    take(
        &mut bytes,
        if header.fortran_order {
            all_bytes
        } else if n > 0 {
            row_bytes
        } else {
            0
        },
    )?;
    let names = lf_names.map_or_else(|| (0..m).map(|j| format!("lf{j}")).collect(), <[String]>::to_vec);
    let mut builder = LabelMatrixBuilder::new(classes.clone(), names).map_err(core)?;
    let mut votes = Vec::with_capacity(m);
    for row in 0..n {
        if !header.fortran_order && row > 0 {
            take(&mut bytes, row_bytes)?;
        }
        votes.clear();
        for column in 0..m {
            let at = if header.fortran_order { column * n + row } else { column } * element.size;
            let value = element.value(&bytes[at..at + element.size]);
            if value == -1 {
                continue;
            }
            let class = usize::try_from(value).ok().and_then(|index| classes.at(index)).ok_or_else(|| {
                IoError::VoteOutOfRange { path: name.to_owned(), row, column, value, n_classes: classes.len() }
            })?;
            votes.push(LfVote { lf_idx: column as u32, class });
        }
        builder.push_sparse(&votes).map_err(core)?;
    }
    Ok(builder.finish())
}

/// How an integer is stored.
struct Element {
    size: usize,
    signed: bool,
    big_endian: bool,
}

impl Element {
    fn of(descr: &str) -> Option<Self> {
        let mut chars = descr.chars();
        let big_endian = match chars.next()? {
            '<' | '|' => false,
            '>' => true,
            // Native order; NumPy itself never writes it.
            '=' => cfg!(target_endian = "big"),
            _ => return None,
        };
        let signed = match chars.next()? {
            'i' => true,
            'u' => false,
            _ => return None,
        };
        let size = match chars.as_str() {
            "1" => 1,
            "2" => 2,
            "4" => 4,
            "8" => 8,
            _ => return None,
        };
        Some(Self { size, signed, big_endian })
    }

    fn value(&self, bytes: &[u8]) -> i128 {
        let mut word = [0; 8];
        let word = &mut word[..self.size];
        word.copy_from_slice(bytes);
        if self.big_endian {
            word.reverse();
        }
        let unsigned = word.iter().rev().fold(0u64, |value, &byte| (value << 8) | u64::from(byte));
        let spare = 64 - 8 * self.size as u32;
        if self.signed { i128::from(((unsigned << spare) as i64) >> spare) } else { i128::from(unsigned) }
    }
}

/// Writes the votes of a label matrix: int8 for up to 127 classes, int16 up to 32767, else int32; -1 abstains.
///
/// # Shapes
/// `[n, m]`, C order.
///
/// # Errors
/// The file cannot be written.
pub fn save_npy(path: &Path, matrix: &LabelMatrix) -> Result<(), IoError> {
    let mut file = AtomicFile::create(path)?;
    write_npy(&mut file, matrix).map_err(|error| IoError::write(path, error))?;
    file.commit()
}

fn write_npy(out: &mut impl Write, matrix: &LabelMatrix) -> io::Result<()> {
    let (descr, size) = match matrix.n_classes() {
        ..=127 => ("|i1", 1),
        128..=32767 => ("<i2", 2),
        _ => ("<i4", 4),
    };
    let shape = vec![matrix.n_rows(), matrix.n_lfs()];
    out.write_all(&Header { descr: descr.to_owned(), fortran_order: false, shape }.to_bytes())?;
    let mut row = vec![0xff; matrix.n_lfs() * size];
    for i in 0..matrix.n_rows() {
        // All ones is -1 in any width.
        row.fill(0xff);
        for vote in matrix.votes(i) {
            let at = vote.lf_idx as usize * size;
            row[at..at + size].copy_from_slice(&class_bytes(vote.class)[..size]);
        }
        out.write_all(&row)?;
    }
    Ok(())
}

fn class_bytes(class: ClassId) -> [u8; 4] {
    (class.index() as u32).to_le_bytes()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use synth_core::Vote;

    use super::*;

    fn classes(k: usize) -> ClassSet {
        ClassSet::new((0..k).map(|c| format!("c{c}"))).unwrap()
    }

    fn npy(descr: &str, fortran_order: bool, shape: &[usize], values: &[u8]) -> Vec<u8> {
        let mut bytes = Header { descr: descr.into(), fortran_order, shape: shape.to_vec() }.to_bytes();
        bytes.extend(values);
        bytes
    }

    fn read(bytes: &[u8], k: usize) -> Result<LabelMatrix, IoError> {
        read_npy(bytes, Path::new("votes.npy"), &classes(k), None)
    }

    fn cells(matrix: &LabelMatrix) -> Vec<Vec<Vote>> {
        (0..matrix.n_rows()).map(|i| (0..matrix.n_lfs()).map(|j| matrix.vote(i, j)).collect()).collect()
    }

    #[test]
    fn any_integers_in_any_order() {
        let class = |c| Some(ClassId::new(c));
        let expected = [vec![class(0), None, class(1)], vec![class(1), class(1), None]];
        let values: [i64; 6] = [0, -1, 1, 1, 1, -1];
        let columns: [i64; 6] = [0, 1, -1, 1, 1, -1];
        let le2: Vec<u8> = values.iter().flat_map(|&v| (v as i16).to_le_bytes()).collect();
        let be8: Vec<u8> = values.iter().flat_map(|&v| v.to_be_bytes()).collect();
        let fortran: Vec<u8> = columns.iter().flat_map(|&v| (v as i32).to_be_bytes()).collect();
        for bytes in
            [npy("<i2", false, &[2, 3], &le2), npy(">i8", false, &[2, 3], &be8), npy(">i4", true, &[2, 3], &fortran)]
        {
            assert_eq!(cells(&read(&bytes, 2).unwrap()), expected);
        }
        let unsigned = read(&npy("|u1", false, &[1, 2], &[1, 0]), 2).unwrap();
        assert_eq!(cells(&unsigned), [vec![class(1), class(0)]]);
    }

    #[test]
    fn votes_out_of_range_name_their_cell() {
        for (value, text) in [(2i8, "vote 2"), (-2, "vote -2")] {
            let error = read(&npy("|i1", false, &[2, 2], &[0, 1, 0xff, value as u8]), 2).unwrap_err();
            let expected = format!("`votes.npy`, row 1, column 1: {text} is neither -1 nor below 2");
            assert_eq!(error.to_string(), expected);
        }
        let error = read(&npy("<u8", false, &[1, 1], &[0xff; 8]), 2).unwrap_err();
        assert!(matches!(error, IoError::VoteOutOfRange { value: 0xffff_ffff_ffff_ffff, .. }));
    }

    #[test]
    fn what_is_no_vote_matrix_says_why() {
        let problem = |bytes: &[u8]| match read(bytes, 2).unwrap_err() {
            IoError::Npy { problem, .. } => problem,
            other => panic!("{other}"),
        };
        assert_eq!(problem(&npy("|i1", false, &[3], &[0; 3])), NpyProblem::Dimensions { got: 1 });
        assert_eq!(problem(&npy("<f8", false, &[1, 1], &[0; 8])), NpyProblem::NotIntegers { descr: "<f8".into() });
        assert_eq!(problem(&npy("|i1", false, &[2, 2], &[0; 3])), NpyProblem::CutShort { rows: 2, columns: 2 });
        assert_eq!(problem(&npy("|i1", false, &[1 << 40, 0], &[])), NpyProblem::NoColumns);
        for fortran_order in [false, true] {
            let huge = npy("<i8", fortran_order, &[1 << 40, 1 << 40], &[0; 8]);
            assert!(matches!(problem(&huge), NpyProblem::CutShort { .. }));
            let wide = npy("<i8", fortran_order, &[1, 1 << 40], &[0; 8]);
            assert!(matches!(problem(&wide), NpyProblem::CutShort { .. }));
        }
    }

    proptest! {
        #[test]
        fn what_is_written_reads_back(
            (m, k, rows) in (1usize..5, prop_oneof![Just(3usize), Just(200)]).prop_flat_map(|(m, k)| {
                let vote = prop::option::of((0..k as u16).prop_map(ClassId::new));
                (Just(m), Just(k), prop::collection::vec(prop::collection::vec(vote, m), 0..20))
            }),
        ) {
            let mut builder = LabelMatrixBuilder::new(classes(k), (0..m).map(|j| format!("lf{j}"))).unwrap();
            for row in &rows {
                builder.push_row(row.iter().copied()).unwrap();
            }
            let matrix = builder.finish();
            let mut bytes = Vec::new();
            write_npy(&mut bytes, &matrix).unwrap();
            prop_assert_eq!(bytes.len(), 128 + rows.len() * m * if k > 127 { 2 } else { 1 });
            prop_assert_eq!(read(&bytes, k).unwrap(), matrix);
        }
    }
}
