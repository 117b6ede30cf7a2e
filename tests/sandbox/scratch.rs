//! The scratch folder: it is gone afterwards, whatever the program has left in it, unless it is to be kept.

use std::fs;

use super::{Caller, World};
use crate::live;
use crate::running::Ran;

/// What a program leaves, each in a function of its own.
const LEFT: &str = r#"
import os, sys
os.chdir(os.environ['TMPDIR'])
def shut():
    for name in ('a', 'a/b', 'a/b/c'): os.mkdir(name)
    open('a/b/c/file', 'w').write('x')
    for name in ('a/b/c/file', 'a/b/c', 'a/b', 'a', '.'): os.chmod(name, 0)
def deep():
    descend('d', 300)
def long():
    descend('n' * 250, 600)
def deep_and_shut():
    descend('d', 250)
    for number in range(250):
        os.chdir('..')
        os.chmod('d', number % 8 << 6)
def descend(name, times):
    for number in range(times):
        os.mkdir(name)
        os.chdir(name)
        if number % 100 == 0: open('file', 'w')
def links():
    os.symlink(sys.argv[2], 'link')
    os.symlink('/', 'root')
    os.symlink('.', 'itself')
    os.mkdir('folder')
    os.symlink(sys.argv[2], 'folder/link')
    os.chmod('folder', 0)
def names():
    for number in range(1, 256):
        if number != ord('/'): open(chr(number) * 9, 'w')
    for number in range(30): os.mkdir('deep-%d' % number)
    descend('deep-1x', 220)
def many():
    for number in range(300): open(str(number), 'w')
def pipes():
    os.mkfifo('pipe', 0)
    os.mknod('socket', 0140000)
globals()[sys.argv[1]]()
"#;

const WAYS: [&str; 8] = ["shut", "deep", "long", "deep_and_shut", "links", "names", "many", "pipes"];

/// Runs the program with few descriptors, as most users have.
fn leave(world: &World, way: &str) -> Ran {
    let binary = match world.caller {
        Caller::Tester => crate::running::binary().to_owned(),
        Caller::Ordinary => world.path("bctrace"),
    };
    let mut command = world.program("/bin/sh");
    command.args(["-c", "ulimit -n 100; exec \"$0\" -q p.py ../traces/t.bct -- \"$@\""]);
    command.arg(binary).arg(way).arg(world.path("outside"));
    live::run(command)
}

#[test]
fn whatever_is_left_in_the_scratch_folder_is_removed() {
    for caller in Caller::all() {
        let world = World::new(caller);
        world.write("own/p.py", LEFT);
        world.write("outside/file", "precious");
        for way in WAYS {
            let ran = leave(&world, way);
            assert_eq!((ran.status, ran.stderr().as_str()), (0, ""), "{caller:?} {way}");
            assert_eq!(world.scratch_folders(), [] as [std::path::PathBuf; 0], "{caller:?} {way}");
            assert_eq!(fs::read(world.path("outside/file")).unwrap(), b"precious");
        }
    }
}

#[test]
fn a_scratch_folder_is_kept_if_that_is_asked_for() {
    let source = "import os
open(os.environ['HOME'] + '/in-home', 'w').write('home')
try: open('relative', 'w').write('relative')
except IOError, error: print error.errno
import module
print module.value, os.getcwd() == os.environ['HOME'], os.path.exists('p.py'), __file__
";
    for caller in Caller::all() {
        let world = World::new(caller);
        world.write("own/p.py", source);
        world.write("own/module.py", "value = 'imported'");
        let kept = |options: &[&str]| {
            let ran = live::run(world.command(&[options, &["p.py", "../traces/t.bct"]].concat()));
            let stderr = ran.stderr();
            let line = stderr.lines().find_map(|line| line.strip_prefix("bctrace: the scratch folder is "));
            (ran.stdout(), std::path::PathBuf::from(line.unwrap_or_else(|| panic!("{stderr}"))))
        };
        let (stdout, first) = kept(&["--keep-scratch"]);
        assert_eq!(stdout, "13\nimported False True p.py\n");
        assert_eq!(fs::read(first.join("in-home")).unwrap(), b"home");
        let (stdout, second) = kept(&["--chdir-scratch"]);
        assert_eq!(stdout, "imported True True p.py\n");
        assert_ne!(first, second);
        for (name, content) in [("in-home", "home"), ("relative", "relative"), ("p.py", source)] {
            assert_eq!(fs::read_to_string(second.join(name)).unwrap(), content);
        }
        // What was kept stays, and what is not kept goes.
        world.trace(&[], &[]);
        assert!(first.join("in-home").exists() && second.join("in-home").exists());
        assert_eq!(world.scratch_folders().len(), 2);
    }
}

#[test]
fn two_runs_are_equal_to_the_byte() {
    let source = "import os, tempfile
name = os.environ['TMPDIR'] + '/file'
open(name, 'w').write('x')
os.chmod(name, 0600)
for path in ('/etc/shadow', '/root/.ssh/id_rsa', '/tmp/x', '/proc/self/../1/mem'):
    try: open(path)
    except IOError: pass
for deed in (lambda: os.unlink('/etc/passwd'), lambda: os.kill(os.getppid(), 9), lambda: os.system('id'), lambda: os.kill(os.getpid(), 0)):
    try: deed()
    except OSError: pass
pid = os.fork()
if pid == 0: os._exit(0)
os.waitpid(pid, 0)
print os.environ
";
    for caller in Caller::all() {
        let world = World::new(caller);
        world.write("own/p.py", source);
        let trace = || {
            assert_eq!(world.trace(&[], &[]).status, 0);
            fs::read(world.path("traces/t.bct")).unwrap()
        };
        let first = trace();
        assert_eq!(world.view(&["tried"]).matches("refused: ").count(), 7, "{}", world.view(&["tried"]));
        for _ in 0..3 {
            assert!(trace() == first, "{caller:?}: the traces differ");
        }
    }
}

#[test]
fn a_run_that_is_refused_leaves_no_scratch_folder() {
    let world = World::new(Caller::Tester);
    world.write("own/p.py", "pass\n");
    for option in ["--env=MISSING", "--allow-net=127.0.0.1:http"] {
        let ran = world.trace(&["--keep-scratch", option], &[]);
        assert_eq!((ran.status, ran.stderr().lines().count()), (125, 1), "{}", ran.stderr());
        let made = fs::read_dir(world.path("tmp")).unwrap().map(|entry| entry.unwrap().path().join("scratch/1"));
        assert!(made.into_iter().all(|folder| !folder.exists()), "{option}");
    }
}
