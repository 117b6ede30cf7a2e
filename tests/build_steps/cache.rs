//! The cache of compiled CPythons: whole folders only, each made once.

use std::cell::Cell;
use std::fs;
use std::sync::atomic::{AtomicU32, Ordering};
use std::thread;

use super::assert_says;
use super::build::cache::{STAMP, get_or_make};
use super::build::problem::Problem;

#[test]
fn a_folder_is_made_once() {
    let cache = tempfile::tempdir().unwrap();
    let made = Cell::new(0);
    for _ in 0..2 {
        let folder = get_or_make(cache.path(), "one", |folder| {
            made.set(made.get() + 1);
            fs::write(folder.join("archive"), b"whole").map_err(|error| Problem::io("write", folder, &error))
        });
        assert_eq!(fs::read(folder.unwrap().join("archive")).unwrap(), b"whole");
    }
    assert_eq!(made.get(), 1);
}

#[test]
fn a_folder_whose_making_failed_is_not_used() {
    let cache = tempfile::tempdir().unwrap();
    let failed = get_or_make(cache.path(), "one", |folder| {
        fs::write(folder.join("archive"), b"half").unwrap();
        Err(Problem::new("compile", "it broke", "mend it"))
    });
    assert_says(&failed.unwrap_err(), &["cannot compile", "it broke", "mend it"]);
    let folder = get_or_make(cache.path(), "one", |_| Ok(())).unwrap();
    assert!(!folder.join("archive").exists());
}

#[test]
fn leftovers_of_a_killed_build_are_not_used() {
    let cache = tempfile::tempdir().unwrap();
    for leftover in ["one", "making"] {
        fs::create_dir(cache.path().join(leftover)).unwrap();
        fs::write(cache.path().join(leftover).join("archive"), b"half").unwrap();
    }
    let folder = get_or_make(cache.path(), "one", |_| Ok(())).unwrap();
    assert!(folder.join(STAMP).is_file());
    assert!(!folder.join("archive").exists());
}

#[test]
fn builds_at_the_same_time_make_a_folder_once() {
    let cache = tempfile::tempdir().unwrap();
    let made = AtomicU32::new(0);
    thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| {
                get_or_make(cache.path(), "one", |folder| {
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
fn only_the_last_used_folders_stay() {
    let cache = tempfile::tempdir().unwrap();
    let names: Vec<String> = (0..12).map(|number| format!("recipe-{number:02}")).collect();
    for name in &names {
        get_or_make(cache.path(), name, |_| Ok(())).unwrap();
    }
    let kept = names.iter().filter(|name| cache.path().join(name).exists()).count();
    assert_eq!(kept, 8);
    assert!(cache.path().join("recipe-11").exists());
}

#[test]
fn a_cache_directory_that_cannot_be_made_is_named() {
    let scratch = tempfile::tempdir().unwrap();
    let file = scratch.path().join("file");
    fs::write(&file, b"").unwrap();
    let problem = get_or_make(&file.join("cache"), "one", |_| Ok(())).unwrap_err();
    assert_says(&problem, &["cache directory", file.to_str().unwrap()]);
}
