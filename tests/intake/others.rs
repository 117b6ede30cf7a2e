//! Files that hold no program of 2.7: one line says what each is.

use super::archives::{pe, pyinstaller, pyz, row, zip};
use super::{Scratch, marshalled};

#[track_caller]
fn assert_named(bytes: &[u8], parts: &[&str]) {
    let scratch = Scratch::with("file", bytes);
    scratch.refuses(&["file", "t.bct"], parts);
    scratch.refuses(&["list", "file"], parts);
    scratch.refuses(&["unpack", "file", "-o", "out"], parts);
    assert_eq!(scratch.tree("."), ["file"]);
}

#[test]
fn executables_of_other_kinds_are_named() {
    let exe = |more: &[u8]| [&pe("NOTHING", b"x", false)[..], more].concat();
    assert_named(&[&b"\x7fELF\x02\x01\x01\0"[..], b"...__nuitka_binary_dir..."].concat(), &["Nuitka"]);
    assert_named(&exe(b"UPX0 UPX1 UPX!"), &["UPX"]);
    assert_named(&exe(b"Rar!\x1a\x07\x00"), &["WinRAR"]);
    assert_named(&exe(b"NullsoftInst"), &["NSIS"]);
    assert_named(&exe(b""), &["it is a Windows program or library"]);
    let mut dotnet = exe(b"");
    // The directory of the common language runtime is the 15th.
    dotnet[64 + 24 + 96 + 14 * 8] = 1;
    assert_named(&dotnet, &[".NET"]);
}

#[test]
fn archives_of_python_3_are_named_with_their_version() {
    let rows = [row(b's', "main", b"\xe3\0\0\0".to_vec())];
    for (number, python) in [(34, "Python 3.4"), (38, "Python 3.8"), (311, "Python 3.11"), (26, "Python 2.6")] {
        assert_named(&pyinstaller(&rows, 88, number), &["the PyInstaller archive is of", python]);
    }
    let mut modules = pyz(&[("a", 0, marshalled("", "a.py"))], None, false);
    modules[4..6].copy_from_slice(&3413u16.to_le_bytes());
    assert_named(&modules, &["the PYZ archive is of Python 3.8"]);
    let member = [&3379u16.to_le_bytes()[..], b"\r\n\0\0\0\0\0\0\0\0\xe3\0\0\0\0"].concat();
    assert_named(&zip(&[("__main__.pyc", &member)]), &["Python 3.6"]);
}
