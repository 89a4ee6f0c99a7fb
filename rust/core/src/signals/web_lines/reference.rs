//! The line rules as DCLM's functions read, on strings.

use serde_json::Value as Json;

use super::refinedweb::RefinedwebConfig;
use crate::signals::Value;
use crate::signals::python_characters::{is_alphanumeric, is_decimal, is_digit, is_word_character};
use crate::signals::reference::{Expected, length, ratio, space_words, strip};

/// fastText's tokens that start with a letter or number.
fn num_words(text: &str) -> usize {
    text.split([' ', '\n', '\r', '\t', '\u{b}', '\u{c}', '\0'])
        .filter(|word| word.chars().next().is_some_and(is_alphanumeric))
        .count()
}

/// `^\W*\d(?:,|\.|\d)*(?:K|k|M|m|B|b)?\s+(?:likes|…)\W*$` on the lower-cased line, by trying every split.
fn is_counter(line: &str) -> bool {
    let line: Vec<char> = line.chars().flat_map(char::to_lowercase).collect();
    let words =
        "likes shares comments retweets reposts quotes bookmarks upvotes downvotes downloads views followers";
    let all = |from: usize, to: usize, holds: &dyn Fn(char) -> bool| {
        from <= to && line[from..to].iter().all(|&character| holds(character))
    };
    let is_other = |character: char| !is_word_character(character);
    words.split(' ').any(|word| {
        let word: Vec<char> = word.chars().collect();
        (0..line.len()).any(|at| {
            let ends = line[at..].starts_with(&word) && all(at + word.len(), line.len(), &is_other);
            ends && (0..at).any(|number| {
                let begins = all(0, number, &is_other) && is_decimal(line[number]);
                begins
                    && (number + 1..=at).any(|unit| {
                        let is_number =
                            |character| character == ',' || character == '.' || is_decimal(character);
                        let has_unit = line.get(unit).is_some_and(|unit| "kmb".contains(*unit));
                        all(number + 1, unit, &is_number)
                            && [unit, unit + usize::from(has_unit)]
                                .iter()
                                .any(|&gap| gap < at && all(gap, at, &crate::segment::is_white_space))
                    })
            })
        })
    })
}

fn fold(character: char) -> char {
    match character {
        'İ' | 'ı' => 'i',
        'ſ' => 's',
        _ if character.to_lowercase().count() == 1 => character.to_lowercase().next().unwrap(),
        _ => character,
    }
}

/// Length of the first phrase that the characters start with.
fn phrase_at(characters: &[char], phrases: &[String]) -> Option<usize> {
    let matches = |phrase: &String| {
        let phrase: Vec<char> = phrase.chars().collect();
        phrase.len() <= characters.len()
            && phrase
                .iter()
                .zip(characters)
                .all(|(&left, &right)| left == '.' || fold(left) == fold(right))
    };
    phrases
        .iter()
        .find(|phrase| matches(phrase))
        .map(|phrase| phrase.chars().count())
}

fn is_space(character: Option<&char>) -> bool {
    character.is_some_and(|&character| crate::segment::is_white_space(character))
}

/// `re.sub(r"\s?(?:…)", "", line)`.
fn without_phrases(line: &[char], phrases: &[String]) -> Vec<char> {
    let (mut left, mut at) = (Vec::new(), 0);
    while at < line.len() {
        let after_space = is_space(line.get(at))
            .then(|| phrase_at(&line[at + 1..], phrases))
            .flatten();
        match after_space
            .map(|length| length + 1)
            .or(phrase_at(&line[at..], phrases))
        {
            Some(length) => at += length,
            None => {
                left.push(line[at]);
                at += 1;
            }
        }
    }
    left
}

/// `re.sub(r"\s?(?:…)$", "", line)`.
fn without_end(line: &[char], phrases: &[String]) -> Vec<char> {
    let ends = |from: usize| {
        let rest = &line[from.min(line.len())..];
        phrases
            .iter()
            .any(|phrase| phrase_at(rest, std::slice::from_ref(phrase)) == Some(rest.len()))
    };
    let start = (0..line.len()).find(|&start| ends(start) || is_space(line.get(start)) && ends(start + 1));
    line[..start.unwrap_or(line.len())].to_vec()
}

/// `re.sub(r"^(?:…)\s?", "", line)`.
fn without_start(line: &[char], phrases: &[String]) -> Vec<char> {
    match phrase_at(line, phrases) {
        Some(length) => line[length + usize::from(is_space(line.get(length)))..].to_vec(),
        None => line.to_vec(),
    }
}

/// Lines without those that go, and how many of them were not blank.
fn keep_if(text: &str, goes: impl Fn(&str) -> bool) -> (String, usize) {
    let (gone, kept): (Vec<_>, Vec<_>) = text.split('\n').partition(|line| goes(line));
    (
        kept.join("\n"),
        gone.iter().filter(|line| !strip(line).is_empty()).count(),
    )
}

/// `"\n".join(lines).strip()`, with the lines kept apart.
fn strip_lines(lines: &mut Vec<(String, bool)>) {
    while lines.last().is_some_and(|line| strip(&line.0).is_empty()) {
        lines.pop();
    }
    while lines.first().is_some_and(|line| strip(&line.0).is_empty()) {
        lines.remove(0);
    }
    if let Some((last, _)) = lines.last_mut() {
        last.truncate(last.trim_end_matches(crate::segment::is_white_space).len());
    }
    if let Some((first, _)) = lines.first_mut() {
        *first = first
            .trim_start_matches(crate::segment::is_white_space)
            .to_owned();
    }
}

pub(super) fn refinedweb(config: &Json, text: &str) -> Expected {
    let config: RefinedwebConfig = serde_json::from_value(config.clone()).unwrap();
    let is_above = |line: &str, holds: &dyn Fn(char) -> bool, limit: f64| {
        let number = line.chars().filter(|&character| holds(character)).count();
        !line.is_empty() && number as f64 / length(line) as f64 > limit
    };
    let limit = config.max_line_uppercase_fraction;
    let (left, uppercase) = keep_if(text, |line| is_above(line, &char::is_uppercase, limit));
    let limit = config.max_line_digit_fraction;
    let (left, numeric) = keep_if(strip(&left), |line| is_above(line, &is_digit, limit));
    let (mut left, mut counter) = (strip(&left).to_owned(), 0);
    if config.remove_counters {
        let found = keep_if(&left, is_counter);
        (left, counter) = (strip(&found.0).to_owned(), found.1);
    }
    let (left, few_words) = keep_if(&left, |line| {
        space_words(line).len() < config.min_words_per_line as usize && !line.is_empty()
    });
    let mut lines: Vec<(String, bool)> = left.split('\n').map(|line| (line.to_owned(), false)).collect();
    let mut num_gone = 0;
    for (cut, phrases) in [
        (
            without_phrases as fn(&[char], &[String]) -> Vec<char>,
            &config.phrases,
        ),
        (without_end, &config.phrases_at_end),
        (without_start, &config.phrases_at_start),
    ] {
        lines.retain_mut(|(line, is_cut)| {
            if line.is_empty() || space_words(line).len() > config.max_phrase_line_words as usize {
                return true;
            }
            let characters: Vec<char> = line.chars().collect();
            let rest: String = cut(&characters, phrases).into_iter().collect();
            *is_cut |= rest != *line;
            *line = rest;
            let is_kept = !strip(line).is_empty();
            num_gone += usize::from(*is_cut && !is_kept);
            is_kept
        });
        strip_lines(&mut lines);
    }
    let num_phrase = num_gone + lines.iter().filter(|line| line.1).count();
    let left = lines
        .into_iter()
        .map(|line| line.0)
        .collect::<Vec<_>>()
        .join("\n");
    let num_lines = |text: &str| text.split('\n').filter(|line| !strip(line).is_empty()).count();
    let removed = num_words(text).saturating_sub(num_words(&left));
    let counts = [
        uppercase,
        numeric,
        counter,
        few_words,
        num_phrase,
        num_lines(text) - num_lines(&left),
        num_lines(&left),
    ];
    let fraction = if num_words(text) == 0 {
        Value::Float64(1.0)
    } else {
        ratio(removed, num_words(text))
    };
    let counts = counts.map(|number| Value::UInt32(number as u32));
    Expected {
        values: [fraction].into_iter().chain(counts).collect(),
        text: Some(left),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use crate::signals::measure;

    /// Lines that some rule has something to say of, and pieces that lines are made of.
    fn page() -> impl Strategy<Value = String> {
        let piece = prop::sample::select(vec![
            "3 likes",
            "1,2.5K  Views",
            "٣ shares",
            "7 \u{212a} comments",
            "5\u{212a} downloads",
            "12",
            "²",
            "½",
            " ",
            "\u{a0}",
            "\u{1c}",
            "items in cart",
            "ITEMS IN CART",
            "ıtems ın cart",
            "Read more...",
            "read more at",
            "Sign-in",
            "ſign-in",
            "Home",
            "NEWS",
            "ÀÉÎ",
            "𝐀𝐁",
            "ǅ",
            "a few words",
            "and some more",
            "!",
            "«",
            "\0",
            "x\0y",
            "\r",
            "-",
            "_",
        ]);
        let line = prop::collection::vec((piece, prop::sample::select(vec!["", " ", "  ", "\t"])), 0..5)
            .prop_map(|pieces| {
                pieces
                    .into_iter()
                    .flat_map(|(piece, gap)| [piece, gap])
                    .collect::<String>()
            });
        prop::collection::vec(line, 0..8).prop_map(|lines| lines.join("\n"))
    }

    proptest! {
        #[test]
        fn pages_of_menus_are_left_as_the_definition_says(text in page()) {
            let config = serde_json::json!({});
            let expected = super::refinedweb(&config, &text);
            let found = measure("refinedweb_lines", &config, &text).unwrap();
            prop_assert_eq!(&found.values, &expected.values, "{:?}", text);
            prop_assert_eq!(found.edits.undo(&found.text), &text[..]);
            prop_assert_eq!(Some(found.text), expected.text, "{:?}", text);
        }
    }
}
