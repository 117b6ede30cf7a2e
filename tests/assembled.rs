//! Listings and what is assembled of them: on the whole standard library, the fixtures, hostile code, and what CPython's dis prints.

mod others;

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use bctrace::parts::assemble::{self, Instruction, Item, Label, Operand, depth, flags, lines, listing};
use bctrace::parts::marshal::whole::{self, Interning};
use bctrace::parts::object::{MarshalledCode, Object};
use bctrace::parts::{EXTENDED_ARG, code, decode, dis, marshal, opcode};
use serde_json::Value;

use crate::live::{self, Program};
use crate::running;

/// Writes the marshalled code of every module of the standard library into a folder.
const MODULES: &str = "import marshal, pkgutil, sys
library = [entry for entry in sys.path if entry.endswith(('/lib/python2.7', '/plat-linux2', '/lib-dynload'))]
for importer, name, _ in pkgutil.walk_packages(library, onerror=lambda name: None):
    code = importer.find_module(name).get_code(name)
    if code is not None:
        open(sys.argv[1] + '/' + name, 'wb').write(marshal.dumps(code))";

/// Prints a module's code objects as dis does, each after a heading, and writes the module to a .pyc.
const DIS: &str = "import dis, imp, marshal, pkgutil, sys, types
def show(code):
    print 'Disassembly of %s:' % code.co_name
    dis.disassemble(code)
    for constant in code.co_consts:
        if type(constant) is types.CodeType:
            show(constant)
code = pkgutil.get_loader(sys.argv[1]).get_code(sys.argv[1])
open(sys.argv[2], 'wb').write(imp.get_magic() + '\\0\\0\\0\\0' + marshal.dumps(code))
show(code)";

fn library() -> Vec<(String, Vec<u8>)> {
    let folder = tempfile::tempdir().unwrap();
    running::run(running::bctrace(["python", "-c", MODULES]).arg(folder.path())).succeeded();
    let entries = fs::read_dir(folder.path()).unwrap().map(|entry| entry.unwrap());
    let read = |entry: fs::DirEntry| (entry.file_name().into_string().unwrap(), fs::read(entry.path()).unwrap());
    let modules: Vec<(String, Vec<u8>)> = entries.map(read).collect();
    assert!(modules.len() > 500, "{} modules", modules.len());
    modules
}

fn code_of(marshalled: &[u8]) -> MarshalledCode {
    match marshal::read(marshalled) {
        Ok((Object::Code(code), _)) => *code,
        other => panic!("no code: {other:?}"),
    }
}

/// Lists marshalled code and assembles the listing.
fn there_and_back(marshalled: &[u8]) -> Vec<u8> {
    let (object, interned) = marshal::read_with_interned(marshalled).unwrap();
    let Object::Code(code) = object else { panic!("no code") };
    let program = dis::Program { file: "x", time: Some(7), code: &code, interned: &interned };
    let mut text = Vec::new();
    dis::run(&program, &dis::DisPlan::default(), &mut |_| true, &mut text).unwrap();
    let read = listing::read(&text).unwrap_or_else(|error| panic!("{error}\n{}", String::from_utf8_lossy(&text)));
    assert_eq!((read.time, read.remarks.len()), (7, 0), "{:?}", read.remarks);
    whole::code_with(&read.code, &Interning::Only(&read.interned)).unwrap()
}

#[test]
fn every_module_of_the_library_comes_back_from_its_listing() {
    for (name, marshalled) in library() {
        assert!(there_and_back(&marshalled) == marshalled, "{name} differs");
        // Written with another choice of interned strings, it is another file with the same objects.
        let code = code_of(&marshalled);
        let written = whole::code(&code).unwrap();
        assert_eq!(format!("{:?}", code_of(&written)), format!("{code:?}"), "{name}");
    }
}

/// The instructions of a code string without their prefixes, and labels where jumps lead.
fn items(bytes: &[u8]) -> Vec<Item> {
    let units: Vec<decode::Unit> = decode::units(bytes, 0).collect();
    let target = |unit: &decode::Unit| match opcode::operand_kind(unit.last.opcode) {
        opcode::OperandKind::JumpAbsolute => unit.last.operand,
        opcode::OperandKind::JumpRelative => unit.last.operand.map(|operand| operand + unit.end as i32),
        _ => None,
    };
    let mut items = Vec::new();
    for unit in &units {
        items.push(Item::Label(Label(unit.start)));
        let operand = match (unit.last.operand, target(unit)) {
            (None, _) => Operand::Nothing,
            (Some(_), Some(to)) => Operand::Target(Label(to as u32)),
            (Some(operand), None) => Operand::Number(operand),
        };
        items.push(Item::Instruction(Instruction { opcode: unit.last.opcode, operand }));
    }
    items
}

#[test]
fn every_code_object_of_the_library_is_assembled_as_the_compiler_did() {
    let (mut codes, mut equal_depths, mut equal_tables, mut equal_flags, mut prefixes) = (0, 0, 0, 0, 0);
    for (name, marshalled) in library() {
        let module = code_of(&marshalled);
        let mut outer: Vec<&MarshalledCode> = Vec::new();
        for (code, depth) in code::nested(&module) {
            outer.truncate(depth);
            let place = format!("{name}: {}", String::from_utf8_lossy(&code.name));
            prefixes += code.bytes.iter().filter(|&&byte| byte == EXTENDED_ARG).count();
            assert_eq!(*assemble::assemble(&items(&code.bytes)).unwrap().bytes, *code.bytes, "{place}");
            let starts = lines::read(code.first_line, &code.lnotab);
            equal_tables += usize::from(lines::write(code.first_line, &starts) == *code.lnotab);
            // The compiler looks at the code before the peephole optimizer does.
            let found = depth::of(&code.bytes).unwrap();
            assert!(found as i32 <= code.stacksize, "{place}: {found} of {}", code.stacksize);
            equal_depths += usize::from(found as i32 == code.stacksize);
            let is_nested = outer.last().is_some_and(|outer| outer.flags as u32 & flags::OPTIMIZED != 0);
            let has_cells = !code.freevars.is_empty() || !code.cellvars.is_empty();
            let scope = match code {
                _ if depth == 0 => flags::Scope::Module,
                code if code.bytes.ends_with(&[opcode::op::LOAD_LOCALS, opcode::op::RETURN_VALUE]) => {
                    flags::Scope::Class
                }
                _ => flags::Scope::Function,
            };
            let seen = code.flags as u32 & 0xfff & !(flags::VARARGS | flags::VARKEYWORDS);
            equal_flags += usize::from(flags::of(scope, &code.bytes, is_nested, has_cells) == seen);
            outer.push(code);
            codes += 1;
        }
    }
    println!(
        "{codes} code objects, {prefixes} bytes of 145; equal: {equal_depths} depths, {equal_tables} tables, {equal_flags} flags"
    );
    assert!(codes > 10_000, "{codes} code objects");
    for (what, equal) in [("depths", equal_depths), ("line tables", equal_tables), ("flags", equal_flags)] {
        assert!(equal * 100 > codes * 90, "{equal} of {codes} {what} are equal");
    }
}

#[test]
fn a_listing_is_not_written_over() {
    let folder = tempfile::tempdir().unwrap();
    let text = folder.path().join("l.txt");
    fs::write(&text, "LOAD_CONST 0 (None)\nRETURN_VALUE\n").unwrap();
    let ran = running::run(running::bctrace(["asm", "--force"]).arg(&text).arg(&text));
    assert!(ran.status == 125 && ran.stderr().contains("it is the input file itself"), "{}", ran.stderr());
    assert_eq!(fs::read(&text).unwrap(), b"LOAD_CONST 0 (None)\nRETURN_VALUE\n");
}

#[test]
fn every_fixture_comes_back_byte_for_byte() {
    let folder = tempfile::tempdir().unwrap();
    let (text, copy) = (folder.path().join("l.txt"), folder.path().join("c.pyc"));
    let mut count = 0;
    for entry in fs::read_dir(running::fixtures()).unwrap().map(|entry| entry.unwrap().path()) {
        if entry.extension().is_some_and(|suffix| suffix == "pyc") {
            let listed = running::run(running::bctrace(["dis"]).arg(&entry)).succeeded();
            fs::write(&text, listed).unwrap();
            let ran = running::run(running::bctrace(["asm", "--force"]).arg(&text).arg(&copy));
            assert_eq!((ran.status, ran.stderr().as_str()), (0, ""), "{}", entry.display());
            assert!(fs::read(&entry).unwrap() == fs::read(&copy).unwrap(), "{} differs", entry.display());
            count += 1;
        }
    }
    assert!(count > 40, "{count} fixtures");
}

fn hostile(bytes: &[u8], lnotab: &[u8], names: &[Vec<u8>], text: &[u8], bits: u64) -> MarshalledCode {
    let tuple = |items: Vec<Object>| Object::Tuple(items.into());
    let odd = vec![
        Object::Float(f64::from_bits(bits)),
        Object::Complex(Box::new((-0.0, f64::from_bits(bits)))),
        Object::str(text),
        Object::Unicode(text.iter().map(|&byte| u32::from(byte) * 257).collect()),
        Object::Int(bits as i64),
        Object::long(bits & 1 == 1, [bits as u32 & 0x3fff_ffff, 1], 30),
        tuple(vec![tuple(vec![]), tuple(vec![Object::Bool(true)]), Object::Ellipsis, Object::StopIteration]),
        Object::Dict(vec![Object::Int(1), Object::List(vec![Object::None].into())].into()),
        Object::FrozenSet(vec![Object::str(text)].into()),
        Object::Set(vec![].into()),
    ];
    let names: Vec<std::sync::Arc<[u8]>> = names.iter().map(|name| name.as_slice().into()).collect();
    MarshalledCode {
        argcount: 3,
        nlocals: 1,
        stacksize: -5,
        flags: bits as i32,
        bytes: bytes.into(),
        constants: odd.into(),
        names: names.clone(),
        varnames: names.clone(),
        freevars: names.clone(),
        cellvars: names,
        filename: text.into(),
        name: text.into(),
        first_line: bits as i32,
        lnotab: lnotab.into(),
    }
}

proptest::proptest! {
    #![proptest_config(proptest::test_runner::Config { failure_persistence: None, ..Default::default() })]

    #[test]
    fn hostile_code_comes_back_from_its_listing(
        raw in proptest::collection::vec(0u8..=255, 0..60),
        lnotab: Vec<u8>,
        names: Vec<Vec<u8>>,
        text: Vec<u8>,
        bits: u64,
    ) {
        // More prefixes and jumps than chance has.
        let bytes: Vec<u8> = raw.iter().map(|&byte| match byte % 5 { 0 => 145, 1 => [110, 113, 9, 100][usize::from(byte / 5 % 4)], _ => byte }).collect();
        let inner = hostile(&bytes, &lnotab, &names, &text, bits);
        let mut outer = hostile(&raw, &[], &[], b"f", !bits);
        outer.constants = vec![Object::Tuple(vec![Object::Code(Box::new(inner))].into())].into();
        let marshalled = whole::code(&outer).unwrap();
        proptest::prop_assert!(there_and_back(&marshalled) == marshalled);
    }

    #[test]
    fn any_text_is_assembled_or_refused(text: String) {
        let _ = listing::read(text.as_bytes());
        let _ = listing::read(format!("listing 1\ncode 0 f\n{text}").as_bytes());
        let _ = listing::read(format!("  1  0 LOAD_CONST 1 ({text}\n 3 JUMP_ABSOLUTE 70000 (to 4000000000)\n").as_bytes());
    }
}

/// Assembles text as the command does; returns the code and what was said.
fn assembled(text: &str) -> (MarshalledCode, String) {
    let ran = running::run_with(&mut running::bctrace(["asm", "-", "-"]), text.as_bytes());
    assert_eq!(ran.status, 0, "{}", ran.stderr());
    (code_of(&ran.stdout[8..]), ran.stderr())
}

#[test]
fn what_dis_prints_of_modules_is_assembled_to_the_same_code() {
    let folder = tempfile::tempdir().unwrap();
    let pyc = folder.path().join("m.pyc");
    let (mut codes, mut equal) = (0, 0);
    for module in ["os", "threading", "decimal", "collections", "inspect", "pickle"] {
        let dis = running::run(running::bctrace(["python", "-c", DIS, module]).arg(&pyc)).succeeded();
        let (made, said) = assembled(&dis);
        assert!(said.lines().count() <= 7 && said.contains("flags are inferred: "), "{said}");
        let real = code_of(&fs::read(&pyc).unwrap()[8..]);
        for ((made, _), (real, _)) in code::nested(&made).zip(code::nested(&real)) {
            let place = format!("{module}: {}", String::from_utf8_lossy(&real.name));
            assert_eq!(
                (&made.bytes, &made.name, made.first_line),
                (&real.bytes, &real.name, real.first_line),
                "{place}"
            );
            assert_eq!(
                (&made.filename, &made.cellvars, &made.freevars),
                (&real.filename, &real.cellvars, &real.freevars),
                "{place}"
            );
            equal += usize::from(made.argcount == real.argcount && made.flags == real.flags);
            codes += 1;
        }
        assert_eq!(code::nested(&made).count(), code::nested(&real).count(), "{module}");
    }
    assert!(codes > 500 && equal * 10 > codes * 8, "{equal} of {codes} have the same flags and argument counts");
}

#[test]
fn an_edited_listing_moves_its_labels() {
    let program = Program::new("for i in range(3):\n    print i\n");
    let listed = live::run(program.command(["dis", "p.pyc"])).succeeded();
    let edited: Vec<String> = listed
        .lines()
        .filter(|line| !line.contains("stacksize"))
        .flat_map(|line| match line.contains("PRINT_NEWLINE") {
            true => vec!["LOAD_CONST ('more')".into(), "PRINT_ITEM".into(), line.to_string()],
            false => vec![line.to_string()],
        })
        .collect();
    fs::write(program.path("e.txt"), edited.join("\n")).unwrap();
    live::run(program.command(["asm", "e.txt", "e.pyc"])).succeeded();
    let ran = live::run(program.command(["python", "e.pyc"]));
    assert_eq!(ran.succeeded(), "0 more\n1 more\n2 more\n");
}

#[test]
fn what_cannot_be_assembled_is_one_line_with_its_number() {
    let cases = [
        ("hello\n", "line 1: there is no instruction in it; it is no listing"),
        ("listing 2\n", "line 1: it is a listing of version 2; this bctrace reads version 1"),
        ("listing 1\n\ncode 0 f\n\n0: LOAD_CONTS 1\n", "line 5: \"LOAD_CONTS\" is no opcode of Python 2.7"),
        (
            "listing 1\ncode 0 f\n\nJUMP_ABSOLUTE to end\n",
            "line 4: end is jumped to, but no instruction has that label",
        ),
        ("listing 1\ncode 0 f\n  consts 0 'a\n", "line 3: a string does not end"),
        ("listing 1\ncode 0 f\n  consts 0 code 3\n", "line 3: code 3 is not listed after this"),
        (" 1  0 LOAD_CONST\n", "line 1: \"\" is no operand"),
    ];
    for (text, message) in cases {
        let ran = running::run_with(&mut running::bctrace(["asm", "-", "-"]), text.as_bytes());
        assert_eq!((ran.status, ran.stdout.len()), (125, 0), "{text}");
        assert_eq!(ran.stderr(), format!("bctrace: cannot assemble standard input: {message}\n"));
    }
}

#[test]
fn a_file_that_exists_is_replaced_only_by_force() {
    let program = Program::new("print 1");
    let listed = live::run(program.command(["dis", "p.pyc"])).succeeded();
    fs::write(program.path("l.txt"), listed).unwrap();
    fs::write(program.path("mine"), "mine").unwrap();
    let ran = live::run(program.command(["asm", "l.txt", "mine"]));
    assert_eq!(ran.status, 125);
    assert_eq!(ran.stderr(), "bctrace: cannot write mine: it exists; name another file, or replace it with --force\n");
    assert_eq!(program.read("mine"), "mine");
    live::run(program.command(["asm", "--force", "l.txt", "mine"])).succeeded();
    assert_eq!(running::read(&program.path("mine")), running::read(&program.path("p.pyc")));
}

/// Loops, exceptions, generators that are left, threads, and code that never runs.
const BUSY: &str = "
import threading
def work(n):
    total = 0
    for i in xrange(n):
        try:
            if i % 3:
                total += 1 / (i % 2)
            else:
                continue
        except ZeroDivisionError:
            total -= 1
    return total
def numbers(n):
    while n:
        yield n
        n -= 1
def never():
    return 1
threads = [threading.Thread(target=work, args=(50,)) for _ in range(3)]
[thread.start() for thread in threads]
[thread.join() for thread in threads]
left = [numbers(5) for _ in range(4)]
print work(100), sum(numbers(10)), [one.next() for one in left]
del left
";

fn edges(program: &Program) -> Vec<Value> {
    let json = live::run(program.command(["edges", "--no-stdlib", "--format", "json", "t.bct"])).succeeded();
    json.lines().skip(1).map(|line| serde_json::from_str(line).unwrap()).collect()
}

#[test]
fn edges_count_every_instruction_that_the_trace_has() {
    let program = Program::new(BUSY);
    program.trace(&["-q"], "t.bct", &[]).succeeded();
    let mut wanted: BTreeMap<(String, u64), u64> = BTreeMap::new();
    for line in live::run(program.command(["show", "--no-stdlib", "t.bct"])).succeeded().lines() {
        let (name, rest) = line.split_once("> ").unwrap();
        let offset = rest.split(' ').next().unwrap().parse().unwrap();
        *wanted.entry((name.to_string(), offset)).or_default() += 1;
    }
    let mut found: BTreeMap<(String, u64), u64> = BTreeMap::new();
    for code in edges(&program) {
        let name = code["name"].as_str().unwrap();
        let mut into: BTreeMap<u64, u64> = BTreeMap::from([(0, code["entered"].as_u64().unwrap())]);
        for edge in code["edges"].as_array().unwrap() {
            *into.entry(edge[1].as_u64().unwrap()).or_default() += edge[2].as_u64().unwrap();
        }
        for unit in code["units"].as_array().unwrap() {
            let (offset, count) = (unit[0].as_u64().unwrap(), unit[1].as_u64().unwrap());
            *found.entry((name.to_string(), offset)).or_default() += count;
            assert_eq!(into.get(&offset), Some(&count), "what comes to {offset} of {name} is what ran there: {code}");
        }
    }
    assert_eq!(found, wanted);
}

#[test]
fn a_listing_with_a_trace_shows_counts_branches_and_what_never_ran() {
    let program = Program::new(BUSY);
    program.trace(&["-q"], "t.bct", &[]).succeeded();
    let listed = live::run(program.command(["dis", "--with", "t.bct", "p.pyc"])).succeeded();
    let block = |name: &str| {
        let begin = listed.find(&format!(" {name}  # in 0")).unwrap();
        listed[begin..].split("\n\ncode ").next().unwrap().to_string()
    };
    assert!(block("never").contains("# never ran") && block("work").contains("# ran 4 times"), "{listed}");
    assert!(block("work").contains("  # jumped 4, went on 250"), "{}", block("work"));
    assert!(block("work").contains("raised ") && block("never").contains("  -  "), "{listed}");
    // What was added is no part of the program.
    let (made, said) = assembled(&listed);
    assert_eq!(said, "");
    assert_eq!(format!("{made:?}"), format!("{:?}", code_of(&running::read(&program.path("p.pyc"))[8..])));
}

#[test]
fn a_trace_of_another_file_is_refused() {
    let program = Program::new("print 1");
    program.trace(&["-q"], "t.bct", &[]).succeeded();
    fs::copy(running::fixtures().join("factorial.pyc"), program.path("other.pyc")).unwrap();
    let ran = live::run(program.command(["dis", "--with", "t.bct", "other.pyc"]));
    assert_eq!((ran.status, ran.stdout().as_str()), (125, ""));
    assert!(ran.stderr().starts_with("bctrace: t.bct is not a trace of other.pyc: "), "{}", ran.stderr());
    assert_eq!(ran.stderr().lines().count(), 1);
}

#[test]
fn bytes_that_changed_while_they_ran_are_shown_below_the_listing() {
    let folder = tempfile::tempdir().unwrap();
    let (pyc, trace) = (running::fixtures().join("self_modifying.pyc"), folder.path().join("t.bct"));
    running::run(running::bctrace(["-q"]).arg(&pyc).arg(&trace)).succeeded();
    let with = |words: &[&str]| running::run(running::bctrace(words).arg("--with").arg(&trace).arg(&pyc)).succeeded();
    let listed = with(&["dis"]);
    assert!(listed.contains("# the bytes changed while it ran: version 2 executed 20 instructions"), "{listed}");
    let json = with(&["dis", "--format", "json"]);
    let codes = json.lines().map(|line| serde_json::from_str::<Value>(line).unwrap());
    let versions: usize = codes.map(|code| code["versions"].as_array().map_or(0, Vec::len)).sum();
    assert!(versions >= 1, "{json}");
}

#[test]
fn junk_is_marked_and_hidden_instructions_are_listed() {
    let listed = |name: &str| {
        let path: &Path = &running::fixtures().join(name);
        running::run(running::bctrace(["dis"]).arg(path)).succeeded()
    };
    let overlapping = listed("overlapping.pyc");
    assert!(overlapping.contains("  # ") && overlapping.contains("overlaps "), "{overlapping}");
    assert!(overlapping.lines().any(|line| line.starts_with("#     ")), "{overlapping}");
}

#[test]
fn devices_and_files_that_are_too_long_are_no_listings() {
    let program = Program::new("pass\n");
    // A file with holes takes no room.
    std::fs::File::create(program.path("long")).unwrap().set_len((1 << 30) + 1).unwrap();
    let cases = [
        ("/dev/zero", "cannot read /dev/zero: it is a device; a listing is a file"),
        ("long", "cannot read long: it is longer than 1.00 GiB, the most that is read of a listing"),
    ];
    for (name, why) in cases {
        live::assert_failed(&live::run(program.command(["asm", name, "made.pyc"])), &[why]);
        assert!(!program.path("made.pyc").exists());
    }
}
