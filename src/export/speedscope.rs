//! The format of speedscope (https://www.speedscope.app/file-format-schema.json): call paths with their instructions, or each call at its
//! time.  A time is a number of instructions.

use std::io::Write;
use std::rc::Rc;

use rustc_hash::FxHashMap;

use super::names::{Name, Names};
use super::stacks::{Calls, Ran, Stacks};
use super::target::Target;
use super::text::push_json;
use super::tree::{Summed, Tree};
use crate::trace::{Code, SinkError};

/// Calls of an evented profile; a browser's tab ends at some ten times as many.
const MOST_CALLS: u64 = 1_000_000;
const SCHEMA: &str = "https://www.speedscope.app/file-format-schema.json";

/// The aggregated form.
pub struct Aggregated;

impl Aggregated {
    #[expect(clippy::new_ret_no_self, reason = "the exports are named by their forms")]
    pub fn new(target: Target) -> Stacks<Summed> {
        Stacks::new(Summed::new(target, write_tree))
    }
}

fn write_tree(tree: &Tree, out: &mut Target) -> Result<(), SinkError> {
    write_head(tree.names.all(), out)?;
    let roots = tree.nodes.iter().filter(|node| node.parent.is_none());
    let mut threads: Vec<u32> = roots.map(|root| root.thread).collect();
    threads.sort_unstable();
    let mut of_thread: FxHashMap<u32, Vec<u32>> = FxHashMap::default();
    for (number, node) in tree.nodes.iter().enumerate().filter(|(_, node)| node.instructions > 0) {
        of_thread.entry(node.thread).or_default().push(number as u32);
    }
    for (position, thread) in threads.iter().enumerate() {
        let nodes = of_thread.remove(thread).unwrap_or_default();
        let total: u64 = nodes.iter().map(|node| tree.nodes[*node as usize].instructions).sum();
        let comma = if position > 0 { "," } else { "" };
        write!(
            out,
            "{comma}\n{{\"type\":\"sampled\",\"name\":\"thread {thread}\",\"unit\":\"none\",\"startValue\":0,\
            \"endValue\":{total},\"samples\":["
        )?;
        for (position, node) in nodes.iter().enumerate() {
            let path: Vec<String> = tree.path(*node).iter().map(u32::to_string).collect();
            write!(out, "{}[{}]", if position > 0 { "," } else { "" }, path.join(","))?;
        }
        write!(out, "],\"weights\":[")?;
        for (position, node) in nodes.iter().enumerate() {
            write!(out, "{}{}", if position > 0 { "," } else { "" }, tree.nodes[*node as usize].instructions)?;
        }
        write!(out, "]}}")?;
    }
    if threads.is_empty() {
        write_empty(out)?;
    }
    writeln!(out, "]}}")?;
    Ok(())
}

/// A profile without any call: speedscope wants one at least.
fn write_empty(out: &mut Target) -> Result<(), SinkError> {
    write!(
        out,
        "\n{{\"type\":\"sampled\",\"name\":\"thread 0\",\"unit\":\"none\",\"startValue\":0,\"endValue\":0,\
        \"samples\":[],\"weights\":[]}}"
    )?;
    Ok(())
}

fn write_head(names: &[Name], out: &mut Target) -> Result<(), SinkError> {
    write!(out, "{{\"$schema\":\"{SCHEMA}\",\"exporter\":\"bctrace@{}\",", env!("CARGO_PKG_VERSION"))?;
    write!(out, "\"activeProfileIndex\":0,\"shared\":{{\"frames\":[")?;
    let mut line = Vec::new();
    for (position, name) in names.iter().enumerate() {
        line.clear();
        if position > 0 {
            line.push(b',');
        }
        line.extend_from_slice(b"{\"name\":");
        push_string(&mut line, &name.name);
        if !name.file.is_empty() {
            line.extend_from_slice(b",\"file\":");
            push_string(&mut line, &name.file);
            line.extend_from_slice(format!(",\"line\":{}", name.line).as_bytes());
        }
        line.push(b'}');
        out.write_all(&line)?;
    }
    write!(out, "]}},\"profiles\":[")?;
    Ok(())
}

/// Appends a text that was escaped already.
fn push_string(out: &mut Vec<u8>, text: &str) {
    match serde_json::to_writer(&mut *out, text) {
        Ok(()) => {}
        Err(_) => push_json(out, text.as_bytes()),
    }
}

/// The evented form, kept until its size is known.
pub struct Evented {
    target: Target,
    names: Names,
    /// By thread: whether a call begins, its name, and when.
    threads: FxHashMap<u32, Vec<(bool, u32, u64)>>,
    /// By thread: the names of open calls.
    open: FxHashMap<u32, Vec<u32>>,
    calls: u64,
    last: u64,
}

impl Evented {
    pub fn new(target: Target) -> Stacks<Evented> {
        Stacks::new(Evented {
            target,
            names: Names::default(),
            threads: FxHashMap::default(),
            open: FxHashMap::default(),
            calls: 0,
            last: 0,
        })
    }
}

impl Calls for Evented {
    fn open(&mut self, thread: u32, code: &Rc<Code>, number: u64) -> Result<(), SinkError> {
        self.calls += 1;
        if self.calls > MOST_CALLS {
            return Err(SinkError::Full);
        }
        let name = self.names.number(code);
        self.threads.entry(thread).or_default().push((true, name, number));
        self.open.entry(thread).or_default().push(name);
        Ok(())
    }

    fn close(&mut self, thread: u32, number: u64) -> Result<(), SinkError> {
        self.last = self.last.max(number);
        if let Some(name) = self.open.get_mut(&thread).and_then(Vec::pop) {
            self.threads.entry(thread).or_default().push((false, name, number));
        }
        Ok(())
    }

    fn ran(&mut self, _code: &Rc<Code>, ran: Ran) -> Result<(), SinkError> {
        self.last = ran.last;
        Ok(())
    }

    fn finish(mut self) -> Result<(Target, Option<String>), SinkError> {
        let out = &mut self.target;
        write_head(self.names.all(), out)?;
        let mut threads: Vec<u32> = self.threads.keys().copied().collect();
        threads.sort_unstable();
        for (position, thread) in threads.iter().enumerate() {
            let comma = if position > 0 { "," } else { "" };
            write!(
                out,
                "{comma}\n{{\"type\":\"evented\",\"name\":\"thread {thread}\",\"unit\":\"none\",\"startValue\":0,\
                \"endValue\":{},\"events\":[",
                self.last
            )?;
            for (position, (begins, name, at)) in self.threads[thread].iter().enumerate() {
                let comma = if position > 0 { "," } else { "" };
                let kind = if *begins { 'O' } else { 'C' };
                write!(out, "{comma}{{\"type\":\"{kind}\",\"frame\":{name},\"at\":{at}}}")?;
            }
            write!(out, "]}}")?;
        }
        if threads.is_empty() {
            write_empty(out)?;
        }
        writeln!(out, "]}}")?;
        Ok((self.target, None))
    }

    fn refusal(&self) -> Option<String> {
        (self.calls > MOST_CALLS).then(|| {
            format!("it has more than {MOST_CALLS} calls, too many for speedscope one by one; leave out --evented to have their sums")
        })
    }
}
