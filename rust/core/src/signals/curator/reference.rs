//! NeMo Curator's filters as its source reads, on strings.

use super::{Config, Position};
use crate::segment::Segmentation;
use crate::segment::reference::SEGMENTER;
use crate::signals::reference::{Expected, length, ratio, ratio_or_null, space_words, strip};
use crate::signals::{Cache, Document, NoColumns, Rule, Value, make};
use proptest::prelude::*;
use serde::Deserialize;
use serde_json::Value as Json;

const POLICY_SUBSTRINGS: [&str; 14] = [
    "terms of use",
    "privacy policy",
    "cookie policy",
    "uses cookies",
    "privacy overview",
    "use of cookies",
    "use cookies",
    "privacy & cookies policy",
    "privacy and cookies policy",
    "this website uses cookies to improve your experience while you navigate through the website. \
     out of these cookies, the cookies that are categorized as necessary are stored on your \
     browser as they are essential for the working of basic functionalities of the website. we \
     also use third-party cookies that help us analyze and understand how you use this website. \
     these cookies will be stored in your browser only with your consent. you also have the \
     option to opt-out of these cookies. but opting out of some of these cookies may have an \
     effect on your browsing experience.",
    "necessary cookies are absolutely essential for the website to function properly. this \
     category only includes cookies that ensures basic functionalities and security features of \
     the website. these cookies do not store any personal information.",
    "any cookies that may not be particularly necessary for the website to function and is used \
     specifically to collect user personal data via analytics, ads, other embedded contents are \
     termed as non-necessary cookies. it is mandatory to procure user consent prior to running \
     these cookies on your website.",
    "this site uses cookies, including for analytics, personalization, and advertising purposes. \
     for more information or to change your cookie settings, click here.",
    "if you continue to browse this site without changing your cookie settings, you agree to this \
     use. acceptread more",
];

pub(super) fn nemo_heuristics(config: &Json, text: &str) -> Expected {
    let config = Config::deserialize(config).unwrap();
    let lines: Vec<_> = text
        .split('\n')
        .map(strip)
        .filter(|line| !line.is_empty())
        .collect();
    let is_unended = |line: &&&str| !line.ends_with(['.', '?', '!', '"', '\'']);
    let urls = urls(text);
    let by_characters = |part: usize| {
        if text.is_empty() {
            ratio(1, 1)
        } else {
            ratio(part, length(text))
        }
    };
    let num_of = |holds: fn(&char) -> bool| by_characters(text.chars().filter(holds).count());
    Expected::values(vec![
        num_of(|character| !character.is_ascii_alphanumeric() && !"\n?!,.".contains(*character)),
        num_of(char::is_ascii_digit),
        by_characters(urls.iter().map(|url| length(url)).sum()),
        num_of(|character| "\t\n\r\u{8} ".contains(*character)),
        num_of(|character| "{}⟨⟩[]()".contains(*character)),
        Value::UInt32(space_words(text).into_iter().map(length).max().unwrap_or(0) as u32),
        boilerplate(text),
        ratio_or_null(lines.iter().filter(is_unended).count(), lines.len()),
        Value::Bool(urls.iter().any(|url| url.contains("porn"))),
        match &config.substring {
            None => Value::Null,
            Some(substring) => Value::Bool(match config.substring_position {
                Position::Any => !text.contains(substring.as_str()),
                Position::Prefix => !text.starts_with(substring.as_str()),
                Position::Suffix => !text.ends_with(substring.as_str()),
            }),
        },
    ])
}

/// `re.findall` of the pattern, tried at every character.
fn urls(text: &str) -> Vec<&str> {
    let (mut urls, mut at) = (Vec::new(), 0);
    while at < text.len() {
        let rest = &text[at..];
        let scheme = ["http://", "https://"]
            .into_iter()
            .find(|scheme| rest.starts_with(scheme));
        let end = scheme.map(|scheme| (at + scheme.len(), after_body(text, at + scheme.len())));
        match end {
            Some((body, end)) if end > body => {
                urls.push(&text[at..end]);
                at = end;
            }
            _ => at += rest.chars().next().unwrap().len_utf8(),
        }
    }
    urls
}

fn after_body(text: &str, mut at: usize) -> usize {
    loop {
        let rest: Vec<char> = text[at..].chars().take(3).collect();
        match rest[..] {
            ['%', first, second] if first.is_ascii_hexdigit() && second.is_ascii_hexdigit() => at += 3,
            [first, ..] if first.is_ascii_alphanumeric() || "$-_@.&+/:=?#~!*(),".contains(first) => at += 1,
            _ => return at,
        }
    }
}

fn boilerplate(text: &str) -> Value {
    let paragraphs: Vec<String> = text
        .split("\n\n")
        .map(|paragraph| strip(paragraph).to_lowercase())
        .collect();
    if paragraphs
        .iter()
        .any(|paragraph| paragraph.contains("lorem ipsum"))
    {
        return Value::Float64(1.0);
    }
    let found = paragraphs
        .iter()
        .filter(|paragraph| POLICY_SUBSTRINGS.iter().any(|phrase| paragraph.contains(phrase)));
    ratio(found.count(), paragraphs.len())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(32))]
    #[test]
    fn addresses_and_phrases_are_found_as_defined(texts in prop::collection::vec(web_text(), 16)) {
        let config = serde_json::json!({});
        let Ok(Rule::Signal(mut rule)) = make("nemo_heuristics", &config) else {
            panic!("a rule that measures");
        };
        let (mut segmentation, mut cache) = (Segmentation::default(), Cache::default());
        for text in texts {
            SEGMENTER.segment(&text, &mut segmentation);
            cache.forget();
            let mut values = Vec::new();
            rule.compute(Document::new(&text, &segmentation, &cache, &NoColumns), &mut values);
            prop_assert_eq!(values, nemo_heuristics(&config, &text).values, "{:?}", text);
        }
    }
}

/// Addresses, legal phrases and what nearly is one.
fn web_text() -> impl Strategy<Value = String> {
    let piece = prop_oneof![
        prop::sample::select(POLICY_SUBSTRINGS.to_vec()).prop_map(str::to_owned),
        prop::sample::select(vec![
            "http",
            "s",
            "://",
            ":",
            "/",
            "a.b",
            "porn",
            "%4",
            "%4f",
            "%",
            "(",
            ")",
            "⟨",
            "⟩",
            "\u{27ea}",
            "é",
            "[",
            "{",
            "use ",
            "uses ",
            "use of ",
            "cookie",
            "coo\u{212a}ies",
            "Cookies",
            " policy",
            "PRIVACY",
            " & ",
            "lorem",
            " ",
            "Ipsum",
            "\n",
            "\n\n",
            "\t",
            "\u{8}",
            ".",
            "?",
            "'",
            "“",
            "\u{a0}",
            "7",
            "İ",
        ])
        .prop_map(str::to_owned),
    ];
    prop::collection::vec(piece, 0..14).prop_map(|pieces| pieces.concat())
}
