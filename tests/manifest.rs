//! fixtures/MANIFEST.toml: which runs there are and what plain Python 2.7 makes of them.

use std::process::Command;
use std::sync::LazyLock;

use serde::Deserialize;

use crate::running::{self, Ran};

/// One way to run one fixture.  MANIFEST.toml says what each member means.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Run {
    pub name: String,
    pyc: Option<String>,
    #[serde(default)]
    pub args: Vec<String>,
    #[serde(default)]
    pub stdin: String,
    #[serde(default)]
    pub status: i32,
    pub stdout: String,
    #[serde(default = "yes")]
    pub deterministic: bool,
    #[serde(default = "yes")]
    golden: bool,
    #[serde(default)]
    pub tracing: bool,
    #[serde(default)]
    pub line_jumps: usize,
    needs: Option<String>,
    #[allow(dead_code, reason = "for readers of the manifest")]
    shows: String,
}

#[derive(Deserialize)]
struct Manifest {
    run: Vec<Run>,
}

fn yes() -> bool {
    true
}

/// Every run that the VM has the modules for; says which ones it leaves out.
pub fn runs() -> &'static [Run] {
    static RUNS: LazyLock<Vec<Run>> = LazyLock::new(|| {
        let text = String::from_utf8(running::read(&running::fixtures().join("MANIFEST.toml"))).unwrap();
        let manifest: Manifest = toml::from_str(&text).unwrap();
        manifest.run.into_iter().filter(Run::has_what_it_needs).collect()
    });
    &RUNS
}

impl Run {
    /// The .pyc's name in fixtures/, without a folder.
    pub fn pyc(&self) -> String {
        format!("{}.pyc", self.pyc.as_ref().unwrap_or(&self.name))
    }

    /// Whether fixtures/expected holds its trace.
    pub fn has_golden(&self) -> bool {
        self.golden && self.deterministic
    }

    /// The command that traces it, in fixtures/: options, and what follows them.
    pub fn command(&self, options: &[&str], trace: &str) -> Command {
        let mut command = running::bctrace(options);
        command.arg(self.pyc()).arg(trace).arg("--").args(&self.args).current_dir(running::fixtures());
        command
    }

    /// Traces it.
    pub fn traced(&self, options: &[&str], trace: &str) -> Ran {
        running::run_with(&mut self.command(options, trace), self.stdin.as_bytes())
    }

    fn has_what_it_needs(&self) -> bool {
        let Some(module) = &self.needs else { return true };
        let found = running::run(&mut running::bctrace(["python", "-c", &format!("import {module}")])).status == 0;
        if !found {
            println!("{} is left out: the VM was built without {module}", self.name);
        }
        found
    }
}
