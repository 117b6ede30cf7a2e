//! Tables as Parquet: each in a folder of its own, partitioned by sample, one file for each trace.

use std::cell::Cell;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use bytes::Bytes;
use parquet::basic::{Compression, Encoding, LogicalType, Repetition, Type as Physical, ZstdLevel};
use parquet::data_type::{BoolType, ByteArray, ByteArrayType, Int64Type};
use parquet::errors::ParquetError;
use parquet::file::metadata::KeyValue;
use parquet::file::properties::{EnabledStatistics, WriterProperties};
use parquet::file::writer::{SerializedColumnWriter, SerializedFileWriter, SerializedRowGroupWriter};
use parquet::schema::types::{ColumnPath, Type};

use super::batch::{Batch, Cells, Data};
use super::schema::{Kind, RUN, Table, VERSION, Which};
use super::source::Source;
use super::writer::Writer;
use super::{code, write};
use crate::export::feed::failed;
use crate::export::target::Target;
use crate::export::{ExportError, Plan};
use crate::read::{Flaw, Reader, Want};
use crate::trace::{Event, Events, SinkError};

/// Writes tables as Parquet, into a data set of many traces.
pub fn parquet(plan: &Plan, report: &mut dyn FnMut(Flaw)) -> Result<u64, ExportError> {
    let source = Source::open(&plan.trace)?;
    let hash = source.hash()?;
    let sample = sample_of(source.reader()?)?;
    let mut reader = source.reader()?;
    let failed = |error: SinkError| ExportError::write(&plan.output, error);
    fs::create_dir_all(&plan.output).map_err(|error| failed(error.into()))?;
    let writer = Parquet::open(&plan.output, &plan.tables, &sample, &hash).map_err(failed)?;
    write(plan, &mut reader, writer, report)
}

/// The sample that a trace is of, as its folder is named: the SHA-256 of the program's file, or `none`.
fn sample_of(mut reader: Reader) -> Result<String, ExportError> {
    let mut sample = None;
    let blocks = Cell::new(0);
    let want = |_: &_| if blocks.replace(1) == 0 { Want::Read } else { Want::Stop };
    let mut start = Events(|event: &Event| {
        if let Event::Start(start) = event {
            sample = start.sha256;
        }
    });
    reader.read_wanted(&want, &mut start, &mut |_| Ok(()))?;
    Ok(sample.map_or("none".to_owned(), |hash| code::hex(&hash)))
}

/// The files of the tables that are wanted; they get their names in the order of the tables.
pub struct Parquet {
    files: Vec<(Which, SerializedFileWriter<Target>)>,
    /// The trace, as the cells of as many rows as any batch had so far.
    run: Vec<ByteArray>,
}

/// The file of a table in a data set.
pub fn path_of(folder: &Path, which: Which, sample: &str, run: &str) -> PathBuf {
    folder.join(which.table().name).join(format!("sample={sample}")).join(format!("run={run}.parquet"))
}

impl Parquet {
    /// Opens the files of a trace, under temporary names in `folder`.
    pub fn open(folder: &Path, tables: &[Which], sample: &str, run: &str) -> Result<Parquet, SinkError> {
        let open = |which: &Which| {
            let target = Target::create_in(folder, path_of(folder, *which, sample, run))?;
            let table = which.table();
            let writer = SerializedFileWriter::new(target, schema(table)?, Arc::new(properties(table, run)?));
            Ok((*which, writer.map_err(failed)?))
        };
        let files = tables.iter().map(open).collect::<Result<_, SinkError>>()?;
        Ok(Parquet { files, run: vec![ByteArray::from(run)] })
    }
}

impl Writer for Parquet {
    /// Writes a row group.
    fn write(&mut self, which: Which, batch: Batch) -> Result<(), SinkError> {
        let Some((_, file)) = self.files.iter_mut().find(|(table, _)| *table == which) else { return Ok(()) };
        let mut group = file.next_row_group().map_err(failed)?;
        if self.run.len() < batch.rows {
            self.run.resize(batch.rows, self.run[0].clone());
        }
        write_column(&mut group, |column| {
            column.typed::<ByteArrayType>().write_batch(&self.run[..batch.rows], None, None)
        })?;
        for cells in batch.columns {
            write_column(&mut group, |column| write_cells(column, cells))?;
        }
        group.close().map_err(failed)?;
        Ok(())
    }

    fn commit(self) -> Result<(), SinkError> {
        let mut whole = Vec::new();
        for (_, file) in self.files {
            whole.push(file.into_inner().map_err(failed)?);
        }
        for target in whole {
            target.commit()?;
        }
        Ok(())
    }
}

/// Writes the next column of a row group.
fn write_column(
    group: &mut SerializedRowGroupWriter<'_, Target>,
    write: impl FnOnce(&mut SerializedColumnWriter<'_>) -> Result<usize, ParquetError>,
) -> Result<(), SinkError> {
    let column = group.next_column().map_err(failed)?;
    let mut column = column.ok_or_else(|| failed("a table has more columns than its schema"))?;
    write(&mut column).map_err(failed)?;
    column.close().map_err(failed)
}

fn write_cells(column: &mut SerializedColumnWriter<'_>, cells: Cells) -> Result<usize, ParquetError> {
    let Cells { data, levels } = cells;
    let levels = Some(levels.as_slice()).filter(|levels| !levels.is_empty());
    match data {
        Data::Integers(values) => column.typed::<Int64Type>().write_batch(&values, levels, None),
        Data::Booleans(values) => column.typed::<BoolType>().write_batch(&values, levels, None),
        Data::Words(values) => {
            let cell = |word: &'static str| ByteArray::from(Bytes::from_static(word.as_bytes()));
            let values: Vec<ByteArray> = values.into_iter().map(cell).collect();
            column.typed::<ByteArrayType>().write_batch(&values, levels, None)
        }
        Data::Strings(bytes, ends) => {
            let bytes = Bytes::from(bytes);
            let mut from = 0;
            let cell = |end: usize| ByteArray::from(bytes.slice(std::mem::replace(&mut from, end)..end));
            let values: Vec<ByteArray> = ends.into_iter().map(cell).collect();
            column.typed::<ByteArrayType>().write_batch(&values, levels, None)
        }
    }
}

fn schema(table: &Table) -> Result<Arc<Type>, SinkError> {
    let run = field(RUN, Kind::Text, false);
    let columns = table.columns.iter().map(|column| field(column.name, column.kind, column.is_nullable));
    let fields = [run].into_iter().chain(columns).map(|field| field.map(Arc::new)).collect::<Result<_, _>>()?;
    Ok(Arc::new(Type::group_type_builder(table.name).with_fields(fields).build().map_err(failed)?))
}

fn field(name: &str, kind: Kind, is_nullable: bool) -> Result<Type, SinkError> {
    let (physical, logical) = match kind {
        Kind::Integer => (Physical::INT64, None),
        Kind::Text | Kind::Word => (Physical::BYTE_ARRAY, Some(LogicalType::String)),
        Kind::Bytes => (Physical::BYTE_ARRAY, None),
        Kind::Boolean => (Physical::BOOLEAN, None),
    };
    let repetition = if is_nullable { Repetition::OPTIONAL } else { Repetition::REQUIRED };
    let field = Type::primitive_type_builder(name, physical);
    field.with_logical_type(logical).with_repetition(repetition).build().map_err(failed)
}

fn properties(table: &Table, run: &str) -> Result<WriterProperties, SinkError> {
    let pair = |key: &str, value: &str| KeyValue::new(format!("bctrace.{key}"), value.to_owned());
    let mut properties = WriterProperties::builder()
        .set_created_by(format!("bctrace {}", env!("CARGO_PKG_VERSION")))
        .set_compression(Compression::ZSTD(ZstdLevel::try_new(1).map_err(failed)?))
        .set_statistics_enabled(EnabledStatistics::Chunk)
        .set_key_value_metadata(Some(vec![pair("schema", VERSION), pair("table", table.name), pair("run", run)]));
    properties = properties.set_column_statistics_enabled(ColumnPath::from(RUN), EnabledStatistics::None);
    for column in table.columns {
        let path = ColumnPath::from(column.name);
        properties = match column.kind {
            Kind::Integer => properties
                .set_column_dictionary_enabled(path.clone(), false)
                .set_column_encoding(path, Encoding::DELTA_BINARY_PACKED),
            Kind::Text | Kind::Word | Kind::Bytes => properties.set_column_dictionary_enabled(path, column.repeats),
            Kind::Boolean => properties,
        };
    }
    Ok(properties.build())
}
