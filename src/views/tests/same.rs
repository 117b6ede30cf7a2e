//! Direct and shown traces are the same bytes, and windows, filters and compression take away nothing else.

use proptest::option;
use proptest::prelude::*;

use super::*;
use crate::select::{Filter, Name, Selection};
use crate::trace::invented::{damages, trace, traces};
use crate::trace::{Event, Run, State};

fn options(resolve: bool, depth: bool, selection: Selection) -> Options {
    Options { resolve, depth, selection, ..Options::default() }
}

fn windowed(from: u64, count: u64) -> Options {
    let to = (from.max(1) + count).saturating_sub(1);
    options(false, false, Selection { window: Selection::window(Some(from), Some(to)), ..Selection::default() })
}

/// Hands runs on one by one.
struct OneByOne<'a>(&'a mut dyn Sink);

impl Sink for OneByOne<'_> {
    fn event(&mut self, event: &Event, at: &State) -> Result<(), SinkError> {
        self.0.event(event, at)
    }

    fn run(&mut self, run: &Run, at: &State) -> Result<(), SinkError> {
        self.0.run(run, at)
    }

    fn values(&mut self, words: &[u64], at: &State) -> Result<(), SinkError> {
        self.0.values(words, at)
    }

    fn written(&self) -> u64 {
        self.0.written()
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn shown_is_what_is_recorded_directly(events in traces(150), resolve: bool, depth: bool) {
        let desk = Desk::new();
        desk.record(&events, "t.bct", Options::default());
        for form in ["txt", "jsonl", "bct", "txt.zst", "jsonl.gz"] {
            let options = Options { values: !depth, ..options(resolve, depth, Selection::default()) };
            let direct = desk.record(&events, &format!("direct.{form}"), options.clone());
            let (shown, flaws) = desk.show(&desk.path("t.bct"), &format!("shown.{form}"), options).expect("readable");
            prop_assert!(direct == shown, "{form} differs");
            prop_assert_eq!(flaws, vec![]);
        }
    }

    #[test]
    fn runs_that_come_together_are_those_that_come_one_by_one(
        events in traces(400), most in 1usize..200, damage in option::of(damages()), max_size in option::of(300u64..6000)
    ) {
        let (desk, mut words) = (Desk::new(), words(&events));
        damage.inspect(|damage| damage.inflict(&mut words));
        // What is written, and how recording it ends.
        let record = |name: &str, record: &dyn Fn(&mut dyn Sink) -> Result<usize, StreamError>| {
            let mut ended = String::new();
            let bytes = desk.record_by(name, Options { max_size, ..Options::default() }, |sink| {
                let result = record(sink);
                ended = format!("{result:?}");
                Ok(result.unwrap_or_default())
            });
            (bytes, ended)
        };
        let one_by_one = record("one.bct", &|sink| Decoder::default().decode(&words, &mut OneByOne(sink)));
        prop_assert!(one_by_one == record("together.bct", &|sink| Decoder::default().decode(&words, sink)));
        let in_pieces = record("pieces.bct", &|sink| {
            let (mut decoder, mut taken) = (Decoder::default(), 0);
            for end in (0..=words.len()).step_by(most).chain([words.len()]) {
                taken += decoder.decode(&words[taken..end.max(taken)], sink)?;
            }
            Ok(taken)
        });
        prop_assert!(one_by_one == in_pieces);
    }

    #[test]
    fn compressed_traces_are_read_like_plain_ones(events in traces(60)) {
        let desk = Desk::new();
        let direct = desk.record(&events, "t.txt", Options::default());
        for name in ["t.bct", "t.bct.zst", "t.bct.gz"] {
            desk.record(&events, name, Options::default());
            let path = desk.path(name);
            prop_assert!(desk.text(&path) == direct, "{name}");
            prop_assert_eq!(desk.info(&path).totals, desk.info(&desk.path("t.bct")).totals);
        }
    }

    #[test]
    fn compressed_lines_are_the_plain_ones(events in traces(150), resolve: bool) {
        let desk = Desk::new();
        let options = Options { resolve, ..Options::default() };
        for form in ["txt", "jsonl"] {
            let plain = desk.record(&events, &format!("t.{form}"), options.clone());
            for packing in ["zst", "gz"] {
                let packed = desk.record(&events, &format!("t.{form}.{packing}"), options.clone());
                prop_assert!(unpacked(&packed) == plain, "{form}.{packing}");
            }
        }
    }

    #[test]
    fn a_window_holds_exactly_its_numbers(events in traces(150), from in 0u64..9000, count in 0u64..2000) {
        let desk = Desk::new();
        desk.record(&events, "t.bct", Options::default());
        let (whole, _) = desk.show(&desk.path("t.bct"), "whole.jsonl", Options::default()).expect("readable");
        let text = desk.text(&desk.path("t.bct"));
        let from = from % (numbers(&whole).last().copied().unwrap_or(0) + 3);
        let (part, _) = desk.show(&desk.path("t.bct"), "part.jsonl", windowed(from, count)).expect("readable");
        let window = from.max(1)..from.max(1) + count;
        let expected: Vec<u64> = numbers(&whole).into_iter().filter(|number| window.contains(number)).collect();
        prop_assert_eq!(numbers(&part), expected);

        let lines = text.split_inclusive(|&byte| byte == b'\n').zip(numbers(&whole));
        let expected: Vec<u8> = lines.filter(|(_, number)| window.contains(number)).flat_map(|(line, _)| line).copied().collect();
        let (part, flaws) = desk.show(&desk.path("t.bct"), "part.txt", windowed(from, count)).expect("readable");
        prop_assert_eq!(part, expected);
        prop_assert_eq!(flaws, vec![]);
    }

    #[test]
    fn filters_keep_whole_objects_and_nothing_else(events in traces(150), thread in 0u32..3, max_depth in 0u32..4) {
        let desk = Desk::new();
        desk.record(&events, "t.bct", Options::default());
        let (whole, _) = desk.show(&desk.path("t.bct"), "whole.jsonl", Options::default()).expect("readable");
        let names = vec![Name::new("f"), Name::new(b"\xff\xfe\\")];
        let selection = Selection {
            filter: Filter { names, ..Filter::default() },
            threads: vec![thread],
            max_depth: Some(max_depth),
            window: None,
        };
        let (part, _) = desk.show(&desk.path("t.bct"), "part.jsonl", options(false, false, selection)).expect("readable");
        let is_wanted = |object: &serde_json::Value| {
            let named = object["name"] == "f" || object["name_hex"] == "fffe5c";
            named && object["thread"] == thread && object["depth"].as_u64().is_some_and(|depth| depth <= max_depth.into())
        };
        let placed = |object: &serde_json::Value| object["type"] == "instruction" || object["type"] == "exception";
        let expected: Vec<_> = objects(&whole).into_iter().filter(|one| placed(one) && is_wanted(one)).collect();
        prop_assert_eq!(objects(&part).into_iter().filter(placed).collect::<Vec<_>>(), expected);
    }

    #[test]
    fn json_lines_and_text_show_the_same(events in traces(100)) {
        let desk = Desk::new();
        let text = desk.record(&events, "t.txt", Options { depth: true, ..Options::default() });
        let jsonl = desk.record(&events, "t.jsonl", Options::default());
        let objects = objects(&jsonl);
        let instructions: Vec<_> = objects.iter().filter(|object| object["type"] == "instruction").collect();
        let text = String::from_utf8(text).expect("lines are UTF-8");
        prop_assert_eq!(text.lines().count(), instructions.len());
        for (line, object) in text.lines().zip(instructions) {
            let mut indent = Vec::new();
            format::push_indent(&mut indent, object["depth"].as_u64().expect("a depth") as u32);
            let line = line.strip_prefix(str::from_utf8(&indent).expect("ASCII")).expect("the depth of the object");
            let (_, rest) = line.split_once("> ").expect("a name");
            let offset = object["offset"].to_string();
            let expected = match (object["opname"].as_str(), object["operand"].as_i64()) {
                (Some(opname), Some(operand)) => format!("{offset} {opname} ({operand})"),
                (Some(opname), None) => format!("{offset} {opname}"),
                (None, _) => format!("{offset} {} **********INVALID**********", object["opcode"]),
            };
            prop_assert_eq!(rest, expected);
        }
    }

    #[test]
    fn a_code_object_is_described_before_it_is_named(events in traces(100)) {
        let desk = Desk::new();
        let mut described = std::collections::HashSet::new();
        for object in objects(&desk.record(&events, "t.jsonl", Options::default())) {
            let code = object["code"].as_u64();
            if object["type"] == "code" {
                prop_assert!(described.insert(code), "described twice");
            } else if code.is_some() {
                prop_assert!(described.contains(&code));
            }
        }
    }

    #[test]
    fn a_limit_cuts_after_the_last_line_that_fits(events in traces(100), max_size in 0u64..3000) {
        let desk = Desk::new();
        let whole = desk.record(&events, "t.txt", Options::default());
        let cut = desk.record(&events, "cut.txt", Options { max_size: Some(max_size), ..Options::default() });
        prop_assert!(whole.starts_with(&cut));
        prop_assert!(cut.len() as u64 <= max_size);
        let next = whole[cut.len()..].split_inclusive(|&byte| byte == b'\n').next();
        prop_assert!(next.is_none_or(|line| (cut.len() + line.len()) as u64 > max_size));
        desk.record(&events, "cut.bct", Options { max_size: Some(max_size), ..Options::default() });
        prop_assert!(whole.starts_with(&desk.text(&desk.path("cut.bct"))));
    }

    #[test]
    fn information_counts_what_the_lines_show(events in traces(150)) {
        let desk = Desk::new();
        desk.record(&events, "t.bct", Options::default());
        let jsonl = desk.record(&events, "t.jsonl", Options::default());
        let by_index = desk.info(&desk.path("t.bct"));
        let bytes = fs::read(desk.path("t.bct")).expect("written");
        let walked = desk.info(&desk.put("cut.bct", &bytes[..bytes.len() - 1]));
        prop_assert_eq!(&by_index.totals, &walked.totals);
        prop_assert_eq!(by_index.executed, walked.executed);
        prop_assert_eq!(&by_index.start, &walked.start);
        prop_assert_eq!(&by_index.end, &walked.end);
        prop_assert_eq!(by_index.blocks, walked.blocks);
        prop_assert_eq!(by_index.totals.instructions, numbers(&jsonl).len() as u64);
        prop_assert_eq!(by_index.totals.codes.iter().map(|code| code.instructions).sum::<u64>(), by_index.totals.instructions);
        prop_assert_eq!(by_index.totals.threads.values().sum::<u64>(), by_index.totals.instructions);
    }
}

#[test]
fn a_bct_ends_with_the_block_that_reaches_the_limit() {
    let desk = Desk::new();
    let numbers: Vec<u32> = (0..500u32).map(|number| number.wrapping_mul(0x9e37_79b1) >> 7).collect();
    let events = trace(&numbers);
    desk.record(&events, "t.bct", Options::default());
    let begins = |name| {
        let reader = crate::read::Reader::open(&desk.path(name)).expect("readable");
        reader.index().expect("an index").blocks.iter().map(|block| block.offset).collect::<Vec<_>>()
    };
    let whole = begins("t.bct");
    assert!(whole.len() >= 4, "{} blocks", whole.len());
    // A block ends where the next one begins.
    for blocks in 1..whole.len() - 1 {
        for (max_size, expected) in [(whole[blocks], blocks), (whole[blocks] + 1, blocks + 1)] {
            desk.record(&events, "cut.bct", Options { max_size: Some(max_size), ..Options::default() });
            assert_eq!(begins("cut.bct"), whole[..expected], "{max_size} bytes");
        }
    }
}
