//! How long work tells what it is doing, and how it is asked to stop.

/// A stage of the work.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Stage {
    /// A first pass over a file to learn its schema.
    Scan,
    /// Labeling functions run over records.
    Apply,
    /// A model answers the questions of prompted labeling functions, within [`Stage::Apply`].
    Ask,
    /// A label model is fitted.
    Fit,
    /// Examples are made and filtered.
    Generate,
    /// Pictures or texts become points.
    Embed,
    /// Weights of a model are fetched. Counted in bytes.
    Download,
    /// Results are written.
    Write,
}

/// One report of progress.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Event {
    /// A stage begins. `total` counts what [`Event::Advanced`] counts, where it is known beforehand.
    Started {
        /// The stage.
        stage: Stage,
        /// How much there is to do, if known.
        total: Option<u64>,
    },
    /// So much is done since the stage began: records, questions, or iterations of a fit.
    Advanced {
        /// The stage.
        stage: Stage,
        /// How much is done, not how much was added.
        done: u64,
    },
    /// How far [`Stage::Generate`] is.
    Generated {
        /// How many made texts passed all filters, of the total of the stage.
        kept: u64,
        /// How many did not.
        dropped: u64,
        /// How many requests were answered, from the journal or anew.
        requests: u64,
        /// What they cost, in millionths of a dollar, where that is known.
        microdollars: Option<u64>,
    },
    /// The stage is over.
    Finished {
        /// The stage.
        stage: Stage,
    },
}

/// Watches long work. All methods may be called from any thread.
pub trait Observer: Send + Sync {
    /// Takes note of an event. Must return quickly.
    fn event(&self, event: Event);

    /// True when the work should stop at the next safe point; asked once a batch.
    fn cancelled(&self) -> bool {
        false
    }
}

/// An observer that ignores everything.
#[derive(Debug, Clone, Copy, Default)]
pub struct Silent;

impl Observer for Silent {
    fn event(&self, _: Event) {}
}
