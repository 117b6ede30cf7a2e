//! The rules of the house that a compiler does not check, read from src/: who may use whom, where `unsafe` may stand, and what code
//! outside tests does without.

use std::fs;
use std::path::{Path, PathBuf};

use regex::Regex;

/// Each module of the crate and what it may use: main → cli → {views → read → format → trace → bytecode}, select → trace, and
/// cli → record → {vm, sandbox, process, select, trace, bytecode}, sandbox → {process, trace}; never back.  vm describes code objects in bytecode's terms and sees no event.
const MAY_USE: [(&str, &[&str]); 15] = [
    ("main", &["cli"]),
    (
        "cli",
        &[
            "progress", "views", "clean", "export", "read", "format", "record", "select", "sandbox", "vm", "process",
            "trace", "bytecode",
        ],
    ),
    ("views", &["progress", "read", "format", "select", "trace", "bytecode"]),
    ("read", &["format", "trace", "bytecode"]),
    ("clean", &["read", "trace", "bytecode"]),
    ("export", &["progress", "read", "format", "trace", "bytecode"]),
    ("format", &["select", "trace", "bytecode"]),
    ("select", &["trace", "bytecode"]),
    ("record", &["progress", "vm", "sandbox", "process", "select", "trace", "bytecode"]),
    ("sandbox", &["process", "trace"]),
    ("process", &[]),
    ("progress", &[]),
    ("trace", &["bytecode"]),
    ("vm", &["bytecode"]),
    ("bytecode", &[]),
];

/// The files that may have unsafe code.
const MAY_BE_UNSAFE: [&str; 4] = ["vm/", "process/", "sandbox/", "record/shared/"];

/// A file of src/, without its comments, string contents and inline test module.
struct Source {
    /// Relative to src/.
    path: String,
    code: String,
    is_test: bool,
}

#[test]
fn no_module_uses_one_that_it_may_not() {
    let mut wrong = Vec::new();
    for source in sources() {
        let module = source.module();
        if module == "lib" {
            continue;
        }
        let (_, allowed) =
            MAY_USE.iter().find(|(name, _)| *name == module).unwrap_or_else(|| panic!("no rule for module {module}"));
        for name in source.used_modules() {
            if name != module && !allowed.contains(&name.as_str()) {
                wrong.push(format!("src/{} uses {name}", source.path));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn unsafe_code_stands_in_the_vm_the_processes_and_the_shared_memory_only() {
    let word = Regex::new(r"\bunsafe\b|unsafe_code").unwrap();
    assert_none(|source| {
        let allowed = MAY_BE_UNSAFE.iter().any(|place| source.path == *place || source.path.starts_with(place));
        if allowed { Vec::new() } else { word.find_iter(&source.code).map(|found| found.start()).collect() }
    });
}

#[test]
fn every_unsafe_block_says_what_makes_it_sound() {
    let block = Regex::new(r"\bunsafe\s*(\{|impl\b)").unwrap();
    for path in paths() {
        let text = fs::read_to_string(&path).unwrap();
        let lines: Vec<&str> = text.lines().collect();
        for (number, line) in lines.iter().enumerate() {
            if !block.is_match(line) || line.trim_start().starts_with("//") {
                continue;
            }
            let before = lines[..number].iter().rev();
            let comment = before.take(8).any(|line| line.contains("SAFETY:"));
            assert!(comment || line.contains("SAFETY:"), "{}:{}: no SAFETY comment", path.display(), number + 1);
        }
    }
}

#[test]
fn no_code_outside_tests_unwraps() {
    let unwrap = Regex::new(r"\.unwrap\(\)|\.unwrap_err\(\)").unwrap();
    assert_none(|source| {
        if source.is_test { Vec::new() } else { unwrap.find_iter(&source.code).map(|found| found.start()).collect() }
    });
}

#[test]
fn paths_and_messages_are_escaped_where_they_are_printed() {
    let raw = Regex::new(r"\.display\(\)|to_string_lossy\(\)").unwrap();
    assert_none(|source| {
        if source.is_test { Vec::new() } else { raw.find_iter(&source.code).map(|found| found.start()).collect() }
    });
    let printed = Regex::new(r"\be?print(ln)?!").unwrap();
    assert_none(|source| {
        let is_ours = source.module() == "cli" && source.path != "cli/message.rs";
        if is_ours { printed.find_iter(&source.code).map(|found| found.start()).collect() } else { Vec::new() }
    });
}

#[test]
fn nothing_is_left_to_do() {
    let left = Regex::new(r"TODO|FIXME|XXX|\btodo!|\bunimplemented!|\bdbg!").unwrap();
    for path in paths() {
        let text = fs::read_to_string(&path).unwrap();
        assert!(!left.is_match(&text), "{} has {:?}", path.display(), left.find(&text).unwrap().as_str());
    }
}

#[test]
fn every_file_begins_by_saying_what_it_owns() {
    for path in paths().into_iter().filter(|path| path.file_name().is_none_or(|name| name != "bindings.rs")) {
        let text = fs::read_to_string(&path).unwrap();
        let header = text.lines().take_while(|line| line.starts_with("//!")).count();
        assert!((1..=40).contains(&header), "{} begins with {header} lines of //!", path.display());
    }
}

/// Asserts that `find` finds nothing in any file of src/.
#[track_caller]
fn assert_none(find: impl Fn(&Source) -> Vec<usize>) {
    let mut found = Vec::new();
    for source in sources() {
        for place in find(&source) {
            let line = source.code[..place].lines().count().max(1);
            found.push(format!(
                "src/{}:{line}: {}",
                source.path,
                source.code.lines().nth(line - 1).unwrap_or_default()
            ));
        }
    }
    assert!(found.is_empty(), "{}", found.join("\n"));
}

/// The paths that a `use` names: `a::{b, c::{d, e}}` is a::b, a::c::d and a::c::e.
fn leaves(tree: &str) -> Vec<String> {
    let tree = tree.trim();
    let Some(open) = tree.find('{') else { return vec![tree.to_string()] };
    let (before, inside) = (&tree[..open], tree[open + 1..].strip_suffix('}').expect("a brace that closes"));
    let (mut depth, mut begin, mut parts) = (0, 0, Vec::new());
    for (at, char) in inside.char_indices() {
        match char {
            '{' => depth += 1,
            '}' => depth -= 1,
            ',' if depth == 0 => {
                parts.push(&inside[begin..at]);
                begin = at + 1;
            }
            _ => {}
        }
    }
    parts.push(&inside[begin..]);
    let parts = parts.into_iter().filter(|part| !part.trim().is_empty());
    parts.flat_map(leaves).map(|leaf| format!("{before}{leaf}")).collect()
}

#[test]
fn nested_braces_and_steps_upwards_are_understood() {
    assert_eq!(leaves("crate::{a::{self, b}, c::d}"), ["crate::a::self", "crate::a::b", "crate::c::d"]);
    let used = |path: &str, code: &str| Source { path: path.into(), code: code.into(), is_test: false }.used_modules();
    assert_eq!(used("read/steps/queue.rs", "use super::super::super::vm::Gil;"), ["vm"]);
    assert_eq!(used("read/steps/queue.rs", "use super::super::block;\nlet a = super::Steps::new();"), ["read", "read"]);
    assert_eq!(used("progress.rs", "use super::{cli::{run, exit}, trace};"), ["cli", "cli", "trace"]);
    assert_eq!(used("cli/mod.rs", "use super::vm::{self};\nuse std::io;\ncrate::record::run()"), ["vm", "record"]);
}

impl Source {
    /// The modules of the crate that the file names, by whatever path, each time that it does.
    fn used_modules(&self) -> Vec<String> {
        let (uses, path) =
            (Regex::new(r"\buse\s+([^;]+);").unwrap(), Regex::new(r"\b(?:crate|bctrace|super)(?:::\w+)+").unwrap());
        let in_uses =
            uses.captures_iter(&self.code).flat_map(|found| leaves(&found[1].replace(char::is_whitespace, "")));
        let rest = uses.replace_all(&self.code, "");
        let in_code: Vec<String> = path.find_iter(&rest).map(|found| found.as_str().to_string()).collect();
        let place = self.path.trim_end_matches(".rs").trim_end_matches("/mod");
        let resolve = |path: String| {
            let mut parts: Vec<&str> = path.split("::").collect();
            match parts[0] {
                "crate" | "bctrace" => drop(parts.remove(0)),
                "super" => {
                    let up = parts.iter().take_while(|part| **part == "super").count();
                    let mut base: Vec<&str> = place.split('/').collect();
                    base.truncate(base.len().saturating_sub(up));
                    parts.splice(..up, base);
                }
                _ => return None,
            }
            parts.first().filter(|first| first.starts_with(char::is_lowercase)).map(|first| first.to_string())
        };
        in_uses.chain(in_code).filter_map(resolve).collect()
    }

    /// The module of the crate that the file belongs to.
    fn module(&self) -> String {
        let first = self.path.split('/').next().unwrap();
        first.strip_suffix(".rs").unwrap_or(first).to_string()
    }
}

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("src")
}

fn paths() -> Vec<PathBuf> {
    let mut found = Vec::new();
    let mut folders = vec![root()];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            match path.is_dir() {
                true => folders.push(path),
                false if path.extension().is_some_and(|suffix| suffix == "rs") => found.push(path),
                false => {}
            }
        }
    }
    assert!(found.len() > 20, "src/ was not read");
    found
}

fn sources() -> Vec<Source> {
    let texts: Vec<(String, String)> = paths()
        .into_iter()
        .map(|path| {
            let text = fs::read_to_string(&path).unwrap();
            (path.strip_prefix(root()).unwrap().to_str().unwrap().to_string(), text)
        })
        .collect();
    let test_modules: Vec<String> = texts.iter().flat_map(|(path, text)| test_modules(path, text)).collect();
    texts
        .into_iter()
        .map(|(path, text)| {
            let is_test = test_modules
                .iter()
                .any(|module| path == format!("{module}.rs") || path.starts_with(&format!("{module}/")));
            Source { code: code(&text), path, is_test }
        })
        .collect()
}

/// The modules in files of their own that a file declares for tests only, as paths without suffix.
fn test_modules(path: &str, text: &str) -> Vec<String> {
    let declared = Regex::new(r"#\[cfg\(test\)\]\s*(?:pub(?:\([a-z]+\))? )?mod (\w+);").unwrap();
    let folder = path.strip_suffix("mod.rs").map_or_else(|| path.replace(".rs", "/"), str::to_string);
    declared.captures_iter(text).map(|found| format!("{folder}{}", &found[1])).collect()
}

/// A file's text up to its inline tests, each comment and string emptied but lines kept.
fn code(text: &str) -> String {
    let inline_tests = Regex::new(r"(?m)^#\[cfg\(test\)\]\n(?:#\[.*\]\n)*mod \w+ \{").unwrap();
    let text = &text[..inline_tests.find(text).map_or(text.len(), |found| found.start())];
    let words = Regex::new(r#"(?m)//.*$|'(?:[^'\\]|\\.)'|b?"(?:[^"\\]|\\.|\\\n)*""#).unwrap();
    let emptied = |found: &regex::Captures| "\n".repeat(found[0].matches('\n').count());
    words.replace_all(text, emptied).into_owned()
}
