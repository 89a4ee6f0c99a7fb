//! Facts about a text that several rules share: one file each. [`super::Document`] hands them out.

mod byte_kinds;
mod characters;
mod english;
mod english_bad_words;
mod flagged;
mod full_lines;
mod hash_filter;
mod line_copies;
mod lines;
mod lower;
mod plain_words;
mod select;
mod spans;
mod spots;
mod text_lines;
mod word_hashes;
mod word_ids;
mod words;

pub(crate) use byte_kinds::{ByteKinds, KindCounts};
pub(crate) use characters::{CharacterCounter, CharacterCounts};
pub(crate) use english::EnglishTokens;
#[cfg(test)]
pub(crate) use english_bad_words::latest_english_entries;
pub(crate) use english_bad_words::{EnglishBadWords, english_entries};
pub(crate) use flagged::tokens_with;
pub(crate) use full_lines::{full_line_ends, full_lines};
pub(crate) use hash_filter::HashFilter;
pub(crate) use line_copies::{LineCopies, line_hash};
pub(crate) use lines::{LineFacts, fill_lines};
pub(crate) use lower::LowerText;
pub(crate) use plain_words::{MARKS, PlainWords};
pub(crate) use select::{select_at_least, select_with_bits};
pub use spans::Span;
#[cfg(test)]
pub(crate) use spans::run_of_marks;
pub(crate) use spans::{fill_paragraphs, fill_sentences, for_each_sentence_end};
pub(crate) use spots::Spots;
pub(crate) use text_lines::{TextLine, fill_text_lines};
pub(crate) use word_hashes::{fill_word_hashes, word_hash};
pub(crate) use word_ids::{FurtherIds, WordIds};
pub(crate) use words::Words;
