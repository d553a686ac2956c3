//! An alert of ours on its way out. Drafting and approval come before; what is released here is signed, logged and owed in
//! one commit, and from then on delivered by the connections.

pub mod release;
