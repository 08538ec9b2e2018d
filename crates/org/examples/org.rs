//! Runs a seeded org and prints where it answers: `cargo run -p syncline-org --example org [PORT]`.

use std::net::SocketAddr;

use syncline_org::seed::SeedSize;
use syncline_org::{OrgOptions, start};

#[tokio::main]
async fn main() -> std::io::Result<()> {
    let port = std::env::args().nth(1).and_then(|port| port.parse().ok()).unwrap_or(0);
    let options = OrgOptions {
        listen: SocketAddr::from(([127, 0, 0, 1], port)),
        seed_size: Some(SeedSize::DEMO),
        ..OrgOptions::default()
    };
    let org = start(options).await?;
    println!("url           {}", org.url);
    println!("with TLS      {}", org.https_url);
    println!("pubsub        {} (plaintext), {} (TLS)", org.pubsub_url, org.pubsub_tls);
    println!("sign in       {} / {}", org.org_username, org.org_password);
    println!("client        {} / {}", org.client_id, org.client_secret);
    println!("access token  {}", org.access_token());
    tokio::signal::ctrl_c().await?;
    org.shutdown().await;
    Ok(())
}
