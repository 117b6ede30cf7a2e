//! What the environment says about this build, as one plain struct. The only reader of environment variables in build/.

use std::ffi::OsString;
use std::path::{Path, PathBuf};

use super::libraries::{self, Library};
use super::problem::Problem;
use super::progress::Progress;

/// Our variables; cargo runs build.rs again when one of them changes.
pub const VARIABLES: [&str; 5] =
    ["BCTRACE_CPYTHON_TARBALL", "BCTRACE_CACHE_DIR", "BCTRACE_OFFLINE", "BCTRACE_SANITIZE", "XDG_CACHE_HOME"];
/// The `cc` crate's variables, which it also reads with the target in the name.
pub const COMPILER_VARIABLES: [&str; 3] = ["CC", "CFLAGS", "AR"];

/// The compiler's flag for AddressSanitizer and UndefinedBehaviorSanitizer, for the linker too.
pub const SANITIZERS: &str = "-fsanitize=address,undefined";

/// Holds every outside influence on the build; the C compiler's own variables (`CC`, `CFLAGS`, `AR`) are read by the `cc` crate.
#[derive(Debug, Clone)]
pub struct Settings {
    pub crate_dir: PathBuf,
    pub out_dir: PathBuf,
    pub target: String,
    pub host: String,
    /// A local copy of the pinned tarball; used instead of everything else.
    pub tarball: Option<PathBuf>,
    pub cache_dir: PathBuf,
    /// Refuses every step that would use the network.
    pub offline: bool,
    /// Our own C files are compiled with [`SANITIZERS`].
    pub sanitize: bool,
    /// The crates' C libraries, as their builds told cargo.
    pub libraries: Vec<Library>,
    /// What `make` has to know to take no more processors than cargo allows.
    pub make_flags: Option<OsString>,
    /// The C compiler; none means what the `cc` crate finds.
    pub compiler: Option<PathBuf>,
    /// Where a long build says what it is doing.
    pub progress: Progress,
}

impl Settings {
    /// Reads the settings from cargo's and our own variables.
    pub fn from_env() -> Result<Self, Problem> {
        let var = |name: &str| std::env::var_os(name).filter(|value| !value.is_empty());
        let is_quiet = var("CARGO_TERM_QUIET").is_some_and(|value| value == "true");
        Ok(Settings { progress: Progress::beside_cargo(is_quiet), ..Self::read(var)? })
    }

    /// Reads the settings through `var`, which returns no empty value.
    pub fn read(var: impl Fn(&str) -> Option<OsString>) -> Result<Self, Problem> {
        let required = |name: &str| {
            var(name).ok_or_else(|| {
                Problem::new("read the build's settings", format!("{name} is not set"), "build with `cargo build`")
            })
        };
        let text = |name: &str| required(name).map(|value| value.to_string_lossy().into_owned());
        let out_dir = PathBuf::from(required("OUT_DIR")?);
        let settings = Settings {
            crate_dir: PathBuf::from(required("CARGO_MANIFEST_DIR")?),
            target: text("TARGET")?,
            host: text("HOST")?,
            tarball: var("BCTRACE_CPYTHON_TARBALL").map(PathBuf::from),
            cache_dir: cache_dir(&var, &out_dir),
            offline: var("BCTRACE_OFFLINE").is_some_and(|value| value != "0"),
            sanitize: var("BCTRACE_SANITIZE").is_some_and(|value| value != "0"),
            libraries: libraries::of_crates(&var),
            make_flags: var("CARGO_MAKEFLAGS"),
            compiler: None,
            progress: Progress::default(),
            out_dir,
        };
        settings.refuse_unsupported_target()?;
        Ok(settings)
    }

    /// Returns the folder of everything that differs from upstream CPython.
    pub fn patch_dir(&self) -> PathBuf {
        self.crate_dir.join("cpython-2.7-patch")
    }

    fn refuse_unsupported_target(&self) -> Result<(), Problem> {
        let cannot = format!("build for {}", self.target);
        if self.target != self.host {
            // configure runs the programs that it compiles.
            return Err(Problem::new(
                cannot,
                format!("CPython's configure cannot cross-compile it on {}", self.host),
                format!("build on a {} machine", self.target),
            ));
        }
        if !self.target.contains("-linux-") || !cfg!(target_pointer_width = "64") {
            return Err(Problem::new(
                cannot,
                "bctrace needs 64-bit Linux: it shares memory and forks in Linux's ways",
                "build on 64-bit Linux",
            ));
        }
        Ok(())
    }
}

/// Returns the first usable of BCTRACE_CACHE_DIR, $XDG_CACHE_HOME/bctrace, ~/.cache/bctrace and OUT_DIR. The first is taken as it
/// stands, so that a mistake in it is an error and not silently another place.
fn cache_dir(var: &impl Fn(&str) -> Option<OsString>, out_dir: &Path) -> PathBuf {
    if let Some(dir) = var("BCTRACE_CACHE_DIR") {
        return PathBuf::from(dir);
    }
    let xdg = var("XDG_CACHE_HOME").map(PathBuf::from).filter(|dir| dir.is_absolute());
    let home = var("HOME").map(|home| PathBuf::from(home).join(".cache"));
    let candidates = xdg.or(home).map(|dir| dir.join("bctrace"));
    candidates.filter(|dir| is_writable(dir)).unwrap_or_else(|| out_dir.to_path_buf())
}

fn is_writable(dir: &Path) -> bool {
    let probe = dir.join(format!(".writable-{}", std::process::id()));
    let written = std::fs::create_dir_all(dir).and_then(|()| std::fs::write(&probe, b""));
    written.and_then(|()| std::fs::remove_file(&probe)).is_ok()
}
