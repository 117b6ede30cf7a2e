//! Whether a program and a trace belong together.

use std::path::Path;

use anyhow::anyhow;

use crate::format::Named;
use crate::trace::Start;

/// Refuses a trace of another file than the program, whose hash is `sha256`.
pub fn check(program: &Path, sha256: &[u8; 32], trace: &Path, start: Option<&Start>) -> anyhow::Result<()> {
    let (program, name) = (Named::input(program), Named::input(trace));
    match start.map(|start| start.sha256) {
        Some(Some(of_trace)) if of_trace == *sha256 => Ok(()),
        Some(Some(of_trace)) => {
            let digits = |hash: &[u8; 32]| hash[..6].iter().map(|byte| format!("{byte:02x}")).collect::<String>();
            let (ours, its) = (digits(sha256), digits(&of_trace));
            Err(anyhow!(
                "{name} is not a trace of {program}: it recorded a file with the SHA-256 {its}…, this one has {ours}…"
            ))
        }
        Some(None) => Err(anyhow!("{name} does not say which file it recorded, so it cannot be joined with {program}")),
        None => Err(anyhow!("{name} lacks its beginning, so it cannot be joined with {program}")),
    }
}
