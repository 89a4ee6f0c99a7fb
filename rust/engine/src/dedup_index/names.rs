//! Who an old document is: its key, the group it is split with, and words for a reader.

use std::collections::HashMap;
use std::fs::File;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};

use serde::Deserialize;

use crate::commit::Artefact;
use crate::dedup::DedupError;
use crate::dedup::formats::split_docref;
use crate::error::{EngineError, Result};
use crate::index::{IndexRecord, RECORD_BYTES, RecordFile};

/// What is told of one part of an index beside the keys that the passes read.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct NamedPartSpec {
    /// Number of its segment.
    pub segment: u32,
    /// Names of the sources of the run that made it, by ordinal.
    pub sources: Vec<String>,
    /// Index of the texts.
    pub index: Artefact,
    /// Key of the first document of each one's cluster.
    pub groups: Artefact,
    /// Identifiers.
    pub ids: Artefact,
    /// Where each identifier ends.
    pub id_ends: Artefact,
}

struct OpenPart {
    index: RecordFile<RECORD_BYTES>,
    groups: RecordFile<16>,
    ids: File,
    ids_path: PathBuf,
    id_ends: RecordFile<8>,
}

/// Looks old documents up by reference; opens a part when it is first asked for.
pub(crate) struct OldNames<'task> {
    parts: &'task [NamedPartSpec],
    num_own: usize,
    open: HashMap<usize, OpenPart>,
}

impl<'task> OldNames<'task> {
    /// `num_own` partitions of the run stand before the parts.
    pub(crate) fn new(parts: &'task [NamedPartSpec], num_own: usize) -> Self {
        Self {
            parts,
            num_own,
            open: HashMap::new(),
        }
    }

    /// Whether an earlier run kept the document.
    pub(crate) fn is_old(&self, docref: u64) -> bool {
        split_docref(docref).0 as usize >= self.num_own
    }

    fn part(&mut self, docref: u64) -> Result<(&NamedPartSpec, &OpenPart, u64)> {
        let (partition, ordinal) = split_docref(docref);
        let number = (partition as usize).checked_sub(self.num_own);
        let spec = number.and_then(|number| Some((number, self.parts.get(number)?)));
        let (number, spec) = spec.ok_or_else(|| EngineError::Spec(format!("no partition {partition}")))?;
        let open = match self.open.entry(number) {
            std::collections::hash_map::Entry::Occupied(entry) => entry.into_mut(),
            std::collections::hash_map::Entry::Vacant(entry) => entry.insert(open_part(spec)?),
        };
        Ok((spec, open, u64::from(ordinal)))
    }

    /// The document's key.
    ///
    /// # Errors
    /// When there is no such document, or its part cannot be read.
    pub(crate) fn key(&mut self, docref: u64) -> Result<u128> {
        let (_, part, ordinal) = self.part(docref)?;
        Ok(IndexRecord::decode(&part.index.get(ordinal)?).key)
    }

    /// Key of the first document of its cluster: what decides its side of the split.
    ///
    /// # Errors
    /// As [`Self::key`].
    pub(crate) fn group(&mut self, docref: u64) -> Result<u128> {
        let (_, part, ordinal) = self.part(docref)?;
        Ok(u128::from_le_bytes(part.groups.get(ordinal)?))
    }

    /// Where the document is from, for a reader: segment, source, and the id if it has one.
    ///
    /// # Errors
    /// As [`Self::key`].
    pub(crate) fn describe(&mut self, docref: u64) -> Result<String> {
        let (spec, part, ordinal) = self.part(docref)?;
        let source = IndexRecord::decode(&part.index.get(ordinal)?).source;
        let source = spec.sources.get(usize::from(source)).map_or("?", String::as_str);
        let mut words = format!(
            "kept by an earlier run: segment {}, source `{source}`",
            spec.segment
        );
        let end = u64::from_le_bytes(part.id_ends.get(ordinal)?);
        let start = match ordinal.checked_sub(1) {
            Some(before) => u64::from_le_bytes(part.id_ends.get(before)?),
            None => 0,
        };
        let length = end
            .checked_sub(start)
            .and_then(|length| usize::try_from(length).ok());
        let length = length
            .filter(|_| end <= spec.ids.bytes)
            .ok_or_else(|| DedupError::DamagedIndex {
                path: part.ids_path.clone(),
                detail: format!("identifier {ordinal} ends before it begins, or behind the file"),
            })?;
        if length > 0 {
            let mut id = vec![0; length];
            part.ids
                .read_exact_at(&mut id, start)
                .map_err(EngineError::io("read", &part.ids_path))?;
            words.push_str(&format!(", id `{}`", String::from_utf8_lossy(&id)));
        }
        Ok(words)
    }
}

fn open_part(spec: &NamedPartSpec) -> Result<OpenPart> {
    let ids_path = PathBuf::from(&spec.ids.file);
    Ok(OpenPart {
        index: RecordFile::open(Path::new(&spec.index.file))?,
        groups: RecordFile::open(Path::new(&spec.groups.file))?,
        ids: File::open(&ids_path).map_err(EngineError::io("open", &ids_path))?,
        ids_path,
        id_ends: RecordFile::open(Path::new(&spec.id_ends.file))?,
    })
}
