//! What our own C files and the library are made from, and so when they are made again.

use std::fs;

use super::build::libraries::Library;
use super::build::modules::MODULES;
use super::build::own::fingerprint;
use super::build::recipe::Recipe;
use super::settings_in;

#[test]
fn own_c_scripts_and_a_librarys_headers_make_another_result_but_not_another_cpython() {
    let scratch = tempfile::tempdir().unwrap();
    let settings = settings_in(scratch.path());
    let headers = scratch.path().join("include");
    for folder in [&settings.patch_dir(), &headers] {
        fs::create_dir(folder).unwrap();
    }
    let zlib = || Library { name: "zlib", headers: headers.clone(), archives: Vec::new(), linked_by_crate: true };
    let cpython = || Recipe::patched(&settings, MODULES).unwrap().fingerprint();
    let own = |libraries: &[Library]| {
        fingerprint(&settings, &Recipe::patched(&settings, MODULES).unwrap(), libraries).unwrap()
    };
    let first = cpython();
    let mut seen = vec![own(&[]), own(&[zlib()])];
    let places = [
        settings.patch_dir().join("own.c"),
        settings.patch_dir().join("own.h"),
        settings.patch_dir().join("script.py"),
        headers.join("zlib.h"),
    ];
    for path in places {
        fs::write(path, "1").unwrap();
        seen.push(own(&[zlib()]));
    }
    fs::write(headers.join("zlib.c"), "no header").unwrap();
    assert_eq!(seen.last(), Some(&own(&[zlib()])));
    assert_eq!(first, cpython());
    seen.sort();
    seen.dedup();
    assert_eq!(seen.len(), 6);
}
