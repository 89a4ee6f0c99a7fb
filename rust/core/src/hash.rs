//! The hashes that reach output: stable across machines, versions of Rust and runs.
//!
//! Not for hash tables that stay in memory only; those may use whatever is fast.

use xxhash_rust::xxh3::{Xxh3, xxh3_128};

/// Returns the 128-bit content hash of a text (XXH3-128, seed 0).
///
/// ```
/// assert_eq!(gristmill_core::hash::content_hash(b""), 0x99aa06d3014798d86001c324468d497f);
/// ```
pub fn content_hash(content: &[u8]) -> u128 {
    xxh3_128(content)
}

/// Returns the stable identity of a document: a 128-bit hash of where it stood and what it said.
///
/// Parts are length-prefixed, so that `("ab", "c")` and `("a", "bc")` differ. `row` counts records of the file
/// from zero, unreadable ones included.
///
/// ```
/// use gristmill_core::hash::document_key;
/// assert_ne!(document_key("ab", "c", 0, b""), document_key("a", "bc", 0, b""));
/// ```
pub fn document_key(source: &str, relative_path: &str, row: u64, content: &[u8]) -> u128 {
    let mut hasher = Xxh3::new();
    for part in [source.as_bytes(), relative_path.as_bytes()] {
        hasher.update(&(part.len() as u64).to_le_bytes());
        hasher.update(part);
    }
    hasher.update(&row.to_le_bytes());
    hasher.update(content);
    hasher.digest128()
}

/// Returns a well-mixed 64-bit value of `value` (the finaliser of SplitMix64, Steele et al. 2014).
///
/// A bijection: different inputs never collide.
///
/// ```
/// assert_eq!(gristmill_core::hash::mix64(0), 0);
/// assert_ne!(gristmill_core::hash::mix64(1), gristmill_core::hash::mix64(2));
/// ```
pub const fn mix64(value: u64) -> u64 {
    let mut mixed = value;
    mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    mixed ^ (mixed >> 31)
}

/// Returns a well-mixed 32-bit value of `value` (`lowbias32` of Wellons 2018, hash-prospector).
///
/// A bijection: different inputs never collide. Vectors of numbers are mixed as fast as one.
///
/// ```
/// assert_eq!(gristmill_core::hash::mix32(0), 0);
/// assert_ne!(gristmill_core::hash::mix32(1), gristmill_core::hash::mix32(2));
/// ```
pub const fn mix32(value: u32) -> u32 {
    let mut mixed = value;
    mixed = (mixed ^ (mixed >> 16)).wrapping_mul(0x7feb_352d);
    mixed = (mixed ^ (mixed >> 15)).wrapping_mul(0x846c_a68b);
    mixed ^ (mixed >> 16)
}

/// Returns a 64-bit number for `key` under `seed`, uniform over keys: shuffles and splits order by it.
///
/// ```
/// use gristmill_core::hash::seeded_order;
/// assert_ne!(seeded_order(7, 1, 0), seeded_order(8, 1, 0));
/// assert_ne!(seeded_order(7, 1, 0), seeded_order(7, 1, 1));
/// ```
pub const fn seeded_order(seed: u64, purpose: u64, key: u128) -> u64 {
    let high = (key >> 64) as u64;
    let low = key as u64;
    mix64(mix64(mix64(seed ^ 0x9e37_79b9_7f4a_7c15).wrapping_add(purpose) ^ high).wrapping_add(low))
}
