//! What the server says about itself: log lines on stderr, and numbers for Prometheus.

use std::sync::OnceLock;

use metrics_exporter_prometheus::{PrometheusBuilder, PrometheusHandle};
use tracing_subscriber::EnvFilter;

/// Quiet but for what an operator should know.
const DEFAULT_FILTER: &str = "info,hyper=warn,h2=warn,tower=warn,sqlx=warn";

/// Starts logging to stderr, filtered by `SYNCLINE_LOG` (`RUST_LOG` where that is not set).
pub fn start(default_filter: Option<&str>) {
    let chosen = ["SYNCLINE_LOG", "RUST_LOG"].iter().find_map(|name| std::env::var(name).ok());
    let filter = chosen.as_deref().or(default_filter).unwrap_or(DEFAULT_FILTER);
    let filter = EnvFilter::try_new(filter).unwrap_or_else(|_| EnvFilter::new(DEFAULT_FILTER));
    // Starting fails only where something logs already, which then goes on.
    // Whoever reads our log may go away; complaining of that on the same stream would bring the process down.
    let log = tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr).log_internal_errors(false);
    let _ = log.try_init();
}

/// The numbers of this process; counting begins with the first call.
pub fn metrics() -> &'static PrometheusHandle {
    static HANDLE: OnceLock<PrometheusHandle> = OnceLock::new();
    HANDLE.get_or_init(|| {
        let recorder = PrometheusBuilder::new().build_recorder();
        let handle = recorder.handle();
        // Fails only where another recorder counts already; then there is nothing to show here.
        let _ = metrics::set_global_recorder(recorder);
        handle
    })
}

/// The numbers in Prometheus' text form.
pub fn render() -> String {
    let handle = metrics();
    handle.run_upkeep();
    handle.render()
}
