//! The form that a SentencePiece model knows text in: characters mapped, white space collapsed, a space in front, `▁` for
//! spaces. Whatever of it a model asks for (SentencePiece 0.2.1, `src/normalizer.cc`, Apache-2.0).
//!
//! The map of characters is a double array as darts-clone writes it: a tree over bytes, flattened into 32-bit units.

/// How SentencePiece writes a space.
const SPACE_MARK: &str = "\u{2581}";
/// The longest known entry wins, among so many (`kMaxTrieResultsSize`).
const MAX_FOUND: usize = 32;

/// What a model's normaliser specification says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FormSettings {
    /// Whether a space is put in front of each text.
    pub adds_dummy_prefix: bool,
    /// Whether spaces at both ends go, and of several in a row all but one.
    pub removes_extra_spaces: bool,
    /// Whether a space is written as `▁`.
    pub escapes_spaces: bool,
}

/// A map of characters that is damaged.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the map of characters is damaged")]
pub struct DamagedMap;

/// Brings text into the form that a SentencePiece model knows.
///
/// ```
/// use gristmill_core::tokens::{FormSettings, SentencePieceForm};
/// let settings = FormSettings { adds_dummy_prefix: true, removes_extra_spaces: true, escapes_spaces: true };
/// let form = SentencePieceForm::new(settings, &[], &[])?;
/// assert_eq!(form.apply("  a  b "), "▁a▁b");
/// # Ok::<(), gristmill_core::tokens::DamagedMap>(())
/// ```
#[derive(Debug, Clone)]
pub struct SentencePieceForm {
    settings: FormSettings,
    units: Vec<u32>,
    /// Replacements, each ended by a zero byte.
    replacements: String,
    /// Strings that stay as they are, longest first.
    kept: Vec<String>,
}

impl SentencePieceForm {
    /// Of a model's settings, its `precompiled_charsmap` (empty for none), and the strings that it keeps whole.
    ///
    /// # Errors
    /// When the map is damaged.
    pub fn new(settings: FormSettings, map: &[u8], kept: &[&str]) -> Result<Self, DamagedMap> {
        let (mut units, mut replacements) = (Vec::new(), String::new());
        if let Some((size, rest)) = map.split_first_chunk::<4>() {
            let size = u32::from_le_bytes(*size) as usize;
            let (tree, strings) = rest.split_at_checked(size).ok_or(DamagedMap)?;
            let (words, odd) = tree.as_chunks::<4>();
            if !odd.is_empty() || words.is_empty() {
                return Err(DamagedMap);
            }
            units = words.iter().map(|&word| u32::from_le_bytes(word)).collect();
            replacements = String::from_utf8(strings.to_vec()).map_err(|_| DamagedMap)?;
            replacements.push('\0');
        } else if !map.is_empty() {
            return Err(DamagedMap);
        }
        let mut kept: Vec<String> = kept
            .iter()
            .filter(|text| !text.is_empty())
            .map(|&text| text.to_owned())
            .collect();
        kept.sort_by_key(|text| std::cmp::Reverse(text.len()));
        Ok(Self {
            settings,
            units,
            replacements,
            kept,
        })
    }

    /// The text in this form. Time: linear.
    pub fn apply(&self, text: &str) -> String {
        let FormSettings {
            adds_dummy_prefix,
            removes_extra_spaces,
            escapes_spaces,
        } = self.settings;
        let mut rest = text;
        if removes_extra_spaces {
            while let (" ", length) = self.prefix(rest) {
                rest = &rest[length..];
            }
        }
        if rest.is_empty() {
            return String::new();
        }
        let space = if escapes_spaces { SPACE_MARK } else { " " };
        let mut formed = String::with_capacity(rest.len() + rest.len() / 4 + 3);
        if adds_dummy_prefix {
            formed.push_str(space);
        }
        let mut ends_with_space = removes_extra_spaces;
        while !rest.is_empty() {
            let (mut piece, length) = self.prefix(rest);
            rest = &rest[length..];
            if ends_with_space {
                piece = piece.trim_start_matches(' ');
            }
            if !piece.is_empty() {
                for (number, part) in piece.split(' ').enumerate() {
                    if number > 0 {
                        formed.push_str(space);
                    }
                    formed.push_str(part);
                }
                ends_with_space = piece.ends_with(' ');
            }
            ends_with_space &= removes_extra_spaces;
        }
        if removes_extra_spaces {
            formed.truncate(formed.trim_end_matches(space).len());
        }
        formed
    }

    /// What the start of a text becomes, and how many bytes of it. Nothing of an empty text.
    fn prefix<'t>(&'t self, text: &'t str) -> (&'t str, usize) {
        if let Some(kept) = self.kept.iter().find(|kept| text.starts_with(kept.as_str())) {
            return (kept, kept.len());
        }
        if let Some((at, length)) = self.longest(text.as_bytes())
            && let Some(found) = self.replacements.get(at..)
            && text.is_char_boundary(length)
        {
            return (found.split('\0').next().unwrap_or_default(), length);
        }
        let length = text.chars().next().map_or(0, char::len_utf8);
        (&text[..length], length)
    }

    /// The longest entry of the map that the text starts with: where its replacement is, and its length.
    fn longest(&self, text: &[u8]) -> Option<(usize, usize)> {
        // Units as darts-clone 0.32 lays them out: a label in the low byte, whether a value follows in bit 8, and the
        // distance to the children in the bits above, in units of 256 if bit 9 is set.
        let offset = |unit: u32| ((unit >> 10) << ((unit & 1 << 9) >> 6)) as usize;
        let root = *self.units.first()?;
        let (mut place, mut longest, mut count) = (offset(root), None, 0);
        for (&byte, length) in text.iter().zip(1..) {
            place ^= usize::from(byte);
            let unit = *self.units.get(place)?;
            if unit & (1 << 31 | 0xff) != u32::from(byte) {
                break;
            }
            place ^= offset(unit);
            if unit >> 8 & 1 == 1 && count < MAX_FOUND {
                let value = self.units.get(place)? & !(1 << 31);
                longest = Some((value as usize, length));
                count += 1;
            }
        }
        longest
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const BOTH: FormSettings = FormSettings {
        adds_dummy_prefix: true,
        removes_extra_spaces: true,
        escapes_spaces: true,
    };

    /// A double array for entries of one byte each: children stand at 256, one value each.
    fn map_of(entries: &[(u8, &str)]) -> Vec<u8> {
        let mut units = vec![0_u32; 1024];
        units[0] = 256 << 10;
        let mut strings = Vec::new();
        for (number, &(byte, replacement)) in (0..).zip(entries) {
            let place = 256 ^ usize::from(byte);
            let value_place = 512 + number;
            let distance = (place ^ value_place) as u32;
            units[place] = distance << 10 | 1 << 8 | u32::from(byte);
            units[value_place] = 1 << 31 | strings.len() as u32;
            strings.extend_from_slice(replacement.as_bytes());
            strings.push(0);
        }
        let mut map = (units.len() as u32 * 4).to_le_bytes().to_vec();
        map.extend(units.iter().flat_map(|unit| unit.to_le_bytes()));
        map.extend(strings);
        map
    }

    #[test]
    fn characters_are_mapped_and_spaces_collapsed() {
        let map = map_of(&[(b'A', "a"), (b'\t', " "), (b'!', ""), (b'+', "a b ")]);
        let form = SentencePieceForm::new(BOTH, &map, &["<A>", "<A>A"]).unwrap();
        assert_eq!(form.apply("\tA \t+ B!"), "▁a▁a▁b▁B");
        assert_eq!(form.apply("x<A>AA"), "▁x<A>Aa");
        assert_eq!(form.apply(" \t "), "");
        assert_eq!(form.apply("!"), "");
        let plain = FormSettings {
            removes_extra_spaces: false,
            ..BOTH
        };
        let form = SentencePieceForm::new(plain, &[], &[]).unwrap();
        assert_eq!(form.apply("  a \n"), "▁▁▁a▁\n");
        assert_eq!(form.apply(""), "");
    }

    #[test]
    fn damaged_maps_are_refused_or_harmless() {
        assert_eq!(
            SentencePieceForm::new(BOTH, &[1, 2], &[]).map(|_| ()),
            Err(DamagedMap)
        );
        assert_eq!(
            SentencePieceForm::new(BOTH, &[8, 0, 0, 0, 1], &[]).map(|_| ()),
            Err(DamagedMap)
        );
    }

    proptest! {
        #[test]
        fn any_map_ends_and_gives_text(tree in prop::collection::vec(any::<u32>(), 1..600), text in "\\PC*") {
            let mut map = (tree.len() as u32 * 4).to_le_bytes().to_vec();
            map.extend(tree.iter().flat_map(|unit| unit.to_le_bytes()));
            map.extend_from_slice("a\0bc\0".as_bytes());
            let form = SentencePieceForm::new(BOTH, &map, &[]).unwrap();
            let _ = form.apply(&text);
        }
    }
}
