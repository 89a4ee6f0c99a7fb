//! Runs: words, and rows of marks that nothing separates. The nearest to the tokens of a language model that tokens
//! without a vocabulary come, because those too join `----------` and `});`.

use crate::dispatch::{self, Kernel};
use crate::segment::{HAS_LETTER, HAS_NUMBER, Segmentation};

/// Whether a token is a word: it has a letter or a number. All others are marks.
fn is_word(flags: u8) -> bool {
    flags & (HAS_LETTER | HAS_NUMBER) != 0
}

/// Calls `run` with the first token and the one after the last of every run, in order.
///
/// A run is a word, or tokens that are all marks and touch each other. Words that touch each other, as in scripts
/// without spaces, stay apart.
pub(super) fn for_each_run(segmentation: &Segmentation, mut run: impl FnMut(usize, usize)) {
    let (starts, ends, flags) = (segmentation.starts(), segmentation.ends(), segmentation.flags());
    let is_mark = |token: usize| !is_word(flags[token]);
    let mut token = 0;
    while token < starts.len() {
        let first = token;
        token += 1;
        if is_mark(first) {
            while token < starts.len() && starts[token] == ends[token - 1] && is_mark(token) {
                token += 1;
            }
        }
        run(first, token);
    }
}

/// How many runs there are; quicker than to count calls of [`for_each_run`].
pub(super) fn num_runs(segmentation: &Segmentation) -> usize {
    segmentation.num_tokens() - dispatch::run(JoinedMarks(segmentation))
}

/// Counts marks that touch a mark before them.
struct JoinedMarks<'s>(&'s Segmentation);

impl JoinedMarks<'_> {
    #[inline(always)]
    fn count(self) -> usize {
        let (starts, ends, flags) = (self.0.starts(), self.0.ends(), self.0.flags());
        let num_pairs = flags.len().saturating_sub(1);
        let flags = flags.iter().zip(flags.iter().skip(1));
        let places = ends[..num_pairs].iter().zip(starts.iter().skip(1));
        let pairs = flags.zip(places);
        let number: u32 = pairs
            .map(|((&before, &flags), (end, start))| u32::from((start == end) & !is_word(before | flags)))
            .sum();
        number as usize
    }
}

impl Kernel for JoinedMarks<'_> {
    type Output = usize;

    fn portable(self) -> usize {
        self.count()
    }

    #[cfg(target_arch = "x86_64")]
    #[inline(always)]
    fn wide(self, _avx2: dispatch::Avx2) -> usize {
        self.count()
    }
}

/// The runs of a text by their definition.
#[cfg(test)]
pub(super) fn runs(text: &str) -> Vec<String> {
    use crate::segment::CharacterClass;
    let mut runs: Vec<(String, usize, bool)> = Vec::new();
    let mut at = 0;
    for token in super::reference::tokens(text) {
        let start = at + text[at..].find(token).unwrap();
        at = start + token.len();
        let has_word_character = token.chars().any(|character| {
            let class = CharacterClass::of(character);
            class.is_letter() || class.is_number()
        });
        let is_mark = !has_word_character;
        match runs.last_mut() {
            Some((last, end, true)) if is_mark && *end == start => {
                last.push_str(token);
                *end = at;
            }
            _ => runs.push((token.to_owned(), at, is_mark)),
        }
    }
    runs.into_iter().map(|(run, _, _)| run).collect()
}

#[cfg(test)]
mod tests {
    use super::runs;

    #[test]
    fn marks_join_and_words_do_not() {
        for (text, expected) in [
            ("f(x); -- ---", vec!["f", "(", "x", ");", "--", "---"]),
            ("_; __a_b 漢字!?", vec!["_;", "__a_b", "漢", "字", "!?"]),
            ("", vec![]),
        ] {
            assert_eq!(runs(text), expected);
        }
    }
}
