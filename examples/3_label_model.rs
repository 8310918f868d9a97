//! A label model of your own beside those that come with the library.
//!
//!     cargo run -p synth-examples --example 3_label_model

use synth::core::BoxError;
use synth::prelude::*;

/// Believes the first function that votes, in the order you trust them; the rest of the belief is shared.
struct FirstVote {
    classes: ClassSet,
    /// How far the vote is believed, above 1/k and up to 1.
    belief: f64,
}

impl LabelModel for FirstVote {
    fn classes(&self) -> &ClassSet {
        &self.classes
    }

    /// A model sees vote patterns: each different row of votes once, however many records have it.
    fn posteriors(&self, patterns: &VotePatterns) -> Result<Vec<f64>, BoxError> {
        let k = self.classes.len();
        let mut probs = Vec::with_capacity(patterns.len() * k);
        for (votes, _count) in patterns.iter() {
            let row = match votes.first() {
                Some(first) => {
                    let mut row = vec![(1.0 - self.belief) / (k - 1) as f64; k];
                    row[first.class.index()] = self.belief;
                    row
                }
                None => vec![1.0 / k as f64; k],
            };
            probs.extend(row);
        }
        Ok(probs)
    }
}

fn main() -> Result<(), BoxError> {
    let classes = ClassSet::new(["ham", "spam"])?;
    let [ham, spam] = ["ham", "spam"].map(|name| classes.id(name));
    let mut lfs = LfSet::new(classes.clone());
    lfs.add("friend", move |r| if r.text("sender")?.ends_with("@example.org") { ham } else { None })?
        .add_keywords("money", "text", ["win", "free", "cash"], spam.unwrap())?
        .add_regex("link", "text", r"https?://", spam.unwrap())?
        .add_keywords("polite", "text", ["thanks", "please"], ham.unwrap())?;

    let folder = tempfile::tempdir()?;
    let mails = folder.path().join("mails.jsonl");
    let records = r#"
        {"sender": "mum@example.org", "text": "free on Sunday? see http://cake.example"}
        {"sender": "x@spam.example", "text": "Win cash now: http://win.example"}
        {"sender": "shop@example.com", "text": "Thanks for your order"}
        {"sender": "shop@example.com", "text": "Open at nine"}
    "#;
    std::fs::write(&mails, records)?;
    let reader = Reader::open(&[Source::new(&mails)], ReadOptions::default(), &Silent)?;
    let applied = lfs.apply(batches(&reader)?, &Silent)?;

    let mine = FirstVote { classes, belief: 0.9 };
    let fitted = Auto::default().fit(applied.matrix.patterns(), &Gold::none())?.model;
    let (by_mine, by_auto) = (mine.predict(&applied.matrix)?, fitted.predict(&applied.matrix)?);
    for row in 0..applied.matrix.n_rows() {
        println!("row {row}: P(spam) first vote {:.2}, auto {:.2}", by_mine.probs(row)[1], by_auto.probs(row)[1]);
    }

    // Everything that takes a label model takes yours: here labeling functions and model as one predictor.
    let labeler = WeakLabeler::new(lfs, mine);
    let first = reader.batches()?.next().ok_or("no records")??;
    assert_eq!(labeler.predict(&first)?, by_mine);
    assert_eq!(Some(by_mine.label(0)), ham, "the sender outweighs two signs of spam");
    assert_eq!(by_mine.probs(3), [0.5, 0.5], "nobody voted");
    Ok(())
}
