//! Reads any bytes as what -n, --match and --file take, and asks whether a name is wanted, which any bytes are too.  The first byte is
//! the length of what was typed.
#![no_main]

use bctrace::parts::{Printable, FileGlob, Filter, Matches, Name, NamePattern};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    let Some((&length, rest)) = data.split_first() else { return };
    let (typed, name) = rest.split_at(usize::from(length).min(rest.len()));
    let wanted = Name::new(typed);
    assert!(wanted.matches(typed));
    assert!(Name::new(Printable::name(name).to_string()).matches(name), "a name as it is printed");
    let glob = FileGlob::new(typed).ok();
    if let Some(glob) = &glob {
        assert!(glob.matches(typed), "a whole file name");
        if typed.iter().all(|byte| byte.is_ascii() && !b"[]{}\\".contains(byte)) && name.is_ascii() {
            assert_eq!(glob.matches(name), matches(typed, name), "a simple glob");
        }
    }
    let pattern = std::str::from_utf8(typed).ok().and_then(|typed| NamePattern::new(typed).ok());
    let filter = Filter {
        names: vec![wanted.clone()],
        patterns: pattern.iter().cloned().collect(),
        files: glob.iter().cloned().collect(),
        no_stdlib: length % 2 == 1,
    };
    let each = wanted.matches(name) && pattern.is_none_or(|pattern| pattern.matches(name));
    let each = each && glob.is_none_or(|glob| glob.matches(name));
    assert_eq!(filter.wants_named(name, name, false), each);
    assert_eq!(filter.wants_named(name, name, true), each && !filter.no_stdlib);
    let mut matches = Matches::new(filter, Vec::new());
    matches.see_named(name, name, false);
    matches.see_named(typed, typed, false);
    assert!(matches.unmet().iter().all(|unmet| unmet.option != "-n"), "the name itself was seen");
});

/// A glob with nothing but `*` and `?`.
fn matches(glob: &[u8], name: &[u8]) -> bool {
    // After each byte of the glob: how long the beginnings of the name are that it matches.
    let mut ends = vec![false; name.len() + 1];
    ends[0] = true;
    for &byte in glob {
        ends = match byte {
            b'*' => ends.iter().scan(false, |any, &end| { *any |= end; Some(*any) }).collect(),
            _ => {
                let is = |&(at, &end): &(usize, &bool)| end && (byte == b'?' || name[at] == byte);
                let ends = ends.iter().take(name.len()).enumerate().map(|place| is(&place));
                std::iter::once(false).chain(ends).collect()
            }
        };
    }
    ends[name.len()]
}
