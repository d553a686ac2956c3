//! Random ids and tokens that cannot be mistaken for something written.

use crate::envelope::is_printable;
use crate::limits::CONTACT_TOKEN_BYTES;

/// Whether bytes that should be random read as text (all printable ASCII) or as a number (all decimal digits, two a byte):
/// the two ways in which a telephone or case number would be smuggled as a token. Chance makes 80 random bits look like
/// that once in ten thousand; the issuer then draws again.
pub fn looks_written(bytes: &[u8]) -> bool {
    let printable = is_printable(bytes);
    let decimal = bytes.iter().all(|b| b >> 4 <= 9 && b & 15 <= 9);
    printable || decimal
}

/// A contact token from a source of chance.
pub fn random_token(mut fill: impl FnMut(&mut [u8])) -> [u8; CONTACT_TOKEN_BYTES] {
    let mut token = [0; CONTACT_TOKEN_BYTES];
    while looks_written(&token) {
        fill(&mut token);
    }
    token
}
