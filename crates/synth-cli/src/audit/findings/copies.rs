//! Records that nearly repeat others.

use anyhow::Result;
use serde::Serialize;
use synth::audit::{CopyGroups, CopyGroupsBuilder, copies_of_texts, cosine_pairs, likely_cosine_pairs};

use super::MANY_POINTS;
use crate::args::AuditArgs;
use crate::audit::records::Records;

#[derive(Serialize)]
pub struct CopyFindings {
    /// What copies are alike in, and how much.
    pub by: String,
    /// Records that would go if one of each group stayed.
    pub extra: usize,
    /// Ids of records that are copies of one another.
    pub groups: Vec<Vec<String>>,
    /// Groups whose records have different labels.
    pub conflicts: Vec<Vec<String>>,
    /// Groups whose records are in different splits.
    pub leaks: Vec<Vec<String>>,
    #[serde(skip)]
    pub joined: CopyGroups,
}

/// Near copies by texts and by vectors, as far as there are any.
pub fn find(args: &AuditArgs, records: &Records, skipped: &mut Vec<String>) -> Result<Option<CopyFindings>> {
    let n = records.n_rows();
    let (mut joined, mut by) = (CopyGroupsBuilder::new(n), Vec::new());
    if records.text_field.is_ok() {
        let texts: Vec<&str> = records.texts.iter().map(|text| text.as_deref().unwrap_or_default()).collect();
        copies_of_texts(&texts, args.similarity)?.iter().for_each(|copy| joined.join(copy.of, copy.row));
        by.push(format!("texts ({} and more)", args.similarity));
    }
    if let Some(vectors) = &records.vectors {
        let add = |one, other, _| joined.join(one, other);
        match n <= MANY_POINTS {
            true => cosine_pairs(vectors.view(), args.cosine, add)?,
            false => likely_cosine_pairs(vectors.view(), args.cosine, args.labels.seed, add)?,
        }
        by.push(format!("vectors ({} and more)", args.cosine));
    }
    if by.is_empty() {
        let why = records.text_field.as_ref().err().map(|why| format!("{why}, and ")).unwrap_or_default();
        skipped.push(format!("near copies: {why}there are no vectors; name --text or --vectors"));
        return Ok(None);
    }
    let groups = joined.finish();
    let ids = |groups: Vec<&[usize]>| -> Vec<Vec<String>> {
        groups.into_iter().map(|group| group.iter().map(|row| records.ids[*row].clone()).collect()).collect()
    };
    Ok(Some(CopyFindings {
        by: by.join(" and "),
        extra: groups.n_extra(),
        groups: ids(groups.groups().iter().map(Vec::as_slice).collect()),
        conflicts: ids(groups.mixed(&records.labels)),
        leaks: records.split.as_ref().map(|split| ids(groups.mixed(split))).unwrap_or_default(),
        joined: groups,
    }))
}
