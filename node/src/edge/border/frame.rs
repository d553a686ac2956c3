//! The bounds of one frame: the counts and lengths that hold whatever it says. What it says, `flow` judges.

use super::code::Code;
use prost::Message;
use varde_proto::limits;
use varde_proto::wire::peer::{Checkpoint, Envelope, Frame, Heads, Hello, Items, Receipts, Refusal, Shown, frame};

/// Bytes of a code in a refusal or goodbye, and of a name in a hello.
const WORD_BYTES: usize = 255;
/// Payload types that a hello may list.
const READS: usize = 64;
/// Bytes of an opening: r, the fixed fields of an event, and its body.
const OPENING_BYTES: usize = limits::EVENT_BODY_BYTES + 1024;

/// Refuses an empty frame, and one with more of anything than allowed.
pub fn check(frame: &Frame) -> Result<(), Code> {
    let inner = frame.frame.as_ref().ok_or(Code::MalformedFrame)?;
    let fits = match inner {
        frame::Frame::Hello(hello) => hello_fits(hello),
        frame::Frame::Items(items) => items_fit(items),
        frame::Frame::Receipts(receipts) => receipts_fit(receipts),
        frame::Frame::Heads(Heads { checkpoint, from_size: _, consistency, your_log: _ }) => {
            checkpoint_fits(checkpoint) && path_fits(consistency)
        }
        frame::Frame::Refusal(Refusal { code }) => code.len() <= WORD_BYTES,
        frame::Frame::Goodbye(goodbye) => goodbye.reason.len() <= WORD_BYTES,
    };
    if fits && frame.encoded_len() <= limits::FRAME_BYTES { Ok(()) } else { Err(Code::FrameBounds) }
}

fn hello_fits(hello: &Hello) -> bool {
    let Hello { version_min: _, version_max: _, origin, reads, head, your_log: _, received, acceptance } = hello;
    origin.len() <= WORD_BYTES
        && reads.len() <= READS
        && reads.iter().all(|r| r.len() <= WORD_BYTES)
        && checkpoint_fits(head)
        && received.len() <= usize::from(limits::CLASSES)
        && received.iter().all(|p| p.chain.len() <= 32)
        && envelope_fits(acceptance)
}

fn items_fit(items: &Items) -> bool {
    let Items { checkpoint, from_size: _, consistency, items } = items;
    checkpoint_fits(checkpoint)
        && path_fits(consistency)
        && items.len() <= limits::FRAME_ITEMS
        && items.iter().all(|i| i.sent.as_ref().is_none_or(shown_fits) && envelope_fits(&i.envelope))
}

fn receipts_fit(frame: &Receipts) -> bool {
    let Receipts { checkpoint, from_size: _, consistency, receipts } = frame;
    checkpoint_fits(checkpoint)
        && path_fits(consistency)
        && receipts.len() <= limits::FRAME_ITEMS
        && receipts.iter().all(shown_fits)
}

fn checkpoint_fits(checkpoint: &Option<Checkpoint>) -> bool {
    checkpoint.as_ref().is_none_or(|Checkpoint { size: _, root, signatures }| {
        root.len() <= 32
            && signatures.len() <= limits::NOTE_SIGNATURES
            && signatures.iter().all(|s| s.name.len() <= limits::KEY_NAME_BYTES && s.signature.len() <= 4096)
    })
}

fn shown_fits(shown: &Shown) -> bool {
    shown.opening.len() <= OPENING_BYTES && path_fits(&shown.path)
}

fn path_fits(path: &[bytes::Bytes]) -> bool {
    path.len() <= limits::PROOF_HASHES && path.iter().all(|hash| hash.len() == 32)
}

fn envelope_fits(envelope: &Option<Envelope>) -> bool {
    envelope.as_ref().is_none_or(|Envelope { payload_type, payload, signatures }| {
        payload_type.len() <= WORD_BYTES
            && payload.len() <= limits::PAYLOAD_BYTES
            && signatures.len() <= limits::ENVELOPE_SIGNATURES
            && signatures.iter().all(|s| s.key_id.len() <= WORD_BYTES && s.signature.len() <= 4096)
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use varde_proto::wire::peer::{Goodbye, Item, Position};

    fn of(inner: frame::Frame) -> Frame {
        Frame { frame: Some(inner) }
    }

    #[test]
    fn a_frame_within_its_bounds_passes() {
        let items = vec![Item { sent: Some(Shown::default()), envelope: None }; limits::FRAME_ITEMS];
        assert_eq!(check(&of(frame::Frame::Items(Items { items, ..Items::default() }))), Ok(()));
        assert_eq!(check(&of(frame::Frame::Hello(Hello::default()))), Ok(()));
    }

    #[test]
    fn a_frame_over_any_bound_is_refused() {
        let hash = bytes::Bytes::from_static(&[0; 32]);
        let many = vec![Shown::default(); limits::FRAME_ITEMS + 1];
        let long = vec![hash.clone(); limits::PROOF_HASHES + 1];
        let short = vec![hash.slice(1..)];
        let payload = vec![0; limits::PAYLOAD_BYTES + 1].into();
        let big = Envelope { payload, ..Envelope::default() };
        let positions = vec![Position::default(); usize::from(limits::CLASSES) + 1];
        let over = [
            frame::Frame::Receipts(Receipts { receipts: many, ..Receipts::default() }),
            frame::Frame::Heads(Heads { consistency: long, ..Heads::default() }),
            frame::Frame::Heads(Heads { consistency: short, ..Heads::default() }),
            frame::Frame::Items(Items {
                items: vec![Item { sent: None, envelope: Some(big.clone()) }],
                ..Items::default()
            }),
            frame::Frame::Hello(Hello { acceptance: Some(big), ..Hello::default() }),
            frame::Frame::Hello(Hello { received: positions, ..Hello::default() }),
            frame::Frame::Goodbye(Goodbye { reason: "x".repeat(256), retry_after_ms: 0 }),
        ];
        for frame in over {
            assert_eq!(check(&of(frame.clone())), Err(Code::FrameBounds), "{frame:?}");
        }
        assert_eq!(check(&Frame { frame: None }), Err(Code::MalformedFrame));
    }

    #[test]
    fn a_frame_of_many_large_items_is_over_the_frame_s_own_bound() {
        let envelope = Envelope { payload: vec![0; limits::PAYLOAD_BYTES].into(), ..Envelope::default() };
        let items = vec![Item { sent: None, envelope: Some(envelope) }; 48];
        assert_eq!(check(&of(frame::Frame::Items(Items { items, ..Items::default() }))), Err(Code::FrameBounds));
    }
}
