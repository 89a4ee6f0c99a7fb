use std::cell::Cell;

use proptest::prelude::*;

use super::reference::sorted_suffixes;
use super::{Poll, SuffixError, invert, suffix_array};

const NEVER: Poll<'static> = Poll { cancelled: &|| false };

fn bytes(text: &[u8]) -> Vec<u32> {
    suffix_array(text, 256, usize::MAX, NEVER).unwrap()
}

#[test]
fn every_text_of_up_to_eight_symbols_of_three() {
    for length in 0..=8_u32 {
        for number in 0..3_u32.pow(length) {
            let text: Vec<u8> = (0..length)
                .map(|place| (number / 3_u32.pow(place) % 3) as u8)
                .collect();
            assert_eq!(bytes(&text), sorted_suffixes(&text), "{text:?}");
        }
    }
}

#[test]
fn texts_that_need_several_levels() {
    // Fibonacci and Thue-Morse words repeat at every scale; the others are the ends of the range.
    let mut fibonacci = (b"a".to_vec(), b"ab".to_vec());
    while fibonacci.1.len() < 3000 {
        let next = [&fibonacci.1[..], &fibonacci.0[..]].concat();
        fibonacci = (fibonacci.1, next);
    }
    let thue_morse: Vec<u8> = (0..4096_u32)
        .map(|number| (number.count_ones() % 2) as u8)
        .collect();
    let constant = vec![0xff; 2000];
    let descending: Vec<u8> = (0..2000_u32).map(|number| 255 - (number / 8) as u8).collect();
    for text in [fibonacci.1, thue_morse, constant, descending] {
        assert_eq!(bytes(&text), sorted_suffixes(&text));
    }
}

#[test]
fn symbols_may_be_words() {
    let text = [700_u32, 3, 700, 3, 700, 0, 699, 3, 700, 3];
    assert_eq!(
        suffix_array(&text, 701, usize::MAX, NEVER).unwrap(),
        sorted_suffixes(&text)
    );
}

#[test]
fn stops_when_asked() {
    let text = vec![b'x'; 1 << 19];
    for looks in [0_u32, 1, 3] {
        let left = Cell::new(looks);
        let cancelled = || left.replace(left.get().saturating_sub(1)) == 0;
        assert_eq!(
            suffix_array(&text, 256, usize::MAX, Poll::new(&cancelled)),
            Err(SuffixError::Stopped)
        );
    }
}

#[test]
fn tables_are_counted() {
    let text = b"abracadabra abracadabra";
    let of = |max_entries| suffix_array(text, 256, max_entries, NEVER);
    assert_eq!(of(256).unwrap(), sorted_suffixes(text));
    let expected = SuffixError::Memory {
        entries: 256,
        max_entries: 255,
    };
    assert_eq!(of(255), Err(expected));
    // Every second symbol is a minimum and few of them look alike: the table of their names finds no room.
    let mut steep: Vec<u8> = (0..200).flat_map(|number| [number / 2, 255]).collect();
    steep.extend([0, 255, 1, 255, 1, 255]);
    assert!(
        matches!(suffix_array(&steep, 256, 256, NEVER), Err(SuffixError::Memory { entries, .. }) if entries > 256)
    );
}

proptest! {
    #[test]
    fn is_the_sorted_suffixes(text in prop::collection::vec(any::<u8>(), 0..400)) {
        prop_assert_eq!(bytes(&text), sorted_suffixes(&text));
    }

    #[test]
    fn is_the_sorted_suffixes_of_few_symbols(text in prop::collection::vec(0_u8..3, 0..600)) {
        prop_assert_eq!(bytes(&text), sorted_suffixes(&text));
    }

    #[test]
    fn is_the_sorted_suffixes_of_words(text in prop::collection::vec(0_u32..40, 0..300)) {
        prop_assert_eq!(suffix_array(&text, 40, usize::MAX, NEVER).unwrap(), sorted_suffixes(&text));
    }

    #[test]
    fn the_inverse_gives_ranks(text in prop::collection::vec(0_u8..4, 0..300)) {
        let array = bytes(&text);
        let mut ranks = array.clone();
        invert(&mut ranks, NEVER).unwrap();
        for (rank, &position) in array.iter().enumerate() {
            prop_assert_eq!(ranks[position as usize] as usize, rank);
        }
    }
}
