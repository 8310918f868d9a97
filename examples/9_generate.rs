//! More examples of a rare class: by changing words, by a model on this machine, or by a server.
//!
//!     cargo run --release -p synth-examples --example 9_generate
//!     cargo run --release -p synth-examples --example 9_generate -- SmolLM2-135M-Instruct.Q4_1.gguf
//!     cargo run --release -p synth-examples --example 9_generate -- http://localhost:8000/v1 MODEL

mod demo;

use std::sync::Arc;

use synth::core::BoxError;
use synth::generate::{
    Augmenter, AugmenterSettings, Budget, Duplicates, DuplicatesSettings, FilterChain, Generator, Grid, Journal, Kind,
    Leftovers, LeftoversSettings, Length, PictureSettings, Pipeline, Plan, Prompts, Recorded, Sampling, Source as Text,
    Sources,
};
use synth::llm::{OpenAi, OpenAiSettings};
use synth::neural::{LocalLlm, LocalLlmSettings, ModelSource};
use synth::prelude::*;

fn main() -> Result<(), BoxError> {
    let (records, soft) = demo::labelled()?;
    let classes = soft.classes().clone();
    let security = classes.id("security").ok_or("no such class")?;
    let sure = |row: usize| (soft.covered(row) && soft.confidence(row) > 0.8).then(|| soft.label(row));
    let text = |row: usize| records.row(row).text("text").unwrap_or_default().into_owned();
    let all = (0..records.n_rows())
        .map(|row| Text { id: row.to_string(), text: text(row), class: sure(row), probs: None })
        .collect();
    let sources = Sources::new(all, classes.len());

    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let (generator, kind): (Arc<dyn Generator>, Kind) = match &arguments[..] {
        [] => (Arc::new(Augmenter::new(AugmenterSettings::default())?), Kind::Augment),
        [weights] => {
            let settings = LocalLlmSettings::of(ModelSource::Path(weights.into()));
            (Arc::new(LocalLlm::open(&settings, &mut |_| {})?), Kind::Examples)
        }
        [url, model, ..] => {
            let settings = OpenAiSettings { base_url: url.clone(), ..OpenAiSettings::new(model) };
            (Arc::new(OpenAi::new(settings)?), Kind::Examples)
        }
    };
    let plan = Plan {
        kind,
        descriptions: vec![String::new(); classes.len()],
        class: security,
        against: None,
        domain: "messages to an online shop".to_owned(),
        style: String::new(),
        per_request: 2,
        few_shot: 3,
        list: arguments.len() > 1,
        max_tokens: 80,
        sampling: Sampling::default(),
        picture: PictureSettings::default(),
        seed: 0,
        classes,
    };
    // A journal in a file would keep what a server was paid for.
    let recorded = Recorded::new(generator, Arc::new(Journal::in_memory()?), Budget::Requests(100))?;
    let real = || sources.all().iter().map(|source| (source.id.as_str(), source.text.as_str()));
    let texts: Vec<&str> = real().map(|(_, text)| text).collect();
    let similarity = if kind == Kind::Augment { 1.0 } else { DuplicatesSettings::default().similarity };
    let mut filters = FilterChain::new(vec![
        Box::new(Length::of_texts(&texts, 2.0)?),
        Box::new(Leftovers::new(&LeftoversSettings::default())?),
        Box::new(Duplicates::new(&DuplicatesSettings { similarity }, real())?),
    ]);
    let prompts = Prompts::built_in();
    let pipeline = Pipeline { plan: &plan, sources: &sources, prompts: &prompts, generator: &recorded, round: 16 };
    let (outcome, _) = pipeline.run(5, Grid::new(Vec::new(), plan.seed), &mut filters, &Silent)?;
    for made in &outcome.kept {
        println!("{}\n    from {}", made.text, made.provenance.parents.join(", "));
    }
    println!("kept {} of {} made by {}", outcome.kept.len(), outcome.made.len(), recorded.model());
    assert_eq!(outcome.kept.len(), 5);
    Ok(())
}
