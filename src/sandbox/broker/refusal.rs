//! Calls that are never allowed: they are refused here, and not by the filter alone, so that the trace has them.

use super::{At, Broker, Decision};
use crate::sandbox::calls::{Refused, Shown};
use crate::sandbox::notify::Reply;
use crate::trace::attempt::Deed;

impl Broker {
    pub(super) fn refuse(&self, at: At) -> Decision {
        let Some(refused) = Refused::of(at.call.number) else {
            let name = format!("system call {}", at.call.number);
            return Decision::refused(libc::ENOSYS, Deed::Call, vec![name.into_bytes()], []);
        };
        if is_interpreters_own(at) {
            return Decision::quiet(Reply::Refuse(refused.error));
        }
        let detail = match refused.shown {
            Shown::Nothing => None,
            Shown::Text(argument) => at.call.path(argument).map(|path| self.shown(at, &path)),
            Shown::Number(argument) => Some(number(at.call.arguments[argument])),
        };
        // An empty text says nothing.
        let detail = detail.filter(|detail| !detail.is_empty());
        let targets = [refused.name().into()].into_iter().chain(detail).collect();
        Decision::refused(refused.error, Deed::Call, targets, [])
    }
}

/// Whether the interpreter asks for a file in memory, for the source of a module of its library, and can do without
/// (cpython-2.7-patch/library_files.c).
fn is_interpreters_own(at: At) -> bool {
    let is_memory_file = at.call.number == libc::SYS_memfd_create;
    is_memory_file
        && at.call.arguments[1] as u32 == libc::MFD_ALLOW_SEALING
        && at.call.path(0).is_some_and(|name| matches!(name.extension(), Some(kind) if kind == "py" || kind == "pyc"))
}

/// Commands are small numbers; flags, and those of ioctl, are known by their digits to the base of 16.
fn number(argument: u64) -> Vec<u8> {
    // The kernel takes 32 bits of all of them.
    let number = argument as u32;
    if number < 256 { number.to_string() } else { format!("{number:#x}") }.into_bytes()
}
