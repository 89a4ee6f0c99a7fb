//! The engine: documents in files become Arrow shards in files, one committed task at a time.
//!
//! A *task* reads committed files and commits new ones; [`task::run`] runs any native task, [`map::MapTask`] the one
//! that plugins may join. Between tasks there is nothing but files and their manifests ([`commit`]). Not here:
//! Python, planning, and which task runs where.

pub mod choose;
pub mod commit;
pub mod cut;
pub mod decide;
pub mod dedup;
pub mod dedup_index;
pub mod error;
pub mod external_sort;
pub mod file_table;
pub mod index;
mod interop;
pub mod loader;
pub mod map;
pub mod near;
pub mod read;
pub mod schema;
pub mod shard;
mod shingle_ids;
pub mod split;
pub mod substring;
pub mod tables;
pub mod task;
pub mod tokenise;
pub mod tokenizer;
pub mod verify;
pub mod what_if;

pub use error::{EngineError, Result};
