//! The rows of one rank or worker out of the global sequence of rows.

use std::ops::Range;
use std::sync::Arc;

use gristmill_core::packing::{Corpus, PackingError, Placed, Plan, PlanSettings, PlanState};

use super::columns::{Columns, Ids};
use super::fill::{Filled, Out, Tokens, fill};
use crate::error::Result;
use crate::task::Session;

/// Rows between two looks at the request to stop.
const ROWS_BETWEEN_CHECKS: u64 = 4096;

/// Which rows of the global sequence a reader fills: of every `num_ranks`, the one at place `rank`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Share {
    /// Place, from 0.
    pub rank: u64,
    /// Readers that share the rows, at least 1.
    pub num_ranks: u64,
}

/// What the next batch will hold.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Planned {
    /// Rows of this reader.
    pub rows: usize,
    /// Rows of all readers.
    pub global_rows: u64,
    /// Tokens in this reader's rows.
    pub tokens: usize,
    /// Pieces in them.
    pub pieces: usize,
    /// Rows among them that are not full.
    pub short_rows: usize,
}

/// Rows of a split, planned and then filled, batch after batch.
///
/// Every reader plans all rows and fills its own: planning takes a small part of the time of filling, and needs
/// neither messages between ranks nor an index that is made beforehand.
#[derive(Debug)]
pub struct Reader {
    columns: Arc<Columns>,
    plan: Plan,
    pieces: Vec<Placed>,
    rows: Vec<Range<usize>>,
    row: Vec<Placed>,
}

impl Reader {
    /// Opens rows from the beginning or from a state.
    ///
    /// # Errors
    /// What [`Plan::new`] and [`Plan::resume`] raise.
    pub fn open(columns: Arc<Columns>, settings: &PlanSettings, state: Option<&PlanState>) -> Result<Self> {
        let plan = match state {
            None => Plan::new(&*columns, settings)?,
            Some(state) => Plan::resume(&*columns, settings, state)?,
        };
        Ok(Self {
            columns,
            plan,
            pieces: Vec::new(),
            rows: Vec::new(),
            row: Vec::new(),
        })
    }

    /// Where it stands: behind all global rows of the batches so far.
    pub fn plan(&self) -> &Plan {
        &self.plan
    }

    /// Leaves out up to `rows` global rows and returns how many there were.
    ///
    /// # Errors
    /// When a shard is damaged or the caller asked to stop.
    pub fn skip(&mut self, rows: u64, session: &Session) -> Result<u64> {
        self.skip_until(rows, u64::MAX, session)
    }

    /// Leaves out rows until `rows` were left out or at least `tokens` placed since the beginning; returns how many.
    ///
    /// # Errors
    /// When a shard is damaged or the caller asked to stop.
    pub fn skip_until(&mut self, rows: u64, tokens: u64, session: &Session) -> Result<u64> {
        let mut skipped = 0;
        while skipped < rows
            && self.plan.ledger().placed < tokens
            && self.plan.next_row(&*self.columns, &mut self.row)?
        {
            skipped += 1;
            if skipped % ROWS_BETWEEN_CHECKS == 0 {
                session.check()?;
            }
        }
        Ok(skipped)
    }

    /// Plans the next `rows` rows of a share, and leaves out what other readers take beside them.
    ///
    /// # Errors
    /// When a shard is damaged or the caller asked to stop.
    pub fn plan_batch(&mut self, rows: usize, share: Share, session: &Session) -> Result<Planned> {
        self.pieces.clear();
        self.rows.clear();
        let mut planned = Planned::default();
        for number in 0..rows as u64 * share.num_ranks {
            if !self.plan.next_row(&*self.columns, &mut self.row)? {
                break;
            }
            planned.global_rows += 1;
            if number % share.num_ranks == share.rank {
                let start = self.pieces.len();
                self.pieces.extend_from_slice(&self.row);
                self.rows.push(start..self.pieces.len());
                let tokens = self.row.iter().map(Placed::len).sum::<usize>();
                planned.tokens += tokens;
                planned.short_rows += usize::from(tokens < self.plan.sequence_length());
            }
            if number % ROWS_BETWEEN_CHECKS == ROWS_BETWEEN_CHECKS - 1 {
                session.check()?;
            }
        }
        planned.rows = self.rows.len();
        planned.pieces = self.pieces.len();
        Ok(planned)
    }

    /// Writes the planned batch. `padding` is the id that fills rows up to their length; none: rows end to end.
    ///
    /// # Errors
    /// When an array does not fit the batch or a shard is damaged.
    pub fn fill(&self, padding: Option<u32>, out: &mut Out<'_>) -> Result<Filled> {
        let is_wide = |piece: &Placed| matches!(self.columns.block(piece.block as usize).ids, Ids::Wide(_));
        if matches!(out.tokens, Tokens::U16(_)) && self.pieces.iter().any(is_wide) {
            return Err(PackingError::Arrays("the shards' ids do not fit uint16".to_owned()).into());
        }
        fill(
            &self.columns,
            &self.rows,
            &self.pieces,
            |piece| self.plan.index(piece.block, piece.row),
            padding.map(|id| (id, self.plan.sequence_length())),
            out,
        )
    }

    /// Number of documents.
    pub fn num_documents(&self) -> u64 {
        (0..self.columns.num_blocks())
            .map(|block| self.columns.num_rows(block) as u64)
            .sum()
    }
}
