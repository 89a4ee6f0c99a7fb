//! What RedPajama measures of each line (`rps_lines_*`), as sums over the lines of a document.
//!
//! A line goes to its `\n`, which belongs to it; what follows the last `\n` is a line only if there is something.

use super::words::PlainWords;
use crate::signals::Document;
use crate::signals::facts::TextLine;

/// Characters that start a list item.
const BULLETS: [char; 10] = ['•', '‣', '▶', '◀', '◦', '■', '□', '▪', '▫', '–'];

/// Sums over lines.
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

impl LineSums {
    /// The sums of a document whose normalised words are known.
    pub(super) fn of(document: Document<'_>, plain: &PlainWords) -> Self {
        let mut sums = Self::default();
        let (text, words) = (document.text(), document.space_words());
        for &line in document.text_lines() {
            let is_last = line.end as usize == text.len();
            if is_last && line.start == line.end {
                continue;
            }
            sums.num_lines += 1;
            sums.uppercase_fractions +=
                f64::from(line.num_upper) / f64::from(line.num_chars + u32::from(!is_last));
            if line.num_words == 0 {
                continue;
            }
            let first = line.first_word as usize;
            let last = first + line.num_words as usize - 1;
            let content = &text[words.starts()[first] as usize..words.ends()[last] as usize];
            sums.num_terminal += usize::from(content.ends_with(['.', '!', '?', '”']));
            sums.num_ellipsis += usize::from(content.ends_with("...") || content.ends_with('…'));
            sums.num_bullet += usize::from(content.starts_with(BULLETS));
            sums.numeric_fractions += numeric_fraction(line, plain);
        }
        sums
    }
}

/// Numeric characters of a normalised line by all of its characters, the spaces between its words included.
fn numeric_fraction(line: TextLine, plain: &PlainWords) -> f64 {
    let first = plain.before[line.first_word as usize] as usize;
    let next = plain.before[(line.first_word + line.num_words) as usize] as usize;
    if first == next {
        return 0.0;
    }
    let num_numeric: u32 = plain.num_numeric[first..next].iter().sum();
    if num_numeric == 0 {
        return 0.0;
    }
    let num_chars: u32 = plain.num_chars[first..next].iter().sum();
    f64::from(num_numeric) / f64::from(num_chars + (next - first - 1) as u32)
}
