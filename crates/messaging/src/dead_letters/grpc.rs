//! `cabinet.messaging.v1.DeadLetterService`, served by every service that consumes facts.

use api::cabinet::identity::v1::AuditAct;
use api::cabinet::messaging::v1 as pb;
use api::cabinet::messaging::v1::dead_letter_service_server::{DeadLetterService, DeadLetterServiceServer};
use kernel::{Authorized, Call, DeadLetterId, Fault, Permit};
use runtime::grpc::{Page, Problem, id, open, timestamp};
use tonic::{Request, Response, Status};

use super::access::Action;
use super::desk::{DeadLetterDesk, Found};
use super::store::DeadLetter;
use crate::transport::Redelivery;
use crate::{Act, Broker};

const LIST: &str = "cabinet.messaging.v1.ListDeadLetters";

pub struct DeadLetterGrpc {
    desk: DeadLetterDesk,
    broker: Broker,
}

impl DeadLetterGrpc {
    pub fn server(desk: DeadLetterDesk, broker: Broker) -> DeadLetterServiceServer<Self> {
        DeadLetterServiceServer::new(Self { desk, broker })
    }

    /// Back to its consumer first, forgotten second: a crash between the two repeats, and the inbox absorbs that.
    async fn replay(&self, permit: &Permit, call: &Call, way: &dyn Redelivery, id: DeadLetterId) -> Result<bool, Fault> {
        let Some(Found { lies_in, consumer, lane, message }) = self.desk.get(id).await? else { return Ok(false) };
        way.redeliver(&consumer, lane, &message).await.map_err(Fault::unavailable)?;
        let replayed = Act::in_realm(AuditAct::DeadLetterReplayed, message.realm_id, id).detailed(format!("{consumer} {lane}"));
        lies_in.delete(permit, call, id, replayed).await?;
        Ok(true)
    }
}

#[tonic::async_trait]
impl DeadLetterService for DeadLetterGrpc {
    async fn list_dead_letters(
        &self,
        request: Request<pb::ListDeadLettersRequest>,
    ) -> Result<Response<pb::ListDeadLettersResponse>, Status> {
        let (call, request) = open(request)?;
        let permit = call.authorize(&Action::ListDeadLetters).map_err(Problem::from)?;
        let page = Page::read(&call, LIST, request.page_size, &request.page_token)?;
        let listed = self.desk.list(page.after(), page.size).await.map_err(Problem::from)?;
        let next_page_token = page.next_token(listed.len(), listed.last().map(|letter| letter.id));
        Ok(Response::new(pb::ListDeadLettersResponse { dead_letters: dead_letters(permit.show(listed)), next_page_token }))
    }

    async fn replay_dead_letters(
        &self,
        request: Request<pb::ReplayDeadLettersRequest>,
    ) -> Result<Response<pb::ReplayDeadLettersResponse>, Status> {
        let (call, request) = open(request)?;
        let permit = call.authorize(&Action::ReplayDeadLetters).map_err(Problem::from)?;
        let way = self.broker.redelivery().await.map_err(Fault::unavailable).map_err(Problem::from)?;
        let mut response = pb::ReplayDeadLettersResponse::default();
        for text in request.dead_letter_ids {
            match self.replay(&permit, &call, way.as_ref(), id("dead_letter_ids", &text)?).await {
                Ok(true) => response.replayed_ids.push(text),
                Ok(false) => response.skipped_ids.push(text),
                Err(fault) if response.replayed_ids.is_empty() => return Err(Problem::from(fault).into()),
                // What was done is said; the rest may be asked for again.
                Err(_) => break,
            }
        }
        Ok(Response::new(response))
    }
}

fn dead_letters(letters: Authorized<Vec<DeadLetter>>) -> Vec<pb::DeadLetter> {
    let convert = |letter: DeadLetter| pb::DeadLetter {
        dead_letter_id: letter.id.to_string(),
        consumer: letter.consumer,
        event_id: letter.event_id.map(|id| id.to_string()).unwrap_or_default(),
        event_type: letter.event_type,
        reason: letter.reason,
        death_time: Some(timestamp(letter.died_at)),
    };
    letters.into_inner().into_iter().map(convert).collect()
}
