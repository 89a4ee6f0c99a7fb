//! Dolma's taggers `repetitions_v1` and `paragraph_repetitions_v1`: strings that come four times or more in a row.

use super::repetitions_filter::Filter;
use super::repetitions_search::{Repetition, Search};
use super::repetitions_simple::only_match;
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
    filter: Filter,
    search: Search,
}

/// What the columns are made of.
#[derive(Debug, Clone, Copy, Default)]
struct Totals {
    number: usize,
    most_copies: usize,
    longest: usize,
    num_chars: usize,
}

impl Totals {
    /// Adds what the expression matches in a text.
    fn add(&mut self, search: &mut Search, text: &str) {
        if let Some(found) = only_match(text) {
            self.add_match(text, found);
            return;
        }
        for &found in search.find(text) {
            self.add_match(text, found);
        }
    }

    fn add_match(&mut self, text: &str, found: Repetition) {
        let place = &text[found.start..found.end];
        let string = &place[..found.period];
        let num_chars = place.chars().count();
        let num_copies = match string.as_bytes() {
            &[byte] => memchr::memchr_iter(byte, place.as_bytes()).count(),
            string => memmem::find_iter(place.as_bytes(), string).count(),
        };
        self.number += 1;
        self.most_copies = self.most_copies.max(num_copies);
        self.longest = self.longest.max(num_chars);
        self.num_chars += num_chars;
    }
}

impl Signal for Repetitions {
    fn compute(&mut self, document: Document<'_>, out: &mut Vec<Value>) {
        let (text, mut totals) = (document.text(), Totals::default());
        for window in self.filter.windows(document) {
            let window = &text[window.clone()];
            if self.config.by_paragraph {
                for line in window.split_inclusive('\n') {
                    totals.add(&mut self.search, line);
                }
            } else {
                totals.add(&mut self.search, window);
            }
        }
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
            filter: Filter::default(),
            search: Search::default(),
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
    use crate::segment::reference::SEGMENTER;
    use crate::segment::{Segmentation, hash_bytes};
    use crate::signals::dolma::reference::matches;
    use crate::signals::{Cache, NoColumns};
    use proptest::prelude::*;
    use std::ops::Range;

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

    /// What the search finds in the windows of the filter, with the text's places.
    fn found_in_windows(filter: &mut Filter, text: &str) -> Vec<(usize, usize, usize)> {
        let (mut segmentation, mut search, mut places) =
            (Segmentation::default(), Search::default(), Vec::new());
        SEGMENTER.segment(text, &mut segmentation);
        let cache = Cache::default();
        for window in filter.windows(Document::new(text, &segmentation, &cache, &NoColumns)) {
            let found = search.find(&text[window.clone()]).iter();
            places.extend(
                found.map(|found| (window.start + found.start, window.start + found.end, found.period)),
            );
        }
        places
    }

    fn found_in_text(text: &str) -> Vec<(usize, usize, usize)> {
        let mut search = Search::default();
        let found = search.find(text).iter();
        found
            .map(|found| (found.start, found.end, found.period))
            .collect()
    }

    proptest! {
        #[test]
        fn the_windows_of_the_filter_have_every_match(
            noise in prop::collection::vec("[a-z ]{0,40}[a-e \n\u{a0}é漢.-]{0,12}", 4..5),
            strings in prop::collection::vec(("[a-z]{1,6}[a-z ]{0,30}", 1..12_usize, "[a-c é\u{2003}\t]{0,4}", "[ \n]?", 1..7_usize), 3..4),
            joints in prop::collection::vec(0..4_usize, 24..25),
        ) {
            let mut text = noise[0].clone();
            let mut joints = joints.iter().cycle();
            for ((string, times, tail, space, num_copies), noise) in strings.iter().zip(&noise[1..]) {
                // A string of up to a few hundred bytes that does not repeat itself, and at least one copy.
                let string: String = (0..*times).map(|number| format!("{string}{number}")).collect::<String>() + tail;
                for _ in 0..*num_copies {
                    text.push_str(&string);
                    text.push_str(if joints.next() == Some(&0) { "" } else { space });
                }
                text.push_str(noise);
            }
            let mut filter = Filter::default();
            for text in [&text, text.trim(), &text.repeat(4)] {
                prop_assert_eq!(found_in_windows(&mut filter, text), found_in_text(text), "{:?}", text);
            }
        }
    }

    #[test]
    fn the_filter_finds_every_period_at_every_place() {
        let mut filter = Filter::default();
        let noise: String = (0..100_000_u32)
            .map(|number| char::from(b'a' + (hash_bytes(&number.to_le_bytes()) % 26) as u8))
            .collect();
        for period in (1..70).chain([115, 116, 243, 244, 245, 500, 1100]) {
            for before in 0..(2 * period).min(64) {
                let string = &noise[5000..5000 + period];
                let text = format!(
                    "{}{}{}",
                    &noise[..before],
                    string.repeat(4),
                    &noise[9000..9000 + before]
                );
                let mut segmentation = Segmentation::default();
                SEGMENTER.segment(&text, &mut segmentation);
                let cache = Cache::default();
                let windows = filter.windows(Document::new(&text, &segmentation, &cache, &NoColumns));
                let place = before..before + 4 * period;
                let holds = |window: &Range<usize>| window.start <= place.start && place.end <= window.end;
                assert!(windows.iter().any(holds), "{place:?} of {text:?} in {windows:?}");
            }
        }
    }

    #[test]
    fn prose_has_no_window() {
        let text =
            "Most lines of most pages never say anything four times in a row, and hence need no search.\n";
        let numbered: String = (0..40).map(|number| format!("{number} {text}")).collect();
        let mut segmentation = Segmentation::default();
        SEGMENTER.segment(&numbered, &mut segmentation);
        let cache = Cache::default();
        let document = Document::new(&numbered, &segmentation, &cache, &NoColumns);
        assert!(Filter::default().windows(document).is_empty());
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
            assert_eq!(
                found_in_windows(&mut Filter::default(), &text),
                found_in_text(&text)
            );
        }
        let numbers: String = (0..1 << 15).map(|number| format!("{number:x}-")).collect();
        for found in search.find(&numbers) {
            assert!(numbers[found.start..found.end].len() >= 4 * found.period);
        }
    }
}
