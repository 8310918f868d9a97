//! Tables and texts for people.

use comfy_table::{CellAlignment, Table, presets};
use synth::core::metrics::Scores;
use synth::core::{ClassId, ClassSet, SoftLabels};
use synth::label::{Analysis, Finding, LfSummary};
use synth::learn::Interval;

/// A number with what it counts.
pub fn counted(n: u64, one: &str, several: &str) -> String {
    format!("{n} {}", if n == 1 { one } else { several })
}

/// How many records have each class.
pub fn class_counts(classes: &[String], counts: &[u64]) -> String {
    let each: Vec<String> = classes.iter().zip(counts).map(|(class, count)| format!("{class} {count}")).collect();
    format!("labels: {}", each.join(", "))
}

/// The analysis of labeling functions as a table.
pub struct AnalysisTable<'a> {
    pub analysis: &'a Analysis,
    pub classes: &'a ClassSet,
    pub has_gold: bool,
}

impl AnalysisTable<'_> {
    pub fn heading(&self) -> String {
        let Analysis { n_rows, covered, overlaps, conflicts, lfs, .. } = self.analysis;
        let share = |part: &u64| match n_rows {
            0 => String::new(),
            n => format!(" ({:.1} %)", 100.0 * *part as f64 / *n as f64),
        };
        format!(
            "{}, {}, {}\ncovered {covered}{}, overlaps {overlaps}{}, conflicts {conflicts}{}",
            counted(*n_rows, "record", "records"),
            counted(lfs.len() as u64, "labeling function", "labeling functions"),
            counted(self.classes.len() as u64, "class", "classes"),
            share(covered),
            share(overlaps),
            share(conflicts),
        )
    }

    pub fn render(&self) -> String {
        let mut header = vec!["function", "votes for", "coverage", "overlaps", "conflicts"];
        if self.has_gold {
            header.extend(["right", "wrong", "accuracy", "95 %"]);
        }
        header.push("estimated");
        let mut table = plain(&header, 2);
        for lf in &self.analysis.lfs {
            table.add_row(self.row(lf));
        }
        trimmed(&table)
    }

    fn row(&self, lf: &LfSummary) -> Vec<String> {
        let n = self.analysis.n_rows as f64;
        let share = |part: u64| if n > 0.0 { format!("{:.3}", part as f64 / n) } else { "-".to_owned() };
        let optional = |value: Option<f64>| value.map_or("-".to_owned(), |value| format!("{value:.3}"));
        let polarity: Vec<&str> = lf
            .polarity
            .iter()
            .filter_map(|&class| self.classes.at(class))
            .map(|class| self.classes.name(class))
            .collect();
        let polarity = if polarity.is_empty() { "-".to_owned() } else { polarity.join(", ") };
        let mut row = vec![lf.name.clone(), polarity, share(lf.votes), share(lf.overlaps), share(lf.conflicts)];
        if self.has_gold {
            row.extend([lf.correct.to_string(), lf.incorrect.to_string(), optional(lf.accuracy().map(|(a, _)| a))]);
            row.push(lf.accuracy().map_or("-".to_owned(), |(_, (low, high))| format!("{low:.2}-{high:.2}")));
        }
        row.push(optional(lf.model_accuracy));
        row
    }

    /// What looks odd, one line each.
    pub fn findings(&self) -> String {
        let name = |lf: &usize| self.analysis.lfs[*lf].name.as_str();
        let line = |finding: &Finding| match finding {
            Finding::NeverVotes { lf } => format!("{} never votes", name(lf)),
            Finding::SameVotes { lfs } => {
                format!(
                    "{} cast the same votes and count as one",
                    lfs.iter().map(name).collect::<Vec<_>>().join(" and ")
                )
            }
            Finding::Nested { lf, within } => {
                format!("{} adds nothing: where it votes, {} votes the same", name(lf), name(within))
            }
            Finding::Dependent { lf, with, agree, expected } => format!(
                "{} and {} look at the same thing: they agree on {agree:.0} records, {expected:.0} would be expected",
                name(lf),
                name(with),
            ),
            Finding::WorseThanChance { lf } => format!("{} is wrong more often than chance", name(lf)),
            other => format!("{other:?}"),
        };
        self.analysis.findings.iter().map(|finding| format!("! {}\n", line(finding))).collect()
    }
}

/// A table without lines: first the columns of text, to the left, then those of numbers, to the right.
pub fn plain(header: &[&str], n_text_columns: usize) -> Table {
    let mut table = Table::new();
    table.load_preset(presets::NOTHING).set_header(header.to_vec());
    for (i, column) in table.column_iter_mut().enumerate() {
        column.set_padding((0, 2));
        if i >= n_text_columns {
            column.set_cell_alignment(CellAlignment::Right);
        }
    }
    table
}

/// A figure with its interval.
pub fn ranged(Interval { value, low, high }: Interval) -> String {
    format!("{value:.3} ({low:.3} to {high:.3})")
}

/// The table without white space at the ends of lines.
pub fn trimmed(table: &Table) -> String {
    table.to_string().lines().map(|line| format!("{}\n", line.trim_end())).collect()
}

/// Scores of soft labels on one line, all rows and covered rows.
pub fn scores(soft: &SoftLabels, gold: &[Option<ClassId>]) -> Option<String> {
    let all = Scores::of(soft, gold, |_| true)?;
    let line = |scores: &Scores| {
        format!(
            "accuracy {:.3}, macro F1 {:.3}, log-loss {:.3} on {}",
            scores.accuracy,
            scores.macro_f1(),
            scores.log_loss,
            scores.n
        )
    };
    let covered = Scores::of(soft, gold, |row| soft.covered(row));
    let covered = covered.map_or(String::new(), |scores| format!("; {} covered", line(&scores)));
    Some(format!("{} records{covered}", line(&all)))
}

/// A text on one line with spans in brackets, at most `width` characters of it, around the first span.
pub fn marked(text: &str, spans: impl Iterator<Item = [usize; 2]>, width: usize) -> String {
    let mut merged: Vec<[usize; 2]> = Vec::new();
    let mut spans: Vec<_> = spans.filter(|&[s, e]| text.get(s..e).is_some()).collect();
    spans.sort_unstable();
    for span in spans {
        match merged.last_mut() {
            Some(last) if span[0] <= last[1] => last[1] = last[1].max(span[1]),
            _ => merged.push(span),
        }
    }
    let first = merged.first().map_or(0, |span| span[0]);
    let start = text[..first].char_indices().rev().nth(width / 3).map_or(0, |(i, _)| i);
    let end = text[start..].char_indices().nth(width).map_or(text.len(), |(i, _)| start + i);
    let mut out = String::from(if start > 0 { "…" } else { "" });
    let mut at = start;
    for [from, to] in merged.into_iter().filter(|span| span[1] <= end) {
        out.push_str(&text[at..from]);
        out.push_str(&format!("[{}]", &text[from..to]));
        at = to;
    }
    out.push_str(&text[at..end]);
    if end < text.len() {
        out.push('…');
    }
    out.split_whitespace().collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use super::marked;

    #[test]
    fn finds_are_marked_and_long_texts_cut() {
        assert_eq!(marked("a bc\nd", [[2, 4]].into_iter(), 100), "a [bc] d");
        assert_eq!(marked("abcdef", [[1, 3], [2, 4], [9, 12]].into_iter(), 100), "a[bcd]ef");
        assert_eq!(marked(&"x".repeat(50), std::iter::empty(), 10), format!("{}…", "x".repeat(10)));
        let long = format!("{} needle {}", "é".repeat(100), "z".repeat(100));
        let at = long.find("needle").unwrap();
        let shown = marked(&long, [[at, at + 6]].into_iter(), 30);
        assert!(shown.starts_with("…é") && shown.contains("[needle]") && shown.ends_with("z…"), "{shown}");
    }
}
