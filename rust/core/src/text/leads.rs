//! Which parts a byte can concern: the quick scan that spares most text every part but one.
//!
//! A part looks at certain characters only, and the first byte of a character's UTF-8 narrows them down. The
//! scan asks for these first bytes; continuation bytes and most of ASCII concern no part.

/// Line breaks other than `\n`.
pub(super) const NEWLINES: u8 = 1;
/// Control characters and noncharacters.
pub(super) const CONTROLS: u8 = 2;
/// Invisible characters.
pub(super) const ZERO_WIDTH: u8 = 4;
/// Characters shown for bytes C2 to F4.
pub(super) const MOJIBAKE: u8 = 8;
/// Characters from U+0300 on that are not surely in normalisation form C.
pub(super) const NFC: u8 = 16;
/// `\n` and Unicode spaces.
pub(super) const SPACES: u8 = 32;

static CONCERNS: [u8; 256] = concerns();

const fn concerns() -> [u8; 256] {
    let mut table = [0; 256];
    let mut index = 0;
    while index < 256 {
        table[index] = match index {
            0x09 => 0,
            0x0a => SPACES,
            0x0b..=0x0d => NEWLINES,
            0x00..=0x1f | 0x7f => CONTROLS,
            0xc2 => NEWLINES | CONTROLS | ZERO_WIDTH | SPACES,
            0xc3 => MOJIBAKE,
            0xe1 | 0xe3 => NFC | SPACES,
            0xe2 => NEWLINES | ZERO_WIDTH | NFC | SPACES,
            0xef => CONTROLS | ZERO_WIDTH | NFC,
            // Cyrillic, Han and most Hangul syllables stand as they are.
            0xd0 | 0xd1 | 0xe4..=0xe9 | 0xeb | 0xec => 0,
            0xf0..=0xf4 => CONTROLS | NFC,
            0xcc..=0xed => NFC,
            _ => 0,
        };
        index += 1;
    }
    table
}

/// Returns the union of what all bytes of a text can concern.
pub(super) fn concerns_of(bytes: &[u8]) -> u8 {
    if is_plain_ascii(bytes) {
        return SPACES;
    }
    bytes
        .iter()
        .fold(0, |found, &byte| found | CONCERNS[usize::from(byte)])
}

/// Returns the position of the first byte at or after `from` that concerns a part.
pub(super) fn next(bytes: &[u8], from: usize, part: u8) -> Option<usize> {
    let rest = bytes.get(from..)?;
    rest.iter()
        .position(|&byte| CONCERNS[usize::from(byte)] & part != 0)
        .map(|found| from + found)
}

/// True for ASCII without control characters other than tab and line feed.
fn is_plain_ascii(bytes: &[u8]) -> bool {
    const CHUNK_BYTES: usize = 64;
    let is_special = |byte: u8| (byte >= 0x7f) | ((byte < 0x20) & (byte != b'\t') & (byte != b'\n'));
    // Without an early exit inside a chunk, the compiler turns the loop into vector instructions.
    let mut chunks = bytes.chunks_exact(CHUNK_BYTES);
    for chunk in &mut chunks {
        if chunk.iter().fold(false, |found, &byte| found | is_special(byte)) {
            return false;
        }
    }
    !chunks.remainder().iter().any(|&byte| is_special(byte))
}

/// The character of `text` whose first byte is at `position`.
pub(super) fn character_at(text: &str, position: usize) -> char {
    text[position..].chars().next().unwrap_or('\0')
}
