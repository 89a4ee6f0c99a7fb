//! Edges without verification, as datatrove removes: of everything that is connected by shared buckets, one stays.
//!
//! Which one is decided by its union-find, and that by the order of its input: bands in turn, within a band the buckets
//! by their minima, within a bucket each document with the one before it. Of two sets the larger takes in the smaller,
//! among equals the one of the document that comes first; the root of the last set stays. For a run that must remove what
//! datatrove removes; what such an edge claims was never looked at, and chains join what has nothing in common.

use std::collections::HashMap;
use std::path::Path;

use gristmill_core::minhash::{MinHashConfig, MinHasher};
use gristmill_core::segment::{Segmentation, Segmenter};

use super::documents::DocumentStore;
use super::error::{DedupError, Result};
use super::formats::{
    BucketRow, Edge, EdgeKind, NOT_COMPUTED, ROW_BYTES, RecordWriter, Records, gather, u64_be,
};
use super::lsh::bucket_of;
use super::verify::{SORTED_EDGE_BYTES, VerifyStats, for_each_edge, sortable_edge};
use super::{KeyRange, PassContext};
use crate::external_sort::{ExternalSorter, SortedRecords, SortedSource, merge_sorted};

/// Minima by which buckets of a band are ordered; those behind do not count.
const ORDERED_MINIMA: usize = 16;

/// Band (u16), minima and bucket (u64 each), all big-endian.
const ORDER_BYTES: usize = 2 + 8 * ORDERED_MINIMA + 8;

/// Two numbers of 64 bits, big-endian.
const PAIR_BYTES: usize = 16;

/// What a document takes in the union-find: its entry in the table, parent and size.
const LINKED_BYTES: u64 = 48;

/// Turns bucket rows into an edge from the document of each cluster that stays to every other one.
///
/// `rows` names every file of the lsh pass, `minhash` says how its keys were made: signatures of the centres are made
/// again, for their order. No two texts are compared; the similarity of every edge is [`NOT_COMPUTED`], and its bands
/// are 0, for the two need not share any. Of the counts only `centres`, `candidates` (links) and `edges` are not 0.
/// Memory: see [`super`], and within it 48 bytes a document that shares a bucket.
///
/// # Errors
/// When a file cannot be read or written or does not hold what it must, when there are no such signatures, when the
/// budget is too small, or on cancellation.
pub fn propose_clusters(
    context: &PassContext<'_>,
    rows: &[impl AsRef<Path>],
    minhash: MinHashConfig,
    output: &Path,
) -> Result<VerifyStats> {
    let memory_bytes = context.memory_beside(0)?;
    let mut stats = VerifyStats::default();
    let (order, members) = read_buckets(context, rows, minhash, memory_bytes / 2, &mut stats)?;
    let mut links = in_turn(context, order, members, memory_bytes / 4)?;
    let mut sets = Sets::new(memory_bytes / 2);
    let mut previous = None;
    let mut poll = context.poll();
    while let Some(record) = links.next_record()? {
        poll.tick()?;
        let (turn, docref) = (u64_be(record, 0), u64_be(record, 8));
        if let Some((last_turn, last)) = previous
            && last_turn == turn
        {
            stats.candidates += 1;
            sets.union(last, docref)?;
        }
        previous = Some((turn, docref));
    }
    drop(links);
    let mut edges = ExternalSorter::<SORTED_EDGE_BYTES>::new(&context.scratch, memory_bytes / 4)?;
    sets.for_each_joined(|root, docref| {
        Ok(edges.push(&sortable_edge(&Edge {
            better: root,
            worse: docref,
            similarity: NOT_COMPUTED,
            shared_bands: 0,
            kind: EdgeKind::Text,
        }))?)
    })?;
    let mut writer = RecordWriter::create(output)?;
    for_each_edge(edges.finish_unless(context.cancelled)?, |edge| {
        writer.append(edge)
    })?;
    stats.edges = writer.finish()?;
    Ok(stats)
}

/// Buckets in their order, and the members of each by (bucket, document).
type Buckets = (SortedRecords<ORDER_BYTES>, SortedRecords<PAIR_BYTES>);

fn read_buckets(
    context: &PassContext<'_>,
    rows: &[impl AsRef<Path>],
    minhash: MinHashConfig,
    memory_bytes: u64,
    stats: &mut VerifyStats,
) -> Result<Buckets> {
    let mut merged = merge_sorted(
        &context.scratch,
        memory_bytes / 4,
        rows.len(),
        context.cancelled,
        |number, buffer_bytes| -> Result<_> {
            let records = Records::<ROW_BYTES>::open(rows[number].as_ref())?;
            let (start, end) = KeyRange::WHOLE.bounds(&records, 0, records.len(), |row| u64_be(row, 0))?;
            Ok(records.run(start, end, buffer_bytes))
        },
    )?;
    let mut order = ExternalSorter::<ORDER_BYTES>::new(&context.scratch, memory_bytes / 4)?;
    let mut members = ExternalSorter::<PAIR_BYTES>::new(&context.scratch, memory_bytes / 4)?;
    let mut signatures = Signatures::new(context, minhash, memory_bytes / 16)?;
    let mut current: Option<u64> = None;
    let mut buckets: Vec<u64> = Vec::new();
    loop {
        let row = merged.next_record()?.map(BucketRow::decode);
        let centre = row.map(|row| gather(row.scattered_centre));
        if centre != current {
            if let Some(finished) = current {
                context.check()?;
                stats.centres += 1;
                buckets.sort_unstable();
                buckets.dedup();
                for &bucket in &buckets {
                    members.push(&pair(bucket, finished))?;
                    order.push(&signatures.place_of(finished, bucket)?)?;
                }
                buckets.clear();
            }
            current = centre;
        }
        let Some(row) = row else {
            break;
        };
        buckets.push(row.bucket);
        members.push(&pair(row.bucket, row.member))?;
    }
    Ok((
        order.finish_unless(context.cancelled)?,
        members.finish_unless(context.cancelled)?,
    ))
}

/// Returns the members of all buckets as (turn of the bucket, document), sorted.
fn in_turn(
    context: &PassContext<'_>,
    mut order: SortedRecords<ORDER_BYTES>,
    mut members: SortedRecords<PAIR_BYTES>,
    memory_bytes: u64,
) -> Result<SortedRecords<PAIR_BYTES>> {
    let mut turns = ExternalSorter::<PAIR_BYTES>::new(&context.scratch, memory_bytes / 2)?;
    let mut turn = 0;
    while let Some(record) = order.next_record()? {
        turns.push(&pair(u64_be(record, ORDER_BYTES - 8), turn))?;
        turn += 1;
    }
    let mut turns = turns.finish_unless(context.cancelled)?;
    let mut links = ExternalSorter::<PAIR_BYTES>::new(&context.scratch, memory_bytes / 2)?;
    let mut current: Option<(u64, u64)> = None;
    let mut poll = context.poll();
    while let Some(record) = members.next_record()? {
        poll.tick()?;
        let (bucket, docref) = (u64_be(record, 0), u64_be(record, 8));
        while current.is_none_or(|(known, _)| known < bucket) {
            let Some(record) = turns.next_record()? else {
                return Err(DedupError::Inputs(format!("bucket {bucket} has no centre")));
            };
            current = Some((u64_be(record, 0), u64_be(record, 8)));
        }
        if let Some((_, turn)) = current {
            links.push(&pair(turn, docref))?;
        }
    }
    Ok(links.finish_unless(context.cancelled)?)
}

fn pair(first: u64, second: u64) -> [u8; PAIR_BYTES] {
    let mut record = [0; PAIR_BYTES];
    record[..8].copy_from_slice(&first.to_be_bytes());
    record[8..].copy_from_slice(&second.to_be_bytes());
    record
}

/// Signatures made again; remembers the last one.
struct Signatures<'task> {
    store: DocumentStore<'task>,
    hasher: MinHasher,
    rows: usize,
    segmenter: Segmenter,
    segmentation: Segmentation,
    text: Vec<u8>,
    signed: Option<u64>,
    keys: Vec<u64>,
    minima: Vec<u64>,
}

impl<'task> Signatures<'task> {
    fn new(context: &'task PassContext<'_>, minhash: MinHashConfig, rank_bytes: u64) -> Result<Self> {
        let hasher = MinHasher::new(minhash).map_err(|error| DedupError::Inputs(error.to_string()))?;
        Ok(Self {
            store: DocumentStore::new(context, rank_bytes),
            hasher,
            rows: minhash.rows.max(1) as usize,
            segmenter: Segmenter::default(),
            segmentation: Segmentation::default(),
            text: Vec::new(),
            signed: None,
            keys: Vec::new(),
            minima: Vec::new(),
        })
    }

    /// Returns the record by which a bucket of that document is ordered.
    fn place_of(&mut self, docref: u64, bucket: u64) -> Result<[u8; ORDER_BYTES]> {
        if self.signed != Some(docref) {
            let text = self.store.text(docref, &mut self.text)?;
            if self.hasher.reads_segmentation() {
                self.segmenter.segment(text, &mut self.segmentation);
            }
            self.keys.clear();
            self.hasher.band_keys(text, &self.segmentation, &mut self.keys);
            self.minima = self.hasher.signature();
            self.signed = Some(docref);
        }
        let of_bucket = self
            .keys
            .iter()
            .zip(self.minima.chunks(self.rows))
            .zip(0_u16..)
            .find(|&((&key, _), band)| bucket_of(band, key) == bucket);
        let Some(((_, minima), band)) = of_bucket else {
            return Err(DedupError::Inputs(format!(
                "a bucket of document {docref} was made by other signatures"
            )));
        };
        let mut record = [0; ORDER_BYTES];
        record[..2].copy_from_slice(&band.to_be_bytes());
        let places = record[2..ORDER_BYTES - 8].chunks_exact_mut(8);
        for (place, minimum) in places.zip(minima) {
            place.copy_from_slice(&minimum.to_be_bytes());
        }
        record[ORDER_BYTES - 8..].copy_from_slice(&bucket.to_be_bytes());
        Ok(record)
    }
}

/// datatrove's union-find: by size, and among equals the first one's root stays.
struct Sets {
    memory_bytes: u64,
    numbers: HashMap<u64, u32>,
    docrefs: Vec<u64>,
    parents: Vec<u32>,
    sizes: Vec<u32>,
}

impl Sets {
    fn new(memory_bytes: u64) -> Self {
        Self {
            memory_bytes,
            numbers: HashMap::new(),
            docrefs: Vec::new(),
            parents: Vec::new(),
            sizes: Vec::new(),
        }
    }

    fn number(&mut self, docref: u64) -> Result<u32> {
        if let Some(&number) = self.numbers.get(&docref) {
            return Ok(number);
        }
        let needed_bytes = LINKED_BYTES * (self.docrefs.len() as u64 + 1);
        let number = u32::try_from(self.docrefs.len()).unwrap_or(u32::MAX);
        if needed_bytes > self.memory_bytes || number == u32::MAX {
            return Err(DedupError::ScratchMemory {
                needed_bytes: 2 * needed_bytes,
                memory_bytes: 2 * self.memory_bytes,
            });
        }
        self.numbers.insert(docref, number);
        self.docrefs.push(docref);
        self.parents.push(number);
        self.sizes.push(1);
        Ok(number)
    }

    fn root(&mut self, number: u32) -> u32 {
        let mut current = number;
        loop {
            let parent = self.parents[current as usize];
            if parent == current {
                return current;
            }
            // Halving the way changes no root.
            let beyond = self.parents[parent as usize];
            self.parents[current as usize] = beyond;
            current = beyond;
        }
    }

    fn union(&mut self, first: u64, second: u64) -> Result<()> {
        let (first, second) = (self.number(first)?, self.number(second)?);
        let (mut stays, mut goes) = (self.root(first), self.root(second));
        if stays == goes {
            return Ok(());
        }
        if self.sizes[stays as usize] < self.sizes[goes as usize] {
            (stays, goes) = (goes, stays);
        }
        self.parents[goes as usize] = stays;
        self.sizes[stays as usize] += self.sizes[goes as usize];
        Ok(())
    }

    /// Calls `visit` with the root and each other document of its set.
    fn for_each_joined(mut self, mut visit: impl FnMut(u64, u64) -> Result<()>) -> Result<()> {
        for number in 0..self.docrefs.len() {
            let root = self.root(number as u32) as usize;
            if root != number {
                visit(self.docrefs[root], self.docrefs[number])?;
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use proptest::prelude::*;

    use super::*;
    use crate::task::Session;

    /// `MinhashDedupCluster.run` of datatrove 0.10.1, line by line.
    fn by_dictionary(links: &[(u64, u64)]) -> BTreeMap<u64, u64> {
        let mut union_set: BTreeMap<u64, u64> = BTreeMap::new();
        let mut set_size: BTreeMap<u64, u64> = BTreeMap::new();
        fn parent(union_set: &mut BTreeMap<u64, u64>, x: u64) -> u64 {
            let up = *union_set.entry(x).or_insert(x);
            if up == x {
                return x;
            }
            let root = parent(union_set, up);
            union_set.insert(x, root);
            root
        }
        for &(a, b) in links {
            let (mut root_a, mut root_b) = (parent(&mut union_set, a), parent(&mut union_set, b));
            if root_a != root_b {
                let size_a = *set_size.get(&root_a).unwrap_or(&1);
                let size_b = *set_size.get(&root_b).unwrap_or(&1);
                if size_a < size_b {
                    (root_a, root_b) = (root_b, root_a);
                }
                union_set.insert(root_b, root_a);
                set_size.insert(root_a, size_a + size_b);
                set_size.remove(&root_b);
            }
        }
        let all: Vec<u64> = union_set.keys().copied().collect();
        let roots = all.into_iter().map(|x| (x, parent(&mut union_set, x)));
        roots.filter(|(x, root)| x != root).collect()
    }

    proptest! {
        #[test]
        fn the_same_documents_stay_as_in_datatrove(
            links in prop::collection::vec((0_u64..40, 0_u64..40), 0..80),
        ) {
            let mut sets = Sets::new(1 << 20);
            for &(first, second) in &links {
                sets.union(first, second).unwrap();
            }
            let mut found = BTreeMap::new();
            sets.for_each_joined(|root, docref| {
                found.insert(docref, root);
                Ok(())
            })
            .unwrap();
            prop_assert_eq!(found, by_dictionary(&links));
        }
    }

    /// Edges by what datatrove does with signatures: band by band, sorted, each equal one linked with the one before.
    fn by_sorting(texts: &[String], minhash: MinHashConfig) -> BTreeMap<u64, u64> {
        let mut hasher = MinHasher::new(minhash).unwrap();
        let mut signatures = Vec::new();
        for (docref, text) in (0_u64..).zip(texts) {
            if hasher.band_keys(text, &Segmentation::default(), &mut Vec::new()) {
                signatures.push((hasher.signature(), docref));
            }
        }
        let mut links = Vec::new();
        for band in 0..minhash.bands as usize {
            let rows = minhash.rows as usize;
            let of_band = |signature: &Vec<u64>| signature[band * rows..][..rows].to_vec();
            let mut sorted: Vec<(Vec<u64>, u64)> = signatures
                .iter()
                .map(|(signature, docref)| (of_band(signature), *docref))
                .collect();
            sorted.sort();
            let pairs = sorted.windows(2).filter(|pair| pair[0].0 == pair[1].0);
            links.extend(pairs.map(|pair| (pair[0].1, pair[1].1)));
        }
        by_dictionary(&links)
    }

    #[test]
    fn what_stays_is_what_datatrove_keeps() {
        use crate::near::{NearSpec, write_partition};
        use gristmill_core::hash::mix64;
        use gristmill_core::minhash::Family;

        // Of letters, because numbers are all the same to datatrove.
        let word = |number: u64| -> String {
            let letter = |place: u32| char::from(b'a' + (number / 26_u64.pow(place) % 26) as u8);
            (0..4).map(letter).collect()
        };
        // Chains of copies: each differs from an earlier one by some words, and chains meet.
        let mut texts: Vec<String> = Vec::new();
        for number in 0..300_u64 {
            let draw = |purpose: u64, below: u64| mix64(mix64(number) ^ purpose) % below;
            let mut words: Vec<String> = if number < 20 || draw(1, 8) == 0 {
                (0..40 + draw(2, 60))
                    .map(|place| word(draw(100 + place, 5000)))
                    .collect()
            } else {
                let from = &texts[draw(3, number) as usize];
                from.split(' ').map(str::to_owned).collect()
            };
            for change in 0..draw(4, 4) {
                let place = draw(5 + change, words.len() as u64) as usize;
                words[place] = word(draw(50 + change, 5000));
            }
            texts.push(words.join(" "));
        }
        let minhash = MinHashConfig {
            bands: 6,
            rows: 4,
            family: Family::Datatrove,
            ..MinHashConfig::default()
        };
        let folder = tempfile::tempdir().unwrap();
        let path = |name: &str| folder.path().join(name);
        let spec = NearSpec {
            minhash,
            min_similarity: 0.8,
            memory_bytes: 1 << 20,
        };
        let array = texts.iter().map(Some).collect::<arrow_array::LargeStringArray>();
        let files = write_partition(&array, &spec, folder.path(), &Session::default()).unwrap();
        let context = PassContext::new(vec![files], folder.path(), 1 << 20, &|| false).unwrap();
        super::super::lsh(&context, KeyRange::WHOLE, 6, &[] as &[&Path], &path("buckets")).unwrap();
        let stats = propose_clusters(&context, &[path("buckets")], minhash, &path("edges")).unwrap();
        let mut found = BTreeMap::new();
        let mut stream = Records::<{ super::super::formats::EDGE_BYTES }>::open(&path("edges"))
            .unwrap()
            .stream(1 << 16);
        while let Some(record) = stream.next_record().unwrap() {
            let edge = Edge::decode(record);
            assert_eq!((edge.similarity, edge.shared_bands), (NOT_COMPUTED, 0));
            found.insert(edge.worse, edge.better);
        }
        assert_eq!(stats.edges, found.len() as u64);
        assert!(found.len() > 100, "{}", found.len());
        assert_eq!(found, by_sorting(&texts, minhash));
    }

    #[test]
    fn too_many_documents_for_the_budget_are_refused() {
        let mut sets = Sets::new(3 * LINKED_BYTES);
        sets.union(1, 2).unwrap();
        let error = sets.union(3, 4).unwrap_err();
        assert!(matches!(error, DedupError::ScratchMemory { .. }), "{error}");
    }
}
