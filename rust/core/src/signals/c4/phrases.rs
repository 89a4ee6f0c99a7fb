//! The phrases and brackets that C4 looks for, by the spots at which a part of them stands.

use memchr::memmem;

pub(in super::super) const LOREM_IPSUM: u8 = 1;
pub(in super::super) const JAVASCRIPT: u8 = 1 << 1;
pub(in super::super) const POLICY: u8 = 1 << 2;
pub(in super::super) const CURLY_BRACKET: u8 = 1 << 3;
/// `[`, with which every citation starts.
pub(in super::super) const CITATION_BRACKET: u8 = 1 << 4;

/// Walks through the spots of one text, line by line. Case is ignored for ASCII letters.
pub(in super::super) struct Phrases<'a> {
    text: &'a str,
    /// Positions that are in no line so far.
    spots: &'a [u32],
}

impl<'a> Phrases<'a> {
    /// `spots` are those of [`Spots::phrases`](crate::signals::facts::Spots) of the text.
    pub(in super::super) fn new(text: &'a str, spots: &'a [u32]) -> Self {
        Self { text, spots }
    }

    /// What stands before byte `end` and not before that of the last call. No phrase goes beyond a line.
    pub(in super::super) fn up_to(&mut self, end: usize) -> u8 {
        let mut kinds = 0;
        while let Some((&at, later)) = self.spots.split_first()
            && (at as usize) < end
        {
            kinds |= kind_at(self.text.as_bytes(), at as usize);
            self.spots = later;
        }
        kinds
    }
}

/// What the spot at that position is a part of.
fn kind_at(bytes: &[u8], at: usize) -> u8 {
    // Whether the phrase stands so that the byte at `offset` of it is the spot.
    let is_in = |phrase: &[u8], offset: usize| {
        at.checked_sub(offset)
            .and_then(|start| bytes.get(start..start + phrase.len()))
            .is_some_and(|found| found.eq_ignore_ascii_case(phrase))
    };
    let found = |is_found: bool, kind: u8| u8::from(is_found) * kind;
    match bytes[at] | 0x20 {
        b'j' => found(is_in(b"javascript", 0), JAVASCRIPT),
        b'v' => found(is_in(b"privacy policy", 3), POLICY),
        b'k' => {
            let is_policy = is_in(b"cookie policy", 3)
                || is_in(b"cookies", 3)
                    && (is_in(b"use cookies", 7)
                        || is_in(b"uses cookies", 8)
                        || is_in(b"use of cookies", 10));
            found(is_policy, POLICY)
        }
        b'm' => found(is_in(b"lorem ipsum", 4), LOREM_IPSUM) | found(is_in(b"terms of use", 3), POLICY),
        _ => match bytes[at] {
            b'{' => CURLY_BRACKET,
            b'[' => CITATION_BRACKET,
            _ => 0,
        },
    }
}

/// Whether the text has the Kelvin sign, whose lower case in Python is the ASCII letter `k`.
pub(in super::super) fn has_kelvin_sign(text: &str) -> bool {
    memmem::find(text.as_bytes(), "\u{212a}".as_bytes()).is_some()
}
