//! `bctrace call`: records one call of a function of a file that is imported as a module.

use std::ffi::CString;
use std::os::unix::ffi::OsStrExt;

use anyhow::Context;

use super::args::{self, CallArgs};
use super::program;
use super::record::{self, Job};
use crate::bytecode::literal;
use crate::bytecode::marshal::whole;
use crate::bytecode::object::MarshalledCode;
use crate::record::{Call, Subject};

const COMMAND: &str = "call";

/// Runs the command.
pub fn run(mut args: CallArgs) -> anyhow::Result<u8> {
    args.recording.values.values = true;
    record::check(COMMAND, &args.recording)?;
    let arguments = arguments(&args)?;
    record::fix_addresses(&args.recording)?;
    let program = program::read(&args.program)?;
    let stem = args.program.file_stem().unwrap_or(args.program.as_os_str());
    let call = Call {
        module: CString::new(stem.as_bytes()).context("the file's name holds a NUL byte")?,
        function: CString::new(args.name.as_bytes()).context("NAME holds a NUL byte")?,
        arguments,
    };
    let path = record::path_entries(&args.path)?;
    let job = Job {
        command: COMMAND,
        argv: record::c_strings([args.program.clone().into_os_string()])?,
        subject: Subject::Marshalled { bytes: program.marshalled().to_vec(), path, sha256: program.sha256 },
        call: Some(call),
        input: Some(&args.program),
        path: &args.path,
        trace: &args.trace,
    };
    drop(program);
    record::carry_out(job, &args.recording)
}

/// The arguments, as the constants of a marshalled code object.
fn arguments(args: &CallArgs) -> anyhow::Result<Vec<u8>> {
    let mut values = Vec::new();
    for (index, argument) in args.arguments.iter().enumerate() {
        let value = argument.to_str().ok_or_else(|| "it is no UTF-8".to_owned()).and_then(literal::read);
        values.push(
            value.map_err(|error| {
                args::usage(COMMAND, format!("argument {} is no Python literal: {error}", index + 1))
            })?,
        );
    }
    let holder = MarshalledCode { constants: values.into(), ..MarshalledCode::empty() };
    whole::code(&holder).context("the arguments are too long")
}
