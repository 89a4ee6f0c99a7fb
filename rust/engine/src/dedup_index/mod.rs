//! An index: what earlier runs kept, so that later documents are checked against it without reading the old texts.
//!
//! An index is a folder of *segments*, one a run, each with a manifest that was put if absent. A segment holds *parts*,
//! and a part is laid out as a partition of a run is, without the documents that went:
//!
//! | file | bytes a document | holds |
//! |---|---|---|
//! | `text` | its text | texts, one after the other |
//! | `index` | 48 | [`IndexRecord`](crate::index::IndexRecord); the rank is a checksum of the text |
//! | `exact` | 20 | content hashes, as `exact.bin` of a partition |
//! | `bands` | 12 a band | band keys, as `bands.bin` of a partition |
//! | `groups` | 16 | key of the first document of its cluster (u128 LE), its own if it is in none |
//! | `ids`, `id_ends` | its id, and 8 | the user's identifiers, and where each ends (u64 LE) |
//!
//! [`build`] writes a part, [`check`] proves that the files of one are those that were committed, [`names`] answers who an
//! old document is. What the passes do with old documents is in [`crate::dedup::old`]. Not here: manifests of segments,
//! and which segments a run is checked against (Python, `gristmill.curate.dedup_index`).

pub mod build;
pub mod check;
pub mod names;
