//! Functions of Windows that programs use against tracers.  Where a program runs they are there as stand-ins only, by the names that
//! `--stub-missing` gives them, such as `ctypes.windll.kernel32.GetTickCount`.

use super::known::Way;
use crate::trace::value::last_part;

/// Functions by the last part of their names, those with A and W for kinds of text without it.
const FUNCTIONS: [(Way, &str); 36] = [
    (Way::Debuggers, "IsDebuggerPresent"),
    (Way::Debuggers, "CheckRemoteDebuggerPresent"),
    (Way::Debuggers, "NtQueryInformationProcess"),
    (Way::Debuggers, "ZwQueryInformationProcess"),
    (Way::Debuggers, "NtSetInformationThread"),
    (Way::Debuggers, "OutputDebugString"),
    (Way::Debuggers, "DebugActiveProcess"),
    (Way::Debuggers, "FindWindow"),
    (Way::Debuggers, "GetThreadContext"),
    (Way::Process, "CreateToolhelp32Snapshot"),
    (Way::Process, "EnumProcesses"),
    (Way::Process, "GetCurrentProcessId"),
    (Way::Process, "GetModuleHandle"),
    (Way::Process, "GetCursorPos"),
    (Way::Process, "GetLastInputInfo"),
    (Way::Clocks, "GetTickCount"),
    (Way::Clocks, "GetTickCount64"),
    (Way::Clocks, "QueryPerformanceCounter"),
    (Way::Clocks, "timeGetTime"),
    (Way::Clocks, "GetSystemTime"),
    (Way::Clocks, "GetLocalTime"),
    (Way::Clocks, "GetSystemTimeAsFileTime"),
    (Way::Sleeps, "Sleep"),
    (Way::Sleeps, "SleepEx"),
    (Way::Sleeps, "NtDelayExecution"),
    (Way::Sleeps, "WaitForSingleObject"),
    (Way::Sleeps, "WaitForSingleObjectEx"),
    (Way::Sleeps, "SetTimer"),
    (Way::Ends, "ExitProcess"),
    (Way::Ends, "TerminateProcess"),
    (Way::Leaves, "CreateProcess"),
    (Way::Leaves, "CreateRemoteThread"),
    (Way::Leaves, "ShellExecute"),
    (Way::Leaves, "ShellExecuteEx"),
    (Way::Leaves, "WinExec"),
    (Way::Leaves, "ResumeThread"),
];

/// What calls native code on Windows, of whatever name.
const LIBRARIES: [&str; 4] = ["ctypes.windll", "ctypes.oledll", "ctypes.WinDLL", "ctypes.OleDLL"];
/// What the other modules of Windows begin with.
const MODULES: [&str; 3] = ["win32", "_win", "pywin"];

/// The name of any other function of a library of Windows.
const OTHER: &str = "windll";

/// Returns the way that a call of a stand-in is.
pub(super) fn call(name: &[u8]) -> Option<(Way, &'static str)> {
    let begins = |known: &[&str]| known.iter().any(|known| name.starts_with(known.as_bytes()));
    let is_library = begins(&LIBRARIES);
    if !is_library && !begins(&MODULES) {
        return None;
    }
    // Not a library or a module itself.
    let last = Some(last_part(name)).filter(|last| last.len() < name.len())?;
    let is_function = is_library && !name.ends_with(b")") && name.iter().filter(|&&byte| byte == b'.').count() > 2;
    named(last).or_else(|| is_function.then_some((Way::Native, OTHER)))
}

/// Returns the way that a function by this name is.
pub(super) fn named(name: &[u8]) -> Option<(Way, &'static str)> {
    let is_it = |known: &str| name.strip_prefix(known.as_bytes()).is_some_and(|rest| matches!(rest, b"" | b"A" | b"W"));
    FUNCTIONS.into_iter().find(|(_, known)| is_it(known))
}

/// Whether a stand-in is what a clock has returned, or was computed from that.
pub(super) fn is_reading(name: &[u8]) -> bool {
    let clocks = FUNCTIONS.iter().filter(|(way, _)| *way == Way::Clocks);
    clocks.into_iter().any(|(_, known)| {
        let called = [b".", known.as_bytes(), b"("].concat();
        name.windows(called.len()).any(|part| part == called)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn stand_ins_are_known_by_their_names() {
        let way = |name: &str| call(name.as_bytes()).map(|(way, _)| way);
        assert_eq!(way("ctypes.windll.kernel32.IsDebuggerPresent"), Some(Way::Debuggers));
        assert_eq!(way("ctypes.WinDLL('user32.dll').FindWindowA"), Some(Way::Debuggers));
        assert_eq!(way("win32api.Sleep"), Some(Way::Sleeps));
        assert_eq!(way("ctypes.windll.kernel32.VirtualAlloc"), Some(Way::Native));
        assert_eq!(way("win32api.GetVersion"), None);
        assert_eq!(way("ctypes.windll.kernel32"), None);
        assert_eq!(way("Sleep"), None);
        assert!(is_reading(b"(ctypes.windll.kernel32.GetTickCount() - ctypes.windll.kernel32.GetTickCount())"));
        assert!(!is_reading(b"ctypes.windll.kernel32.GetTickCount"));
    }
}
