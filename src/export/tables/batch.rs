//! Rows of one table, column by column, on their way to a file.

use super::schema::{Column, Kind, Table};
use crate::bytecode::escape;

/// Rows of a batch at most, and the bytes of text that end one earlier.
pub const MOST_ROWS: usize = 1 << 18;
const MOST_BYTES: usize = 8 << 20;

/// Rows that are written together, without the column of the trace, which is the same for all.
#[derive(Debug)]
pub struct Batch {
    pub table: &'static Table,
    pub rows: usize,
    pub columns: Vec<Cells>,
    bytes: usize,
}

/// The cells of a column.
#[derive(Debug)]
pub struct Cells {
    pub data: Data,
    /// For each row 1, or 0 for null; empty if the column has no nulls.
    pub levels: Vec<i16>,
}

/// The cells that are not null.
#[derive(Debug)]
pub enum Data {
    Integers(Vec<i64>),
    Words(Vec<&'static str>),
    /// All bytes, and where each cell ends.
    Strings(Vec<u8>, Vec<usize>),
    Booleans(Vec<bool>),
}

impl Batch {
    pub fn new(table: &'static Table) -> Batch {
        Batch {
            table,
            rows: 0,
            columns: table.columns.iter().map(|column| Cells::new(column, None)).collect(),
            bytes: 0,
        }
    }

    /// Begins a row; its cells follow in the order of the columns.
    #[inline]
    pub fn row(&mut self) -> Row<'_> {
        self.rows += 1;
        Row { columns: &mut self.columns, bytes: &mut self.bytes }
    }

    #[inline]
    pub fn is_full(&self) -> bool {
        self.rows >= MOST_ROWS || self.bytes >= MOST_BYTES
    }

    /// Takes the rows; what is left is empty and has room for as many.
    pub fn take(&mut self) -> Batch {
        let columns =
            self.table.columns.iter().zip(&self.columns).map(|(column, cells)| Cells::new(column, Some(cells)));
        let empty = Batch { table: self.table, rows: 0, columns: columns.collect(), bytes: 0 };
        std::mem::replace(self, empty)
    }
}

impl Cells {
    /// No cells, with room for as many as `like` has.
    fn new(column: &Column, like: Option<&Cells>) -> Cells {
        let (cells, bytes) = match like.map(|like| &like.data) {
            None => (0, 0),
            Some(Data::Integers(values)) => (values.len(), 0),
            Some(Data::Words(values)) => (values.len(), 0),
            Some(Data::Booleans(values)) => (values.len(), 0),
            Some(Data::Strings(bytes, ends)) => (ends.len(), bytes.len()),
        };
        let data = match column.kind {
            Kind::Integer => Data::Integers(Vec::with_capacity(cells)),
            Kind::Word => Data::Words(Vec::with_capacity(cells)),
            Kind::Text | Kind::Bytes => Data::Strings(Vec::with_capacity(bytes), Vec::with_capacity(cells)),
            Kind::Boolean => Data::Booleans(Vec::with_capacity(cells)),
        };
        Cells { data, levels: Vec::with_capacity(like.map_or(0, |like| like.levels.len())) }
    }
}

/// A row that is being filled.  A cell of another type than its column's is a mistake in the collector.
pub struct Row<'a> {
    columns: &'a mut [Cells],
    bytes: &'a mut usize,
}

impl<'a> Row<'a> {
    #[inline]
    fn next(&mut self) -> &'a mut Cells {
        let (first, rest) =
            std::mem::take(&mut self.columns).split_first_mut().expect("no row has more cells than columns");
        self.columns = rest;
        first
    }

    #[inline]
    pub fn integer(mut self, value: i64) -> Self {
        match &mut self.next().data {
            Data::Integers(values) => values.push(value),
            _ => unreachable!("the column holds integers"),
        }
        self
    }

    /// Appends a count or number of a trace; none is beyond 2^62.
    #[inline]
    pub fn number(self, value: u64) -> Self {
        self.integer(i64::try_from(value).unwrap_or(i64::MAX))
    }

    #[inline]
    pub fn boolean(mut self, value: bool) -> Self {
        match &mut self.next().data {
            Data::Booleans(values) => values.push(value),
            _ => unreachable!("the column holds booleans"),
        }
        self
    }

    #[inline]
    pub fn word(mut self, value: &'static str) -> Self {
        match &mut self.next().data {
            Data::Words(values) => values.push(value),
            _ => unreachable!("the column holds words"),
        }
        self
    }

    /// Appends bytes as they are; in a column of text they must be UTF-8 without control characters.
    #[inline]
    pub fn plain(mut self, value: &[u8]) -> Self {
        let Data::Strings(bytes, ends) = &mut self.next().data else { unreachable!("the column holds strings") };
        bytes.extend_from_slice(value);
        ends.push(bytes.len());
        *self.bytes += value.len();
        self
    }

    /// Appends a text that the program chose.
    pub fn text(mut self, value: &[u8]) -> Self {
        let Data::Strings(bytes, ends) = &mut self.next().data else { unreachable!("the column holds strings") };
        let from = bytes.len();
        escape::push_exact(bytes, value);
        ends.push(bytes.len());
        *self.bytes += bytes.len() - from;
        self
    }

    /// Appends a cell that may be null.
    #[inline]
    pub fn optional<T>(mut self, value: Option<T>, append: impl FnOnce(Self, T) -> Self) -> Self {
        match value {
            Some(value) => {
                self.columns.first_mut().expect("no row has more cells than columns").levels.push(1);
                append(self, value)
            }
            None => {
                self.next().levels.push(0);
                self
            }
        }
    }
}

impl Drop for Row<'_> {
    fn drop(&mut self) {
        debug_assert!(self.columns.is_empty() || std::thread::panicking(), "a row has a cell for each column");
    }
}
