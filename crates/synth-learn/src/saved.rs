//! Classifiers in folders: `model.json` says what it is, `weights.safetensors` holds the numbers.

use std::collections::{BTreeMap, HashMap};
use std::fs;
use std::path::Path;

use ndarray::{Array1, Array2};
use safetensors::tensor::{Dtype, SafeTensors, TensorView};
use serde::{Deserialize, Serialize};
use synth_core::ClassSet;
use synth_io::{AtomicFile, IoError};

use crate::classifier::{Classifier, TrainingReport};
use crate::features::{Block, FeatureSpec, Features};
use crate::{LearnError, LogisticModel};

/// The version of the format that is written, and the newest that is read.
const VERSION: u64 = 1;
const KIND: &str = "synth classifier";

#[derive(Serialize, Deserialize)]
struct Description {
    kind: String,
    version: u64,
    classes: Vec<String>,
    features: FeatureSpec,
    blocks: Vec<Block>,
    report: TrainingReport,
    /// The checksum of all weights.
    weights: String,
}

/// What is read first: a newer format may lack all else.
#[derive(Deserialize)]
struct Head {
    kind: String,
    version: u64,
}

impl Classifier {
    /// Saves the classifier in a folder, which is made if need be. A model that was there before is replaced.
    ///
    /// # Errors
    /// The folder or a file cannot be written.
    pub fn save(&self, folder: &Path) -> Result<(), LearnError> {
        fs::create_dir_all(folder).map_err(|source| IoError::Write { path: folder.into(), source: source.into() })?;
        let bytes = |values: &mut dyn Iterator<Item = &f64>| values.flat_map(|x| x.to_le_bytes()).collect::<Vec<u8>>();
        let (weights, bias) = (bytes(&mut self.model.weights.iter()), bytes(&mut self.model.bias.iter()));
        let (d, k) = self.model.weights.dim();
        let description = Description {
            kind: KIND.into(),
            version: VERSION,
            classes: self.classes.names().to_vec(),
            features: self.features.spec().clone(),
            blocks: self.features.blocks().to_vec(),
            report: self.report.clone(),
            weights: checksum(&[&weights, &bias]),
        };
        let description = serde_json::to_vec_pretty(&description).map_err(|e| damaged(folder, &e.to_string()))?;
        let view = |shape, data| TensorView::new(Dtype::F64, shape, data).map_err(|e| damaged(folder, &e.to_string()));
        let tensors = BTreeMap::from([("weights", view(vec![d, k], &weights)?), ("bias", view(vec![k], &bias)?)]);
        // Each file vouches for the other: neither can change alone, nor be that of another model.
        let metadata = HashMap::from([(DESCRIPTION.to_owned(), checksum(&[&description]))]);
        let file = safetensors::serialize(tensors, Some(metadata)).map_err(|e| damaged(folder, &e.to_string()))?;
        AtomicFile::write_all_to(folder.join(WEIGHTS), &file)?;
        // Last, as it vouches for the other.
        Ok(AtomicFile::write_all_to(folder.join(DESCRIPTION), &description)?)
    }

    /// Loads a classifier.
    ///
    /// # Errors
    /// No model is there; a file is damaged, of a newer version, or belongs to another model.
    pub fn load(folder: &Path) -> Result<Self, LearnError> {
        let read = |path: &Path| {
            fs::read(path).map_err(|source| LearnError::from(IoError::Open { path: path.into(), source }))
        };
        let (description, weights) = (folder.join(DESCRIPTION), folder.join(WEIGHTS));
        Self::of_files((&description, &read(&description)?), (&weights, || read(&weights)))
    }

    /// Loads a classifier from the contents of its two files, as where they are built into a program.
    ///
    /// # Errors
    /// As [`Classifier::load`].
    pub fn from_bytes(description: &[u8], weights: &[u8]) -> Result<Self, LearnError> {
        Self::of_files((Path::new(DESCRIPTION), description), (Path::new(WEIGHTS), || Ok(weights.to_vec())))
    }

    fn of_files(
        (path, text): (&Path, &[u8]),
        (weights_path, weights): (&Path, impl FnOnce() -> Result<Vec<u8>, LearnError>),
    ) -> Result<Self, LearnError> {
        let problem = |error: serde_json::Error| damaged(path, &error.to_string());
        let head: Head = serde_json::from_slice(text).map_err(problem)?;
        if head.kind != KIND {
            return Err(damaged(path, &format!("it describes a `{}`", head.kind)));
        }
        if head.version == 0 {
            return Err(damaged(path, "there is no format version 0"));
        }
        if head.version > VERSION {
            let path = path.display().to_string();
            return Err(LearnError::NewerFormat { path, got: head.version, newest: VERSION });
        }
        let description: Description = serde_json::from_slice(text).map_err(problem)?;
        let features =
            Features::of(description.features, description.blocks).map_err(|problem| damaged(path, &problem))?;
        let classes = ClassSet::new(description.classes).map_err(|error| damaged(path, &error.to_string()))?;
        let calibration = &description.report.calibration;
        let numbers = calibration.bias.iter().chain([&calibration.temperature]);
        if calibration.bias.len() != classes.len()
            || !numbers.copied().all(f64::is_finite)
            || calibration.temperature <= 0.0
            || !(0.0..1.0).contains(&calibration.floor)
        {
            return Err(damaged(path, "its calibration makes no sense"));
        }

        let path = weights_path;
        let file = weights()?;
        let other = || damaged(path, &format!("it is cut short, changed, or not the one that {DESCRIPTION} describes"));
        let (_, metadata) = SafeTensors::read_metadata(&file).map_err(|error| damaged(path, &error.to_string()))?;
        let vouched = metadata.metadata().as_ref().and_then(|pairs| pairs.get(DESCRIPTION));
        if vouched != Some(&checksum(&[text])) {
            return Err(other());
        }
        let tensors = SafeTensors::deserialize(&file).map_err(|error| damaged(path, &error.to_string()))?;
        let data = ["weights", "bias"].map(|name| tensors.tensor(name).map_or(&[][..], |tensor| tensor.data()));
        if checksum(&data) != description.weights {
            return Err(other());
        }
        let tensor = |name: &str, shape: &[usize]| -> Result<Vec<f64>, LearnError> {
            let tensor = tensors.tensor(name).map_err(|error| damaged(path, &error.to_string()))?;
            if tensor.dtype() != Dtype::F64 || tensor.shape() != shape {
                let problem =
                    format!("`{name}` is {:?} of shape {:?}, expected F64 {shape:?}", tensor.dtype(), tensor.shape());
                return Err(damaged(path, &problem));
            }
            let numbers: Vec<f64> =
                tensor.data().as_chunks::<8>().0.iter().map(|bytes| f64::from_le_bytes(*bytes)).collect();
            match numbers.iter().find(|number| !number.is_finite()) {
                Some(number) => Err(damaged(path, &format!("`{name}` holds {number}"))),
                None => Ok(numbers),
            }
        };
        let (d, k) = (features.n_columns(), classes.len());
        let weights = Array2::from_shape_vec((d, k), tensor("weights", &[d, k])?);
        let model = LogisticModel {
            weights: weights.expect("the shape was compared"),
            bias: Array1::from_vec(tensor("bias", &[k])?),
        };
        Self::new(classes, features, model, description.report)
    }
}

const DESCRIPTION: &str = "model.json";
const WEIGHTS: &str = "weights.safetensors";

fn checksum(parts: &[&[u8]]) -> String {
    let mut hash = xxhash_rust::xxh3::Xxh3::new();
    parts.iter().for_each(|part| hash.update(part));
    format!("{:032x}", hash.digest128())
}

fn damaged(path: &Path, problem: &str) -> LearnError {
    LearnError::Damaged { path: path.display().to_string(), problem: problem.to_owned() }
}

#[cfg(test)]
mod tests {
    use std::sync::LazyLock;

    use ndarray::array;
    use proptest::prelude::*;
    use synth_core::{Dataset, Predict, Silent};

    use super::*;
    use crate::{TextSpec, Trainer};

    fn classifier() -> (Classifier, Dataset) {
        let records = Dataset::of_texts("text", ["so good", "good film", "so bad", "bad film"]);
        let spec = FeatureSpec { texts: vec![TextSpec::of("text")], ..FeatureSpec::default() };
        let features = Features::fit(spec, [Ok(records.clone())], |_| true).unwrap();
        let matrix = features.of_records(&records).unwrap();
        let soft = array![[0.9, 0.1], [0.8, 0.2], [0.2, 0.8], [0.1, 0.9]];
        let training = Trainer::default().train(&matrix, soft.view(), &[1.0; 4], &Silent).unwrap();
        (training.classifier(ClassSet::new(["pos", "neg"]).unwrap(), features).unwrap(), records)
    }

    #[test]
    fn a_model_comes_back_bit_for_bit() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("model");
        let (classifier, records) = classifier();
        classifier.save(&path).unwrap();
        let loaded = Classifier::load(&path).unwrap();
        assert_eq!(loaded, classifier);
        assert_eq!(loaded.predict(&records).unwrap(), classifier.predict(&records).unwrap());
    }

    #[test]
    fn what_is_damaged_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        let load =
            || Classifier::load(folder.path()).unwrap_err().to_string().replace(&*folder.path().to_string_lossy(), "");
        assert!(load().starts_with("cannot open `/model.json`"));
        classifier().0.save(folder.path()).unwrap();
        let (weights, model) = (folder.path().join(WEIGHTS), folder.path().join(DESCRIPTION));
        let (whole, description) = (fs::read(&weights).unwrap(), fs::read_to_string(&model).unwrap());
        // Whatever is cut off, and wherever a bit is flipped.
        for at in 0..whole.len() {
            fs::write(&weights, &whole[..at]).unwrap();
            assert!(load().starts_with("`/weights.safetensors` is no model"), "cut at {at}");
            let mut flipped = whole.clone();
            flipped[at] ^= 4;
            fs::write(&weights, flipped).unwrap();
            assert!(load().starts_with("`/weights.safetensors` is no model"), "flipped at {at}");
        }
        fs::write(&weights, whole).unwrap();
        for at in 0..description.len() - 1 {
            fs::write(&model, &description[..at]).unwrap();
            assert!(load().starts_with("`/model.json` is no model"), "cut at {at}");
        }
        for at in 0..description.len() {
            let mut flipped = description.clone().into_bytes();
            flipped[at] ^= 1;
            fs::write(&model, flipped).unwrap();
            let problem = load();
            assert!(problem.contains("no model") || problem.contains("format version"), "flipped at {at}: {problem}");
        }
        fs::write(&model, description.replace("\"version\": 1", "\"version\": 2")).unwrap();
        assert_eq!(load(), "`/model.json` has format version 2, this program reads up to 1");
        fs::write(&model, description.replace("\"version\": 1", "\"version\": 0")).unwrap();
        assert!(load().contains("there is no format version 0"));
        fs::write(&model, description.replace("\"idf\": [", "\"idf\": [1.0,")).unwrap();
        assert!(load().contains("make no sense"));
        // N-grams that a specification may not ask for.
        fs::write(&model, description.replacen("1,\n          2\n", "0,\n          2\n", 1)).unwrap();
        assert!(load().contains("`/model.json` is no model"));
        // Another order of the same classes.
        let swapped = description.replacen("\"pos\",\n    \"neg\"", "\"neg\",\n    \"pos\"", 1);
        assert_ne!(swapped, description);
        fs::write(&model, swapped).unwrap();
        assert!(load().contains("not the one that model.json describes"));
    }

    proptest! {
        /// Whatever a description says, loading and using it ends with a model or an error.
        #[test]
        fn no_description_makes_it_panic(at in 0.0..1.0f64, length in 0usize..6, text in "[0-9a-z\"\\[\\]{}:,.-]{0,12}") {
            static SAVED: LazyLock<(String, Vec<u8>, Dataset)> = LazyLock::new(|| {
                let folder = tempfile::tempdir().unwrap();
                let (classifier, records) = classifier();
                classifier.save(folder.path()).unwrap();
                let file = |name| fs::read(folder.path().join(name)).unwrap();
                (String::from_utf8(file(DESCRIPTION)).unwrap(), file(WEIGHTS), records)
            });
            let (description, weights, records) = &*SAVED;
            let mut description = description.clone();
            let at = (at * description.len() as f64) as usize;
            description.replace_range(at..(at + length).min(description.len()), &text);
            if let Ok(loaded) = Classifier::from_bytes(description.as_bytes(), weights) {
                let _ = loaded.predict(records);
            }
        }
    }
}
