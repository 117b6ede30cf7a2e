//! The runs that traces recorded, as far as they can be repeated: arguments, environment and standard input.

use std::ffi::{OsStr, OsString};
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::path::{Path, PathBuf};

use anyhow::{Context, anyhow};

use crate::bytecode::shell;
use crate::cli::matching;
use crate::format::Named;
use crate::read::Reader;
use crate::sandbox;
use crate::trace::event::{EndReason, Start};
use crate::trace::{Event, Events};

/// Variables that the sandbox sets for each run.
const OF_SANDBOX: [&[u8]; 3] = [b"HOME", b"TMPDIR", b"PATH"];

/// A recorded run.
#[derive(Debug, Default)]
pub struct Recorded {
    pub trace: PathBuf,
    /// sys.argv without the program's name.
    pub arguments: Vec<OsString>,
    /// The program's environment, as NAME=value.
    pub environment: Vec<OsString>,
    /// What it read from standard input.
    pub input: Vec<u8>,
    pub end: Option<EndReason>,
    /// How many instructions it executed.
    pub instructions: u64,
    /// Why it cannot be repeated, if it cannot.
    pub obstacle: Option<String>,
    /// What is different when it is repeated.
    pub notes: Vec<String>,
}

impl Recorded {
    /// Reads what a trace says of its run.  It fails for a trace of another file than this one, whose SHA-256 is given.
    pub fn read(trace: &Path, file: &Path, sha256: &[u8; 32]) -> anyhow::Result<Recorded> {
        let cannot = || format!("cannot use {}", Named::input(trace));
        let mut noted = Noted::default();
        let mut reader = Reader::open(trace)?;
        let mut is_damaged = false;
        reader.read_all(&mut Events(|event: &Event| noted.event(event)), &mut |_| {
            is_damaged = true;
            Ok(())
        })?;
        let start =
            noted.start.take().ok_or_else(|| anyhow!("it does not say of which program it is")).with_context(cannot)?;
        if start.options.iter().any(|option| option.starts_with(b"--opmap")) {
            let trace = shell::Word::path(trace);
            let why = anyhow!(
                "it was recorded with --opmap; clean the files that `bctrace layers --dump DIR {trace}` writes, with traces of those"
            );
            return Err(why).with_context(cannot);
        }
        if start.sha256.is_some() {
            matching::check(file, sha256, trace, Some(&start))?;
        }
        let obstacle = noted.obstacle(&start, is_damaged);
        let arguments = start.argv.iter().skip(1).map(|word| OsString::from_vec(word.clone())).collect();
        Ok(Recorded {
            trace: trace.to_owned(),
            arguments,
            environment: environment(&start),
            input: noted.input,
            end: noted.end,
            instructions: reader.reached(),
            obstacle,
            notes: notes(&start),
        })
    }
}

/// What a program's environment was, as far as a sandbox does not set it.
fn environment(start: &Start) -> Vec<OsString> {
    let is_own = |variable: &[u8]| {
        let name = variable.split(|&byte| byte == b'=').next().unwrap_or_default();
        OF_SANDBOX.contains(&name) || sandbox::VARIABLES.iter().any(|(own, _)| own.as_bytes() == name)
    };
    let usable = |variable: &&Vec<u8>| variable.contains(&b'=') && !variable.starts_with(b"=") && !is_own(variable);
    start.environment.iter().filter(usable).map(|variable| OsStr::from_bytes(variable).to_owned()).collect()
}

/// What the recording had, and its repetition does not.
fn notes(start: &Start) -> Vec<String> {
    const OPENS: [&[u8]; 6] =
        [b"--allow-", b"--no-sandbox", b"--path=", b"--chdir-scratch", b"--follow-forks", b"--skip-sleeps"];
    let differs = |option: &&Vec<u8>| OPENS.iter().any(|opens| option.starts_with(opens));
    let mut notes: Vec<String> = start
        .options
        .iter()
        .filter(differs)
        .map(|option| format!("it was recorded with {}, and runs again without", option.escape_ascii()))
        .collect();
    if !start.options.iter().any(|option| option == b"--deterministic") {
        notes.push(
            "it was recorded without --deterministic, so what depends on time or chance is not what it was".into(),
        );
    }
    notes
}

/// What is noted of a trace.
#[derive(Debug, Default)]
struct Noted {
    start: Option<Start>,
    input: Vec<u8>,
    input_left_out: u64,
    end: Option<EndReason>,
}

impl Noted {
    fn obstacle(&self, start: &Start, is_damaged: bool) -> Option<String> {
        if start.sha256.is_none() {
            return Some("it is of `bctrace python`, and the command line is not enough to repeat that".into());
        }
        if is_damaged {
            return Some("something is missing or damaged in the trace, so its input may be incomplete".into());
        }
        if self.input_left_out > 0 {
            return Some(format!("{} bytes of standard input are not in the trace", self.input_left_out));
        }
        None
    }

    fn event(&mut self, event: &Event) {
        match event {
            Event::Start(start) => self.start = Some(start.clone()),
            Event::Input(input) => {
                self.input.extend_from_slice(&input.bytes);
                self.input_left_out = self.input_left_out.saturating_add(input.left_out);
            }
            Event::End(end) => self.end = Some(end.reason.clone()),
            _ => {}
        }
    }
}
