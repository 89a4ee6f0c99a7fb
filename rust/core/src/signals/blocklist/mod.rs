//! Lists of what is not wanted: sites, addresses, words. The lists are the user's; none ships with gristmill.

mod hash_set;
mod lists;
mod prefixes;
#[cfg(test)]
mod reference;
mod url;
mod url_filter;
mod words;

use super::Entry;

/// The rules of this family.
pub(super) const ENTRIES: &[Entry] = &[url_filter::ENTRY, words::ENTRY];
