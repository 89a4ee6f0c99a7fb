//! From token shards to the numbers of packed rows.
//!
//! Which piece stands where is decided in `gristmill_core::packing`; here are the mapped columns that it asks
//! ([`Columns`]), and the copying of tokens into a caller's arrays ([`fill`]). Not here: opening files, Python.

mod columns;
mod fill;
mod reader;

pub use columns::{Columns, SourceCounts};
pub use fill::{Filled, Numbers, Out, PIECE_FIELDS, Targets, Tokens};
pub use reader::{Planned, Reader, Share};

#[cfg(test)]
mod tests;
