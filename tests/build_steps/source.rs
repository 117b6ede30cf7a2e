//! Getting the tarball: only the pinned bytes are ever used, and a failure says what to do.

use std::fs;
use std::io::{Read, Write};
use std::net::TcpListener;
use std::path::Path;
use std::thread;

use super::build::fetch;
use super::build::source::{self, CPYTHON, Pin};
use super::{assert_says, settings_in};

/// Pins `HELLO`, at a place that nothing answers.
const SMALL: Pin = Pin {
    file: "small.tgz",
    folder: "small",
    size: 5,
    sha256: "2cf24dba5fb0a30e26e83b2ac5b9e29e1b161e5c1fa7425e73043362938b9824",
    url: "http://127.0.0.1:1/small.tgz",
    mirror_paths: &[],
};
const HELLO: &[u8] = b"hello";

#[test]
fn a_truncated_tarball_is_named_and_refused() {
    let scratch = tempfile::tempdir().unwrap();
    let file = scratch.path().join("mine.tgz");
    fs::write(&file, b"half").unwrap();
    let settings = super::Settings { tarball: Some(file.clone()), ..settings_in(scratch.path()) };
    let problem = source::obtain(&settings, &CPYTHON).unwrap_err();
    assert_says(
        &problem,
        &["BCTRACE_CPYTHON_TARBALL", file.to_str().unwrap(), "4 bytes instead of 17539408", CPYTHON.sha256],
    );
}

#[test]
fn a_tarball_with_another_hash_is_named_and_refused() {
    let scratch = tempfile::tempdir().unwrap();
    let file = scratch.path().join("mine.tgz");
    fs::write(&file, b"hullo").unwrap();
    let settings = super::Settings { tarball: Some(file.clone()), ..settings_in(scratch.path()) };
    let problem = source::obtain(&settings, &SMALL).unwrap_err();
    assert_says(&problem, &[file.to_str().unwrap(), "instead of", SMALL.sha256]);
}

#[test]
fn the_users_own_tarball_is_used_where_it_lies() {
    let scratch = tempfile::tempdir().unwrap();
    let file = scratch.path().join("mine.tgz");
    fs::write(&file, HELLO).unwrap();
    let settings = super::Settings { tarball: Some(file.clone()), ..settings_in(scratch.path()) };
    assert_eq!(source::obtain(&settings, &SMALL).unwrap(), file);
    assert!(!settings.cache_dir.exists());
}

#[test]
fn offline_without_a_file_names_file_hash_and_variable() {
    let scratch = tempfile::tempdir().unwrap();
    let problem = source::obtain(&settings_in(scratch.path()), &CPYTHON).unwrap_err();
    let parts = ["Python-2.7.18.tgz", CPYTHON.sha256, "BCTRACE_CPYTHON_TARBALL", "BCTRACE_OFFLINE is set", "not there"];
    assert_says(&problem, &parts);
}

#[test]
fn offline_uses_the_cached_tarball() {
    let scratch = tempfile::tempdir().unwrap();
    let settings = settings_in(scratch.path());
    fs::create_dir_all(&settings.cache_dir).unwrap();
    let cached = settings.cache_dir.join(SMALL.file);
    fs::write(&cached, HELLO).unwrap();
    assert_eq!(source::obtain(&settings, &SMALL).unwrap(), cached);
}

#[test]
fn offline_a_bad_cached_tarball_is_named_and_refused() {
    let scratch = tempfile::tempdir().unwrap();
    let settings = settings_in(scratch.path());
    fs::create_dir_all(&settings.cache_dir).unwrap();
    let cached = settings.cache_dir.join(SMALL.file);
    fs::write(&cached, b"hullo").unwrap();
    let problem = source::obtain(&settings, &SMALL).unwrap_err();
    assert_says(&problem, &[cached.to_str().unwrap(), "sha256"]);
}

#[test]
fn a_bad_cached_tarball_is_replaced_by_a_download() {
    let scratch = tempfile::tempdir().unwrap();
    let settings = super::Settings { offline: false, ..settings_in(scratch.path()) };
    fs::create_dir_all(&settings.cache_dir).unwrap();
    let cached = settings.cache_dir.join(SMALL.file);
    fs::write(&cached, b"bad").unwrap();
    let pin = Pin { url: serve_once(HELLO), ..SMALL };
    assert_eq!(source::obtain(&settings, &pin).unwrap(), cached);
    assert_eq!(fs::read(&cached).unwrap(), HELLO);
    assert_eq!(names_in(&settings.cache_dir), ["small.tgz"], "no .part stays");
}

#[test]
fn a_wrong_download_is_refused_and_leaves_nothing() {
    let scratch = tempfile::tempdir().unwrap();
    let settings = super::Settings { offline: false, ..settings_in(scratch.path()) };
    let pin = Pin { url: serve_once(b"hullo"), ..SMALL };
    let problem = source::obtain(&settings, &pin).unwrap_err();
    assert_says(&problem, &[pin.url, "sha256", SMALL.sha256, "BCTRACE_CPYTHON_TARBALL"]);
    assert!(names_in(&settings.cache_dir).is_empty());
}

#[test]
fn each_failed_place_is_reported() {
    let scratch = tempfile::tempdir().unwrap();
    let settings = super::Settings { offline: false, ..settings_in(scratch.path()) };
    let problem = source::obtain(&settings, &SMALL).unwrap_err();
    assert_says(&problem, &["small.tgz: not there", SMALL.url]);
}

#[test]
fn apts_list_of_uris_gives_each_mirror_once() {
    let output = "\
'http://mirror.example/debian/dists/stable/InRelease' mirror.example_debian_dists_stable_InRelease 0 \n\
'http://mirror.example/debian/dists/stable-updates/InRelease' mirror.example_x 0 \n\
W: a warning between them\n\
'https://other.example/dists/stable/main/binary-amd64/Packages.xz' other.example_x 0 \n\
'http://flat.example/InRelease' flat.example_InRelease 0 \n";
    assert_eq!(fetch::bases_in(output), ["http://mirror.example/debian", "https://other.example"]);
}

#[test]
fn apt_fetches_from_a_mirror_and_checks_the_hash() {
    if !Path::new("/usr/lib/apt/apt-helper").exists() {
        return; // Not a Debian: `obtain` goes on without it.
    }
    let scratch = tempfile::tempdir().unwrap();
    let file = scratch.path().join("small.part");
    fetch::from_mirror(serve_once(HELLO), &file, SMALL.sha256).unwrap();
    assert_eq!(fs::read(&file).unwrap(), HELLO);
    let other = scratch.path().join("other.part");
    assert!(fetch::from_mirror(serve_once(b"hullo"), &other, SMALL.sha256).is_err());
}

#[test]
fn only_the_wanted_folders_are_unpacked() {
    let scratch = tempfile::tempdir().unwrap();
    let tarball = scratch.path().join("small.tgz");
    let files = ["small/configure", "small/Lib/os.py", "small/Doc/index.rst", "elsewhere/file"];
    fs::write(&tarball, tar_gz(&files)).unwrap();
    let tree = source::unpack(&tarball, &SMALL, scratch.path()).unwrap();
    assert!(tree.join("Lib/os.py").is_file());
    assert!(!tree.join("Doc").exists());
    assert!(!scratch.path().join("elsewhere").exists());
}

#[test]
fn a_tarball_without_configure_is_refused() {
    let scratch = tempfile::tempdir().unwrap();
    let tarball = scratch.path().join("small.tgz");
    fs::write(&tarball, tar_gz(&["small/README"])).unwrap();
    let problem = source::unpack(&tarball, &SMALL, scratch.path()).unwrap_err();
    assert_says(&problem, &[tarball.to_str().unwrap(), "small/configure"]);
}

#[test]
fn a_broken_archive_is_named() {
    let scratch = tempfile::tempdir().unwrap();
    let tarball = scratch.path().join("small.tgz");
    let whole = tar_gz(&["small/configure", "small/README"]);
    fs::write(&tarball, &whole[..whole.len() / 2]).unwrap();
    let problem = source::unpack(&tarball, &SMALL, scratch.path()).unwrap_err();
    assert_says(&problem, &["unpack", tarball.to_str().unwrap()]);
}

/// Answers one HTTP request on the loopback interface with `body`; returns the URL.
fn serve_once(body: &'static [u8]) -> &'static str {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}/small.tgz", listener.local_addr().unwrap());
    thread::spawn(move || {
        let (mut client, _) = listener.accept().unwrap();
        let mut request = Vec::new();
        let mut block = [0; 512];
        while !request.ends_with(b"\r\n\r\n") {
            let length = client.read(&mut block).unwrap();
            request.extend_from_slice(&block[..length]);
        }
        let head = format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\nConnection: close\r\n\r\n", body.len());
        client.write_all(head.as_bytes()).unwrap();
        client.write_all(body).unwrap();
    });
    url.leak()
}

fn tar_gz(files: &[&str]) -> Vec<u8> {
    let mut archive = tar::Builder::new(flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast()));
    for name in files {
        let mut header = tar::Header::new_gnu();
        header.set_size(HELLO.len() as u64);
        header.set_mode(0o644);
        archive.append_data(&mut header, name, HELLO).unwrap();
    }
    archive.into_inner().unwrap().finish().unwrap()
}

fn names_in(folder: &Path) -> Vec<String> {
    fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect()
}
