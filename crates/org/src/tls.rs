//! TLS for the org's doors: a certificate authority made at start, one certificate that both TLS doors show, and a listener
//! that axum can serve from. It knows nothing of what is served behind it.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use axum::serve::Listener;
use rcgen::{
    BasicConstraints, CertificateParams, CertifiedIssuer, DnType, ExtendedKeyUsagePurpose, IsCa, KeyPair,
    KeyUsagePurpose,
};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::ServerConfig;
use tokio_rustls::rustls::pki_types::PrivatePkcs8KeyDer;
use tokio_rustls::server::TlsStream;

/// Names that the TLS doors answer to: this machine, and Salesforce's own for clients whose addresses are fixed.
const CERTIFICATE_NAMES: [&str; 10] = [
    "localhost",
    "127.0.0.1",
    "::1",
    "*.salesforce.com",
    "*.my.salesforce.com",
    "*.sandbox.my.salesforce.com",
    "*.develop.my.salesforce.com",
    "login.salesforce.com",
    "test.salesforce.com",
    "api.pubsub.salesforce.com",
];

/// A client that has not finished its handshake by then is let go.
const HANDSHAKE_WITHIN: Duration = Duration::from_secs(10);
/// Handshakes under way at once; the next connection waits in the system's own queue.
const HANDSHAKES_MAX: usize = 256;

/// What the TLS doors show, and who vouches for it. It lives as long as the org runs.
#[derive(Debug)]
pub struct Certificates {
    /// Certificate of the authority, as PEM: what clients are told to trust.
    pub ca_pem: String,
    /// The doors' certificate, as PEM.
    pub(crate) leaf_pem: String,
    leaf_der: Vec<u8>,
    leaf_key: KeyPair,
}

impl Certificates {
    /// A new authority and a certificate by it.
    ///
    /// # Errors
    /// Where the system gives no randomness.
    pub fn generate() -> io::Result<Certificates> {
        Certificates::try_generate().map_err(io::Error::other)
    }

    fn try_generate() -> Result<Certificates, rcgen::Error> {
        let mut authority = CertificateParams::default();
        authority.distinguished_name.push(DnType::CommonName, "Syncline emulated org");
        authority.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        authority.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
        let issuer = CertifiedIssuer::self_signed(authority, KeyPair::generate()?)?;

        let mut leaf = CertificateParams::new(CERTIFICATE_NAMES.map(str::to_owned))?;
        leaf.distinguished_name.push(DnType::CommonName, "localhost");
        leaf.key_usages = vec![KeyUsagePurpose::DigitalSignature];
        leaf.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
        leaf.use_authority_key_identifier_extension = true;
        let leaf_key = KeyPair::generate()?;
        let leaf = leaf.signed_by(&leaf_key, &issuer)?;
        let leaf_der = leaf.der().to_vec();
        Ok(Certificates { ca_pem: issuer.pem(), leaf_pem: leaf.pem(), leaf_der, leaf_key })
    }

    /// Key of the doors' certificate, as PEM.
    pub(crate) fn leaf_key_pem(&self) -> String {
        self.leaf_key.serialize_pem()
    }

    /// How the HTTPS door greets: HTTP/2 for those who can, else HTTP/1.1.
    fn https(&self) -> io::Result<TlsAcceptor> {
        let key = PrivatePkcs8KeyDer::from(self.leaf_key.serialize_der());
        // Named here, since a process may link more than one provider and then has no default.
        let provider = Arc::new(tokio_rustls::rustls::crypto::aws_lc_rs::default_provider());
        let mut config = ServerConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .map_err(io::Error::other)?
            .with_no_client_auth()
            .with_single_cert(vec![self.leaf_der.clone().into()], key.into())
            .map_err(io::Error::other)?;
        config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
        Ok(TlsAcceptor::from(Arc::new(config)))
    }
}

/// A TCP listener whose connections come out with TLS done. A slow handshake holds up nobody else.
pub(crate) struct TlsListener {
    tcp: TcpListener,
    acceptor: TlsAcceptor,
    handshakes: JoinSet<Option<(TlsStream<TcpStream>, SocketAddr)>>,
}

impl TlsListener {
    /// Puts the HTTPS greeting in front of a listener.
    pub(crate) fn new(tcp: TcpListener, certificates: &Certificates) -> io::Result<TlsListener> {
        Ok(TlsListener { tcp, acceptor: certificates.https()?, handshakes: JoinSet::new() })
    }
}

impl Listener for TlsListener {
    type Io = TlsStream<TcpStream>;
    type Addr = SocketAddr;

    async fn accept(&mut self) -> (Self::Io, Self::Addr) {
        loop {
            tokio::select! {
                (stream, peer) = Listener::accept(&mut self.tcp), if self.handshakes.len() < HANDSHAKES_MAX => {
                    let acceptor = self.acceptor.clone();
                    self.handshakes.spawn(async move { greet(&acceptor, stream).await.map(|stream| (stream, peer)) });
                }
                Some(done) = self.handshakes.join_next() => {
                    if let Ok(Some(connection)) = done {
                        return connection;
                    }
                }
            }
        }
    }

    fn local_addr(&self) -> io::Result<SocketAddr> {
        self.tcp.local_addr()
    }
}

async fn greet(acceptor: &TlsAcceptor, stream: TcpStream) -> Option<TlsStream<TcpStream>> {
    set_nodelay(&stream);
    match tokio::time::timeout(HANDSHAKE_WITHIN, acceptor.accept(stream)).await {
        Ok(Ok(stream)) => Some(stream),
        // Most often a client that does not trust the authority.
        Ok(Err(error)) => {
            tracing::debug!(error = %error, "a TLS handshake failed");
            None
        }
        Err(_) => None,
    }
}

/// Without it small answers wait for the acknowledgement of the ones before.
pub(crate) fn set_nodelay(stream: &TcpStream) {
    if let Err(error) = stream.set_nodelay(true) {
        tracing::debug!(error = %error, "a connection keeps its delays");
    }
}
