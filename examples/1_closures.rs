//! Labeling functions as closures over your own struct.
//!
//!     cargo run -p synth-examples --example 1_closures

use synth::prelude::*;

/// A message to a shop, as your program already knows it.
struct Ticket {
    text: &'static str,
    /// What was ordered, in euros, if anything.
    order: Option<f64>,
    /// The message this one answers, as a number that may be damaged.
    reply_to: &'static str,
}

fn tickets() -> Vec<Ticket> {
    let ticket = |text, order, reply_to| Ticket { text, order, reply_to };
    vec![
        ticket("I was charged twice, please refund one of the two", Some(39.9), ""),
        ticket("Where is my parcel? It should have arrived on Monday", Some(12.0), ""),
        ticket("The app crashes when I log in", None, ""),
        ticket("parcel arrived broken, I want a refund", Some(250.0), "17"),
        ticket("Invoice please", Some(8.5), "18"),
        ticket("login does not work since the update", None, "#19"),
        ticket("The courier left the parcel in the rain", Some(31.0), ""),
        ticket("Thanks, solved!", None, "20"),
    ]
}

fn main() -> Result<(), Box<dyn std::error::Error + Send + Sync>> {
    let classes = ClassSet::new(["billing", "delivery", "technical"])?;
    let [billing, delivery, technical] = ["billing", "delivery", "technical"].map(|name| classes.id(name));

    // A function looks at a ticket and votes, or abstains with `None`.
    let has_any = |ticket: &Ticket, words: &[&str]| words.iter().any(|word| ticket.text.to_lowercase().contains(word));
    let mut lfs = RecordLfs::new(classes);
    lfs.add("money", move |t: &Ticket| if has_any(t, &["charged", "refund", "invoice"]) { billing } else { None })?
        .add("parcel", move |t: &Ticket| if has_any(t, &["parcel", "courier"]) { delivery } else { None })?
        .add("software", move |t: &Ticket| if has_any(t, &["app", "login", "log in"]) { technical } else { None })?
        .add("late", move |t: &Ticket| if has_any(t, &["arrived", "should have"]) { delivery } else { None })?
        // `?` on what is missing abstains: no order, no vote.
        .add("dear_order", move |t: &Ticket| if t.order? > 100.0 { billing } else { None })?
        .add("no_order", move |t: &Ticket| if t.order.is_none() { technical } else { None })?
        // A function that can fail: a failure is a fault, counted with its row, and never taken for an abstain.
        .try_add("answer", move |t: &Ticket| match t.reply_to {
            "" => Ok(None),
            id => id.parse::<u32>().map(|_| billing),
        })?;

    let tickets = tickets();
    let applied = lfs.apply(&tickets, &Silent)?;
    for faults in applied.faults.iter() {
        let first = &faults.examples[0];
        println!("{} failed {} time(s), first on row {}: {}", faults.lf, faults.count, first.row, first.message);
    }

    let fit = Auto::default().fit(applied.matrix.patterns(), &Gold::none())?;
    let soft = fit.model.predict(&applied.matrix)?;
    for (row, ticket) in tickets.iter().enumerate() {
        let label = soft.classes().name(soft.label(row));
        println!("{label:10} {:.2}  ({} votes)  {}", soft.confidence(row), soft.n_votes(row), ticket.text);
    }

    assert_eq!(applied.faults.total(), 1, "`#19` is no number");
    assert_eq!(Some(soft.label(0)), billing);
    assert_eq!(Some(soft.label(1)), delivery);
    assert_eq!(Some(soft.label(2)), technical);
    Ok(())
}
