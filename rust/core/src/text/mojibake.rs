//! The part that repairs mojibake: UTF-8 that somebody read as Windows-1252 or Latin-1.
//!
//! `é` is the bytes C3 A9; read as Windows-1252 they show as `Ã©`. The repair maps characters back to bytes and
//! decodes them, only where they form a whole UTF-8 sequence *and* the characters as they stand are not
//! plausible text. The second condition matters because quotation marks, dashes, the ellipsis and the
//! no-break space are possible continuation bytes and legitimately follow a letter: `MANHÃ…` or `passé…»`.
//! The rules below look at the character before and after, in the spirit of ftfy's badness rules (Speer,
//! 2019), but smaller and stricter: what is not certain stays.
//!
//! Not repaired: other encodings than Windows-1252 and Latin-1; single letters of other scripts than Latin;
//! damage that already lost bytes.

use super::rewriter::Rewriter;
use crate::edit::EditLog;

/// Times that text may have been encoded over and over; a stretch that needs more is left alone altogether.
const MAX_LEVELS: usize = 8;

/// Repairs every stretch of characters that could be bytes of UTF-8, to its fixed point.
pub(super) fn repair(text: &str, edits: &mut EditLog) -> Option<String> {
    let bytes = text.as_bytes();
    // What one pass repairs can, with its neighbours, spell another error that only the next round sees. Two passes in
    // a row must have two names, for edits of one name are taken as one pass when they are undone.
    let part = if edits.last_part() == Some("mojibake") {
        "mojibake_again"
    } else {
        "mojibake"
    };
    let mut rewriter = Rewriter::new(part, text, edits);
    let mut position = 0;
    // Every lead byte, C2 to F4, shows as a character whose own UTF-8 starts with C3.
    while let Some(found) = memchr::memchr(0xc3, &bytes[position..]) {
        let lead = position + found;
        let after_lead = lead + 'Ã'.len_utf8();
        let may_start = text[after_lead..]
            .chars()
            .next()
            .and_then(byte_of)
            .is_some_and(is_continuation);
        if !may_start {
            position = after_lead;
            continue;
        }
        let start = text[..lead].len() - stretch_bytes(text[position..lead].chars().rev());
        let end = lead + stretch_bytes(text[lead..].chars());
        let before = text[..start].chars().next_back();
        let after = text[end..].chars().next();
        if let Some(repaired) = repair_stretch(before, &text[start..end], after) {
            rewriter.replace(start, end, &repaired);
        }
        position = end;
    }
    rewriter.finish()
}

fn stretch_bytes(characters: impl Iterator<Item = char>) -> usize {
    characters
        .take_while(|&character| byte_of(character).is_some())
        .map(char::len_utf8)
        .sum()
}

/// Returns the fixed point of decoding, or nothing when there is no change or no end within [`MAX_LEVELS`].
fn repair_stretch(before: Option<char>, stretch: &str, after: Option<char>) -> Option<String> {
    let mut current = decode_once(before, stretch, after)?;
    for _ in 1..MAX_LEVELS {
        match decode_once(before, &current, after) {
            Some(next) => current = next,
            None => return Some(current),
        }
    }
    decode_once(before, &current, after).is_none().then_some(current)
}

/// Decodes every certain sequence of `stretch` once; nothing when there is none.
fn decode_once(before: Option<char>, stretch: &str, after: Option<char>) -> Option<String> {
    let characters: Vec<char> = stretch.chars().collect();
    let mut output = String::with_capacity(stretch.len());
    let (mut position, mut is_changed, mut is_after_repair) = (0, false, false);
    let mut previous = before;
    while position < characters.len() {
        let sequence = Sequence::at(&characters[position..]).filter(|sequence| {
            let rest = &characters[position + sequence.length..];
            let next = rest.first().copied().or(after);
            let following = Sequence::at(rest);
            Surroundings {
                previous,
                next,
                is_after_repair,
                following,
            }
            .make_certain(sequence)
        });
        let decoded = sequence
            .as_ref()
            .map_or(characters[position], |sequence| sequence.decoded);
        position += sequence.as_ref().map_or(1, |sequence| sequence.length);
        is_after_repair = sequence.is_some();
        is_changed |= is_after_repair;
        output.push(decoded);
        previous = Some(decoded);
    }
    is_changed.then_some(output)
}

/// Characters that together read as one UTF-8 sequence.
struct Sequence {
    length: usize,
    lead: u8,
    /// First continuation byte.
    second: u8,
    /// Last continuation byte; equal to `second` in a sequence of two.
    last: u8,
    decoded: char,
    /// True when some continuation is a character that does not follow a letter in real text.
    is_strong: bool,
    /// True when some continuation is a C1 control character, which hardly any text holds on purpose.
    is_raw_control: bool,
}

impl Sequence {
    fn at(characters: &[char]) -> Option<Self> {
        let lead = byte_of(*characters.first()?)?;
        let length = match lead {
            0xc2..=0xdf => 2,
            0xe0..=0xef => 3,
            0xf0..=0xf4 => 4,
            _ => return None,
        };
        let continuations = characters.get(1..length)?;
        let mut bytes = [lead, 0, 0, 0];
        for (byte, &character) in bytes[1..].iter_mut().zip(continuations) {
            *byte = byte_of(character)?;
        }
        let decoded = std::str::from_utf8(&bytes[..length]).ok()?.chars().next()?;
        let is_strong = continuations
            .iter()
            .any(|&character| !is_plausible_after_letter(character));
        let is_raw_control = continuations.iter().any(|character| character.is_control());
        let (second, last) = (bytes[1], bytes[length - 1]);
        Some(Self {
            length,
            lead,
            second,
            last,
            decoded,
            is_strong,
            is_raw_control,
        })
    }
}

/// What stands around a sequence.
struct Surroundings {
    previous: Option<char>,
    next: Option<char>,
    is_after_repair: bool,
    following: Option<Sequence>,
}

impl Surroundings {
    fn make_certain(&self, sequence: &Sequence) -> bool {
        // Between quotation marks alone, `Ã©` is mentioned, not used: text about this very damage.
        let is_quoted = self.previous.is_some_and(is_quotation) && self.next.is_some_and(is_quotation);
        match sequence.lead {
            0xc2..=0xcb if is_quoted => false,
            // Touching a repaired sequence is evidence enough, except for a control character out of nothing.
            0xc2..=0xc5 | 0xe0..=0xf4 if self.is_after_repair && sequence.decoded >= '\u{a0}' => true,
            0xc2 => self.is_certain_symbol(sequence),
            0xc3 => self.is_certain_latin(sequence),
            0xc4 | 0xc5 => self.is_certain_extended_latin(sequence),
            // `ƒ`, `ˆ` and `˜`, characters of Windows-1252 outside the blocks above: text misread several times.
            0xc6 | 0xcb => self.is_after_repair && byte_of(sequence.decoded).is_some(),
            // Romanian letters with comma below.
            0xc8 => matches!(sequence.second, 0x98..=0x9b) && self.is_certain_extended_latin(sequence),
            lead if script_of(lead).is_some() => self.is_beside_same_script(lead),
            0xe0..=0xf4 => self.is_certain_long(sequence),
            _ => false,
        }
    }

    /// `Â©` for `©`: the repair removes a stray `Â`.
    fn is_certain_symbol(&self, sequence: &Sequence) -> bool {
        if sequence.second < 0xa0 {
            // Decodes to a C1 control, which only a raw one proves; NEL may be an honest line break.
            return sequence.is_raw_control && (sequence.second != 0x85 || self.is_after_repair);
        }
        if self.is_after_capital() {
            return sequence.is_strong;
        }
        let is_edge = matches!(sequence.second, 0xa0 | 0xab | 0xbb);
        !(is_edge && self.previous.is_some_and(is_quotation))
    }

    /// `Ã©` for `é`: an honest `Ã` stands in words in capitals, mostly Portuguese, and at their end.
    fn is_certain_latin(&self, sequence: &Sequence) -> bool {
        if sequence.is_strong || self.is_after_small_letter() {
            return true;
        }
        match (self.is_after_capital(), sequence.second) {
            (true, 0xa0 | 0x85 | 0x91..=0x94 | 0x96 | 0x97 | 0x9b | 0xab | 0xbb) => false,
            (true, 0x80..=0x9f) => self.next.is_some_and(char::is_uppercase),
            (true, _) => self.is_before_small_letter(),
            (false, 0xa0) => self.next == Some(' '),
            (false, 0xad | 0x82 | 0x84 | 0x8b | 0x95) => self.next.is_some_and(char::is_alphabetic),
            (false, 0x85 | 0x91..=0x94 | 0x96 | 0x97 | 0x9b | 0xab | 0xbb) => self.is_before_small_letter(),
            (false, _) => true,
        }
    }

    /// `Å‚` for `ł`, `Ä…` for `ą`: honest `Ä` and `Å` stand in capitals of Nordic and German words.
    fn is_certain_extended_latin(&self, sequence: &Sequence) -> bool {
        if self.is_after_small_letter() {
            return true;
        }
        let is_edge = is_edge_of_word(sequence.second);
        match (self.is_after_capital(), is_edge) {
            (_, true) => !self.is_after_capital() && sequence.second != 0xa0 && self.is_before_small_letter(),
            (true, false) if !sequence.is_strong => self.is_before_small_letter(),
            // `ƒ`, `š`, `œ` and the like never stand behind an honest `Ä` or `Å`.
            _ if matches!(
                sequence.second,
                0x83 | 0x8a | 0x8c | 0x8e | 0x9a | 0x9c | 0x9e | 0x9f
            ) =>
            {
                true
            }
            _ => self.next.is_some_and(char::is_alphabetic),
        }
    }

    /// Greek, Cyrillic, Hebrew and Arabic letters come in words: one alone is not certain.
    fn is_beside_same_script(&self, lead: u8) -> bool {
        let script = script_of(lead);
        let is_after_it = self.is_after_repair
            && self.previous.is_some_and(|previous| {
                let mut encoded = [0; 4];
                previous.encode_utf8(&mut encoded);
                script_of(encoded[0]) == script
            });
        is_after_it
            || self
                .following
                .as_ref()
                .is_some_and(|following| script_of(following.lead) == script)
    }

    /// Sequences of three and four: punctuation, Han, emoji.
    fn is_certain_long(&self, sequence: &Sequence) -> bool {
        let is_beside_other = self.is_after_repair
            || self
                .following
                .as_ref()
                .is_some_and(|other| other.is_strong || (sequence.is_strong && other.length >= 3));
        if is_beside_other {
            return true;
        }
        let is_after_letter = self.previous.is_some_and(char::is_alphabetic);
        match (sequence.lead, sequence.second) {
            // Quotation marks, dashes, the euro and trade mark signs, arrows: `â€™`, `â‚¬`, `â„¢`, `â†’`.
            (0xe2, 0x80 | 0x82 | 0x84 | 0x86) => true,
            (0xe2, 0x96 | 0x97 | 0x99) if !sequence.is_strong => !is_after_letter,
            // The byte order mark, `ï»¿`.
            (0xef, 0xbb) => sequence.decoded == '\u{feff}' || sequence.is_strong,
            // Vietnamese letters inside a word: `Viá»‡t`.
            (0xe1, 0xba | 0xbb) if !is_edge_of_word(sequence.last) => self.is_before_small_letter(),
            (0xe2 | 0xef | 0xf0..=0xf4, _) => sequence.is_strong,
            // Han, Hangul and the like come in words: one alone is not certain.
            _ => false,
        }
    }

    fn is_after_capital(&self) -> bool {
        self.previous.is_some_and(char::is_uppercase)
    }

    fn is_after_small_letter(&self) -> bool {
        self.previous.is_some_and(char::is_lowercase)
    }

    fn is_before_small_letter(&self) -> bool {
        self.next.is_some_and(char::is_lowercase)
    }
}

fn is_continuation(byte: u8) -> bool {
    matches!(byte, 0x80..=0xbf)
}

/// Groups lead bytes of two-byte sequences by the script that they write.
fn script_of(lead: u8) -> Option<u8> {
    match lead {
        0xce | 0xcf => Some(0),
        0xd0 | 0xd1 => Some(1),
        0xd7 => Some(2),
        0xd8..=0xdb => Some(3),
        _ => None,
    }
}

/// Quotation marks, dashes, the ellipsis, the no-break space and the soft hyphen, as bytes of Windows-1252.
fn is_edge_of_word(byte: u8) -> bool {
    matches!(
        byte,
        0x85 | 0x91..=0x94 | 0x96 | 0x97 | 0x9b | 0xa0 | 0xab | 0xad | 0xbb
    )
}

fn is_quotation(character: char) -> bool {
    matches!(
        character,
        '«' | '»' | '‹' | '›' | '“' | '”' | '„' | '‘' | '’' | '"' | '\'' | '`'
    )
}

/// Characters among the continuation bytes that follow a letter in real text: punctuation and raised signs.
fn is_plausible_after_letter(character: char) -> bool {
    matches!(
        character,
        '‚' | '„'
            | '…'
            | '†'
            | '‡'
            | '‹'
            | '‘'
            | '’'
            | '“'
            | '”'
            | '•'
            | '–'
            | '—'
            | '™'
            | '›'
            | '\u{a0}'
            | '¡'
            | '§'
            | '©'
            | 'ª'
            | '«'
            | '\u{ad}'
            | '®'
            | '°'
            | '²'
            | '³'
            | '·'
            | '¹'
            | 'º'
            | '»'
            | '¿'
    )
}

/// Maps a character to the byte above 7F that shows as it in Windows-1252 or Latin-1.
fn byte_of(character: char) -> Option<u8> {
    let byte = match character {
        '\u{80}'..='\u{ff}' => return u8::try_from(u32::from(character)).ok(),
        '€' => 0x80,
        '‚' => 0x82,
        'ƒ' => 0x83,
        '„' => 0x84,
        '…' => 0x85,
        '†' => 0x86,
        '‡' => 0x87,
        'ˆ' => 0x88,
        '‰' => 0x89,
        'Š' => 0x8a,
        '‹' => 0x8b,
        'Œ' => 0x8c,
        'Ž' => 0x8e,
        '‘' => 0x91,
        '’' => 0x92,
        '“' => 0x93,
        '”' => 0x94,
        '•' => 0x95,
        '–' => 0x96,
        '—' => 0x97,
        '˜' => 0x98,
        '™' => 0x99,
        'š' => 0x9a,
        '›' => 0x9b,
        'œ' => 0x9c,
        'ž' => 0x9e,
        'Ÿ' => 0x9f,
        _ => return None,
    };
    Some(byte)
}

#[cfg(test)]
#[path = "mojibake_tests.rs"]
mod tests;
