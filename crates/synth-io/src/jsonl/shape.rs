//! What the first pass learns: the types of all fields.

use arrow_schema::{DataType, Field, Fields, Schema};
use hashbrown::HashMap;

use super::MAX_DEPTH;
use super::lexer::{Cursor, Number};
use crate::RecordProblem;

/// The type of a value, as far as the lines so far tell.
#[derive(Debug, Default)]
pub(crate) struct Shape {
    kind: Kind,
    /// The line that had the type first.
    first: Origin,
}

/// A line of one of several files.
#[derive(Debug, Default, Clone, Copy, PartialEq)]
pub(crate) struct Origin {
    pub(crate) file: usize,
    pub(crate) line: u64,
}

#[derive(Debug, Default)]
enum Kind {
    #[default]
    Null,
    Bool,
    Int {
        negative: bool,
        beyond_i64: bool,
    },
    Float,
    Text,
    List(Box<Shape>),
    Struct(Object),
}

/// The fields of an object. Looked up in the order of the line before, which is nearly always right.
#[derive(Debug, Default)]
struct Object {
    names: Names,
    shapes: Vec<Shape>,
}

/// The names of fields, and which of them the object at hand had already.
#[derive(Debug, Default)]
pub(super) struct Names {
    names: Vec<String>,
    index: HashMap<String, usize>,
    seen: Vec<u64>,
    round: u64,
}

impl Names {
    pub(super) fn len(&self) -> usize {
        self.names.len()
    }

    pub(super) fn get(&self, index: usize) -> &str {
        &self.names[index]
    }

    pub(super) fn push(&mut self, name: String) {
        self.index.insert(name.clone(), self.names.len());
        self.names.push(name);
        self.seen.push(0);
    }

    /// Another object begins.
    #[inline]
    pub(super) fn begin(&mut self) {
        self.round += 1;
    }

    /// The field of this name; `guess` is looked at first.
    #[inline]
    pub(super) fn find(&self, name: &str, guess: usize) -> Option<usize> {
        match self.names.get(guess) {
            Some(guessed) if guessed == name => Some(guess),
            _ => self.index.get(name).copied(),
        }
    }

    /// Notes that the object at hand has a field. False if it had it before.
    #[inline]
    pub(super) fn mark(&mut self, index: usize) -> bool {
        std::mem::replace(&mut self.seen[index], self.round) != self.round
    }

    /// True if the object at hand has the field.
    #[inline]
    pub(super) fn has(&self, index: usize) -> bool {
        self.seen[index] == self.round
    }
}

/// Two values of one field that have different types.
struct Conflict {
    /// The field's path, innermost name first.
    path: Vec<String>,
    got: &'static str,
    first: &'static str,
    at: Origin,
}

/// Why a line is malformed; a conflict names a line by its origin.
pub(super) enum Bad {
    Problem(RecordProblem),
    Conflict { field: String, got: &'static str, first: &'static str, at: Origin },
}

impl Shape {
    /// Takes note of a line. A bad one leaves no trace.
    pub(super) fn learn(&mut self, line: &[u8], origin: Origin, scratch: &mut String) -> Result<(), Bad> {
        let cursor = Cursor::new(line).map_err(Bad::Problem)?;
        let mut fast = cursor.clone();
        if fast.peek() == b'{' && self.covers(&mut fast, scratch).is_some() && fast.end().is_ok() {
            return Ok(());
        }
        // Something new, or something wrong: the slow way tells which.
        let shape = Self::of_line(cursor, origin, scratch).map_err(Bad::Problem)?;
        if let Some(Conflict { mut path, got, first, at }) = self.conflict(&shape) {
            path.reverse();
            return Err(Bad::Conflict { field: path.join("."), got, first, at });
        }
        self.absorb(shape);
        Ok(())
    }

    /// The schema of the lines so far.
    pub(crate) fn schema(&self) -> Schema {
        match &self.kind {
            Kind::Struct(object) => Schema::new(object.fields()),
            _ => Schema::empty(),
        }
    }

    /// Steps over a value that adds nothing to what is known; `None` if it does, or is malformed.
    #[inline]
    fn covers(&mut self, cursor: &mut Cursor<'_>, scratch: &mut String) -> Option<()> {
        match (cursor.peek(), &mut self.kind) {
            (b'n', _) => cursor.word("null").ok(),
            (b't', Kind::Bool) => cursor.word("true").ok(),
            (b'f', Kind::Bool) => cursor.word("false").ok(),
            (b'"', Kind::Text) => cursor.string(scratch).ok().map(drop),
            (b'-' | b'0'..=b'9', Kind::Float) => cursor.number().ok().map(drop),
            (b'-' | b'0'..=b'9', Kind::Int { negative, beyond_i64 }) => {
                let known = match cursor.number().ok()? {
                    Number::Int(value) => value >= 0 || *negative,
                    Number::UInt(_) => *beyond_i64,
                    Number::Float(_) => false,
                };
                known.then_some(())
            }
            (b'[', Kind::List(item)) => {
                cursor.bump();
                let mut more = !cursor.empty(b']');
                while more {
                    item.covers(cursor, scratch)?;
                    more = cursor.more(b']').ok()?;
                }
                Some(())
            }
            (b'{', Kind::Struct(Object { names, shapes })) => {
                cursor.bump();
                names.begin();
                let mut more = !cursor.empty(b'}');
                let mut guess = 0;
                while more {
                    cursor.peek();
                    let index = names.find(cursor.string(scratch).ok()?, guess)?;
                    if !names.mark(index) {
                        return None;
                    }
                    cursor.expect(b':', "").ok()?;
                    shapes[index].covers(cursor, scratch)?;
                    more = cursor.more(b'}').ok()?;
                    guess = index + 1;
                }
                Some(())
            }
            _ => None,
        }
    }

    fn of_line(mut cursor: Cursor<'_>, origin: Origin, scratch: &mut String) -> Result<Self, RecordProblem> {
        let got = match cursor.peek() {
            b'{' => {
                let shape = Self::of(&mut cursor, origin, scratch, 0)?;
                cursor.end()?;
                return Ok(shape);
            }
            b'[' => "a list",
            b'"' => "a string",
            b'-' | b'0'..=b'9' => "a number",
            b't' | b'f' => "true or false",
            b'n' => "null",
            _ => return Err(cursor.problem("expected an object")),
        };
        Err(RecordProblem::NotAnObject { got })
    }

    /// The shape of the value at the cursor.
    fn of(cursor: &mut Cursor<'_>, origin: Origin, scratch: &mut String, depth: usize) -> Result<Self, RecordProblem> {
        if depth > MAX_DEPTH {
            return Err(cursor.problem("a value nested deeper than 64 levels"));
        }
        let kind = match cursor.peek() {
            b'n' => cursor.word("null").map(|()| Kind::Null)?,
            b't' => cursor.word("true").map(|()| Kind::Bool)?,
            b'f' => cursor.word("false").map(|()| Kind::Bool)?,
            b'"' => cursor.string(scratch).map(|_| Kind::Text)?,
            b'-' | b'0'..=b'9' => match cursor.number()? {
                Number::Int(value) => Kind::Int { negative: value < 0, beyond_i64: false },
                Number::UInt(_) => Kind::Int { negative: false, beyond_i64: true },
                Number::Float(_) => Kind::Float,
            },
            b'[' => {
                cursor.bump();
                let mut item = Self::default();
                let mut more = !cursor.empty(b']');
                while more {
                    let next = Self::of(cursor, origin, scratch, depth + 1)?;
                    if let Some(Conflict { first, got, .. }) = item.conflict(&next) {
                        return Err(RecordProblem::MixedList { first, got });
                    }
                    item.absorb(next);
                    more = cursor.more(b']')?;
                }
                Kind::List(Box::new(item))
            }
            b'{' => {
                cursor.bump();
                let mut object = Object::default();
                object.names.begin();
                let mut more = !cursor.empty(b'}');
                while more {
                    if cursor.peek() != b'"' {
                        return Err(cursor.problem("expected a key in double quotes"));
                    }
                    let key = cursor.string(scratch)?.to_owned();
                    if object.names.find(&key, 0).is_some() {
                        return Err(RecordProblem::DuplicateKey { key });
                    }
                    cursor.expect(b':', "expected a colon")?;
                    object.names.push(key);
                    object.shapes.push(Self::of(cursor, origin, scratch, depth + 1)?);
                    more = cursor.more(b'}')?;
                }
                Kind::Struct(object)
            }
            _ => return Err(cursor.problem("expected a value")),
        };
        Ok(Self { kind, first: origin })
    }

    /// Where `other` cannot be merged into this.
    fn conflict(&self, other: &Self) -> Option<Conflict> {
        match (&self.kind, &other.kind) {
            (Kind::Null, _) | (_, Kind::Null) => None,
            (Kind::Bool, Kind::Bool) | (Kind::Text, Kind::Text) => None,
            (Kind::Int { .. } | Kind::Float, Kind::Int { .. } | Kind::Float) => None,
            (Kind::List(a), Kind::List(b)) => a.conflict(b),
            (Kind::Struct(a), Kind::Struct(b)) => b.shapes.iter().enumerate().find_map(|(index, theirs)| {
                let name = b.names.get(index);
                let mut conflict = a.shapes[a.names.find(name, index)?].conflict(theirs)?;
                conflict.path.push(name.to_owned());
                Some(conflict)
            }),
            (first, got) => Some(Conflict { path: Vec::new(), got: got.name(), first: first.name(), at: self.first }),
        }
    }

    /// Merges `other`, with which there must be no conflict, into this.
    fn absorb(&mut self, other: Self) {
        match (&mut self.kind, other.kind) {
            (_, Kind::Null) => {}
            (kind @ Kind::Null, theirs) => {
                *kind = theirs;
                self.first = other.first;
            }
            (Kind::Int { negative, beyond_i64 }, Kind::Int { negative: n, beyond_i64: b }) => {
                *negative |= n;
                *beyond_i64 |= b;
            }
            (kind @ Kind::Int { .. }, Kind::Float) => *kind = Kind::Float,
            (Kind::List(ours), Kind::List(theirs)) => ours.absorb(*theirs),
            (Kind::Struct(ours), Kind::Struct(theirs)) => {
                for (name, shape) in theirs.names.names.into_iter().zip(theirs.shapes) {
                    match ours.names.find(&name, 0) {
                        Some(index) => ours.shapes[index].absorb(shape),
                        None => {
                            ours.names.push(name);
                            ours.shapes.push(shape);
                        }
                    }
                }
            }
            _ => {}
        }
    }

    fn data_type(&self) -> DataType {
        match &self.kind {
            Kind::Bool => DataType::Boolean,
            Kind::Int { negative: true, beyond_i64: true } | Kind::Float => DataType::Float64,
            Kind::Int { beyond_i64: true, .. } => DataType::UInt64,
            Kind::Int { .. } => DataType::Int64,
            Kind::Null | Kind::Text => DataType::Utf8,
            Kind::List(item) => DataType::List(Field::new_list_field(item.data_type(), true).into()),
            Kind::Struct(object) => DataType::Struct(object.fields()),
        }
    }
}

impl Object {
    fn fields(&self) -> Fields {
        self.names.names.iter().zip(&self.shapes).map(|(name, s)| Field::new(name, s.data_type(), true)).collect()
    }
}

impl Kind {
    fn name(&self) -> &'static str {
        match self {
            Self::Null => "null",
            Self::Bool => "true or false",
            Self::Int { .. } => "an integer",
            Self::Float => "a number",
            Self::Text => "text",
            Self::List(_) => "a list",
            Self::Struct(_) => "an object",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn learn(lines: &[&str]) -> Result<Shape, (u64, Bad)> {
        let (mut shape, mut scratch) = (Shape::default(), String::new());
        for (line, text) in (1..).zip(lines) {
            shape.learn(text.as_bytes(), Origin { file: 0, line }, &mut scratch).map_err(|bad| (line, bad))?;
        }
        Ok(shape)
    }

    #[track_caller]
    fn check(lines: &[&str], expected: &str) {
        let Ok(shape) = learn(lines) else { panic!("a bad line") };
        let fields =
            shape.schema().fields.iter().map(|f| format!("{}: {}", f.name(), f.data_type())).collect::<Vec<_>>();
        assert_eq!(fields.join(", "), expected);
    }

    #[track_caller]
    fn check_bad(lines: &[&str], expected: RecordProblem) {
        match learn(lines) {
            Err((line, Bad::Problem(problem))) => assert_eq!((line as usize, problem), (lines.len(), expected)),
            Err((_, Bad::Conflict { .. })) => panic!("a conflict"),
            Ok(_) => panic!("no bad line"),
        }
    }

    #[test]
    fn the_schema_is_the_union() {
        check(&[r#"{"a": 1}"#, r#"{"b": "x", "a": null}"#, r#"{"c": true}"#], "a: Int64, b: Utf8, c: Boolean");
        check(&[r#"{"a": 1}"#, r#"{"a": 1.5}"#, r#"{"a": 2}"#], "a: Float64");
        check(&[r#"{"a": 18446744073709551615}"#, r#"{"a": 0}"#], "a: UInt64");
        check(&[r#"{"a": 18446744073709551615}"#, r#"{"a": -1}"#], "a: Float64");
        check(&[r#"{"a": null, "b": []}"#], "a: Utf8, b: List(Utf8)");
        check(&[r#"{"a": [{"x": 1}, {"y": [2]}]}"#], "a: List(Struct(\"x\": Int64, \"y\": List(Int64)))");
    }

    #[test]
    fn a_conflict_names_the_first_line_and_the_path() {
        let lines = [r#"{"m": null}"#, r#"{"m": {"t": [1]}}"#, r#"{"m": {"t": [2, 3]}}"#, r#"{"m": {"t": ["x"]}}"#];
        let Err((line, Bad::Conflict { field, got, first, at })) = learn(&lines) else { panic!("no conflict") };
        assert_eq!((line, field.as_str(), got, first, at.line), (4, "m.t", "text", "an integer", 2));
    }

    #[test]
    fn a_bad_line_leaves_no_trace() {
        let (mut shape, mut scratch) = (Shape::default(), String::new());
        assert!(shape.learn(br#"{"a": 1, "b": }"#, Origin::default(), &mut scratch).is_err());
        assert!(shape.schema().fields.is_empty());
    }

    #[test]
    fn malformed_lines_say_what_is_wrong() {
        let syntax = |problem, column| RecordProblem::Syntax { problem, column };
        check_bad(&["[1]"], RecordProblem::NotAnObject { got: "a list" });
        check_bad(&[r#"{"a": 1"#], RecordProblem::Truncated);
        check_bad(&[r#"{"a": "x"#], RecordProblem::Truncated);
        check_bad(&[r#"{"a": tr"#], RecordProblem::Truncated);
        check_bad(&[r#"{"a": 1} x"#], syntax("text after the record", 10));
        check_bad(&[r#"{"a": 1,}"#], syntax("a comma without a value behind it", 9));
        check_bad(&[r#"{a: 1}"#], syntax("expected a key in double quotes", 2));
        check_bad(&[r#"{"a" 1}"#], syntax("expected a colon", 6));
        check_bad(&[r#"{"a": NaN}"#], syntax("`NaN` is not JSON", 7));
        check_bad(&[r#"{"a": 0}"#, r#"{"a": 1e999}"#], syntax("a number too large for a float", 7));
        let mixed = RecordProblem::MixedList { first: "an integer", got: "text" };
        check_bad(&[r#"{"a": [1, "x"]}"#], mixed);
        check_bad(&[r#"{"a": 1, "a": 1}"#], RecordProblem::DuplicateKey { key: "a".into() });
        let twice = r#"{"a": 1, "a": 2}"#;
        check_bad(&[r#"{"a": 0}"#, twice], RecordProblem::DuplicateKey { key: "a".into() });
        let deep = format!("{{\"a\": {}1{}}}", "[".repeat(100_000), "]".repeat(100_000));
        check_bad(&[&deep], syntax("a value nested deeper than 64 levels", 71));
    }
}
