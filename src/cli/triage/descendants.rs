//! The processes that are left after a recording.  Each has become a child of this process, whatever its parent was.

use std::fs;
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, WaitOptions, kill_process, wait};

/// Time that their ends may take.
const PATIENCE: Duration = Duration::from_secs(10);
/// Time between two looks.
const STEP: Duration = Duration::from_millis(10);

/// Kills them, and those that become children of this process by that.
pub fn end() {
    let start = Instant::now();
    while start.elapsed() < PATIENCE {
        while let Ok(Some(_)) = wait(WaitOptions::NOHANG) {}
        let children = children();
        if children.is_empty() {
            return;
        }
        for child in children {
            // One that has ended needs no signal.
            let _ = kill_process(child, Signal::KILL);
        }
        std::thread::sleep(STEP);
    }
}

/// The children of this process: its only thread has started all of them.
fn children() -> Vec<Pid> {
    let children = fs::read_to_string("/proc/thread-self/children").unwrap_or_default();
    children.split_whitespace().filter_map(|child| child.parse().ok().and_then(Pid::from_raw)).collect()
}
