//! The description of a choose task, as the plan writes it in JSON.

use std::collections::BTreeMap;

use serde::Deserialize;

use crate::commit::{Artefact, TaskPlace};
use crate::dedup::stages::PartitionSpec;

/// Description of the task.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ChooseSpec {
    /// Where it commits.
    pub place: TaskPlace,
    /// All partitions, in order, with the verdicts that the step before left.
    pub partitions: Vec<PartitionSpec>,
    /// What dedup removed, of all partitions; none without dedup.
    pub removals: Option<Artefact>,
    /// Names of the sources, by their ordinal in the plan.
    pub sources: Vec<String>,
    /// Whether each source is a stratum.
    #[serde(default)]
    pub by_source: bool,
    /// The column that strata or scores come from.
    pub column: Option<ColumnFiles>,
    /// Words or tokens of every document, where they are what is counted; a file a partition.
    pub amounts: Option<Vec<Artefact>>,
    /// Log importance weights, where they are the score; a file a partition.
    pub scores: Option<Vec<Artefact>>,
    /// What a plugin decided about groups, range by range; see [`DECISION_BYTES`](super::DECISION_BYTES).
    #[serde(default)]
    pub decisions: Option<Vec<Artefact>>,
    /// What is counted.
    pub unit: Unit,
    /// What is chosen.
    pub choice: Choice,
    /// Decides among equals, with the document's key.
    pub salt: u64,
    /// Verdict of documents that are left out for the first reason; one more for each further one.
    pub first_verdict: u16,
    /// Memory of the sorts.
    pub sort_memory_bytes: u64,
    /// The filter of n-grams must fit in it.
    pub scratch_memory_bytes: u64,
}

/// A column of the signals.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ColumnFiles {
    /// Its full name.
    pub name: String,
    /// Signals of every partition, in order.
    pub files: Vec<Artefact>,
}

/// What amounts are counted in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Unit {
    /// Each document is one.
    Documents,
    /// Bytes of UTF-8 text.
    Bytes,
    /// What the files of amounts say.
    Words,
    /// What the files of amounts say.
    Tokens,
}

/// What a step chooses.
#[derive(Debug, Clone, Deserialize)]
#[serde(tag = "kind", rename_all = "lowercase", deny_unknown_fields)]
pub enum Choice {
    /// A share of each stratum, or a total.
    Sample {
        /// Total, spread over strata by their size; none: shares.
        amount: Option<u64>,
        /// Share of the documents of each stratum that `per` does not name; none: all.
        fraction: Option<f64>,
        /// Shares by the value of a stratum.
        #[serde(default)]
        per: BTreeMap<String, f64>,
    },
    /// Target shares of strata.
    Mix(MixTarget),
    /// The first in the order of a score.
    Select {
        /// Whether the largest score comes first.
        highest: bool,
        /// Budget in the unit; none: a share.
        amount: Option<u64>,
        /// Share of the documents.
        fraction: Option<f64>,
        /// Whether Gumbel noise is added to the score.
        #[serde(default)]
        noise: bool,
        /// Whether documents must bring something new.
        novelty: Option<NoveltyOptions>,
    },
    /// What a plugin decided.
    Decided {
        /// How many reasons it has.
        rules: u8,
    },
}

/// Where the targets of a mixture come from.
#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "lowercase", deny_unknown_fields)]
pub enum MixTarget {
    /// Given shares; values that are not named get nothing.
    Weights {
        /// Weight by value.
        weights: BTreeMap<String, f64>,
        /// At most so much in all.
        total: Option<u64>,
    },
    /// Shares in proportion to size ^ (1 / temperature).
    Temperature {
        /// At least 1.
        temperature: f64,
        /// At most so much in all.
        total: Option<u64>,
    },
    /// A budget divided equally, with a cap.
    Unimax {
        /// In the unit.
        budget: u64,
        /// Largest multiple of a part's size.
        max_epochs: f64,
    },
}

/// How a selection is kept diverse.
#[derive(Debug, Clone, Copy, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct NoveltyOptions {
    /// Words of an n-gram.
    pub ngram_words: usize,
    /// Least share of a document's n-grams that no selected document has.
    pub min_new: f64,
    /// Different n-grams that the filter is made for.
    pub expected_ngrams: u64,
    /// Share of new n-grams that are taken for seen once so many are in.
    pub false_positive_rate: f64,
}
