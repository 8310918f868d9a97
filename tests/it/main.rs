//! The library as a whole, through the facade.

mod closures;
mod exact_votes;
