//! The choose task: verdicts and reasons of one choosing step, for all partitions.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::collect::{Collected, collect};
use super::decisions::decided;
use super::judge::{Judged, mix, sample_amount, sample_shares, select};
use super::novelty::Novelty;
use super::records::{CANDIDATE_BYTES, LEFT_OUT_BYTES, LeftOut};
use super::spec::{Choice, ChooseSpec, NoveltyOptions};
use super::strata::Stratum;
use crate::commit::{Artefact, TaskManifest, commit};
use crate::dedup::formats::{Records, VERDICT_BYTES, split_docref};
use crate::dedup::stages::PartitionSpec;
use crate::dedup::{PartitionFiles, PassContext};
use crate::error::{EngineError, Result};
use crate::external_sort::{ExternalSorter, SortedRecords, SortedSource};
use crate::task::Session;

/// Read buffer of the verdicts.
const BUFFER_BYTES: u64 = 64 << 10;

/// Runs the task. Memory: three sorts of `sort_memory_bytes / 3` (decisions of a plugin are one of them), the names of at most 10,000 strata, the buffers of a
/// partition's narrow files, and with novelty the filter, 64 open texts and the longest document. Disk: 32 bytes a
/// document in the flow, twice for a total over strata, and 33 a document that is left out. Time: sorting, and with
/// novelty a random read of each text down to the cut-off.
///
/// # Errors
/// When an input is damaged, the choice cannot be made, or writing fails; nothing is committed then.
pub fn run(spec: &ChooseSpec, session: &Session) -> Result<TaskManifest> {
    let memory_bytes = spec.sort_memory_bytes / 3;
    let scratch = &spec.place.scratch;
    let Collected {
        candidates,
        strata,
        without_score,
    } = collect(spec, session, memory_bytes)?;
    let sorter = ExternalSorter::<LEFT_OUT_BYTES>::new(scratch, memory_bytes)?;
    let mut judged = Judged::new(strata, sorter, session);
    let mut more = serde_json::Map::new();
    match &spec.choice {
        Choice::Sample {
            amount: Some(amount), ..
        } => {
            let across = ExternalSorter::<CANDIDATE_BYTES>::new(scratch, memory_bytes)?;
            sample_amount(candidates, *amount, across, &mut judged)?;
        }
        Choice::Sample { fraction, per, .. } => {
            let share_of = |stratum: &Stratum| {
                let named = stratum.name.as_ref().and_then(|name| per.get(name)).copied();
                named.or(*fraction).unwrap_or(1.0)
            };
            sample_shares(candidates, share_of, &mut judged)?;
            if !per.is_empty() {
                // Strata have cut-offs of their own.
                judged.cut_off = f64::NAN;
            }
        }
        Choice::Mix(target) => mix(candidates, target, &mut judged)?,
        Choice::Select {
            highest,
            novelty,
            amount,
            fraction,
            ..
        } => {
            let target = judged.amount_or_share(*amount, *fraction);
            more.insert("without_score".to_owned(), without_score.into());
            match novelty {
                None => select(candidates, target, *highest, None, &mut judged)?,
                Some(options) => {
                    let stats =
                        select_new(spec, session, candidates, target, *highest, *options, &mut judged)?;
                    more.insert("novelty".to_owned(), stats);
                }
            }
        }
        Choice::Decided { rules } => decided(spec, session, candidates, *rules, &mut judged)?,
    }
    let left_out = std::mem::replace(&mut judged.sorter, ExternalSorter::new(scratch, 0)?);
    let left_out = left_out.finish_unless(&|| session.is_cancelled())?;
    let (outputs, written) = write(spec, session, left_out)?;
    check(spec, &judged, written)?;
    let is_decided = matches!(spec.choice, Choice::Decided { .. });
    commit(&spec.place, outputs, counts(&judged, is_decided, more))
}

/// Selects with novelty, which reads texts.
fn select_new(
    spec: &ChooseSpec,
    session: &Session,
    candidates: SortedRecords<CANDIDATE_BYTES>,
    target: f64,
    is_highest_first: bool,
    options: NoveltyOptions,
    judged: &mut Judged<'_>,
) -> Result<Value> {
    let is_cancelled = || session.is_cancelled();
    let files = spec
        .partitions
        .iter()
        .zip(0..)
        .map(|(partition, number)| files_of(spec, session, partition, number))
        .collect::<Result<Vec<_>>>()?;
    let context = PassContext::new(files, &spec.place.scratch, 0, &is_cancelled)?;
    let mut novelty = Novelty::new(options, &context, spec.scratch_memory_bytes)?;
    select(candidates, target, is_highest_first, Some(&mut novelty), judged)?;
    serde_json::to_value(novelty.stats()).map_err(|error| EngineError::Spec(error.to_string()))
}

fn files_of(
    spec: &ChooseSpec,
    session: &Session,
    partition: &PartitionSpec,
    number: u32,
) -> Result<PartitionFiles> {
    let open = |artefact: &Artefact| session.open(&spec.place.data, artefact);
    Ok(PartitionFiles {
        partition: number,
        source: partition.source,
        num_documents: partition.num_documents,
        text: open(&partition.text)?,
        index: open(&partition.index)?,
        verdict: open(&partition.verdict)?,
        exact: None,
        bands: None,
    })
}

/// Name of the output that holds the verdicts of a partition.
pub(crate) fn verdict_name(partition: usize) -> String {
    format!("verdict-{partition:05}")
}

/// Writes the verdicts of every partition with those of the step, and the reasons. Returns also how many there are.
fn write(
    spec: &ChooseSpec,
    session: &Session,
    mut left_out: SortedRecords<LEFT_OUT_BYTES>,
) -> Result<(BTreeMap<String, Artefact>, u64)> {
    let place = &spec.place;
    let mut outputs = BTreeMap::new();
    let mut choices = place.create("choices.bin")?;
    let mut written = 0;
    let mut next = left_out.next_record()?.map(LeftOut::decode);
    for (number, partition) in spec.partitions.iter().enumerate() {
        session.check()?;
        let rows = u64::from(partition.num_documents);
        let path = session.open(&place.data, &partition.verdict)?;
        let mut verdicts = Records::<VERDICT_BYTES>::open_with_count(&path, rows)?.stream(BUFFER_BYTES);
        let mut file = place.create(&format!("{}.bin", verdict_name(number)))?;
        let mut ordinal = 0_u32;
        while let Some(verdict) = verdicts.next_record()? {
            let here = next.filter(|found| split_docref(found.docref) == (number as u32, ordinal));
            if let Some(found) = here {
                let verdict = spec.first_verdict + u16::from(found.rule);
                file.append(&verdict.to_le_bytes())?;
                choices.append(&found.choice())?;
                written += 1;
                next = left_out.next_record()?.map(LeftOut::decode);
            } else {
                file.append(verdict)?;
            }
            ordinal += 1;
        }
        outputs.insert(verdict_name(number), file.finish(rows)?);
    }
    outputs.insert("choices".to_owned(), choices.finish(written)?);
    Ok((outputs, written))
}

fn check(spec: &ChooseSpec, judged: &Judged<'_>, written: u64) -> Result<()> {
    let documents: u64 = judged.strata.list().iter().map(|stratum| stratum.documents).sum();
    let kept: u64 = judged.strata.list().iter().map(|stratum| stratum.kept).sum();
    let left_out: u64 = judged.left_out.iter().sum();
    if documents == kept + left_out && left_out == written {
        return Ok(());
    }
    let detail = format!("{documents} documents in, {kept} kept, {left_out} left out, {written} written");
    Err(EngineError::Conservation {
        task: spec.place.label(),
        detail,
    })
}

/// The counts of the manifest: totals, and strata by name.
fn counts(judged: &Judged<'_>, is_decided: bool, more: serde_json::Map<String, Value>) -> Value {
    let sum = |of: fn(&Stratum) -> u64| judged.strata.list().iter().map(of).sum::<u64>();
    let mut strata: Vec<(&Stratum, Option<f64>)> = judged
        .strata
        .list()
        .iter()
        .enumerate()
        .map(|(number, stratum)| (stratum, judged.targets.get(number).copied()))
        .collect();
    strata.sort_by(|left, right| left.0.name.cmp(&right.0.name));
    let strata: Vec<Value> = strata
        .into_iter()
        .map(|(stratum, target)| {
            let mut value = json!({
                "name": stratum.name,
                "documents": stratum.documents,
                "amount": stratum.amount,
                "kept": stratum.kept,
                "kept_amount": stratum.kept_amount,
            });
            if let Some(target) = target {
                value["target"] = (target.round() as u64).into();
                value["repeat"] = json!(repeat(target, stratum.amount));
            }
            value
        })
        .collect();
    let mut counts = json!({
        "documents": sum(|stratum| stratum.documents),
        "amount": sum(|stratum| stratum.amount),
        "kept": sum(|stratum| stratum.kept),
        "kept_amount": sum(|stratum| stratum.kept_amount),
        "cut_off": (!judged.cut_off.is_nan()).then_some(judged.cut_off),
        "strata": strata,
    });
    match judged.left_out.as_slice() {
        // Of the steps that cut an order off.
        [beyond, nothing_new] if !is_decided => {
            counts["beyond"] = (*beyond).into();
            counts["nothing_new"] = (*nothing_new).into();
        }
        left_out => counts["left_out"] = left_out.into(),
    }
    if let Value::Object(counts) = &mut counts {
        counts.extend(more);
    }
    counts
}

/// How often training has to read a stratum that stays whole to reach its target, in millionths; 1 where there is enough.
fn repeat(target: f64, amount: u64) -> f64 {
    if amount == 0 {
        return 1.0;
    }
    ((target / amount as f64).max(1.0) * 1e6).round() / 1e6
}
