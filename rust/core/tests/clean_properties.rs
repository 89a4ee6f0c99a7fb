//! Properties of the cleaner over arbitrary text and over text built from what it looks for.

use std::borrow::Cow;

use gristmill_core::edit::EditLog;
use gristmill_core::text::clean::{CleanConfig, Cleaner};
use proptest::prelude::*;
use unicode_normalization::UnicodeNormalization;

const OFF: CleanConfig = CleanConfig {
    nfc: false,
    mojibake: false,
    controls: false,
    zero_width: false,
    newlines: false,
    whitespace: false,
    lowercase: false,
};

/// Fragments that concern one part or sit between two.
const FRAGMENTS: &[&str] = &[
    "a",
    "B",
    " ",
    "\t",
    "\n",
    "\r",
    "\r\n",
    "\u{b}",
    "\u{85}",
    "\u{2028}",
    "\u{a0}",
    "\u{3000}",
    "\u{2003}",
    "\0",
    "\u{1b}",
    "\u{9d}",
    "\u{fffe}",
    "\u{200b}",
    "\u{200c}",
    "\u{200d}",
    "\u{feff}",
    "\u{ad}",
    "\u{202e}",
    "Ã",
    "Â",
    "©",
    "¢",
    "€",
    "™",
    "â",
    "…",
    "“",
    "”",
    "»",
    "ƒ",
    "‚",
    "Ð",
    "Ÿ",
    "Å",
    "Ä",
    "Ø",
    "é",
    "ï",
    "¿",
    "½",
    "ð",
    "˜",
    "e\u{301}",
    "\u{323}",
    "\u{307}",
    "İ",
    "Σ",
    "Α",
    "J\u{30c}",
    "\u{2126}",
    "\u{958}",
    "क",
    "ه",
    "👩",
    "💻",
    "\u{fe0f}",
    "日",
    "Å\u{30a}",
    "A\u{303}",
];

fn text() -> impl Strategy<Value = String> {
    prop_oneof![
        any::<String>(),
        "[ \\t\\n\\ra-c]{0,40}",
        proptest::collection::vec(proptest::sample::select(FRAGMENTS), 0..24)
            .prop_map(|parts| parts.concat()),
        proptest::collection::vec(proptest::char::range('\u{80}', '\u{ff}'), 0..40)
            .prop_map(|characters| characters.into_iter().collect::<String>()),
    ]
}

fn config() -> impl Strategy<Value = CleanConfig> {
    any::<[bool; 7]>().prop_map(
        |[
            nfc,
            mojibake,
            controls,
            zero_width,
            newlines,
            whitespace,
            lowercase,
        ]| {
            CleanConfig {
                nfc,
                mojibake,
                controls,
                zero_width,
                newlines,
                whitespace,
                lowercase,
            }
        },
    )
}

fn clean(config: CleanConfig, text: &str) -> (String, EditLog) {
    let mut edits = EditLog::default();
    let output = Cleaner::new(config).clean(text, &mut edits).into_owned();
    (output, edits)
}

/// A repair whose result spells another error: two passes of one part in a row.
#[test]
fn a_repair_that_only_the_next_round_completes_is_undone() {
    let config = CleanConfig {
        mojibake: true,
        ..OFF
    };
    let mut edits = EditLog::default();
    let text = "\u{f0}\u{c2}\u{a9}\u{c2}\u{a9}\u{bd}";
    let cleaned = Cleaner::new(config).clean(text, &mut edits).into_owned();
    assert_eq!(cleaned, "\u{29a7d}");
    assert_eq!(edits.undo(&cleaned), text);
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 2000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn undoing_the_edits_gives_the_input(text in text(), config in config()) {
        let (output, edits) = clean(config, &text);
        prop_assert_eq!(edits.undo(&output), text.clone());
        prop_assert_eq!(edits.is_empty(), output == text);
    }

    #[test]
    fn cleaning_twice_is_cleaning_once(text in text(), config in config()) {
        let (once, _) = clean(config, &text);
        let mut edits = EditLog::default();
        let twice = Cleaner::new(config).clean(&once, &mut edits).into_owned();
        prop_assert_eq!(&twice, &once);
        prop_assert!(edits.is_empty());
    }

    #[test]
    fn the_part_nfc_is_normalisation_form_c(text in text()) {
        let (output, _) = clean(CleanConfig { nfc: true, ..OFF }, &text);
        prop_assert_eq!(output, text.nfc().collect::<String>());
    }

    #[test]
    fn the_default_leaves_nothing_that_it_removes(text in text()) {
        let (output, _) = clean(CleanConfig::default(), &text);
        let is_unwanted = |character: char| {
            matches!(character, '\r' | '\u{b}' | '\u{c}' | '\u{85}' | '\u{2028}' | '\u{2029}' | '\u{a0}' | '\u{3000}')
                || matches!(character, '\u{200b}' | '\u{feff}' | '\u{ad}' | '\u{202a}'..='\u{202e}')
                || (character.is_control() && character != '\t' && character != '\n')
        };
        prop_assert!(!output.contains(is_unwanted));
        prop_assert!(!output.contains("\n\n\n") && !output.contains(" \n") && !output.contains("\t\n"));
        prop_assert!(!output.starts_with('\n') && !output.ends_with("\n\n") && !output.ends_with(' '));
    }
}

#[test]
fn text_that_needs_nothing_is_borrowed() {
    let mut cleaner = Cleaner::new(CleanConfig::default());
    for text in [
        "",
        "plain ASCII\n\nwith a tab\tand lines\n",
        "déjà vu – 日本語 😀",
    ] {
        let mut edits = EditLog::default();
        assert!(matches!(cleaner.clean(text, &mut edits), Cow::Borrowed(_)));
        assert!(edits.is_empty());
    }
}

#[test]
fn a_part_that_is_off_does_nothing() {
    let text = "Ã© \r\n\0\u{200b}e\u{301}\u{a0} \n\n\n\nA";
    assert_eq!(clean(OFF, text).0, text);
}
