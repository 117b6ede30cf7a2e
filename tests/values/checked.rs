//! Values against an independent account: a tracer in Python, set by sys.settrace, that writes down arguments, locals and what is
//! returned or yielded.

use std::collections::{BTreeMap, HashMap};

use serde_json::Value;

use crate::live::{self, Program};

/// Runs the program that it is given under a tracer; a line of JSON on standard error for each event.
const TRACER: &str = r#"
import sys, json
def text(value, depth=0):
    kind = type(value)
    if kind in (int, long, float, str, unicode, bool, type(None)):
        return repr(value) if len(repr(value)) < 80 else None
    if kind in (tuple, list) and len(value) < 10 and depth < 2:
        parts = [text(item, depth + 1) for item in value]
        if None in parts: return None
        return repr(value)
    return None
def trace(frame, event, arg):
    code = frame.f_code
    if code.co_filename != NAME or code.co_name == '<module>': return trace
    if event == 'call' and frame.f_lasti < 0:
        names = code.co_varnames[:code.co_argcount]
        entered[frame] = ['call', code.co_name, [text(frame.f_locals.get(name)) for name in names]]
    elif event == 'line':
        raised.discard(frame)
        if frame in entered: out.append(entered.pop(frame))
    elif event == 'exception':
        raised.add(frame)
    elif event == 'return' and frame not in raised and frame.f_lasti >= 0 and ord(code.co_code[frame.f_lasti]) in (83, 86):
        local = dict((name, text(frame.f_locals[name])) for name in code.co_varnames if name in frame.f_locals)
        out.append(['return', code.co_name, text(arg), local])
    return trace
out, entered, raised = [], {}, set()
NAME = sys.argv[1]
source = compile(open(NAME).read(), NAME, 'exec')
sys.settrace(trace)
try: exec source in {'__name__': '__main__'}
finally: sys.settrace(None)
for event in out: sys.stderr.write(json.dumps(event) + '\n')
"#;

/// The same events out of a trace in JSON lines.
fn told(jsonl: &str) -> Vec<Value> {
    let mut codes: HashMap<u64, Value> = HashMap::new();
    let mut locals: HashMap<u64, BTreeMap<String, Value>> = HashMap::new();
    let mut events = Vec::new();
    for line in jsonl.lines() {
        let object: Value = serde_json::from_str(line).unwrap();
        match object["type"].as_str() {
            Some("code") => {
                codes.insert(object["code"].as_u64().unwrap(), object);
            }
            Some("instruction") if object["name"] != "<module>" => {
                let code = &codes[&object["code"].as_u64().unwrap()];
                let frame = object["frame"].as_u64().unwrap();
                let mine = locals.entry(frame).or_default();
                if let Some(arguments) = object["arguments"].as_array() {
                    mine.clear();
                    for (name, value) in code["varnames"].as_array().unwrap().iter().zip(arguments) {
                        mine.insert(name.as_str().unwrap().to_string(), value.clone());
                    }
                }
                let is_first =
                    object["offset"] == 0 && mine.len() == object["arguments"].as_array().map_or(0, Vec::len);
                if is_first && !mine.contains_key(" entered") {
                    let count = code["argcount"].as_u64().unwrap() as usize;
                    let arguments: Vec<Value> =
                        object["arguments"].as_array().cloned().unwrap_or_default().into_iter().take(count).collect();
                    events.push(serde_json::json!(["call", object["name"], arguments]));
                }
                let name = object["resolved"].as_str().unwrap_or_default().to_string();
                match object["opname"].as_str().unwrap() {
                    "STORE_FAST" => {
                        mine.insert(name, object["operands"][0].clone());
                    }
                    "DELETE_FAST" => {
                        mine.remove(&name);
                    }
                    "RETURN_VALUE" | "YIELD_VALUE" => {
                        let local: BTreeMap<_, _> = mine.iter().filter(|(name, _)| *name != " entered").collect();
                        events.push(serde_json::json!(["return", object["name"], object["operands"][0], local]));
                    }
                    _ => {}
                }
                mine.insert(" entered".to_string(), Value::Null);
            }
            _ => {}
        }
    }
    events
}

/// Whether what the tracer says, where it says anything, is what the trace says.
fn agree(tracer: &Value, trace: &Value) -> bool {
    match (tracer, trace) {
        (Value::Null, _) => true,
        (Value::Array(left), Value::Array(right)) => {
            left.len() == right.len() && left.iter().zip(right).all(|(left, right)| agree(left, right))
        }
        (Value::Object(left), Value::Object(right)) => {
            left.iter().all(|(name, value)| right.get(name).is_some_and(|other| agree(value, other)))
        }
        _ => tracer == trace,
    }
}

#[test]
fn arguments_locals_and_returns_are_those_that_a_python_tracer_sees() {
    let sources = [
        include_str!("../../fixtures/source/classes.py"),
        include_str!("../../fixtures/source/generators.py"),
        include_str!("../../fixtures/source/recursion.py"),
        include_str!("../../fixtures/source/loops.py"),
        include_str!("../../fixtures/source/method_heavy.py"),
        include_str!("../../fixtures/source/factorial.py"),
    ];
    let mut compared = 0;
    for source in sources {
        let program = Program::new(source);
        std::fs::write(program.path("traced.py"), source).unwrap();
        std::fs::write(program.path("tracer.py"), TRACER).unwrap();
        let ran = live::run(program.command(["python", "tracer.py", "traced.py"]));
        let tracer: Vec<Value> = ran.stderr().lines().map(|line| serde_json::from_str(line).expect(line)).collect();
        assert_eq!(program.trace(&["--values", "--no-stdlib"], "t.jsonl", &[]).status, ran.status);
        let trace = told(&program.read("t.jsonl"));
        let trace = &trace[..tracer.len().min(trace.len())];
        for (place, (left, right)) in tracer.iter().zip(trace).enumerate() {
            assert!(agree(left, right), "event {place}: the tracer says {left}, the trace {right}\n{source}");
        }
        // What runs when the interpreter shuts down the tracer does not see.
        assert_eq!(tracer.len(), trace.len(), "{source}");
        compared += tracer.len();
    }
    assert!(compared > 300, "only {compared} events were compared");
}
