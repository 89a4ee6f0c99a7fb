//! What two rules ask of the English list of bad words: one search for both.

use crate::signals::Document;
use crate::signals::c4::{Filters, Flanks, WordList, bad_words};
use std::sync::LazyLock;

/// Bad words of one text.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub(crate) struct EnglishBadWords {
    /// How often entries of C4's list occur, between characters that are of no word.
    pub(crate) num_words: usize,
    /// Whether a word between white space is an entry of the list at its latest, or the text has a phrase of it anywhere.
    pub(crate) is_naughty: bool,
}

/// The lists; as large as a third of a megabyte each, and made once a process.
struct Lists {
    words: WordList,
    naughty_words: WordList,
    naughty_phrases: WordList,
    /// Of both lists of words.
    filters: Filters,
}

static LISTS: LazyLock<Lists> = LazyLock::new(|| {
    let (phrases, words): (Vec<_>, Vec<_>) = latest_english_entries().partition(|entry| entry.contains(' '));
    let naughty_words = WordList::new(words, Flanks::Space);
    let words = WordList::new(english_entries(), Flanks::Free);
    Lists {
        filters: words.filters().joined(naughty_words.filters()),
        words,
        naughty_words,
        naughty_phrases: WordList::new(phrases, Flanks::Any),
    }
});

/// C4's English list, in lower case.
pub(crate) fn english_entries() -> impl Iterator<Item = &'static str> {
    bad_words::entries_of("en").into_iter().flatten()
}

/// The English list at its latest, which Dolma ships.
pub(crate) fn latest_english_entries() -> impl Iterator<Item = &'static str> {
    english_entries().chain(bad_words::entries_of("en-later").into_iter().flatten())
}

impl EnglishBadWords {
    /// Overwrites everything with the bad words of a document. Cost: a look at each token, and at each word.
    pub(crate) fn fill(&mut self, document: Document<'_>) {
        let (lists, lower) = (&*LISTS, document.lower_text());
        let (mut num_words, mut num_naughty) = (0, 0);
        if lower.is_aligned() {
            lists.filters.for_each_place(document, |at| {
                num_words += lists.words.count_at(lower.text(), at);
                num_naughty += lists.naughty_words.count_at(lower.text(), at);
            });
        } else {
            num_words = lists.words.count(document);
            num_naughty = lists.naughty_words.count(document);
        }
        self.num_words = num_words;
        self.is_naughty = num_naughty > 0 || lists.naughty_phrases.occurs(document);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::segment::Segmentation;
    use crate::segment::reference::{SEGMENTER, nasty_text};
    use crate::signals::{Cache, NoColumns};
    use proptest::prelude::*;

    #[test]
    fn entries_are_in_lower_case() {
        for entry in latest_english_entries() {
            assert_eq!(entry.to_lowercase(), entry);
        }
    }

    proptest! {
        #[test]
        fn one_search_finds_what_each_list_finds(
            noise in nasty_text(),
            pieces in prop::collection::vec(
                (prop::sample::select(latest_english_entries().collect::<Vec<_>>()), 0..3_usize, "[ .,s\u{301}\n]{0,2}"),
                0..12,
            ),
        ) {
            let pieces: String = pieces
                .iter()
                .map(|(entry, case, joint)| {
                    let entry = match case {
                        0 => (*entry).to_owned(),
                        1 => entry.to_uppercase(),
                        _ => entry.chars().take(1).flat_map(char::to_uppercase).chain(entry.chars().skip(1)).collect(),
                    };
                    entry + joint
                })
                .collect();
            for text in [&pieces, &format!("{pieces}{noise}")] {
                let mut segmentation = Segmentation::default();
                SEGMENTER.segment(text, &mut segmentation);
                let cache = Cache::default();
                let document = Document::new(text, &segmentation, &cache, &NoColumns);
                let found = document.english_bad_words();
                prop_assert_eq!(found.num_words, LISTS.words.count(document));
                let is_naughty = LISTS.naughty_words.occurs(document) || LISTS.naughty_phrases.occurs(document);
                prop_assert_eq!(found.is_naughty, is_naughty);
            }
        }
    }
}
