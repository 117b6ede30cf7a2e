//! `bctrace export --format lcov`: each line of a listing with its count, and both sides of each conditional jump.

use std::fs;

use crate::exports::Trace;
use crate::running;

#[test]
fn coverage_counts_each_line_of_a_listing() {
    for fixture in ["factorial.pyc", "loops.pyc", "recursion.pyc", "hostile_names.pyc", "overlapping.pyc"] {
        let trace = Trace::of(fixture, &["--no-stdlib"]);
        for with in [false, true] {
            let program = running::fixtures().join(fixture);
            let mut words = vec!["dis", program.to_str().unwrap()];
            if with {
                words.extend(["--with", trace.path.to_str().unwrap()]);
            }
            let listing = running::run(&mut running::bctrace(words)).succeeded();
            fs::write(trace.out("l.lst"), &listing).unwrap();
            let options = ["--force", "--listing", trace.out("l.lst").to_str().unwrap()].map(str::to_owned);
            let ran = trace.export("lcov", "c.info", &options.each_ref().map(String::as_str));
            let stderr = ran.stderr();
            ran.succeeded();
            let coverage = String::from_utf8(running::read(&trace.out("c.info"))).unwrap();
            let counted: u64 = coverage
                .lines()
                .filter_map(|line| line.strip_prefix("DA:")?.split_once(',')?.1.parse::<u64>().ok())
                .sum();
            let elsewhere: u64 = stderr.trim_end().rsplit_once(": ").map_or(0, |(_, number)| number.parse().unwrap());
            assert_eq!(counted + elsewhere, trace.recorded(), "{fixture}: {stderr}");
            assert!(fixture == "overlapping.pyc" || elsewhere == 0, "{fixture}: {stderr}");
            assert!(listing.lines().count() > coverage.lines().filter(|line| line.starts_with("DA:")).count());
        }
    }
}

#[test]
fn both_sides_of_conditional_jumps_are_those_that_dis_counts() {
    for fixture in ["loops.pyc", "recursion.pyc", "exceptions.pyc", "generator_heavy.pyc"] {
        let trace = Trace::of(fixture, &["--no-stdlib"]);
        let program = running::fixtures().join(fixture);
        let words = ["dis", program.to_str().unwrap(), "--with", trace.path.to_str().unwrap()];
        let listing = running::run(&mut running::bctrace(words)).stdout();
        fs::write(trace.out("l.lst"), &listing).unwrap();
        let coverage = trace.exported("lcov", &["--listing", trace.out("l.lst").to_str().unwrap()]);
        let mut expected = Vec::new();
        for (line, text) in (1..).zip(listing.lines()) {
            let Some((_, name)) = text.split_once("  FOR_ITER").or_else(|| text.split_once("JUMP_IF_")) else {
                continue;
            };
            let sides = name.split_once("# jumped ").map(|(_, rest)| rest.split_once(", went on ").unwrap());
            let number = |text: &str| text.split(',').next().unwrap().trim().to_owned();
            let sides = sides.map_or(["-".to_owned(), "-".to_owned()], |(jumped, on)| [number(on), number(jumped)]);
            expected.extend((0..2).zip(sides).map(|(side, times)| format!("BRDA:{line},0,{side},{times}")));
        }
        let found: Vec<&str> = coverage.lines().filter(|line| line.starts_with("BRDA:")).collect();
        assert_eq!(found, expected, "{fixture}");
        assert!(coverage.contains(&format!("\nBRF:{}\n", found.len())), "{fixture}");
        let taken = found.iter().filter(|line| !line.ends_with(",0") && !line.ends_with(",-")).count();
        assert!(taken > 0 && coverage.contains(&format!("\nBRH:{taken}\n")), "{fixture}");
    }
}
