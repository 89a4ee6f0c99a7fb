//! What one pass over the words of a document counts.

use super::other_word::OtherWord;
use crate::signals::Document;

/// Counts of raw words, as NLTK's `WordPunctTokenizer` cuts them (`\w+|[^\w\s]+`), and of what they hold.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub(super) struct RawCounts {
    /// Runs of `\w`, and runs of other characters that are not white space.
    pub(super) num_words: usize,
    /// Words with an ASCII letter.
    pub(super) num_alphabetic: usize,
    /// Words with a letter in upper case and none in lower.
    pub(super) num_all_caps: usize,
    /// Stop words, in just that case.
    pub(super) num_stop_words: usize,
}

/// Counts of marks.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub(super) struct MarkCounts {
    /// Stretches between `.`, `!` and `?` that hold a character of a word.
    pub(super) num_sentences: usize,
    /// `#`, `…`, and `...` counted from left to right without overlap.
    pub(super) num_symbols: usize,
    /// `{` and `}`.
    pub(super) num_brackets: usize,
}

impl MarkCounts {
    /// Of a document. Cost: a look at each of its spots.
    pub(super) fn of(document: Document<'_>, other: &OtherWord) -> Self {
        let (text, characters) = (document.text(), document.characters());
        let bytes = text.as_bytes();
        // From right to left, because what stands right before a mark is nearly always a word.
        let has_word = |start: usize, end: usize| {
            let last = bytes[start..end].last();
            last.is_some_and(u8::is_ascii_alphanumeric)
                || text[start..end]
                    .chars()
                    .rev()
                    .any(|character| other.is_word_character(character))
        };
        let (mut num_sentences, mut num_ellipses, mut num_dots, mut start) = (0, 0, 0, 0);
        for spot in document.spots().ends.iter().map(|&spot| spot as usize) {
            match bytes[spot] {
                mark @ (b'.' | b'!' | b'?') => {
                    let is_dot = mark == b'.';
                    // A row of dots goes on where nothing is between them.
                    let goes_on = is_dot & (spot == start);
                    num_dots = if goes_on { num_dots } else { 0 } + usize::from(is_dot);
                    num_ellipses += usize::from(num_dots == 3);
                    num_dots %= 3;
                    num_sentences += usize::from(has_word(start, spot));
                    start = spot + 1;
                }
                _ => num_ellipses += usize::from(text[spot..].starts_with('…')),
            }
        }
        num_sentences += usize::from(has_word(start, bytes.len()));
        Self {
            num_sentences,
            num_symbols: num_ellipses + characters.of_ascii(b'#'),
            num_brackets: characters.of_ascii(b'{') + characters.of_ascii(b'}'),
        }
    }
}

/// Sums over lines (`rps_lines_*`). A line goes to its `\n`, which belongs to it; what follows the last `\n` is a
/// line only if there is something.
#[derive(Debug, Default, Clone, Copy, PartialEq)]
pub(super) struct LineSums {
    pub(super) num_lines: usize,
    /// Lines that end, white space aside, in `.`, `!`, `?` or `”`.
    pub(super) num_terminal: usize,
    /// Lines that end, white space aside, in `...` or `…`.
    pub(super) num_ellipsis: usize,
    /// Lines that start, white space aside, with a bullet.
    pub(super) num_bullet: usize,
    /// Upper-case characters of each line by its characters, summed.
    pub(super) uppercase_fractions: f64,
    /// Numeric characters of each normalised line by its characters, summed.
    pub(super) numeric_fractions: f64,
}

/// Characters that start a list item.
const BULLETS: [char; 10] = ['•', '‣', '▶', '◀', '◦', '■', '□', '▪', '▫', '–'];

impl LineSums {
    /// Adds what a line's text says, which has something and no white space at its ends.
    pub(super) fn add_content(&mut self, content: &str) {
        self.num_terminal += usize::from(content.ends_with(['.', '!', '?', '”']));
        self.num_ellipsis += usize::from(content.ends_with("...") || content.ends_with('…'));
        self.num_bullet += usize::from(content.starts_with(BULLETS));
    }
}
