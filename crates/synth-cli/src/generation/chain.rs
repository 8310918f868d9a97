//! From names and settings to filters.

use std::sync::Arc;

use anyhow::Result;
use synth::core::{ClassId, ClassSet, Predict};
use synth::generate::{
    Agreement, AnswerForm, Candidate, ClassText, Confidence, ConfidenceSettings, Contamination, Diversity, Duplicates,
    DuplicatesSettings, Facts, Filter, FilterChain, Frechet, GenerateError, Generator, Judge, Kind, Language,
    Leftovers, Length, Meaning, Prompt, PromptKind, PromptValues, Prompts, Recorded,
};

use super::Material;
use super::embedder::embedder;
use crate::config::{Config, FiltersConfig, or_file};
use crate::errors::hinted;
use crate::progress::{Interrupts, Progress};

/// The filters there are, cheap ones first.
pub const NAMES: [&str; 12] = [
    "length",
    "leftovers",
    "language",
    "duplicates",
    "contamination",
    "facts",
    "meaning",
    "diversity",
    "agreement",
    "confidence",
    "frechet",
    "judge",
];

/// What filters are made of, beside their settings.
pub struct Maker<'a> {
    pub settings: &'a Config,
    pub material: &'a Material,
    /// `None` where texts come from elsewhere.
    pub kind: Option<Kind>,
    pub class: Option<ClassId>,
    pub against: Option<ClassId>,
    /// Who judges, if one was asked for.
    pub judge: Option<(Recorded, Rubric)>,
    pub progress: &'a Progress,
}

/// What a judge is asked about a text.
#[derive(Clone)]
pub struct Rubric {
    prompts: Prompts,
    classes: Vec<ClassText>,
    domain: String,
    grades: u32,
}

impl Rubric {
    pub fn new(prompts: Prompts, classes: &ClassSet, config: &Config) -> Self {
        let classes = classes.names().iter().map(|name| class_text(name, config)).collect();
        Self { prompts, classes, domain: domain(config), grades: config.filters.judge.grades }
    }

    /// The prompt that asks for the grade of a text.
    pub fn prompt(&self, class: ClassId, text: &str) -> Result<Prompt, GenerateError> {
        let values = PromptValues {
            class: self.classes[class.index()].clone(),
            classes: self.classes.clone(),
            domain: self.domain.clone(),
            source: text.to_owned(),
            grades: self.grades,
            list: true,
            ..PromptValues::default()
        };
        self.prompts.render(PromptKind::Judge, &values, AnswerForm::OneOf(Vec::new()))
    }
}

/// A class, and what the settings say of it.
pub fn class_text(name: &str, config: &Config) -> ClassText {
    let description = config.generate.classes.get(name).map(|class| class.description.clone());
    ClassText { name: name.to_owned(), description: description.unwrap_or_default() }
}

/// What the texts are, in the plural.
pub fn domain(config: &Config) -> String {
    config.generate.domain.clone().unwrap_or_else(|| "texts".to_owned())
}

/// The filters that flags or settings name, checked; `None` where they name none.
pub fn chosen(names: &[String], config: &FiltersConfig) -> Result<Option<Vec<String>>> {
    let names: Vec<String> = or_file(names, &config.order).iter().map(|name| name.trim().to_owned()).collect();
    if names == ["none"] {
        return Ok(Some(Vec::new()));
    }
    match names.iter().find(|name| !NAMES.contains(&name.as_str())) {
        Some(name) => {
            Err(hinted(format!("there is no filter `{name}`"), format!("there are: {}, or none", NAMES.join(", "))))
        }
        None => Ok(Some(names).filter(|names| !names.is_empty())),
    }
}

/// Checks the names of filters, their settings, and that there is what they go by, before anything is paid for.
pub fn check(names: &[String], config: &FiltersConfig, has_functions: bool, has_model: bool) -> Result<()> {
    let chosen = chosen(names, config)?.unwrap_or_default();
    let missing = |name: &str, what: &str, hint: &str| hinted(format!("the filter `{name}` has no {what}"), hint);
    for name in &chosen {
        match name.as_str() {
            "agreement" if !has_functions => {
                return Err(missing(name, "labeling functions to ask", "name them: --lfs spam.lf"));
            }
            "confidence" if !has_functions && !has_model => {
                let hint = "name the folder of one that `synth train` wrote: --model model/";
                return Err(missing(name, "classifier to ask", hint));
            }
            _ => {}
        }
    }
    // Whoever makes them checks them: without texts that is quick.
    let none: [(&str, &str); 0] = [];
    Leftovers::new(&config.leftovers)?;
    Language::of_codes(&config.languages)?;
    Duplicates::new(&config.duplicates, none)?;
    Contamination::new(&config.contamination, none)?;
    Diversity::new(&config.diversity)?;
    config.judge.check()?;
    Ok(())
}

/// Whether a judge is among the filters; by default it is not.
pub fn has_judge(names: &[String], config: &FiltersConfig) -> bool {
    or_file(names, &config.order).iter().any(|name| name.trim() == "judge")
}

/// How much longer or shorter than real ones made texts may be: more where few texts show what is usual.
fn length_factor(n_texts: usize) -> f64 {
    if n_texts < 100 { 4.0 } else { 2.0 }
}

impl Maker<'_> {
    /// The filters by these names, else those of the settings, else all that there is something for.
    pub fn chain(&self, names: &[String]) -> Result<FilterChain> {
        let names = match chosen(names, &self.settings.filters)? {
            Some(names) => names,
            None => NAMES.into_iter().filter(|name| self.by_default(name)).map(str::to_owned).collect(),
        };
        let filters: Result<Vec<Box<dyn Filter>>> = names.iter().map(|name| self.filter(name)).collect();
        Ok(FilterChain::new(filters?))
    }

    /// Whether there is something for a filter to go by.
    fn by_default(&self, name: &str) -> bool {
        let real = !self.material.sources.all().is_empty();
        match name {
            "contamination" => !self.material.evaluation.is_empty(),
            // It takes a model. And variants by single words are meant to be alike.
            "meaning" => self.settings.embed.model.is_some() && self.kind != Some(Kind::Augment),
            "diversity" => self.kind != Some(Kind::Augment),
            // Of texts from elsewhere the source is not known.
            "facts" => self.kind.is_some_and(|kind| kind.rewrites() && kind != Kind::Augment),
            // At a border functions are meant to disagree; there the confidence has a band.
            "agreement" => self.material.functions.is_some() && self.kind != Some(Kind::EdgeCases),
            "confidence" => {
                let edge = self.kind == Some(Kind::EdgeCases) && self.material.functions.is_some();
                self.material.model.is_some() || edge
            }
            "frechet" => real && self.kind != Some(Kind::EdgeCases),
            // It costs a request a text: only where it is asked for.
            "judge" => false,
            _ => true,
        }
    }

    fn filter(&self, name: &str) -> Result<Box<dyn Filter>> {
        let (config, material) = (&self.settings.filters, self.material);
        let missing = |what: &str, hint: &str| hinted(format!("the filter `{name}` has no {what}"), hint);
        Ok(match name {
            "length" => Box::new(match &config.length {
                Some(length) => length.clone(),
                None => {
                    let texts: Vec<&str> = material.sources.all().iter().map(|source| source.text.as_str()).collect();
                    Length::of_texts(&texts, length_factor(texts.len()))?
                }
            }),
            "leftovers" => Box::new(Leftovers::new(&config.leftovers)?),
            "language" if !config.languages.is_empty() => Box::new(Language::of_codes(&config.languages)?),
            "language" => {
                let texts: Vec<&str> = material.sources.all().iter().map(|source| source.text.as_str()).collect();
                let language = Language::of_texts(&texts);
                if let Some(note) = language.note() {
                    self.progress.note(&format!("language: {note}"));
                }
                Box::new(language)
            }
            "duplicates" => {
                let settings = match self.kind {
                    // They differ from their source by single words; only what is the same is dropped.
                    Some(Kind::Augment) => DuplicatesSettings { similarity: 1.0 },
                    _ => config.duplicates.clone(),
                };
                let real = material.sources.all().iter().map(|source| (source.id.as_str(), source.text.as_str()));
                Box::new(Duplicates::new(&settings, real)?)
            }
            "contamination" => {
                let evaluation = material.evaluation.iter().map(|(id, text)| (id.as_str(), text.as_str()));
                Box::new(Contamination::new(&config.contamination, evaluation)?)
            }
            "facts" => Box::new(Facts),
            "meaning" => {
                let real = material.sources.all().iter().map(|source| (source.id.as_str(), source.text.as_str()));
                let (embed, _) = embedder(None, &material.text_field, self.settings, self.progress)?;
                Box::new(Meaning::new(&config.meaning, embed, material.records.clone(), real)?)
            }
            "diversity" => Box::new(Diversity::new(&config.diversity)?),
            "agreement" => {
                let functions = material.functions.clone().map(|functions| functions as Arc<dyn Predict>);
                let functions =
                    functions.ok_or_else(|| missing("labeling functions to ask", "name them: --lfs spam.lf"))?;
                Box::new(Agreement::new(&config.agreement, functions, material.records.clone())?)
            }
            "confidence" => {
                let predictor = material.predictor();
                let predictor = predictor.ok_or_else(|| {
                    missing("classifier to ask", "name the folder of one that `synth train` wrote: --model model/")
                })?;
                let settings = match (&config.confidence, self.kind) {
                    (Some(settings), _) => settings.clone(),
                    (None, Some(Kind::EdgeCases)) => ConfidenceSettings::edge(),
                    (None, _) => ConfidenceSettings::default(),
                };
                Box::new(Confidence::new(&settings, self.against, predictor, material.records.clone())?)
            }
            "frechet" => {
                let embed = material.embed()?;
                let embed = embed.ok_or_else(|| missing("real texts to measure by", "name yours: --from DATA"))?;
                let mut real = material.real();
                // Candidates have a class, or none; the others are not measured.
                real.retain(|class, _| self.class.is_none() || *class == self.class);
                let frechet = Frechet::new(&config.frechet, embed, material.records.clone(), &real)?;
                if let Some(note) = frechet.note() {
                    self.progress.note(&format!("frechet: {note}"));
                }
                Box::new(frechet)
            }
            "judge" => {
                let (generator, rubric) =
                    self.judge.clone().ok_or_else(|| missing("language model to ask", "see --backend"))?;
                let generator: Arc<dyn Generator> = Arc::new(generator);
                let rubric = move |candidate: &Candidate| match candidate.wanted {
                    Some(class) => rubric.prompt(class, &candidate.text),
                    None => Err(GenerateError::Filter {
                        filter: "judge",
                        source: format!("no class is wanted of `{}`: --wanted names the field", candidate.id).into(),
                    }),
                };
                Box::new(Judge::new(&config.judge, generator, rubric)?.watched_by(Arc::new(Interrupts)))
            }
            // All names were checked.
            _ => return Err(missing("code", "this is a mistake of synth: please report it")),
        })
    }
}
