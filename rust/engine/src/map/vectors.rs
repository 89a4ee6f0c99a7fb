//! Embeddings in the map stage: what cannot be compared leaves the flow, the rest becomes `vectors.bin` and band keys.
//!
//! `vectors.bin` has `4 * dimension` bytes for each readable document, in their order: its vector as 32-bit floats,
//! little-endian. All zeros stand for a document without one: no vector that is all zero passes [`quarantine`].

use std::collections::BTreeMap;

use gristmill_core::hyperplanes::{HyperplaneConfig, Hyperplanes};
use gristmill_core::vectors::{VectorFault, check};
use serde::Deserialize;

use crate::commit::{Artefact, DataFile, TaskPlace};
use crate::dedup::BandRunWriter;
use crate::error::Result;
use crate::map::batch::{DocumentBatch, excerpt};
use crate::map::output::Unreadable;
use crate::read::FloatList;

/// Vectors whose keys are computed together.
const SIGNED_TOGETHER: usize = 64;

/// How near duplicates are looked for by an embedding.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SemanticSpec {
    /// Name of the step, which stands in `rejects/` for what it quarantines.
    pub step: String,
    /// Field that holds the embedding.
    pub embedding: String,
    /// Numbers that an embedding must have.
    pub dimension: u32,
    /// How candidates are found; none where all pairs are compared.
    pub hyperplanes: Option<Bands>,
}

/// Bands of hyperplanes; the dimension is that of the vectors.
#[derive(Debug, Clone, Copy, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Bands {
    /// Keys a vector.
    pub bands: u32,
    /// Bits a key.
    pub width: u32,
    /// Chooses the hyperplanes.
    pub seed: u64,
}

impl Bands {
    /// The configuration for vectors of this dimension.
    pub fn of_dimension(self, dimension: u32) -> HyperplaneConfig {
        HyperplaneConfig {
            dimension,
            bands: self.bands,
            width: self.width,
            seed: self.seed,
        }
    }
}

/// Takes the documents out of a batch whose embedding cannot be compared; those without one stay.
pub fn quarantine(
    spec: &SemanticSpec,
    batch: &mut DocumentBatch,
    excerpt_characters: usize,
    unreadable: &mut Vec<Unreadable>,
) {
    for row in 0..batch.len() {
        let Some((reason, what)) = fault(batch.embeddings.get(row), spec.dimension as usize) else {
            continue;
        };
        batch.alive[row] = false;
        unreadable.push(Unreadable {
            doc: batch.docs[row],
            key: batch.keys[row],
            id: batch.ids[row].clone(),
            step: spec.step.clone(),
            reason: reason.to_owned(),
            detail: format!("`{}` {what}", spec.embedding),
            excerpt: excerpt(batch.texts.get(row), excerpt_characters).to_owned(),
        });
    }
}

/// Why a list is no vector that can be compared: as a code, and in words.
fn fault(list: FloatList<'_>, dimension: usize) -> Option<(&'static str, String)> {
    let numbers = match list {
        FloatList::Missing => return None,
        FloatList::NotNumbers => {
            return Some(("not_numbers", "is no list of numbers without null".to_owned()));
        }
        FloatList::Numbers(numbers) => numbers,
    };
    Some(match check(numbers, dimension).err()? {
        VectorFault::WrongDimension(found) => {
            ("wrong_dimension", format!("has {found} numbers, not {dimension}"))
        }
        VectorFault::NotANumber(at) => ("nan", format!("is NaN at position {at}")),
        VectorFault::Infinite(at) => (
            "infinite",
            format!("is infinite, or beyond 32-bit floats, at position {at}"),
        ),
        VectorFault::AllZero => ("all_zero", "has no direction: all its numbers are 0".to_owned()),
    })
}

/// The vectors of a partition while they are written.
pub struct VectorOutput {
    file: DataFile,
    dimension: usize,
    bands: Option<BandOutput>,
    record: Vec<u8>,
    num_present: u64,
    num_missing: u64,
}

/// Band keys of a partition, and the vectors whose keys are still to be computed.
struct BandOutput {
    planes: Hyperplanes,
    writer: BandRunWriter,
    ordinals: Vec<u32>,
    vectors: Vec<f32>,
    keys: Vec<u64>,
}

impl VectorOutput {
    /// Opens the files. Memory: `sort_memory_bytes` for band keys, the hyperplanes, and 64 vectors.
    ///
    /// # Errors
    /// When a file cannot be created.
    pub fn create(place: &TaskPlace, spec: &SemanticSpec, sort_memory_bytes: u64) -> Result<Self> {
        let bands = match spec.hyperplanes {
            None => None,
            Some(bands) => {
                let planes = Hyperplanes::new(bands.of_dimension(spec.dimension));
                let writer = BandRunWriter::new(&place.scratch, planes.num_bands(), sort_memory_bytes)?;
                Some(BandOutput {
                    planes,
                    writer,
                    ordinals: Vec::new(),
                    vectors: Vec::new(),
                    keys: Vec::new(),
                })
            }
        };
        Ok(Self {
            file: place.create("vectors.bin")?,
            dimension: spec.dimension as usize,
            bands,
            record: Vec::new(),
            num_present: 0,
            num_missing: 0,
        })
    }

    /// Appends the embedding of the next readable document, which [`quarantine`] has let pass.
    ///
    /// # Errors
    /// When writing fails.
    pub fn push(&mut self, ordinal: u32, list: FloatList<'_>) -> Result<()> {
        self.record.clear();
        if let FloatList::Numbers(vector) = list {
            self.num_present += 1;
            self.record
                .extend(vector.iter().flat_map(|value| value.to_le_bytes()));
            if let Some(bands) = self.bands.as_mut() {
                bands.push(ordinal, vector)?;
            }
        } else {
            self.num_missing += 1;
        }
        self.record.resize(4 * self.dimension, 0);
        self.file.append(&self.record)
    }

    /// Closes the files: `vectors` and, with hyperplanes, `vector_bands`; and how many documents have a vector.
    ///
    /// # Errors
    /// When writing fails.
    pub fn finish(
        self,
        place: &TaskPlace,
        readable: u64,
    ) -> Result<(BTreeMap<String, Artefact>, serde_json::Value)> {
        let mut outputs = BTreeMap::from([("vectors".to_owned(), self.file.finish(readable)?)]);
        if let Some(mut bands) = self.bands {
            bands.sign()?;
            let records = bands.writer.finish(&place.path("vector_bands.bin"))?;
            outputs.insert(
                "vector_bands".to_owned(),
                place.adopt("vector_bands.bin", records)?,
            );
        }
        let counts = serde_json::json!({ "present": self.num_present, "missing": self.num_missing });
        Ok((outputs, counts))
    }
}

impl BandOutput {
    fn push(&mut self, ordinal: u32, vector: &[f32]) -> Result<()> {
        self.ordinals.push(ordinal);
        self.vectors.extend_from_slice(vector);
        if self.ordinals.len() == SIGNED_TOGETHER {
            self.sign()?;
        }
        Ok(())
    }

    fn sign(&mut self) -> Result<()> {
        self.keys.clear();
        self.planes.band_keys(&self.vectors, &mut self.keys);
        for (&ordinal, keys) in self
            .ordinals
            .iter()
            .zip(self.keys.chunks_exact(self.planes.num_bands()))
        {
            self.writer.push(ordinal, keys)?;
        }
        self.ordinals.clear();
        self.vectors.clear();
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_fault_has_its_own_code() {
        let cases: [(FloatList<'_>, Option<&str>); 8] = [
            (FloatList::Missing, None),
            (FloatList::Numbers(&[0.5, -0.5]), None),
            (FloatList::NotNumbers, Some("not_numbers")),
            (FloatList::Numbers(&[]), Some("wrong_dimension")),
            (FloatList::Numbers(&[1.0, 2.0, 3.0]), Some("wrong_dimension")),
            (FloatList::Numbers(&[f32::NAN, 1.0]), Some("nan")),
            (FloatList::Numbers(&[1.0, f32::NEG_INFINITY]), Some("infinite")),
            (FloatList::Numbers(&[0.0, -0.0]), Some("all_zero")),
        ];
        for (list, expected) in cases {
            assert_eq!(fault(list, 2).map(|(reason, _)| reason), expected, "{list:?}");
        }
    }

    #[test]
    fn the_layout_of_vectors_is_the_published_one() {
        let folder = tempfile::tempdir().unwrap();
        let place: TaskPlace = serde_json::from_value(serde_json::json!({
            "stage": "map", "index": 0, "fingerprint": "f", "attempt": "a", "data": folder.path(),
            "scratch": folder.path(), "manifest": folder.path().join("m"),
        }))
        .unwrap();
        let bands = Bands {
            bands: 2,
            width: 4,
            seed: 1,
        };
        let spec = SemanticSpec {
            step: "s".to_owned(),
            embedding: "e".to_owned(),
            dimension: 2,
            hyperplanes: Some(bands),
        };
        let mut output = VectorOutput::create(&place, &spec, 1 << 16).unwrap();
        output.push(0, FloatList::Numbers(&[1.0, -2.0])).unwrap();
        output.push(1, FloatList::Missing).unwrap();
        for ordinal in 2..70 {
            output
                .push(ordinal, FloatList::Numbers(&[1.0, ordinal as f32]))
                .unwrap();
        }
        let (outputs, counts) = output.finish(&place, 70).unwrap();
        assert_eq!(counts, serde_json::json!({ "present": 69, "missing": 1 }));
        let written = std::fs::read(place.path("vectors.bin")).unwrap();
        assert_eq!(written.len(), 70 * 8);
        assert_eq!(
            written[..16],
            [0, 0, 0x80, 0x3f, 0, 0, 0, 0xc0, 0, 0, 0, 0, 0, 0, 0, 0]
        );
        assert_eq!(
            (outputs["vectors"].rows, outputs["vector_bands"].rows),
            (70, 2 * 69)
        );
        let mut keys = Vec::new();
        Hyperplanes::new(bands.of_dimension(2)).band_keys(&[1.0, 69.0], &mut keys);
        let bands = std::fs::read(place.path("vector_bands.bin")).unwrap();
        let has = |key: u64, ordinal: u32| {
            bands
                .chunks(12)
                .any(|record| record[..8] == key.to_le_bytes() && record[8..] == ordinal.to_le_bytes())
        };
        assert!(keys.iter().all(|&key| has(key, 69)) && !has(keys[0], 1));
    }
}
