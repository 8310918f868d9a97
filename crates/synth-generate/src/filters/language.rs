//! Another language than wanted.

use rayon::prelude::*;
use whatlang::{Info, Lang, detect};

use crate::{Candidate, Filter, GenerateError, Verdict};

/// Fewer letters say too little: below this, English text messages are taken for a dozen other languages.
const MIN_LETTERS: usize = 40;

/// Letters that tell in which script a text is.
const MIN_LETTERS_OF_SCRIPT: usize = 10;

/// The share of the real texts that a language needs to be one of theirs: below are mistakes of the detector.
const MIN_SHARE: f64 = 0.05;

/// Drops texts that are surely in another language than those wanted.
///
/// A text passes if it is in a language that is wanted, if it has fewer than 40 letters, or if the detector is not sure
/// of it: if its confidence, which is the distance of the best to the second best language, is not above .9, or either
/// half of the text is more like a language that is wanted. Short texts in another language pass. Where none of the
/// wanted languages has the script of a text, 10 letters are enough, and which language it is does not matter. Trigrams
/// tell some 70 languages apart (`whatlang`); one that it does not know is taken for a relative. The score is the
/// confidence.
///
/// ```
/// use synth_generate::Language;
///
/// let language = Language::of_codes(&["en"])?;
/// assert_eq!(language.codes(), ["eng"]);
/// assert!(Language::of_codes(&["xx"]).is_err());
/// # Ok::<(), synth_generate::GenerateError>(())
/// ```
#[derive(Debug, Clone)]
pub struct Language {
    /// None: all.
    wanted: Vec<Lang>,
    unknown: bool,
}

impl Language {
    /// Texts in one of these languages pass: codes of ISO 639-1 or 639-3, such as `en` or `eng`.
    ///
    /// # Errors
    /// A code that is none, or of a language that cannot be told.
    pub fn of_codes<S: AsRef<str>>(codes: &[S]) -> Result<Self, GenerateError> {
        let lang = |code: &S| {
            let code = code.as_ref();
            let long =
                TWO_LETTERS.iter().find(|(two, _)| two.eq_ignore_ascii_case(code)).map_or(code, |(_, three)| three);
            Lang::from_code(long).ok_or_else(|| GenerateError::Setting {
                name: "languages",
                value: code.to_owned(),
                expected: "codes of ISO 639, as en or eng, of languages that can be told apart",
            })
        };
        Ok(Self { wanted: codes.iter().map(lang).collect::<Result<_, _>>()?, unknown: false })
    }

    /// Texts in the languages of real texts pass: all that are found for sure in a twentieth of those that are found
    /// for sure. Where that is none, as with texts of a few words, all texts pass; see [`Language::note`].
    pub fn of_texts<S: AsRef<str> + Sync>(texts: &[S]) -> Self {
        let found: Vec<Lang> =
            texts.par_iter().filter_map(|text| sure(text.as_ref())).map(|found| found.lang()).collect();
        let often = |lang: &Lang| {
            let count = found.iter().filter(|other| *other == lang).count();
            count > 0 && count as f64 >= MIN_SHARE * found.len() as f64
        };
        let wanted: Vec<Lang> = Lang::all().iter().copied().filter(often).collect();
        Self { unknown: wanted.is_empty(), wanted }
    }

    /// The languages of texts that pass, as codes of ISO 639-3; none where all pass.
    pub fn codes(&self) -> Vec<&'static str> {
        self.wanted.iter().map(Lang::code).collect()
    }

    /// Why all texts pass, if they do.
    pub fn note(&self) -> Option<String> {
        self.unknown.then(|| {
            format!("no real text has the {MIN_LETTERS} letters that tell its language, so texts in any language pass")
        })
    }
}

/// The language of a text, if it can be told.
fn sure(text: &str) -> Option<Info> {
    (n_letters(text) >= MIN_LETTERS).then(|| detect(text)).flatten().filter(Info::is_reliable)
}

fn n_letters(text: &str) -> usize {
    text.chars().filter(|c| c.is_alphabetic()).count()
}

/// A text with the wide forms of Latin letters, which the detector takes for Korean, in their usual form.
fn narrow(text: &str) -> String {
    let narrow = |c: char| match c {
        '\u{ff01}'..='\u{ff5e}' => char::from_u32(c as u32 - 0xff01 + 0x21).unwrap_or(c),
        _ => c,
    };
    text.chars().map(narrow).collect()
}

/// The halves of a text, cut at white space where there is some.
fn halves(text: &str) -> (&str, &str) {
    let middle = text.char_indices().nth(text.chars().count() / 2).map_or(text.len(), |(at, _)| at);
    let cut = text[middle..].find(char::is_whitespace).map_or(middle, |at| middle + at);
    text.split_at(cut)
}

impl Language {
    fn verdict(&self, text: &str) -> Verdict {
        if self.wanted.is_empty() {
            return Verdict::pass(None);
        }
        let text = narrow(text);
        let Some(found) = detect(&text) else { return Verdict::pass(None) };
        let (lang, script, n_letters) = (found.lang(), found.script(), n_letters(&text));
        let score = Some(found.confidence());
        let written_so = |wanted: &Lang| script.langs().contains(wanted);
        if n_letters >= MIN_LETTERS_OF_SCRIPT && !self.wanted.iter().any(written_so) {
            return Verdict::drop(format!("in {} script, not {}", script.name(), names(&self.wanted)), score);
        }
        let foreign = n_letters >= MIN_LETTERS && found.is_reliable() && !self.wanted.contains(&lang);
        // A few names make the whole of an English text French, and seldom both of its halves.
        let (first, second) = halves(&text);
        let clear = |half: &str| detect(half).is_some_and(|found| !self.wanted.contains(&found.lang()));
        if foreign && clear(first) && clear(second) {
            return Verdict::drop(format!("{}, not {}", lang.eng_name(), names(&self.wanted)), score);
        }
        Verdict::pass(score)
    }
}

impl Filter for Language {
    fn name(&self) -> &'static str {
        "language"
    }

    fn judge(&mut self, batch: &[Candidate]) -> Result<Vec<Verdict>, GenerateError> {
        Ok(batch.par_iter().map(|candidate| self.verdict(&candidate.text)).collect())
    }
}

fn names(langs: &[Lang]) -> String {
    langs.iter().map(|lang| lang.eng_name()).collect::<Vec<_>>().join(" or ")
}

/// ISO 639-1 and the codes by which the detector knows them.
const TWO_LETTERS: &[(&str, &str)] = &[
    ("af", "afr"),
    ("am", "amh"),
    ("ar", "ara"),
    ("az", "aze"),
    ("be", "bel"),
    ("bg", "bul"),
    ("bn", "ben"),
    ("ca", "cat"),
    ("cs", "ces"),
    ("cy", "cym"),
    ("da", "dan"),
    ("de", "deu"),
    ("el", "ell"),
    ("en", "eng"),
    ("eo", "epo"),
    ("es", "spa"),
    ("et", "est"),
    ("fa", "pes"),
    ("fi", "fin"),
    ("fr", "fra"),
    ("gu", "guj"),
    ("he", "heb"),
    ("hi", "hin"),
    ("hr", "hrv"),
    ("hu", "hun"),
    ("hy", "hye"),
    ("id", "ind"),
    ("it", "ita"),
    ("ja", "jpn"),
    ("jv", "jav"),
    ("ka", "kat"),
    ("km", "khm"),
    ("kn", "kan"),
    ("ko", "kor"),
    ("la", "lat"),
    ("lt", "lit"),
    ("lv", "lav"),
    ("mk", "mkd"),
    ("ml", "mal"),
    ("mr", "mar"),
    ("my", "mya"),
    ("nb", "nob"),
    ("ne", "nep"),
    ("nl", "nld"),
    ("no", "nob"),
    ("or", "ori"),
    ("pa", "pan"),
    ("pl", "pol"),
    ("pt", "por"),
    ("ro", "ron"),
    ("ru", "rus"),
    ("si", "sin"),
    ("sk", "slk"),
    ("sl", "slv"),
    ("sn", "sna"),
    ("sr", "srp"),
    ("sv", "swe"),
    ("ta", "tam"),
    ("te", "tel"),
    ("th", "tha"),
    ("tk", "tuk"),
    ("tl", "tgl"),
    ("tr", "tur"),
    ("uk", "ukr"),
    ("ur", "urd"),
    ("uz", "uzb"),
    ("vi", "vie"),
    ("yi", "yid"),
    ("zh", "cmn"),
    ("zu", "zul"),
];

#[cfg(test)]
mod tests {
    use super::super::tests::{candidates, dropped};
    use super::*;

    const ENGLISH: &str =
        "The parcel that I ordered three weeks ago has still not arrived, and nobody answers the phone.";
    const GERMAN: &str = "Das Paket, das ich vor drei Wochen bestellt habe, ist noch immer nicht angekommen.";
    const RUSSIAN: &str = "Посылка, которую я заказал три недели назад, до сих пор не пришла.";
    const CHINESE: &str = "我三周前订购的包裹还没有到";

    #[test]
    fn another_language_is_dropped_where_it_is_clear() {
        let mut english = Language::of_codes(&["en"]).unwrap();
        let batch = candidates(&[ENGLISH, GERMAN, RUSSIAN, "Guten Tag", "", "12345 67890", CHINESE, "你好"]);
        assert_eq!(dropped(&mut english, &batch), [false, true, true, false, false, false, true, false]);
        let verdicts = english.judge(&batch).unwrap();
        assert_eq!(verdicts[1].dropped.as_deref(), Some("German, not English"));
        assert_eq!(verdicts[2].dropped.as_deref(), Some("in Cyrillic script, not English"));
        let mut both = Language::of_codes(&["DE", "eng"]).unwrap();
        assert_eq!(dropped(&mut both, &batch), [false, false, true, false, false, false, true, false]);
    }

    #[test]
    fn wide_letters_are_letters() {
        let mut english = Language::of_codes(&["en"]).unwrap();
        let wide = "ＤＡＭＮ ＴＨＩＳ ＣＯＭＭＥＮＴ ＩＳ ＦＡＮＣＹ";
        assert_eq!(narrow(wide), "DAMN THIS COMMENT IS FANCY");
        assert_eq!(dropped(&mut english, &candidates(&[wide])), [false]);
        assert_eq!(halves("one two three"), ("one two", " three"));
        assert_eq!((halves(""), halves("äöü")), (("", ""), ("ä", "öü")));
    }

    #[test]
    fn the_languages_of_real_texts() {
        let mut texts = vec![ENGLISH; 99];
        texts.push(RUSSIAN);
        assert_eq!(Language::of_texts(&texts).codes(), ["eng"]);
        texts.extend([GERMAN; 10]);
        let mut both = Language::of_texts(&texts).codes();
        both.sort_unstable();
        assert_eq!(both, ["deu", "eng"]);
        let mut any = Language::of_texts(&["hi", "ok"]);
        assert!(any.note().is_some_and(|note| note.starts_with("no real text")));
        assert_eq!(dropped(&mut any, &candidates(&[RUSSIAN])), [false]);
        assert!(Language::of_codes(&["en"]).unwrap().note().is_none());
    }

    #[test]
    fn every_code_is_one_of_the_detector() {
        for (two, three) in TWO_LETTERS {
            assert_eq!(Language::of_codes(&[two]).unwrap().codes(), [*three], "{two}");
        }
    }
}
