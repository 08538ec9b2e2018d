//! The web app: files made by the web build, inside the binary; debug builds read them from the source tree. Whatever is no file
//! and looks like a page is the app itself, which knows its own routes.

use axum::{
    body::Body,
    http::{HeaderValue, Method, StatusCode, Uri, header},
    response::{IntoResponse, Response},
};
use rust_embed::{EmbeddedFile, RustEmbed};

#[derive(RustEmbed)]
#[folder = "$CARGO_MANIFEST_DIR/../../web/dist"]
#[allow_missing = true]
struct Files;

/// A file whose name holds the hash of its content never changes.
const FOREVER: HeaderValue = HeaderValue::from_static("public, max-age=31536000, immutable");
/// Anything else is asked for again each time.
const REVALIDATE: HeaderValue = HeaderValue::from_static("no-cache");

/// Serves the web app.
pub async fn serve(method: Method, uri: Uri) -> Response {
    if !matches!(method, Method::GET | Method::HEAD) {
        return StatusCode::METHOD_NOT_ALLOWED.into_response();
    }
    let path = uri.path().trim_start_matches('/');
    if let Some(file) = Files::get(path) {
        return file_response(path, file);
    }
    // A missing script must not be answered with a page: the browser would blame the page.
    let is_page = !path.rsplit('/').next().unwrap_or_default().contains('.') && !path.starts_with("assets/");
    match Files::get("index.html").filter(|_| is_page) {
        Some(index) => file_response("index.html", index),
        None if is_page => {
            (StatusCode::SERVICE_UNAVAILABLE, "The web app is not built: run `cargo xtask build`.\n").into_response()
        }
        None => StatusCode::NOT_FOUND.into_response(),
    }
}

fn file_response(path: &str, file: EmbeddedFile) -> Response {
    let kind = mime_guess::from_path(path).first_or_octet_stream();
    let mut response = Response::new(Body::from(file.data));
    let headers = response.headers_mut();
    if let Ok(kind) = HeaderValue::from_str(kind.as_ref()) {
        headers.insert(header::CONTENT_TYPE, kind);
    }
    let caching = if path.starts_with("assets/") { FOREVER } else { REVALIDATE };
    headers.insert(header::CACHE_CONTROL, caching);
    response
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_missing_script_is_no_page() {
        let missing = serve(Method::GET, Uri::from_static("/assets/gone-12345.js")).await;
        assert_eq!(missing.status(), StatusCode::NOT_FOUND);
        let refused = serve(Method::POST, Uri::from_static("/users")).await;
        assert_eq!(refused.status(), StatusCode::METHOD_NOT_ALLOWED);
    }
}
