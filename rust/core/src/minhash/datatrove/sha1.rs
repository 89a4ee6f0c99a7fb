//! The first eight bytes of SHA-1 (FIPS 180-4), as datatrove hashes shingles with `hash_fc="sha1"`.
//!
//! For compatibility only; not for anything that must withstand an attack.

/// Returns the first eight bytes of the digest as a little-endian number.
pub(super) fn sha1_64(message: &[u8]) -> u64 {
    let mut state = [0x6745_2301, 0xefcd_ab89, 0x98ba_dcfe, 0x1032_5476, 0xc3d2_e1f0];
    let (blocks, rest) = message.as_chunks::<64>();
    for block in blocks {
        compress(&mut state, block);
    }
    let mut block = [0; 64];
    block[..rest.len()].copy_from_slice(rest);
    block[rest.len()] = 0x80;
    if rest.len() >= 56 {
        compress(&mut state, &block);
        block = [0; 64];
    }
    block[56..].copy_from_slice(&(8 * message.len() as u64).to_be_bytes());
    compress(&mut state, &block);
    let [first, second, ..] = state.map(u32::swap_bytes);
    u64::from(second) << 32 | u64::from(first)
}

fn compress(state: &mut [u32; 5], block: &[u8; 64]) {
    let mut words = [0_u32; 16];
    for (word, bytes) in words.iter_mut().zip(block.as_chunks::<4>().0) {
        *word = u32::from_be_bytes(*bytes);
    }
    let [mut a, mut b, mut c, mut d, mut e] = *state;
    for round in 0..80 {
        let word = if round < 16 {
            words[round]
        } else {
            let far = |back: usize| words[(round + 16 - back) % 16];
            (far(3) ^ far(8) ^ far(14) ^ far(16)).rotate_left(1)
        };
        words[round % 16] = word;
        let (mixed, constant) = match round / 20 {
            0 => (d ^ (b & (c ^ d)), 0x5a82_7999),
            1 => (b ^ c ^ d, 0x6ed9_eba1),
            2 => ((b & c) | (d & (b | c)), 0x8f1b_bcdc),
            _ => (b ^ c ^ d, 0xca62_c1d6_u32),
        };
        let next = a
            .rotate_left(5)
            .wrapping_add(mixed)
            .wrapping_add(e)
            .wrapping_add(constant)
            .wrapping_add(word);
        (a, b, c, d, e) = (next, a, b.rotate_left(30), c, d);
    }
    for (sum, word) in state.iter_mut().zip([a, b, c, d, e]) {
        *sum = sum.wrapping_add(word);
    }
}

#[cfg(test)]
mod tests {
    use super::sha1_64;

    #[test]
    fn digests_are_those_of_the_standard() {
        // The digests of FIPS 180-4's examples, their first eight bytes.
        let expected = |digest: [u8; 8]| u64::from_le_bytes(digest);
        assert_eq!(
            sha1_64(b"abc"),
            expected([0xa9, 0x99, 0x3e, 0x36, 0x47, 0x06, 0x81, 0x6a])
        );
        let long = b"abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq";
        assert_eq!(
            sha1_64(long),
            expected([0x84, 0x98, 0x3e, 0x44, 0x1c, 0x3b, 0xd2, 0x6e])
        );
        assert_eq!(
            sha1_64(b""),
            expected([0xda, 0x39, 0xa3, 0xee, 0x5e, 0x6b, 0x4b, 0x0d])
        );
    }

    #[test]
    fn every_length_of_the_last_block_is_padded_right() {
        // XOR over all lengths of `hashlib.sha1(b"x" * length)`, first eight bytes, little-endian.
        let all = (0..200).fold(0, |all, length| all ^ sha1_64(&b"x".repeat(length)));
        assert_eq!(all, ALL_LENGTHS);
    }

    const ALL_LENGTHS: u64 = 11840768434719176501;
}
