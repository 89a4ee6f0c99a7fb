//! Pure algorithms on text and slices: cleaning, segmentation, quality signals, shingles, MinHash and hyperplanes, and
//! suffix arrays with the repeated passages they show.
//!
//! Not here: files, threads, clocks, Arrow, Python and, outside of `dispatch.rs`, `unsafe`. Everything in this crate is
//! a function of its arguments, so the same input gives the same bytes on every machine.
#![deny(unsafe_code)]

pub mod allotment;
pub mod bloom;
mod dispatch;
pub mod edit;
pub mod hash;
pub mod hyperplanes;
pub mod importance;
pub mod minhash;
pub mod packing;
pub mod repeats;
pub mod segment;
pub mod shingle;
pub mod signals;
pub mod suffix_array;
pub mod text;
pub mod tokens;
pub mod union_find;
pub mod units;
pub mod vectors;
