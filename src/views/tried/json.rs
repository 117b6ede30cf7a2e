//! Attempts as JSON lines; docs/formats.md describes them.

use super::Tried;
use crate::format::lines::Lines;
use crate::format::{json, push_attempt_members};
use crate::trace::SinkError;
use crate::views::left_out::LeftOut;
use crate::views::query::Query;

pub(super) fn write(query: &Query, tried: &Tried, lines: &mut Lines) -> Result<(), SinkError> {
    let out = lines.open();
    query.push_head(out, "tried", &LeftOut::default());
    match tried.sandbox {
        Some(sandbox) => json::push_text_member(out, "sandbox", sandbox.name().as_bytes()),
        None => json::push_optional_member(out, "sandbox", None::<u64>),
    }
    out.extend_from_slice(b"}\n");
    lines.ended()?;
    for distinct in &tried.attempts {
        let out = lines.open();
        out.extend_from_slice(b"{\"type\":\"attempt\"");
        push_attempt_members(out, &distinct.first());
        json::push_member(out, "times", distinct.times);
        out.extend_from_slice(b"}\n");
        lines.ended()?;
    }
    if tried.left_out > 0 {
        let out = lines.open();
        out.extend_from_slice(b"{\"type\":\"left_out\"");
        json::push_member(out, "times", tried.left_out);
        out.extend_from_slice(b"}\n");
        lines.ended()?;
    }
    Ok(())
}
