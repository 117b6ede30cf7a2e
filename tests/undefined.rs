//! Opcodes that Python 2.7 does not define: what libraries find that give them a meaning, and what is recorded of it.  What a refusal
//! writes is in `interpreter/programs/undefined.py`.

#[cfg(target_arch = "x86_64")]
mod layout;
#[cfg(target_arch = "x86_64")]
mod meaning;

use crate::running;

/// Whether gcc has compiled the VM; says so if not.  Other compilers may lay the eval loop out in another way, as they may in an
/// ordinary build: of clang, 16 and 22 do as gcc does, 14 and 19 do not.
#[cfg(target_arch = "x86_64")]
fn is_compiled_by_gcc() -> bool {
    let ask = "import platform; print platform.python_compiler()";
    let compiler = running::run(&mut running::bctrace(["python", "-c", ask])).succeeded();
    let is_gcc = compiler.starts_with("GCC ");
    if !is_gcc {
        println!("not tested: the VM is compiled by {compiler}");
    }
    is_gcc
}
