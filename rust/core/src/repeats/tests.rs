use std::ops::Range;

use proptest::prelude::*;

use super::{
    Bytes, Cut, RepeatCounts, RepeatError, RepeatOptions, Units, WordsBuilder, cut_repeats, reference,
};
use crate::segment::{Segmentation, Segmenter};
use crate::suffix_array::{Poll, SuffixError};

fn options(min_length: usize) -> RepeatOptions {
    RepeatOptions {
        min_length,
        whole_lines: false,
        max_entries: usize::MAX,
    }
}

fn bounds_of(documents: &[impl AsRef<str>]) -> Vec<u32> {
    let mut bounds = vec![0];
    for document in documents {
        bounds.push(bounds[bounds.len() - 1] + document.as_ref().len() as u32);
    }
    bounds
}

fn cuts(documents: &[impl AsRef<str>], options: RepeatOptions) -> (Vec<Cut>, RepeatCounts) {
    let text: String = documents.iter().map(AsRef::as_ref).collect();
    let mut cuts = Vec::new();
    let counts = cut_repeats(
        text.as_bytes(),
        256,
        &Bytes(text.as_bytes()),
        &bounds_of(documents),
        options,
        Poll::new(&|| false),
        |cut| {
            cuts.push(cut);
            Ok::<(), RepeatError>(())
        },
    );
    (cuts, counts.unwrap())
}

/// What stays of each document.
fn rest(documents: &[impl AsRef<str>], options: RepeatOptions) -> Vec<String> {
    let bounds = bounds_of(documents);
    let mut rest: Vec<String> = documents
        .iter()
        .map(|document| document.as_ref().to_owned())
        .collect();
    for cut in cuts(documents, options).0.iter().rev() {
        let start = bounds[cut.document] as usize;
        rest[cut.document].replace_range(cut.start - start..cut.end - start, "");
    }
    rest
}

fn merged(cuts: &[Cut]) -> Vec<Range<usize>> {
    let mut merged: Vec<Range<usize>> = Vec::new();
    let mut document = usize::MAX;
    for cut in cuts {
        match merged.last_mut() {
            Some(last) if last.end == cut.start && document == cut.document => last.end = cut.end,
            _ => merged.push(cut.start..cut.end),
        }
        document = cut.document;
    }
    merged
}

#[test]
fn a_later_occurrence_goes_and_the_first_stays() {
    let documents = ["one: the passage.", "two: the passage, again", "the passage!"];
    assert_eq!(
        rest(&documents, options(8)),
        ["one: the passage.", "two, again", "!"]
    );
}

#[test]
fn parts_of_different_origin_are_told_apart_and_their_union_is_not_the_origin_of_a_third() {
    let documents = [
        "AAAAAaaaaa",
        "BBBBBbbbbb",
        "AAAAAaaaaaBBBBBbbbbb",
        "AAAAAaaaaaBBBBBbbbbb",
    ];
    let found = cuts(&documents, options(10)).0;
    let expected: Vec<Cut> = [(2, 20, 0), (2, 30, 10), (3, 40, 0), (3, 50, 10)]
        .map(|(document, start, origin)| Cut {
            document,
            start,
            end: start + 10,
            origin,
        })
        .into();
    assert_eq!(found, expected);
}

#[test]
fn periodic_text_stands_once() {
    // Where `length` bytes end inside a character, so does no passage: the last one is not in any.
    for (unit, length, stays) in [
        ("a", 20, 20),
        ("abc", 20, 21),
        ("é", 20, 20),
        ("中", 20, 18 + 3),
        ("😀!", 21, 20 + 5),
    ] {
        let document = unit.repeat(300);
        let rest = rest(&[&document], options(length));
        assert_eq!(rest[0].len(), stays, "{unit}");
        assert!(document.starts_with(&rest[0]));
    }
}

#[test]
fn passages_do_not_cross_documents() {
    let documents = ["abcdef", "ghijkl", "abcdefghijkl"];
    assert_eq!(rest(&documents, options(8)), documents);
}

#[test]
fn a_character_that_is_not_whole_in_the_passage_stays() {
    // U+00E9 and U+00E8 share their first byte, U+00E9 and U+0129 their second.
    let documents = ["abcdefghé", "xabcdefghè", "abcdefghé"];
    assert_eq!(rest(&documents, options(9)), ["abcdefghé", "xè", ""]);
    let documents = ["éabcdefgh", "ĩabcdefgh"];
    assert_eq!(rest(&documents, options(9)), documents);
}

#[test]
fn whole_lines_only() {
    let documents = [
        "first\nshared line\nand one\nlast",
        "begin shared line\nand one\nother",
        "shared line\nand one\nlast",
    ];
    let lines = RepeatOptions {
        whole_lines: true,
        ..options(8)
    };
    assert_eq!(
        rest(&documents, lines),
        [documents[0], "begin shared line\nother", ""]
    );
    let (_, counts) = cuts(&documents, lines);
    assert_eq!(counts.cut_symbols, 8 + 24);
    assert_eq!(counts.spared_symbols, 12);
}

#[test]
fn limits_and_requests_to_stop_are_obeyed() {
    let half: String = (0..200).map(|number| format!("{number},")).collect();
    let text = half.repeat(2);
    let text = text.as_bytes();
    let find = |max_entries, cancelled: &dyn Fn() -> bool| {
        let options = RepeatOptions {
            max_entries,
            ..options(5)
        };
        let bounds = [0, half.len() as u32, text.len() as u32];
        let emit = |_| Ok::<(), RepeatError>(());
        cut_repeats(
            text,
            256,
            &Bytes(text),
            &bounds,
            options,
            Poll::new(cancelled),
            emit,
        )
    };
    let classes = find(usize::MAX, &|| false).unwrap().classes as usize;
    assert!(classes > 500);
    assert!(find(classes, &|| false).is_ok());
    let expected = RepeatError::TooManyClasses {
        classes,
        max_entries: classes - 1,
    };
    assert_eq!(find(classes - 1, &|| false), Err(expected));
    assert!(matches!(
        find(255, &|| false),
        Err(RepeatError::Suffix(SuffixError::Memory { .. }))
    ));
    assert_eq!(find(classes, &|| true), Err(SuffixError::Stopped.into()));
}

#[test]
fn empty_documents_are_nothing() {
    let documents = ["", "abcdefgh", "", "abcdefgh", ""];
    assert_eq!(rest(&documents, options(8)), ["", "abcdefgh", "", "", ""]);
    assert_eq!(cuts(&[""; 0], options(8)).0, []);
}

/// Documents that repeat each other: joined from a few pieces, with characters of one to four bytes.
fn documents() -> impl Strategy<Value = Vec<String>> {
    let character = prop::sample::select(vec!['a', 'b', '\n', 'é', 'è', '中', '丮', '😀']);
    let piece = prop::collection::vec(character, 0..12);
    prop::collection::vec(piece, 1..6).prop_flat_map(|pieces| {
        let piece = prop::sample::select(pieces).prop_map(|piece| piece.into_iter().collect::<String>());
        let document = prop::collection::vec(piece, 0..8).prop_map(|pieces| pieces.concat());
        prop::collection::vec(document, 0..7)
    })
}

/// Documents of two letters: full of overlapping repetitions.
fn dense_documents() -> impl Strategy<Value = Vec<String>> {
    prop::collection::vec("[ab]{0,60}|(a|é|中|😀){0,40}|(aab|éa){0,20}", 0..5)
}

fn check_properties(documents: &[String], length: usize, whole_lines: bool) -> Result<(), TestCaseError> {
    let text = documents.concat();
    let bounds = bounds_of(documents);
    let options = RepeatOptions {
        whole_lines,
        ..options(length)
    };
    let (found, counts) = cuts(documents, options);
    let mut kept = vec![true; text.len()];
    for cut in &found {
        prop_assert!(cut.start < cut.end);
        prop_assert!(
            bounds[cut.document] as usize <= cut.start && cut.end <= bounds[cut.document + 1] as usize
        );
        prop_assert!(text.is_char_boundary(cut.start) && text.is_char_boundary(cut.end));
        prop_assert!(kept[cut.start..cut.end].iter().all(|&kept| kept), "overlap");
        kept[cut.start..cut.end].fill(false);
    }
    prop_assert_eq!(
        counts.cut_symbols as usize,
        kept.iter().filter(|&&kept| !kept).count()
    );
    prop_assert!(found.is_sorted_by_key(|cut| cut.start));
    // Nothing is lost: the origin of every cut is the same text, earlier, and stays.
    for cut in &found {
        let origin = cut.origin..cut.origin + (cut.end - cut.start);
        prop_assert_eq!(
            &text.as_bytes()[origin.clone()],
            &text.as_bytes()[cut.start..cut.end]
        );
        prop_assert!(origin.end <= cut.start);
        prop_assert!(
            !bounds
                .iter()
                .any(|&bound| origin.start < bound as usize && (bound as usize) < origin.end)
        );
        prop_assert!(kept[origin].iter().all(|&kept| kept), "{cut:?} of {found:?}");
    }
    let is_edge = |place: usize| bounds.contains(&(place as u32));
    // All windows by what they say, with the end of their last whole character, and whether they stand.
    let mut windows: Vec<(&[u8], Range<usize>, bool)> = Vec::new();
    for pair in bounds.windows(2) {
        let (start, end) = (pair[0] as usize, pair[1] as usize);
        for window in start..(end + 1).saturating_sub(length).max(start) {
            if text.is_char_boundary(window) {
                let whole = (window..=window + length)
                    .rev()
                    .find(|&at| text.is_char_boundary(at))
                    .unwrap();
                let stands = kept[window..whole].iter().all(|&kept| kept);
                windows.push((&text.as_bytes()[window..window + length], window..whole, stands));
            }
        }
    }
    // What goes was part of a repeated window that stands elsewhere.
    for place in (0..text.len()).filter(|&place| !kept[place]) {
        let is_repeated = windows.iter().any(|(said, range, _)| {
            range.contains(&place) && windows.iter().any(|(other, _, stands)| *stands && other == said)
        });
        prop_assert!(is_repeated, "byte {place} is not repeated");
    }
    if whole_lines {
        for range in merged(&found) {
            prop_assert!(is_edge(range.start) || text.as_bytes()[range.start - 1] == b'\n');
            prop_assert!(is_edge(range.end) || text.as_bytes()[range.end - 1] == b'\n');
        }
    } else {
        // Nothing stands twice.
        let mut standing: Vec<&[u8]> = windows
            .iter()
            .filter(|(.., stands)| *stands)
            .map(|(said, ..)| *said)
            .collect();
        standing.sort_unstable();
        for pair in standing.windows(2) {
            prop_assert_ne!(pair[0], pair[1]);
        }
        // And it is what the slow version cuts.
        let expected = reference::gone(text.as_bytes(), &Bytes(text.as_bytes()), &bounds, length);
        prop_assert_eq!(merged(&found), expected);
    }
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    #[test]
    fn nothing_is_lost_and_nothing_stands_twice(documents in documents(), length in 5_usize..14) {
        check_properties(&documents, length, false)?;
        check_properties(&documents, length, true)?;
    }

    #[test]
    fn the_same_of_text_full_of_repetitions(documents in dense_documents(), length in 5_usize..20) {
        check_properties(&documents, length, false)?;
        check_properties(&documents, length, true)?;
    }

    #[test]
    fn words_are_bytes(documents in prop::collection::vec("([ab]|, |\n|é ){0,40}", 0..6), length in 5_usize..8) {
        let segmenter = Segmenter::default();
        let mut segmentation = Segmentation::default();
        let mut builder = WordsBuilder::default();
        for document in &documents {
            segmenter.segment(document, &mut segmentation);
            builder.push(document, &segmentation);
        }
        let words = builder.finish();
        // A word is what stands from its start to the next.
        let mut said: Vec<&str> = Vec::new();
        for (document, pair) in documents.iter().zip(words.bounds.windows(2)) {
            let starts = &words.starts[pair[0] as usize..pair[1] as usize];
            for (place, &start) in starts.iter().enumerate() {
                let end = starts.get(place + 1).map_or(document.len(), |&end| end as usize);
                said.push(&document[start as usize..end]);
            }
        }
        for (place, &left) in words.symbols.iter().enumerate() {
            for (other, &right) in words.symbols.iter().enumerate() {
                prop_assert_eq!(left == right, said[place] == said[other]);
            }
            prop_assert_eq!(words.is_line_start(place), place > 0 && said[place - 1].contains('\n'));
        }
        let mut found = Vec::new();
        let poll = Poll::new(&|| false);
        cut_repeats(&words.symbols, words.alphabet, &words, &words.bounds, options(length), poll, |cut| {
            found.push(cut);
            Ok::<(), RepeatError>(())
        }).unwrap();
        for cut in &found {
            let origin = cut.origin..cut.origin + (cut.end - cut.start);
            prop_assert_eq!(said[origin].concat(), said[cut.start..cut.end].concat());
        }
        let expected = reference::gone(&words.symbols, &words, &words.bounds, length);
        prop_assert_eq!(merged(&found), expected);
    }
}
