//! Normal form C, as the library that `tokenizers` uses has it.
//!
//! Most text is in it already, so it is looked through for characters that could change or change another, and only what
//! stands around those is asked of the library. Nothing is copied unless something changes.

use std::borrow::Cow;
use std::sync::LazyLock;

use unicode_normalization_alignments::UnicodeNormalization;
use unicode_normalization_alignments::char::{canonical_combining_class, decompose_canonical};

use super::classes::decode;

/// Of a character that neither changes nor is changed by what stands before it: everything up to it is formed apart from it.
const SAFE: u8 = 0;
/// Of a character of which only the library can say what becomes of it and the one before.
const ASK: u8 = 255;

/// For each code point [`SAFE`], [`ASK`] or its combining class: of a mark that combines with nothing before it, so that it
/// stays where it is if the marks before it have no higher class.
static KINDS: LazyLock<Vec<u8>> = LazyLock::new(|| {
    let mut kinds = vec![SAFE; 0x11_0000];
    let mut begins_with = Vec::new();
    let mut parts = Vec::new();
    for character in '\u{80}'..=char::MAX {
        let class = canonical_combining_class(character);
        let kind = &mut kinds[character as usize];
        if *kind != ASK {
            *kind = class;
        }
        parts.clear();
        decompose_canonical(character, |part| parts.push(part));
        if parts == [character] {
            continue;
        }
        if formed(&character.to_string()).eq([character]) {
            // Composed of all parts but the last, and the last. What begins with a mark is no better than that mark.
            if let [first, .., last] = parts[..] {
                kinds[last as usize] = ASK;
                begins_with.push((character, first));
            }
        } else {
            *kind = ASK;
        }
    }
    // Vowels and finals of Hangul combine by rule, in no table.
    for character in ('\u{1161}'..='\u{1175}').chain('\u{11a8}'..='\u{11c2}') {
        kinds[character as usize] = ASK;
    }
    for (character, first) in begins_with {
        if kinds[first as usize] != SAFE {
            kinds[character as usize] = ASK;
        }
    }
    kinds
});

/// What the library makes of a text.
fn formed(text: &str) -> impl Iterator<Item = char> + '_ {
    text.chars().nfc().map(|(character, _)| character)
}

/// Whether a character that begins with this byte may be other than [`SAFE`]. No others: Latin and most Cyrillic
/// letters, Chinese characters, syllables of Hangul.
#[inline(always)]
fn may_begin_mark(byte: u8) -> bool {
    byte >= 0xcc && !matches!(byte, 0xcf..=0xd1 | 0xe4..=0xe9 | 0xeb..=0xed)
}

/// Brings text to normal form C.
#[derive(Debug, Clone, Copy)]
pub(super) struct NormalForm(&'static [u8]);

impl NormalForm {
    pub(super) fn new() -> Self {
        Self(&KINDS)
    }

    /// The text in normal form C; borrowed where it is that. Time: linear.
    pub(super) fn apply(self, text: &str) -> Cow<'_, str> {
        let bytes = text.as_bytes();
        let mut changed = String::new();
        let (mut copied, mut at) = (0, 0);
        while let Some(found) = self.next_mark(bytes, at) {
            let (end, is_formed) = self.marks_end(bytes, found);
            at = end;
            if is_formed {
                continue;
            }
            // From the character before the marks, which is safe if there is one, up to the next safe one.
            let start = text[..found]
                .char_indices()
                .next_back()
                .map_or(0, |(start, _)| start);
            let piece = &text[start..end];
            if !formed(piece).eq(piece.chars()) {
                changed.push_str(&text[copied..start]);
                changed.extend(formed(piece));
                copied = end;
            }
        }
        if copied == 0 {
            return Cow::Borrowed(text);
        }
        changed.push_str(&text[copied..]);
        Cow::Owned(changed)
    }

    #[inline(always)]
    fn kind(self, text: &[u8], at: usize) -> (u8, usize) {
        if text[at] < 0x80 {
            return (SAFE, 1);
        }
        let (code, num_bytes) = decode(text, at);
        (self.0[code as usize], num_bytes)
    }

    /// The first character from `at` on that is not safe.
    #[inline]
    fn next_mark(self, text: &[u8], mut at: usize) -> Option<usize> {
        const CHUNK: usize = 32;
        while at < text.len() {
            if let Some(chunk) = text[at..].first_chunk::<CHUNK>() {
                // Without a branch in between, so that the bytes are compared at the same time.
                let any = chunk.iter().fold(false, |any, &byte| any | may_begin_mark(byte));
                if !any {
                    at += CHUNK;
                    continue;
                }
            }
            let end = text.len().min(at + CHUNK);
            for place in at..end {
                if may_begin_mark(text[place]) && self.kind(text, place).0 != SAFE {
                    return Some(place);
                }
            }
            at = end;
        }
        None
    }

    /// The next safe place behind the marks that start at `at`, and whether these stand as they should.
    fn marks_end(self, text: &[u8], mut at: usize) -> (usize, bool) {
        let (mut last, mut is_formed) = (SAFE, true);
        while at < text.len() {
            let (kind, num_bytes) = self.kind(text, at);
            if kind == SAFE {
                break;
            }
            is_formed &= kind != ASK && kind >= last;
            last = kind;
            at += num_bytes;
        }
        (at, is_formed)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use unicode_normalization_alignments::char::compose;

    fn check(text: &str) {
        let expected: String = formed(text).collect();
        let found = NormalForm::new().apply(text);
        assert_eq!(found, expected, "{text:?}");
        assert_eq!(matches!(found, Cow::Borrowed(_)), expected == text, "{text:?}");
    }

    #[test]
    fn what_composes_with_a_character_before_is_asked_for() {
        let kinds = NormalForm::new().0;
        let mut firsts = Vec::new();
        let mut parts = Vec::new();
        for character in '\0'..=char::MAX {
            parts.clear();
            decompose_canonical(character, |part| parts.push(part));
            if parts.len() > 1 {
                firsts.extend([character, parts[0]]);
            }
        }
        firsts.sort_unstable();
        firsts.dedup();
        // Syllables of Hangul compose by rule: one for all.
        firsts.retain(|first| !('\u{ac01}'..='\u{d7a3}').contains(first));
        let marks = ('\0'..=char::MAX).filter(|&mark| !('\u{ac00}'..='\u{d7a3}').contains(&mark));
        for mark in marks.filter(|&mark| kinds[mark as usize] != ASK) {
            // Not a part of any decomposition, so in no table; asking for 3,000 pairs each would take minutes.
            if !firsts.contains(&mark)
                && canonical_combining_class(mark) == 0
                && !(mark as u32).is_multiple_of(64)
            {
                continue;
            }
            for &first in &firsts {
                assert_eq!(compose(first, mark), None, "{first:?} {mark:?}");
            }
        }
    }

    #[test]
    fn leads_of_marks_are_known_and_every_mark_stands_as_the_library_puts_it() {
        let form = NormalForm::new();
        let mut buffer = [0; 4];
        for mark in '\0'..=char::MAX {
            if form.0[mark as usize] == SAFE {
                continue;
            }
            let first = mark.encode_utf8(&mut buffer).as_bytes()[0];
            assert!(may_begin_mark(first), "{mark:?}");
            for before in [
                "", "a", "\u{e9}", "\u{1d6}", "\u{1100}", "\u{ac00}", "\u{928}", "x\u{316}", "x\u{345}",
            ] {
                check(&format!("{before}{mark}x"));
            }
        }
    }

    const NASTY: &str = "[ae\u{e9}\u{1d6}\u{300}\u{301}\u{308}\u{316}\u{323}\u{327}\u{328}\u{338}\u{345}\u{344}\u{5b0}\u{5bc}\u{5e9}\u{fb2a}\u{64b}\u{651}\u{653}\u{627}\u{897}\u{928}\u{93c}\u{94d}\u{9c7}\u{9be}\u{9d7}\u{958}\u{e38}\u{e48}\u{f71}\u{f72}\u{f73}\u{f80}\u{1100}\u{1161}\u{11a8}\u{ac00}\u{ac01}\u{2000}\u{2019}\u{2126}\u{212b}\u{3046}\u{3099}\u{309a}\u{4e2d}\u{f900}\u{11099}\u{110ba}\u{11938}\u{11930}\u{1d15e}\u{1d165}]{1,12}";

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(3000))]
        #[test]
        fn any_text_is_what_the_library_makes_of_it(
            parts in prop::collection::vec(prop_oneof![NASTY, "[ -~]{0,70}", "中{0,20}", "\\PC{0,4}"], 0..8)
        ) {
            check(&parts.concat());
        }
    }
}
