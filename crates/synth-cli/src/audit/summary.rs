//! Findings as text, for a terminal.

use super::annotators::{annotator_table, item_table};
use super::findings::{AnnotatorFindings, Findings, Moved};
use super::records::Records;
use crate::table::{counted, plain, trimmed};

/// So many of each are listed; the page and `--json` have all.
const LISTED: usize = 10;

/// What was found, the worst first.
pub fn render(findings: &Findings, records: &Records) -> String {
    let n = counted(findings.records as u64, "record", "records");
    let mut text = format!("{n}, {} with a label\nquality {}\n", findings.labelled, findings.formula);
    if !findings.not_judged.is_empty() {
        text.push_str(&format!("  not judged: {}\n", findings.not_judged.join(", ")));
    }
    if let Some(labels) = &findings.labels {
        let n = labels.errors.len();
        text.push_str(&format!(
            "\n{} likely wrong, by {} ({}, which agrees with {:.1} % of the labels)\n",
            counted(n as u64, "label is", "labels are"),
            labels.rule,
            labels.probabilities,
            100.0 * labels.evaluation.accuracy.value
        ));
        let what = if records.text_field.is_ok() { "text" } else { "record" };
        let mut table = plain(&["id", "label", "rather", what, labels.score], 4);
        for error in labels.errors.iter().take(LISTED) {
            let shown = shortened(&records.shown(error.row), 48);
            table.add_row([&error.id, &error.label, &error.suggested, &shown, &format!("{:.3}", error.score)]);
        }
        if n > 0 {
            text.push_str(&indented(&trimmed(&table)));
        }
        more(&mut text, n);
        if !labels.pairs.is_empty() {
            text.push_str("\nestimated among all records:\n");
            let mut table = plain(&["labelled", "are", "records"], 2);
            for pair in labels.pairs.iter().take(LISTED) {
                table.add_row([&pair.label, &pair.class, &pair.n.to_string()]);
            }
            text.push_str(&indented(&trimmed(&table)));
        }
    }
    if let Some(annotators) = &findings.annotators {
        text.push_str(&annotated(annotators));
    }
    if let Some(copies) = &findings.copies {
        let groups = counted(copies.groups.len() as u64, "group", "groups");
        let how = format!("near copies by {}", copies.by);
        text.push_str(&match copies.groups.len() {
            0 => format!("\nno {how}\n"),
            _ => format!("\n{groups} of {how}: {} too many\n", counted(copies.extra as u64, "record", "records")),
        });
        for (what, groups) in [("with different labels", &copies.conflicts), ("in different splits", &copies.leaks)] {
            if !groups.is_empty() {
                text.push_str(&format!("{what} {}:\n", groups.len()));
                groups.iter().take(LISTED).for_each(|group| text.push_str(&format!("  {}\n", listed(group))));
                more(&mut text, groups.len());
            }
        }
    }
    if let Some(outliers) = &findings.outliers {
        let n = outliers.rows.len();
        text.push_str(&format!("\n{} by {}\n", counted(n as u64, "outlier", "outliers"), outliers.by));
        for outlier in outliers.rows.iter().take(LISTED) {
            let line =
                format!("  {:.3}  {}  {}", outlier.score, outlier.id, shortened(&records.shown(outlier.row), 60));
            text.push_str(&format!("{}\n", line.trim_end()));
        }
        more(&mut text, n);
    }
    let odd: Vec<String> = findings.odd.iter().map(|odd| format!("{} ({})", odd.id, odd.what)).collect();
    section(&mut text, "text or picture is odd", "texts or pictures are odd", odd);
    if findings.repeated_ids > 0 {
        let n = counted(findings.repeated_ids as u64, "record has", "records have");
        text.push_str(&format!("\n{n} an id that an earlier one has\n"));
    }
    let missing = findings.missing.iter().map(|field| format!("{} in {}", field.field, field.n)).collect();
    section(&mut text, "field is missing in some records", "fields are missing in some records", missing);
    let rare = findings.classes.iter().filter(|class| class.is_rare);
    let rare = rare.map(|class| format!("{} ({})", class.name, class.n)).collect();
    section(&mut text, "class is rare", "classes are rare", rare);
    let weak = findings.weak.iter().map(|weak| {
        format!(
            "{} = {}: {:.1} % of {} predictions are right, {:.1} standard deviations less than elsewhere",
            weak.field,
            weak.value,
            100.0 * weak.accuracy,
            weak.n,
            weak.deviations
        )
    });
    section(&mut text, "part where the classifier is weak", "parts where the classifier is weak", weak.collect());
    if let Some(order) = findings.order.as_ref().filter(|order| order.is_sorted) {
        text.push_str(&format!(
            "\nthe order tells the labels: {} runs of equal ones, {:.0} by chance; shuffle before you split\n",
            order.runs, order.expected
        ));
    }
    if let Some(drift) = &findings.drift {
        let much = if drift.is_drift { "more than chance" } else { "no more than chance" };
        text.push_str(&format!(
            "\nthe shares of labels are {:.1} points from those before: {much} ({:.1} deviations)\n",
            100.0 * drift.distance,
            drift.deviations
        ));
        let moved = |moved: &Moved| {
            format!("  {}: {:.1} % then, {:.1} % now\n", moved.class, 100.0 * moved.before, 100.0 * moved.now)
        };
        text.extend(drift.shares.iter().take(if drift.is_drift { 3 } else { 0 }).map(moved));
    }
    for skipped in &findings.skipped {
        text.push_str(&format!("\nnot looked at: {skipped}\n"));
    }
    text
}

/// What annotators say.
fn annotated(found: &AnnotatorFindings) -> String {
    let alpha = match (found.alpha, found.interpretation) {
        (Some(alpha), Some(called)) => format!("Krippendorff's alpha {alpha:.3}, {called}"),
        _ => "how far they agree is undefined".to_owned(),
    };
    let n = counted(found.annotators.len() as u64, "annotator", "annotators");
    let mut text = format!("\n{n}: {alpha}; consensus by {}\n", found.by);
    text.push_str(&indented(&trimmed(&annotator_table(found.annotators.iter().take(LISTED)))));
    more(&mut text, found.annotators.len());
    if !found.relabel_first.is_empty() {
        text.push_str("ask once more about:\n");
        text.push_str(&indented(&trimmed(&item_table(found.relabel_first.iter().take(LISTED)))));
    }
    text
}

fn section(text: &mut String, one: &str, several: &str, items: Vec<String>) {
    if items.is_empty() {
        return;
    }
    text.push_str(&format!("\n{}:\n", counted(items.len() as u64, one, several)));
    items.iter().take(LISTED).for_each(|item| text.push_str(&format!("  {item}\n")));
    more(text, items.len());
}

fn more(text: &mut String, n: usize) {
    if n > LISTED {
        text.push_str(&format!("  … and {} more\n", n - LISTED));
    }
}

fn listed(ids: &[String]) -> String {
    let shown: Vec<&str> = ids.iter().take(LISTED).map(String::as_str).collect();
    if ids.len() > LISTED { format!("{}, …", shown.join(", ")) } else { shown.join(", ") }
}

fn indented(table: &str) -> String {
    table.lines().map(|line| format!("  {line}\n")).collect()
}

/// A text on one line, at most so many characters of it.
pub fn shortened(text: &str, most: usize) -> String {
    let line = text.split_whitespace().collect::<Vec<_>>().join(" ").replace(char::is_control, "\u{fffd}");
    if line.chars().count() <= most {
        return line;
    }
    let mut cut: String = line.chars().take(most - 1).collect();
    cut.push('…');
    cut
}
