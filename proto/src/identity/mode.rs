//! ACTUAL, EXERCISE and TEST as people write them. The three never mix: genesis fixes one for the life of a log.

use crate::id::BadName;
use crate::wire::peer::Mode;

/// Reads `actual`, `exercise` or `test`.
pub fn parse(text: &str) -> Result<Mode, BadName> {
    match text {
        "actual" => Ok(Mode::Actual),
        "exercise" => Ok(Mode::Exercise),
        "test" => Ok(Mode::Test),
        _ => Err(BadName { what: "a mode", wanted: "actual, exercise or test", got: text.chars().take(80).collect() }),
    }
}

/// `actual`, `exercise` or `test`.
pub fn name(mode: Mode) -> &'static str {
    match mode {
        Mode::Unspecified => "unspecified",
        Mode::Actual => "actual",
        Mode::Exercise => "exercise",
        Mode::Test => "test",
    }
}

/// From the wire: one of the three.
pub fn from_wire(number: i32) -> Option<Mode> {
    Mode::try_from(number).ok().filter(|mode| *mode != Mode::Unspecified)
}
