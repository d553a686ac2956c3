//! Compiles the schemas with protox, so that no system protoc is needed. The two packages are compiled apart: the peer
//! schema must stand without the operator schema.

use prost::Message;
use std::path::{Path, PathBuf};

type Failure = Box<dyn std::error::Error>;

fn main() -> Result<(), Failure> {
    let out = PathBuf::from(std::env::var("OUT_DIR")?);
    for package in ["peer", "operator"] {
        let files = schema_files(&Path::new("schema/varde").join(package).join("v1"))?;
        let descriptors = protox::compile(&files, ["schema"])?;
        std::fs::write(out.join(format!("{package}.descriptor")), descriptors.encode_to_vec())?;
        tonic_prost_build::configure()
            .bytes(".")
            .extern_path(if package == "operator" { ".varde.peer.v1" } else { ".varde.none" }, "crate::wire::peer")
            .client_mod_attribute(".", "#[cfg(feature = \"client\")]")
            .server_mod_attribute(".", "#[cfg(feature = \"server\")]")
            .compile_fds(descriptors)?;
    }
    println!("cargo:rerun-if-changed=schema");
    println!("cargo:rerun-if-changed=build.rs");
    Ok(())
}

fn schema_files(folder: &Path) -> Result<Vec<PathBuf>, Failure> {
    let mut files = Vec::new();
    for entry in std::fs::read_dir(folder)? {
        let path = entry?.path();
        if path.extension().is_some_and(|e| e == "proto") {
            files.push(path);
        }
    }
    files.sort();
    Ok(files)
}
