//! Characters as units of shingles.

use super::{Halves, hash_number};
use crate::segment::is_white_space;

/// Pushes a hash for each character of the text in lower case, with each run of white space as one space and none at
/// either end.
///
/// Characters are lower-cased one by one (no special final sigma); one that becomes several counts as several.
pub(super) fn push(text: &str, units: &mut Halves) {
    let mut push = |character: char| {
        let (low, high) = hash_number(u32::from(character));
        units.push(low, high);
    };
    let (mut is_first, mut is_after_space) = (true, false);
    for character in text.chars() {
        if is_white_space(character) {
            is_after_space = true;
            continue;
        }
        if std::mem::take(&mut is_after_space) && !is_first {
            push(' ');
        }
        is_first = false;
        if character.is_ascii() {
            push(character.to_ascii_lowercase());
        } else {
            character.to_lowercase().for_each(&mut push);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::{ShingleConfig, ShingleUnit, Shingles, jaccard};
    use super::*;
    use crate::segment::Segmentation;
    use crate::segment::reference::nasty_text;
    use proptest::prelude::*;
    use std::collections::BTreeSet;

    /// The shingles as strings, by the definition.
    fn by_definition(text: &str, size: usize) -> Vec<String> {
        let words: Vec<&str> = text
            .split(is_white_space)
            .filter(|word| !word.is_empty())
            .collect();
        let joined: Vec<char> = words.join(" ").chars().flat_map(char::to_lowercase).collect();
        if joined.is_empty() {
            return Vec::new();
        }
        let size = size.min(joined.len());
        joined
            .windows(size)
            .map(|shingle| shingle.iter().collect())
            .collect()
    }

    proptest! {
        #[test]
        fn hashes_stand_for_runs_of_characters(
            left in nasty_text(), right in nasty_text(), shared in nasty_text(), size in 1..30_u32,
        ) {
            let mut shingles = Shingles::new(ShingleConfig { unit: ShingleUnit::Character, size });
            let texts = [format!("{shared} {left}"), format!("{}\n\t{right}", shared.to_uppercase().to_lowercase())];
            let sides = texts.map(|text| {
                let (mut ordered, mut distinct) = (Vec::new(), Vec::new());
                shingles.in_order(&text, &Segmentation::default(), &mut ordered);
                shingles.sorted_distinct(&text, &Segmentation::default(), &mut distinct);
                (by_definition(&text, size as usize), ordered, distinct)
            });
            let strings: Vec<_> = sides.iter().flat_map(|side| &side.0).collect();
            let hashes: Vec<_> = sides.iter().flat_map(|side| &side.1).collect();
            prop_assert_eq!(strings.len(), hashes.len());
            let pairs: BTreeSet<_> = strings.iter().zip(&hashes).collect();
            prop_assert_eq!(pairs.len(), strings.iter().collect::<BTreeSet<_>>().len());
            prop_assert_eq!(pairs.len(), hashes.iter().collect::<BTreeSet<_>>().len());
            let [left, right] = [0, 1].map(|side| sides[side].0.iter().collect::<BTreeSet<_>>());
            let together = left.union(&right).count();
            let expected = if together == 0 { 0.0 } else { left.intersection(&right).count() as f64 / together as f64 };
            prop_assert_eq!(jaccard(&sides[0].2, &sides[1].2), expected);
        }
    }
}
