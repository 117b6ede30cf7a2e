//! What an answer leaves out, and how that is said.

use indicatif::HumanCount;

use crate::format::json;

/// What an answer leaves out.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct LeftOut {
    /// Instructions of the standard library; None if they are not counted yet.
    pub(super) stdlib: Option<u64>,
    /// Items for which there was no memory.
    pub(super) dropped: u64,
    /// Values that were cut when they were recorded; None where nothing is looked for in them.
    pub(super) cut: Option<Cut>,
    /// There is nothing else.
    pub(super) is_all: bool,
    /// The trace has no values, and the view does without them.
    pub(super) lacks_values: bool,
}

impl LeftOut {
    /// Says it in a line of text; None if there is nothing.
    pub(super) fn text(&self) -> Option<String> {
        let mut parts = Vec::new();
        match self.stdlib {
            // It is said otherwise that there is nothing.
            _ if self.is_all => {}
            None | Some(0) => {}
            Some(1) => parts.push("1 instruction of the standard library; --stdlib includes it".to_owned()),
            Some(count) => parts
                .push(format!("{} instructions of the standard library; --stdlib includes them", HumanCount(count))),
        }
        if self.dropped > 0 {
            parts.push(format!("{} items for lack of memory; --memory allows more", HumanCount(self.dropped)));
        }
        parts.extend(self.cut.into_iter().flat_map(Cut::parts));
        if self.lacks_values {
            parts.push("what C functions did; --values records it".to_owned());
        }
        (!parts.is_empty()).then(|| parts.join("; "))
    }

    /// Appends what the first object of JSON lines says of it.
    pub(super) fn push_members(&self, out: &mut Vec<u8>) {
        json::push_optional_member(out, "stdlib_left_out", self.stdlib);
        json::push_member(out, "dropped", self.dropped);
        if let Some(cut) = self.cut {
            json::push_member(out, "cut", cut.strings);
            json::push_member(out, "cut_containers", cut.containers);
        }
    }
}

/// Values that were cut when they were recorded, and may have what was asked for in what is missing.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Cut {
    pub(super) strings: u64,
    pub(super) containers: u64,
}

impl Cut {
    /// Adds what another one counts, which came so often.
    pub(super) fn add(&mut self, other: Cut, times: u64) {
        let more = |count: u64, of_one: u64| count.saturating_add(of_one.saturating_mul(times));
        self.strings = more(self.strings, other.strings);
        self.containers = more(self.containers, other.containers);
    }

    fn parts(self) -> impl Iterator<Item = String> {
        let part = |(count, what, option): (u64, &str, &str)| match count {
            0 => None,
            1 => Some(format!("the rest of 1 {what} that was cut; record with a larger {option}")),
            _ => {
                Some(format!("the rest of {} {what}s that were cut; record with a larger {option}", HumanCount(count)))
            }
        };
        [(self.strings, "string", "--value-length"), (self.containers, "container", "--value-width")]
            .into_iter()
            .filter_map(part)
    }
}
