//! `bctrace report`: the page holds what the other commands say, is safe whatever a program chose, and replaces nothing that is no report.

use std::fs;
use std::path::Path;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::Value;
use sha2::{Digest, Sha256};

use crate::live::{self, Program};
use crate::running;

/// A program whose names, constants, values, exceptions and file try to be markup.
const INJECTING: &str = r#"import types
MARKUP = '</script><script>document.title = "PWNED"</script><img src=x onerror=alert(1)>&amp;"\'\xe2\x80\xa8'
def renamed(code):
    return types.CodeType(code.co_argcount, code.co_nlocals, code.co_stacksize, code.co_flags, code.co_code, code.co_consts,
        code.co_names, code.co_varnames, MARKUP + '.py', MARKUP, 3, code.co_lnotab)
def body():
    if MARKUP == '<!--':
        return 1
    raise ValueError(MARKUP)
inner = types.FunctionType(renamed(body.__code__), globals(), MARKUP)
try:
    inner()
except ValueError:
    pass
try:
    open('/' + MARKUP)
except IOError:
    pass
"#;

/// The text of the first element with this start tag.
fn element<'a>(page: &'a str, start: &str, end: &str) -> &'a str {
    let from = page.find(start).unwrap_or_else(|| panic!("no {start}")) + start.len();
    &page[from..from + page[from..].find(end).unwrap()]
}

fn data(page: &str) -> Value {
    serde_json::from_str(element(page, "<script type=\"application/json\" id=\"data\">", "</script>")).unwrap()
}

/// The page about a program that was recorded with these options.
fn page(program: &Program, options: &[&str]) -> String {
    assert_eq!(program.trace(options, "t.bct", &[]).status, 0);
    live::run(program.command(["report", "t.bct", "-o", "r.html"])).succeeded();
    program.read("r.html")
}

#[test]
fn nothing_that_a_program_chose_is_markup() {
    let page = page(&Program::new(INJECTING), &["--values"]);
    let lower = page.to_lowercase();
    assert_eq!((lower.matches("<script").count(), lower.matches("</script>").count()), (2, 2));
    assert_eq!((lower.matches("<img").count(), lower.matches("<!--").count()), (0, 0));
    assert!(!page.contains('\u{2028}'));
    let names: Vec<String> =
        data(&page)["codes"].as_array().unwrap().iter().map(|code| code["name"].to_string()).collect();
    assert!(names.iter().any(|name| name.contains("onerror=alert(1)")), "{names:?}");
}

#[test]
fn only_the_script_and_the_style_of_the_page_may_run() {
    let page = page(&Program::new("x = 1\n"), &[]);
    let policy = element(&page, "<meta http-equiv=\"Content-Security-Policy\" content=\"", "\">").replace("&#39;", "'");
    for (directive, start, end) in [("script-src", "<script>", "</script>"), ("style-src", "<style>", "</style>")] {
        let hash = STANDARD.encode(Sha256::digest(element(&page, start, end)));
        assert!(policy.contains(&format!("{directive} 'sha256-{hash}';")), "{policy}");
    }
    assert!(policy.starts_with("default-src 'none';"), "{policy}");
    // Nothing is loaded: there is no address in it but that of SVG's names.
    let addresses = page.match_indices("http").filter(|(at, _)| !page[*at..].starts_with("http-equiv")).count();
    assert_eq!(addresses, page.matches("http://www.w3.org/2000/svg").count());
}

#[test]
fn the_counts_are_those_of_info() {
    for fixture in
        ["threads.pyc", "generator_heavy.pyc", "recursion.pyc", "self_modifying.pyc", "overlapping.pyc", "classes.pyc"]
    {
        let folder = tempfile::tempdir().unwrap();
        let trace = folder.path().join("t.bct");
        let trace = trace.to_str().unwrap();
        running::run(&mut running::bctrace([running::fixtures().join(fixture).to_str().unwrap(), trace]));
        let page = running::run(&mut running::bctrace(["report", trace, "-o", "-"])).succeeded();
        let info: Value =
            serde_json::from_str(&running::run(&mut running::bctrace(["info", "--format", "json", trace])).succeeded())
                .unwrap();
        let data = data(&page);
        let sum = |list: &Value, key: &str| -> u64 {
            list.as_array().unwrap().iter().map(|one| one[key].as_u64().unwrap()).sum()
        };
        assert_eq!(data["instructions"], info["recorded"], "{fixture}");
        assert_eq!(sum(&data["codes"], "own"), info["recorded"].as_u64().unwrap(), "{fixture}");
        assert_eq!(sum(&data["codes"], "entered"), info["frames"].as_u64().unwrap() + resumed(trace), "{fixture}");
        let own: u64 = data["flame"]["own"].as_array().unwrap().iter().map(|own| own.as_u64().unwrap()).sum();
        assert_eq!(own, info["recorded"].as_u64().unwrap(), "{fixture}");
        let stretches = data["timeline"]["stretches"].as_array().unwrap();
        let timeline: u64 = stretches
            .iter()
            .flat_map(|stretch| stretch.as_array().unwrap())
            .map(|part| part[2].as_u64().unwrap())
            .sum();
        assert_eq!(timeline, info["recorded"].as_u64().unwrap(), "{fixture}");
        // Each listing accounts for every instruction of its code object that lies inside the code.
        for code in data["codes"].as_array().unwrap().iter().filter(|code| !code["lines"].is_null()) {
            assert_eq!(sum(&code["lines"], "c"), code["own"].as_u64().unwrap(), "{fixture}: {}", code["name"]);
        }
    }
}

/// How often generators went on, by the JSON lines of the trace.
fn resumed(trace: &str) -> u64 {
    let lines = running::run(&mut running::bctrace(["show", "-f", "jsonl", trace])).succeeded();
    let mut yielded = std::collections::HashSet::new();
    let mut last = (0, 0);
    let mut count = 0;
    for line in lines.lines() {
        let line: Value = serde_json::from_str(line).unwrap();
        if let (Some(frame), Some(opname)) = (line["frame"].as_u64(), line["opname"].as_str()) {
            let thread = line["thread"].as_u64().unwrap();
            if (thread, frame) != last && yielded.remove(&frame) {
                count += 1;
            }
            if opname == "YIELD_VALUE" {
                yielded.insert(frame);
            }
            last = (thread, frame);
        }
    }
    count
}

#[test]
fn functions_that_never_ran_are_listed() {
    let program = Program::new("def used():\n    return 1\ndef unused():\n    def inner(): pass\nused()\n");
    let data = data(&page(&program, &[]));
    let names: Vec<&str> = data["unused"].as_array().unwrap().iter().map(|one| one["name"].as_str().unwrap()).collect();
    assert_eq!(names, ["unused", "inner"]);
}

#[test]
fn a_branch_has_counts_of_both_sides() {
    let data = data(&page(&Program::new("for i in range(10):\n    if i % 5:\n        i = 0\n"), &[]));
    let lines = data["codes"][0]["lines"].as_array().unwrap().clone();
    let of = |name: &str| lines.iter().find(|line| line["n"] == name).unwrap().clone();
    assert_eq!((of("FOR_ITER")["c"].as_u64(), of("FOR_ITER")["j"].as_u64()), (Some(11), Some(1)));
    assert_eq!((of("POP_JUMP_IF_FALSE")["c"].as_u64(), of("POP_JUMP_IF_FALSE")["j"].as_u64()), (Some(10), Some(2)));
}

/// How often each instruction of the module that overlaps one that ran did so itself, and whether the page calls that odd.
fn overlaps(fixture: &str) -> (Vec<u64>, bool) {
    let program = Program::new("");
    fs::copy(running::fixtures().join(fixture), program.path("p.pyc")).unwrap();
    let data = data(&page(&program, &[]));
    let lines = data["codes"][0]["lines"].as_array().unwrap();
    let times = lines.iter().filter(|line| line["x"] == true).map(|line| line["c"].as_u64().unwrap()).collect();
    (times, data["oddities"].to_string().contains("instructions that overlap"))
}

#[test]
fn only_instructions_that_ran_can_be_executed_overlapping() {
    let (times, is_odd) = overlaps("junk.pyc");
    assert!(!is_odd && !times.is_empty() && times.iter().all(|&times| times == 0), "{times:?}");
    assert_eq!(overlaps("overlapping.pyc"), (vec![1, 1, 1], true));
}

#[test]
fn a_listing_has_the_first_and_the_last_value_and_how_many_there_were() {
    let source = "def f(a):\n    return a\nfor i in range(10):\n    i * 2\n    f('x')\n";
    let program = Program::new(source);
    let shown = data(&page(&program, &["--values"]));
    let lines =
        shown["codes"].as_array().unwrap().iter().find(|code| code["name"] == "<module>").unwrap()["lines"].clone();
    let of = |name: &str| lines.as_array().unwrap().iter().rfind(|line| line["n"] == name).unwrap()["v"].clone();
    assert_eq!(of("BINARY_MULTIPLY"), serde_json::json!(["0 * 2 -> 0", "9 * 2 -> 18", "10"]));
    assert_eq!(of("CALL_FUNCTION"), serde_json::json!(["f('x') -> 'x'", "", ""]));
    assert_eq!(of("LOAD_CONST"), Value::Null);
    let without = data(&page(&program, &["--force"]));
    assert!(!without.to_string().contains("\"v\":"));
}

/// Records a program, cleans it into `clean`, and returns how a report with that folder ended.
fn report_of_clean(folder: &Path, program: &Path, spoil: impl FnOnce(&Path)) -> running::Ran {
    let program = program.to_str().unwrap();
    let run = |words: &[&str]| running::run(running::bctrace(words).current_dir(folder));
    run(&[program, "t.bct"]);
    run(&["clean", program, "t.bct", "-o", "clean"]);
    spoil(&folder.join("clean"));
    run(&["report", "t.bct", "--clean", "clean", "-o", "r.html"])
}

#[test]
fn clean_listings_stand_beside_the_code_that_they_were_made_of() {
    let folder = tempfile::tempdir().unwrap();
    let program = folder.path().join("mixed.pyc");
    // A constant that is popped is taken for junk.
    running::compile(
        "def junk():\n    (1, 2)\n    return 3\ndef plain():\n    return 4\nprint junk() + plain()\n",
        &program,
    );
    report_of_clean(folder.path(), &program, |_| ()).succeeded();
    let data = data(&fs::read_to_string(folder.path().join("r.html")).unwrap());
    assert_eq!(data["clean"], "clean");
    let listed = running::run(running::bctrace(["dis", "clean/mixed.pyc"]).current_dir(folder.path())).succeeded();
    let (mut changed, mut same) = (0, 0);
    for code in data["codes"].as_array().unwrap().iter().filter(|code| code["library"] == false) {
        let clean = &code["clean"];
        assert_eq!(clean["file"], "mixed.pyc", "{code}");
        match clean["lines"].as_array() {
            None => same += usize::from(clean["same"] == true),
            Some(lines) => {
                changed += 1;
                let name = clean["name"].as_str().unwrap();
                let mut codes = listed.split("\ncode ").skip(1);
                let listing = codes.find(|part| part.split_whitespace().nth(1) == Some(name)).unwrap();
                let is_row = |line: &&str| {
                    line.contains(":  ")
                        && line.split_once(":  ").unwrap().0.trim().ends_with(|one: char| one.is_ascii_digit())
                };
                assert_eq!(listing.lines().filter(is_row).count(), lines.len(), "{listing}");
            }
        }
    }
    assert!(changed > 0 && same > 0, "{changed} {same}");
}

#[test]
fn a_folder_that_clean_has_not_written_is_refused_and_a_file_that_is_gone_is_named() {
    let refused = |spoil: &dyn Fn(&Path)| {
        let folder = tempfile::tempdir().unwrap();
        let ran = report_of_clean(folder.path(), &running::fixtures().join("exceptions.pyc"), spoil);
        assert_eq!((ran.status, ran.stderr().lines().count()), (125, 1), "{}", ran.stderr());
        assert!(!folder.path().join("r.html").exists());
        ran.stderr()
    };
    assert!(refused(&|clean| fs::remove_dir_all(clean).unwrap()).contains("clean/manifest.json"));
    for manifest in
        ["", "[]", r#"{"manifest":1,"files":[{"file":"../t.bct","originals":[]}]}"#, r#"{"files":[{"file":"a"}]}"#]
    {
        let told = refused(&|clean| fs::write(clean.join("manifest.json"), manifest).unwrap());
        assert!(told.contains("clean/manifest.json is no list"), "{told}");
    }
    let folder = tempfile::tempdir().unwrap();
    report_of_clean(folder.path(), &running::fixtures().join("exceptions.pyc"), |clean| {
        fs::write(clean.join("exceptions.pyc"), "x").unwrap()
    })
    .succeeded();
    let data = data(&fs::read_to_string(folder.path().join("r.html")).unwrap());
    assert!(data["cut"].to_string().contains("cannot be read: exceptions.pyc"), "{}", data["cut"]);
}

#[test]
fn a_file_that_is_no_report_is_not_replaced() {
    let program = Program::new("x = 1\n");
    let report = |words: &[&str]| live::run(program.command([&["report", "t.bct", "-o"], words].concat()));
    page(&program, &[]);
    assert_eq!(report(&["r.html"]).status, 0, "a report is replaced");
    fs::write(program.path("notes.html"), "<!doctype html>\nmine\n").unwrap();
    let refused = report(&["notes.html"]);
    assert_eq!((refused.status, program.read("notes.html").as_str()), (125, "<!doctype html>\nmine\n"));
    assert!(refused.stderr().contains("--force"), "{}", refused.stderr());
    let trace = fs::read(program.path("t.bct")).unwrap();
    for words in [&["t.bct"][..], &["t.bct", "--force"], &["./t.bct", "--force"]] {
        assert_eq!(report(words).status, 125);
    }
    assert_eq!(fs::read(program.path("t.bct")).unwrap(), trace);
    assert_eq!(report(&["notes.html", "--force"]).status, 0);
    assert!(program.read("notes.html").contains("bctrace report"));
    assert_eq!(report(&["no/r.html"]).status, 125);
    assert!(!Path::new(&program.path("no")).exists());
}

#[test]
fn a_damaged_trace_has_a_page_that_says_so() {
    let program = Program::new("for i in range(1000): x = i\n");
    page(&program, &[]);
    let trace = fs::read(program.path("t.bct")).unwrap();
    fs::write(program.path("t.bct"), &trace[..trace.len() / 2]).unwrap();
    let ran = live::run(program.command(["report", "t.bct", "-o", "r.html"]));
    assert_eq!(ran.status, 125);
    assert!(data(&program.read("r.html"))["cut"].to_string().contains("damaged"));
}
