//! Dolma's taggers `repetitions_v1` and `paragraph_repetitions_v1`: strings that come four times or more in a row.

use super::repetitions_search::Search;
use crate::signals::{Column, Document, Entry, Setup, Signal, Value, count, float, share, uint};
use memchr::memmem;
use serde::{Deserialize, Serialize};

const COLUMNS: [Column; 4] = [
    uint(
        "num_repetitions",
        "Places where a string stands four times or more in a row, each copy behind at most one white-space character.",
    ),
    uint(
        "most_copies",
        "Copies of the string at the place that has most; 0 if there is none.",
    ),
    uint(
        "longest_repetition_length",
        "Characters of the longest such place; 0 if there is none.",
    ),
    float(
        "repetition_character_fraction",
        "Characters of all such places, by all characters, in [0, 1]; 0 for an empty text.",
    ),
];

/// What the rule computes with; thresholds are not part of it.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize, Serialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct RepetitionsConfig {
    /// Look at each line by itself, so that no repetition goes beyond its line feed.
    pub(super) by_paragraph: bool,
}

/// Measures what `(.+?)(\s?\1){3,}` matches.
struct Repetitions {
    config: RepetitionsConfig,
    search: Search,
    totals: Totals,
}

/// What the columns are made of.
#[derive(Debug, Clone, Copy, Default)]
struct Totals {
    number: usize,
    most_copies: usize,
    longest: usize,
    num_chars: usize,
}

impl Repetitions {
    fn search(&mut self, text: &str) {
        let totals = &mut self.totals;
        for found in self.search.find(text) {
            let place = &text[found.start..found.end];
            let string = &place[..found.period];
            let num_chars = place.chars().count();
            let num_copies = memmem::find_iter(place.as_bytes(), string.as_bytes()).count();
            totals.number += 1;
            totals.most_copies = totals.most_copies.max(num_copies);
            totals.longest = totals.longest.max(num_chars);
            totals.num_chars += num_chars;
        }
    }
}

impl Signal for Repetitions {
    fn compute(&mut self, document: Document<'_>, out: &mut Vec<Value>) {
        self.totals = Totals::default();
        if self.config.by_paragraph {
            for line in document.text().split_inclusive('\n') {
                self.search(line);
            }
        } else {
            self.search(document.text());
        }
        let totals = self.totals;
        out.extend([
            count(totals.number),
            count(totals.most_copies),
            count(totals.longest),
            Value::Float64(share(totals.num_chars, document.segmentation().num_chars())),
        ]);
    }
}

/// The rule's entry.
pub(super) const ENTRY: Entry = Entry {
    name: "dolma_repetitions",
    columns: &COLUMNS,
    make: |setup| {
        Setup::signal(Repetitions {
            config: setup.config()?,
            search: Search::default(),
            totals: Totals::default(),
        })
    },
    #[cfg(test)]
    reference: super::reference::repetitions,
    #[cfg(test)]
    variants: &["{}", r#"{"by_paragraph": true}"#],
};

#[cfg(test)]
mod tests {
    use super::*;
    use crate::signals::dolma::reference::matches;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn the_search_finds_what_the_expression_finds(
            pieces in prop::collection::vec(("[ab \\n\u{a0}é]{1,4}", 1..7_usize), 0..6),
            words in prop::collection::vec(prop::sample::select(vec!["ha", "haha ", "-", " ", "\n", "\t", "\u{3000}"]), 0..24),
        ) {
            let mut search = Search::default();
            let repeated: String = pieces.iter().map(|(piece, times)| piece.repeat(*times)).collect();
            for text in [repeated, words.concat()] {
                let found: Vec<_> = search
                    .find(&text)
                    .iter()
                    .map(|found| (found.start, found.end, found.period))
                    .collect();
                prop_assert_eq!(found, matches(&text), "{:?}", text);
            }
        }
    }

    #[test]
    fn long_lines_are_searched_in_time() {
        let mut search = Search::default();
        for text in [
            "x".repeat(1 << 20),
            "abcdefghij".repeat(1 << 16),
            format!("y{}z", "ab ".repeat(1 << 18)),
            "line of text\n".repeat(1 << 14),
        ] {
            assert_eq!(search.find(&text).len(), 1, "{}", &text[..20]);
        }
        let numbers: String = (0..1 << 15).map(|number| format!("{number:x}-")).collect();
        for found in search.find(&numbers) {
            assert!(numbers[found.start..found.end].len() >= 4 * found.period);
        }
    }
}
