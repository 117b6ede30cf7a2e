//! The layers of a program: every code object that ran as a .pyc that loads, each version of its bytes, and where each came from.

mod changing;
mod contents;
mod held;
mod hostile;
mod origins;
mod pycs;
mod written;

use std::fs;

use serde_json::Value;

use crate::live::{self, Program};
use crate::running;

/// What a program's manifest says of its layers.
struct Manifest {
    layers: Vec<Value>,
}

impl Manifest {
    /// Traces a program with `--dump-code layers` and reads the manifest.
    #[track_caller]
    fn of(program: &Program) -> Manifest {
        Manifest::with(program, &[])
    }

    #[track_caller]
    fn with(program: &Program, options: &[&str]) -> Manifest {
        let ran = program.trace(&[&["-q", "--dump-code", "layers"], options].concat(), "t.bct", &[]);
        assert_eq!(ran.status, 0, "{}", ran.stderr());
        Manifest::read(program, "layers")
    }

    /// The layers that ran.
    fn read(program: &Program, folder: &str) -> Manifest {
        let mut manifest = Manifest::whole(program, folder);
        manifest.layers.retain(|layer| layer["ran"] == true);
        manifest
    }

    /// All layers, those included that never ran.
    fn whole(program: &Program, folder: &str) -> Manifest {
        let manifest: Value = serde_json::from_str(&program.read(&format!("{folder}/manifest.json"))).unwrap();
        Manifest { layers: manifest["layers"].as_array().unwrap().clone() }
    }

    /// The layers of this name.
    fn named(&self, name: &str) -> Vec<&Value> {
        self.layers.iter().filter(|layer| layer["name"] == name).collect()
    }

    /// The only layer of this name.
    #[track_caller]
    fn only(&self, name: &str) -> &Value {
        match self.named(name).as_slice() {
            [only] => only,
            others => panic!("{name} is {} layers of {:#?}", others.len(), self.layers),
        }
    }

    /// The layer with this number.
    fn number(&self, number: &Value) -> &Value {
        self.layers.iter().find(|layer| layer["number"] == *number).unwrap()
    }
}

/// Runs a script in the VM, in the program's folder; returns what it prints.
#[track_caller]
fn python(program: &Program, script: &str) -> String {
    let command = program.command(["python", "-S", "-E", "-c", script]);
    live::run(command).succeeded()
}

/// The names in a folder, sorted.
fn names(program: &Program, folder: &str) -> Vec<String> {
    let entries = fs::read_dir(program.path(folder)).unwrap();
    let mut names: Vec<String> = entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    names.sort();
    names
}

/// The marshalled code of a .pyc.
fn marshalled(program: &Program, layer: &Value) -> Vec<u8> {
    let pyc = running::read(&program.path(format!("layers/{}", layer["file"].as_str().unwrap())));
    assert_eq!(pyc[..8], *b"\x03\xf3\r\n\0\0\0\0");
    pyc[8..].to_vec()
}
