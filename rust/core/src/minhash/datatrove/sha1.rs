//! The first eight bytes of SHA-1 (FIPS 180-4), as datatrove hashes shingles with `hash_fc="sha1"`, of many messages.
//!
//! Messages are hashed side by side, one in each lane of vectors. For compatibility only; not for anything that must
//! withstand an attack.

use crate::dispatch::{self, Kernel};

/// Messages that are hashed side by side.
const LANES: usize = 8;

/// One number for each lane.
type Lanes = [u32; LANES];

const START: [u32; 5] = [0x6745_2301, 0xefcd_ab89, 0x98ba_dcfe, 0x1032_5476, 0xc3d2_e1f0];

/// Pushes the first eight bytes of each message's digest, as a little-endian number.
pub(super) fn push_sha1_64<'m>(messages: impl Iterator<Item = &'m [u8]>, out: &mut Vec<u64>) {
    let mut group: [&[u8]; LANES] = [&[]; LANES];
    let mut len = 0;
    for message in messages {
        group[len] = message;
        len += 1;
        if len == LANES {
            out.extend(dispatch::run(Group(group)));
            len = 0;
        }
    }
    if len > 0 {
        out.extend(dispatch::run(Group(group)).into_iter().take(len));
    }
}

/// The wide path differs in the instructions that the compiler may use.
struct Group<'m>([&'m [u8]; LANES]);

impl Kernel for Group<'_> {
    type Output = [u64; LANES];

    fn portable(self) -> [u64; LANES] {
        digests(&self.0)
    }

    #[cfg(target_arch = "x86_64")]
    #[inline(always)]
    fn wide(self, _avx2: dispatch::Avx2) -> [u64; LANES] {
        digests(&self.0)
    }
}

#[inline(always)]
fn digests(messages: &[&[u8]; LANES]) -> [u64; LANES] {
    let mut state = START.map(|word| [word; LANES]);
    let num_blocks = messages.map(|message| (message.len() + 9).div_ceil(64));
    let mut found = [0; LANES];
    for number in 0..num_blocks.into_iter().max().unwrap_or(0) {
        let mut words = [[0; LANES]; 16];
        for (lane, message) in messages.iter().enumerate() {
            let block = padded_block(message, number);
            for (word, bytes) in words.iter_mut().zip(block.as_chunks::<4>().0) {
                word[lane] = u32::from_be_bytes(*bytes);
            }
        }
        compress(&mut state, words);
        for (lane, digest) in found.iter_mut().enumerate() {
            // What comes behind a message's last block is of no meaning.
            if num_blocks[lane] == number + 1 {
                let [first, second] = [state[0][lane], state[1][lane]].map(u32::swap_bytes);
                *digest = u64::from(second) << 32 | u64::from(first);
            }
        }
    }
    found
}

/// Block `number` of the message, padded; zeros behind the last one.
#[inline(always)]
fn padded_block(message: &[u8], number: usize) -> [u8; 64] {
    let mut block = [0; 64];
    let rest = message.get(64 * number..).unwrap_or_default();
    let taken = rest.len().min(64);
    block[..taken].copy_from_slice(&rest[..taken]);
    if taken < 64 && message.len() >= 64 * number {
        block[taken] = 0x80;
    }
    if number + 1 == (message.len() + 9).div_ceil(64) {
        block[56..].copy_from_slice(&(8 * message.len() as u64).to_be_bytes());
    }
    block
}

#[inline(always)]
fn map2(left: Lanes, right: Lanes, join: impl Fn(u32, u32) -> u32) -> Lanes {
    std::array::from_fn(|lane| join(left[lane], right[lane]))
}

#[inline(always)]
fn compress(state: &mut [Lanes; 5], first_words: [Lanes; 16]) {
    let mut words = [[0; LANES]; 80];
    words[..16].copy_from_slice(&first_words);
    for round in 16..80 {
        words[round] = std::array::from_fn(|lane| {
            let far = |back: usize| words[round - back][lane];
            (far(3) ^ far(8) ^ far(14) ^ far(16)).rotate_left(1)
        });
    }
    let (early, late) = words.split_at(40);
    let ((first, second), (third, fourth)) = (early.split_at(20), late.split_at(20));
    let mut now = *state;
    rounds(&mut now, first, 0x5a82_7999, |b, c, d| d ^ (b & (c ^ d)));
    rounds(&mut now, second, 0x6ed9_eba1, |b, c, d| b ^ c ^ d);
    rounds(&mut now, third, 0x8f1b_bcdc, |b, c, d| (b & c) | (d & (b | c)));
    rounds(&mut now, fourth, 0xca62_c1d6, |b, c, d| b ^ c ^ d);
    for (sum, word) in state.iter_mut().zip(now) {
        *sum = map2(*sum, word, u32::wrapping_add);
    }
}

#[inline(always)]
fn rounds(state: &mut [Lanes; 5], words: &[Lanes], constant: u32, mix: impl Fn(u32, u32, u32) -> u32) {
    let [mut a, mut b, mut c, mut d, mut e] = *state;
    for word in words {
        let next = std::array::from_fn(|lane| {
            a[lane]
                .rotate_left(5)
                .wrapping_add(mix(b[lane], c[lane], d[lane]))
                .wrapping_add(e[lane])
                .wrapping_add(constant)
                .wrapping_add(word[lane])
        });
        (e, d, c, b, a) = (d, c, b.map(|word| word.rotate_left(30)), a, next);
    }
    *state = [a, b, c, d, e];
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sha1_64(messages: &[&[u8]]) -> Vec<u64> {
        let mut out = Vec::new();
        push_sha1_64(messages.iter().copied(), &mut out);
        out
    }

    #[test]
    fn digests_are_those_of_the_standard() {
        // The digests of FIPS 180-4's examples, their first eight bytes.
        let messages: [&[u8]; 3] = [
            b"abc",
            b"abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq",
            b"",
        ];
        let expected = [
            [0xa9, 0x99, 0x3e, 0x36, 0x47, 0x06, 0x81, 0x6a],
            [0x84, 0x98, 0x3e, 0x44, 0x1c, 0x3b, 0xd2, 0x6e],
            [0xda, 0x39, 0xa3, 0xee, 0x5e, 0x6b, 0x4b, 0x0d],
        ];
        assert_eq!(sha1_64(&messages), expected.map(u64::from_le_bytes));
    }

    #[test]
    fn every_length_is_padded_right_in_every_lane() {
        let long = b"x".repeat(200);
        let messages: Vec<&[u8]> = (0..200).map(|length| &long[..length]).collect();
        // XOR over all lengths of `hashlib.sha1(b"x" * length)`, first eight bytes, little-endian.
        let together = sha1_64(&messages);
        assert_eq!(together.iter().fold(0, |all, digest| all ^ digest), ALL_LENGTHS);
        for (message, digest) in messages.iter().zip(together) {
            assert_eq!(sha1_64(&[message]), [digest], "{}", message.len());
            let portable = Group([message; LANES]).portable();
            assert_eq!(portable, [digest; LANES]);
        }
    }

    const ALL_LENGTHS: u64 = 11840768434719176501;
}
