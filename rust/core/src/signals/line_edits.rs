//! Keeps parts of a text and logs the rest: what all correctors that remove lines, or parts of lines, share.
//!
//! A corrector names what stays, piece by piece; the pieces spell the new text, and the gaps between them are its
//! edits. Not here: which lines go.

use crate::edit::EditLog;

/// A range of the text that stays.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Piece {
    start: usize,
    end: usize,
    /// Whether it starts a line of the new text, or goes on where something was cut out of a line.
    starts_line: bool,
}

/// What stays of one text, in order and without overlap. Keeps its buffer from text to text.
#[derive(Debug, Clone, Default)]
pub(super) struct Pieces {
    pieces: Vec<Piece>,
}

impl Pieces {
    /// Forgets the pieces of the last text.
    pub(super) fn clear(&mut self) {
        self.pieces.clear();
    }

    /// Keeps bytes `start..end` as a line, or as the first part of one. The first line starts the new text.
    pub(super) fn keep_line(&mut self, start: usize, end: usize) {
        let starts_line = !self.pieces.is_empty();
        self.pieces.push(Piece {
            start,
            end,
            starts_line,
        });
    }

    /// Keeps bytes `start..end` as the next part of the last line.
    pub(super) fn keep_more(&mut self, start: usize, end: usize) {
        self.pieces.push(Piece {
            start,
            end,
            starts_line: false,
        });
    }

    /// Logs what goes, one edit for each removed line or part, and returns the new text if it is another one.
    pub(super) fn finish(&self, text: &str, edits: &mut EditLog) -> Option<String> {
        let (num_edits, mut read) = (edits.len(), 0);
        for piece in &self.pieces {
            log_gap(text, read, piece.start, piece.starts_line, edits);
            read = piece.end;
        }
        log_gap(text, read, text.len(), false, edits);
        (edits.len() > num_edits).then(|| self.joined(text))
    }

    fn joined(&self, text: &str) -> String {
        let mut joined = String::with_capacity(text.len());
        for piece in &self.pieces {
            if piece.starts_line {
                joined.push('\n');
            }
            joined.push_str(&text[piece.start..piece.end]);
        }
        joined
    }
}

/// Records that bytes `start..end` become a line break or nothing: one edit for each removed line.
fn log_gap(text: &str, start: usize, end: usize, becomes_line_break: bool, edits: &mut EditLog) {
    let mut gap = &text[start..end];
    let mut at = start;
    if becomes_line_break {
        let Some(before_break) = gap.find('\n') else {
            edits.push("", at, gap, "\n");
            return;
        };
        if before_break > 0 {
            edits.push("", at, &gap[..before_break], "");
        }
        at += before_break + 1;
        gap = &gap[before_break + 1..];
    }
    for line in gap.split_inclusive('\n') {
        edits.push("", at, line, "");
        at += line.len();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pieces_spell_the_new_text_and_gaps_are_its_edits() {
        let text = " Menu\nOne two.\n\nThree [1] four.\nLogin\n";
        let mut pieces = Pieces::default();
        let mut edits = EditLog::default();
        pieces.keep_line(6, 14);
        pieces.keep_line(15, 15);
        pieces.keep_line(16, 22);
        pieces.keep_more(25, 31);
        let edited = pieces.finish(text, &mut edits).unwrap();
        assert_eq!(edited, "One two.\n\nThree  four.");
        assert_eq!(edits.undo(&edited), text);
        let removed: Vec<_> = edits.iter().map(|edit| edit.before.to_owned()).collect();
        assert_eq!(removed, [" Menu\n", "[1]", "\n", "Login\n"]);
    }

    #[test]
    fn keeping_all_changes_nothing_and_keeping_nothing_leaves_nothing() {
        let (text, mut edits) = ("a\nb", EditLog::default());
        let mut pieces = Pieces::default();
        pieces.keep_line(0, 1);
        pieces.keep_line(2, 3);
        assert_eq!(pieces.finish(text, &mut edits), None);
        assert!(edits.is_empty());
        pieces.clear();
        assert_eq!(pieces.finish(text, &mut edits).as_deref(), Some(""));
        assert_eq!(edits.undo(""), text);
    }
}
