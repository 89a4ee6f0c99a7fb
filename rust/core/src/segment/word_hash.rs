//! The 64-bit hash of a word: stable across machines, and cheap because most words fit in eight bytes.
//!
//! Little-endian 64-bit blocks are combined by folded multiplication (the 128-bit product's halves XORed),
//! the technique of wyhash. Not for untrusted keys: whoever picks the words can make two of them collide.

const LENGTH_KEY: u64 = 0x9e37_79b9_7f4a_7c15;
const BLOCK_KEY: u64 = 0xa076_1d64_78bd_642f;
const LONG_KEY: u64 = 0xd6e8_feb8_6659_fd93;

/// Multiplies to 128 bits and folds the halves.
#[inline(always)]
pub(crate) fn fold(left: u64, right: u64) -> u64 {
    let product = u128::from(left) * u128::from(right);
    (product as u64) ^ ((product >> 64) as u64)
}

/// Eight bytes from `position`, the ones beyond the end as zeros.
#[inline(always)]
pub(super) fn load(bytes: &[u8], position: usize) -> u64 {
    match bytes.get(position..).and_then(<[u8]>::first_chunk) {
        Some(block) => u64::from_le_bytes(*block),
        None => load_tail(bytes, position),
    }
}

#[cold]
fn load_tail(bytes: &[u8], position: usize) -> u64 {
    let tail = bytes.get(position..).unwrap_or_default();
    tail.iter()
        .rev()
        .fold(0, |block, &byte| block << 8 | u64::from(byte))
}

/// The hash of a word of `length` bytes, 1 to 8, whose bytes are the low ones of `block`; the rest is zero.
#[inline(always)]
pub(super) fn hash_short(block: u64, length: u64) -> u64 {
    fold(block ^ BLOCK_KEY, LENGTH_KEY ^ length)
}

/// Returns the hash of `bytes`.
///
/// ```
/// use gristmill_core::segment::hash_bytes;
/// assert_eq!(hash_bytes(b"word"), hash_bytes("word".as_bytes()));
/// assert_ne!(hash_bytes(b"word"), hash_bytes(b"word\0"));
/// ```
pub fn hash_bytes(bytes: &[u8]) -> u64 {
    hash_blocks(bytes, |block| block)
}

/// The hash of `bytes` with `A` to `Z` in lower case, without writing them anywhere.
pub(super) fn hash_ascii_lower(bytes: &[u8]) -> u64 {
    hash_blocks(bytes, |block| block | upper_bits(block) >> 2)
}

#[inline(always)]
fn hash_blocks(bytes: &[u8], map: impl Fn(u64) -> u64) -> u64 {
    let length = bytes.len() as u64;
    let (blocks, tail) = bytes.as_chunks::<8>();
    if blocks.is_empty() || (blocks.len() == 1 && tail.is_empty()) {
        return hash_short(map(load(bytes, 0)), length);
    }
    let mut state = LONG_KEY ^ length;
    for block in blocks {
        state = fold(map(u64::from_le_bytes(*block)) ^ state, LENGTH_KEY);
    }
    // The last eight bytes again: they hold the tail, and a fixed read is quicker than a partial one.
    fold(map(load(bytes, bytes.len() - 8)) ^ BLOCK_KEY, state ^ LONG_KEY)
}

const HIGH: u64 = 0x8080_8080_8080_8080;
const EACH: u64 = 0x0101_0101_0101_0101;

/// The high bit of each byte that is `A` to `Z`.
#[inline(always)]
fn upper_bits(block: u64) -> u64 {
    let (letters, _) = letter_and_number_bits(block);
    letters & !(block << 2)
}

/// The high bits of the bytes that are ASCII letters, and of those that are ASCII digits.
#[inline(always)]
pub(super) fn letter_and_number_bits(block: u64) -> (u64, u64) {
    let low = block & !HIGH;
    let folded = low | (0x20 * EACH);
    // Adding 0x80 - c to a byte below 0x80 sets its high bit exactly when it is >= c.
    let letters = (folded + (0x80 - 0x61) * EACH) & !(folded + (0x80 - 0x7b) * EACH) & !block & HIGH;
    let numbers = (low + (0x80 - 0x30) * EACH) & !(low + (0x80 - 0x3a) * EACH) & !block & HIGH;
    (letters, numbers)
}

/// What the bytes of an eight-byte block are, as high bits.
pub(super) struct Block {
    /// `a` to `z`, `A` to `Z`.
    pub(super) letters: u64,
    /// `0` to `9`.
    pub(super) numbers: u64,
    /// `A` to `Z`.
    pub(super) uppers: u64,
    /// Everything that does not belong to an ASCII word.
    pub(super) breaks: u64,
}

impl Block {
    #[inline(always)]
    pub(super) fn new(block: u64) -> Self {
        let (letters, numbers) = letter_and_number_bits(block);
        // Zero where the byte is `_` (or 0xdf, ruled out below), so that the subtraction sets the high bit
        // there.
        let distance = (block ^ (u64::from(b'_') * EACH)) & !HIGH;
        let underscores = (HIGH - distance) & HIGH & !block;
        Self {
            letters,
            numbers,
            uppers: letters & !(block << 2),
            breaks: !(letters | numbers | underscores) & HIGH,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_never_change() {
        // Written down once: sketches and signals of earlier runs depend on these numbers.
        assert_eq!(
            hash_bytes(b"the"),
            hash_short(u64::from_le_bytes(*b"the\0\0\0\0\0"), 3)
        );
        let values = [
            b"".as_slice(),
            b"the",
            b"fourteen",
            b"fourteen-",
            b"a word of more than eight bytes",
        ];
        let hashes = values.map(hash_bytes);
        assert_eq!(hashes, GOLDEN);
    }

    const GOLDEN: [u64; 5] = [
        7423383483382639721,
        18000207468645282454,
        4445562398414740990,
        10476719872614283798,
        5589668846941220140,
    ];

    #[test]
    fn lower_case_hash_is_the_hash_of_the_lower_case() {
        for text in [
            "",
            "A",
            "[Z@`{",
            "ABCDEFGH",
            "Ab_Cd9Ef",
            "MiXeD-CaSe words, LONGER than 8",
            "ÀÉ STAYS aÀ",
        ] {
            assert_eq!(
                hash_ascii_lower(text.as_bytes()),
                hash_bytes(text.to_ascii_lowercase().as_bytes()),
                "{text}"
            );
        }
    }

    #[test]
    fn block_classes_are_those_of_each_byte() {
        for byte in 0..=255_u8 {
            for other in [0, b'a', b'_', 0x5f | 0x80, 0xff, b'@'] {
                let block = Block::new(u64::from_le_bytes([
                    other, byte, other, other, byte, other, other, other,
                ]));
                let bit = |mask: u64| mask >> 15 & 1 == 1 && mask >> 39 & 1 == 1;
                assert_eq!(bit(block.letters), byte.is_ascii_alphabetic(), "{byte}");
                assert_eq!(bit(block.numbers), byte.is_ascii_digit(), "{byte}");
                assert_eq!(bit(block.uppers), byte.is_ascii_uppercase(), "{byte}");
                assert_eq!(
                    bit(block.breaks),
                    !(byte.is_ascii_alphanumeric() || byte == b'_'),
                    "{byte}"
                );
            }
        }
    }
}
