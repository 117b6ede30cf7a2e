//! What is in a trace, for reading.

use super::Info;
use crate::bytecode::escape::Printable;
use crate::format::Named;
use crate::read::Flaw;
use crate::trace::event::Sandbox;
use crate::trace::totals::CodeTotal;
use crate::trace::{End, EndReason, Start};

pub(super) fn render(info: &Info) -> Vec<u8> {
    let mut out = Vec::new();
    for (what, text) in facts(info) {
        out.extend_from_slice(format!("{what:<13} {text}\n").as_bytes());
    }
    push_threads(&mut out, info);
    push_codes(&mut out, info);
    out
}

/// What is said of the whole trace: pairs of a word and a printable text.
pub(super) fn facts(info: &Info) -> Vec<(&'static str, String)> {
    let mut facts = vec![("trace", made_of(info))];
    if let Some(start) = &info.start {
        push_start(&mut facts, start);
    }
    facts.push(("end", end(info)));
    // That a growing trace has no end is no damage.
    let is_damage = |flaw: &&Flaw| !(info.is_growing && matches!(flaw, Flaw::Unfinished { .. }));
    facts.extend(info.flaws.iter().filter(is_damage).map(|flaw| ("damage", flaw.to_string())));
    let capped = info.capped();
    let left_out = match (info.left_out() - info.left_out_at_shutdown()).saturating_sub(capped.instructions) {
        0 => String::new(),
        count => format!(", {} more were executed and are not in the trace", grouped(count)),
    };
    facts.push(("instructions", format!("{}{left_out}", grouped(info.totals.instructions))));
    if capped.iterations > 0 {
        facts.push(("loops", capped.to_string()));
    }
    match info.left_out_at_shutdown() {
        0 => {}
        1 => facts.push(("shutdown", "1 instruction of the interpreter's own shutdown was left out".to_owned())),
        count => facts.push((
            "shutdown",
            format!("{} instructions of the interpreter's own shutdown were left out", grouped(count)),
        )),
    }
    facts.push(("frames", grouped(info.totals.frames)));
    facts.push(("exceptions", grouped(info.totals.exceptions)));
    facts
}

fn push_start(facts: &mut Vec<(&'static str, String)>, start: &Start) {
    let words =
        |list: &[Vec<u8>]| list.iter().map(|word| Printable::text(word).to_string()).collect::<Vec<_>>().join(" ");
    facts.push(("program", words(&start.argv)));
    if let Some(hash) = &start.sha256 {
        facts.push(("sha256", hash.iter().map(|byte| format!("{byte:02x}")).collect()));
    }
    if !start.options.is_empty() {
        facts.push(("options", words(&start.options)));
    }
    if !start.environment.is_empty() {
        facts.push(("environment", words(&start.environment)));
    }
    facts.push(("sandbox", sandboxed(start.sandbox).to_owned()));
    let (version, vm) = (Printable::text(&start.version), Printable::text(&start.vm));
    facts.push(("recorded by", format!("bctrace {version}, Python {vm}")));
}

/// Says how a trace ended.
pub(super) fn end(info: &Info) -> String {
    match &info.end {
        Some(end) => match info.uncaught() {
            Some(raised) => format!("{}; uncaught {raised}", ended(end)),
            None => ended(end),
        },
        None if info.is_growing => "none yet: the recorder is still writing it".to_owned(),
        None => "none: the recorder was killed, or is still writing it".to_owned(),
    }
}

fn made_of(info: &Info) -> String {
    let bytes = info.bytes.map_or(String::new(), |bytes| format!(", {}", counted(bytes, "byte")));
    let name = Named::input(&info.trace);
    format!("{name}, .bct version {}{bytes}, {}", info.version, counted(info.blocks, "block"))
}

/// Says what kept the program from harm.
fn sandboxed(sandbox: Sandbox) -> &'static str {
    match sandbox {
        Sandbox::None => "none",
        Sandbox::Watched => "watched; `bctrace tried` lists what the program tried",
        Sandbox::Unwatched => "unwatched: the system did not let bctrace see what the program tried",
    }
}

fn ended(end: &End) -> String {
    let mut text = match &end.reason {
        EndReason::Exited(status) => format!("exited with status {status}"),
        EndReason::Killed(signal) => format!("killed by signal {signal}"),
        EndReason::Stopped(reason) => format!("stopped by {}", reason.option()),
        EndReason::Tampered(why) => format!("the stream was tampered with: {}", Printable::text(why)),
        EndReason::OutputFailed(why) => format!("the trace could not be written on: {}", Printable::text(why)),
        EndReason::Unknown if end.replaced => "went on as another program".to_owned(),
        EndReason::Unknown => "ended, and only its parent was told how".to_owned(),
    };
    if let Some((name, offset, opname)) = &end.place {
        text.push_str(&format!(" in {} at {offset} {}", Printable::name(name), Printable::text(opname)));
    }
    if end.replaced && end.reason != EndReason::Unknown {
        text.push_str(", after it had replaced itself by another program");
    }
    text
}

fn push_threads(out: &mut Vec<u8>, info: &Info) {
    let threads = &info.totals.threads;
    if threads.len() < 2 && info.totals.other_threads == 0 {
        return;
    }
    out.extend_from_slice(b"\n     instructions  thread\n");
    let rows = threads.iter().map(|(thread, count)| (*count, thread.to_string()));
    let others = (info.totals.other_threads > 0).then(|| (info.totals.other_threads, "all others".to_owned()));
    for (count, name) in rows.chain(others) {
        out.extend_from_slice(format!("{:>17}  {name}\n", grouped(count)).as_bytes());
    }
}

fn push_codes(out: &mut Vec<u8>, info: &Info) {
    if info.totals.codes.is_empty() {
        return;
    }
    out.extend_from_slice(b"\n     instructions          frames  code object\n");
    let mut codes: Vec<&CodeTotal> = info.totals.codes.iter().collect();
    codes.sort_by_key(|code| std::cmp::Reverse(code.instructions));
    for code in codes {
        let count = if code.objects > 1 { format!(", {} of them", grouped(code.objects)) } else { String::new() };
        let changed = if code.versions > 0 {
            format!(", bytes changed {}", counted(code.versions, "time"))
        } else {
            String::new()
        };
        let (name, file) = (Printable::name(&code.name), Printable::text(&code.filename));
        push_code(out, code, format!("{name}  {file}:{}{count}{changed}", code.first_line));
    }
    if info.totals.other_codes != CodeTotal::default() {
        push_code(out, &info.totals.other_codes, "all others".to_owned());
    }
}

fn push_code(out: &mut Vec<u8>, code: &CodeTotal, name: String) {
    out.extend_from_slice(
        format!("{:>17}{:>16}  {name}\n", grouped(code.instructions), grouped(code.frames)).as_bytes(),
    );
}

/// Writes a number and what is counted.
fn counted(number: u64, what: &str) -> String {
    let plural = if number == 1 { "" } else { "s" };
    format!("{} {what}{plural}", grouped(number))
}

/// Writes a number with its digits in groups of three.
fn grouped(number: u64) -> String {
    let digits = number.to_string();
    let mut out = String::new();
    for (place, digit) in digits.chars().enumerate() {
        if place > 0 && (digits.len() - place).is_multiple_of(3) {
            out.push(',');
        }
        out.push(digit);
    }
    out
}
