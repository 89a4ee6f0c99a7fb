//! How the bits of the old thresholds, and those of thresholds that are new, become the bits of the new ones.

use crate::decide::{Threshold, WORD_BITS, columns_of, words_for};

/// Bits that keep their order are moved together.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Move {
    from: usize,
    to: usize,
    length: usize,
}

/// Old and new thresholds as one list of *atoms*: the old ones in their order, then those that only the new list has.
#[derive(Debug)]
pub(super) struct Program {
    /// Every distinct threshold.
    pub(super) atoms: Vec<Threshold>,
    /// So many of them, from the first on, are the old ones.
    pub(super) num_before: usize,
    /// The atom of each new threshold, in order.
    pub(super) after: Vec<usize>,
    /// Atoms that have to be computed from columns.
    pub(super) computed: Vec<usize>,
    moves: Vec<Move>,
}

impl Program {
    /// With `has_masks` the old thresholds are known as bits, else all are computed.
    pub(super) fn new(before: &[Threshold], after: &[Threshold], has_masks: bool) -> Self {
        let mut atoms = before.to_vec();
        let mut places = Vec::with_capacity(after.len());
        for threshold in after {
            let known = atoms.iter().position(|atom| atom.is_same(threshold));
            places.push(known.unwrap_or_else(|| {
                atoms.push(threshold.clone());
                atoms.len() - 1
            }));
        }
        let first = if has_masks { before.len() } else { 0 };
        let mut program = Self {
            computed: (first..atoms.len()).collect(),
            atoms,
            num_before: before.len(),
            after: places,
            moves: Vec::new(),
        };
        program.moves = moves(&program.after);
        program
    }

    /// The columns to read; with `has_values` also those that dropped documents of thresholds that are no more.
    pub(super) fn columns(&self, has_values: bool) -> Vec<&str> {
        let gone = (0..self.num_before).filter(|atom| has_values && !self.after.contains(atom));
        let mut names = columns_of(self.computed.iter().map(|&atom| &self.atoms[atom]));
        names.extend(gone.map(|atom| self.atoms[atom].column.as_str()));
        names.sort_unstable();
        names.dedup();
        names
    }

    /// Words of the atoms' bits.
    pub(super) fn num_words(&self) -> usize {
        words_for(self.atoms.len())
    }

    /// The first old threshold that a row fails.
    pub(super) fn first_before(&self, atoms: &[u64]) -> Option<usize> {
        let first = first_bit(atoms)?;
        (first < self.num_before).then_some(first)
    }

    /// The first new threshold that a row fails, by its position in the new list. `words` is room for the new bits.
    pub(super) fn first_after(&self, atoms: &[u64], words: &mut [u64]) -> Option<usize> {
        words.fill(0);
        for &Move { from, to, length } in &self.moves {
            let mask = if length == WORD_BITS {
                u64::MAX
            } else {
                (1 << length) - 1
            };
            let bits = atoms[from / WORD_BITS] >> (from % WORD_BITS) & mask;
            words[to / WORD_BITS] |= bits << (to % WORD_BITS);
        }
        first_bit(words)
    }

    /// Limits of the rule of an atom: what the run applied, and what would be applied.
    pub(super) fn limits(&self, atom: usize) -> (Option<f64>, Option<f64>) {
        let is_twin = |other: &&Threshold| {
            let this = &self.atoms[atom];
            (&other.step, &other.rule, &other.column, other.keep)
                == (&this.step, &this.rule, &this.column, this.keep)
        };
        let before = self.atoms[..self.num_before].iter().find(is_twin);
        let after = self.after.iter().map(|&atom| &self.atoms[atom]).find(is_twin);
        (
            before.map(|threshold| threshold.threshold),
            after.map(|threshold| threshold.threshold),
        )
    }
}

fn first_bit(words: &[u64]) -> Option<usize> {
    words
        .iter()
        .position(|&word| word != 0)
        .map(|number| number * WORD_BITS + words[number].trailing_zeros() as usize)
}

/// Cuts "new threshold `to` is atom `after[to]`" into runs that stay inside one word on both sides.
fn moves(after: &[usize]) -> Vec<Move> {
    let mut moves: Vec<Move> = Vec::new();
    for (to, &from) in after.iter().enumerate() {
        match moves.last_mut() {
            Some(last)
                if last.from + last.length == from
                    && last.to + last.length == to
                    && from % WORD_BITS != 0
                    && to % WORD_BITS != 0 =>
            {
                last.length += 1;
            }
            _ => moves.push(Move { from, to, length: 1 }),
        }
    }
    moves
}
