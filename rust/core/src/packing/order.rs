//! In which order an epoch sees its documents: blocks are permuted, then the documents of each group of blocks.
//!
//! Nothing of the size of the corpus is kept: an epoch's order of blocks is one number a block, and only the documents
//! of the present group are listed. A global shuffle happens when shards are written; this one makes epochs differ and
//! keeps reading local: a group lies in at most 64 blocks.

use super::random::{Random, derive_key};
use super::{Corpus, PackingError};

/// Entries after which a group of blocks is closed.
pub const GROUP_DOCUMENTS: u64 = 65_536;
/// Blocks after which a group is closed.
pub const GROUP_BLOCKS: usize = 64;

/// A document's place.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Entry {
    /// Block of the corpus.
    pub block: u32,
    /// Row in the block.
    pub row: u32,
}

/// How often documents appear in an epoch, by source: weight w is floor(w) times, and once more for the share
/// w - floor(w) of the source's documents.
///
/// Which documents have the extra appearance follows from their number within the source, j: document j of epoch e has
/// one when `floor((j + e + 1) f + u)` is above `floor((j + e) f + u)`, with a u for each source. So the share is
/// exact within one document in every epoch, and over epochs each document has it equally often.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Copies {
    /// floor(w).
    whole: Vec<u64>,
    /// (w - floor(w)) and u, in units of 2^-32.
    extra: Vec<(u64, u64)>,
    /// Documents of each source before each block: `block * sources + source`.
    ranks: Vec<u64>,
    sources: usize,
}

impl Copies {
    /// Counts the documents of every source in every block. Time: one pass over the sources of all documents. Memory:
    /// 8 bytes for each block and source.
    ///
    /// # Errors
    /// When a source is damaged.
    pub fn new<C: Corpus>(corpus: &C, weights: &[f64], seed: u64) -> Result<Self, PackingError> {
        let sources = weights.len();
        let mut ranks = Vec::with_capacity((corpus.num_blocks() + 1) * sources);
        let mut before = vec![0_u64; sources];
        for block in 0..corpus.num_blocks() {
            ranks.extend_from_slice(&before);
            for row in 0..corpus.num_rows(block) {
                before[corpus.source(block, row)?] += 1;
            }
        }
        ranks.extend_from_slice(&before);
        let unit = (1_u64 << 32) as f64;
        Ok(Self {
            whole: weights.iter().map(|weight| weight.floor() as u64).collect(),
            extra: weights
                .iter()
                .enumerate()
                .map(|(source, weight)| {
                    let share = ((weight - weight.floor()) * unit).round() as u64;
                    (share, derive_key(&[seed, source as u64, 1]) >> 32)
                })
                .collect(),
            ranks,
            sources,
        })
    }

    /// How many extra appearances the documents before `number` of a source have, up to a constant.
    fn extras_before(&self, source: usize, number: u64) -> u64 {
        let (share, offset) = self.extra[source];
        ((u128::from(number) * u128::from(share) + u128::from(offset)) >> 32) as u64
    }

    /// Appearances of document `number` of a source in an epoch.
    fn of(&self, source: usize, number: u64, epoch: u64) -> u64 {
        self.whole[source] + self.extras_before(source, number + epoch + 1)
            - self.extras_before(source, number + epoch)
    }

    /// Appearances of all documents of a block in an epoch.
    fn in_block(&self, block: usize, epoch: u64) -> u64 {
        let at = |block: usize, source: usize| self.ranks[block * self.sources + source];
        (0..self.sources)
            .map(|source| {
                let (first, behind) = (at(block, source), at(block + 1, source));
                self.whole[source] * (behind - first) + self.extras_before(source, behind + epoch)
                    - self.extras_before(source, first + epoch)
            })
            .sum()
    }

    fn ranks_of(&self, block: usize) -> &[u64] {
        &self.ranks[block * self.sources..(block + 1) * self.sources]
    }
}

/// Which documents a stream reads.
#[derive(Debug, Clone)]
enum Members {
    /// All, once.
    All,
    /// All, as often as their sources' weights say.
    Weighted(Copies),
    /// Those of one source, once.
    Of(usize),
}

/// The documents of one epoch after the other, in a permuted order, from any position.
///
/// Memory: 8 bytes a block, and 8 bytes a document of the present group, which holds at most
/// [`GROUP_DOCUMENTS`] documents and those of one block more.
#[derive(Debug, Clone)]
pub struct Documents {
    members: Members,
    key: u64,
    is_shuffled: bool,
    /// Blocks that hold members, in the order of the corpus, with the number of members of a source.
    blocks: Vec<(u32, u32)>,
    /// Places in `blocks`, in this epoch's order.
    order: Vec<u32>,
    next_block: usize,
    epoch: u64,
    cursor: u64,
    group: Vec<Entry>,
    at: usize,
}

impl Documents {
    /// Every document once an epoch; with `copies`, as often as these say.
    pub fn all<C: Corpus>(corpus: &C, copies: Option<Copies>, key: u64, is_shuffled: bool) -> Self {
        let blocks = (0..corpus.num_blocks())
            .filter(|&block| corpus.num_rows(block) > 0)
            .map(|block| (block as u32, corpus.num_rows(block) as u32))
            .collect();
        Self::new(
            copies.map_or(Members::All, Members::Weighted),
            blocks,
            key,
            is_shuffled,
        )
    }

    /// Every document of a source once an epoch. `blocks` are those that hold any, with how many.
    pub fn of_source(source: usize, blocks: Vec<(u32, u32)>, key: u64, is_shuffled: bool) -> Self {
        Self::new(Members::Of(source), blocks, key, is_shuffled)
    }

    fn new(members: Members, blocks: Vec<(u32, u32)>, key: u64, is_shuffled: bool) -> Self {
        let mut documents = Self {
            members,
            key,
            is_shuffled,
            blocks,
            order: Vec::new(),
            next_block: 0,
            epoch: 0,
            cursor: 0,
            group: Vec::new(),
            at: 0,
        };
        documents.begin(0);
        documents
    }

    /// Epoch of the next document.
    pub fn epoch(&self) -> u64 {
        self.epoch
    }

    /// Documents of this epoch that were given.
    pub fn cursor(&self) -> u64 {
        self.cursor
    }

    /// Documents of an epoch, each as often as it appears. Time: some nanoseconds a block.
    pub fn len(&self, epoch: u64) -> u64 {
        self.blocks.iter().map(|&block| self.entries(block, epoch)).sum()
    }

    /// Whether an epoch has no document.
    pub fn is_empty(&self, epoch: u64) -> bool {
        self.len(epoch) == 0
    }

    /// Goes to the beginning of an epoch.
    pub fn begin(&mut self, epoch: u64) {
        self.epoch = epoch;
        self.cursor = 0;
        self.next_block = 0;
        self.group.clear();
        self.at = 0;
        self.order.clear();
        self.order.extend(0..self.blocks.len() as u32);
        if self.is_shuffled {
            Random::new(derive_key(&[self.key, epoch, 0])).shuffle(&mut self.order);
        }
    }

    /// Goes to a position of an epoch. Time: some nanoseconds a block before it, and one group.
    ///
    /// # Errors
    /// [`PackingError::State`] when the epoch is shorter, and what the corpus raises.
    pub fn seek<C: Corpus>(&mut self, corpus: &C, epoch: u64, cursor: u64) -> Result<(), PackingError> {
        self.begin(epoch);
        while self.cursor < cursor {
            let (behind, entries) = self.next_group();
            if behind == self.next_block {
                return Err(PackingError::State(format!("position {cursor} of an epoch")));
            }
            if self.cursor + entries > cursor {
                self.load(corpus, behind)?;
                self.at = (cursor - self.cursor) as usize;
                self.cursor = cursor;
            } else {
                self.cursor += entries;
                self.next_block = behind;
            }
        }
        Ok(())
    }

    /// Returns the next document of the epoch; None at its end.
    ///
    /// # Errors
    /// What the corpus raises.
    pub fn next<C: Corpus>(&mut self, corpus: &C) -> Result<Option<Entry>, PackingError> {
        while self.at == self.group.len() {
            let (behind, _) = self.next_group();
            if behind == self.next_block {
                return Ok(None);
            }
            self.load(corpus, behind)?;
        }
        let entry = self.group[self.at];
        self.at += 1;
        self.cursor += 1;
        Ok(Some(entry))
    }

    /// Where the next group ends among the blocks of the order, and how many entries it has.
    fn next_group(&self) -> (usize, u64) {
        let (mut behind, mut entries) = (self.next_block, 0);
        while behind < self.order.len()
            && behind - self.next_block < GROUP_BLOCKS
            && entries < GROUP_DOCUMENTS
        {
            entries += self.entries(self.blocks[self.order[behind] as usize], self.epoch);
            behind += 1;
        }
        (behind, entries)
    }

    fn entries(&self, (block, members): (u32, u32), epoch: u64) -> u64 {
        match &self.members {
            Members::Weighted(copies) => copies.in_block(block as usize, epoch),
            _ => u64::from(members),
        }
    }

    /// Lists the documents of the blocks up to `behind` and permutes them.
    fn load<C: Corpus>(&mut self, corpus: &C, behind: usize) -> Result<(), PackingError> {
        let key = derive_key(&[self.key, self.epoch, 2, self.next_block as u64]);
        let Self {
            members,
            blocks,
            order,
            group,
            ..
        } = self;
        group.clear();
        self.at = 0;
        for &place in &order[self.next_block..behind] {
            let (block, _) = blocks[place as usize];
            let rows = 0..corpus.num_rows(block as usize) as u32;
            match &*members {
                Members::All => group.extend(rows.map(|row| Entry { block, row })),
                Members::Of(source) => {
                    for row in rows {
                        if corpus.source(block as usize, row as usize)? == *source {
                            group.push(Entry { block, row });
                        }
                    }
                }
                Members::Weighted(copies) => {
                    let mut numbers = copies.ranks_of(block as usize).to_vec();
                    for row in rows {
                        let source = corpus.source(block as usize, row as usize)?;
                        let times = copies.of(source, numbers[source], self.epoch);
                        numbers[source] += 1;
                        group.extend(std::iter::repeat_n(Entry { block, row }, times as usize));
                    }
                }
            }
        }
        self.next_block = behind;
        if self.is_shuffled {
            Random::new(key).shuffle(group);
        }
        Ok(())
    }
}
