//! The C side as Rust sees it: cpython-2.7-patch/bctrace_hook.h and vm.h, made by bindgen.
#![allow(dead_code, non_camel_case_types, non_upper_case_globals, clippy::all)]

mod bindings;

pub use bindings::*;
