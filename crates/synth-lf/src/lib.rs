//! Labeling functions.
