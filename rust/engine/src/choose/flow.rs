//! What is still in the flow: documents that pass every threshold, were left text by every cut, are no duplicates, and were
//! left out by no earlier choice; and the words of a text.

use std::path::Path;

use gristmill_core::segment::{HAS_LETTER, HAS_NUMBER, Segmentation, Segmenter};

use crate::commit::Artefact;
use crate::dedup::formats::{REMOVAL_BYTES, docref};
use crate::error::Result;
use crate::task::Session;
use crate::tokenise::cursors::Cursor;

/// Answers for ascending documents of a partition whether they are in the flow.
pub(super) struct Flow {
    removals: Option<Cursor<REMOVAL_BYTES>>,
    partition: u32,
}

impl Flow {
    /// Opens the removals of dedup, if there are any, at a partition.
    pub(super) fn open(
        removals: Option<&Artefact>,
        partition: u32,
        data: &Path,
        session: &Session,
    ) -> Result<Self> {
        let removals = removals
            .map(|removals| Cursor::open(&session.open(data, removals)?, docref(partition, 0)))
            .transpose()?;
        Ok(Self { removals, partition })
    }

    /// Whether the document with this verdict is in the flow.
    pub(super) fn holds(&mut self, ordinal: u32, verdict: u16) -> Result<bool> {
        if verdict != 0 {
            return Ok(false);
        }
        let document = docref(self.partition, ordinal);
        let found = self.removals.as_mut().map(|removals| removals.find(document));
        Ok(found.transpose()?.flatten().is_none())
    }
}

/// The words of one text after the other: tokens with a letter or a number, in lower case, as hashes.
#[derive(Default)]
pub(super) struct Words {
    segmenter: Segmenter,
    segmentation: Segmentation,
    scratch: String,
    hashes: Vec<u64>,
}

impl Words {
    /// Returns the words of a text in order.
    pub(super) fn of(&mut self, text: &str) -> &[u64] {
        self.segmenter.segment(text, &mut self.segmentation);
        self.hashes.clear();
        for (token, flags) in self.segmentation.flags().iter().enumerate() {
            if flags & (HAS_LETTER | HAS_NUMBER) != 0 {
                let hash = self.segmentation.lower_hash(text, token, &mut self.scratch);
                self.hashes.push(hash);
            }
        }
        &self.hashes
    }
}
