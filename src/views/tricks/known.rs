//! Known ways to detect, stop or mislead a tracer, and the names by which they are known.

/// What a program does to a tracer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Way {
    Hooks,
    Frames,
    References,
    Interpreter,
    Limits,
    Process,
    Clocks,
    Sleeps,
    Ends,
    Leaves,
    Native,
}

impl Way {
    /// Its name in JSON, and what it is in a sentence.
    pub(super) fn words(self) -> (&'static str, &'static str) {
        match self {
            Way::Hooks => ("hooks", "looks for trace functions, or replaces them"),
            Way::Frames => ("frames", "walks frames, which show who called"),
            Way::References => ("references", "counts references or objects"),
            Way::Interpreter => ("interpreter", "looks at what the interpreter is"),
            Way::Limits => ("limits", "changes the interpreter's limits"),
            Way::Process => ("process", "looks at its own process"),
            Way::Clocks => ("clocks", "reads clocks, whose difference shows a slow run"),
            Way::Sleeps => ("sleeps", "sleeps, to outlast an analysis"),
            Way::Ends => ("ends", "ends a process, or has it killed"),
            Way::Leaves => ("leaves", "goes on in another process or as another program, which may not be traced"),
            Way::Native => ("native", "calls native code, which no tracer of bytecode sees"),
        }
    }
}

/// Functions and types written in C by their modules and names, as values have them; classes and methods by their names alone.
const CALLS: [(Way, &str); 46] = [
    (Way::Hooks, "sys.settrace"),
    (Way::Hooks, "sys.gettrace"),
    (Way::Hooks, "sys.setprofile"),
    (Way::Hooks, "sys.getprofile"),
    (Way::Hooks, "sys.call_tracing"),
    (Way::Frames, "sys._getframe"),
    (Way::Frames, "sys._current_frames"),
    (Way::References, "sys.getrefcount"),
    (Way::References, "gc.get_referrers"),
    (Way::References, "gc.get_referents"),
    (Way::References, "gc.get_objects"),
    (Way::References, "_weakref.getweakrefcount"),
    (Way::Limits, "sys.setcheckinterval"),
    (Way::Limits, "sys.getcheckinterval"),
    (Way::Limits, "sys.setrecursionlimit"),
    (Way::Limits, "sys.getrecursionlimit"),
    (Way::Limits, "sys.setdlopenflags"),
    (Way::Limits, "resource.setrlimit"),
    (Way::Limits, "gc.disable"),
    (Way::Process, "posix.getppid"),
    (Way::Process, "posix.getuid"),
    (Way::Process, "posix.geteuid"),
    (Way::Process, "posix.uname"),
    (Way::Process, "resource.getrusage"),
    (Way::Clocks, "time.time"),
    (Way::Clocks, "time.clock"),
    (Way::Clocks, "posix.times"),
    (Way::Sleeps, "time.sleep"),
    (Way::Sleeps, "signal.pause"),
    (Way::Sleeps, "signal.alarm"),
    (Way::Sleeps, "signal.setitimer"),
    (Way::Ends, "posix._exit"),
    (Way::Ends, "posix.abort"),
    (Way::Ends, "posix.kill"),
    (Way::Ends, "posix.killpg"),
    (Way::Leaves, "posix.fork"),
    (Way::Leaves, "posix.execv"),
    (Way::Leaves, "posix.execve"),
    (Way::Native, "_ctypes.dlopen"),
    (Way::Native, "_ctypes.dlsym"),
    (Way::Native, "_ctypes.call_function"),
    (Way::Native, "_ctypes.call_cdeclfunction"),
    (Way::Native, "imp.load_dynamic"),
    (Way::Native, "CDLL"),
    (Way::Native, "PyDLL"),
    (Way::Native, "LoadLibrary"),
];

/// Functions of the library's modules whose values do not have the module's name: it is known where the program gets them from the module.
const FUNCTIONS: [(Way, &str); 9] = [
    (Way::Hooks, "threading.settrace"),
    (Way::Hooks, "threading.setprofile"),
    (Way::Frames, "inspect.stack"),
    (Way::Frames, "inspect.currentframe"),
    (Way::Frames, "inspect.getouterframes"),
    (Way::Native, "ctypes.memmove"),
    (Way::Native, "ctypes.memset"),
    (Way::Native, "ctypes.string_at"),
    (Way::Native, "ctypes.wstring_at"),
];

/// Functions that look at a path, which is a trick if the path is of the system's view of processes.
const PATHS: [&str; 8] =
    ["open", "file", "io.open", "posix.open", "posix.readlink", "posix.listdir", "posix.stat", "posix.lstat"];

/// Attributes whose names say enough; the second is whether reading one is a trick, and not only setting it.
const ATTRIBUTES: [(Way, bool, &str); 15] = [
    (Way::Hooks, true, "f_trace"),
    (Way::Hooks, true, "_trace_hook"),
    (Way::Frames, true, "f_back"),
    (Way::Frames, true, "tb_frame"),
    (Way::Frames, true, "gi_frame"),
    (Way::Frames, true, "f_lasti"),
    (Way::Frames, false, "f_lineno"),
    (Way::Interpreter, true, "builtin_module_names"),
    (Way::Interpreter, true, "exec_prefix"),
    (Way::Interpreter, true, "executable"),
    (Way::Interpreter, true, "_MEIPASS"),
    (Way::Interpreter, true, "api_version"),
    (Way::Interpreter, true, "hexversion"),
    (Way::Limits, false, "__lltrace__"),
    (Way::Native, true, "pythonapi"),
];

/// Returns the way that a call is, by the name of what is called and its first argument if that is a string.
pub(super) fn call(name: &[u8], first: &[u8]) -> Option<(Way, &'static str)> {
    if let Some(path) = PATHS.iter().find(|path| path.as_bytes() == name || qualified(name, path)) {
        let is_of_process = ["/proc/", "/sys/", "/dev/mem"].iter().any(|folder| first.starts_with(folder.as_bytes()));
        return is_of_process.then_some((Way::Process, path));
    }
    CALLS.iter().find(|(_, known)| known.as_bytes() == name).map(|&(way, known)| (way, known))
}

/// Returns the way that calls of a module's function are.
pub(super) fn function(module: &[u8], name: &[u8]) -> Option<(Way, &'static str)> {
    let is_it =
        |known: &str| known.split_once('.').map(|(of, last)| (of.as_bytes(), last.as_bytes())) == Some((module, name));
    FUNCTIONS.into_iter().find(|(_, known)| is_it(known))
}

/// Whether this is the name of a function that returns what a clock says.
pub(super) fn is_clock(name: &[u8]) -> bool {
    CALLS.iter().any(|(way, known)| *way == Way::Clocks && known.as_bytes() == name)
}

/// Whether this is the name of a function that makes another number of a number.
pub(super) fn is_conversion(name: &[u8]) -> bool {
    ["int", "long", "float", "__builtin__.abs", "__builtin__.round"].iter().any(|known| known.as_bytes() == name)
}

/// Whether a name is that of a built-in function, with its module.
fn qualified(name: &[u8], of: &str) -> bool {
    name.strip_prefix(b"__builtin__.").is_some_and(|name| name == of.as_bytes())
}

/// Returns the way that reading or setting an attribute is.  In a trace without values the names of functions are all that there is.
pub(super) fn attribute(name: &[u8], is_read: bool, is_bare: bool) -> Option<(Way, &'static str)> {
    let known = ATTRIBUTES.iter().find(|(_, is_either, known)| known.as_bytes() == name && (*is_either || !is_read));
    if let Some(&(way, _, known)) = known {
        return Some((way, known));
    }
    let is_called = |known: &str| known.rsplit('.').next().is_some_and(|last| last.as_bytes() == name);
    let telling = |way: Way| !matches!(way, Way::Clocks | Way::Process);
    CALLS.into_iter().chain(FUNCTIONS).find(|(way, known)| is_bare && is_read && telling(*way) && is_called(known))
}
