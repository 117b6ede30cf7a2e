//! The C side as Rust sees it: cpython-2.7-patch/bctrace_hook.h and vm.h, made by bindgen.
#![allow(dead_code, non_camel_case_types, non_upper_case_globals, clippy::all)]

mod bindings;

/// Refuses to compile if a type of ours is not laid out as the C struct that it stands for.
macro_rules! assert_layout {
    ($ours:ty, $theirs:ty, $($field:ident),+) => {
        const _: () = {
            assert!(size_of::<$ours>() == size_of::<$theirs>());
            $(assert!(std::mem::offset_of!($ours, $field) == std::mem::offset_of!($theirs, $field));)+
        };
    };
}
pub(super) use assert_layout;

pub use bindings::*;
