//! Times recordings: elapsed, and the processor time of all processes together, against the same VM untraced.
//!
//! Each program runs its benchmark as often as about fits a second, start-up included.  Untraced runs and recordings take turns, and the ratio is that of
//! the quickest run of each.

use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Instant;

use super::median;
use super::pyperformance::{benchmarks, binary};

/// Seconds that an untraced run shall take.
const LONG: f64 = 1.0;
const MOST_LOOPS: f64 = 1000.0;
/// Ticks of the clock of /proc in a second (USER_HZ).
const TICKS: f64 = 100.0;

/// Seconds.
#[derive(Clone, Copy)]
struct Took {
    elapsed: f64,
    processors: f64,
}

/// Measures the programs whose name has one of these words in it, or all, in so many rounds; prints a table.
pub fn print(words: &[String], rounds: usize, folder: &Path) {
    println!("| program | untraced | elapsed | processor time |\n|---|---|---|---|");
    let mut ratios = Vec::new();
    for (name, program) in benchmarks(words, folder) {
        // The first run has to read its files.
        let once = [(); 2].map(|()| run(&["python"], &program, None, 1, folder))[1];
        let loops = (LONG / once.elapsed).ceil().clamp(1.0, MOST_LOOPS) as u64;
        let mut quickest = [Took { elapsed: f64::INFINITY, processors: f64::INFINITY }; 2];
        for _ in 0..rounds {
            let untraced = run(&["python"], &program, None, loops, folder);
            let traced = run(&["-q", "--no-sandbox"], &program, Some("timed.bct"), loops, folder);
            for (best, took) in quickest.iter_mut().zip([untraced, traced]) {
                best.elapsed = best.elapsed.min(took.elapsed);
                best.processors = best.processors.min(took.processors);
            }
        }
        let [untraced, traced] = quickest;
        let (elapsed, processors) = (traced.elapsed / untraced.elapsed, traced.processors / untraced.processors);
        println!("| {name} | {:.2} s | {elapsed:.2} | {processors:.2} |", untraced.elapsed);
        ratios.push((elapsed, processors));
    }
    if ratios.is_empty() {
        return;
    }
    let of = |values: Vec<f64>| (median(values.clone()), values.into_iter().fold(0.0, f64::max));
    let elapsed = of(ratios.iter().map(|ratio| ratio.0).collect());
    let processors = of(ratios.iter().map(|ratio| ratio.1).collect());
    println!(
        "\nelapsed: median {:.2}, worst {:.2}; processor time: median {:.2}, worst {:.2}",
        elapsed.0, elapsed.1, processors.0, processors.1
    );
}

fn run(options: &[&str], program: &Path, trace: Option<&str>, loops: u64, folder: &Path) -> Took {
    let mut command = Command::new(binary());
    command.args(options).arg(program).args(trace).current_dir(folder).env("BENCHMARK_LOOPS", loops.to_string());
    command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    let (begin, before) = (Instant::now(), processors_of_children());
    let status = command.status();
    assert!(status.is_ok_and(|status| status.success()), "{} runs", program.display());
    Took { elapsed: begin.elapsed().as_secs_f64(), processors: processors_of_children() - before }
}

/// Seconds of processor time of the processes that have ended: cutime and cstime of proc(5).
fn processors_of_children() -> f64 {
    let stat = fs::read_to_string("/proc/self/stat").expect("/proc is there");
    let fields = stat.rsplit(')').next().unwrap_or_default().split_whitespace();
    let ticks: u64 = fields.skip(13).take(2).map(|field| field.parse::<u64>().expect("a count of ticks")).sum();
    ticks as f64 / TICKS
}
