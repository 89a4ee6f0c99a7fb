//! An exact join: every held-out document that is at least so similar to a given one.
//!
//! Of two sets with a Jaccard similarity of t or more, the first `n - ceil(t n) + 1` elements of each, in any one order
//! of all elements, have an element in common (Chaudhuri, Ganti, Kaushik 2006; AllPairs, Bayardo et al. 2007). The
//! order here is that of frequency among held-out documents, rare first, so that templates propose nobody. What is
//! proposed and of a fitting size is compared element by element: no pair is missed, and none is guessed.
//!
//! Frequencies are counted by 22 bits of the element only. That makes the order less good, never wrong.
//!
//! # Memory
//! 12 bytes an element of a prefix, 24 bytes a held-out document, and 9.5 MiB. Sets stay in a file.

use std::fs::File;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};

use super::Side;
use crate::dedup::Measure;
use crate::dedup::documents::STREAM_BUFFER_BYTES;
use crate::dedup::formats::{RecordWriter, Records, bytes_at};
use crate::error::{EngineError, Result};
use crate::external_sort::SortedSource;

/// Bits of an element that its frequency is counted by.
const COUNT_BITS: u32 = 22;
/// Bits of an element that say whether any prefix may have it.
const FILTER_BITS: u32 = 23;
/// Bits of an element that say where to look for it.
const DIRECTORY_BITS: u32 = 16;

/// Bytes of a held-out document: its number for the caller, where its set starts, elements, side; little-endian.
pub const HELD_BYTES: usize = 21;
/// Bytes of an element of a prefix: the element, and the place of its document; little-endian.
pub const POSTING_BYTES: usize = 12;

/// Elements of the prefix of a set of `len` elements.
///
/// ```
/// use gristmill_engine::split::join::prefix_len;
/// assert_eq!(prefix_len(10, 0.8), 3);
/// assert_eq!(prefix_len(1, 0.8), 1);
/// assert_eq!(prefix_len(7, 1.0), 1);
/// assert_eq!(prefix_len(0, 0.5), 0);
/// ```
pub fn prefix_len(len: usize, min_similarity: f64) -> usize {
    // A little less, so that rounding never makes a prefix too short.
    let needed = (min_similarity * len as f64 - 1e-9).ceil().max(0.0) as usize;
    (len - needed.min(len) + 1).min(len)
}

/// Where the files of an index are.
#[derive(Debug, Clone)]
pub struct IndexFiles {
    /// [`HELD_BYTES`] a document.
    pub held: PathBuf,
    /// The sets, eight bytes an element, one behind the other.
    pub sets: PathBuf,
    /// [`POSTING_BYTES`] each, ascending.
    pub postings: PathBuf,
    /// Frequencies, two bytes each.
    pub counts: PathBuf,
}

impl IndexFiles {
    /// Files in a folder.
    pub fn within(folder: &Path) -> Self {
        Self {
            held: folder.join("held.bin"),
            sets: folder.join("sets.bin"),
            postings: folder.join("postings.bin"),
            counts: folder.join("counts.bin"),
        }
    }
}

fn slot(element: u64) -> usize {
    (element >> (64 - COUNT_BITS)) as usize
}

/// Elements with the place that their frequency gives them, rare first.
fn ranked(set: &[u64], counts: &[u16], prefix: usize, into: &mut Vec<(u16, u64)>) {
    into.clear();
    into.extend(set.iter().map(|&element| (counts[slot(element)], element)));
    if prefix < into.len() && prefix > 0 {
        into.select_nth_unstable(prefix - 1);
    }
    into.truncate(prefix);
}

/// Takes the sets of held-out documents. Memory: 24 bytes a document and 16 an element of a prefix, and 8 MiB.
pub struct Builder {
    files: IndexFiles,
    sets: RecordWriter,
    held: RecordWriter,
    counts: Vec<u16>,
    min_similarity: f64,
    num_documents: u32,
    num_elements: u64,
    num_postings: u64,
}

impl Builder {
    /// Starts an index of pairs that are at least so similar.
    ///
    /// # Errors
    /// When a file cannot be created.
    pub fn create(files: IndexFiles, min_similarity: f64) -> Result<Self> {
        Ok(Self {
            sets: RecordWriter::create(&files.sets)?,
            held: RecordWriter::create(&files.held)?,
            files,
            counts: vec![0; 1 << COUNT_BITS],
            min_similarity,
            num_documents: 0,
            num_elements: 0,
            num_postings: 0,
        })
    }

    /// Adds a held-out document, which the caller knows by `number`. `set` is ascending.
    ///
    /// # Errors
    /// When writing fails.
    pub fn push(&mut self, number: u64, side: Side, set: &[u64]) -> Result<()> {
        let len = u32::try_from(set.len()).map_err(|_| EngineError::Spec("a set is too large".to_owned()))?;
        let mut record = [side as u8; HELD_BYTES];
        record[..8].copy_from_slice(&number.to_le_bytes());
        record[8..16].copy_from_slice(&(8 * self.num_elements).to_le_bytes());
        record[16..20].copy_from_slice(&len.to_le_bytes());
        self.held.append(&record)?;
        for &element in set {
            let count = &mut self.counts[slot(element)];
            *count = count.saturating_add(1);
            self.sets.append(&element.to_le_bytes())?;
        }
        self.num_documents += 1;
        self.num_elements += u64::from(len);
        self.num_postings += prefix_len(set.len(), self.min_similarity) as u64;
        Ok(())
    }

    /// Elements of all prefixes so far.
    pub fn num_postings(&self) -> u64 {
        self.num_postings
    }

    /// Documents so far.
    pub fn num_documents(&self) -> u32 {
        self.num_documents
    }

    /// Writes what is left to write; returns the numbers of elements and of postings.
    ///
    /// # Errors
    /// When writing or reading back fails.
    pub fn finish(self) -> Result<(u64, u64)> {
        self.held.finish()?;
        self.sets.finish()?;
        let counts: Vec<u8> = self.counts.iter().flat_map(|count| count.to_le_bytes()).collect();
        std::fs::write(&self.files.counts, counts).map_err(EngineError::io("write", &self.files.counts))?;
        let capacity = usize::try_from(self.num_postings).unwrap_or(0);
        let mut postings: Vec<(u64, u32)> = Vec::with_capacity(capacity);
        let mut held = Records::<HELD_BYTES>::open(&self.files.held)?.stream(STREAM_BUFFER_BYTES);
        let mut elements = Records::<8>::open(&self.files.sets)?.stream(1 << 20);
        let (mut set, mut prefix) = (Vec::new(), Vec::new());
        let mut place = 0;
        while let Some(record) = held.next_record()? {
            set.clear();
            for _ in 0..u32::from_le_bytes(bytes_at(record, 16)) {
                if let Some(element) = elements.next_record()? {
                    set.push(u64::from_le_bytes(*element));
                }
            }
            ranked(
                &set,
                &self.counts,
                prefix_len(set.len(), self.min_similarity),
                &mut prefix,
            );
            postings.extend(prefix.iter().map(|&(_, element)| (element, place)));
            place += 1;
        }
        postings.sort_unstable();
        let mut writer = RecordWriter::create(&self.files.postings)?;
        for (element, place) in postings {
            let mut record = [0; POSTING_BYTES];
            record[..8].copy_from_slice(&element.to_le_bytes());
            record[8..].copy_from_slice(&place.to_le_bytes());
            writer.append(&record)?;
        }
        Ok((self.num_elements, writer.finish()?))
    }
}

/// A held-out document in memory.
#[derive(Debug, Clone, Copy)]
struct Held {
    number: u64,
    offset: u64,
    len: u32,
    side: Side,
}

/// A pair that the join found.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Found {
    /// Number of the held-out document.
    pub number: u64,
    /// Its side.
    pub side: Side,
    /// The Jaccard similarity.
    pub similarity: f64,
}

/// Finds held-out documents.
pub struct HeldOut {
    min_similarity: f64,
    counts: Vec<u16>,
    elements: Vec<u64>,
    places: Vec<u32>,
    directory: Vec<u32>,
    filter: Vec<u64>,
    held: Vec<Held>,
    sets: File,
    sets_path: PathBuf,
    prefix: Vec<(u16, u64)>,
    proposed: Vec<u32>,
    buffer: Vec<u8>,
    other: Vec<u64>,
    /// Pairs compared so far.
    pub num_compared: u64,
}

impl HeldOut {
    /// Loads an index.
    ///
    /// # Errors
    /// When a file cannot be read or does not hold what it must.
    pub fn open(files: &IndexFiles, min_similarity: f64) -> Result<Self> {
        let counts = std::fs::read(&files.counts).map_err(EngineError::io("read", &files.counts))?;
        let (counts, rest) = counts.as_chunks::<2>();
        if counts.len() != 1 << COUNT_BITS || !rest.is_empty() {
            return Err(damaged(&files.counts, "another number of frequencies"));
        }
        let counts = counts.iter().map(|count| u16::from_le_bytes(*count)).collect();
        let records = Records::<HELD_BYTES>::open(&files.held)?;
        let mut held = Vec::with_capacity(usize::try_from(records.len()).unwrap_or(0));
        let set_bytes = std::fs::metadata(&files.sets)
            .map_err(EngineError::io("read", &files.sets))?
            .len();
        let mut stream = records.stream(STREAM_BUFFER_BYTES);
        while let Some(record) = stream.next_record()? {
            let one = Held {
                number: u64::from_le_bytes(bytes_at(record, 0)),
                offset: u64::from_le_bytes(bytes_at(record, 8)),
                len: u32::from_le_bytes(bytes_at(record, 16)),
                side: Side::from_byte(record[20]).ok_or_else(|| damaged(&files.held, "an unknown side"))?,
            };
            if one.offset + 8 * u64::from(one.len) > set_bytes {
                return Err(damaged(&files.sets, "a set ends behind its file"));
            }
            held.push(one);
        }
        let postings = Records::<POSTING_BYTES>::open(&files.postings)?;
        let capacity = usize::try_from(postings.len()).unwrap_or(0);
        let mut postings = postings.stream(STREAM_BUFFER_BYTES);
        let (mut elements, mut places) = (Vec::with_capacity(capacity), Vec::with_capacity(capacity));
        let mut filter = vec![0_u64; 1 << (FILTER_BITS - 6)];
        let mut directory = vec![0_u32; (1 << DIRECTORY_BITS) + 1];
        while let Some(record) = postings.next_record()? {
            let element = u64::from_le_bytes(bytes_at(record, 0));
            let place = u32::from_le_bytes(bytes_at(record, 8));
            if place as usize >= held.len() || elements.last().is_some_and(|&last| last > element) {
                return Err(damaged(&files.postings, "an entry out of place"));
            }
            let bit = element >> (64 - FILTER_BITS);
            filter[(bit / 64) as usize] |= 1 << (bit % 64);
            directory[(element >> (64 - DIRECTORY_BITS)) as usize + 1] += 1;
            elements.push(element);
            places.push(place);
        }
        for at in 1..directory.len() {
            directory[at] += directory[at - 1];
        }
        Ok(Self {
            min_similarity,
            counts,
            elements,
            places,
            directory,
            filter,
            held,
            sets: File::open(&files.sets).map_err(EngineError::io("open", &files.sets))?,
            sets_path: files.sets.clone(),
            prefix: Vec::new(),
            proposed: Vec::new(),
            buffer: Vec::new(),
            other: Vec::new(),
            num_compared: 0,
        })
    }

    /// Bytes that the index takes in memory, beside the set at hand.
    pub fn memory_bytes(&self) -> u64 {
        let bytes = 8 * self.elements.capacity()
            + 4 * self.places.capacity()
            + size_of::<Held>() * self.held.capacity()
            + 2 * self.counts.capacity()
            + 4 * self.directory.capacity()
            + 8 * self.filter.capacity();
        bytes as u64
    }

    /// Appends to `into` every held-out document of a side above `side` that is similar enough to the ascending `set`,
    /// in the order in which they were added.
    ///
    /// # Errors
    /// When a set cannot be read.
    pub fn probe(&mut self, set: &[u64], side: Side, into: &mut Vec<Found>) -> Result<()> {
        ranked(
            set,
            &self.counts,
            prefix_len(set.len(), self.min_similarity),
            &mut self.prefix,
        );
        self.proposed.clear();
        for &(_, element) in &self.prefix {
            let bit = element >> (64 - FILTER_BITS);
            if self.filter[(bit / 64) as usize] >> (bit % 64) & 1 == 0 {
                continue;
            }
            let root = (element >> (64 - DIRECTORY_BITS)) as usize;
            let (start, end) = (self.directory[root] as usize, self.directory[root + 1] as usize);
            let first = start + self.elements[start..end].partition_point(|&other| other < element);
            let same = self.elements[first..end]
                .iter()
                .take_while(|&&other| other == element);
            let places = &self.places[first..first + same.count()];
            self.proposed.extend(
                places
                    .iter()
                    .filter(|&&place| self.held[place as usize].side > side),
            );
        }
        self.proposed.sort_unstable();
        self.proposed.dedup();
        for &place in &self.proposed {
            let held = self.held[place as usize];
            let (small, large) = (set.len().min(held.len as usize), set.len().max(held.len as usize));
            // With a little room for rounding; what comes through is compared.
            if (small as f64) < self.min_similarity * large as f64 - 1e-6 {
                continue;
            }
            self.buffer.resize(8 * held.len as usize, 0);
            self.sets
                .read_exact_at(&mut self.buffer, held.offset)
                .map_err(EngineError::io("read", &self.sets_path))?;
            self.other.clear();
            let (elements, _) = self.buffer.as_chunks::<8>();
            self.other
                .extend(elements.iter().map(|element| u64::from_le_bytes(*element)));
            self.num_compared += 1;
            if let Some(similarity) = Measure::Jaccard.at_least(set, &self.other, self.min_similarity) {
                into.push(Found {
                    number: held.number,
                    side: held.side,
                    similarity,
                });
            }
        }
        Ok(())
    }
}

fn damaged(path: &Path, detail: &str) -> EngineError {
    EngineError::Damaged {
        path: path.to_owned(),
        detail: detail.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use gristmill_core::hash::mix64;
    use gristmill_core::shingle::jaccard;
    use proptest::prelude::*;

    use super::*;

    /// The slow, obvious join: all pairs.
    fn by_definition(held: &[(Side, Vec<u64>)], set: &[u64], side: Side, least: f64) -> Vec<Found> {
        (0..)
            .zip(held)
            .filter(|(_, (other, _))| *other > side)
            .map(|(number, (side, other))| Found {
                number,
                side: *side,
                similarity: jaccard(set, other),
            })
            .filter(|found| found.similarity >= least)
            .collect()
    }

    /// Sets that share a core, like documents of one template, with some elements of their own.
    fn sets() -> impl Strategy<Value = Vec<(Side, Vec<u64>)>> {
        let one = (
            0..3_usize,
            0..3_u64,
            1..40_u64,
            prop::collection::btree_set(0..60_u64, 0..12),
        );
        prop::collection::vec(one, 1..40).prop_map(|specs| {
            specs
                .into_iter()
                .map(|(side, core, size, own)| {
                    let common = (0..size).map(|element| mix64(core * 1000 + element));
                    let own = own.into_iter().map(|element| mix64(50_000 + element));
                    let set: std::collections::BTreeSet<u64> = common.chain(own).collect();
                    (Side::ALL[side], set.into_iter().collect())
                })
                .collect()
        })
    }

    proptest! {
        #[test]
        fn the_join_finds_what_comparing_all_pairs_finds(documents in sets(), percent in 50_u32..=100) {
            let least = f64::from(percent) / 100.0;
            let folder = tempfile::tempdir().unwrap();
            let files = IndexFiles::within(folder.path());
            let mut builder = Builder::create(files.clone(), least).unwrap();
            for (number, (side, set)) in (0..).zip(&documents) {
                builder.push(number, *side, set).unwrap();
            }
            builder.finish().unwrap();
            let mut index = HeldOut::open(&files, least).unwrap();
            for (side, set) in &documents {
                let mut found = Vec::new();
                index.probe(set, *side, &mut found).unwrap();
                prop_assert_eq!(found, by_definition(&documents, set, *side, least));
            }
        }
    }

    #[test]
    fn a_template_that_all_share_proposes_few() {
        let folder = tempfile::tempdir().unwrap();
        let files = IndexFiles::within(folder.path());
        let mut builder = Builder::create(files.clone(), 0.8).unwrap();
        let document = |number: u64| -> Vec<u64> {
            // Half of each document is the template: 0.33 similar.
            let mut set: Vec<u64> = (0..50).map(mix64).collect();
            set.extend((0..50).map(|element| mix64((number + 1) * 1000 + element)));
            set.sort_unstable();
            set
        };
        for number in 0..300 {
            builder.push(number, Side::Test, &document(number)).unwrap();
        }
        builder.finish().unwrap();
        let mut index = HeldOut::open(&files, 0.8).unwrap();
        let mut found = Vec::new();
        for number in 300..600 {
            index.probe(&document(number), Side::Train, &mut found).unwrap();
        }
        assert_eq!((found.len(), index.num_compared), (0, 0));
        // 300 documents of 100 elements, a prefix of 21 each.
        let bound = 12 * 300 * 21 + 24 * 300 + (19 << 19);
        assert!(index.memory_bytes() <= bound, "{}", index.memory_bytes());
    }

    #[test]
    fn the_layouts_are_the_described_ones() {
        let folder = tempfile::tempdir().unwrap();
        let files = IndexFiles::within(folder.path());
        let mut builder = Builder::create(files.clone(), 1.0).unwrap();
        builder.push(7, Side::Validation, &[1, 2]).unwrap();
        builder.push(8, Side::Test, &[3]).unwrap();
        assert_eq!(builder.finish().unwrap(), (3, 2));
        let held = [
            [7, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 2, 0, 0, 0, 1],
            [8, 0, 0, 0, 0, 0, 0, 0, 16, 0, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0, 2],
        ];
        assert_eq!(std::fs::read(&files.held).unwrap(), held.as_flattened());
        let postings = [
            [1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0],
            [3, 0, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0],
        ];
        assert_eq!(std::fs::read(&files.postings).unwrap(), postings.as_flattened());
    }

    #[test]
    fn damage_is_told() {
        let folder = tempfile::tempdir().unwrap();
        let files = IndexFiles::within(folder.path());
        let mut builder = Builder::create(files.clone(), 0.8).unwrap();
        builder.push(0, Side::Test, &[1, 2, 3]).unwrap();
        builder.finish().unwrap();
        for path in [&files.held, &files.sets, &files.postings, &files.counts] {
            let whole = std::fs::read(path).unwrap();
            std::fs::write(path, &whole[..whole.len() - 1]).unwrap();
            assert!(HeldOut::open(&files, 0.8).is_err(), "{}", path.display());
            std::fs::write(path, whole).unwrap();
        }
        assert!(HeldOut::open(&files, 0.8).is_ok());
    }
}
