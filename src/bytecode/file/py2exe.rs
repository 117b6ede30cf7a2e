//! What py2exe makes: a resource PYTHONSCRIPT with the scripts, alone or in an executable, and a zip of modules, in a file beside it or at
//! the executable's end.

use super::limit::Limit;
use super::{Asked, Contents, Entry, FileError, Kind, Program, candidate, executable, zip};
use crate::bytecode::marshal;

const WHAT: &str = "py2exe's resource PYTHONSCRIPT";
const RESOURCE: &str = "PYTHONSCRIPT";
/// How the resource begins: a number, two flags, and the length of the marshal data.
const BEGINNING: &[u8] = b"\x12\x34\x56\x78";
const HEADER: usize = 16;

/// Reads the resource and the zip after it; None if the file has no such resource and is none.
pub fn read(bytes: &[u8], asked: &Asked, limit: &mut Limit) -> Result<Option<Contents>, FileError> {
    let resource = match bytes.starts_with(BEGINNING) {
        true => Some(bytes),
        false => executable::resource(bytes, RESOURCE),
    };
    let Some(resource) = resource else { return Ok(None) };
    let mut contents = scripts(resource, limit)?;
    if bytes.starts_with(b"MZ")
        && let Some(modules) = zip::read(bytes, &Asked { member: None, ..asked.clone() }, limit)?
    {
        (contents.modules, contents.files) = (modules.modules, modules.files);
    }
    if let Some(member) = &asked.member {
        let found = contents.entries.iter().find(|entry| &entry.name == member).cloned();
        contents.entries = vec![found.ok_or_else(|| FileError::NoMember(member.clone()))?];
    }
    Ok(Some(contents))
}

fn scripts(resource: &[u8], limit: &mut Limit) -> Result<Contents, FileError> {
    let damaged = |why: &str| FileError::Damaged { what: WHAT, why: why.to_owned() };
    let rest = resource.get(HEADER..).ok_or_else(|| damaged("it ends in its header"))?;
    if !resource.starts_with(BEGINNING) {
        return Err(damaged("it does not begin with 12 34 56 78"));
    }
    let end = rest.iter().position(|byte| *byte == 0).ok_or_else(|| damaged("the name of its archive has no end"))?;
    let length = resource[12..HEADER].first_chunk().map_or(0, |four| u32::from_le_bytes(*four));
    let data = &rest[end + 1..];
    let data = data.get(..length as usize).ok_or_else(|| damaged("it ends before its scripts do"))?;
    let (object, _) = marshal::read(data).map_err(|error| damaged(&error.to_string()))?;
    let codes = candidate::codes_in(&object, None, limit)?.ok_or_else(|| damaged("it holds no code objects"))?;
    let mut contents = Contents::new(Kind::Py2exe);
    if codes.len() > 1 {
        contents.guesses.push("its scripts run in turn".into());
    }
    contents.library = Some(rest[..end].to_vec());
    let name = |code: &super::Code| code.read().map(|code| code.filename.to_vec()).unwrap_or_default();
    contents.entries =
        codes.into_iter().map(|code| Entry { name: name(&code), program: Program::Code(code) }).collect();
    Ok(contents)
}
