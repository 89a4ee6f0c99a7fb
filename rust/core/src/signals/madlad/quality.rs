//! MADLAD-400's rules over sentences (Kudugunta et al. 2023, section 2.3).

use serde::{Deserialize, Serialize};

use super::capitals::{count_words, is_list_case, tokens_between};
use super::cursed::Cursed;
use super::sentences::split_sentences;
use crate::signals::{Column, Document, Entry, Setup, Signal, Value, count, float, share, uint};

const COLUMNS: [Column; 6] = [
    uint("num_sentences", "Sentences, blank ones not counted."),
    float(
        "questionable_sentence_fraction",
        "Sentences that one of the `questionable` rules marks, in [0, 1]; null without sentences.",
    ),
    float(
        "list_case_sentence_fraction",
        "Sentences most of whose words start with a capital, in [0, 1]; null without sentences.",
    ),
    float(
        "abnormal_length_sentence_fraction",
        "Sentences that are too short or too long, in [0, 1]; null without sentences.",
    ),
    float(
        "technical_sentence_fraction",
        "Sentences with many digits and technical characters, in [0, 1]; null without sentences.",
    ),
    float(
        "cursed_sentence_fraction",
        "Sentences with a \"cursed\" substring, in [0, 1]; null without sentences.",
    ),
];

/// A rule that marks sentences.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Mark {
    ListCase,
    AbnormalLength,
    Technical,
    Cursed,
}

impl Mark {
    const ALL: [Self; 4] = [
        Self::ListCase,
        Self::AbnormalLength,
        Self::Technical,
        Self::Cursed,
    ];
}

/// What [`MadladQuality`] computes with; thresholds are not part of it.
#[derive(Debug, Clone, PartialEq, Deserialize, Serialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct MadladConfig {
    /// Rules whose sentences are questionable.
    pub(super) questionable: Vec<Mark>,
    /// A sentence is in list case only if it has so many words.
    pub(super) min_list_case_words: u32,
    /// A sentence is in list case if a larger share of its words starts with a capital.
    pub(super) max_capital_word_fraction: f64,
    /// A sentence of fewer characters is abnormal.
    pub(super) min_sentence_characters: u32,
    /// A sentence of more characters is abnormal.
    pub(super) max_sentence_characters: u32,
    /// A sentence is technical if a larger share of its characters is one of `0123456789{}+/()>`.
    pub(super) max_technical_fraction: f64,
}

impl Default for MadladConfig {
    fn default() -> Self {
        Self {
            questionable: Mark::ALL.to_vec(),
            min_list_case_words: 12,
            max_capital_word_fraction: 0.5,
            min_sentence_characters: 20,
            max_sentence_characters: 500,
            max_technical_fraction: 0.2,
        }
    }
}

/// Counts sentences that are unlike prose. Sentences in another language than their document are not looked for: that
/// takes a model.
#[derive(Debug, Clone)]
struct MadladQuality {
    config: MadladConfig,
    /// Rules whose sentences are counted at all, in the order of [`Mark::ALL`].
    is_used: [bool; 4],
    is_questionable: [bool; 4],
    cursed: Cursed,
}

impl MadladQuality {
    fn new(setup: &Setup<'_>) -> Result<Self, String> {
        let config: MadladConfig = setup.config()?;
        let is_questionable = Mark::ALL.map(|mark| config.questionable.contains(&mark));
        let mut is_used = [false; 4];
        for (index, is_used) in is_used.iter_mut().enumerate() {
            *is_used = setup.wanted.has(2 + index) || setup.wanted.has(1) && is_questionable[index];
        }
        Ok(Self {
            config,
            is_used,
            is_questionable,
            cursed: Cursed::default(),
        })
    }
}

impl Signal for MadladQuality {
    fn compute(&mut self, document: Document<'_>, out: &mut Vec<Value>) {
        let (text, segmentation) = (document.text(), document.segmentation());
        let config = &self.config;
        let [is_list_case_used, _, is_technical_used, is_cursed_used] = self.is_used;
        let kinds = document.byte_kinds();
        if is_cursed_used {
            self.cursed.begin(document);
        }
        let (mut num_sentences, mut num_questionable, mut num_marked) = (0, 0, [0; 4]);
        let mut next_token = 0;
        split_sentences(text, &document.spots().ends, |start, end| {
            let of_sentence = kinds.count(start, end);
            let num_chars = of_sentence.num_chars as usize;
            let (min_words, max_fraction) = (config.min_list_case_words, config.max_capital_word_fraction);
            let is_list_case = is_list_case_used
                && is_list_case(&of_sentence, min_words, max_fraction).unwrap_or_else(|| {
                    let tokens = tokens_between(segmentation, next_token, start, end);
                    next_token = tokens.end;
                    let (num_words, num_capital) = count_words(text, segmentation, tokens);
                    num_words >= min_words as usize && share(num_capital, num_words) > max_fraction
                });
            let is_abnormal = num_chars < config.min_sentence_characters as usize
                || num_chars > config.max_sentence_characters as usize;
            let is_technical = is_technical_used
                && share(of_sentence.num_technical as usize, num_chars) > config.max_technical_fraction;
            let is_cursed = is_cursed_used && self.cursed.is_in(text, start, end);
            let found = [is_list_case, is_abnormal, is_technical, is_cursed];
            num_sentences += 1;
            let mut is_questionable = false;
            for (index, &mark) in found.iter().enumerate() {
                num_marked[index] += usize::from(mark);
                is_questionable |= mark && self.is_questionable[index];
            }
            num_questionable += usize::from(is_questionable);
        });
        let fraction = |number: usize| match num_sentences {
            0 => Value::Null,
            _ => Value::Float64(share(number, num_sentences)),
        };
        out.push(count(num_sentences));
        out.push(fraction(num_questionable));
        out.extend(num_marked.map(fraction));
    }
}

/// The rule's entry.
pub(super) const ENTRY: Entry = Entry {
    name: "madlad_quality",
    columns: &COLUMNS,
    make: |setup| Setup::signal(MadladQuality::new(setup)?),
    #[cfg(test)]
    reference: super::reference::madlad,
    #[cfg(test)]
    variants: &[
        "{}",
        r#"{"questionable": ["technical"], "min_list_case_words": 2, "max_capital_word_fraction": 0.3,
            "min_sentence_characters": 5, "max_sentence_characters": 50, "max_technical_fraction": 0.05}"#,
        r#"{"questionable": ["list_case", "cursed"], "min_list_case_words": 3}"#,
    ],
};
