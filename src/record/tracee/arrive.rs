//! Arriving at a unit that is fetched next: opening a run there, and all that is out of the ordinary: other bytes than described, the
//! code's edges, triggers, limits.

use std::rc::Rc;
use std::sync::Arc;

use super::Tracee;
use crate::bytecode::Unit;
use crate::record::tracee::codes::Version;
use crate::select::Trigger;
use crate::trace::event::{Event, Outside, StopReason};
use crate::trace::word::{Fields, Kind};
use crate::vm::Gil;
use crate::vm::hook::{Flow, Place};
use crate::vm::lane::{Active, Is};
use crate::vm::shared::{CALLED, Control, Mode};

impl Tracee {
    /// Opens a run at a unit that the frame on top fetches next.
    #[inline]
    pub(super) fn arrive(&mut self, gil: Gil, at: Place) -> Flow {
        let Some(top) = self.lane.top() else {
            return Flow::Continue;
        };
        if !top.is(Is::Announced) && self.is_wanted(top) && self.started {
            self.announce_stack();
        }
        let Some(top) = self.lane.top() else {
            return Flow::Continue;
        };
        if self.is_to_be_counted(top) {
            // The dispatch has come here for an instruction and counts from the next one on.
            self.skip(1);
            return self.count();
        }
        let recorded = top.is(Is::Recorded);
        if self.is_regular(gil, top, &at) {
            if recorded {
                self.catch_up();
            }
            return self.open(at.first(), at.instruction(), recorded, 0);
        }
        self.arrive_irregularly(gil, at)
    }

    /// Whether the units from here to where the flow surely ends are inside the code and as described, and none needs a look.
    #[inline]
    pub(super) fn is_regular(&self, gil: Gil, top: &Active, at: &Place) -> bool {
        let version = self.codes.version(top.version());
        !self.watching
            && !self.limit_is_near(version)
            && !version.is_watched(self.started)
            && is_as_described(gil, version, at)
    }

    /// The same where something is out of the ordinary: other bytes, the code's edge, a trigger or a limit that is near.
    #[cold]
    pub(super) fn arrive_irregularly(&mut self, gil: Gil, at: Place) -> Flow {
        self.adopt_version(gil, &at);
        let Some(top) = self.lane.top() else {
            return Flow::Continue;
        };
        let version = Rc::clone(self.codes.version(top.version()));
        let offset = at.offset();
        let unit = u32::try_from(offset).ok().and_then(|offset| Unit::decode(&version.bytes, offset));
        if let Some(flow) = self.trigger(&version, unit.as_ref()) {
            return flow;
        }
        let inside = u32::try_from(offset).ok().and_then(|offset| version.layout.segment_end(offset));
        if self.executed >= self.limit {
            return self.stop(StopReason::MaxInstructions);
        }
        self.watch(inside.is_none() || version.is_watched(self.started) || self.limit_is_near(&version));
        let recorded = self.lane.top().is_some_and(|top| top.is(Is::Recorded));
        if recorded {
            self.catch_up();
        }
        match unit {
            Some(_) => self.open(at.first(), at.instruction(), recorded, 0),
            None => {
                self.record_outside(gil, &at, recorded);
                self.open(at.first(), 0, recorded, CALLED)
            }
        }
    }

    /// Gives the frame on top the version whose bytes it executes.
    pub(super) fn adopt_version(&mut self, gil: Gil, at: &Place) {
        let Some(top) = self.lane.top() else {
            return;
        };
        let code = at.code(gil);
        let described = &self.codes.version(top.version()).bytes;
        if top.first == at.first()
            && code.length(gil, at.first()) == Some(described.len() as u32)
            && at.holds(gil, 0, described)
        {
            return;
        }
        // The version is the frame's that runs now: its thread comes first.
        self.catch_up();
        let version = if self.is_in_own() { self.find_own(gil, code, at) } else { self.find(gil, code, at) };
        let top = self.lane.top_mut().expect("the stack was not empty above");
        top.first = at.first();
        if top.version() != version.lane {
            top.set_version(version.lane, version.is_narrow);
            if top.is(Is::Announced) {
                self.push_run(Kind::Version, Fields { argument: version.id, ..Fields::default() });
            }
        }
    }

    pub(super) fn record_outside(&mut self, gil: Gil, at: &Place, recorded: bool) {
        let bytes = at.fetch(gil);
        let outside = Outside { offset: at.offset() as i32, bytes };
        match recorded {
            true => {
                self.executed += outside.count();
                self.push_event(&Event::Outside(outside));
            }
            false => self.skip(outside.count()),
        }
    }

    /// Whether the limit could be reached before the hook is called again.
    #[inline]
    pub(super) fn limit_is_near(&self, version: &Version) -> bool {
        self.limit.saturating_sub(self.executed) <= version.bytes.len() as u64
    }

    /// Makes every unit call the hook, or regular code dispatch as usual again.
    pub(super) fn watch(&mut self, watching: bool) {
        self.watching = watching;
        self.decide_on_shortcuts();
        self.describe_to_dispatch();
        // With values every unit calls the hook anyway, if it asks for that.
        let is_checked = watching && self.mode != Mode::Values;
        Control::get().set_mode(if is_checked { Mode::Checked } else { self.mode });
    }

    /// Gives the dispatch the bytes of the frame on top to compare with.
    #[cold]
    pub(super) fn describe_to_dispatch(&self) {
        let top = self.lane.top().filter(|_| !self.watching && self.mode == Mode::Checked);
        Control::get().set_described(top.map(|top| Arc::clone(&self.codes.version(top.version()).bytes)));
    }

    /// Acts on a trigger at this unit; gives a flow where the program ends.
    pub(super) fn trigger(&mut self, version: &Version, unit: Option<&Unit>) -> Option<Flow> {
        let here = |trigger: &Option<Trigger>| {
            // A prefix and what follows it are one unit: a trigger at either is one at both.
            trigger.as_ref().zip(unit).is_some_and(|(trigger, unit)| {
                let offset = trigger.offset.unwrap_or(0).cast_signed();
                unit.instructions(&version.bytes).any(|instruction| instruction.offset == offset)
            })
        };
        if here(&version.stop_at) {
            return Some(self.stop(StopReason::StopAt));
        }
        if !self.started && here(&version.start_at) {
            self.started = true;
            if version.wanted && !self.is_in_own() {
                self.announce_stack();
            }
            self.decide_on_shortcuts();
        }
        None
    }

    pub(super) fn stop(&mut self, reason: StopReason) -> Flow {
        self.write_skipped();
        self.push_event(&Event::Stop(reason));
        let _ = self.open(0, 0, false, CALLED);
        Flow::Stop
    }
}

/// Whether the units from a place to where the flow surely ends, or foreign code may run, are inside the code and as described.
fn is_as_described(gil: Gil, version: &Version, at: &Place) -> bool {
    let offset = at.instruction().wrapping_sub(at.first());
    version.layout.segment(&version.bytes, offset).is_some_and(|units| at.holds(gil, offset, units))
}
