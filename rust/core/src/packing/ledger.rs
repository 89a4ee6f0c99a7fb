//! The token ledger: what became of every token that was read.

use serde::{Deserialize, Serialize};

use super::PackingError;

/// Counts since the start, over all epochs and all ranks.
///
/// Two sums hold after every row: `read + repeated = pending + placed` with `placed + padded = rows * length`, and
/// `placed = trained + masked + first`.
///
/// ```
/// use gristmill_core::packing::Ledger;
/// let ledger = Ledger { rows: 1, read: 5, placed: 5, padded: 3, first: 1, trained: 4, ..Ledger::default() };
/// assert!(ledger.check(8).is_ok());
/// assert_eq!(ledger.check(9).unwrap_err().code(), "GM-LOADER-003");
/// ```
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Ledger {
    /// Documents read, each as often as it was read.
    pub documents: u64,
    /// Documents among them without tokens.
    pub empty: u64,
    /// Documents among them that are longer than a row.
    pub split: u64,
    /// Pieces placed in rows.
    pub pieces: u64,
    /// Rows made.
    pub rows: u64,
    /// Tokens of documents read.
    pub read: u64,
    /// Tokens set again in front of the next piece of a cut document.
    pub repeated: u64,
    /// Tokens that wait.
    pub pending: u64,
    /// Tokens in rows.
    pub placed: u64,
    /// Room in rows that no piece filled.
    pub padded: u64,
    /// Tokens at the start of a piece.
    pub first: u64,
    /// Other tokens that a mask excludes.
    pub masked: u64,
    /// Tokens that are predicted.
    pub trained: u64,
}

impl Ledger {
    /// Whether every token read is accounted for.
    ///
    /// # Errors
    /// [`PackingError::Ledger`] with both sides of the sum that does not hold.
    pub fn check(&self, sequence_length: usize) -> Result<(), PackingError> {
        let Self {
            rows,
            read,
            repeated,
            pending,
            placed,
            padded,
            first,
            masked,
            trained,
            ..
        } = self;
        if read + repeated != pending + placed {
            return Err(PackingError::Ledger(format!(
                "{read} tokens read and {repeated} repeated, but {placed} placed and {pending} pending"
            )));
        }
        if placed + padded != rows * sequence_length as u64 {
            return Err(PackingError::Ledger(format!(
                "{rows} rows of {sequence_length} hold {placed} tokens and {padded} empty places"
            )));
        }
        if *placed != trained + masked + first {
            return Err(PackingError::Ledger(format!(
                "{placed} tokens placed, but {trained} trained, {masked} masked and {first} at the start of a piece"
            )));
        }
        Ok(())
    }
}
