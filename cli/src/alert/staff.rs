//! What is signed about an alert: the digest of its draft, with the credential of [`crate::staff`].

use crate::failure::Failure;
pub(super) use crate::staff::As;
use varde_proto::id::Digest;

/// The digest of a draft, as the node says it.
pub(super) fn digest(bytes: &[u8]) -> Result<Digest, Failure> {
    Digest::from_bytes(bytes).ok_or_else(|| {
        Failure::ours("the node's answer has no digest").next("run the same version of `varde` and `varde-node`")
    })
}
