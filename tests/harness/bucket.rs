//! A bucket that speaks as much of S3 as avatars need: put, get and delete of one object, signed. It can be away.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use axum::Router;
use axum::body::Bytes;
use axum::extract::State;
use axum::http::{HeaderMap, Method, StatusCode, Uri};
use axum::response::{IntoResponse as _, Response};
use tokio::net::TcpListener;
use tokio::task::JoinHandle;

/// Ends when it is dropped.
pub struct Bucket {
    kept: Arc<Kept>,
    port: u16,
    server: JoinHandle<()>,
}

#[derive(Default)]
struct Kept {
    objects: Mutex<BTreeMap<String, Bytes>>,
    is_away: AtomicBool,
    is_gone: AtomicBool,
    asked_in_vain: AtomicUsize,
}

impl Bucket {
    pub const NAME: &'static str = "pictures";
    pub const ACCESS_KEY_ID: &'static str = "AKIALANTERN";
    pub const SECRET_ACCESS_KEY: &'static str = "what only the bucket and profile know";

    pub async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let port = listener.local_addr().expect("it is bound").port();
        let kept = Arc::<Kept>::default();
        let routes = Router::new().fallback(answer).with_state(kept.clone());
        let server = tokio::spawn(async { axum::serve(listener, routes).await.expect("a bucket does not fail") });
        Self { kept, port, server }
    }

    pub fn url(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }

    /// From now on it answers nobody, or again everybody.
    pub fn set_away(&self, is_away: bool) {
        self.kept.is_away.store(is_away, Ordering::Relaxed);
    }

    /// From now on it is the wrong one, as if its name were mistyped, or again the right one.
    pub fn set_gone(&self, is_gone: bool) {
        self.kept.is_gone.store(is_gone, Ordering::Relaxed);
    }

    /// How often something was asked of it while it was the wrong one.
    pub fn asked_in_vain(&self) -> usize {
        self.kept.asked_in_vain.load(Ordering::Relaxed)
    }

    /// What is in it, by name.
    pub fn objects(&self) -> BTreeMap<String, Vec<u8>> {
        let objects = self.kept.objects.lock().unwrap_or_else(PoisonError::into_inner);
        objects.iter().map(|(name, content)| (name.clone(), content.to_vec())).collect()
    }
}

impl Drop for Bucket {
    fn drop(&mut self) {
        self.server.abort();
    }
}

async fn answer(State(kept): State<Arc<Kept>>, method: Method, uri: Uri, headers: HeaderMap, content: Bytes) -> Response {
    if kept.is_away.load(Ordering::Relaxed) {
        return StatusCode::SERVICE_UNAVAILABLE.into_response();
    }
    let signed = format!("AWS4-HMAC-SHA256 Credential={}/", Bucket::ACCESS_KEY_ID);
    let is_signed =
        headers.get("authorization").and_then(|value| value.to_str().ok()).is_some_and(|shown| shown.starts_with(&signed));
    let name = uri.path().strip_prefix(&format!("/{}/", Bucket::NAME));
    let (true, Some(name)) = (is_signed, name) else { return StatusCode::FORBIDDEN.into_response() };
    if kept.is_gone.load(Ordering::Relaxed) {
        kept.asked_in_vain.fetch_add(1, Ordering::Relaxed);
        return (StatusCode::NOT_FOUND, "<Error><Code>NoSuchBucket</Code></Error>").into_response();
    }
    let mut objects = kept.objects.lock().unwrap_or_else(PoisonError::into_inner);
    let about = [("etag", "\"1\""), ("last-modified", "Sun, 22 Nov 2026 12:00:00 GMT")];
    match method {
        Method::PUT => {
            objects.insert(name.to_owned(), content);
            about.into_response()
        }
        Method::GET => match objects.get(name) {
            Some(content) => (about, content.clone()).into_response(),
            None => StatusCode::NOT_FOUND.into_response(),
        },
        // Not every bucket deletes in silence what is not there.
        Method::DELETE => match objects.remove(name) {
            Some(_) => StatusCode::NO_CONTENT.into_response(),
            None => (StatusCode::NOT_FOUND, "<Error><Code>NoSuchKey</Code></Error>").into_response(),
        },
        _ => StatusCode::METHOD_NOT_ALLOWED.into_response(),
    }
}
