//! The segmentation by its definition, character by character, and the properties that compare the two.

use super::classes::{ALONE, LETTER, MARK, NUMBER, SPACE, UPPER, WORD, class_of, is_white_space};
use super::*;
use proptest::prelude::*;
use std::sync::LazyLock;

/// Made once for all tests: its tables take longer to build than a text takes to cut.
pub(crate) static SEGMENTER: LazyLock<Segmenter> = LazyLock::new(Segmenter::default);

/// The tokens of `text` as byte ranges, straight from the definition in the module's documentation.
fn tokens(text: &str) -> Vec<(usize, usize)> {
    let mut tokens: Vec<(usize, usize)> = Vec::new();
    // Whether a word character, and whether a mark, may still join the last token.
    let (mut is_run, mut is_open) = (false, false);
    for (start, character) in text.char_indices() {
        let class = class_of(character);
        let end = start + character.len_utf8();
        if class & SPACE != 0 {
            (is_run, is_open) = (false, false);
        } else if let (Some(token), true) = (
            tokens.last_mut(),
            is_open && class & MARK != 0 || is_run && class & (WORD | ALONE) == WORD,
        ) {
            token.1 = end;
        } else {
            tokens.push((start, end));
            (is_run, is_open) = (class & (WORD | ALONE) == WORD, true);
        }
    }
    tokens
}

fn flags(token: &str) -> u8 {
    let any = |bit: u8| token.chars().any(|character| class_of(character) & bit != 0);
    let facts = [
        (any(LETTER), HAS_LETTER),
        (any(NUMBER), HAS_NUMBER),
        (token.chars().all(is_symbol), ALL_SYMBOLS),
        (any(UPPER), HAS_UPPER),
        (!token.is_ascii(), NON_ASCII),
    ];
    facts.into_iter().filter(|fact| fact.0).map(|fact| fact.1).sum()
}

fn check(text: &str, into: &mut Segmentation) {
    let mut portable = Segmentation::default();
    SEGMENTER.segment_portably(text, &mut portable);
    SEGMENTER.segment(text, into);
    assert_eq!(*into, portable, "{text:?}");
    let ranges: Vec<_> = (0..into.num_tokens())
        .map(|at| (into.starts()[at] as usize, into.ends()[at] as usize))
        .collect();
    assert_eq!(ranges, tokens(text), "{text:?}");
    let mut scratch = String::new();
    for (index, &(start, end)) in ranges.iter().enumerate() {
        let token = &text[start..end];
        assert_eq!(into.token(text, index), token);
        assert_eq!(into.hashes()[index], hash_bytes(token.as_bytes()), "{token:?}");
        assert_eq!(
            into.char_counts()[index] as usize,
            token.chars().count(),
            "{token:?}"
        );
        assert_eq!(into.flags()[index], flags(token), "{token:?}");
        let lower: String = token.chars().flat_map(char::to_lowercase).collect();
        assert_eq!(
            into.lower_hash(text, index, &mut scratch),
            hash_bytes(lower.as_bytes()),
            "{token:?}"
        );
    }
    let mut start = 0;
    let lines: Vec<Line> = text
        .split('\n')
        .map(|line| {
            let first_token = ranges.partition_point(|range| range.0 < start) as u32;
            let end = start + line.len();
            let line = Line {
                start: start as u32,
                end: end as u32,
                num_chars: line.chars().count() as u32,
                first_token,
                first_word: text[..start]
                    .split(is_white_space)
                    .filter(|word| !word.is_empty())
                    .count() as u32,
            };
            start = end + 1;
            line
        })
        .collect();
    assert_eq!(into.lines, lines, "{text:?}");
    assert_eq!(into.num_chars, text.chars().count());
    let words = text.split(is_white_space).filter(|word| !word.is_empty());
    assert_eq!(into.num_space_words(), words.count());
    assert_eq!(into.num_newlines(), text.matches('\n').count());
    let other = "\r\u{b}\u{c}\u{1c}\u{1d}\u{1e}\u{85}\u{2028}\u{2029}";
    assert_eq!(
        into.has_other_line_break,
        text.contains(|character| other.contains(character))
    );
    assert!(
        text.chars()
            .all(|character| is_white_space(character) == (class_of(character) & SPACE != 0))
    );
}

#[test]
fn tokens_are_as_documented() {
    let mut segmentation = Segmentation::default();
    for (text, expected) in [
        ("don't", vec!["don", "'", "t"]),
        ("snake_case2 _", vec!["snake_case2", "_"]),
        ("e\u{301}t\u{e9}s\u{301}", vec!["e\u{301}t\u{e9}s\u{301}"]),
        ("漢字とカタカナ", vec!["漢", "字", "と", "カタカナ"]),
        ("abc漢def", vec!["abc", "漢", "def"]),
        ("ที่นี่", vec!["ที่", "นี่"]),
        ("한국어 텍스트", vec!["한국어", "텍스트"]),
        ("❤\u{fe0f}❤", vec!["❤\u{fe0f}", "❤"]),
        (
            "1\u{fe0f}\u{20e3}!\u{301}x",
            vec!["1\u{fe0f}\u{20e3}", "!\u{301}", "x"],
        ),
        ("“quoted”", vec!["“", "quoted", "”"]),
        ("a\0b\u{7f}", vec!["a", "\0", "b", "\u{7f}"]),
        ("a\u{a0}b\u{1f}c\u{2028}d", vec!["a", "b", "c", "d"]),
        ("السلام، عليكم", vec!["السلام", "،", "عليكم"]),
    ] {
        check(text, &mut segmentation);
        let tokens: Vec<&str> = (0..segmentation.num_tokens())
            .map(|at| segmentation.token(text, at))
            .collect();
        assert_eq!(tokens, expected);
    }
}

#[test]
fn long_and_odd_texts_agree_with_the_definition() {
    let mut segmentation = Segmentation::default();
    for text in [
        String::new(),
        "\n".into(),
        "\r\n\r\n".into(),
        "x".repeat(1 << 20),
        "x y\u{301}, ".repeat(1 << 14),
        "漢".repeat(1 << 12),
        "\u{301}".repeat(99),
    ] {
        check(&text, &mut segmentation);
    }
}

/// Texts made of what has gone wrong somewhere before, mixed with plain words.
pub(crate) fn nasty_text() -> impl Strategy<Value = String> {
    let piece = prop_oneof![
        4 => "[a-zA-Z]{1,12}",
        3 => Just(" ".to_owned()),
        1 => Just("\n".to_owned()),
        1 => "[0-9_A-Za-z.,!?#{}\\[\\]'\"-]{1,6}",
        1 => prop::sample::select(vec![
            "\r\n", "\n\n", "\r", "\t", "\u{b}", "\u{c}", "\0", "\u{1c}", "\u{1f}", "\u{85}",
            "\u{2028}", "\u{2029}", "\u{301}", "e\u{301}", "\u{200d}", "\u{fe0f}", "👩\u{200d}👩", "🇩🇪",
            "漢字", "ひらがな", "カタカナ", "ที่",
            // Arabic, Hebrew, a direction override and a byte-order mark.
            "\u{645}\u{631}\u{62d}\u{628}\u{627}", "\u{5e9}\u{5dc}\u{5d5}\u{5dd}", "\u{202e}", "\u{feff}",
            "\u{fffd}", "É", "ß", "İ", "Σ", "ǅ", "１", "。", "！", "…", "...", "“", "”", "•", "- ", "[1]",
            "[edit]", "{", "javascript", "JavaScript", "lorem ipsum", "cookie policy", "the", "be",
            "\u{10ffff}", "\u{1d400}", "\u{20000}",
        ]).prop_map(str::to_owned),
        1 => any::<char>().prop_map(String::from),
    ];
    prop::collection::vec(piece, 0..60).prop_map(|pieces| pieces.concat())
}

proptest! {
    #[test]
    fn any_text_agrees_with_the_definition(texts in prop::collection::vec(nasty_text(), 1..4)) {
            let mut segmentation = Segmentation::default();
        for text in texts {
            check(&text, &mut segmentation);
        }
    }
}
