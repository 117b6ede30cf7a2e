//! How a line shows the depth of what it is about: by spaces, and beyond a depth of 40 by a number, so that the bytes of a
//! trace grow with its instructions and not with their depth.

/// Levels that are shown by spaces.
const LEVELS: u32 = 40;

/// Appends the indentation of `depth` levels, two spaces each; beyond 40 the spaces of 40 and the depth in brackets:
/// `[41] `.
pub fn push_indent(line: &mut Vec<u8>, depth: u32) {
    line.resize(line.len() + 2 * depth.min(LEVELS) as usize, b' ');
    if depth > LEVELS {
        line.extend_from_slice(format!("[{depth}] ").as_bytes());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spaces_stop_growing_where_the_number_begins() {
        let text = |depth| {
            let mut line = b"before ".to_vec();
            push_indent(&mut line, depth);
            String::from_utf8(line).expect("ASCII")
        };
        assert_eq!(text(0), "before ");
        assert_eq!(text(2), "before     ");
        assert_eq!(text(40), format!("before {:80}", ""));
        assert_eq!(text(41), format!("before {:80}[41] ", ""));
        assert_eq!(text(u32::MAX).len(), text(41).len() + 8);
    }
}
