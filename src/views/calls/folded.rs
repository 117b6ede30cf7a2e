//! Which calls are counted instead of printed: those that one instruction makes again and again in one call.

use std::hash::BuildHasher;

use rustc_hash::{FxBuildHasher, FxHashMap};

use super::call::{Call, Kind};
use crate::trace::value::{Value, What, last_part};

/// Calls by one instruction in one call that are printed.
const PRINTED: u64 = 3;
/// Calls of one function by C code in one call that are printed, for whatever instructions.
const PRINTED_OF_C: u64 = 12;
/// Instructions that are counted; a forged trace can have any number.
const COUNTED: usize = 1 << 18;

/// Counts calls that have not ended.
pub(super) struct Folded {
    is_off: bool,
    /// By the call that makes them.
    by_parent: FxHashMap<Option<u64>, Vec<Site>>,
    count: usize,
}

/// What makes calls: an instruction, C code that calls one function, for one instruction or for any, or a use of a stand-in, by its text.
struct Site {
    made_by: (u32, i32, u64),
    times: u64,
    /// Those that were not printed, and the first one of them.
    folded: u64,
    like: Option<Call>,
}

impl Folded {
    pub(super) fn new(is_off: bool) -> Folded {
        Folded { is_off, by_parent: FxHashMap::default(), count: 0 }
    }

    /// Counts a call that begins; true if it is not to be printed.
    pub(super) fn folds(&mut self, call: &Call) -> bool {
        if self.is_off {
            return false;
        }
        match &call.kind {
            Kind::Instruction { code, instruction, .. } => {
                self.is_one_more(call, (code.id, instruction.offset, 0), PRINTED)
            }
            Kind::Frame { code, by: None, .. } => self.is_one_more(call, (code.id, -1, 1), PRINTED),
            // A trace function, for example, is called for each instruction.
            Kind::Frame { code, by: Some(by), .. } => {
                self.is_one_more(call, (code.id, *by, 2), PRINTED)
                    || self.is_one_more(call, (code.id, -1, 2), PRINTED_OF_C)
            }
            Kind::StandIn(used) => self.is_one_more(call, (0, -1, FxBuildHasher.hash_one(&used.what)), PRINTED),
        }
    }

    /// Counts a call of what makes it; true if that has made more than `most` by now.
    fn is_one_more(&mut self, call: &Call, made_by: (u32, i32, u64), most: u64) -> bool {
        let sites = self.by_parent.entry(call.parent).or_default();
        let place = sites.iter().rposition(|site| site.made_by == made_by);
        let site = match place {
            Some(place) => &mut sites[place],
            None if self.count >= COUNTED => return false,
            None => {
                self.count += 1;
                sites.push(Site { made_by, times: 0, folded: 0, like: None });
                let last = sites.len() - 1;
                &mut sites[last]
            }
        };
        site.times += 1;
        if site.times <= most {
            return false;
        }
        site.folded += 1;
        if site.like.is_none() {
            site.like = Some(call.clone());
        }
        true
    }

    /// Takes what was folded in a call that ends: a call like those, and how many there were.
    pub(super) fn of(&mut self, parent: Option<u64>) -> Vec<(Call, u64)> {
        let sites = if self.is_off { None } else { self.by_parent.remove(&parent) };
        let sites = sites.unwrap_or_default();
        self.count = self.count.saturating_sub(sites.len());
        sites.into_iter().filter_map(|site| Some((site.like?, site.folded))).collect()
    }

    /// The same of all calls that have not ended, the last ones first.
    pub(super) fn rest(&mut self) -> Vec<(Call, u64)> {
        let mut parents: Vec<Option<u64>> = self.by_parent.keys().copied().collect();
        parents.sort_unstable_by_key(|parent| std::cmp::Reverse(*parent));
        parents.into_iter().flat_map(|parent| self.of(parent)).collect()
    }
}

/// Whether what is called is C code.
pub(super) fn is_c(callee: &Value) -> bool {
    let Value::Object { what, name, .. } = callee else { return false };
    match what {
        What::Builtin | What::Descriptor | What::Wrapper | What::Foreign | What::Partial => true,
        // A type that Python code has made has no module in its name.
        What::Type => name.contains(&b'.'),
        _ => false,
    }
}

/// The name of what is called, without its module or class.
pub(super) fn last_name(callee: &Value) -> &[u8] {
    match callee {
        Value::Object { name, .. } => last_part(name),
        _ => b"",
    }
}
