//! The sandbox of a recording: what its options, the program's place and the caller's environment allow.

use std::collections::BTreeMap;
use std::ffi::{CString, OsStr, OsString};
use std::fs;
use std::net::{IpAddr, ToSocketAddrs};
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::path::{Path, PathBuf};

use anyhow::Context;

use super::args::{self, RecordingArgs, SandboxArgs};
use super::record::Job;
use super::{frozen, message};
use crate::bytecode::escape::Printable;
use crate::bytecode::shell;
use crate::record::Subject;
use crate::sandbox::{self, Budget, Host, Network, Policy, Scratch};
use crate::vm::fake_net::FakeNet;

/// A sandbox that is ready for a program.
pub struct Prepared {
    pub policy: Policy,
    scratch: Option<Scratch>,
    keeps: bool,
}

/// Makes the sandbox that is asked for; None if none is.
pub fn prepare(job: &Job, args: &RecordingArgs) -> anyhow::Result<Option<Prepared>> {
    let options = &args.sandbox;
    if options.no_sandbox {
        return Ok(None);
    }
    let writable = writable(job, args)?;
    let readable = readable(job, args)?;
    let network = network(&options.allow_net)?;
    if options.fake_net && network == Network::All {
        return Err(args::usage(
            job.command,
            "--fake-net is not for the whole network; name hosts, as in --allow-net=HOST",
        ));
    }
    let own = match options.scratch {
        Some(_) => None,
        None => Some(Scratch::create(&seed(job)).context("cannot make a scratch folder for the program")?),
    };
    let scratch = own.as_ref().map(Scratch::path).or(options.scratch.as_deref()).unwrap_or(Path::new("/")).to_owned();
    let unpacked = job.program.as_ref().map_or((0, 0), |program| frozen::unpacked_size(&program.contents));
    let policy = Policy {
        readable,
        writable,
        folder: options.chdir_scratch.then(|| scratch.clone()),
        scratch,
        network,
        fakes_net: options.fake_net,
        may_run: options.allow_run,
        environment: Vec::new(),
        budget: Budget {
            processes: options.max_processes,
            threads: Budget::default().threads,
            memory: options.max_memory,
            output: options.max_output,
            scratch: options.max_scratch.saturating_add(unpacked.1),
            files: options.max_files.saturating_add(unpacked.0),
        },
        is_strict: options.sandbox.is_some(),
    };
    // What fails from here on removes the folder.
    let keeps = options.keep_scratch || options.chdir_scratch;
    let mut prepared = Prepared { policy, scratch: own, keeps };
    let folder = prepared.policy.scratch.clone();
    prepared.policy.environment = environment(options, &folder)?;
    if let (Some(input), Some(name)) =
        (job.input.filter(|_| options.chdir_scratch), job.input.and_then(Path::file_name))
    {
        let copied = fs::copy(input, folder.join(name));
        copied.with_context(|| format!("cannot copy {} to the scratch folder", Printable::path(input)))?;
    }
    Ok(Some(prepared))
}

/// What the name of the scratch folder follows from: the program and its arguments.
fn seed(job: &Job) -> Vec<u8> {
    let file = job.program.iter().map(|program| program.sha256.as_slice());
    file.chain(job.argv.iter().map(|word| word.to_bytes_with_nul())).collect::<Vec<_>>().concat()
}

impl Prepared {
    /// Removes the scratch folder, or says where it is.
    pub fn finish(mut self) {
        match self.scratch.take_if(|_| self.keeps).map(Scratch::keep) {
            Some(Ok(path)) => message::warn(format_args!("the scratch folder is {}", Printable::path(&path))),
            Some(Err(error)) => message::warn(format_args!("cannot keep the scratch folder: {error}")),
            None => {}
        }
    }
}

impl Drop for Prepared {
    fn drop(&mut self) {
        let Some(scratch) = self.scratch.take() else { return };
        let path = scratch.path().to_owned();
        if let Err(error) = scratch.remove() {
            message::warn(format_args!("cannot remove the scratch folder {}: {error}", Printable::path(&path)));
        }
    }
}

/// A scratch folder without a sandbox, for what is unpacked.
pub struct OwnScratch(Option<Scratch>, PathBuf);

impl OwnScratch {
    pub fn create(job: &Job) -> anyhow::Result<OwnScratch> {
        let scratch = Scratch::create(&seed(job)).context("cannot make a folder for the program's files")?;
        let path = scratch.path().to_owned();
        Ok(OwnScratch(Some(scratch), path))
    }

    pub fn path(&self) -> &Path {
        &self.1
    }
}

impl Drop for OwnScratch {
    fn drop(&mut self) {
        if let Some(Err(error)) = self.0.take().map(Scratch::remove) {
            message::warn(format_args!("cannot remove the folder {}: {error}", Printable::path(&self.1)));
        }
    }
}

/// Has the program start in the scratch folder, where a copy of its file will be; its modules stay where they are.
pub fn move_in(job: &mut Job) -> anyhow::Result<()> {
    let (Subject::Marshalled { path, scripts, .. }, Some(input)) = (&mut job.subject, job.input) else {
        return Err(args::usage(job.command, "--chdir-scratch needs a FILE to copy"));
    };
    let Some(name) = input.file_name() else {
        return Err(args::usage(job.command, "--chdir-scratch needs a FILE to copy"));
    };
    let folder = std::path::absolute(input)?.parent().map(Path::to_owned).unwrap_or_default();
    path.insert(0, CString::new(folder.into_os_string().into_vec())?);
    if let Some(first) = job.argv.first_mut() {
        let copy = CString::new(name.as_bytes())?;
        scripts.iter_mut().filter(|script| script.path == *first).for_each(|script| script.path = copy.clone());
        *first = copy;
    }
    Ok(())
}

/// What may be read.
fn readable(job: &Job, args: &RecordingArgs) -> anyhow::Result<Vec<PathBuf>> {
    let mut readable: Vec<PathBuf> = sandbox::READABLE.iter().filter_map(|path| fs::canonicalize(path).ok()).collect();
    readable.extend(std::env::current_exe().ok());
    let allowed: Vec<PathBuf> =
        args.sandbox.allow_read.iter().map(|path| real(path, "read")).collect::<anyhow::Result<_>>()?;
    for folder in own_folders(job) {
        match OwnFolder::of(&folder) {
            OwnFolder::Open(path) => readable.push(path),
            OwnFolder::Guarded(path, files) => {
                readable.extend(files);
                // An archive may have any suffix.
                readable.extend(job.input.and_then(|input| fs::canonicalize(input).ok()));
                if !args.quiet && !allowed.iter().any(|allowed| path.starts_with(allowed)) {
                    let option = [b"--allow-read=", folder.as_os_str().as_bytes()].concat();
                    let (folder, option) = (Printable::path(&folder), shell::Word(&option));
                    message::warn(format_args!(
                        "the program can read only modules in {folder}; {option} opens all of it"
                    ));
                }
            }
            OwnFolder::Missing => {}
        }
    }
    readable.extend(allowed);
    Ok(readable)
}

/// A path that an option names.
fn real(path: &Path, what: &str) -> anyhow::Result<PathBuf> {
    let cannot = || format!("cannot allow the program to {what} {}", Printable::path(path));
    fs::canonicalize(path).with_context(cannot)
}

/// What may be written, with a refusal of what holds the trace.
fn writable(job: &Job, args: &RecordingArgs) -> anyhow::Result<Vec<PathBuf>> {
    let mut writable: Vec<PathBuf> = sandbox::WRITABLE.iter().filter_map(|path| fs::canonicalize(path).ok()).collect();
    let places: Vec<PathBuf> = [job.trace].into_iter().chain(args.dump_code.as_deref()).flat_map(places_of).collect();
    for path in &args.sandbox.allow_write {
        let granted = real(path, "write to")?;
        if places.iter().any(|place| place.starts_with(&granted)) {
            let message = format!(
                "--allow-write={} would let the program change the trace; write the trace to another folder",
                Printable::path(path)
            );
            return Err(args::usage(job.command, message));
        }
        writable.push(granted);
    }
    Ok(writable)
}

/// The hosts that may be reached; an empty name means all of the network.
fn network(names: &[String]) -> anyhow::Result<Network> {
    if names.iter().any(String::is_empty) {
        return Ok(Network::All);
    }
    let hosts = names.iter().map(|name| host(name)).collect::<anyhow::Result<Vec<_>>>()?;
    Ok(if hosts.is_empty() { Network::None } else { Network::Hosts(hosts) })
}

/// Which names are looked up without a name server: all but those of hosts that can be reached.
pub fn fake_net(options: &SandboxArgs) -> Option<FakeNet> {
    let real = options.allow_net.iter().filter_map(|typed| CString::new(name_and_port(typed).0).ok()).collect();
    options.fake_net.then_some(FakeNet { real })
}

/// Whether the program can ask no name server, nor gets made-up answers.
pub fn has_no_names(options: &SandboxArgs) -> bool {
    !options.no_sandbox && !options.fake_net && !options.allow_net.iter().any(String::is_empty)
}

fn name_and_port(typed: &str) -> (&str, Option<&str>) {
    // An IPv6 address has colons of its own.
    match typed.rsplit_once(':') {
        Some((name, port)) if !name.contains(':') || name.ends_with(']') => (name, Some(port)),
        _ => (typed, None),
    }
}

/// Finds the addresses of `HOST[:PORT]`.
fn host(typed: &str) -> anyhow::Result<Host> {
    let cannot = || format!("cannot allow the program to reach {}", Printable::text(typed.as_bytes()));
    let (name, port) = name_and_port(typed);
    let port = port.map(|port| port.parse().context("the port must be a number up to 65535")).transpose();
    let port = port.with_context(cannot)?;
    let name = name.strip_prefix('[').and_then(|name| name.strip_suffix(']')).unwrap_or(name);
    let found = (name, 0).to_socket_addrs().with_context(cannot)?;
    let mut addresses: Vec<IpAddr> = found.map(|address| address.ip()).collect();
    addresses.dedup();
    Ok(Host { name: name.to_owned(), addresses, port })
}

/// Where the trace is or will be, by real paths: where its name leads, and each link on the way.  Other files lie beside it.
fn places_of(trace: &Path) -> Vec<PathBuf> {
    /// As in the kernel (MAXSYMLINKS).
    const MOST_LINKS: usize = 40;
    if trace == Path::new("-") {
        let file =
            fs::read_link("/proc/self/fd/1").ok().filter(|file| fs::metadata(file).is_ok_and(|found| found.is_file()));
        return file.into_iter().collect();
    }
    let place = |path: &Path| Some(fs::canonicalize(path.parent()?).ok()?.join(path.file_name()?));
    let next = |at: &PathBuf| place(&at.parent()?.join(fs::read_link(at).ok()?));
    let first = std::path::absolute(trace).ok().and_then(|path| place(&path));
    std::iter::successors(first, next).take(MOST_LINKS).collect()
}

/// The folders that the program's code comes from.
fn own_folders(job: &Job) -> Vec<PathBuf> {
    let mut folders: Vec<PathBuf> = Vec::new();
    let program = match &job.subject {
        Subject::Marshalled { .. } => job.input.map(Path::to_owned).filter(|path| path != Path::new("-")),
        Subject::CommandLine => script(&job.argv),
    };
    match program {
        Some(program) if program.is_dir() => folders.push(program),
        Some(program) => folders.push(match program.parent() {
            Some(folder) if !folder.as_os_str().is_empty() => folder.to_owned(),
            _ => PathBuf::from("."),
        }),
        // A command, a module, or standard input: its modules come from the working folder.
        None if matches!(job.subject, Subject::CommandLine) => folders.push(PathBuf::from(".")),
        None => {}
    }
    folders.extend(job.path.iter().cloned());
    let path = std::env::var_os("PYTHONPATH").unwrap_or_default();
    folders.extend(std::env::split_paths(&path).filter(|folder| !folder.as_os_str().is_empty()));
    folders.extend(std::env::var_os("PYTHONHOME").map(PathBuf::from));
    folders
}

/// The script that an interpreter's command line names, if it names one.
fn script(argv: &[CString]) -> Option<PathBuf> {
    let mut words = argv.iter().skip(1);
    while let Some(word) = words.next() {
        match word.to_bytes() {
            b"-c" | b"-m" | b"-" => return None,
            b"-Q" | b"-W" => drop(words.next()),
            option if option.starts_with(b"-") => {}
            script => return Some(PathBuf::from(OsStr::from_bytes(script))),
        }
    }
    None
}

/// What of a folder of the program's may be read.
enum OwnFolder {
    /// All of it.
    Open(PathBuf),
    /// The modules in it: the folder is somebody's home, or a place that many share.
    Guarded(PathBuf, Vec<PathBuf>),
    Missing,
}

/// Suffixes of what a program imports.
const MODULES: [&str; 7] = ["py", "pyc", "pyo", "so", "zip", "egg", "pth"];

impl OwnFolder {
    fn of(folder: &Path) -> OwnFolder {
        let Ok(folder) = fs::canonicalize(folder) else { return OwnFolder::Missing };
        let homes = std::env::home_dir().and_then(|home| fs::canonicalize(home).ok());
        let shared = ["/tmp", "/var/tmp"].map(PathBuf::from);
        if !homes.iter().chain(&shared).any(|guarded| guarded.starts_with(&folder)) {
            return OwnFolder::Open(folder);
        }
        let entries = fs::read_dir(&folder).into_iter().flatten().flatten().map(|entry| entry.path());
        let is_module = |path: &PathBuf| {
            let suffix = path.extension().and_then(OsStr::to_str);
            suffix.is_some_and(|suffix| MODULES.contains(&suffix))
                && fs::metadata(path).is_ok_and(|found| found.is_file())
        };
        let modules = entries.filter(is_module).filter_map(|path| fs::canonicalize(path).ok()).collect();
        OwnFolder::Guarded(folder, modules)
    }
}

/// The program's whole environment, sorted.
fn environment(options: &SandboxArgs, scratch: &Path) -> anyhow::Result<Vec<(OsString, OsString)>> {
    let mut all: BTreeMap<OsString, OsString> = BTreeMap::new();
    all.extend(std::env::vars_os().filter(|(name, _)| name.as_bytes().starts_with(b"PYTHON")));
    all.insert("PATH".into(), sandbox::PATH.into());
    all.extend(sandbox::VARIABLES.iter().map(|(name, value)| (name.into(), value.into())));
    all.extend(["HOME", "TMPDIR"].map(|name| (name.into(), scratch.into())));
    for variable in &options.env {
        let bytes = variable.as_bytes();
        let (name, value) = match bytes.iter().position(|&byte| byte == b'=') {
            Some(at) => (&bytes[..at], Some(OsString::from_vec(bytes[at + 1..].to_vec()))),
            None => (bytes, std::env::var_os(variable)),
        };
        let name = OsString::from_vec(name.to_vec());
        let given = || format!("cannot give the program --env {}", Printable::text(bytes));
        let value = value.with_context(|| format!("{}: your environment does not have it", given()))?;
        anyhow::ensure!(!name.is_empty(), "{}: the name is missing", given());
        all.insert(name, value);
    }
    Ok(all.into_iter().collect())
}
