use proptest::prelude::*;

use super::ast::{
    AnswerClause, Body, Change, Clause, Condition, File, Item, List, ListItem, Measure, Mode, Op, Order, Quantifier,
    Regex, Spanned, Strings, Terms, Test, Text, TextEnd, Value,
};
use super::parser::parse;
use super::{Source, compile, format};

/// Every diagnostic of a file, one a line, with the text it points at.
fn diagnose(text: &str) -> String {
    let source = Source::new("t.lf", text);
    let lists = |_: &str, _: &Source| Err(std::io::Error::from(std::io::ErrorKind::NotFound));
    let compiled = compile(&[source], None, &lists);
    let line = |d: &super::Diagnostic| format!("{d} «{}»\n", &text[d.span.clone()]);
    compiled.diagnostics.iter().map(line).collect()
}

#[test]
fn all_mistakes_are_reported_at_once() {
    let text = r#"
classes ham, spam
let links = ["http", "www."
lf one smap when text contains "a"
lf two spam when text contians "a"
   ham when words(txt) <
lf three spam when text ~ /a(b/
lf three ham when text contains unknown
lf four ham when text has "not" within many words before "good"
lf five ham when text == 5 and lower(text) < "b"
lf six ham text contains "a"
lf seven ham when text contains 'a'
lf eight ham when posted > date("2024-13-01") or wrods(text) > 3
lf nine ham when text contains word "!!" or text contains ["", "a"] or text contains token "a b"
lf ten ham when text contains "unterminated
lf eleven ham when text in file("missing.txt")
what is this
"#;
    insta::assert_snapshot!(diagnose(text));
}

#[test]
fn mistakes_in_prompts() {
    let text = r#"
classes ham, spam
lf one ask "Is {text good?" spam when "yes" abstain when "no"
lf two ask "An\u{e9}\n }" "{a b}" smap when "yes" or " YES " ham when ""
lf three ask "" " " spam when "yes"
lf four ask "{text}" abstain when "yes" or "no"
lf five ask spam when "yes"
lf six ask "{text}"
lf seven ask "{text}" spam when text contains "yes"
    ham when "no" abstain when "unsure"
lf eight ask "{text}" spam when "yes", "no"
lf nine ask "{text}" spam "yes"
lf ten ask "{text}" "not spam" when "yes"
lf one ask "again {text}" ham when "no" spam when "yes"
lf eleven ask "unterminated {text}
    ham when "no"
"#;
    insta::assert_snapshot!(diagnose(text));
}

#[test]
fn warnings_about_prompts() {
    let text = r#"
classes ham, spam, eggs
lf a ask "Is this an advertisement?" spam when "yes" ham when "no"
lf b ask "Is {text} an advertisement?" spam when "yes"
lf c ask "Which? {text}" spam when "1" ham when "2"
lf d ask "Which? {text}" spam when "1" ham when "2"
lf e ask "Which? {text}" spam when "1" abstain when "2"
"#;
    insta::assert_snapshot!(diagnose(text));
}

/// Examples that declare classes are whole files; all others are pieces of one.
#[test]
fn the_examples_of_the_reference_compile() {
    let mut n = 0;
    for block in super::REFERENCE.split("```lf\n").skip(1) {
        let block = block.split("```").next().unwrap();
        let classes = synth_core::ClassSet::new(["ham", "spam"]).unwrap();
        let compiled = compile(&[Source::new("r.lf", block)], Some(&classes), &|_, _| Ok("a\n".to_owned()));
        assert!(compiled.diagnostics.is_empty(), "{block}\n{:?}", compiled.diagnostics);
        n += 1;
    }
    assert!(n > 1, "only {n} examples found");
}

#[test]
fn words_of_prompts_may_be_names() {
    let text = "classes ask, abstain\nlf ask ask when ask or \"abstain\" == ask\n\
                lf abstain ask \"{ask}\" ask when \"a\" \"abstain\" when \"b\" abstain when \"c\"\n";
    assert_eq!(diagnose(text), "");
    let formatted = format(&Source::new("t.lf", text)).unwrap();
    assert!(formatted.ends_with("    \"abstain\" when \"b\"\n    abstain   when \"c\"\n"), "{formatted}");
}

#[test]
fn warnings() {
    let text = r#"
classes ham, spam, eggs
let unused = ["a"]
let links = ["http", "https", "HTTP"]
lf a spam when text contains any of links
lf b spam when text contains any of links
lf c ham when words(text) < 0
     spam when true
     ham when text contains "x"
lf d ham when text ~ /\d+/
lf e ham when text contains "x" and not text contains "x"
lf f ham when upper_ratio(text) <= 1
"#;
    insta::assert_snapshot!(diagnose(text));
}

#[test]
fn mistakes_in_odd_places() {
    let deep = format!("classes a\nlf f a when {}x{}", "(".repeat(200), ")".repeat(200));
    let nots = format!("classes a\nlf f a when {} x", "not ".repeat(5000));
    for text in [
        "",
        "lf",
        "classes",
        "classes a,",
        "let",
        "\u{feff}classes a",
        "/",
        "\"",
        "`",
        "-",
        "classes a\nlf f a when",
        &deep,
        &nots,
    ] {
        let source = Source::new("t.lf", text);
        for diagnostic in compile(std::slice::from_ref(&source), None, &|_, _| Ok(String::new())).diagnostics {
            let _ = (diagnostic.to_string(), &source.text[diagnostic.span.clone()]);
        }
    }
}

#[test]
fn a_list_may_have_the_name_of_a_mode() {
    let text = "classes a, b\nlet word = [\"x\"]\nlf f a when text contains word\n     b when text contains word\n \
                word or text contains any of word\n [\"y\"]\n     \"b\" when text has word within 2 words of \"z\"\n";
    assert_eq!(diagnose(text), "");
}

#[test]
fn classes_come_from_one_place() {
    let file = |name: &str, text: &str| Source::new(name, text);
    let no_lists = |_: &str, _: &Source| Ok(String::new());
    let two = [file("a.lf", "classes a, b\nlf x a when true"), file("b.lf", "lf y b when true")];
    assert!(compile(&two, None, &no_lists).program.is_some());
    let differ = [file("a.lf", "classes a, b"), file("b.lf", "classes b, a")];
    let compiled = compile(&differ, None, &no_lists);
    assert_eq!(
        compiled.diagnostics[0].to_string(),
        "b.lf:1:1: error[bad-classes]: the classes are declared twice, and differently \
         (hint: files that are given together make one set of functions)"
    );
    let given = synth_core::ClassSet::new(["a", "b"]).unwrap();
    assert!(compile(&two[1..], Some(&given), &no_lists).program.is_some());
    let none = compile(&two[1..], None, &no_lists);
    assert_eq!(none.diagnostics[0].code, "no-classes");
}

#[test]
fn comments_and_empty_lines_survive_formatting() {
    let text = r#"# head

classes  ham,spam # both

# lists
let links=["http" , "www.",]


let long = ["aaaaaaaaaaaaaaaaaaaaaaaaaaaaaa", "bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb", "cccccccccccccccccccccc", "dddddddddddd"]
lf a spam when text contains any of links  # why
# above b
lf bbbb ham when (words(text)<5 and # inside
  not (text contains any of long))
   # above the clause
   spam when ((rating >= 1))

lf c "ham" when `and` or text ~ /a\/b/i
lf long_one ham when text contains any of ["aaaaaaaaaaaaaaaa", "bbbbbbbbbbbbbbbbbbb", "ccccccccccccccccccccc", "ddddddddd"] and (n > 3 or not text contains "eeee eeeeeeeeeee eeeeeeeeeee") # behind
lf long_two ham when n > 1
  # between
  spam when text contains "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa" or text contains "bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb"
lf short ham when n < 1
lf promo   ask "Does this advertise?  {text}" # behind the prompt
  # above the answer

  spam when "yes"
    or "probably" ham # inside
    when "no" # behind
  "not sure" when "?"
lf lines ask # head
   "First."
   # between
   "{text}" # last

   abstain when "no"  ham when "yes"
# tail
"#;
    let formatted = format(&Source::new("t.lf", text)).unwrap();
    insta::assert_snapshot!(formatted);
    assert_eq!(format(&Source::new("t.lf", formatted.as_str())).unwrap(), formatted);
}

fn spanned<T>(node: T) -> Spanned<T> {
    Spanned { node, span: 0..0 }
}

fn name() -> impl Strategy<Value = String> {
    "x[a-z0-9_-]{0,5}"
}

fn string() -> impl Strategy<Value = String> {
    prop_oneof!["[a-z \"\\\\\n\té/#]{0,6}", "\\PC{0,4}"]
}

fn text() -> impl Strategy<Value = Text> {
    let part = prop_oneof![name(), Just("and".to_owned()), "[a-z ]{1,6}"];
    let field = prop::collection::vec(part, 1..3).prop_map(spanned);
    let changes = prop::collection::vec(prop::sample::select(&Change::ALL[..]), 0..3);
    (field, changes).prop_map(|(field, changes)| Text { field, changes })
}

fn list() -> impl Strategy<Value = List> {
    let item = prop_oneof![
        string().prop_map(ListItem::Str),
        name().prop_map(ListItem::Name),
        string().prop_map(ListItem::File)
    ];
    prop_oneof![
        name().prop_map(List::Name),
        string().prop_map(List::File),
        prop::collection::vec(item.prop_map(spanned), 0..4).prop_map(List::Items),
    ]
}

fn terms(modes: bool) -> impl Strategy<Value = Terms> {
    let mode = prop::option::of(prop::sample::select(&Mode::ALL[..]));
    let strings = prop_oneof![string().prop_map(Strings::One), list().prop_map(Strings::List)];
    (any::<bool>(), mode, strings).prop_map(move |(exact, mode, strings)| Terms {
        exact,
        mode: mode.filter(|_| modes),
        strings: spanned(strings),
    })
}

fn regex() -> impl Strategy<Value = Regex> {
    ("([a-z/().*+ #\"]|\\\\[a-z.]){0,6}", "[imsx]{0,2}").prop_map(|(pattern, flags)| Regex { pattern, flags })
}

fn value() -> impl Strategy<Value = Value> {
    prop_oneof![
        (-1000i32..1000).prop_map(|n| Value::Number(f64::from(n) / 4.0, format!("{}", f64::from(n) / 4.0))),
        (any::<bool>(), string()).prop_map(|(exact, text)| Value::Str { exact, text }),
        string().prop_map(Value::Date),
        (prop::sample::select(&Measure::ALL[..]), text()).prop_map(|(m, t)| Value::Measure(m, t)),
        (text(), terms(true)).prop_map(|(t, terms)| Value::Count(t, terms)),
        (text(), regex()).prop_map(|(t, r)| Value::CountRegex(t, spanned(r))),
        text().prop_map(Value::Text),
    ]
}

fn test() -> impl Strategy<Value = Test> {
    let quantifier = prop::sample::select(vec![Quantifier::One, Quantifier::Any, Quantifier::All]);
    let end = prop::sample::select(vec![TextEnd::Start, TextEnd::End]);
    let order = prop::sample::select(vec![Order::Before, Order::After, Order::Either]);
    prop_oneof![
        any::<bool>().prop_map(Test::Constant),
        text().prop_map(|t| Test::Flag(t.field)),
        (text(), quantifier, terms(true)).prop_map(|(text, quantifier, terms)| Test::Contains {
            text,
            quantifier,
            terms
        }),
        (text(), end, any::<bool>(), terms(false)).prop_map(|(text, end, any_of, terms)| Test::Anchored {
            text,
            end,
            any_of,
            terms
        }),
        (text(), terms(false), 1u32..50, order, terms(false))
            .prop_map(|(text, left, distance, order, right)| Test::Near { text, left, distance, order, right }),
        (text(), any::<bool>(), any::<bool>(), list()).prop_map(|(text, negated, exact, list)| Test::In {
            text,
            negated,
            exact,
            list: spanned(list)
        }),
        (text(), regex()).prop_map(|(text, regex)| Test::Matches { text, regex: spanned(regex) }),
        (text(), any::<bool>()).prop_map(|(t, present)| Test::Present { field: t.field, present }),
        (value(), prop::sample::select(&Op::ALL[..]), value()).prop_map(|(left, op, right)| Test::Compare {
            left: spanned(left),
            op,
            right: spanned(right)
        }),
    ]
}

fn condition() -> impl Strategy<Value = Condition> {
    let leaf = test().prop_map(|test| Condition::Test(Box::new(spanned(test))));
    leaf.prop_recursive(3, 8, 3, |inner| {
        prop_oneof![
            inner.clone().prop_map(|c| Condition::Not(Box::new(c))),
            prop::collection::vec(inner.clone(), 2..4).prop_map(Condition::and),
            prop::collection::vec(inner, 2..4).prop_map(Condition::or),
        ]
    })
}

fn file() -> impl Strategy<Value = File> {
    let class = prop_oneof![name(), string()];
    let clause =
        (class.clone().prop_map(spanned), condition()).prop_map(|(class, condition)| Clause { class, condition });
    let clauses = prop::collection::vec(clause.prop_map(spanned), 1..3).prop_map(Body::Clauses);
    let lines = || prop::collection::vec(string().prop_map(spanned), 1..3);
    let answer = (prop::option::of(prop_oneof![class.clone(), Just("abstain".to_owned())].prop_map(spanned)), lines());
    let answer = answer.prop_map(|(class, texts)| AnswerClause { class, texts });
    let prompt = (lines(), prop::collection::vec(answer.prop_map(spanned), 1..3))
        .prop_map(|(lines, answers)| Body::Prompt { lines, answers });
    let item = prop_oneof![
        prop::collection::vec(class.prop_map(spanned), 1..4).prop_map(Item::Classes),
        (name().prop_map(spanned), list().prop_map(spanned)).prop_map(|(name, list)| Item::Let { name, list }),
        (name().prop_map(spanned), prop_oneof![clauses, prompt]).prop_map(|(name, body)| Item::Function { name, body }),
    ];
    prop::collection::vec(item.prop_map(spanned), 0..4).prop_map(|items| File { items })
}

proptest! {
    #[test]
    fn what_is_printed_is_parsed_back(file in file()) {
        let printed = super::format::print(&file, &[], "");
        let parsed = parse(&Source::new("p.lf", printed.as_str()));
        prop_assert!(parsed.diagnostics.is_empty(), "{}\n{:?}", printed, parsed.diagnostics);
        prop_assert_eq!(&parsed.file, &file, "{}", printed);
    }

    #[test]
    fn nothing_makes_the_compiler_panic(text in prop_oneof![
        "\\PC{0,60}",
        "((lf|let|classes|ask|abstain|\"\\{text\\}\"|when|and|or|not|contains|any of|word|exact|has|within|words|before|in|is|~|==|<|\\(|\\)|\\[|\\]|,|\"a\"|/a/|text|x|3|#|\n)[ ]?){0,30}",
    ]) {
        let source = Source::new("p.lf", text.as_str());
        let compiled = compile(std::slice::from_ref(&source), None, &|_, _| Ok(String::new()));
        for diagnostic in &compiled.diagnostics {
            let _ = (diagnostic.to_string(), &text[diagnostic.span.clone()]);
        }
        if let Ok(formatted) = format(&source) {
            prop_assert_eq!(format(&Source::new("p.lf", formatted.as_str())), Ok(formatted.clone()));
        }
    }
}
