//! Every way in which a connection between nodes is refused or ends, each with its name.

use std::net::SocketAddr;
use tokio::sync::mpsc;
use varde_proto::id::NodeId;

/// Why a connection was refused or ended. The name stands in the journal, in `varde status` and in the guides.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Code {
    /// The other side did not finish the handshake within 5 s.
    HandshakeTimeout,
    /// What came was no TLS.
    NotTls,
    /// The other side does not speak TLS 1.3.
    TlsVersion,
    /// No cipher suite, key exchange, signature scheme or ALPN protocol in common.
    TlsParameters,
    /// The other side showed no certificate.
    NoCertificate,
    /// The certificate is not one X.509 certificate of a reasonable size.
    MalformedCertificate,
    /// The certificate's key is not an Ed25519 key.
    NotEd25519,
    /// The certificate's window has passed.
    CertificateExpired,
    /// The certificate's window has not begun: one of the two clocks is wrong.
    CertificateNotYetValid,
    /// The certificate's key is not pinned; when dialling: not the key pinned for that peer.
    Unpinned,
    /// The handshake's signature is not by the certificate's key.
    BadHandshakeSignature,
    /// The other side did not accept our certificate: it has not pinned our key, or thinks it expired.
    PeerDoesNotKnowOurKey,
    /// Too many handshakes under way.
    TooManyHandshakes,
    /// Too many handshakes under way from this address.
    TooManyFromAddress,
    /// Too many connections in all.
    TooManyConnections,
    /// Too many connections of this peer.
    TooManyFromPeer,
    /// Nobody listens there, the name does not resolve, or the network does not carry.
    Unreachable,
    /// No connection within 10 s.
    ConnectTimeout,
    /// The connection broke off.
    ConnectionLost,
    /// The peer proved its key and then opened no stream within 10 s.
    NoStream,
    /// Another connection with the same peer is the one that is kept.
    Superseded,
    /// The peer answered in a way that is not this protocol's.
    NotOurProtocol,
    /// A frame over `limits::MESSAGE_BYTES`.
    OversizedFrame,
    /// Bytes that are no frame.
    MalformedFrame,
    /// The pin was removed, replaced, or its descriptor expired.
    PinChanged,
    /// Nothing was heard for a minute, not even a keep-alive.
    Silent,
    /// The connection reached its greatest age of one day; a new one follows.
    TooOld,
    /// This node stops.
    Stopping,
    /// An orderly end.
    Closed,
}

impl Code {
    /// `unpinned`, `certificate-expired`, ...
    pub fn name(self) -> &'static str {
        match self {
            Self::HandshakeTimeout => "handshake-timeout",
            Self::NotTls => "not-tls",
            Self::TlsVersion => "tls-version",
            Self::TlsParameters => "tls-parameters",
            Self::NoCertificate => "no-certificate",
            Self::MalformedCertificate => "malformed-certificate",
            Self::NotEd25519 => "not-ed25519",
            Self::CertificateExpired => "certificate-expired",
            Self::CertificateNotYetValid => "certificate-not-yet-valid",
            Self::Unpinned => "unpinned",
            Self::BadHandshakeSignature => "bad-handshake-signature",
            Self::PeerDoesNotKnowOurKey => "peer-does-not-know-our-key",
            Self::TooManyHandshakes => "too-many-handshakes",
            Self::TooManyFromAddress => "too-many-from-address",
            Self::TooManyConnections => "too-many-connections",
            Self::TooManyFromPeer => "too-many-from-peer",
            Self::Unreachable => "unreachable",
            Self::ConnectTimeout => "connect-timeout",
            Self::ConnectionLost => "connection-lost",
            Self::NoStream => "no-stream",
            Self::Superseded => "superseded",
            Self::NotOurProtocol => "not-our-protocol",
            Self::OversizedFrame => "oversized-frame",
            Self::MalformedFrame => "malformed-frame",
            Self::PinChanged => "pin-changed",
            Self::Silent => "silent",
            Self::TooOld => "too-old",
            Self::Stopping => "stopping",
            Self::Closed => "closed",
        }
    }
}

impl Code {
    /// Whether people should be told: a party was refused or misbehaved. The others are the weather of a network.
    pub fn is_notable(self) -> bool {
        !matches!(
            self,
            Self::Unreachable
                | Self::ConnectTimeout
                | Self::ConnectionLost
                | Self::Superseded
                | Self::Silent
                | Self::TooOld
                | Self::Stopping
                | Self::Closed
        )
    }
}

impl std::fmt::Display for Code {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.name())
    }
}

impl std::error::Error for Code {}

/// Who opened a connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Side {
    /// This node dialled.
    Dialled,
    /// The peer dialled.
    Accepted,
}

/// A refusal, an attempt that failed, or a connection that ended otherwise than in order: for the journal, which limits its
/// rate. Says nothing of what was carried.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Refused {
    /// Why.
    pub code: Code,
    /// Who opened it.
    pub side: Side,
    /// The other end's address, as far as known.
    pub remote: Option<SocketAddr>,
    /// The peer, as far as known.
    pub peer: Option<NodeId>,
}

/// Reports refusals without ever waiting: what the journal cannot take is dropped.
#[derive(Debug, Clone)]
pub(crate) struct Reporter(mpsc::Sender<Refused>);

impl Reporter {
    /// A reporter and where its reports arrive; 256 wait at most.
    pub(crate) fn new() -> (Self, mpsc::Receiver<Refused>) {
        let (sender, receiver) = mpsc::channel(256);
        (Self(sender), receiver)
    }

    /// Reports.
    pub(crate) fn report(&self, refused: Refused) {
        let Refused { code, side, remote, peer } = refused;
        tracing::debug!(%code, ?side, ?remote, peer = peer.map(|p| p.to_string()), "connection refused or ended");
        if self.0.try_send(refused).is_err() {
            tracing::debug!("a refusal was not journalled: the journal is behind");
        }
    }
}
