//! A channel is a promise of two countries: signed by both, asked at both ends of everything that passes, and ended by either.
#![allow(missing_docs, reason = "tests")]

mod every;
mod owed;
mod processes;
mod rogue;
