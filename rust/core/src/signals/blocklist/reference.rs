//! The rules as their definitions read, and the tests that need columns or files.

use super::{url_filter, words};
use crate::segment::{Segmentation, Segmenter};
use crate::signals::reference::{Expected, ratio_or_null, tokens};
use crate::signals::registry::{ListFile, ListFiles, Rule, Setup, Wanted};
use crate::signals::{Cache, Columns, Document, Value};
use proptest::prelude::*;
use serde::Deserialize;
use serde_json::{Value as Json, json};
use std::collections::BTreeSet;

/// A document without columns has no address.
pub(super) fn without_url(_config: &Json, _text: &str) -> Expected {
    Expected::values(vec![Value::Null; 5])
}

pub(super) fn word_block_list(config: &Json, text: &str) -> Expected {
    let config = words::Config::deserialize(config).unwrap();
    let folded = |text: &str| -> Vec<String> {
        let lower = |token: &str| token.chars().flat_map(char::to_lowercase).collect();
        let fold = |token| {
            if config.ignore_case {
                lower(token)
            } else {
                token.to_owned()
            }
        };
        tokens(text).into_iter().map(fold).collect()
    };
    let phrases: BTreeSet<Vec<String>> = config
        .words
        .iter()
        .map(|phrase| folded(phrase))
        .filter(|phrase| !phrase.is_empty())
        .collect();
    let tokens = folded(text);
    let hits = |phrase: &Vec<String>| {
        tokens
            .windows(phrase.len())
            .filter(|found| found == phrase)
            .count()
    };
    let hits: Vec<usize> = phrases.iter().map(hits).filter(|&hits| hits > 0).collect();
    let num_hits: usize = hits.iter().sum();
    Expected::values(vec![
        Value::UInt32(num_hits as u32),
        Value::UInt32(hits.len() as u32),
        ratio_or_null(num_hits, tokens.len()),
    ])
}

struct Url<'u>(&'u str);

impl Columns for Url<'_> {
    fn string(&self, name: &str) -> Option<&str> {
        (name == "url").then_some(self.0)
    }
}

fn file(name: &str, content: &str) -> ListFile {
    ListFile {
        name: name.to_owned(),
        content: content.as_bytes().to_vec(),
    }
}

/// What a rule pushes for a text at an address.
fn run(entry: &crate::signals::Entry, config: &Json, files: &ListFiles, text: &str, url: &str) -> Vec<Value> {
    let setup = Setup {
        config,
        wanted: Wanted::ALL,
        files,
    };
    let Rule::Signal(mut rule) = (entry.make)(&setup).unwrap() else {
        panic!("edits");
    };
    let (mut segmentation, cache, mut values) = (Segmentation::default(), Cache::default(), Vec::new());
    Segmenter::default().segment(text, &mut segmentation);
    rule.compute(Document::new(text, &segmentation, &cache, &Url(url)), &mut values);
    values
}

fn url_values(config: &Json, files: &ListFiles, url: &str) -> Vec<Value> {
    run(&url_filter::ENTRY, config, files, "Text.", url)
}

fn of(listed: (bool, bool), words: [u32; 3]) -> Vec<Value> {
    let words = words.map(Value::UInt32);
    [Value::Bool(listed.0), Value::Bool(listed.1)]
        .into_iter()
        .chain(words)
        .collect()
}

#[test]
fn addresses_meet_lists_of_each_kind() {
    let files = ListFiles::from([
        (
            "lists".to_owned(),
            vec![
                file("domains", "# adult\nbad.example\n1.2.3.4\n"),
                file("urls", "good.example/~bad\n"),
            ],
        ),
        (
            "domain_lists".to_owned(),
            vec![file("own.txt", "http://www.Own.example/\r\n")],
        ),
        (
            "url_lists".to_owned(),
            vec![file("pages", "https://www.good.example/Page?id=1\n")],
        ),
        ("hard_word_lists".to_owned(), vec![file("hard", "Casino\n")]),
        ("soft_word_lists".to_owned(), vec![file("soft", "poker\nbet\n")]),
        ("sub_word_lists".to_owned(), vec![file("sub", "free-slots\n")]),
    ]);
    let config = json!({ "soft_words": ["spin"] });
    for (url, expected) in [
        ("https://good.example/", of((false, false), [0, 0, 0])),
        ("https://www.bad.example/x", of((true, false), [0, 0, 0])),
        ("https://a.b.bad.example", of((true, false), [0, 0, 0])),
        ("https://notbad.example", of((false, false), [0, 0, 0])),
        ("http://1.2.3.4/", of((true, false), [0, 0, 0])),
        ("http://own.example:80/", of((true, false), [0, 0, 0])),
        ("http://good.example/~bad/page.html", of((false, true), [0, 0, 0])),
        ("http://good.example/~badly", of((false, false), [0, 0, 0])),
        ("http://good.example/page?id=1#top", of((false, true), [0, 0, 0])),
        ("http://good.example/page?id=12", of((false, false), [0, 0, 0])),
        (
            "http://good.example/CASINO/casino-poker",
            of((false, false), [1, 1, 0]),
        ),
        ("http://good.example/bet/spin/bets", of((false, false), [0, 2, 0])),
        ("http://good.example/fr-ee/slots", of((false, false), [0, 0, 1])),
    ] {
        assert_eq!(url_values(&config, &files, url), expected, "{url}");
    }
    for empty in ["", "  "] {
        assert_eq!(url_values(&config, &files, empty), [Value::Null; 5]);
    }
    let elsewhere = json!({ "column": "link" });
    assert_eq!(
        url_values(&elsewhere, &files, "http://bad.example"),
        [Value::Null; 5]
    );
}

#[test]
fn word_lists_are_read_from_files_too() {
    let files = ListFiles::from([(
        "lists".to_owned(),
        vec![file("words.txt", "# own\nlosing weight\nbuy\n")],
    )]);
    let values = run(
        &words::ENTRY,
        &json!({ "words": ["now"] }),
        &files,
        "Buy  now: losing\nWeight, buy.",
        "",
    );
    assert_eq!(
        values,
        [Value::UInt32(4), Value::UInt32(3), Value::Float64(4.0 / 8.0)]
    );
    let unreadable = ListFile {
        name: "x".to_owned(),
        content: vec![0xff],
    };
    let setup = Setup {
        config: &json!({}),
        wanted: Wanted::ALL,
        files: &ListFiles::from([("lists".to_owned(), vec![unreadable])]),
    };
    assert!((words::ENTRY.make)(&setup).is_err());
}

proptest! {
    #[test]
    fn any_phrases_are_found_wherever_they_stand(
        words in prop::collection::vec("[abA ]{0,7}", 0..8),
        text in "[abA .]{0,60}",
        ignore_case in any::<bool>(),
    ) {
        let config = json!({ "words": words, "ignore_case": ignore_case });
        let values = run(&words::ENTRY, &config, &ListFiles::new(), &text, "");
        prop_assert_eq!(values, word_block_list(&config, &text).values);
    }

    #[test]
    fn any_string_can_be_an_address(url in "[a-zA-Z0-9:/?#@.\\\\\\[\\]éÅ ]{0,30}") {
        let config = json!({ "domains": ["a", ""], "urls": ["a/b"], "hard_words": ["a"], "sub_words": ["ab"] });
        let values = url_values(&config, &ListFiles::new(), &url);
        prop_assert_eq!(values.len(), 5);
        prop_assert_eq!(values[0] == Value::Null, url.trim().is_empty());
    }
}
