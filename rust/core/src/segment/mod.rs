//! Cuts a text into words and lines, once; every signal, rule and shingle reads the result.
//!
//! # What a token is
//!
//! * *Word characters* are letters, combining marks and numbers (general categories L, M, N) and `_`. A
//!   maximal run of them is one token.
//! * In scripts written without spaces (Han, Hiragana, Thai, Lao, Khmer, Myanmar) each letter is a token of
//!   its own, and combining marks join the letter before them. Katakana and Hangul stay runs.
//! * Every other character that is not white space is a token of its own (*punctuation*: marks, symbols,
//!   emoji, controls); combining marks and variation selectors join it.
//! * White space is the Unicode property White_Space, and U+001C to U+001F. It is never part of a token.
//!
//! For scripts with spaces this is the regular expression `\w+|[^\w\s]`, where marks are part of words.
//! It is *not* what spaCy or UAX #29 give: `don't` is `don`, `'`, `t`. Rules whose thresholds were chosen on
//! another tokenizer say in their documentation what that changes.
//!
//! # What a line is
//!
//! What stands between two `\n`; a text with n of them has n + 1 lines, as with Python's `text.split("\n")`.
//!
//! Not here: sentences (only one rule needs them), and any decision about a document.
//!
//! Cost: one pass, no allocation once the buffers have grown; about 21 bytes a token.

mod character_class;
mod classes;
mod english;
mod kept;
mod marks;
#[cfg(test)]
pub(crate) mod reference;
mod segmentation;
mod segmenter;
mod token_columns;
#[cfg(target_arch = "x86_64")]
mod wide;
mod word_hash;

pub(crate) use character_class::CharacterClass;
pub(crate) use classes::{Classes, is_white_space};
#[cfg(test)]
pub(crate) use english::reference::num_sentences as english_reference_sentences;
#[cfg(test)]
pub(crate) use english::reference::{english_tokens as english_reference_tokens, is_python_alphabetic};
pub use english::{EnglishTokenizer, num_sentences, num_sentences_of};
pub use kept::KeptLine;
pub use marks::{is_symbol, is_terminal_mark};
pub use segmentation::{ALL_SYMBOLS, HAS_LETTER, HAS_NUMBER, HAS_UPPER, Line, NON_ASCII, Segmentation};
pub use segmenter::Segmenter;
pub use token_columns::{ALL_PUNCTUATION, ENDS_SENTENCE, TokenColumns};
pub(crate) use word_hash::fold;
pub use word_hash::hash_bytes;
