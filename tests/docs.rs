//! What README.md, CONTRIBUTING.md and docs/ say, as far as it can be checked: commands, options, paths and links exist.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

use regex::Regex;

use crate::running;

struct Page {
    path: PathBuf,
    text: String,
}

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn pages() -> Vec<Page> {
    let mut paths = vec![root().join("README.md"), root().join("CONTRIBUTING.md")];
    let docs = fs::read_dir(root().join("docs")).unwrap().map(|entry| entry.unwrap().path());
    paths.extend(docs.filter(|path| path.extension().is_some_and(|suffix| suffix == "md")));
    paths.into_iter().map(|path| Page { text: String::from_utf8(running::read(&path)).unwrap(), path }).collect()
}

impl Page {
    /// The lines of code blocks, indented or fenced; a line that ends in a backslash goes on.
    fn code_lines(&self) -> Vec<String> {
        let (mut lines, mut fenced): (Vec<String>, bool) = (Vec::new(), false);
        for line in self.text.lines() {
            match line.trim_start().starts_with("```") {
                true => fenced = !fenced,
                false if fenced => lines.push(line.to_string()),
                false => lines.extend(line.strip_prefix("    ").map(str::to_string)),
            }
        }
        lines
    }

    /// What stands between backquotes in the prose.
    fn code_words(&self) -> Vec<String> {
        let span = Regex::new("`([^`]+)`").unwrap();
        span.captures_iter(&self.text).map(|found| found[1].replace('\n', " ")).collect()
    }

    /// Each command line that calls bctrace, without its first word.
    fn commands(&self) -> Vec<Vec<String>> {
        let calls = ["bctrace ", "cargo run --release -- "];
        let bare = |line: &str| line.trim().trim_start_matches("$ ").to_string();
        let call = |line: &String| calls.iter().find_map(|call| Some(bare(line).strip_prefix(call)?.to_string()));
        let lines = self.code_lines().into_iter().chain(self.code_words());
        let rest = lines.filter_map(|line| call(&line));
        // In `a.bct && bctrace show` the second command is one of its own.
        rest.flat_map(|rest| rest.split("&& bctrace ").map(words).collect::<Vec<_>>()).collect()
    }
}

/// A command with a prompt before it, and what it prints.
struct Shown {
    command: String,
    output: Vec<String>,
}

impl Page {
    fn shown(&self) -> Vec<Shown> {
        let mut all: Vec<Shown> = Vec::new();
        let mut is_output = false;
        for line in self.text.lines() {
            let code = line.strip_prefix("    ");
            if let Some(command) = code.and_then(|code| code.strip_prefix("$ ")) {
                all.push(Shown { command: command.into(), output: Vec::new() });
                is_output = true;
            } else if let Some(code) = code.filter(|_| is_output) {
                all.last_mut().unwrap().output.push(code.into());
            } else {
                is_output = false;
            }
        }
        all
    }
}

/// The words of a command line up to a comment, a pipe or what is no plain word.
fn words(line: &str) -> Vec<String> {
    let word = Regex::new(r#"'[^']*'|"[^"]*"|\S+"#).unwrap();
    let words = word.find_iter(line).map(|found| found.as_str().trim_matches(['\'', '"']).to_string());
    words.take_while(|word| !["#", "|", "&&", ";", ">", "<"].contains(&word.as_str())).collect()
}

/// The options of each command, by what it says of itself; the main command's name is empty.
fn options() -> BTreeMap<String, BTreeSet<String>> {
    let option = Regex::new(r"(?m)^ +(?:(-\w)(?:, )?)?(--[a-z][a-z-]*)?").unwrap();
    let help = |command: &[&str]| running::run(running::bctrace(command).arg("--help")).succeeded();
    let of = |text: &str| -> BTreeSet<String> {
        option
            .captures_iter(text)
            .flat_map(|found| [found.get(1), found.get(2)])
            .flatten()
            .map(|found| found.as_str().to_string())
            .collect()
    };
    let main = help(&[]);
    let commands = Regex::new(r"(?m)^  ([a-z]+)  ").unwrap();
    let names: Vec<String> = commands.captures_iter(&main).map(|found| found[1].to_string()).collect();
    assert!(names.iter().any(|name| name == "dis"), "no commands in {main}");
    let subcommands = names.into_iter().filter(|name| name != "python");
    let mut all: BTreeMap<_, _> = subcommands.map(|name| (name.clone(), of(&help(&[&name])))).collect();
    all.insert(String::new(), of(&main));
    all
}

#[test]
fn every_option_in_a_command_line_exists() {
    let options = options();
    let mut checked = 0;
    for page in pages() {
        for words in page.commands() {
            let first = words.first().cloned().unwrap_or_default();
            if first == "python" || first == "COMMAND" {
                continue;
            }
            let (command, rest) = match options.contains_key(&first) {
                true => (first.clone(), &words[1..]),
                false => (String::new(), &words[..]),
            };
            for word in
                rest.iter().take_while(|word| *word != "--").filter(|word| word.len() > 1 && word.starts_with('-'))
            {
                let name = word.split('=').next().unwrap();
                assert!(
                    options[&command].contains(name),
                    "{}: bctrace {words:?}: no option {name}",
                    page.path.display()
                );
                checked += 1;
            }
        }
    }
    assert!(checked > 5, "{checked} options were checked");
}

fn page(name: &str) -> Page {
    pages().into_iter().find(|page| page.path.ends_with(name)).unwrap()
}

#[test]
fn every_option_that_a_page_names_exists_and_every_option_is_in_the_reference() {
    let options = options();
    let reference = named_options(&page("docs/reference.md"), &options);
    assert!(named_options(&page("README.md"), &options).len() > 10);
    for option in options[""].union(&options["show"]).filter(|option| option.starts_with("--")) {
        assert!(reference.contains(option), "docs/reference.md does not name {option}");
    }
}

/// The options that a page names, each of which must exist.
fn named_options(page: &Page, options: &BTreeMap<String, BTreeSet<String>>) -> BTreeSet<String> {
    let option = Regex::new(r"(?:^|[\s\[])(--?[a-z][a-z-]*)").unwrap();
    let known: BTreeSet<&String> = options.values().flatten().collect();
    let mut named = BTreeSet::new();
    for span in page.code_words() {
        // Other programs' options.
        if ["cargo ", "apt ", "CC=", "--features", "duckdb "].iter().any(|other| span.starts_with(other)) {
            continue;
        }
        for found in option.captures_iter(&span) {
            if !span.starts_with("bctrace python") {
                assert!(
                    known.contains(&found[1].to_string()),
                    "{}: `{span}`: no option {}",
                    page.path.display(),
                    &found[1]
                );
            }
            named.insert(found[1].to_string());
        }
    }
    named
}

#[test]
fn every_command_is_named_in_the_readme() {
    let readme = &pages()[0].text;
    for command in options().keys().filter(|command| !command.is_empty()) {
        assert!(readme.contains(&format!("`bctrace {command}`")), "README.md does not name bctrace {command}");
    }
}

#[test]
fn every_path_that_is_named_exists() {
    let path = Regex::new(
        r"(?:^|[\s(`])((?:src|tests|docs|build|fixtures|benches|packaging|cpython-2\.7-patch|\.ci)/[\w./-]*|build\.rs)",
    )
    .unwrap();
    let mut checked = 0;
    for page in pages() {
        for found in path.captures_iter(&page.text) {
            let name = found[1].trim_end_matches(['.', '-']);
            // fixtures/source/NAME.py stands for all of them.
            if name.contains("NAME") || name.contains("X.Y") {
                continue;
            }
            assert!(root().join(name).exists(), "{}: there is no {name}", page.path.display());
            checked += 1;
        }
    }
    assert!(checked > 20, "{checked} paths were checked");
}

#[test]
fn every_link_leads_somewhere() {
    let link = Regex::new(r"\]\(([^)\s]+)\)").unwrap();
    for page in pages() {
        for found in link.captures_iter(&page.text) {
            let target = &found[1];
            if target.starts_with("https://") {
                continue;
            }
            let (file, anchor) = target.split_once('#').map_or((target, None), |(file, anchor)| (file, Some(anchor)));
            let file = if file.is_empty() { page.path.clone() } else { page.path.parent().unwrap().join(file) };
            assert!(file.exists(), "{}: {target} leads nowhere", page.path.display());
            if let Some(anchor) = anchor {
                let text = fs::read_to_string(&file).unwrap();
                let anchors: Vec<String> = text.lines().filter(|line| line.starts_with('#')).map(anchor_of).collect();
                assert!(
                    anchors.iter().any(|other| other == anchor),
                    "{}: no heading for {target}",
                    page.path.display()
                );
            }
        }
    }
}

/// The anchor that a heading gets.
fn anchor_of(heading: &str) -> String {
    let text = heading.trim_start_matches('#').trim().to_lowercase();
    text.chars()
        .filter(|char| char.is_alphanumeric() || " -_".contains(*char))
        .map(|char| if char == ' ' { '-' } else { char })
        .collect()
}

#[test]
fn every_variable_of_the_build_is_in_the_reference() {
    let reference = page("docs/reference.md").text;
    let variable = Regex::new(r#""(BCTRACE_[A-Z_]+)""#).unwrap();
    for entry in fs::read_dir(root().join("build")).unwrap() {
        let path = entry.unwrap().path();
        if path.extension().is_none_or(|suffix| suffix != "rs") {
            continue;
        }
        for found in variable.captures_iter(&fs::read_to_string(&path).unwrap()) {
            assert!(reference.contains(&format!("`{}`", &found[1])), "docs/reference.md does not name {}", &found[1]);
        }
    }
}

/// The commands of a page are run one after another in a folder of their own, with nothing but the fixtures there.
#[test]
fn every_command_with_a_prompt_prints_what_stands_below_it() {
    let bctrace = Path::new(env!("CARGO_BIN_EXE_bctrace")).parent().unwrap();
    let path = std::env::join_paths(
        [bctrace.to_owned()].into_iter().chain(std::env::split_paths(&std::env::var_os("PATH").unwrap())),
    );
    let path = path.unwrap();
    let mut checked = 0;
    for page in pages() {
        let scratch = tempfile::tempdir().unwrap();
        std::os::unix::fs::symlink(root().join("fixtures"), scratch.path().join("fixtures")).unwrap();
        for Shown { command, output } in page.shown() {
            let mut shell = running::shell(&format!("{{ {command}; }} 2>&1 </dev/null"));
            shell.env("PATH", &path).current_dir(scratch.path());
            let missing = ["jq", "sqlite3"].into_iter().find(|tool| command.contains(tool) && !has(tool));
            if let Some(tool) = missing {
                assert!(std::env::var_os("CI").is_none(), "{tool} is not installed");
                continue;
            }
            let ran = running::run(&mut shell);
            let printed: Vec<&str> = std::str::from_utf8(&ran.stdout).unwrap().trim_end().lines().collect();
            assert_eq!(printed, output, "{}: {command}", page.path.display());
            checked += 1;
        }
    }
    assert!(checked >= 12, "{checked} commands were run");
}

fn has(tool: &str) -> bool {
    running::run(&mut running::shell(&format!("command -v {tool}"))).status == 0
}

#[test]
fn the_trace_on_the_first_screen_is_a_real_one() {
    let readme = &pages()[0];
    let scratch = tempfile::tempdir().unwrap();
    let trace = scratch.path().join("trace.txt");
    let mut command = running::bctrace(["-q", "-r", "fixtures/factorial.pyc"]);
    running::run(command.arg(&trace).current_dir(root())).succeeded();
    let shown: Vec<String> = readme.code_lines().into_iter().skip(1).take_while(|line| line.contains("> ")).collect();
    assert!(shown.len() >= 4, "README.md begins with {shown:?}");
    let trace = String::from_utf8(running::read(&trace)).unwrap();
    assert!(trace.contains(&shown.join("\n")), "no such lines: {shown:?}");
}

/// A `|` that is not escaped ends a cell, and what stands beyond a table's last column is not rendered at all.
#[test]
fn every_table_is_rendered_whole() {
    use pulldown_cmark::{Event, Options, Parser, Tag};
    let mut checked = 0;
    for page in pages() {
        let (mut rendered, mut columns) = (BTreeSet::new(), 0);
        for (event, range) in Parser::new_ext(&page.text, Options::ENABLE_TABLES).into_offset_iter() {
            match event {
                Event::Start(Tag::Table(alignments)) => columns = alignments.len(),
                Event::Start(Tag::TableHead | Tag::TableRow) => {
                    let row = page.text[range.clone()].trim_end();
                    let cells = row.replace("\\|", "").matches('|').count() - 1;
                    assert_eq!(cells, columns, "{}: {row}", page.path.display());
                    rendered.insert(range.start);
                    checked += 1;
                }
                _ => {}
            }
        }
        let mut start = 0;
        for line in page.text.split_inclusive('\n') {
            let is_row = line.starts_with('|') && !line.starts_with("|--");
            assert!(!is_row || rendered.contains(&start), "{}: in no table: {line}", page.path.display());
            start += line.len();
        }
    }
    assert!(checked > 100, "{checked} rows were checked");
}
