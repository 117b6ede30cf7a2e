//! Records the program: bctrace runs again in a process of its own, in the sandbox, repeatably and within budgets.

use std::ffi::{OsStr, OsString};
use std::fs;
use std::io::{self, IsTerminal, PipeReader, Read};
use std::os::fd::AsFd;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::Context;

use super::descendants;
use super::output::Bounded;
use crate::bytecode::escape::Printable;
use crate::cli::args::TriageArgs;
use crate::process::signals::{self, Received, Signals, is_terminal_stop};
use crate::process::{self, Wants};

/// Time that the program gets.
const TIMEOUT: Duration = Duration::from_secs(60);
/// Time after which the recording is killed, which ends by itself before.
const LATEST: Duration = Duration::from_secs(75);
/// Bytes of all traces together.
const MOST: u64 = 1 << 30;
/// Time between looks at what has come of it.
const STEP: Duration = Duration::from_millis(200);
/// Bytes of the beginning of the output that are looked at for bctrace's own message.
const MESSAGE: usize = 4 << 10;

/// The names of the first trace and of those of other processes, without their suffix.
const TRACE: &str = "trace";

/// What came of it.
pub struct Recording {
    /// The trace of the first process, and of each process that it forked or started.
    pub traces: Vec<PathBuf>,
    /// Bytes that the program printed.
    pub printed: u64,
    /// The signal on which it was ended.
    pub signal: Option<i32>,
}

/// Records the program of `args` with this scratch folder; what it prints goes to `output`.
pub fn record(args: &TriageArgs, scratch: &Path, mut output: Bounded) -> anyhow::Result<Recording> {
    let mut wait = Wait::start(command(args, scratch)?, args.folder.clone())?;
    let mut beginning = Vec::new();
    let result = wait.run(&mut |bytes| {
        beginning.extend_from_slice(&bytes[..bytes.len().min(MESSAGE - beginning.len())]);
        output.take(bytes);
    });
    let (signal, printed) = (wait.signal, output.total);
    wait.end();
    output.finish().context("cannot write output.txt")?;
    result?;
    let traces = traces(&args.folder)?;
    if traces.is_empty() {
        // The program has not run, so all of it is bctrace's own.
        let line = beginning.split(|&byte| byte == b'\n').rfind(|line| !line.is_empty()).unwrap_or_default();
        let line = line.strip_prefix(b"bctrace: ").unwrap_or(line);
        anyhow::bail!("the program did not run: {}", Printable::text(line));
    }
    Ok(Recording { traces, printed, signal })
}

fn command(args: &TriageArgs, scratch: &Path) -> anyhow::Result<Command> {
    let option = |name: &str, value: &OsStr| {
        let mut word = OsString::from(name);
        word.push("=");
        word.push(value);
        word
    };
    let mut command = Command::new("/proc/self/exe");
    command.args([
        "--deterministic",
        "--follow-forks",
        "--values",
        "--value-length=1000",
        "--blobs=64",
        "--chdir-scratch",
        "--quiet",
        "--format=bct",
    ]);
    command.arg(format!("--timeout={}s", TIMEOUT.as_secs())).arg(format!("--max-size={MOST}"));
    command.arg(option("--scratch", scratch.as_os_str()));
    command.args(args.file.intake.entry.map(|entry| format!("--entry={entry}")));
    command.args(args.file.intake.strict.then_some("--strict"));
    command.args(args.file.force.then_some("--force"));
    // An absolute path is neither a command nor an option.
    command.arg(std::path::absolute(&args.program)?);
    command.arg(std::path::absolute(args.folder.join(TRACE).with_extension("bct"))?);
    command.arg("--").args(&args.arguments);
    for (name, _) in std::env::vars_os().filter(|(name, _)| name.as_encoded_bytes().starts_with(b"PYTHON")) {
        command.env_remove(name);
    }
    command.stdin(if io::stdin().is_terminal() { Stdio::null() } else { Stdio::inherit() });
    Ok(command)
}

/// A recording that goes on.  Signals to this process are read meanwhile: an interrupt ends the program, not this process.
struct Wait {
    child: Child,
    /// None once nothing more can come.
    reader: Option<PipeReader>,
    signals: Signals,
    inherited: signals::Inherited,
    folder: PathBuf,
    signal: Option<i32>,
}

impl Wait {
    fn start(mut command: Command, folder: PathBuf) -> anyhow::Result<Wait> {
        let (reader, writer) = io::pipe()?;
        command.stdout(writer.try_clone()?).stderr(writer);
        // What outlives the recording becomes a child of this process, which ends it.
        rustix::process::set_child_subreaper(Some(rustix::process::getpid()))?;
        let inherited = signals::block()?;
        inherited.restore_in(&mut command);
        let started = Signals::open().and_then(|signals| Ok((signals, command.spawn()?)));
        match started {
            Ok((signals, child)) => Ok(Wait { child, reader: Some(reader), signals, inherited, folder, signal: None }),
            Err(error) => {
                inherited.unblock();
                Err(error).context("cannot run bctrace again")
            }
        }
    }

    /// Waits for the recording's end.
    fn run(&mut self, take: &mut dyn FnMut(&[u8])) -> io::Result<()> {
        let start = Instant::now();
        let mut looked = start;
        loop {
            self.poll(STEP, take)?;
            while let Some(signal) = self.signals.next() {
                self.take_signal(signal);
            }
            if self.child.try_wait()?.is_some() {
                break;
            }
            let now = Instant::now();
            if now - looked >= STEP {
                looked = now;
                if now - start > LATEST || self.has_too_much() {
                    self.child.kill()?;
                }
            }
        }
        // What the program printed last is in the pipe.
        while self.poll(Duration::ZERO, take)? {}
        Ok(())
    }

    /// Waits for output or a signal; returns whether there was output.
    fn poll(&mut self, at_most: Duration, take: &mut dyn FnMut(&[u8])) -> io::Result<bool> {
        let output = self.reader.iter().map(|reader| (reader.as_fd(), Wants::Input));
        let polled: Vec<_> = [(self.signals.as_fd(), Wants::Input)].into_iter().chain(output).collect();
        let ready = process::poll(&polled, Some(at_most));
        let Some(reader) = self.reader.as_mut().filter(|_| ready.get(1) == Some(&true)) else { return Ok(false) };
        let mut bytes = [0; 64 << 10];
        match reader.read(&mut bytes)? {
            0 => self.reader = None,
            count => take(&bytes[..count]),
        }
        Ok(self.reader.is_some())
    }

    fn take_signal(&mut self, signal: Received) {
        let number = signal.number;
        if is_terminal_stop(number) {
            process::stop_self();
        } else if [libc::SIGINT, libc::SIGQUIT, libc::SIGTERM, libc::SIGHUP].contains(&number) {
            self.signal = Some(number);
            if signal.is_passed_on()
                && let Some(signal) = rustix::process::Signal::from_named_raw(number)
            {
                // One that has ended needs no signal.
                let _ = rustix::process::kill_process(rustix::process::Pid::from_child(&self.child), signal);
            }
        }
    }

    /// Whether the processes have written more traces than all of them may.
    fn has_too_much(&self) -> bool {
        let entries = fs::read_dir(&self.folder).into_iter().flatten().flatten();
        let sizes = entries.filter(|entry| is_trace(&entry.file_name())).flat_map(|entry| entry.metadata());
        // A little over the limit of one, which stops the program by itself.
        sizes.map(|metadata| metadata.len()).sum::<u64>() > MOST + (MOST >> 4)
    }

    /// Ends what has outlived the recording, and leaves signals to their usual effect again.
    fn end(self) {
        descendants::end();
        self.inherited.unblock();
    }
}

fn is_trace(name: &OsStr) -> bool {
    let name = name.as_encoded_bytes();
    name.starts_with(TRACE.as_bytes()) && name.ends_with(b".bct")
}

/// The traces in the folder: the first process's, and those of others, which get numbers of their own, as the numbers of processes
/// differ from run to run.
fn traces(folder: &Path) -> io::Result<Vec<PathBuf>> {
    let first = folder.join(TRACE).with_extension("bct");
    let mut others: Vec<(Vec<u32>, PathBuf)> = Vec::new();
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        let name = path.file_name().filter(|name| is_trace(name)).and_then(OsStr::to_str).unwrap_or_default();
        let numbers: Vec<u32> = name.split(['.', '-']).filter_map(|part| part.parse().ok()).collect();
        if !numbers.is_empty() {
            others.push((numbers, path));
        }
    }
    others.sort();
    let mut traces: Vec<PathBuf> = first.exists().then_some(first).into_iter().collect();
    for (place, (_, path)) in others.into_iter().enumerate() {
        let named = folder.join(format!("{TRACE}-{}.bct", place + 2));
        fs::rename(path, &named)?;
        traces.push(named);
    }
    Ok(traces)
}
