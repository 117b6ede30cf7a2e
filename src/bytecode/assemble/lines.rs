//! Owns the line table: co_lnotab, pairs of steps of offset and line, read as Objects/codeobject.c reads it and written as
//! assemble_lnotab in Python/compile.c writes it.

/// Writes the table of code whose first line is `first_line`, from where lines begin: offsets that never fall, each with its line.  An
/// offset with the line of the one before it has an entry too, as the compiler makes one for each statement.  The table knows no steps
/// back: an offset whose line is smaller than the one before it gets no entry, so it keeps that one's line.  (The compiler never goes
/// back either, as compiler_visit_expr sees to.)
pub fn write(first_line: i32, starts: &[(u32, i32)]) -> Vec<u8> {
    let mut table = Vec::new();
    let (mut at, mut line) = (0u32, first_line);
    for &(offset, next) in starts {
        let (Some(mut bytes), Some(mut lines)) = (offset.checked_sub(at), step(line, next)) else { continue };
        if bytes == 0 && lines == 0 {
            continue;
        }
        while bytes > 255 {
            table.extend([255, 0]);
            bytes -= 255;
        }
        // assemble_lnotab makes a whole number of full steps, and then one for the rest even if that is 0.
        if lines > 255 {
            let full = lines / 255;
            table.extend([bytes as u8, 255]);
            (1..full).for_each(|_| table.extend([0, 255]));
            bytes = 0;
            lines -= full * 255;
        }
        table.extend([bytes as u8, lines as u8]);
        (at, line) = (offset, next);
    }
    table
}

fn step(line: i32, next: i32) -> Option<u32> {
    u32::try_from(i64::from(next) - i64::from(line)).ok()
}

/// Reads where lines begin; an offset appears once, with the last line that the table says of it.  Written again, these are the table,
/// unless it is one that the compiler's writer does not make.  An odd last byte is ignored.
pub fn read(first_line: i32, table: &[u8]) -> Vec<(u32, i32)> {
    let mut starts: Vec<(u32, i32)> = Vec::new();
    let (mut at, mut line) = (0u32, first_line);
    for &[bytes, lines] in table.as_chunks().0 {
        at = at.saturating_add(bytes.into());
        line = line.wrapping_add(lines.into());
        match starts.last_mut() {
            // A step over more than 255 bytes goes on.
            _ if (bytes, lines) == (255, 0) => {}
            Some(last) if last.0 == at => last.1 = line,
            _ => starts.push((at, line)),
        }
    }
    starts
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn long_steps_are_split_as_the_compiler_splits_them() {
        assert_eq!(write(1, &[(0, 1), (6, 2)]), [6, 1]);
        assert_eq!(write(1, &[(0, 3), (300, 4)]), [0, 2, 255, 0, 45, 1]);
        assert_eq!(write(1, &[(255, 2), (765, 3)]), [255, 1, 255, 0, 255, 1]);
        assert_eq!(write(1, &[(6, 301)]), [6, 255, 0, 45]);
        assert_eq!(write(1, &[(6, 511)]), [6, 255, 0, 255, 0, 0], "510 lines are two steps and a rest of 0");
        assert_eq!(write(10, &[(0, 10), (6, 10), (9, 11)]), [6, 0, 3, 1], "two statements of one line");
    }

    #[test]
    fn a_step_back_has_no_entry() {
        assert_eq!(write(10, &[(0, 5), (3, 12), (6, 11), (9, 13)]), [3, 2, 6, 1]);
    }

    #[test]
    fn a_table_is_read_as_starts_of_lines() {
        assert_eq!(read(10, &[0, 2, 6, 0, 255, 0, 45, 1, 9]), [(0, 12), (6, 12), (306, 13)]);
        assert_eq!(read(1, &[6, 255, 0, 255, 0, 0]), [(6, 511)]);
    }

    proptest::proptest! {
        #[test]
        fn what_is_written_is_read(mut steps in proptest::collection::vec((0u32..2000, 0i32..2000), 0..30), first in 1i32..100) {
            let (mut at, mut line) = (0, first);
            steps.iter_mut().for_each(|step| {
                at += step.0.max(1);
                line += step.1;
                *step = (at, line);
            });
            let table = write(first, &steps);
            proptest::prop_assert_eq!(write(first, &read(first, &table)), table.clone());
            // Every line is right, though a step of 255 bytes to the same line leaves no trace of where it began.
            let code = crate::bytecode::CodeObject { first_line: first, lnotab: table, ..Default::default() };
            for (offset, line) in steps {
                proptest::prop_assert_eq!(code.line(offset), line);
            }
        }

        #[test]
        fn any_table_is_read(table: Vec<u8>, first: i32) {
            read(first, &table);
        }
    }
}
