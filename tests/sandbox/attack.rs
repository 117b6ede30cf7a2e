//! Programs that try to destroy or to forge their trace, and native ones that change a path while the kernel looks at it.

use std::fs;

use super::{Caller, World, assert_unchanged, look};
use crate::{extension, live};

/// Destroys the trace, whose path is the first argument, by each way that there is without a sandbox; prints what it could do.
const ATTACK: &str = r#"
import ctypes, os, signal, sys
libc = ctypes.CDLL(None)
trace = sys.argv[1]
def by_descriptor():
    folder = '/proc/%d/fd' % os.getppid()
    for name in os.listdir(folder):
        if os.readlink(folder + '/' + name) == trace:
            os.ftruncate(os.open(folder + '/' + name, os.O_RDWR), 0)
def by_all_descriptors():
    for number in range(3, 100):
        os.ftruncate(os.open('/proc/%d/fd/%d' % (os.getppid(), number), os.O_RDWR), 0)
def by_own_descriptors():
    done = 0
    for number in range(3, 2000):
        try: done += os.ftruncate(number, 0) is None
        except EnvironmentError: pass
    if not done: raise OSError()
def by_path():
    open(trace, 'w').write('forged> 0 STOP_CODE\n')
def by_truncation():
    if libc.truncate(trace, ctypes.c_long(0)): raise OSError()
def by_removal():
    os.unlink(trace)
def by_folder():
    os.rename(os.path.dirname(trace), os.path.dirname(trace) + '.moved')
def by_link():
    os.rename(os.environ['TMPDIR'] + '/link', trace)
def by_kill():
    os.kill(os.getppid(), signal.SIGKILL)
def by_outliving():
    if libc.prctl(1, 0): raise OSError()
    os.kill(os.getppid(), signal.SIGKILL)
os.symlink('/dev/null', os.environ['TMPDIR'] + '/link')
for attack in [globals()[name] for name in sys.argv[2:]]:
    try:
        attack()
        print attack.__name__
    except (EnvironmentError, AttributeError):
        pass
sys.stdout.flush()
def the_end():
    return 3
sys.exit(the_end())
"#;

const WAYS: [&str; 10] = [
    "by_descriptor",
    "by_all_descriptors",
    "by_own_descriptors",
    "by_path",
    "by_truncation",
    "by_removal",
    "by_folder",
    "by_link",
    "by_kill",
    "by_outliving",
];

#[test]
fn a_program_that_attacks_its_trace_leaves_a_complete_one() {
    for caller in Caller::all() {
        let world = World::new(caller);
        world.write("own/p.py", ATTACK);
        let trace = world.path("traces/t.bct");
        let trace = trace.to_str().unwrap();
        // Those that need no more than the path succeed otherwise.
        for way in ["by_path", "by_truncation", "by_removal", "by_link"] {
            let ran = world.trace(&["--no-sandbox"], &[trace, way]);
            assert_eq!(ran.stdout(), format!("{way}\n"), "{}", ran.stderr());
            fs::remove_dir_all(world.path("traces")).unwrap();
            fs::create_dir(world.path("traces")).unwrap();
            // That way has moved it.
            let _ = fs::remove_file(world.path("tmp/link"));
        }
        for suffix in ["bct", "txt"] {
            let trace = format!("{}.{suffix}", trace.trim_end_matches(".bct"));
            let ran = live::run(world.command(&[&["-q", "p.py", &trace, "--", &trace], &WAYS[..]].concat()));
            assert_eq!((ran.status, ran.stdout().as_str()), (3, ""), "{caller:?} {}", ran.stderr());
        }
        assert!(world.view(&["info"]).contains("exited with status 3"));
        let text = fs::read_to_string(world.path("traces/t.txt")).unwrap();
        assert_eq!(world.view(&["show"]), text);
        assert!(text.contains("\nthe_end> "));
        let tried = world.view(&["tried"]);
        for name in ["by_descriptor", "by_path", "by_truncation", "by_removal", "by_folder", "by_link", "by_kill"] {
            let line = tried
                .lines()
                .find(|line| line.contains(&format!(" {name} at ")))
                .unwrap_or_else(|| panic!("{name}: {tried}"));
            assert!(line.contains("refused: E"), "{line}");
        }
    }
}

/// Has one thread change a path in memory between two texts, while the other one opens it for writing and changes the mode of what it
/// names; returns how often the file that was opened is the victim.
const FLIPPER: &str = r#"
#include <Python.h>
#include <fcntl.h>
#include <pthread.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static char paths[2][4096], path[4096];
static volatile int turns, over;

static void *
flip(void *unused)
{
    int which = 0;

    while (!over) {
        memcpy(path, paths[which], strlen(paths[0]) + 1);
        which = !which;
        turns++;
        for (volatile int i = 0; i < 200; i++) {}
    }
    return NULL;
}

static PyObject *
flip_open(PyObject *self, PyObject *args)
{
    const char *first, *second;
    int times, flags, reached = 0, opened = 0;
    struct stat victim, found;
    pthread_t thread;

    if (!PyArg_ParseTuple(args, "ssii", &first, &second, &times, &flags) || strlen(first) != strlen(second))
        return NULL;
    strcpy(paths[0], first);
    strcpy(paths[1], second);
    strcpy(path, first);
    stat(second, &victim);
    turns = over = 0;
    if (pthread_create(&thread, NULL, flip, NULL))
        return NULL;
    while (turns < 2) {}
    for (int i = 0; i < times && !reached; i++) {
        int file = open(path, flags, 0600);
        if (file >= 0) {
            opened++;
            fstat(file, &found);
            reached += found.st_ino == victim.st_ino && found.st_dev == victim.st_dev;
            close(file);
        }
        if (i % 8 == 0)
            chmod(path, 0611);
        if (i % 64 == 0)
            truncate(path, 3);
    }
    over = 1;
    pthread_join(thread, NULL);
    return Py_BuildValue("ii", reached, opened);
}

static PyMethodDef methods[] = {{"open", flip_open, METH_VARARGS, NULL}, {NULL, NULL, 0, NULL}};

PyMODINIT_FUNC
initflip(void)
{
    Py_InitModule("flip", methods);
}
"#;

/// What it calls: the flags of open, the number of times, and the paths, of equal length.
const FLIPPING: &str = "import flip, os, sys
victim, times = sys.argv[1], int(sys.argv[2])
scratch = os.environ['TMPDIR']
open(scratch + '/mine', 'w')
mine = scratch + '/mine'
while len(mine) < len(victim): mine = mine.replace(scratch, scratch + '/', 1)
while len(victim) < len(mine): victim = '/' + victim
reached, opened = flip.open(mine, victim, times, os.O_WRONLY)
print reached > 0, opened > 0
";

#[test]
fn a_path_that_changes_while_the_kernel_looks_at_it_gains_nothing() {
    for caller in Caller::all() {
        let world = World::new(caller);
        extension::compile(&world.path("own"), "flip", FLIPPER);
        world.write("own/p.py", FLIPPING);
        let victim = world.write("outside/victim", "precious");
        let trace =
            |options: &[&str], times: &str| world.trace(options, &[victim.to_str().unwrap(), times]).succeeded();
        assert_eq!(trace(&["--no-sandbox"], "1000000000"), "True True\n");
        world.write("outside/victim", "precious");
        drop(world.command(&[]));
        let before = look(&world.path("outside"));
        let times = if caller == Caller::all()[0] { "50000" } else { "5000" };
        assert_eq!(trace(&[], times), "False True\n", "{caller:?}");
        assert_unchanged(&world.path("outside"), &before);
    }
}

#[test]
fn a_link_that_changes_while_the_kernel_follows_it_gains_nothing() {
    let source = "import os, sys, threading
victim, scratch = sys.argv[1], os.environ['TMPDIR']
for name in ('mine', 'other'): open(scratch + '/' + name, 'w').close()
here = scratch + '/here'
os.symlink(victim, here)
reached = 0
def flip():
    for number in xrange(int(sys.argv[2])):
        if reached: break
        for target in (scratch + '/mine', victim):
            os.symlink(target, scratch + '/next')
            os.rename(scratch + '/next', here)
thread = threading.Thread(target=flip)
thread.start()
while thread.isAlive():
    for deed in (lambda: os.open(here, os.O_WRONLY), lambda: os.chmod(here, 0611), lambda: os.utime(here, (1, 1))):
        try: file = deed()
        except EnvironmentError: continue
        if file is not None:
            reached += os.readlink('/proc/self/fd/%d' % file) == victim
            os.close(file)
thread.join()
print reached > 0
";
    for caller in Caller::all() {
        let world = World::new(caller);
        world.write("own/p.py", source);
        let victim = world.write("outside/victim", "precious");
        let trace =
            |options: &[&str], times: &str| world.trace(options, &[victim.to_str().unwrap(), times]).succeeded();
        assert_eq!(trace(&["--no-sandbox"], "1000000000"), "True\n");
        world.write("outside/victim", "precious");
        drop(world.command(&[]));
        let before = look(&world.path("outside"));
        assert_eq!(trace(&[], "1000"), "False\n", "{caller:?}");
        assert_unchanged(&world.path("outside"), &before);
    }
}
