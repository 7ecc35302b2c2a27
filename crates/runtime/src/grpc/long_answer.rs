//! An answer of many messages: told as long as somebody waits for it, who still has access.

use std::time::Instant;

use futures::StreamExt as _;
use futures::stream::{self, BoxStream};
use tonic::Status;

use super::Problem;
use super::authentication::Proof;

/// Who is answered, and until when.
pub struct LongAnswer {
    pub(super) proof: Proof,
    pub(super) deadline: Instant,
}

impl LongAnswer {
    /// The messages, each told only while its caller has access: a revoked one is told UNAUTHENTICATED instead. Whoever reads slowly
    /// has until his deadline, like whoever asks for one message. Nothing follows an error.
    pub fn tell<M: Send + 'static>(
        self,
        messages: BoxStream<'static, Result<M, Status>>,
    ) -> BoxStream<'static, Result<M, Status>> {
        let telling = Telling { answer: self, messages: Some(messages) };
        stream::unfold(telling, async |mut telling| Some((telling.next().await?, telling))).boxed()
    }

    async fn next<M>(&self, messages: &mut BoxStream<'static, Result<M, Status>>) -> Option<Result<M, Status>> {
        let Ok(message) = tokio::time::timeout_at(self.deadline.into(), messages.next()).await else {
            return Some(Err(Problem::deadline_exceeded().into()));
        };
        let message = message?;
        Some(self.proof.still_holds().await.map_err(Status::from).and(message))
    }
}

struct Telling<M> {
    answer: LongAnswer,
    /// None once an error was told.
    messages: Option<BoxStream<'static, Result<M, Status>>>,
}

impl<M> Telling<M> {
    async fn next(&mut self) -> Option<Result<M, Status>> {
        let told = self.answer.next(self.messages.as_mut()?).await;
        if !matches!(told, Some(Ok(_))) {
            self.messages = None;
        }
        told
    }
}
