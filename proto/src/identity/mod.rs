//! Who is who: keys and their roles, the genesis of a log, the descriptor by which a peer is pinned, and the acceptance of
//! an agreement. Verification only; key files are made by `varde init` and read by the node.

pub mod key;

pub use key::{BadKey, BadSignature, PublicKey, SecretKey};
