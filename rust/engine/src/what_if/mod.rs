//! What other thresholds would keep and drop, from the tables of a finished run.
//!
//! A threshold that the run already applied is a bit of `decisions/`; one that it did not is computed from its column of
//! `signals/`. No other column is read, no text, and nothing is measured ([`scan`]). Which duplicates would go is
//! decided again from content hashes and verified edges ([`dedup`]). Not here: what a recipe's key means, and what is
//! an estimate; that is the caller's.

pub mod dedup;
mod examples;
mod parties;
mod program;
mod rows;
pub mod scan;
#[cfg(test)]
mod tests;
mod write;

pub use dedup::{DedupOutcome, DedupSpec};
pub use scan::{Outcome, WhatIfSpec};
