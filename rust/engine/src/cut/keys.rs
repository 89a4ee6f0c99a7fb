//! Content hashes and band keys of a new text version: those of changed documents are computed, all others taken over.

use std::path::Path;

use gristmill_core::hash::content_hash;
use gristmill_core::minhash::{MinHashConfig, MinHasher};
use gristmill_core::segment::{Segmentation, Segmenter};
use gristmill_core::units::Normalisation;
use serde::Deserialize;

use crate::commit::{Artefact, TaskPlace};
use crate::dedup::formats::{BAND_BYTES, EXACT_BYTES, Records, bytes_at};
use crate::dedup::stages::PartitionSpec;
use crate::dedup::{BandRunWriter, DedupError, ExactRunWriter};
use crate::error::Result;
use crate::external_sort::SortedSource;
use crate::shingle_ids::ShingleIds;
use crate::task::Session;
use crate::tokenise::TokenizerSpec;

/// Read buffer of the old keys.
const BUFFER_BYTES: u64 = 256 << 10;

/// Which keys the dedup of documents needs; the same as in a map task.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct KeySpec {
    /// How band keys are made; none without a near-duplicate step.
    pub minhash: Option<MinHashConfig>,
    /// The tokenizer, where shingles are made of its ids.
    #[serde(default)]
    pub shingle_tokenizer: Option<TokenizerSpec>,
    /// What content hashes are of.
    #[serde(default)]
    pub exact_normalise: Normalisation,
}

/// The keys of a partition while they are collected. Memory: the sort budgets and a bit a document.
pub(super) struct KeyFiles {
    exact: Option<ExactRunWriter>,
    normalise: Normalisation,
    bands: Option<Bands>,
    /// One bit a document whose keys are not the old ones.
    changed: Vec<u64>,
    compared: String,
}

struct Bands {
    writer: BandRunWriter,
    num_bands: u16,
    hasher: MinHasher,
    ids: Option<ShingleIds>,
    segmenter: Segmenter,
    segmentation: Segmentation,
    keys: Vec<u64>,
}

/// The committed key files; none where the partition had none.
pub(super) struct KeyArtefacts {
    pub(super) exact: Option<Artefact>,
    pub(super) bands: Option<Artefact>,
}

impl KeyFiles {
    pub(super) fn create(
        spec: &KeySpec,
        has_exact: bool,
        place: &TaskPlace,
        num_documents: u32,
        memory_bytes: u64,
        session: &Session,
    ) -> Result<Self> {
        let bands = match &spec.minhash {
            None => None,
            Some(config) => {
                let num_bands = u16::try_from(config.bands)
                    .map_err(|_| DedupError::Inputs(format!("{} bands are too many", config.bands)))?;
                Some(Bands {
                    writer: BandRunWriter::new(&place.scratch, usize::from(num_bands), memory_bytes / 2)?,
                    num_bands,
                    hasher: MinHasher::new(*config)?,
                    ids: ShingleIds::for_unit(
                        config.shingles.unit,
                        spec.shingle_tokenizer.as_ref(),
                        |tokenizer| session.tokenizer(tokenizer),
                    )?,
                    segmenter: Segmenter::default(),
                    segmentation: Segmentation::default(),
                    keys: Vec::new(),
                })
            }
        };
        Ok(Self {
            exact: has_exact
                .then(|| ExactRunWriter::new(&place.scratch, memory_bytes / 4))
                .transpose()?,
            normalise: spec.exact_normalise,
            bands,
            changed: vec![0; (num_documents as usize).div_ceil(64)],
            compared: String::new(),
        })
    }

    /// Computes the keys of a document whose text has changed.
    pub(super) fn replace(&mut self, ordinal: u32, text: &str) -> Result<()> {
        self.changed[ordinal as usize / 64] |= 1 << (ordinal % 64);
        if let Some(exact) = &mut self.exact {
            let compared = self.normalise.apply(text, &mut self.compared);
            exact.push(content_hash(compared.as_bytes()), ordinal)?;
        }
        if let Some(bands) = &mut self.bands {
            bands.keys.clear();
            let has_keys = if let Some(ids) = &mut bands.ids {
                bands.hasher.band_keys_of_ids(ids.of(text)?, &mut bands.keys)
            } else {
                if bands.hasher.reads_segmentation() {
                    bands.segmenter.segment(text, &mut bands.segmentation);
                }
                bands.hasher.band_keys(text, &bands.segmentation, &mut bands.keys)
            };
            if has_keys {
                bands.writer.push(ordinal, &bands.keys)?;
            }
        }
        Ok(())
    }

    /// Adds the keys of all other documents from the partition's old files, and writes both.
    pub(super) fn finish(
        self,
        old: &PartitionSpec,
        place: &TaskPlace,
        session: &Session,
    ) -> Result<KeyArtefacts> {
        let is_changed = |ordinal: u32| self.changed[ordinal as usize / 64] >> (ordinal % 64) & 1 == 1;
        let mut artefacts = KeyArtefacts {
            exact: None,
            bands: None,
        };
        if let (Some(mut writer), Some(exact)) = (self.exact, &old.exact) {
            let path = session.open(&place.data, exact)?;
            let documents = u64::from(old.num_documents);
            let mut records = Records::<EXACT_BYTES>::open_with_count(&path, documents)?.stream(BUFFER_BYTES);
            while let Some(record) = records.next_record()? {
                let ordinal = checked(&path, u32::from_le_bytes(bytes_at(record, 16)), old.num_documents)?;
                if !is_changed(ordinal) {
                    writer.push(u128::from_le_bytes(bytes_at(record, 0)), ordinal)?;
                }
            }
            session.check()?;
            let count = writer.finish(&place.path("exact.bin"))?;
            artefacts.exact = Some(place.adopt("exact.bin", count)?);
        }
        if let (Some(mut bands), Some(old_bands)) = (self.bands, &old.bands) {
            let path = session.open(&place.data, old_bands)?;
            let records = Records::<BAND_BYTES>::open(&path)?;
            // Every document with keys has one in each band.
            let in_band = records.len() / u64::from(bands.num_bands);
            if records.len() % u64::from(bands.num_bands) != 0 {
                let detail = format!("{} keys in {} bands", records.len(), bands.num_bands);
                return Err(DedupError::damaged(&path, detail).into());
            }
            for band in 0..bands.num_bands {
                session.check()?;
                let start = u64::from(band) * in_band;
                let mut run = records.run(start, start + in_band, BUFFER_BYTES);
                while let Some(record) = run.next_record()? {
                    let ordinal = checked(&path, u32::from_le_bytes(bytes_at(record, 8)), old.num_documents)?;
                    if !is_changed(ordinal) {
                        bands
                            .writer
                            .push_key(band, u64::from_le_bytes(bytes_at(record, 0)), ordinal)?;
                    }
                }
            }
            let count = bands.writer.finish(&place.path("bands.bin"))?;
            artefacts.bands = Some(place.adopt("bands.bin", count)?);
        }
        Ok(artefacts)
    }
}

/// Returns an ordinal that the partition has.
fn checked(path: &Path, ordinal: u32, num_documents: u32) -> Result<u32> {
    if ordinal < num_documents {
        return Ok(ordinal);
    }
    let detail = format!("keys of document {ordinal}, of {num_documents}");
    Err(DedupError::damaged(path, detail).into())
}
