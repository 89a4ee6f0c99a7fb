//! Holds the tokens to spaCy's own, and to the slow reference on nasty text.

use super::reference::{english_tokens, num_sentences as reference_sentences};
use super::*;
use crate::segment::hash_bytes;
use crate::segment::reference::{SEGMENTER, nasty_text};
use crate::segment::segmentation::ALL_SYMBOLS;
use crate::segment::token_columns::{ALL_PUNCTUATION, ENDS_SENTENCE};
use proptest::prelude::*;

#[derive(Default)]
struct Buffers {
    segmentation: Segmentation,
    tokenizer: EnglishTokenizer,
    columns: TokenColumns,
}

impl Buffers {
    fn tokens<'t>(&mut self, text: &'t str) -> Vec<&'t str> {
        SEGMENTER.segment(text, &mut self.segmentation);
        self.tokenizer
            .tokenize(text, &self.segmentation, &mut self.columns);
        (0..self.columns.num_tokens())
            .map(|index| self.columns.token(text, index))
            .collect()
    }

    /// Tokens, their columns and the sentences of each line.
    fn check(&mut self, text: &str) {
        let tokens = self.tokens(text);
        assert_eq!(tokens, english_tokens(text), "{text:?}");
        for (index, token) in tokens.iter().enumerate() {
            let all = |bit: u16| {
                token
                    .chars()
                    .all(|character| CHARACTERS.of(u32::from(character)) & bit != 0)
            };
            let is_letter = |character| CHARACTERS.of(u32::from(character)) & characters::LETTER != 0;
            let num_chars = token.chars().count();
            let flags = self.columns.flags()[index];
            assert_eq!(
                self.columns.hashes()[index],
                hash_bytes(token.as_bytes()),
                "{token:?}"
            );
            assert_eq!(self.columns.char_counts()[index] as usize, num_chars, "{token:?}");
            assert_eq!(flags & HAS_LETTER != 0, token.chars().any(is_letter), "{token:?}");
            assert_eq!(flags & ALL_SYMBOLS != 0, all(characters::SYMBOL), "{token:?}");
            assert_eq!(
                flags & ALL_PUNCTUATION != 0,
                all(characters::PUNCTUATION),
                "{token:?}"
            );
            let ends_sentence = num_chars == 1 && all(characters::ENDS_SENTENCE);
            assert_eq!(flags & ENDS_SENTENCE != 0, ends_sentence, "{token:?}");
        }
        let lines = self.segmentation.lines();
        assert_eq!(self.columns.line_first_tokens().len(), lines.len());
        for (line, &first) in lines.iter().zip(self.columns.line_first_tokens()) {
            let bytes = line.start as usize..line.end as usize;
            let indices = self.columns.indices_in(bytes.clone());
            assert_eq!(indices.start, first as usize, "{text:?}");
            let content = &text[bytes.clone()];
            let trimmed = content.trim_end();
            let bytes = bytes.start..bytes.start + trimmed.len();
            let number = num_sentences(text, bytes, &self.columns, indices);
            assert_eq!(number, reference_sentences(trimmed), "{trimmed:?}");
        }
    }
}

/// Strings of marks, words, emoticons, contractions, units and addresses, with and without spaces in between.
fn marks_and_words() -> impl Strategy<Value = String> {
    let part = prop_oneof![
        4 => prop::sample::select(vec![
            "word", "Word", "WORD", "a", "I", "it", "don", "can", "cannot", "Mr", "co", "e.g", "x", "D", "8", "10", "2.5",
            "5km", "7m²", "9%", "3$", "US$", "C$", "a.m", "p.m.", "s", "S", "t", "ll", "em", "and", "or", "w", "o", "space",
            "www", "example", "org", "http", "user", "9.8.7.6", "10.0.0.1", "C", "°", "K", "ಠ", "é", "漢字", "ß", "_", "__",
        ]),
        5 => prop::sample::select(vec![
            ".", ",", ":", ";", "!", "?", "(", ")", "[", "]", "{", "}", "<", ">", "'", "\"", "’", "‘", "“", "”", "-", "--",
            "—", "–", "/", "//", "://", "@", "#", "*", "&", "=", "+", "^", "~", "|", "\\", "..", "...", "…", "……", "%",
            "$", "£", "°", "©", "😀", "\u{fffd}", "、", "。", "（", "\u{301}", "\0",
        ]),
        2 => prop::sample::select(vec![" ", " ", "  ", "\n", "\t", " \n", "\u{a0}", "\u{85}", "\u{1f}"]),
        1 => prop::sample::select(
            EXCEPTIONS.list().iter().map(|exception| exception.string).collect::<Vec<_>>()
        ),
    ];
    prop::collection::vec(part, 0..12).prop_map(|parts| parts.concat())
}

proptest! {
    #[test]
    fn tokens_are_those_of_the_reference(
        texts in prop::collection::vec(prop_oneof![3 => marks_and_words(), 1 => nasty_text()], 1..4)
    ) {
        let mut buffers = Buffers::default();
        for text in texts {
            buffers.check(&text);
        }
    }
}

#[test]
fn every_exception_with_marks_around_it_is_as_in_the_reference() {
    let mut buffers = Buffers::default();
    for exception in EXCEPTIONS.list() {
        let string = exception.string;
        for text in [
            string.to_owned(),
            format!("({string})"),
            format!("“{string},” x"),
            format!("{string}. {string}"),
            format!("x-{string};"),
            format!("{string}:) {string} )"),
        ] {
            buffers.check(&text);
        }
    }
}

/// `[text, tokens, sentences of the stripped text]`, written by `bench/parity/english/tokens.py` with spaCy.
#[test]
fn tokens_and_sentences_are_those_of_spacy() {
    let cases: Vec<(String, Vec<String>, usize)> = serde_json::from_str(include_str!("golden.json")).unwrap();
    assert!(cases.len() >= 300);
    let mut buffers = Buffers::default();
    let mut rest = Buffers::default();
    for (text, tokens, sentences) in &cases {
        assert_eq!(buffers.tokens(text), *tokens, "{text:?}");
        assert_eq!(english_tokens(text), *tokens, "{text:?}");
        let line = text.trim_matches(crate::segment::is_white_space);
        let number = num_sentences_of(
            line,
            &SEGMENTER,
            &mut rest.tokenizer,
            &mut rest.segmentation,
            &mut rest.columns,
        );
        assert_eq!(number, *sentences, "{line:?}");
        assert_eq!(reference_sentences(line), *sentences, "{line:?}");
    }
}

#[test]
fn long_texts_take_linear_time() {
    let mut buffers = Buffers::default();
    for part in [
        "a@", "a.", "(", ")", "...", "x-", ":-", "):", "'", "\u{301}", "_", "1", "😀", "é’s", "://", "a.b@",
    ] {
        let text = part.repeat(1 << 18);
        assert!(!buffers.tokens(&text).is_empty(), "{part}");
    }
}
