//! Reads every kind of file that holds programs of Python 2.7: .pyc files with odd headers, marshal data, encodings of both, archives, and
//! the executables that freezers make.  Returns plain data; who opens files, and who runs what is in them, is not its concern.
//! Everything in a file is hostile: nothing is believed before the bytes are there, and what unpacks is limited.

mod candidate;
mod encoded;
mod error;
mod executable;
mod judge;
mod limit;
mod name;
mod other;
mod py2exe;
mod pyinstaller;
mod pyz;
mod zip;

use std::ops::Range;

use super::marshal;
use super::object::{MarshalledCode, Object};
use super::pyc::{self, Pyc};
pub use error::FileError;
pub use executable::is_gui;
use limit::Limit;
pub use name::{printable_path, safe_path};

/// Files that are in each other, as a zlib stream in base64, at most.
const DEPTH: u32 = 4;

/// How a file is to be read.
#[derive(Clone, Debug, Default)]
pub struct Asked {
    /// Only a plain .pyc is accepted.
    pub is_strict: bool,
    /// Code that may be of another Python is accepted.
    pub is_forced: bool,
    /// The file's name ends as that of source does.
    pub is_named_source: bool,
    /// The member of an archive that is the program.
    pub member: Option<Vec<u8>>,
    /// The name of the file without folder and suffix, by which some archives choose what runs.
    pub stem: Vec<u8>,
}

/// What a file is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    Pyc,
    Source,
    /// Marshalled code without a .pyc's header, or with a part of one.
    Marshal,
    Zip,
    PyInstaller,
    /// The archive of modules alone that PyInstaller makes.
    Pyz,
    Py2exe,
    CxFreeze,
    BbFreeze,
}

impl Kind {
    /// What messages call it.
    pub fn name(self) -> &'static str {
        match self {
            Kind::Pyc => ".pyc",
            Kind::Source => "Python source",
            Kind::Marshal => "marshal data",
            Kind::Zip => "zip archive",
            Kind::PyInstaller => "PyInstaller archive",
            Kind::Pyz => "PYZ archive",
            Kind::Py2exe => "py2exe program",
            Kind::CxFreeze => "cx_Freeze archive",
            Kind::BbFreeze => "bbfreeze archive",
        }
    }

    /// The name with an article, if it takes one.
    pub fn phrase(self) -> String {
        match self {
            Kind::Source | Kind::Marshal => self.name().into(),
            _ => format!("a {}", self.name()),
        }
    }

    /// Returns whether the program's modules are in a zip that can stand on sys.path.
    pub fn is_zip(self) -> bool {
        matches!(self, Kind::Zip | Kind::CxFreeze | Kind::BbFreeze)
    }
}

/// What a file holds.
#[derive(Clone, Debug)]
pub struct Contents {
    pub kind: Kind,
    /// What runs, in this order, in one `__main__`.  Empty if nothing says what would.
    pub entries: Vec<Entry>,
    /// What can be imported.
    pub modules: Vec<Module>,
    pub files: Vec<Member>,
    /// What was guessed, each a clause.
    pub guesses: Vec<String>,
    /// The archive has files that its modules load, which the program expects in a folder (sys._MEIPASS).
    pub has_unpacked: bool,
    /// The zip that py2exe's program wants on sys.path; empty if that is the program itself.
    pub library: Option<Vec<u8>>,
}

/// A script.
#[derive(Clone, Debug)]
pub struct Entry {
    /// As the file has it.
    pub name: Vec<u8>,
    pub program: Program,
}

impl Entry {
    fn code(&self) -> Option<&Code> {
        match &self.program {
            Program::Code(code) => Some(code),
            Program::Source(_) => None,
        }
    }
}

/// A script's content.
#[derive(Clone, Debug)]
pub enum Program {
    Code(Code),
    /// To be compiled.
    Source(Vec<u8>),
}

/// A code object that was read and checked.
#[derive(Clone, Debug)]
pub struct Code {
    /// The bytes that were checked: those of a file, of which `marshal` is the marshal data.
    pub bytes: Vec<u8>,
    pub marshal: Range<usize>,
    /// Of the header before it, if there is one.
    pub magic: Option<u16>,
}

/// A module.
#[derive(Clone, Debug)]
pub struct Module {
    /// As it is imported, with dots.
    pub name: Vec<u8>,
    pub is_package: bool,
    pub code: Code,
}

/// Any other file.
#[derive(Clone, Debug)]
pub struct Member {
    /// As the archive has it: a path that can lead anywhere.
    pub name: Vec<u8>,
    pub bytes: Vec<u8>,
}

impl Contents {
    fn new(kind: Kind) -> Contents {
        Contents {
            kind,
            entries: Vec::new(),
            modules: Vec::new(),
            files: Vec::new(),
            guesses: Vec::new(),
            has_unpacked: false,
            library: None,
        }
    }

    fn of_code(kind: Kind, code: Code) -> Contents {
        let entries = vec![Entry { name: Vec::new(), program: Program::Code(code) }];
        Contents { entries, ..Contents::new(kind) }
    }

    /// Iterates over the code objects at the top: those of the scripts, then those of the modules, each with its name.
    pub fn codes(&self) -> impl Iterator<Item = (&[u8], &Code)> {
        let entries = self.entries.iter().filter_map(|entry| Some((&*entry.name, entry.code()?)));
        entries.chain(self.modules.iter().map(|module| (&*module.name, &module.code)))
    }

    /// Iterates over the code of the scripts.
    pub fn scripts(&self) -> impl Iterator<Item = &Code> {
        self.entries.iter().filter_map(Entry::code)
    }
}

impl Code {
    /// Makes it from a whole .pyc that was read.
    pub fn of_pyc(pyc: &Pyc, bytes: Vec<u8>) -> Code {
        let magic = candidate::magic_of(&bytes[..pyc.marshal.start]);
        Code { bytes, marshal: pyc.marshal.clone(), magic }
    }

    /// The marshalled code object.
    pub fn marshalled(&self) -> &[u8] {
        &self.bytes[self.marshal.clone()]
    }

    /// What comes after the code object in its file, if anything does.
    pub fn tail(&self) -> &[u8] {
        &self.bytes[self.marshal.end..]
    }

    /// Reads it once more; None if the bytes are no longer those that were checked.
    pub fn read(&self) -> Option<MarshalledCode> {
        match marshal::read(self.marshalled()) {
            Ok((Object::Code(code), _)) => Some(*code),
            _ => None,
        }
    }
}

/// Reads a file.
pub fn read(bytes: Vec<u8>, asked: &Asked) -> Result<Contents, FileError> {
    if asked.is_strict {
        let pyc = Pyc::read(&bytes)?;
        return Ok(Contents::of_code(Kind::Pyc, Code::of_pyc(&pyc, bytes)));
    }
    read_at(bytes, asked, &mut Limit::default(), 0)
}

/// Reads a file that is in as many others.
fn read_at(bytes: Vec<u8>, asked: &Asked, limit: &mut Limit, depth: u32) -> Result<Contents, FileError> {
    let plain = match Pyc::read(&bytes) {
        Ok(pyc) if asked.member.is_none() => {
            return Ok(Contents::of_code(Kind::Pyc, Code::of_pyc(&pyc, bytes)));
        }
        Ok(_) => return Err(FileError::NoArchive),
        Err(error) => error,
    };
    if asked.is_named_source && depth == 0 && pyc::is_source(&bytes) {
        let entries = vec![Entry { name: Vec::new(), program: Program::Source(bytes) }];
        return Ok(Contents { entries, ..Contents::new(Kind::Source) });
    }
    if let Some(contents) = pyinstaller::read(&bytes, asked, limit)? {
        return Ok(contents);
    }
    if let Some(contents) = pyz::read_alone(&bytes, asked, limit)? {
        return Ok(contents);
    }
    if let Some(contents) = py2exe::read(&bytes, asked, limit)? {
        return Ok(contents);
    }
    if let Some(contents) = zip::read(&bytes, asked, limit)? {
        return Ok(contents);
    }
    if asked.member.is_some() {
        return Err(FileError::NoArchive);
    }
    if let Some(contents) = candidate::read(&bytes, asked, limit)? {
        return Ok(contents);
    }
    if depth < DEPTH
        && let Some((encoding, decoded)) = encoded::decode(&bytes, limit)?
        && let Ok(mut contents) = read_at(decoded, asked, limit, depth + 1)
    {
        contents.guesses.insert(0, format!("decoded from {encoding}"));
        return Ok(contents);
    }
    Err(other::describe(&bytes).map_or(FileError::Pyc(plain), FileError::Other))
}
