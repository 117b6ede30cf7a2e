//! The steps of the build, one file each; build.rs tells the story. tests/ includes this module too, so nothing
//! here talks to cargo except `cargo.rs`, and nothing reads the environment except `settings.rs`.

pub mod bindings;
pub mod cache;
pub mod cargo;
pub mod command;
pub mod commit;
pub mod compile;
pub mod cpython;
pub mod fetch;
pub mod libffi;
pub mod libraries;
pub mod modules;
pub mod openssl;
pub mod own;
pub mod patch;
pub mod problem;
pub mod progress;
pub mod recipe;
pub mod settings;
pub mod source;
pub mod sources;
pub mod stdlib;
