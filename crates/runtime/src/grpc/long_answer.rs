//! An answer of many messages: told as long as somebody waits for it, who still has access.

use std::time::Instant;

use futures::StreamExt as _;
use futures::stream::{self, BoxStream};
use kernel::Fault;
use tokio::sync::mpsc;
use tokio::task::JoinSet;
use tokio::time::error::Elapsed;
use tonic::Status;

use super::Problem;
use super::authentication::Proof;

/// Messages that are made ahead of whoever reads them.
const AHEAD: usize = 1;

/// Who is answered, and until when.
pub struct LongAnswer {
    pub(super) proof: Proof,
    pub(super) deadline: Instant,
}

impl LongAnswer {
    /// The messages, each told only while its caller has access: a revoked one is told UNAUTHENTICATED instead. Whoever reads slowly, or
    /// not at all, has until his deadline, like whoever asks for one message. Nothing follows an error.
    pub fn tell<M: Send + 'static>(
        self,
        messages: BoxStream<'static, Result<M, Status>>,
    ) -> BoxStream<'static, Result<M, Status>> {
        let telling = Telling { proof: self.proof, making: Some(Making::of(messages, self.deadline)) };
        stream::unfold(telling, async |mut telling| Some((telling.next().await?, telling))).boxed()
    }
}

struct Telling<M> {
    proof: Proof,
    /// None once an error was told.
    making: Option<Making<M>>,
}

impl<M: Send + 'static> Telling<M> {
    async fn next(&mut self) -> Option<Result<M, Status>> {
        let message = self.making.as_mut()?.next().await?;
        let told = self.proof.still_holds().await.map_err(Status::from).and(message);
        if told.is_err() {
            self.making = None;
        }
        Some(told)
    }
}

/// Messages in the making, by a task of their own: nobody asks an answer for more while its reader reads nothing, and what the messages
/// are made from is let go at the deadline all the same. It ends with its reader.
struct Making<M> {
    made: mpsc::Receiver<Result<M, Status>>,
    maker: JoinSet<Result<(), Elapsed>>,
}

impl<M: Send + 'static> Making<M> {
    fn of(mut messages: BoxStream<'static, Result<M, Status>>, deadline: Instant) -> Self {
        let (sender, made) = mpsc::channel(AHEAD);
        let making = async move {
            while let Some(message) = messages.next().await {
                if sender.send(message).await.is_err() {
                    return;
                }
            }
        };
        let mut maker = JoinSet::new();
        maker.spawn(tokio::time::timeout_at(deadline.into(), making));
        Self { made, maker }
    }

    /// What was made by the deadline, and then that it has passed, if there was more.
    async fn next(&mut self) -> Option<Result<M, Status>> {
        if let Some(message) = self.made.recv().await {
            return Some(message);
        }
        match self.maker.join_next().await? {
            Ok(Ok(())) => None,
            Ok(Err(_)) => Some(Err(Problem::deadline_exceeded().into())),
            Err(panicked) => Some(Err(Problem::from(Fault::internal(panicked)).into())),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use tokio::sync::oneshot;
    use tonic::Code;

    use super::*;

    /// Messages without an end, and word of when they are let go.
    fn endless() -> (BoxStream<'static, Result<i32, Status>>, oneshot::Receiver<()>) {
        let (held, let_go) = oneshot::channel::<()>();
        let messages = stream::unfold(held, async |held| Some((Ok(1), held)));
        (messages.boxed(), let_go)
    }

    /// Nobody has to read for that.
    #[tokio::test]
    async fn what_messages_are_made_from_is_let_go_at_the_deadline() {
        let (messages, let_go) = endless();
        let mut making = Making::of(messages, Instant::now());
        let_go.await.expect_err("nothing is ever said");
        assert!(making.next().await.is_some_and(|message| message.is_ok()), "one was made ahead");
        let end = making.next().await.expect("an end with a word").expect_err("no message");
        assert_eq!(end.code(), Code::DeadlineExceeded);
        assert!(making.next().await.is_none());
    }

    #[tokio::test]
    async fn what_messages_are_made_from_is_let_go_with_their_reader() {
        let (messages, let_go) = endless();
        let mut making = Making::of(messages, Instant::now() + Duration::from_hours(1));
        assert!(making.next().await.is_some_and(|message| message.is_ok()));
        drop(making);
        let_go.await.expect_err("nothing is ever said");
    }
}
