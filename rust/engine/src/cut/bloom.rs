//! The Bloom task: one pass over all documents in plan order, and the spans of what a Bloom filter has seen before.
//!
//! After the BFF of DCLM (Li et al. 2024) and Dolma (Groeneveld's `bff`): the unit is a line or paragraph, compared are
//! its word n-grams, and it goes when at least a share of them was seen. What stays enters the filter. Where so many
//! n-grams of a whole document were seen before it came, the document goes as a whole, and nothing of it enters.
//!
//! Nothing is verified: the filter says *seen* of n-grams that were never there, at a rate that grows as it fills, and a
//! unit of exactly one n-gram goes for one wrong answer. The task counts what that is expected to have cost. Order
//! decides which copy stays: it is one task, so that no number of workers can change it.

use std::collections::BTreeMap;

use gristmill_core::bloom::{BloomFilter, BloomShape, chance_of_at_least};
use gristmill_core::segment::{HAS_LETTER, HAS_NUMBER, Segmentation, Segmenter};
use gristmill_core::units::{UnitKind, for_each_unit, ngram_hashes};
use serde::{Deserialize, Serialize};

use super::spans::{Span, SpanWriter};
use super::texts::TextStream;
use crate::commit::{TaskManifest, TaskPlace, commit};
use crate::dedup::DedupError;
use crate::dedup::formats::docref;
use crate::dedup::stages::PartitionSpec;
use crate::error::{EngineError, Result};
use crate::task::Session;

/// Memory of the span writer; spans come in order, so that more gains nothing.
const SPAN_MEMORY_BYTES: u64 = 1 << 20;
/// Units of more unseen n-grams are not lost by chance while the rate is below `SMALL_RATE`.
const MANY_NGRAMS: u64 = 64;
const SMALL_RATE: f64 = 0.1;

/// What is looked up, as a recipe's step says it.
#[derive(Debug, Clone, Copy, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct BloomOptions {
    /// What a unit is.
    pub unit: UnitKind,
    /// Words of an n-gram; a unit with fewer words stays and enters nothing.
    pub ngram_words: usize,
    /// A unit goes when at least this share of its n-grams was seen, in (0, 1].
    pub min_overlap: f64,
    /// Whether documents go as a whole by the same rule.
    pub whole_documents: bool,
    /// Different n-grams that the filter is made for.
    pub expected_ngrams: u64,
    /// Share of wrong answers once so many are in.
    pub false_positive_rate: f64,
}

/// Description of the task.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct BloomSpec {
    /// Where it commits.
    pub place: TaskPlace,
    /// All partitions, in order.
    pub partitions: Vec<PartitionSpec>,
    /// What is looked up.
    pub options: BloomOptions,
    /// The filter must fit in it.
    pub scratch_memory_bytes: u64,
}

/// What the task counted.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize)]
pub struct BloomStats {
    /// Documents that pass every threshold.
    pub documents: u64,
    /// Their units.
    pub units: u64,
    /// Units with fewer words than an n-gram, which stay.
    pub short: u64,
    /// N-grams of the others.
    pub ngrams: u64,
    /// N-grams that were added and changed the filter.
    pub ngrams_added: u64,
    /// Documents that go as a whole.
    pub whole_documents: u64,
    /// Units that go in other documents.
    pub spans: u64,
    /// Bytes of all that goes.
    pub bytes: u64,
    /// Bytes of the filter.
    pub filter_bytes: u64,
    /// Bits that each n-gram sets.
    pub num_hashes: u32,
    /// Share of wrong answers at the end, in [0, 1].
    pub false_positive_rate: f64,
    /// N-grams that were called seen and are expected not to have been.
    pub expected_false_ngrams: f64,
    /// Units that are expected to have gone although they were new.
    pub expected_false_units: f64,
}

/// Runs the task. Memory: the filter, [`BloomShape::num_bytes`] of it, 1 MiB, and the longest document with segmentation
/// and 8 bytes an n-gram. Time: two look-ups of each n-gram.
///
/// # Errors
/// When the filter does not fit, an input is damaged, or writing fails; nothing is committed then.
pub fn run(spec: &BloomSpec, session: &Session) -> Result<TaskManifest> {
    let place = &spec.place;
    let mut pass = Pass::new(spec.options, spec.scratch_memory_bytes)?;
    let mut writer = SpanWriter::new(&place.scratch, SPAN_MEMORY_BYTES)?;
    for (partition, number) in spec.partitions.iter().zip(0..) {
        let mut stream = TextStream::open(partition, &place.data, session)?;
        while let Some(stored) = stream.next_text()? {
            session.check()?;
            if stored.verdict != 0 {
                continue;
            }
            let docref = docref(number, stored.ordinal);
            for &(start, end) in pass.document(stored.text) {
                writer.push(&Span {
                    docref,
                    start,
                    end,
                    origin: None,
                })?;
            }
        }
    }
    let spans = writer.finish(&place.path("spans.bin"), &|| session.is_cancelled())?;
    let outputs = BTreeMap::from([("spans".to_owned(), place.adopt("spans.bin", spans)?)]);
    let counts = serde_json::to_value(pass.finish()).map_err(|error| EngineError::Spec(error.to_string()))?;
    commit(place, outputs, counts)
}

/// The filter and what was counted, document by document.
pub(super) struct Pass {
    options: BloomOptions,
    filter: BloomFilter,
    /// Of never added n-grams, as of the last time it was computed.
    rate: f64,
    rate_at: u64,
    stats: BloomStats,
    segmenter: Segmenter,
    segmentation: Segmentation,
    scratch: String,
    words: Vec<u64>,
    ngrams: Vec<u64>,
    /// First byte, byte after the last, and where its n-grams end in `hashes`.
    units: Vec<(u32, u32, usize)>,
    hashes: Vec<u64>,
    spans: Vec<(u32, u32)>,
}

impl Pass {
    /// Makes an empty filter.
    ///
    /// # Errors
    /// When there is none of that rate, or it is larger than `memory_bytes`.
    pub(super) fn new(options: BloomOptions, memory_bytes: u64) -> Result<Self> {
        let planned = BloomShape::plan(options.expected_ngrams, options.false_positive_rate);
        let Some(shape) = planned.filter(|shape| shape.num_bytes() <= memory_bytes) else {
            return Err(DedupError::BloomMemory {
                needed_bytes: planned.map_or(u64::MAX, BloomShape::num_bytes),
                memory_bytes,
            }
            .into());
        };
        Ok(Self {
            options,
            filter: BloomFilter::new(shape),
            rate: 0.0,
            rate_at: 0,
            stats: BloomStats {
                filter_bytes: shape.num_bytes(),
                num_hashes: shape.num_hashes,
                ..BloomStats::default()
            },
            segmenter: Segmenter::default(),
            segmentation: Segmentation::default(),
            scratch: String::new(),
            words: Vec::new(),
            ngrams: Vec::new(),
            units: Vec::new(),
            hashes: Vec::new(),
            spans: Vec::new(),
        })
    }

    /// Returns what goes of the next document, as byte ranges.
    pub(super) fn document(&mut self, text: &str) -> &[(u32, u32)] {
        self.stats.documents += 1;
        self.spans.clear();
        self.collect(text);
        let seen = self.count_seen(0, self.hashes.len());
        if self.options.whole_documents && self.is_seen(seen, self.hashes.len()) {
            self.stats.whole_documents += 1;
            self.stats.bytes += text.len() as u64;
            self.spans.push((0, text.len() as u32));
            return &self.spans;
        }
        let mut first = 0;
        for number in 0..self.units.len() {
            let (start, end, last) = self.units[number];
            let total = last - first;
            let seen = self.count_seen(first, last);
            self.expect_false(total, seen);
            if self.is_seen(seen, total) {
                self.stats.spans += 1;
                self.stats.bytes += u64::from(end - start);
                self.spans.push((start, end));
            } else {
                for &hash in &self.hashes[first..last] {
                    self.stats.ngrams_added += u64::from(self.filter.insert(hash));
                }
            }
            first = last;
        }
        // A block is made for some 50 n-grams, so that the rate is computed a few hundred times until the filter is full.
        if self.stats.ngrams_added >= self.rate_at + (self.filter.shape().num_blocks / 8).max(64) {
            self.rate_at = self.stats.ngrams_added;
            self.rate = self.filter.shape().false_positive_rate(self.rate_at);
        }
        &self.spans
    }

    /// Finds the units of a text and hashes their n-grams.
    fn collect(&mut self, text: &str) {
        let Self {
            options,
            stats,
            segmenter,
            segmentation,
            scratch,
            words,
            ngrams,
            units,
            hashes,
            ..
        } = self;
        units.clear();
        hashes.clear();
        segmenter.segment(text, segmentation);
        let mut token = 0;
        for_each_unit(text, options.unit, |range| {
            stats.units += 1;
            words.clear();
            // A unit is whole lines and no token crosses a line break.
            while let Some(&start) = segmentation.starts().get(token)
                && (start as usize) < range.end
            {
                if start as usize >= range.start
                    && segmentation.flags()[token] & (HAS_LETTER | HAS_NUMBER) != 0
                {
                    words.push(segmentation.lower_hash(text, token, scratch));
                }
                token += 1;
            }
            ngram_hashes(words, options.ngram_words, ngrams);
            stats.short += u64::from(ngrams.is_empty());
            stats.ngrams += ngrams.len() as u64;
            hashes.extend_from_slice(ngrams);
            units.push((range.start as u32, range.end as u32, hashes.len()));
        });
    }

    fn count_seen(&self, first: usize, last: usize) -> usize {
        let hashes = &self.hashes[first..last];
        hashes.iter().filter(|&&hash| self.filter.contains(hash)).count()
    }

    /// Whether `seen` of `total` n-grams are enough to go.
    fn is_seen(&self, seen: usize, total: usize) -> bool {
        total > 0 && seen >= self.least(total)
    }

    /// The least number of seen n-grams that is at least the wanted share of `total`.
    fn least(&self, total: usize) -> usize {
        // Rounded down by a hair, so that 0.8 of 5 is 4.
        ((total as f64 * self.options.min_overlap - 1e-9).ceil() as usize).max(1)
    }

    /// Adds what the filter's errors cost, going by a unit of which `seen` n-grams of `total` were called seen.
    ///
    /// Of n-grams that were never added, a share r is called seen: for each unseen one r / (1 - r) others are expected. A
    /// unit is lost where enough of its unseen n-grams had been called seen: the probability of that, for each unit that
    /// stays, is what units like it were in danger of. N-grams called seen are taken for seen, so the sum is rather too
    /// large than too small; units of one n-gram, the most endangered, it counts right.
    fn expect_false(&mut self, total: usize, seen: usize) {
        if self.rate <= 0.0 || total == 0 {
            return;
        }
        let unseen = (total - seen) as u64;
        self.stats.expected_false_ngrams += unseen as f64 * self.rate / (1.0 - self.rate).max(f64::EPSILON);
        let least = self.least(total) as u64;
        if seen as u64 >= least || (unseen > MANY_NGRAMS && self.rate < SMALL_RATE) {
            return;
        }
        let chance = chance_of_at_least(unseen, least - seen as u64, self.rate);
        self.stats.expected_false_units += chance / (1.0 - self.rate).max(f64::EPSILON);
    }

    /// The counts; estimates rounded to hundredths, the rate to millionths.
    pub(super) fn finish(self) -> BloomStats {
        let hundredths = |value: f64| (value * 100.0).round() / 100.0;
        let rate = self.filter.shape().false_positive_rate(self.stats.ngrams_added);
        BloomStats {
            false_positive_rate: (rate * 1e6).round() / 1e6,
            expected_false_ngrams: hundredths(self.stats.expected_false_ngrams),
            expected_false_units: hundredths(self.stats.expected_false_units),
            ..self.stats
        }
    }
}
