//! `bctrace list` and `bctrace unpack`.

use std::fs;

use super::archives::{Row, pyinstaller, pyz, row, zip};
use super::{HEADER, Scratch, marshalled, pyc};

fn archive() -> Vec<u8> {
    let modules =
        pyz(&[("pkg", 1, marshalled("", "p.py")), ("pkg.inner", 0, marshalled("X = 1", "i.py"))], None, false);
    let rows = [
        row(b's', "main", marshalled("import pkg.inner\nprint pkg.inner.X", "main.py")),
        row(b'x', "data.txt", b"data".to_vec()),
        row(b'z', "PYZ", modules),
    ];
    pyinstaller(&rows, 88, 27)
}

#[test]
fn a_listing_has_every_part_with_its_hash() {
    let scratch = Scratch::with("app", &archive());
    let text = scratch.run(&["list", "app"]).succeeded();
    let kinds: Vec<&str> = text.lines().skip(3).map(|line| line.split_whitespace().next().unwrap()).collect();
    assert_eq!(kinds, ["script", "package", "module", "file"], "{text}");
    let json = scratch.run(&["list", "--format", "json", "app"]).succeeded();
    let lines: Vec<serde_json::Value> = json.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!((&lines[0]["kind"], &lines[0]["view"]), (&"PyInstaller archive".into(), &"list".into()));
    assert_eq!(lines[4]["sha256"], "3a6eb0790f39ac87c94f3856b2dd2c5d110e6811602261a9a923d3bb23adc8b7");
    assert_eq!((lines.len(), &lines[3]["name"], &lines[4]["size"]), (5, &"pkg.inner".into(), &4.into()));
    for line in &lines {
        assert_eq!(line["sha256"].as_str().map(str::len), Some(64));
    }
    let plain = scratch.path("plain.pyc");
    fs::write(&plain, pyc("x = 1", "x.py")).unwrap();
    assert!(scratch.run(&["list", "plain.pyc"]).succeeded().contains(".pyc with 1 script"));
}

#[test]
fn what_is_unpacked_loads() {
    let scratch = Scratch::with("app", &archive());
    scratch.run(&["unpack", "app", "-o", "out"]).succeeded();
    assert_eq!(
        scratch.tree("out"),
        ["files/data.txt", "main.pyc", "manifest.json", "modules/pkg/__init__.pyc", "modules/pkg/inner.pyc"]
    );
    assert_eq!(scratch.run(&["-q", "--strict", "--path", "out/modules", "out/main.pyc", "t.bct"]).succeeded(), "1\n");
    assert_eq!(fs::read(scratch.path("out/files/data.txt")).unwrap(), b"data");
    let manifest: serde_json::Value =
        serde_json::from_slice(&fs::read(scratch.path("out/manifest.json")).unwrap()).unwrap();
    let files: Vec<&str> =
        manifest["contents"].as_array().unwrap().iter().map(|part| part["file"].as_str().unwrap()).collect();
    assert_eq!(files, ["main.pyc", "modules/pkg/__init__.pyc", "modules/pkg/inner.pyc", "files/data.txt"]);
    scratch.refuses(&["unpack", "app", "-o", "out"], &["out"]);
}

#[test]
fn what_comes_after_a_code_object_is_listed_and_unpacked() {
    let code = pyc("x = 1", "x.py");
    let scratch = Scratch::with("a.pyc", &[&code[..], b"PAYLOAD"].concat());
    let member = [&code[..], b"second"].concat();
    scratch.write("a.zip", &zip(&[("__main__.pyc", &code), ("pkg/inner.pyc", &member)]));
    let after = format!("7 bytes after the code object, at offset {}", code.len());
    let text = scratch.run(&["list", "a.pyc"]).succeeded();
    assert!(text.contains(&format!("a .pyc with 1 script: {after}\n")), "{text}");
    let row = text.lines().last().unwrap();
    let place = format!("7 bytes after the code object of <module>, at offset {}", code.len());
    assert!(row.starts_with("tail         -     7") && row.ends_with(&place), "{text}");
    let json = scratch.run(&["list", "-f", "json", "a.pyc"]).succeeded();
    let last: serde_json::Value = serde_json::from_str(json.lines().last().unwrap()).unwrap();
    assert_eq!((&last["type"], &last["size"], &last["offset"]), (&"tail".into(), &7.into(), &code.len().into()));
    let dis = scratch.run(&["dis", "a.pyc"]);
    assert!(dis.stderr().contains(&after), "{}", dis.stderr());
    scratch.run(&["unpack", "a.pyc", "-o", "out"]).succeeded();
    assert_eq!(scratch.tree("out"), ["manifest.json", "module.pyc", "module.tail"]);
    assert_eq!(fs::read(scratch.path("out/module.tail")).unwrap(), b"PAYLOAD");
    assert_eq!(fs::read(scratch.path("out/module.pyc")).unwrap().len(), code.len());
    scratch.run(&["unpack", "a.zip", "-o", "zip"]).succeeded();
    assert_eq!(fs::read(scratch.path("zip/modules/pkg/inner.tail")).unwrap(), b"second");
    let triage = scratch.run(&["triage", "a.pyc", "-o", "triage"]);
    let summary = fs::read_to_string(scratch.path("triage/summary.md")).unwrap();
    assert!(summary.contains(&after), "{summary}{}", triage.stderr());
}

#[test]
fn no_name_leads_out_of_the_folder() {
    let bad = [
        "../../x",
        "/etc/x",
        "..\\..\\x",
        "C:\\x",
        "a/../../x",
        "..",
        ".",
        "",
        "/",
        "a//b",
        "a/\u{1}b",
        "manifest.json",
    ];
    let code = marshalled("x = 1", "x.py");
    let mut rows: Vec<Row> = Vec::new();
    for name in bad {
        rows.push(row(b'x', name, b"data".to_vec()));
        rows.push(row(b's', name, code.clone()));
        rows.push(row(b'm', name, [HEADER, &code].concat()));
    }
    // The same name twice, and a file where another needs a folder.
    rows.extend([row(b'x', "d", b"1".to_vec()), row(b'x', "d/e", b"2".to_vec()), row(b'x', "d", b"3".to_vec())]);
    let scratch = Scratch::with("app", &pyinstaller(&rows, 88, 27));
    scratch.run(&["unpack", "app", "-o", "out"]).succeeded();
    let outside: Vec<String> = scratch.tree(".").into_iter().filter(|path| !path.starts_with("out/")).collect();
    assert_eq!(outside, ["app"]);
    assert_eq!(scratch.tree("out").len(), rows.len() + 1);
    let ran = scratch.run(&["-q", "--entry", "1", "app", "t.bct"]);
    assert!(ran.status == 0 || ran.stderr().lines().count() == 1, "{}", ran.stderr());
    let after = scratch.tree(".").into_iter().filter(|path| !path.starts_with("out/")).collect::<Vec<_>>();
    assert!(after.iter().all(|path| path == "app" || path == "t.bct"), "{after:?}");
}

#[test]
fn a_link_in_a_zip_is_written_as_a_file() {
    let mut archive = zip(&[("link", b"/etc/passwd")]);
    // The upper half of the external attributes says S_IFLNK.
    let entry = archive.windows(4).position(|bytes| bytes == b"PK\x01\x02").unwrap();
    archive[entry + 40..entry + 42].copy_from_slice(&0xa1ffu16.to_le_bytes());
    archive[entry + 5] = 3;
    let scratch = Scratch::with("a.zip", &archive);
    scratch.run(&["unpack", "a.zip", "-o", "out"]).succeeded();
    let link = scratch.path("out/files/link");
    assert!(fs::symlink_metadata(&link).unwrap().is_file());
    assert_eq!(fs::read(link).unwrap(), b"/etc/passwd");
}
