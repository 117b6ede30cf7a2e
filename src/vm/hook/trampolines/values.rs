//! The functions of a hook that looks at values: each calls it first, and then the lane.

use std::ffi::c_int;

use super::{go_on, hooks, install, place, with};
use crate::vm::ffi;
use crate::vm::hook::{FrameAddress, ValueHook};
use crate::vm::object::CodeRef;
use crate::vm::program::{Interpreter, Loaded};
use crate::vm::shared::{Mode, Slot};

/// Installs a hook that hears of units, and of events before the lane; otherwise as [`super::install_behind_lane`].
pub fn install_with_values<H: ValueHook + 'static>(hook: H, program: &[Loaded], interpreter: &Interpreter) {
    let before_lane = ffi::bctrace_hooks {
        unit: Some(unit::<H>),
        enter: Some(enter_lane::<H>),
        leave: Some(leave_lane::<H>),
        ..hooks::<H>()
    };
    install(hook, before_lane, Mode::Values, program, interpreter);
}

extern "C" fn unit<H: ValueHook>(
    frame: *mut ffi::_frame,
    first: *const u8,
    instruction: *const u8,
    top: *const *mut ffi::_object,
) {
    let at = place(frame, first, instruction);
    Slot::get().count_hooked();
    // SAFETY: as in `super::jump`.
    if let Some(flow) = unsafe { with(|hook: &mut H, gil| hook.unit(gil, at, top as usize)) } {
        return go_on(flow);
    }
    // SAFETY: the arguments are the eval loop's, and no call of the hook is on the stack any more.
    unsafe { ffi::bctrace_lane_jump(frame, first, instruction) };
    // SAFETY: as in `super::jump`.
    go_on(unsafe { with(|hook: &mut H, gil| hook.arrived(gil, at, top as usize)) })
}

extern "C" fn enter_lane<H: ValueHook>(
    frame: *mut ffi::_frame,
    code: *mut ffi::_object,
    first: *const u8,
    instruction: *const u8,
) {
    let at = place(frame, first, instruction);
    // SAFETY: as in `super::enter`.
    let entered = unsafe { CodeRef::new(code) };
    // SAFETY: as in `super::jump`.
    unsafe { with(|hook: &mut H, gil| hook.entering(gil, &entered, &at)) };
    // SAFETY: as in `unit`.
    unsafe { ffi::bctrace_lane_enter(frame, code, first, instruction) }
}

extern "C" fn leave_lane<H: ValueHook>(frame: *mut ffi::_frame, how: c_int) {
    // SAFETY: as in `super::jump`.
    unsafe { with(|hook: &mut H, _| hook.leaving(FrameAddress(frame as usize))) };
    // SAFETY: as in `unit`.
    unsafe { ffi::bctrace_lane_leave(frame, how) }
}
