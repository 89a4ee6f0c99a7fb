//! All columns of `redpajama_signals`, from one pass over the tokens, and tables of the words where they are wanted.

use serde::{Deserialize, Serialize};

use super::coverage::{Coverage, CoveredChars};
use super::distribution::Distribution;
use super::pass::Pass;
use super::stop_words::ENGLISH;
use super::word_set::WordSet;
use crate::segment::hash_bytes;
use crate::signals::{Column, Document, Entry, Setup, Signal, Value, Wanted, count, float, share, uint};

const COLUMNS: [Column; 29] = [
    uint("num_characters", "Characters of the text (`ccnet_length`)."),
    uint(
        "num_lines",
        "Lines of the text (`ccnet_nlines`); 0 for an empty text.",
    ),
    uint("num_words", "Normalised words (`rps_doc_word_count`)."),
    float(
        "mean_word_length",
        "Characters of a normalised word (`rps_doc_mean_word_length`), in characters, > 0; null without words.",
    ),
    float(
        "symbol_word_ratio",
        "`#`, `...` and `…` by raw words (`rps_doc_symbol_to_word_ratio`), at least 0; null without raw words.",
    ),
    float(
        "ellipsis_line_fraction",
        "Lines that end in an ellipsis (`rps_doc_frac_lines_end_with_ellipsis`), in [0, 1]; null without lines.",
    ),
    float(
        "no_alphabetic_word_fraction",
        "Raw words without an ASCII letter (`rps_doc_frac_no_alph_words`), in [0, 1]; null without raw words.",
    ),
    float(
        "unique_word_fraction",
        "Different normalised words by all (`rps_doc_frac_unique_words`), in (0, 1]; null without words.",
    ),
    float(
        "unigram_entropy",
        "Entropy of normalised words (`rps_doc_unigram_entropy`), in nats, at least 0; null without words.",
    ),
    float(
        "all_caps_word_fraction",
        "Raw words in capitals only (`rps_doc_frac_all_caps_words`), in [0, 1]; null without raw words.",
    ),
    uint("num_sentences", "Sentences (`rps_doc_num_sentences`)."),
    float(
        "lorem_ipsum_ratio",
        "`lorem ipsum` by characters of the normalised text (`rps_doc_lorem_ipsum`), in [0, 1]; 0 without words.",
    ),
    float(
        "curly_bracket_ratio",
        "`{` and `}` by characters (`rps_doc_curly_bracket`), in [0, 1]; 0 for an empty text.",
    ),
    float(
        "stop_word_fraction",
        "Stop words by raw words (`rps_doc_stop_word_fraction`), in [0, 1]; 0 without normalised words.",
    ),
    float(
        "top_2_gram_character_fraction",
        "Characters in the most frequent pair of words (`rps_doc_frac_chars_top_2gram`), at least 0; 0 if none repeats.",
    ),
    float(
        "top_3_gram_character_fraction",
        "Characters in the most frequent 3 words in a row (`rps_doc_frac_chars_top_3gram`), at least 0; 0 if none repeats.",
    ),
    float(
        "top_4_gram_character_fraction",
        "Characters in the most frequent 4 words in a row (`rps_doc_frac_chars_top_4gram`), at least 0; 0 if none repeats.",
    ),
    float(
        "duplicate_5_gram_character_fraction",
        "Characters in repeated runs of 5 words (`rps_doc_frac_chars_dupe_5grams`), in [0, 1].",
    ),
    float(
        "duplicate_6_gram_character_fraction",
        "Characters in repeated runs of 6 words (`rps_doc_frac_chars_dupe_6grams`), in [0, 1].",
    ),
    float(
        "duplicate_7_gram_character_fraction",
        "Characters in repeated runs of 7 words (`rps_doc_frac_chars_dupe_7grams`), in [0, 1].",
    ),
    float(
        "duplicate_8_gram_character_fraction",
        "Characters in repeated runs of 8 words (`rps_doc_frac_chars_dupe_8grams`), in [0, 1].",
    ),
    float(
        "duplicate_9_gram_character_fraction",
        "Characters in repeated runs of 9 words (`rps_doc_frac_chars_dupe_9grams`), in [0, 1].",
    ),
    float(
        "duplicate_10_gram_character_fraction",
        "Characters in repeated runs of 10 words (`rps_doc_frac_chars_dupe_10grams`), in [0, 1].",
    ),
    float(
        "terminal_punctuation_line_fraction",
        "Mean of `rps_lines_ending_with_terminal_punctution_mark`, in [0, 1]; null without lines.",
    ),
    float(
        "bullet_line_fraction",
        "Mean of `rps_lines_start_with_bulletpoint`, in [0, 1]; null without lines.",
    ),
    uint("num_javascript_words", "Sum of `rps_lines_javascript_counts`."),
    float(
        "mean_line_words",
        "Mean of `rps_lines_num_words`: normalised words a line, at least 0; null without lines.",
    ),
    float(
        "mean_line_uppercase_fraction",
        "Mean of `rps_lines_uppercase_letter_fraction`, in [0, 1]; null without lines.",
    ),
    float(
        "mean_line_numeric_fraction",
        "Mean of `rps_lines_numerical_chars_fraction`, in [0, 1]; null without lines.",
    ),
];

/// What [`RedpajamaSignals`] computes with; thresholds are not part of it.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize, Serialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct RedpajamaConfig {
    /// Stop words; none stands for RedPajama's English ones.
    pub(super) stop_words: Option<Vec<String>>,
}

impl RedpajamaConfig {
    pub(super) fn stop_words(&self) -> Vec<String> {
        match &self.stop_words {
            Some(words) => words.clone(),
            None => ENGLISH.map(str::to_owned).to_vec(),
        }
    }
}

/// The rule-based quality signals of RedPajama-V2, as its code computes them, without rounding.
#[derive(Debug, Clone)]
struct RedpajamaSignals {
    wanted: Wanted,
    stop_words: WordSet,
    pass: Pass,
    coverage: Coverage,
    distribution: Distribution,
    javascript: u64,
}

impl RedpajamaSignals {
    fn new(config: &RedpajamaConfig, wanted: Wanted) -> Self {
        Self {
            wanted,
            stop_words: WordSet::new(&config.stop_words()),
            pass: Pass::default(),
            coverage: Coverage::default(),
            distribution: Distribution::default(),
            javascript: hash_bytes(b"javascript"),
        }
    }
}

impl Signal for RedpajamaSignals {
    fn compute(&mut self, document: Document<'_>, out: &mut Vec<Value>) {
        let wanted = self.wanted;
        self.pass.run(document, &self.stop_words);
        let chars = if wanted.any(14..23) {
            self.coverage.count(self.pass.ids(), self.pass.num_chars())
        } else {
            CoveredChars::default()
        };
        let pass = &self.pass;
        let (raw, marks, lines) = (pass.raw, pass.marks, pass.lines);
        let (num_chars, num_words) = (document.segmentation().num_chars(), pass.num_words);
        let (num_different, entropy) = if wanted.any(7..9) {
            self.distribution.of(pass.ids(), pass.num_copies())
        } else {
            (0, 0.0)
        };
        out.extend([
            count(num_chars),
            count(lines.num_lines),
            count(num_words),
            share_or_null(pass.num_word_chars, num_words),
            share_or_null(marks.num_symbols, raw.num_words),
            share_or_null(lines.num_ellipsis, lines.num_lines),
            share_or_null(raw.num_words - raw.num_alphabetic, raw.num_words),
            share_or_null(num_different, num_words),
            if num_words == 0 {
                Value::Null
            } else {
                Value::Float64(entropy)
            },
            share_or_null(raw.num_all_caps, raw.num_words),
            count(marks.num_sentences),
            Value::Float64(share(
                pass.num_lorem_ipsum(),
                pass.num_word_chars + num_words.saturating_sub(1),
            )),
            Value::Float64(share(marks.num_brackets, num_chars)),
            Value::Float64(if num_words == 0 {
                0.0
            } else {
                share(raw.num_stop_words, raw.num_words)
            }),
        ]);
        let of_words = |number: usize| Value::Float64(share(number, pass.num_word_chars));
        out.extend(chars.top.map(of_words));
        out.extend(chars.repeated.map(of_words));
        let num_javascript = pass.num_copies_of(document, self.javascript);
        let mean = |sum: f64| match lines.num_lines {
            0 => Value::Null,
            number => Value::Float64(sum / number as f64),
        };
        out.extend([
            share_or_null(lines.num_terminal, lines.num_lines),
            share_or_null(lines.num_bullet, lines.num_lines),
            count(num_javascript),
            share_or_null(num_words, lines.num_lines),
            mean(lines.uppercase_fractions),
            mean(lines.numeric_fractions),
        ]);
    }
}

fn share_or_null(part: usize, whole: usize) -> Value {
    if whole == 0 {
        Value::Null
    } else {
        Value::Float64(share(part, whole))
    }
}

/// The rule's entry.
pub(super) const ENTRY: Entry = Entry {
    name: "redpajama_signals",
    columns: &COLUMNS,
    make: |setup| Setup::signal(RedpajamaSignals::new(&setup.config()?, setup.wanted)),
    #[cfg(test)]
    reference: super::reference::redpajama,
    #[cfg(test)]
    variants: &[
        "{}",
        r#"{"stop_words": ["a", "is", "é", "...", "漢字", "So", "_"]}"#,
    ],
};

#[cfg(test)]
mod tests {
    use crate::signals::measure;
    use crate::signals::redpajama::reference::redpajama;

    #[test]
    fn odd_words_agree_with_the_definition() {
        let config = serde_json::json!({});
        for text in [
            "lorem ipsum, Lo-REM - “ _ \n (ip-sum) LOREM Ipsumé lorém lorem “ipsum",
            "ipsum lorem \0 ipsum lorem\u{7f} ipsum floREM\u{a0}ipsumS ip Ip i",
            "a___’ ___ _a_ a_b_ __. a’b’c don’t dont DON'T Don't",
            "word\0 word\u{7f}. word. word{ #tag {x} # word# wait... what.... ..\u{301}. …… a…b. Why?! No",
            "ABCDEFGHIJKL ABCDEFGHIJKl ABCDEFG1 A1 1A 12,345.67 x² ½ Ⅷ ⓐⒶ ǅ ǄA ΣΑΣ ΣΑΣ. straße STRASSE",
            "• item.\n– item\u{2003}\n\n  ▪ JavaScript java-script…\n“Quote.”\nJAVASCRIPT",
            "zzz ZZZ",
        ] {
            let found = measure("redpajama_signals", &config, text).unwrap();
            assert_eq!(found.values, redpajama(&config, text).values, "{text:?}");
        }
    }
}
