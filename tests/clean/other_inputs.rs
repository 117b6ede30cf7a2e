//! What is clean does the same as the original with arguments that it was not recorded with: the programs of tests/clean/inputs, of which
//! the first line `# run: ARGUMENTS` says what each is recorded with, and the others what it is run with besides.

use std::fs;
use std::path::Path;

use super::{Program, clean, compiled_and_cleaned, printed_when_clean};
use crate::running::{bctrace, run};

/// The arguments of each run that a program asks for.
fn runs(source: &str) -> Vec<Vec<&str>> {
    let runs = source.lines().filter_map(|line| line.strip_prefix("# run:"));
    runs.map(|arguments| arguments.split_whitespace().collect()).collect()
}

/// What was printed, without lines of tracebacks, which have other numbers.
fn compared(printed: &str) -> Vec<&str> {
    printed.lines().filter(|line| !line.contains(", line ")).collect()
}

#[test]
fn clean_files_do_the_same_with_other_arguments() {
    let mut different = Vec::new();
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/clean/inputs");
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let source = fs::read_to_string(&path).unwrap();
        let runs = runs(&source);
        let (folder, said) = compiled_and_cleaned(&source, &runs[0], &[], true);
        for arguments in &runs {
            let original = run(bctrace(["python"]).arg(folder.path().join("it.pyc")).args(arguments));
            assert_eq!(original.status, 0, "{}: {}", path.display(), original.stderr());
            let printed = printed_when_clean(&folder, arguments);
            if compared(&printed) != compared(&original.stdout()) {
                different.push(format!("{} {arguments:?}: {printed}{}", path.display(), said.stdout()));
            }
        }
    }
    assert!(different.is_empty(), "{}", different.join("\n"));
}

#[test]
fn a_side_that_did_not_run_stays_in_flattened_code() {
    let source = "import sys
def f(x):
    n = len(x)
    if x: return sorted(x)
    return n
print f(sys.argv[1:])
";
    for (technique, seed) in [("flatten", 1), ("flatten", 5), ("lookups", 1)] {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("plain.py");
        fs::write(&file, source).unwrap();
        let (_obfuscated, pyc) = Program::new(file).obfuscated(technique, seed);
        let trace = folder.path().join("t.bct");
        run(bctrace(["-q", "--deterministic", "--values"]).arg(&pyc).arg(&trace)).succeeded();
        let (said, clean) = clean(&pyc, &[], &trace);
        let printed = run(bctrace(["python"]).arg(clean.join("plain.pyc")).args(["b", "a"])).stdout();
        assert_eq!(printed, "['a', 'b']\n", "{technique} {seed}: {}", said.stdout());
    }
}
