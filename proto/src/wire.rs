//! Generated from `schema/`: the messages as they travel, before any check. Nothing outside this crate, `node::edge` and
//! `cli` names these types.

/// The schema between nodes, `varde.peer.v1`.
pub mod peer {
    #![allow(
        missing_docs,
        unreachable_pub,
        clippy::all,
        clippy::allow_attributes_without_reason,
        rustdoc::all,
        reason = "generated; the schema files carry the documentation"
    )]
    include!(concat!(env!("OUT_DIR"), "/varde.peer.v1.rs"));

    /// The compiled descriptors of this package, for reflection and for the schema compatibility test.
    pub const DESCRIPTOR: &[u8] = include_bytes!(concat!(env!("OUT_DIR"), "/peer.descriptor"));
}

/// The schema between a node and its own staff, `varde.operator.v1`.
#[cfg(feature = "operator")]
pub mod operator {
    #![allow(
        missing_docs,
        unreachable_pub,
        clippy::all,
        clippy::allow_attributes_without_reason,
        rustdoc::all,
        reason = "generated; the schema files carry the documentation"
    )]
    include!(concat!(env!("OUT_DIR"), "/varde.operator.v1.rs"));

    /// The compiled descriptors of this package, for reflection and for the schema compatibility test.
    pub const DESCRIPTOR: &[u8] = include_bytes!(concat!(env!("OUT_DIR"), "/operator.descriptor"));
}
