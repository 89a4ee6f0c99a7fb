//! RefinedWeb's line rules (Penedo et al. 2023, appendix G.2), as DCLM's mappers implement them.

use serde::{Deserialize, Serialize};

use super::counters::is_counter;
use super::phrases::{Phrases, Place};
use super::words::{count_words, count_words_of};
use crate::edit::EditLog;
use crate::segment::is_white_space;
use crate::signals::facts::TextLine;
use crate::signals::line_edits::Pieces;
use crate::signals::python_characters::is_digit;
use crate::signals::{Column, Corrector, Document, Entry, Setup, Value, float, share, uint};

const COLUMNS: [Column; 8] = [
    float(
        "removed_word_fraction",
        "Words that went, by words that were there, in [0, 1]; 1 for a text without words.",
    ),
    uint(
        "num_uppercase_lines",
        "Lines removed for their share of upper-case characters.",
    ),
    uint("num_numeric_lines", "Lines removed for their share of digits."),
    uint(
        "num_counter_lines",
        "Lines removed for being a counter, such as `3 likes`.",
    ),
    uint(
        "num_few_word_lines",
        "Lines removed for having too few words, blank ones not counted.",
    ),
    uint(
        "num_phrase_lines",
        "Lines that lost a phrase of menus and carts, or went with it.",
    ),
    uint(
        "num_lines_removed",
        "Lines that were removed, blank ones not counted.",
    ),
    uint("num_lines_kept", "Lines that were kept, blank ones not counted."),
];

/// What [`RefinedwebLines`] computes with; thresholds are not part of it.
#[derive(Debug, Clone, PartialEq, Deserialize, Serialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct RefinedwebConfig {
    /// Remove lines with a larger share of upper-case characters.
    pub(super) max_line_uppercase_fraction: f64,
    /// Remove lines with a larger share of digits.
    pub(super) max_line_digit_fraction: f64,
    /// Remove lines that count likes, shares, views and the like.
    pub(super) remove_counters: bool,
    /// Remove lines of fewer words, split at white space; empty lines stay.
    pub(super) min_words_per_line: u32,
    /// Phrases are looked for in lines of at most so many words; 0 leaves all lines alone.
    pub(super) max_phrase_line_words: u32,
    /// Phrases to cut out of short lines.
    pub(super) phrases: Vec<String>,
    /// Phrases to cut from the end of short lines.
    pub(super) phrases_at_end: Vec<String>,
    /// Phrases to cut from the start of short lines.
    pub(super) phrases_at_start: Vec<String>,
}

impl Default for RefinedwebConfig {
    fn default() -> Self {
        Self {
            max_line_uppercase_fraction: 0.5,
            max_line_digit_fraction: 0.999_999,
            remove_counters: true,
            min_words_per_line: 2,
            max_phrase_line_words: 10,
            phrases: vec!["items in cart".to_owned()],
            phrases_at_end: vec!["Read more...".to_owned()],
            phrases_at_start: vec!["Sign-in".to_owned()],
        }
    }
}

/// Removes lines that are headlines in capitals, numbers, counters or single words, and phrases of menus and carts.
///
/// The rules run one after the other over all lines, as in DCLM, and white space at both ends of the text goes after
/// each but that of few words: so the first and last line are measured as they stand then.
#[derive(Debug, Clone)]
struct RefinedwebLines {
    config: RefinedwebConfig,
    phrases: [Phrases; 3],
    lines: Vec<Line>,
    /// What stays of lines that lost a phrase: ranges of the text.
    ranges: Vec<(u32, u32)>,
    pieces: Pieces,
    characters: Vec<(usize, char)>,
    scratch: String,
}

/// A line that is still there.
#[derive(Debug, Clone, Copy)]
struct Line {
    /// Index of the line in the text.
    index: u32,
    start: u32,
    end: u32,
    num_chars: u32,
    num_words: u32,
    /// Of a line that lost a phrase: where its ranges start, and how many there are.
    first_range: u32,
    num_ranges: u32,
}

/// What the columns are made of.
#[derive(Debug, Default)]
struct Counts {
    uppercase: usize,
    numeric: usize,
    counter: usize,
    few_words: usize,
    phrase: usize,
}

impl RefinedwebLines {
    fn new(config: RefinedwebConfig) -> Self {
        let phrases = [
            Phrases::new(Place::Anywhere, &config.phrases),
            Phrases::new(Place::AtEnd, &config.phrases_at_end),
            Phrases::new(Place::AtStart, &config.phrases_at_start),
        ];
        Self {
            config,
            phrases,
            lines: Vec::new(),
            ranges: Vec::new(),
            pieces: Pieces::default(),
            characters: Vec::new(),
            scratch: String::new(),
        }
    }

    /// All rules that remove whole lines.
    fn remove_lines(&mut self, text: &str, lines: &[TextLine], counts: &mut Counts) {
        self.lines.clear();
        let limit = self.config.max_line_uppercase_fraction;
        for (index, line) in lines.iter().enumerate() {
            if is_above(line.num_upper, line.num_chars, limit) {
                counts.uppercase += 1;
                continue;
            }
            self.lines.push(Line {
                index: index as u32,
                start: line.start,
                end: line.end,
                num_chars: line.num_chars,
                num_words: line.num_words,
                first_range: 0,
                num_ranges: 0,
            });
        }
        self.strip(text);
        let limit = self.config.max_line_digit_fraction;
        counts.numeric = remove(&mut self.lines, |line| {
            has_more_digits(line.text(text), line.num_chars, limit)
        });
        self.strip(text);
        if self.config.remove_counters {
            counts.counter = remove(&mut self.lines, |line| {
                // Of white space and a word behind it, neither can be missing.
                line.num_words >= 2 && is_counter(line.text(text))
            });
            self.strip(text);
        }
        let min_words = self.config.min_words_per_line;
        self.lines.retain(|line| {
            let is_kept = line.num_words >= min_words || line.start == line.end;
            counts.few_words += usize::from(!is_kept && line.num_words > 0);
            is_kept
        });
    }

    /// Cuts phrases out of short lines, and removes those of which nothing is left.
    fn cut_phrases(&mut self, document: Document<'_>, counts: &mut Counts) {
        let (text, lower) = (document.text(), document.lower_text().text());
        for index in 0..self.phrases.len() {
            let (phrases, limit) = (&self.phrases[index], self.config.max_phrase_line_words);
            let is_uncut = self.ranges.is_empty();
            if limit == 0 || is_uncut && !phrases.may_be_in(lower) {
                // Lines of white space go all the same. Where lines without words have gone, nothing changes any more.
                if self.config.min_words_per_line == 0 || !is_uncut {
                    self.lines
                        .retain(|line| line.num_words > 0 || line.start == line.end);
                }
                self.strip(text);
                continue;
            }
            let (ranges, characters) = (&mut self.ranges, &mut self.characters);
            self.lines.retain_mut(|line| {
                if line.num_words > limit || line.start == line.end {
                    return true;
                }
                if line.num_words == 0 {
                    return false;
                }
                if line.num_ranges == 0 && !phrases.are_in(line.text(text)) {
                    return true;
                }
                line.read(text, ranges, characters);
                let num_before = characters.len();
                phrases.cut(characters);
                if characters.len() == num_before {
                    return true;
                }
                counts.phrase += usize::from(line.num_ranges == 0);
                line.write(ranges, characters);
                line.num_words > 0
            });
            self.strip(text);
        }
    }

    /// Drops white space at both ends of what the lines spell.
    fn strip(&mut self, text: &str) {
        while let Some(last) = self.lines.last_mut() {
            last.strip(text, &mut self.ranges, &mut self.characters, |line| {
                (0, line.trim_end_matches(is_white_space).len())
            });
            if last.start < last.end {
                break;
            }
            self.lines.pop();
        }
        let mut num_blank = 0;
        for first in &mut self.lines {
            first.strip(text, &mut self.ranges, &mut self.characters, |line| {
                (
                    line.len() - line.trim_start_matches(is_white_space).len(),
                    line.len(),
                )
            });
            if first.start < first.end {
                break;
            }
            num_blank += 1;
        }
        self.lines.drain(..num_blank);
    }

    /// Words that are gone. A line that lost white space is counted again: what Python strips may not end words.
    fn count_removed_words(&mut self, document: Document<'_>) -> usize {
        let (text, mut kept) = (document.text(), self.lines.iter().peekable());
        let (mut num_removed, mut num_new, scratch) = (0, 0, &mut self.scratch);
        for (index, line) in document.text_lines().iter().enumerate() {
            let of_line = || count_words_of(document, line.start as usize, line.end as usize);
            match kept.next_if(|kept| kept.index as usize == index) {
                None => num_removed += of_line(),
                Some(kept) if kept.num_ranges > 0 || (kept.start, kept.end) != (line.start, line.end) => {
                    scratch.clear();
                    scratch.extend(kept.ranges(&self.ranges).map(|(start, end)| &text[start..end]));
                    num_removed += of_line();
                    num_new += count_words(scratch);
                }
                Some(_) => {}
            }
        }
        num_removed.saturating_sub(num_new)
    }

    /// Names what stays, in the order of the text.
    fn keep_pieces(&mut self) {
        self.pieces.clear();
        for line in &self.lines {
            let mut ranges = line.ranges(&self.ranges);
            if let Some((start, end)) = ranges.next() {
                self.pieces.keep_line(start, end);
            }
            ranges.for_each(|(start, end)| self.pieces.keep_more(start, end));
        }
    }
}

impl Line {
    /// The line as it stands in the text; only for lines that are in one piece.
    fn text(self, text: &str) -> &str {
        &text[self.start as usize..self.end as usize]
    }

    /// The ranges of the text that it is made of.
    fn ranges(self, ranges: &[(u32, u32)]) -> impl Iterator<Item = (usize, usize)> {
        let whole = [(self.start, self.end)];
        let cut = &ranges[self.first_range as usize..(self.first_range + self.num_ranges) as usize];
        let num_whole = usize::from(self.num_ranges == 0);
        let whole = whole.into_iter().take(num_whole);
        whole
            .chain(cut.iter().copied())
            .map(|(start, end)| (start as usize, end as usize))
    }

    /// Overwrites `characters` with those of the line, and where each starts.
    fn read(self, text: &str, ranges: &[(u32, u32)], characters: &mut Vec<(usize, char)>) {
        characters.clear();
        for (start, end) in self.ranges(ranges) {
            characters.extend(
                text[start..end]
                    .char_indices()
                    .map(|(at, character)| (start + at, character)),
            );
        }
    }

    /// Makes the line those characters.
    fn write(&mut self, ranges: &mut Vec<(u32, u32)>, characters: &[(usize, char)]) {
        let first_range = ranges.len();
        self.num_chars = characters.len() as u32;
        let (mut num_words, mut is_in_word) = (0, false);
        for &(at, character) in characters {
            let (start, end) = (at as u32, (at + character.len_utf8()) as u32);
            match ranges[first_range..].last_mut() {
                Some(last) if last.1 == start => last.1 = end,
                _ => ranges.push((start, end)),
            }
            num_words += u32::from(!is_in_word && !is_white_space(character));
            is_in_word = !is_white_space(character);
        }
        self.num_words = num_words;
        let of_line = &ranges[first_range..];
        (self.first_range, self.num_ranges) = (first_range as u32, of_line.len() as u32);
        self.start = of_line.first().map_or(self.end, |range| range.0);
        self.end = of_line.last().map_or(self.start, |range| range.1);
    }

    /// Keeps of the line what `kept` says: a byte range.
    fn strip(
        &mut self,
        text: &str,
        ranges: &mut Vec<(u32, u32)>,
        characters: &mut Vec<(usize, char)>,
        kept: impl Fn(&str) -> (usize, usize),
    ) {
        if self.num_ranges == 0 {
            let line = self.text(text);
            let (start, end) = kept(line);
            self.num_chars -= (line[..start].chars().count() + line[end..].chars().count()) as u32;
            (self.start, self.end) = (self.start + start as u32, self.start + end as u32);
            return;
        }
        self.read(text, ranges, characters);
        let line: String = characters.iter().map(|&(_, character)| character).collect();
        let (start, end) = kept(&line);
        if end - start < line.len() {
            let first = line[..start].chars().count();
            characters.truncate(first + line[start..end].chars().count());
            self.write(ranges, &characters[first..]);
        }
    }
}

/// Removes the lines that the rule names, and says how many.
fn remove(lines: &mut Vec<Line>, mut goes: impl FnMut(&Line) -> bool) -> usize {
    let num_before = lines.len();
    lines.retain(|line| !goes(line));
    num_before - lines.len()
}

/// Whether a line with so many of its characters goes.
fn is_above(number: u32, num_chars: u32, limit: f64) -> bool {
    // Most lines have none, and a division takes time.
    (number > 0 || limit < 0.0) && num_chars > 0 && f64::from(number) / f64::from(num_chars) > limit
}

/// Whether the share of digits is larger. Reads the line only until it cannot be any more.
fn has_more_digits(line: &str, num_chars: u32, limit: f64) -> bool {
    // With so many other characters the share is below the limit, whatever rounding does.
    if num_chars == 0 {
        return false;
    }
    let enough_others = (1.0 - limit) * f64::from(num_chars) + 1.0;
    // Nearly every line has them at its start.
    let is_other = |byte: &u8| byte.is_ascii() && !byte.is_ascii_digit();
    if enough_others < 2.0
        && line
            .as_bytes()
            .first_chunk::<2>()
            .is_some_and(|two| two.iter().all(is_other))
    {
        return false;
    }
    let mut num_others = 0;
    for character in line.chars() {
        num_others += u32::from(!is_digit(character));
        if f64::from(num_others) > enough_others {
            return false;
        }
    }
    is_above(num_chars - num_others, num_chars, limit)
}

impl Corrector for RefinedwebLines {
    fn correct(
        &mut self,
        document: Document<'_>,
        edits: &mut EditLog,
        out: &mut Vec<Value>,
    ) -> Option<String> {
        self.measure(document, out);
        self.keep_pieces();
        self.pieces.finish(document.text(), edits)
    }

    fn measure(&mut self, document: Document<'_>, out: &mut Vec<Value>) {
        let (text, mut counts) = (document.text(), Counts::default());
        self.ranges.clear();
        self.remove_lines(text, document.text_lines(), &mut counts);
        self.cut_phrases(document, &mut counts);
        let num_words = count_words_of(document, 0, text.len());
        let num_removed = self.count_removed_words(document);
        let num_lines = document
            .text_lines()
            .iter()
            .filter(|line| line.num_words > 0)
            .count();
        let num_kept = self.lines.iter().filter(|line| line.num_words > 0).count();
        out.push(Value::Float64(if num_words == 0 {
            1.0
        } else {
            share(num_removed, num_words)
        }));
        out.extend(
            [
                counts.uppercase,
                counts.numeric,
                counts.counter,
                counts.few_words,
                counts.phrase,
                num_lines - num_kept,
                num_kept,
            ]
            .map(crate::signals::count),
        );
    }
}

/// The rule's entry.
pub(super) const ENTRY: Entry = Entry {
    name: "refinedweb_lines",
    columns: &COLUMNS,
    make: |setup| Setup::corrector(RefinedwebLines::new(setup.config()?)),
    #[cfg(test)]
    reference: super::reference::refinedweb,
    #[cfg(test)]
    variants: &[
        "{}",
        r#"{"max_line_uppercase_fraction": 0.1, "max_line_digit_fraction": 0.3, "min_words_per_line": 1}"#,
        r#"{"max_line_uppercase_fraction": 1.0, "min_words_per_line": 0, "max_phrase_line_words": 3,
            "phrases": ["is", "a."], "phrases_at_end": ["line.", "e", ".."], "phrases_at_start": ["t.", "sk"]}"#,
        r#"{"remove_counters": false, "max_line_digit_fraction": 1.0, "phrases": [], "phrases_at_end": ["so"],
            "phrases_at_start": []}"#,
    ],
};
