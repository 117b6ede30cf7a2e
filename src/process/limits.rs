//! Limits of what processes may use (setrlimit(2)).

use std::fs;
use std::io;
use std::os::unix::process::CommandExt;
use std::process::Command;

use libc::pid_t;
use rustix::process::{Pid, Resource, Rlimit, getrlimit, prlimit, setrlimit};

/// Limits this process, and those that it forks: to `memory` bytes of private memory, files of `file` bytes, `descriptors` descriptors,
/// and to no core file.  A limit that it has already stays if it is lower.
pub fn set(memory: u64, file: u64, descriptors: u64) -> io::Result<()> {
    let limits =
        [(Resource::Data, memory), (Resource::Fsize, file), (Resource::Nofile, descriptors), (Resource::Core, 0)];
    for (resource, most) in limits {
        let now = getrlimit(resource);
        let lower = |limit: Option<u64>| Some(limit.map_or(most, |limit| limit.min(most)));
        // The hard limit of memory stays: what other processes free, this one may have.
        let maximum = if resource == Resource::Data { now.maximum } else { lower(now.maximum) };
        setrlimit(resource, Rlimit { current: lower(now.current), maximum })?;
    }
    Ok(())
}

/// Limits this process to `memory` bytes of private memory and `seconds` of a processor's time.
pub fn set_work(memory: u64, seconds: u64) -> io::Result<()> {
    for (resource, most) in [(Resource::Data, memory), (Resource::Cpu, seconds)] {
        let now = getrlimit(resource);
        setrlimit(resource, Rlimit { current: Some(now.current.map_or(most, |limit| limit.min(most))), ..now })?;
    }
    Ok(())
}

/// Limits the private memory of a process that descends from this one; it may be gone.
pub fn set_memory_of(process: pid_t, bytes: u64) {
    let Some(process) = Pid::from_raw(process) else { return };
    // It has the hard limit that this process has, above which only a privileged process may go.
    let maximum = getrlimit(Resource::Data).maximum;
    let current = Some(maximum.map_or(bytes, |maximum| bytes.min(maximum)));
    let _ = prlimit(Some(process), Resource::Data, Rlimit { current, maximum });
}

/// Limits the private memory of a process that is about to be started, and of those that it starts.
pub fn set_memory_in(command: &mut Command, bytes: u64) {
    let limit = move || -> io::Result<()> {
        let now = getrlimit(Resource::Data);
        let current = Some(now.current.map_or(bytes, |limit| limit.min(bytes)));
        Ok(setrlimit(Resource::Data, Rlimit { current, maximum: now.maximum })?)
    };
    // SAFETY: between fork and exec it makes two system calls and takes no memory.
    unsafe { command.pre_exec(limit) };
}

/// Bytes of private memory that a process has, as the limit counts them (/proc/PID/status, VmData); None if it is dead.
pub fn private_memory(process: pid_t) -> io::Result<Option<u64>> {
    let text = super::if_there(fs::read_to_string(format!("/proc/{process}/status")))?.unwrap_or_default();
    let amount = text.lines().find_map(|line| line.strip_prefix("VmData:")?.trim().strip_suffix(" kB"));
    Ok(amount.and_then(|kilobytes| kilobytes.parse::<u64>().ok()).map(|kilobytes| kilobytes << 10))
}

/// Descriptors that this process can have.
pub fn descriptors() -> u64 {
    getrlimit(Resource::Nofile).current.unwrap_or(u64::MAX)
}
