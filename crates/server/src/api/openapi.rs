//! The document that describes the management API.

use utoipa::OpenApi;

/// What is not said by the handlers themselves.
#[derive(OpenApi)]
#[openapi(
    info(title = "Syncline management API", description = "What the web app uses. Signed in by the cookie `syncline_session`."),
    servers((url = "/")),
)]
pub(super) struct Document;

/// The document as JSON, ending in a line break.
pub fn document() -> serde_json::Result<String> {
    let mut text = super::described_routes().to_openapi().to_pretty_json()?;
    text.push('\n');
    Ok(text)
}
