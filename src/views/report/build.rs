//! Makes a page's data of what was gathered: sorts it, cuts it to size, and says what it has cut.

use std::collections::{BTreeMap, HashMap};
use std::fmt::Display;

use super::clean::CleanFolder;
use super::data::{CodeData, Data, ExceptionData, FlameData, Oddity, TimelineData, Unused};
use super::entries::EntryId;
use super::flame::ROOT;
use super::gather::Gathered;
use super::listing::listing;
use super::seen::Seen;
use crate::bytecode::CodeObject;
use crate::bytecode::code::STDLIB_PREFIX;
use crate::bytecode::escape::Printable;

/// Code objects on the page, and instructions in all listings.
const CODES: usize = 2000;
const LINES: usize = 40_000;
/// Nodes of the flame graph; a node with less than a 20,000th of all instructions is not drawn.
const NODES: usize = 6000;
const SMALLEST: u64 = 20_000;
/// Code objects in one stretch of the timeline.
const IN_STRETCH: usize = 6;
/// Bytes of the values of all listings.
const SEEN: usize = 768 << 10;
const EXCEPTIONS: usize = 500;
const UNUSED: usize = 500;
const ODDITIES: usize = 200;

/// Fills in all of the data that comes from what was gathered.
pub(super) fn fill(data: &mut Data, gathered: &Gathered, seen: Option<&Seen>, clean: Option<&CleanFolder>) {
    let totals = totals(gathered);
    let order = order(gathered, &totals);
    let places: HashMap<EntryId, usize> =
        order.iter().take(CODES).enumerate().map(|(place, &id)| (id, place)).collect();
    push_codes(data, gathered, &totals, &order, &places);
    if let Some(seen) = seen {
        push_seen(data, gathered, &order, seen);
    }
    if let Some(clean) = clean {
        let objects: Vec<&CodeObject> =
            order.iter().take(CODES).map(|&id| &*gathered.entries.list[id as usize].object).collect();
        clean.fill(data, &objects);
    }
    data.timeline = timeline(gathered, &places);
    data.flame = flame(gathered, &places, &mut data.cut);
    push_exceptions(data, gathered, &places);
    push_unused(data, gathered);
    push_oddities(data, gathered, &places);
    if gathered.entries.left_out > 0 {
        data.cut
            .push(format!("{} code objects beyond the first 16,384 are not counted apart.", gathered.entries.left_out));
    }
}

/// Instructions of each entry with what it called, recursion counted once.
fn totals(gathered: &Gathered) -> Vec<u64> {
    let mut totals = vec![0; gathered.entries.list.len()];
    let nodes = &gathered.flame.nodes;
    let sums = gathered.flame.totals();
    for (place, node) in nodes.iter().enumerate().skip(1) {
        let Some(entry) = node.entry else { continue };
        let mut above = node.parent;
        while above != ROOT && nodes[above as usize].entry != Some(entry) {
            above = nodes[above as usize].parent;
        }
        if above == ROOT {
            totals[entry as usize] += sums[place];
        }
    }
    totals
}

/// The entries in the order of the page: the program's own first, then by their instructions.
fn order(gathered: &Gathered, totals: &[u64]) -> Vec<EntryId> {
    let list = &gathered.entries.list;
    let mut order: Vec<EntryId> = (0..list.len() as EntryId).filter(|&id| list[id as usize].instructions > 0).collect();
    order.sort_by_key(|&id| {
        let entry = &list[id as usize];
        (entry.is_stdlib, std::cmp::Reverse((entry.instructions, totals[id as usize])), id)
    });
    order
}

fn push_codes(
    data: &mut Data,
    gathered: &Gathered,
    totals: &[u64],
    order: &[EntryId],
    places: &HashMap<EntryId, usize>,
) {
    let mut room = LINES;
    let mut without = 0;
    for &id in order.iter().take(CODES) {
        let entry = &gathered.entries.list[id as usize];
        let object = &*entry.object;
        // The library's code is known; listings of it would take the room of the program's.
        let lines = if entry.is_stdlib { None } else { Some(listing(entry)).filter(|lines| lines.len() <= room) };
        room -= lines.as_ref().map_or(0, Vec::len);
        without += usize::from(lines.is_none() && !entry.is_stdlib);
        data.codes.push(CodeData {
            id: entry.code,
            name: Printable::name(&object.name).to_string(),
            file: file(&object.filename),
            line: object.first_line,
            library: entry.is_stdlib,
            version_of: entry.version_of.and_then(|first| places.get(&first).copied()),
            own: entry.instructions,
            total: totals[id as usize].max(entry.instructions),
            entered: entry.entered,
            first: entry.first,
            about: about(object),
            lines,
            clean: None,
        });
    }
    if order.len() > CODES {
        data.cut.push(format!("{} code objects with few instructions are not listed.", order.len() - CODES));
    }
    if without > 0 {
        data.cut.push(format!(
            "The listings of {without} code objects are left out, because all of them would have more than 40,000 lines; \
             bctrace dis prints them."
        ));
    }
}

/// A file's name; the library's without its folder.
fn file(filename: &[u8]) -> String {
    Printable::text(filename.strip_prefix(STDLIB_PREFIX).unwrap_or(filename)).to_string()
}

fn about(object: &CodeObject) -> String {
    format!(
        "{} arguments, {} locals, stack of {}, flags {:#x}, {} bytes",
        object.argcount,
        object.nlocals,
        object.stacksize,
        object.flags,
        object.bytes.len()
    )
}

/// Adds the values to the listings.
fn push_seen(data: &mut Data, gathered: &Gathered, order: &[EntryId], seen: &Seen) {
    let (mut room, mut without) = (SEEN, 0);
    for (code, &id) in data.codes.iter_mut().zip(order) {
        let object = &gathered.entries.list[id as usize].object;
        for line in code.lines.iter_mut().flatten() {
            let Some(values) = seen.of(object, line.o) else { continue };
            match room.checked_sub(values.0.len() + values.1.len()) {
                Some(left) => (room, line.v) = (left, Some(values)),
                None => without += 1,
            }
        }
    }
    if without > 0 {
        data.cut.push(format!("The values of {without} instructions are not in the listings."));
    }
}

fn timeline(gathered: &Gathered, places: &HashMap<EntryId, usize>) -> TimelineData {
    let timeline = &gathered.timeline;
    let mut threads = 0;
    let stretches = timeline.stretches.iter().map(|stretch| {
        let mut by_place: BTreeMap<(u32, i64), u64> = BTreeMap::new();
        for (&(thread, entry), &count) in stretch {
            threads = threads.max(thread + 1);
            *by_place.entry((thread, place(places, Some(entry)))).or_default() += count;
        }
        let mut largest: Vec<(u32, i64, u64)> =
            by_place.into_iter().map(|((thread, place), count)| (thread, place, count)).collect();
        largest.sort_by_key(|&(_, _, count)| std::cmp::Reverse(count));
        let mut rest: BTreeMap<u32, u64> = BTreeMap::new();
        largest.drain(IN_STRETCH.min(largest.len())..).for_each(|(thread, _, count)| {
            *rest.entry(thread).or_default() += count;
        });
        largest.extend(rest.into_iter().map(|(thread, count)| (thread, -1, count)));
        largest
    });
    let stretches = stretches.collect();
    TimelineData { width: timeline.width, threads, stretches }
}

fn place(places: &HashMap<EntryId, usize>, entry: Option<EntryId>) -> i64 {
    entry.and_then(|entry| places.get(&entry)).map_or(-1, |&place| place as i64)
}

fn flame(gathered: &Gathered, places: &HashMap<EntryId, usize>, cut: &mut Vec<String>) -> FlameData {
    let nodes = &gathered.flame.nodes;
    let totals = gathered.flame.totals();
    let least = (totals[ROOT as usize] / SMALLEST).max(1);
    let mut data = FlameData::default();
    let mut new = vec![0u32; nodes.len()];
    let mut is_cut = gathered.flame.is_cut;
    for (old, node) in nodes.iter().enumerate() {
        let is_kept = old == ROOT as usize || totals[old] >= least && data.own.len() < NODES;
        if !is_kept {
            // What is not drawn counts for what is under it.
            new[old] = new[node.parent as usize];
            data.own[new[old] as usize] += node.own;
            is_cut = true;
            continue;
        }
        new[old] = data.own.len() as u32;
        data.parents.push(new[node.parent as usize]);
        data.codes.push(place(places, node.entry));
        data.own.push(node.own);
        data.entered.push(node.entered);
    }
    if is_cut {
        cut.push(
            "Small or very deep call paths are part of the path that they belong to in the flame graph.".to_owned(),
        );
    }
    data
}

fn push_exceptions(data: &mut Data, gathered: &Gathered, places: &HashMap<EntryId, usize>) {
    let mut exceptions: Vec<_> = gathered.exceptions.iter().collect();
    let is_stdlib = |entry: EntryId| gathered.entries.list[entry as usize].is_stdlib;
    // One that passes through several frames does so at the same instruction; the order must not depend on the map's.
    exceptions.sort_by_cached_key(|((entry, offset, raised), (_, first))| {
        (is_stdlib(*entry), raised.propagated, *first, *offset, *entry, &raised.type_name, &raised.message)
    });
    let left_out = gathered.exceptions_left_out + exceptions.len().saturating_sub(EXCEPTIONS) as u64;
    for ((entry, offset, raised), (times, first)) in exceptions.into_iter().take(EXCEPTIONS) {
        let Some(&code) = places.get(entry) else { continue };
        data.exceptions.push(ExceptionData {
            code,
            offset: *offset,
            text: raised.to_string(),
            propagated: raised.propagated,
            times: *times,
            first: *first,
        });
    }
    if left_out > 0 {
        data.cut.push(format!("{left_out} more exceptions are not listed."));
    }
}

fn push_unused(data: &mut Data, gathered: &Gathered) {
    let unused = || gathered.inner.iter().filter(|inner| !inner.has_run);
    data.unused.extend(unused().take(UNUSED).map(|inner| Unused {
        name: Printable::name(&inner.name).to_string(),
        file: file(&inner.filename),
        line: inner.first_line,
        instructions: inner.instructions,
    }));
    let left_out = unused().count().saturating_sub(UNUSED) as u64 + gathered.inner_left_out;
    if left_out > 0 {
        data.cut.push(format!("{left_out} more code objects that never ran are not listed."));
    }
}

fn push_oddities(data: &mut Data, gathered: &Gathered, places: &HashMap<EntryId, usize>) {
    let mut oddities = Vec::new();
    let mut push = |text: String, code, offset| oddities.push(Oddity { text, code, offset });
    for (place, code) in data.codes.iter().enumerate() {
        if code.version_of.is_some() {
            push(
                format!("{} ran with other bytes than before: the program changed its own code", code.name),
                Some(place),
                None,
            );
        }
        let overlaps = code.lines.iter().flatten().find(|line| line.x && line.c > 0);
        if let Some(line) = overlaps {
            push(format!("{} executes instructions that overlap", code.name), Some(place), Some(line.o));
        }
        let undefined = code.lines.iter().flatten().find(|line| line.c > 0 && line.n.starts_with("opcode "));
        if let Some(line) = undefined {
            push(
                format!("{} executes {}, which Python 2.7 does not define", code.name, line.n),
                Some(place),
                Some(line.o),
            );
        }
    }
    for (&(entry, offset), &times) in &gathered.outside {
        let Some(&place) = places.get(&entry) else { continue };
        let name = &data.codes[place].name;
        push(
            format!("{name} executes an instruction outside its code, {}", times_of(times)),
            Some(place),
            Some(offset),
        );
    }
    for (place, code) in data.codes.iter().enumerate().filter(|(_, code)| !code.library) {
        let handled = data.exceptions.iter().filter(|raised| raised.code == place && !raised.propagated);
        if let Some(most) = handled.max_by_key(|raised| raised.times).filter(|raised| raised.times >= FREQUENT) {
            let text =
                format!("{} raises {} {}: exceptions can serve as jumps", code.name, most.text, times_of(most.times));
            push(text, Some(place), Some(most.offset));
        }
    }
    if oddities.len() > ODDITIES {
        data.cut.push(format!("{} more oddities are not listed.", oddities.len() - ODDITIES));
        oddities.truncate(ODDITIES);
    }
    data.oddities = oddities;
}

/// Exceptions of one kind at one place that look as if they were jumps.
const FREQUENT: u64 = 20;

fn times_of(times: impl Display) -> String {
    match times.to_string() {
        times if times == "1" => "once".to_owned(),
        times => format!("{times} times"),
    }
}
