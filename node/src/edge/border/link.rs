//! A link: the stream of frames between this node and one peer, the same whoever dialled.

use super::code::{Code, Side};
use super::fate::Fate;
use super::pins::Peer;
use super::registry::Live;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::mpsc;
use tokio_stream::wrappers::ReceiverStream;
use tonic::{Status, Streaming};
use varde_proto::wire::peer::Frame;

/// Frames that wait in either direction: with `limits::FRAME_BYTES` each, what one link may hold in memory.
const WAITING: usize = 16;
/// After the peer's last frame, what is still on its way to it has this long.
const GRACE: Duration = Duration::from_secs(5);

/// A connection with a pinned peer as `flow` sees it. It ends when the peer ends its stream, when either half is dropped, or
/// by its [`Fate`]; then `incoming` ends and `fate` says why.
#[derive(Debug)]
pub struct Link {
    /// The pinned peer whose key the handshake proved.
    pub peer: Arc<Peer>,
    /// Who dialled.
    pub side: Side,
    /// Frames to the peer. Dropping it ends our half in order, after what was sent.
    pub outgoing: mpsc::Sender<Frame>,
    /// Frames of the peer, each at most `limits::MESSAGE_BYTES`; not yet read.
    pub incoming: mpsc::Receiver<Frame>,
    /// Ends the connection hard, and says why it ended.
    pub fate: Fate,
}

/// The wire's half of a link.
pub(crate) struct Ends {
    incoming: mpsc::Sender<Frame>,
    fate: Fate,
}

/// A link, its wire half, and the stream of its outgoing frames.
pub(crate) fn link(peer: Arc<Peer>, side: Side, fate: Fate) -> (Link, Ends, ReceiverStream<Frame>) {
    let (outgoing, from_flow) = mpsc::channel(WAITING);
    let (to_flow, incoming) = mpsc::channel(WAITING);
    let ends = Ends { incoming: to_flow, fate: fate.clone() };
    (Link { peer, side, outgoing, incoming, fate }, ends, ReceiverStream::new(from_flow))
}

impl Ends {
    /// Carries frames from the wire to `flow` until one side ends.
    pub(crate) async fn carry(self, mut stream: Streaming<Frame>, live: Live) {
        loop {
            let frame = tokio::select! {
                biased;
                _ = self.fate.wait() => return,
                () = self.incoming.closed() => break,
                next = stream.message() => match next {
                    Ok(Some(frame)) => frame,
                    Ok(None) => break,
                    Err(status) => return self.fate.end(code_of(&status)),
                },
            };
            tokio::select! {
                _ = self.fate.wait() => return,
                sent = self.incoming.send(frame) => if sent.is_err() { break },
            }
        }
        let Self { incoming, fate } = self;
        drop((incoming, live));
        if tokio::time::timeout(GRACE, fate.wait()).await.is_err() {
            fate.end(Code::Closed);
        }
    }
}

/// What an error of the stream means.
pub(crate) fn code_of(status: &Status) -> Code {
    match status.code() {
        tonic::Code::OutOfRange => Code::OversizedFrame,
        tonic::Code::Internal | tonic::Code::InvalidArgument => Code::MalformedFrame,
        tonic::Code::FailedPrecondition => Code::Superseded,
        tonic::Code::Unimplemented => Code::NotOurProtocol,
        _ => Code::ConnectionLost,
    }
}
