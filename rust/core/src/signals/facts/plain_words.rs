//! Which words between white space are one ASCII word, alone or among ASCII marks: rules that strip words of their marks
//! take those as the segmentation has them.

use crate::segment::{ALL_SYMBOLS, NON_ASCII};
use crate::signals::Document;
use std::hint::select_unpredictable;

/// Stands for words of ASCII marks only.
pub(crate) const MARKS: u32 = u32::MAX - 1;
/// Stands for words of any other kind.
pub(crate) const OTHER: u32 = u32::MAX;

/// For each word between white space, which token is all that is left of it without its marks.
#[derive(Debug, Default)]
pub(crate) struct PlainWords {
    /// The words', behind one of no meaning.
    tokens: Vec<u32>,
}

impl PlainWords {
    /// The token that is an ASCII word without `_`, if all others of the word are ASCII punctuation; else [`MARKS`], if
    /// all are ASCII punctuation but `_`, and [`OTHER`].
    pub(crate) fn tokens(&self) -> &[u32] {
        self.tokens.get(1..).unwrap_or_default()
    }

    /// Overwrites everything with the words of a document. Cost: one pass over its tokens.
    pub(crate) fn fill(&mut self, document: Document<'_>) {
        let segmentation = document.segmentation();
        // Before the first word stands one that nobody sees, so that each token belongs to one.
        self.tokens.clear();
        self.tokens.resize(1 + segmentation.num_space_words(), OTHER);
        let plain = &mut self.tokens[..];
        let tokens = segmentation.starts().iter().zip(segmentation.ends());
        let tokens = tokens.zip(segmentation.flags()).zip(0_u32..);
        let (mut word, mut code, mut previous_end) = (0, MARKS, u32::MAX);
        // Words of one token and of more are mixed as nobody can foresee.
        for (((&start, &end), flags), token) in tokens {
            let kind = flags & (NON_ASCII | ALL_SYMBOLS);
            let other = select_unpredictable(kind == ALL_SYMBOLS, MARKS, OTHER);
            let kind = select_unpredictable(kind == 0, token, other);
            let joined = select_unpredictable(code == MARKS, kind, OTHER);
            let joined = select_unpredictable(kind == MARKS, code, joined);
            let is_first = start != previous_end;
            previous_end = end;
            code = select_unpredictable(is_first, kind, joined);
            word += usize::from(is_first);
            plain[word] = code;
        }
        self.except(document);
    }

    /// Makes those words other ones that have a `_` or a control character.
    fn except(&mut self, document: Document<'_>) {
        let (bytes, characters) = (document.text().as_bytes(), document.characters());
        if characters.of_ascii(b'_') > 0 {
            self.except_at(document, memchr::memchr_iter(b'_', bytes));
        }
        let is_control = |byte: u8| byte.is_ascii_control() && !is_white_space(byte);
        if characters.count_ascii(is_control) > 0 {
            self.except_at(document, (0..bytes.len()).filter(|&at| is_control(bytes[at])));
        }
    }

    /// Makes those words other ones that have one of these bytes, which rise and are no white space.
    fn except_at(&mut self, document: Document<'_>, places: impl Iterator<Item = usize>) {
        let starts = document.space_words().starts();
        let mut word = 0;
        for at in places {
            while starts.get(word + 1).is_some_and(|&start| start as usize <= at) {
                word += 1;
            }
            self.tokens[1 + word] = OTHER;
        }
    }
}

fn is_white_space(byte: u8) -> bool {
    matches!(byte, b'\t'..=b'\r' | 0x1c..=0x1f | b' ')
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::segment::Segmentation;
    use crate::segment::reference::{SEGMENTER, nasty_text};
    use crate::signals::{Cache, NoColumns};
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn plain_words_are_those_of_the_definition(
            text in prop_oneof![nasty_text(), "([a-c]{1,2}|[.,_(]|\u{1}|é|[ \t\u{a0}]){0,40}"],
        ) {
            let mut segmentation = Segmentation::default();
            SEGMENTER.segment(&text, &mut segmentation);
            let cache = Cache::default();
            let document = Document::new(&text, &segmentation, &cache, &NoColumns);
            let words: Vec<&str> = text
                .split(crate::segment::is_white_space)
                .filter(|word| !word.is_empty())
                .collect();
            prop_assert_eq!(document.plain_words().tokens().len(), words.len());
            for (&token, word) in document.plain_words().tokens().iter().zip(words) {
                let inner = word.trim_matches(|character: char| character.is_ascii_punctuation());
                let is_kept = |character: char| {
                    character.is_ascii_alphanumeric() || character.is_ascii_punctuation() && character != '_'
                };
                let is_plain = word.chars().all(is_kept)
                    && inner.chars().all(|character| character.is_ascii_alphanumeric());
                match token {
                    OTHER => prop_assert!(!is_plain, "{:?}", word),
                    MARKS => prop_assert!(is_plain && inner.is_empty(), "{:?}", word),
                    _ => {
                        prop_assert!(is_plain, "{:?}", word);
                        prop_assert_eq!(segmentation.token(&text, token as usize), inner);
                    }
                }
            }
        }
    }
}
