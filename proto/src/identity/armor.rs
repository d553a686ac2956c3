//! Signed documents as text files: a begin line, base64 in lines of 64, an end line. One spelling: text that does not come
//! out again exactly as it went in is refused.

use crate::limits;
use crate::wire::peer;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use prost::Message;

/// What a text file holds; it stands in the begin and end lines.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Label {
    /// A node descriptor, as `varde peer export` writes it.
    Descriptor,
    /// The genesis of a log.
    Genesis,
    /// One side's yes to an agreement.
    Acceptance,
    /// The end of an agreement, said by one side.
    Revocation,
    /// A new key, or the end of one.
    KeyStatement,
    /// What a member of staff signed.
    Act,
    /// Why a log ended, and what follows it.
    Incident,
}

impl Label {
    fn text(self) -> &'static str {
        match self {
            Self::Descriptor => "VARDE NODE DESCRIPTOR",
            Self::Genesis => "VARDE GENESIS",
            Self::Acceptance => "VARDE ACCEPTANCE",
            Self::Revocation => "VARDE REVOCATION",
            Self::KeyStatement => "VARDE KEY STATEMENT",
            Self::Act => "VARDE ACT",
            Self::Incident => "VARDE INCIDENT",
        }
    }
}

/// Why a text file is refused before anything in it is believed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum BadArmor {
    /// Over `limits::ARMOR_BYTES`.
    #[error("the text has {0} bytes, more than a document of this kind can have")]
    TooLong(usize),
    /// No begin line of this kind at the top.
    #[error("the text does not begin with the line {0:?}")]
    Begin(String),
    /// No end line of this kind at the bottom: cut short, or something follows.
    #[error("the text does not end with the line {0:?}")]
    End(String),
    /// Not base64, or not the one spelling: changed line ends, spaces, other line lengths.
    #[error("the lines between are not base64 as it was written; line ends or spaces may have been changed on the way")]
    Spelling,
    /// The bytes are no signed envelope, or not its one encoding.
    #[error("the content is not a signed envelope")]
    Envelope,
}

/// Writes a signed document as text.
pub fn encode(label: Label, envelope: &peer::Envelope) -> String {
    wrap(label.text(), &envelope.encode_to_vec())
}

/// Reads a signed document from text. Says nothing about its signature.
pub fn decode(label: Label, text: &str) -> Result<peer::Envelope, BadArmor> {
    let bytes = unwrap(label.text(), text)?;
    let envelope = peer::Envelope::decode(bytes.as_slice()).map_err(|_| BadArmor::Envelope)?;
    if envelope.encode_to_vec() == bytes { Ok(envelope) } else { Err(BadArmor::Envelope) }
}

/// A certificate as PEM (RFC 7468), which other tools read too.
pub fn certificate_to_pem(der: &[u8]) -> String {
    wrap(CERTIFICATE, der)
}

/// Reads a certificate that [`certificate_to_pem`] wrote.
pub fn certificate_from_pem(text: &str) -> Result<Vec<u8>, BadArmor> {
    unwrap(CERTIFICATE, text)
}

const CERTIFICATE: &str = "CERTIFICATE";

fn lines(label: &str) -> (String, String) {
    (format!("-----BEGIN {label}-----\n"), format!("-----END {label}-----\n"))
}

fn wrap(label: &str, bytes: &[u8]) -> String {
    const LINE: usize = 64;
    let (begin, end) = lines(label);
    let base64 = STANDARD.encode(bytes);
    let mut text = begin;
    let mut rest = base64.as_str();
    while !rest.is_empty() {
        let (line, more) = rest.split_at(rest.len().min(LINE));
        text.push_str(line);
        text.push('\n');
        rest = more;
    }
    text + &end
}

fn unwrap(label: &str, text: &str) -> Result<Vec<u8>, BadArmor> {
    if text.len() > limits::ARMOR_BYTES {
        return Err(BadArmor::TooLong(text.len()));
    }
    let (begin, end) = lines(label);
    let rest = text.strip_prefix(&begin).ok_or_else(|| BadArmor::Begin(begin.trim_end().to_owned()))?;
    let body = rest.strip_suffix(&end).ok_or_else(|| BadArmor::End(end.trim_end().to_owned()))?;
    let bytes = STANDARD.decode(body.replace('\n', "")).map_err(|_| BadArmor::Spelling)?;
    if wrap(label, &bytes) == text { Ok(bytes) } else { Err(BadArmor::Spelling) }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "tests")]
mod tests {
    use super::*;

    fn sample() -> peer::Envelope {
        peer::Envelope { payload_type: "a".repeat(90), payload: vec![7; 100].into(), signatures: vec![] }
    }

    #[test]
    fn a_document_survives_its_text_and_has_one_spelling() {
        let text = encode(Label::Genesis, &sample());
        assert_eq!(decode(Label::Genesis, &text), Ok(sample()));
        assert!(text.lines().all(|line| line.len() <= 64));
        let begin = |label| matches!(decode(label, &text), Err(BadArmor::Begin(_)));
        assert!(begin(Label::Descriptor) && begin(Label::Acceptance));
        assert!(matches!(decode(Label::Genesis, &text.replace('\n', "\r\n")), Err(BadArmor::Begin(_))));
        assert!(matches!(decode(Label::Genesis, text.trim_end()), Err(BadArmor::End(_))));
        assert!(matches!(decode(Label::Genesis, &format!("{text}\n")), Err(BadArmor::End(_))));
        let body_start = text.find('\n').unwrap() + 1;
        let mut wider = text.clone();
        wider.remove(body_start + 64);
        assert_eq!(decode(Label::Genesis, &wider), Err(BadArmor::Spelling));
        let mut spaced = text.clone();
        spaced.insert(body_start, ' ');
        assert_eq!(decode(Label::Genesis, &spaced), Err(BadArmor::Spelling));
        assert!(matches!(decode(Label::Genesis, &"-".repeat(limits::ARMOR_BYTES + 1)), Err(BadArmor::TooLong(_))));
    }

    #[test]
    fn an_envelope_has_one_encoding() {
        let mut bytes = sample().encode_to_vec();
        bytes.extend([0x20, 0x01]);
        assert_eq!(decode(Label::Genesis, &wrap(Label::Genesis.text(), &bytes)), Err(BadArmor::Envelope));
    }
}
