//! A reader in another language, written from docs/trace-format.md alone, finds the same instructions in a file.

use std::process::Command;

use super::*;
use crate::trace::invented::trace;

const READER: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/readers/bct_reader.py");

#[test]
fn a_reader_written_from_the_description_finds_the_same_instructions() {
    let desk = Desk::new();
    let numbers: Vec<u32> = (0..3000u32).map(|number| number.wrapping_mul(0x9e37_79b1) >> 7).collect();
    let events = trace(&numbers);
    desk.record(&events, "t.bct", Options::default());
    let jsonl = desk.record(&events, "t.jsonl", Options::default());
    let read = match Command::new("python3").arg(READER).arg(desk.path("t.bct")).output() {
        Ok(read) => read,
        Err(error) => return eprintln!("not compared: no python3 here ({error})"),
    };
    let errors = String::from_utf8_lossy(&read.stderr);
    if !read.status.success() && errors.contains("No such file or directory: 'zstd'") {
        return eprintln!("not compared: python3 finds no zstd here");
    }
    assert!(read.status.success(), "{errors}");
    let objects = objects(&jsonl);
    let instructions = objects.iter().filter(|object| object["type"] == "instruction");
    let expected: Vec<String> = instructions.map(line).collect();
    assert!(expected.len() > 1000);
    assert_eq!(String::from_utf8_lossy(&read.stdout).lines().collect::<Vec<_>>(), expected);
}

fn line(object: &serde_json::Value) -> String {
    let fields = ["number", "thread", "frame", "depth", "code", "offset", "opcode"].map(|key| object[key].to_string());
    let operand = object["operand"].as_i64().map_or("-".to_owned(), |operand| operand.to_string());
    format!("{}\t{operand}", fields.join("\t"))
}
