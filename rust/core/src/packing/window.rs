//! Streaming best-fit: the pieces that wait, found by length and by age.
//!
//! A row starts with the piece that has waited longest; then, as long as something fits, the longest piece that fits
//! is added, of equal ones the oldest. So no piece waits for more than a window of rows, and with a window of 1,000
//! pieces rows are as full as those of a best-fit over everything at once.

use super::length_set::LengthSet;

/// No slot.
const NONE: u32 = u32::MAX;

/// A piece in the window or in a row.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Placed {
    /// Block of its document.
    pub block: u32,
    /// Row of its document in the block.
    pub row: u32,
    /// First token.
    pub start: u32,
    /// Behind the last token.
    pub stop: u32,
    /// Source of its document.
    pub source: u32,
}

impl Placed {
    /// Tokens of the piece.
    pub fn len(&self) -> usize {
        (self.stop - self.start) as usize
    }

    /// Whether it holds no token; a piece in a window never does.
    pub fn is_empty(&self) -> bool {
        self.start == self.stop
    }
}

#[derive(Debug, Clone)]
struct Slot {
    piece: Placed,
    /// Neighbours by age.
    older: u32,
    newer: u32,
    /// Next newer piece of the same length.
    next_equal: u32,
}

/// The pieces that wait for a row.
///
/// Every operation takes the same few nanoseconds, however full the window is: pieces of one length form a queue, a
/// [`LengthSet`] knows which queues are not empty, and a list through all pieces keeps their age. The oldest of all
/// is always the first of its own queue, so no queue is ever cut in the middle. Memory: 8 bytes for each length up to
/// the longest, 36 a piece.
///
/// ```
/// use gristmill_core::packing::{Placed, Window};
/// let mut window = Window::new(8);
/// for (row, stop) in [3, 5, 2, 5].into_iter().enumerate() {
///     window.push(Placed { block: 0, row: row as u32, start: 0, stop, source: 0 });
/// }
/// let mut row = Vec::new();
/// assert_eq!(window.pop_row(8, &mut row), 0);
/// assert_eq!(row.iter().map(|piece| piece.row).collect::<Vec<_>>(), [0, 1]);
/// assert_eq!(window.len(), 2);
/// ```
#[derive(Debug, Clone)]
pub struct Window {
    slots: Vec<Slot>,
    free: Vec<u32>,
    oldest: u32,
    newest: u32,
    /// First and last slot of each length.
    queues: Vec<(u32, u32)>,
    lengths: LengthSet,
    len: usize,
}

impl Window {
    /// An empty window for pieces of up to `longest` tokens.
    pub fn new(longest: usize) -> Self {
        Self {
            slots: Vec::new(),
            free: Vec::new(),
            oldest: NONE,
            newest: NONE,
            queues: vec![(NONE, NONE); longest + 1],
            lengths: LengthSet::new(longest + 1),
            len: 0,
        }
    }

    /// Number of pieces that wait.
    pub fn len(&self) -> usize {
        self.len
    }

    /// Whether nothing waits.
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// Returns the pieces, oldest first.
    pub fn pieces(&self) -> impl Iterator<Item = Placed> + '_ {
        let mut at = self.oldest;
        std::iter::from_fn(move || {
            let slot = self.slots.get(at as usize)?;
            at = slot.newer;
            Some(slot.piece)
        })
    }

    /// Takes a piece in, as the newest. It must hold a token, and not more than the longest length.
    pub fn push(&mut self, piece: Placed) {
        let slot = Slot {
            piece,
            older: self.newest,
            newer: NONE,
            next_equal: NONE,
        };
        let at = if let Some(at) = self.free.pop() {
            self.slots[at as usize] = slot;
            at
        } else {
            self.slots.push(slot);
            self.slots.len() as u32 - 1
        };
        if self.newest == NONE {
            self.oldest = at;
        } else {
            self.slots[self.newest as usize].newer = at;
        }
        self.newest = at;
        let length = piece.len();
        let (first, last) = self.queues[length];
        if first == NONE {
            self.queues[length] = (at, at);
            self.lengths.insert(length);
        } else {
            self.slots[last as usize].next_equal = at;
            self.queues[length].1 = at;
        }
        self.len += 1;
    }

    /// Moves the pieces of the next row into `row` (which is emptied first) and returns the room that is left of
    /// `room`. An empty window gives an empty row.
    pub fn pop_row(&mut self, room: usize, row: &mut Vec<Placed>) -> usize {
        row.clear();
        let mut room = room;
        let Some(oldest) = self.slots.get(self.oldest as usize).filter(|_| self.len > 0) else {
            return room;
        };
        let mut length = oldest.piece.len();
        loop {
            row.push(self.pop(length));
            room = room.saturating_sub(length);
            match self.lengths.at_most(room) {
                Some(next) => length = next,
                None => return room,
            }
        }
    }

    /// Takes out the oldest piece of a length that is present.
    fn pop(&mut self, length: usize) -> Placed {
        let (first, last) = self.queues[length];
        let slot = self.slots[first as usize].clone();
        if first == last {
            self.queues[length] = (NONE, NONE);
            self.lengths.remove(length);
        } else {
            self.queues[length].0 = slot.next_equal;
        }
        match slot.older {
            NONE => self.oldest = slot.newer,
            older => self.slots[older as usize].newer = slot.newer,
        }
        match slot.newer {
            NONE => self.newest = slot.older,
            newer => self.slots[newer as usize].older = slot.older,
        }
        self.free.push(first);
        self.len -= 1;
        slot.piece
    }
}
