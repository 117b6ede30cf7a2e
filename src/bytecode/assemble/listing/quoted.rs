//! Takes the marks off a listing that is quoted, in a mail (`> `), a comment (`# `) or a table (`| `).

use std::borrow::Cow;

use super::row;

/// Characters of marks.
const MARKS: &[u8] = b">|# ";

/// Returns the listing without what stands before each of its lines.
pub(super) fn unquoted(text: &[u8]) -> Cow<'_, [u8]> {
    let Some(marks) = marks(text) else { return Cow::Borrowed(text) };
    let lines = text.split(|&byte| byte == b'\n').map(|line| line.trim_ascii_start());
    let lines: Vec<&[u8]> = lines.map(|line| line.strip_prefix(marks).unwrap_or(line)).collect();
    Cow::Owned(lines.join(&b'\n'))
}

/// What stands before the line with which the listing begins; None if that is nothing.
fn marks(text: &[u8]) -> Option<&[u8]> {
    let split = |line: &'_ [u8]| line.iter().take_while(|byte| MARKS.contains(byte)).count();
    let lines = text.split(|&byte| byte == b'\n').map(|line| line.trim_ascii_start());
    let (marks, _) = lines.map(|line| line.split_at(split(line))).find(|(_, rest)| is_beginning(rest))?;
    let marks = marks.trim_ascii_end();
    (!marks.is_empty()).then_some(marks)
}

/// Whether a line is the first of a listing of `bctrace dis`, or the first instruction in one of dis.
fn is_beginning(line: &[u8]) -> bool {
    let is_first = |row: &row::Row| row.line.is_some() && row.label == Some(b"0");
    line.starts_with(b"listing ") || row::split(line, false).is_ok_and(|row| row.as_ref().is_some_and(is_first))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn marks_are_those_before_the_first_line_of_the_listing() {
        let dis = "  3           0 LOAD_FAST   0 (a)\n        >>    3 RETURN_VALUE\n";
        let plain: Vec<&str> = dis.lines().map(str::trim).collect();
        for marks in ["> ", "> > ", "# ", "| ", ">"] {
            let quoted: String = dis.lines().map(|line| format!("{marks}{line}\n")).collect();
            let text = format!("X wrote:\n{}\n{quoted}\nbye", marks.trim());
            let unquoted = unquoted(text.as_bytes()).into_owned();
            let lines: Vec<String> =
                String::from_utf8(unquoted).unwrap().lines().map(|line| line.trim().into()).collect();
            assert_eq!(lines, ["X wrote:", "", plain[0], plain[1], "", "bye"], "{marks}");
        }
        assert!(matches!(unquoted(dis.as_bytes()), Cow::Borrowed(_)));
        assert!(matches!(unquoted(b"# p.pyc\nlisting 1\n# 0 0 NOP"), Cow::Borrowed(_)));
        assert_eq!(*unquoted(b"> # p.pyc\n> listing 1"), *b" # p.pyc\n listing 1");
    }
}
