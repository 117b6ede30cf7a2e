//! Translates the code objects that the VM makes of marshal data, and keeps their original bytes, which the program and the trace see.  See
//! cpython-2.7-patch/bctrace_remap.h.

use std::collections::HashMap;
use std::ffi::c_int;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::ffi;
use crate::bytecode::code::STDLIB_PREFIX;
use crate::bytecode::opmap::{Choice, OpMap, Tables, choose, translated};

/// What translates, once a map is set.
static TRANSLATOR: Mutex<Option<Translator>> = Mutex::new(None);

struct Translator {
    map: Arc<OpMap>,
    /// By the address of the code object, until that is freed.
    originals: HashMap<usize, Original>,
    /// The translation that was made last, and what it was made of.
    last: Option<(Vec<u8>, Original)>,
}

#[derive(Clone)]
struct Original {
    code: Arc<[u8]>,
    lnotab: Arc<[u8]>,
}

/// Has the VM translate from now on what it unmarshals.  To be called once, before the program is loaded.
pub fn set_map(map: &Arc<OpMap>) {
    *translator() = Some(Translator { map: Arc::clone(map), originals: HashMap::new(), last: None });
    let remap =
        ffi::bctrace_remap { translate: Some(translate), made: Some(made), original: Some(original), gone: Some(gone) };
    // SAFETY: no other thread of the interpreter runs yet, and the functions call nothing of Python.
    unsafe { ffi::bctrace_remap = remap };
}

/// The original code string of a code object that was translated, by its address; None for all others.
pub fn original_code(code: usize) -> Option<Arc<[u8]>> {
    translator().as_ref()?.originals.get(&code).map(|original| Arc::clone(&original.code))
}

/// The map that was set.
pub fn map() -> Option<Arc<OpMap>> {
    translator().as_ref().map(|translator| Arc::clone(&translator.map))
}

fn translator() -> MutexGuard<'static, Option<Translator>> {
    TRANSLATOR.lock().unwrap_or_else(PoisonError::into_inner)
}

/// # Safety
/// The bytes can be read for as long as the result is used.
unsafe fn slice<'a>(of: &ffi::bctrace_bytes) -> &'a [u8] {
    if of.bytes.is_null() {
        return &[];
    }
    // SAFETY: as the caller says.
    unsafe { std::slice::from_raw_parts(of.bytes, of.len) }
}

fn bytes(of: &[u8]) -> ffi::bctrace_bytes {
    ffi::bctrace_bytes { bytes: of.as_ptr(), len: of.len() }
}

extern "C" fn translate(
    parts: *const ffi::bctrace_code_parts,
    caller: *const ffi::_object,
    by_program: c_int,
    code_out: *mut ffi::bctrace_bytes,
    lnotab_out: *mut ffi::bctrace_bytes,
) -> c_int {
    // SAFETY: remap.c passes a struct of its own.
    let parts = unsafe { &*parts };
    // SAFETY: remap.c holds the string.
    let code = unsafe { slice(&parts.code) };
    // SAFETY: as above.
    let lnotab = unsafe { slice(&parts.lnotab) };
    // SAFETY: as above.
    let filename = unsafe { slice(&parts.filename) };
    let tables = Tables { constants: parts.constants, names: parts.names, locals: parts.locals, cells: parts.cells };
    let mut translator = translator();
    let Some(translator) = translator.as_mut() else { return 0 };
    if !translator.translate(code, lnotab, filename, &tables, (by_program != 0).then_some(caller as usize)) {
        return 0;
    }
    let Some((new_code, original)) = &translator.last else { return 0 };
    // SAFETY: remap.c passes room for each.
    unsafe { code_out.write(bytes(new_code)) };
    // SAFETY: as above.
    unsafe { lnotab_out.write(bytes(&original.lnotab)) };
    1
}

impl Translator {
    /// Translates a code object, for `caller` if a program asks for it; false if it stays as it is.
    fn translate(
        &mut self,
        code: &[u8],
        lnotab: &[u8],
        filename: &[u8],
        tables: &Tables,
        caller: Option<usize>,
    ) -> bool {
        let is_of_original = caller.is_none_or(|caller| self.originals.contains_key(&caller));
        if !is_of_original || filename.starts_with(STDLIB_PREFIX) {
            return false;
        }
        let Choice::Translate(sizes) = choose(&self.map, code, tables) else { return false };
        self.last = Some((translated(&self.map, sizes, code), Original { code: code.into(), lnotab: lnotab.into() }));
        true
    }
}

extern "C" fn made(code: *const ffi::_object) {
    if let Some(translator) = translator().as_mut()
        && let Some((_, original)) = translator.last.take()
    {
        translator.originals.insert(code as usize, original);
    }
}

extern "C" fn original(code: *const ffi::_object, part: c_int, out: *mut ffi::bctrace_bytes) -> c_int {
    let translator = translator();
    let Some(original) = translator.as_ref().and_then(|translator| translator.originals.get(&(code as usize))) else {
        return 0;
    };
    let part = if part == ffi::bctrace_shown_BCTRACE_SHOWN_CODE as c_int { &original.code } else { &original.lnotab };
    // SAFETY: remap.c passes room for it; the bytes live until `gone`, and the code object outlives the call.
    unsafe { out.write(bytes(part)) };
    1
}

extern "C" fn gone(code: *const ffi::_object) {
    if let Some(translator) = translator().as_mut() {
        translator.originals.remove(&(code as usize));
    }
}
