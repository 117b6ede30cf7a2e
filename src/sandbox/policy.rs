//! What a program may do outside itself, as plain data: made by the command line, enforced in the program's process, and looked up by
//! the broker.

use std::ffi::OsString;
use std::net::{IpAddr, SocketAddr};
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

/// A policy.  Paths are real ones, without symbolic links, as far as there is something there.
#[derive(Clone, Debug, Default)]
pub struct Policy {
    /// Files, and folders with all that is in them, that may be read.
    pub readable: Vec<PathBuf>,
    /// The same for writing; of a folder also for making and removing what is in it.
    pub writable: Vec<PathBuf>,
    /// The program's private folder, which may be read and written.
    pub scratch: PathBuf,
    /// Where the program starts, if it is not where bctrace was started.
    pub folder: Option<PathBuf>,
    pub network: Network,
    /// What the network does not allow seems to succeed.
    pub fakes_net: bool,
    /// Other programs may be started.
    pub may_run: bool,
    /// The whole environment of the program.
    pub environment: Vec<(OsString, OsString)>,
    pub budget: Budget,
    /// Refuses to run where the system cannot enforce all of it.
    pub is_strict: bool,
}

/// How much a program may use, with all processes that it starts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Budget {
    /// Processes at a time.
    pub processes: u32,
    /// Threads at a time, of all of them.
    pub threads: u32,
    /// Bytes of memory that is not of files.
    pub memory: u64,
    /// Bytes that the processes write, to whatever.
    pub output: u64,
    /// Bytes, and files and folders, in the scratch folder.
    pub scratch: u64,
    pub files: u64,
}

impl Default for Budget {
    fn default() -> Budget {
        Budget { processes: 64, threads: 1000, memory: 1 << 30, output: 100 << 20, scratch: 1 << 30, files: 1000 }
    }
}

/// How much of the network may be used.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Network {
    #[default]
    None,
    /// Connections and packets to these hosts.
    Hosts(Vec<Host>),
    All,
}

/// A host that may be reached.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Host {
    /// As it was given: a name, or an address.
    pub name: String,
    pub addresses: Vec<IpAddr>,
    /// None for any.
    pub port: Option<u16>,
}

impl Network {
    /// Whether an address may be reached.
    pub fn has(&self, address: &SocketAddr) -> bool {
        match self {
            Network::None => false,
            Network::All => true,
            Network::Hosts(hosts) => hosts.iter().any(|host| {
                let is_port = host.port.is_none_or(|port| port == address.port());
                is_port && host.addresses.iter().any(|one| one.to_canonical() == address.ip().to_canonical())
            }),
        }
    }

    /// The lines of a hosts(5) file by which the names of the hosts are found: the name servers are not among them.
    pub fn host_lines(&self) -> Option<String> {
        let Network::Hosts(hosts) = self else { return None };
        let lines = hosts
            .iter()
            .flat_map(|host| host.addresses.iter().map(move |address| format!("{address} {}\n", host.name)));
        Some(lines.collect())
    }
}

impl Policy {
    /// Whether a real path may be read.
    pub fn may_read(&self, path: &Path) -> bool {
        self.is_in_scratch(path) || covers(&self.readable, path)
    }

    /// Whether a real path may be written, made or removed.
    pub fn may_write(&self, path: &Path) -> bool {
        self.is_in_scratch(path) || covers(&self.writable, path)
    }

    pub fn is_in_scratch(&self, path: &Path) -> bool {
        path.starts_with(&self.scratch)
    }
}

fn covers(granted: &[PathBuf], path: &Path) -> bool {
    granted.iter().any(|granted| path.starts_with(granted))
}

/// Stands for the path of the scratch folder where runs are compared: another run that goes on at the same time has another one.
pub const SCRATCH: &str = "<scratch>";

impl Policy {
    /// The environment with [`SCRATCH`] for the scratch folder, as `NAME=value`.
    pub fn shown_environment(&self) -> Vec<Vec<u8>> {
        let shown = |value: &OsString| match Path::new(value).strip_prefix(&self.scratch) {
            Ok(rest) => Path::new(SCRATCH).join(rest).into_os_string(),
            Err(_) => value.clone(),
        };
        let variable = |(name, value): &(OsString, OsString)| {
            let value = if value == self.scratch.as_os_str() { SCRATCH.into() } else { shown(value) };
            [name.as_bytes(), b"=", value.as_bytes()].concat()
        };
        self.environment.iter().map(variable).collect()
    }
}

/// The option that allows something for a path.
pub(super) fn option(name: &str, path: &Path) -> Vec<u8> {
    [name.as_bytes(), b"=", path.as_os_str().as_bytes()].concat()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_is_covered_by_whole_components() {
        let policy = Policy {
            readable: vec!["/usr".into()],
            writable: vec!["/out/a".into()],
            scratch: "/tmp/s/1".into(),
            ..Policy::default()
        };
        let may = |path: &str| (policy.may_read(Path::new(path)), policy.may_write(Path::new(path)));
        assert_eq!(may("/usr/lib"), (true, false));
        assert_eq!(may("/usr2"), (false, false));
        assert_eq!(may("/tmp/s/1/x"), (true, true));
        assert_eq!(may("/tmp/s/12"), (false, false));
        assert_eq!(may("/out/a"), (false, true));
        assert_eq!(may("/out/ab"), (false, false));
    }
}
