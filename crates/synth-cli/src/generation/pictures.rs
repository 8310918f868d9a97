//! The user's pictures, and what judges pictures by them.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::{Context, Result};
use arrow_array::RecordBatch;
use arrow_schema::{Field, Schema};
use ndarray::Array2;
use synth::core::{BoxError, ClassId, ClassSet, Dataset, Embed, Predict, SoftLabels};
use synth::generate::{Source, Sources, TextRecords};
use synth::image::{ImageError, ImageFeatures, PictureEmbed, folder};
use synth::learn::{Classifier, FeatureSpec, Features, Trainer, one_hot};
use synth::neural::{Clip, ClipZeroShot};

use super::material::known;
use crate::commands::embed::points_column;
use crate::errors::{hinted, unboxed};
use crate::progress::Progress;

/// The field by which records name pictures.
pub const FIELD: &str = "picture";

/// Everything that is known of pictures before any is drawn.
pub struct Pictures {
    pub classes: ClassSet,
    pub class: ClassId,
    pub sources: Sources,
    pub records: TextRecords,
    pub features: Arc<dyn ImageFeatures>,
    pub embed: Arc<dyn Embed>,
    pub model: Option<Arc<dyn Predict>>,
}

/// With fewer pictures of a class nothing is learned from them.
const LEARNABLE: usize = 10;

impl Pictures {
    /// Reads folders of pictures: each folder in them is a class; pictures without such a folder are of the class that is
    /// wanted. Where there are enough of several classes, and no classifier is named, one is trained on them.
    ///
    /// In place of a classifier CLIP may tell classes by their names, if it is given, and there are several.
    pub fn load(
        folders: &[PathBuf],
        class: &str,
        model: Option<&Path>,
        features: Arc<dyn ImageFeatures>,
        clip: Option<Arc<Clip>>,
        progress: &Progress,
    ) -> Result<Self> {
        let mut found: BTreeMap<String, BTreeSet<PathBuf>> = BTreeMap::new();
        for folder in folders {
            for (name, files) in of_folder(folder)? {
                found.entry(name.unwrap_or_else(|| class.to_owned())).or_default().extend(files);
            }
        }
        let names: Vec<String> = match found.is_empty() {
            true => vec![class.to_owned()],
            false => found.keys().cloned().collect(),
        };
        let loaded = model.map(Classifier::load).transpose()?;
        let classes = match &loaded {
            Some(classifier) => classifier.classes().clone(),
            None => ClassSet::new(names)?,
        };
        let class = known(&classes, "--class", class)?;
        let mut sources = Vec::new();
        for (name, files) in &found {
            let class = known(&classes, "--from", name)?;
            let source = |path: &PathBuf| {
                let text = path.to_string_lossy().into_owned();
                Source { id: text.clone(), text, class: Some(class), probs: None }
            };
            sources.extend(files.iter().map(source));
        }
        let sources = Sources::new(sources, classes.len());
        let embed: Arc<dyn Embed> = Arc::new(PictureEmbed::new(Arc::clone(&features), FIELD));
        let records = TextRecords::of_field(FIELD);
        let learnable = found.len() > 1 && found.values().all(|files| files.len() >= LEARNABLE);
        let of_points = |classifier| {
            let embed = Arc::clone(&embed);
            Arc::new(PicturePredict { embed, classifier }) as Arc<dyn Predict>
        };
        let model: Option<Arc<dyn Predict>> = match (loaded, clip) {
            (Some(classifier), _) => Some(of_points(classifier)),
            (None, Some(clip)) if classes.len() > 1 => {
                let texts: Vec<String> = classes.names().iter().map(|name| format!("a photo of a {name}")).collect();
                Some(Arc::new(ClipZeroShot::new(clip, classes.clone(), &texts, FIELD)?))
            }
            (None, _) if learnable => Some(of_points(trained(&classes, &sources, &records, &*embed, progress)?)),
            (None, _) => None,
        };
        Ok(Self { classes, class, sources, records, features, embed, model })
    }

    /// A hash of which pictures there are and, where they are begun with, of what is on them.
    pub fn digest(&self, with_contents: bool) -> Result<String> {
        let mut hasher = blake3::Hasher::new();
        for source in self.sources.all() {
            hasher.update(source.id.as_bytes());
            hasher.update(b"\0");
            if with_contents {
                let failed = || format!("cannot read `{}`", source.text);
                hasher.update(&std::fs::read(&source.text).with_context(failed)?);
            }
        }
        Ok(hasher.finalize().to_hex()[..16].to_owned())
    }

    /// The real pictures of the class that is wanted, by their paths.
    pub fn real(&self) -> Vec<String> {
        self.sources.of_class(self.class).map(|source| source.text.clone()).collect()
    }

    /// Points of pictures, by what names them.
    pub fn points(&self, names: &[&str]) -> Result<Array2<f64>> {
        self.embed.embed(&self.records.dataset(names)).map_err(unboxed)
    }
}

/// The pictures of a folder by class, `None` for those that stand in it itself.
fn of_folder(path: &Path) -> Result<Vec<(Option<String>, Vec<PathBuf>)>> {
    if !path.is_dir() {
        return Err(hinted(
            format!("there is no folder `{}`", path.display()),
            "name a folder with pictures, or one with a folder for each class",
        ));
    }
    let failed = || format!("cannot read `{}`", path.display());
    let entries = std::fs::read_dir(path).with_context(failed)?;
    let mut entries: Vec<PathBuf> =
        entries.map(|entry| Ok(entry?.path())).collect::<std::io::Result<_>>().with_context(failed)?;
    entries.sort_unstable();
    let name = |path: &Path| path.file_name().unwrap_or(path.as_os_str()).to_string_lossy().into_owned();
    let (mut found, mut is_empty) = (Vec::new(), None);
    // Folders of programs, as `.thumbnails` and `__MACOSX`, are no classes.
    let is_class = |path: &&PathBuf| path.is_dir() && !name(path).starts_with(['.', '_']);
    for (class, path) in std::iter::once((None, path))
        .chain(entries.iter().filter(is_class).map(|path| (Some(name(path)), path.as_path())))
    {
        match folder(path) {
            Ok(files) => found.push((class, files)),
            Err(error @ ImageError::NoPictures { .. }) => is_empty = is_empty.or(Some(error)),
            Err(error) => return Err(error.into()),
        }
    }
    match is_empty {
        Some(error) if found.is_empty() => Err(error.into()),
        _ => Ok(found),
    }
}

/// A classifier of points.
fn trained(
    classes: &ClassSet,
    sources: &Sources,
    records: &TextRecords,
    embed: &dyn Embed,
    progress: &Progress,
) -> Result<Classifier> {
    let all: Vec<(&str, ClassId)> =
        sources.all().iter().filter_map(|source| Some((source.text.as_str(), source.class?))).collect();
    let names: Vec<&str> = all.iter().map(|(name, _)| *name).collect();
    let labels: Vec<Option<ClassId>> = all.iter().map(|(_, class)| Some(*class)).collect();
    let points = embed.embed(&records.dataset(&names)).map_err(unboxed)?;
    let rows = of_points(&points).map_err(unboxed)?;
    let spec = FeatureSpec { embeddings: vec![POINTS.to_owned()], ..FeatureSpec::default() };
    let batches = || std::iter::once(Ok::<_, BoxError>(rows.clone()));
    let features = Features::fit(spec, batches(), |_| true)?;
    let matrix = features.of_batches(batches())?;
    let targets = one_hot(&labels, classes.len())?;
    let training = Trainer::default().train(&matrix, targets.view(), &vec![1.0; labels.len()], progress)?;
    Ok(training.classifier(classes.clone(), features)?)
}

/// The field in which classifiers find points.
const POINTS: &str = "features";

fn of_points(points: &Array2<f64>) -> Result<Dataset, BoxError> {
    let column = points_column(points)?;
    let schema = Schema::new(vec![Field::new(POINTS, column.data_type().clone(), false)]);
    Ok(Dataset::new(RecordBatch::try_new(Arc::new(schema), vec![column])?))
}

/// A classifier of points as one of pictures.
struct PicturePredict {
    embed: Arc<dyn Embed>,
    classifier: Classifier,
}

impl Predict for PicturePredict {
    fn classes(&self) -> &ClassSet {
        self.classifier.classes()
    }

    fn predict(&self, records: &Dataset) -> Result<SoftLabels, BoxError> {
        self.classifier.predict(&of_points(&self.embed.embed(records)?)?)
    }
}
