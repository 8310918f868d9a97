//! From what is wanted to requests.

use rand::Rng;
use synth_core::{ClassId, ClassSet};
use synth_image::Picture;

use crate::seeds::{Use, rng};
use crate::{
    AnswerForm, Attribute, ClassText, Contrast, GenerateError, Grid, Input, PictureSettings, Prompt, PromptKind,
    PromptValues, Prompts, Request, Sampling, Source, Sources,
};

/// What is made.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// New examples of a class.
    Examples,
    /// Texts of the class in other words.
    Paraphrase,
    /// Texts of the class that could be taken for another one.
    EdgeCases,
    /// Texts of the class with words changed.
    Augment,
    /// Texts of the class, translated there and back.
    BackTranslation,
    /// Pictures of the class.
    Image,
}

impl Kind {
    /// Its name on the command line and in provenance.
    pub fn name(self) -> &'static str {
        match self {
            Self::Examples => "examples",
            Self::Paraphrase => "paraphrase",
            Self::EdgeCases => "edge-cases",
            Self::Augment => "augment",
            Self::BackTranslation => "back-translation",
            Self::Image => "image",
        }
    }

    /// Whether a language model is prompted for it.
    pub fn is_prompted(self) -> bool {
        matches!(self, Self::Examples | Self::Paraphrase | Self::EdgeCases)
    }

    /// Whether it is made from a text of the class.
    pub fn rewrites(self) -> bool {
        matches!(self, Self::Paraphrase | Self::Augment | Self::BackTranslation)
    }
}

/// What is to be made, and how it is asked for.
#[derive(Debug, Clone, PartialEq)]
pub struct Plan {
    /// What is made.
    pub kind: Kind,
    /// All classes.
    pub classes: ClassSet,
    /// What each class means, k texts; may be empty.
    pub descriptions: Vec<String>,
    /// The class that is wanted.
    pub class: ClassId,
    /// The class at whose border texts are wanted; [`Kind::EdgeCases`] needs one.
    pub against: Option<ClassId>,
    /// What the texts are, in the plural.
    pub domain: String,
    /// How they are written; may be empty.
    pub style: String,
    /// How many texts one request asks for.
    pub per_request: u32,
    /// How many examples a prompt shows at most.
    pub few_shot: usize,
    /// Whether one answer is a list of texts in JSON, or each answer one text as it comes, which small models
    /// manage better.
    pub list: bool,
    /// The length of one text at most, in tokens.
    pub max_tokens: u32,
    /// How words are drawn.
    pub sampling: Sampling,
    /// How pictures are drawn.
    pub picture: PictureSettings,
    /// Decides everything that is drawn.
    pub seed: u64,
}

/// A request, and what its answers will have come from.
#[derive(Debug, Clone, PartialEq)]
pub struct Planned {
    /// The request.
    pub request: Request,
    /// The ids of the records in it.
    pub parents: Vec<String>,
    /// The text that is rewritten, if one is.
    pub source: Option<Source>,
    /// The attributes that are asked for.
    pub attributes: Vec<Attribute>,
    /// The cell of the grid.
    pub(crate) cell: usize,
}

/// More examples fit into no prompt.
const MAX_FEW_SHOT: usize = 100;

impl Plan {
    /// Checks that this can be done with these texts.
    ///
    /// # Errors
    /// As [`Plan::check_settings`]; no text of the class to rewrite.
    pub fn check(&self, sources: &Sources) -> Result<(), GenerateError> {
        self.check_settings()?;
        let begins_with_one = self.kind == Kind::Image && self.picture.strength.is_some();
        if (self.kind.rewrites() || begins_with_one) && sources.of_class(self.class).len() == 0 {
            return Err(GenerateError::NoSources {
                class: self.classes.name(self.class).to_owned(),
                kind: self.kind.name(),
            });
        }
        Ok(())
    }

    /// Checks what can be checked before the texts are known.
    ///
    /// # Errors
    /// A setting is out of range; edge cases without a class to border on.
    pub fn check_settings(&self) -> Result<(), GenerateError> {
        let setting = |name, value: String, expected| Err(GenerateError::Setting { name, value, expected });
        if self.per_request == 0 {
            return setting("per-request", "0".to_owned(), "at least 1");
        }
        if self.max_tokens == 0 {
            return setting("max-tokens", "0".to_owned(), "at least 1");
        }
        if self.few_shot > MAX_FEW_SHOT {
            return setting("few-shot", self.few_shot.to_string(), "at most 100 examples");
        }
        let Sampling { temperature, top_p, repetition_penalty, .. } = self.sampling;
        if !(0.0..=2.0).contains(&temperature) {
            return setting("temperature", temperature.to_string(), "a number from 0 to 2");
        }
        if !(top_p > 0.0 && top_p <= 1.0) {
            return setting("top-p", top_p.to_string(), "a number above 0, at most 1");
        }
        if !(repetition_penalty > 0.0 && repetition_penalty.is_finite()) {
            return setting("repetition-penalty", repetition_penalty.to_string(), "a number above 0");
        }
        let PictureSettings { steps, guidance, strength, size } = self.picture;
        if steps == 0 {
            return setting("steps", "0".to_owned(), "at least 1");
        }
        if !(guidance >= 1.0 && guidance.is_finite()) {
            return setting("guidance", guidance.to_string(), "1 or more");
        }
        if let Some(strength) = strength.filter(|strength| !(*strength > 0.0 && *strength <= 1.0)) {
            return setting("strength", strength.to_string(), "above 0, at most 1");
        }
        if let Some((width, height)) = size.filter(|(width, height)| width * height == 0) {
            return setting("size", format!("{width}x{height}"), "a width and a height");
        }
        if self.kind == Kind::EdgeCases && self.against.is_none_or(|against| against == self.class) {
            return Err(GenerateError::NoBorder { class: self.classes.name(self.class).to_owned() });
        }
        Ok(())
    }

    /// The next requests, for cells that the grid chooses. `position` is the number of requests before them.
    ///
    /// # Errors
    /// A template of the user's has a mistake.
    pub fn requests(
        &self,
        position: u64,
        count: usize,
        grid: &mut Grid,
        sources: &Sources,
        prompts: &Prompts,
    ) -> Result<Vec<Planned>, GenerateError> {
        let cells = grid.choose(count).into_iter();
        cells
            .zip(position..)
            .map(|(cell, position)| {
                let attributes = grid.attributes(cell);
                let planned = match self.kind {
                    Kind::Augment | Kind::BackTranslation => self.changed(position, sources)?,
                    Kind::Image => self.pictured(position, &attributes, sources, prompts)?,
                    _ => self.prompted(position, &attributes, sources, prompts)?,
                };
                Ok(Planned { cell, attributes, ..planned })
            })
            .collect()
    }

    fn changed(&self, position: u64, sources: &Sources) -> Result<Planned, GenerateError> {
        /// How many other texts may lend sentences.
        const OTHERS: usize = 3;
        let source = self.source(position, sources)?;
        let others = sources.few_shot(self.class, OTHERS + 1, self.seed, position);
        let others: Vec<&Source> = others.into_iter().filter(|other| other.id != source.id).take(OTHERS).collect();
        let input =
            Input::Text { text: source.text.clone(), others: others.iter().map(|other| other.text.clone()).collect() };
        let request = self.request(input, self.per_request, self.max_tokens, position);
        Ok(Planned {
            request,
            parents: vec![source.id.clone()],
            source: Some(source.clone()),
            attributes: Vec::new(),
            cell: 0,
        })
    }

    fn pictured(
        &self,
        position: u64,
        attributes: &[Attribute],
        sources: &Sources,
        prompts: &Prompts,
    ) -> Result<Planned, GenerateError> {
        let values = PromptValues {
            class: self.class_text(self.class),
            style: self.style.clone(),
            attributes: attributes.to_vec(),
            ..PromptValues::default()
        };
        let Prompt { system, user, .. } = prompts.render(PromptKind::Image, &values, AnswerForm::Text)?;
        let source = self.picture.strength.map(|_| self.source(position, sources)).transpose()?;
        // What is on it decides the answer, not where it stands.
        let url = |source: &Source| Picture::named(&source.text).map(|picture| picture.to_url());
        let failed = |error: synth_image::ImageError| {
            let generator = "the picture to begin with".to_owned();
            GenerateError::Generator { generator, source: error.into() }
        };
        let start = source.map(url).transpose().map_err(failed)?;
        let input = Input::Picture { prompt: user, negative_prompt: system, start, settings: self.picture };
        let request = self.request(input, self.per_request, self.max_tokens, position);
        let parents = source.map(|source| source.id.clone()).into_iter().collect();
        Ok(Planned { request, parents, source: source.cloned(), attributes: Vec::new(), cell: 0 })
    }

    fn prompted(
        &self,
        position: u64,
        attributes: &[Attribute],
        sources: &Sources,
        prompts: &Prompts,
    ) -> Result<Planned, GenerateError> {
        /// Of so many other classes a prompt shows a text.
        const CONTRASTS: usize = 2;
        let mut values = PromptValues {
            class: self.class_text(self.class),
            against: self.against.map(|class| self.class_text(class)).unwrap_or_default(),
            classes: self.classes.ids().map(|class| self.class_text(class)).collect(),
            domain: self.domain.clone(),
            style: self.style.clone(),
            attributes: attributes.to_vec(),
            n: self.per_request,
            list: self.list,
            ..PromptValues::default()
        };
        let (mut shown, mut source) = (Vec::new(), None);
        let kind = match self.kind {
            Kind::Paraphrase => {
                let text = self.source(position, sources)?;
                values.source = text.text.clone();
                shown.push(text);
                source = Some(text.clone());
                PromptKind::Paraphrase
            }
            Kind::EdgeCases => {
                // As many of the one side as of the other.
                let count = self.few_shot.div_ceil(2);
                let examples = sources.few_shot(self.class, count, self.seed, position);
                let contrasts = match self.against {
                    Some(against) => sources.few_shot(against, count, self.seed, position),
                    None => Vec::new(),
                };
                self.show(&mut values, &examples, &contrasts);
                shown = [examples, contrasts].concat();
                PromptKind::EdgeCases
            }
            Kind::Examples | Kind::Augment | Kind::BackTranslation | Kind::Image => {
                let examples = sources.few_shot(self.class, self.few_shot, self.seed, position);
                // A small model takes whatever it sees for what is wanted.
                let contrasts = match self.list && !examples.is_empty() {
                    true => sources.contrasts(self.class, CONTRASTS, self.seed, position),
                    false => Vec::new(),
                };
                self.show(&mut values, &examples, &contrasts);
                shown = [examples, contrasts].concat();
                PromptKind::Examples
            }
        };
        let form = if self.list { AnswerForm::Items } else { AnswerForm::Text };
        let (n_choices, max_tokens) = if self.list {
            /// What JSON itself takes, beside the texts.
            const FRAME: u32 = 32;
            (1, self.per_request.saturating_mul(self.max_tokens).saturating_add(FRAME))
        } else {
            (self.per_request, self.max_tokens)
        };
        let input = Input::Prompt(prompts.render(kind, &values, form)?);
        let request = self.request(input, n_choices, max_tokens, position);
        Ok(Planned {
            request,
            parents: shown.iter().map(|source| source.id.clone()).collect(),
            source,
            attributes: Vec::new(),
            cell: 0,
        })
    }

    /// The request that asks a model for values of an attribute.
    ///
    /// # Errors
    /// A template of the user's has a mistake.
    pub fn ask_for_attribute(
        &self,
        attribute: &str,
        count: u32,
        sources: &Sources,
        prompts: &Prompts,
    ) -> Result<Request, GenerateError> {
        let examples = sources.few_shot(self.class, self.few_shot, self.seed, 0);
        let values = PromptValues {
            class: self.class_text(self.class),
            domain: self.domain.clone(),
            examples: examples.iter().map(|source| source.text.clone()).collect(),
            source: attribute.to_owned(),
            n: count,
            list: true,
            ..PromptValues::default()
        };
        /// Values are a few words long.
        const VALUE_TOKENS: u32 = 24;
        let input = Input::Prompt(prompts.render(PromptKind::Attributes, &values, AnswerForm::Items)?);
        // Behind every request for texts.
        Ok(self.request(input, 1, VALUE_TOKENS.saturating_mul(count), u64::MAX))
    }

    fn source<'a>(&self, position: u64, sources: &'a Sources) -> Result<&'a Source, GenerateError> {
        sources.in_turn(self.class, self.seed, position).ok_or_else(|| GenerateError::NoSources {
            class: self.classes.name(self.class).to_owned(),
            kind: self.kind.name(),
        })
    }

    fn show(&self, values: &mut PromptValues, examples: &[&Source], contrasts: &[&Source]) {
        values.examples = examples.iter().map(|source| source.text.clone()).collect();
        values.contrasts = contrasts
            .iter()
            .filter_map(|source| {
                let class = self.classes.name(source.class?).to_owned();
                Some(Contrast { text: source.text.clone(), class })
            })
            .collect();
    }

    fn class_text(&self, class: ClassId) -> ClassText {
        ClassText {
            name: self.classes.name(class).to_owned(),
            description: self.descriptions.get(class.index()).cloned().unwrap_or_default(),
        }
    }

    fn request(&self, input: Input, n_choices: u32, max_tokens: u32, position: u64) -> Request {
        Request { input, n_choices, max_tokens, sampling: self.sampling, seed: self.request_seed(position) }
    }

    fn request_seed(&self, position: u64) -> u64 {
        // Servers take seeds of 31 bits.
        rng(self.seed, Use::Request, position).random::<u64>() >> 33
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn plan(kind: Kind) -> (Plan, Sources) {
        let classes = ClassSet::new(["ham", "spam"]).unwrap();
        let source = |at: usize| Source {
            id: at.to_string(),
            text: format!("text number {at}"),
            class: classes.at(at % 2),
            probs: None,
        };
        let sources = Sources::new((0..10).map(source).collect(), 2);
        let plan = Plan {
            kind,
            descriptions: vec![String::new(), "advertising".to_owned()],
            class: classes.id("spam").unwrap(),
            against: classes.id("ham"),
            classes,
            domain: "comments".to_owned(),
            style: String::new(),
            per_request: 5,
            few_shot: 4,
            list: true,
            max_tokens: 50,
            sampling: Sampling::default(),
            picture: PictureSettings::default(),
            seed: 1,
        };
        (plan, sources)
    }

    fn requests(kind: Kind) -> Vec<Planned> {
        let (plan, sources) = plan(kind);
        plan.requests(0, 3, &mut Grid::new(Vec::new(), 1), &sources, &Prompts::built_in()).unwrap()
    }

    #[test]
    fn prompts_show_texts_of_the_class_and_name_them_as_parents() {
        for planned in requests(Kind::Examples) {
            let Input::Prompt(prompt) = &planned.request.input else { panic!("a prompt") };
            for id in &planned.parents {
                assert!(prompt.user.contains(&format!("text number {id}")), "{}", prompt.user);
            }
            assert_eq!(planned.parents.iter().filter(|id| id.parse::<usize>().unwrap() % 2 == 1).count(), 4);
            assert_eq!((planned.request.n_choices, planned.request.max_tokens), (1, 282));
        }
        let [first, second, _] = &requests(Kind::Examples)[..] else { panic!("three") };
        assert_ne!(first.request.seed, second.request.seed);
        assert_ne!(first.parents, second.parents);
    }

    #[test]
    fn edge_cases_show_both_sides_alike() {
        for planned in requests(Kind::EdgeCases) {
            let odd = planned.parents.iter().filter(|id| id.parse::<usize>().unwrap() % 2 == 1).count();
            assert_eq!((planned.parents.len(), odd), (4, 2));
        }
    }

    #[test]
    fn augmentation_takes_the_sources_in_turn() {
        let mut parents: Vec<_> = requests(Kind::Augment).into_iter().map(|planned| planned.parents).collect();
        parents.sort();
        parents.dedup();
        assert_eq!(parents.len(), 3);
        let all = requests(Kind::Paraphrase);
        assert!(all.iter().all(|planned| planned.source.as_ref().is_some_and(|s| planned.parents == [s.id.clone()])));
    }

    #[test]
    fn what_cannot_be_done_is_an_error() {
        let (plan, sources) = plan(Kind::EdgeCases);
        assert!(plan.check(&sources).is_ok());
        let no_border = Plan { against: None, ..plan.clone() };
        assert!(matches!(no_border.check(&sources), Err(GenerateError::NoBorder { .. })));
        let nothing = Sources::new(Vec::new(), 2);
        let rewrite = Plan { kind: Kind::Paraphrase, ..plan.clone() };
        assert!(matches!(rewrite.check(&nothing), Err(GenerateError::NoSources { .. })));
        let hot = Plan { sampling: Sampling { temperature: 3.0, ..Sampling::default() }, ..plan };
        assert_eq!(hot.check(&sources).unwrap_err().to_string(), "`temperature` is 3, expected a number from 0 to 2");
    }
}
