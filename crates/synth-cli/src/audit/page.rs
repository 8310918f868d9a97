//! Findings as one page of HTML, which needs nothing beside itself.

use std::cell::Cell;
use std::collections::BTreeSet;

use anyhow::{Context, Result};
use minijinja::{AutoEscape, Environment, UndefinedBehavior};
use serde::Serialize;

use super::annotators::AnnotatorSummary;
use super::findings::Findings;
use super::pictures::thumbnail;
use super::records::Records;
use super::summary::shortened;
use crate::plots::{self, Bars, Confusion, Reliability};

/// The page without what was found.
const TEMPLATE: &str = include_str!("page.html");
/// Rows of a table on the page: more are slow to look at. `--json` has all.
const ROWS: usize = 500;
/// Pictures on the page, of all tables together, from the first on.
const PICTURES: usize = 500;
/// Of a group of copies.
const OF_GROUP: usize = 20;
/// Characters of a text.
const TEXT: usize = 1_000;

/// A record that is shown.
#[derive(Serialize)]
struct Shown<'a> {
    row: usize,
    id: &'a str,
    label: &'a str,
    /// What it should be looked at for.
    about: String,
    score: String,
    text: String,
    /// As a data URL; empty where there is none.
    picture: String,
}

/// Copies of one another that are shown together.
#[derive(Serialize)]
struct Group<'a> {
    records: Vec<Shown<'a>>,
    /// How many there are beside these.
    more: usize,
    /// Whether their labels differ.
    conflict: bool,
    /// Whether their splits do.
    leak: bool,
}

/// What the template is filled with.
#[derive(Serialize)]
struct Page<'a> {
    findings: &'a Findings,
    classes: &'a [String],
    /// Each as SVG.
    plots: Vec<String>,
    errors: Vec<Shown<'a>>,
    annotators: &'a [AnnotatorSummary],
    relabel: Vec<Shown<'a>>,
    groups: Vec<Group<'a>>,
    outliers: Vec<Shown<'a>>,
    odd: Vec<Shown<'a>>,
}

/// The page, as HTML.
pub fn render(findings: &Findings, records: &Records) -> Result<String> {
    let mut environment = Environment::new();
    // Texts of records are shown, never run.
    environment.set_auto_escape_callback(|_| AutoEscape::Html);
    environment.set_undefined_behavior(UndefinedBehavior::Strict);
    environment.add_template("page.html", TEMPLATE)?;
    let pictures_left = Cell::new(PICTURES);
    let picture = |row: usize| {
        let path = records.pictures.get(row)?.as_deref()?;
        pictures_left.set(pictures_left.get().checked_sub(1)?);
        // One that cannot be read is among the odd ones.
        thumbnail(path).ok()
    };
    let shown = |row: usize, about: String, score: String| Shown {
        row,
        id: &records.ids[row],
        label: records.labels[row].map(|class| records.name(class)).unwrap_or_default(),
        about,
        score,
        text: shortened(&records.shown(row), TEXT),
        picture: picture(row).unwrap_or_default(),
    };
    let labels = findings.labels.as_ref();
    let errors: Vec<Shown<'_>> = labels
        .iter()
        .flat_map(|labels| &labels.errors)
        .take(ROWS)
        .map(|error| shown(error.row, error.suggested.clone(), format!("{:.3}", error.score)))
        .collect();
    let relabel: Vec<Shown<'_>> = findings
        .annotators
        .iter()
        .zip(&records.votes)
        .flat_map(|(found, votes)| found.relabel_first.iter().map(|item| (votes.rows[item.row], item)))
        .map(|(row, item)| shown(row, item.label.clone(), format!("{:.3}", item.quality)))
        .collect();
    let outliers: Vec<Shown<'_>> = findings
        .outliers
        .iter()
        .flat_map(|outliers| &outliers.rows)
        .take(ROWS)
        .map(|outlier| shown(outlier.row, String::new(), format!("{:.3}", outlier.score)))
        .collect();
    let odd: Vec<Shown<'_>> =
        findings.odd.iter().take(ROWS).map(|odd| shown(odd.row, odd.what.to_owned(), String::new())).collect();
    let split = |row: &usize| records.split.as_ref().and_then(|split| split[*row].clone());
    let mut order = Vec::new();
    if let Some(copies) = &findings.copies {
        let firsts = |groups: Vec<&[usize]>| -> BTreeSet<usize> { groups.iter().map(|group| group[0]).collect() };
        let conflicts = firsts(copies.joined.mixed(&records.labels));
        let leaks = records.split.as_ref().map(|split| firsts(copies.joined.mixed(split))).unwrap_or_default();
        let marked = |rows: &'_ Vec<usize>| (conflicts.contains(&rows[0]), leaks.contains(&rows[0]));
        order.extend(copies.joined.groups().iter().map(|rows| (marked(rows), rows)));
    }
    // What contradicts itself or leaks first; sorting keeps the order of the others.
    order.sort_by_key(|((conflict, leak), _)| !(*conflict || *leak));
    order.truncate(ROWS);
    let group = |((conflict, leak), rows): ((bool, bool), &Vec<usize>)| Group {
        records: rows
            .iter()
            .take(OF_GROUP)
            .map(|row| shown(*row, split(row).unwrap_or_default(), String::new()))
            .collect(),
        more: rows.len().saturating_sub(OF_GROUP),
        conflict,
        leak,
    };
    let groups: Vec<Group<'_>> = order.into_iter().map(group).collect();
    let bars = Bars {
        name: "classes",
        title: "Records of each label".to_owned(),
        bars: findings.classes.iter().map(|class| (class.name.clone(), class.n, class.is_rare)).collect(),
    };
    let mut plots = vec![plots::svg(&bars)?];
    if let Some(labels) = labels {
        let bar = |(at, n): (usize, &u64)| (format!("{:.2}", at as f64 / 20.0), *n, false);
        plots.push(plots::svg(&Bars {
            name: "scores",
            title: format!("Records by how likely their label is right ({})", labels.score),
            bars: labels.histogram.iter().enumerate().map(bar).collect(),
        })?);
        plots.push(plots::svg(&Reliability(&labels.evaluation))?);
        let title = "Rows: the label. Columns: the most probable class.";
        let counts = &labels.evaluation.confusion;
        plots.push(plots::svg(&Confusion { classes: &records.classes, counts, title })?);
    }
    let classes = records.classes.names();
    let annotators = findings.annotators.as_ref().map(|found| found.annotators.as_slice()).unwrap_or_default();
    let page = environment.get_template("page.html")?.render(minijinja::value::Serde(&Page {
        findings,
        classes,
        plots,
        errors,
        relabel,
        annotators: &annotators[..annotators.len().min(ROWS)],
        groups,
        outliers,
        odd,
    }));
    page.context("cannot make the page")
}
