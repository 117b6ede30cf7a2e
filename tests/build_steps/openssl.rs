//! What the build does where OpenSSL's own build cannot run.

use std::fs;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::Path;

use super::build::libraries::Library;
use super::build::modules::{MODULES, possible, tables_c};
use super::build::openssl::missing_tool;

#[test]
fn a_missing_make_or_perl_and_a_perl_without_its_modules_are_distinguished() {
    let tools = tempfile::tempdir().unwrap();
    let missing = || missing_tool(Some(tools.path().as_os_str()));
    assert_eq!(missing(), Some("there is no `make`"));
    symlink("/bin/true", tools.path().join("make")).unwrap();
    assert_eq!(missing(), Some("there is no `perl`"));
    write_script(&tools.path().join("perl"), "#!/bin/sh\n[ $# -eq 1 ]\n");
    assert_eq!(missing(), Some("`perl` lacks some of its standard modules"));
    write_script(&tools.path().join("perl"), "#!/bin/sh\n");
    assert_eq!(missing(), None);
}

#[test]
fn a_module_whose_library_is_missing_is_left_out_alone() {
    let zlib = Library { name: "zlib", headers: "include".into(), archives: Vec::new(), linked_by_crate: true };
    let table = tables_c(&possible(MODULES, &[zlib]));
    for (name, is_there) in [("zlib", true), ("_md5", true), ("_ssl", false), ("_hashlib", false), ("crypt", true)] {
        assert_eq!(table.contains(&format!("{{\"{name}\", ")), is_there, "{name} in\n{table}");
    }
}

fn write_script(path: &Path, text: &str) {
    fs::write(path, text).unwrap();
    fs::set_permissions(path, fs::Permissions::from_mode(0o755)).unwrap();
}
