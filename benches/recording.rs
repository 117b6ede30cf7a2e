//! What recording costs: runs programs untraced and in every form, in turn, and prints the ratios to untraced.
//!
//! `cargo bench --bench recording [-- ROUNDS]`.  Ratios, not seconds, are worth quoting: each is the median over rounds, every mode of
//! a round right after the untraced run of the same round.
//!
//! `cargo bench --bench recording -- --instructions [NAME...]` counts machine instructions instead, and with `--check` those of three small
//! programs, which have bounds (`recording/instructions.rs`); `-- --clock [ROUNDS] [NAME...]` times the same programs (`recording/clock.rs`).

#[path = "recording/clock.rs"]
mod clock;
#[path = "recording/instructions.rs"]
mod instructions;
#[path = "recording/pyperformance.rs"]
mod pyperformance;

use std::fs::{self, File};
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Instant;

const BCTRACE: &str = env!("CARGO_BIN_EXE_bctrace");
/// The headers of the CPython that the VM was built from; its library lies beside them.
const HEADERS: &str = env!("BCTRACE_PYTHON_HEADERS");
const ROUNDS: usize = 5;

/// A way to run a program.
struct Mode {
    name: &'static str,
    options: &'static [&'static str],
    output: Output,
}

enum Output {
    /// Not traced at all: the interpreter with the hook off.
    Untraced,
    Named(&'static str),
    /// Standard output, read by `cat`.
    Pipe,
}

const MODES: [Mode; 12] = [
    Mode { name: "untraced", options: &[], output: Output::Untraced },
    Mode { name: "null", options: &["-f", "null"], output: Output::Named("null") },
    Mode { name: "filter", options: &["-n", "no such name"], output: Output::Named("/dev/null") },
    Mode { name: "text", options: &[], output: Output::Named("/dev/null") },
    Mode { name: "text -r", options: &["-r"], output: Output::Named("/dev/null") },
    Mode { name: ".bct", options: &[], output: Output::Named("trace.bct") },
    Mode { name: ".txt.zst", options: &[], output: Output::Named("trace.txt.zst") },
    Mode { name: ".jsonl.zst", options: &[], output: Output::Named("trace.jsonl.zst") },
    Mode { name: "values", options: &["--values", "-f", "null"], output: Output::Named("null") },
    Mode { name: "v .bct", options: &["--values"], output: Output::Named("values.bct") },
    Mode { name: "pipe", options: &[], output: Output::Pipe },
    Mode { name: "file", options: &[], output: Output::Named("trace.txt") },
];

/// One measured program.
struct Row {
    name: String,
    untraced: f64,
    ratios: Vec<f64>,
    instructions: u64,
    bct_bytes: u64,
    text_bytes: u64,
    /// Writing as many bytes with write(2) alone, into a pipe and to a file.
    pipe_write: f64,
    file_write: f64,
}

fn main() {
    let folder = tempfile::tempdir().expect("a temporary folder can be made");
    let words: Vec<String> = std::env::args().skip(1).filter(|word| word != "--bench").collect();
    if words.iter().any(|word| word == "--check") {
        return instructions::check(folder.path());
    }
    if let Some(at) = words.iter().position(|word| word == "--instructions") {
        return instructions::print(&words[at + 1..], folder.path());
    }
    let (numbers, names): (Vec<String>, Vec<String>) =
        words.into_iter().partition(|word| word.parse::<usize>().is_ok());
    let rounds = numbers.first().and_then(|word| word.parse().ok()).unwrap_or(ROUNDS);
    if let Some(at) = names.iter().position(|word| word == "--clock") {
        return clock::print(&names[at + 1..], rounds, folder.path());
    }
    let rows: Vec<Row> =
        programs(folder.path()).iter().map(|program| measure(program, folder.path(), rounds)).collect();
    print_table(&rows);
}

/// Compiles the programs, pystone of CPython's own tree among them.
fn programs(folder: &Path) -> Vec<PathBuf> {
    let ours = Path::new(env!("CARGO_MANIFEST_DIR")).join("benches/programs");
    let mut sources: Vec<PathBuf> = fs::read_dir(ours)
        .expect("the programs are there")
        .map(|entry| entry.expect("a readable entry").path())
        .collect();
    sources.sort();
    sources.push(Path::new(HEADERS).with_file_name("Lib").join("test/pystone.py"));
    sources.iter().map(|source| compile(source, folder)).collect()
}

fn compile(source: &Path, folder: &Path) -> PathBuf {
    let name = source.file_stem().expect("a source has a name");
    let compiled = folder.join(name).with_extension("pyc");
    let script = "import py_compile, sys; py_compile.compile(sys.argv[1], sys.argv[2], sys.argv[3], True)";
    let status = Command::new(BCTRACE).args(["python", "-c", script]).arg(source).arg(&compiled).arg(name).status();
    assert!(status.is_ok_and(|status| status.success()), "{} compiles", source.display());
    compiled
}

fn measure(program: &Path, folder: &Path, rounds: usize) -> Row {
    let mut times = vec![Vec::new(); MODES.len()];
    let (mut pipe_writes, mut file_writes) = (Vec::new(), Vec::new());
    for _ in 0..rounds {
        for (mode, times) in MODES.iter().zip(&mut times) {
            times.push(run(mode, program, folder));
        }
        let bytes = fs::metadata(folder.join("trace.txt")).map_or(0, |metadata| metadata.len()) as usize;
        pipe_writes.push(write_to_pipe(bytes));
        file_writes.push(write_to_file(bytes, &folder.join("copy.txt")));
        fs::remove_file(folder.join("copy.txt")).expect("the copy can go");
    }
    let untraced = times[0].clone();
    let against = |times: &[f64]| median(times.iter().zip(&untraced).map(|(time, untraced)| time / untraced).collect());
    let size = |name: &str| fs::metadata(folder.join(name)).map_or(0, |metadata| metadata.len());
    Row {
        name: program.file_stem().map_or_else(String::new, |name| name.to_string_lossy().into_owned()),
        untraced: median(untraced.clone()),
        ratios: times[1..].iter().map(|times| against(times)).collect(),
        instructions: lines(&folder.join("trace.txt")),
        bct_bytes: size("trace.bct"),
        text_bytes: size("trace.txt"),
        pipe_write: against(&pipe_writes),
        file_write: against(&file_writes),
    }
}

/// Runs a program once and returns the seconds it took, from start to finish.
fn run(mode: &Mode, program: &Path, folder: &Path) -> f64 {
    let mut command = Command::new(BCTRACE);
    command.current_dir(folder).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    // Some file systems write a file that is overwritten to the disk before it can be closed.
    if let Output::Named(name) = mode.output
        && Path::new(name).is_relative()
    {
        let _ = fs::remove_file(folder.join(name));
    }
    let begin = Instant::now();
    let status = match mode.output {
        Output::Untraced => command.arg("python").arg(program).status(),
        Output::Named(name) => command.args(["-q", "--no-sandbox"]).args(mode.options).arg(program).arg(name).status(),
        Output::Pipe => {
            let mut child = command
                .args(["-q", "--no-sandbox"])
                .arg(program)
                .arg("-")
                .stdout(Stdio::piped())
                .spawn()
                .expect("bctrace starts");
            let pipe = child.stdout.take().expect("its output is a pipe");
            let cat =
                Command::new("cat").stdin(pipe).stdout(File::create("/dev/null").expect("/dev/null opens")).status();
            assert!(cat.is_ok_and(|status| status.success()), "cat reads everything");
            child.wait()
        }
    };
    assert!(status.is_ok_and(|status| status.success()), "{} runs as {}", program.display(), mode.name);
    begin.elapsed().as_secs_f64()
}

/// Writes so many bytes into a fresh file with write(2) alone; returns the seconds it took.
fn write_to_file(bytes: usize, fresh: &Path) -> f64 {
    let begin = Instant::now();
    write_all(bytes, File::create(fresh).expect("a fresh file opens"));
    begin.elapsed().as_secs_f64()
}

/// Writes so many bytes with write(2) alone into a pipe that `cat` reads; returns the seconds it took.
fn write_to_pipe(bytes: usize) -> f64 {
    let begin = Instant::now();
    let null = File::create("/dev/null").expect("/dev/null opens");
    let mut cat = Command::new("cat").stdin(Stdio::piped()).stdout(null).spawn().expect("cat starts");
    write_all(bytes, cat.stdin.take().expect("its input is a pipe"));
    assert!(cat.wait().is_ok_and(|status| status.success()), "cat reads everything");
    begin.elapsed().as_secs_f64()
}

fn write_all(bytes: usize, mut output: impl Write) {
    let block = vec![b'x'; 1 << 20];
    let mut left = bytes;
    while left > 0 {
        let part = left.min(block.len());
        output.write_all(&block[..part]).expect("there is room");
        left -= part;
    }
}

fn lines(file: &Path) -> u64 {
    let text = fs::read(file).unwrap_or_default();
    text.iter().filter(|&&byte| byte == b'\n').count() as u64
}

fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
}

fn print_table(rows: &[Row]) {
    let modes: Vec<&str> = MODES[1..].iter().map(|mode| mode.name).collect();
    println!(
        "| program | instructions | untraced | {} | write(2) to pipe | to file | .bct bytes per instruction |",
        modes.join(" | ")
    );
    println!("|---|---|---|{}", "---|".repeat(modes.len() + 3));
    for row in rows {
        let ratios: Vec<String> = row.ratios.iter().map(|ratio| format!("{ratio:.2}")).collect();
        let per_instruction = row.bct_bytes as f64 / row.instructions.max(1) as f64;
        println!(
            "| {} | {:.1} M | {:.2} s | {} | {:.2} ({:.1} GB) | {:.2} | {per_instruction:.4} |",
            row.name,
            row.instructions as f64 / 1e6,
            row.untraced,
            ratios.join(" | "),
            row.pipe_write,
            row.text_bytes as f64 / 1e9,
            row.file_write,
        );
    }
}
