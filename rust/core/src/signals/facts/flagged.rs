//! Finds the few tokens that have certain flags together.

/// Tokens that are looked at together.
const CHUNK_TOKENS: usize = 64;

/// Indices of the tokens that have all flags of `wanted`, ascending. Cost: a few instructions for 64 tokens without.
pub(crate) fn tokens_with(flags: &[u8], wanted: u8) -> impl Iterator<Item = usize> {
    let has_all = move |flags: u8| flags & wanted == wanted;
    let chunks = flags.chunks(CHUNK_TOKENS).enumerate();
    // No short cut: so the loop becomes vectors.
    let chunks =
        chunks.filter(move |(_, chunk)| chunk.iter().fold(false, |any, &flags| any | has_all(flags)));
    chunks.flat_map(move |(index, chunk)| {
        let places = chunk
            .iter()
            .enumerate()
            .filter(move |(_, flags)| has_all(**flags));
        places.map(move |(place, _)| CHUNK_TOKENS * index + place)
    })
}

#[cfg(test)]
mod tests {
    use super::tokens_with;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn tokens_have_all_flags(flags in prop::collection::vec(0..32_u8, 0..300), wanted in 0..32_u8) {
            let expected: Vec<usize> = (0..flags.len()).filter(|&token| flags[token] & wanted == wanted).collect();
            prop_assert_eq!(tokens_with(&flags, wanted).collect::<Vec<_>>(), expected);
        }
    }
}
