//! Which of some hundred strings stand anywhere in a short one.

use std::collections::BTreeSet;

/// Bytes of a pair of lower-case ASCII letters and digits, the only ones that addresses are compared in.
const NUM_PAIRS: usize = 1 << 16;

/// Strings by their first two bytes.
#[derive(Debug, Clone, Default)]
pub(super) struct SubstringSet {
    /// All strings, sorted and different.
    entries: Vec<String>,
    /// For each pair of first bytes, the position of the first entry with it or a larger one; empty without entries.
    starts: Vec<u32>,
    /// For each entry: in which text it was met last.
    met_in: Vec<u32>,
    num_texts: u32,
}

impl SubstringSet {
    /// The set of those strings; empty ones are left out.
    pub(super) fn new(entries: impl IntoIterator<Item = String>) -> Self {
        let different: BTreeSet<String> = entries.into_iter().filter(|entry| !entry.is_empty()).collect();
        let entries: Vec<String> = different.into_iter().collect();
        if entries.is_empty() {
            return Self::default();
        }
        let starts =
            (0..=NUM_PAIRS).map(|pair| entries.partition_point(|entry| pair_of(entry) < pair) as u32);
        Self {
            starts: starts.collect(),
            met_in: vec![0; entries.len()],
            entries,
            num_texts: 0,
        }
    }

    /// How many different entries stand in the text.
    pub(super) fn num_in(&mut self, text: &str) -> usize {
        if self.entries.is_empty() {
            return 0;
        }
        if self.num_texts == u32::MAX {
            self.met_in.fill(0);
            self.num_texts = 0;
        }
        self.num_texts += 1;
        let mut found = 0;
        for at in 0..text.len() {
            let rest = &text.as_bytes()[at..];
            let pair = usize::from(rest[0]) << 8 | usize::from(rest.get(1).copied().unwrap_or(0));
            // Entries of one byte come first among those that begin with it.
            let single = usize::from(rest[0]) << 8;
            for from in [Some(single), (pair != single).then_some(pair)]
                .into_iter()
                .flatten()
            {
                for entry in self.starts[from] as usize..self.starts[from + 1] as usize {
                    let is_new = self.met_in[entry] != self.num_texts;
                    if is_new && rest.starts_with(self.entries[entry].as_bytes()) {
                        self.met_in[entry] = self.num_texts;
                        found += 1;
                    }
                }
            }
        }
        found
    }
}

/// The first two bytes as a number; a string of one byte has 0 for the second.
fn pair_of(entry: &str) -> usize {
    let bytes = entry.as_bytes();
    usize::from(bytes[0]) << 8 | usize::from(bytes.get(1).copied().unwrap_or(0))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn finds_what_contains_finds(
            entries in prop::collection::btree_set("[ab1]{0,4}", 0..12),
            texts in prop::collection::vec("[abc1]{0,12}", 1..4),
        ) {
            let mut set = SubstringSet::new(entries.clone());
            for text in texts {
                let expected = entries.iter().filter(|entry| !entry.is_empty() && text.contains(entry.as_str()));
                prop_assert_eq!(set.num_in(&text), expected.count());
            }
        }
    }
}
