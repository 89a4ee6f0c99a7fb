//! The amounts task: words or tokens of each document of a partition, where a choice is counted in them.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde::Deserialize;

use super::flow::{Flow, Words};
use crate::commit::{Artefact, TaskManifest, TaskPlace, commit};
use crate::cut::texts::TextStream;
use crate::dedup::stages::PartitionSpec;
use crate::error::{EngineError, Result};
use crate::task::Session;
use crate::tokenise::TokenizerSpec;
use crate::tokenizer::Tokenizer;

/// Bytes of a record of `amounts.bin`: u32 LE, 0 for a document that is not in the flow; in input order.
pub const AMOUNT_BYTES: usize = 4;

/// What is counted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Counted {
    /// Tokens with a letter or a number.
    Words,
    /// Ids of the tokenizer, those that end a document included: as `documents/` counts them.
    Tokens,
}

/// Description of the task; its index is that of the partition.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AmountsSpec {
    /// Where it commits.
    pub place: TaskPlace,
    /// The partition.
    pub partition: PartitionSpec,
    /// What dedup removed, of all partitions.
    pub removals: Option<Artefact>,
    /// What is counted.
    pub counted: Counted,
    /// Whose tokens.
    pub tokenizer: Option<TokenizerSpec>,
}

/// Runs the task. Memory: the longest document with its segmentation or tokens, and the tokenizer. Time: one pass over the
/// texts.
///
/// # Errors
/// When an input is damaged, the tokenizer refuses a text, or writing fails; nothing is committed then.
pub fn run(spec: &AmountsSpec, session: &Session) -> Result<TaskManifest> {
    let place = &spec.place;
    let mut flow = Flow::open(spec.removals.as_ref(), place.index, &place.data, session)?;
    let mut stream = TextStream::open(&spec.partition, &place.data, session)?;
    let mut counter = Counter::new(spec, session)?;
    let mut file = place.create("amounts.bin")?;
    let (mut documents, mut total) = (0_u64, 0_u64);
    while let Some(stored) = stream.next_text()? {
        session.check()?;
        let mut amount = 0;
        if flow.holds(stored.ordinal, stored.verdict)? {
            amount = counter.count(stored.text)?;
            documents += 1;
            total += u64::from(amount);
        }
        file.append(&amount.to_le_bytes())?;
    }
    let rows = u64::from(spec.partition.num_documents);
    let outputs = BTreeMap::from([("amounts".to_owned(), file.finish(rows)?)]);
    commit(
        place,
        outputs,
        serde_json::json!({ "documents": documents, "amount": total }),
    )
}

enum Counter {
    Words(Box<Words>),
    Tokens {
        tokenizer: Arc<Tokenizer>,
        ids: Vec<u32>,
        num_ends: u32,
    },
}

impl Counter {
    fn new(spec: &AmountsSpec, session: &Session) -> Result<Self> {
        if spec.counted == Counted::Words {
            return Ok(Self::Words(Box::default()));
        }
        let Some(tokenizer) = &spec.tokenizer else {
            return Err(EngineError::Spec(
                "tokens are counted without a tokenizer".to_owned(),
            ));
        };
        Ok(Self::Tokens {
            tokenizer: session.tokenizer(tokenizer)?,
            ids: Vec::new(),
            num_ends: tokenizer.end_of_text.len() as u32,
        })
    }

    fn count(&mut self, text: &str) -> Result<u32> {
        Ok(match self {
            Self::Words(words) => words.of(text).len() as u32,
            Self::Tokens {
                tokenizer,
                ids,
                num_ends,
            } => {
                ids.clear();
                tokenizer.encode_into(text, ids)?;
                ids.len() as u32 + *num_ends
            }
        })
    }
}
