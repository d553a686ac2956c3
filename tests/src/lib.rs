//! The federation as one program: what the demonstration, the scenarios, the fault tests and the benchmarks share.

pub mod abuse;
pub mod accounts;
pub mod bench;
#[path = "../fuzz/src/decoders.rs"]
pub mod decoders;
pub mod doomed;
pub mod harness;
pub mod network;
pub mod pair;
pub mod party;
pub mod people;
pub mod powercut;
pub mod rogue;
pub mod sample;
pub mod seeds;
pub mod sim;
pub mod staff;
pub mod stage;
pub mod story;
pub mod stranger;
pub mod tap;
pub mod thief;
pub mod tidy;
pub mod transcript;
pub mod words;
pub mod workload;
