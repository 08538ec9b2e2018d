//! The doors of the Pub/Sub API: one in plain HTTP/2, one with TLS under the certificate that the org's HTTPS door shows too.
//!
//! Clients with TLS built in (most are) must be told to trust the org's authority ([`crate::RunningOrg::ca_pem`]).

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;

use syncline_salesforce_eventbus::v1::pub_sub_server::PubSubServer;
use tokio::net::TcpListener;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;
use tonic::transport::server::TcpIncoming;
use tonic::transport::{Identity, Server, ServerTlsConfig};

use super::bus::Bus;
use super::service::{Patience, PubSubService};
use crate::OrgHandle;
use crate::tls::Certificates;

/// Bytes that may be on the way in one stream and in one connection: a batch of 100 events with room to spare, so that
/// neither window slows a busy subscriber.
const WINDOW_BYTES: u32 = 4 * 1024 * 1024;

/// Where the doors open. Port 0 takes any free port.
#[derive(Clone, Copy, Debug)]
pub struct PubSubOptions {
    /// The plaintext door.
    pub plaintext: SocketAddr,
    /// The TLS door.
    pub tls: SocketAddr,
    /// How long idle subscriptions are kept.
    pub patience: Patience,
}

impl Default for PubSubOptions {
    /// Any free ports of this machine, Salesforce's own times.
    fn default() -> PubSubOptions {
        let any_port = SocketAddr::from(([127, 0, 0, 1], 0));
        PubSubOptions { plaintext: any_port, tls: any_port, patience: Patience::default() }
    }
}

/// The open doors. Dropping them closes at once; [`PubSubDoors::close`] lets subscribers go in peace.
#[derive(Debug)]
pub struct PubSubDoors {
    /// Address of the plaintext door.
    pub plaintext: SocketAddr,
    /// Address of the TLS door.
    pub tls: SocketAddr,
    closing: CancellationToken,
    servers: JoinSet<Result<(), tonic::transport::Error>>,
}

impl PubSubDoors {
    /// Ends every subscription cleanly, then closes the doors.
    pub async fn close(mut self) {
        self.closing.cancel();
        while let Some(ended) = self.servers.join_next().await {
            if let Ok(Err(error)) = ended {
                tracing::warn!(error = %error, "a Pub/Sub listener ended with an error");
            }
        }
    }
}

impl Drop for PubSubDoors {
    fn drop(&mut self) {
        self.closing.cancel();
    }
}

/// Opens both doors and serves this org's events behind them.
pub async fn open(org: OrgHandle, options: PubSubOptions, certificates: &Certificates) -> io::Result<PubSubDoors> {
    let plaintext = TcpListener::bind(options.plaintext).await?;
    let tls = TcpListener::bind(options.tls).await?;
    let identity = Identity::from_pem(&certificates.leaf_pem, certificates.leaf_key_pem());

    let closing = CancellationToken::new();
    let service = PubSubService::new(Arc::new(Bus::new(org, closing.clone())), options.patience);
    let mut doors =
        PubSubDoors { plaintext: plaintext.local_addr()?, tls: tls.local_addr()?, closing, servers: JoinSet::new() };
    let tls_server = server().tls_config(ServerTlsConfig::new().identity(identity)).map_err(io::Error::other)?;
    for (mut server, listener) in [(server(), plaintext), (tls_server, tls)] {
        let closed = doors.closing.clone().cancelled_owned();
        let router = server.add_service(PubSubServer::new(service.clone()));
        // Without this, Nagle's algorithm and delayed acknowledgements hold up every exchange of credits for 40 ms.
        let incoming = TcpIncoming::from(listener).with_nodelay(Some(true));
        doors.servers.spawn(router.serve_with_incoming_shutdown(incoming, closed));
    }
    Ok(doors)
}

fn server() -> Server {
    Server::builder().initial_stream_window_size(WINDOW_BYTES).initial_connection_window_size(WINDOW_BYTES)
}
