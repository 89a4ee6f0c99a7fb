//! What a rule is given: one text, its segmentation, and facts that several rules need.
//!
//! A fact (the lines as Python has them, words between white space, counts of characters, …) is computed when the
//! first rule asks, and kept until the text changes, so that the cost of all rules is not the sum of their costs.

use std::cell::{Cell, OnceCell};

use super::facts::{
    ByteKinds, CharacterCounter, CharacterCounts, EnglishBadWords, EnglishTokens, LineCopies, LineFacts,
    LowerText, PlainWords, Span, Spots, TextLine, WordIds, Words,
};
use crate::segment::{KeptLine, Segmentation, TokenColumns};

/// String columns of a document, such as its URL, for the rules that read one.
pub trait Columns {
    /// The value of the column; none when it is null or there is no such column.
    fn string(&self, name: &str) -> Option<&str>;
}

/// A document without columns.
#[derive(Debug, Clone, Copy)]
pub struct NoColumns;

impl Columns for NoColumns {
    fn string(&self, _name: &str) -> Option<&str> {
        None
    }
}

/// One document as rules see it.
#[derive(Clone, Copy)]
pub struct Document<'d> {
    text: &'d str,
    segmentation: &'d Segmentation,
    cache: &'d Cache,
    columns: &'d dyn Columns,
}

impl<'d> Document<'d> {
    /// A document of a text and its own segmentation.
    ///
    /// `cache` must hold facts of this very text: call [`Cache::forget`] whenever the text changes.
    pub fn new(
        text: &'d str,
        segmentation: &'d Segmentation,
        cache: &'d Cache,
        columns: &'d dyn Columns,
    ) -> Self {
        Self {
            text,
            segmentation,
            cache,
            columns,
        }
    }

    /// The text.
    pub fn text(self) -> &'d str {
        self.text
    }

    /// Its tokens and lines.
    pub fn segmentation(self) -> &'d Segmentation {
        self.segmentation
    }

    /// A string column of the document, for rules that read something beside the text.
    pub fn column(self, name: &str) -> Option<&'d str> {
        self.columns.string(name)
    }

    /// Lines as Python's `str.splitlines` gives them.
    pub(crate) fn split_lines(self) -> &'d [LineFacts] {
        self.cache
            .split_lines
            .get(|lines| super::facts::fill_lines(self, lines))
    }

    /// Lines between line feeds, as Python's `text.split("\n")` gives them.
    pub(crate) fn text_lines(self) -> &'d [TextLine] {
        self.cache
            .text_lines
            .get(|lines| super::facts::fill_text_lines(self, lines))
    }

    /// Which lines between line feeds came before.
    pub(crate) fn line_copies(self) -> &'d LineCopies {
        self.cache.line_copies.get(|copies| copies.fill(self))
    }

    /// The paragraphs: maximal runs of lines that are not blank, from the start of the first to the end of the last.
    ///
    /// A line is what stands between two `\n`, and blank if it has nothing but white space. Cost: one pass over the
    /// lines, once a text.
    ///
    /// ```
    /// use gristmill_core::segment::{Segmentation, Segmenter};
    /// use gristmill_core::signals::{Cache, Document, NoColumns};
    /// let text = "A heading\n \nOne line. Two sentences?\n- and an item\n";
    /// let (mut segmentation, cache) = (Segmentation::default(), Cache::default());
    /// Segmenter::default().segment(text, &mut segmentation);
    /// let document = Document::new(text, &segmentation, &cache, &NoColumns);
    /// let of_text = |span: &gristmill_core::signals::Span| &text[span.start as usize..span.end as usize];
    /// let paragraphs: Vec<&str> = document.paragraphs().iter().map(of_text).collect();
    /// assert_eq!(paragraphs, ["A heading", "One line. Two sentences?\n- and an item"]);
    /// let sentences: Vec<&str> = document.sentences().iter().map(of_text).collect();
    /// assert_eq!(sentences, ["A heading", "One line.", "Two sentences?", "- and an item"]);
    /// ```
    pub fn paragraphs(self) -> &'d [Span] {
        self.cache
            .paragraphs
            .get(|paragraphs| super::facts::fill_paragraphs(self, paragraphs))
    }

    /// The sentences, without white space at their ends; each within one line between two `\n`.
    ///
    /// A run of terminal marks ([`is_terminal_mark`](crate::segment::is_terminal_mark)), with the quotes and brackets
    /// that close behind it, ends a sentence if white space or the end of the line follows. A terminal mark outside
    /// ASCII (`。` `？` `؟` …) ends a sentence without white space, too. What is left at the end of a line is a sentence
    /// if it has anything but white space. There is no list of abbreviations: `Dr. No` is two. The rule `c4_quality`
    /// counts the same ones, line by line. Cost: one pass over the marks, once a text.
    pub fn sentences(self) -> &'d [Span] {
        self.cache
            .sentences
            .get(|sentences| super::facts::fill_sentences(self, sentences))
    }

    /// Words between white space, as Python's `str.split` gives them.
    pub(crate) fn space_words(self) -> &'d Words {
        self.cache.space_words.get(|words| words.fill(self))
    }

    /// Which of those are one ASCII word among marks.
    pub(crate) fn plain_words(self) -> &'d PlainWords {
        self.cache.plain_words.get(|words| words.fill(self))
    }

    /// English word tokens as datatrove has them, see [`crate::segment::EnglishTokenizer`].
    pub(crate) fn english_tokens(self) -> &'d TokenColumns {
        self.cache
            .english_tokens
            .get(|tokens| tokens.fill(self))
            .columns()
    }

    /// A hash for each of those words, case-sensitive.
    pub(crate) fn word_hashes(self) -> &'d [u64] {
        self.cache
            .word_hashes
            .get(|hashes| super::facts::fill_word_hashes(self, hashes))
    }

    /// A number for each different token, without regard to case.
    pub(crate) fn word_ids(self) -> &'d WordIds {
        self.cache.word_ids.get(|ids| ids.fill(self))
    }

    /// The text in lower case, as Python's `str.lower` gives it.
    pub(crate) fn lower_text(self) -> &'d LowerText {
        self.cache.lower_text.get(|lower| lower.fill(self))
    }

    /// Bad words of the English list.
    pub(crate) fn english_bad_words(self) -> &'d EnglishBadWords {
        self.cache.english_bad_words.get(|words| words.fill(self))
    }

    /// Places where a closer look may pay.
    pub(crate) fn spots(self) -> &'d Spots {
        self.cache.spots.get(|spots| spots.fill(self.text))
    }

    /// What each byte is.
    pub(crate) fn byte_kinds(self) -> &'d ByteKinds {
        self.cache.byte_kinds.get(|kinds| kinds.fill(self.text))
    }

    /// How many characters of each kind there are.
    pub(crate) fn characters(self) -> &'d CharacterCounts {
        self.cache
            .characters
            .get(|counts| self.cache.character_counter.count(self.text, counts))
    }
}

/// The facts of the current text, and buffers for the next.
///
/// Memory: about 60 bytes a line, 16 a word, 52 a token, 21 an English token and 1.6 a byte of text, once rules ask for them.
#[derive(Default)]
pub struct Cache {
    split_lines: Fact<Vec<LineFacts>>,
    text_lines: Fact<Vec<TextLine>>,
    line_copies: Fact<LineCopies>,
    paragraphs: Fact<Vec<Span>>,
    sentences: Fact<Vec<Span>>,
    space_words: Fact<Words>,
    plain_words: Fact<PlainWords>,
    word_hashes: Fact<Vec<u64>>,
    word_ids: Fact<WordIds>,
    lower_text: Fact<LowerText>,
    english_tokens: Fact<EnglishTokens>,
    english_bad_words: Fact<EnglishBadWords>,
    spots: Fact<Spots>,
    byte_kinds: Fact<ByteKinds>,
    characters: Fact<CharacterCounts>,
    character_counter: CharacterCounter,
}

impl Cache {
    /// Forgets every fact, because the text is another one now, with that segmentation: of the old one, only these lines
    /// are left. Keeps what is known of their English tokens, which cost more than all other facts together.
    pub fn keep_lines(&mut self, text: &str, segmentation: &Segmentation, lines: &[KeptLine]) {
        let english_tokens = self.english_tokens.current.take();
        self.forget();
        let Some(mut tokens) = english_tokens else {
            return;
        };
        if lines.is_empty() {
            self.english_tokens.spare.set(Some(tokens));
            return;
        }
        tokens.keep_lines(text, segmentation, lines);
        self.english_tokens.current.get_or_init(|| tokens);
    }

    /// Forgets every fact, because the text is another one now. Keeps the buffers.
    pub fn forget(&mut self) {
        self.split_lines.forget();
        self.text_lines.forget();
        self.line_copies.forget();
        self.paragraphs.forget();
        self.sentences.forget();
        self.space_words.forget();
        self.plain_words.forget();
        self.word_hashes.forget();
        self.word_ids.forget();
        self.lower_text.forget();
        self.english_tokens.forget();
        self.english_bad_words.forget();
        self.spots.forget();
        self.byte_kinds.forget();
        self.characters.forget();
    }
}

/// A value that is computed at most once a text, into a buffer that outlives the text.
#[derive(Default)]
pub(crate) struct Fact<T> {
    current: OnceCell<T>,
    spare: Cell<Option<T>>,
}

impl<T: Default> Fact<T> {
    /// The value; `fill` overwrites what an earlier text has left in the buffer.
    pub(crate) fn get(&self, fill: impl FnOnce(&mut T)) -> &T {
        self.current.get_or_init(|| {
            let mut value = self.spare.take().unwrap_or_default();
            fill(&mut value);
            value
        })
    }

    /// Forgets the value and keeps its buffer.
    pub(crate) fn forget(&mut self) {
        if let Some(value) = self.current.take() {
            self.spare.set(Some(value));
        }
    }
}
