//! What one pass over the words of a document counts.

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
    /// Stretches between `.`, `!` and `?` that hold a character of a word.
    pub(super) num_sentences: usize,
    /// `#`, `…`, and `...` counted from left to right without overlap.
    pub(super) num_symbols: usize,
    /// `{` and `}`.
    pub(super) num_brackets: usize,
    /// Whether a character of a word has come since the last `.`, `!` or `?`.
    pub(super) is_in_sentence: bool,
}

/// A run of punctuation; begin a new one behind each word and white space.
#[derive(Debug, Default, Clone, Copy)]
pub(super) struct Marks {
    /// Whether there has been any.
    goes_on: bool,
    /// Dots in a row, less those that an ellipsis has used up.
    num_dots: u32,
}

impl Marks {
    /// One more character of the run; what is not ASCII passes for 0, but for the ellipsis.
    #[inline(always)]
    pub(super) fn push(&mut self, character: u8, is_ellipsis: bool, counts: &mut RawCounts) {
        counts.num_words += usize::from(!self.goes_on);
        self.goes_on = true;
        let ends_sentence = matches!(character, b'.' | b'!' | b'?');
        counts.num_sentences += usize::from(ends_sentence & counts.is_in_sentence);
        counts.is_in_sentence &= !ends_sentence;
        counts.num_symbols += usize::from(is_ellipsis | (character == b'#'));
        counts.num_brackets += usize::from(matches!(character, b'{' | b'}'));
        self.num_dots = if character == b'.' { self.num_dots + 1 } else { 0 };
        if self.num_dots == 3 {
            counts.num_symbols += 1;
            self.num_dots = 0;
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
