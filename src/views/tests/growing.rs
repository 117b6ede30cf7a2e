//! Following a file while it is written.

use std::thread;

use super::*;
use crate::read::{Progress, Reader, Want};
use crate::trace::Sink;
use crate::trace::invented::{Item, trace};

fn events() -> Vec<Item> {
    let numbers: Vec<u32> = (0..200u32).map(|number| number.wrapping_mul(0x85eb_ca6b) >> 5).collect();
    trace(&numbers)
}

fn open(desk: &Desk, name: &str) -> Box<dyn Sink> {
    let path = desk.path(name);
    let (format, compression) = format::by_suffix(&path, None);
    let output = format::check_output(&path, None, Replace::Traces).expect("writable").open(compression).expect("open");
    format::sink(format, Options::default(), output)
}

fn follow(desk: &Desk, out: &str) -> (Vec<u8>, Vec<Flaw>) {
    let plan = ShowPlan {
        trace: desk.path("t.bct"),
        format: Format::Text,
        options: Options::default(),
        follow: true,
        progress: false,
    };
    desk.show_plan(&plan, out).expect("readable")
}

#[test]
fn a_follower_prints_all_of_a_growing_file_once() {
    let desk = Desk::new();
    let events = events();
    let direct = desk.record(&events, "direct.txt", Options::default());
    let mut sink = open(&desk, "t.bct");
    let mut decoder = Decoder::default();
    decoder.decode(&words(&events[..1]), &mut *sink).expect("written");
    sink.flush().expect("written");
    thread::scope(|scope| {
        let follower = scope.spawn(|| follow(&desk, "followed.txt"));
        for (number, event) in events[1..].iter().enumerate() {
            decoder.decode(&words(std::slice::from_ref(event)), &mut *sink).expect("written");
            if number % 7 == 0 {
                sink.flush().expect("written");
                thread::yield_now();
            }
        }
        sink.finish().expect("written");
        let (text, flaws) = follower.join().expect("no panic");
        assert!(text == direct);
        assert_eq!(flaws, vec![]);
    });
    assert_eq!(fs::read(desk.path("t.bct")).expect("read"), desk.record(&events, "again.bct", Options::default()));
}

#[test]
fn a_killed_recorder_leaves_what_it_showed_and_no_end() {
    let desk = Desk::new();
    let events = events();
    let direct = desk.record(&events[..150], "direct.txt", Options::default());
    let mut sink = open(&desk, "t.bct");
    let mut decoder = Decoder::default();
    decoder.decode(&words(&events[..150]), &mut *sink).expect("written");
    sink.flush().expect("written");
    drop(sink);
    for follow in [false, true] {
        let plan = ShowPlan {
            trace: desk.path("t.bct"),
            format: Format::Text,
            options: Options::default(),
            follow,
            progress: false,
        };
        let (text, flaws) = desk.show_plan(&plan, "followed.txt").expect("readable");
        assert!(text == direct);
        assert!(matches!(flaws[..], [Flaw::Unfinished { cut_at: None, .. }]), "{flaws:?}");
    }
}

#[test]
fn a_reader_waits_where_the_next_block_will_stand() {
    let desk = Desk::new();
    let events = events();
    let direct = desk.record(&events, "direct.txt", Options::default());
    let mut sink = open(&desk, "t.bct");
    let mut decoder = Decoder::default();
    decoder.decode(&words(&events[..150]), &mut *sink).expect("written");
    let mut reader = Reader::open(&desk.path("t.bct")).expect("readable");
    reader.growing = true;
    let mut shown = open(&desk, "shown.txt");
    let mut read = |reader: &mut Reader| loop {
        let flaws = &mut |flaw| panic!("{flaw}");
        match reader.next(&|_| Want::Read, &mut 0, &mut *shown, flaws).expect("readable") {
            Progress::Block { unfinished: None } => {}
            progress => break progress,
        }
    };
    let Progress::Waiting { offset, cut: false } = read(&mut reader) else { panic!("no end yet") };
    decoder.decode(&words(&events[150..]), &mut *sink).expect("written");
    sink.finish().expect("written");
    reader.go_back(offset);
    assert_eq!(read(&mut reader), Progress::Finished);
    shown.finish().expect("written");
    assert!(fs::read(desk.path("shown.txt")).expect("read") == direct);
}

#[test]
fn a_file_that_is_written_is_not_written_twice() {
    let desk = Desk::new();
    let _sink = open(&desk, "t.bct");
    let checked = format::check_output(&desk.path("t.bct"), None, Replace::Traces).expect("writable");
    let error = checked.open(format::Compression::None).err().expect("refused");
    assert!(error.to_string().contains("another bctrace"), "{error}");
}
