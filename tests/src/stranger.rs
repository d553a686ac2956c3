//! A client of our own making, with none of the node's good manners: any certificate, any signature, any bytes.

use crate::party::Failure;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::sign::CertifiedKey;
use rustls::{ClientConfig, DigitallySignedStruct, Error, SignatureAlgorithm, SignatureScheme};
use std::net::SocketAddr;
use std::sync::Arc;
use tokio::io::AsyncReadExt;
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;
use varde_proto::identity::SecretKey;

/// A certificate and what signs for it, whatever the server offers.
#[derive(Debug, Clone)]
pub struct Shown {
    /// DER.
    pub certificate: Vec<u8>,
    /// Its key, or another one.
    pub signing: Signing,
}

/// What signs a handshake.
#[derive(Debug, Clone)]
pub enum Signing {
    /// A key as nodes have them.
    Ours(Arc<SecretKey>),
    /// A key of any algorithm.
    Other(Arc<dyn rustls::sign::SigningKey>, SignatureScheme),
}

/// Settings of a client that trusts any server; `None` shows no certificate.
pub fn client(shown: Option<Shown>, alpn: &[u8]) -> ClientConfig {
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let builder = ClientConfig::builder_with_provider(provider)
        .with_protocol_versions(&[&rustls::version::TLS13])
        .expect("TLS 1.3")
        .dangerous()
        .with_custom_certificate_verifier(Arc::new(Anyone));
    let mut config = match shown {
        Some(shown) => builder.with_client_cert_resolver(Arc::new(shown)),
        None => builder.with_no_client_auth(),
    };
    config.alpn_protocols = vec![alpn.to_vec()];
    config
}

/// Finishes its half of the handshake.
pub async fn connect(to: SocketAddr, config: ClientConfig) -> Result<TlsStream<TcpStream>, Failure> {
    connect_over(TcpStream::connect(to).await?, Arc::new(config)).await
}

/// The same over a connection that is already there.
pub async fn connect_over(stream: TcpStream, config: Arc<ClientConfig>) -> Result<TlsStream<TcpStream>, Failure> {
    let name = ServerName::try_from("anything.example")?;
    Ok(TlsConnector::from(config).connect(name, stream).await?)
}

/// What a refused party gets to read: bytes, then the end.
pub async fn read_to_the_end(mut stream: impl tokio::io::AsyncRead + Unpin) -> Vec<u8> {
    let mut bytes = Vec::new();
    // An alert ends in an error; what counts is what was readable.
    let _ = stream.read_to_end(&mut bytes).await;
    bytes
}

impl rustls::client::ResolvesClientCert for Shown {
    fn resolve(&self, _: &[&[u8]], _: &[SignatureScheme]) -> Option<Arc<CertifiedKey>> {
        let der = CertificateDer::from(self.certificate.clone());
        Some(Arc::new(CertifiedKey::new(vec![der], Arc::new(self.signing.clone()))))
    }

    fn has_certs(&self) -> bool {
        true
    }
}

impl rustls::sign::SigningKey for Signing {
    fn choose_scheme(&self, _: &[SignatureScheme]) -> Option<Box<dyn rustls::sign::Signer>> {
        match self {
            Self::Ours(_) => Some(Box::new(self.clone())),
            Self::Other(key, scheme) => key.choose_scheme(&[*scheme]),
        }
    }

    fn algorithm(&self) -> SignatureAlgorithm {
        match self {
            Self::Ours(_) => SignatureAlgorithm::ED25519,
            Self::Other(key, _) => key.algorithm(),
        }
    }
}

impl rustls::sign::Signer for Signing {
    fn sign(&self, message: &[u8]) -> Result<Vec<u8>, Error> {
        match self {
            Self::Ours(key) => Ok(key.sign(message).to_vec()),
            Self::Other(..) => Err(Error::General("signed by its own signer".into())),
        }
    }

    fn scheme(&self) -> SignatureScheme {
        SignatureScheme::ED25519
    }
}

#[derive(Debug)]
struct Anyone;

impl ServerCertVerifier for Anyone {
    fn verify_server_cert(
        &self,
        _: &CertificateDer<'_>,
        _: &[CertificateDer<'_>],
        _: &ServerName<'_>,
        _: &[u8],
        _: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        _: &[u8],
        _: &CertificateDer<'_>,
        _: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        Ok(HandshakeSignatureValid::assertion())
    }

    fn verify_tls13_signature(
        &self,
        _: &[u8],
        _: &CertificateDer<'_>,
        _: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        Ok(HandshakeSignatureValid::assertion())
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        vec![SignatureScheme::ED25519]
    }
}
