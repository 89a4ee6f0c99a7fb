//! Files and Arrow batches.
