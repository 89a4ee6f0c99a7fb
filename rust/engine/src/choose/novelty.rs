//! Whether a document brings something new to those that were selected before it: its word n-grams against a Bloom filter.
//!
//! The filter says *seen* of some n-grams that never were, at most `false_positive_rate` of them while no more than
//! `expected_ngrams` are in: novelty is rather called too small than too large. Nothing that was seen is called new.

use gristmill_core::bloom::{BloomFilter, BloomShape};
use gristmill_core::units::ngram_hashes;
use serde::Serialize;

use super::error::ChooseError;
use super::flow::Words;
use super::spec::NoveltyOptions;
use crate::dedup::{DocumentStore, PassContext};
use crate::error::Result;

/// What the filter is, and what went in.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub(super) struct NoveltyStats {
    /// Bytes of the filter.
    filter_bytes: u64,
    /// Bits that each n-gram sets.
    num_hashes: u32,
    /// N-grams that changed the filter.
    ngrams_added: u64,
    /// Share of new n-grams that are called seen at the end, in [0, 1].
    false_positive_rate: f64,
}

/// Remembers the n-grams of selected documents. Memory: the filter, and the longest document with segmentation and 16 bytes
/// a word. Time: a read of each text, at random.
pub(super) struct Novelty<'task> {
    options: NoveltyOptions,
    filter: BloomFilter,
    store: DocumentStore<'task>,
    words: Words,
    ngrams: Vec<u64>,
    buffer: Vec<u8>,
    added: u64,
}

impl<'task> Novelty<'task> {
    /// Makes an empty filter.
    pub(super) fn new(
        options: NoveltyOptions,
        context: &'task PassContext<'_>,
        memory_bytes: u64,
    ) -> Result<Self> {
        let planned = BloomShape::plan(options.expected_ngrams, options.false_positive_rate);
        let Some(shape) = planned.filter(|shape| shape.num_bytes() <= memory_bytes) else {
            return Err(ChooseError::FilterMemory {
                needed_bytes: planned.map_or(u64::MAX, BloomShape::num_bytes),
                memory_bytes,
            }
            .into());
        };
        Ok(Self {
            options,
            filter: BloomFilter::new(shape),
            store: DocumentStore::new(context, 0),
            words: Words::default(),
            ngrams: Vec::new(),
            buffer: Vec::new(),
            added: 0,
        })
    }

    /// Share of the document's different n-grams that no remembered document has, in [0, 1]; 1 for one without words.
    /// A text with fewer words than an n-gram is one n-gram.
    pub(super) fn share_new(&mut self, docref: u64) -> Result<f64> {
        let text = self.store.text(docref, &mut self.buffer)?;
        let words = self.words.of(text);
        distinct_ngrams(words, self.options.ngram_words, &mut self.ngrams);
        if self.ngrams.is_empty() {
            return Ok(1.0);
        }
        let new = self
            .ngrams
            .iter()
            .filter(|&&ngram| !self.filter.contains(ngram))
            .count();
        Ok(new as f64 / self.ngrams.len() as f64)
    }

    /// Whether such a share is enough.
    pub(super) fn is_enough(&self, share_new: f64) -> bool {
        // By a hair, so that 0.3 of 10 is 3.
        share_new >= self.options.min_new - 1e-9
    }

    /// Remembers the document that [`Self::share_new`] was asked about last.
    pub(super) fn remember(&mut self) {
        for &ngram in &self.ngrams {
            self.added += u64::from(self.filter.insert(ngram));
        }
    }

    /// The least share.
    pub(super) fn min_new(&self) -> f64 {
        self.options.min_new
    }

    pub(super) fn stats(&self) -> NoveltyStats {
        let shape = self.filter.shape();
        NoveltyStats {
            filter_bytes: shape.num_bytes(),
            num_hashes: shape.num_hashes,
            ngrams_added: self.added,
            false_positive_rate: (shape.false_positive_rate(self.added) * 1e6).round() / 1e6,
        }
    }
}

/// The hashes of the different n-grams of a text.
pub(super) fn distinct_ngrams(words: &[u64], size: usize, into: &mut Vec<u64>) {
    ngram_hashes(words, size.min(words.len()), into);
    into.sort_unstable();
    into.dedup();
}
