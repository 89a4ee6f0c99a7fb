//! Choosing among the documents that dedup leaves: samples, mixtures of sources, the best by a score.
//!
//! ```text
//! amounts[p]                         words or tokens of each document
//! features[p], target ─> scores[p]   log importance weights
//! group_rows[p] ─> plugin[r]         decisions about groups, a range of them a task; the plugin runs outside of the engine
//! choose                             verdicts and choices of all partitions
//! ```
//! A choosing step is one task over narrow files ([`task`]): every document that is still in the flow is a record of 32
//! bytes, sorted outside of memory by stratum, score and salted hash of its key; the cut-off follows from that order
//! ([`judge`]). What the records need that is not in the index is made before, a partition a task ([`amounts`],
//! [`features`]). Documents that are left out get a verdict behind those of thresholds and cuts, so that all later stages
//! leave them out, and a row in `choices` that says why.
//!
//! Nothing depends on the order of the input, on ranges, memory or the order of tasks: ties go to the salted hash. Not
//! here: which steps a recipe has, and copies of documents (training's business).

pub mod amounts;
mod collect;
mod decisions;
mod error;
pub mod features;
mod flow;
pub mod group_rows;
mod judge;
mod novelty;
mod records;
pub mod spec;
mod strata;
pub mod task;

#[cfg(test)]
mod tests;

pub use decisions::DECISION_BYTES;
pub use error::ChooseError;
pub use records::CHOICE_BYTES;
pub(crate) use records::choice_facts;
