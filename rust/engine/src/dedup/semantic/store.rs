//! Vectors by document, and the cosine of two of them.

use std::collections::VecDeque;
use std::fs::File;
use std::os::unix::fs::FileExt;

use gristmill_core::vectors::{cosine, inner_product};

use super::VectorOptions;
use crate::dedup::PassContext;
use crate::dedup::documents::{DocumentStore, Standing};
use crate::dedup::error::{DedupError, Result};
use crate::dedup::formats::{scatter, split_docref};
use crate::dedup::verify::Compares;
use crate::external_sort::SortError;

/// Partitions whose vectors stay open.
const MAX_OPEN_PARTITIONS: usize = 32;

/// Reads the vectors of documents.
pub(super) struct VectorStore<'task> {
    context: &'task PassContext<'task>,
    options: &'task VectorOptions,
    open: Vec<Option<File>>,
    opened: VecDeque<usize>,
    bytes: Vec<u8>,
}

impl<'task> VectorStore<'task> {
    /// Opens nothing yet.
    pub(super) fn new(context: &'task PassContext<'task>, options: &'task VectorOptions) -> Result<Self> {
        if options.vectors.len() != context.partitions.len() {
            return Err(DedupError::Inputs(format!(
                "{} partitions, vectors of {}",
                context.partitions.len(),
                options.vectors.len()
            )));
        }
        Ok(Self {
            context,
            options,
            open: context.partitions.iter().map(|_| None).collect(),
            opened: VecDeque::new(),
            bytes: vec![0; 4 * options.dimension],
        })
    }

    fn file(&mut self, partition: usize) -> Result<&File> {
        let Some(path) = self.options.vectors.get(partition) else {
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
            let file = File::open(path).map_err(SortError::file("open", path))?;
            let found = file.metadata().map_err(SortError::file("read", path))?.len();
            let documents = u64::from(self.context.partitions[partition].num_documents);
            if found != documents * 4 * self.options.dimension as u64 {
                let detail = format!(
                    "{found} bytes for {documents} vectors of {} numbers",
                    self.options.dimension
                );
                return Err(DedupError::damaged(path, detail));
            }
            self.open[partition] = Some(file);
            self.opened.push_back(partition);
        }
        self.open[partition]
            .as_ref()
            .ok_or_else(|| DedupError::Inputs(format!("partition {partition} is not open")))
    }

    /// Reads the vector of a document into `vector`; false where it has none.
    pub(super) fn read(&mut self, docref: u64, vector: &mut [f32]) -> Result<bool> {
        let (partition, ordinal) = split_docref(docref);
        let partition = partition as usize;
        let mut bytes = std::mem::take(&mut self.bytes);
        let offset = u64::from(ordinal) * bytes.len() as u64;
        let read = self.file(partition)?.read_exact_at(&mut bytes, offset);
        read.map_err(|error| SortError::file("read", &self.options.vectors[partition])(error))?;
        let mut is_present = false;
        let (numbers, _) = bytes.as_chunks::<4>();
        for (value, number) in vector.iter_mut().zip(numbers) {
            *value = f32::from_le_bytes(*number);
            is_present |= *value != 0.0;
        }
        self.bytes = bytes;
        Ok(is_present)
    }
}

/// A vector in the cache, and the square of its length; 0 where the document has none.
#[derive(Clone, Copy)]
struct Held {
    docref: u64,
    square: f64,
}

/// Answers how similar two documents are by their vectors.
pub(super) struct Cosines<'task> {
    documents: DocumentStore<'task>,
    vectors: VectorStore<'task>,
    dimension: usize,
    min_similarity: f64,
    /// Where a document is held, if it is: at its hash. What was there before goes.
    held: Vec<Held>,
    cache: Vec<f32>,
    /// The left vector of the last question, which is often that of the next one.
    left: Held,
    left_vector: Vec<f32>,
}

const NOTHING: Held = Held {
    docref: u64::MAX,
    square: 0.0,
};

impl<'task> Cosines<'task> {
    /// Memory: `memory_bytes` for caches, one vector at least, and a vector beside them.
    pub(super) fn new(
        context: &'task PassContext<'task>,
        options: &'task VectorOptions,
        memory_bytes: u64,
    ) -> Result<Self> {
        let dimension = options.dimension;
        let entry_bytes = (size_of::<Held>() + 4 * dimension) as u64;
        let slots = (memory_bytes * 7 / 8 / entry_bytes).clamp(1, context.num_documents().max(1));
        let slots = usize::try_from(slots).unwrap_or(1);
        Ok(Self {
            documents: DocumentStore::new(context, memory_bytes / 8),
            vectors: VectorStore::new(context, options)?,
            dimension,
            min_similarity: options.min_similarity,
            held: vec![NOTHING; slots],
            cache: vec![0.0; slots * dimension],
            left: NOTHING,
            left_vector: vec![0.0; dimension],
        })
    }

    /// The place of a document in the cache, read if it is not there.
    fn load(&mut self, docref: u64) -> Result<usize> {
        let slot = (scatter(docref) % self.held.len() as u64) as usize;
        if self.held[slot].docref != docref {
            let vector = &mut self.cache[slot * self.dimension..(slot + 1) * self.dimension];
            self.held[slot] = NOTHING;
            let is_present = self.vectors.read(docref, vector)?;
            let square = if is_present {
                inner_product(vector, vector)
            } else {
                0.0
            };
            self.held[slot] = Held { docref, square };
        }
        Ok(slot)
    }
}

impl Compares for Cosines<'_> {
    fn standing(&mut self, docref: u64) -> Result<Standing> {
        self.documents.standing(docref)
    }

    fn compare(&mut self, left: u64, right: u64) -> Result<Option<f32>> {
        if self.left.docref != left {
            let slot = self.load(left)?;
            self.left = self.held[slot];
            self.left_vector
                .copy_from_slice(&self.cache[slot * self.dimension..(slot + 1) * self.dimension]);
        }
        let slot = self.load(right)?;
        let square = self.held[slot].square;
        if self.left.square == 0.0 || square == 0.0 {
            return Ok(None);
        }
        let right = &self.cache[slot * self.dimension..(slot + 1) * self.dimension];
        let similarity = cosine((&self.left_vector, self.left.square), (right, square));
        Ok((similarity >= self.min_similarity).then_some(similarity as f32))
    }
}
