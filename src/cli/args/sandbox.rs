//! The options of the sandbox.

use std::ffi::OsString;
use std::path::PathBuf;

use clap::{Args, ValueEnum, ValueHint};

use super::value;

/// What the program may do outside itself.
#[derive(Clone, Debug, Args)]
pub struct SandboxArgs {
    /// Let the program read PATH, or every file; may be repeated
    ///
    /// It can always read the system's libraries and the folder of its own file, unless that is a home folder.
    #[arg(long, value_name = "PATH", num_args = 0..=1, require_equals = true, default_missing_value = "/", value_hint = ValueHint::AnyPath)]
    pub allow_read: Vec<PathBuf>,
    /// Let the program write to PATH; may be repeated
    ///
    /// PATH must not hold the trace. It can always write to its scratch folder, which is its HOME and TMPDIR.
    #[arg(long, value_name = "PATH", num_args = 0..=1, require_equals = true, default_missing_value = "/", value_hint = ValueHint::AnyPath)]
    pub allow_write: Vec<PathBuf>,
    /// Let the program use the network, or reach HOST; may be repeated
    ///
    /// HOST is a name or an address, and may end in a :PORT; an IPv6 address with a port is in brackets. The program finds the host by its name, and no other.
    #[arg(long, value_name = "HOST", num_args = 0..=1, require_equals = true, default_missing_value = "")]
    pub allow_net: Vec<String>,
    /// Have lookups and connections seem to succeed: record what the program sends, and return nothing
    ///
    /// Each host has an address of its own, from 192.0.2.1 on. What the program reads from a connection is at its end at once. Hosts of
    /// --allow-net=HOST are reached all the same.
    #[arg(long)]
    pub fake_net: bool,
    /// Let the program start other programs, in the same sandbox
    #[arg(long)]
    pub allow_run: bool,
    /// Give the program this variable; may be repeated
    ///
    /// Without VALUE it has your value. By default its environment has PATH, LANG, TERM, HOME, TMPDIR and your variables whose names begin with PYTHON.
    #[arg(long, value_name = "NAME[=VALUE]")]
    pub env: Vec<OsString>,
    /// Allow at most N processes at a time
    #[arg(long, value_name = "N", default_value_t = 64, value_parser = value::of(value::up_to(100_000)), allow_negative_numbers = true)]
    pub max_processes: u32,
    /// Allow SIZE of memory, over all processes
    #[arg(long, value_name = "SIZE", default_value = "1GiB", value_parser = value::of(value::memory), allow_negative_numbers = true)]
    pub max_memory: u64,
    /// Stop the program when it has written SIZE
    #[arg(long, value_name = "SIZE", default_value = "100MiB", value_parser = value::of(value::size), allow_negative_numbers = true)]
    pub max_output: u64,
    /// Stop it when its scratch folder holds SIZE
    #[arg(long, value_name = "SIZE", default_value = "1GiB", value_parser = value::of(value::size), allow_negative_numbers = true)]
    pub max_scratch: u64,
    /// Stop it when that holds more than N files
    #[arg(long, value_name = "N", default_value_t = 1000, value_parser = value::of(value::count), allow_negative_numbers = true)]
    pub max_files: u64,
    /// Use this empty folder as the scratch folder, and leave what is in it
    #[arg(long, value_name = "DIR", hide = true)]
    pub scratch: Option<PathBuf>,
    /// Keep the scratch folder, and say where it is
    #[arg(long)]
    pub keep_scratch: bool,
    /// Start in the scratch folder, with a copy of FILE, and keep it
    ///
    /// Files that the program writes to its working folder are then there afterwards.
    #[arg(long)]
    pub chdir_scratch: bool,
    /// Refuse to run if the system cannot enforce all of it
    #[arg(long, value_name = "MODE", value_enum, require_equals = true)]
    pub sandbox: Option<SandboxMode>,
    /// Run without a sandbox: the program can do what you can
    #[arg(long, conflicts_with_all = ["allow_read", "allow_write", "allow_net", "fake_net", "allow_run", "env", "max_processes", "max_memory", "max_output", "max_scratch", "max_files", "keep_scratch", "chdir_scratch", "sandbox"])]
    pub no_sandbox: bool,
}

/// How much of a sandbox is asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum SandboxMode {
    /// All of it, or the program does not run
    Strict,
}
