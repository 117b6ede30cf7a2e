//! What a frozen program brings along: modules in memory, native ones in a folder, and what it finds in sys.  The importer is C
//! (cpython-2.7-patch/bundle.c), so none of its work is bytecode.

use std::ffi::{CString, c_char};
use std::ptr;

use super::ffi;
use super::program::Interpreter;

/// A frozen program's surroundings.
#[derive(Clone, Debug, Default)]
pub struct Bundle {
    pub modules: Vec<Module>,
    /// sys._MEIPASS.
    pub unpacked: Option<CString>,
    /// sys.frozen; an empty text is True.
    pub frozen: Option<CString>,
    /// sys.executable.
    pub executable: Option<CString>,
    /// What sys.path begins with, in place of the program's folder.
    pub first: Option<CString>,
}

/// A module of a bundle.
#[derive(Clone, Debug)]
pub struct Module {
    /// As it is imported.
    pub name: CString,
    /// The name as messages show it.
    pub shown: CString,
    /// Its `__file__`; None for one that stands in for what only the bundle's executable has.
    pub file: Option<CString>,
    /// What its `__path__` has, if it is a package.
    pub folder: Option<CString>,
    /// The marshalled code, which was checked; None for a native module, which `file` is.
    pub code: Option<Vec<u8>>,
}

impl Bundle {
    /// Gives it to the interpreter.  To be called once, before the program runs.
    pub fn install(mut self, _: &Interpreter) {
        // The importer searches by halves.  Of two modules with one name the first counts.
        self.modules.sort_by(|one, other| one.name.cmp(&other.name));
        self.modules.dedup_by(|later, first| later.name == first.name);
        let pointer = |text: &Option<CString>| text.as_ref().map_or(ptr::null(), |text| text.as_ptr());
        let row = |module: &Module| ffi::vm_module {
            name: module.name.as_ptr(),
            shown: module.shown.as_ptr(),
            file: pointer(&module.file),
            folder: pointer(&module.folder),
            code: module.code.as_ref().map_or(ptr::null(), |code| code.as_ptr().cast::<c_char>()),
            len: module.code.as_ref().map_or(0, Vec::len),
        };
        let rows: Vec<ffi::vm_module> = self.modules.iter().map(row).collect();
        let bundle = ffi::vm_bundle {
            modules: rows.as_ptr(),
            count: rows.len(),
            unpacked: pointer(&self.unpacked),
            frozen: pointer(&self.frozen),
            executable: pointer(&self.executable),
            first: pointer(&self.first),
        };
        // SAFETY: the interpreter has started, on this thread, which holds the GIL; all that is pointed to is never freed, below.
        unsafe { ffi::vm_bundle(&bundle) };
        std::mem::forget((rows, self));
    }
}
