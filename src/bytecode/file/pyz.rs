//! PYZ: PyInstaller's archive of modules, each compressed, and each encrypted if the bundle has a key.

use aes::Aes128;
use aes::cipher::KeyIvInit;
use cfb8::Decryptor;

use super::limit::{Limit, LimitError};
use super::{Asked, Code, Contents, FileError, Kind, Member, Module, candidate};
use crate::bytecode::decode::units;
use crate::bytecode::magic::{self, MAGIC};
use crate::bytecode::marshal;
use crate::bytecode::object::Object;
use crate::bytecode::opcode::op;

const WHAT: &str = "the PYZ archive";
const BEGINNING: &[u8] = b"PYZ\0";
/// Bytes of a key, and of what stands before each member that is encrypted with it.
const BLOCK: usize = 16;

/// Kinds of members.
const PACKAGE: i64 = 1;
const DATA: i64 = 2;
const NAMESPACE: i64 = 3;

/// Reads an archive that is a file of its own; None if it is none.
pub fn read_alone(bytes: &[u8], asked: &Asked, limit: &mut Limit) -> Result<Option<Contents>, FileError> {
    if !bytes.starts_with(BEGINNING) {
        return Ok(None);
    }
    let mut contents = Contents::new(Kind::Pyz);
    read(bytes, b"", None, &mut contents, limit)?;
    if let Some(member) = &asked.member {
        let stem = member.strip_suffix(b".pyc").unwrap_or(member);
        let module = contents.modules.iter().find(|module| module.name == stem);
        let module = module.ok_or_else(|| FileError::NoMember(member.clone()))?;
        let program = super::Program::Code(module.code.clone());
        contents.entries = vec![super::Entry { name: module.name.clone(), program }];
    }
    Ok(Some(contents))
}

/// Adds the modules of an archive; `key` is what the bundle has.
pub fn read(
    bytes: &[u8],
    name: &[u8],
    key: Option<&[u8]>,
    contents: &mut Contents,
    limit: &mut Limit,
) -> Result<(), FileError> {
    let damaged = |why: &str| FileError::Damaged { what: WHAT, why: why.to_owned() };
    if !bytes.starts_with(BEGINNING) {
        contents.files.push(Member { name: name.to_vec(), bytes: bytes.to_vec() });
        return Ok(());
    }
    let number = |place: usize| bytes.get(place..).and_then(|rest| rest.first_chunk::<4>());
    let [Some(magic), Some(table)] = [4, 8].map(number) else { return Err(damaged("it ends too early")) };
    let magic = u16::from_le_bytes([magic[0], magic[1]]);
    if let Some(python) = magic::python_of(magic).filter(|_| magic != MAGIC) {
        return Err(FileError::OtherPython { what: WHAT, python: python.to_owned() });
    }
    let table =
        bytes.get(u32::from_be_bytes(*table) as usize..).ok_or_else(|| damaged("its table lies outside of it"))?;
    let rows = rows(table).ok_or_else(|| damaged("its table of contents is none"))?;
    let key = key.map(padded);
    let mut encrypted = 0u64;
    for row in rows {
        let failed = |error| FileError::of_member(WHAT, &row.name, error);
        limit.member().map_err(failed)?;
        let outside = || failed(LimitError::Damaged("it lies outside of the archive".into()));
        let data = row.at.checked_add(row.length).and_then(|end| bytes.get(row.at..end)).ok_or_else(outside)?;
        let unpacked = match limit.inflate(data, true, None) {
            Err(LimitError::Damaged(why)) => match decrypted(data, key.as_ref()) {
                Some(plain) => {
                    encrypted += 1;
                    limit.inflate(&plain, true, None)
                }
                None => Err(LimitError::Damaged(why)),
            },
            unpacked => unpacked,
        };
        let bytes = unpacked.map_err(failed)?;
        match candidate::in_container(bytes) {
            Ok(code) if row.kind != DATA => contents.modules.push(row.module(code)),
            Ok(Code { bytes, .. }) | Err(bytes) => contents.files.push(Member { name: row.name, bytes }),
        }
    }
    if encrypted > 0 {
        contents.guesses.push(format!("{encrypted} of its modules decrypted with its own key"));
    }
    Ok(())
}

struct Row {
    name: Vec<u8>,
    kind: i64,
    at: usize,
    length: usize,
}

impl Row {
    fn module(self, code: Code) -> Module {
        Module { name: self.name, is_package: matches!(self.kind, PACKAGE | NAMESPACE), code }
    }
}

/// Reads a table: of pairs, or a dict, of a name and a tuple of kind, place and length.
fn rows(table: &[u8]) -> Option<Vec<Row>> {
    let (table, _) = marshal::read(table).ok()?;
    let pairs: Vec<(&Object, &Object)> = match &table {
        Object::Dict(items) => items.chunks_exact(2).map(|pair| (&pair[0], &pair[1])).collect(),
        Object::List(items) | Object::Tuple(items) => items
            .iter()
            .map(|pair| match pair.items() {
                Some([name, place]) => Some((name, place)),
                _ => None,
            })
            .collect::<Option<_>>()?,
        _ => return None,
    };
    let row = |(name, place): (&Object, &Object)| {
        let Object::Str(name) = name else { return None };
        let [kind, at, length] = place.items()? else { return None };
        let number = |object: &Object| match object {
            Object::Int(number) => Some(*number),
            Object::Bool(set) => Some((*set).into()),
            _ => None,
        };
        let (at, length) = (usize::try_from(number(at)?).ok()?, usize::try_from(number(length)?).ok()?);
        Some(Row { name: name.to_vec(), kind: number(kind)?, at, length })
    };
    pairs.into_iter().map(row).collect()
}

/// Returns the key that a bundle's module for it assigns to the name `key`.
pub fn key(module: &[u8], code: &Code) -> Option<Vec<u8>> {
    if !matches!(module, b"pyimod00_crypto_key" | b"pyi_crypto_key") {
        return None;
    }
    let code = code.read()?;
    let mut constant = None;
    for unit in units(&code.bytes, 0) {
        let operand = usize::try_from(unit.last.operand?).ok()?;
        match unit.last.opcode {
            op::LOAD_CONST => constant = code.constants.get(operand),
            op::STORE_NAME if code.names.get(operand).is_some_and(|name| **name == *b"key") => {
                return match constant {
                    Some(Object::Str(key)) => Some(key.to_vec()),
                    _ => None,
                };
            }
            _ => {}
        }
    }
    None
}

/// Makes a key as long as the cipher's: cut, or with zeros before it as str.zfill puts them, which leaves a sign in front.
fn padded(key: &[u8]) -> [u8; BLOCK] {
    let mut block = [b'0'; BLOCK];
    match key.len() {
        BLOCK.. => block.copy_from_slice(&key[..BLOCK]),
        length => {
            block[BLOCK - length..].copy_from_slice(key);
            if let Some(sign @ (b'+' | b'-')) = key.first() {
                block[BLOCK - length] = b'0';
                block[0] = *sign;
            }
        }
    }
    block
}

/// Decrypts a member: AES in CFB mode with segments of 8 bits, as PyCrypto's MODE_CFB.
fn decrypted(data: &[u8], key: Option<&[u8; BLOCK]>) -> Option<Vec<u8>> {
    let (vector, data) = data.split_first_chunk::<BLOCK>()?;
    let mut plain = data.to_vec();
    Decryptor::<Aes128>::new(key?.into(), vector.into()).decrypt(&mut plain);
    Some(plain)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_are_padded_as_zfill_does() {
        assert_eq!(&padded(b"sesame"), b"0000000000sesame");
        assert_eq!(&padded(b"-1"), b"-000000000000001");
        assert_eq!(&padded(b""), b"0000000000000000");
        assert_eq!(&padded(b"0123456789abcdefXYZ"), b"0123456789abcdef");
    }

    #[test]
    fn a_known_text_is_decrypted() {
        // NIST SP 800-38A, F.3.7: CFB8-AES128.
        let key = [0x2b, 0x7e, 0x15, 0x16, 0x28, 0xae, 0xd2, 0xa6, 0xab, 0xf7, 0x15, 0x88, 0x09, 0xcf, 0x4f, 0x3c];
        let vector: Vec<u8> = (0..16).collect();
        let text = [0x3b, 0x79, 0x42, 0x4c, 0x9c, 0x0d, 0xd4, 0x36, 0xba, 0xce, 0x9e, 0x0e, 0xd4, 0x58, 0x6a, 0x4f];
        let plain = [0x6b, 0xc1, 0xbe, 0xe2, 0x2e, 0x40, 0x9f, 0x96, 0xe9, 0x3d, 0x7e, 0x11, 0x73, 0x93, 0x17, 0x2a];
        let data = [&vector[..], &text].concat();
        assert_eq!(decrypted(&data, Some(&key)), Some(plain.to_vec()));
    }
}
