//! The walls around a recorded program.  Each deed is first done without a sandbox, so that no refusal passes by accident; then it must
//! fail in the sandbox with the error that programs expect, and leave its victim as it was.

mod attack;
mod budgets;
mod files;
mod hosts;
mod kernel;
mod network;
mod notifications;
mod options;
mod processes;
mod programs;
mod reports;
mod scratch;
mod swarm;
mod systems;
mod tricks;

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::{MetadataExt, PermissionsExt, chown};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::live;
use crate::running::{self, Ran};

/// An ordinary user's number.
const USER: u32 = 64_321;

/// Who runs bctrace.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Caller {
    /// The user of the tests.
    Tester,
    /// An ordinary user; only root can run something as one.
    Ordinary,
}

impl Caller {
    /// The callers that these tests can be.
    fn all() -> Vec<Caller> {
        let becomes = || Command::new("/bin/true").uid(USER).gid(USER).status().is_ok_and(|status| status.success());
        let ordinary = (is_root() && becomes()).then_some(Caller::Ordinary);
        [Caller::Tester].into_iter().chain(ordinary).collect()
    }
}

fn is_root() -> bool {
    fs::metadata("/proc/self").unwrap().uid() == 0
}

/// Folders of a test: the program's own, HOME, TMPDIR, those of traces and of victims.
struct World {
    folder: tempfile::TempDir,
    caller: Caller,
}

impl World {
    /// The scratch folders that are there, of all runs.
    fn scratch_folders(&self) -> Vec<PathBuf> {
        let own = fs::read_dir(self.path("tmp")).unwrap().next().unwrap().unwrap().path();
        let entries = fs::read_dir(own.join("scratch")).unwrap().map(|entry| entry.unwrap().path());
        entries.filter(|path| path.is_dir()).collect()
    }

    fn new(caller: Caller) -> World {
        let folder = tempfile::tempdir().unwrap();
        fs::set_permissions(folder.path(), PermissionsExt::from_mode(0o755)).unwrap();
        let world = World { folder, caller };
        for name in ["own", "home", "tmp", "traces", "outside"] {
            fs::create_dir(world.path(name)).unwrap();
        }
        if caller == Caller::Ordinary {
            let binary = world.path("bctrace");
            fs::hard_link(running::binary(), &binary)
                .or_else(|_| fs::copy(running::binary(), &binary).map(drop))
                .unwrap();
        }
        world
    }

    fn path(&self, name: impl AsRef<Path>) -> PathBuf {
        self.folder.path().join(name)
    }

    fn write(&self, name: &str, text: impl AsRef<[u8]>) -> PathBuf {
        let path = self.path(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(&path, text).unwrap();
        path
    }

    /// A program of the caller's.
    fn program(&self, program: &str) -> Command {
        let mut command = Command::new(program);
        command.env_clear().current_dir(self.path("own"));
        command.env("HOME", self.path("home")).env("TMPDIR", self.path("tmp"));
        if self.caller == Caller::Ordinary {
            self.give_away();
            command.uid(USER).gid(USER);
        }
        command
    }

    /// `bctrace` with these words, in the program's own folder.
    fn command(&self, words: &[&str]) -> Command {
        let binary = match self.caller {
            Caller::Tester => running::binary().to_owned(),
            Caller::Ordinary => self.path("bctrace"),
        };
        let mut command = self.program(binary.to_str().unwrap());
        command.args(words);
        command
    }

    /// `bctrace OPTIONS own/p.py traces/t.bct -- ARGUMENTS`.
    fn tracing(&self, options: &[&str], arguments: &[&str]) -> Command {
        self.command(&[options, &["-q", "p.py", "../traces/t.bct", "--"], arguments].concat())
    }

    #[track_caller]
    fn trace(&self, options: &[&str], arguments: &[&str]) -> Ran {
        live::run(self.tracing(options, arguments))
    }

    /// `bctrace VIEW OPTIONS traces/t.bct`, which must succeed.
    #[track_caller]
    fn view(&self, words: &[&str]) -> String {
        let ran = live::run(self.command(&[words, &["../traces/t.bct"]].concat()));
        assert_eq!((ran.status, ran.stderr().as_str()), (0, ""), "{words:?}");
        ran.stdout()
    }

    /// Makes everything but the binary, which may be the tests' own, the ordinary user's.
    fn give_away(&self) {
        let mut paths = vec![self.folder.path().to_owned()];
        while let Some(path) = paths.pop() {
            let found = fs::symlink_metadata(&path).unwrap();
            if path.ends_with("bctrace") || found.is_symlink() {
                continue;
            }
            if found.uid() != USER {
                chown(&path, Some(USER), Some(USER)).unwrap();
            }
            if found.is_dir() {
                paths.extend(fs::read_dir(&path).unwrap().map(|entry| entry.unwrap().path()));
            }
        }
    }
}

/// All that a deed can change of the files in a folder, by their paths: the time of the last change of anything is among it.
fn look(folder: &Path) -> BTreeMap<PathBuf, String> {
    let mut all = BTreeMap::new();
    let mut paths = vec![folder.to_owned()];
    while let Some(path) = paths.pop() {
        let found = fs::symlink_metadata(&path).unwrap();
        let (mode, links, changed) = (found.mode(), found.nlink(), (found.ctime(), found.ctime_nsec()));
        let content = if found.is_file() { fs::read(&path).unwrap() } else { Vec::new() };
        if found.is_dir() {
            paths.extend(fs::read_dir(&path).unwrap().map(|entry| entry.unwrap().path()));
        }
        all.insert(path, format!("{mode:o} {links} {changed:?} {content:?}"));
    }
    all
}

/// Asserts that [`look`] sees the same again.
#[track_caller]
fn assert_unchanged(folder: &Path, before: &BTreeMap<PathBuf, String>) {
    let after = look(folder);
    let changed = after.iter().filter(|(path, found)| before.get(*path) != Some(found));
    let gone = before.iter().filter(|(path, _)| !after.contains_key(*path));
    let all: Vec<_> = changed.chain(gone).collect();
    assert!(all.is_empty(), "{all:?}");
}

/// What a program does, in Python, after [`PRELUDE`].
#[derive(Clone, Copy, Debug)]
struct Deed {
    source: &'static str,
    /// The error, by its name in `errno` or by its class, with which it fails in the sandbox.
    refusal: &'static str,
    /// Not every system can do it, nor let every user do it.
    is_rare: bool,
}

const fn deed(source: &'static str, refusal: &'static str) -> Deed {
    Deed { source, refusal, is_rare: false }
}

const fn rare(source: &'static str, refusal: &'static str) -> Deed {
    Deed { source, refusal, is_rare: true }
}

/// What deeds have: a folder of each one's own outside, with a file, a filled and an empty folder, and system calls by their numbers.
const PRELUDE: &str = r#"
import array, ctypes, errno, fcntl, os, signal, socket, struct, subprocess, sys
libc = ctypes.CDLL(None, use_errno=True)
libc.syscall.restype = ctypes.c_long
def check(result):
    if result == -1:
        raise OSError(ctypes.get_errno(), 'refused')
    return result
def call(number, *words):
    return check(libc.syscall(ctypes.c_long(number), *[ctypes.c_long(word) if isinstance(word, (int, long)) else word for word in words]))
outside, scratch = sys.argv[1], os.environ['TMPDIR']
arguments = sys.argv[2:]
def child(function):
    # Returns what the function does in a process of its own: 0, or the number of an error.
    pid = os.fork()
    if pid == 0:
        try:
            function()
            os._exit(0)
        except EnvironmentError, error:
            os._exit(error.errno)
        finally:
            os._exit(255)
    status = os.waitpid(pid, 0)[1]
    if status:
        raise OSError(os.WEXITSTATUS(status) if os.WIFEXITED(status) else errno.EINTR, 'refused')
def attempt(number, source):
    place = '%s/%d' % (outside, number)
    names = dict(globals(), place=place, victim=place + '/file', number=number)
    open(scratch + '/mine-%d' % number, 'w').write('mine')
    names['mine'] = scratch + '/mine-%d' % number
    try:
        exec source in names
    except EnvironmentError, error:
        print number, errno.errorcode.get(error.errno, error)
    except Exception, error:
        print number, type(error).__name__
    else:
        print number, 'done'
    sys.stdout.flush()
"#;

/// The numbers of system calls, as Python's constants.
macro_rules! numbers {
    ($($name:ident)*) => {
        [$((stringify!($name), libc::$name)),*].map(|(name, number)| format!("{name} = {number}\n")).concat()
    };
}
use numbers;

/// Runs deeds, each of which has its own folder; returns what became of them, in their order.
#[track_caller]
fn run(world: &World, prelude: &str, deeds: &[Deed], options: &[&str], arguments: &[&str]) -> Vec<String> {
    let mut source = format!("{PRELUDE}{prelude}\n");
    for (number, deed) in deeds.iter().enumerate() {
        source += &format!("attempt({number}, r'''{}\n''')\n", deed.source);
    }
    world.write("own/p.py", source);
    let outside = world.path("outside");
    let ran = world.trace(options, &[&[outside.to_str().unwrap()], arguments].concat());
    assert_eq!(ran.status, 0, "{}{}", ran.stdout(), ran.stderr());
    let stdout = ran.stdout();
    let results = stdout.lines().filter_map(|line| line.split_once(' '));
    let results: BTreeMap<usize, String> =
        results.map(|(number, result)| (number.parse().unwrap(), result.to_string())).collect();
    assert!(results.len() == deeds.len(), "{stdout}{}", ran.stderr());
    results.into_values().collect()
}

/// Makes the victims' folders.
fn make_victims(world: &World, deeds: &[Deed]) {
    let outside = world.path("outside");
    fs::remove_dir_all(&outside).unwrap();
    for number in 0..deeds.len() {
        world.write(&format!("outside/{number}/file"), "precious");
        world.write(&format!("outside/{number}/full/file"), "precious");
        fs::create_dir(outside.join(format!("{number}/empty"))).unwrap();
    }
    if world.caller == Caller::Ordinary {
        world.give_away();
    }
}

/// Asserts that each deed succeeds without a sandbox.
#[track_caller]
fn assert_possible(world: &World, prelude: &str, deeds: &[Deed], arguments: &[&str]) {
    let results = run(world, prelude, deeds, &["--no-sandbox"], arguments);
    for (deed, result) in deeds.iter().zip(results) {
        assert!(deed.is_rare || result == "done", "{:?} without a sandbox: {}: {result}", world.caller, deed.source);
    }
}

/// Asserts that each deed fails in the sandbox as it says.
#[track_caller]
fn assert_refused(world: &World, prelude: &str, deeds: &[Deed], options: &[&str], arguments: &[&str]) {
    let results = run(world, prelude, deeds, options, arguments);
    let wrong: Vec<String> = deeds
        .iter()
        .zip(results)
        .filter(|(deed, result)| deed.refusal != result)
        .map(|(deed, result)| format!("{}: {result}, expected {}", deed.source, deed.refusal))
        .collect();
    assert!(wrong.is_empty(), "{:?} {options:?}:\n{}", world.caller, wrong.join("\n"));
}

/// Asserts both, for each caller.
#[track_caller]
fn assert_deeds(prelude: &str, deeds: &[Deed], options: &[&str], arguments: &[&str]) {
    for caller in Caller::all() {
        let world = World::new(caller);
        make_victims(&world, deeds);
        assert_possible(&world, prelude, deeds, arguments);
        make_victims(&world, deeds);
        assert_refused(&world, prelude, deeds, options, arguments);
    }
}
