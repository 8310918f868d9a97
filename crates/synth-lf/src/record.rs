//! Labeling functions over a struct of the user's own.

use serde::de::DeserializeOwned;
use synth_core::{BoxError, ClassSet, Dataset, LabelMatrixBuilder, LfVote, Observer, Vote};

use crate::apply::{self, ChunkVotes};
use crate::faults::{call, chain};
use crate::row_value::row_value;
use crate::set::{Applied, Group};
use crate::{Faults, LfError};

type Function<T> = Box<dyn Fn(&T) -> Result<Vote, BoxError> + Send + Sync>;

/// Labeling functions over records of type `T`.
///
/// They can be applied to a slice of records directly, or, where `T` can be deserialized, join an
/// [`LfSet`](crate::LfSet) with [`add_records`](crate::LfSet::add_records) and read it from any data.
///
/// ```
/// use synth_core::{ClassSet, Silent};
/// use synth_lf::RecordLfs;
///
/// struct Review { text: String, stars: u8 }
///
/// let classes = ClassSet::new(["bad", "good"])?;
/// let (bad, good) = (classes.id("bad"), classes.id("good"));
/// let mut lfs = RecordLfs::new(classes);
/// lfs.add("stars", move |r: &Review| match r.stars { 0..=2 => bad, 4.. => good, _ => None })?;
/// lfs.add("love", move |r: &Review| if r.text.contains("love") { good } else { None })?;
///
/// let reviews = [Review { text: "love it".into(), stars: 3 }, Review { text: "meh".into(), stars: 1 }];
/// let applied = lfs.apply(&reviews, &Silent)?;
/// assert_eq!(applied.matrix.vote(0, 1), good);
/// assert_eq!(applied.matrix.vote(1, 0), bad);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub struct RecordLfs<T> {
    classes: ClassSet,
    names: Vec<String>,
    functions: Vec<Function<T>>,
}

impl<T> std::fmt::Debug for RecordLfs<T> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("RecordLfs").field("names", &self.names).finish_non_exhaustive()
    }
}

impl<T> RecordLfs<T> {
    /// No functions yet, for these classes.
    pub fn new(classes: ClassSet) -> Self {
        Self { classes, names: Vec::new(), functions: Vec::new() }
    }

    /// Adds a function.
    ///
    /// # Errors
    /// The name is taken.
    pub fn add(
        &mut self,
        name: impl Into<String>,
        function: impl Fn(&T) -> Vote + Send + Sync + 'static,
    ) -> Result<&mut Self, LfError> {
        self.push(name.into(), Box::new(move |record| Ok(function(record))))
    }

    /// Adds a function that can fail. A failure is counted as a fault, not taken for an abstain.
    ///
    /// # Errors
    /// The name is taken.
    pub fn try_add<E: Into<BoxError>>(
        &mut self,
        name: impl Into<String>,
        function: impl Fn(&T) -> Result<Vote, E> + Send + Sync + 'static,
    ) -> Result<&mut Self, LfError> {
        self.push(name.into(), Box::new(move |record| function(record).map_err(Into::into)))
    }

    fn push(&mut self, name: String, function: Function<T>) -> Result<&mut Self, LfError> {
        if self.names.contains(&name) {
            return Err(LfError::DuplicateName { name });
        }
        self.names.push(name);
        self.functions.push(function);
        Ok(self)
    }

    fn vote(&self, record: &T, row: u64, first_lf: u32, out: &mut ChunkVotes) {
        for (lf_idx, function) in (first_lf..).zip(&self.functions) {
            match call(|| function(record)) {
                Ok(vote) => out.votes.extend(vote.map(|class| LfVote { lf_idx, class })),
                Err(message) => out.fault(lf_idx, row, message),
            }
        }
    }
}

impl<T: Sync> RecordLfs<T> {
    /// Applies all functions to all records, in parallel; the result does not depend on the number of threads.
    ///
    /// # Errors
    /// A function votes for a class that does not exist; the observer asks to stop.
    pub fn apply(&self, records: &[T], observer: &dyn Observer) -> Result<Applied, LfError> {
        let mut builder = LabelMatrixBuilder::new(self.classes.clone(), self.names.clone())?;
        let mut faults = Faults::new(&self.names);
        let vote = |row: usize, out: &mut ChunkVotes| self.vote(&records[row], row as u64, 0, out);
        apply::stage(observer, Some(records.len() as u64), |progress| {
            // A batch at a time, so that stopping is quick and votes do not pile up.
            for start in (0..records.len()).step_by(apply::BATCH) {
                let rows = start..(start + apply::BATCH).min(records.len());
                let chunks = apply::run(rows, &|| (), &|(), row, out| vote(row, out));
                apply::enter(chunks, Vec::new(), &mut builder, &mut faults)?;
                progress(builder.n_rows() as u64)?;
            }
            Ok(())
        })?;
        Ok(Applied { matrix: builder.finish(), faults })
    }
}

impl<T: DeserializeOwned + Send + Sync> Group for RecordLfs<T> {
    fn classes(&self) -> &ClassSet {
        &self.classes
    }

    fn names(&self) -> &[String] {
        &self.names
    }

    fn vote_row(&self, records: &Dataset, row: usize, first_lf: u32, out: &mut ChunkVotes) {
        let position = records.first_row() + row as u64;
        match serde_json::from_value::<T>(row_value(records, row)) {
            Ok(record) => self.vote(&record, position, first_lf, out),
            Err(error) => {
                for lf_idx in first_lf..first_lf + self.names.len() as u32 {
                    out.fault(lf_idx, position, format!("the record does not fit its type: {}", chain(&error)));
                }
            }
        }
    }
}
