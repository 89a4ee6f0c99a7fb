//! What a plugin decided about groups, met with the documents that are in the flow.

use super::judge::Judged;
use super::records::{CANDIDATE_BYTES, Candidate, LEFT_OUT_BYTES, LeftOut};
use super::spec::ChooseSpec;
use crate::dedup::formats::{Records, bytes_at};
use crate::error::{EngineError, Result};
use crate::external_sort::{ExternalSorter, SortedSource};
use crate::task::Session;

/// Bytes of a record of `decisions.bin`: document reference (u64 LE) and number of the reason (u32 LE), for each document
/// that is left out; in any order.
pub const DECISION_BYTES: usize = 12;
/// Read buffer of a file of decisions.
const BUFFER_BYTES: u64 = 64 << 10;

/// Keeps every candidate that no decision leaves out. Candidates come in input order.
pub(super) fn decided(
    spec: &ChooseSpec,
    session: &Session,
    mut candidates: impl SortedSource<CANDIDATE_BYTES>,
    rules: u8,
    judged: &mut Judged<'_>,
) -> Result<()> {
    judged.left_out = vec![0; usize::from(rules)];
    let memory_bytes = spec.sort_memory_bytes / 3;
    let mut sorter = ExternalSorter::<LEFT_OUT_BYTES>::new(&spec.place.scratch, memory_bytes)?;
    for file in spec.decisions.iter().flatten() {
        session.check()?;
        let path = session.open(&spec.place.data, file)?;
        let mut records = Records::<DECISION_BYTES>::open_with_count(&path, file.rows)?.stream(BUFFER_BYTES);
        while let Some(record) = records.next_record()? {
            sorter.push(&decode(record, rules)?.encode())?;
        }
    }
    let mut decisions = sorter.finish_unless(&|| session.is_cancelled())?;
    let mut next = decisions.next_record()?.map(LeftOut::decode);
    while let Some(record) = candidates.next_record()? {
        judged.check()?;
        let candidate = Candidate::decode(record);
        match next.filter(|decision| decision.docref == candidate.docref) {
            Some(decision) => {
                judged.leave_out(&decision)?;
                next = decisions.next_record()?.map(LeftOut::decode);
            }
            None => judged.keep(&candidate),
        }
    }
    match next {
        None => Ok(()),
        Some(stray) => Err(EngineError::Spec(format!(
            "a decision is about document {}, which is not in the flow or was decided twice",
            stray.docref
        ))),
    }
}

fn decode(record: &[u8; DECISION_BYTES], rules: u8) -> Result<LeftOut> {
    let number = u32::from_le_bytes(bytes_at(record, 8));
    let rule = u8::try_from(number).ok().filter(|&rule| rule < rules);
    let Some(rule) = rule else {
        return Err(EngineError::Spec(format!(
            "a decision has the reason {number} of {rules}"
        )));
    };
    Ok(LeftOut {
        docref: u64::from_le_bytes(bytes_at(record, 0)),
        value: f64::NAN,
        threshold: f64::NAN,
        rank: 0,
        rule,
    })
}
