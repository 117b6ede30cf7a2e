//! What a file is that holds no program for 2.7, as far as it says so.

use memchr::memmem;

use super::executable;

/// What packers and other tools leave in an executable.
const MARKS: &[(&[u8], &str)] = &[
    (b"NUITKA_ONEFILE", NUITKA),
    (b"NUITKA_PACKAGE", NUITKA),
    (b"nuitka_", NUITKA),
    (b"__nuitka", NUITKA),
    (b"_nuitka", NUITKA),
    (b"Rar!\x1a\x07", "it is an archive that unpacks itself, as WinRAR makes it; unpack it with unrar"),
    (b"7z\xbc\xaf\x27\x1c", "it is an archive that unpacks itself, as 7-Zip makes it; unpack it with 7z"),
    (b"NullsoftInst", "it is an installer that NSIS made; unpack it with 7z"),
    (b"Inno Setup", "it is an installer that Inno Setup made; unpack it with innoextract"),
];
const NUITKA: &str = "it is a program that Nuitka compiled to machine code, so that there is no bytecode in it";
const UPX: &str = "it is packed by UPX; unpack it with `upx -d`";

/// Says what a file is; None if there is nothing to say that its beginning does not.
pub fn describe(bytes: &[u8]) -> Option<String> {
    let is_executable = bytes.starts_with(b"MZ") || bytes.starts_with(b"\x7fELF");
    if bytes.starts_with(b"Rar!\x1a\x07") {
        return Some("it is a RAR archive; unpack it".into());
    }
    if bytes.starts_with(b"7z\xbc\xaf\x27\x1c") {
        return Some("it is a 7-Zip archive; unpack it".into());
    }
    if !is_executable {
        return None;
    }
    let has = |mark: &[u8]| memmem::find(bytes, mark).is_some();
    if has(b"UPX!") && (has(b"UPX0") || has(b"$Info: This file is packed with the UPX")) {
        return Some(UPX.into());
    }
    if let Some((_, what)) = MARKS.iter().find(|(mark, _)| has(mark)) {
        return Some((*what).into());
    }
    executable::is_dotnet(bytes).then(|| "it is a program for .NET, not for Python".into())
}
