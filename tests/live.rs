//! A traced program in a folder of its own, and a `bctrace` that still runs: what it prints meanwhile, signals to it, and an end that
//! must come in time.

use std::ffi::OsStr;
use std::io::{BufRead, BufReader, Read};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use crate::running::{self, Ran, Watch};
pub use crate::running::{PATIENCE, signal};

/// A compiled program, `p.pyc`, and the folder in which it is traced.
pub struct Program {
    folder: tempfile::TempDir,
    /// It is traced without the sandbox.
    is_free: bool,
}

impl Program {
    pub fn new(source: &str) -> Program {
        let (folder, _) = running::compiled(source, "p.pyc");
        Program { folder, is_free: false }
    }

    /// A program that is traced without the sandbox, because it does what that refuses.
    pub fn free(source: &str) -> Program {
        Program { is_free: true, ..Program::new(source) }
    }

    pub fn path(&self, name: impl AsRef<Path>) -> PathBuf {
        self.folder.path().join(name)
    }

    /// `bctrace` with these words, in the folder.
    pub fn command<I: IntoIterator<Item: AsRef<OsStr>>>(&self, words: I) -> Command {
        let mut command = running::bctrace(words);
        command.current_dir(self.folder.path());
        command
    }

    /// A shell script in the folder; `"$0"` is `bctrace`.
    pub fn shell(&self, script: &str) -> Command {
        let mut command = running::shell(script);
        command.current_dir(self.folder.path());
        command
    }

    /// `bctrace OPTIONS p.pyc TRACE -- ARGUMENTS`.
    pub fn tracing(&self, options: &[&str], trace: &str, arguments: &[&str]) -> Command {
        let free: &[&str] = if self.is_free { &["--no-sandbox"] } else { &[] };
        self.command([free, options, &["p.pyc", trace, "--"], arguments].concat())
    }

    /// Traces the program to its end.
    pub fn trace(&self, options: &[&str], trace: &str, arguments: &[&str]) -> Ran {
        run(self.tracing(options, trace, arguments))
    }

    /// The text of a whole trace of the program, which must not fail.
    pub fn text(&self, options: &[&str], arguments: &[&str]) -> String {
        let ran = self.trace(options, "whole.txt", arguments);
        assert_eq!(ran.status, 0, "{}", ran.stderr());
        self.read("whole.txt")
    }

    /// `bctrace show OPTIONS TRACE`, as in [`Program::view`].
    #[track_caller]
    pub fn show(&self, options: &[&str], trace: &str) -> String {
        self.view("show", options, trace)
    }

    /// `bctrace VIEW OPTIONS TRACE`, which must print nothing on standard error but that nothing matches.
    #[track_caller]
    pub fn view(&self, view: &str, options: &[&str], trace: &str) -> String {
        let ran = run(self.command([&[view], options, &[trace]].concat()));
        let stderr = ran.stderr();
        let is_expected = stderr.is_empty()
            || (ran.stdout.is_empty() && (stderr.contains("match") || stderr.contains("beyond the end")));
        assert!(ran.status == 0 && is_expected, "{view} {options:?} {trace}: {} {stderr}", ran.status);
        ran.stdout()
    }

    pub fn read(&self, name: &str) -> String {
        String::from_utf8(running::read(&self.path(name))).unwrap()
    }
}

/// A `bctrace` that runs, with pipes at its standard streams.
pub struct Live {
    child: Child,
    /// Taken by a test that closes it or writes to it.
    pub stdin: Option<ChildStdin>,
    /// Taken by a test that reads bytes or closes it.
    pub stdout: Option<BufReader<ChildStdout>>,
    stderr: JoinHandle<Vec<u8>>,
    watch: Watch,
    /// The session of the recorder and its standby, once that is known.
    recorders: Option<u32>,
}

impl Live {
    pub fn start(mut command: Command) -> Live {
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().unwrap_or_else(|error| panic!("cannot start {command:?}: {error}"));
        let mut stderr = child.stderr.take().unwrap();
        Live {
            watch: Watch::start(child.id(), format!("{command:?}")),
            stdin: child.stdin.take(),
            stdout: child.stdout.take().map(BufReader::new),
            stderr: thread::spawn(move || {
                let mut bytes = Vec::new();
                stderr.read_to_end(&mut bytes).unwrap();
                bytes
            }),
            child,
            recorders: None,
        }
    }

    /// The number of bctrace's own process.
    pub fn id(&self) -> u32 {
        self.child.id()
    }

    /// The number of one of bctrace's processes by its name, once there is one.
    #[track_caller]
    pub fn own(&mut self, name: &str) -> u32 {
        if self.recorders.is_none() && name == "bctrace-standby" {
            self.own("bctrace-record");
        }
        let found = until(&format!("there is a {name}"), || {
            let mut processes = Process::all();
            // The first recorder begins a session, to which its copies belong.
            let is_own = |process: &Process| process.parent == self.id() || Some(process.session) == self.recorders;
            processes.retain(|process| process.name == name && !process.is_dead);
            processes.into_iter().find(is_own)
        });
        if name == "bctrace-record" {
            self.recorders = Some(found.session);
        }
        found.id
    }

    /// Waits for the next line on standard output; returns it without its end.
    #[track_caller]
    pub fn line(&mut self) -> String {
        let mut line = String::new();
        self.stdout.as_mut().unwrap().read_line(&mut line).unwrap();
        assert!(line.ends_with('\n'), "standard output ends in {line:?}");
        line.pop();
        line
    }

    /// Waits for this many bytes on standard output; returns fewer where it ends.
    pub fn bytes(&mut self, count: usize) -> Vec<u8> {
        let mut bytes = Vec::new();
        self.stdout.as_mut().unwrap().take(count as u64).read_to_end(&mut bytes).unwrap();
        bytes
    }

    pub fn signal(&self, name: &str) {
        signal(name, self.id());
    }

    /// Kills bctrace itself with SIGKILL, and waits until it is dead.
    pub fn kill(&mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }

    /// Waits for the end of bctrace alone, whatever still holds its pipes; returns its status.
    pub fn status(&mut self) -> i32 {
        running::status(self.child.wait().unwrap())
    }

    /// Closes standard input, waits for the end, and returns what has not been read yet.
    #[track_caller]
    pub fn end(mut self) -> Ran {
        drop(self.stdin.take());
        let mut stdout = Vec::new();
        if let Some(mut pipe) = self.stdout.take() {
            pipe.read_to_end(&mut stdout).unwrap();
        }
        let status = self.status();
        let stderr = self.stderr.join().unwrap();
        self.watch.end();
        Ran { status, stdout, stderr }
    }
}

/// Runs to the end with nothing on standard input.
#[track_caller]
pub fn run(command: Command) -> Ran {
    Live::start(command).end()
}

/// Looks again and again until there is something.
#[track_caller]
pub fn until<T>(what: &str, mut look: impl FnMut() -> Option<T>) -> T {
    let deadline = Instant::now() + PATIENCE;
    loop {
        if let Some(found) = look() {
            return found;
        }
        assert!(Instant::now() < deadline, "waited {PATIENCE:?} until {what}");
        thread::sleep(Duration::from_millis(2));
    }
}

/// A process, by /proc.
pub struct Process {
    pub id: u32,
    pub name: String,
    pub parent: u32,
    pub session: u32,
    pub is_dead: bool,
}

impl Process {
    pub fn all() -> Vec<Process> {
        let names = std::fs::read_dir("/proc").unwrap().map(|entry| entry.unwrap().file_name());
        let numbers = names.filter_map(|name| name.to_str()?.parse().ok());
        numbers.filter_map(Process::read).collect()
    }

    fn read(id: u32) -> Option<Process> {
        let stat = std::fs::read_to_string(format!("/proc/{id}/stat")).ok()?;
        let (name, rest) = stat.split_once('(')?.1.rsplit_once(") ")?;
        let fields: Vec<&str> = rest.split(' ').collect();
        Some(Process {
            id,
            name: name.to_string(),
            parent: fields.get(1)?.parse().ok()?,
            session: fields.get(3)?.parse().ok()?,
            is_dead: matches!(*fields.first()?, "Z" | "X"),
        })
    }
}

/// Whether a process is gone, or a zombie that is not reaped.
pub fn is_gone(process: u32) -> bool {
    let stat = std::fs::read_to_string(format!("/proc/{process}/stat"));
    stat.map_or(true, |stat| stat.rsplit(") ").next().is_some_and(|rest| rest.starts_with(['Z', 'X'])))
}

/// Whether a process sleeps, with no time used between two looks at it.
pub fn waits(process: u32) -> bool {
    let look = || {
        let stat = std::fs::read_to_string(format!("/proc/{process}/stat")).unwrap();
        let fields: Vec<String> = stat.rsplit(") ").next().unwrap().split(' ').map(str::to_string).collect();
        // State, then minor faults, user and system time: fields 3, 10, 14 and 15 of proc(5).
        (fields[0].clone(), fields[7].clone(), fields[11].clone(), fields[12].clone())
    };
    let first = look();
    thread::sleep(Duration::from_millis(120));
    first.0 == "S" && first == look()
}

/// Asserts that a text is the beginning of another; says where they part.
#[track_caller]
pub fn assert_prefix(text: &str, whole: &str, what: &str) {
    if whole.starts_with(text) {
        return;
    }
    let (mut left, mut right) = (text.lines(), whole.lines());
    for number in 1.. {
        let (left, right) = (left.next(), right.next());
        assert_eq!(left, right, "{what}: line {number} is not what it must be");
        if left.is_none() {
            break;
        }
    }
    panic!("{what}: the lines are right, their ends are not");
}

/// Asserts that bctrace failed: status 125, and one line on standard error with all of `parts`.
#[track_caller]
pub fn assert_failed(ran: &Ran, parts: &[&str]) {
    let message = ran.stderr();
    assert_eq!((ran.status, message.matches('\n').count()), (125, 1), "{message}");
    for part in [&["bctrace: "], parts].concat() {
        assert!(message.contains(part), "{part:?} is not in: {message}");
    }
}
