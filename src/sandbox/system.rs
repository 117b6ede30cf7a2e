//! What of the system every program may read, and the devices that it may write: what the standard library and C libraries need, and
//! nothing that says more about the machine or its users than they do.

/// Folders and files that may be read, if they are there, besides what a process may read of [itself](OWN).
pub const READABLE: &[&str] = &[
    "/usr",
    "/lib",
    "/lib32",
    "/lib64",
    "/bin",
    "/sbin",
    "/etc/ld.so.cache",
    "/etc/ssl",
    "/etc/pki",
    "/etc/ca-certificates",
    "/etc/localtime",
    "/etc/timezone",
    "/etc/nsswitch.conf",
    "/etc/hosts",
    "/etc/host.conf",
    "/etc/gai.conf",
    "/etc/resolv.conf",
    "/etc/services",
    "/etc/protocols",
    "/etc/mime.types",
    "/etc/locale.alias",
    "/etc/passwd",
    "/etc/group",
    "/etc/os-release",
    "/etc/debian_version",
    "/run/systemd/resolve",
    "/proc/cpuinfo",
    "/proc/meminfo",
    "/proc/stat",
    "/proc/filesystems",
    "/proc/version",
    "/proc/loadavg",
    "/proc/uptime",
    "/proc/sys/kernel",
    "/sys/devices/system/cpu",
    "/dev/null",
    "/dev/zero",
    "/dev/full",
    "/dev/urandom",
    "/dev/random",
];

/// What is in /proc for each process.
pub(super) const OWN: &str = "/proc/self";
/// What of it may not be read: the connections and the addresses of the machine.  Each thread has a `net` of its own in `task`.
pub(super) const NOT_OWN: [&str; 2] = ["net", "task"];

/// Devices that may be written.
pub const WRITABLE: &[&str] = &["/dev/null", "/dev/zero", "/dev/full"];

/// Where programs are looked for.
pub const PATH: &str = "/usr/local/bin:/usr/bin:/bin";
/// The other variables of the environment that are the same for every program.
pub const VARIABLES: &[(&str, &str)] = &[("LANG", "C.UTF-8"), ("TERM", "dumb")];
