//! What the code of a program did in a recorded run, as far as anything outside it could notice: the calls of C functions with their
//! arguments, the imports, and the exceptions that left its frames.  Two runs are compared by it.

use std::collections::{BTreeSet, HashMap, HashSet};
use std::sync::Arc;

use sha2::{Digest, Sha256};

use crate::bytecode::opcode::{is_call, op};
use crate::read::steps::{Exit, Item, Step, Steps};
use crate::read::{Flaw, TraceError};
use crate::trace::event::EndReason;
use crate::trace::value::{Container, ContainerKind, Text, Value, What};
use crate::trace::{Code, Raised};

/// Acts that are kept; a program can go on for ever.
const MOST_ACTS: usize = 4_000_000;
/// Bytes of an act's name that are kept.
const MOST_NAME: usize = 80;
/// Frames that are kept in mind.  No program has as many, but a forged trace can enter frames for ever.
const MOST_FRAMES: usize = 1 << 18;

/// Offsets of instructions in whose place clean code has what they make, by code string.
pub type Folds = HashMap<Arc<[u8]>, BTreeSet<u32>>;

/// How clean code differs from the original on purpose.
#[derive(Debug, Default)]
pub struct Meant {
    pub folds: Folds,
    /// Names that were replaced, and what by.
    pub renames: HashMap<Vec<u8>, Vec<u8>>,
}

/// How values are written so that those of two runs can be compared.
#[derive(Clone, Copy)]
struct Form<'a> {
    renames: &'a HashMap<Vec<u8>, Vec<u8>>,
    /// Numbers that `id` returned: they are addresses.
    addresses: &'a HashSet<i64>,
}

impl Form<'_> {
    /// An object's name; what C code makes keeps its own.
    fn object(&self, what: What, name: &[u8]) -> Vec<u8> {
        match what {
            What::Builtin | What::Descriptor | What::Wrapper | What::Foreign => name.to_vec(),
            _ => self.name(name),
        }
    }

    /// A dotted name as the clean code has it.
    fn name(&self, name: &[u8]) -> Vec<u8> {
        let part = |part: &[u8]| self.renames.get(part).map_or_else(|| part.to_vec(), Vec::clone);
        name.split(|&byte| byte == b'.').map(part).collect::<Vec<_>>().join(&b'.')
    }
}

/// A run.
#[derive(Debug, Default)]
pub struct Behaviour {
    /// How the process ended; None if the trace does not say.
    pub end: Option<EndReason>,
    /// Code strings that ran.
    pub ran: HashSet<Arc<[u8]>>,
    /// Code strings that ran for a folded call.
    pub ran_folded: HashSet<Arc<[u8]>>,
    pub acts: Vec<Act>,
    /// Acts that were left out because there were too many.
    pub left_out: u64,
    /// Calls that the trace has no values of.
    pub without_values: u64,
    /// What is missing or damaged in the trace.
    pub flaws: Vec<Flaw>,
}

impl Behaviour {
    /// Whether code that is not the standard library's ran in more than one thread.
    pub fn has_threads(&self) -> bool {
        self.acts.iter().any(|act| act.thread != 0)
    }
}

/// Something that code did.
#[derive(Clone, Debug)]
pub struct Act {
    /// The code string that did it.
    pub code: Arc<[u8]>,
    pub offset: u32,
    pub thread: u32,
    /// What it was, in a few words; what a program chose is in it as it is.
    pub name: Box<[u8]>,
    /// Of all of it, the arguments included.
    pub digest: [u8; 16],
}

impl Behaviour {
    /// Reads a recording with values.  What code of the standard library did is not in it, and neither are calls that were folded with
    /// all that was done for them.
    pub fn read(steps: Steps, meant: &Meant) -> Result<Behaviour, TraceError> {
        let mut collector = Collector {
            behaviour: Behaviour::default(),
            codes: HashMap::new(),
            frames: HashMap::new(),
            folding: HashMap::new(),
            renames: &meant.renames,
            addresses: HashSet::new(),
            folds: &meant.folds,
        };
        for item in steps {
            collector.take(item?);
        }
        Ok(collector.behaviour)
    }
}

struct Collector<'a> {
    behaviour: Behaviour,
    /// The code string of each code object that ran.
    codes: HashMap<u32, Arc<[u8]>>,
    /// The code string of each frame, and the last exception in it.
    frames: HashMap<u64, (Arc<[u8]>, Option<Raised>)>,
    /// The frame of each thread that is in a folded call.
    folding: HashMap<u32, u64>,
    renames: &'a HashMap<Vec<u8>, Vec<u8>>,
    addresses: HashSet<i64>,
    folds: &'a Folds,
}

impl Collector<'_> {
    fn take(&mut self, item: Item) {
        match item {
            Item::Step(step) => {
                if self.is_in_fold(step.thread, step.frame) {
                    return;
                }
                self.folding.remove(&step.thread);
                self.step(&step);
            }
            Item::Entered(entered) => {
                if self.is_in_fold(entered.thread, entered.frame) {
                    self.behaviour.ran_folded.insert(entered.code.object.bytes.as_slice().into());
                } else if !entered.code.is_stdlib {
                    let string = self.string(&entered.code);
                    self.behaviour.ran.insert(string.clone());
                    if self.frames.len() >= MOST_FRAMES {
                        self.frames.clear();
                    }
                    self.frames.insert(entered.frame, (string, None));
                }
            }
            Item::Raised { frame, raised, .. } => self.raise(frame, raised),
            Item::Left { thread, frame, exit, .. } => {
                if self.folding.get(&thread) == Some(&frame) {
                    self.folding.remove(&thread);
                }
                // When a generator is closed depends on what refers to it, such as the traceback of the last exception.
                if let Some((code, Some(raised))) = self.frames.remove(&frame)
                    && exit == Exit::Unwind
                    && !raised.type_name.ends_with(b"GeneratorExit")
                {
                    let text = escaped(&raised, self.form());
                    self.act(code, 0, thread, &text, Vec::new());
                }
            }
            Item::End(end) => self.behaviour.end = Some(end.reason),
            Item::Flaw(flaw) => self.behaviour.flaws.push(flaw),
            Item::Start(_) | Item::Skipped { .. } => {}
        }
    }

    fn form(&self) -> Form<'_> {
        Form { renames: self.renames, addresses: &self.addresses }
    }

    fn string(&mut self, code: &Code) -> Arc<[u8]> {
        if let Some(string) = self.codes.get(&code.id) {
            return string.clone();
        }
        let string: Arc<[u8]> = code.object.bytes.as_slice().into();
        self.codes.insert(code.id, string.clone());
        string
    }

    /// Whether a frame of a thread belongs to a folded call of another one.
    fn is_in_fold(&self, thread: u32, frame: u64) -> bool {
        self.folding.get(&thread).is_some_and(|&folding| folding != frame)
    }

    fn raise(&mut self, frame: u64, raised: Raised) {
        if let Some((_, last)) = self.frames.get_mut(&frame) {
            *last = Some(raised);
        }
    }

    fn step(&mut self, step: &Step) {
        if step.code.is_stdlib {
            return;
        }
        let opcode = step.instruction.opcode;
        if is_call(opcode) && self.is_folded(step) {
            self.folding.insert(step.thread, step.frame);
        } else if is_call(opcode) {
            self.call(step);
        } else if opcode == op::IMPORT_NAME {
            let name =
                step.instruction.operand.and_then(|name| step.code.object.names.get(usize::try_from(name).ok()?));
            let mut text = b"import ".to_vec();
            text.extend_from_slice(name.map_or(b"", Vec::as_slice));
            let code = self.string(&step.code);
            self.act(code, step.instruction.offset.cast_unsigned(), step.thread, &text, Vec::new());
        }
        if let Some(raised) = &step.exception {
            self.raise(step.frame, raised.clone());
        }
    }

    fn is_folded(&mut self, step: &Step) -> bool {
        if self.folds.is_empty() {
            return false;
        }
        let offsets = self.folds.get(&self.string(&step.code));
        offsets.is_some_and(|offsets| offsets.contains(&step.instruction.offset.cast_unsigned()))
    }

    fn call(&mut self, step: &Step) {
        let Some((callee, arguments)) = step.values.operands.split_first() else {
            self.behaviour.without_values += 1;
            return;
        };
        // What Python functions do is seen by itself.
        if let Value::Object { what: What::Function | What::Method | What::Generator, .. } = callee {
            return;
        }
        let (name, mut rest) = (short(callee, self.form()), Vec::new());
        push(&mut rest, callee, self.form());
        // CALL_FUNCTION and its like look at the low 16 bits alone (ceval.c, call_function).
        rest.extend_from_slice(&(step.instruction.operand.unwrap_or(0) & 0xffff).to_le_bytes());
        arguments.iter().for_each(|argument| push(&mut rest, argument, self.form()));
        let code = self.string(&step.code);
        self.act(code, step.instruction.offset.cast_unsigned(), step.thread, &name, rest);
        if let (b"__builtin__.id", [Value::Int(address)]) = (&name[..], &step.values.results[..])
            && self.addresses.len() < MOST_FRAMES
        {
            self.addresses.insert(*address);
        }
    }

    fn act(&mut self, code: Arc<[u8]>, offset: u32, thread: u32, name: &[u8], rest: Vec<u8>) {
        if self.behaviour.acts.len() >= MOST_ACTS {
            self.behaviour.left_out += 1;
            return;
        }
        let mut hash = Sha256::new();
        hash.update((name.len() as u64).to_le_bytes());
        hash.update(name);
        hash.update(rest);
        let mut digest = [0; 16];
        digest.copy_from_slice(&hash.finalize()[..16]);
        let name = name[..name.len().min(MOST_NAME)].into();
        self.behaviour.acts.push(Act { code, offset, thread, name, digest });
    }
}

/// What is called, without what it is called on.
fn short(callee: &Value, form: Form) -> Vec<u8> {
    let kind: &[u8] = match callee {
        Value::Object { what, name, receiver, .. } => {
            let on = receiver.as_deref().map(|receiver| [short(receiver, form), b".".to_vec()].concat());
            return [on.unwrap_or_default(), form.object(*what, name)].concat();
        }
        Value::Str(_) => b"str",
        Value::Unicode(_) => b"unicode",
        Value::Container(container) => match container.kind {
            ContainerKind::Tuple => b"tuple",
            ContainerKind::List => b"list",
            ContainerKind::Dict => b"dict",
            ContainerKind::Set => b"set",
            ContainerKind::FrozenSet => b"frozenset",
        },
        _ => b"value",
    };
    kind.to_vec()
}

/// An exception as it is compared.  Of those that name a local only the type counts, since locals get other names.
fn escaped(raised: &Raised, form: Form) -> Vec<u8> {
    let mut text = b"raise ".to_vec();
    text.extend_from_slice(&form.name(&raised.type_name));
    let has_name = [&b"UnboundLocalError"[..], b"NameError"].iter().any(|name| raised.type_name.ends_with(name));
    if !has_name && !raised.message.is_empty() {
        text.extend_from_slice(b": ");
        text.extend_from_slice(&comparable(&raised.message));
    }
    text
}

/// Returns a text without what differs between two runs of one program: addresses.
pub fn comparable(text: &[u8]) -> Vec<u8> {
    const SHORTEST_ADDRESS: usize = 6;
    let mut out = Vec::with_capacity(text.len());
    let mut at = 0;
    while let Some(rest) = text.get(at..).filter(|rest| !rest.is_empty()) {
        if rest.starts_with(b"0x") {
            let digits = rest[2..].iter().take_while(|byte| byte.is_ascii_hexdigit()).count();
            out.extend_from_slice(b"0x");
            at += 2;
            if digits >= SHORTEST_ADDRESS {
                at += digits;
            }
            continue;
        }
        out.push(rest[0]);
        at += 1;
    }
    out
}

/// Writes a value so that equal ones are written alike in all runs: without the numbers of objects, and sets and dicts in an order of
/// their own.
fn push(out: &mut Vec<u8>, value: &Value, form: Form) {
    match value {
        Value::Str(text) => push_text(out, "s", text),
        Value::Unicode(text) => push_text(out, "u", text),
        Value::Container(container) => push_container(out, container, form),
        Value::Deep { kind, .. } => out.extend_from_slice(format!("deep {kind:?}").as_bytes()),
        Value::Object { what, name, receiver, .. } => {
            if let Some(receiver) = receiver {
                push(out, receiver, form);
                out.push(b'.');
            }
            out.extend_from_slice(&form.object(*what, name));
            if *what == What::Instance {
                out.extend_from_slice(b" object");
            }
        }
        Value::Float(number) => out.extend_from_slice(format!("f{:016x}", number.to_bits()).as_bytes()),
        Value::Complex(real, imaginary) => {
            out.extend_from_slice(format!("c{:016x}{:016x}", real.to_bits(), imaginary.to_bits()).as_bytes());
        }
        Value::Int(number) if form.addresses.contains(number) => out.extend_from_slice(b"address"),
        Value::Missing
        | Value::Bad
        | Value::None
        | Value::Bool(_)
        | Value::Ellipsis
        | Value::NotImplemented
        | Value::Int(_)
        | Value::Long { .. }
        | Value::HugeLong { .. } => out.extend_from_slice(format!("{value:?}").as_bytes()),
    }
    out.push(b';');
}

fn push_text(out: &mut Vec<u8>, kind: &str, text: &Text) {
    let bytes = comparable(&text.bytes);
    // A text that was cut has a checksum, which holds for texts without anything that differs.
    let cut = text.cut.filter(|_| bytes == text.bytes);
    out.extend_from_slice(format!("{kind}{}:{cut:?}:", bytes.len()).as_bytes());
    out.extend_from_slice(&bytes);
}

fn push_container(out: &mut Vec<u8>, container: &Container, form: Form) {
    let is_dict = container.kind == ContainerKind::Dict;
    let mut items: Vec<Vec<u8>> = container
        .items
        .chunks(if is_dict { 2 } else { 1 })
        .map(|item| {
            let mut text = Vec::new();
            item.iter().for_each(|value| push(&mut text, value, form));
            text
        })
        .collect();
    if matches!(container.kind, ContainerKind::Dict | ContainerKind::Set | ContainerKind::FrozenSet) {
        // What of a larger one is shown depends on its order.
        if container.cut.is_some() {
            items.clear();
        }
        items.sort();
    }
    out.extend_from_slice(format!("{:?}{:?}(", container.kind, container.cut).as_bytes());
    items.iter().for_each(|item| out.extend_from_slice(item));
    out.push(b')');
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_object_of_a_renamed_class_is_the_same_and_one_of_c_code_is_not_renamed() {
        let renames = HashMap::from([(b"O0".to_vec(), b"class_1".to_vec()), (b"next".to_vec(), b"name_1".to_vec())]);
        let form = Form { renames: &renames, addresses: &HashSet::new() };
        assert_eq!(form.object(What::Instance, b"__main__.O0"), b"__main__.class_1");
        assert_eq!(form.object(What::Builtin, b"__builtin__.next"), b"__builtin__.next");
    }

    #[test]
    fn addresses_do_not_count() {
        let one = comparable(b"<f at 0x7f0011aa>, 0x10");
        let other = comparable(b"<f at 0x7fffffff>, 0x10");
        assert_eq!(one, other);
        assert_eq!(one, b"<f at 0x>, 0x10");
    }

    #[test]
    fn sets_are_equal_in_any_order_and_lists_are_not() {
        let container = |kind, items: &[i64]| {
            let items = items.iter().map(|&item| Value::Int(item)).collect();
            let mut text = Vec::new();
            push(
                &mut text,
                &Value::Container(Container { kind, number: 3, items, cut: None }),
                Form { renames: &HashMap::new(), addresses: &HashSet::from([7]) },
            );
            text
        };
        assert_eq!(container(ContainerKind::Set, &[1, 2]), container(ContainerKind::Set, &[2, 1]));
        assert_ne!(container(ContainerKind::List, &[1, 2]), container(ContainerKind::List, &[2, 1]));
        assert_ne!(container(ContainerKind::Set, &[1, 2]), container(ContainerKind::Set, &[1, 3]));
        assert!(container(ContainerKind::List, &[7]).ends_with(b"address;);"), "what `id` returned is an address");
    }
}
