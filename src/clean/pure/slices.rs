//! Which items a slice picks.

use crate::clean::value::Literal;

/// The indices that a slice picks (PySlice_GetIndicesEx, Objects/sliceobject.c).
pub fn picked(length: usize, slice: &[Literal; 3]) -> Option<Vec<usize>> {
    let length = i64::try_from(length).ok()?;
    let part = |part: &Literal| match part {
        Literal::None => Some(None),
        Literal::Int(number) => Some(Some(*number)),
        _ => None,
    };
    let (start, stop, step) = (part(&slice[0])?, part(&slice[1])?, part(&slice[2])?.unwrap_or(1));
    if step == 0 {
        return None;
    }
    let (low, high) = if step < 0 { (-1, length - 1) } else { (0, length) };
    let clamped = |number: i64| if number < 0 { number.saturating_add(length).max(low) } else { number.min(high) };
    let (mut at, stop) = match step < 0 {
        true => (start.map_or(high, clamped), stop.map_or(low, clamped)),
        false => (start.map_or(low, clamped), stop.map_or(high, clamped)),
    };
    let mut places = Vec::new();
    while if step < 0 { at > stop } else { at < stop } {
        places.push(usize::try_from(at).ok()?);
        at = at.checked_add(step)?;
    }
    Some(places)
}
