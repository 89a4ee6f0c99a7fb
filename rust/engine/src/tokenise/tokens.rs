//! Token runs: the tokens of a partition's kept documents, and the order in which shards will want them.
//!
//! `tokens.bin` holds one entry a document, in input order: key (16 bytes, big-endian), doc (u64), length of the
//! identifier (u32, `u32::MAX` for none), the identifier, and the tokens (u32 each); integers little-endian. An order
//! An entry with a mask or a label has `u32::MAX - 1` in place of that length, then one byte (1: mask, 2: label), the number
//! of runs and the runs (u32 each), the label's code in this task (u32), and then goes on with the length. An order
//! file holds one record a document of a split, sorted by (position, docref), so that the shard stage merges runs.

use super::supervised::SupervisedCounts;
use crate::commit::{Artefact, DataFile, TaskPlace};
use crate::error::Result;
use crate::external_sort::ExternalSorter;

/// Bytes of an order record.
pub const ORDER_BYTES: usize = 32;

/// Where one document's entry stands, and where it goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct OrderRecord {
    /// Position in the shuffle, or zero when shards keep input order.
    pub position: u64,
    /// Partition and ordinal: input order.
    pub docref: u64,
    /// Start of the entry.
    pub offset: u64,
    /// Length of the entry.
    pub entry_bytes: u32,
    /// Tokens in it.
    pub num_tokens: u32,
}

impl OrderRecord {
    /// Big-endian where it sorts, so that byte order is the order of records.
    pub fn encode(&self) -> [u8; ORDER_BYTES] {
        let mut record = [0; ORDER_BYTES];
        record[..8].copy_from_slice(&self.position.to_be_bytes());
        record[8..16].copy_from_slice(&self.docref.to_be_bytes());
        record[16..24].copy_from_slice(&self.offset.to_be_bytes());
        record[24..28].copy_from_slice(&self.entry_bytes.to_be_bytes());
        record[28..].copy_from_slice(&self.num_tokens.to_be_bytes());
        record
    }

    /// The inverse of [`Self::encode`].
    pub fn decode(record: &[u8; ORDER_BYTES]) -> Self {
        let long = |at: usize| u64::from_be_bytes(std::array::from_fn(|byte| record[at + byte]));
        let short = |at: usize| u32::from_be_bytes(std::array::from_fn(|byte| record[at + byte]));
        Self {
            position: long(0),
            docref: long(8),
            offset: long(16),
            entry_bytes: short(24),
            num_tokens: short(28),
        }
    }
}

/// One document's tokens with its identity.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct TokenEntry {
    /// Stable identity.
    pub key: u128,
    /// File ordinal and row.
    pub doc: u64,
    /// The user's identifier.
    pub id: Option<String>,
    /// Token ids.
    pub tokens: Vec<u32>,
    /// Lengths of untrained and trained runs; none: all are trained.
    pub mask: Option<Vec<u32>>,
    /// Code of its label in this task.
    pub label: Option<u32>,
}

impl TokenEntry {
    /// Appends the entry to `buffer`.
    pub fn encode(&self, buffer: &mut Vec<u8>) {
        buffer.extend_from_slice(&self.key.to_be_bytes());
        buffer.extend_from_slice(&self.doc.to_le_bytes());
        if self.mask.is_some() || self.label.is_some() {
            self.encode_extras(buffer);
        }
        let id = self.id.as_deref();
        buffer.extend_from_slice(&id.map_or(u32::MAX, |id| id.len() as u32).to_le_bytes());
        buffer.extend_from_slice(id.unwrap_or_default().as_bytes());
        buffer.extend(self.tokens.iter().flat_map(|token| token.to_le_bytes()));
    }

    fn encode_extras(&self, buffer: &mut Vec<u8>) {
        buffer.extend_from_slice(&EXTENDED.to_le_bytes());
        buffer
            .push((u8::from(self.mask.is_some()) * HAS_MASK) | (u8::from(self.label.is_some()) * HAS_LABEL));
        if let Some(mask) = &self.mask {
            buffer.extend_from_slice(&(mask.len() as u32).to_le_bytes());
            buffer.extend(mask.iter().flat_map(|run| run.to_le_bytes()));
        }
        if let Some(label) = self.label {
            buffer.extend_from_slice(&label.to_le_bytes());
        }
    }

    /// Reads an entry; nothing when the bytes are not one.
    pub fn decode(entry: &[u8]) -> Option<Self> {
        let (key, rest) = entry.split_first_chunk::<16>()?;
        let (doc, rest) = rest.split_first_chunk::<8>()?;
        let (extras, rest) = Extras::decode(rest)?;
        let (id_bytes, rest) = rest.split_first_chunk::<4>()?;
        let (id, tokens) = match u32::from_le_bytes(*id_bytes) {
            u32::MAX => (None, rest),
            length => {
                let (id, tokens) = rest.split_at_checked(length as usize)?;
                (Some(String::from_utf8(id.to_vec()).ok()?), tokens)
            }
        };
        let (tokens, remainder) = tokens.as_chunks::<4>();
        remainder.is_empty().then(|| Self {
            key: u128::from_be_bytes(*key),
            doc: u64::from_le_bytes(*doc),
            id,
            tokens: tokens.iter().map(|token| u32::from_le_bytes(*token)).collect(),
            mask: extras.mask,
            label: extras.label,
        })
    }
}

/// Stands in place of the length of an identifier where a mask or a label comes first.
const EXTENDED: u32 = u32::MAX - 1;
const HAS_MASK: u8 = 1;
const HAS_LABEL: u8 = 2;

/// What few entries have.
#[derive(Default)]
struct Extras {
    mask: Option<Vec<u32>>,
    label: Option<u32>,
}

impl Extras {
    /// Reads what stands before the length of the identifier, if anything.
    fn decode(bytes: &[u8]) -> Option<(Self, &[u8])> {
        let (mark, rest) = bytes.split_first_chunk::<4>()?;
        if u32::from_le_bytes(*mark) != EXTENDED {
            return Some((Self::default(), bytes));
        }
        let (&flags, mut rest) = rest.split_first()?;
        let mut extras = Self::default();
        if flags & HAS_MASK != 0 {
            let (length, behind) = rest.split_first_chunk::<4>()?;
            let (runs, behind) = behind.split_at_checked(u32::from_le_bytes(*length) as usize * 4)?;
            let (runs, _) = runs.as_chunks::<4>();
            extras.mask = Some(runs.iter().map(|run| u32::from_le_bytes(*run)).collect());
            rest = behind;
        }
        if flags & HAS_LABEL != 0 {
            let (label, behind) = rest.split_first_chunk::<4>()?;
            extras.label = Some(u32::from_le_bytes(*label));
            rest = behind;
        }
        Some((extras, rest))
    }
}

/// The token files of a partition, complete.
pub struct FinishedRun {
    /// Files by what they hold.
    pub outputs: Vec<(String, Artefact)>,
    /// What each split holds.
    pub counts: Vec<(&'static str, SplitCounts)>,
}

/// The token files of a partition while they are written.
pub struct TokenRun {
    tokens: DataFile,
    orders: Vec<(&'static str, ExternalSorter<ORDER_BYTES>, SplitCounts)>,
    buffer: Vec<u8>,
    num_entries: u64,
}

/// What a split holds so far.
#[derive(Debug, Default, Clone, serde::Serialize)]
pub struct SplitCounts {
    /// Documents.
    pub documents: u64,
    /// Tokens.
    pub tokens: u64,
    /// What documents teach, where a recipe asks for it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub supervised: Option<SupervisedCounts>,
}

impl TokenRun {
    /// Opens the files for the named splits.
    ///
    /// # Errors
    /// When a file cannot be created.
    pub fn create(place: &TaskPlace, splits: &[&'static str], memory_bytes: u64) -> Result<Self> {
        let share = memory_bytes / splits.len().max(1) as u64;
        let orders = splits
            .iter()
            .map(|&split| {
                Ok((
                    split,
                    ExternalSorter::new(&place.scratch, share)?,
                    SplitCounts::default(),
                ))
            })
            .collect::<Result<_>>()?;
        Ok(Self {
            tokens: place.create("tokens.bin")?,
            orders,
            buffer: Vec::new(),
            num_entries: 0,
        })
    }

    /// Appends a document to the split at `split`.
    ///
    /// # Errors
    /// When writing fails.
    pub fn push(&mut self, split: usize, position: u64, docref: u64, entry: &TokenEntry) -> Result<()> {
        self.orders[split].2.documents += 1;
        self.push_part(split, position, docref, entry)
    }

    /// Counts of the split at `split`.
    pub fn counts(&mut self, split: usize) -> &mut SplitCounts {
        &mut self.orders[split].2
    }

    /// Appends a row of a document that has several, or is counted by the caller.
    ///
    /// # Errors
    /// When writing fails.
    pub fn push_part(&mut self, split: usize, position: u64, docref: u64, entry: &TokenEntry) -> Result<()> {
        self.buffer.clear();
        entry.encode(&mut self.buffer);
        let (_, sorter, counts) = &mut self.orders[split];
        let record = OrderRecord {
            position,
            docref,
            offset: self.tokens.position(),
            entry_bytes: self.buffer.len() as u32,
            num_tokens: entry.tokens.len() as u32,
        };
        sorter.push(&record.encode())?;
        counts.tokens += entry.tokens.len() as u64;
        self.num_entries += 1;
        self.tokens.append(&self.buffer)
    }

    /// Closes the files: outputs by name, and counts by split.
    ///
    /// # Errors
    /// When writing fails.
    pub fn finish(self, place: &TaskPlace) -> Result<FinishedRun> {
        let mut outputs = vec![("tokens".to_owned(), self.tokens.finish(self.num_entries)?)];
        let mut counts = Vec::new();
        for (split, sorter, split_counts) in self.orders {
            let mut file = place.create(&format!("order-{split}.bin"))?;
            let mut records = 0;
            let mut sorted = sorter.finish()?;
            while let Some(record) = sorted.next_record()? {
                file.append(record)?;
                records += 1;
            }
            outputs.push((format!("order-{split}"), file.finish(records)?));
            counts.push((split, split_counts));
        }
        Ok(FinishedRun { outputs, counts })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn entries_and_records_round_trip() {
        for id in [None, Some(String::new()), Some("é".to_owned())] {
            let entry = TokenEntry {
                key: 1 << 90,
                doc: 7,
                id,
                tokens: vec![0, 1, u32::MAX],
                mask: None,
                label: None,
            };
            let mut buffer = Vec::new();
            entry.encode(&mut buffer);
            assert_eq!(TokenEntry::decode(&buffer), Some(entry));
            assert_eq!(TokenEntry::decode(&buffer[..buffer.len() - 1]), None);
        }
        for (mask, label) in [
            (Some(vec![0, 2, 1]), None),
            (None, Some(7)),
            (Some(vec![]), Some(u32::MAX)),
        ] {
            let entry = TokenEntry {
                tokens: vec![9, 8, 7],
                mask,
                label,
                ..TokenEntry::default()
            };
            let mut buffer = Vec::new();
            entry.encode(&mut buffer);
            assert_eq!(TokenEntry::decode(&buffer), Some(entry));
            assert_eq!(TokenEntry::decode(&buffer[..buffer.len() - 1]), None);
        }
        let record = OrderRecord {
            position: 5,
            docref: 4,
            offset: 3,
            entry_bytes: 2,
            num_tokens: 1,
        };
        assert_eq!(OrderRecord::decode(&record.encode()), record);
    }
}
