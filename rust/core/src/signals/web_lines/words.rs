//! Words as DCLM counts them to see how much of a page was removed: fastText's, those that start with a letter or number.
//!
//! fastText cuts at seven ASCII characters only: a no-break space, or U+001C, joins words for it.

use crate::signals::Document;
use crate::signals::python_characters::is_alphanumeric;

fn is_separator(character: char) -> bool {
    matches!(character, ' ' | '\n' | '\r' | '\t' | '\u{b}' | '\u{c}' | '\0')
}

/// Words of any string, by their definition; slow.
pub(super) fn count_words(text: &str) -> usize {
    text.split(is_separator)
        .filter(|word| word.starts_with(is_alphanumeric))
        .count()
}

/// The same of a part of a document's text, quicker.
pub(super) fn count_words_of(document: Document<'_>, start: usize, end: usize) -> usize {
    let kinds = document.byte_kinds();
    kinds.num_words_by_first(document.text(), start, end, is_alphanumeric)
}
