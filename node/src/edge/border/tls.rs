//! TLS between nodes: 1.3 only, X25519MLKEM768 first, Ed25519 only, both sides pinned by key, no resumption, ALPN `h2`.
//!
//! Trust comes from the pin alone; the certificate adds the window in which its node stood by the key. Every signature is
//! made and checked by the same Ed25519 code as everything else that is signed (`varde_proto::identity::key`).

use super::certificate::Shown;
use super::code::Code;
use super::pins::Pins;
use crate::port::Clock;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::{CryptoProvider, aws_lc_rs};
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::server::danger::{ClientCertVerified, ClientCertVerifier};
use rustls::sign::CertifiedKey;
use rustls::{
    CertificateError, ClientConfig, DigitallySignedStruct, DistinguishedName, Error, OtherError, PeerIncompatible,
    ServerConfig, SignatureAlgorithm, SignatureScheme,
};
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::watch;
use varde_proto::identity::certificate::{BadCertificate, Certificate};
use varde_proto::identity::{PublicKey, SecretKey};
use varde_proto::time::Timestamp;

const ALPN: &[u8] = b"h2";

/// What both directions of TLS need.
#[derive(Clone)]
pub(crate) struct TlsSetup {
    /// Whom we know.
    pub(crate) pins: watch::Receiver<Arc<Pins>>,
    /// Our certificate and its key; the watch changes when it is re-issued.
    pub(crate) shown: watch::Receiver<Arc<Shown>>,
    /// The time by which windows are judged.
    pub(crate) clock: Arc<dyn Clock>,
}

impl TlsSetup {
    /// For connections that peers open: any pinned peer may.
    pub(crate) fn server(&self) -> Result<ServerConfig, Error> {
        let time = Arc::new(Time(self.clock.clone()));
        let verifier = Arc::new(AnyPeer { pins: self.pins.clone() });
        let mut config = ServerConfig::builder_with_details(provider(), time)
            .with_protocol_versions(&[&rustls::version::TLS13])?
            .with_client_cert_verifier(verifier)
            .with_cert_resolver(Arc::new(self.own()));
        config.alpn_protocols = vec![ALPN.to_vec()];
        config.send_tls13_tickets = 0;
        config.session_storage = Arc::new(rustls::server::NoServerSessionStorage {});
        Ok(config)
    }

    /// For a connection that we open: only the holder of one of these keys may answer.
    pub(crate) fn client(&self, peer: Vec<PublicKey>) -> Result<ClientConfig, Error> {
        let time = Arc::new(Time(self.clock.clone()));
        let mut config = ClientConfig::builder_with_details(provider(), time)
            .with_protocol_versions(&[&rustls::version::TLS13])?
            .dangerous()
            .with_custom_certificate_verifier(Arc::new(OnePeer { peer }))
            .with_client_cert_resolver(Arc::new(self.own()));
        config.alpn_protocols = vec![ALPN.to_vec()];
        config.resumption = rustls::client::Resumption::disabled();
        config.enable_sni = false;
        Ok(config)
    }

    fn own(&self) -> Own {
        Own(self.shown.clone())
    }
}

/// aws-lc-rs with the hybrid post-quantum exchange first, X25519 for a peer that lacks it, and nothing else.
fn provider() -> Arc<CryptoProvider> {
    let mut provider = aws_lc_rs::default_provider();
    provider.kx_groups = vec![aws_lc_rs::kx_group::X25519MLKEM768, aws_lc_rs::kx_group::X25519];
    Arc::new(provider)
}

struct Time(Arc<dyn Clock>);

impl std::fmt::Debug for Time {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Time")
    }
}

impl rustls::time_provider::TimeProvider for Time {
    fn current_time(&self) -> Option<UnixTime> {
        let seconds = u64::try_from(self.0.now().seconds()).ok()?;
        Some(UnixTime::since_unix_epoch(Duration::from_secs(seconds)))
    }
}

/// Reads the other side's certificate and checks its window.
fn read(end: &CertificateDer<'_>, more: &[CertificateDer<'_>], now: UnixTime) -> Result<Certificate, Error> {
    if !more.is_empty() {
        return Err(refusal(Code::MalformedCertificate));
    }
    let certificate = Certificate::read(end).map_err(|bad| {
        refusal(match bad {
            BadCertificate::Malformed => Code::MalformedCertificate,
            BadCertificate::NotEd25519 => Code::NotEd25519,
        })
    })?;
    let seconds = i64::try_from(now.as_secs()).unwrap_or(i64::MAX);
    let now = Timestamp::from_ms(seconds.saturating_mul(1000)).unwrap_or(Timestamp::MAX);
    if now < certificate.not_before {
        Err(refusal(Code::CertificateNotYetValid))
    } else if now > certificate.not_after {
        Err(refusal(Code::CertificateExpired))
    } else {
        Ok(certificate)
    }
}

/// Every refusal looks alike from outside: one alert, `certificate_unknown`.
fn refusal(code: Code) -> Error {
    Error::InvalidCertificate(CertificateError::Other(OtherError(Arc::new(code))))
}

/// The handshake's signature, by the certificate's key.
fn check_signature(
    message: &[u8],
    certificate: &CertificateDer<'_>,
    signed: &DigitallySignedStruct,
) -> Result<HandshakeSignatureValid, Error> {
    let good = signed.scheme == SignatureScheme::ED25519
        && Certificate::read(certificate).is_ok_and(|c| c.key.verify(message, signed.signature()).is_ok());
    if good { Ok(HandshakeSignatureValid::assertion()) } else { Err(refusal(Code::BadHandshakeSignature)) }
}

/// Accepts every pinned peer.
#[derive(Debug)]
struct AnyPeer {
    pins: watch::Receiver<Arc<Pins>>,
}

impl ClientCertVerifier for AnyPeer {
    fn root_hint_subjects(&self) -> &[DistinguishedName] {
        &[]
    }

    fn verify_client_cert(
        &self,
        end: &CertificateDer<'_>,
        more: &[CertificateDer<'_>],
        now: UnixTime,
    ) -> Result<ClientCertVerified, Error> {
        let certificate = read(end, more, now)?;
        match self.pins.borrow().by_tls_key(&certificate.key) {
            Some(_) => Ok(ClientCertVerified::assertion()),
            None => Err(refusal(Code::Unpinned)),
        }
    }

    fn verify_tls12_signature(
        &self,
        _: &[u8],
        _: &CertificateDer<'_>,
        _: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        Err(refusal(Code::TlsVersion))
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        check_signature(message, certificate, signed)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        vec![SignatureScheme::ED25519]
    }
}

/// Accepts the one peer that was dialled.
#[derive(Debug)]
struct OnePeer {
    peer: Vec<PublicKey>,
}

impl ServerCertVerifier for OnePeer {
    fn verify_server_cert(
        &self,
        end: &CertificateDer<'_>,
        more: &[CertificateDer<'_>],
        _: &ServerName<'_>,
        _: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        let certificate = read(end, more, now)?;
        if self.peer.contains(&certificate.key) {
            Ok(ServerCertVerified::assertion())
        } else {
            Err(refusal(Code::Unpinned))
        }
    }

    fn verify_tls12_signature(
        &self,
        _: &[u8],
        _: &CertificateDer<'_>,
        _: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        Err(refusal(Code::TlsVersion))
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        check_signature(message, certificate, signed)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        vec![SignatureScheme::ED25519]
    }
}

/// Our certificate and key, as they are now.
#[derive(Debug)]
struct Own(watch::Receiver<Arc<Shown>>);

impl Own {
    fn now(&self) -> Arc<CertifiedKey> {
        let shown = self.0.borrow().clone();
        let der = CertificateDer::from(shown.der.clone());
        Arc::new(CertifiedKey::new(vec![der], Arc::new(Signing(shown.key.clone()))))
    }
}

impl rustls::server::ResolvesServerCert for Own {
    fn resolve(&self, _: rustls::server::ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        Some(self.now())
    }
}

impl rustls::client::ResolvesClientCert for Own {
    fn resolve(&self, _: &[&[u8]], schemes: &[SignatureScheme]) -> Option<Arc<CertifiedKey>> {
        schemes.contains(&SignatureScheme::ED25519).then(|| self.now())
    }

    fn has_certs(&self) -> bool {
        true
    }
}

#[derive(Debug)]
struct Signing(Arc<SecretKey>);

impl rustls::sign::SigningKey for Signing {
    fn choose_scheme(&self, offered: &[SignatureScheme]) -> Option<Box<dyn rustls::sign::Signer>> {
        let signer = || Box::new(Self(self.0.clone())) as Box<dyn rustls::sign::Signer>;
        offered.contains(&SignatureScheme::ED25519).then(signer)
    }

    fn algorithm(&self) -> SignatureAlgorithm {
        SignatureAlgorithm::ED25519
    }
}

impl rustls::sign::Signer for Signing {
    fn sign(&self, message: &[u8]) -> Result<Vec<u8>, Error> {
        Ok(self.0.sign(message).to_vec())
    }

    fn scheme(&self) -> SignatureScheme {
        SignatureScheme::ED25519
    }
}

/// The key that the other side proved.
pub(crate) fn shown_key(certificates: Option<&[CertificateDer<'_>]>) -> Option<PublicKey> {
    certificates?.first().and_then(|c| Certificate::read(c).ok()).map(|certificate| certificate.key)
}

/// The name of a failure of the TLS layer.
pub(crate) fn code_of(error: &std::io::Error) -> Code {
    match error.get_ref().and_then(|inner| inner.downcast_ref::<Error>()) {
        Some(tls) => code_of_tls(tls),
        None => Code::ConnectionLost,
    }
}

fn code_of_tls(error: &Error) -> Code {
    match error {
        Error::InvalidCertificate(CertificateError::Other(OtherError(inner))) => {
            inner.downcast_ref::<Code>().copied().unwrap_or(Code::MalformedCertificate)
        }
        Error::InvalidCertificate(_) => Code::MalformedCertificate,
        Error::NoCertificatesPresented => Code::NoCertificate,
        Error::PeerIncompatible(
            PeerIncompatible::SupportedVersionsExtensionRequired
            | PeerIncompatible::Tls12NotOffered
            | PeerIncompatible::Tls12NotOfferedOrEnabled
            | PeerIncompatible::ServerDoesNotSupportTls12Or13
            | PeerIncompatible::ServerTlsVersionIsDisabledByOurConfig,
        ) => Code::TlsVersion,
        Error::PeerIncompatible(_) | Error::NoApplicationProtocol | Error::PeerMisbehaved(_) => Code::TlsParameters,
        Error::InvalidMessage(_) | Error::InappropriateMessage { .. } => Code::NotTls,
        Error::AlertReceived(alert) => code_of_alert(*alert),
        _ => Code::ConnectionLost,
    }
}

/// What the other side's alert means. Those about a certificate are about ours.
fn code_of_alert(alert: rustls::AlertDescription) -> Code {
    use rustls::AlertDescription as Alert;
    match alert {
        Alert::CertificateUnknown
        | Alert::BadCertificate
        | Alert::UnsupportedCertificate
        | Alert::CertificateRevoked
        | Alert::CertificateExpired
        | Alert::CertificateRequired
        | Alert::UnknownCA
        | Alert::AccessDenied => Code::PeerDoesNotKnowOurKey,
        Alert::ProtocolVersion => Code::TlsVersion,
        Alert::HandshakeFailure | Alert::NoApplicationProtocol | Alert::InsufficientSecurity => Code::TlsParameters,
        _ => Code::ConnectionLost,
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "tests")]
mod tests {
    use super::super::testing::{TestClock, genesis, key, now, pins};
    use super::*;
    use rustls::NamedGroup;
    use tokio_rustls::{TlsAcceptor, TlsConnector};
    use varde_proto::identity::Role;

    /// The country's settings; its TLS key is the fifth of its six.
    fn setup(first: u8, known: &[(&str, u8)]) -> TlsSetup {
        let key = key(first + 4);
        let der = Certificate::issue(&key, now()).unwrap();
        let shown = watch::channel(Arc::new(Shown { der, key: Arc::new(key) })).1;
        TlsSetup { pins: watch::channel(pins(known)).1, shown, clock: TestClock::new() }
    }

    fn tls_key(country: &str, first: u8) -> PublicKey {
        *genesis(country, first).keys().get(Role::Tls).unwrap()
    }

    #[tokio::test]
    async fn two_nodes_agree_on_the_post_quantum_group_and_prove_both_keys() {
        let (no, ee) = (setup(1, &[("EE", 11)]), setup(11, &[("NO", 1)]));
        let (near, far) = tokio::io::duplex(64 * 1024);
        let connector = TlsConnector::from(Arc::new(ee.client(vec![tls_key("NO", 1)]).unwrap()));
        let acceptor = TlsAcceptor::from(Arc::new(no.server().unwrap()));
        let name = ServerName::try_from("peer.invalid").unwrap();
        let (client, server) = tokio::join!(connector.connect(name, near), acceptor.accept(far));
        let (client, server) = (client.unwrap(), server.unwrap());
        let group = |group: Option<&dyn rustls::crypto::SupportedKxGroup>| group.map(|g| g.name());
        assert_eq!(group(client.get_ref().1.negotiated_key_exchange_group()), Some(NamedGroup::X25519MLKEM768));
        assert_eq!(group(server.get_ref().1.negotiated_key_exchange_group()), Some(NamedGroup::X25519MLKEM768));
        let shown =
            |certificates: Option<&[CertificateDer<'_>]>| Certificate::read(&certificates.unwrap()[0]).unwrap().key;
        assert_eq!(shown(client.get_ref().1.peer_certificates()), tls_key("NO", 1));
        assert_eq!(shown(server.get_ref().1.peer_certificates()), tls_key("EE", 11));
    }

    #[test]
    fn a_certificate_with_a_companion_is_refused() {
        let der = CertificateDer::from(Certificate::issue(&key(15), now()).unwrap());
        let at = UnixTime::since_unix_epoch(Duration::from_secs(now().seconds().unsigned_abs()));
        let any = AnyPeer { pins: watch::channel(pins(&[("EE", 11)])).1 };
        assert!(any.verify_client_cert(&der, &[], at).is_ok());
        let refused = any.verify_client_cert(&der, std::slice::from_ref(&der), at).unwrap_err();
        assert_eq!(code_of_tls(&refused), Code::MalformedCertificate);
    }
}
