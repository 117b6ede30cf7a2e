//! What the suffixes of a trace's name say: its form, its compression, or something that bctrace does not write.

use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;
use std::path::Path;

use super::{Compression, Format};

/// Suffixes of compressions, with their dots; they are compared without case, as all suffixes.
const COMPRESSIONS: [(&str, Compression); 2] = [(".zst", Compression::Zstd), (".gz", Compression::Gzip)];

/// Suffixes that mean something else than text, and what to do instead.
const OTHERS: [(&[&str], &str); 6] = [
    (&["py", "pyc", "pyo", "pyw"], "that is the name of a program; end the name in .bct, or in .txt for text"),
    (
        &[
            "7z", "br", "bz2", "gzip", "lz", "lz4", "lzma", "lzo", "rar", "snappy", "tar", "tbz", "tgz", "txz", "xz",
            "z", "zip", "zlib", "zstd",
        ],
        "end the name in .zst or .gz to have the trace compressed",
    ),
    (&["json", "jsonlines", "ndjson"], "end the name in .jsonl to have one JSON object in each line"),
    (&["parquet"], "record a .bct and run `bctrace export trace.bct --format parquet -o FOLDER`"),
    (&["csv", "perfetto-trace", "pftrace"], "record a .bct, of which `bctrace export` makes them"),
    (
        &[
            "arrow", "avro", "db", "duckdb", "feather", "h5", "htm", "html", "md", "orc", "pb", "pdf", "png", "sqlite",
            "sqlite3", "svg", "tsv", "xls", "xlsx", "xml", "yaml", "yml",
        ],
        "record a .bct, from which other forms can be made later",
    ),
];

/// A suffix that promises what bctrace does not write.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub enum SuffixError {
    #[error("bctrace does not write .{suffix} files: {instead}; or name the form with -f")]
    Other { suffix: &'static str, instead: &'static str },
    #[error(
        "its name has two suffixes of compressions and the trace is compressed once; leave one out, or name the form with -f"
    )]
    Twice,
}

/// Returns the form and the compression that a file's name says.  A form that was asked for wins over the suffix; a final .zst or .gz
/// means compression all the same.
pub fn by_suffix(path: &Path, asked: Option<Format>) -> (Format, Compression) {
    let (name, compression) = split_compression(path);
    let by_name = || match last_suffix(name) {
        Some(suffix) if suffix.eq_ignore_ascii_case(b"bct") => Format::Bct,
        Some(suffix) if suffix.eq_ignore_ascii_case(b"jsonl") => Format::Jsonl,
        _ => Format::Text,
    };
    (asked.unwrap_or_else(by_name), compression)
}

/// Refuses a name whose suffix promises what bctrace does not write.
pub fn check_suffix(path: &Path) -> Result<(), SuffixError> {
    let (name, compression) = split_compression(path);
    if compression != Compression::None && split_compression(Path::new(OsStr::from_bytes(name))).1 != Compression::None
    {
        return Err(SuffixError::Twice);
    }
    let Some(found) = last_suffix(name) else { return Ok(()) };
    for (suffixes, instead) in OTHERS {
        if let Some(suffix) = suffixes.iter().find(|suffix| found.eq_ignore_ascii_case(suffix.as_bytes())) {
            return Err(SuffixError::Other { suffix, instead });
        }
    }
    Ok(())
}

/// Parts the last component of a path from the suffix of its compression.
pub fn split_compression(path: &Path) -> (&[u8], Compression) {
    let name = path.file_name().map_or(&b""[..], OsStr::as_bytes);
    for (suffix, compression) in COMPRESSIONS {
        let (stem, end) = name.split_at(name.len().saturating_sub(suffix.len()));
        if end.eq_ignore_ascii_case(suffix.as_bytes()) {
            return (stem, compression);
        }
    }
    (name, Compression::None)
}

/// What follows the last dot of a name; a name that is nothing else has it too.
fn last_suffix(name: &[u8]) -> Option<&[u8]> {
    let dot = name.iter().rposition(|&byte| byte == b'.')?;
    Some(&name[dot + 1..])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn suffixes_name_form_and_compression_in_any_case() {
        let cases: [(&str, Format, Compression); 11] = [
            ("t.txt", Format::Text, Compression::None),
            ("t.bct", Format::Bct, Compression::None),
            ("T.BCT", Format::Bct, Compression::None),
            ("t.jsonl.gz", Format::Jsonl, Compression::Gzip),
            ("t.JsonL.GZ", Format::Jsonl, Compression::Gzip),
            ("d.bct/t.bct.zst", Format::Bct, Compression::Zstd),
            ("t.gz.zst", Format::Text, Compression::Zstd),
            (".bct", Format::Bct, Compression::None),
            ("bct", Format::Text, Compression::None),
            ("t.", Format::Text, Compression::None),
            ("-", Format::Text, Compression::None),
        ];
        for (name, format, compression) in cases {
            assert_eq!(by_suffix(Path::new(name), None), (format, compression), "{name}");
        }
    }

    #[test]
    fn a_form_that_was_asked_for_wins_and_compression_stays() {
        let asked = by_suffix(Path::new("t.bct.gz"), Some(Format::Jsonl));
        assert_eq!(asked, (Format::Jsonl, Compression::Gzip));
    }

    #[test]
    fn names_that_promise_something_else_are_refused() {
        let cases = [
            ("t.json", ".jsonl"),
            ("t.JSON", ".jsonl"),
            ("t.json.gz", ".jsonl"),
            ("t.txt.xz", ".zst or .gz"),
            ("t.bct.bz2", ".zst or .gz"),
            ("t.zip", ".zst or .gz"),
            ("t.parquet", "record a .bct and run `bctrace export trace.bct --format parquet -o FOLDER`"),
            ("t.csv", "record a .bct"),
            ("t.pyc", "a program"),
            ("T.PY.gz", "a program"),
            ("t.bct.zst.gz", "two suffixes"),
            ("t.GZ.gz", "two suffixes"),
        ];
        for (name, part) in cases {
            let error = check_suffix(Path::new(name)).expect_err(name).to_string();
            assert!(error.contains(part) && error.contains("-f"), "{name}: {error}");
        }
        for name in ["-", "t", "t.txt", "t.log", "t.trace", "t.bct.zst", "d.json/t", "xz", "json", "t.2", "t.xzy"] {
            assert_eq!(check_suffix(Path::new(name)), Ok(()), "{name}");
        }
    }
}
