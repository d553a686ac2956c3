//! The agreement that is in force between two nodes until they sign one of their own.

use crate::id::Digest;

/// The default agreement's text, version 1. Its bytes never change; another wording is another version.
pub const DEFAULT_TEXT: &str = include_str!("../../agreement/default-v1.txt");

/// SHA-256 of [`DEFAULT_TEXT`]: what stands in headers, leaves and acceptances.
pub fn default_agreement() -> Digest {
    Digest::of(DEFAULT_TEXT.as_bytes())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_default_text_never_changes() {
        assert_eq!(default_agreement().to_string(), "b87a46075518524dc7e04cbb71b8711f653b83cc480cf88b5f62eb55889e83cc");
    }
}
