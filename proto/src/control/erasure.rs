//! The request to erase an item, and the answers to it.

use super::leaf;
use crate::envelope::{Payload, Rejection, Sealed};
use crate::id::{AlertId, Digest, Origin, TreeSize};
use crate::identity::PublicKey;
use crate::limits;
use crate::log::Checkpoint;
use crate::log::event::Kind;
use crate::log::head::Head;
use crate::log::merkle;
use crate::log::proof::TlogProof;
use crate::time::Timestamp;
use crate::vocabulary::{DeskRole, ErasureBasis, ErasureReason, Vocabulary};
use crate::wire::peer;

/// What a control message about an erasure does.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Act {
    /// The issuer of the item asks for it.
    Request {
        /// On what it rests.
        basis: ErasureBasis,
        /// Which desk of the issuer decided.
        authority: DeskRole,
        /// When it is overdue.
        due: Timestamp,
    },
    /// The recipient has erased it.
    Done {
        /// E of the request; [`Digest::NONE`] where the item expired and nobody asked.
        request: Digest,
        /// The tlog-proof of its `erase-done` leaf, with the opening: the receipt of the erasure.
        proof: Vec<u8>,
    },
    /// The recipient may not erase it for now.
    Held {
        /// E of the request.
        request: Digest,
        /// The tlog-proof of its `hold` leaf, with the opening.
        proof: Vec<u8>,
    },
}

/// A control message about the erasure of one item.
#[derive(Debug, Clone, PartialEq)]
pub struct Erasure {
    /// Who sends it, and to whom.
    pub header: peer::Header,
    /// E of the item.
    pub object: Digest,
    /// The id under which its recipients filed it.
    pub id: AlertId,
    /// Why.
    pub reason: ErasureReason,
    /// What it does.
    pub act: Act,
}

impl Erasure {
    /// As it is signed.
    pub fn to_wire(&self) -> peer::Erasure {
        let bytes = |bytes: &[u8]| bytes::Bytes::copy_from_slice(bytes);
        let mut wire = peer::Erasure {
            header: Some(self.header.clone()),
            object: bytes(&self.object.0),
            alert_id: bytes(&self.id.0),
            reason: self.reason.number(),
            ..peer::Erasure::default()
        };
        match &self.act {
            Act::Request { basis, authority, due } => {
                wire.act = peer::ErasureAct::Request as i32;
                (wire.basis, wire.authority, wire.due_ms) = (basis.number(), authority.number(), due.ms());
            }
            Act::Done { request, proof } | Act::Held { request, proof } => {
                let done = matches!(self.act, Act::Done { .. });
                wire.act = if done { peer::ErasureAct::Done } else { peer::ErasureAct::Held } as i32;
                if *request != Digest::NONE {
                    wire.request = bytes(&request.0);
                }
                wire.proof = bytes(proof);
            }
        }
        wire
    }
}

impl Sealed for Erasure {}

impl Payload for Erasure {
    type Wire = peer::Erasure;
    const TYPE: &'static str = "application/vnd.varde.erasure.v1+protobuf";

    fn from_wire(wire: Self::Wire) -> Result<Self, Rejection> {
        let peer::Erasure { header, act, object, alert_id, reason, basis, authority, due_ms, request, proof } = wire;
        let header = header.ok_or(Rejection::Content("header"))?;
        let object = Digest::from_bytes(&object).ok_or(Rejection::Content("erasure-object"))?;
        let id = AlertId::from_bytes(&alert_id).ok_or(Rejection::Content("erasure-id"))?;
        let reason = ErasureReason::from_number(reason).ok_or(Rejection::Content("erasure-reason"))?;
        let asks = request.is_empty() && proof.is_empty();
        let answers = basis == 0 && authority == 0 && due_ms == 0 && !proof.is_empty();
        let asked = if request.is_empty() { Some(Digest::NONE) } else { Digest::from_bytes(&request) };
        let asked = asked.filter(|digest| request.is_empty() || *digest != Digest::NONE);
        let act = match (peer::ErasureAct::try_from(act).unwrap_or_default(), asked) {
            // The end of its time is nobody's request.
            (peer::ErasureAct::Request, _) if reason == ErasureReason::EXPIRED => {
                return Err(Rejection::Content("erasure-reason"));
            }
            (peer::ErasureAct::Request, _) if asks => Act::Request {
                basis: ErasureBasis::from_number(basis).ok_or(Rejection::Content("erasure-basis"))?,
                authority: DeskRole::from_number(authority).ok_or(Rejection::Content("erasure-authority"))?,
                due: Timestamp::from_ms(due_ms).map_err(|_| Rejection::Content("erasure-due"))?,
            },
            (peer::ErasureAct::Done, Some(request)) if answers => Act::Done { request, proof: proof.to_vec() },
            (peer::ErasureAct::Held, Some(request)) if answers && request != Digest::NONE => {
                Act::Held { request, proof: proof.to_vec() }
            }
            _ => return Err(Rejection::Content("erasure-act")),
        };
        Ok(Self { header, object, id, reason, act })
    }

    fn header(&self) -> &peer::Header {
        &self.header
    }

    fn class(&self) -> u8 {
        limits::CONTROL
    }
}

/// Checks the proof in an answer: a leaf of the answerer's log, under a head signed by a key that `keys` has for its size, which
/// says of this item and this request what the answer says. A request has nothing to check.
pub fn check_answer(
    erasure: &Erasure,
    answerer: &Origin,
    keys: impl FnOnce(TreeSize) -> Vec<PublicKey>,
    issuer: &Origin,
) -> Result<(), Rejection> {
    let (kind, proof) = match &erasure.act {
        Act::Request { .. } => return Ok(()),
        Act::Done { proof, .. } => (Kind::ERASE_DONE, proof),
        Act::Held { proof, .. } => (Kind::HOLD, proof),
    };
    let bad = Rejection::Content("erasure-proof");
    let proof = TlogProof::parse(proof).map_err(|_| bad)?;
    let opening = proof.opening().ok_or(bad)?;
    let size = Checkpoint::parse(proof.checkpoint.text()).map_err(|_| bad)?.size();
    let head = Head::verify(proof.checkpoint.clone(), answerer, &keys(size)).map_err(|_| bad)?;
    merkle::verify_inclusion(proof.index, head.size(), &opening.entry().leaf_hash(), &proof.path, &head.root())
        .map_err(|_| bad)?;
    let event = opening.event();
    let says = match &erasure.act {
        Act::Request { .. } => true,
        Act::Done { request, .. } => {
            leaf::Done::decode(&event.body) == Some(leaf::Done { request: *request, reason: erasure.reason })
        }
        Act::Held { .. } => leaf::read_hold(&event.body) == Some(true),
    };
    let about = event.kind == kind && event.object == erasure.object;
    // Either may have taken up a new generation of its log since the item was sent.
    let about = about && event.peer.as_ref().is_some_and(|peer| peer.is_of_node(issuer));
    if about && says { Ok(()) } else { Err(bad) }
}
