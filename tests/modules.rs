//! Which modules the binary has: docs/modules.md says it of each, those that call a C library work, and none makes the binary need
//! a library of the machine's.

use std::fs;
use std::path::Path;
use std::process::Command;

use crate::running::{bctrace, binary, read, run};

/// What may be needed at run time: libc, its parts in older versions, the compiler's own support, and the loader.
const LIBC_AND_ITS_FAMILY: [&str; 7] = ["libc.", "libm.", "libdl.", "libpthread.", "libutil.", "libgcc_s.", "ld-linux"];

#[test]
fn docs_say_of_every_module_where_it_is() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut table = bctrace(["python", "-s", "tests/library/table.py"]);
    let made = run(table.arg(sources()).arg("tests/library/left_out.txt").current_dir(root)).succeeded();
    let page = root.join("docs/modules.md");
    if std::env::var_os("BCTRACE_BLESS").is_some() {
        fs::write(&page, &made).unwrap();
    }
    assert!(
        made.as_bytes() == read(&page),
        "docs/modules.md is not what tests/library/table.py prints; BCTRACE_BLESS=1 takes it over"
    );
}

#[test]
fn the_binary_needs_only_the_c_librarys_family() {
    let dynamic = run(Command::new("readelf").args(["--dynamic", "--wide"]).arg(binary())).succeeded();
    let needed: Vec<&str> = dynamic
        .lines()
        .filter(|line| line.contains("(NEEDED)"))
        .filter_map(|line| line.split(['[', ']']).nth(1))
        .collect();
    assert!(needed.iter().any(|name| name.starts_with("libc.")), "{dynamic}");
    for name in needed {
        assert!(LIBC_AND_ITS_FAMILY.iter().any(|known| name.starts_with(known)), "the binary needs {name}");
    }
}

#[test]
fn ssl_speaks_to_itself_and_knows_whom_the_system_trusts() {
    if !has("_ssl") {
        return;
    }
    let certificate = sources().join("Lib/test/keycert.pem");
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/library/tls.py");
    let said = run(bctrace(["python", "-s"]).args([script, certificate])).succeeded();
    assert_eq!(said, "TLSv1.3 hello\nrefused: CERTIFICATE_VERIFY_FAILED\n/etc/ssl/certs\n");
}

#[test]
fn hashlib_takes_openssls_functions_where_they_are_there() {
    let script = "import hashlib; print hashlib.md5.__name__, hashlib.sha512('a').hexdigest()[:8], \
                  hashlib.pbkdf2_hmac('sha1', 'password', 'salt', 2, 4).encode('hex')";
    let expected = if has("_hashlib") { "openssl_md5" } else { "new" };
    assert_eq!(python(script), format!("{expected} 1f40fc92 ea6c014d\n"));
}

#[test]
fn crypt_makes_the_classic_and_the_modern_hashes() {
    let script = "import crypt; print crypt.crypt('rasmuslerdorf', 'rl'), crypt.crypt('a', '$6$abc')[:12]";
    let ran = run(&mut bctrace(["python", "-s", "-c", script]));
    // Nearly every system has one, since login and su call it.
    if ran.stderr().contains("crypt needs the system's libcrypt") {
        return;
    }
    assert_eq!(ran.succeeded(), "rl.3StKT.4T8M $6$abc$nlhAD\n");
}

#[test]
fn crypt_without_a_libcrypt_is_an_import_error_that_names_it() {
    let folder = tempfile::tempdir().unwrap();
    for name in ["libcrypt.so.1", "libcrypt.so.2"] {
        fs::write(folder.path().join(name), "damaged").unwrap();
    }
    let script = "try: import crypt\nexcept ImportError as error: print error\nimport math; print math.hypot(3, 4)";
    let mut command = bctrace(["python", "-s", "-c", script]);
    let said = run(command.env("LD_LIBRARY_PATH", folder.path())).succeeded();
    let broken = folder.path().join("libcrypt.so.1");
    assert_eq!(said, format!("crypt needs the system's libcrypt: {}: file too short\n5.0\n", broken.display()));
}

/// Whether this build has a module that not every build has.
pub fn has(module: &str) -> bool {
    run(&mut bctrace(["python", "-s", "-c", &format!("import {module}")])).status == 0
}

fn python(script: &str) -> String {
    run(&mut bctrace(["python", "-s", "-c", script])).succeeded()
}

/// CPython's own sources, as far as the build keeps them.
fn sources() -> &'static Path {
    Path::new(env!("BCTRACE_PYTHON_HEADERS")).parent().expect("the headers lie in the folder of the compiled CPython")
}
