//! Paragraphs and lines as units that come again: where they are, what of them is compared, and what is left of a text
//! without some of them. Not here: finding equal ones, which takes all documents.
//!
//! A *line* is what stands between two `\n`. A line of white space only is *blank* and no unit. A *paragraph* is a
//! longest run of lines that are not blank. So a unit is made of whole lines, starts and ends with one that is not
//! blank, and no two units of a kind touch.

mod cut;
mod ngrams;
mod normalise;

use std::ops::Range;

use serde::Deserialize;

pub use cut::cut_lines;
pub use ngrams::ngram_hashes;
pub use normalise::Normalisation;

use crate::segment::is_white_space;

/// What is compared and removed inside a document.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum UnitKind {
    /// Lines that follow each other without a blank one between.
    Paragraph,
    /// One line.
    Line,
}

/// Calls `unit` with the byte range of each unit of a text, in order; the last line break is not part of it.
///
/// Cost: one pass over the line breaks, and the leading white space of each line.
///
/// ```
/// use gristmill_core::units::{UnitKind, for_each_unit};
/// let text = "one\ntwo\n \nthree\n";
/// let mut found = Vec::new();
/// for_each_unit(text, UnitKind::Paragraph, |range| found.push(&text[range]));
/// assert_eq!(found, ["one\ntwo", "three"]);
/// ```
pub fn for_each_unit(text: &str, kind: UnitKind, mut unit: impl FnMut(Range<usize>)) {
    let mut open: Option<Range<usize>> = None;
    for line in lines(text) {
        let is_blank = is_blank(&text[line.clone()]);
        match kind {
            UnitKind::Line if !is_blank => unit(line),
            UnitKind::Line => {}
            UnitKind::Paragraph if is_blank => {
                if let Some(paragraph) = open.take() {
                    unit(paragraph);
                }
            }
            UnitKind::Paragraph => {
                let start = open.map_or(line.start, |paragraph| paragraph.start);
                open = Some(start..line.end);
            }
        }
    }
    if let Some(paragraph) = open {
        unit(paragraph);
    }
}

/// Whether a text holds white space only.
///
/// ```
/// assert!(gristmill_core::units::is_blank(" \u{3000}\n"));
/// ```
pub fn is_blank(text: &str) -> bool {
    text.chars().all(is_white_space)
}

/// The byte ranges of the lines of a text: one more than it has `\n`.
fn lines(text: &str) -> impl Iterator<Item = Range<usize>> {
    let mut start = 0;
    let breaks = memchr::memchr_iter(b'\n', text.as_bytes()).chain([text.len()]);
    breaks.map(move |end| std::mem::replace(&mut start, end + 1)..end)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn units(text: &str, kind: UnitKind) -> Vec<&str> {
        let mut found = Vec::new();
        for_each_unit(text, kind, |range| found.push(&text[range]));
        found
    }

    #[test]
    fn blank_lines_are_no_units_and_end_paragraphs() {
        let text = "\n\ta\u{301}\r\nb \n\u{a0}\u{1f}\n\nc\u{2028}d";
        assert_eq!(units(text, UnitKind::Line), ["\ta\u{301}\r", "b ", "c\u{2028}d"]);
        assert_eq!(
            units(text, UnitKind::Paragraph),
            ["\ta\u{301}\r\nb ", "c\u{2028}d"]
        );
        for kind in [UnitKind::Line, UnitKind::Paragraph] {
            for blank in ["", "\n", " \n\t\n"] {
                assert!(units(blank, kind).is_empty(), "{blank:?}");
            }
        }
    }
}
