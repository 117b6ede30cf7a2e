//! `--loop-cap`: what is recorded is as in a full recording, and what is left out is counted exactly.

use std::collections::HashSet;

use serde_json::Value;

use crate::live::Program;

const LOOPS: &str = include_str!("loops.py");

fn info(program: &Program, trace: &str) -> Value {
    serde_json::from_str(&crate::live::run(program.command(["info", "--format", "json", trace])).stdout()).unwrap()
}

/// The lines of a trace as JSON, without those that say how it was made.
fn lines(program: &Program, trace: &str) -> Vec<String> {
    let shown = crate::live::run(program.command(["show", "--format", "jsonl", trace]));
    let is_common = |line: &&str| !line.contains(r#""type":"start""#) && !line.contains(r#""type":"end""#);
    shown.stdout().lines().filter(is_common).map(str::to_owned).collect()
}

fn sum(lines: &[String], member: &str) -> u64 {
    let left_out = lines.iter().filter(|line| line.starts_with(r#"{"type":"left_out""#));
    left_out.map(|line| serde_json::from_str::<Value>(line).unwrap()[member].as_u64().unwrap()).sum()
}

#[test]
fn a_capped_recording_is_a_part_of_the_full_one_and_counts_the_rest() {
    for options in [&["--deterministic"][..], &["--deterministic", "--values"]] {
        let program = Program::new(LOOPS);
        let plain = program.trace(options, "full.bct", &[]).succeeded();
        let full = lines(&program, "full.bct");
        let known: HashSet<&String> = full.iter().collect();
        let executed = info(&program, "full.bct")["executed"].clone();
        for most in ["0", "1", "3", "10"] {
            let options = [options, &["--force", "--loop-cap", most]].concat();
            assert_eq!(program.trace(&options, "capped.bct", &[]).succeeded(), plain);
            let capped = lines(&program, "capped.bct");
            let instructions =
                |lines: &[String]| lines.iter().filter(|line| line.contains(r#""opname""#)).count() as u64;
            let (kept, left_out) = (instructions(&capped), sum(&capped, "instructions"));
            let strange = capped.iter().find(|line| !line.contains(r#""left_out""#) && !known.contains(line));
            assert_eq!(strange, None, "{most}");
            assert_eq!(kept + left_out, instructions(&full), "{most}");
            assert!(left_out > 0, "{most}");
            let summed = info(&program, "capped.bct");
            assert_eq!((&summed["executed"], &summed["recorded"]), (&executed, &kept.into()), "{most}");
            assert_eq!(summed["left_out_of_loops"], left_out, "{most}");
            assert_eq!(summed["iterations_left_out"], sum(&capped, "iterations"), "{most}");
        }
    }
}

#[test]
fn first_and_last_iterations_are_recorded_and_the_text_says_what_is_missing() {
    let program = Program::new("for i in range(1000):\n    x = i * 2\n    if x == 1990: y = 1\nprint x\n");
    program.trace(&["-r", "--values", "--loop-cap", "2"], "t.bct", &[]).succeeded();
    let ran = crate::live::run(program.command(["show", "-r", "t.bct"]));
    let shown = ran.stdout();
    let values: Vec<&str> = shown.lines().filter(|line| line.contains("STORE_NAME (i)")).collect();
    // The first one, two that are known as iterations, the last two, and the one that is not over.
    assert!((4..=6).contains(&values.len()), "{shown}");
    let marks: Vec<&str> = shown.lines().filter(|line| line.starts_with("... ")).collect();
    assert_eq!(marks.len(), 1, "{shown}");
    assert!(marks[0].starts_with("... 99") && marks[0].contains("iterations of loops left out by --loop-cap: "));
    for view in ["hot", "calls", "edges", "layers", "strings", "tricks", "compares", "tried"] {
        let ran = crate::live::run(program.command([view, "t.bct"]));
        assert!(ran.stderr().contains("left out by --loop-cap"), "{view}: {}", ran.stderr());
    }
    let info = crate::live::run(program.command(["info", "t.bct"])).stdout();
    assert!(info.contains("left out by --loop-cap"), "{info}");
}

#[test]
fn what_happens_in_an_iteration_that_is_not_only_counted_is_recorded() {
    let source =
        "for i in range(100):\n    if i == 50:\n        try: open('/etc/shadow')\n        except IOError: pass\n";
    let program = Program::new(source);
    program.trace(&["--loop-cap", "2"], "t.bct", &[]).succeeded();
    let tried = crate::live::run(program.command(["tried", "t.bct"])).stdout();
    assert!(tried.contains("open /etc/shadow for reading -> refused: EACCES"), "{tried}");
    let full = program.trace(&["--force"], "f.bct", &[]);
    full.succeeded();
    assert_eq!(tried, program.view("tried", &[], "f.bct"));
}

#[test]
fn a_long_loop_takes_little_room_in_every_form() {
    let program = Program::new("i = 0\nwhile i < 300000: i += 1\nprint i\n");
    for trace in ["t.bct", "t.txt", "t.jsonl"] {
        let ran = program.trace(&["--loop-cap", "5"], trace, &[]);
        assert!(ran.stderr().is_empty() || !ran.stderr().contains("tampered"), "{}", ran.stderr());
        assert_eq!(ran.succeeded(), "300000\n");
        let size = std::fs::metadata(program.path(trace)).unwrap().len();
        assert!(size < 200_000, "{trace}: {size}");
    }
    assert!(program.read("t.txt").contains("iterations of loops left out by --loop-cap"));
}
