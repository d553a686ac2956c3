//! Names of things: countries, origins, ids, digests, positions in a log. Parsing is strict; each value has one spelling.

use crate::limits;
use std::fmt;

/// A name that does not have the one spelling it may have.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{what} must be {wanted}, not {got:?}")]
pub struct BadName {
    /// What was being read.
    pub what: &'static str,
    /// Its form.
    pub wanted: &'static str,
    /// What was there instead, cut to 80 characters.
    pub got: String,
}

fn bad(what: &'static str, wanted: &'static str, got: &str) -> BadName {
    BadName { what, wanted, got: got.chars().take(80).collect() }
}

/// A country that runs a node: ISO 3166-1 alpha-2, upper case. Its node's name is the same in lower case.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct NodeId([u8; 2]);

impl NodeId {
    /// Reads `NO`.
    pub fn parse(text: &str) -> Result<Self, BadName> {
        match text.as_bytes() {
            [a, b] if a.is_ascii_uppercase() && b.is_ascii_uppercase() => Ok(Self([*a, *b])),
            _ => Err(bad("a country", "two capital letters (ISO 3166-1 alpha-2)", text)),
        }
    }

    /// `NO`.
    pub fn as_str(&self) -> &str {
        std::str::from_utf8(&self.0).unwrap_or("??")
    }

    /// `no`, as it stands in an origin.
    pub fn lower(&self) -> String {
        self.as_str().to_ascii_lowercase()
    }
}

impl fmt::Display for NodeId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// The name of one exchange log, `<network>/<node>/<generation>`, for example `varde.example/no/1`. At most 200 bytes.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Origin {
    text: String,
    node: NodeId,
    generation: u32,
}

impl Origin {
    /// The origin of `node` in `network`; the network is a lower-case DNS name.
    pub fn new(network: &str, node: NodeId, generation: u32) -> Result<Self, BadName> {
        Self::parse(&format!("{network}/{}/{generation}", node.lower()))
    }

    /// Reads an origin; anything but the one spelling is refused.
    pub fn parse(text: &str) -> Result<Self, BadName> {
        let wanted = "<network>/<country>/<generation>, for example varde.example/no/1";
        let wrong = || bad("an origin", wanted, text);
        let mut parts = text.split('/');
        let (Some(network), Some(node), Some(generation), None) =
            (parts.next(), parts.next(), parts.next(), parts.next())
        else {
            return Err(wrong());
        };
        check_network(network).map_err(|_| wrong())?;
        let node = match node.as_bytes() {
            [a, b] if a.is_ascii_lowercase() && b.is_ascii_lowercase() => {
                NodeId([a.to_ascii_uppercase(), b.to_ascii_uppercase()])
            }
            _ => return Err(wrong()),
        };
        let number: u32 = generation.parse().map_err(|_| wrong())?;
        if generation.starts_with(['0', '+']) || text.len() > 200 {
            return Err(wrong());
        }
        Ok(Self { text: text.to_owned(), node, generation: number })
    }

    /// The whole name.
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// The network prefix.
    pub fn network(&self) -> &str {
        self.text.split('/').next().unwrap_or_default()
    }

    /// Whose log it is.
    pub fn node(&self) -> NodeId {
        self.node
    }

    /// Whether both are logs of one node, whatever their generations.
    pub fn is_of_node(&self, other: &Self) -> bool {
        self.network() == other.network() && self.node == other.node
    }

    /// The log of the same node that follows this one; `None` after the last that there can be.
    pub fn successor(&self) -> Option<Self> {
        let next = self.generation.checked_add(1).filter(|next| *next <= limits::GENERATIONS)?;
        Self::new(self.network(), self.node, next).ok()
    }

    /// 1 for a node's first log; a generation bump starts the next.
    pub fn generation(&self) -> u32 {
        self.generation
    }
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

/// Checks a network prefix: lower-case DNS labels with at least one dot, 3 to 120 bytes.
pub fn check_network(text: &str) -> Result<(), BadName> {
    let label = |l: &str| {
        !l.is_empty()
            && l.len() <= 63
            && !l.starts_with('-')
            && !l.ends_with('-')
            && l.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-')
    };
    let fits = (3..=120).contains(&text.len()) && text.contains('.') && text.split('.').all(label);
    if fits { Ok(()) } else { Err(bad("a network", "a lower-case DNS name such as varde.example", text)) }
}

/// An alert's or draft's id: 128 random bits, written as 32 lower-case hex digits. Never derived from case data.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct AlertId(pub [u8; 16]);

impl AlertId {
    /// Reads 32 lower-case hex digits.
    pub fn parse(text: &str) -> Result<Self, BadName> {
        unhex(text).map(Self).ok_or_else(|| bad("an id", "32 lower-case hex digits", text))
    }

    /// From the wire: exactly 16 bytes.
    pub fn from_bytes(bytes: &[u8]) -> Option<Self> {
        bytes.try_into().ok().map(Self)
    }
}

impl fmt::Display for AlertId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&hex(&self.0))
    }
}

/// A SHA-256 value, written as 64 lower-case hex digits.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Digest(pub [u8; 32]);

impl Digest {
    /// All zero: where a field has no digest to hold.
    pub const NONE: Self = Self([0; 32]);

    /// SHA-256 of `bytes`.
    pub fn of(bytes: &[u8]) -> Self {
        use sha2::Digest as _;
        Self(sha2::Sha256::digest(bytes).into())
    }

    /// Reads 64 lower-case hex digits.
    pub fn parse(text: &str) -> Result<Self, BadName> {
        unhex(text).map(Self).ok_or_else(|| bad("a SHA-256 value", "64 lower-case hex digits", text))
    }

    /// From the wire: exactly 32 bytes.
    pub fn from_bytes(bytes: &[u8]) -> Option<Self> {
        bytes.try_into().ok().map(Self)
    }
}

impl fmt::Display for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&hex(&self.0))
    }
}

/// Place of a leaf in a log, counted from 0.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct LogIndex(pub u64);

/// Number of leaves in a log.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct TreeSize(pub u64);

/// Lower-case hex.
pub fn hex(bytes: &[u8]) -> String {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    let mut text = String::with_capacity(bytes.len() * 2);
    for b in bytes {
        text.push(char::from(DIGITS[usize::from(b >> 4)]));
        text.push(char::from(DIGITS[usize::from(b & 15)]));
    }
    text
}

/// Reads exactly `2 * N` lower-case hex digits.
pub fn unhex<const N: usize>(text: &str) -> Option<[u8; N]> {
    let digit = |b: u8| match b {
        b'0'..=b'9' => Some(b - b'0'),
        b'a'..=b'f' => Some(b - b'a' + 10),
        _ => None,
    };
    let bytes = text.as_bytes();
    if bytes.len() != 2 * N {
        return None;
    }
    let mut out = [0; N];
    for (place, pair) in out.iter_mut().zip(bytes.chunks_exact(2)) {
        *place = digit(pair[0])? << 4 | digit(pair[1])?;
    }
    Some(out)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_origin_has_one_spelling() {
        assert_eq!(Origin::parse("varde.example/no/1").map(|o| o.node().to_string()), Ok("NO".into()));
        for wrong in [
            "varde.example/NO/1",
            "varde.example/no/01",
            "varde.example/no/0",
            "varde/no/1",
            "a b.c/no/1",
            "varde.example/no",
            "varde.example/no/1/",
            "Varde.example/no/1",
            "varde.example/nor/1",
            "cosignature/v1",
        ] {
            assert!(Origin::parse(wrong).is_err(), "{wrong} was accepted");
        }
    }

    #[test]
    fn hex_is_lower_case_and_exact() {
        assert_eq!(unhex::<2>("00ff"), Some([0, 255]));
        assert_eq!(unhex::<2>("00FF"), None);
        assert_eq!(unhex::<2>("00f"), None);
        assert_eq!(hex(&[0, 255, 16]), "00ff10");
    }
}
