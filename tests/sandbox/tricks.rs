//! Tricks against tracers, each a program: what it sees and does is as under plain Python and its trace is whole, or it is refused and in
//! `tried`, or native code breaks the process and the trace says so.  docs/security.md has the same list.

use std::fs;

use serde_json::Value;

use super::{Caller, World};
use crate::live;

const TRICKS: &str = include_str!("tricks.py");

/// A trick: its name, what comes of it, and what that is told by: an option of the recording, or words of an answer.
struct Trick {
    name: &'static str,
    outcome: &'static str,
    word: &'static str,
    source: &'static str,
}

fn tricks() -> Vec<Trick> {
    let trick = |text: &'static str| {
        let (head, source) = text.split_once('\n').unwrap();
        let mut parts = head.split(" | ");
        let mut part = || parts.next().unwrap_or_default();
        Trick { name: part(), outcome: part(), word: part(), source }
    };
    TRICKS.split("#: ").filter(|text| !text.is_empty()).map(trick).collect()
}

/// The object of `bctrace info` for a trace whose damage, if there is any, fails the test.
#[track_caller]
fn info(world: &World, trick: &Trick) -> Value {
    let info: Value = serde_json::from_str(&world.view(&["info", "--format", "json"])).unwrap();
    assert_eq!(info["flaws"], Value::Array(Vec::new()), "{}", trick.name);
    let missing = info["left_out"].as_u64().unwrap() - info["left_out_at_shutdown"].as_u64().unwrap();
    assert_eq!(missing, 0, "{}", trick.name);
    info
}

/// Runs a trick under plain Python, if its outcome is the same: as if it had the name of the recorded one.
fn plain(world: &World, trick: &Trick) -> Option<(i32, String, String)> {
    world.write("own/plain.py", trick.source);
    let plain = (trick.outcome == "same").then(|| live::run(world.command(&["python", "plain.py"])));
    let own = |text: String| text.replace("plain.py", "p.py");
    plain.map(|plain| (plain.status, own(plain.stdout()), own(plain.stderr())))
}

fn check(world: &World, trick: &Trick, values: &[&str], plain: Option<&(i32, String, String)>) {
    let Trick { name, outcome, word, source } = *trick;
    world.write("own/p.py", source);
    let option: &[&str] = if word.starts_with('-') { &[word] } else { &[] };
    let ran = world.trace(&[values, option].concat(), &[]);
    let recorded = info(world, trick);
    match outcome {
        "same" => {
            assert_eq!(plain, Some(&(ran.status, ran.stdout(), ran.stderr())), "{name}");
            let reason = if ran.status > 128 { "killed" } else { "exited" };
            assert_eq!(recorded["end"]["reason"], reason, "{name}");
        }
        "refused" => {
            assert_eq!(ran.status, 0, "{name}: {}", ran.stderr());
            let tried = world.view(&["tried"]);
            let line = tried.lines().find(|line| line.contains(word)).unwrap_or_else(|| panic!("{name}: {tried}"));
            assert!(line.contains("-> refused: "), "{name}: {line}");
        }
        "damage" => {
            assert!(ran.status > 128, "{name}: {}", ran.status);
            let end = world.view(&["info"]);
            assert!(end.contains(word), "{name}: {end}");
            assert!(ran.stdout().starts_with("before\n"), "{name}: {}", ran.stdout());
        }
        "seen" => {
            assert!(ran.stdout().contains(word) && ran.stdout().ends_with("end\n"), "{name}: {}", ran.stdout());
        }
        other => panic!("{name}: {other}"),
    }
}

#[test]
fn each_trick_has_its_outcome() {
    for caller in Caller::all() {
        let world = World::new(caller);
        for trick in tricks() {
            let plain = plain(&world, &trick);
            for values in [&[][..], &["--values"]] {
                check(&world, &trick, values, plain.as_ref());
            }
        }
    }
}

#[test]
fn the_list_of_tricks_is_that_of_the_tests() {
    let page = fs::read_to_string(format!("{}/docs/security.md", env!("CARGO_MANIFEST_DIR"))).unwrap();
    for Trick { name, outcome, .. } in tricks() {
        let words = match outcome {
            "same" => "as under plain Python",
            "refused" => "refused, in `tried`",
            "damage" => "complete up to there",
            _ => "seen",
        };
        let rows: Vec<&str> = page.lines().filter(|line| line.starts_with(&format!("| {name} |"))).collect();
        assert!(rows.len() == 1 && rows[0].contains(words), "{name}: {words}: {rows:?}");
    }
}
