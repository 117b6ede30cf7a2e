//! The wall around files: Landlock.  The kernel decides by the file that it has found, so no name that changes meanwhile gets past it.

use std::fs::{self, DirEntry};
use std::path::{Path, PathBuf};

use landlock::{
    ABI, Access, AccessFs, AccessNet, BitFlags, LandlockStatus, Ruleset, RulesetAttr, RulesetCreatedAttr, RulesetError,
    Scope, path_beneath_rules,
};

use super::policy::{Network, Policy};
use super::system;

/// What bctrace knows of Landlock.  The kernel gets as much of it as it knows itself.
const KNOWN: ABI = ABI::V9;

/// Rights of the sandbox's own folder that nothing has: what is written there is not run, and makes no devices.
const NEVER: [AccessFs; 4] = [AccessFs::Execute, AccessFs::MakeChar, AccessFs::MakeBlock, AccessFs::IoctlDev];

/// Restricts this process and those that it forks, for good; returns the version of Landlock's interface that the kernel has, 0 if it
/// has none.
pub fn restrict(policy: &Policy) -> Result<u32, RulesetError> {
    let all = AccessFs::from_all(KNOWN);
    let mut reading: BitFlags<AccessFs> = AccessFs::ReadFile | AccessFs::ReadDir;
    let mut writing = all & !AccessFs::from_read(KNOWN);
    NEVER.into_iter().for_each(|never| writing.remove(never));
    let everything = if policy.may_run { vec![Path::new("/")] } else { Vec::new() };
    if policy.network == Network::All {
        reading |= AccessFs::ResolveUnix;
    }
    let mut rules = Ruleset::default().handle_access(all)?.scope(Scope::Signal)?;
    if policy.network != Network::All {
        rules = rules.handle_access(AccessNet::from_all(KNOWN))?.scope(Scope::AbstractUnixSocket)?;
    }
    let status = rules
        .create()?
        .add_rules(path_beneath_rules(&policy.readable, reading))?
        .add_rules(path_beneath_rules(own(), reading))?
        .add_rules(path_beneath_rules(&policy.writable, writing))?
        .add_rules(path_beneath_rules([&policy.scratch], reading | writing))?
        .add_rules(path_beneath_rules(everything, AccessFs::Execute))?
        .restrict_self()?;
    Ok(match status.landlock {
        LandlockStatus::Available { effective_abi, .. } => effective_abi as u32,
        _ => 0,
    })
}

/// What this process may read of itself in /proc.  Its links lead elsewhere, and a rule for one would be for that.
fn own() -> Vec<PathBuf> {
    let is_own = |entry: &DirEntry| {
        let is_hidden = entry.file_name().to_str().is_none_or(|name| system::NOT_OWN.contains(&name));
        !is_hidden && entry.file_type().is_ok_and(|kind| !kind.is_symlink())
    };
    fs::read_dir(system::OWN).into_iter().flatten().flatten().filter(is_own).map(|entry| entry.path()).collect()
}
