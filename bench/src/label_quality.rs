//! The tables of the label models on the open and crowd sets.

use std::path::Path;

use synth_core::LabelModel;
use synth_label::{ClassBalance, Gold, Method};

use crate::label_data::{CROWD, Cell, LabelSet, OPEN, SplitMix, UNSEEN, crowd_set, open_set};

/// Figures of other programs on the same rows, all rows: majority vote, Snorkel 0.10, HyperLM, crowd-kit's DS.
const PEERS: [(&str, [f64; 4]); 8] = [
    ("youtube", [0.816, 0.840, 0.852, 0.532]),
    ("sms", [0.322, 0.321, 0.329, 0.195]),
    ("trec", [0.611, 0.546, 0.660, 0.276]),
    ("agnews", [0.585, 0.589, 0.585, 0.275]),
    ("imdb", [0.716, 0.722, 0.721, 0.711]),
    ("yelp", [0.695, 0.704, 0.718, 0.661]),
    ("hausa", [0.473, 0.489, 0.489, 0.276]),
    ("tennis", [0.885, 0.881, 0.889, 0.891]),
];
/// Published accuracy of IBCC, BWA and EBCC (Li, Rubinstein and Cohn 2019), in the order of the crowd sets.
const CROWD_PEERS: [[f64; 3]; 12] = [
    [0.889, 0.759, 0.861],
    [0.839, 0.831, 0.840],
    [0.928, 0.928, 0.931],
    [0.705, 0.604, 0.704],
    [0.883, 0.893, 0.883],
    [0.857, 0.860, 0.857],
    [0.915, 0.917, 0.915],
    [0.944, 0.946, 0.944],
    [0.960, 0.956, 0.961],
    [0.640, 0.618, 0.635],
    [0.745, 0.742, 0.748],
    [0.877, 0.887, f64::NAN],
];

/// Prints the tables.
pub(crate) fn run(root: &Path) -> anyhow::Result<()> {
    println!("open sets, all rows: score/log-loss (sms: F1 of the positive class)\n");
    let open: Vec<LabelSet> = OPEN.iter().map(|name| open_set(root, name)).collect::<Result<_, _>>()?;
    table(&open, false, &PEERS.map(|(_, row)| row.to_vec()), &["majority", "Snorkel", "HyperLM", "ck DS"])?;
    println!("\nopen sets, covered rows\n");
    table(&open, true, &[], &[])?;
    println!("\ncrowd sets: accuracy/log-loss\n");
    let crowd: Vec<LabelSet> = CROWD.iter().map(|name| crowd_set(root, name)).collect::<Result<_, _>>()?;
    table(&crowd, false, &CROWD_PEERS.map(|row| row.to_vec()), &["IBCC", "BWA", "EBCC"])?;
    println!("\ncrowd sets on which nothing was chosen or measured before: accuracy/log-loss\n");
    let unseen: Vec<LabelSet> = UNSEEN.iter().map(|name| crowd_set(root, name)).collect::<Result<_, _>>()?;
    table(&unseen, false, &[], &[])?;
    println!("\nopen sets, auto with gold on some rows that are not scored: mean over 8 draws, all rows\n");
    gold_table(&open)?;
    println!("\nwhat auto says of the sets\n");
    for set in open.iter().chain(&crowd) {
        let fit = Method::Auto.fit(set.matrix.patterns(), &Gold::none(), &ClassBalance::Estimate)?;
        println!("{}: {} iterations", set.name, fit.trace.len());
        for reason in &fit.report.reasons {
            println!("  {reason}");
        }
    }
    Ok(())
}

/// Scores with 0, 20 and 100 gold rows; tennis has none beside the scored ones and stays without.
fn gold_table(sets: &[LabelSet]) -> anyhow::Result<()> {
    const DRAWS: u64 = 8;
    for n_gold in [0, 20, 100] {
        print!("{n_gold:>4} gold rows ");
        let mut mean = Cell { score: 0.0, log_loss: 0.0 };
        for set in sets {
            let mut here = Cell { score: 0.0, log_loss: 0.0 };
            for draw in 0..DRAWS {
                let mut rows: Vec<usize> =
                    (0..set.gold.len()).filter(|&row| set.gold[row].is_some() && !set.scored[row]).collect();
                rows.sort_by_key(|&row| SplitMix(draw << 32 | row as u64).below(u64::MAX));
                let mut gold = vec![None; set.gold.len()];
                rows.iter().take(n_gold).for_each(|&row| gold[row] = set.gold[row]);
                let gold = Gold::of(&set.matrix, &gold)?;
                let model = Method::Auto.fit(set.matrix.patterns(), &gold, &ClassBalance::Estimate)?.model;
                let cell = set.score(&model.predict(&set.matrix).map_err(anyhow::Error::from_boxed)?, false)?;
                here.score += cell.score / DRAWS as f64;
                here.log_loss += cell.log_loss / DRAWS as f64;
            }
            print!("{:>10} {:.3}/{:.2}", set.name, here.score, here.log_loss);
            mean.score += here.score / sets.len() as f64;
            mean.log_loss += here.log_loss / sets.len() as f64;
        }
        println!("  mean {:.4}/{:.3}", mean.score, mean.log_loss);
    }
    Ok(())
}

fn table(sets: &[LabelSet], covered_only: bool, peers: &[Vec<f64>], peer_names: &[&str]) -> anyhow::Result<()> {
    print!("{:24}", "set");
    peer_names.iter().for_each(|name| print!("{name:>10}"));
    Method::ALL.iter().for_each(|method| print!("{:>14}", method.name()));
    println!();
    let mut sums = vec![Cell { score: 0.0, log_loss: 0.0 }; Method::ALL.len()];
    for (i, set) in sets.iter().enumerate() {
        print!("{:24}", set.name);
        peers.get(i).into_iter().flatten().for_each(|score| print!("{score:>10.3}"));
        for (sum, method) in sums.iter_mut().zip(Method::ALL) {
            let fit = method.fit(set.matrix.patterns(), &Gold::none(), &ClassBalance::Estimate)?;
            let soft = fit.model.predict(&set.matrix).map_err(anyhow::Error::from_boxed)?;
            let cell = set.score(&soft, covered_only)?;
            sum.score += cell.score / sets.len() as f64;
            sum.log_loss += cell.log_loss / sets.len() as f64;
            print!("{:>14}", format!("{:.3}/{:.2}", cell.score, cell.log_loss));
        }
        println!();
    }
    print!("{:24}", "mean");
    for j in 0..peer_names.len() {
        let known: Vec<f64> = peers.iter().map(|row| row[j]).filter(|score| !score.is_nan()).collect();
        print!("{:>10.3}", known.iter().sum::<f64>() / known.len() as f64);
    }
    sums.iter().for_each(|sum| print!("{:>14}", format!("{:.4}/{:.3}", sum.score, sum.log_loss)));
    println!();
    Ok(())
}
