//! Known ways to detect, stop or mislead a tracer, and the names by which they are known.

use super::windows;

/// What a program does to a tracer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Way {
    Hooks,
    Frames,
    Debuggers,
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
            Way::Debuggers => ("debuggers", "looks for a debugger"),
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
const CALLS: [(Way, &str); 53] = [
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
    (Way::Clocks, "time.localtime"),
    (Way::Clocks, "time.gmtime"),
    (Way::Clocks, "time.ctime"),
    (Way::Clocks, "time.strftime"),
    (Way::Clocks, "datetime.datetime.now"),
    (Way::Clocks, "datetime.datetime.utcnow"),
    (Way::Clocks, "datetime.date.today"),
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
const FUNCTIONS: [(Way, &str); 17] = [
    (Way::Hooks, "threading.settrace"),
    (Way::Hooks, "threading.setprofile"),
    (Way::Frames, "inspect.stack"),
    (Way::Frames, "inspect.currentframe"),
    (Way::Frames, "inspect.getouterframes"),
    (Way::Frames, "inspect.getinnerframes"),
    (Way::Frames, "inspect.getframeinfo"),
    (Way::Frames, "inspect.getargvalues"),
    (Way::Frames, "inspect.trace"),
    (Way::Frames, "traceback.extract_stack"),
    (Way::Frames, "traceback.format_stack"),
    (Way::Frames, "traceback.print_stack"),
    (Way::Sleeps, "threading.Timer"),
    (Way::Native, "ctypes.memmove"),
    (Way::Native, "ctypes.memset"),
    (Way::Native, "ctypes.string_at"),
    (Way::Native, "ctypes.wstring_at"),
];

/// Methods of the library's objects that wait as long as a number among their arguments says, by their classes and names.
const WAITING: [&str; 5] = ["_Event.wait", "_Condition.wait", "Queue.get", "LifoQueue.get", "PriorityQueue.get"];

/// Functions that look at a path, which is a trick if the path is of the system's view of processes: those written in C, and those of
/// the library's modules.
const PATHS: [&str; 12] = [
    "open",
    "file",
    "_io.open",
    "_io.FileIO",
    "posix.open",
    "posix.access",
    "posix.chdir",
    "posix.readlink",
    "posix.listdir",
    "posix.stat",
    "posix.lstat",
    "posix.statvfs",
];
const PATH_FUNCTIONS: [&str; 17] = [
    "codecs.open",
    "fileinput.input",
    "glob.glob",
    "glob.iglob",
    "linecache.getline",
    "linecache.getlines",
    "os.walk",
    "posixpath.exists",
    "posixpath.lexists",
    "posixpath.isfile",
    "posixpath.isdir",
    "posixpath.islink",
    "posixpath.getsize",
    "posixpath.realpath",
    "shutil.copy",
    "shutil.copyfile",
    "_pyio.open",
];

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

/// A function of the library's, known by the module from which the program got it.
#[derive(Clone, Copy, Debug)]
pub(super) enum Function {
    Trick(Way, &'static str),
    /// A trick if its first argument is a path of the system's view of processes.
    OfPath(&'static str),
}

/// Returns the way that a call is, by the name of what is called and its first argument if that is a string.
pub(super) fn call(name: &[u8], first: &[u8]) -> Option<(Way, &'static str)> {
    if let Some(path) = PATHS.iter().find(|path| path.as_bytes() == name || qualified(name, path)) {
        return is_of_process(first).then_some((Way::Process, path));
    }
    CALLS.iter().find(|(_, known)| known.as_bytes() == name).map(|&(way, known)| (way, known))
}

impl Function {
    /// Finds a function by its module and its name.
    pub(super) fn of(module: &[u8], name: &[u8]) -> Option<Function> {
        let is_it = |known: &str| {
            known.split_once('.').map(|(of, last)| (of.as_bytes(), last.as_bytes())) == Some((module, name))
        };
        let trick =
            FUNCTIONS.into_iter().find(|(_, known)| is_it(known)).map(|(way, known)| Function::Trick(way, known));
        trick.or_else(|| PATH_FUNCTIONS.into_iter().find(|known| is_it(known)).map(Function::OfPath))
    }

    /// The way that a call of it with this first argument is.
    pub(super) fn call(self, first: &[u8]) -> Option<(Way, &'static str)> {
        match self {
            Function::Trick(way, known) => Some((way, known)),
            Function::OfPath(known) => is_of_process(first).then_some((Way::Process, known)),
        }
    }
}

/// Whether a path is of the system's view of processes.
fn is_of_process(path: &[u8]) -> bool {
    let parts: Vec<&[u8]> = path.split(|&byte| byte == b'/').filter(|part| !part.is_empty() && *part != b".").collect();
    path.starts_with(b"/") && matches!(parts[..], [b"proc" | b"sys", ..] | [b"dev", b"mem" | b"kmem", ..])
}

/// Whether a method of the library's objects, by its class and name, waits for a time.
pub(super) fn waits(class: &[u8], name: &[u8]) -> Option<&'static str> {
    WAITING
        .into_iter()
        .find(|known| known.split_once('.').is_some_and(|(of, last)| (of.as_bytes(), last.as_bytes()) == (class, name)))
}

/// Whether this is the name of a function that returns what a clock says.
pub(super) fn is_clock(name: &[u8]) -> bool {
    CALLS.iter().any(|(way, known)| *way == Way::Clocks && known.as_bytes() == name)
}

/// Functions of the clock that convert a time instead if they are given one; the number is that of the arguments that they have then.
const CONVERTING: [(&str, usize); 4] =
    [("time.localtime", 1), ("time.gmtime", 1), ("time.ctime", 1), ("time.strftime", 2)];

/// Whether a call of a clock with this many arguments reads none.
pub(super) fn converts(name: &[u8], arguments: usize) -> bool {
    CONVERTING.iter().any(|(known, given)| known.as_bytes() == name && arguments >= *given)
}

/// Whether this is the name of a function that makes another number, or another form of a time, of one.
pub(super) fn is_conversion(name: &[u8]) -> bool {
    const KNOWN: [&str; 11] = [
        "int",
        "long",
        "float",
        "str",
        "__builtin__.abs",
        "__builtin__.round",
        "__builtin__.divmod",
        "time.mktime",
        "datetime.datetime.fromtimestamp",
        "datetime.datetime.utcfromtimestamp",
        "datetime.date.fromtimestamp",
    ];
    KNOWN.iter().any(|known| known.as_bytes() == name) || converts(name, usize::MAX)
}

/// Whether this is the name of a function that compares its arguments.
pub(super) fn is_comparison(name: &[u8]) -> bool {
    const KNOWN: [&str; 9] = [
        "__builtin__.cmp",
        "__builtin__.max",
        "__builtin__.min",
        "operator.lt",
        "operator.le",
        "operator.gt",
        "operator.ge",
        "operator.eq",
        "operator.ne",
    ];
    KNOWN.iter().any(|known| known.as_bytes() == name)
}

/// Whether this is the name of a method that compares its object.
pub(super) fn is_compared_by(name: &[u8]) -> bool {
    ["__cmp__", "__lt__", "__le__", "__gt__", "__ge__", "__eq__", "__ne__"].iter().any(|known| known.as_bytes() == name)
}

/// Whether this is the name of a function that looks at its arguments and calls none of them.
pub(super) fn looks_at(name: &[u8]) -> bool {
    const KNOWN: [&str; 14] = [
        "type",
        "str",
        "bool",
        "list",
        "tuple",
        "dict",
        "__builtin__.isinstance",
        "__builtin__.issubclass",
        "__builtin__.callable",
        "__builtin__.getattr",
        "__builtin__.hasattr",
        "__builtin__.id",
        "__builtin__.hash",
        "__builtin__.repr",
    ];
    KNOWN.iter().any(|known| known.as_bytes() == name)
}

/// Whether this is the name of a function that returns an attribute by its name.
pub(super) fn is_getattr(name: &[u8]) -> bool {
    name == b"__builtin__.getattr"
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
    if !is_bare || !is_read {
        return None;
    }
    let known = CALLS.into_iter().chain(FUNCTIONS).find(|(way, known)| telling(*way) && is_called(known));
    known.or_else(|| windows::named(name))
}
