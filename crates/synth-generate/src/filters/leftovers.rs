//! What language models say around the text that was asked for, and instead of it.

use regex::{Regex, RegexBuilder, RegexSet, RegexSetBuilder};
use serde::{Deserialize, Serialize};

use crate::{Candidate, Filter, GenerateError, Verdict};

/// One kind of leftover.
struct Kind {
    /// Its name in settings and reasons.
    name: &'static str,
    /// Where it is found, upper or lower case. `~` stands for an apostrophe of either form, or none.
    pattern: &'static str,
    /// Two texts in which it is.
    #[cfg_attr(not(test), expect(dead_code, reason = "read by tests, and by people"))]
    caught: [&'static str; 2],
}

/// All kinds. People apologise, number and quote too, so each pattern asks for more than a phrase: a model speaking of
/// itself, a preamble with its object and colon, a placeholder with the name of what is missing.
const KINDS: &[Kind] = &[
    // The model introduces itself. "As an AI researcher" is somebody else: a comma or "model" must follow, or "I".
    Kind {
        name: "self",
        pattern: r"\bas an? (?:(?:helpful |responsible )?(?:ai|artificial intelligence)(?: assistant| system| chatbot)?(?:,| i )|(?:ai |large )?language model\b|ai model\b)|\bi~?(?: a)?m (?:just |only |merely )?an? (?:ai|artificial intelligence|(?:large )?language model)(?: \w+)?[,.]",
        caught: ["As an AI language model, I think this film is great", "I am just an AI, but I loved it"],
    },
    // It refuses. People cannot help or come either; they do not speak of requests, content or such an answer.
    Kind {
        name: "refusal",
        pattern: r"\bi (?:can(?:no|~)?t|can not|am (?:not able|unable) to|won~t|will not|must decline to|am not (?:comfortable|programmed to)) ?(?:to )?(?:(?:assist|help)(?: you)? with (?:that|this|your|such)(?: (?:kind|type) of)? (?:request|task|content|topic)|(?:assist|help)(?: you)? with (?:that|this)\.?$|assist (?:you )?(?:with|in) (?:creating|generating|writing)|fulfil+ (?:that|this|your|the|such) |comply with (?:that|this|your|such)|(?:provide|generate|create|write|produce|engage in|continue with)(?:ing)?(?: (?:any|an?|the|such|that|this|your|more|explicit|harmful|offensive|inappropriate|hateful|false|misleading|discriminatory|illegal|spam|or|and)){0,4} ?(?:content|request|material|examples?|spam|text that|messages? that))",
        caught: ["I'm sorry, but I can't assist with that request.", "I cannot generate harmful or offensive content."],
    },
    // It speaks of its rules and its making.
    Kind {
        name: "rules",
        pattern: r"\b(?:against|violates?|goes against|outside) my (?:programming|guidelines|content polic|ethical|safety)|\bmy (?:knowledge cut-?off|training data|programming (?:does|prevents))|\bi (?:do not|don~t) have (?:personal (?:opinions|experiences|feelings|beliefs|preferences)|(?:access to )?real-?time|the ability to (?:feel|browse|access))",
        caught: ["That would be against my programming.", "I don't have personal opinions, but many like it"],
    },
    // It announces the text. Only with a colon or a further line behind the noun; "Here is my review" goes on.
    Kind {
        name: "announcement",
        pattern: r"^\W*(?:(?:sure|certainly|of course|absolutely|okay|ok|great|yes)(?: thing)?\b\W*)?here(?:~s| is| are)(?: \S+){0,10}? (?:examples?|paraphrases?|rephras\w+|rewrit\w+|versions?|variations?|variants?|alternatives?|sentences?|messages?|comments?|reviews?|texts?|headlines?|questions?|tweets?|emails?|posts?|possibilit\w+|options?|ways)\b[^.!?\n]{0,80}(?::|\n)",
        caught: [
            "Here are 5 examples of spam comments:\n1. Check out my channel",
            "Sure! Here is a paraphrased version of the text: the film was good",
        ],
    },
    // It agrees to do it.
    Kind {
        name: "agreement",
        pattern: r"^\W*(?:sure|certainly|of course|absolutely)(?: thing)?\W+(?:(?:i~d|i would) be (?:happy|glad) to (?:help|provide|generate|write|assist|create)|i (?:can|will|~ll) (?:provide|generate|create|rephrase|rewrite|paraphrase)|below (?:is|are)|the (?:following|rewritten|paraphrased))",
        caught: ["Certainly! I'd be happy to help. A good film.", "Sure, below is a review of the film"],
    },
    // It offers more of the same.
    Kind {
        name: "offer",
        pattern: r"\b(?:let me know if you(?:~d| would)? (?:like|need|want)|feel free to (?:ask|adjust|modify|let me know)|would you like me to)\b.{0,60}\b(?:more|other|another|further|additional|different|any) (?:examples?|variations?|versions?|changes|assistance|modifications|adjustments|paraphrases?|revisions?)",
        caught: [
            "Great video! Let me know if you'd like more examples.",
            "A review. Would you like me to write another version?",
        ],
    },
    // A gap that was to be filled: [Your Name], [insert date], <placeholder>, {{name}}, Lorem ipsum.
    Kind {
        name: "placeholder",
        pattern: r"\[(?:\s*(?:insert|your|enter|add|fill in)\b[^\[\]\n]{0,40}|\s*(?:the )?(?:(?:customer|company|recipient|sender|product|user|first|last|full|brand|movie|film|artist|song|channel|video|website|phone|contact|email|team|city|event|order|tracking|account|client|person|friend|business|store|bank)(?:~s)?[ _-])*(?:name|date|number|address|email|link|url|placeholder|company|product|location|city|topic|title|amount|website|phone|time|text here)\s*)\]|<\s*(?:insert|your|enter|placeholder)\b[^<>\n]{0,40}>|\{\{\s*[a-z_][\w .]*\}\}|\{\s*(?:name|date|product|company|link|url|text|class|label|topic|number|placeholder|city|first_?name|last_?name)\s*\}|\blorem ipsum\b",
        caught: ["Dear [Customer Name], your parcel is late", "Click <insert link here> to win, {{user}}"],
    },
    // The head of an item of a list. A colon or bracket must follow: "Version 2.0 is out".
    Kind {
        name: "heading",
        pattern: r"^\W*(?:example|sentence|message|comment|review|paraphrase|variation|version|option|sample|output|text|headline|question|tweet|email|post|input)\s*(?:#|no\.? ?)?\d{1,3}\W{0,3}[:)]",
        caught: ["Example 1: check out my channel", "**Comment #3:** nice song"],
    },
    // The name of the form of an answer, alone or before it.
    Kind {
        name: "form",
        pattern: r"^\W*(?:paraphrased?|rephrased|rewritten|revised|output|generated|edited)(?: (?:text|version|sentence|message|comment|review|example))?\W{0,3}:|^\s*(?:label|class|category)\s*:\s*\S+\s*$|\n\s*\**(?:label|class|category|explanation|note|reasoning|output|input)\**\s*:",
        caught: ["Rewritten text: the film was good", "Check out my channel\nLabel: spam"],
    },
    // It explains what it wrote.
    Kind {
        name: "remark",
        pattern: r"\(?note: (?:this|these|the above|i(?:~ve| have))\b|\bthis (?:text|message|sentence|example|comment|review|paraphrase|version) (?:maintains|preserves|keeps|conveys|captures|retains) the\b|\b(?:in|of) (?:the|this) (?:original|given|provided|above) (?:text|sentence|message|prompt)\b",
        caught: ["Nice song (Note: this is a fictional comment)", "This version maintains the original meaning."],
    },
    // It speaks of the prompt: of the text that it was given, the class in quotation marks, the answer that is wanted.
    Kind {
        name: "prompt",
        pattern: r#"\b(?:text|question|sentence|message|comment|review|example|prompt)s? (?:(?:that )?you(?:~ve| have)? (?:provided|gave|shared|mentioned)|(?:provided|given|mentioned) above)\b|\b(?:of|in|for|to) the (?:class|category|label) ["“']|\b(?:the|this|that) (?:class|category) ["“']|\byour (?:response|answer) (?:should|must)\b|\bas training data\b|\btext classifi(?:er|cation)\b|\bdifferent from (?:those|the ones) (?:above|i)|\b(?:those|the ones) i mentioned (?:above|earlier)|^\W*(?:this|the) (?:question|sentence|message|comment) (?:asks|is asking|uses|is (?:a|another) (?:different|rewritten|good)|you)\b|^\W*here(?:~s| is) (?:a|an|another|one) (?:\w+ ){0,2}(?:possible|rewritten|rephrased|different|example|version|answer)\b"#,
        caught: [
            "The text you provided is another example of it",
            "Here's a rewritten version of it with its own text added",
        ],
    },
    // The turns of a chat, which a prompt has and an answer has not.
    Kind {
        name: "role",
        pattern: r"<\|[a-z0-9_]{1,30}\|>|<\|im_(?:start|end)|\[/?inst\]|<</?sys>>|</s>|^\s*<s>|<(?:start|end)_of_turn>|<(?:bos|eos|pad)>|</?think(?:ing)?>|^\s*(?:assistant|user|human)\s*:|\n\s*(?:assistant|user|human|system)\s*:|^\W*(?:assistant|system|user)\n|###\s*(?:instructions?|response|input|human|assistant|system)\b",
        caught: ["user: write a review", "Nice film<|im_end|>"],
    },
    // Braces and quotation marks of JSON around it, whole or cut off.
    Kind {
        name: "json",
        pattern: r#"^\s*[\[{]\s*"|^\s*"(?:items|answer|text|label|comment|message|review|example)"\s*:|"\s*[\]}]+\s*$|^\s*(?:json)?\s*\{\s*(?:items|answer)\s*:"#,
        caught: [r#"{"items": ["check out my channel", "nice"#, r#"check out my channel"]}"#],
    },
    // The fence of a block of code at its beginning or end; blocks in the middle are somebody's code.
    Kind { name: "fence", pattern: r"^\s*```|```\s*$", caught: ["```\nnice song", "nice song\n```"] },
];

/// Settings of [`Leftovers`].
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields, rename_all = "kebab-case")]
pub struct LeftoversSettings {
    /// Kinds that are not looked for: `self`, `refusal`, `rules`, `announcement`, `agreement`, `offer`,
    /// `placeholder`, `heading`, `form`, `remark`, `prompt`, `role`, `json`, `fence`. Texts that are code may want to be without
    /// `fence` and `json`.
    pub without: Vec<String>,
    /// Regular expressions of your own, for what your model leaves; upper and lower case are the same.
    pub also: Vec<String>,
}

/// Drops texts with leftovers of templates and refusals of language models.
///
/// Patterns in English; texts in other languages pass but for placeholders, roles, JSON and fences. There is no score.
///
/// ```
/// use synth_generate::{Leftovers, LeftoversSettings};
///
/// let leftovers = Leftovers::new(&LeftoversSettings::default())?;
/// assert_eq!(leftovers.find("As an AI language model, I liked it").unwrap().0, "self");
/// assert_eq!(leftovers.find("I'm sorry, but the parcel never arrived"), None);
/// # Ok::<(), synth_generate::GenerateError>(())
/// ```
#[derive(Debug, Clone)]
pub struct Leftovers {
    names: Vec<&'static str>,
    set: RegexSet,
    each: Vec<Regex>,
}

/// The name in reasons of what settings add.
const OWN: &str = "own";

impl Leftovers {
    /// Looks for all kinds but those in the settings, and for those in the settings.
    ///
    /// # Errors
    /// A kind that does not exist; a regular expression that is none.
    pub fn new(settings: &LeftoversSettings) -> Result<Self, GenerateError> {
        let wrong = |name, value: &str, expected| GenerateError::Setting { name, value: value.to_owned(), expected };
        if let Some(unknown) = settings.without.iter().find(|name| !KINDS.iter().any(|kind| kind.name == **name)) {
            return Err(wrong("without", unknown, "the name of a kind of leftovers"));
        }
        let built_in = KINDS.iter().filter(|kind| !settings.without.iter().any(|name| name == kind.name));
        // Typographic apostrophes, and none, are as good.
        let built_in = built_in.map(|kind| (kind.name, kind.pattern.replace('~', "['’]?")));
        let own = settings.also.iter().map(|pattern| (OWN, pattern.clone()));
        let (names, patterns): (Vec<_>, Vec<_>) = built_in.chain(own).unzip();
        let build = |pattern: &String| {
            let built = RegexBuilder::new(pattern).case_insensitive(true).build();
            built.map_err(|_| wrong("also", pattern, "a regular expression"))
        };
        let each = patterns.iter().map(build).collect::<Result<_, _>>()?;
        let set = RegexSetBuilder::new(&patterns).case_insensitive(true).build();
        let set = set.map_err(|_| wrong("also", &settings.also.join(", "), "regular expressions of less length"))?;
        Ok(Self { names, set, each })
    }

    /// The first kind of leftover in a text, and where it stands.
    pub fn find<'a>(&self, text: &'a str) -> Option<(&'static str, &'a str)> {
        let kind = self.set.matches(text).iter().next()?;
        let found = self.each[kind].find(text).map_or("", |found| found.as_str());
        Some((self.names[kind], found.trim()))
    }
}

/// How much of a leftover is shown.
const SHOWN: usize = 60;

impl Filter for Leftovers {
    fn name(&self) -> &'static str {
        "leftovers"
    }

    fn judge(&mut self, batch: &[Candidate]) -> Result<Vec<Verdict>, GenerateError> {
        let verdict = |candidate: &Candidate| match self.find(&candidate.text) {
            None => Verdict::pass(None),
            Some((kind, found)) => {
                let mut shown: String = found.chars().take(SHOWN).collect();
                if shown.len() < found.len() {
                    shown.push('…');
                }
                Verdict::drop(format!("a leftover ({kind}): {shown:?}"), None)
            }
        };
        Ok(batch.iter().map(verdict).collect())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn all() -> Leftovers {
        Leftovers::new(&LeftoversSettings::default()).unwrap()
    }

    #[test]
    fn each_kind_is_found_by_its_own_pattern() {
        for kind in KINDS {
            let without = KINDS.iter().map(|other| other.name.to_owned()).filter(|name| name != kind.name).collect();
            let alone = Leftovers::new(&LeftoversSettings { without, also: Vec::new() }).unwrap();
            for text in kind.caught {
                assert_eq!(alone.find(text).map(|found| found.0), Some(kind.name), "{text:?}");
                assert!(alone.find(&text.to_uppercase()).is_some(), "{text:?}");
                assert!(alone.find(&text.replace('\'', "’")).is_some(), "{text:?}");
            }
        }
    }

    #[test]
    fn honest_texts_pass() {
        let leftovers = all();
        for text in [
            "I'm sorry, but the parcel never arrived",
            "I'm sorry, but I can't make it tonight",
            "Sorry, I can't help you with your homework tonight, call me later",
            "I can't provide a photo of the damage because I already threw it away",
            "I cannot write to the drive any more",
            "I am unable to log in, please help me with this",
            "As an AI researcher at the lab she published ten papers",
            "AI models are the future, as an investor I love it",
            "As a language teacher I liked the film",
            "Sure! See you at five",
            "Of course I would be happy to come, what time?",
            "Certainly the best film of the year",
            "Here is the tracking number: 12345",
            "Here are my two cents. Great phone.",
            "Here's my review of the phone, which I bought in May. It broke.",
            "Here is a message for all of you haters",
            "OK here is the thing. It never worked.",
            "For example, the second page is missing",
            "Example of bad service",
            "Version 2.0 is out",
            "Question 1 was hard, question 2 was harder",
            "Let me know if you need anything else",
            "Feel free to ask me any time",
            "Note: the shop is closed on Monday",
            "Users: beware of this app",
            "The user: a mystery",
            "System: printer out of order",
            "NEW YORK (AP) [Reuters] stocks fell",
            "See you at &lt;TIME&gt; in <DECIMAL> minutes",
            "my number is <#>",
            "[Verse 1] I love the way you lie",
            "[laughs] that was funny {lol}",
            "I <3 you",
            "if a < b and c > d",
            "He said \"never again\"",
            "\"Never again\" he said",
            "\"Check it out\"",
            "{shakes head} what a song",
            "~~~ so good ~~~ love it",
            "Use `cargo run` to start it",
            "Put it in a block ```like this``` and run",
            "Class of 2012 was the best",
            "Category 5 storm hits Florida",
            "What is the answer: yes or no?",
            "Dear name withheld, your time is up",
            "My name is Bond",
            "In this video he sings in the original version",
            "",
        ] {
            assert_eq!(leftovers.find(text), None, "{text:?}");
        }
    }

    #[test]
    fn settings_take_away_and_add() {
        let settings = LeftoversSettings { without: vec!["self".into()], also: vec![r"^\[Tweet\]".into()] };
        let leftovers = Leftovers::new(&settings).unwrap();
        assert_eq!(leftovers.find("As an AI language model"), None);
        assert_eq!(leftovers.find("[tweet] hello"), Some((OWN, "[tweet]")));
        let wrong = |without: &str, also: &str| {
            let list = |text: &str| text.split_whitespace().map(str::to_owned).collect();
            Leftovers::new(&LeftoversSettings { without: list(without), also: list(also) }).unwrap_err().to_string()
        };
        assert_eq!(wrong("me", ""), "`without` is me, expected the name of a kind of leftovers");
        assert_eq!(wrong("", "(a"), "`also` is (a, expected a regular expression");
    }

    #[test]
    fn the_settings_name_all_kinds() {
        let docs = include_str!("leftovers.rs");
        let settings = docs.split("pub struct LeftoversSettings").nth(1).unwrap().split("pub without").next().unwrap();
        for kind in KINDS {
            assert!(settings.contains(&format!("`{}`", kind.name)), "{}", kind.name);
        }
    }
}
