//! libffi, which _ctypes calls C functions with, from CPython's own tree: its files as data, and the two headers that its configure
//! would write. On 64-bit Linux their content is known, so the configure, which takes as long as CPython's, does not run.

use std::fmt::Write;
use std::fs;
use std::path::Path;

use super::problem::Problem;

/// What differs between machines.
struct Machine {
    /// libffi's own name.
    target: &'static str,
    /// Those of _ctypes and of libffi, relative to Modules/.
    sources: &'static [&'static str],
    /// The folders of ffi.h and of ffitarget.h, relative to the tree.
    includes: &'static [&'static str],
}

#[cfg(target_arch = "x86_64")]
const MACHINE: Machine = Machine {
    target: "X86_64",
    sources: &[
        "_ctypes/_ctypes.c",
        "_ctypes/callbacks.c",
        "_ctypes/callproc.c",
        "_ctypes/stgdict.c",
        "_ctypes/cfield.c",
        "_ctypes/libffi/src/prep_cif.c",
        "_ctypes/libffi/src/closures.c",
        "_ctypes/libffi/src/x86/ffi.c",
        "_ctypes/libffi/src/x86/ffi64.c",
        "_ctypes/libffi/src/x86/sysv.S",
        "_ctypes/libffi/src/x86/unix64.S",
    ],
    includes: &["Modules/_ctypes/libffi/include", "Modules/_ctypes/libffi/src/x86"],
};

#[cfg(target_arch = "aarch64")]
const MACHINE: Machine = Machine {
    target: "AARCH64",
    sources: &[
        "_ctypes/_ctypes.c",
        "_ctypes/callbacks.c",
        "_ctypes/callproc.c",
        "_ctypes/stgdict.c",
        "_ctypes/cfield.c",
        "_ctypes/libffi/src/prep_cif.c",
        "_ctypes/libffi/src/closures.c",
        "_ctypes/libffi/src/aarch64/ffi.c",
        "_ctypes/libffi/src/aarch64/sysv.S",
    ],
    includes: &["Modules/_ctypes/libffi/include", "Modules/_ctypes/libffi/src/aarch64"],
};

#[cfg(not(any(target_arch = "x86_64", target_arch = "aarch64")))]
compile_error!(
    "bctrace is built for x86_64 and aarch64: say in build/libffi.rs which files libffi has for this machine"
);

/// The C and assembler files of _ctypes and libffi, relative to Modules/.
pub const SOURCES: &[&str] = MACHINE.sources;

/// Where they find their headers, relative to the tree.
pub const INCLUDES: &[&str] = MACHINE.includes;

/// The place of libffi in the tree.
const FOLDER: &str = "Modules/_ctypes/libffi";

/// What libffi's configure finds with gcc and clang on 64-bit Linux. Both assemblers know all of these.
const CONFIG: [(&str, &str); 21] = [
    ("EH_FRAME_FLAGS", "\"a\""),
    ("HAVE_ALLOCA", "1"),
    ("HAVE_ALLOCA_H", "1"),
    ("HAVE_AS_ASCII_PSEUDO_OP", "1"),
    ("HAVE_AS_CFI_PSEUDO_OP", "1"),
    ("HAVE_AS_STRING_PSEUDO_OP", "1"),
    ("HAVE_AS_X86_64_UNWIND_SECTION_TYPE", "1"),
    ("HAVE_AS_X86_PCREL", "1"),
    ("HAVE_HIDDEN_VISIBILITY_ATTRIBUTE", "1"),
    ("HAVE_INTTYPES_H", "1"),
    ("HAVE_LONG_DOUBLE", "1"),
    ("HAVE_MEMCPY", "1"),
    ("HAVE_MMAP", "1"),
    ("HAVE_MMAP_ANON", "1"),
    ("HAVE_MMAP_FILE", "1"),
    ("HAVE_RO_EH_FRAME", "1"),
    ("HAVE_STDINT_H", "1"),
    ("SIZEOF_DOUBLE", "8"),
    ("SIZEOF_LONG_DOUBLE", "16"),
    ("SIZEOF_SIZE_T", "8"),
    ("STDC_HEADERS", "1"),
];

/// Writes libffi's ffi.h and fficonfig.h into the tree.
pub fn write_headers(tree: &Path) -> Result<(), Problem> {
    let cannot = "prepare libffi for _ctypes";
    let folder = tree.join(FOLDER).join("include");
    let template = folder.join("ffi.h.in");
    let text = fs::read_to_string(&template).map_err(|error| Problem::io(cannot, &template, &error))?;
    for (name, text) in [("ffi.h", filled_in(&text)), ("fficonfig.h", config())] {
        let path = folder.join(name);
        fs::write(&path, text).map_err(|error| Problem::io(cannot, &path, &error))?;
    }
    Ok(())
}

/// Returns ffi.h.in with its placeholders replaced.
pub fn filled_in(template: &str) -> String {
    let values = [
        ("@VERSION@", "3.1"),
        ("@TARGET@", MACHINE.target),
        ("@HAVE_LONG_DOUBLE@", "1"),
        ("@FFI_EXEC_TRAMPOLINE_TABLE@", "0"),
    ];
    values.iter().fold(template.to_string(), |text, (name, value)| text.replace(name, value))
}

fn config() -> String {
    let mut text = String::new();
    for (name, value) in CONFIG {
        let _ = writeln!(text, "#define {name} {value}");
    }
    // The hiding of a symbol, for C and for assembler.
    text + "#ifdef LIBFFI_ASM\n#define FFI_HIDDEN(name) .hidden name\n#else\n\
            #define FFI_HIDDEN __attribute__((visibility(\"hidden\")))\n#endif\n"
}
