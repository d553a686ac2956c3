//! Reading and writing the small exact encodings that the log's formats share.

use crate::id::Digest;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;

/// Standard base64 with padding.
pub(crate) fn base64(bytes: &[u8]) -> String {
    STANDARD.encode(bytes)
}

/// Reads standard base64; padding is required and unused bits are zero, so that a value has one spelling.
pub(crate) fn unbase64(text: &str) -> Option<Vec<u8>> {
    STANDARD.decode(text).ok()
}

/// Reads the base64 of exactly 32 bytes.
pub(crate) fn unbase64_digest(text: &str) -> Option<Digest> {
    if text.len() != 44 {
        return None;
    }
    // The decoder asks for room for the padding, too.
    let mut bytes = [0; 33];
    let length = STANDARD.decode_slice(text, &mut bytes).ok()?;
    Digest::from_bytes(bytes.get(..length)?)
}

/// Reads a decimal number without sign or leading zeros.
pub(crate) fn decimal(text: &str) -> Option<u64> {
    let plain = text == "0" || !text.starts_with(['0', '+']);
    text.parse().ok().filter(|_| plain)
}

/// A reader of big-endian binary fields that never reads past the end.
pub(crate) struct Fields<'a>(pub(crate) &'a [u8]);

impl<'a> Fields<'a> {
    /// The next `count` bytes.
    pub(crate) fn take(&mut self, count: usize) -> Option<&'a [u8]> {
        let (taken, rest) = self.0.split_at_checked(count)?;
        self.0 = rest;
        Some(taken)
    }

    fn array<const N: usize>(&mut self) -> Option<[u8; N]> {
        self.take(N)?.try_into().ok()
    }

    /// One byte.
    pub(crate) fn byte(&mut self) -> Option<u8> {
        self.array::<1>().map(|[b]| b)
    }

    /// Two bytes.
    pub(crate) fn short(&mut self) -> Option<u16> {
        self.array().map(u16::from_be_bytes)
    }

    /// Eight bytes.
    pub(crate) fn long(&mut self) -> Option<u64> {
        self.array().map(u64::from_be_bytes)
    }

    /// Thirty-two bytes.
    pub(crate) fn digest(&mut self) -> Option<Digest> {
        self.array().map(Digest)
    }
}

/// A reader of the lines before a format's blank line.
pub(crate) struct Lines<'a>(pub(crate) &'a [u8]);

impl<'a> Lines<'a> {
    /// The next line without its newline; `None` where none ends in one, or it is not UTF-8.
    pub(crate) fn next(&mut self) -> Option<&'a str> {
        let (line, after) = self.0.split_at_checked(self.0.iter().position(|b| *b == b'\n')?)?;
        self.0 = after.get(1..)?;
        std::str::from_utf8(line).ok()
    }
}
