//! The cut task: a partition's texts without the spans of a step, and everything that depends on them.
//!
//! Writes text and index anew, and, where dedup of documents follows, content hashes and band keys: computed again for
//! changed documents by the code of the map stage, taken over for all others. A document that is left with too little
//! text keeps the text that it had and gets a verdict, so that later stages leave it out.

use std::collections::BTreeMap;
use std::ops::Range;

use gristmill_core::edit::EditLog;
use gristmill_core::segment::{HAS_LETTER, HAS_NUMBER, Segmentation, Segmenter};
use gristmill_core::units::{cut_lines, is_blank};
use serde::{Deserialize, Serialize};

use super::keys::{KeyFiles, KeySpec};
use super::spans::{Span, SpanReader};
use super::texts::{StoredText, TextStream};
use crate::commit::{Artefact, DataFile, TaskManifest, TaskPlace, commit};
use crate::dedup::DedupError;
use crate::dedup::formats::{docref, split_docref};
use crate::dedup::stages::PartitionSpec;
use crate::error::{EngineError, Result};
use crate::index::IndexRecord;
use crate::map::output::EditRows;
use crate::schema::{self, TableFile};
use crate::task::Session;

/// Bytes of a record of `drops.bin`: document reference (u64 LE), words left (u32 LE); sorted by document.
pub const DROP_BYTES: usize = 12;
/// Removed text after which rows of edits are written.
const EDIT_BATCH_BYTES: usize = 4 << 20;

/// What goes with a span.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Separators {
    /// Nothing: the bytes of the span and no others.
    None,
    /// Spans are whole lines; see [`gristmill_core::units::cut_lines`].
    Lines,
}

/// Description of a cut task.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CutSpec {
    /// Where it commits.
    pub place: TaskPlace,
    /// The partition in the version that the step saw.
    pub partition: PartitionSpec,
    /// Name of the step, for `edits/`.
    pub step: String,
    /// What goes with a span.
    pub separators: Separators,
    /// A changed document with fewer words goes; none: one without any text.
    pub min_words_left: Option<u32>,
    /// Verdict of documents without text; one more is for those with too few words.
    pub first_verdict: u16,
    /// What the step found in all partitions.
    pub spans: Vec<Artefact>,
    /// Keys that are kept up to date.
    pub keys: KeySpec,
    /// Whether longer documents survive, so that a changed one ranks by its new length.
    pub rank_is_length: bool,
    /// Memory of the sorts.
    pub scratch_memory_bytes: u64,
}

/// What a cut task counted.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub struct CutStats {
    /// Documents of the partition, those out of the flow included.
    pub documents: u64,
    /// Documents that lost text and stay.
    pub changed: u64,
    /// Spans cut from them.
    pub spans: u64,
    /// Bytes that went with these spans.
    pub bytes: u64,
    /// Documents left without text.
    pub nothing_left: u64,
    /// Documents left with too few words.
    pub too_little_left: u64,
    /// Bytes of the texts written.
    pub text_bytes: u64,
}

/// Runs the task. Memory: the sort budgets, the longest document twice with its segmentation, and a batch of edits. Time:
/// one pass over the texts; segmentation and keys of changed documents.
///
/// # Errors
/// When an input is damaged, a span does not fit its document, or writing fails; nothing is committed then.
pub fn run(spec: &CutSpec, session: &Session) -> Result<TaskManifest> {
    let place = &spec.place;
    let is_cancelled = || session.is_cancelled();
    let files = spec
        .spans
        .iter()
        .map(|spans| session.open(&place.data, spans))
        .collect::<Result<Vec<_>>>()?;
    let memory_bytes = spec.scratch_memory_bytes;
    let mut spans = SpanReader::open(
        &files,
        place.index,
        &place.scratch,
        memory_bytes / 4,
        &is_cancelled,
    )?;
    let mut stream = TextStream::open(&spec.partition, &place.data, session)?;
    let mut output = Output::create(spec, session)?;
    let mut cutter = Cutter::new(spec);
    let mut found = Vec::new();
    while let Some(stored) = stream.next_text()? {
        session.check()?;
        spans.document(docref(place.index, stored.ordinal), &mut found)?;
        if found.is_empty() || stored.verdict != 0 {
            output.unchanged(&stored)?;
            continue;
        }
        match cutter.cut(stored.text, &found) {
            Outcome::Unfit => return Err(unfit(&files, &stored, &found, place.index)),
            Outcome::Left(num_spans) => output.changed(&stored, &cutter, num_spans)?,
            Outcome::Nothing => output.dropped(&stored, None)?,
            Outcome::TooLittle { words } => output.dropped(&stored, Some(words))?,
        }
    }
    spans.finish()?;
    output.finish(session)
}

fn unfit(
    files: &[std::path::PathBuf],
    stored: &StoredText<'_>,
    spans: &[Span],
    partition: u32,
) -> EngineError {
    let path = files.first().cloned().unwrap_or_default();
    let (_, ordinal) = split_docref(docref(partition, stored.ordinal));
    let detail = format!(
        "spans of document {partition}:{ordinal} do not fit its {} bytes, the first is {:?}",
        stored.text.len(),
        spans.first().map(|span| span.start..span.end)
    );
    DedupError::damaged(&path, detail).into()
}

/// What is left of a document.
enum Outcome {
    /// Its spans do not stand in it.
    Unfit,
    /// Enough: the cutter has the text; so many spans went.
    Left(u64),
    /// White space, or not even that.
    Nothing,
    /// Too little.
    TooLittle {
        /// Words that are left.
        words: u32,
    },
}

/// Cuts spans out of one text after the other; keeps its buffers.
struct Cutter<'task> {
    spec: &'task CutSpec,
    ranges: Vec<Range<usize>>,
    cuts: Vec<Range<usize>>,
    text: String,
    edits: EditLog,
    segmenter: Segmenter,
    segmentation: Segmentation,
}

impl<'task> Cutter<'task> {
    fn new(spec: &'task CutSpec) -> Self {
        Self {
            spec,
            ranges: Vec::new(),
            cuts: Vec::new(),
            text: String::new(),
            edits: EditLog::default(),
            segmenter: Segmenter::default(),
            segmentation: Segmentation::default(),
        }
    }

    fn cut(&mut self, text: &str, spans: &[Span]) -> Outcome {
        self.ranges.clear();
        self.ranges
            .extend(spans.iter().map(|span| span.start as usize..span.end as usize));
        let fits = |range: &Range<usize>| text.get(range.clone()).is_some();
        if !self.ranges.iter().all(fits) {
            return Outcome::Unfit;
        }
        match self.spec.separators {
            Separators::None => self.cuts.clone_from(&self.ranges),
            Separators::Lines => {
                if !cut_lines(text, &self.ranges, &mut self.cuts) {
                    return Outcome::Unfit;
                }
            }
        }
        self.apply(text);
        if is_blank(&self.text) {
            return Outcome::Nothing;
        }
        if let Some(least) = self.spec.min_words_left {
            self.segmenter.segment(&self.text, &mut self.segmentation);
            let is_word = |flags: &&u8| **flags & (HAS_LETTER | HAS_NUMBER) != 0;
            let words = self.segmentation.flags().iter().filter(is_word).count() as u32;
            if words < least {
                return Outcome::TooLittle { words };
            }
        }
        Outcome::Left(spans.len() as u64)
    }

    /// Leaves the text without the cuts, and one edit for each span: where one cut holds several, it is divided where
    /// the later ones start.
    fn apply(&mut self, text: &str) {
        self.text.clear();
        self.edits.clear();
        let mut read = 0;
        let mut starts = self.ranges.iter().map(|range| range.start).peekable();
        for cut in &self.cuts {
            self.text.push_str(&text[read..cut.start]);
            read = cut.start;
            // The first span of a cut starts in it or behind separators that go with it.
            let mut is_first = true;
            while let Some(start) = starts.next_if(|start| *start < cut.end) {
                if !std::mem::take(&mut is_first) && start > read {
                    self.edits.push("", read, &text[read..start], "");
                    read = start;
                }
            }
            self.edits.push("", read, &text[read..cut.end], "");
            read = cut.end;
        }
        self.text.push_str(&text[read..]);
    }
}

/// The files of the task while they are written.
struct Output<'task> {
    spec: &'task CutSpec,
    text: DataFile,
    index: DataFile,
    verdicts: DataFile,
    drops: DataFile,
    edits: TableFile,
    edit_rows: EditRows,
    edit_bytes: usize,
    keys: KeyFiles,
    stats: CutStats,
    num_drops: u64,
}

impl<'task> Output<'task> {
    fn create(spec: &'task CutSpec, session: &Session) -> Result<Self> {
        let place = &spec.place;
        Ok(Self {
            spec,
            text: place.create("text.bin")?,
            index: place.create("index.bin")?,
            verdicts: place.create("verdict.bin")?,
            drops: place.create("drops.bin")?,
            edits: TableFile::create(place, "edits.parquet", schema::edits())?,
            edit_rows: EditRows::default(),
            edit_bytes: 0,
            keys: KeyFiles::create(
                &spec.keys,
                spec.partition.exact.is_some(),
                place,
                spec.partition.num_documents,
                spec.scratch_memory_bytes / 2,
                session,
            )?,
            stats: CutStats::default(),
            num_drops: 0,
        })
    }

    fn unchanged(&mut self, stored: &StoredText<'_>) -> Result<()> {
        self.document(stored.record, stored.text, stored.verdict)
    }

    fn changed(&mut self, stored: &StoredText<'_>, cutter: &Cutter<'_>, num_spans: u64) -> Result<()> {
        let text = cutter.text.as_str();
        let mut record = stored.record;
        if self.spec.rank_is_length {
            record.rank = text.len() as u64;
        }
        self.stats.changed += 1;
        self.stats.spans += num_spans;
        let removed = stored.text.len() - text.len();
        self.stats.bytes += removed as u64;
        self.edit_rows
            .push(record.doc, record.key, &self.spec.step, &cutter.edits);
        self.edit_bytes += removed;
        if self.edit_bytes >= EDIT_BATCH_BYTES {
            self.flush_edits()?;
        }
        self.keys.replace(stored.ordinal, text)?;
        self.document(record, text, 0)
    }

    /// Drops a document without text, or with too few words.
    fn dropped(&mut self, stored: &StoredText<'_>, words: Option<u32>) -> Result<()> {
        match words {
            None => self.stats.nothing_left += 1,
            Some(_) => self.stats.too_little_left += 1,
        }
        let mut drop = [0; DROP_BYTES];
        drop[..8].copy_from_slice(&docref(self.spec.place.index, stored.ordinal).to_le_bytes());
        drop[8..].copy_from_slice(&words.unwrap_or(0).to_le_bytes());
        self.drops.append(&drop)?;
        self.num_drops += 1;
        let verdict = self.spec.first_verdict + u16::from(words.is_some());
        self.document(stored.record, stored.text, verdict)
    }

    fn document(&mut self, record: IndexRecord, text: &str, verdict: u16) -> Result<()> {
        let record = IndexRecord {
            text_offset: self.text.position(),
            text_bytes: text.len() as u32,
            ..record
        };
        self.index.append(&record.encode())?;
        self.text.append(text.as_bytes())?;
        self.verdicts.append(&verdict.to_le_bytes())?;
        self.stats.documents += 1;
        self.stats.text_bytes += text.len() as u64;
        Ok(())
    }

    fn flush_edits(&mut self) -> Result<()> {
        self.edit_bytes = 0;
        let path = self.spec.place.path("edits.parquet");
        let rows = self
            .edit_rows
            .take(schema::edits())
            .map_err(EngineError::table("build", &path))?;
        if rows.num_rows() > 0 {
            self.edits.write(&rows)?;
        }
        Ok(())
    }

    fn finish(mut self, session: &Session) -> Result<TaskManifest> {
        let place = &self.spec.place;
        self.flush_edits()?;
        let stats = self.stats;
        let documents = u64::from(self.spec.partition.num_documents);
        if stats.documents != documents || stats.text_bytes + stats.bytes != self.spec.partition.text.bytes {
            let detail = format!(
                "{documents} documents of {} bytes in, {} of {} bytes out, {} bytes cut",
                self.spec.partition.text.bytes, stats.documents, stats.text_bytes, stats.bytes
            );
            return Err(EngineError::Conservation {
                task: place.label(),
                detail,
            });
        }
        let mut outputs = BTreeMap::new();
        let mut put = |name: &str, artefact: Artefact| outputs.insert(name.to_owned(), artefact);
        put("text", self.text.finish(documents)?);
        put("index", self.index.finish(documents)?);
        put("verdict", self.verdicts.finish(documents)?);
        put("drops", self.drops.finish(self.num_drops)?);
        put("edits", self.edits.finish()?);
        let keys = self.keys.finish(&self.spec.partition, place, session)?;
        if let Some(exact) = keys.exact {
            put("exact", exact);
        }
        if let Some(bands) = keys.bands {
            put("bands", bands);
        }
        let counts = serde_json::to_value(stats).map_err(|error| EngineError::Spec(error.to_string()))?;
        commit(place, outputs, counts)
    }
}
