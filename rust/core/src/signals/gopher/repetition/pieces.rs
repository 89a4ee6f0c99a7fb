//! Counts lines or paragraphs that come again.

use crate::signals::ngrams::FirstPositions;
use crate::signals::share;

/// Lines or paragraphs of one text, by their hashes, and how many came again.
#[derive(Debug, Clone, Default)]
pub(super) struct Pieces {
    first_positions: FirstPositions,
    hashes: Vec<u64>,
    num_duplicates: usize,
    /// Characters of second and later copies.
    pub(super) num_duplicate_chars: usize,
}

impl Pieces {
    pub(super) fn begin(&mut self, num_pieces_at_most: usize) {
        self.first_positions.begin(num_pieces_at_most);
        self.hashes.clear();
        self.num_duplicates = 0;
        self.num_duplicate_chars = 0;
    }

    pub(super) fn add(&mut self, hash: u64, num_chars: impl Fn() -> usize) {
        let position = self.hashes.len();
        self.hashes.push(hash);
        let hashes = &self.hashes;
        if self
            .first_positions
            .first(hash, position, |other| hashes[other] == hash)
            != position
        {
            self.num_duplicates += 1;
            self.num_duplicate_chars += num_chars();
        }
    }

    pub(super) fn duplicate_fraction(&self) -> f64 {
        share(self.num_duplicates, self.hashes.len())
    }
}
