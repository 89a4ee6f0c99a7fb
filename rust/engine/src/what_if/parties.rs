//! Who takes part in comparing near duplicates, before and after; and of those that come in, who shares a bucket.

use std::path::{Path, PathBuf};

use super::dedup::{DedupOutcome, DedupSpec, Look};
use super::rows::verdict_path;
use crate::commit::Artefact;
use crate::dedup::DedupError;
use crate::dedup::formats::{
    BAND_BYTES, BucketRow, REMOVAL_BYTES, ROW_BYTES, Records, Removal, VERDICT_BYTES, bytes_at, docref,
    gather, split_docref,
};
use crate::dedup::stages::PartitionSpec;
use crate::error::{EngineError, Result};
use crate::external_sort::SortedSource;
use crate::task::Session;

/// Read buffer of one file.
const STREAM_BUFFER_BYTES: u64 = 256 << 10;
/// If more documents come in, or band keys take more bytes, buckets are not looked at: some would be shared anyway, or
/// looking would take minutes. All that come in count as not known then.
const MAX_LOOKED_UP: u64 = 1 << 20;
const MAX_BAND_BYTES: u64 = 4 << 30;

/// Returns the path of a committed file after checking its length. Digests are for `verify`: they would read all texts.
pub(super) fn open(data: &Path, artefact: &Artefact) -> Result<PathBuf> {
    let path = data.join(&artefact.file);
    let length = std::fs::metadata(&path)
        .map_err(EngineError::io("open", &path))?
        .len();
    if length == artefact.bytes {
        return Ok(path);
    }
    let detail = format!("{length} bytes, committed with {}", artefact.bytes);
    Err(EngineError::Damaged { path, detail })
}

fn open_all<'file>(data: &Path, files: impl IntoIterator<Item = &'file Artefact>) -> Result<Vec<PathBuf>> {
    files.into_iter().map(|file| open(data, file)).collect()
}

/// A bit for each readable document.
#[derive(Clone)]
pub(super) struct Bits {
    starts: Vec<u64>,
    words: Vec<u64>,
}

impl Bits {
    pub(super) fn new(partitions: &[PartitionSpec]) -> Self {
        let mut starts = vec![0];
        let mut end = 0;
        for partition in partitions {
            end += u64::from(partition.num_documents);
            starts.push(end);
        }
        Self {
            starts,
            words: vec![0; end.div_ceil(64) as usize],
        }
    }

    pub(super) fn len(&self) -> u64 {
        self.words.iter().map(|word| u64::from(word.count_ones())).sum()
    }

    fn add(&mut self, other: &Self) {
        for (word, other) in self.words.iter_mut().zip(&other.words) {
            *word |= other;
        }
    }

    fn place(&self, docref: u64) -> Option<u64> {
        let (partition, ordinal) = split_docref(docref);
        let place = self.starts.get(partition as usize)? + u64::from(ordinal);
        (place < *self.starts.get(partition as usize + 1)?).then_some(place)
    }

    pub(super) fn contains(&self, docref: u64) -> bool {
        self.place(docref).is_some_and(|place| self.at(place))
    }

    fn at(&self, place: u64) -> bool {
        self.words[(place / 64) as usize] >> (place % 64) & 1 == 1
    }

    pub(super) fn set(&mut self, docref: u64, is_in: bool) {
        if let Some(place) = self.place(docref) {
            let bit = 1 << (place % 64);
            let word = &mut self.words[(place / 64) as usize];
            *word = if is_in { *word | bit } else { *word & !bit };
        }
    }

    /// The documents that pass, by the verdicts at `paths`.
    fn passing(partitions: &[PartitionSpec], paths: &[PathBuf], session: &Session) -> Result<Self> {
        let mut bits = Self::new(partitions);
        let mut place = 0_u64;
        for (partition, path) in partitions.iter().zip(paths) {
            session.check()?;
            let count = u64::from(partition.num_documents);
            let verdicts = Records::<VERDICT_BYTES>::open_with_count(path, count)?;
            let mut stream = verdicts.stream(STREAM_BUFFER_BYTES);
            while let Some(verdict) = stream.next_record().map_err(DedupError::from)? {
                if *verdict == [0; VERDICT_BYTES] {
                    bits.words[(place / 64) as usize] |= 1 << (place % 64);
                }
                place += 1;
            }
        }
        Ok(bits)
    }
}

/// Who takes part in comparing near duplicates: passes every threshold and is no copy.
pub(super) struct Parties {
    before: Bits,
    pub(super) after: Bits,
}

impl Parties {
    pub(super) fn find(spec: &DedupSpec, new_removals: &[PathBuf], session: &Session) -> Result<Self> {
        let partitions = &spec.partitions;
        let old_verdicts = open_all(&spec.data, partitions.iter().map(|partition| &partition.verdict))?;
        let new_verdicts: Vec<PathBuf> = (0..partitions.len())
            .map(|number| verdict_path(&spec.verdicts, number))
            .collect();
        let mut before = Bits::passing(partitions, &old_verdicts, session)?;
        let mut after = Bits::passing(partitions, &new_verdicts, session)?;
        let old_removals = open_all(&spec.data, &spec.exact_removals)?;
        for (bits, removals) in [(&mut before, &old_removals[..]), (&mut after, new_removals)] {
            for path in removals {
                for_each::<REMOVAL_BYTES>(path, session, |record| {
                    let removal = Removal::decode(record).ok_or_else(|| EngineError::Damaged {
                        path: path.clone(),
                        detail: "a removal has an unknown step".to_owned(),
                    })?;
                    bits.set(removal.docref, false);
                    Ok(())
                })?;
            }
        }
        Ok(Self { before, after })
    }

    /// Fills in who comes, who goes, and of whom the run knew more.
    pub(super) fn count(
        &self,
        spec: &DedupSpec,
        outcome: &mut DedupOutcome,
        session: &Session,
    ) -> Result<()> {
        let mut entering = self.after.clone();
        for (after, before) in entering.words.iter_mut().zip(&self.before.words) {
            outcome.leaving += u64::from((before & !*after).count_ones());
            *after &= !before;
        }
        let num_entering = entering.len();
        let looks = spec.looks().filter(|looks| {
            let files = looks.iter().flat_map(|look| &look.bands);
            let band_bytes: u64 = files.map(|file| file.bytes).sum();
            num_entering > 0 && num_entering <= MAX_LOOKED_UP && band_bytes <= MAX_BAND_BYTES
        });
        let (unknown, comparable) = match looks {
            Some(looks) => {
                let (mut unknown, mut comparable) =
                    (Bits::new(&spec.partitions), Bits::new(&spec.partitions));
                for look in &looks {
                    unknown.add(&in_buckets(spec, look, &entering, &self.after, session)?);
                    comparable.add(&bucketed(spec, look, session)?);
                }
                (unknown, comparable)
            }
            None => (entering, self.before.clone()),
        };
        for (number, partition) in spec.partitions.iter().enumerate() {
            let source = usize::from(partition.source);
            let (Some(entering), Some(compared)) = (
                outcome.entering.get_mut(source),
                outcome.comparable.get_mut(source),
            ) else {
                return Err(EngineError::Spec(format!("there is no source {source}")));
            };
            for place in unknown.starts[number]..unknown.starts[number + 1] {
                *entering += u64::from(unknown.at(place));
                *compared += u64::from(comparable.at(place));
            }
        }
        Ok(())
    }
}

/// Which of the documents in `entering` share a bucket with another one of `parties`.
fn in_buckets(
    spec: &DedupSpec,
    look: &Look<'_>,
    entering: &Bits,
    parties: &Bits,
    session: &Session,
) -> Result<Bits> {
    if look.bands.len() != spec.partitions.len() {
        return Err(EngineError::Spec("a partition has no band keys".to_owned()));
    }
    let files = look
        .bands
        .iter()
        .map(|bands| Ok(Records::<BAND_BYTES>::open(&open(&spec.data, bands)?)?))
        .collect::<Result<Vec<_>>>()?;
    let mut found = Bits::new(&spec.partitions);
    for band in 0..look.num_bands {
        // Key and document, sorted; the keys of a band are sorted in each partition.
        let mut keys: Vec<(u64, u64)> = Vec::new();
        for_each_key(&files, band, look.num_bands, session, |key, document| {
            if entering.contains(document) && !found.contains(document) {
                keys.push((key, document));
            }
        })?;
        keys.sort_unstable();
        let mut next = 0;
        let mut last = None;
        for_each_key(&files, band, look.num_bands, session, |key, document| {
            if last.is_none_or(|last| key < last) {
                // Another partition: its keys start again.
                next = 0;
            }
            last = Some(key);
            next += keys[next..].partition_point(|known| known.0 < key);
            if parties.contains(document) {
                let same = keys[next..].iter().take_while(|known| known.0 == key);
                same.filter(|known| known.1 != document)
                    .for_each(|known| found.set(known.1, true));
            }
        })?;
    }
    Ok(found)
}

/// Calls `visit` with every key of a band and its document, partition by partition.
fn for_each_key(
    files: &[Records<BAND_BYTES>],
    band: u64,
    num_bands: u64,
    session: &Session,
    mut visit: impl FnMut(u64, u64),
) -> Result<()> {
    for (partition, records) in files.iter().enumerate() {
        session.check()?;
        let per_band = records.len() / num_bands.max(1);
        let start = band * per_band;
        let mut stream = records.run(start, start + per_band, STREAM_BUFFER_BYTES);
        while let Some(record) = stream.next_record().map_err(DedupError::from)? {
            let key = u64::from_le_bytes(bytes_at(record, 0));
            visit(
                key,
                docref(partition as u32, u32::from_le_bytes(bytes_at(record, 8))),
            );
        }
    }
    Ok(())
}

/// The documents that share a bucket with another.
fn bucketed(spec: &DedupSpec, look: &Look<'_>, session: &Session) -> Result<Bits> {
    let mut bits = Bits::new(&spec.partitions);
    for file in look.buckets {
        for_each::<ROW_BYTES>(&open(&spec.data, file)?, session, |record| {
            let row = BucketRow::decode(record);
            bits.set(gather(row.scattered_centre), true);
            bits.set(row.member, true);
            Ok(())
        })?;
    }
    Ok(bits)
}

/// Calls `visit` with every record of a file.
pub(super) fn for_each<const WIDTH: usize>(
    path: &Path,
    session: &Session,
    mut visit: impl FnMut(&[u8; WIDTH]) -> Result<()>,
) -> Result<()> {
    let mut stream = Records::<WIDTH>::open(path)?.stream(STREAM_BUFFER_BYTES);
    let mut number = 0_u32;
    while let Some(record) = stream.next_record().map_err(DedupError::from)? {
        if number.is_multiple_of(4096) {
            session.check()?;
        }
        number = number.wrapping_add(1);
        visit(record)?;
    }
    Ok(())
}
