//! datatrove's `simplify_text` with its default `TextNormConfig`: what it looks at in place of the text.
//!
//! In this order: lower case; each number, with one separator and more digits, as `0`; punctuation by its own list, and
//! control characters, as spaces; white space as single spaces, none at either end; canonical decomposition (NFD) without
//! the nonspacing marks; no white space at either end.

use std::sync::LazyLock;

use unicode_normalization::UnicodeNormalization;

use crate::segment::is_white_space;
use crate::signals::is_decimal;

/// Beyond ASCII and controls; `‘` is not there, and a fullwidth `１` is.
const PUNCTUATION: &str = "«´»–—’“”„…∶━►、。〈〉《》「」【】！％（），．１：；？～";

/// Marks that may stand within a number.
const SEPARATORS: [char; 7] = ['.', ',', '،', '٫', '⎖', '⎗', '⎘'];

/// Ranges of the general category Mn, inclusive.
static NONSPACING: LazyLock<Vec<(u32, u32)>> = LazyLock::new(|| {
    let number = |text: Option<&str>| text.and_then(|text| u32::from_str_radix(text, 16).ok());
    include_str!("nonspacing.tsv")
        .lines()
        .filter_map(|line| {
            let mut ends = line.split('\t');
            number(ends.next()).zip(number(ends.next()))
        })
        .collect()
});

fn is_nonspacing(character: char) -> bool {
    let code = u32::from(character);
    let after = NONSPACING.partition_point(|&(start, _)| start <= code);
    after > 0 && code <= NONSPACING[after - 1].1
}

/// Whether the character becomes a space.
fn is_space(character: char) -> bool {
    match character {
        '\0'..='\u{7f}' => !character.is_ascii_alphanumeric(),
        '\u{80}'..='\u{9f}' => true,
        _ => is_white_space(character) || PUNCTUATION.contains(character),
    }
}

/// Simplifies one text after the other.
#[derive(Debug, Default)]
pub(super) struct Simplifier {
    composed: String,
    result: String,
}

impl Simplifier {
    /// Returns the text as datatrove hashes it, before it is cut into tokens.
    pub(super) fn simplify(&mut self, text: &str) -> &str {
        self.composed.clear();
        if text.contains('Σ') {
            // The one letter whose lower case depends on its neighbours.
            fold_into(&text.to_lowercase(), &mut self.composed);
        } else {
            fold_into(text, &mut self.composed);
        }
        if self.composed.is_ascii() {
            return &self.composed;
        }
        self.result.clear();
        let mut rest = self.composed.as_str();
        // Only what is not ASCII can change, and marks change places among themselves only.
        while let Some(start) = rest.find(|character: char| !character.is_ascii()) {
            self.result.push_str(&rest[..start]);
            let wide = &rest[start..];
            let end = wide
                .find(|character: char| character.is_ascii())
                .unwrap_or(wide.len());
            self.result
                .extend(wide[..end].nfd().filter(|&character| !is_nonspacing(character)));
            rest = &wide[end..];
        }
        self.result.push_str(rest);
        self.result.trim_matches(is_white_space)
    }
}

/// All but decomposition.
fn fold_into(text: &str, out: &mut String) {
    let bytes = text.as_bytes();
    let (mut at, mut is_after_space) = (0, false);
    while let Some(&byte) = bytes.get(at) {
        let start = at;
        if byte.is_ascii_alphabetic() {
            while bytes.get(at).is_some_and(u8::is_ascii_alphabetic) {
                at += 1;
            }
            part(out, &mut is_after_space);
            let from = out.len();
            out.push_str(&text[start..at]);
            out[from..].make_ascii_lowercase();
            continue;
        }
        let Some(character) = text[at..].chars().next() else {
            break;
        };
        at += character.len_utf8();
        if is_decimal(character) {
            at = number_end(text, start);
            part(out, &mut is_after_space);
            out.push('0');
        } else if is_space(character) {
            is_after_space = true;
        } else {
            part(out, &mut is_after_space);
            out.extend(character.to_lowercase());
        }
    }
}

/// Writes the space that was put off; none at the beginning.
fn part(out: &mut String, is_after_space: &mut bool) {
    if std::mem::take(is_after_space) && !out.is_empty() {
        out.push(' ');
    }
}

/// The end of the number that starts there: `\p{Nd}+([.,،٫⎖⎗⎘]\p{Nd}+)?`.
fn number_end(text: &str, start: usize) -> usize {
    let digits_from = |from: usize| {
        let rest = &text[from..];
        from + rest
            .find(|character| !is_decimal(character))
            .unwrap_or(rest.len())
    };
    let end = digits_from(start);
    let mut after = text[end..].chars();
    match after.next() {
        Some(mark) if SEPARATORS.contains(&mark) && after.next().is_some_and(is_decimal) => {
            digits_from(end + mark.len_utf8())
        }
        _ => end,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::segment::reference::nasty_text;
    use proptest::prelude::*;

    /// Step by step, as datatrove does it.
    fn by_steps(text: &str) -> String {
        let lower = text.to_lowercase();
        let mut numbers = String::new();
        let mut at = 0;
        while let Some(character) = lower[at..].chars().next() {
            if is_decimal(character) {
                numbers.push('0');
                at = number_end(&lower, at);
            } else {
                numbers.push(character);
                at += character.len_utf8();
            }
        }
        let is_mark = |character: char| {
            character.is_ascii_punctuation() || PUNCTUATION.contains(character) || {
                character.is_control() && character != '\t' && character != '\n'
            }
        };
        let marked = numbers.replace(is_mark, " ");
        let words: Vec<&str> = marked
            .split(is_white_space)
            .filter(|word| !word.is_empty())
            .collect();
        let decomposed: String = words.join(" ").nfd().filter(|&one| !is_nonspacing(one)).collect();
        decomposed.trim_matches(is_white_space).to_owned()
    }

    proptest! {
        #[test]
        fn one_pass_gives_what_the_steps_give(text in nasty_text()) {
            let mut simplifier = Simplifier::default();
            prop_assert_eq!(simplifier.simplify(&text), by_steps(&text));
        }
    }

    #[test]
    fn texts_are_simplified_as_datatrove_does() {
        // Right: `simplify_text` of datatrove 0.10.1.
        for (text, simple) in [
            ("Prices: 1,234.56 or 12.5% (1.2.3)!", "prices 0 0 or 0 0 0"),
            ("Ünïcödé — Straße, naïve café…", "unicode straße naive cafe"),
            ("ΟΔΟΣ ΣΟΦΟΣ. ΑΣ", "οδος σοφος ας"),
            ("İstanbul ǅ Ⅷ x² ½", "istanbul ǆ ⅷ x² ½"),
            ("a\u{301} \u{301} b \u{301}", "a  b"),
            ("٣٫١٤ and ۱۲۳،۴۵ १२.३", "0 and 0 0"),
            (
                "tab\u{9}new\u{a}line\u{d}\u{a}\u{b}\u{85}end\u{0}",
                "tab new line end",
            ),
            ("‘left’ `tick` ´acute´ ～tilde ４１", "‘left tick acute tilde 0"),
            ("", ""),
            ("  ...  ", ""),
            ("가각 か\u{3099} Å Å ﬁ \u{1b35}", "가각 か a a ﬁ \u{1b35}"),
            (
                "don't U.S.A. e.g. foo_bar IS_ALPHA #5-6",
                "don t u s a e g foo bar is alpha 0 0",
            ),
        ] {
            assert_eq!(Simplifier::default().simplify(text), simple, "{text:?}");
        }
    }
}
