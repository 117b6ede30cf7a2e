//! `bctrace export`: each form holds what `bctrace info` reports, is well-formed whatever a program chose, and replaces nothing that is there.

use std::collections::HashMap;
use std::fs;
use std::path::PathBuf;

use serde_json::Value;

use crate::live::Program;
use crate::running;

const FIXTURES: [&str; 16] = [
    "threads.pyc",
    "threads_switching.pyc",
    "generator_heavy.pyc",
    "generators.pyc",
    "recursion.pyc",
    "self_modifying.pyc",
    "overlapping.pyc",
    "before_the_code.pyc",
    "falls_off.pyc",
    "extended_arg_chained.pyc",
    "exceptions.pyc",
    "hostile_names.pyc",
    "invalid_uncaught.pyc",
    "exec_eval.pyc",
    "packed.pyc",
    "classes.pyc",
];

/// A trace in a folder of its own.
pub struct Trace {
    folder: tempfile::TempDir,
    pub path: PathBuf,
}

impl Trace {
    pub fn of(fixture: &str, options: &[&str]) -> Trace {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("t.bct");
        let program = running::fixtures().join(fixture);
        let words = [options, &[program.to_str().unwrap(), path.to_str().unwrap()]].concat();
        running::run(&mut running::bctrace(words));
        Trace { folder, path }
    }

    pub fn out(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    pub fn export(&self, form: &str, out: &str, options: &[&str]) -> running::Ran {
        let out = self.out(out);
        let words = [&["export", self.path.to_str().unwrap(), "-f", form, "-o", out.to_str().unwrap()], options];
        running::run(&mut running::bctrace(words.concat()))
    }

    /// What a form makes of it.
    pub fn exported(&self, form: &str, options: &[&str]) -> String {
        self.export(form, "out", &[&["--force"], options].concat()).succeeded();
        String::from_utf8(running::read(&self.out("out"))).unwrap()
    }

    fn table(&self, table: &str) -> Table {
        Table::parse(&self.exported("csv", &["--table", table]))
    }

    fn info(&self) -> Value {
        let ran = running::run(&mut running::bctrace(["info", "--format", "json", self.path.to_str().unwrap()]));
        serde_json::from_str(&ran.stdout()).unwrap()
    }

    pub fn recorded(&self) -> u64 {
        self.info()["recorded"].as_u64().unwrap()
    }
}

/// A table as CSV has it.
struct Table {
    columns: Vec<String>,
    rows: Vec<Vec<String>>,
}

impl Table {
    fn parse(text: &str) -> Table {
        let mut rows = text.lines().map(fields);
        let columns = rows.next().unwrap();
        let rows: Vec<Vec<String>> = rows.collect();
        assert!(rows.iter().all(|row| row.len() == columns.len()), "{text}");
        Table { columns, rows }
    }

    fn column(&self, name: &str) -> Vec<&str> {
        let place = self.columns.iter().position(|column| column == name).unwrap();
        self.rows.iter().map(|row| row[place].as_str()).collect()
    }

    fn numbers(&self, name: &str) -> Vec<i64> {
        self.column(name).iter().map(|cell| cell.parse().unwrap()).collect()
    }
}

/// The fields of a line of CSV.
fn fields(line: &str) -> Vec<String> {
    let (mut fields, mut field, mut quoted) = (Vec::new(), String::new(), false);
    let mut chars = line.chars().peekable();
    while let Some(one) = chars.next() {
        match one {
            '"' if quoted && chars.peek() == Some(&'"') => field.push(chars.next().unwrap()),
            '"' => quoted = !quoted,
            ',' if !quoted => fields.push(std::mem::take(&mut field)),
            _ => field.push(one),
        }
    }
    fields.push(field);
    fields
}

#[test]
fn the_totals_of_the_tables_are_those_of_info() {
    for fixture in FIXTURES {
        for options in [&[][..], &["--values"]] {
            let trace = Trace::of(fixture, options);
            let info = trace.info();
            let number = |key: &str| info[key].as_i64().unwrap();
            let runs = trace.table("runs");
            assert_eq!(runs.numbers("instructions").iter().sum::<i64>(), number("recorded"), "{fixture}");
            let frames = trace.table("frames");
            let entered = frames.column("entry").iter().filter(|entry| **entry == "entered").count() as i64;
            assert_eq!(entered, number("frames"), "{fixture}");
            assert_eq!(frames.numbers("instructions").iter().sum::<i64>(), number("recorded"), "{fixture}");
            assert_eq!(trace.table("exceptions").rows.len() as i64, number("exceptions"), "{fixture}");
            let traces = trace.table("traces");
            for key in ["executed", "recorded", "frames", "exceptions"] {
                assert_eq!(traces.numbers(key), [number(key)], "{fixture}: {key}");
            }
        }
    }
}

#[test]
fn runs_and_sequences_are_the_instructions_that_show_prints() {
    for fixture in FIXTURES {
        let trace = Trace::of(fixture, &[]);
        let sequences = trace.table("sequences");
        let mut steps = HashMap::new();
        let opnames = sequences.column("opname");
        let offsets = sequences.numbers("offset");
        for (row, key) in sequences.numbers("sequence").into_iter().zip(sequences.numbers("step")).enumerate() {
            steps.insert(key, format!("{} {}", offsets[row], opnames[row]));
        }
        let runs = trace.table("runs");
        let (sequence, count) = (runs.numbers("sequence"), runs.numbers("instructions"));
        let instructions: Vec<&String> = (0..runs.rows.len())
            .flat_map(|row| (0..count[row]).map(move |step| (row, step)))
            .map(|(row, step)| &steps[&(sequence[row], step)])
            .collect();
        let shown = running::run(&mut running::bctrace(["show", trace.path.to_str().unwrap()])).stdout();
        let shown: Vec<String> = shown
            .lines()
            .map(|line| {
                let mut words = line.split_once("> ").unwrap().1.split(' ');
                let (offset, opname) = (words.next().unwrap(), words.next().unwrap());
                match opname.bytes().all(|byte| byte.is_ascii_digit()) {
                    true => format!("{offset} <{opname}>"),
                    false => format!("{offset} {opname}"),
                }
            })
            .collect();
        assert_eq!(instructions.len(), shown.len(), "{fixture}");
        for (number, (exported, shown)) in instructions.iter().zip(&shown).enumerate() {
            assert_eq!(*exported, shown, "{fixture}: instruction {}", number + 1);
        }
    }
}

#[test]
fn calls_of_a_trace_with_values_have_arguments_and_results() {
    let program = Program::new(
        "def f(a):\n    return a * 2\ndef g():\n    raise KeyError('k')\nf(21)\nlen('abc')\ntry:\n    g()\nexcept KeyError:\n    pass\n",
    );
    program.trace(&["--values", "--no-stdlib"], "t.bct", &[]);
    crate::live::run(program.command(["export", "t.bct", "-f", "csv", "--table", "calls", "-o", "c.csv"])).succeeded();
    let table = Table::parse(&program.read("c.csv"));
    let find = |callee: &str| {
        let place = table.column("callee").iter().position(|one| one.contains(callee)).expect(callee);
        ["arguments", "outcome", "result", "callee_frame"].map(|column| table.column(column)[place].to_string())
    };
    let [arguments, outcome, result, frame] = find("function f");
    assert_eq!((arguments.as_str(), outcome.as_str(), result.as_str()), ("21", "returned", "42"));
    assert!(!frame.is_empty());
    let [arguments, outcome, result, frame] = find("built-in len");
    assert_eq!([arguments, outcome, result, frame], ["'abc'", "returned", "3", ""]);
    let [_, outcome, result, _] = find("function g");
    assert_eq!(outcome, "raised");
    assert!(result.starts_with("KeyError"), "{result}");
}

/// Programs whose threads take turns, send to a generator of another one, or are recorded from the middle, and the options.
const TAKING_TURNS: [(&str, &[&str]); 3] = [
    (
        "\
import sys, thread
one, other = thread.allocate_lock(), thread.allocate_lock()
one.acquire(), other.acquire()
def f(): return 1
def work():
    other.acquire()
    f()
    one.release()
thread.start_new_thread(work, ())
sys.setcheckinterval(1)
other.release()
for i in range(20): f()
one.acquire()
",
        &[],
    ),
    (
        "\
import thread
def echo():
    while 1: x = yield 1
g = echo()
g.next()
lock = thread.allocate_lock()
lock.acquire()
def work():
    g.send('other')
    lock.release()
g.send('main')
thread.start_new_thread(work, ())
lock.acquire()
g.send('again')
",
        &[],
    ),
    ("def f(n):\n    g(n)\n    return n\ndef g(n): return n\nf(1)\nf(2)\n", &["--start-at", "g"]),
];

#[test]
fn first_instructions_and_values_are_those_of_the_runs() {
    for (source, options) in TAKING_TURNS {
        let program = Program::new(source);
        program.trace(&[&["-q", "--values"], options].concat(), "t.bct", &[]);
        let table = |table: &str| {
            let words = ["export", "t.bct", "-f", "csv", "--force", "--table", table, "-o", "t.csv"];
            crate::live::run(program.command(words)).succeeded();
            Table::parse(&program.read("t.csv"))
        };
        let runs = table("runs");
        let columns = ["first", "instructions", "thread", "frame", "code"].map(|column| runs.numbers(column));
        let runs: Vec<[i64; 5]> =
            (0..columns[0].len()).map(|row| columns.each_ref().map(|column| column[row])).collect();
        let frames = table("frames");
        let (ids, firsts, counts) = (frames.numbers("frame"), frames.numbers("first"), frames.numbers("instructions"));
        for (row, frame) in ids.iter().enumerate().filter(|(row, _)| counts[*row] > 0) {
            let first = runs.iter().filter(|run| run[3] == *frame).map(|run| run[0]).min();
            assert_eq!(Some(firsts[row]), first, "frame {frame} of\n{source}");
        }
        let values = table("values");
        let columns = ["number", "thread", "frame", "code"].map(|column| values.numbers(column));
        for row in 0..columns[0].len() {
            let [number, place @ ..] = columns.each_ref().map(|column| column[row]);
            let run = runs.iter().find(|run| (run[0]..run[0] + run[1]).contains(&number));
            assert_eq!(run.map(|run| &run[2..]), Some(&place[..]), "value {row}, {:?}, of\n{source}", values.rows[row]);
        }
    }
}

#[test]
fn the_sums_of_profiles_are_those_of_info() {
    for fixture in FIXTURES {
        let trace = Trace::of(fixture, &[]);
        let recorded = trace.recorded();
        let profile: Value = serde_json::from_str(&trace.exported("speedscope", &[])).unwrap();
        let profiles = profile["profiles"].as_array().unwrap();
        let weights = profiles.iter().flat_map(|one| one["weights"].as_array().unwrap());
        assert_eq!(weights.map(|one| one.as_u64().unwrap()).sum::<u64>(), recorded, "{fixture}");
        let firefox: Value = serde_json::from_str(&trace.exported("firefox", &[])).unwrap();
        let threads = firefox["threads"].as_array().unwrap();
        let weights = threads.iter().flat_map(|thread| thread["samples"]["weight"].as_array().unwrap());
        assert_eq!(weights.map(|one| one.as_u64().unwrap()).sum::<u64>(), recorded, "{fixture}");
        let callgrind = trace.exported("callgrind", &[]);
        assert!(callgrind.contains(&format!("\ntotals: {recorded}\n")), "{fixture}");
        assert_eq!(own_costs(&callgrind), recorded, "{fixture}");
    }
}

/// The costs of lines in callgrind's format, without those of calls.
fn own_costs(text: &str) -> u64 {
    let (mut sum, mut is_call) = (0, false);
    for line in text.lines() {
        if line.starts_with("calls=") {
            is_call = true;
        } else if let Some((_, cost)) =
            line.split_once(' ').filter(|_| line.starts_with(|one: char| one.is_ascii_digit()))
        {
            sum += if is_call { 0 } else { cost.parse::<u64>().unwrap() };
            is_call = false;
        }
    }
    sum
}

#[test]
fn calls_of_an_evented_profile_begin_and_end_in_pairs() {
    for fixture in FIXTURES {
        let profile: Value =
            serde_json::from_str(&Trace::of(fixture, &[]).exported("speedscope", &["--evented"])).unwrap();
        for thread in profile["profiles"].as_array().unwrap() {
            let (mut open, mut at) = (Vec::new(), 0);
            for event in thread["events"].as_array().unwrap() {
                assert!(event["at"].as_u64().unwrap() >= at, "{fixture}");
                at = event["at"].as_u64().unwrap();
                match event["type"].as_str().unwrap() {
                    "O" => open.push(event["frame"].clone()),
                    _ => assert_eq!(open.pop().unwrap(), event["frame"], "{fixture}"),
                }
            }
            assert!(open.is_empty() && at <= thread["endValue"].as_u64().unwrap(), "{fixture}");
        }
    }
}

#[test]
fn slices_of_perfetto_begin_and_end_in_pairs_on_each_track() {
    for fixture in FIXTURES {
        let trace = Trace::of(fixture, &[]);
        trace.export("perfetto", "p", &[]).succeeded();
        let mut open: HashMap<u64, u64> = HashMap::new();
        let mut instants = 0;
        for (_, packet) in messages(&running::read(&trace.out("p"))) {
            for (_, event) in messages(packet.bytes()).iter().filter(|(field, _)| *field == 11) {
                let fields = messages(event.bytes());
                let number =
                    |wanted| fields.iter().find(|(field, _)| *field == wanted).map(|(_, value)| value.number());
                let depth = open.entry(number(11).unwrap()).or_default();
                match number(9).unwrap() {
                    1 => *depth += 1,
                    2 => *depth = depth.checked_sub(1).expect(fixture),
                    _ => instants += 1,
                }
            }
        }
        assert!(open.values().all(|depth| *depth == 0), "{fixture}");
        assert!(instants >= trace.info()["exceptions"].as_u64().unwrap(), "{fixture}");
    }
}

/// A field of a protobuf message.
enum Field {
    Number(u64),
    Bytes(Vec<u8>),
}

impl Field {
    fn number(&self) -> u64 {
        match self {
            Field::Number(number) => *number,
            Field::Bytes(_) => panic!("no number"),
        }
    }

    fn bytes(&self) -> &[u8] {
        match self {
            Field::Bytes(bytes) => bytes,
            Field::Number(_) => panic!("no bytes"),
        }
    }
}

/// The fields of a protobuf message.
fn messages(mut bytes: &[u8]) -> Vec<(u64, Field)> {
    fn varint(bytes: &mut &[u8]) -> u64 {
        let (mut value, mut shift) = (0, 0);
        loop {
            let byte = bytes[0];
            *bytes = &bytes[1..];
            value |= u64::from(byte & 0x7f) << shift;
            shift += 7;
            if byte < 0x80 {
                return value;
            }
        }
    }
    let mut found = Vec::new();
    while !bytes.is_empty() {
        let key = varint(&mut bytes);
        let field = match key & 7 {
            0 => Field::Number(varint(&mut bytes)),
            2 => {
                let length = varint(&mut bytes) as usize;
                let (value, rest) = bytes.split_at(length);
                bytes = rest;
                Field::Bytes(value.to_vec())
            }
            other => panic!("wire type {other}"),
        };
        found.push((key >> 3, field));
    }
    found
}

/// A program whose names, file, values, exceptions and attempts are all that formats choke on.
const HOSTILE: &str = r#"import types
NAMES = ['a\nfn=(1) forged\n1 999', '\x00nul', '\xed\xa0\x80surrogate', '\xff\xfe', 'a,b"c\'', '\\n', 'C:\\new', '\xe2\x80\xae', '(1) x', '']
def body(x):
    raise ValueError(x)
for name in NAMES:
    code = body.__code__
    code = types.CodeType(code.co_argcount, code.co_nlocals, code.co_stacksize, code.co_flags, code.co_code, code.co_consts,
        code.co_names, code.co_varnames, name + '.py', name, 3, code.co_lnotab)
    try:
        types.FunctionType(code, globals(), name)(name)
    except ValueError:
        pass
    try:
        open('/' + name.replace('\x00', '') + '/x')
    except IOError:
        pass
"#;

#[test]
fn nothing_that_a_program_chose_breaks_a_form() {
    let program = Program::new(HOSTILE);
    assert_eq!(program.trace(&["--values"], "t.bct", &[]).status, 0);
    let export = |form: &str, options: &[&str]| {
        crate::live::run(program.command([&["export", "t.bct", "-f", form, "-o", "out", "--force"], options].concat()))
            .succeeded();
        program.read("out")
    };
    for table in ["runs", "sequences", "frames", "code", "values", "calls", "exceptions", "attempts", "traces"] {
        let text = export("csv", &["--table", table]);
        assert!(!text.contains(|one: char| one.is_control() && one != '\n' || one == '\u{202e}'), "{table}");
        Table::parse(&text);
    }
    let names = Table::parse(&export("csv", &["--table", "code"]));
    let names = names.column("name");
    for name in [r"\x00nul", r"\xed\xa0\x80surrogate", r"\xff\xfe", "a,b\"c'", r"\\n", r"C:\\new", r"\xe2\x80\xae", ""]
    {
        assert!(names.contains(&name), "{name}: {names:?}");
    }
    for options in [&[][..], &["--evented"]] {
        serde_json::from_str::<Value>(&export("speedscope", options)).unwrap();
    }
    serde_json::from_str::<Value>(&export("firefox", &[])).unwrap();
    let callgrind = export("callgrind", &[]);
    let total: u64 = callgrind.lines().find_map(|line| line.strip_prefix("totals: ")).unwrap().parse().unwrap();
    assert_eq!(own_costs(&callgrind), total);
    assert!(!callgrind.lines().any(|line| line.starts_with("1 999")));
}

#[test]
fn a_damaged_or_cut_trace_is_exported_as_far_as_it_can_be_read() {
    let trace = Trace::of("generator_heavy.pyc", &["--values"]);
    let whole = running::read(&trace.path);
    for part in [whole.len() / 2, whole.len() - 30] {
        fs::write(&trace.path, &whole[..part]).unwrap();
        for form in ["csv", "perfetto", "speedscope", "firefox", "callgrind"] {
            let ran = trace.export(form, &format!("{form}.{part}"), &["--force"]);
            assert_eq!(ran.status, 125, "{form}: {}", ran.stderr());
            assert!(ran.stderr().lines().count() >= 1 && trace.out(&format!("{form}.{part}")).exists(), "{form}");
        }
        let runs = Table::parse(&fs::read_to_string(trace.out(&format!("csv.{part}")).join("runs.csv")).unwrap());
        assert_eq!(runs.numbers("instructions").iter().sum::<i64>(), trace.recorded() as i64);
    }
}

#[test]
fn a_trace_without_instructions_has_every_form() {
    let trace = Trace::of("factorial.pyc", &["--max-instructions", "0"]);
    for form in ["csv", "perfetto", "speedscope", "firefox", "callgrind"] {
        trace.export(form, form, &[]).succeeded();
    }
    let profile: Value = serde_json::from_slice(&running::read(&trace.out("speedscope"))).unwrap();
    assert_eq!(profile["profiles"].as_array().unwrap().len(), 1);
}

#[test]
fn what_is_there_is_replaced_with_force_only_and_never_the_trace() {
    let trace = Trace::of("factorial.pyc", &[]);
    fs::write(trace.out("out"), "mine").unwrap();
    let refused = trace.export("callgrind", "out", &[]);
    assert_eq!((refused.status, refused.stderr().lines().count()), (125, 1), "{}", refused.stderr());
    assert_eq!(running::read(&trace.out("out")), b"mine");
    assert_eq!(trace.export("callgrind", "t.bct", &["--force"]).status, 125);
    trace.export("callgrind", "out", &["--force"]).succeeded();
    // An export that fails leaves what was there, and nothing else.
    let before = running::read(&trace.out("out"));
    fs::write(trace.out("t.bct"), "no trace").unwrap();
    let failed = trace.export("callgrind", "out", &["--force"]);
    assert_eq!((failed.status, failed.stderr().lines().count()), (125, 1), "{}", failed.stderr());
    assert_eq!(running::read(&trace.out("out")), before);
    let mut names: Vec<_> = fs::read_dir(trace.folder.path()).unwrap().map(|one| one.unwrap().file_name()).collect();
    names.sort();
    assert_eq!(names, ["out", "t.bct"]);
}

#[test]
fn a_trace_that_comes_through_a_pipe_gives_what_the_file_gives() {
    let trace = Trace::of("exceptions.pyc", &["--values"]);
    let program = running::fixtures().join("exceptions.pyc");
    let listing = running::run(&mut running::bctrace(["dis", program.to_str().unwrap()])).succeeded();
    fs::write(trace.out("l.lst"), listing).unwrap();
    let listing = trace.out("l.lst");
    let lcov = ["--listing", listing.to_str().unwrap()];
    for (form, options) in [
        ("csv", &["--table", "runs"][..]),
        ("csv", &["--table", "traces"]),
        ("perfetto", &[]),
        ("speedscope", &[]),
        ("firefox", &[]),
        ("callgrind", &[]),
        ("lcov", &lcov),
    ] {
        trace.export(form, "expected", &[options, &["--force"]].concat()).succeeded();
        for name in ["-", "/dev/stdin"] {
            let words = [&["export", name, "-f", form, "-o", "-"], options].concat();
            let ran = running::run_with(&mut running::bctrace(words), &running::read(&trace.path));
            assert_eq!((ran.status, ran.stderr()), (0, String::new()), "{form} {name}");
            assert_eq!(ran.stdout, running::read(&trace.out("expected")), "{form} {name}");
        }
    }
}

#[test]
fn what_comes_through_a_pipe_and_is_no_trace_is_refused_at_once() {
    // More than is looked at; no end of it would be waited for.
    let ran = running::run_with(
        &mut running::bctrace(["export", "-", "-f", "csv", "-o", "-", "--table", "runs"]),
        &vec![b'y'; 1 << 20],
    );
    assert_eq!((ran.status, ran.stderr().lines().count()), (125, 1), "{}", ran.stderr());
    assert!(ran.stderr().starts_with("bctrace: cannot read standard input: "), "{}", ran.stderr());
}

#[test]
fn options_of_another_form_are_wrong_usage() {
    let trace = Trace::of("factorial.pyc", &[]);
    for (form, options) in [
        ("perfetto", &["--table", "runs"][..]),
        ("callgrind", &["--evented"]),
        ("lcov", &[]),
        ("csv", &["--listing", "x"]),
    ] {
        assert_eq!(trace.export(form, "out", options).status, 2, "{form}");
    }
    let named = |form, out, options: &[&str]| {
        let refused = trace.export(form, out, options);
        assert!(!trace.out(out).exists());
        (refused.status, refused.stderr())
    };
    let tables = ["--table", "runs", "--table", "calls"];
    for (form, out, options) in
        [("csv", "one.csv", &[][..]), ("csv", "two.CSV", &tables), ("parquet", "one.parquet", &[])]
    {
        let (status, told) = named(form, out, options);
        assert!(status == 2 && told.contains(" names a file, and tables need a folder: -o "), "{told}");
        assert_eq!(told.contains("`--table calls` writes one file"), form == "csv", "{told}");
    }
    for no_listing in [trace.path.to_str().unwrap(), "/dev/zero"] {
        let refused = trace.export("lcov", "out", &["--listing", no_listing]);
        assert_eq!((refused.status, refused.stderr().lines().count()), (125, 1), "{}", refused.stderr());
    }
    // The command that is offered does not write over what was given.
    let program = trace.out("p.pyc");
    fs::copy(running::fixtures().join("factorial.pyc"), &program).unwrap();
    for (given, offered) in
        [("p.pyc", "p.pyc > p.lst"), ("p.lst", "p.lst > p.txt"), ("none.lst", "program.pyc > program.txt")]
    {
        if given != "p.pyc" {
            fs::copy(if given == "p.lst" { &program } else { &trace.path }, trace.out(given)).unwrap();
        }
        let words = ["export", "t.bct", "-f", "lcov", "-o", "out", "--listing", given];
        let refused = running::run(running::bctrace(words).current_dir(trace.folder.path()));
        assert!(refused.stderr().ends_with(&format!("`bctrace dis {offered}`\n")), "{}", refused.stderr());
    }
}

#[cfg(feature = "parquet")]
mod parquet_files {
    use parquet::file::reader::{FileReader, SerializedFileReader};
    use parquet::record::RowAccessor;
    use std::path::Path;

    use super::*;

    fn files(folder: &Path) -> Vec<PathBuf> {
        let mut found = Vec::new();
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() { found.extend(files(&path)) } else { found.push(path) }
        }
        found.sort();
        found
    }

    #[test]
    fn a_data_set_holds_the_rows_that_csv_has() {
        for fixture in ["threads.pyc", "exceptions.pyc", "hostile_names.pyc"] {
            let trace = Trace::of(fixture, &["--values"]);
            trace.export("parquet", "set", &[]).succeeded();
            // Once more: the same files.
            trace.export("parquet", "set", &[]).succeeded();
            let files = files(&trace.out("set"));
            assert_eq!(files.len(), 9, "{files:?}");
            for path in files {
                let names: Vec<&str> =
                    path.strip_prefix(trace.out("set")).unwrap().iter().map(|part| part.to_str().unwrap()).collect();
                assert_eq!(names[1].len(), "sample=".len() + 64);
                assert!(names[2].starts_with("run=") && names[2].len() == "run=.parquet".len() + 64);
                let csv = trace.table(names[0]);
                let reader = SerializedFileReader::new(fs::File::open(&path).unwrap()).unwrap();
                let metadata = reader.metadata().file_metadata();
                assert_eq!(metadata.num_rows() as usize, csv.rows.len(), "{names:?}");
                let pairs = metadata.key_value_metadata().unwrap();
                assert!(pairs.iter().any(|pair| pair.key == "bctrace.schema" && pair.value.as_deref() == Some("1.0")));
                let columns: Vec<&str> = metadata.schema().get_fields().iter().map(|field| field.name()).collect();
                assert_eq!(columns, csv.columns);
                if names[0] == "runs" {
                    let sum: i64 =
                        reader.get_row_iter(None).unwrap().map(|row| row.unwrap().get_long(2).unwrap()).sum();
                    assert_eq!(sum as u64, trace.recorded(), "{fixture}");
                }
            }
        }
    }

    #[test]
    fn a_recording_does_not_write_parquet_and_names_the_command_that_does() {
        let folder = tempfile::tempdir().unwrap();
        let out = folder.path().join("t.parquet");
        let program = running::fixtures().join("factorial.pyc");
        let ran = running::run(&mut running::bctrace([program.as_path(), out.as_path()]));
        assert!(ran.stderr().contains("bctrace export trace.bct --format parquet"), "{}", ran.stderr());
        assert!(!out.exists());
    }
}
