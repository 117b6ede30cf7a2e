//! The tables that an export has, as data: their names, and the name and type of each column.  docs/tables.md says what they mean.

/// The version of all tables, which only Parquet files hold.  A column that is added raises the second number, any other change the first.
#[cfg_attr(not(feature = "parquet"), allow(dead_code))]
pub const VERSION: &str = "1.0";

/// What a column holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// A signed 64-bit number.
    Integer,
    /// Text of a few small letters: one of few words.
    Word,
    /// UTF-8 without control characters.
    Text,
    Bytes,
    Boolean,
}

/// A column.  Only Parquet has use for all of it.
#[derive(Clone, Copy, Debug)]
#[cfg_attr(not(feature = "parquet"), allow(dead_code))]
pub struct Column {
    pub name: &'static str,
    pub kind: Kind,
    pub is_nullable: bool,
    /// Most of its values are there more than once.
    pub repeats: bool,
}

/// A table.
#[derive(Clone, Copy, Debug)]
pub struct Table {
    pub name: &'static str,
    /// All but [`RUN`].
    pub columns: &'static [Column],
}

/// The tables, in the order of [`TABLES`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Which {
    Runs,
    Sequences,
    Frames,
    Code,
    Values,
    Calls,
    Exceptions,
    Attempts,
    /// Written last: where a trace has its row here, its other tables are complete.
    Traces,
}

const fn column(name: &'static str, kind: Kind, repeats: bool) -> Column {
    Column { name, kind, is_nullable: false, repeats }
}

const fn integer(name: &'static str) -> Column {
    column(name, Kind::Integer, true)
}

const fn word(name: &'static str) -> Column {
    column(name, Kind::Word, true)
}

const fn repeated(name: &'static str) -> Column {
    column(name, Kind::Text, true)
}

const fn text(name: &'static str) -> Column {
    column(name, Kind::Text, false)
}

const fn flag(name: &'static str) -> Column {
    column(name, Kind::Boolean, true)
}

const fn bytes(name: &'static str) -> Column {
    column(name, Kind::Bytes, false)
}

const fn optional(column: Column) -> Column {
    Column { is_nullable: true, ..column }
}

/// The first column of every table, which is not among [`Table::columns`]: the trace that all rows of a file are of.
pub const RUN: &str = "run";

/// All tables.
pub const TABLES: [Table; 9] = [
    Table {
        name: "runs",
        columns: &[
            integer("first"),
            integer("instructions"),
            integer("thread"),
            integer("frame"),
            integer("code"),
            integer("sequence"),
            integer("start"),
            integer("end"),
            word("then"),
        ],
    },
    Table {
        name: "sequences",
        columns: &[
            integer("sequence"),
            integer("step"),
            integer("code"),
            integer("offset"),
            integer("opcode"),
            repeated("opname"),
            optional(integer("operand")),
            integer("line"),
        ],
    },
    Table {
        name: "frames",
        columns: &[
            integer("frame"),
            optional(integer("caller")),
            integer("depth"),
            integer("thread"),
            integer("code"),
            word("entry"),
            integer("first"),
            integer("last"),
            integer("instructions"),
            integer("resumed"),
            optional(word("exit")),
        ],
    },
    Table {
        name: "code",
        columns: &[
            integer("code"),
            integer("first_code"),
            optional(integer("parent")),
            repeated("name"),
            repeated("filename"),
            integer("first_line"),
            integer("flags"),
            integer("argcount"),
            integer("nlocals"),
            integer("stacksize"),
            repeated("sha256"),
            repeated("code_sha256"),
            bytes("bytes"),
            optional(bytes("original")),
            text("constants"),
            text("names"),
            text("varnames"),
            flag("stdlib"),
            optional(word("made_by")),
            optional(integer("made_in_code")),
            optional(integer("made_at_offset")),
            optional(repeated("made_of_file")),
        ],
    },
    Table {
        name: "values",
        columns: &[
            integer("number"),
            integer("thread"),
            integer("frame"),
            integer("code"),
            integer("offset"),
            word("role"),
            integer("position"),
            word("type"),
            repeated("value"),
        ],
    },
    Table {
        name: "calls",
        columns: &[
            integer("number"),
            integer("thread"),
            optional(integer("frame")),
            optional(integer("code")),
            optional(integer("offset")),
            repeated("callee"),
            optional(repeated("arguments")),
            optional(word("outcome")),
            optional(repeated("result")),
            optional(integer("callee_frame")),
        ],
    },
    Table {
        name: "exceptions",
        columns: &[
            integer("number"),
            integer("thread"),
            integer("frame"),
            integer("code"),
            optional(integer("offset")),
            flag("propagated"),
            repeated("type"),
            repeated("message"),
        ],
    },
    Table {
        name: "attempts",
        columns: &[
            optional(integer("attempt")),
            optional(integer("number")),
            optional(integer("thread")),
            optional(word("deed")),
            optional(text("targets")),
            optional(flag("allowed")),
            optional(integer("errno")),
            optional(repeated("option")),
            optional(word("by")),
            optional(repeated("name")),
            optional(repeated("filename")),
            optional(integer("offset")),
            optional(repeated("caller_name")),
            optional(repeated("caller_filename")),
            integer("times"),
        ],
    },
    Table {
        name: "traces",
        columns: &[
            optional(repeated("sample_sha256")),
            text("argv"),
            text("options"),
            repeated("bctrace"),
            repeated("python"),
            word("sandbox"),
            integer("executed"),
            integer("recorded"),
            integer("left_out_at_shutdown"),
            integer("frames"),
            integer("exceptions"),
            optional(word("end")),
            optional(integer("status")),
            integer("flaws"),
        ],
    },
];

impl Which {
    pub const ALL: [Which; 9] = [
        Which::Runs,
        Which::Sequences,
        Which::Frames,
        Which::Code,
        Which::Values,
        Which::Calls,
        Which::Exceptions,
        Which::Attempts,
        Which::Traces,
    ];

    /// The table of this name.
    pub fn named(name: &str) -> Option<Which> {
        Which::ALL.into_iter().find(|which| which.table().name == name)
    }

    pub fn table(self) -> &'static Table {
        &TABLES[self as usize]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn docs_tables_md_lists_every_column_with_its_type_in_order() {
        let docs = include_str!("../../../docs/tables.md");
        for (table, which) in TABLES.iter().zip(Which::ALL) {
            assert_eq!(table.name, which.table().name);
            let (_, section) = docs.split_once(&format!("\n### {}\n", table.name)).expect(table.name);
            let section = section.split("\n##").next().unwrap_or_default();
            let rows: Vec<Vec<&str>> = section
                .lines()
                .filter(|line| line.starts_with("| `"))
                .map(|line| line.split('|').map(str::trim).collect())
                .collect();
            let documented: Vec<(&str, &str)> = rows.iter().map(|row| (row[1].trim_matches('`'), row[2])).collect();
            let columns = table.columns.iter().map(|column| {
                let kind = match (column.kind, column.is_nullable) {
                    (Kind::Integer, false) => "integer",
                    (Kind::Integer, true) => "integer or null",
                    (Kind::Text | Kind::Word, false) => "text",
                    (Kind::Text | Kind::Word, true) => "text or null",
                    (Kind::Bytes, false) => "bytes",
                    (Kind::Bytes, true) => "bytes or null",
                    (Kind::Boolean, false) => "boolean",
                    (Kind::Boolean, true) => "boolean or null",
                };
                (column.name, kind)
            });
            let columns: Vec<(&str, &str)> = [(RUN, "text")].into_iter().chain(columns).collect();
            assert_eq!(documented, columns, "{}", table.name);
        }
        assert!(docs.contains(&format!("version {VERSION}")));
    }
}
