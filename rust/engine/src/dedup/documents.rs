//! Documents by reference: which of them take part, how they rank, and what they say.

use std::collections::VecDeque;
use std::fs::File;
use std::os::unix::fs::FileExt;

use gristmill_core::units::Normalisation;

use super::error::{DedupError, Result};
use super::formats::{REMOVAL_BYTES, Records, Removal, VERDICT_BYTES, scatter, split_docref};
use super::old::text_checksum;
use super::{PartitionFiles, PassContext};
use crate::external_sort::{SortError, SortedSource};
use crate::index::{IndexRecord, RECORD_BYTES};

/// Read buffer of one file that is streamed beside a pass's budget.
pub(crate) const STREAM_BUFFER_BYTES: u64 = 64 << 10;
/// Bytes compared at a time; texts are never read whole for that.
const COMPARE_BYTES: usize = 32 << 10;
/// Partitions whose text and index stay open.
const MAX_OPEN_PARTITIONS: usize = 64;

/// Place of a document in the order of survivors: the smaller one is kept.
///
/// A larger rank is better; among equal ranks the document that comes first in the input is.
///
/// ```
/// use gristmill_engine::dedup::Standing;
/// assert!(Standing::new(9, 5) < Standing::new(8, 4));
/// assert!(Standing::new(9, 4) < Standing::new(9, 5));
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Standing {
    inverse_rank: u64,
    docref: u64,
}

impl Standing {
    /// Returns the standing of a document with this rank.
    pub fn new(rank: u64, docref: u64) -> Self {
        Self {
            inverse_rank: !rank,
            docref,
        }
    }

    /// Returns the standing of a document that an earlier run kept: before every other one.
    pub(super) fn old(docref: u64) -> Self {
        Self::new(u64::MAX, docref)
    }

    /// The document.
    pub fn docref(self) -> u64 {
        self.docref
    }

    /// Returns 16 bytes whose order is the order of standings.
    pub(super) fn encode(self) -> [u8; 16] {
        let mut record = [0; 16];
        record[..8].copy_from_slice(&self.inverse_rank.to_be_bytes());
        record[8..].copy_from_slice(&self.docref.to_be_bytes());
        record
    }
}

/// A set of documents, one bit each: `8 * ceil(N / 64)` bytes and 8 bytes a partition. Of old documents either all or
/// none are in it, without a bit.
#[derive(Debug)]
pub(crate) struct DocumentSet {
    starts: Vec<u64>,
    words: Vec<u64>,
    holds_old: bool,
}

impl DocumentSet {
    /// Bytes that a set over all documents takes.
    pub(crate) fn bytes(context: &PassContext<'_>) -> u64 {
        8 * (context.num_documents().div_ceil(64) + context.own().len() as u64 + 1)
    }

    /// The empty set.
    pub(crate) fn empty(context: &PassContext<'_>) -> Result<Self> {
        let mut starts = Vec::with_capacity(context.own().len() + 1);
        let mut start = 0;
        for files in context.own() {
            starts.push(start);
            start += u64::from(files.num_documents);
        }
        starts.push(start);
        let num_words = usize::try_from(start.div_ceil(64))
            .map_err(|_| DedupError::Inputs(format!("{start} documents are too many for this machine")))?;
        Ok(Self {
            starts,
            words: vec![0; num_words],
            holds_old: false,
        })
    }

    /// The documents that pass every threshold; old ones all do.
    pub(crate) fn passing(context: &PassContext<'_>) -> Result<Self> {
        let mut set = Self::empty(context)?;
        set.holds_old = true;
        let mut bit = 0_u64;
        for files in context.own() {
            context.check()?;
            let verdicts =
                Records::<VERDICT_BYTES>::open_with_count(&files.verdict, u64::from(files.num_documents))?;
            let mut stream = verdicts.stream(STREAM_BUFFER_BYTES);
            while let Some(verdict) = stream.next_record()? {
                if *verdict == [0; VERDICT_BYTES] {
                    set.set(bit);
                }
                bit += 1;
            }
        }
        Ok(set)
    }

    fn bit(&self, docref: u64) -> Option<u64> {
        let (partition, ordinal) = split_docref(docref);
        let partition = partition as usize;
        let bit = self.starts.get(partition)? + u64::from(ordinal);
        (bit < *self.starts.get(partition + 1)?).then_some(bit)
    }

    fn set(&mut self, bit: u64) {
        self.words[(bit / 64) as usize] |= 1 << (bit % 64);
    }

    /// Whether `docref` is in the set; unknown documents of the run are not.
    pub(crate) fn contains(&self, docref: u64) -> bool {
        if split_docref(docref).0 as usize + 1 >= self.starts.len() {
            return self.holds_old;
        }
        self.bit(docref)
            .is_some_and(|bit| self.words[(bit / 64) as usize] >> (bit % 64) & 1 == 1)
    }

    /// Adds a document; unknown ones are left out.
    pub(crate) fn insert(&mut self, docref: u64) {
        if let Some(bit) = self.bit(docref) {
            self.set(bit);
        }
    }

    /// Takes a document out.
    pub(super) fn remove(&mut self, docref: u64) {
        if let Some(bit) = self.bit(docref) {
            self.words[(bit / 64) as usize] &= !(1 << (bit % 64));
        }
    }

    /// Takes out every document that a file of removals names.
    pub(crate) fn remove_all(&mut self, removals: &Records<REMOVAL_BYTES>) -> Result<()> {
        let mut stream = removals.stream(STREAM_BUFFER_BYTES);
        while let Some(record) = stream.next_record()? {
            if let Some(removal) = Removal::decode(record) {
                self.remove(removal.docref);
            }
        }
        Ok(())
    }

    /// Adds every document that a file of removals names.
    pub(super) fn insert_all(&mut self, removals: &Records<REMOVAL_BYTES>) -> Result<()> {
        let mut stream = removals.stream(STREAM_BUFFER_BYTES);
        while let Some(record) = stream.next_record()? {
            if let Some(removal) = Removal::decode(record) {
                self.insert(removal.docref);
            }
        }
        Ok(())
    }

    /// Number of documents of a partition of the run that are in the set.
    pub(crate) fn count_partition(&self, partition: usize) -> u64 {
        let (Some(&start), Some(&end)) = (self.starts.get(partition), self.starts.get(partition + 1)) else {
            return 0;
        };
        let mut count = 0;
        let mut bit = start;
        while bit < end {
            let taken = (64 - bit % 64).min(end - bit);
            let mask = if taken == 64 {
                u64::MAX
            } else {
                ((1 << taken) - 1) << (bit % 64)
            };
            count += u64::from((self.words[(bit / 64) as usize] & mask).count_ones());
            bit += taken;
        }
        count
    }
}

/// How many documents of a set stand before one: 8 bytes for each 512 documents, beside the set.
pub(crate) struct Ranks<'set> {
    set: &'set DocumentSet,
    before: Vec<u64>,
}

impl DocumentSet {
    /// Words that one number of [`Ranks`] stands for.
    const RANK_WORDS: usize = 8;

    /// Counts the documents of the run that are in the set.
    pub(crate) fn ranks(&self) -> Ranks<'_> {
        let mut count = 0;
        let before = self.words.chunks(Self::RANK_WORDS).map(|words| {
            let start = count;
            count += words.iter().map(|word| u64::from(word.count_ones())).sum::<u64>();
            start
        });
        let mut before: Vec<u64> = before.collect();
        before.push(count);
        Ranks { set: self, before }
    }
}

impl Ranks<'_> {
    /// Bytes that the numbers take beside the set.
    pub(crate) fn bytes(&self) -> u64 {
        8 * self.before.len() as u64
    }

    /// Returns how many documents of the set come before a place of the run; past the end, all.
    pub(crate) fn before(&self, docref: u64) -> u64 {
        let (partition, ordinal) = split_docref(docref);
        let starts = &self.set.starts;
        let (Some(&start), Some(&end)) = (starts.get(partition as usize), starts.last()) else {
            return self.before.last().copied().unwrap_or(0);
        };
        let bit = (start + u64::from(ordinal)).min(end);
        let block = (bit / 64) as usize / DocumentSet::RANK_WORDS;
        let first_word = block * DocumentSet::RANK_WORDS;
        let (whole, rest) = ((bit / 64) as usize - first_word, bit % 64);
        let words = self.set.words.get(first_word..).unwrap_or_default();
        let mut count: u64 = words[..whole]
            .iter()
            .map(|word| u64::from(word.count_ones()))
            .sum();
        if rest > 0 {
            count += u64::from((words[whole] & ((1 << rest) - 1)).count_ones());
        }
        self.before[block] + count
    }
}

struct OpenPartition {
    text: File,
    index: Records<RECORD_BYTES>,
}

/// Reads index records and texts at random.
pub(crate) struct DocumentStore<'task> {
    partitions: &'task [PartitionFiles],
    num_own: usize,
    open: Vec<Option<OpenPartition>>,
    opened: VecDeque<usize>,
    ranks: Vec<(u64, u64)>,
    compare: [Vec<u8>; 2],
}

impl<'task> DocumentStore<'task> {
    /// Opens nothing yet; remembers ranks in at most `rank_cache_bytes`.
    pub(crate) fn new(context: &'task PassContext<'_>, rank_cache_bytes: u64) -> Self {
        let wanted = context.num_documents().next_power_of_two();
        let slots = (rank_cache_bytes / 16).min(wanted).max(1);
        let slots = if slots.is_power_of_two() {
            slots
        } else {
            slots.next_power_of_two() / 2
        };
        let partitions = &context.partitions;
        Self {
            partitions,
            num_own: context.num_own,
            open: partitions.iter().map(|_| None).collect(),
            opened: VecDeque::new(),
            ranks: vec![(u64::MAX, 0); usize::try_from(slots).unwrap_or(1)],
            compare: [Vec::new(), Vec::new()],
        }
    }

    fn partition(&mut self, partition: usize) -> Result<&OpenPartition> {
        let Some(files) = self.partitions.get(partition) else {
            return Err(DedupError::Inputs(format!(
                "a record names partition {partition}, which is not there"
            )));
        };
        if self.open[partition].is_none() {
            if self.opened.len() == MAX_OPEN_PARTITIONS
                && let Some(oldest) = self.opened.pop_front()
            {
                self.open[oldest] = None;
            }
            let index = Records::open_with_count(&files.index, u64::from(files.num_documents))?;
            let text = File::open(&files.text).map_err(SortError::file("open", &files.text))?;
            self.open[partition] = Some(OpenPartition { text, index });
            self.opened.push_back(partition);
        }
        match &self.open[partition] {
            Some(open) => Ok(open),
            None => Err(DedupError::Inputs(format!("partition {partition} is not open"))),
        }
    }

    /// Reads the index record of a document.
    pub(crate) fn record(&mut self, docref: u64) -> Result<IndexRecord> {
        let (partition, ordinal) = split_docref(docref);
        let open = self.partition(partition as usize)?;
        if u64::from(ordinal) >= open.index.len() {
            return Err(DedupError::Inputs(format!(
                "a record names document {partition}:{ordinal}, which is not there"
            )));
        }
        Ok(IndexRecord::decode(&open.index.get(u64::from(ordinal))?))
    }

    /// Returns the standing of a document, from the cache if it is there.
    pub(super) fn standing(&mut self, docref: u64) -> Result<Standing> {
        if self.is_old(docref) {
            return Ok(Standing::old(docref));
        }
        let slot = (scatter(docref) % self.ranks.len() as u64) as usize;
        let (cached, rank) = self.ranks[slot];
        if cached == docref {
            return Ok(self.standing_of(rank, docref));
        }
        let rank = self.record(docref)?.rank;
        self.ranks[slot] = (docref, rank);
        Ok(self.standing_of(rank, docref))
    }

    /// Returns the standing of a document whose rank is known.
    pub(super) fn standing_of(&self, rank: u64, docref: u64) -> Standing {
        if self.is_old(docref) {
            Standing::old(docref)
        } else if self.partitions.len() > self.num_own {
            // The highest rank is that of old documents alone.
            Standing::new(rank.min(u64::MAX - 1), docref)
        } else {
            Standing::new(rank, docref)
        }
    }

    /// Whether an earlier run kept the document.
    pub(super) fn is_old(&self, docref: u64) -> bool {
        split_docref(docref).0 as usize >= self.num_own
    }

    /// Reads the text of a document into `buffer` and returns it.
    pub(crate) fn text<'buffer>(
        &mut self,
        docref: u64,
        buffer: &'buffer mut Vec<u8>,
    ) -> Result<&'buffer str> {
        let record = self.record(docref)?;
        let partition = split_docref(docref).0 as usize;
        buffer.resize(record.text_bytes as usize, 0);
        self.read_text(partition, record.text_offset, buffer)?;
        if self.is_old(docref) && text_checksum(buffer) != record.rank {
            return Err(DedupError::DamagedIndex {
                path: self.partitions[partition].text.clone(),
                detail: format!(
                    "the text at byte {} is not the one that was kept",
                    record.text_offset
                ),
            });
        }
        std::str::from_utf8(buffer).map_err(|error| {
            let path = &self.partitions[partition].text;
            DedupError::damaged(path, format!("text at byte {}: {error}", record.text_offset))
        })
    }

    /// Reads bytes `start..end` of a document's text into `buffer` and returns them.
    pub(crate) fn slice<'buffer>(
        &mut self,
        docref: u64,
        start: u32,
        end: u32,
        buffer: &'buffer mut Vec<u8>,
    ) -> Result<&'buffer str> {
        let record = self.record(docref)?;
        let partition = split_docref(docref).0 as usize;
        let damaged = |detail: String| DedupError::damaged(&self.partitions[partition].text, detail);
        if start > end || end > record.text_bytes {
            let length = record.text_bytes;
            return Err(damaged(format!("bytes {start}..{end} of a text of {length}")));
        }
        buffer.resize((end - start) as usize, 0);
        self.read_text(partition, record.text_offset + u64::from(start), buffer)?;
        std::str::from_utf8(buffer).map_err(|error| {
            let path = &self.partitions[partition].text;
            DedupError::damaged(path, format!("text at byte {}: {error}", record.text_offset))
        })
    }

    fn read_text(&mut self, partition: usize, offset: u64, buffer: &mut [u8]) -> Result<()> {
        let read = self.partition(partition)?.text.read_exact_at(buffer, offset);
        read.map_err(|error| SortError::file("read", &self.partitions[partition].text)(error).into())
    }

    /// Compares what `normalise` leaves of two texts, each of them read whole.
    pub(super) fn is_same_normalised(
        &mut self,
        left: u64,
        right: u64,
        normalise: Normalisation,
    ) -> Result<bool> {
        let [mut left_bytes, mut right_bytes] = std::mem::take(&mut self.compare);
        let (mut left_compared, mut right_compared) = (String::new(), String::new());
        let left = normalise.apply(self.text(left, &mut left_bytes)?, &mut left_compared);
        let right = normalise.apply(self.text(right, &mut right_bytes)?, &mut right_compared);
        let is_same = left == right;
        self.compare = [left_bytes, right_bytes];
        Ok(is_same)
    }

    /// Compares two texts byte by byte, a block at a time.
    pub(super) fn is_same_text(
        &mut self,
        left: (u64, &IndexRecord),
        right: (u64, &IndexRecord),
    ) -> Result<bool> {
        if left.1.text_bytes != right.1.text_bytes {
            return Ok(false);
        }
        let [mut left_bytes, mut right_bytes] = std::mem::take(&mut self.compare);
        let (left_partition, right_partition) =
            (split_docref(left.0).0 as usize, split_docref(right.0).0 as usize);
        let total = left.1.text_bytes as usize;
        let mut done = 0;
        let mut is_same = true;
        while is_same && done < total {
            let taken = (total - done).min(COMPARE_BYTES);
            left_bytes.resize(taken, 0);
            right_bytes.resize(taken, 0);
            self.read_text(left_partition, left.1.text_offset + done as u64, &mut left_bytes)?;
            self.read_text(
                right_partition,
                right.1.text_offset + done as u64,
                &mut right_bytes,
            )?;
            is_same = left_bytes == right_bytes;
            done += taken;
        }
        self.compare = [left_bytes, right_bytes];
        if !is_same {
            // Equal hashes of different texts are rarer than a damaged disk: an old text proves itself here.
            let mut buffer = Vec::new();
            for docref in [left.0, right.0]
                .into_iter()
                .filter(|&docref| self.is_old(docref))
                .collect::<Vec<_>>()
            {
                self.text(docref, &mut buffer)?;
            }
        }
        Ok(is_same)
    }
}
