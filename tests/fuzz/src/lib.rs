//! Fuzzing of every decoder that sees bytes of a peer. How to run it: `README.md` here.

pub mod decoders;
