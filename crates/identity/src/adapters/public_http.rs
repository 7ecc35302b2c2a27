//! What anybody may fetch over HTTP: the keys that sign access tokens (RFC 7517, RFC 8037).

use std::sync::Arc;

use axum::extract::State;
use axum::http::header;
use axum::response::IntoResponse;
use axum::routing::get;
use axum::{Json, Router};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::json;

use crate::application::{AccessTokens, PublishedKey};

pub(crate) fn routes(tokens: Arc<dyn AccessTokens>) -> Router {
    Router::new().route("/.well-known/jwks.json", get(jwks)).with_state(tokens)
}

async fn jwks(State(tokens): State<Arc<dyn AccessTokens>>) -> impl IntoResponse {
    let keys: Vec<_> = tokens.published().iter().map(jwk).collect();
    // Well under the minutes for which a key is published before it signs.
    ([(header::CACHE_CONTROL, "public, max-age=60")], Json(json!({ "keys": keys })))
}

fn jwk(key: &PublishedKey) -> serde_json::Value {
    json!({
        "kty": "OKP",
        "crv": "Ed25519",
        "alg": "EdDSA",
        "use": "sig",
        "kid": key.kid,
        "x": URL_SAFE_NO_PAD.encode(&key.public_key),
    })
}
