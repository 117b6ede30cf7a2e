//! CPython's core as data: the C files of the lists in Makefile.pre.in that go into the library, without what a host program like
//! pgen needs. Extension modules are in `modules`.

/// Folders and the C files in them, without `.c`: LIBRARY_OBJS of Makefile.pre.in, with `thread` and `dynload_shlib` as configure
/// chooses them on Linux. Modules/config.c and Modules/getpath.c are missing: they are ours.
pub const CORE: [(&str, &str); 4] = [
    (
        "Parser",
        "acceler grammar1 listnode node parser parsetok bitset metagrammar firstsets grammar pgen myreadline tokenizer",
    ),
    (
        "Objects",
        "abstract boolobject bufferobject bytes_methods bytearrayobject capsule cellobject classobject cobject \
         codeobject complexobject descrobject enumobject exceptions genobject fileobject floatobject frameobject \
         funcobject intobject iterobject listobject longobject dictobject memoryobject methodobject moduleobject \
         object obmalloc rangeobject setobject sliceobject stringobject structseq tupleobject typeobject \
         weakrefobject unicodeobject unicodectype",
    ),
    (
        "Python",
        "_warnings Python-ast asdl ast bltinmodule ceval compile codecs errors frozen frozenmain future getargs \
         getcompiler getcopyright getplatform getversion graminit import importdl marshal modsupport mystrtoul \
         mysnprintf peephole pyarena pyctype pyfpe pymath pystate pythonrun random structmember symtable sysmodule \
         traceback getopt pystrcmp pystrtod dtoa formatter_unicode formatter_string dynload_shlib thread",
    ),
    ("Modules", "getbuildinfo main gcmodule"),
];

/// The release's own date and time, so that the binary does not tell when it was built (Modules/getbuildinfo.c).
pub const BUILD_STAMP: [(&str, &str); 2] = [("DATE", "\"Apr 20 2020\""), ("TIME", "\"00:00:00\"")];
