//! Writes archives of every kind that bctrace reads.

use std::io::Write;

use aes::Aes128;
use aes::cipher::KeyIvInit;
use cfb8::Encryptor;
use flate2::Compression;
use flate2::write::{DeflateEncoder, ZlibEncoder};

pub fn zlib(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = ZlibEncoder::new(Vec::new(), Compression::default());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

pub fn base64(bytes: &[u8]) -> Vec<u8> {
    const DIGITS: &[u8] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut text = Vec::new();
    for group in bytes.chunks(3) {
        let bits = group.iter().fold(0u32, |bits, byte| bits << 8 | u32::from(*byte)) << (8 * (3 - group.len()));
        for place in 0..4 {
            let digit = DIGITS[(bits >> (18 - 6 * place) & 63) as usize];
            text.push(if place > group.len() { b'=' } else { digit });
        }
        if text.len() % 77 == 76 {
            text.push(b'\n');
        }
    }
    text
}

/// A list or tuple, as `kind` says, of marshalled objects.
pub fn container(kind: u8, items: &[&[u8]]) -> Vec<u8> {
    [&[kind], &(items.len() as u32).to_le_bytes()[..], &items.concat()].concat()
}

fn string(bytes: &[u8]) -> Vec<u8> {
    [b"s", &(bytes.len() as u32).to_le_bytes()[..], bytes].concat()
}

fn int(value: usize) -> Vec<u8> {
    [b"i", &(value as u32).to_le_bytes()[..]].concat()
}

// -- PyInstaller ---------------------------------------------------------------------------------------------------------------

/// A row of a CArchive.
pub struct Row<'a> {
    pub kind: u8,
    pub name: &'a str,
    pub bytes: Vec<u8>,
}

pub fn row(kind: u8, name: &str, bytes: Vec<u8>) -> Row<'_> {
    Row { kind, name, bytes }
}

/// A CArchive with a cookie of 88 or 24 bytes, for a Python as 27.
pub fn pyinstaller(rows: &[Row], cookie: usize, python: u32) -> Vec<u8> {
    let (mut data, mut table) = (Vec::new(), Vec::new());
    for row in rows {
        let packed = if row.kind == b'z' { row.bytes.clone() } else { zlib(&row.bytes) };
        push_row(&mut table, row, data.len(), packed.len(), row.bytes.len());
        data.extend_from_slice(&packed);
    }
    with_table(data, table, cookie, python)
}

pub fn push_row(table: &mut Vec<u8>, row: &Row, at: usize, packed: usize, size: usize) {
    let name = [row.name.as_bytes(), b"\0"].concat();
    for number in [18 + name.len(), at, packed, size] {
        table.extend_from_slice(&(number as u32).to_be_bytes());
    }
    table.extend_from_slice(&[u8::from(row.kind != b'z'), row.kind]);
    table.extend_from_slice(&name);
}

pub fn with_table(mut archive: Vec<u8>, table: Vec<u8>, cookie: usize, python: u32) -> Vec<u8> {
    let (place, length) = (archive.len(), archive.len() + table.len() + cookie);
    archive.extend_from_slice(&table);
    archive.extend_from_slice(b"MEI\x0c\x0b\x0a\x0b\x0e");
    for number in [length as u32, place as u32, table.len() as u32, python] {
        archive.extend_from_slice(&number.to_be_bytes());
    }
    if cookie == 88 {
        let mut name = b"libpython2.7.so.1.0".to_vec();
        name.resize(64, 0);
        archive.extend_from_slice(&name);
    }
    archive
}

/// A PYZ of modules (name, kind, marshalled code), encrypted if there is a key of 16 bytes; its table is a list or a dict.
pub fn pyz(modules: &[(&str, usize, Vec<u8>)], key: Option<&[u8; 16]>, is_dict: bool) -> Vec<u8> {
    let mut archive = b"PYZ\0\x03\xf3\r\n\0\0\0\0\0\0\0\0\0".to_vec();
    let mut rows = Vec::new();
    for (name, kind, code) in modules {
        let mut packed = zlib(code);
        if let Some(key) = key {
            let vector = [7; 16];
            Encryptor::<Aes128>::new(key.into(), &vector.into()).encrypt(&mut packed);
            packed = [&vector[..], &packed].concat();
        }
        let place = container(b'(', &[&int(*kind), &int(archive.len()), &int(packed.len())]);
        rows.push(match is_dict {
            true => [string(name.as_bytes()), place].concat(),
            false => container(b'(', &[&string(name.as_bytes()), &place]),
        });
        archive.extend_from_slice(&packed);
    }
    let place = archive.len() as u32;
    archive[8..12].copy_from_slice(&place.to_be_bytes());
    let rows: Vec<&[u8]> = rows.iter().map(Vec::as_slice).collect();
    let table = if is_dict { [b"{", &rows.concat()[..], b"0"].concat() } else { container(b'[', &rows) };
    archive.extend_from_slice(&table);
    archive
}

// -- Zip -----------------------------------------------------------------------------------------------------------------------

/// A zip with these members, every second one compressed.
pub fn zip(members: &[(&str, &[u8])]) -> Vec<u8> {
    let (mut archive, mut directory) = (Vec::new(), Vec::new());
    for (number, (name, bytes)) in members.iter().enumerate() {
        let is_packed = number % 2 == 1;
        let mut packed = DeflateEncoder::new(Vec::new(), Compression::default());
        packed.write_all(bytes).unwrap();
        let packed = if is_packed { packed.finish().unwrap() } else { bytes.to_vec() };
        let mut fields = vec![20, 0, 0, 0, if is_packed { 8 } else { 0 }, 0, 0, 0, 0x21, 0x42];
        for number in [crc32fast::hash(bytes), packed.len() as u32, bytes.len() as u32] {
            fields.extend_from_slice(&number.to_le_bytes());
        }
        fields.extend_from_slice(&(name.len() as u16).to_le_bytes());
        fields.extend_from_slice(&[0, 0]);
        directory.extend_from_slice(b"PK\x01\x02\x14\0");
        directory.extend_from_slice(&fields);
        directory.extend_from_slice(&[0; 10]);
        directory.extend_from_slice(&(archive.len() as u32).to_le_bytes());
        directory.extend_from_slice(name.as_bytes());
        archive.extend_from_slice(b"PK\x03\x04");
        archive.extend_from_slice(&fields);
        archive.extend_from_slice(name.as_bytes());
        archive.extend_from_slice(&packed);
    }
    let (place, count) = (archive.len() as u32, (members.len() as u16).to_le_bytes());
    archive.extend_from_slice(&directory);
    archive.extend_from_slice(b"PK\x05\x06\0\0\0\0");
    archive.extend_from_slice(&[count, count].concat());
    archive.extend_from_slice(&(directory.len() as u32).to_le_bytes());
    archive.extend_from_slice(&place.to_le_bytes());
    archive.extend_from_slice(&[0, 0]);
    archive
}

// -- py2exe --------------------------------------------------------------------------------------------------------------------

/// The resource PYTHONSCRIPT with these code objects.
pub fn pythonscript(library: &str, codes: &[&[u8]]) -> Vec<u8> {
    let codes = container(b'[', codes);
    let mut resource = b"\x12\x34\x56\x78\0\0\0\0\0\0\0\0".to_vec();
    resource.extend_from_slice(&(codes.len() as u32).to_le_bytes());
    resource.extend_from_slice(library.as_bytes());
    resource.push(0);
    [&resource[..], &codes, b"\0\0"].concat()
}

/// A 32-bit executable for Windows with one resource, of the named type.
pub fn pe(kind: &str, resource: &[u8], is_gui: bool) -> Vec<u8> {
    const ADDRESS: u32 = 0x1000;
    const PLACE: usize = 0x200;
    let name: Vec<u8> = kind.encode_utf16().flat_map(u16::to_le_bytes).collect();
    let mut tree = Vec::new();
    let table = |tree: &mut Vec<u8>, named: u16, ids: u16, key: u32, below: u32| {
        tree.extend_from_slice(&[0; 12]);
        tree.extend_from_slice(&[named.to_le_bytes(), ids.to_le_bytes()].concat());
        tree.extend_from_slice(&[key.to_le_bytes(), below.to_le_bytes()].concat());
    };
    // Three tables of 24 bytes, the entry of 16, the name, the data.
    table(&mut tree, 1, 0, 88 | 1 << 31, 24 | 1 << 31);
    table(&mut tree, 0, 1, 1, 48 | 1 << 31);
    table(&mut tree, 0, 1, 0, 72);
    let data = 90 + name.len() as u32;
    for number in [ADDRESS + data, resource.len() as u32, 0, 0] {
        tree.extend_from_slice(&number.to_le_bytes());
    }
    tree.extend_from_slice(&(kind.len() as u16).to_le_bytes());
    tree.extend_from_slice(&name);
    tree.extend_from_slice(resource);
    let mut file = b"MZ".to_vec();
    file.resize(60, 0);
    file.extend_from_slice(&64u32.to_le_bytes());
    file.extend_from_slice(b"PE\0\0\x4c\x01\x01\0");
    file.extend_from_slice(&[0; 12]);
    file.extend_from_slice(&[224, 0, 2, 1]);
    let mut optional = vec![0; 224];
    optional[..2].copy_from_slice(&[0x0b, 0x01]);
    optional[68] = if is_gui { 2 } else { 3 };
    optional[92] = 16;
    optional[112..116].copy_from_slice(&ADDRESS.to_le_bytes());
    optional[116..120].copy_from_slice(&(tree.len() as u32).to_le_bytes());
    file.extend_from_slice(&optional);
    file.extend_from_slice(b".rsrc\0\0\0");
    for number in [tree.len() as u32, ADDRESS, tree.len() as u32, PLACE as u32, 0, 0, 0, 0x4000_0040] {
        file.extend_from_slice(&number.to_le_bytes());
    }
    file.resize(PLACE, 0);
    file.extend_from_slice(&tree);
    file
}
