//! How providers are asked: over HTTP, within limits of time and of length, and never somewhere else than they were said to be.

use std::time::Duration;

use futures::FutureExt as _;
use futures::future::BoxFuture;
use openidconnect::{AsyncHttpClient, HttpRequest, HttpResponse};
use reqwest::redirect::Policy;

/// Somebody waits for the answer.
const TIMEOUT: Duration = Duration::from_secs(5);
/// A document of a provider, or its keys, is much shorter.
const LONGEST_ANSWER: usize = 256 * 1024;

/// Why there is no answer. What the client says of it may name addresses, and stays with it.
#[derive(Debug, thiserror::Error)]
pub(super) enum HttpError {
    #[error("no answer")]
    Away,
    #[error("an answer without end")]
    TooLong,
}

#[derive(Debug)]
pub(super) struct ProviderHttp(reqwest::Client);

impl ProviderHttp {
    /// For a provider with this issuer: where that has TLS, nothing of it is asked without.
    pub(super) fn for_issuer(issuer: &str) -> Result<Self, reqwest::Error> {
        let client = reqwest::Client::builder()
            // Who answers with another address could have us ask anybody.
            .redirect(Policy::none())
            .https_only(issuer.starts_with("https://"))
            .connect_timeout(TIMEOUT)
            .timeout(TIMEOUT)
            .build()?;
        Ok(Self(client))
    }

    async fn ask(&self, request: HttpRequest) -> Result<HttpResponse, HttpError> {
        let request = request.try_into().map_err(|_: reqwest::Error| HttpError::Away)?;
        let mut answer = self.0.execute(request).await.map_err(|_| HttpError::Away)?;
        let mut response = http::Response::builder().status(answer.status());
        for (name, value) in answer.headers() {
            response = response.header(name, value);
        }
        let mut body = Vec::new();
        while let Some(chunk) = answer.chunk().await.map_err(|_| HttpError::Away)? {
            if body.len() + chunk.len() > LONGEST_ANSWER {
                return Err(HttpError::TooLong);
            }
            body.extend_from_slice(&chunk);
        }
        response.body(body).map_err(|_| HttpError::Away)
    }
}

impl<'c> AsyncHttpClient<'c> for ProviderHttp {
    type Error = HttpError;
    type Future = BoxFuture<'c, Result<HttpResponse, HttpError>>;

    fn call(&'c self, request: HttpRequest) -> Self::Future {
        self.ask(request).boxed()
    }
}
