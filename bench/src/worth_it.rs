//! What made examples are worth: end models on few gold rows, without and with examples by the local model.

use std::path::Path;
use std::sync::Arc;

use anyhow::{Result, ensure};
use ndarray::{Array2, Axis, concatenate};
use synth::FeatureEmbed;
use synth_core::{ClassId, ClassSet, Dataset, Event, Observer, Predict, Silent};
use synth_generate::{
    Budget, Candidate, Confidence, ConfidenceSettings, Contamination, ContaminationSettings, Diversity,
    DiversitySettings, Duplicates, DuplicatesSettings, FilterChain, Frechet, FrechetSettings, Generator, Grid, Journal,
    Kind, Language, Leftovers, LeftoversSettings, Length, PictureSettings, Pipeline, Plan, Prompts, Recorded, RunMode,
    Sampling, Source, Sources, TextRecords, Wish, soft_labels,
};
use synth_learn::{Features, SparseMatrix, Trainer, one_hot};
use synth_neural::{LocalLlm, LocalLlmSettings, ModelSource};

use crate::end_model::{TextSet, mean_and_deviation};
use crate::label_data::SplitMix;

/// What a user would write into synth.toml.
struct Task {
    name: &'static str,
    domain: &'static str,
    /// Names and descriptions, in the order of the gold labels.
    classes: &'static [(&'static str, &'static str)],
}

const TASKS: [Task; 2] = [
    Task {
        name: "youtube",
        domain: "comments on YouTube music videos",
        classes: &[
            ("genuine", "what a viewer says about the video, the song or the artist"),
            ("spam", "advertises a channel, a video, a page or a way to earn money"),
        ],
    },
    Task {
        name: "trec",
        domain: "quiz questions",
        classes: &[
            ("description", "asks for a definition, an explanation, a reason or a way to do something"),
            ("entity", "asks for a thing: an animal, a product, a food, a sport, a word"),
            ("human", "asks for a person or a group of people"),
            ("abbreviation", "asks what an abbreviation stands for, or how something is abbreviated"),
            ("location", "asks for a place: a city, a country, a mountain"),
            ("number", "asks for a number: a date, an amount, a distance, an age"),
        ],
    },
];

/// Gold rows of a class.
const GOLD: usize = 20;
/// Candidates of a class.
const POOL: usize = 300;
/// Made rows of a class, at most.
const MADE: usize = 200;
const SEEDS: u64 = 5;
/// The seed of the gold rows and of the pool.
const SEED: u64 = 0;
const MAX_TOKENS: u32 = 40;
/// Coordinates of the Fréchet distance, as `synth generate` takes them.
const DIM: usize = 32;

/// Prints the table. The pool of a set is kept in `folder`, so that only the first run asks the model.
pub(crate) fn run(root: &Path, weights: &Path, folder: &Path) -> Result<()> {
    std::fs::create_dir_all(folder)?;
    let settings = LocalLlmSettings::of(ModelSource::Path(weights.to_owned()));
    let model: Arc<dyn Generator> = Arc::new(LocalLlm::open(&settings, &mut |_| {})?);
    for task in &TASKS {
        Trial::new(root, task)?.print(&model, folder)?;
    }
    Ok(())
}

/// A set with its gold rows, and what is learned from them alone.
struct Trial<'a> {
    task: &'a Task,
    set: TextSet,
    classes: ClassSet,
    /// The fixed gold rows, class after class.
    gold: Vec<usize>,
    /// Fitted on the words of all training rows, as those need no label.
    features: Features,
    matrix: SparseMatrix,
    classifier: Arc<dyn Predict>,
}

/// Made texts of one class, all and those that passed.
struct Pool {
    all: Vec<Candidate>,
    passed: Vec<Candidate>,
}

impl<'a> Trial<'a> {
    fn new(root: &Path, task: &'a Task) -> Result<Self> {
        let set = TextSet::open(root, task.name)?;
        let (features, matrix) = set.features()?;
        let classes = ClassSet::new(task.classes.iter().map(|(name, _)| *name))?;
        let mut random = SplitMix(SEED);
        let mut gold = Vec::new();
        for class in classes.ids() {
            let rows = set.train.iter().copied().filter(|&row| set.labels.gold[row] == Some(class));
            gold.extend(draw(&rows.collect::<Vec<_>>(), GOLD, &mut random));
        }
        ensure!(gold.len() == GOLD * classes.len(), "{} has too few gold rows of some class", task.name);
        let labels: Vec<Option<ClassId>> = gold.iter().map(|&row| set.labels.gold[row]).collect();
        let targets = one_hot(&labels, classes.len())?;
        let training =
            Trainer::default().train(&matrix.select(&gold), targets.view(), &vec![1.0; gold.len()], &Silent)?;
        let classifier = Arc::new(training.classifier(classes.clone(), features.clone())?);
        Ok(Self { task, set, classes, gold, features, matrix, classifier })
    }

    fn print(&self, model: &Arc<dyn Generator>, folder: &Path) -> Result<()> {
        let alone = self.score(&[], &[], 1.0)?;
        println!("{}: {GOLD} gold rows a class, {} test rows", self.task.name, self.set.test.len());
        let mut pools = Vec::new();
        let mut chain = self.chain()?;
        for class in self.classes.ids() {
            pools.push(self.pool(class, model, folder, &mut chain)?);
        }
        for tally in chain.tallies().iter().filter(|tally| tally.dropped > 0) {
            println!("  {:<14} {:>5} of {:>5} dropped", tally.filter, tally.dropped, tally.seen);
        }
        for (class, pool) in self.classes.ids().zip(&pools) {
            println!("  {:<14} {:>5} of {:>5} passed", self.classes.name(class), pool.passed.len(), pool.all.len());
        }
        println!("  {:<34} {:.4}", "gold rows alone", alone);
        // Made rows count as much as gold ones, or all made rows of a class as much as all its gold ones.
        for (weighing, even) in [("each as a gold row", false), ("together as the gold rows", true)] {
            println!("  with made rows, {weighing}:");
            let mut scores = vec![Vec::new(); 3];
            for seed in 0..SEEDS {
                let drawn = self.drawn(&pools, seed);
                let weight = if even { (self.gold.len() as f64 / drawn.passed.len() as f64).min(1.0) } else { 1.0 };
                scores[0].push(self.score(&drawn.any, &hard(&drawn.any, self.classes.len()), weight)?);
                scores[1].push(self.score(&drawn.passed, &hard(&drawn.passed, self.classes.len()), weight)?);
                scores[2].push(self.score(&drawn.passed, &self.soft(&pools, &drawn.passed)?, weight)?);
            }
            let names = ["filters off", "filters on", "filters on, soft labels"];
            // Means with their standard errors.
            let found: Vec<(f64, f64)> = scores
                .iter()
                .map(|scores| mean_and_deviation(scores))
                .map(|(mean, deviation)| (mean, deviation / (SEEDS as f64).sqrt()))
                .collect();
            for (name, (mean, error)) in names.iter().zip(&found) {
                println!("    {name:<32} {mean:.4} ± {error:.4}  ({:+.4} against gold alone)", mean - alone);
            }
            let (off, on, soft) = (found[0], found[1], found[2]);
            for (name, with) in [("filters on", on), ("filters on, soft labels", soft)] {
                let against = |without: f64, error: f64| if with.0 >= without - error { "met" } else { "missed" };
                println!(
                    "    {name} at least filters off less one standard error: {}; at least gold alone: {}",
                    against(off.0, off.1.max(with.1)),
                    against(alone, with.1)
                );
            }
        }
        println!();
        Ok(())
    }

    /// The candidates of a class, from the journal where they stand in it.
    fn pool(&self, class: ClassId, model: &Arc<dyn Generator>, folder: &Path, chain: &mut FilterChain) -> Result<Pool> {
        let plan = Plan {
            kind: Kind::Examples,
            descriptions: self.task.classes.iter().map(|(_, description)| (*description).to_owned()).collect(),
            classes: self.classes.clone(),
            class,
            against: None,
            domain: self.task.domain.to_owned(),
            style: String::new(),
            per_request: 10,
            few_shot: 3,
            list: false,
            max_tokens: MAX_TOKENS,
            // As `synth generate --backend local`.
            sampling: Sampling { temperature: 0.8, repetition_penalty: 1.1, ..Sampling::default() },
            picture: PictureSettings::default(),
            seed: SEED,
        };
        let name = format!("{} {}", self.task.name, self.classes.name(class));
        let journal = Arc::new(Journal::open(folder.join("pool.sqlite"), &name, &name, RunMode::Cached)?);
        let generator = Recorded::new(Arc::clone(model), Arc::clone(&journal), Budget::Requests(1000))?;
        let (sources, prompts) = (self.sources(), Prompts::built_in());
        let pipeline =
            Pipeline { plan: &plan, sources: &sources, prompts: &prompts, generator: &generator, round: POOL };
        let mut none = FilterChain::new(Vec::new());
        let (outcome, _) = pipeline.run(POOL, Grid::new(Vec::new(), SEED), &mut none, &Progress)?;
        journal.finish()?;
        ensure!(outcome.kept.len() == POOL, "{name}: {} candidates", outcome.kept.len());
        // In batches, as they come in `synth generate`: what is kept of one counts for the next.
        let mut passed = Vec::new();
        for batch in outcome.kept.chunks(50) {
            let (kept, _) = chain.judge(batch.to_vec())?;
            chain.keep(&kept)?;
            passed.extend(kept);
        }
        Ok(Pool { all: outcome.kept, passed })
    }

    /// The filters that `synth generate --from GOLD --exclude TEST --model GOLD-MODEL` has by default.
    fn chain(&self) -> Result<FilterChain> {
        let sources = self.sources();
        let real: Vec<(&str, &str)> =
            sources.all().iter().map(|source| (source.id.as_str(), source.text.as_str())).collect();
        let texts: Vec<&str> = real.iter().map(|(_, text)| *text).collect();
        let test: Vec<(String, String)> = self.set.test.iter().map(|&row| (row.to_string(), self.text(row))).collect();
        let records = TextRecords::of_field("text");
        let classifier = Arc::clone(&self.classifier);
        let embed = FeatureEmbed::of_texts("text", &Dataset::of_texts("text", &texts), DIM);
        let embed = Arc::new(embed.map_err(|error| anyhow::anyhow!(error))?);
        let of_class =
            |class: ClassId| sources.of_class(class).map(|source| source.text.clone()).collect::<Vec<String>>();
        let by_class = self.classes.ids().map(|class| (Some(class), of_class(class))).collect();
        let exclude = test.iter().map(|(id, text)| (id.as_str(), text.as_str()));
        Ok(FilterChain::new(vec![
            Box::new(Length::of_texts(&texts, if texts.len() < 100 { 4.0 } else { 2.0 })?),
            Box::new(Leftovers::new(&LeftoversSettings::default())?),
            Box::new(Language::of_texts(&texts)),
            Box::new(Duplicates::new(&DuplicatesSettings::default(), real)?),
            Box::new(Contamination::new(&ContaminationSettings::default(), exclude)?),
            Box::new(Diversity::new(&DiversitySettings::default())?),
            Box::new(Confidence::new(&ConfidenceSettings::default(), None, classifier, records.clone())?),
            Box::new(Frechet::new(&FrechetSettings::default(), embed, records, &by_class)?),
        ]))
    }

    fn sources(&self) -> Sources {
        let source = |&row: &usize| Source {
            id: row.to_string(),
            text: self.text(row),
            class: self.set.labels.gold[row],
            probs: None,
        };
        Sources::new(self.gold.iter().map(source).collect(), self.classes.len())
    }

    fn text(&self, row: usize) -> String {
        self.set.records.row(row).text("text").unwrap_or_default().into_owned()
    }

    fn gold_classes(&self) -> Vec<Option<ClassId>> {
        self.gold.iter().map(|&row| self.set.labels.gold[row]).collect()
    }

    /// Rows of all classes, as many with the filters as without.
    fn drawn<'p>(&self, pools: &'p [Pool], seed: u64) -> Drawn<'p> {
        let mut drawn = Drawn { any: Vec::new(), passed: Vec::new() };
        let mut random = SplitMix(seed);
        for pool in pools {
            let n = MADE.min(pool.passed.len());
            drawn.passed.extend(draw(&pool.passed.iter().collect::<Vec<_>>(), n, &mut random));
            drawn.any.extend(draw(&pool.all.iter().collect::<Vec<_>>(), n, &mut random));
        }
        drawn
    }

    /// The soft labels that `synth generate` would write.
    fn soft(&self, pools: &[Pool], made: &[&Candidate]) -> Result<Vec<Vec<f64>>> {
        let mut all = Vec::with_capacity(made.len());
        for (class, pool) in self.classes.ids().zip(pools) {
            let of_class: Vec<&Candidate> = made.iter().copied().filter(|made| made.wanted == Some(class)).collect();
            let known = self.predicted(&pool.all.iter().collect::<Vec<_>>())?;
            let known: Vec<f64> = known.iter().map(|probs| probs[class.index()]).collect();
            let predicted: Vec<_> = self.predicted(&of_class)?.into_iter().map(Some).collect();
            let wish = Wish { accuracy: 0.9, against: None };
            all.extend(soft_labels(wish, &known, &vec![class; of_class.len()], &predicted, self.classes.len()));
        }
        Ok(all)
    }

    /// What the classifier on gold rows says of texts.
    fn predicted(&self, made: &[&Candidate]) -> Result<Vec<Vec<f64>>> {
        let soft = self.classifier.predict(&records(made)).map_err(|error| anyhow::anyhow!(error))?;
        Ok((0..soft.n_rows()).map(|row| soft.probs(row).to_vec()).collect())
    }

    /// Accuracy on the test split of an end model on the gold rows and made ones of this weight.
    fn score(&self, made: &[&Candidate], labels: &[Vec<f64>], weight: f64) -> Result<f64> {
        let k = self.classes.len();
        let mut features = self.matrix.select(&self.gold);
        let mut targets = one_hot(&self.gold_classes(), k)?;
        let mut weights = vec![1.0; self.gold.len()];
        if !made.is_empty() {
            features.append(&self.features.of_records(&records(made))?);
            let labels = Array2::from_shape_vec((made.len(), k), labels.concat())?;
            targets = concatenate(Axis(0), &[targets.view(), labels.view()])?;
            weights.resize(features.n_rows(), weight);
        }
        let training = Trainer::default().train(&features, targets.view(), &weights, &Silent)?;
        Ok(self.set.score(&training.model.logits(&self.matrix.select(&self.set.test)))?.0)
    }
}

struct Drawn<'p> {
    any: Vec<&'p Candidate>,
    passed: Vec<&'p Candidate>,
}

fn records(made: &[&Candidate]) -> Dataset {
    let texts: Vec<&str> = made.iter().map(|candidate| candidate.text.as_str()).collect();
    Dataset::of_texts("text", &texts)
}

/// All probability on the class that was asked for.
fn hard(made: &[&Candidate], k: usize) -> Vec<Vec<f64>> {
    let label = |candidate: &&Candidate| {
        (0..k).map(|c| f64::from(candidate.wanted.is_some_and(|class| class.index() == c))).collect()
    };
    made.iter().map(label).collect()
}

/// `n` of these without repetition, or all if they are fewer.
fn draw<T: Copy>(from: &[T], n: usize, random: &mut SplitMix) -> Vec<T> {
    let mut left = from.to_vec();
    (0..n.min(from.len())).map(|_| left.swap_remove(random.below(left.len() as u64) as usize)).collect()
}

/// Says on stderr how far the pool is.
#[derive(Debug)]
struct Progress;

impl Observer for Progress {
    #[expect(clippy::print_stderr, reason = "a bench says how far it is")]
    fn event(&self, event: Event) {
        if let Event::Generated { requests, .. } = event {
            eprint!("\r{requests} requests ");
        }
    }
}
