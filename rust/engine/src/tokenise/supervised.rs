//! Documents that are to teach something: conversations with a mask, labels, and documents longer than a sequence.
//!
//! A conversation arrives as [`Rendered`]: the text that a chat template made, and where in it the assistant's turns
//! are. Which tokens are trained follows from the places of tokens: those that share a byte with a trained turn, as in
//! `transformers`. A conversation that is too long is divided before turns of the user, and each part begins with the
//! tokens before the first of them (the system's turn and what the template puts before it), untrained, so that it is
//! a conversation of its own.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::spec::{Limit, SupervisedSpec, TokenizerSpec, TooLong, TrainOn};
use crate::error::{EngineError, Result};
use crate::tokenizer::Tokenizer;
use crate::tokenizer::chat::{ChatTokenizer, Placed};

/// Names of classes that a task may meet: a field of free text is no label.
const MAX_LABELS: usize = 65_536;

/// What a chat template made of a document's turns; places are bytes of `text`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Rendered {
    /// The conversation.
    pub text: String,
    /// Turns of the assistant, in order.
    pub assistant: Vec<(u32, u32)>,
    /// Where contents spell control tokens.
    #[serde(default)]
    pub spelled: Vec<(u32, u32)>,
    /// Where turns of the user begin, if the template allows to divide the conversation there.
    #[serde(default)]
    pub breaks: Vec<u32>,
}

/// Tokens of a row of a shard.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub struct Part {
    /// Ids.
    pub tokens: Vec<u32>,
    /// Lengths of untrained and trained runs, untrained first; none: all are trained.
    pub mask: Option<Vec<u32>>,
}

/// Why a document is no row of a shard.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Refusal {
    /// As a code.
    pub rule: &'static str,
    /// Tokens that it has, or is trained on.
    pub value: u64,
    /// How many it may have, or must be trained on.
    pub threshold: u64,
}

/// What was done to the documents of a split.
#[derive(Debug, Default, Clone, Serialize)]
pub struct SupervisedCounts {
    /// Conversations.
    pub conversations: u64,
    /// Tokens whose prediction is trained.
    pub trained_tokens: u64,
    /// Documents that became several rows.
    pub split: u64,
    /// Documents, or turns of one, that lost their end.
    pub truncated: u64,
    /// Tokens lost by that.
    pub lost_tokens: u64,
    /// Conversations with a content that spells a control token.
    pub spelled: u64,
    /// Documents by label.
    pub labels: BTreeMap<String, u64>,
}

/// What became of one document.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
struct Done {
    is_conversation: bool,
    is_split: bool,
    is_truncated: bool,
    is_spelled: bool,
    lost_tokens: u64,
    trained_tokens: u64,
}

/// Makes rows of documents.
pub struct Supervisor {
    spec: SupervisedSpec,
    chat: Option<ChatTokenizer>,
    /// Code of each label met so far, in the order they were met.
    codes: BTreeMap<String, u32>,
    names: Vec<String>,
    placed: Vec<Placed>,
    /// Rows of the current document.
    pub parts: Vec<Part>,
    done: Done,
}

impl Supervisor {
    /// Loads what it needs.
    ///
    /// # Errors
    /// When the file is not a tokenizer.
    pub fn new(spec: &SupervisedSpec, tokenizer: &TokenizerSpec) -> Result<Self> {
        let chat = spec
            .train_on
            .map(|_| ChatTokenizer::load(&tokenizer.path, &tokenizer.special));
        Ok(Self {
            spec: spec.clone(),
            chat: chat.transpose()?,
            codes: BTreeMap::new(),
            names: Vec::new(),
            placed: Vec::new(),
            parts: Vec::new(),
            done: Done::default(),
        })
    }

    /// Puts the rows of a document into `parts`, or says why there is none.
    ///
    /// # Errors
    /// When the model refuses the text, or `rendered` is damaged.
    pub fn prepare(
        &mut self,
        tokenizer: &Tokenizer,
        end_of_text: &[u32],
        text: &str,
        rendered: Option<&str>,
    ) -> Result<Option<Refusal>> {
        self.parts.clear();
        self.done = Done::default();
        match (rendered, &self.chat) {
            (Some(json), Some(chat)) => {
                let rendered: Rendered = serde_json::from_str(json)
                    .map_err(|error| EngineError::Spec(format!("a rendered conversation: {error}")))?;
                self.placed.clear();
                chat.encode(&rendered.text, &rendered.spelled, &mut self.placed)?;
                self.done.is_conversation = true;
                self.done.is_spelled = !rendered.spelled.is_empty();
                Ok(self.conversation(&rendered))
            }
            _ => {
                let mut tokens = Vec::new();
                tokenizer.encode_into(text, &mut tokens)?;
                tokens.extend_from_slice(end_of_text);
                Ok(self.text(tokens))
            }
        }
    }

    fn text(&mut self, mut tokens: Vec<u32>) -> Option<Refusal> {
        let over = self
            .spec
            .limit
            .filter(|limit| tokens.len() > limit.max_tokens as usize);
        let part = |tokens: Vec<u32>| Part { tokens, mask: None };
        match over {
            None => self.parts.push(part(tokens)),
            Some(limit) => match limit.too_long {
                TooLong::Drop => return Some(too_long(tokens.len(), limit)),
                TooLong::Truncate => {
                    self.done.is_truncated = true;
                    self.done.lost_tokens = tokens.len() as u64 - u64::from(limit.max_tokens);
                    tokens.truncate(limit.max_tokens as usize);
                    self.parts.push(part(tokens));
                }
                TooLong::Split => {
                    self.done.is_split = true;
                    let pieces = tokens.chunks(limit.max_tokens as usize);
                    self.parts.extend(pieces.map(|piece| part(piece.to_vec())));
                }
            },
        }
        self.done.trained_tokens = self.parts.iter().map(|part| part.tokens.len() as u64).sum();
        None
    }

    fn conversation(&mut self, rendered: &Rendered) -> Option<Refusal> {
        let train_on = self.spec.train_on.unwrap_or(TrainOn::All);
        let spans = match train_on {
            TrainOn::All => vec![(0, u32::MAX)],
            TrainOn::Assistant => rendered.assistant.clone(),
            TrainOn::Last => rendered.assistant.last().copied().into_iter().collect(),
        };
        let trained = trained(&self.placed, &spans);
        let limit = self.spec.chat_limit.or(self.spec.limit);
        let over = limit.filter(|limit| self.placed.len() > limit.max_tokens as usize);
        let ids: Vec<u32> = self.placed.iter().map(|token| token.id).collect();
        let mut push = |tokens: Vec<u32>, trained: &[bool]| {
            self.done.trained_tokens += trained.iter().filter(|&&is| is).count() as u64;
            let mask = (train_on != TrainOn::All || trained.contains(&false)).then(|| runs(trained));
            self.parts.push(Part { tokens, mask });
        };
        match over {
            None => push(ids, &trained),
            Some(limit) => match limit.too_long {
                TooLong::Drop => return Some(too_long(self.placed.len(), limit)),
                TooLong::Truncate => {
                    let kept = limit.max_tokens as usize;
                    push(ids[..kept].to_vec(), &trained[..kept]);
                    self.done.is_truncated = true;
                    self.done.lost_tokens = (ids.len() - kept) as u64;
                }
                TooLong::Split => {
                    let breaks: Vec<usize> = rendered
                        .breaks
                        .iter()
                        .map(|&at| self.placed.partition_point(|token| token.start < at))
                        .collect();
                    let cut = divide(&breaks, ids.len(), limit.max_tokens as usize);
                    let mut lost = cut.lost;
                    for (number, part) in cut.parts.iter().enumerate() {
                        let mut tokens = ids[..part.header].to_vec();
                        tokens.extend_from_slice(&ids[part.start..part.end]);
                        // What is repeated is trained once.
                        let mut mask: Vec<bool> = trained[..part.header]
                            .iter()
                            .map(|&is| is && number == 0)
                            .collect();
                        mask.extend_from_slice(&trained[part.start..part.end]);
                        if mask.contains(&true) {
                            push(tokens, &mask);
                        } else {
                            lost += part.end - part.start;
                        }
                    }
                    self.done.lost_tokens = lost as u64;
                    self.done.is_truncated = lost > 0;
                    self.done.is_split = self.parts.len() > 1;
                }
            },
        }
        if self.done.trained_tokens == 0 {
            self.parts.clear();
            return Some(Refusal {
                rule: "nothing_trained",
                value: 0,
                threshold: 1,
            });
        }
        None
    }

    /// The code of a label in this task.
    ///
    /// # Errors
    /// When there are too many.
    pub fn code(&mut self, label: &str) -> Result<u32> {
        if let Some(&code) = self.codes.get(label) {
            return Ok(code);
        }
        let code = self.names.len() as u32;
        if self.names.len() == MAX_LABELS {
            return Err(EngineError::Labels { found: MAX_LABELS });
        }
        self.codes.insert(label.to_owned(), code);
        self.names.push(label.to_owned());
        Ok(code)
    }

    /// Whether documents have labels.
    pub fn has_labels(&self) -> bool {
        self.spec.has_labels
    }

    /// Labels by their code.
    pub fn names(&self) -> &[String] {
        &self.names
    }

    /// Adds the current document to the counts of its split.
    pub fn count(&self, counts: &mut SupervisedCounts, label: Option<&str>) {
        let done = &self.done;
        counts.conversations += u64::from(done.is_conversation);
        counts.trained_tokens += done.trained_tokens;
        counts.split += u64::from(done.is_split);
        counts.truncated += u64::from(done.is_truncated);
        counts.lost_tokens += done.lost_tokens;
        counts.spelled += u64::from(done.is_spelled);
        if let Some(label) = label {
            *counts.labels.entry(label.to_owned()).or_default() += 1;
        }
    }
}

fn too_long(num_tokens: usize, limit: Limit) -> Refusal {
    Refusal {
        rule: "too_long",
        value: num_tokens as u64,
        threshold: u64::from(limit.max_tokens),
    }
}

/// Whether each token shares a byte with one of the spans, both ascending.
fn trained(tokens: &[Placed], spans: &[(u32, u32)]) -> Vec<bool> {
    let mut next = 0;
    let is_in = |token: &Placed| {
        while spans.get(next).is_some_and(|&(_, end)| token.start >= end) {
            next += 1;
        }
        spans.get(next).is_some_and(|&(start, _)| token.end > start)
    };
    tokens.iter().map(is_in).collect()
}

/// Alternating lengths of untrained and trained runs, untrained first.
fn runs(trained: &[bool]) -> Vec<u32> {
    let mut runs = vec![0];
    let mut is_trained = false;
    for &token in trained {
        if token != is_trained {
            runs.push(0);
            is_trained = token;
        }
        if let Some(last) = runs.last_mut() {
            *last += 1;
        }
    }
    runs
}

/// A row of a conversation that was divided: the first `header` tokens again, then tokens `start..end`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Piece {
    header: usize,
    start: usize,
    end: usize,
}

/// How a conversation is divided.
#[derive(Debug, PartialEq, Eq)]
struct Cut {
    parts: Vec<Piece>,
    /// Tokens in none of them.
    lost: usize,
}

/// Divides `length` tokens before some of the `breaks` (where the user's turns begin; the first ends the header), so
/// that no part has more than `limit` tokens. An exchange that does not fit a part by itself loses its end.
fn divide(breaks: &[usize], length: usize, limit: usize) -> Cut {
    let mut header = breaks.first().copied().filter(|&at| at < length).unwrap_or(0);
    // A header that leaves no room is part of the first exchange only.
    if header >= limit {
        header = 0;
    }
    let mut exchanges: Vec<(usize, usize)> = Vec::new();
    let inner = breaks.iter().copied().filter(|&at| at > header && at < length);
    let mut start = header;
    for end in inner.chain([length]) {
        if end > start {
            exchanges.push((start, end));
            start = end;
        }
    }
    let mut cut = Cut {
        parts: Vec::new(),
        lost: 0,
    };
    for (start, end) in exchanges {
        if let Some(last) = cut.parts.last_mut()
            && last.end == start
            && last.header + end - last.start <= limit
        {
            last.end = end;
            continue;
        }
        let fits = end.min(start + limit - header);
        cut.lost += end - fits;
        cut.parts.push(Piece {
            header,
            start,
            end: fits,
        });
    }
    cut
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn placed(spans: &[(u32, u32)]) -> Vec<Placed> {
        spans
            .iter()
            .map(|&(start, end)| Placed { id: 0, start, end })
            .collect()
    }

    #[test]
    fn a_token_is_trained_if_it_shares_a_byte_with_a_span() {
        let tokens = placed(&[(0, 2), (2, 4), (4, 4), (4, 6), (6, 9)]);
        assert_eq!(trained(&tokens, &[(3, 5)]), [false, true, true, true, false]);
        assert_eq!(
            trained(&tokens, &[(2, 4), (8, 9)]),
            [false, true, false, false, true]
        );
        assert_eq!(trained(&tokens, &[]), [false; 5]);
    }

    #[test]
    fn runs_alternate_and_begin_untrained() {
        assert_eq!(runs(&[]), [0]);
        assert_eq!(runs(&[true, true]), [0, 2]);
        assert_eq!(runs(&[false, true, true, false]), [1, 2, 1]);
    }

    #[test]
    fn parts_are_whole_exchanges_behind_the_header() {
        let piece = |header, start, end| Piece { header, start, end };
        // Header of 2, exchanges of 3, 4, 3 and 9 tokens.
        let breaks = [2, 5, 9, 12];
        assert_eq!(
            divide(&breaks, 21, 9),
            Cut {
                parts: vec![piece(2, 2, 9), piece(2, 9, 12), piece(2, 12, 19)],
                lost: 2
            }
        );
        // Nothing known of the turns: the end goes.
        assert_eq!(
            divide(&[], 10, 4),
            Cut {
                parts: vec![piece(0, 0, 4)],
                lost: 6
            }
        );
    }

    proptest! {
        /// Every token but the lost ones is in exactly one part, in order, and no part is too long.
        #[test]
        fn nothing_is_lost_unsaid(
            mut breaks in proptest::collection::vec(0_usize..60, 0..8), length in 1_usize..80, limit in 1_usize..30
        ) {
            breaks.sort_unstable();
            breaks.dedup();
            let cut = divide(&breaks, length, limit);
            let mut covered = 0;
            let mut last = 0;
            for part in &cut.parts {
                prop_assert!(part.header + part.end - part.start <= limit);
                prop_assert!(part.start >= last && part.end > part.start && part.end <= length);
                covered += part.end - part.start;
                last = part.end;
            }
            let header = cut.parts.first().map_or(0, |part| part.header);
            prop_assert_eq!(header.min(length) + covered + cut.lost, length.max(header));
        }

        #[test]
        fn runs_sum_to_tokens(trained in proptest::collection::vec(any::<bool>(), 0..50)) {
            let runs = runs(&trained);
            prop_assert_eq!(runs.iter().sum::<u32>() as usize, trained.len());
            prop_assert!(runs[1..].iter().all(|&run| run > 0));
            let unrolled: Vec<bool> = runs
                .iter()
                .enumerate()
                .flat_map(|(at, &run)| std::iter::repeat_n(at % 2 == 1, run as usize))
                .collect();
            prop_assert_eq!(unrolled, trained);
        }
    }
}
