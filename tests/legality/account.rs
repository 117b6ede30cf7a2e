//! The VM's own account of what it executes, to compare traces with: each code object gets a line table in which every byte is a line of
//! its own, so that a `line` event of sys.settrace comes for each instruction that is dispatched.

use std::path::Path;

use crate::recorded::{self, Instruction};
use crate::{manifest, running};

use super::sources;
use proptest::strategy::{Strategy, ValueTree};
use proptest::test_runner::TestRunner;

/// Runs the .pyc that is its first argument, and writes what sys.settrace saw of it to its second one.
/// EXTENDED_ARG's successor is dispatched without a line event.
const ACCOUNTANT: &str = "
import sys, marshal, types, os

def relabelled(code):
    constants = tuple([relabelled(c) if type(c) is types.CodeType else c for c in code.co_consts])
    return types.CodeType(code.co_argcount, code.co_nlocals, code.co_stacksize, code.co_flags, code.co_code, constants,
        code.co_names, code.co_varnames, '<accounted>', code.co_name, 0, '\\1\\1' * len(code.co_code), code.co_freevars,
        code.co_cellvars)

def accountant(frame, event, argument):
    if frame.f_code.co_filename != '<accounted>':
        return None
    if event == 'line':
        account.append((frame.f_code.co_name.encode('hex'), frame.f_lineno))
    return accountant

account = []
pyc, out = sys.argv[1:3]
program = relabelled(marshal.loads(open(pyc, 'rb').read()[8:]))
sys.argv[:] = [pyc]
module = types.ModuleType('__main__')
module.__file__ = pyc
module.__builtins__ = __builtins__
sys.path.insert(0, os.path.dirname(pyc))
sys.settrace(accountant)
try:
    exec program in module.__dict__
except:
    pass
sys.settrace(None)
open(out, 'w').write(''.join(['%s\\t%d\\n' % item for item in account]))
";

/// Fixtures whose account cannot be had so: they have trace functions of their own, more than one thread, other output or an end
/// that the accountant changes, run code that has no line, or run Python code where a trace function holds on to their locals.
const NOT_ACCOUNTED: [&str; 13] = [
    "alarm",
    "argv",
    "before_the_code",
    "deaths",
    "exits",
    "exitfunc",
    "finalizers",
    "fork",
    "line_jumps",
    "recursion",
    "self_modifying",
    "trace_functions",
    "unaware",
];

#[test]
fn traces_hold_each_instruction_that_the_vm_itself_accounts_for() {
    let scratch = tempfile::tempdir().unwrap();
    let accountant = scratch.path().join("accountant.pyc");
    running::compile(ACCOUNTANT, &accountant);
    let mut accounted = 0;
    for run in manifest::runs() {
        let is_plain = run.deterministic && run.args.is_empty() && run.stdin.is_empty();
        let name = run.pyc().replace(".pyc", "");
        if !is_plain || NOT_ACCOUNTED.contains(&name.as_str()) || name.starts_with("threads") {
            continue;
        }
        accounted += compare(&accountant, &running::fixtures().join(run.pyc()), scratch.path(), &run.name);
    }
    assert!(accounted > 10_000, "{accounted} instructions were compared");
}

#[test]
fn traces_of_generated_programs_hold_what_the_vm_itself_accounts_for() {
    let scratch = tempfile::tempdir().unwrap();
    let accountant = scratch.path().join("accountant.pyc");
    running::compile(ACCOUNTANT, &accountant);
    let mut runner = TestRunner::deterministic();
    let generated = scratch.path().join("generated.pyc");
    let mut accounted = 0;
    for _ in 0..24 {
        let source = sources::program().new_tree(&mut runner).unwrap().current();
        running::compile(&source, &generated);
        accounted += compare(&accountant, &generated, scratch.path(), &source);
    }
    assert!(accounted > 2_000, "{accounted} instructions were compared");
}

/// Traces the accountant at work, and compares the program's part of the trace with its account.  Returns how many instructions
/// both have.
fn compare(accountant: &Path, program: &Path, scratch: &Path, name: &str) -> usize {
    let scratch = tempfile::tempdir_in(scratch).unwrap();
    let scratch = scratch.path();
    let (trace, out) = (scratch.join("trace.bct"), scratch.join("account"));
    let mut command = running::bctrace(["-q", "--no-sandbox", "--shutdown"]);
    command.arg(accountant).arg(&trace).arg("--").arg(program).arg(&out).current_dir(running::fixtures());
    running::run(&mut command).succeeded();
    let recorded = recorded::read(&trace);
    // The code object that is closing the account runs on without it.
    let dispatched = |found: &&Instruction| found.file == b"<accounted>" && !found.prefixed;
    let traced = recorded.instructions.iter().filter(dispatched);
    let traced: Vec<String> = traced.map(|found| format!("{}\t{}", hex(&found.name), found.offset)).collect();
    let account = String::from_utf8_lossy(&running::read(&out)).into_owned();
    let account: Vec<&str> = account.lines().collect();
    let same = traced.iter().zip(&account).take_while(|(traced, accounted)| traced == accounted).count();
    let (got, want) = (traced.get(same), account.get(same));
    assert!(same == account.len(), "{name}\nstep {same} is {got:?}, the VM has {want:?}");
    // What runs when the module is cleared has no trace function any more.
    let late = &traced[same..];
    assert!(late.len() < 200, "{name}: {} more instructions than the VM has: {:?}", late.len(), &late[..3]);
    same
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}
