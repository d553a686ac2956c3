//! `--trust`: whom the reader already knows. 64 hex digits are a fingerprint; anything else is the path of a descriptor file,
//! from the folder that the reader stands in.

use crate::failure::Failure;
use crate::files;
use std::path::Path;
use varde_proto::audit::Trusted;
use varde_proto::id::Digest;
use varde_proto::identity::Descriptor;
use varde_proto::limits;

/// The identities of `--trust` values. A descriptor says whose it is; a fingerprint alone does not.
pub(super) fn identities(values: &[String]) -> Result<Vec<Trusted>, Failure> {
    values.iter().map(|value| identity(value)).collect()
}

fn identity(value: &str) -> Result<Trusted, Failure> {
    if let Ok(fingerprint) = Digest::parse(value) {
        return Ok(Trusted { origin: None, fingerprint });
    }
    if value.len() == 64 && value.bytes().all(|b| b.is_ascii_hexdigit()) {
        return Err(wrong(value, "a fingerprint is written in lower case"));
    }
    if std::fs::exists(value).is_ok_and(|there| !there) {
        return Err(wrong(
            value,
            "neither a fingerprint (64 hex digits) nor a file, seen from the folder you stand in",
        ));
    }
    let text = files::read_text(Path::new(value), limits::ARMOR_BYTES)?;
    let descriptor = Descriptor::open_text(&text).map_err(|bad| wrong(value, &bad.to_string()))?;
    Ok(Trusted { origin: Some(descriptor.origin().clone()), fingerprint: descriptor.fingerprint() })
}

fn wrong(value: &str, why: &str) -> Failure {
    Failure::usage(format!("--trust {value}: {why}"))
        .next("give the 64 hex digits of a fingerprint, or a descriptor file as `varde peer export` writes it")
        .reason("bad-trust")
}
