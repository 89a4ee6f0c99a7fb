//! The description of a tokenise task, as the plan writes it in JSON.

use std::collections::BTreeMap;
use std::path::PathBuf;

use serde::{Deserialize, Serialize};

pub use super::sides::SplitOutcome;
use crate::commit::{Artefact, TaskPlace};
use crate::decide::Threshold;
use crate::dedup_index::names::NamedPartSpec;
use crate::tokenizer::SpecialMode;

/// Description of the task.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TokeniseSpec {
    /// Where it commits.
    pub place: TaskPlace,
    /// Name of the partition's source.
    pub source: String,
    /// Outputs of the map task of this partition, by name.
    pub map: BTreeMap<String, Artefact>,
    /// Tables of edits, in the order in which they were made: that of the map task, then those of the cut tasks.
    pub edits: Vec<Artefact>,
    /// The steps that cut spans out of texts, in order; their verdicts come behind those of the thresholds, two each.
    pub cuts: Vec<CutOutcome>,
    /// The steps that chose among documents, in order; their verdicts come behind those of the cuts, two each.
    #[serde(default)]
    pub choices: Vec<ChoiceOutcome>,
    /// Counts of that task.
    pub map_counts: MapCounts,
    /// Verdicts of the thresholds.
    pub verdict: Artefact,
    /// The thresholds behind them.
    pub thresholds: Vec<Threshold>,
    /// What dedup decided, if the recipe has it.
    pub dedup: Option<DedupOutcome>,
    /// Indexes of all partitions, to name documents of other ones.
    pub indexes: Vec<Artefact>,
    /// Parts of the index that dedup compared with; none without an index.
    #[serde(default)]
    pub old: Vec<NamedPartSpec>,
    /// Seed of the shuffle.
    pub seed: u64,
    /// What the split stages left; none where nothing is held out.
    #[serde(default)]
    pub split: Option<SplitOutcome>,
    /// Whether shards are shuffled.
    pub shuffle: bool,
    /// The tokenizer; none leaves tokens out.
    pub tokenizer: Option<TokenizerSpec>,
    /// Turns, labels and the longest document, where a recipe asks for any of them.
    #[serde(default)]
    pub supervised: Option<SupervisedSpec>,
    /// Characters of a text that a reject shows.
    pub excerpt_characters: usize,
    /// Memory for sorting the order files.
    pub sort_memory_bytes: u64,
}

/// What documents are to teach.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SupervisedSpec {
    /// Which turns of a conversation are trained; none where no turns are rendered.
    #[serde(default)]
    pub train_on: Option<TrainOn>,
    /// Whether documents have labels.
    #[serde(default)]
    pub has_labels: bool,
    /// Longest document in tokens, and what becomes of a longer one.
    #[serde(default)]
    pub limit: Option<Limit>,
    /// The same for conversations, where it differs.
    #[serde(default)]
    pub chat_limit: Option<Limit>,
}

/// Which turns of a conversation are trained.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum TrainOn {
    /// Every turn of the assistant.
    Assistant,
    /// The assistant's last turn.
    Last,
    /// Everything, the template's own tokens included.
    All,
}

/// Longest document, and what becomes of a longer one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Limit {
    /// Tokens that a row of a shard may have.
    pub max_tokens: u32,
    /// What becomes of a document with more.
    pub too_long: TooLong,
}

/// What becomes of a document with too many tokens.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum TooLong {
    /// Several rows: a conversation is divided before turns of the user, another text wherever the limit is.
    Split,
    /// The first tokens.
    Truncate,
    /// A row in `rejects/`.
    Drop,
}

/// What a step that cut spans out of texts left of the partition.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CutOutcome {
    /// Name of the step.
    pub step: String,
    /// From how many words on a document stayed; none: with any text.
    pub min_words_left: Option<u32>,
    /// Documents with less, see [`crate::cut::task::DROP_BYTES`].
    pub drops: Artefact,
}

/// What a step that chose among documents left out.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ChoiceOutcome {
    /// Name of the step.
    pub step: String,
    /// Rules behind its verdicts, in order.
    pub rules: Vec<String>,
    /// Documents that it left out, of all partitions; see [`crate::choose::CHOICE_BYTES`].
    pub choices: Artefact,
}

/// Counts of a map task.
#[derive(Debug, Deserialize)]
pub struct MapCounts {
    /// Documents that could be read.
    pub readable: u64,
    /// The others, by step and reason.
    pub unreadable: BTreeMap<String, u64>,
}

/// What dedup decided.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DedupOutcome {
    /// Removals of all partitions.
    pub removals: Artefact,
    /// Cluster members of all partitions.
    pub clusters: Artefact,
    /// Name of the exact step, if there is one.
    pub exact_step: Option<String>,
    /// Name of the near-duplicate step, if there is one.
    pub near_step: Option<String>,
    /// Similarity from which on near duplicates are removed.
    pub min_similarity: Option<f64>,
    /// Name of the step that compares embeddings, if there is one.
    #[serde(default)]
    pub semantic_step: Option<String>,
    /// Its least cosine.
    #[serde(default)]
    pub semantic_min_similarity: Option<f64>,
}

/// The tokenizer of the run.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TokenizerSpec {
    /// Where `tokenizer.json` is.
    pub path: PathBuf,
    /// Its digest in the plan; another one is refused.
    pub digest: String,
    /// What text that spells a control token becomes.
    pub special: SpecialMode,
    /// Ids put after each document.
    pub end_of_text: Vec<u32>,
    /// Whether texts go through the library although there is a path of our own, because both were seen to differ.
    #[serde(default)]
    pub only_library: bool,
}
