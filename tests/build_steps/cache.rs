//! The cache of compiled CPythons: whole folders only, each made once.

use std::cell::Cell;
use std::fs;
use std::sync::atomic::{AtomicU32, Ordering};
use std::thread;

use super::build::cache::{STAMP, get_or_make};
use super::build::problem::Problem;
use super::build::settings::Settings;
use super::{assert_says, settings_in};

#[test]
fn a_folder_is_made_once() {
    let scratch = tempfile::tempdir().unwrap();
    let settings = settings_in(scratch.path());
    let made = Cell::new(0);
    for _ in 0..2 {
        let folder = get_or_make(&settings, "thing", "one", |folder, _| {
            made.set(made.get() + 1);
            fs::write(folder.join("archive"), b"whole").map_err(|error| Problem::io("write", folder, &error))
        });
        assert_eq!(fs::read(folder.unwrap().join("archive")).unwrap(), b"whole");
    }
    assert_eq!(made.get(), 1);
}

#[test]
fn a_folder_whose_making_failed_is_not_used() {
    let scratch = tempfile::tempdir().unwrap();
    let settings = settings_in(scratch.path());
    let failed = get_or_make(&settings, "thing", "one", |folder, _| {
        fs::write(folder.join("archive"), b"half").unwrap();
        Err(Problem::new("compile", "it broke", "mend it"))
    });
    assert_says(&failed.unwrap_err(), &["cannot compile", "it broke", "mend it"]);
    let folder = get_or_make(&settings, "thing", "one", |_, _| Ok(())).unwrap();
    assert!(!folder.join("archive").exists());
}

#[test]
fn leftovers_of_a_killed_build_are_not_used() {
    let scratch = tempfile::tempdir().unwrap();
    let settings = settings_in(scratch.path());
    for leftover in ["thing-one", "thing.work"] {
        fs::create_dir_all(settings.cache_dir.join(leftover)).unwrap();
        fs::write(settings.cache_dir.join(leftover).join("archive"), b"half").unwrap();
    }
    let folder = get_or_make(&settings, "thing", "one", |_, _| Ok(())).unwrap();
    assert!(folder.join(STAMP).is_file());
    assert!(!folder.join("archive").exists());
}

#[test]
fn builds_at_the_same_time_make_a_folder_once() {
    let scratch = tempfile::tempdir().unwrap();
    let settings = settings_in(scratch.path());
    let made = AtomicU32::new(0);
    thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| {
                get_or_make(&settings, "thing", "one", |folder, _| {
                    made.fetch_add(1, Ordering::SeqCst);
                    fs::write(folder.join("archive"), b"whole").map_err(|error| Problem::io("write", folder, &error))
                })
                .unwrap();
            });
        }
    });
    assert_eq!(made.load(Ordering::SeqCst), 1);
}

#[test]
fn only_the_last_used_folders_of_a_kind_stay() {
    let scratch = tempfile::tempdir().unwrap();
    let settings = settings_in(scratch.path());
    get_or_make(&settings, "other", "old", |_, _| Ok(())).unwrap();
    let names: Vec<String> = (0..12).map(|number| format!("{number:02}")).collect();
    for name in &names {
        get_or_make(&settings, "thing", name, |_, _| Ok(())).unwrap();
    }
    let is_there = |name: &String| settings.cache_dir.join(format!("thing-{name}")).exists();
    assert_eq!(names.iter().filter(|name| is_there(name)).count(), 8);
    assert!(is_there(&names[11]));
    assert!(settings.cache_dir.join("other-old").exists());
}

#[test]
fn the_log_of_a_failed_making_stays_beside_the_folder() {
    let scratch = tempfile::tempdir().unwrap();
    let settings = settings_in(scratch.path());
    let _ = get_or_make(&settings, "thing", "one", |_, log| {
        fs::write(log, b"cc: no").map_err(|error| Problem::io("write", log, &error))?;
        Err(Problem::new("compile", "it broke", "mend it"))
    });
    assert_eq!(fs::read(settings.cache_dir.join("thing-one.log")).unwrap(), b"cc: no");
    assert!(!settings.cache_dir.join("thing-one").exists());
}

#[test]
fn a_cache_directory_that_cannot_be_made_is_named() {
    let scratch = tempfile::tempdir().unwrap();
    let file = scratch.path().join("file");
    fs::write(&file, b"").unwrap();
    let settings = Settings { cache_dir: file.join("cache"), ..settings_in(scratch.path()) };
    let problem = get_or_make(&settings, "thing", "one", |_, _| Ok(())).unwrap_err();
    assert_says(&problem, &["cache directory", file.to_str().unwrap()]);
}
