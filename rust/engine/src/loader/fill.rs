//! Copies the pieces of rows into arrays: tokens, positions, targets, bounds, and a table that names the pieces.
//!
//! Each kind of array is filled by a loop of its own over a piece, which the compiler turns into vector instructions;
//! a piece of 4,096 tokens stays in the first caches while they run.

use gristmill_core::packing::{PackingError, Placed};

use super::columns::{Block, Columns, Ids, trained_runs};
use crate::error::Result;

/// Columns of the table of pieces: position in the split, `doc`, start, stop, row of the batch, source, label.
///
/// `doc` is uint64 in the bits of an int64; a document without a label has -1 there.
pub const PIECE_FIELDS: usize = 7;

/// Target of a place where nothing is predicted; torch's own convention.
const IGNORED: i32 = -100;

/// An array of token ids.
#[derive(Debug)]
pub enum Tokens<'a> {
    /// Two bytes; only where the shards' ids fit.
    U16(&'a mut [u16]),
    /// Four bytes.
    U32(&'a mut [u32]),
    /// Four bytes, signed.
    I32(&'a mut [i32]),
    /// Eight bytes, signed: what torch's embeddings take.
    I64(&'a mut [i64]),
}

/// An array of positions or targets.
#[derive(Debug)]
pub enum Numbers<'a> {
    /// Four bytes.
    I32(&'a mut [i32]),
    /// Eight bytes.
    I64(&'a mut [i64]),
}

/// What is written for training.
#[derive(Debug)]
pub enum Targets<'a> {
    /// Nothing.
    None,
    /// At each place the next token of its piece where that is trained, else -100.
    Next(Numbers<'a>),
    /// At each place its own token where that is trained and not the first of its piece, else -100: labels of
    /// libraries that shift them themselves.
    Labels(Numbers<'a>),
    /// 1 where the next token of the piece is trained, else 0.
    Mask(&'a mut [u8]),
}

/// The arrays of a batch. Where rows are padded all have `rows * sequence_length` places, else as many as tokens.
#[derive(Debug)]
pub struct Out<'a> {
    /// Token ids.
    pub tokens: Tokens<'a>,
    /// Positions, from 0 within each piece.
    pub positions: Numbers<'a>,
    /// What is predicted.
    pub targets: Targets<'a>,
    /// Where pieces start, and the end: pieces + 1, with padding one more for each row that is not full.
    pub bounds: &'a mut [i32],
    /// [`PIECE_FIELDS`] columns, one behind the other.
    pub pieces: &'a mut [i64],
    /// Where rows start, and the end: rows + 1.
    pub row_bounds: &'a mut [i64],
}

/// What was written.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Filled {
    /// Places whose target counts.
    pub trained: u64,
    /// Bounds in use.
    pub num_bounds: usize,
    /// Tokens of the longest piece.
    pub longest: usize,
}

impl Tokens<'_> {
    fn len(&self) -> usize {
        match self {
            Self::U16(out) => out.len(),
            Self::U32(out) => out.len(),
            Self::I32(out) => out.len(),
            Self::I64(out) => out.len(),
        }
    }

    fn copy(&mut self, at: usize, ids: &Source<'_>) {
        match (self, ids) {
            (Self::U16(out), Source::Narrow(ids)) => convert(&mut out[at..], ids, |id| id),
            // The reader has made sure that wide shards are not read into this.
            (Self::U16(out), Source::Wide(ids)) => convert(&mut out[at..], ids, |id| id as u16),
            (Self::U32(out), Source::Narrow(ids)) => convert(&mut out[at..], ids, u32::from),
            (Self::U32(out), Source::Wide(ids)) => convert(&mut out[at..], ids, |id| id),
            (Self::I32(out), Source::Narrow(ids)) => convert(&mut out[at..], ids, i32::from),
            (Self::I32(out), Source::Wide(ids)) => convert(&mut out[at..], ids, |id| id as i32),
            (Self::I64(out), Source::Narrow(ids)) => convert(&mut out[at..], ids, i64::from),
            (Self::I64(out), Source::Wide(ids)) => convert(&mut out[at..], ids, i64::from),
        }
    }

    fn pad(&mut self, from: usize, to: usize, id: u32) {
        match self {
            Self::U16(out) => out[from..to].fill(id as u16),
            Self::U32(out) => out[from..to].fill(id),
            Self::I32(out) => out[from..to].fill(id as i32),
            Self::I64(out) => out[from..to].fill(i64::from(id)),
        }
    }
}

impl Numbers<'_> {
    fn len(&self) -> usize {
        match self {
            Self::I32(out) => out.len(),
            Self::I64(out) => out.len(),
        }
    }

    fn count_up(&mut self, from: usize, to: usize) {
        match self {
            Self::I32(out) => {
                for (number, out) in (0_i32..).zip(&mut out[from..to]) {
                    *out = number;
                }
            }
            Self::I64(out) => {
                for (number, out) in (0_i64..).zip(&mut out[from..to]) {
                    *out = number;
                }
            }
        }
    }

    fn fill(&mut self, from: usize, to: usize, value: i32) {
        match self {
            Self::I32(out) => out[from..to].fill(value),
            Self::I64(out) => out[from..to].fill(i64::from(value)),
        }
    }

    fn copy(&mut self, at: usize, ids: &Source<'_>) {
        match (self, ids) {
            (Self::I32(out), Source::Narrow(ids)) => convert(&mut out[at..], ids, i32::from),
            (Self::I32(out), Source::Wide(ids)) => convert(&mut out[at..], ids, |id| id as i32),
            (Self::I64(out), Source::Narrow(ids)) => convert(&mut out[at..], ids, i64::from),
            (Self::I64(out), Source::Wide(ids)) => convert(&mut out[at..], ids, i64::from),
        }
    }
}

/// Ids of a piece.
enum Source<'a> {
    Narrow(&'a [u16]),
    Wide(&'a [u32]),
}

impl<'a> Source<'a> {
    fn of(block: &'a Block, piece: &Placed, start: u32, stop: u32) -> Result<Self> {
        let places = block.places(piece.row as usize, start, stop).ok_or_else(|| {
            PackingError::Shard(format!(
                "row {} of a record batch has tokens beyond its end",
                piece.row
            ))
        })?;
        Ok(match &block.ids {
            Ids::Narrow(ids) => Self::Narrow(&ids[places]),
            Ids::Wide(ids) => Self::Wide(&ids[places]),
        })
    }
}

fn convert<F: Copy, T>(out: &mut [T], ids: &[F], to: impl Fn(F) -> T) {
    for (out, &id) in out.iter_mut().zip(ids) {
        *out = to(id);
    }
}

impl Out<'_> {
    /// Whether the arrays have room for this many places, pieces and rows.
    fn check(&self, places: usize, bounds: usize, pieces: usize, rows: usize) -> Result<()> {
        let targets = match &self.targets {
            Targets::None => places,
            Targets::Next(out) | Targets::Labels(out) => out.len(),
            Targets::Mask(out) => out.len(),
        };
        let is_right = self.tokens.len() >= places
            && self.positions.len() >= places
            && targets >= places
            && self.bounds.len() >= bounds
            && self.pieces.len() == pieces * PIECE_FIELDS
            && self.row_bounds.len() == rows + 1;
        if is_right {
            Ok(())
        } else {
            Err(PackingError::Arrays(format!(
                "arrays for a batch of {rows} rows need {places} places, {bounds} bounds and {pieces} pieces"
            ))
            .into())
        }
    }

    /// Writes one piece at `at` and returns how many of its places are trained.
    fn write(&mut self, columns: &Columns, piece: &Placed, at: usize) -> Result<u64> {
        let block = columns.block(piece.block as usize);
        let end = at + piece.len();
        let ids = Source::of(block, piece, piece.start, piece.stop)?;
        self.tokens.copy(at, &ids);
        self.positions.count_up(at, end);
        let runs = block.runs(piece.row as usize);
        let (first, stop) = (piece.start + 1, piece.stop);
        // Where the target of the piece's second token stands.
        let place = match self.targets {
            Targets::Labels(_) => at + 1,
            _ => at,
        };
        let mut trained = 0;
        let mut set = |targets: &mut Targets<'_>, from: u32, to: u32| -> Result<()> {
            trained += u64::from(to - from);
            let at = place + (from - first) as usize;
            match targets {
                Targets::None => {}
                Targets::Next(out) | Targets::Labels(out) => {
                    out.copy(at, &Source::of(block, piece, from, to)?);
                }
                Targets::Mask(out) => out[at..at + (to - from) as usize].fill(1),
            }
            Ok(())
        };
        match runs {
            None => {
                self.targets.clear(if place == at { end - 1 } else { at }, 1);
                set(&mut self.targets, first, stop)?;
            }
            Some(runs) => {
                self.targets.clear(at, piece.len());
                for (from, to) in trained_runs(runs, first, stop) {
                    set(&mut self.targets, from, to)?;
                }
            }
        }
        Ok(trained)
    }
}

impl Targets<'_> {
    fn clear(&mut self, at: usize, len: usize) {
        match self {
            Self::None => {}
            Self::Next(out) | Self::Labels(out) => out.fill(at, at + len, IGNORED),
            Self::Mask(out) => out[at..at + len].fill(0),
        }
    }
}

/// Writes rows, given as their pieces and where each row begins among them.
///
/// `padding` is the id behind the pieces of a row that is not full, where every row takes `sequence_length` places;
/// without it rows are laid end to end.
///
/// # Errors
/// When an array is too short or a shard damaged.
pub(super) fn fill(
    columns: &Columns,
    rows: &[std::ops::Range<usize>],
    pieces: &[Placed],
    index: impl Fn(&Placed) -> u64,
    padding: Option<(u32, usize)>,
    out: &mut Out<'_>,
) -> Result<Filled> {
    let tokens: usize = pieces.iter().map(Placed::len).sum();
    let row_tokens =
        |row: &std::ops::Range<usize>| pieces[row.clone()].iter().map(Placed::len).sum::<usize>();
    let (places, num_bounds) = match padding {
        None => (tokens, pieces.len() + 1),
        Some((_, room)) => {
            let short = rows.iter().filter(|row| row_tokens(row) < room).count();
            (rows.len() * room, pieces.len() + 1 + short)
        }
    };
    if i32::try_from(places).is_err() {
        return Err(
            PackingError::Arrays(format!("a batch of {places} places; bounds are 32 bits wide")).into(),
        );
    }
    out.check(places, num_bounds, pieces.len(), rows.len())?;
    let mut filled = Filled {
        num_bounds,
        ..Filled::default()
    };
    let (mut at, mut bound) = (0, 0);
    out.bounds[0] = 0;
    for (number, row) in rows.iter().enumerate() {
        out.row_bounds[number] = at as i64;
        let row_start = at;
        for (offset, piece) in pieces[row.clone()].iter().enumerate() {
            filled.trained += out.write(columns, piece, at)?;
            filled.longest = filled.longest.max(piece.len());
            at += piece.len();
            bound += 1;
            out.bounds[bound] = at as i32;
            let block = columns.block(piece.block as usize);
            let fields = [
                index(piece) as i64,
                block.doc(piece.row as usize) as i64,
                i64::from(piece.start),
                i64::from(piece.stop),
                number as i64,
                i64::from(piece.source),
                block.label(piece.row as usize).map_or(-1, i64::from),
            ];
            for (field, value) in fields.into_iter().enumerate() {
                out.pieces[field * pieces.len() + row.start + offset] = value;
            }
        }
        if let Some((id, room)) = padding
            && at < row_start + room
        {
            let end = row_start + room;
            out.tokens.pad(at, end, id);
            out.positions.count_up(at, end);
            out.targets.clear(at, end - at);
            at = end;
            bound += 1;
            out.bounds[bound] = at as i32;
        }
    }
    out.row_bounds[rows.len()] = at as i64;
    Ok(filled)
}
