//! One pass over the narrow files of all partitions: every document in the flow becomes a candidate, sorted.

use std::path::Path;

use arrow_array::{Array, ArrayRef, RecordBatch};
use arrow_schema::DataType;
use gristmill_core::hash::seeded_order;
use gristmill_core::importance::{from_fixed, gumbel};

use super::amounts::AMOUNT_BYTES;
use super::error::ChooseError;
use super::features::SCORE_BYTES;
use super::flow::Flow;
use super::records::{CANDIDATE_BYTES, Candidate, place_of};
use super::spec::{Choice, ChooseSpec, ColumnFiles, Unit};
use super::strata::{Strata, name_of};
use crate::commit::Artefact;
use crate::decide::SignalColumns;
use crate::dedup::formats::{Records, VERDICT_BYTES, docref};
use crate::error::{EngineError, Result};
use crate::external_sort::{ExternalSorter, FileRun, SortedRecords, SortedSource};
use crate::index::{IndexRecord, RECORD_BYTES};
use crate::map::column::array_number;
use crate::task::Session;

/// Read buffer of each narrow file.
const BUFFER_BYTES: u64 = 64 << 10;
/// Rows of signals read at a time.
const BATCH_ROWS: usize = 4096;
/// Distinguishes the random numbers of the order from those of the noise, and both from split and shuffle.
pub(super) const PURPOSE_ORDER: u64 = 0x63_686f_6f73_6500;
const PURPOSE_NOISE: u64 = 0x63_686f_6f73_6501;

/// The candidates of a choice.
pub(super) struct Collected {
    /// By stratum, then in the order of choosing.
    pub(super) candidates: SortedRecords<CANDIDATE_BYTES>,
    /// What there is of each stratum.
    pub(super) strata: Strata,
    /// Documents without a score, where one decides.
    pub(super) without_score: u64,
}

/// Collects all documents that are in the flow.
pub(super) fn collect(spec: &ChooseSpec, session: &Session, memory_bytes: u64) -> Result<Collected> {
    let mut sorter = ExternalSorter::<CANDIDATE_BYTES>::new(&spec.place.scratch, memory_bytes)?;
    let mut strata = Strata::default();
    let mut without_score = 0;
    for number in 0..spec.partitions.len() {
        session.check()?;
        let mut part = Part::open(spec, number, session)?;
        while let Some(found) = part.next_document(&mut strata)? {
            if found.order == place_of(None, true) && matches!(spec.choice, Choice::Select { .. }) {
                without_score += 1;
            }
            strata.add(found.stratum, found.amount);
            sorter.push(&found.encode())?;
        }
    }
    Ok(Collected {
        candidates: sorter.finish_unless(&|| session.is_cancelled())?,
        strata,
        without_score,
    })
}

/// The files of a partition, read side by side.
struct Part<'task> {
    spec: &'task ChooseSpec,
    number: u32,
    /// Where the column does not name it.
    stratum: Option<u32>,
    flow: Flow,
    index: FileRun<RECORD_BYTES>,
    verdicts: FileRun<VERDICT_BYTES>,
    amounts: Option<FileRun<AMOUNT_BYTES>>,
    scores: Option<FileRun<SCORE_BYTES>>,
    column: Option<Column<'task>>,
    next_ordinal: u32,
}

impl<'task> Part<'task> {
    fn open(spec: &'task ChooseSpec, number: usize, session: &Session) -> Result<Self> {
        let data = spec.place.data.as_path();
        let partition = &spec.partitions[number];
        let documents = u64::from(partition.num_documents);
        let number_of = |files: &'task Option<Vec<Artefact>>, what: &str| {
            let Some(files) = files else { return Ok(None) };
            files
                .get(number)
                .map(Some)
                .ok_or_else(|| EngineError::Spec(format!("partition {number} has no file of {what}")))
        };
        let amounts = number_of(&spec.amounts, "amounts")?;
        let scores = number_of(&spec.scores, "scores")?;
        Ok(Self {
            spec,
            number: number as u32,
            stratum: None,
            flow: Flow::open(spec.removals.as_ref(), number as u32, data, session)?,
            index: records(&partition.index, documents, data, session)?,
            verdicts: records(&partition.verdict, documents, data, session)?,
            amounts: amounts
                .map(|file| records(file, documents, data, session))
                .transpose()?,
            scores: scores
                .map(|file| records(file, documents, data, session))
                .transpose()?,
            column: spec
                .column
                .as_ref()
                .map(|column| Column::open(column, number, data, session))
                .transpose()?,
            next_ordinal: 0,
        })
    }

    /// The next document in the flow.
    fn next_document(&mut self, strata: &mut Strata) -> Result<Option<Candidate>> {
        loop {
            let (Some(record), Some(verdict)) = (self.index.next_record()?, self.verdicts.next_record()?)
            else {
                return Ok(None);
            };
            let (record, verdict) = (IndexRecord::decode(record), u16::from_le_bytes(*verdict));
            let amount = match &mut self.amounts {
                Some(amounts) => amounts.next_record()?.map(|amount| u32::from_le_bytes(*amount)),
                None => None,
            };
            let score = match &mut self.scores {
                Some(scores) => scores.next_record()?.map(|score| f64::from_le_bytes(*score)),
                None => None,
            };
            let ordinal = self.next_ordinal;
            self.next_ordinal += 1;
            if !self.flow.holds(ordinal, verdict)? {
                continue;
            }
            let amount = match self.spec.unit {
                Unit::Documents => Some(1),
                Unit::Bytes => Some(record.text_bytes),
                Unit::Words | Unit::Tokens => amount,
            };
            let Some(amount) = amount else {
                return Err(EngineError::Spec(
                    "amounts are counted that nobody made".to_owned(),
                ));
            };
            let (stratum, order) = match self.spec.choice {
                Choice::Select { highest, noise, .. } => {
                    let score = match &mut self.column {
                        Some(column) => column.number(ordinal)?,
                        None => score,
                    };
                    let salted = seeded_order(self.spec.salt, PURPOSE_NOISE, record.key);
                    let noise = if noise { from_fixed(gumbel(salted)) } else { 0.0 };
                    (
                        self.whole(strata)?,
                        place_of(score.map(|score| score + noise), highest),
                    )
                }
                Choice::Sample { .. } | Choice::Mix(_) => (self.stratum_of(ordinal, strata)?, 0),
                // In input order, as decisions are.
                Choice::Decided { .. } => (self.whole(strata)?, 0),
            };
            let tie = match self.spec.choice {
                Choice::Decided { .. } => 0,
                _ => seeded_order(self.spec.salt, PURPOSE_ORDER, record.key),
            };
            return Ok(Some(Candidate {
                stratum,
                order,
                tie,
                docref: docref(self.number, ordinal),
                amount,
            }));
        }
    }

    /// The one stratum of a choice without strata, or of a source.
    fn whole(&mut self, strata: &mut Strata) -> Result<u32> {
        if let Some(stratum) = self.stratum {
            return Ok(stratum);
        }
        let source = self.spec.partitions[self.number as usize].source;
        let name = self
            .spec
            .by_source
            .then(|| self.spec.sources.get(usize::from(source)));
        let number = strata.number(name.flatten().map(String::as_str), "source")?;
        Ok(*self.stratum.insert(number))
    }

    fn stratum_of(&mut self, ordinal: u32, strata: &mut Strata) -> Result<u32> {
        let Some(column) = &mut self.column else {
            return self.whole(strata);
        };
        let name = column
            .value(ordinal)?
            .and_then(|(array, row)| name_of(&array, row));
        Ok(strata.number(name.as_deref(), column.name)?)
    }
}

fn records<const WIDTH: usize>(
    file: &Artefact,
    documents: u64,
    data: &Path,
    session: &Session,
) -> Result<FileRun<WIDTH>> {
    let path = session.open(data, file)?;
    Ok(Records::<WIDTH>::open_with_count(&path, documents)?.stream(BUFFER_BYTES))
}

/// A column of the signals, walked along with ascending ordinals.
struct Column<'task> {
    name: &'task str,
    columns: SignalColumns,
    batch: Option<RecordBatch>,
    start: u64,
}

impl<'task> Column<'task> {
    fn open(column: &'task ColumnFiles, number: usize, data: &Path, session: &Session) -> Result<Self> {
        let missing = || EngineError::Spec(format!("partition {number} has no signals"));
        let file = column.files.get(number).ok_or_else(missing)?;
        let columns = SignalColumns::open(session.open(data, file)?, &[&column.name], BATCH_ROWS)?;
        Ok(Self {
            name: &column.name,
            columns,
            batch: None,
            start: 0,
        })
    }

    /// The value of the document as a number.
    fn number(&mut self, ordinal: u32) -> Result<Option<f64>> {
        let Some((array, row)) = self.value(ordinal)? else {
            return Ok(None);
        };
        if matches!(array.data_type(), DataType::Utf8 | DataType::LargeUtf8) {
            let column = self.name.to_owned();
            return Err(ChooseError::NoNumbers { column }.into());
        }
        Ok(array_number(&array, row))
    }

    /// The column of a batch, and the row of the document in it.
    fn value(&mut self, ordinal: u32) -> Result<Option<(ArrayRef, usize)>> {
        loop {
            let rows = self.batch.as_ref().map_or(0, |batch| batch.num_rows() as u64);
            if let Some(batch) = self
                .batch
                .as_ref()
                .filter(|_| u64::from(ordinal) < self.start + rows)
            {
                let row = (u64::from(ordinal) - self.start) as usize;
                let array = batch.column(0);
                return Ok((row < array.len()).then(|| (ArrayRef::clone(array), row)));
            }
            self.start += rows;
            self.batch = self.columns.next_batch()?;
            if self.batch.is_none() {
                let detail = format!("signals end before document {ordinal}");
                return Err(EngineError::Spec(detail));
            }
        }
    }
}
