//! Chooses, while running, code for the processor at hand: AVX2 where it is there, portable code elsewhere.
//!
//! The only file of this crate with unsafe code, and it has three kinds of it: the request for a cache line; the call into code that was compiled
//! for AVX2, behind the test that the processor has it, and vector instructions on values (none that takes a
//! pointer; a vector's bytes are read by turning it into an array), behind a token that only such a call can hand out. Both paths give the same bytes; the portable one
//! stays callable, so that tests compare them.

/// Work that gains from vector instructions.
pub(crate) trait Kernel {
    /// What it gives back.
    type Output;

    /// The work on any machine.
    fn portable(self) -> Self::Output;

    /// The work where there are AVX2, BMI and POPCNT. Mark it `#[inline(always)]`: only code that is inlined into
    /// the caller is compiled for them.
    #[cfg(target_arch = "x86_64")]
    fn wide(self, avx2: Avx2) -> Self::Output;
}

/// Runs the work in the fastest way that the processor knows.
#[inline]
pub(crate) fn run<K: Kernel>(kernel: K) -> K::Output {
    #[cfg(target_arch = "x86_64")]
    if is_wide() {
        #[expect(unsafe_code, reason = "calls a function that is compiled for AVX2")]
        // SAFETY: the processor has every feature that `run_wide` is compiled with, as was just tested.
        return unsafe { run_wide(kernel) };
    }
    kernel.portable()
}

/// Whether [`run`] takes the wide path on this machine.
#[cfg(target_arch = "x86_64")]
#[inline]
fn is_wide() -> bool {
    // Each is one bit of a number that the standard library reads from the processor once.
    is_x86_feature_detected!("avx2")
        && is_x86_feature_detected!("bmi1")
        && is_x86_feature_detected!("bmi2")
        && is_x86_feature_detected!("lzcnt")
        && is_x86_feature_detected!("popcnt")
}

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx2,bmi1,bmi2,lzcnt,popcnt")]
fn run_wide<K: Kernel>(kernel: K) -> K::Output {
    kernel.wide(Avx2(()))
}

/// Asks for the cache line where a value begins, which is going to be read. Changes nothing but time.
#[inline(always)]
pub(crate) fn prefetch<T>(value: &T) {
    #[cfg(target_arch = "x86_64")]
    #[expect(unsafe_code, reason = "a hint to the processor")]
    // SAFETY: every x86-64 processor has the instruction, and it reads nothing that a program could notice.
    unsafe {
        use std::arch::x86_64::{_MM_HINT_T0, _mm_prefetch};
        _mm_prefetch::<_MM_HINT_T0>(std::ptr::from_ref(value).cast());
    }
    #[cfg(not(target_arch = "x86_64"))]
    let _ = value;
}

#[cfg(target_arch = "x86_64")]
pub(crate) use wide::Avx2;

#[cfg(target_arch = "x86_64")]
mod wide {
    use std::arch::x86_64::{
        __m256i, _mm_cvtsi64_si128, _mm_cvtsi128_si64, _mm_shuffle_epi8, _mm256_and_si256, _mm256_cmpeq_epi8,
        _mm256_cmpeq_epi32, _mm256_min_epu8, _mm256_movemask_epi8, _mm256_or_si256, _mm256_set_epi64x,
        _mm256_set1_epi8, _mm256_set1_epi32, _mm256_set1_epi64x, _mm256_shuffle_epi8, _mm256_slli_epi16,
        _mm256_srli_epi16, _mm256_sub_epi8,
    };

    /// Proof that the processor has AVX2: made by [`super::run`] alone.
    #[derive(Debug, Clone, Copy)]
    pub(crate) struct Avx2(pub(super) ());

    /// 64 bytes; as the result of a comparison, all ones or all zeros each.
    #[derive(Clone, Copy)]
    pub(crate) struct Bytes([__m256i; 2]);

    /// Applies an intrinsic to both halves.
    macro_rules! halves {
        ($half:ident => $call:expr) => {{
            #[expect(unsafe_code, reason = "vector instructions on values")]
            // SAFETY: `Avx2` exists only where the processor has AVX2; the instructions touch no memory.
            let bytes = unsafe {
                let $half = 0;
                let low = $call;
                let $half = 1;
                Bytes([low, $call])
            };
            bytes
        }};
    }

    impl Avx2 {
        /// The bytes of a block.
        #[inline(always)]
        pub(crate) fn load(self, block: &[u8; 64]) -> Bytes {
            let (words, _) = block.as_chunks::<8>();
            let word = |index: usize| i64::from_le_bytes(words[index]);
            halves!(half => _mm256_set_epi64x(
                word(4 * half + 3), word(4 * half + 2), word(4 * half + 1), word(4 * half)
            ))
        }

        /// The bytes that equal `value`.
        #[inline(always)]
        pub(crate) fn equal(self, bytes: Bytes, value: u8) -> Bytes {
            halves!(half => _mm256_cmpeq_epi8(bytes.0[half], _mm256_set1_epi8(value as i8)))
        }

        /// The bytes that are the same on both sides.
        #[inline(always)]
        pub(crate) fn same(self, left: Bytes, right: Bytes) -> Bytes {
            halves!(half => _mm256_cmpeq_epi8(left.0[half], right.0[half]))
        }

        /// The groups of four bytes, from the first byte on, that equal `group`.
        #[inline(always)]
        pub(crate) fn equal_groups(self, bytes: Bytes, group: [u8; 4]) -> Bytes {
            halves!(half => _mm256_cmpeq_epi32(bytes.0[half], _mm256_set1_epi32(i32::from_le_bytes(group))))
        }

        /// The bytes from `first` to `last`.
        #[inline(always)]
        pub(crate) fn within(self, bytes: Bytes, first: u8, last: u8) -> Bytes {
            halves!(half => {
                let distance = _mm256_sub_epi8(bytes.0[half], _mm256_set1_epi8(first as i8));
                let most = _mm256_set1_epi8((last - first) as i8);
                _mm256_cmpeq_epi8(_mm256_min_epu8(distance, most), distance)
            })
        }

        /// Bitwise or.
        #[inline(always)]
        pub(crate) fn or(self, left: Bytes, right: Bytes) -> Bytes {
            halves!(half => _mm256_or_si256(left.0[half], right.0[half]))
        }

        /// Bitwise and.
        #[inline(always)]
        pub(crate) fn and(self, left: Bytes, right: Bytes) -> Bytes {
            halves!(half => _mm256_and_si256(left.0[half], right.0[half]))
        }

        /// For each byte the one of 16 that its low half says, and another one that its high half says, and'ed.
        #[inline(always)]
        pub(crate) fn look_up(self, bytes: Bytes, low: &[u8; 16], high: &[u8; 16]) -> Bytes {
            let table = |table: &[u8; 16]| {
                let number = u128::from_le_bytes(*table);
                (number as i64, (number >> 64) as i64)
            };
            let ((low_0, low_1), (high_0, high_1)) = (table(low), table(high));
            halves!(half => {
                let halves = _mm256_set1_epi8(0x0f);
                let low = _mm256_set_epi64x(low_1, low_0, low_1, low_0);
                let high = _mm256_set_epi64x(high_1, high_0, high_1, high_0);
                let of_low = _mm256_shuffle_epi8(low, _mm256_and_si256(bytes.0[half], halves));
                let shifted = _mm256_srli_epi16::<4>(bytes.0[half]);
                _mm256_and_si256(of_low, _mm256_shuffle_epi8(high, _mm256_and_si256(shifted, halves)))
            })
        }

        /// `value` in the bytes whose bit is set, 0 in the others.
        #[inline(always)]
        pub(crate) fn of_bits(self, bits: u64, value: u8) -> Bytes {
            halves!(half => {
                let all = _mm256_set1_epi32((bits >> (32 * half)) as i32);
                // Each byte becomes the one that has its bit.
                let byte_of = _mm256_set_epi64x(
                    0x0303_0303_0303_0303, 0x0202_0202_0202_0202, 0x0101_0101_0101_0101, 0
                );
                let bit_of = _mm256_set1_epi64x(0x8040_2010_0804_0201_u64 as i64);
                let own = _mm256_and_si256(_mm256_shuffle_epi8(all, byte_of), bit_of);
                _mm256_and_si256(_mm256_cmpeq_epi8(own, bit_of), _mm256_set1_epi8(value as i8))
            })
        }

        /// The bytes as an array.
        #[inline(always)]
        pub(crate) fn to_array(self, bytes: Bytes) -> [u8; 64] {
            #[expect(unsafe_code, reason = "vectors are plain bytes")]
            // SAFETY: both are 64 bytes, any of which are valid.
            unsafe {
                std::mem::transmute(bytes.0)
            }
        }

        /// The bytes of `word` at those places, each below 8.
        #[inline(always)]
        pub(crate) fn shuffle_word(self, word: u64, places: [u8; 8]) -> u64 {
            #[expect(unsafe_code, reason = "vector instructions on values")]
            // SAFETY: as above.
            let shuffled = unsafe {
                let places = _mm_cvtsi64_si128(i64::from_le_bytes(places));
                _mm_cvtsi128_si64(_mm_shuffle_epi8(_mm_cvtsi64_si128(word as i64), places))
            };
            shuffled as u64
        }

        /// The bytes with that bit set.
        #[inline(always)]
        pub(crate) fn with_bits(self, bytes: Bytes, bits: u8) -> Bytes {
            halves!(half => _mm256_or_si256(bytes.0[half], _mm256_set1_epi8(bits as i8)))
        }

        /// The highest bit of each byte.
        #[inline(always)]
        pub(crate) fn high_bits(self, bytes: Bytes) -> u64 {
            let mask = |half: usize| {
                #[expect(unsafe_code, reason = "vector instructions on values")]
                // SAFETY: as above.
                let mask = unsafe { _mm256_movemask_epi8(bytes.0[half]) };
                u64::from(mask as u32)
            };
            mask(0) | mask(1) << 32
        }

        /// Bit 5 of each byte, by which ASCII letters differ in case.
        #[inline(always)]
        pub(crate) fn case_bits(self, bytes: Bytes) -> u64 {
            self.high_bits(halves!(half => _mm256_slli_epi16::<2>(bytes.0[half])))
        }
    }
}
