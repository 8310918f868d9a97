//! One record of CSV: its cells, and where it ends.

use crate::RecordProblem;

/// The cells of one record, unquoted.
#[derive(Debug, Default)]
pub(crate) struct Cells {
    text: String,
    ends: Vec<usize>,
}

impl Cells {
    pub(crate) fn len(&self) -> usize {
        self.ends.len()
    }

    pub(crate) fn get(&self, index: usize) -> &str {
        let start = if index == 0 { 0 } else { self.ends[index - 1] };
        &self.text[start..self.ends[index]]
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = &str> {
        (0..self.len()).map(|index| self.get(index))
    }

    fn clear(&mut self) {
        self.text.clear();
        self.ends.clear();
    }

    fn end(&mut self) {
        self.ends.push(self.text.len());
    }
}

/// What stands at the start of a window.
#[derive(Debug, PartialEq)]
pub(super) enum Split {
    /// The record goes on behind the window.
    More,
    /// A record of so many bytes.
    Record { bytes: usize },
    /// A malformed record; after these bytes another may begin.
    Bad { bytes: usize, problem: RecordProblem },
}

/// A record may not be longer: text offsets within a batch are 32 bits wide.
const MAX_RECORD: usize = i32::MAX as usize;

/// Takes the first record of a window apart. `at_end`: the window reaches to the end of the file.
pub(super) fn split(window: &[u8], at_end: bool, cells: &mut Cells) -> Split {
    cells.clear();
    let bytes = match end_of_record(window, at_end || window.len() > MAX_RECORD) {
        Ok(Some(bytes)) => bytes,
        Ok(None) => return Split::More,
        Err((bytes, problem)) => return Split::Bad { bytes, problem },
    };
    if bytes > MAX_RECORD {
        return Split::Bad { bytes, problem: RecordProblem::TooLong { bytes: bytes as u64 } };
    }
    match std::str::from_utf8(&window[..bytes]) {
        Ok(record) => fill(record, cells),
        Err(error) => {
            let start = memchr::memrchr(b'\n', &window[..error.valid_up_to()]).map_or(0, |at| at + 1);
            let column = error.valid_up_to() - start + 1;
            return Split::Bad { bytes, problem: RecordProblem::InvalidUtf8 { column } };
        }
    }
    Split::Record { bytes }
}

/// The length of the first record with its line end, if it ends within the window.
fn end_of_record(window: &[u8], at_end: bool) -> Result<Option<usize>, (usize, RecordProblem)> {
    let line_end = |from: usize| memchr::memchr(b'\n', &window[from..]).map(|at| from + at + 1);
    let mut at = 0;
    let mut field = 1;
    loop {
        if window.get(at) != Some(&b'"') {
            match memchr::memchr2(b',', b'\n', &window[at..]) {
                Some(found) if window[at + found] == b'\n' => return Ok(Some(at + found + 1)),
                Some(found) => at += found + 1,
                None => return Ok(at_end.then_some(window.len())),
            }
            field += 1;
            continue;
        }
        at += 1;
        loop {
            let Some(quote) = memchr::memchr(b'"', &window[at..]) else {
                // What follows the line that opens the quote may be in order.
                let rest = || (line_end(0).unwrap_or(window.len()), RecordProblem::UnclosedQuote);
                return if at_end { Err(rest()) } else { Ok(None) };
            };
            at += quote + 1;
            if window.get(at) != Some(&b'"') {
                break;
            }
            at += 1;
        }
        match &window[at..] {
            [] | b"\r" if !at_end => return Ok(None),
            [] | b"\r" => return Ok(Some(window.len())),
            [b',', ..] => at += 1,
            [b'\n', ..] => return Ok(Some(at + 1)),
            [b'\r', b'\n', ..] => return Ok(Some(at + 2)),
            _ => {
                let problem = RecordProblem::AfterQuote { field };
                return match line_end(at) {
                    Some(end) => Err((end, problem)),
                    None if at_end => Err((window.len(), problem)),
                    None => Ok(None),
                };
            }
        }
        field += 1;
    }
}

/// Unquotes the cells of a record that [`end_of_record`] found in order.
fn fill(record: &str, cells: &mut Cells) {
    let record = record.strip_suffix('\n').unwrap_or(record);
    let mut rest = record.strip_suffix('\r').unwrap_or(record);
    loop {
        if let Some(mut quoted) = rest.strip_prefix('"') {
            while let Some((text, after)) = quoted.split_once('"') {
                cells.text.push_str(text);
                quoted = after;
                match after.strip_prefix('"') {
                    Some(after) => {
                        cells.text.push('"');
                        quoted = after;
                    }
                    None => break,
                }
            }
            cells.end();
            match quoted.strip_prefix(',') {
                Some(after) => rest = after,
                None => return,
            }
        } else {
            match memchr::memchr(b',', rest.as_bytes()) {
                Some(comma) => {
                    cells.text.push_str(&rest[..comma]);
                    cells.end();
                    rest = &rest[comma + 1..];
                }
                None => {
                    cells.text.push_str(rest);
                    return cells.end();
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[track_caller]
    fn check(text: &str, expected: &[&str]) {
        let mut cells = Cells::default();
        assert_eq!(split(text.as_bytes(), true, &mut cells), Split::Record { bytes: text.len() });
        assert_eq!(cells.iter().collect::<Vec<_>>(), expected);
        // Cut anywhere, the record is either asked for more of or, at a line end, whole.
        for cut in 0..text.len() {
            assert_eq!(split(&text.as_bytes()[..cut], false, &mut cells), Split::More, "cut at {cut}");
        }
    }

    #[test]
    fn cells_are_unquoted() {
        check("a,b\n", &["a", "b"]);
        check("a,,\r\n", &["a", "", ""]);
        check("\"a \"\"b\"\", c\",\"\"\n", &["a \"b\", c", ""]);
        check("\"two\nlines\",x\r\n", &["two\nlines", "x"]);
        check("5\" pipe,x\n", &["5\" pipe", "x"]);
        check("ä,ö", &["ä", "ö"]);
    }

    #[test]
    fn damage_is_named_and_left_behind() {
        let bad = |text: &[u8]| match split(text, true, &mut Cells::default()) {
            Split::Bad { bytes, problem } => (bytes, problem),
            other => panic!("{other:?}"),
        };
        assert_eq!(bad(b"a,\"b\nc,d\n"), (5, RecordProblem::UnclosedQuote));
        assert_eq!(bad(b"a,\"b\" c\nd\n"), (8, RecordProblem::AfterQuote { field: 2 }));
        // Two broken halves of a character in two cells must not join.
        assert_eq!(bad(b"\xc3,\xa9\n"), (4, RecordProblem::InvalidUtf8 { column: 1 }));
    }

    proptest! {
        #[test]
        fn nothing_makes_it_panic(text in prop::collection::vec(prop::sample::select(&b"\",\r\nx\xc3\xa9"[..]), 0..30), at_end: bool) {
            if let Split::Record { bytes } | Split::Bad { bytes, .. } = split(&text, at_end, &mut Cells::default()) {
                prop_assert!(bytes <= text.len());
            }
        }
    }
}
