//! Records that nearly repeat others.

use anyhow::Result;
use serde::Serialize;
use synth::audit::{CopyGroups, CopyGroupsBuilder, copies_of_texts, cosine_pairs, likely_cosine_pairs};

use super::MANY_POINTS;
use crate::args::AuditArgs;
use crate::audit::records::Records;

#[derive(Serialize)]
pub struct CopyFindings {
    /// What copies are alike in.
    pub by: &'static str,
    pub at_least: f64,
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

/// Near copies by vectors, where there are any, and otherwise by texts.
pub fn find(args: &AuditArgs, records: &Records, skipped: &mut Vec<String>) -> Result<Option<CopyFindings>> {
    let n = records.n_rows();
    let (by, at_least, groups) = if let Some(vectors) = &records.vectors {
        let mut joined = CopyGroupsBuilder::new(n);
        let add = |one, other, _| joined.join(one, other);
        match n <= MANY_POINTS {
            true => cosine_pairs(vectors.view(), args.cosine, add)?,
            false => likely_cosine_pairs(vectors.view(), args.cosine, args.labels.seed, add)?,
        }
        ("vectors", args.cosine, joined.finish())
    } else if records.text_field.is_some() {
        let texts: Vec<&str> = records.texts.iter().map(|text| text.as_deref().unwrap_or_default()).collect();
        let copies = copies_of_texts(&texts, args.similarity)?;
        ("texts", args.similarity, CopyGroups::of(n, copies.iter().map(|copy| (copy.of, copy.row))))
    } else {
        skipped.push("near copies: there are no texts and no --vectors".to_owned());
        return Ok(None);
    };
    let ids = |groups: Vec<&[usize]>| -> Vec<Vec<String>> {
        groups.into_iter().map(|group| group.iter().map(|row| records.ids[*row].clone()).collect()).collect()
    };
    Ok(Some(CopyFindings {
        by,
        at_least,
        extra: groups.n_extra(),
        groups: ids(groups.groups().iter().map(Vec::as_slice).collect()),
        conflicts: ids(groups.mixed(&records.labels)),
        leaks: records.split.as_ref().map(|split| ids(groups.mixed(split))).unwrap_or_default(),
        joined: groups,
    }))
}
