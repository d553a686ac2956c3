//! The node of one country.
//!
//! Read it in the order of the data: [`national`] is what never leaves the country, [`state`] what we have promised, [`flow`]
//! what we do, [`edge`] what we touch. `national` and `state` do not know each other and are pure; `flow` is where they
//! meet; [`port`] is what `flow` needs of the world; only `edge` knows sockets, files and the wire.

pub mod edge;
pub mod flow;
pub mod national;
pub mod port;
pub mod rows;
pub mod state;
pub mod vault;
