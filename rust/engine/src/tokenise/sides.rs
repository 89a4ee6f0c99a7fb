//! The split as `tokenise` reads it: the side of each document of a partition, and what the proof found of it.

use std::path::PathBuf;

use serde::Deserialize;

use super::cursors::Cursor;
use crate::commit::{Artefact, TaskPlace};
use crate::error::{EngineError, Result};
use crate::index::RecordFile;
use crate::split::prove::PAIR_BYTES;
use crate::split::{Left, Side, assignment_hash};
use crate::task::Session;

/// What the split stages left, for one partition.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SplitOutcome {
    /// The assignment, of all partitions.
    pub sides: Artefact,
    /// Readable documents of the partitions before this one.
    pub first: u64,
    /// Sides that shards are written for, train first.
    pub names: Vec<String>,
    /// Pairs across sides that the proof found for documents of this partition.
    pub pairs: Artefact,
    /// Whether such documents are left out; otherwise they are only counted.
    pub drops_pairs: bool,
    /// Similarity from which on a pair is one.
    pub min_similarity: f64,
}

/// What becomes of a document.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Placed {
    /// It is on a side.
    On(Side),
    /// It is on none, by the assignment.
    Left(Left),
    /// It is that similar to a document of a more protected side.
    Straddles {
        /// That document.
        other: u64,
        /// How similar.
        similarity: f32,
    },
}

/// Walks the assignment along with the documents.
pub(super) struct Sides {
    bytes: RecordFile<1>,
    path: PathBuf,
    first: u64,
    names: Vec<Side>,
    pairs: Cursor<PAIR_BYTES>,
    drops_pairs: bool,
    /// Documents by side, and the sum of their hashes.
    counts: [u64; 3],
    sum: u128,
}

impl Sides {
    pub(super) fn open(spec: &SplitOutcome, place: &TaskPlace, session: &Session) -> Result<Self> {
        let path = session.open(&place.data, &spec.sides)?;
        let names = spec.names.iter().map(|name| {
            Side::from_name(name).ok_or_else(|| EngineError::Spec(format!("no split is called `{name}`")))
        });
        Ok(Self {
            bytes: RecordFile::open(&path)?,
            path,
            first: spec.first,
            names: names.collect::<Result<_>>()?,
            pairs: Cursor::open(
                &session.open(&place.data, &spec.pairs)?,
                u64::from(place.index) << 32,
            )?,
            drops_pairs: spec.drops_pairs,
            counts: [0; 3],
            sum: 0,
        })
    }

    /// Sides that shards are written for.
    pub(super) fn names(&self) -> Vec<&'static str> {
        self.names.iter().map(|side| side.name()).collect()
    }

    /// Where a document goes that every other stage kept. Documents come in order.
    pub(super) fn place(&mut self, docref: u64) -> Result<Placed> {
        let [byte] = self.bytes.get(self.first + (docref & 0xffff_ffff))?;
        if let Some(left) = Left::from_byte(byte) {
            return Ok(Placed::Left(left));
        }
        let side = Side::from_byte(byte).filter(|side| self.names.contains(side));
        let side = side.ok_or_else(|| EngineError::Damaged {
            path: self.path.clone(),
            detail: format!("document {docref} was kept and has no side"),
        })?;
        if self.drops_pairs
            && let Some(pair) = self.pairs.find(docref)?
        {
            return Ok(Placed::Straddles {
                other: u64::from_le_bytes(std::array::from_fn(|byte| pair[8 + byte])),
                similarity: f32::from_le_bytes(std::array::from_fn(|byte| pair[16 + byte])),
            });
        }
        Ok(Placed::On(side))
    }

    /// Counts a document that is written, and returns the number of its side among those with shards.
    pub(super) fn count(&mut self, side: Side, key: u128) -> usize {
        self.counts[side as usize] += 1;
        self.sum = self.sum.wrapping_add(assignment_hash(key, side));
        self.names.iter().position(|&name| name == side).unwrap_or(0)
    }

    /// Counts for the manifest of the task.
    pub(super) fn counts(&self) -> serde_json::Value {
        let documents: serde_json::Map<String, serde_json::Value> = self
            .names
            .iter()
            .map(|&side| (side.name().to_owned(), self.counts[side as usize].into()))
            .collect();
        serde_json::json!({ "documents": documents, "assignment": format!("{:032x}", self.sum) })
    }
}
