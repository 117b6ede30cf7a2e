//! Zip archives, alone or at the end of an executable: programs and eggs for Python itself, and those that cx_Freeze and bbfreeze make.

use rawzip::{CompressionMethod, ZipArchive};

use super::candidate;
use super::limit::{Limit, LimitError};
use super::{Asked, Contents, Entry, FileError, Kind, Member, Module, Program};
use crate::bytecode::magic;

const WHAT: &str = "the zip archive";
const PYTHON_3: std::ops::RangeInclusive<u16> = 3000..=4999;

/// Reads an archive; None if there is none.
pub fn read(bytes: &[u8], asked: &Asked, limit: &mut Limit) -> Result<Option<Contents>, FileError> {
    let Some(members) = members(bytes, limit)? else { return Ok(None) };
    let mut contents = sorted(members)?;
    match &asked.member {
        Some(member) => choose(&mut contents, member)?,
        None => find_entry(&mut contents, asked),
    }
    Ok(Some(contents))
}

/// Unpacks the members; None if there is no archive.
pub fn members(bytes: &[u8], limit: &mut Limit) -> Result<Option<Vec<Member>>, FileError> {
    let Ok(archive) = ZipArchive::from_slice(bytes) else { return Ok(None) };
    let damaged = |error: rawzip::Error| FileError::Damaged { what: WHAT, why: error.to_string() };
    let mut members = Vec::new();
    let mut entries = archive.entries();
    while let Some(header) = entries.next_entry().map_err(damaged)? {
        let name = header.file_path().as_bytes().to_vec();
        let failed = |error| FileError::of_member(WHAT, &name, error);
        limit.member().map_err(failed)?;
        if header.is_dir() {
            continue;
        }
        let of_member = |why: String| failed(LimitError::Damaged(why));
        if header.flags().is_encrypted() {
            return Err(of_member("it is encrypted".into()));
        }
        let entry = archive.get_entry(header.wayfinder()).map_err(|error| of_member(error.to_string()))?;
        let size = header.uncompressed_size_hint();
        let unpacked = match header.compression_method() {
            CompressionMethod::STORE if entry.data().len() as u64 == size => limit.copy(entry.data()),
            CompressionMethod::STORE => Err(LimitError::Damaged("its sizes contradict each other".into())),
            CompressionMethod::DEFLATE => limit.inflate(entry.data(), false, Some(size)),
            _ => Err(LimitError::Damaged("its compression is none that Python 2.7 knows".into())),
        };
        let bytes = unpacked.map_err(failed)?;
        if crc32fast::hash(&bytes) != header.crc32() {
            return Err(of_member("its checksum is wrong".into()));
        }
        members.push(Member { name, bytes });
    }
    Ok(Some(members))
}

/// Parts modules from other files.
fn sorted(members: Vec<Member>) -> Result<Contents, FileError> {
    let mut contents = Contents::new(Kind::Zip);
    let mut other = None;
    for member in members {
        let Some((name, is_package)) = module_name(&member.name) else {
            contents.files.push(member);
            continue;
        };
        match candidate::in_container(member.bytes) {
            Ok(code) => contents.modules.push(Module { name, is_package, code }),
            Err(bytes) => {
                other = other.or(candidate::magic_of(&bytes).filter(|magic| PYTHON_3.contains(magic)));
                contents.files.push(Member { name: member.name, bytes });
            }
        }
    }
    match other.and_then(magic::python_of) {
        Some(python) if contents.modules.is_empty() => {
            Err(FileError::OtherPython { what: "the code in the zip archive", python: python.to_owned() })
        }
        _ => Ok(contents),
    }
}

/// The module that a compiled member is: `a/b.pyc` is a.b, `a/__init__.pyc` the package a.
fn module_name(path: &[u8]) -> Option<(Vec<u8>, bool)> {
    let stem = path.strip_suffix(b".pyc").or_else(|| path.strip_suffix(b".pyo"))?;
    let (stem, is_package) = match stem.strip_suffix(b"/__init__") {
        Some(package) => (package, true),
        None => (stem, false),
    };
    Some((stem.iter().map(|byte| if *byte == b'/' { b'.' } else { *byte }).collect(), is_package))
}

/// Has a member be the program.
fn choose(contents: &mut Contents, member: &[u8]) -> Result<(), FileError> {
    let is_named = |module: &&Module| {
        module_name(member).is_some_and(|(name, package)| (&name, package) == (&module.name, module.is_package))
    };
    if let Some(module) = contents.modules.iter().find(is_named) {
        let program = Program::Code(module.code.clone());
        contents.entries = vec![Entry { name: member.to_vec(), program }];
        return Ok(());
    }
    let file = contents.files.iter().find(|file| file.name == member);
    let file = file.ok_or_else(|| FileError::NoMember(member.to_vec()))?;
    if !member.ends_with(b".py") {
        return Err(FileError::NoProgram(member.to_vec()));
    }
    contents.entries = vec![Entry { name: member.to_vec(), program: Program::Source(file.bytes.clone()) }];
    Ok(())
}

/// Finds what runs: `__main__`, or what the freezers call it.
fn find_entry(contents: &mut Contents, asked: &Asked) {
    let named = |name: &[u8]| contents.modules.iter().find(|module| module.name == name);
    let of = |module: &Module| (module.name.clone(), module.code.clone());
    // cx_Freeze has two modules for each executable, of which one only prepares the other.
    let with = |suffix: &[u8]| [&asked.stem[..], suffix].concat();
    let has_initializer = |module: &&Module| {
        let stem = module.name.strip_suffix(b"__main__").filter(|stem| !stem.is_empty());
        stem.is_some_and(|stem| named(&[stem, b"__init__"].concat()).is_some())
    };
    let mut frozen: Vec<&Module> = contents.modules.iter().filter(has_initializer).collect();
    frozen.sort_by_key(|module| module.name != with(b"__main__"));
    if let Some(first) = frozen.first() {
        let is_only = frozen.len() == 1;
        let (name, code) = of(first);
        if !is_only && name != with(b"__main__") {
            contents.guesses.push(format!("it has {} programs; name one as `ARCHIVE/NAME.pyc`", frozen.len()));
        }
        contents.kind = Kind::CxFreeze;
        contents.entries = vec![Entry { name, program: Program::Code(code) }];
        return;
    }
    // bbfreeze calls the first program __main__, and each other __main__NAME__; the first is often its own interpreter.
    let own = [&b"__main__"[..], &asked.stem, b"__"].concat();
    let mut others = contents.modules.iter().filter(|module| is_of_bbfreeze(&module.name));
    let kind = if others.clone().next().is_some() { Kind::BbFreeze } else { Kind::Zip };
    let only = others.next().filter(|_| others.next().is_none());
    let found = named(&own).or(only).or(named(b"__main__")).map(|module| (kind, module));
    if let Some((kind, module)) = found {
        let (name, code) = of(module);
        contents.kind = kind;
        contents.entries = vec![Entry { name, program: Program::Code(code) }];
    } else if let Some(file) = contents.files.iter().find(|file| file.name == b"__main__.py") {
        contents.entries = vec![Entry { name: file.name.clone(), program: Program::Source(file.bytes.clone()) }];
    }
}

/// Whether a module is a program of bbfreeze's.
fn is_of_bbfreeze(name: &[u8]) -> bool {
    let name = name.strip_prefix(b"__main__").and_then(|name| name.strip_suffix(b"__"));
    name.is_some_and(|name| !name.is_empty())
}
