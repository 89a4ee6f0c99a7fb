//! Documents that change sides as a table, and who the documents of some rows are.

use std::fs::File;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use arrow_array::builder::{Float64Builder, StringBuilder, UInt32Builder};
use arrow_array::{Array, ArrayRef, FixedSizeBinaryArray, RecordBatch, StringArray, UInt64Array};
use arrow_schema::{DataType, Field, Schema, SchemaRef};
use arrow_select::take::take;
use parquet::arrow::arrow_reader::{ParquetRecordBatchReaderBuilder, RowSelection, RowSelector};
use parquet::arrow::{ArrowWriter, ProjectionMask};
use parquet::basic::{Compression, ZstdLevel};
use parquet::file::properties::WriterProperties;

use super::program::Program;
use super::scan::Change;
use crate::decide::roots_of;
use crate::error::{EngineError, Result};
use crate::schema::KEY_BYTES;

/// Who a document is.
#[derive(Debug, Clone, Default)]
pub(super) struct Identity {
    pub(super) doc: u64,
    pub(super) key: String,
    pub(super) id: Option<String>,
}

/// Returns the identities of some rows of a signals table, given in ascending order.
pub(super) fn identities(path: &Path, rows: &[u64]) -> Result<Vec<Identity>> {
    let file = File::open(path).map_err(EngineError::io("open", path))?;
    let builder = ParquetRecordBatchReaderBuilder::try_new(file).map_err(EngineError::table("read", path))?;
    let roots = roots_of(builder.schema(), &["doc", "key", "id"])?;
    let mask = ProjectionMask::roots(builder.parquet_schema(), roots);
    let mut selectors = Vec::with_capacity(2 * rows.len());
    let mut next = 0;
    for &row in rows {
        selectors.push(RowSelector::skip(
            usize::try_from(row - next).unwrap_or(usize::MAX),
        ));
        selectors.push(RowSelector::select(1));
        next = row + 1;
    }
    let reader = builder
        .with_projection(mask)
        .with_row_selection(RowSelection::from(selectors))
        .build()
        .map_err(EngineError::table("read", path))?;
    let mut found = Vec::with_capacity(rows.len());
    for batch in reader {
        let batch = batch.map_err(EngineError::table("read", path))?;
        let docs: &UInt64Array = column(&batch, "doc")?;
        let keys: &FixedSizeBinaryArray = column(&batch, "key")?;
        let ids: &StringArray = column(&batch, "id")?;
        for row in 0..batch.num_rows() {
            found.push(Identity {
                doc: docs.value(row),
                key: keys.value(row).iter().map(|byte| format!("{byte:02x}")).collect(),
                id: ids.is_valid(row).then(|| ids.value(row).to_owned()),
            });
        }
    }
    Ok(found)
}

fn column<'batch, A: 'static>(batch: &'batch RecordBatch, name: &str) -> Result<&'batch A> {
    batch
        .column_by_name(name)
        .and_then(|array| array.as_any().downcast_ref::<A>())
        .ok_or_else(|| EngineError::Spec(format!("signals have no column `{name}` of the known type")))
}

/// All documents that change sides, in input order.
pub(super) struct ChangesFile {
    path: PathBuf,
    temporary: Temporary,
    schema: SchemaRef,
    writer: ArrowWriter<File>,
}

/// A file that is removed unless it got its name.
struct Temporary(PathBuf);

impl Drop for Temporary {
    fn drop(&mut self) {
        // Gone already, or nothing can be done about it.
        let _ = std::fs::remove_file(&self.0);
    }
}

impl ChangesFile {
    pub(super) fn create(path: &Path) -> Result<Self> {
        let schema = Arc::new(Schema::new(vec![
            Field::new("doc", DataType::UInt64, false),
            Field::new("key", DataType::FixedSizeBinary(KEY_BYTES), false),
            Field::new("id", DataType::Utf8, true),
            Field::new("source", DataType::Utf8, false),
            Field::new("change", DataType::Utf8, false),
            Field::new("step", DataType::Utf8, false),
            Field::new("rule", DataType::Utf8, false),
            Field::new("value", DataType::Float64, false),
            Field::new("threshold_before", DataType::Float64, true),
            Field::new("threshold_after", DataType::Float64, true),
        ]));
        let mut temporary = path.as_os_str().to_owned();
        temporary.push(".tmp");
        let temporary = Temporary(PathBuf::from(temporary));
        let file = File::create(&temporary.0).map_err(EngineError::io("create", &temporary.0))?;
        let level = ZstdLevel::try_new(1).map_err(EngineError::table("configure", path))?;
        let properties = WriterProperties::builder()
            .set_compression(Compression::ZSTD(level))
            .set_created_by("gristmill".to_owned())
            .set_max_row_group_row_count(Some(65_536))
            .build();
        let writer = ArrowWriter::try_new(file, Arc::clone(&schema), Some(properties))
            .map_err(EngineError::table("write", path))?;
        Ok(Self {
            path: path.to_owned(),
            temporary,
            schema,
            writer,
        })
    }

    /// Appends the listed rows of a batch of signals.
    pub(super) fn append(
        &mut self,
        source: &str,
        batch: &RecordBatch,
        changes: &[(usize, Change)],
        program: &Program,
    ) -> Result<()> {
        if changes.is_empty() {
            return Ok(());
        }
        let mut rows = UInt32Builder::with_capacity(changes.len());
        let mut strings: [StringBuilder; 4] = Default::default();
        let mut numbers: [Float64Builder; 3] = Default::default();
        for &(row, change) in changes {
            let atom = &program.atoms[change.atom];
            let (before, after) = program.limits(change.atom);
            rows.append_value(row as u32);
            let change_name = if change.is_entering { "enters" } else { "leaves" };
            for (builder, value) in strings
                .iter_mut()
                .zip([source, change_name, &atom.step, &atom.rule])
            {
                builder.append_value(value);
            }
            for (builder, value) in numbers.iter_mut().zip([Some(change.value), before, after]) {
                builder.append_option(value);
            }
        }
        let rows = rows.finish();
        let mut arrays: Vec<ArrayRef> = Vec::with_capacity(self.schema.fields().len());
        for name in ["doc", "key", "id"] {
            let values = batch
                .column_by_name(name)
                .ok_or_else(|| EngineError::Spec(format!("signals have no column `{name}`")))?;
            arrays.push(take(values, &rows, None).map_err(EngineError::table("write", &self.path))?);
        }
        arrays.extend(
            strings
                .iter_mut()
                .map(|builder| Arc::new(builder.finish()) as ArrayRef),
        );
        arrays.extend(
            numbers
                .iter_mut()
                .map(|builder| Arc::new(builder.finish()) as ArrayRef),
        );
        let table = RecordBatch::try_new(Arc::clone(&self.schema), arrays)
            .map_err(EngineError::table("write", &self.path))?;
        self.writer
            .write(&table)
            .map_err(EngineError::table("write", &self.path))
    }

    /// Closes the file and gives it its name.
    pub(super) fn finish(self) -> Result<()> {
        self.writer
            .close()
            .map_err(EngineError::table("write", &self.path))?;
        std::fs::rename(&self.temporary.0, &self.path).map_err(EngineError::io("rename", &self.path))
    }
}
