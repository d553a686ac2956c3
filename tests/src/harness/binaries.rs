//! The real `varde` and `varde-node`, built once a process in the profile in which the caller itself was built.

use super::Trouble;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;

/// Where the binaries lie.
#[derive(Debug, Clone)]
pub struct Binaries {
    /// The command line.
    pub varde: PathBuf,
    /// The node.
    pub node: PathBuf,
}

/// The binaries of this very source: built by cargo beside the caller, or those in the folder `VARDE_BIN`.
pub fn binaries() -> Result<&'static Binaries, Trouble> {
    static FOUND: OnceLock<Result<Binaries, Trouble>> = OnceLock::new();
    FOUND.get_or_init(find).as_ref().map_err(Clone::clone)
}

fn find() -> Result<Binaries, Trouble> {
    let folder = match std::env::var_os("VARDE_BIN") {
        Some(folder) => PathBuf::from(folder),
        None => build()?,
    };
    let found = Binaries { varde: folder.join("varde"), node: folder.join("varde-node") };
    for binary in [&found.varde, &found.node] {
        if !binary.is_file() {
            return Err(Trouble::new(format!("there is no {}", binary.display())));
        }
    }
    Ok(found)
}

fn build() -> Result<PathBuf, Trouble> {
    let profile = profile_folder(&std::env::current_exe()?)?;
    let target = profile.parent().unwrap_or(&profile);
    let mut cargo = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| env!("CARGO").into()));
    cargo.args(["build", "--quiet", "--locked", "--package", "varde-node", "--package", "varde-cli", "--bins"]);
    cargo.arg("--manifest-path").arg(Path::new(env!("CARGO_MANIFEST_DIR")).join("../Cargo.toml"));
    cargo.arg("--target-dir").arg(target);
    if profile.ends_with("release") {
        cargo.arg("--release");
    }
    let status = cargo.status()?;
    if !status.success() {
        return Err(Trouble::new(format!("cargo could not build the binaries: {status}")));
    }
    Ok(profile)
}

/// `target/debug` of `target/debug/deps/scenario-1a2b` and of `target/debug/demo`.
fn profile_folder(exe: &Path) -> Result<PathBuf, Trouble> {
    let folder = exe.parent().map(|p| if p.ends_with("deps") { p.parent().unwrap_or(p) } else { p });
    folder.map(Path::to_owned).ok_or_else(|| Trouble::new(format!("{} lies in no folder", exe.display())))
}
