//! Near duplicates by an embedding in a table in memory: the passes of a run, over files in a scratch folder.

use std::fs;
use std::path::Path;

use arrow_array::{Array, RecordBatch, UInt64Array};
use gristmill_core::hyperplanes::Hyperplanes;
use gristmill_core::vectors::{VectorFault, check};
use serde::Deserialize;

use super::{VectorOptions, join, verify_vectors};
use crate::dedup::{
    self, BandRunWriter, KeyRange, Measures, PartitionFiles, PassContext, RetryLimits, SettleInputs,
};
use crate::error::{EngineError, Result};
use crate::index::IndexRecord;
use crate::map::vectors::Bands;
use crate::near::read_outcome;
use crate::read::{FloatList, FloatLists, is_float_list};
use crate::task::Session;

/// What to look for.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct NearVectorSpec {
    /// Numbers of a vector; that of the first row that has one where it is not given.
    pub dimension: Option<u32>,
    /// How candidates are found; all pairs where it is not given.
    pub hyperplanes: Option<Bands>,
    /// Least cosine of a removal.
    pub min_similarity: f64,
    /// Memory of a pass.
    pub memory_bytes: u64,
}

/// Returns a row for each vector: `cluster`, `duplicate_of` and `similarity`, as [`crate::near::near_duplicates`] does
/// for texts.
///
/// Of a group the row of the largest rank survives, the first among equals. A null vector is like no other. Memory: the
/// budget of a pass and a bit a row; disk in `folder`: `4 * dimension` and at most 100 bytes a row, and 12 a band.
///
/// # Errors
/// [`EngineError::Vector`] when a row holds no vector that can be compared; when `folder` cannot be written, or the
/// session is cancelled.
pub fn near_vectors(
    vectors: &dyn Array,
    ranks: &UInt64Array,
    spec: &NearVectorSpec,
    folder: &Path,
    session: &Session,
) -> Result<RecordBatch> {
    if !is_float_list(vectors.data_type()) {
        return Err(EngineError::Vector {
            row: None,
            detail: format!("the column is {}, not a list of floats", vectors.data_type()),
        });
    }
    let mut lists = FloatLists::default();
    for row in 0..vectors.len() {
        lists.push_cell(vectors, row);
    }
    let (files, dimension) = write_partition(&lists, ranks, spec, folder, session)?;
    let is_cancelled = || session.is_cancelled();
    let context = PassContext::new(vec![files], folder, spec.memory_bytes, &is_cancelled)?;
    let path = |name: &str| folder.join(name);
    let options = VectorOptions {
        min_similarity: spec.min_similarity,
        dimension,
        vectors: vec![path("vectors")],
        retry: RetryLimits::default(),
    };
    match spec.hyperplanes {
        Some(bands) => {
            let num_bands = u16::try_from(bands.bands)
                .map_err(|_| EngineError::Spec(format!("{} bands are too many", bands.bands)))?;
            let none: [&Path; 0] = [];
            dedup::lsh(&context, KeyRange::WHOLE, num_bands, &none, &path("buckets"))?;
            verify_vectors(
                &context,
                KeyRange::WHOLE,
                &[path("buckets")],
                &options,
                &path("edges"),
            )?;
        }
        None => {
            let none: [&Path; 0] = [];
            join(&context, KeyRange::WHOLE, &none, &options, &path("edges"))?;
        }
    }
    let measures = Measures {
        text: None,
        semantic: Some(&options),
    };
    dedup::rescue_by(&context, &[path("edges")], &measures, &path("rescued"))?;
    let inputs = SettleInputs {
        exact_removals: Vec::new(),
        edges: vec![path("edges"), path("rescued")],
        sources: vec!["table".to_owned()],
    };
    dedup::settle(&context, &inputs, &path("removals"), &path("clusters"))?;
    read_outcome(vectors.len(), folder)
}

/// Writes what the map stage would leave of the rows.
fn write_partition(
    lists: &FloatLists,
    ranks: &UInt64Array,
    spec: &NearVectorSpec,
    folder: &Path,
    session: &Session,
) -> Result<(PartitionFiles, usize)> {
    let rows = u32::try_from(lists.len())
        .map_err(|_| EngineError::Spec(format!("{} rows are too many for one table", lists.len())))?;
    if ranks.len() != lists.len() {
        return Err(EngineError::Spec(format!(
            "{} ranks for {} vectors",
            ranks.len(),
            lists.len()
        )));
    }
    let first = (0..lists.len()).find_map(|row| match lists.get(row) {
        FloatList::Numbers(numbers) => Some(numbers.len()),
        _ => None,
    });
    let dimension = spec
        .dimension
        .map_or(first.unwrap_or(1).max(1), |dimension| dimension as usize);
    let path = |name: &str| folder.join(name);
    let mut bands = match spec.hyperplanes {
        None => None,
        Some(bands) => {
            let planes = Hyperplanes::new(bands.of_dimension(dimension as u32));
            let writer = BandRunWriter::new(folder, planes.num_bands(), spec.memory_bytes / 2)?;
            Some((planes, writer))
        }
    };
    let mut keys = Vec::new();
    let mut index = Vec::with_capacity(lists.len() * 48);
    let mut bytes = Vec::with_capacity(lists.len() * 4 * dimension);
    for row in 0..rows {
        session.check()?;
        let record = IndexRecord {
            key: u128::from(row),
            doc: u64::from(row),
            text_offset: 0,
            rank: ranks.value(row as usize),
            text_bytes: 0,
            source: 0,
            flags: 0,
        };
        index.extend_from_slice(&record.encode());
        match lists.get(row as usize) {
            FloatList::Missing => {}
            FloatList::NotNumbers => return Err(fault(row, "it holds null".to_owned())),
            FloatList::Numbers(vector) => {
                check(vector, dimension).map_err(|found| fault(row, words(found, dimension)))?;
                bytes.extend(vector.iter().flat_map(|value| value.to_le_bytes()));
                if let Some((planes, writer)) = bands.as_mut() {
                    keys.clear();
                    planes.band_keys(vector, &mut keys);
                    writer.push(row, &keys)?;
                }
            }
        }
        bytes.resize((row as usize + 1) * 4 * dimension, 0);
    }
    if let Some((_, writer)) = bands {
        writer.finish(&path("bands"))?;
    }
    let verdict = vec![0; 2 * rows as usize];
    for (name, content) in [("vectors", &bytes), ("index", &index), ("verdict", &verdict)] {
        fs::write(path(name), content).map_err(EngineError::io("write", &path(name)))?;
    }
    let files = PartitionFiles {
        partition: 0,
        source: 0,
        num_documents: rows,
        // No pass that compares vectors reads a text.
        text: path("index"),
        index: path("index"),
        verdict: path("verdict"),
        exact: None,
        bands: spec.hyperplanes.map(|_| path("bands")),
    };
    Ok((files, dimension))
}

fn fault(row: u32, detail: String) -> EngineError {
    EngineError::Vector {
        row: Some(u64::from(row)),
        detail,
    }
}

fn words(fault: VectorFault, dimension: usize) -> String {
    match fault {
        VectorFault::WrongDimension(found) => format!("it has {found} numbers, not {dimension}"),
        VectorFault::NotANumber(at) => format!("it is NaN at position {at}"),
        VectorFault::Infinite(at) => format!("it is infinite, or beyond 32-bit floats, at position {at}"),
        VectorFault::AllZero => "it has no direction: all its numbers are 0".to_owned(),
    }
}
