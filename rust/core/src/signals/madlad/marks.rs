//! Whether a text may have the rows of spaces or commas that two of the rules look for, 64 characters at a time.

#[cfg(target_arch = "x86_64")]
use crate::dispatch::Avx2;
use crate::dispatch::{self, Kernel};
use crate::signals::Document;
use crate::signals::facts::ByteKinds;

/// What may be in one text: a closer look tells.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub(super) struct Marks {
    /// Whether nine spaces stand at equal distances of four or five characters, or of two with other ones between.
    pub(super) may_be_spaced: bool,
    /// Whether two codes of two characters such as `, DE, FR,` stand side by side.
    pub(super) may_have_codes: bool,
}

impl Marks {
    /// The marks of a text. Cost: a few shifts for 64 bytes.
    pub(super) fn of(document: Document<'_>) -> Self {
        dispatch::run(Look(document.byte_kinds()))
    }
}

/// Spaces and commas, a bit a character.
#[derive(Debug, Default)]
struct Stream {
    /// The last 64 that are complete, and those behind them.
    spaces: [u64; 2],
    commas: [u64; 2],
    num_behind: u32,
    found: Marks,
}

impl Stream {
    #[inline(always)]
    fn push(&mut self, mut spaces: u64, mut commas: u64, mut continuations: u64) {
        let mut number = 64;
        // From the last on, so that the others stay where they are.
        while continuations != 0 {
            let bit = 63 - continuations.leading_zeros();
            let before = (1_u64 << bit) - 1;
            spaces = spaces & before | spaces >> 1 & !before;
            commas = commas & before | commas >> 1 & !before;
            continuations &= before;
            number -= 1;
        }
        self.spaces[1] |= spaces << self.num_behind;
        self.commas[1] |= commas << self.num_behind;
        let num_behind = self.num_behind + number;
        if num_behind < 64 {
            self.num_behind = num_behind;
            return;
        }
        self.look();
        // Of the block, this many bits have found room.
        let num_taken = 64 - self.num_behind;
        self.num_behind = num_behind - 64;
        let rest = |bits: u64| if num_taken < 64 { bits >> num_taken } else { 0 };
        self.spaces = [self.spaces[1], rest(spaces)];
        self.commas = [self.commas[1], rest(commas)];
    }

    /// Looks at what starts in the last 64 characters.
    #[inline(always)]
    fn look(&mut self) {
        let join = |halves: [u64; 2]| u128::from(halves[0]) | u128::from(halves[1]) << 64;
        let (spaces, commas) = (join(self.spaces), join(self.commas));
        let single = spaces & !(spaces >> 1);
        for (spaces, period) in [(single, 2), (spaces, 4), (spaces, 5)] {
            let two = spaces & spaces >> period;
            let four = two & two >> (2 * period);
            if four as u64 != 0 {
                let eight = four & four >> (4 * period);
                self.found.may_be_spaced |= (eight & spaces >> (8 * period)) as u64 != 0;
            }
        }
        let codes = commas & spaces >> 1 & commas >> 4;
        self.found.may_have_codes |= (codes & (codes >> 4 | codes >> 5)) as u64 != 0;
    }

    fn finish(mut self) -> Marks {
        for _ in 0..2 {
            self.look();
            self.spaces = [self.spaces[1], 0];
            self.commas = [self.commas[1], 0];
        }
        self.found
    }
}

struct Look<'a>(&'a ByteKinds);

impl Look<'_> {
    #[inline(always)]
    fn run(self) -> Marks {
        let mut stream = Stream::default();
        for (spaces, commas, continuations) in self.0.blanks_and_commas() {
            stream.push(spaces, commas, continuations);
        }
        stream.finish()
    }
}

impl Kernel for Look<'_> {
    type Output = Marks;

    fn portable(self) -> Marks {
        self.run()
    }

    #[cfg(target_arch = "x86_64")]
    #[inline(always)]
    fn wide(self, _avx2: Avx2) -> Marks {
        self.run()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::segment::reference::nasty_text;
    use proptest::prelude::*;

    fn is_spaced(characters: &[char]) -> bool {
        let is_at = |start: usize, period: usize| {
            (0..9).all(|index| {
                let at = |offset: usize| characters.get(start + index * period + offset);
                at(0) == Some(&' ') && (period > 2 || at(1) != Some(&' '))
            })
        };
        (0..characters.len()).any(|start| [2, 4, 5].iter().any(|&period| is_at(start, period)))
    }

    fn has_codes(characters: &[char]) -> bool {
        let is_code = |start: usize| {
            let at = |offset: usize| characters.get(start + offset);
            at(0) == Some(&',') && at(1) == Some(&' ') && at(4) == Some(&',')
        };
        (0..characters.len()).any(|start| is_code(start) && (is_code(start + 4) || is_code(start + 5)))
    }

    proptest! {
        #[test]
        fn marks_are_those_of_each_character(
            text in nasty_text(),
            pieces in prop::collection::vec(("[a-z, é漢]{0,90}", "( [aé漢]| [bé]{3}| [c漢]{4}|, [DÉ][E漢],?)", 1..12_usize), 0..5),
        ) {
            let pieces = pieces.iter().map(|(noise, piece, times)| format!("{noise}{}", piece.repeat(*times)));
            // Behind the end there are spaces for the bits, which may make a row of some more.
            let text = text + &pieces.collect::<String>() + &"x".repeat(41);
            let mut kinds = ByteKinds::default();
            kinds.fill(&text);
            let found = dispatch::run(Look(&kinds));
            prop_assert_eq!(found, Look(&kinds).portable());
            let characters: Vec<char> = text.chars().collect();
            prop_assert_eq!(found.may_be_spaced, is_spaced(&characters));
            prop_assert_eq!(found.may_have_codes, has_codes(&characters));
        }
    }
}
