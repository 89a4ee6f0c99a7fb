//! Writes a text with one byte a character, where its characters outside ASCII are few kinds.
//!
//! Equal bytes are equal characters, so n-grams of bytes repeat exactly where those of characters do, and cost a third.

/// Bytes that no ASCII character takes.
const NUM_CODES: usize = 128;
const NUM_SLOTS: usize = 512;
const SLOT_SHIFT: u32 = 64 - NUM_SLOTS.trailing_zeros();
const SPREAD: u64 = 0x9e37_79b9_7f4a_7c15;
/// The high bit of each of eight bytes.
const NOT_ASCII: u64 = 0x8080_8080_8080_8080;

/// The bytes of one text, and a table of the characters outside ASCII in it.
#[derive(Debug, Clone, Default)]
pub(super) struct CharacterCodes {
    bytes: Vec<u8>,
    /// Open addressing; the character and its byte, or 0 for a free slot.
    slots: Vec<(u32, u8)>,
    num_kinds: usize,
}

impl CharacterCodes {
    /// A byte for each character; none if there are more than 128 kinds of characters outside ASCII.
    pub(super) fn encode(&mut self, text: &str) -> Option<&[u8]> {
        self.bytes.clear();
        self.slots.clear();
        self.slots.resize(NUM_SLOTS, (0, 0));
        self.num_kinds = 0;
        let (source, mut at) = (text.as_bytes(), 0);
        while at < source.len() {
            if let Some(block) = source[at..].first_chunk::<8>()
                && u64::from_le_bytes(*block) & NOT_ASCII == 0
            {
                self.bytes.extend_from_slice(block);
                at += 8;
            } else if source[at].is_ascii() {
                self.bytes.push(source[at]);
                at += 1;
            } else {
                for character in text[at..].chars().take_while(|character| !character.is_ascii()) {
                    let code = self.code_of(character)?;
                    self.bytes.push(code);
                    at += character.len_utf8();
                }
            }
        }
        Some(&self.bytes)
    }

    /// The byte of a character outside ASCII; none if it is new and there is none left.
    fn code_of(&mut self, character: char) -> Option<u8> {
        let character = u32::from(character);
        let mut slot = (u64::from(character).wrapping_mul(SPREAD) >> SLOT_SHIFT) as usize;
        while self.slots[slot].0 != character {
            if self.slots[slot].0 == 0 {
                if self.num_kinds == NUM_CODES {
                    return None;
                }
                self.slots[slot] = (character, (NUM_CODES + self.num_kinds) as u8);
                self.num_kinds += 1;
                break;
            }
            slot = (slot + 1) % NUM_SLOTS;
        }
        Some(self.slots[slot].1)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn equal_bytes_are_equal_characters() {
        let mut codes = CharacterCodes::default();
        let kinds: String = ('é'..).take(NUM_CODES).collect();
        let text = format!("ASCII, {kinds}then more of it; é");
        let texts = [
            String::new(),
            "só é só".into(),
            text.clone() + &text,
            "“漢字” 🙂🙂 abcdefghi".repeat(9),
        ];
        for text in &texts {
            let bytes = codes.encode(text).unwrap();
            let characters: Vec<char> = text.chars().collect();
            assert_eq!(bytes.len(), characters.len());
            for (one, &character) in bytes.iter().zip(&characters) {
                for (other, &another) in bytes.iter().zip(&characters) {
                    assert_eq!(one == other, character == another);
                }
                assert!(!character.is_ascii() || u32::from(character) == u32::from(*one));
            }
        }
        assert!(codes.encode(&(text + "è")).is_none());
    }
}
