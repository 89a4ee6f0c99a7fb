//! Finds comments and strings in source code, on bytes.
//!
//! What they look like is data that the caller brings (`Form`): no language is known here. The same in Python, slower
//! and meant to be read first, is `gristmill_code/lexer.py`; a test compares the two.

/// How a form ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ending {
    /// With its line.
    Line,
    /// With `close`.
    Close,
    /// With `close` after one character or one escape; else it is no literal.
    Character,
    /// `#`s, then `"`, up to `"` and as many `#`s.
    Raw,
}

/// One form of comment or string; the fields are those of `gristmill_code.syntaxes.Form`.
#[derive(Clone, Debug)]
#[expect(
    clippy::struct_excessive_bools,
    reason = "they are independent facts about a form, named as in the table"
)]
pub struct Form {
    /// Counted as comment, else as string.
    pub is_comment: bool,
    /// How it ends.
    pub ending: Ending,
    /// What it starts with; not empty.
    pub open: Vec<u8>,
    /// What it ends with.
    pub close: Vec<u8>,
    /// A backslash takes the next character with it.
    pub escape: bool,
    /// Whether it may go on in the next line.
    pub multiline: bool,
    /// Whether forms inside of it have to be closed too.
    pub nested: bool,
    /// Only at the start of a line or after white space or one of `;|&()`.
    pub word_start: bool,
    /// Only with nothing but white space before it on its line.
    pub line_start: bool,
}

/// The forms of one language, ready for use.
#[derive(Clone, Debug)]
pub struct Syntax {
    forms: Vec<Form>,
    is_first: [bool; 256],
}

impl Syntax {
    /// Orders the forms: longer openers first, then as given.
    #[must_use]
    pub fn new(mut forms: Vec<Form>) -> Self {
        forms.retain(|form| !form.open.is_empty());
        // By characters, as the table's order is; openers are ASCII.
        forms.sort_by_key(|form| std::cmp::Reverse(form.open.len()));
        let mut is_first = [false; 256];
        for form in &forms {
            if let Some(&byte) = form.open.first() {
                is_first[usize::from(byte)] = true;
            }
        }
        Self { forms, is_first }
    }
}

/// Characters that are not white space: all, in comments, in strings; and the number of comments.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Shares {
    /// All.
    pub characters: u64,
    /// In comments, their marks included.
    pub comment_characters: u64,
    /// In strings, their quotation marks included.
    pub string_characters: u64,
    /// Comments; lines of `//` one by one.
    pub comments: u64,
}

/// Returns how much of a text is comment and how much string. Time linear in the text (times the forms).
///
/// ```
/// use gristmill_code_native::lexer::{Ending, Form, Syntax, measure};
/// let hash = Form {
///     is_comment: true, ending: Ending::Line, open: b"#".to_vec(), close: Vec::new(), escape: false,
///     multiline: true, nested: false, word_start: false, line_start: false,
/// };
/// let shares = measure(b"x # yes", &Syntax::new(vec![hash]));
/// assert_eq!((shares.characters, shares.comment_characters, shares.comments), (5, 4, 1));
/// ```
#[must_use]
pub fn measure(text: &[u8], syntax: &Syntax) -> Shares {
    let mut shares = Shares {
        characters: num_visible(text),
        ..Shares::default()
    };
    let mut position = 0;
    while let Some(&byte) = text.get(position) {
        let found = if syntax.is_first[usize::from(byte)] {
            open_at(text, position, syntax)
        } else {
            None
        };
        let Some((form, end)) = found else {
            position += 1;
            continue;
        };
        let visible = num_visible(text.get(position..end).unwrap_or_default());
        if form.is_comment {
            shares.comment_characters += visible;
            shares.comments += 1;
        } else {
            shares.string_characters += visible;
        }
        position = end;
    }
    shares
}

fn open_at<'a>(text: &[u8], start: usize, syntax: &'a Syntax) -> Option<(&'a Form, usize)> {
    syntax
        .forms
        .iter()
        .filter(|form| opens(text, start, form))
        .find_map(|form| Some((form, end_of(text, start, form)?)))
}

fn opens(text: &[u8], start: usize, form: &Form) -> bool {
    if !starts_with(text, start, &form.open) {
        return false;
    }
    let before = text.get(..start).unwrap_or_default();
    let last = before.last().copied();
    if form.word_start && last.is_some_and(|byte| !is_blank(byte) && !b";|&()".contains(&byte)) {
        return false;
    }
    if form.ending == Ending::Raw && last.is_some_and(|byte| byte.is_ascii_alphanumeric() || byte == b'_') {
        return false;
    }
    !form.line_start
        || before
            .iter()
            .rev()
            .find(|&&byte| byte == b'\n' || !is_blank(byte))
            .is_none_or(|&byte| byte == b'\n')
}

fn end_of(text: &[u8], start: usize, form: &Form) -> Option<usize> {
    let inside = start + form.open.len();
    match form.ending {
        Ending::Line => {
            Some(find(text, b"\n", inside - usize::from(form.open.ends_with(b"\n"))).unwrap_or(text.len()))
        }
        Ending::Close => Some(end_of_closed(text, inside, form)),
        Ending::Character => end_of_character(text, inside, form),
        Ending::Raw => {
            let hashes = text
                .get(inside..)?
                .iter()
                .take_while(|&&byte| byte == b'#')
                .count();
            if text.get(inside + hashes) != Some(&b'"') {
                return None;
            }
            let close = [b"\"".as_slice(), &vec![b'#'; hashes]].concat();
            Some(find(text, &close, inside + hashes + 1).map_or(text.len(), |end| end + close.len()))
        }
    }
}

fn end_of_character(text: &[u8], inside: usize, form: &Form) -> Option<usize> {
    /// As in the reference, where it counts characters.
    const LONGEST_ESCAPE: usize = 12;
    let first = *text.get(inside)?;
    if first == b'\\' {
        // From the second character behind the backslash, within so many characters.
        let mut position = inside;
        for step in 0..LONGEST_ESCAPE {
            if step >= 2 && starts_with(text, position, &form.close) {
                return Some(position + form.close.len());
            }
            position = next_character(text, position)?;
        }
        return None;
    }
    if first == b'\n' || starts_with(text, inside, &form.close) {
        return None;
    }
    let after = next_character(text, inside)?;
    starts_with(text, after, &form.close).then(|| after + form.close.len())
}

fn end_of_closed(text: &[u8], inside: usize, form: &Form) -> usize {
    let (mut depth, mut position) = (1_usize, inside);
    while let Some(&byte) = text.get(position) {
        if form.escape && byte == b'\\' {
            position = next_character(text, position + 1).unwrap_or(text.len());
        } else if starts_with(text, position, &form.close) {
            depth -= 1;
            position += form.close.len();
            if depth == 0 {
                return position;
            }
        } else if form.nested && starts_with(text, position, &form.open) {
            depth += 1;
            position += form.open.len();
        } else if !form.multiline && byte == b'\n' {
            return position;
        } else {
            position += 1;
        }
    }
    text.len()
}

/// The start of the character behind the one at `position`; none at the text's end.
fn next_character(text: &[u8], position: usize) -> Option<usize> {
    let rest = text.get(position + 1..)?;
    Some(position + 1 + rest.iter().take_while(|&&byte| byte & 0xC0 == 0x80).count())
}

fn starts_with(text: &[u8], position: usize, part: &[u8]) -> bool {
    text.get(position..).is_some_and(|rest| rest.starts_with(part))
}

fn find(text: &[u8], part: &[u8], from: usize) -> Option<usize> {
    let first = *part.first()?;
    let mut position = from;
    loop {
        position += text.get(position..)?.iter().position(|&byte| byte == first)?;
        if starts_with(text, position, part) {
            return Some(position);
        }
        position += 1;
    }
}

fn num_visible(text: &[u8]) -> u64 {
    text.iter()
        .map(|&byte| u64::from(byte & 0xC0 != 0x80 && !is_blank(byte)))
        .sum()
}

fn is_blank(byte: u8) -> bool {
    matches!(byte, b' ' | b'\t' | b'\n' | b'\r' | 0x0B | 0x0C)
}
