//! Every trace is one that CPython 2.7's eval loop could have produced, by the independent model in tests/successor, and by the VM's own
//! account of it under sys.settrace; and one from which an instruction was left out is found.

mod account;
pub mod sources;

use std::ops::Range;
use std::path::Path;

use proptest::prelude::*;
use proptest::test_runner::{Config, TestRunner};

use crate::manifest::{self, Run};
use crate::recorded::{self, Instruction, Recorded};
use crate::running;
use crate::successor::{self, Allowance, Event};

#[test]
fn every_step_of_every_fixture_is_legal() {
    let scratch = tempfile::tempdir().unwrap();
    let wrong: Vec<String> = manifest::runs().iter().filter_map(|run| illegal_step(run, scratch.path())).collect();
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn an_instruction_that_is_left_out_of_a_fixture_is_found() {
    let scratch = tempfile::tempdir().unwrap();
    for name in
        ["factorial", "loops", "closures", "generators", "exceptions", "with_finally", "classes", "extended_arg_jump"]
    {
        let run = manifest::runs().iter().find(|run| run.name == name).unwrap();
        let recorded = record(run, scratch.path());
        for instruction in recorded.instructions.iter().step_by(1 + recorded.instructions.len() / 150) {
            assert!(is_missed(&recorded, instruction), "{name} without {instruction:?} passes");
        }
    }
}

/// A run that leads back to where it began is a whole iteration, and no succession shows how many there were.
#[test]
fn a_whole_run_that_is_left_out_of_a_fixture_is_found() {
    let scratch = tempfile::tempdir().unwrap();
    let mut tried = 0;
    for name in ["exceptions", "with_finally", "generators", "closures"] {
        let run = manifest::runs().iter().find(|run| run.name == name).unwrap();
        let recorded = record(run, scratch.path());
        for run in &recorded.runs {
            if let (Some((frame, first)), Some(next)) = (place(&recorded.events[run.start]), next_place(&recorded, run))
                && next != (frame, first)
            {
                let rest = [&recorded.events[..run.start], &recorded.events[run.end..]].concat();
                let found = successor::check(&rest, Allowance::default());
                assert_ne!(found, [], "{name} without {:?}", &recorded.events[run.clone()]);
                tried += 1;
            }
        }
    }
    assert!(tried > 200, "{tried} runs were left out");
}

#[test]
fn every_step_of_a_generated_program_is_legal_and_a_missing_one_is_found() {
    let config = Config { cases: 48, failure_persistence: None, max_shrink_iters: 60, ..Config::default() };
    let strategy = (sources::program(), any::<prop::sample::Index>());
    let scratch = tempfile::tempdir().unwrap();
    TestRunner::new(config)
        .run(&strategy, |(source, index)| {
            let (pyc, trace) = (scratch.path().join("generated.pyc"), scratch.path().join("generated.bct"));
            running::compile(&source, &pyc);
            let ran = running::run(running::bctrace(["-q", "--no-sandbox", "--shutdown"]).arg(&pyc).arg(&trace));
            prop_assert!(ran.status <= 1, "{}\n{}", ran.stderr(), source);
            let recorded = recorded::read(&trace);
            prop_assert_eq!(successor::check(&recorded.events, Allowance::default()), vec![], "{}", source);
            let left_out = index.get(&recorded.instructions);
            prop_assert!(is_missed(&recorded, left_out), "without {:?} it passes:\n{}", left_out, source);
            Ok(())
        })
        .unwrap();
}

/// Records a fixture as a .bct and reads it.
fn record(run: &Run, scratch: &Path) -> Recorded {
    let trace = scratch.join(format!("{}.bct", run.name));
    run.traced(&["-q", "--shutdown"], trace.to_str().unwrap());
    recorded::read(&trace)
}

fn illegal_step(run: &Run, scratch: &Path) -> Option<String> {
    let recorded = record(run, scratch);
    let allowance = Allowance { trace_functions: run.tracing, ..Allowance::default() };
    let violations = successor::check(&recorded.events, allowance);
    if violations.len() == run.line_jumps {
        return None;
    }
    let first: Vec<_> =
        violations.iter().take(3).map(|found| (&found.what, recorded.events.get(found.event))).collect();
    Some(format!("{}: {} steps are not legal: {first:?}", run.name, violations.len()))
}

/// Whether the model finds that this instruction is missing.
fn is_missed(recorded: &Recorded, instruction: &Instruction) -> bool {
    let mut events = recorded.events.clone();
    events.remove(instruction.event);
    !successor::check(&events, Allowance::default()).is_empty()
}

/// The frame and offset of an instruction.
fn place(event: &Event) -> Option<(u64, i64)> {
    if let Event::Executed { frame, offset, .. } = *event { Some((frame, offset)) } else { None }
}

/// Where the frame of a run goes on after it.
fn next_place(recorded: &Recorded, run: &Range<usize>) -> Option<(u64, i64)> {
    let (frame, _) = place(&recorded.events[run.start])?;
    recorded.events[run.end..].iter().filter_map(place).find(|next| next.0 == frame)
}
