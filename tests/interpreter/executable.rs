//! sys.executable: whatever a program does with it starts the interpreter again, though the binary is `bctrace`.

use std::fs;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::Path;
use std::process::Command;

use crate::live::{self, Program};
use crate::running::{self, binary};

/// Starts sys.executable in the ways that programs do.
const STARTS: &str = r#"
import os, stat, subprocess, sys
python = sys.executable
assert os.path.isabs(python) and os.path.exists(python)
ask = 'import sys; print sys.argv, sys.executable == %r' % python
subprocess.call([python, '-c', ask, 'list'])
subprocess.call([python, '-c', ask, 'no environment'], env={})
subprocess.call('%s -c "%s" shell' % (python, ask), shell=True)
subprocess.call(['made up', '-c', 'import sys; print sys.argv', 'other name'], executable=python)
os.spawnl(os.P_WAIT, python, python, '-c', ask, 'spawn')
with open('script', 'w') as script:
    script.write('#!%s -O\nimport sys; print sys.argv, __debug__\n' % python)
os.chmod('script', stat.S_IRWXU)
subprocess.call(['./script', 'first line'])
subprocess.call([python, 'script', 'show'])
print subprocess.Popen([python, '-'], stdin=subprocess.PIPE, stdout=subprocess.PIPE).communicate('print 6 * 7')[0],
sys.stdout.flush()
os.execv(python, [python, '-c', ask, 'exec'])
"#;

const STARTED: &str = "\
['-c', 'list'] True
['-c', 'no environment'] True
['-c', 'shell'] True
['-c', 'other name']
['-c', 'spawn'] True
['./script', 'first line'] False
['script', 'show'] True
42
['-c', 'exec'] True
";

/// Runs the program above under `python`, recorded so, and recorded as a .pyc.
#[track_caller]
fn assert_starts(folder_for_links: Option<&Path>) {
    let program = Program::new(STARTS);
    fs::write(program.path("p.py"), STARTS).unwrap();
    let ways = [
        program.command(["python", "p.py"]),
        program.command(["python", "--trace-to", "t.txt", "--no-sandbox", "p.py"]),
        program.command(["-q", "--no-sandbox", "p.pyc", "t.bct"]),
    ];
    for mut command in ways {
        if let Some(folder) = folder_for_links {
            command.env("TMPDIR", folder);
        }
        command.env("PATH", "/usr/bin:/bin");
        assert_eq!(live::run(command).succeeded(), STARTED);
    }
}

#[test]
fn every_start_of_sys_executable_is_the_interpreter() {
    assert_starts(None);
}

#[test]
fn sys_executable_works_where_no_link_can_be_made() {
    assert_starts(Some(Path::new("/proc")));
}

#[test]
fn sys_executable_is_called_as_python_is_and_is_the_same_in_each_run() {
    let program = Program::new("import os, sys; print sys.executable, os.path.samefile(sys.executable, sys.argv[1])");
    let binary = binary().to_str().unwrap();
    let traced = program.trace(&["-q"], "t.txt", &[binary]).succeeded();
    assert!(traced.ends_with("/python2.7 True\n"), "{traced}");
    assert_eq!(traced, program.trace(&["-q"], "t.txt", &[binary]).succeeded());
}

#[test]
fn a_folder_that_others_can_write_to_is_not_trusted_with_the_link() {
    let folder = tempfile::tempdir().unwrap();
    let user = fs::metadata(folder.path()).map(|found| std::os::unix::fs::MetadataExt::uid(&found)).unwrap();
    let open = folder.path().join(format!("bctrace-{user}"));
    fs::create_dir(&open).unwrap();
    fs::set_permissions(&open, fs::Permissions::from_mode(0o777)).unwrap();
    let mut command = running::bctrace(["python", "-c", "import sys; print sys.executable"]);
    let executable = running::run(command.env("TMPDIR", folder.path())).succeeded();
    assert!(!executable.starts_with(folder.path().to_str().unwrap()), "{executable}");
    assert_eq!(fs::read_dir(open).unwrap().count(), 0);
}

#[test]
fn a_link_to_bctrace_that_is_called_python_is_the_interpreter() {
    let folder = tempfile::tempdir().unwrap();
    let link = folder.path().join("python2");
    symlink(binary(), &link).unwrap();
    let ask = ["-c", "import sys; print sys.executable, sys.argv", "--trace-to"];
    let told = format!("{} ['-c', '--trace-to']\n", link.display());
    assert_eq!(running::run(Command::new(&link).args(ask)).succeeded(), told);
    let mut searched = Command::new("/bin/sh");
    searched.args(["-c", "exec python2 \"$@\"", "sh"]).args(ask).env("PATH", folder.path());
    assert_eq!(running::run(&mut searched).succeeded(), told);
    let refused = running::run(Command::new(&link).args(["--trace-to", "x"]));
    assert_eq!((refused.status, refused.stderr().lines().next()), (2, Some("Unknown option: --")));
}

#[test]
fn multiprocessing_works_in_a_traced_program() {
    let program = Program::free(
        "import multiprocessing\n\
         def square(n): return n * n\n\
         pool = multiprocessing.Pool(2)\n\
         print pool.map(square, range(5))\n\
         pool.close()\n\
         pool.join()\n\
         shared = multiprocessing.Manager().dict()\n\
         shared['key'] = 1\n\
         print shared\n",
    );
    assert_eq!(program.trace(&["-q"], "t.bct", &[]).succeeded(), "[0, 1, 4, 9, 16]\n{'key': 1}\n");
}
