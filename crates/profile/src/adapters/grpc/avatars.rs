//! `cabinet.profile.v1.AvatarService`.

use api::cabinet::profile::v1 as pb;
use api::cabinet::profile::v1::avatar_service_server::{AvatarService, AvatarServiceServer};
use kernel::Authorized;
use runtime::grpc::{Problem, id, open, open_stream, optional_id};
use tonic::{Request, Response, Status, Streaming};

use super::convert;
use crate::application::{AvatarUseCases, AvatarView, ChangeAvatar, GetAvatar};
use crate::domain::AvatarSize;

const MEDIA_TYPE: &str = "image/jpeg";

pub(crate) struct AvatarGrpc {
    avatars: AvatarUseCases,
}

impl AvatarGrpc {
    pub(crate) fn server(avatars: AvatarUseCases) -> AvatarServiceServer<Self> {
        AvatarServiceServer::new(Self { avatars })
    }
}

#[tonic::async_trait]
impl AvatarService for AvatarGrpc {
    async fn upload_avatar(
        &self,
        request: Request<Streaming<pb::UploadAvatarRequest>>,
    ) -> Result<Response<pb::UploadAvatarResponse>, Status> {
        let (call, mut messages) = open_stream(request);
        // Whoever says nothing has named nobody.
        let pb::UploadAvatarRequest { user_id, etag, chunk } = messages.next().await?.unwrap_or_default();
        let mut upload = self.avatars.begin(&call, change_avatar(&user_id, etag)?).await.map_err(Problem::from)?;
        upload.add(&chunk).map_err(Problem::from)?;
        while let Some(message) = messages.next().await? {
            upload.add(&message.chunk).map_err(Problem::from)?;
        }
        let profile = self.avatars.finish(&call, upload).await.map_err(Problem::from)?;
        Ok(Response::new(pb::UploadAvatarResponse { profile: Some(convert::profile(profile)) }))
    }

    async fn delete_avatar(
        &self,
        request: Request<pb::DeleteAvatarRequest>,
    ) -> Result<Response<pb::DeleteAvatarResponse>, Status> {
        let (call, request) = open(request)?;
        let command = change_avatar(&request.user_id, request.etag)?;
        let profile = self.avatars.delete(&call, command).await.map_err(Problem::from)?;
        Ok(Response::new(pb::DeleteAvatarResponse { profile: Some(convert::profile(profile)) }))
    }

    async fn get_avatar(&self, request: Request<pb::GetAvatarRequest>) -> Result<Response<pb::GetAvatarResponse>, Status> {
        let (call, request) = open(request)?;
        let avatar = self.avatars.get(&call, get_avatar(&request)?).await.map_err(Problem::from)?;
        Ok(Response::new(avatar_shown(avatar)))
    }
}

fn change_avatar(user_id: &str, etag: String) -> Result<ChangeAvatar, Problem> {
    Ok(ChangeAvatar { user_id: id("user_id", user_id)?, etag: convert::etag(etag) })
}

fn get_avatar(request: &pb::GetAvatarRequest) -> Result<GetAvatar, Problem> {
    let size = match request.size() {
        pb::AvatarSize::Large => AvatarSize::Large,
        // The field rules have refused the value that says nothing.
        pb::AvatarSize::Small | pb::AvatarSize::Unspecified => AvatarSize::Small,
    };
    Ok(GetAvatar {
        realm_id: optional_id("realm_id", &request.realm_id)?,
        user_id: id("user_id", &request.user_id)?,
        size,
        known: optional_id("known_avatar_id", &request.known_avatar_id)?,
    })
}

fn avatar_shown(view: Authorized<AvatarView>) -> pb::GetAvatarResponse {
    let AvatarView { avatar_id, content } = view.into_inner();
    pb::GetAvatarResponse {
        avatar_id: avatar_id.to_string(),
        media_type: MEDIA_TYPE.to_owned(),
        content: content.unwrap_or_default(),
    }
}
