//! `synth demo`

use std::process::ExitCode;

use anyhow::{Context, Result};
use synth::batches;
use synth::core::metrics::Scores;
use synth::core::{ClassId, LabelModel, Silent, SoftLabels};
use synth::io::{ReadOptions, Reader, Source};
use synth::label::{Analysis, ClassBalance, Gold, Majority};
use synth::learn::{FeatureSpec, Features, TextSpec, Trainer, one_hot};
use synth::lf::LfSet;
use synth::lf::lang::compile;

use crate::args::DemoArgs;
use crate::errors::unboxed;
use crate::progress::Progress;
use crate::table::{self, AnalysisTable};
use crate::{inputs, output};

/// Messages to an online shop, written for this program; see demo/README.md.
pub const RECORDS: &str = include_str!("../../demo/tickets.jsonl");
/// Labeling functions for them.
pub const FUNCTIONS: &str = include_str!("../../demo/tickets.lf");

pub fn run(_: &DemoArgs, progress: &Progress) -> Result<ExitCode> {
    let folder = tempfile::tempdir().context("cannot make a temporary folder")?;
    let path = folder.path().join("tickets.jsonl");
    std::fs::write(&path, RECORDS)?;

    let source = synth::lf::lang::Source::new("tickets.lf", FUNCTIONS);
    let none = |_: &str, _: &synth::lf::lang::Source| Err(std::io::ErrorKind::NotFound.into());
    let program = compile(&[source], None, &none).program.context("the functions of the demo have mistakes")?;
    let mut lfs = LfSet::new(program.classes().clone());
    lfs.add_program(program)?;
    let reader = Reader::open(&[Source::new(&path)], ReadOptions::default(), progress)?;
    let votes = inputs::apply(&lfs, &reader, None, Some("gold"), progress)?;
    let (matrix, gold) = (&votes.matrix, votes.gold.as_deref().unwrap_or_default());

    let fit = synth::label::Auto::default().fit(matrix.patterns(), &Gold::none())?;
    let majority = Majority { balance: ClassBalance::Uniform }.fit(matrix.patterns(), &Gold::none())?;
    let predict = |model: &dyn LabelModel| model.predict(matrix).map_err(unboxed);
    let (soft, majority) = (predict(&fit.model)?, predict(&majority.model)?);
    let analysis = Analysis::of(matrix.patterns(), &inputs::gold_rows(&votes)?, Some(&fit.model));
    let analysis = analysis.map_err(unboxed)?;

    let table = AnalysisTable { analysis: &analysis, classes: matrix.classes(), has_gold: true };
    let mut text = String::from(
        "Messages to an online shop: what is each about? Nobody labelled them; these functions guess.\n\n",
    );
    text.push_str(&format!("{}\n\n{}\n{}\n", table.heading(), table.render(), table.findings()));
    text.push_str(&format!("{}\n", fit.report));
    text.push_str("Gold labels were written for these messages too. No model saw them; they only judge.\n");
    for (name, soft) in [("majority vote", &majority), ("soft labels", &soft)] {
        text.push_str(&format!("  {name:14} {}\n", table::scores(soft, gold).unwrap_or_default()));
    }
    text.push_str(&end_model(&reader, &soft, &majority, gold)?);
    text.push_str(&format!(
        "\nSome records, with what was found and the label that comes of it:\n{}",
        examples(&lfs, &reader, &soft)?
    ));
    text.push_str("\nTo make it your own: `synth init my-project`. The language of the functions: `synth help lf`.\n");
    output::print(&text)?;
    Ok(ExitCode::SUCCESS)
}

/// What end models say of records that they did not see, learned from majority votes, from soft labels and from gold.
fn end_model(reader: &Reader, soft: &SoftLabels, majority: &SoftLabels, gold: &[Option<ClassId>]) -> Result<String> {
    let spec = FeatureSpec { texts: vec![TextSpec::of("text")], ..FeatureSpec::default() };
    let features = Features::fit(spec, batches(reader)?, |_| true)?;
    let matrix = features.of_batches(batches(reader)?)?;
    let n = soft.n_rows();
    let known = one_hot(gold, soft.classes().len())?;
    let covered: Vec<f64> = (0..n).map(|row| f64::from(u8::from(soft.covered(row)))).collect();
    let mut text = String::from(
        "\nAn end model learns from the texts, so it also knows of records that no function votes on. Each record is\n\
         scored by a model that did not see it. So few records teach less than the functions know; with more of them\n\
         it is often the other way round:\n",
    );
    for (name, targets, weights) in [
        ("on majority", majority.to_array(), &covered),
        ("on soft labels", soft.to_array(), &covered),
        ("on gold", known, &vec![1.0; n]),
    ] {
        let probs = Trainer::default().train(&matrix, targets.view(), weights, &Silent)?.out_of_fold();
        let labels = SoftLabels::from_rows(soft.classes().clone(), probs.into_raw_vec_and_offset().0, vec![1; n])?;
        if let Some(scores) = Scores::of(&labels, gold, |_| true) {
            let (accuracy, macro_f1, log_loss) = (scores.accuracy, scores.macro_f1(), scores.log_loss);
            text.push_str(&format!(
                "  {name:14} accuracy {accuracy:.3}, macro F1 {macro_f1:.3}, log-loss {log_loss:.3}\n"
            ));
        }
    }
    Ok(text)
}

/// A few records on which functions disagree, as the label model settles it.
fn examples(lfs: &LfSet, reader: &Reader, soft: &SoftLabels) -> Result<String> {
    let mut out = String::new();
    let Some(batch) = reader.batches()?.next().transpose()? else { return Ok(out) };
    let mut shown = 0;
    for row in (0..batch.n_rows()).filter(|row| soft.n_votes(*row) >= 3) {
        let mut votes = Vec::new();
        let mut spans = Vec::new();
        let mut classes = Vec::new();
        for lf_idx in 0..lfs.names().len() {
            if let Some(why) = lfs.explain(&batch, row, lf_idx)? {
                votes.push(format!("{} → {}", lfs.names()[lf_idx], soft.classes().name(why.class)));
                spans.extend(
                    why.found.iter().filter(|f| f.field == "text" && !f.changed).map(|f| [f.span.start, f.span.end]),
                );
                classes.push(why.class);
            }
        }
        if classes.windows(2).all(|pair| pair[0] == pair[1]) {
            continue;
        }
        let text = batch.row(row).text("text").unwrap_or_default().into_owned();
        let probs: Vec<String> = soft
            .classes()
            .ids()
            .map(|class| format!("{} {:.2}", soft.classes().name(class), soft.probs(row)[class.index()]))
            .collect();
        out.push_str(&format!(
            "\n  {}\n    {}\n    {}\n",
            table::marked(&text, spans.into_iter(), 200),
            votes.join(", "),
            probs.join("  ")
        ));
        shown += 1;
        if shown == 3 {
            break;
        }
    }
    Ok(out)
}
