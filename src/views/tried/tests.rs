//! Shows what is printed of attempts, by traces that are made up: whole ones, hostile ones, and parts of them.

use std::fs;

use serde_json::Value;
use tempfile::TempDir;

use super::*;
use crate::format::{self, Format, Options, Replace};
use crate::select::{FileGlob, Name};
use crate::trace::attempt::{Answer as Answered, Deed, Site};
use crate::trace::{Decoder, End, EndReason, Start};

/// A trace of these events in a folder of its own.
struct Trace {
    folder: TempDir,
}

impl Trace {
    fn new(sandbox: Option<Sandbox>, events: &[Event]) -> Trace {
        let trace = Trace { folder: TempDir::new().expect("a temporary folder") };
        let mut words = Vec::new();
        if let Some(sandbox) = sandbox {
            Event::Start(Start { sandbox, ..Start::default() }).encode(&mut words);
        }
        events.iter().for_each(|event| event.encode(&mut words));
        let (reason, place) = (EndReason::Exited(0), None);
        Event::End(End { reason, finished: true, replaced: false, place, instructions: 0 }).encode(&mut words);
        let mut sink = format::sink(Format::Bct, Options::default(), trace.output("t.bct"));
        Decoder::default().decode(&words, &mut *sink).expect("legal events");
        sink.finish().expect("written");
        trace
    }

    fn watched(events: &[Event]) -> Trace {
        Trace::new(Some(Sandbox::Watched), events)
    }

    fn output(&self, name: &str) -> Output {
        let checked = format::check_output(&self.folder.path().join(name), None, Replace::Anything).expect("writable");
        checked.open(format::Compression::None).expect("open")
    }

    fn answer(&self, selection: Selection, json: bool) -> (Answer, String) {
        let query = Query {
            trace: self.folder.path().join("t.bct"),
            selection,
            stdlib: true,
            memory: 0,
            json,
            progress: false,
        };
        let answer = run(&query, self.output("out"), &mut |_| {}).expect("readable");
        (answer, String::from_utf8(fs::read(self.folder.path().join("out")).expect("written")).expect("UTF-8"))
    }

    fn text(&self) -> String {
        self.answer(Selection::default(), false).1
    }

    fn selected(&self, selection: Selection) -> String {
        self.answer(selection, false).1
    }

    fn json(&self) -> Vec<Value> {
        let (_, text) = self.answer(Selection::default(), true);
        text.lines().map(|line| serde_json::from_str(line).expect("each line is an object")).collect()
    }
}

fn site(name: &str, instruction: u64) -> Site {
    Site { instruction, name: name.into(), filename: b"a.py".to_vec(), offset: 3, caller: None }
}

/// A refused attempt of `f` in a.py.
fn refused(deed: Deed, targets: &[&str], instruction: u64) -> Attempt {
    Attempt {
        deed,
        targets: targets.iter().map(|target| target.as_bytes().to_vec()).collect(),
        answer: Answered::Refused(13),
        option: Vec::new(),
        by: By::Program,
        thread: Some(0),
        site: Some(site("f", instruction)),
    }
}

fn tried(attempt: Attempt) -> Event {
    Event::Attempt(attempt)
}

fn repeated(attempt: Option<u32>, times: u64) -> Event {
    Event::Repeated(Repeated { attempt, times })
}

#[test]
fn each_deed_is_a_phrase_with_its_targets_and_without() {
    let cases: [(Deed, &[&str], &str, &str); 19] = [
        (Deed::Read, &["/etc/shadow"], "open /etc/shadow for reading", "open a file for reading"),
        (Deed::Write, &["/x"], "open /x for writing", "open a file for writing"),
        (Deed::Remove, &["/x"], "remove /x", "remove a file"),
        (Deed::Rename, &["/x", "/y"], "rename /x to /y", "rename a file"),
        (Deed::MakeFolder, &["/x"], "make folder /x", "make a folder"),
        (Deed::Link, &["/x", "/y"], "link /x as /y", "link a file"),
        (Deed::MakeNode, &["/x"], "make special file /x", "make a special file"),
        (Deed::Metadata, &["/x"], "change mode, owner or times of /x", "change mode, owner or times of a file"),
        (Deed::Exec, &["sh", "-c", "id -u"], "run sh -c 'id -u'", "run a program"),
        (Deed::Connect, &["[::1]:443"], "connect to [::1]:443", "connect"),
        (Deed::Bind, &["0.0.0.0:80"], "bind to 0.0.0.0:80", "bind to an address"),
        (Deed::Listen, &["0.0.0.0:80"], "listen on 0.0.0.0:80", "listen"),
        (Deed::Send, &["203.0.113.7:53"], "send to 203.0.113.7:53", "send to an address"),
        (
            Deed::Socket,
            &["family 17, kind 3, protocol 0"],
            "make socket family 17, kind 3, protocol 0",
            "make a socket",
        ),
        (Deed::Lookup, &["evil.example"], "look up evil.example", "look up a host"),
        (Deed::Kill, &["SIGTERM", "its parent"], "send SIGTERM to its parent", "send a signal"),
        (Deed::Debug, &["ptrace"], "call ptrace", "reach into a process"),
        (Deed::Fork, &["x"], "start process x", "start a process"),
        (Deed::Call, &["mount", "/a b"], "call mount '/a b'", "make a system call"),
    ];
    for (deed, targets, phrase, without) in cases {
        let attempts = [refused(deed, targets, 1), refused(deed, &[], 2)].map(tried);
        let text = Trace::watched(&attempts).text();
        let lines = [
            "by the program:",
            &format!("  1 f at 3: {phrase} -> refused: EACCES"),
            &format!("  2 f at 3: {without} -> refused: EACCES"),
        ];
        assert_eq!(text.lines().collect::<Vec<_>>(), lines);
    }
}

#[test]
fn options_that_are_needed_together_are_both_named() {
    let attempt = Attempt {
        option: b"--allow-write=/a b\0--allow-write=/c".to_vec(),
        ..refused(Deed::Rename, &["/a b/x", "/c/x"], 1)
    };
    let trace = Trace::watched(&[tried(attempt)]);
    let text = trace.text();
    assert!(text.ends_with("-> refused: EACCES; '--allow-write=/a b' and --allow-write=/c allow it\n"), "{text}");
    assert_eq!(trace.json()[1]["option"], "--allow-write=/a b --allow-write=/c");
}

#[test]
fn the_program_comes_before_the_library_and_other_processes_each_in_the_order_of_instructions() {
    let of_library = Attempt {
        by: By::Library,
        site: Some(Site {
            filename: b"/opt/python2.7/lib/python2.7/ctypes/util.py".to_vec(),
            caller: Some((b"<module>".to_vec(), b"a.py".to_vec())),
            ..site("_findLib_gcc", 2)
        }),
        ..refused(Deed::Exec, &["gcc"], 0)
    };
    let of_process = Attempt { by: By::Process, thread: None, ..refused(Deed::Write, &["/y"], 1) };
    let through_library =
        Attempt { by: By::Program, option: b"--allow-exec".to_vec(), thread: Some(2), ..of_library.clone() };
    let allowed = Attempt { answer: Answered::Allowed, ..refused(Deed::Read, &["/x"], 9) };
    let nowhere = Attempt { site: None, answer: Answered::Refused(999), ..refused(Deed::Fork, &[], 0) };
    let trace = Trace::watched(&[of_process, of_library, allowed, through_library, nowhere].map(tried));
    let want = "by the program:
  no instruction: start a process -> refused: error 999
  2 _findLib_gcc at 3 in ctypes/util.py for <module>: run gcc -> refused: EACCES, thread 2; --allow-exec allows it
  9 f at 3: open /x for reading -> allowed
by the standard library, for purposes of its own:
  2 _findLib_gcc at 3 in ctypes/util.py for <module>: run gcc -> refused: EACCES
by processes that the program started:
  1 f at 3: open /y for writing -> refused: EACCES
";
    assert_eq!(trace.text(), want);
    let by: Vec<Value> = trace.json()[1..].iter().map(|attempt| attempt["by"].clone()).collect();
    assert_eq!(by, ["program", "program", "program", "library", "process"]);
}

#[test]
fn equal_attempts_are_one_with_the_number_of_the_first_and_all_repetitions() {
    let attempts = [refused(Deed::Read, &["/x"], 7), refused(Deed::Read, &["/y"], 8), refused(Deed::Read, &["/x"], 5)];
    let mut events: Vec<Event> = attempts.into_iter().map(tried).collect();
    events.extend([repeated(Some(0), 1000), repeated(Some(2), 10), repeated(Some(1), 1)]);
    let trace = Trace::watched(&events);
    let text = trace.text();
    assert!(text.contains("  5 f at 3: open /x for reading -> refused: EACCES, 1,012 times\n"), "{text}");
    assert!(text.contains("  8 f at 3: open /y for reading -> refused: EACCES, 2 times\n"), "{text}");
    let found: Vec<_> = trace.json()[1..].iter().map(|one| (one["number"].clone(), one["times"].clone())).collect();
    assert_eq!(found, [(5.into(), 1012.into()), (8.into(), 2.into())]);
}

#[test]
fn repetitions_of_what_is_not_there_are_counted_and_no_count_overflows() {
    let known = refused(Deed::Read, &["/x"], 7);
    let events = [repeated(None, 3), repeated(Some(0), 1), tried(known), repeated(Some(u32::MAX - 1), 1)];
    let text = Trace::watched(&events).text();
    assert!(text.ends_with("open /x for reading -> refused: EACCES\n5 more attempts are not listed\n"), "{text}");
    let most = [repeated(None, u64::MAX), repeated(None, u64::MAX), repeated(Some(0), u64::MAX)];
    let events = [&[tried(refused(Deed::Read, &["/x"], 7))][..], &most, &most].concat();
    let objects = Trace::watched(&events).json();
    assert_eq!((&objects[1]["times"], &objects[2]["times"]), (&u64::MAX.into(), &u64::MAX.into()));
    assert_eq!(objects[2]["type"], "left_out");
    let text = Trace::watched(&[repeated(None, 1)]).text();
    assert_eq!(text, "1 more attempt is not listed\n");
}

#[test]
fn more_attempts_than_are_kept_are_counted() {
    let path = |number: usize| format!("/{number}");
    let mut events: Vec<Event> =
        (0..MOST + 3).map(|number| tried(refused(Deed::Read, &[&path(number)], number as u64 + 1))).collect();
    events.push(repeated(Some(MOST as u32 + 1), 4));
    events.push(repeated(Some(MOST as u32 - 1), 4));
    let trace = Trace::watched(&events);
    let (collected, left_out) = collect(&trace.folder.path().join("t.bct")).expect("readable");
    assert_eq!((collected.len(), left_out), (MOST, 3 + 4));
    let text = trace.text();
    assert_eq!(text.lines().count(), 1 + MOST + 1);
    assert!(text.ends_with("EACCES, 5 times\n7 more attempts are not listed\n"), "{text}");
    let large = "x".repeat(LARGEST);
    let text = Trace::watched(&[tried(refused(Deed::Read, &[&large], 1))]).text();
    assert_eq!(text, "1 more attempt is not listed\n");
}

#[test]
fn what_was_not_watched_is_never_said_to_have_tried_nothing() {
    let cases = [
        (Some(Sandbox::None), "nothing was watched: the program ran without a sandbox", Value::from("none")),
        (Some(Sandbox::Unwatched), "nothing was watched: the system did not let bctrace see", "unwatched".into()),
        (Some(Sandbox::Watched), "the program tried nothing that the sandbox reports\n", "watched".into()),
        (None, "whether the program was watched is not known", Value::Null),
    ];
    for (sandbox, words, member) in cases {
        let trace = Trace::new(sandbox, &[]);
        let (answer, text) = trace.answer(Selection::default(), false);
        assert!(text.starts_with(words) && text.lines().count() == 1, "{sandbox:?}: {text}");
        assert_eq!(answer, Answer::default());
        let objects = trace.json();
        assert_eq!((objects.len(), &objects[0]["view"], &objects[0]["version"]), (1, &"tried".into(), &1.into()));
        assert_eq!(objects[0]["sandbox"], member);
        // Attempts that are in such a trace all the same are printed.
        let text = Trace::new(sandbox, &[tried(refused(Deed::Read, &["/x"], 7))]).text();
        assert!(!text.contains("tried nothing"));
        assert!(text.ends_with("by the program:\n  7 f at 3: open /x for reading -> refused: EACCES\n"), "{text}");
    }
}

#[test]
fn a_damaged_trace_is_not_said_to_have_tried_nothing_and_its_later_records_have_no_numbers() {
    let trace = Trace::watched(&[]);
    let path = trace.folder.path().join("t.bct");
    let bytes = fs::read(&path).expect("written");
    // Without its end and its index.
    fs::write(&path, &bytes[..bytes.len() - 30]).expect("written");
    let (answer, text) = trace.answer(Selection::default(), false);
    assert!(answer.is_flawed);
    assert_eq!(text, "no attempt is in what can be read of the trace\n");

    let (selection, is_flawed) = (Selection::default(), Cell::new(false));
    let mut collector = Collector::new(&selection, &is_flawed);
    collector.attempt(&refused(Deed::Read, &["/x"], 7));
    is_flawed.set(true);
    collector.attempt(&refused(Deed::Read, &["/y"], 8));
    collector.repeated(Repeated { attempt: Some(0), times: 2 });
    collector.repeated(Repeated { attempt: Some(1), times: 5 });
    let tried = collector.finish();
    let times: Vec<u64> = tried.attempts.iter().map(|one| one.times).collect();
    assert_eq!((times, tried.left_out), (vec![3, 1], 5));
}

#[test]
fn filters_choose_by_the_code_or_its_caller_the_instruction_and_the_thread() {
    let other = Attempt { thread: Some(1), site: Some(site("g", 20)), ..refused(Deed::Read, &["/g"], 0) };
    let popen = Site {
        filename: b"/opt/python2.7/lib/python2.7/subprocess.py".to_vec(),
        caller: Some((b"g".to_vec(), b"b.py".to_vec())),
        ..site("_execute_child", 30)
    };
    let through = Attempt { site: Some(popen), ..refused(Deed::Exec, &["id"], 0) };
    let own = Attempt { by: By::Library, targets: vec![b"gcc".to_vec()], ..through.clone() };
    let nowhere = Attempt { site: None, thread: None, ..refused(Deed::Fork, &[], 0) };
    let attempts = [refused(Deed::Read, &["/f"], 10), other, through, own, nowhere];
    let mut events: Vec<Event> = attempts.into_iter().map(tried).collect();
    // Records that are not wanted count for the numbers of the others, and their repetitions go with them.
    events.extend([repeated(Some(0), 1), repeated(Some(1), 2)]);
    let trace = Trace::watched(&events);
    let deeds = |selection| -> Vec<String> {
        let text = trace.selected(selection);
        let lines = text.lines().filter(|line| line.starts_with(' '));
        lines.map(|line| line.split(": ").nth(1).expect("a deed").split(" -> ").next().expect("one").into()).collect()
    };
    let filtered = |filter| deeds(Selection { filter, ..Selection::default() });
    let named = |name: &str| Filter { names: vec![Name::new(name)], ..Filter::default() };
    let filed = |glob: &[u8]| Filter { files: vec![FileGlob::new(glob).expect("a glob")], ..Filter::default() };
    assert_eq!(filtered(named("f")), ["open /f for reading"]);
    assert_eq!(filtered(named("g")), ["open /g for reading", "run id", "run gcc"]);
    assert_eq!(filtered(named("_execute_child")), ["run id", "run gcc"]);
    assert_eq!(filtered(filed(b"b.py")), ["run id", "run gcc"]);
    let own = Filter { no_stdlib: true, ..Filter::default() };
    assert_eq!(filtered(own.clone()), ["start a process", "open /f for reading", "open /g for reading", "run id"]);
    assert_eq!(filtered(Filter { no_stdlib: true, ..named("g") }), ["open /g for reading", "run id"]);
    let window = |from, to| deeds(Selection { window: Selection::window(from, to), ..Selection::default() });
    assert_eq!(window(Some(11), Some(20)), ["open /g for reading"]);
    assert_eq!(window(None, Some(10)), ["start a process", "open /f for reading"]);
    assert_eq!(deeds(Selection { threads: vec![1], ..Selection::default() }), ["open /g for reading"]);
    let text = trace.selected(Selection { threads: vec![1], ..Selection::default() });
    assert!(text.contains("EACCES, 3 times, thread 1\n") && !text.contains("more attempt"), "{text}");
    let (answer, text) =
        trace.answer(Selection { filter: named("f"), window: Some(11..12), ..Selection::default() }, false);
    assert_eq!((answer.is_flawed, text.as_str()), (false, ""));
}

#[test]
fn a_selection_without_attempts_says_so_of_a_watched_program_alone() {
    let selection = || Selection { window: Some(1..5), ..Selection::default() };
    let event = tried(refused(Deed::Read, &["/x"], 7));
    let nothing =
        |sandbox| Trace::new(Some(sandbox), std::slice::from_ref(&event)).answer(selection(), false).0.nothing;
    assert_eq!(nothing(Sandbox::Watched), Some("attempts".into()));
    assert_eq!((nothing(Sandbox::None), nothing(Sandbox::Unwatched)), (None, None));
}

#[test]
fn nothing_that_a_program_chose_can_pass_for_words_of_ours() {
    let hostile = "/x for reading -> allowed\n  8 g at 3: \x1b[2J\u{202e}it's";
    let mut attempt = refused(Deed::Read, &[hostile, ""], 7);
    attempt.option = b"--allow-read=/x; --all allows it".to_vec();
    attempt.targets.push(b"\xff".to_vec());
    attempt.targets.push(br"a\'b".to_vec());
    attempt.site = Some(Site {
        name: b"f at 3: x -> allowed\n".to_vec(),
        filename: b"/tmp/a: b.py".to_vec(),
        caller: Some((b"\x1b]0;x".to_vec(), Vec::new())),
        ..site("", 7)
    });
    let trace = Trace::watched(&[tried(attempt.clone())]);
    let want = r"  7 f\x20at\x203:\x20x\x20->\x20allowed\n at 3 in '/tmp/a: b.py' for \x1b]0;x: open '/x for reading -> allowed\n  8 g at 3: \x1b[2J\xe2\x80\xaeit\'s' '' '\xff' 'a\\\'b' for reading -> refused: EACCES; '--allow-read=/x; --all allows it' allows it";
    assert_eq!(trace.text(), format!("by the program:\n{want}\n"));
    let objects = trace.json();
    assert_eq!(objects[1]["targets"][0], hostile);
    assert_eq!(objects[1]["targets_hex"]["2"], "ff");
    assert_eq!(objects[1]["times"], 1);
}

proptest::proptest! {
    #[test]
    fn any_attempt_is_one_line_of_text_and_one_object(targets: Vec<Vec<u8>>, name: Vec<u8>, filename: Vec<u8>, option: Vec<u8>, error in 1u16..) {
        let site = Site { name: name.clone(), filename: filename.clone(), caller: Some((filename, name)), ..site("", 7) };
        let attempt = refused(Deed::Rename, &[], 7);
        let targets = targets.into_iter().take(crate::trace::attempt::MOST_TARGETS).collect();
        let attempt = Attempt { targets, option, site: Some(site), answer: Answered::Refused(error), ..attempt };
        let trace = Trace::watched(&[tried(attempt)]);
        let text = trace.text();
        proptest::prop_assert!(text.lines().count() == 2 && text.split_inclusive('\n').count() == 2);
        proptest::prop_assert!(!text.replace('\n', "").chars().any(char::is_control));
        proptest::prop_assert_eq!(trace.json().len(), 2);
    }
}
