//! MADLAD-400's rules as their definitions read, on strings.

use serde_json::Value as Json;

use super::quality::{MadladConfig, Mark};
use crate::segment::is_white_space;
use crate::signals::Value;
use crate::signals::reference::{Expected, length, ratio_or_null, tokens};

/// `re.split(r"[.!?]+\s+", text)` with Rust's `\s`, without blank pieces.
fn sentences(text: &str) -> Vec<String> {
    let characters: Vec<char> = text.chars().collect();
    let is_mark = |character: &char| matches!(character, '.' | '!' | '?');
    let (mut pieces, mut piece, mut at) = (Vec::new(), String::new(), 0);
    while at < characters.len() {
        let marks = characters[at..]
            .iter()
            .take_while(|character| is_mark(character))
            .count();
        let spaces = characters[at + marks..]
            .iter()
            .take_while(|character| character.is_whitespace())
            .count();
        if marks > 0 && spaces > 0 {
            pieces.push(std::mem::take(&mut piece));
            at += marks + spaces;
        } else {
            piece.extend(&characters[at..at + marks.max(1)]);
            at += marks.max(1);
        }
    }
    pieces.push(piece);
    pieces.retain(|piece| !piece.trim().is_empty());
    pieces
}

/// Words by Unicode's default boundaries, as far as tokens that one mark stands between go.
fn words(sentence: &str) -> Vec<String> {
    // Tokens with nothing between them, white space told by an empty token.
    let mut parts: Vec<&str> = Vec::new();
    let mut read = 0;
    for token in tokens(sentence) {
        let at = read + sentence[read..].find(token).unwrap();
        if at > read {
            parts.push("");
        }
        parts.push(token);
        read = at + token.len();
    }
    let class = crate::segment::CharacterClass::of;
    let is_word = |part: &str| {
        part.chars()
            .any(|character| class(character).is_letter() || class(character).is_number())
    };
    let joins = |left: &str, mark: &str, right: &str| {
        let (Some(before), Some(after)) = (
            left.chars()
                .rev()
                .find(|character| character.is_alphanumeric() || *character == '_'),
            right.chars().next(),
        ) else {
            return false;
        };
        let letters = [
            "'", ".", ":", "·", "‘", "’", "․", "‧", "\u{5f4}", "\u{387}", "：", "．", "＇",
        ];
        let digits = [
            "'", ".", ",", ";", "‘", "’", "․", "⁄", "٬", "，", "；", "．", "＇",
        ];
        letters.contains(&mark) && before.is_alphabetic() && after.is_alphabetic()
            || digits.contains(&mark) && before.is_numeric() && after.is_numeric()
    };
    let mut found = Vec::new();
    for (index, part) in parts.iter().enumerate() {
        let is_joined =
            index >= 2 && is_word(parts[index - 2]) && joins(parts[index - 2], parts[index - 1], part);
        if is_word(part) && !is_joined {
            found.push((*part).to_owned());
        }
    }
    found
}

/// The regular expressions of the dataset card, with Python's `\s` and `$`.
fn is_cursed(sentence: &str) -> bool {
    let literals = [
        " №",
        "���",
        "aute irure dolor ",
        " sunt in culpa qui ",
        "orem ipsum ",
        " quis nostrud ",
        " adipisicing ",
        " dolore eu ",
        " cupidatat ",
        "autem vel eum",
        "wisi enim ad",
        " sex ",
        " porn ",
        "黄色电影",
        "mp3",
        "ownload",
        "Vol.",
        " Ep.",
        "Episode",
        " шт.",
        "Develop",
        "Facebook",
        " crusher ",
        " xxx ",
    ];
    let trimmed = sentence.trim_end_matches(is_white_space);
    let characters: Vec<char> = sentence.chars().collect();
    let spaced = |width: usize, allowed: &dyn Fn(char) -> bool| {
        let length = 9 * (width + 1);
        characters.windows(length).any(|window| {
            window
                .iter()
                .enumerate()
                .all(|(index, &character)| match index % (width + 1) {
                    0 => character == ' ',
                    _ => allowed(character),
                })
        })
    };
    let codes = (0..characters.len()).any(|start| {
        let mut at = start + 1;
        characters[start] == ','
            && (0..4).all(|_| {
                let Some([space, first, second, comma]) = characters.get(at..at + 4) else {
                    return false;
                };
                at += 4 + usize::from(characters.get(at + 4) == Some(&','));
                *space == ' ' && *first != '\n' && *second != '\n' && *comma == ','
            })
    });
    literals.iter().any(|literal| sentence.contains(literal))
        || ["|", " г.", " кг."].iter().any(|end| trimmed.ends_with(end))
        || sentence.ends_with(" nr.")
        || sentence.ends_with(" nr.\n")
        || spaced(1, &|character| character != ' ')
        || spaced(3, &|character| character != '\n')
        || spaced(4, &|character| character != '\n')
        || codes
}

pub(super) fn madlad(config: &Json, text: &str) -> Expected {
    let config: MadladConfig = serde_json::from_value(config.clone()).unwrap();
    let sentences = sentences(text);
    let above = |part: usize, whole: usize, limit: f64| whole > 0 && part as f64 / whole as f64 > limit;
    let is_marked = |sentence: &String, mark: &Mark| match mark {
        Mark::ListCase => {
            let words = words(sentence);
            let num_capital = words
                .iter()
                .filter(|word| word.starts_with(char::is_uppercase))
                .count();
            words.len() >= config.min_list_case_words as usize
                && above(num_capital, words.len(), config.max_capital_word_fraction)
        }
        Mark::AbnormalLength => {
            length(sentence) < config.min_sentence_characters as usize
                || length(sentence) > config.max_sentence_characters as usize
        }
        Mark::Technical => {
            let number = sentence
                .matches(|character| "0123456789{}+/()>".contains(character))
                .count();
            above(number, length(sentence), config.max_technical_fraction)
        }
        Mark::Cursed => is_cursed(sentence),
    };
    let marked = |marks: &[Mark]| {
        let number = sentences
            .iter()
            .filter(|sentence| marks.iter().any(|mark| is_marked(sentence, mark)))
            .count();
        ratio_or_null(number, sentences.len())
    };
    Expected::values(vec![
        Value::UInt32(sentences.len() as u32),
        marked(&config.questionable),
        marked(&[Mark::ListCase]),
        marked(&[Mark::AbnormalLength]),
        marked(&[Mark::Technical]),
        marked(&[Mark::Cursed]),
    ])
}

#[cfg(test)]
mod tests {
    use super::{is_cursed, sentences};
    use crate::signals::{Value, measure};
    use proptest::prelude::*;

    fn found(text: &str) -> Vec<Value> {
        measure("madlad_quality", &serde_json::json!({}), text)
            .unwrap()
            .values
    }

    #[test]
    fn cursed_sentences_are_found() {
        for (sentence, expected) in [
            ("an ordinary sentence of some words", false),
            ("the sentence ends in a pipe | ", true),
            ("see S P A C E D letters", false),
            ("see S P A C E D L E T ters", true),
            ("see ш р и ф т в р а з рядку", true),
            ("the the the the the the the the the the end", true),
            ("this this this this this this this this this this", true),
            ("the the the the the\nthe the the the the", false),
            ("codes, DE, FR, IT, ES, and others", true),
            ("codes, DE,, FR, IT,, ES, and others", true),
            ("codes, DE, FR, ITA, ES, and others", false),
            ("цена 3 кг.", true),
            ("number nr.", true),
            ("number nr. ", false),
            ("Downloads", true),
            ("downLoad", false),
            ("a\u{fffd}\u{fffd}\u{fffd}b", true),
            ("                                        ", false),
            ("x                                        x", true),
        ] {
            assert_eq!(
                is_cursed(sentence) && !sentence.trim().is_empty(),
                expected,
                "{sentence:?}"
            );
            let fraction = &found(sentence)[5];
            assert_eq!(
                *fraction == Value::Float64(1.0),
                expected && sentences(sentence).len() == 1,
                "{sentence:?}"
            );
        }
    }

    proptest! {
        #[test]
        fn spaced_and_coded_texts_agree(parts in prop::collection::vec(prop::sample::select(vec![
            " a", " b", " ж", "  ", " the", " и н", " an a", " this", "\n", ", AB", ", é\n", ",,", ",", " x", ". ", "mp", "3", " nr.", "|",
        ]), 0..60)) {
            let text = parts.concat();
            let expected = super::madlad(&serde_json::json!({}), &text);
            prop_assert_eq!(found(&text), expected.values, "{:?}", text);
        }
    }
}
