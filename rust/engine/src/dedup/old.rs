//! Documents that earlier runs kept, beside those of this run.
//!
//! The parts of an index join a pass as further partitions, numbered after the run's own. An *old* document stands
//! before every new one and never goes: it passes every threshold, its [`Standing`] needs no reading, and no bit is
//! kept for it, so that memory does not grow with the index. Two old documents are never compared, since the run that
//! added the later one did so. What holds no new document is left out wherever it is met.
//!
//! Not here: writing an index ([`crate::dedup_index`]).

use std::path::PathBuf;

use serde::Deserialize;

use super::error::{DedupError, Result};
use super::formats::split_docref;
use super::{PartitionFiles, PassContext};
use crate::commit::Artefact;
use crate::error::EngineError;

/// Old documents of a bucket that new ones are compared with, beside its centre: the first ones in input order.
pub const MAX_OLD_MEMBERS: u32 = 512;

/// What a dedup task is told of one part of an index.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct OldPartSpec {
    /// Documents in it.
    pub num_documents: u32,
    /// Their texts.
    pub text: Artefact,
    /// Index of the texts.
    pub index: Artefact,
    /// Content hashes.
    pub exact: Option<Artefact>,
    /// Band keys.
    pub bands: Option<Artefact>,
}

/// Files of one part of an index.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OldFiles {
    /// Documents in it.
    pub num_documents: u32,
    /// Their texts.
    pub text: PathBuf,
    /// Index of the texts; the rank is the checksum of the text ([`text_checksum`]).
    pub index: PathBuf,
    /// Content hashes; not needed unless there is an exact step.
    pub exact: Option<PathBuf>,
    /// Band keys; not needed unless there is a near-duplicate step.
    pub bands: Option<PathBuf>,
}

impl OldPartSpec {
    /// Returns the paths of the part after looking at the lengths of its files.
    ///
    /// Digests are not computed: a check task did that for the keys, and texts carry a checksum each, since of all that
    /// an index holds a run reads few.
    ///
    /// # Errors
    /// [`DedupError::DamagedIndex`] when a file is missing or has another length.
    pub fn files(&self) -> std::result::Result<OldFiles, EngineError> {
        let open = |artefact: &Artefact| -> Result<PathBuf> {
            let path = PathBuf::from(&artefact.file);
            match std::fs::metadata(&path) {
                Ok(found) if found.len() == artefact.bytes => Ok(path),
                Ok(found) => {
                    let detail = format!("{} bytes, committed with {}", found.len(), artefact.bytes);
                    Err(DedupError::DamagedIndex { path, detail })
                }
                Err(error) => Err(DedupError::DamagedIndex {
                    path,
                    detail: error.to_string(),
                }),
            }
        };
        Ok(OldFiles {
            num_documents: self.num_documents,
            text: open(&self.text)?,
            index: open(&self.index)?,
            exact: self.exact.as_ref().map(open).transpose()?,
            bands: self.bands.as_ref().map(open).transpose()?,
        })
    }
}

/// Returns what an index keeps of a text to know it by: 64 bits of its content hash.
pub fn text_checksum(text: &[u8]) -> u64 {
    gristmill_core::hash::content_hash(text) as u64
}

/// Set in the number of a new document among linked ones, so that old ones come first there.
const NEW: u64 = 1 << 63;

impl PassContext<'_> {
    /// Adds the parts of an index behind the run's own partitions, in the order of their segments.
    ///
    /// # Errors
    /// When there are more partitions than can be numbered.
    pub fn with_old(mut self, parts: Vec<OldFiles>) -> Result<Self> {
        for files in parts {
            // One bit of a reference tells old from new where documents are linked.
            let number = u32::try_from(self.partitions.len())
                .ok()
                .filter(|&number| number < 1 << 31);
            let Some(partition) = number else {
                return Err(DedupError::Inputs(format!(
                    "{} partitions are too many",
                    self.partitions.len()
                )));
            };
            self.partitions.push(PartitionFiles {
                partition,
                source: u16::MAX,
                num_documents: files.num_documents,
                text: files.text,
                index: files.index,
                verdict: PathBuf::new(),
                exact: files.exact,
                bands: files.bands,
            });
        }
        Ok(self)
    }

    /// The run's own partitions.
    pub(crate) fn own(&self) -> &[PartitionFiles] {
        &self.partitions[..self.num_own]
    }

    /// Whether an earlier run kept the document.
    pub(crate) fn is_old(&self, docref: u64) -> bool {
        split_docref(docref).0 as usize >= self.num_own
    }

    /// Number of a document among linked ones: the order of input, and before it all old documents.
    pub(crate) fn linked(&self, docref: u64) -> u64 {
        if self.is_old(docref) { docref } else { docref | NEW }
    }
}

/// The inverse of [`PassContext::linked`]: the document, and whether it is old.
pub(crate) fn unlinked(number: u64) -> (u64, bool) {
    (number & !NEW, number & NEW == 0)
}
