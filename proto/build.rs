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
        std::fs::write(out.join(format!("{package}_codes.rs")), codes(&descriptors, package))?;
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

/// A constant for every code of the `vocabulary_*.proto`, and the list of names by which the vocabularies are read: the schema is
/// the only place where a code's number stands.
fn codes(descriptors: &tonic_prost_build::FileDescriptorSet, package: &str) -> String {
    let mut text = String::new();
    let own = format!("varde/{package}/v1/vocabulary_");
    let vocabulary = descriptors.file.iter().filter(|f| f.name().starts_with(&own));
    for list in vocabulary.flat_map(|f| &f.enum_type) {
        let prefix = format!("{}_", screaming(list.name()));
        let short = |name: &str| name.strip_prefix(&prefix).unwrap_or(name).to_owned();
        let codes = list.value.iter().filter(|v| v.number() != 0).map(|v| (v.number(), short(v.name())));
        text.push_str(&constants(list.name(), &codes.collect::<Vec<_>>()));
    }
    text
}

fn constants(list: &str, codes: &[(i32, String)]) -> String {
    let constant = |(number, name): &(i32, String)| {
        format!("    /// `{name}`, number {number}.\n    pub const {name}: Self = Self({number});\n")
    };
    let constants: String = codes.iter().map(constant).collect();
    format!("impl {list} {{\n{constants}    const NAMES: &'static [(i32, &'static str)] = &{codes:?};\n}}\n")
}

/// `AgeBand` as `AGE_BAND`.
fn screaming(name: &str) -> String {
    let mut text = String::new();
    for (place, letter) in name.char_indices() {
        if place > 0 && letter.is_ascii_uppercase() {
            text.push('_');
        }
        text.push(letter.to_ascii_uppercase());
    }
    text
}
