//! Applies unified diffs strictly: every hunk at exactly its line, every context line byte for byte. No offset search, no fuzz; the
//! first difference is named. Changes existing files only: new C code stands in files of our own.

use std::fs;
use std::iter::{Enumerate, Peekable};
use std::path::Path;
use std::str::SplitInclusive;

use super::problem::Problem;

/// One file's changes within a patch.
#[derive(Debug)]
struct FileDiff {
    /// Relative to the source tree, without the `a/` and `b/` of the header.
    path: String,
    hunks: Vec<Hunk>,
}

/// Which lines a hunk covers; the first line of a file is 1.
#[derive(Debug, Clone, Copy)]
struct Range {
    start: usize,
    count: usize,
}

#[derive(Debug)]
struct Hunk {
    old_start: usize,
    new_start: usize,
    /// Each line's mark (`' '`, `'+'`, `'-'`) and text with its line break, if it has one.
    lines: Vec<(char, String)>,
}

/// Applies the patch text `patch`, called `name` in errors, to the tree. Nothing is written unless every hunk fits.
pub fn apply(name: &str, patch: &str, tree: &Path) -> Result<(), Problem> {
    let cannot = format!("apply {name}");
    let refuse = |wrong: String, next: &str| Problem::new(cannot.clone(), wrong, next);
    let diffs = parse(patch).map_err(|wrong| refuse(wrong, "write it again with `diff -u` or `git diff`"))?;
    let mut changed = Vec::new();
    for diff in &diffs {
        let path = tree.join(&diff.path);
        let old = fs::read(&path).map_err(|error| Problem::io(cannot.clone(), &path, &error))?;
        let new = apply_hunks(&old, diff).map_err(|wrong| {
            refuse(wrong, "make the patch again, against CPython 2.7.18 with the patches before it applied")
        })?;
        changed.push((path, new));
    }
    for (path, new) in changed {
        fs::write(&path, new).map_err(|error| Problem::io(cannot.clone(), &path, &error))?;
    }
    Ok(())
}

fn apply_hunks(old: &[u8], diff: &FileDiff) -> Result<Vec<u8>, String> {
    let old_lines: Vec<&[u8]> = old.split_inclusive(|byte| *byte == b'\n').collect();
    let mut new: Vec<u8> = Vec::with_capacity(old.len());
    let mut taken = 0; // lines of the old file already copied or dropped
    let mut written = 0; // lines in `new`
    for (index, hunk) in diff.hunks.iter().enumerate() {
        let place = format!("{}, hunk {} of {}", diff.path, index + 1, diff.hunks.len());
        let start = hunk.old_start - 1;
        if start < taken || start > old_lines.len() {
            return Err(format!(
                "{place} starts at line {}, but the file has {} lines and the hunk before it ends at line {taken}",
                hunk.old_start,
                old_lines.len()
            ));
        }
        for line in &old_lines[taken..start] {
            new.extend_from_slice(line);
        }
        written += start - taken;
        taken = start;
        if written + 1 != hunk.new_start {
            return Err(format!(
                "{place} says its result starts at line {}, but it is line {}",
                hunk.new_start,
                written + 1
            ));
        }
        for (mark, text) in &hunk.lines {
            if *mark != '+' {
                let found = old_lines.get(taken).copied();
                if found != Some(text.as_bytes()) {
                    return Err(difference(&place, taken + 1, text, found));
                }
                taken += 1;
            }
            if *mark != '-' {
                new.extend_from_slice(text.as_bytes());
                written += 1;
            }
        }
    }
    for line in &old_lines[taken..] {
        new.extend_from_slice(line);
    }
    Ok(new)
}

fn difference(place: &str, line: usize, wanted: &str, found: Option<&[u8]>) -> String {
    let found = match found {
        Some(bytes) => format!("{:?}", String::from_utf8_lossy(bytes)),
        None => "the end of the file".to_string(),
    };
    format!("{place} does not fit at line {line}:\nthe patch has {wanted:?}\nthe file has  {found}")
}

/// A patch's lines, each with its number from 0.
type Lines<'a> = Peekable<Enumerate<SplitInclusive<'a, char>>>;

/// Splits a patch into its files and hunks. Text before the first `--- a/` line is the patch's own header and is skipped, as
/// are git's lines between files.
fn parse(patch: &str) -> Result<Vec<FileDiff>, String> {
    let mut diffs: Vec<FileDiff> = Vec::new();
    let mut lines: Lines = patch.split_inclusive('\n').enumerate().peekable();
    while let Some((index, line)) = lines.next() {
        let at = |wrong: &str| format!("line {}: {wrong}", index + 1);
        if let Some(old) = line.strip_prefix("--- ") {
            let new = lines.next().and_then(|(_, line)| line.strip_prefix("+++ "));
            let new = new.ok_or_else(|| at("no +++ line follows this --- line"))?;
            let path = changed_path(old, new).map_err(|wrong| at(&wrong))?;
            if diffs.iter().any(|diff| diff.path == path) {
                return Err(at("this file stands in the patch twice"));
            }
            diffs.push(FileDiff { path, hunks: Vec::new() });
        } else if line.starts_with("@@ ") {
            let diff = diffs.last_mut().ok_or_else(|| at("a hunk before any --- line"))?;
            let (old, new) = hunk_ranges(line).ok_or_else(|| at("this is not a hunk's header"))?;
            diff.hunks.push(hunk(&mut lines, old, new).map_err(|wrong| at(&wrong))?);
        } else if !diffs.is_empty() && line.starts_with([' ', '+', '-']) {
            return Err(at("the hunk before it has more lines than its header says"));
        }
    }
    match diffs.iter().find(|diff| diff.hunks.is_empty()) {
        Some(diff) => Err(format!("no hunk for {}", diff.path)),
        None if diffs.is_empty() => Err("there is no --- line in it".into()),
        None => Ok(diffs),
    }
}

/// Takes a hunk's lines, as many as its header's ranges say.
fn hunk(lines: &mut Lines, old: Range, new: Range) -> Result<Hunk, String> {
    let mut hunk = Hunk { old_start: old.start, new_start: new.start, lines: Vec::new() };
    let (mut old_left, mut new_left) = (old.count, new.count);
    while old_left > 0 || new_left > 0 {
        let (_, line) = lines.next().ok_or("this hunk is cut short")?;
        let mark = line.chars().next().filter(|mark| matches!(mark, ' ' | '+' | '-'));
        let mark = mark.ok_or("a line of this hunk begins with neither ' ', '+' nor '-'")?;
        if (mark != '+' && old_left == 0) || (mark != '-' && new_left == 0) {
            return Err("this hunk has more lines than its header says".into());
        }
        old_left -= usize::from(mark != '+');
        new_left -= usize::from(mark != '-');
        let mut text = line[1..].to_string();
        if lines.next_if(|(_, next)| next.starts_with("\\ ")).is_some() {
            text.truncate(text.trim_end_matches('\n').len()); // "\ No newline at end of file"
        }
        hunk.lines.push((mark, text));
    }
    Ok(hunk)
}

fn changed_path(old: &str, new: &str) -> Result<String, String> {
    let name = |text: &str| text.split('\t').next().unwrap_or(text).trim_end().to_string();
    let (old, new) = (name(old), name(new));
    match (old.strip_prefix("a/"), new.strip_prefix("b/")) {
        (Some(a), Some(b)) if a == b && !a.split('/').any(|part| part == "..") => Ok(a.to_string()),
        _ => Err(format!("`{old}` and `{new}` are not a/FILE and b/FILE of one existing file")),
    }
}

/// Reads `@@ -START,COUNT +START,COUNT @@`; an absent count is 1.
fn hunk_ranges(line: &str) -> Option<(Range, Range)> {
    let range = |text: &str, sign: char| {
        let text = text.strip_prefix(sign)?;
        let (start, count) = text.split_once(',').unwrap_or((text, "1"));
        let (start, count): (usize, usize) = (start.parse().ok()?, count.parse().ok()?);
        // A range of no lines names the line before it.
        let start = if count == 0 { start + 1 } else { start };
        (start > 0).then_some(Range { start, count })
    };
    let mut parts = line.strip_prefix("@@ ")?.split(' ');
    let ranges = (range(parts.next()?, '-')?, range(parts.next()?, '+')?);
    (parts.next()?.trim_end() == "@@").then_some(ranges)
}
