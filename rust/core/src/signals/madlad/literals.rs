//! Finds any of a few fixed strings in a text, in one pass.
//!
//! The pass looks at every second pair of bytes only, in a table of bits: wherever a string of three bytes or more
//! stands, one of two neighbouring pairs of it is looked at. The pairs are the rarest ones of each string.

/// A string, and the byte at which its two rare pairs start.
#[derive(Debug, Clone, Copy)]
pub(super) struct Literal {
    pub(super) text: &'static str,
    pub(super) pair: usize,
}

/// Strings, ready to be looked for.
#[derive(Debug, Clone)]
pub(super) struct Literals {
    /// A bit for each pair of bytes.
    pairs: Vec<u64>,
    /// Pair, string and where in the string it stands; sorted.
    places: Vec<(u16, &'static str, usize)>,
}

impl Literals {
    pub(super) fn new(literals: &[Literal]) -> Self {
        let mut places: Vec<_> = literals
            .iter()
            .flat_map(|literal| {
                [literal.pair, literal.pair + 1]
                    .map(|at| (pair(literal.text.as_bytes(), at), literal.text, at))
            })
            .collect();
        places.sort_unstable();
        let mut pairs = vec![0; 1 << 10];
        for &(pair, _, _) in &places {
            pairs[usize::from(pair >> 6)] |= 1 << (pair & 63);
        }
        Self { pairs, places }
    }

    /// Overwrites `hits` with the byte ranges at which strings stand, sorted by their starts.
    pub(super) fn find_all(&self, text: &str, hits: &mut Vec<(u32, u32)>) {
        hits.clear();
        let bytes = text.as_bytes();
        let (chunks, _) = bytes.as_chunks::<2>();
        for (index, chunk) in chunks.iter().enumerate() {
            let pair = u16::from_le_bytes(*chunk);
            if self.pairs[usize::from(pair >> 6)] >> (pair & 63) & 1 != 0 {
                self.verify(bytes, 2 * index, pair, hits);
            }
        }
        hits.sort_unstable();
    }

    #[cold]
    fn verify(&self, bytes: &[u8], position: usize, pair: u16, hits: &mut Vec<(u32, u32)>) {
        let first = self.places.partition_point(|place| place.0 < pair);
        for &(_, literal, at) in self.places[first..].iter().take_while(|place| place.0 == pair) {
            if let Some(start) = position.checked_sub(at)
                && bytes[start..].starts_with(literal.as_bytes())
            {
                hits.push((start as u32, (start + literal.len()) as u32));
            }
        }
    }
}

fn pair(bytes: &[u8], at: usize) -> u16 {
    u16::from_le_bytes([bytes[at], bytes[at + 1]])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn strings_are_found_wherever_they_stand() {
        let literals = [
            Literal { text: "abc", pair: 0 },
            Literal {
                text: " №", pair: 1
            },
            Literal {
                text: "ownload",
                pair: 3,
            },
        ];
        let finder = Literals::new(&literals);
        let mut hits = Vec::new();
        for shift in 0..5 {
            let text = format!("{}abc Downloads № ab", "x".repeat(shift));
            finder.find_all(&text, &mut hits);
            let found: Vec<&str> = hits
                .iter()
                .map(|&(start, end)| &text[start as usize..end as usize])
                .collect();
            assert_eq!(found, ["abc", "ownload", " №"], "{text:?}");
        }
        finder.find_all("ab", &mut hits);
        assert!(hits.is_empty());
    }
}
