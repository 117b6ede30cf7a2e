//! `bctrace dis` against CPython's own `dis` module, run inside the VM: on the fixtures and on modules of the standard library.

use std::path::Path;

use regex::Regex;

use crate::{manifest, running};

/// Prints each code object of a .pyc as `dis` does, after a line with its name.
const DIS: &str = "import dis, marshal, sys, types
def show(code):
    print '#', code.co_name
    dis.disassemble(code)
    for constant in code.co_consts:
        if type(constant) is types.CodeType:
            show(constant)
show(marshal.loads(open(sys.argv[1], 'rb').read()[8:]))";

/// Writes the code of each module that is named to NAME.pyc in a folder.
const CODE_OF: &str = "import imp, marshal, pkgutil, sys
for name in sys.argv[2:]:
    code = pkgutil.get_loader(name).get_code(name)
    open(sys.argv[1] + '/' + name + '.pyc', 'wb').write(imp.get_magic() + '\\0\\0\\0\\0' + marshal.dumps(code))";

/// Fixtures that `dis` reads otherwise than the VM: its operands have no sign and no bounds, it keeps a prefix for the next opcode with an
/// operand, fails on an index that is out of range and on a last instruction that is cut; and names that need escapes.
const READ_OTHERWISE: [&str; 9] = [
    "before_the_code",
    "extended_arg_chained",
    "extended_arg_invalid",
    "extended_arg_jump",
    "extended_arg_no_operand",
    "falls_off",
    "hostile_names",
    "junk",
    "out_of_range",
];

#[test]
fn fixtures_are_listed_as_dis_lists_them() {
    let mut compared = 0;
    let mut done: Vec<String> = READ_OTHERWISE.iter().map(|name| format!("{name}.pyc")).collect();
    for run in manifest::runs() {
        if !done.contains(&run.pyc()) {
            compared += compare(&running::fixtures().join(run.pyc()));
            done.push(run.pyc());
        }
    }
    assert!(compared > 4_000, "{compared} instructions were compared");
}

#[test]
fn modules_of_the_standard_library_are_listed_as_dis_lists_them() {
    let modules =
        ["os", "re", "sre_compile", "threading", "decimal", "collections", "inspect", "pickle", "json.decoder"];
    let folder = tempfile::tempdir().unwrap();
    let mut python = running::bctrace(["python", "-c", CODE_OF]);
    running::run(python.arg(folder.path()).args(modules)).succeeded();
    let compared: usize = modules.iter().map(|name| compare(&folder.path().join(format!("{name}.pyc")))).sum();
    assert!(compared > 30_000, "{compared} instructions were compared");
}

#[test]
fn nothing_is_run_by_a_listing() {
    let (_folder, pyc) = running::compiled("print 'run'", "ok.pyc");
    let listing = running::run(running::bctrace(["dis", "--format", "lines"]).arg(&pyc)).succeeded();
    assert_eq!(
        listing,
        "# <module>, file \"ok.py\", line 1\n<module>> 0 LOAD_CONST (0)\n<module>> 3 PRINT_ITEM\n<module>> 4 PRINT_NEWLINE\n\
         <module>> 5 LOAD_CONST (1)\n<module>> 8 RETURN_VALUE\n\n"
    );
}

/// Compares both listings of a program, raw and resolved; returns how many instructions they have.
#[track_caller]
fn compare(pyc: &Path) -> usize {
    let dis = running::run(running::bctrace(["python", "-c", DIS]).arg(pyc)).succeeded();
    let listings = [&["dis", "--format", "lines"][..], &["dis", "--format", "lines", "-r"]].map(|words| {
        let text = running::run(running::bctrace(words).arg(pyc)).succeeded();
        let lines = text.lines().filter(|line| !line.starts_with("# ") && !line.is_empty());
        lines.map(str::to_string).collect::<Vec<_>>()
    });
    let [raw, resolved] = expected(&dis);
    let name = pyc.display();
    for ((got, want), (got_resolved, want_resolved)) in
        listings[0].iter().zip(&raw).zip(listings[1].iter().zip(&resolved))
    {
        assert_eq!(got, want, "{name}");
        // What `dis` prints in another way than we do ends in an open parenthesis.
        let is_told = !want_resolved.ends_with('(');
        assert!(
            if is_told { got_resolved == want_resolved } else { got_resolved.starts_with(want_resolved) },
            "{name}: {got_resolved}, want {want_resolved}"
        );
    }
    assert_eq!((listings[0].len(), listings[1].len()), (raw.len(), raw.len()), "{name}");
    raw.len()
}

/// The lines that a listing by `dis` asks for, raw and resolved.
fn expected(dis: &str) -> [Vec<String>; 2] {
    let line = Regex::new(r"^ *(?:\d+ +)?(?:>> +)?(\d+) ([A-Z_0-9+]+|<\d+>) *(?:(\d+)L?(?: \((.*)\))?)?$").unwrap();
    let (mut raw, mut resolved, mut name) = (Vec::new(), Vec::new(), "");
    for text in dis.lines() {
        if let Some(heading) = text.strip_prefix("# ") {
            name = heading;
            continue;
        }
        if text.is_empty() {
            continue;
        }
        let found = line.captures(text).unwrap_or_else(|| panic!("no line of dis: {text}"));
        let (offset, opname) = (&found[1], &found[2]);
        if let Some(opcode) = opname.strip_prefix('<').and_then(|rest| rest.strip_suffix('>')) {
            raw.push(format!("{name}> {offset} {opcode} **********INVALID**********"));
            resolved.push(raw[raw.len() - 1].clone());
            continue;
        }
        let operand = found.get(3).map(|operand| operand.as_str());
        let start = format!("{name}> {offset} {opname}");
        raw.push(operand.map_or(start.clone(), |operand| format!("{start} ({operand})")));
        resolved.push(match (operand, found.get(4).map(|meaning| meaning.as_str())) {
            (None, _) => start,
            // dis prints constants by repr().
            (Some(_), Some(_)) if opname == "LOAD_CONST" => format!("{start} ("),
            (Some(_), Some(meaning)) => format!("{start} ({})", target(meaning)),
            (Some(operand), None) => format!("{start} ({operand})"),
        });
    }
    [raw, resolved]
}

/// A jump's target without what `dis` says around it: it computes targets after a prefix as longs.
fn target(meaning: &str) -> &str {
    meaning.strip_prefix("to ").map_or(meaning, |target| target.trim_end_matches('L'))
}
