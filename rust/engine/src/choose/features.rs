//! The tasks that weigh documents: features of each partition, features of the target, scores of each partition.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};

use gristmill_core::importance::{FeatureCounts, at_length, from_fixed, log_ratios, log_weight};
use serde::Deserialize;

use super::error::ChooseError;
use super::flow::{Flow, Words};
use crate::commit::{Artefact, TaskManifest, TaskPlace, commit, digest_file};
use crate::cut::texts::TextStream;
use crate::dedup::stages::PartitionSpec;
use crate::error::{EngineError, Result};
use crate::read::{FileReader, RawBatch, ReaderConfig};
use crate::task::Session;

/// Bytes of a record of `scores.bin`: f64 LE, NaN for a document without a score; in input order.
pub const SCORE_BYTES: usize = 8;

/// Counts the features of a partition's documents; its index is that of the partition.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FeaturesSpec {
    /// Where it commits.
    pub place: TaskPlace,
    /// The partition.
    pub partition: PartitionSpec,
    /// What dedup removed, of all partitions.
    pub removals: Option<Artefact>,
    /// Buckets that features are hashed into.
    pub num_buckets: u32,
}

/// Counts the features of the texts that documents shall resemble.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TargetSpec {
    /// Where it commits.
    pub place: TaskPlace,
    /// The files.
    pub files: Vec<TargetFile>,
    /// Field of JSON Lines and Parquet that holds the text.
    pub text_field: String,
    /// Buckets that features are hashed into.
    pub num_buckets: u32,
}

/// A file of target texts: JSON Lines, Parquet, or `.txt` with one text a line.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TargetFile {
    /// Name without folders.
    pub name: String,
    /// Where it is.
    pub path: PathBuf,
    /// Its digest in the plan; another one is refused.
    pub digest: String,
}

/// Scores a partition's documents; its index is that of the partition.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ScoresSpec {
    /// Where it commits.
    pub place: TaskPlace,
    /// The partition.
    pub partition: PartitionSpec,
    /// What dedup removed, of all partitions.
    pub removals: Option<Artefact>,
    /// Features of all partitions.
    pub raw: Vec<Artefact>,
    /// Features of the target.
    pub target: Artefact,
    /// Added to each count of the target.
    pub smoothing: f64,
    /// Documents with fewer words have no score; at least 1.
    pub min_words: u32,
    /// Words that every document is weighed as if it had; none: sums.
    pub weigh_words: Option<u32>,
}

/// Runs the features task. Memory: 8 bytes a bucket, and the longest document with its segmentation.
///
/// # Errors
/// When an input is damaged or writing fails; nothing is committed then.
pub fn features(spec: &FeaturesSpec, session: &Session) -> Result<TaskManifest> {
    let place = &spec.place;
    let mut counts = FeatureCounts::new(spec.num_buckets);
    let (mut documents, mut num_words) = (0_u64, 0_u64);
    let mut words = Words::default();
    for_each_text(&spec.partition, spec.removals.as_ref(), place, session, |text| {
        if let Some(text) = text {
            let words = words.of(text);
            counts.add(words);
            documents += 1;
            num_words += words.len() as u64;
        }
        Ok(())
    })?;
    commit_counts(
        place,
        &counts,
        &serde_json::json!({ "documents": documents, "words": num_words }),
    )
}

/// Runs the target task. Memory: 8 bytes a bucket, and a batch of the reader.
///
/// # Errors
/// When a file cannot be read or has changed, holds no words, or writing fails; nothing is committed then.
pub fn target(spec: &TargetSpec, session: &Session) -> Result<TaskManifest> {
    let mut counts = FeatureCounts::new(spec.num_buckets);
    let mut words = Words::default();
    let (mut readable, mut unreadable) = (0_u64, 0_u64);
    for file in &spec.files {
        session.check()?;
        if digest_file(&file.path)?.1 != file.digest {
            let path = file.path.clone();
            return Err(ChooseError::Changed { path }.into());
        }
        if is_plain(&file.path) {
            readable += add_lines(&file.path, &mut counts, &mut words, session)?;
            continue;
        }
        let mut reader = FileReader::open(ReaderConfig {
            text_field: spec.text_field.clone(),
            ..ReaderConfig::new(&file.path)
        })?;
        let mut batch = RawBatch::default();
        while reader.next_batch(&mut batch)? {
            session.check()?;
            unreadable += batch.unreadable.len() as u64;
            for row in 0..batch.rows.len() {
                counts.add(words.of(batch.document(row)));
                readable += 1;
            }
        }
    }
    if counts.total() == 0 {
        let files = spec.files.len();
        return Err(ChooseError::EmptyTarget {
            readable,
            files,
            unreadable,
        }
        .into());
    }
    let found = serde_json::json!({
        "documents": readable,
        "unreadable": unreadable,
        "features": counts.total(),
    });
    commit_counts(&spec.place, &counts, &found)
}

/// Runs the scores task. Memory: 24 bytes a bucket, and the longest document with its segmentation. Time: one pass over
/// the texts, two look-ups a word.
///
/// # Errors
/// When an input is damaged or writing fails; nothing is committed then.
pub fn scores(spec: &ScoresSpec, session: &Session) -> Result<TaskManifest> {
    let place = &spec.place;
    let wanted = read_counts(&session.open(&place.data, &spec.target)?)?;
    let mut raw = FeatureCounts::new(wanted.counts().len() as u32);
    for file in &spec.raw {
        let path = session.open(&place.data, file)?;
        let found = read_counts(&path)?;
        if found.counts().len() != wanted.counts().len() {
            let detail = format!(
                "{} buckets, the target has {}",
                found.counts().len(),
                wanted.counts().len()
            );
            return Err(EngineError::Damaged { path, detail });
        }
        raw.merge(found.counts());
    }
    let ratios = log_ratios(&wanted, &raw, spec.smoothing);
    let mut words = Words::default();
    let mut file = place.create("scores.bin")?;
    let (mut scored, mut short) = (0_u64, 0_u64);
    for_each_text(&spec.partition, spec.removals.as_ref(), place, session, |text| {
        let mut score = f64::NAN;
        if let Some(text) = text {
            let words = words.of(text);
            if words.len() >= spec.min_words.max(1) as usize {
                let weight = log_weight(words, &ratios);
                let weight = spec
                    .weigh_words
                    .map_or(weight, |length| at_length(weight, words.len(), length));
                score = from_fixed(weight);
                scored += 1;
            } else {
                short += 1;
            }
        }
        file.append(&score.to_le_bytes())
    })?;
    let rows = u64::from(spec.partition.num_documents);
    let outputs = BTreeMap::from([("scores".to_owned(), file.finish(rows)?)]);
    commit(
        place,
        outputs,
        serde_json::json!({ "scored": scored, "short": short }),
    )
}

/// Calls `each` for every document of a partition in input order, with its text where it is in the flow.
fn for_each_text(
    partition: &PartitionSpec,
    removals: Option<&Artefact>,
    place: &TaskPlace,
    session: &Session,
    mut each: impl FnMut(Option<&str>) -> Result<()>,
) -> Result<()> {
    let mut flow = Flow::open(removals, place.index, &place.data, session)?;
    let mut stream = TextStream::open(partition, &place.data, session)?;
    while let Some(stored) = stream.next_text()? {
        session.check()?;
        let is_in = flow.holds(stored.ordinal, stored.verdict)?;
        each(is_in.then_some(stored.text))?;
    }
    Ok(())
}

fn is_plain(path: &Path) -> bool {
    path.extension()
        .is_some_and(|extension| extension.eq_ignore_ascii_case("txt"))
}

/// Adds each line of a plain file as a text; what is not UTF-8 is read with replacement characters.
fn add_lines(path: &Path, counts: &mut FeatureCounts, words: &mut Words, session: &Session) -> Result<u64> {
    let file = File::open(path).map_err(EngineError::io("open", path))?;
    let mut lines = 0;
    let mut reader = BufReader::new(file);
    let mut line = Vec::new();
    loop {
        session.check()?;
        line.clear();
        let read = reader.read_until(b'\n', &mut line);
        if read.map_err(EngineError::io("read", path))? == 0 {
            return Ok(lines);
        }
        let text = String::from_utf8_lossy(&line);
        if !text.trim().is_empty() {
            counts.add(words.of(&text));
            lines += 1;
        }
    }
}

/// Commits counts as `features.bin`: u64 LE a bucket.
fn commit_counts(
    place: &TaskPlace,
    counts: &FeatureCounts,
    found: &serde_json::Value,
) -> Result<TaskManifest> {
    let mut file = place.create("features.bin")?;
    for count in counts.counts() {
        file.append(&count.to_le_bytes())?;
    }
    let features = file.finish(counts.counts().len() as u64)?;
    commit(
        place,
        BTreeMap::from([("features".to_owned(), features)]),
        found.clone(),
    )
}

fn read_counts(path: &Path) -> Result<FeatureCounts> {
    let bytes = std::fs::read(path).map_err(EngineError::io("read", path))?;
    let (counts, rest) = bytes.as_chunks::<8>();
    if counts.is_empty() || !rest.is_empty() {
        let detail = format!("{} bytes are no counts of features", bytes.len());
        return Err(EngineError::Damaged {
            path: path.to_owned(),
            detail,
        });
    }
    Ok(FeatureCounts::of(
        counts.iter().map(|count| u64::from_le_bytes(*count)).collect(),
    ))
}
