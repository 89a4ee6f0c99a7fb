//! The extension module `gristmill._native`: thin bindings, one file for each group of verbs, no logic.
#![allow(missing_docs, reason = "the stub file _native.pyi documents what Python sees")]

use pyo3::prelude::*;

mod decoder;
mod enter;
mod interop;
mod loader;
mod map_task;
mod session;
mod tables;
mod tasks;
mod vectors;
mod what_if;

/// Declares what Python sees.
#[pymodule]
mod _native {
    #[pymodule_export]
    use crate::decoder::Decoder;
    #[pymodule_export]
    use crate::loader::{RowReader, TokenColumns};
    #[pymodule_export]
    use crate::map_task::MapTask;
    #[pymodule_export]
    use crate::session::Session;
    #[pymodule_export]
    use crate::tables::{FileTable, Tokenizer, near_duplicates, rule_columns, run_steps, segment_texts};
    #[pymodule_export]
    use crate::tasks::{
        bloom_filter_bytes, digest_file, plan_shards, put_if_absent, run_task, tokenizer_facts,
        verify_identity, verify_split,
    };
    #[pymodule_export]
    use crate::vectors::near_vectors;
    #[pymodule_export]
    use crate::what_if::{dedup_again, what_if};

    use gristmill_engine::map::segment_columns::SEGMENT_COLUMNS;
    use pyo3::prelude::*;
    use pyo3::types::PyTuple;

    #[pymodule_init]
    fn init(module: &Bound<'_, PyModule>) -> PyResult<()> {
        module.add("__version__", env!("CARGO_PKG_VERSION"))?;
        module.add("TOKENIZER_LIBRARY", gristmill_engine::tokenizer::LIBRARY)?;
        let segment_columns = SEGMENT_COLUMNS.iter().map(|(name, _)| *name);
        module.add("SEGMENT_COLUMNS", PyTuple::new(module.py(), segment_columns)?)?;
        module.add(
            "BUILD_PROFILE",
            if cfg!(debug_assertions) {
                "debug"
            } else {
                "release"
            },
        )
    }
}
