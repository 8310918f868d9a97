//! Measurements of synth, one subcommand each. `cargo run --release -p synth-bench -- SUBCOMMAND`.
#![expect(clippy::print_stdout, reason = "a bench prints its figures")]

mod cpu;
mod end_model;
mod frechet;
mod label_data;
mod label_errors;
mod label_leave_one_out;
mod label_noise;
mod label_planted;
mod label_quality;
mod leftovers;
mod lf_apply;
mod llm_client;
mod local_llm;
mod logistic;
mod memory;
mod near_duplicates;
mod outliers;
mod rows;
mod translation;
mod worth_it;

const USAGE: &str = "\
usage: synth-bench SUBCOMMAND [--data DIR]
  label-quality         tables of the label models on the open and crowd sets
  label-leave-one-out   the constants of the default model, chosen without the set they are scored on
  label-planted         the default model on planted matrices: accuracy, oracle, calibration, copies, CPU seconds
  end-model             end models on majority votes, soft labels and gold
  end-model-calibration how well their probabilities are calibrated, without gold and with 200 rows
  logistic DIR          logistic regression on agnews and trec, with features for bench/logistic.py in DIR
  frechet DIR           the Fréchet distance in 2,048 dimensions, beside scipy's; called by bench/frechet.sh
  label-errors DIR      label errors in what bench/label_errors.py has left in DIR; called by bench/label_errors.sh
  label-noise           end models on agnews and yelp with wrong labels planted, before and after an audit mends them
  lf-apply              labeling functions over 100,000 generated texts: CPU seconds, every cell compared
  leftovers             texts of people that the filter of what models leave would drop
  llm-client            the client of language model servers: wall time beside the ideal, calls after a storm of 429
  local-llm             the local language model: tokens per CPU second; --data, or SYNTH_SMOLLM2, is its GGUF file
  worth-it DIR          end models on 20 gold rows a class of youtube and trec, without and with examples by the local
                        model, whose answers are kept in DIR; SYNTH_SMOLLM2 is its GGUF file
  near-duplicates DIR   near duplicates among 100,000 texts, left in DIR for bench/peers/datasketch_minhash.py
  translation DIR       translation with the model in DIR: tokens per CPU second; called by bench/marian.sh
  outliers DIR          outliers and near copies among the points in DIR; called by bench/outliers.sh
  rows N FILE           writes N generated records as JSONL, for bench/large.sh
DIR is the folder of the shared benchmark data (default $SYNTH_BENCH_DATA), for label-planted and lf-apply that of
the generated matrices and texts (default $PEER_DATA).";

fn main() -> anyhow::Result<()> {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let data = args.iter().position(|arg| arg == "--data").and_then(|at| args.get(at + 1)).cloned();
    match args.first().map(String::as_str) {
        Some("label-quality") => label_quality::run(&label_data::folder(data, "SYNTH_BENCH_DATA")?),
        Some("label-leave-one-out") => label_leave_one_out::run(&label_data::folder(data, "SYNTH_BENCH_DATA")?),
        Some("label-planted") => label_planted::run(&label_data::folder(data, "PEER_DATA")?),
        Some("end-model") => end_model::run(&label_data::folder(data, "SYNTH_BENCH_DATA")?),
        Some("end-model-calibration") => end_model::run_calibration(&label_data::folder(data, "SYNTH_BENCH_DATA")?),
        Some("logistic") => match args.get(1) {
            Some(out) => logistic::run(&label_data::folder(data, "SYNTH_BENCH_DATA")?, out.as_ref()),
            None => anyhow::bail!("{USAGE}"),
        },
        Some("frechet") => match args.get(1) {
            Some(folder) => frechet::run(folder.as_ref()),
            None => anyhow::bail!("{USAGE}"),
        },
        Some("label-noise") => label_noise::run(&label_data::folder(data, "SYNTH_BENCH_DATA")?),
        Some("label-errors") => match args.get(1) {
            Some(folder) => label_errors::run(folder.as_ref()),
            None => anyhow::bail!("{USAGE}"),
        },
        Some("lf-apply") => lf_apply::run(&label_data::folder(data, "PEER_DATA")?),
        Some("leftovers") => leftovers::run(&label_data::folder(data, "SYNTH_BENCH_DATA")?),
        Some("llm-client") => llm_client::run(),
        Some("local-llm") => {
            let inputs = concat!(env!("CARGO_MANIFEST_DIR"), "/../crates/synth-neural/tests/fixtures/inputs.json");
            local_llm::run(&label_data::folder(data, "SYNTH_SMOLLM2")?, inputs.as_ref())
        }
        Some("worth-it") => match args.get(1) {
            Some(folder) => worth_it::run(
                &label_data::folder(data, "SYNTH_BENCH_DATA")?,
                &label_data::folder(None, "SYNTH_SMOLLM2")?,
                folder.as_ref(),
            ),
            None => anyhow::bail!("{USAGE}"),
        },
        Some("near-duplicates") => match args.get(1) {
            Some(folder) => near_duplicates::run(folder.as_ref()),
            None => anyhow::bail!("{USAGE}"),
        },
        Some("translation") => match args.get(1) {
            Some(folder) => translation::run(folder.as_ref()),
            None => anyhow::bail!("{USAGE}"),
        },
        Some("outliers") => match args.get(1) {
            Some(folder) => outliers::run(folder.as_ref()),
            None => anyhow::bail!("{USAGE}"),
        },
        Some("rows") => match &args[1..] {
            [n, path] => rows::run(n.parse()?, path.as_ref()),
            _ => anyhow::bail!("{USAGE}"),
        },
        _ => anyhow::bail!("{USAGE}"),
    }
}
