use std::sync::Arc;

use arrow_array::{ArrayRef, BooleanArray, Float64Array, RecordBatch, StringArray};
use proptest::prelude::*;
use synth_core::{Dataset, LabelMatrix, Silent};

use crate::LfSet;
use crate::lang::{Source, compile};

fn texts(texts: &[Option<&str>]) -> Dataset {
    let text: ArrayRef = Arc::new(StringArray::from(texts.to_vec()));
    Dataset::new(RecordBatch::try_from_iter_with_nullable([("text", text, true)]).unwrap())
}

/// A set of one class and these functions, each `NAME: CONDITION`.
fn set(functions: &[(String, String)]) -> LfSet {
    let mut file = String::from("classes yes\n");
    for (name, condition) in functions {
        file.push_str(&format!("lf {name} yes when {condition}\n"));
    }
    let no_lists = |path: &str, _: &Source| match path {
        "trusted.txt" => Ok("# comment\n\n ann@example.com \nbob@example.com\n".to_owned()),
        _ => Err(std::io::Error::from(std::io::ErrorKind::NotFound)),
    };
    let compiled = compile(&[Source::new("test.lf", file.as_str())], None, &no_lists);
    let Some(program) = compiled.program else { panic!("{file}\n{:?}", compiled.diagnostics) };
    let mut set = LfSet::new(program.classes().clone());
    set.add_program(program).unwrap();
    set
}

fn apply(functions: &[(String, String)], records: &Dataset) -> LabelMatrix {
    set(functions).apply([Ok(records.clone())], &Silent).unwrap().matrix
}

/// Whether a condition holds for a text.
fn check(condition: &str, cases: &[(&str, bool)]) {
    let column: Vec<_> = cases.iter().map(|(text, _)| Some(*text)).collect();
    let matrix = apply(&[("f".to_owned(), condition.to_owned())], &texts(&column));
    for (row, (text, expected)) in cases.iter().enumerate() {
        assert_eq!(matrix.vote(row, 0).is_some(), *expected, "{condition} on {text:?}");
    }
}

#[test]
fn substrings_words_and_tokens() {
    check(r#"text contains "win""#, &[("You WIN!", true), ("rewinding", true), ("won", false), ("", false)]);
    check(r#"text contains word "win""#, &[("You WIN!", true), ("rewinding", false), ("win", true)]);
    check(r#"text contains token "win!""#, &[("You WIN! now", true), ("win !", false)]);
    check(r#"text contains any of ["a", "b"]"#, &[("xbx", true), ("xyz", false)]);
    check(r#"text contains all of ["a", "b"]"#, &[("bxa", true), ("bbb", false)]);
    check(r#"text contains all of word ["a", "b"]"#, &[("b a", true), ("ab", false)]);
    check(r#"text contains word "check out""#, &[("Check, OUT!", true), ("check it out", false), ("out check", false)]);
}

#[test]
fn one_word_written_twice_counts_once() {
    let cases = [("i love! it", false), ("love, love", true), ("", false)];
    check(r#"count(text, word ["love", "love!", "LOVE"]) >= 2"#, &cases);
    check(r#"count(text, exact word ["love", "love!"]) >= 2"#, &cases);
    // Different as they are written.
    check(r#"count(text, exact word ["love", "Love"]) >= 2"#, &[("love Love", true), ("love", false)]);
}

#[test]
fn case() {
    check(r#"text contains exact "US""#, &[("the US", true), ("us", false), ("bUS", true), ("Us", false)]);
    check(r#"text contains exact word "US""#, &[("the US", true), ("the us", false), ("USE", false)]);
    check(r#"text contains exact word "New York""#, &[("in New York", true), ("new york", false)]);
    check(r#"text contains word "ΟΔΌΣ""#, &[("η οδός", true), ("οδοί", false)]);
    // The Kelvin sign folds to a shorter letter; places after it still fit.
    check("text contains exact \"kM\"", &[("\u{212A}\u{212A} kM", true), ("\u{212A} km", false)]);
    check(r#"text == "Yes""#, &[("yes", true), ("yes!", false)]);
    check(r#"text == exact "Yes""#, &[("yes", false), ("Yes", true)]);
    check(r#"text != "Yes""#, &[("yes", false), ("no", true)]);
    check(r#"text in ["a", "B"]"#, &[("b", true), ("ab", false)]);
    check(r#"text not in exact ["a", "B"]"#, &[("b", true), ("B", false)]);
    check(r#"text in file("trusted.txt")"#, &[("Ann@example.com", true), ("eve@example.com", false)]);
}

#[test]
fn ends() {
    check(r#"text starts with "dear""#, &[("Dear you", true), ("oh dear", false)]);
    check(r#"text ends with any of ["?", "!"]"#, &[("what?", true), ("what? no", false), ("a!", true)]);
    check(r#"text starts with exact "Dear""#, &[("Dear", true), ("dear", false)]);
}

#[test]
fn near() {
    let condition = r#"text has "not" within 2 words before ["good", "very good"]"#;
    check(
        condition,
        &[
            ("not good", true),
            ("not so good", true),
            ("not at all good", false),
            ("good, not bad", false),
            ("not, sadly, very good", true),
            ("knot good", false),
        ],
    );
    check(r#"text has "not" within 1 word after "good""#, &[("good not", true), ("not good", false)]);
    let many = format!("{}{}", "good ".repeat(20_000), "not ".repeat(20_000));
    check(r#"text has "not" within 3 words before "good""#, &[(&many, false)]);
    check(
        r#"text has "a b" within 1 word before ["c", "b c d"]"#,
        &[("a b c", true), ("a b b c d", true), ("a b c d", true)],
    );
    check(r#"text has "a" within 1 word of "b""#, &[("b a", true), ("a b", true), ("a x b", false)]);
}

#[test]
fn numbers() {
    check("words(text) < 3", &[("one two", true), ("one, two: three", false), ("", true)]);
    check("tokens(text) == 2", &[("a  b", true), ("a", false)]);
    check("chars(text) >= 3", &[("äöü", true), ("äö", false)]);
    check(r#"count(text, "!!") == 2"#, &[("!!!", true), ("!!", false)]);
    check(
        r#"count(text, word ["love", "great"]) >= 2"#,
        &[("love love", true), ("great", false), ("lovely great", false)],
    );
    check(r"count(text, /\d+/) == 2", &[("1 22", true), ("122", false)]);
    check(r#"count(text, "x") == 0"#, &[("abc", true), ("x", false)]);
    // Counted as written, also where other functions have looked through the folded text.
    check(r#"text contains word "don't" and chars(text) == 5"#, &[("don’t", true), ("don't", true), ("don’t!", false)]);
    check("upper_ratio(text) > 0.5", &[("ABc", true), ("abC", false), ("123", false)]);
    check("digit_ratio(text) == 0.5", &[("a1 b2", true), ("", false)]);
    check(r#"count(text, ["Love", "Zoo", "love"]) >= 2"#, &[("love", false), ("love LOVE", true)]);
    check("3 > words(text)", &[("one two", true), ("a b c", false)]);
}

#[test]
fn changes_and_regexes() {
    check("trim(lower(text)) ~ /^who\\b/", &[("  WHO is", true), ("whom", false)]);
    check(
        "text ~ /check\\s+(it|this|me)?\\s*out/i",
        &[("Check  THIS out", true), ("check\nout", true), ("checkout", false)],
    );
    check(r"text ~ /a\/b/", &[("a/b", true), ("ab", false)]);
    check("upper(text) contains exact \"STRASSE\"", &[("straße", true)]);
}

#[test]
fn joining() {
    check(r#"not text contains "a" and text contains "b""#, &[("b", true), ("ab", false), ("", false)]);
    check(r#"not (text contains "a" or text contains "b")"#, &[("c", true), ("ac", false)]);
    check(
        r#"text contains "a" or text contains "b" and text contains "c""#,
        &[("a", true), ("b", false), ("bc", true)],
    );
}

#[test]
fn missing_fields_make_conditions_false() {
    let conditions = [
        (r#"text contains "a""#, false),
        (r#"not text contains "a""#, true),
        ("words(text) < 5", false),
        (r#"count(text, "a") == 0"#, false),
        (r#"text != "a""#, false),
        ("text is missing", true),
        ("text is present", false),
    ];
    for (condition, expected) in conditions {
        let matrix = apply(&[("f".to_owned(), condition.to_owned())], &texts(&[None, Some("b")]));
        assert_eq!(matrix.vote(0, 0).is_some(), expected, "{condition}");
    }
}

#[test]
fn fields_of_other_types() {
    let flag: ArrayRef = Arc::new(BooleanArray::from(vec![Some(true), Some(false), None]));
    let number: ArrayRef = Arc::new(Float64Array::from(vec![Some(4.5), Some(f64::NAN), None]));
    let date: ArrayRef = Arc::new(StringArray::from(vec!["2024-02-01", "2023-12-31T23:59:59Z", "soon"]));
    let columns = [("ok", flag, true), ("stars", number, true), ("posted", date, true)];
    let records = Dataset::new(RecordBatch::try_from_iter_with_nullable(columns).unwrap());
    for (condition, expected) in [
        ("ok", [true, false, false]),
        ("not ok", [false, true, true]),
        ("stars >= 4", [true, false, false]),
        ("stars != 4.5", [false, true, false]),
        ("posted >= date(\"2024-01-01\")", [true, false, false]),
        ("date(\"2024-01-01\") > posted", [false, true, false]),
    ] {
        let matrix = apply(&[("f".to_owned(), condition.to_owned())], &records);
        let got: Vec<_> = (0..3).map(|row| matrix.vote(row, 0).is_some()).collect();
        assert_eq!(got, expected, "{condition}");
    }
    let error = set(&[("f".into(), "stars contains \"x\"".into()), ("g".into(), "satrs > 1".into())])
        .apply([Ok(records)], &Silent)
        .unwrap_err();
    assert_eq!(
        error.to_string(),
        "labeling function `f` needs text in field `stars`, which holds Float64; \
         no record has a field `satrs`, which labeling function `g` reads"
    );
    assert_eq!(error.hints(), ["did you mean `stars`?", "the fields are ok, stars, posted"]);
}

#[test]
fn the_first_clause_that_holds_votes_and_spans_explain_it() {
    let file = "classes a, b\nlf f a when text contains word [\"x\", \"YY\"]\n     b when text contains \"z\"";
    let program = compile(&[Source::new("t.lf", file)], None, &|_, _| Ok(String::new())).program.unwrap();
    let mut set = LfSet::new(program.classes().clone());
    set.add_program(program).unwrap();
    let records = texts(&[Some("z x"), Some("ÄZ"), Some("no")]);
    let explain = |row| set.explain(&records, row, 0).unwrap();
    let first = explain(0).unwrap();
    assert_eq!((first.class.index(), first.clause), (0, 0));
    assert_eq!((first.found[0].text.as_str(), first.found[0].span.clone()), ("x", 2..3));
    let second = explain(1).unwrap();
    assert_eq!((second.clause, second.found[0].text.as_str(), second.found[0].span.clone()), (1, "Z", 2..3));
    assert_eq!(explain(2), None);
}

/// Conditions over a small alphabet, so that they often hold, overlap and share strings.
fn condition() -> impl Strategy<Value = String> {
    let string = "[abAé]{1,2}( [ab]{1,2})?";
    let word = prop::collection::vec("[abAé]{1,2}( [ab])?", 1..3);
    let mode = prop_oneof![Just(""), Just("word "), Just("exact "), Just("exact word ")];
    let leaf = prop_oneof![
        (mode, word.clone()).prop_map(|(mode, list)| format!("text contains {mode}{list:?}")),
        "[abAé]{1,2}".prop_map(|token| format!("text contains token {token:?}")),
        string.prop_map(|s| format!("text starts with {s:?}")),
        string.prop_map(|s| format!("text ends with exact {s:?}")),
        "(a|b|ab|é|\\[ab\\]|a\\+|b\\{2\\}|\\.){1,3}i?".prop_map(|p| {
            let (pattern, flag) = p.strip_suffix('i').map_or((p.as_str(), ""), |p| (p, "i"));
            format!("text ~ /{}/{flag}", pattern.replace('\\', ""))
        }),
        ("[ab]{1,2}", 0..3u8).prop_map(|(s, n)| format!("count(text, {s:?}) >= {n}")),
        (word.clone(), word, 1..3u8).prop_map(|(l, r, n)| format!("text has {l:?} within {n} words before {r:?}")),
        (0..5u8).prop_map(|n| format!("words(text) > {n}")),
    ];
    leaf.prop_recursive(2, 6, 3, |inner| {
        prop_oneof![
            inner.clone().prop_map(|c| format!("not ({c})")),
            (inner.clone(), inner.clone()).prop_map(|(a, b)| format!("({a}) and ({b})")),
            (inner.clone(), inner).prop_map(|(a, b)| format!("({a}) or ({b})")),
        ]
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]

    /// Sharing one pass must not change what a function says: together as apart.
    #[test]
    fn functions_do_not_disturb_each_other(
        conditions in prop::collection::vec(condition(), 1..8),
        rows in prop::collection::vec("([abABéÉ]|[ .!]){0,12}", 1..8),
    ) {
        let records = texts(&rows.iter().map(|row| Some(row.as_str())).collect::<Vec<_>>());
        let named: Vec<_> = conditions.into_iter().enumerate().map(|(i, c)| (format!("f{i}"), c)).collect();
        let together = apply(&named, &records);
        for (j, function) in named.iter().enumerate() {
            let alone = apply(std::slice::from_ref(function), &records);
            // A guard or trigger that is wrong shows against the negation, which is always evaluated.
            let negated = apply(&[("n".to_owned(), format!("not ({})", function.1))], &records);
            for (row, text) in rows.iter().enumerate() {
                prop_assert_eq!(together.vote(row, j), alone.vote(row, 0), "{} on {:?}", function.1, text);
                prop_assert_eq!(alone.vote(row, 0).is_some(), negated.vote(row, 0).is_none(), "{} on {:?}", function.1, text);
            }
        }
    }

    /// The guard of an expression never hides a match.
    #[test]
    fn a_regex_matches_as_it_does_alone(
        pattern in "(\\\\b|\\(\\?m\\)\\^|)(a|ab|é|\\(a\\|b!\\)|\\[ab\\]\\?|\\\\W\\*|\\\\s\\+| |\\( \\|\\^\\)|_|\\\\w\\*|1|'){1,5}(\\\\b|\\( \\|\\$\\)|)",
        text in "(a|b|ab|é|É|A|[ .'_!1\n]|\u{301}|’|日){0,12}",
    ) {
        let records = texts(&[Some(&text)]);
        let vote = apply(&[("f".to_owned(), format!("text ~ /{pattern}/i"))], &records).vote(0, 0);
        let alone = regex::RegexBuilder::new(&pattern).case_insensitive(true).build().unwrap();
        prop_assert_eq!(vote.is_some(), alone.is_match(&text), "{} on {:?}", pattern, text);
    }

    /// Strings are found exactly where a plain search of the folded text finds them.
    #[test]
    fn finds_what_a_plain_search_finds(needle in "[abAB]{1,3}", text in "([abAB]|[ .]){0,16}") {
        let records = texts(&[Some(&text)]);
        let holds = |condition: String| apply(&[("f".to_owned(), condition)], &records).vote(0, 0).is_some();
        let (folded, folded_needle) = (text.to_lowercase(), needle.to_lowercase());
        prop_assert_eq!(holds(format!("text contains {needle:?}")), folded.contains(&folded_needle));
        prop_assert_eq!(holds(format!("text contains exact {needle:?}")), text.contains(&needle));
        prop_assert_eq!(
            holds(format!("text contains word {needle:?}")),
            synth_text::words(&folded).any(|word| word == folded_needle)
        );
        let occurrences = (0..folded.len()).filter(|&i| folded[i..].starts_with(&folded_needle)).count();
        let counted = format!("count(text, {needle:?}) == {occurrences}");
        prop_assert!(holds(counted));
    }
}

/// Runs of word characters are the same before and after folding, so guards can be looked up in folded text.
#[test]
fn folding_keeps_what_is_a_word_character() {
    for c in '\0'..=char::MAX {
        let folded = synth_text::fold(c.encode_utf8(&mut [0; 4]));
        let in_word = regex_syntax::is_word_character(c);
        assert!(folded.chars().all(|f| regex_syntax::is_word_character(f) == in_word), "{c:?} becomes {folded:?}");
    }
}
