//! The extension modules that are part of the binary, as data: name, C files below Modules/, and what they need to compile.

use std::fmt::Write;

use super::libffi;
use super::libraries::Library;

/// One extension module.
#[derive(Debug, Clone, Copy)]
pub struct Module {
    pub name: &'static str,
    /// Whether CPython's own build puts it into the interpreter; the others are shared objects there, in lib-dynload.
    pub is_built_in: bool,
    /// Relative to the tree's Modules/.
    pub sources: &'static [&'static str],
    /// Preprocessor definitions for these sources alone.
    pub defines: &'static [(&'static str, &'static str)],
    /// Include folders relative to the tree, before the common ones.
    pub includes: &'static [&'static str],
    /// The C library that the sources call, where it is not CPython's own, by its name in `libraries`.
    pub library: Option<&'static str>,
    /// The function that the interpreter calls for an import; none means the sources' own, `init` and the name.
    pub init: Option<&'static str>,
}

const fn module(name: &'static str, sources: &'static [&'static str]) -> Module {
    Module { name, is_built_in: false, sources, defines: &[], includes: &[], library: None, init: None }
}

const fn built_in(name: &'static str, sources: &'static [&'static str]) -> Module {
    Module { is_built_in: true, ..module(name, sources) }
}

/// As setup.py: pyexpat itself gives expat its hash salt.
const EXPAT_DEFINES: &[(&str, &str)] = &[("HAVE_EXPAT_CONFIG_H", "1"), ("XML_POOR_ENTROPY", "1")];

/// Renames what <semaphore.h> declares, so that the module calls our semaphores.c.
const NAMELESS_SEMAPHORES: &[(&str, &str)] =
    &[("sem_open", "bctrace_sem_open"), ("sem_unlink", "bctrace_sem_unlink"), ("sem_close", "bctrace_sem_close")];

/// The modules. What one needs outside the C library is in CPython's own tree, or is one of `libraries`.
pub const MODULES: &[Module] = &[
    // The ones that CPython always builds in (Setup.dist, Setup.config).
    built_in("thread", &["threadmodule.c"]),
    built_in("signal", &["signalmodule.c"]),
    built_in("posix", &["posixmodule.c"]),
    built_in("errno", &["errnomodule.c"]),
    built_in("pwd", &["pwdmodule.c"]),
    built_in("_sre", &["_sre.c"]),
    built_in("_codecs", &["_codecsmodule.c"]),
    built_in("_weakref", &["_weakref.c"]),
    built_in("zipimport", &["zipimport.c"]),
    built_in("_symtable", &["symtablemodule.c"]),
    built_in("xxsubtype", &["xxsubtype.c"]),
    // The ones that setup.py builds as shared objects.
    module("array", &["arraymodule.c"]),
    module("cmath", &["cmathmodule.c", "_math.c"]),
    module("math", &["mathmodule.c", "_math.c"]),
    module("_struct", &["_struct.c"]),
    module("strop", &["stropmodule.c"]),
    module("time", &["timemodule.c"]),
    module("datetime", &["datetimemodule.c"]),
    module("itertools", &["itertoolsmodule.c"]),
    module("future_builtins", &["future_builtins.c"]),
    module("_random", &["_randommodule.c"]),
    module("_collections", &["_collectionsmodule.c"]),
    module("_bisect", &["_bisectmodule.c"]),
    module("_heapq", &["_heapqmodule.c"]),
    module("operator", &["operator.c"]),
    Module {
        includes: &["Modules/_io"],
        ..module(
            "_io",
            &[
                "_io/bufferedio.c",
                "_io/bytesio.c",
                "_io/fileio.c",
                "_io/iobase.c",
                "_io/_iomodule.c",
                "_io/stringio.c",
                "_io/textio.c",
            ],
        )
    },
    module("_functools", &["_functoolsmodule.c"]),
    module("_json", &["_json.c"]),
    module("_hotshot", &["_hotshot.c"]),
    module("_lsprof", &["_lsprof.c", "rotatingtree.c"]),
    module("unicodedata", &["unicodedata.c"]),
    module("_locale", &["_localemodule.c"]),
    module("fcntl", &["fcntlmodule.c"]),
    module("grp", &["grpmodule.c"]),
    module("spwd", &["spwdmodule.c"]),
    Module { init: Some("bctrace_initcrypt"), ..module("crypt", &["cryptmodule.c"]) },
    module("select", &["selectmodule.c"]),
    module("parser", &["parsermodule.c"]),
    module("cStringIO", &["cStringIO.c"]),
    module("cPickle", &["cPickle.c"]),
    module("mmap", &["mmapmodule.c"]),
    module("syslog", &["syslogmodule.c"]),
    module("audioop", &["audioop.c"]),
    module("_csv", &["_csv.c"]),
    module("_socket", &["socketmodule.c"]),
    module("_sha", &["shamodule.c"]),
    module("_md5", &["md5module.c", "md5.c"]),
    module("_sha256", &["sha256module.c"]),
    module("_sha512", &["sha512module.c"]),
    module("termios", &["termios.c"]),
    module("resource", &["resource.c"]),
    module("binascii", &["binascii.c"]),
    module("_multibytecodec", &["cjkcodecs/multibytecodec.c"]),
    module("_codecs_kr", &["cjkcodecs/_codecs_kr.c"]),
    module("_codecs_jp", &["cjkcodecs/_codecs_jp.c"]),
    module("_codecs_cn", &["cjkcodecs/_codecs_cn.c"]),
    module("_codecs_tw", &["cjkcodecs/_codecs_tw.c"]),
    module("_codecs_hk", &["cjkcodecs/_codecs_hk.c"]),
    module("_codecs_iso2022", &["cjkcodecs/_codecs_iso2022.c"]),
    Module {
        defines: NAMELESS_SEMAPHORES,
        includes: &["Modules/_multiprocessing"],
        ..module(
            "_multiprocessing",
            &[
                "_multiprocessing/multiprocessing.c",
                "_multiprocessing/socket_connection.c",
                "_multiprocessing/semaphore.c",
            ],
        )
    },
    Module {
        defines: EXPAT_DEFINES,
        includes: &["Modules/expat"],
        ..module("pyexpat", &["pyexpat.c", "expat/xmlparse.c", "expat/xmlrole.c", "expat/xmltok.c"])
    },
    Module {
        // Its parser is pyexpat's, through a capsule.
        defines: &[("HAVE_EXPAT_CONFIG_H", "1"), ("XML_POOR_ENTROPY", "1"), ("USE_PYEXPAT_CAPI", "1")],
        includes: &["Modules/expat"],
        ..module("_elementtree", &["_elementtree.c"])
    },
    Module { includes: libffi::INCLUDES, ..module("_ctypes", libffi::SOURCES) },
    module("linuxaudiodev", &["linuxaudiodev.c"]),
    module("ossaudiodev", &["ossaudiodev.c"]),
    Module { library: Some("zlib"), ..module("zlib", &["zlibmodule.c"]) },
    Module { library: Some("bzip2"), ..module("bz2", &["bz2module.c"]) },
    Module {
        defines: &[("MODULE_NAME", "\"sqlite3\""), ("SQLITE_OMIT_LOAD_EXTENSION", "1")],
        includes: &["Modules/_sqlite"],
        library: Some("sqlite3"),
        ..module(
            "_sqlite3",
            &[
                "_sqlite/cache.c",
                "_sqlite/connection.c",
                "_sqlite/cursor.c",
                "_sqlite/microprotocols.c",
                "_sqlite/module.c",
                "_sqlite/prepare_protocol.c",
                "_sqlite/row.c",
                "_sqlite/statement.c",
                "_sqlite/util.c",
            ],
        )
    },
    Module { library: Some("openssl"), ..module("_ssl", &["_ssl.c"]) },
    Module { library: Some("openssl"), ..module("_hashlib", &["_hashopenssl.c"]) },
];

/// Modules of the core whose init function does not follow from the name, as in Modules/config.c.in; none has no init function.
const CORE: &[(&str, Option<&str>)] = &[
    ("marshal", Some("PyMarshal_Init")),
    ("imp", Some("initimp")),
    ("_ast", Some("init_ast")),
    ("__main__", None),
    ("__builtin__", None),
    ("sys", None),
    ("exceptions", None),
    ("gc", Some("initgc")),
    ("_warnings", Some("_PyWarnings_Init")),
];

/// Returns the modules that can be had with these libraries.
pub fn possible(modules: &[Module], libraries: &[Library]) -> Vec<Module> {
    let has = |name: &str| libraries.iter().any(|library| library.name == name);
    modules.iter().filter(|module| module.library.is_none_or(has)).copied().collect()
}

/// Returns the modules that call one of these libraries.
pub fn with_library(libraries: &[Library]) -> impl Iterator<Item = &'static Module> {
    let is_there = |name: &str| libraries.iter().any(|library| library.name == name);
    MODULES.iter().filter(move |module| module.library.is_some_and(is_there))
}

/// Writes the C file that stands for Modules/config.c. It defines `_PyImport_Inittab`, CPython's table of built-in modules
/// (Python/import.c, init_builtin), and `bctrace_extensions`, that of the modules in lib-dynload (library_files.h).
pub fn tables_c(modules: &[Module]) -> String {
    let init = |module: &Module| module.init.map_or_else(|| format!("init{}", module.name), str::to_string);
    let (mut declarations, mut built_in, mut extensions) = (String::new(), String::new(), String::new());
    for module in modules {
        let _ = writeln!(declarations, "extern void {}(void);", init(module));
        let table = if module.is_built_in { &mut built_in } else { &mut extensions };
        let _ = writeln!(table, "    {{\"{}\", {}}},", module.name, init(module));
    }
    for (name, init) in CORE {
        if let Some(init) = init {
            let _ = writeln!(declarations, "extern void {init}(void);");
        }
        let _ = writeln!(built_in, "    {{\"{name}\", {}}},", init.unwrap_or("NULL"));
    }
    format!(
        "#include \"Python.h\"\n#include \"library_files.h\"\n\n{declarations}\n\
         struct _inittab _PyImport_Inittab[] = {{\n{built_in}    {{NULL, NULL}}\n}};\n\n\
         const struct bctrace_extension bctrace_extensions[] = {{\n{extensions}    {{NULL, NULL}}\n}};\n"
    )
}
