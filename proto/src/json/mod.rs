//! JSON that people write, read strictly: every value knows its line and column, a name stands once, depth is bounded, and
//! every problem of a file is reported at once; and JSON that we write for people, in a fixed order. Out: what the fields mean, which their readers know.

mod fields;
mod problem;
mod reader;
mod write;

pub use fields::{Fields, Problems};
pub use problem::{Problem, nearest};
pub use reader::{At, Node, Value, read};
pub use write::Out;
