//! One global sequence of rows, as lists of pieces, from any row on.

use serde::{Deserialize, Serialize};

use super::ledger::Ledger;
use super::mixing::{Mixer, Phase};
use super::order::{Copies, Documents, Entry};
use super::random::derive_key;
use super::window::{Placed, Window};
use super::{Corpus, PackingError};

/// Pieces that wait: with a thousand, rows are as full as those of a best-fit over everything at once.
pub const WINDOW_PIECES: usize = 1000;

/// Tokens `start .. stop-1` of a document of the split; with `start > 0` the first is context.
pub type Piece = (u64, u32, u32);

/// What decides the rows, beside the documents.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PlanSettings {
    /// Places of a row, at least 2.
    pub sequence_length: usize,
    /// Decides the order.
    pub seed: u64,
    /// False keeps the order of the shards.
    pub is_shuffled: bool,
    /// After how many epochs rows end; none: never. With a mixture, its caps decide instead.
    pub num_epochs: Option<u64>,
    /// How often documents of each source appear in an epoch; without effect on a mixture.
    pub weights: Vec<f64>,
    /// Shares of the sources; none: every document as often as its weight says.
    pub mixing: Option<MixingSettings>,
}

/// A mixture of sources.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct MixingSettings {
    /// Shares over time.
    pub phases: Vec<Phase>,
    /// Documents after which each source leaves; none: never.
    pub max_documents: Vec<Option<u64>>,
}

/// Everything that decides which rows come next, beside settings and documents.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PlanState {
    /// Epoch and position of each stream: one, or with a mixture one a source.
    pub streams: Vec<(u64, u64)>,
    /// Phase of the mixture.
    pub phase: usize,
    /// Tokens of each source since the shares last changed; empty without a mixture.
    pub account: Vec<u64>,
    /// The document that is being cut, and where its next piece starts.
    pub rest: Option<(u64, u32)>,
    /// Pieces that wait, oldest first.
    pub window: Vec<Piece>,
    /// Counts so far.
    pub ledger: Ledger,
    /// Tokens in rows, by source.
    pub placed_by_source: Vec<u64>,
}

/// A document of which a part is not cut yet.
#[derive(Debug, Clone, Copy)]
struct Rest {
    entry: Entry,
    source: usize,
    num_tokens: u32,
    start: u32,
}

/// Packed rows as lists of pieces, one after another.
///
/// Without a mixture the window is emptied at the end of each epoch, so that every epoch is whole. Documents longer
/// than a row are cut: the next piece starts with the last token of the piece before, as context, so that no token is
/// trained twice and no prediction is lost. Time: about a hundred nanoseconds a document.
#[derive(Debug, Clone)]
pub struct Plan {
    sequence_length: usize,
    num_epochs: Option<u64>,
    streams: Vec<Documents>,
    mixer: Option<Mixer>,
    max_documents: Vec<Option<u64>>,
    /// Documents of each stream's epoch, with a mixture.
    stream_documents: Vec<u64>,
    /// Documents before each block.
    starts: Vec<u64>,
    window: Window,
    rest: Option<Rest>,
    ledger: Ledger,
    placed_by_source: Vec<u64>,
}

impl Plan {
    /// Returns the plan from the first row on. Time: with a mixture or weights, one pass over the documents' sources.
    ///
    /// # Errors
    /// [`PackingError::SequenceLength`], [`PackingError::Nothing`], and what the corpus raises.
    pub fn new<C: Corpus>(corpus: &C, settings: &PlanSettings) -> Result<Self, PackingError> {
        if settings.sequence_length < 2 || u32::try_from(settings.sequence_length).is_err() {
            return Err(PackingError::SequenceLength(settings.sequence_length));
        }
        let mut starts = Vec::with_capacity(corpus.num_blocks());
        let mut before = 0;
        for block in 0..corpus.num_blocks() {
            starts.push(before);
            before += corpus.num_rows(block) as u64;
        }
        let (streams, mixer, max_documents) = match &settings.mixing {
            None => (vec![natural(corpus, settings)?], None, Vec::new()),
            Some(mixing) => {
                let (streams, mixer) = mixed(corpus, settings, mixing)?;
                (streams, Some(mixer), mixing.max_documents.clone())
            }
        };
        Ok(Self {
            sequence_length: settings.sequence_length,
            num_epochs: settings.num_epochs,
            stream_documents: streams.iter().map(|stream| stream.len(0)).collect(),
            streams,
            mixer,
            max_documents,
            starts,
            window: Window::new(settings.sequence_length),
            rest: None,
            ledger: Ledger::default(),
            placed_by_source: vec![0; corpus.num_sources()],
        })
    }

    /// Returns the plan from where `state` was taken on.
    ///
    /// # Errors
    /// [`PackingError::State`] when the state names what is not there, and what [`Self::new`] raises.
    pub fn resume<C: Corpus>(
        corpus: &C,
        settings: &PlanSettings,
        state: &PlanState,
    ) -> Result<Self, PackingError> {
        let mut plan = Self::new(corpus, settings)?;
        if state.streams.len() != plan.streams.len()
            || state.placed_by_source.len() != plan.placed_by_source.len()
        {
            return Err(PackingError::State("another number of sources".to_owned()));
        }
        for (stream, &(epoch, cursor)) in plan.streams.iter_mut().zip(&state.streams) {
            stream.seek(corpus, epoch, cursor)?;
        }
        if let Some(mixer) = &mut plan.mixer {
            if state.account.len() != plan.streams.len() || state.phase >= mixer.num_phases() {
                return Err(PackingError::State("another mixture".to_owned()));
            }
            let has_left = (0..plan.streams.len())
                .map(|source| {
                    let (epoch, cursor) = state.streams[source];
                    let given = epoch * plan.stream_documents[source] + cursor;
                    plan.max_documents[source].is_some_and(|most| given >= most)
                })
                .collect();
            mixer.resume(state.phase, has_left, state.account.clone());
        }
        for &(document, start, stop) in &state.window {
            let (entry, num_tokens) = plan.find(corpus, document)?;
            let is_piece =
                start < stop && stop <= num_tokens && (stop - start) as usize <= plan.sequence_length;
            if !is_piece {
                return Err(PackingError::State(format!(
                    "tokens {start} to {stop} of document {document}"
                )));
            }
            plan.window.push(Placed {
                block: entry.block,
                row: entry.row,
                start,
                stop,
                source: corpus.source(entry.block as usize, entry.row as usize)? as u32,
            });
        }
        if let Some((document, start)) = state.rest {
            let (entry, num_tokens) = plan.find(corpus, document)?;
            if start == 0 || start >= num_tokens {
                return Err(PackingError::State(format!(
                    "token {start} of document {document}"
                )));
            }
            plan.rest = Some(Rest {
                entry,
                source: corpus.source(entry.block as usize, entry.row as usize)?,
                num_tokens,
                start,
            });
        }
        plan.ledger = state.ledger;
        plan.placed_by_source.clone_from(&state.placed_by_source);
        plan.ledger.check(plan.sequence_length)?;
        Ok(plan)
    }

    /// Where the plan stands.
    pub fn state(&self) -> PlanState {
        PlanState {
            streams: self
                .streams
                .iter()
                .map(|stream| (stream.epoch(), stream.cursor()))
                .collect(),
            phase: self.mixer.as_ref().map_or(0, Mixer::phase),
            account: self
                .mixer
                .as_ref()
                .map_or_else(Vec::new, |mixer| mixer.account().to_vec()),
            rest: self
                .rest
                .map(|rest| (self.index(rest.entry.block, rest.entry.row), rest.start)),
            window: self
                .window
                .pieces()
                .map(|piece| (self.index(piece.block, piece.row), piece.start, piece.stop))
                .collect(),
            ledger: self.ledger,
            placed_by_source: self.placed_by_source.clone(),
        }
    }

    /// Epoch of the next row; with a mixture that of the source that has been read most often.
    pub fn epoch(&self) -> u64 {
        self.streams.iter().map(Documents::epoch).max().unwrap_or(0)
    }

    /// Places of a row.
    pub fn sequence_length(&self) -> usize {
        self.sequence_length
    }

    /// What became of the tokens so far.
    pub fn ledger(&self) -> &Ledger {
        &self.ledger
    }

    /// Tokens in rows so far, by source.
    pub fn placed_by_source(&self) -> &[u64] {
        &self.placed_by_source
    }

    /// Position in the split of a document.
    pub fn index(&self, block: u32, row: u32) -> u64 {
        self.starts[block as usize] + u64::from(row)
    }

    /// Puts the pieces of the next row into `row`; false after the last row.
    ///
    /// # Errors
    /// [`PackingError::Ledger`] when tokens were lost, [`PackingError::Nothing`] when epoch follows epoch without any
    /// token, and what the corpus raises.
    pub fn next_row<C: Corpus>(&mut self, corpus: &C, row: &mut Vec<Placed>) -> Result<bool, PackingError> {
        row.clear();
        while self.window.is_empty() {
            if self.is_over() {
                return Ok(false);
            }
            self.refill(corpus)?;
            if self.window.is_empty() && !self.begin_next_epoch()? {
                return Ok(false);
            }
        }
        let left = self.window.pop_row(self.sequence_length, row);
        self.count(corpus, row, left)?;
        self.refill(corpus)?;
        if self.window.is_empty() {
            self.begin_next_epoch()?;
        }
        Ok(true)
    }

    /// Whether the last epoch is over. A mixture ends when nothing is left to choose, not here.
    fn is_over(&self) -> bool {
        self.mixer.is_none()
            && self
                .num_epochs
                .is_some_and(|most| self.streams[0].epoch() >= most)
    }

    /// Goes on to the next epoch; false when there is none.
    fn begin_next_epoch(&mut self) -> Result<bool, PackingError> {
        if self.mixer.is_some() {
            return Ok(false);
        }
        if self.num_epochs.is_none() && self.ledger.read == 0 {
            return Err(PackingError::Nothing);
        }
        let next = self.streams[0].epoch() + 1;
        self.streams[0].begin(next);
        Ok(true)
    }

    fn refill<C: Corpus>(&mut self, corpus: &C) -> Result<(), PackingError> {
        while self.window.len() < WINDOW_PIECES {
            let rest = match self.rest.take() {
                Some(rest) => {
                    self.ledger.repeated += 1;
                    self.ledger.pending += 1;
                    rest
                }
                None => match self.next_document(corpus)? {
                    Some(rest) => rest,
                    None => return Ok(()),
                },
            };
            if rest.num_tokens == 0 {
                continue;
            }
            let room = self.sequence_length as u32;
            let stop = rest.num_tokens.min(rest.start.saturating_add(room));
            self.window.push(Placed {
                block: rest.entry.block,
                row: rest.entry.row,
                start: rest.start,
                stop,
                source: rest.source as u32,
            });
            if stop < rest.num_tokens {
                self.rest = Some(Rest {
                    start: stop - 1,
                    ..rest
                });
            }
        }
        Ok(())
    }

    /// Reads the next document; None at the end of an epoch or of a mixture.
    fn next_document<C: Corpus>(&mut self, corpus: &C) -> Result<Option<Rest>, PackingError> {
        let chosen = match &mut self.mixer {
            None => None,
            Some(mixer) => match mixer.choose(self.ledger.read) {
                None => return Ok(None),
                found => found,
            },
        };
        let stream = &mut self.streams[chosen.unwrap_or(0)];
        let entry = match (stream.next(corpus)?, chosen) {
            (None, None) => return Ok(None),
            (Some(entry), _) => entry,
            (None, Some(_)) => {
                stream.begin(stream.epoch() + 1);
                stream.next(corpus)?.ok_or(PackingError::Nothing)?
            }
        };
        let (block, row) = (entry.block as usize, entry.row as usize);
        let num_tokens = corpus.num_tokens(block, row)?;
        let source = match chosen {
            Some(source) => source,
            None => corpus.source(block, row)?,
        };
        if let (Some(mixer), Some(source)) = (&mut self.mixer, chosen) {
            mixer.count(source, u64::from(num_tokens));
            let given = stream.epoch() * self.stream_documents[source] + stream.cursor();
            if self.max_documents[source].is_some_and(|most| given >= most) {
                mixer.leave(source);
            }
        }
        let ledger = &mut self.ledger;
        ledger.documents += 1;
        ledger.empty += u64::from(num_tokens == 0);
        ledger.split += u64::from(num_tokens as usize > self.sequence_length);
        ledger.read += u64::from(num_tokens);
        ledger.pending += u64::from(num_tokens);
        Ok(Some(Rest {
            entry,
            source,
            num_tokens,
            start: 0,
        }))
    }

    fn count<C: Corpus>(&mut self, corpus: &C, row: &[Placed], left: usize) -> Result<(), PackingError> {
        let mut trained = 0;
        for piece in row {
            trained += u64::from(corpus.num_trained(
                piece.block as usize,
                piece.row as usize,
                piece.start + 1,
                piece.stop,
            )?);
            self.placed_by_source[piece.source as usize] += piece.len() as u64;
        }
        let (pieces, tokens) = (row.len() as u64, (self.sequence_length - left) as u64);
        let ledger = &mut self.ledger;
        ledger.rows += 1;
        ledger.pieces += pieces;
        ledger.first += pieces;
        ledger.placed += tokens;
        ledger.pending -= tokens;
        ledger.padded += left as u64;
        ledger.trained += trained;
        ledger.masked += tokens - pieces - trained;
        ledger.check(self.sequence_length)
    }

    fn find<C: Corpus>(&self, corpus: &C, document: u64) -> Result<(Entry, u32), PackingError> {
        let lost = || PackingError::State(format!("document {document}"));
        let block = self
            .starts
            .partition_point(|&start| start <= document)
            .checked_sub(1)
            .ok_or_else(lost)?;
        let row = document - self.starts[block];
        if row >= corpus.num_rows(block) as u64 {
            return Err(lost());
        }
        let entry = Entry {
            block: block as u32,
            row: row as u32,
        };
        Ok((entry, corpus.num_tokens(block, row as usize)?))
    }
}

fn natural<C: Corpus>(corpus: &C, settings: &PlanSettings) -> Result<Documents, PackingError> {
    let is_plain = settings.weights.iter().all(|&weight| weight == 1.0);
    let copies = if is_plain {
        None
    } else {
        Some(Copies::new(corpus, &settings.weights, settings.seed)?)
    };
    let documents = Documents::all(
        corpus,
        copies,
        derive_key(&[settings.seed, 0]),
        settings.is_shuffled,
    );
    if documents.is_empty(0) {
        return Err(PackingError::Nothing);
    }
    Ok(documents)
}

/// Returns a stream for each source, and the mixer, in which sources without a token have no share.
fn mixed<C: Corpus>(
    corpus: &C,
    settings: &PlanSettings,
    mixing: &MixingSettings,
) -> Result<(Vec<Documents>, Mixer), PackingError> {
    let sources = corpus.num_sources();
    let mut blocks = vec![Vec::new(); sources];
    let mut tokens = vec![0_u64; sources];
    for block in 0..corpus.num_blocks() {
        let mut members = vec![0_u32; sources];
        for row in 0..corpus.num_rows(block) {
            let source = corpus.source(block, row)?;
            members[source] += 1;
            tokens[source] += u64::from(corpus.num_tokens(block, row)?);
        }
        for (source, &members) in members.iter().enumerate().filter(|(_, members)| **members > 0) {
            blocks[source].push((block as u32, members));
        }
    }
    let mut phases = mixing.phases.clone();
    for phase in &mut phases {
        for (share, &tokens) in phase.shares.iter_mut().zip(&tokens) {
            *share = if tokens == 0 { 0 } else { *share };
        }
    }
    let is_right = |phase: &Phase| phase.shares.len() == sources;
    if !phases.iter().all(is_right) || mixing.max_documents.len() != sources {
        return Err(PackingError::State("another number of sources".to_owned()));
    }
    if phases
        .iter()
        .all(|phase| phase.shares.iter().all(|&share| share == 0))
    {
        return Err(PackingError::Nothing);
    }
    let streams = blocks
        .into_iter()
        .enumerate()
        .map(|(source, blocks)| {
            let key = derive_key(&[settings.seed, 1, source as u64]);
            Documents::of_source(source, blocks, key, settings.is_shuffled)
        })
        .collect();
    Ok((streams, Mixer::new(phases)))
}
