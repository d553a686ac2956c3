//! The signed envelope: DSSE v1.0.2 over the bytes that travel. Only [`verify`] makes a [`Verified`]; what was signed is
//! kept and never encoded again.

use crate::id::{Digest, Origin};
use crate::identity::{PublicKey, SecretKey};
use crate::limits;
use crate::wire::peer::{self, Mode};
use bytes::Bytes;
use prost::Message;
use sha2::{Digest as _, Sha256};

pub use crate::wire::peer::{Envelope, Header};

/// Why a payload was refused. The code is logged in the `rejected` leaf, sent back in the receipt and shown to people.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, thiserror::Error)]
pub enum Rejection {
    /// More bytes, signatures or recipients than `limits` allows.
    #[error("the envelope is larger than allowed")]
    Oversized,
    /// A payload type this node does not read.
    #[error("the payload's type is not one this node reads")]
    UnknownType,
    /// The signature does not verify with the sender's message key.
    #[error("the signature is not by the sender's message key")]
    BadSignature,
    /// The bytes are not what their content encodes to: unknown fields, duplicates, padding or another order.
    #[error("the bytes are not the one encoding of their content")]
    NonCanonical,
    /// Of another network.
    #[error("the payload belongs to another network")]
    WrongNetwork,
    /// ACTUAL, EXERCISE and TEST do not mix.
    #[error("the payload belongs to another mode")]
    WrongMode,
    /// Issued by another node than the one that sends it: nothing is relayed.
    #[error("the issuer is not the sender; nothing is relayed")]
    WrongIssuer,
    /// The receiver is not on the list of recipients, or the list is not sorted and unique.
    #[error("the receiver is not on the list of recipients")]
    WrongRecipient,
    /// Not under the agreement in force between the two.
    #[error("the payload names another agreement than the one in force")]
    WrongAgreement,
    /// The agreement in force does not permit it; the code names the term.
    #[error("the agreement in force does not permit it, by its term {0:?}")]
    Agreement(&'static str),
    /// Sent in a class that is not the payload's.
    #[error("the payload was sent in another class than its own")]
    WrongClass,
    /// The content breaks a rule of its kind; the code names the rule.
    #[error("the content breaks the rule {0:?}")]
    Content(&'static str),
}

impl Rejection {
    /// The code, at most 64 bytes of `a-z`, `0-9`, `-` and `:`.
    pub fn code(&self) -> String {
        match self {
            Self::Oversized => "oversized".into(),
            Self::UnknownType => "unknown-type".into(),
            Self::BadSignature => "bad-signature".into(),
            Self::NonCanonical => "non-canonical".into(),
            Self::WrongNetwork => "wrong-network".into(),
            Self::WrongMode => "wrong-mode".into(),
            Self::WrongIssuer => "wrong-issuer".into(),
            Self::WrongRecipient => "wrong-recipient".into(),
            Self::WrongAgreement => "wrong-agreement".into(),
            Self::Agreement(term) => format!("agreement:{term}"),
            Self::WrongClass => "wrong-class".into(),
            Self::Content(rule) => format!("content:{rule}"),
        }
    }
}

mod sealed {
    /// Payloads are defined in this crate alone.
    pub trait Sealed {}
}
pub(crate) use sealed::Sealed;

/// What may cross a border. Sealed: a type of another crate, a case record above all, cannot become one.
pub trait Payload: Sealed + Sized {
    /// Its message on the wire.
    type Wire: Message + Default;
    /// `application/vnd.varde.<thing>.v<N>+protobuf`
    const TYPE: &'static str;

    /// Checks every rule that sender and receiver share and that needs no clock.
    fn from_wire(wire: Self::Wire) -> Result<Self, Rejection>;
    /// The header, for the checks of [`verify`].
    fn header(&self) -> &peer::Header;
    /// Its channel class (`limits::CLASSES`).
    fn class(&self) -> u8;
}

/// The digest E of an envelope: SHA-256 of what is signed. It does not depend on the signatures.
pub fn digest(envelope: &Envelope) -> Digest {
    let start = pae_start(&envelope.payload_type, &envelope.payload);
    Digest(Sha256::new().chain_update(start).chain_update(&envelope.payload).finalize().into())
}

/// DSSE's pre-authentication encoding: `DSSEv1 <len> <type> <len> <body>`.
pub fn pae(payload_type: &str, payload: &[u8]) -> Vec<u8> {
    let start = pae_start(payload_type, payload);
    let mut out = Vec::with_capacity(start.len() + payload.len());
    out.extend_from_slice(start.as_bytes());
    out.extend_from_slice(payload);
    out
}

fn pae_start(payload_type: &str, payload: &[u8]) -> String {
    format!("DSSEv1 {} {payload_type} {} ", payload_type.len(), payload.len())
}

/// Signs a message as a payload of `payload_type`.
pub fn sign<M: Message>(payload_type: &str, message: &M, key: &SecretKey) -> Envelope {
    let payload = message.encode_to_vec();
    let signature = key.sign(&pae(payload_type, &payload));
    Envelope {
        payload_type: payload_type.to_owned(),
        payload: payload.into(),
        signatures: vec![peer::EnvelopeSignature {
            key_id: key.public().hint(),
            signature: Bytes::copy_from_slice(&signature),
        }],
    }
}

/// Checks the signature (any one of the envelope's, by any one of `keys`) and that the bytes are canonical; returns the
/// message. For payloads that name no recipients (genesis, descriptor, acceptance); all else goes through [`verify`].
pub fn open<M: Message + Default>(envelope: &Envelope, payload_type: &str, keys: &[PublicKey]) -> Result<M, Rejection> {
    let signed_bytes: usize = envelope.signatures.iter().map(|s| s.signature.len() + s.key_id.len()).sum();
    if envelope.payload.len() > limits::PAYLOAD_BYTES
        || envelope.payload_type.len() > limits::KEY_NAME_BYTES
        || envelope.signatures.len() > limits::ENVELOPE_SIGNATURES
        || signed_bytes > limits::ENVELOPE_SIGNATURE_BYTES
        || !envelope.signatures.iter().all(|s| is_hint(&s.key_id))
    {
        return Err(Rejection::Oversized);
    }
    if envelope.payload_type != payload_type {
        return Err(Rejection::UnknownType);
    }
    let signed = pae(payload_type, &envelope.payload);
    let good = |s: &peer::EnvelopeSignature| keys.iter().any(|k| k.verify(&signed, &s.signature).is_ok());
    if !envelope.signatures.iter().any(good) {
        return Err(Rejection::BadSignature);
    }
    decode_canonical(&envelope.payload)
}

/// The same payload, signed by another key. E does not depend on who signs.
pub fn sign_again(envelope: &Envelope, key: &SecretKey) -> Envelope {
    let signature = Bytes::copy_from_slice(&key.sign(&pae(&envelope.payload_type, &envelope.payload)));
    let signatures = vec![peer::EnvelopeSignature { key_id: key.public().hint(), signature }];
    Envelope { signatures, ..envelope.clone() }
}

/// Signs a message as a payload of `payload_type` by each of these keys, in their order.
pub fn sign_all<M: Message>(payload_type: &str, message: &M, keys: &[&SecretKey]) -> Envelope {
    let signatures = keys.iter().flat_map(|key| sign(payload_type, message, key).signatures).collect();
    Envelope { payload_type: payload_type.to_owned(), payload: message.encode_to_vec().into(), signatures }
}

/// Checks that each of `keys` signed, in their order and nobody else, and that the bytes are canonical; returns the message.
pub fn open_all<M: Message + Default>(
    envelope: &Envelope,
    payload_type: &str,
    keys: &[&PublicKey],
) -> Result<M, Rejection> {
    if envelope.payload.len() > limits::PAYLOAD_BYTES {
        return Err(Rejection::Oversized);
    }
    if envelope.payload_type != payload_type {
        return Err(Rejection::UnknownType);
    }
    let signed = pae(payload_type, &envelope.payload);
    let good = |(key, line): (&&PublicKey, &peer::EnvelopeSignature)| {
        line.key_id == key.hint() && key.verify(&signed, &line.signature).is_ok()
    };
    if envelope.signatures.len() != keys.len() || !keys.iter().zip(&envelope.signatures).all(good) {
        return Err(Rejection::BadSignature);
    }
    decode_canonical(&envelope.payload)
}

fn decode_canonical<M: Message + Default>(bytes: &Bytes) -> Result<M, Rejection> {
    // The message's byte fields share these bytes instead of copying them.
    let message = M::decode(bytes.clone()).map_err(|_| Rejection::NonCanonical)?;
    if message.encode_to_vec() == *bytes { Ok(message) } else { Err(Rejection::NonCanonical) }
}

/// What the receiver knows, against which an envelope is checked.
#[derive(Debug, Clone, Copy)]
pub struct Expected<'a> {
    /// Network and mode of the receiver's own log.
    pub network: &'a str,
    /// Fixed by genesis.
    pub mode: Mode,
    /// Who sends.
    pub issuer: &'a Origin,
    /// Who receives.
    pub recipient: &'a Origin,
    /// The sender's message keys that are valid now.
    pub keys: &'a [PublicKey],
    /// The agreement in force between the two.
    pub agreement: Digest,
    /// The class in which it was sent.
    pub class: u8,
}

/// A payload whose signature, canonical form, address and shared rules were checked. Only [`verify`] makes one.
#[derive(Debug, Clone)]
pub struct Verified<P> {
    payload: P,
    from: Origin,
    envelope: Envelope,
    digest: Digest,
}

impl<P> Verified<P> {
    /// The payload.
    pub fn payload(&self) -> &P {
        &self.payload
    }

    /// Who issued and sent it.
    pub fn from(&self) -> &Origin {
        &self.from
    }

    /// The envelope as it came.
    pub fn envelope(&self) -> &Envelope {
        &self.envelope
    }

    /// E.
    pub fn digest(&self) -> Digest {
        self.digest
    }
}

/// The only way to a [`Verified`]: signature, bytes, address, then the payload's own rules.
pub fn verify<P: Payload>(envelope: &Envelope, expected: &Expected<'_>) -> Result<Verified<P>, Rejection> {
    let payload = check(envelope, expected)?;
    Ok(Verified { payload, from: expected.issuer.clone(), envelope: envelope.clone(), digest: digest(envelope) })
}

/// The checks of [`verify`], for an auditor: nothing is admitted by them.
pub(crate) fn check<P: Payload>(envelope: &Envelope, expected: &Expected<'_>) -> Result<P, Rejection> {
    let wire: P::Wire = open(envelope, P::TYPE, expected.keys)?;
    let payload = P::from_wire(wire)?;
    check_header(payload.header(), expected)?;
    if payload.class() == expected.class { Ok(payload) } else { Err(Rejection::WrongClass) }
}

/// A key's hint is eight hex digits, or not there: nothing else has a place beside a signature.
fn is_hint(key_id: &str) -> bool {
    key_id.is_empty() || key_id.len() == 8 && key_id.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f'))
}

/// Whether bytes that should be random are a text that somebody wrote.
pub(crate) fn is_printable(bytes: &[u8]) -> bool {
    bytes.iter().all(|b| (0x20..0x7f).contains(b))
}

fn check_header(header: &peer::Header, expected: &Expected<'_>) -> Result<(), Rejection> {
    let peer::Header { network, mode, issuer, recipients, agreement, salt } = header;
    if network != expected.network {
        return Err(Rejection::WrongNetwork);
    }
    if *mode != expected.mode as i32 {
        return Err(Rejection::WrongMode);
    }
    if issuer != expected.issuer.as_str() {
        return Err(Rejection::WrongIssuer);
    }
    if recipients.len() > limits::RECIPIENTS {
        return Err(Rejection::Oversized);
    }
    let sorted = recipients.windows(2).all(|pair| pair[0] < pair[1]);
    if !sorted || !recipients.iter().any(|r| r == expected.recipient.as_str()) {
        return Err(Rejection::WrongRecipient);
    }
    // Recipients who stand under different agreements get the same bytes: then each leaf names its recipient's.
    let several = recipients.len() > 1 && agreement.as_ref() == Digest::NONE.0;
    if agreement.as_ref() != expected.agreement.0 && !several {
        return Err(Rejection::WrongAgreement);
    }
    // Random bytes never read as a text: 95 of 256 values, 32 times.
    if salt.len() != 32 || is_printable(salt) {
        return Err(Rejection::Content("salt"));
    }
    Ok(())
}
