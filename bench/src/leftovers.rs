//! What the filter `leftovers` finds in texts of people, where there is nothing to find.

use std::path::Path;

use anyhow::Result;
use synth_generate::{Leftovers, LeftoversSettings};

use crate::label_data::texts;

const SETS: [&str; 6] = ["youtube", "sms", "trec", "agnews", "yelp", "imdb"];

/// Prints how many texts of each set would be dropped, and for what.
pub(crate) fn run(root: &Path) -> Result<()> {
    let leftovers = Leftovers::new(&LeftoversSettings::default())?;
    for name in SETS {
        let (texts, _) = texts(root, name)?;
        let found: Vec<_> = texts.iter().filter_map(|text| leftovers.find(text)).collect();
        println!("{name:<8} {:>3} of {:>6} dropped", found.len(), texts.len());
        for (kind, passage) in found {
            println!("  {kind}: {passage:?}");
        }
    }
    Ok(())
}
