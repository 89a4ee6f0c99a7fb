//! Building a changed copy of a text while logging the changes; nothing is copied until the first change.

use crate::edit::EditLog;

/// Collects replacements in ascending order, joins touching ones, and logs them under one part name.
pub(super) struct Rewriter<'text, 'log> {
    part: &'static str,
    text: &'text str,
    output: String,
    /// Bytes of `text` that `output` already stands for.
    consumed: usize,
    /// Start in `text`, and start of its replacement in `output`, of the edit that may still grow.
    open: Option<(usize, usize)>,
    edits: &'log mut EditLog,
}

impl<'text, 'log> Rewriter<'text, 'log> {
    pub(super) fn new(part: &'static str, text: &'text str, edits: &'log mut EditLog) -> Self {
        Self {
            part,
            text,
            output: String::new(),
            consumed: 0,
            open: None,
            edits,
        }
    }

    /// Replaces `text[start..end]` by `after`; what both have in common at their ends is not logged.
    pub(super) fn replace(&mut self, start: usize, end: usize, after: &str) {
        let before = &self.text[start..end];
        let head = common_prefix_bytes(before, after);
        let tail = common_suffix_bytes(&before[head..], &after[head..]);
        self.replace_exactly(start + head, end - tail, &after[head..after.len() - tail]);
    }

    fn replace_exactly(&mut self, start: usize, end: usize, after: &str) {
        if start == end && after.is_empty() {
            return;
        }
        if self.open.is_none() && self.consumed == 0 {
            self.output.reserve(self.text.len());
        }
        if self.open.is_none() || start != self.consumed {
            self.close();
            self.output.push_str(&self.text[self.consumed..start]);
            self.open = Some((start, self.output.len()));
        }
        self.output.push_str(after);
        self.consumed = end;
    }

    fn close(&mut self) {
        if let Some((start, output_start)) = self.open.take() {
            let before = &self.text[start..self.consumed];
            self.edits
                .push(self.part, start, before, &self.output[output_start..]);
        }
    }

    /// Returns the changed text, or nothing when no replacement was made.
    pub(super) fn finish(mut self) -> Option<String> {
        self.open?;
        self.close();
        self.output.push_str(&self.text[self.consumed..]);
        Some(self.output)
    }
}

fn common_prefix_bytes(left: &str, right: &str) -> usize {
    let equal = left
        .chars()
        .zip(right.chars())
        .take_while(|(one, other)| one == other);
    equal.map(|(one, _)| one.len_utf8()).sum()
}

fn common_suffix_bytes(left: &str, right: &str) -> usize {
    let equal = left
        .chars()
        .rev()
        .zip(right.chars().rev())
        .take_while(|(one, other)| one == other);
    equal.map(|(one, _)| one.len_utf8()).sum()
}
