//! What a program finds that a freezer has put into one file: its modules, its data in a folder, and what sys says of that.

use std::collections::HashSet;
use std::ffi::{CString, OsStr};
use std::fs;
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::path::{Path, PathBuf};

use anyhow::Context;

use super::program::Program;
use crate::bytecode::copies::Copies;
use crate::bytecode::escape::Printable;
use crate::bytecode::file::{self, Contents, Entry, Kind, Member};
use crate::bytecode::marshal;
use crate::bytecode::object::{MarshalledCode, Object};
use crate::vm::bundle::{Bundle, Module};
use crate::vm::library;
use crate::vm::program::Script;

/// The folder of unpacked files, in the scratch folder.
pub const UNPACKED: &str = "_MEI";
/// Suffixes of native modules.
const NATIVE: [&[u8]; 3] = [b"module.so", b".so", b".pyd"];
/// Modules for which bundle.c stands in: PyInstaller's importer, in its versions.
const STAND_INS: [&[u8]; 2] = [b"pyimod03_importers", b"pyi_importers"];
/// The one that py2exe's executables have.
const MEMORY_IMPORTER: &[u8] = b"_memimporter";

/// Returns the scripts, `first` being the path by which the program was named.
pub fn scripts(program: &Program, first: &Path) -> anyhow::Result<Vec<Script>> {
    let kind = program.contents.kind;
    let is_run = |entry: &&Entry| kind != Kind::PyInstaller || entry.name != b"_mountzlib";
    let mut scripts = Vec::new();
    for entry in program.contents.entries.iter().filter(is_run) {
        let file::Program::Code(code) = &entry.program else { continue };
        let path = match kind {
            Kind::PyInstaller => [&entry.name, &b".py"[..]].concat(),
            Kind::Zip if first == program.file => {
                let name = entry
                    .name
                    .strip_suffix(b".py")
                    .map_or([&entry.name, &b".pyc"[..]].concat(), |_| entry.name.clone());
                [first.as_os_str().as_bytes(), b"/", &name].concat()
            }
            _ => first.as_os_str().as_bytes().to_vec(),
        };
        scripts.push(Script { marshalled: code.marshalled().to_vec(), path: text(&path)? });
    }
    Ok(scripts)
}

/// Returns whether the program has files that it finds in a folder.
pub fn is_unpacked(contents: &Contents) -> bool {
    contents.kind == Kind::PyInstaller && contents.has_unpacked
}

/// The number of files that are unpacked, and their bytes, for the scratch folder's budget.
pub fn unpacked_size(contents: &Contents) -> (u64, u64) {
    match is_unpacked(contents) {
        true => (contents.files.len() as u64, contents.files.iter().map(|file| file.bytes.len() as u64).sum()),
        false => (0, 0),
    }
}

/// Makes what the program finds; None for a program that no freezer has made.  Files are unpacked into `scratch`.
pub fn bundle(program: &Program, scratch: Option<&Path>) -> anyhow::Result<Option<Bundle>> {
    let kind = program.contents.kind;
    if matches!(kind, Kind::Pyc | Kind::Source | Kind::Marshal) {
        return Ok(None);
    }
    let file = std::path::absolute(&program.file)?;
    let archive = program.library.as_ref().unwrap_or(&program.file);
    let executable = Some(text(file.as_os_str().as_bytes())?);
    let first = |path: &Path| text(path.as_os_str().as_bytes()).map(Some);
    // What a freezer has made names its archive by a whole path, which holds after a change of folder.
    let whole = std::path::absolute(archive)?;
    Ok(Some(match kind {
        Kind::PyInstaller | Kind::Pyz => {
            let folder = match scratch.filter(|_| is_unpacked(&program.contents)) {
                Some(scratch) => {
                    let folder = scratch.join(UNPACKED);
                    unpack(&program.contents.files, &folder)?;
                    folder
                }
                None => file.parent().map(Path::to_owned).unwrap_or_default(),
            };
            let unpacked = Some(text(folder.as_os_str().as_bytes())?);
            let modules = modules(&program.contents, &folder)?;
            Bundle {
                modules,
                unpacked: unpacked.clone(),
                frozen: Some(CString::default()),
                executable,
                first: unpacked,
            }
        }
        Kind::Py2exe => {
            let frozen: &[u8] = if program.is_gui { b"windows_exe" } else { b"console_exe" };
            Bundle {
                modules: vec![stand_in(MEMORY_IMPORTER)?],
                frozen: Some(text(frozen)?),
                executable,
                first: first(&whole)?,
                ..Bundle::default()
            }
        }
        Kind::CxFreeze | Kind::BbFreeze => {
            Bundle { frozen: Some(CString::default()), executable, first: first(&whole)?, ..Bundle::default() }
        }
        _ => Bundle { first: first(archive)?, ..Bundle::default() },
    }))
}

/// The library's code objects of which the program may have copies, as it has modules of the same names; None if there are none.  Beside
/// the archive of cx_Freeze there are more.
pub fn copies(contents: &Contents) -> Option<Copies> {
    let names: HashSet<&[u8]> = contents.modules.iter().map(|module| &module.name[..]).collect();
    let modules =
        library::modules_named(|path| contents.kind == Kind::CxFreeze || names.contains(&module_of(path)[..]));
    let modules: Vec<_> = modules.filter_map(|module| library_code(&module)).collect();
    (!modules.is_empty()).then(|| Copies::of(&modules))
}

/// The module that a file of the library holds: `a/b.py` is a.b, `a/__init__.py` a.
fn module_of(path: &[u8]) -> Vec<u8> {
    let stem = path.strip_suffix(b".py").unwrap_or(path);
    let stem = stem.strip_suffix(b"/__init__").unwrap_or(stem);
    stem.iter().map(|byte| if *byte == b'/' { b'.' } else { *byte }).collect()
}

fn library_code(marshalled: &[u8]) -> Option<MarshalledCode> {
    match marshal::read(marshalled) {
        Ok((Object::Code(code), _)) => Some(*code),
        _ => None,
    }
}

/// The folders that the program looks in besides: cx_Freeze's, in which its archive lies.
pub fn folders(program: &Program) -> Vec<PathBuf> {
    let library = program.library.as_ref().filter(|_| program.contents.kind == Kind::CxFreeze);
    library.and_then(|library| library.parent()).map(Path::to_owned).into_iter().collect()
}

fn modules(contents: &Contents, folder: &Path) -> anyhow::Result<Vec<Module>> {
    let mut modules = Vec::new();
    for name in STAND_INS {
        modules.push(stand_in(name)?);
    }
    for module in contents.modules.iter().filter(|module| !module.name.contains(&0)) {
        let path = folder.join(OsStr::from_bytes(&dots_to_slashes(&module.name)));
        let (file, package) = match module.is_package {
            true => (path.join("__init__.pyc"), Some(text(path.as_os_str().as_bytes())?)),
            false => (PathBuf::from([path.as_os_str(), OsStr::new(".pyc")].join(OsStr::new(""))), None),
        };
        modules.push(Module {
            name: text(&module.name)?,
            shown: shown(&module.name)?,
            file: Some(text(file.as_os_str().as_bytes())?),
            folder: package,
            code: Some(module.code.marshalled().to_vec()),
        });
    }
    modules.extend(natives(contents, folder)?);
    Ok(modules)
}

/// The native modules: those that were unpacked, or what lies in the folder of an executable that has none.
fn natives(contents: &Contents, folder: &Path) -> anyhow::Result<Vec<Module>> {
    let names: Vec<Vec<u8>> = match is_unpacked(contents) {
        true => contents.files.iter().map(|file| file::safe_path(&file.name).into_os_string().into_vec()).collect(),
        false => {
            let entries = fs::read_dir(folder).into_iter().flatten().flatten();
            entries.map(|entry| entry.file_name().into_vec()).collect()
        }
    };
    let mut natives = Vec::new();
    for file in names {
        let Some(stem) = NATIVE.iter().find_map(|suffix| file.strip_suffix(*suffix)) else { continue };
        let name: Vec<u8> = stem.iter().map(|byte| if *byte == b'/' { b'.' } else { *byte }).collect();
        natives.push(Module {
            name: text(&name)?,
            shown: shown(&name)?,
            file: Some(text(folder.join(OsStr::from_bytes(&file)).as_os_str().as_bytes())?),
            folder: None,
            code: None,
        });
    }
    Ok(natives)
}

fn stand_in(name: &[u8]) -> anyhow::Result<Module> {
    Ok(Module { name: text(name)?, shown: text(name)?, file: None, folder: None, code: None })
}

fn dots_to_slashes(name: &[u8]) -> Vec<u8> {
    name.iter().map(|byte| if *byte == b'.' { b'/' } else { *byte }).collect()
}

fn shown(name: &[u8]) -> anyhow::Result<CString> {
    text(Printable::text(name).to_string().as_bytes())
}

fn text(bytes: &[u8]) -> anyhow::Result<CString> {
    CString::new(bytes).context("a name in the program's file holds a NUL byte")
}

/// Writes the files of an archive into a new folder.  The scratch folder is empty, and nothing else writes to it yet.
fn unpack(files: &[Member], folder: &Path) -> anyhow::Result<()> {
    fs::create_dir(folder).context("cannot unpack the program's files")?;
    for file in files {
        let path = folder.join(file::safe_path(&file.name));
        let cannot = || format!("cannot unpack {}", Printable::text(&file.name));
        if let Some(parent) = path.parent() {
            fs::create_dir_all(parent).with_context(cannot)?;
        }
        // Of two files with one name the first counts.
        if !path.exists() {
            fs::write(&path, &file.bytes).with_context(cannot)?;
        }
    }
    Ok(())
}
