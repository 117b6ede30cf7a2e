//! Runs the built `bctrace` as a user would, but with an empty environment, so that nothing of the machine's Python reaches it, and
//! makes .pyc files by the compiler inside it.  Whatever hangs is killed and so fails its test.

use std::ffi::OsStr;
use std::fs;
use std::io::Write;
use std::os::unix::process::ExitStatusExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::mpsc::{self, RecvTimeoutError, Sender};
use std::thread::{self, JoinHandle};
use std::time::Duration;

/// How long anything may take before it counts as hanging.
pub const PATIENCE: Duration = Duration::from_secs(240);

/// What a finished process left.
#[derive(Debug)]
pub struct Ran {
    /// As a shell reports it: 128+N after signal N.
    pub status: i32,
    pub stdout: Vec<u8>,
    pub stderr: Vec<u8>,
}

impl Ran {
    pub fn stdout(&self) -> String {
        String::from_utf8_lossy(&self.stdout).into_owned()
    }

    pub fn stderr(&self) -> String {
        String::from_utf8_lossy(&self.stderr).into_owned()
    }

    /// Asserts that the process ended with status 0; returns its output.
    #[track_caller]
    pub fn succeeded(self) -> String {
        assert_eq!(self.status, 0, "{}{}", self.stdout(), self.stderr());
        self.stdout()
    }
}

/// The built binary.
pub fn binary() -> &'static Path {
    Path::new(env!("CARGO_BIN_EXE_bctrace"))
}

/// The folder of fixtures.
pub fn fixtures() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures")
}

/// `bctrace` with these arguments.
pub fn bctrace<I: IntoIterator<Item: AsRef<OsStr>>>(arguments: I) -> Command {
    let mut command = clean(binary());
    command.args(arguments);
    command
}

/// A shell that runs this script, in which `"$0"` is `bctrace`.
pub fn shell(script: &str) -> Command {
    let mut command = clean(Path::new("/bin/sh"));
    command.args(["-c", script]).arg(binary()).env("PATH", "/usr/bin:/bin");
    command
}

fn clean(program: &Path) -> Command {
    let mut command = Command::new(program);
    command.env_clear();
    command
}

/// Runs to the end with nothing on standard input.
pub fn run(command: &mut Command) -> Ran {
    run_with(command, b"")
}

/// Runs to the end with these bytes on standard input, which it need not read.
pub fn run_with(command: &mut Command, stdin: &[u8]) -> Ran {
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().unwrap_or_else(|error| panic!("cannot start {command:?}: {error}"));
    let mut pipe = child.stdin.take().unwrap();
    let watch = Watch::start(child.id(), format!("{command:?}"));
    let output = std::thread::scope(|scope| {
        scope.spawn(move || drop(pipe.write_all(stdin)));
        child.wait_with_output().unwrap()
    });
    watch.end();
    Ran { status: status(output.status), stdout: output.stdout, stderr: output.stderr }
}

/// A status as a shell reports it.
pub fn status(status: std::process::ExitStatus) -> i32 {
    status.code().or(status.signal().map(|signal| 128 + signal)).expect("a finished process")
}

/// Sends a signal to a process; to a group where the number is negative.  One that is gone is no failure.
pub fn signal(name: &str, process: impl TryInto<i64>) {
    let process = process.try_into().ok().expect("a process number");
    let kill = format!("kill -s {name} -- {process} 2>/dev/null");
    shell(&kill).status().unwrap();
}

/// Kills a process that does not end in time.
pub struct Watch {
    thread: JoinHandle<Option<String>>,
    ended: Sender<()>,
}

impl Watch {
    pub fn start(process: u32, what: String) -> Watch {
        let (ended, end) = mpsc::channel();
        let thread = thread::spawn(move || {
            let in_time = end.recv_timeout(PATIENCE) != Err(RecvTimeoutError::Timeout);
            if !in_time {
                signal("KILL", process);
            }
            (!in_time).then_some(what)
        });
        Watch { thread, ended }
    }

    #[track_caller]
    pub fn end(self) {
        // The receiver is gone if the time was over.
        let _ = self.ended.send(());
        if let Some(what) = self.thread.join().unwrap() {
            panic!("hung for {PATIENCE:?}: {what}");
        }
    }
}

/// Compiles source to a .pyc whose code objects have the bare name of the file, with the compiler inside the VM.
pub fn compile(source: &str, pyc: &Path) {
    const COMPILER: &str = "import imp, marshal, sys
name = sys.argv[1].split('/')[-1].replace('.pyc', '.py')
code = compile(sys.stdin.read(), name, 'exec', 0, True)
open(sys.argv[1], 'wb').write(imp.get_magic() + '\\0\\0\\0\\0' + marshal.dumps(code))";
    let mut command = bctrace(["python", "-S", "-E", "-c", COMPILER]);
    run_with(command.arg(pyc), source.as_bytes()).succeeded();
}

/// Compiles source as `name` in a folder of its own.
pub fn compiled(source: &str, name: &str) -> (tempfile::TempDir, PathBuf) {
    let folder = tempfile::tempdir().unwrap();
    let pyc = folder.path().join(name);
    compile(source, &pyc);
    (folder, pyc)
}

/// Reads a file, naming it where that fails.
pub fn read(path: &Path) -> Vec<u8> {
    fs::read(path).unwrap_or_else(|error| panic!("cannot read {}: {error}", path.display()))
}
