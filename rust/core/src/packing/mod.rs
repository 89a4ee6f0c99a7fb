//! From documents in blocks to packed rows: the order of an epoch, the mixture of sources, and best-fit packing.
//!
//! Everything here works on lengths: no token is read. A [`Plan`] is asked for one row after the other and can be
//! saved and continued at any row ([`PlanState`]). The rows are one global sequence; who takes which of them (ranks,
//! data-loader workers) is decided outside. Memory: some bytes a block, the documents of one group of blocks for each
//! stream, and the window; nothing that grows with the number of documents.
//!
//! Not here: columns, files, and the numbers that fill a row (`gristmill_engine::loader`).

mod ledger;
mod length_set;
mod mixing;
mod order;
mod plan;
mod random;
mod window;

pub use ledger::Ledger;
pub use length_set::LengthSet;
pub use mixing::{Mixer, Phase, WHOLE_SHARE};
pub use order::{Copies, Documents, Entry, GROUP_BLOCKS, GROUP_DOCUMENTS};
pub use plan::{MixingSettings, Piece, Plan, PlanSettings, PlanState, WINDOW_PIECES};
pub use random::{Random, derive_key};
pub use window::{Placed, Window};

/// The documents of a split, in blocks that can be asked for any row at any time.
///
/// Positions are (block, row). What the trait says must not change while a plan uses it.
pub trait Corpus {
    /// Number of blocks.
    fn num_blocks(&self) -> usize;

    /// Documents of a block.
    fn num_rows(&self, block: usize) -> usize;

    /// Number of sources; [`Self::source`] is below it.
    fn num_sources(&self) -> usize;

    /// Source of a document.
    ///
    /// # Errors
    /// When the column holds no valid source.
    fn source(&self, block: usize, row: usize) -> Result<usize, PackingError>;

    /// Tokens of a document.
    ///
    /// # Errors
    /// When the column is damaged.
    fn num_tokens(&self, block: usize, row: usize) -> Result<u32, PackingError>;

    /// How many of the tokens `start .. stop-1` of a document are trained.
    ///
    /// # Errors
    /// When the document's mask does not cover its tokens exactly.
    fn num_trained(&self, block: usize, row: usize, start: u32, stop: u32) -> Result<u32, PackingError>;
}

/// Why rows cannot be made.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum PackingError {
    /// A row has to hold a token to read and one to predict.
    #[error("`sequence_length` is `{0}`")]
    SequenceLength(usize),
    /// Nothing would ever fill a row.
    #[error("no document that may be read has any token")]
    Nothing,
    /// A state names what is not there.
    #[error("the state names {0}, which is not in the shards")]
    State(String),
    /// Tokens were lost or doubled.
    #[error("{0}")]
    Ledger(String),
    /// A column holds what cannot be.
    #[error("document {row} of block {block} has {what}")]
    Damaged {
        /// Which block.
        block: usize,
        /// Which row of it.
        row: usize,
        /// What is wrong.
        what: &'static str,
    },
    /// A shard is not what it should be.
    #[error("a token shard cannot be read: {0}")]
    Shard(String),
    /// A shard cannot be read where it lies.
    #[error("a token shard cannot be mapped: {0}")]
    Mapped(&'static str),
    /// A caller's arrays do not fit the batch.
    #[error("{0}")]
    Arrays(String),
    /// The runs of a mask do not add up.
    #[error("the mask of document `{doc}` covers {covered} of {num_tokens} tokens")]
    Mask {
        /// The document's `doc`.
        doc: u64,
        /// Tokens in the runs.
        covered: u64,
        /// Tokens of the document.
        num_tokens: u32,
    },
}

impl PackingError {
    /// The code that never changes; `gristmill explain error CODE` shows its page.
    pub fn code(&self) -> &'static str {
        match self {
            Self::SequenceLength(_) => "GM-LOADER-004",
            Self::Nothing => "GM-LOADER-001",
            Self::State(_) => "GM-LOADER-002",
            Self::Ledger(_) => "GM-LOADER-003",
            Self::Damaged { .. } | Self::Shard(_) => "GM-SHARDS-004",
            Self::Mapped(_) => "GM-SHARDS-005",
            Self::Arrays(_) => "GM-LOADER-008",
            Self::Mask { .. } => "GM-SHARDS-006",
        }
    }
}

#[cfg(test)]
mod tests;
