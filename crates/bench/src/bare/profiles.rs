//! Profiles, read by a bare handler.

use api::cabinet::profile::v1 as pb;
use api::cabinet::profile::v1::profile_service_server::ProfileService;
use sqlx::PgPool;
use sqlx::types::Uuid;
use tonic::{Request, Response, Status};

use super::moment;

pub(super) struct BareProfiles {
    pub(super) pool: PgPool,
    pub(super) realm_id: Uuid,
}

#[derive(sqlx::FromRow)]
struct ProfileRow {
    user_id: Uuid,
    company_id: Uuid,
    full_name: String,
    last_name: String,
    first_name: String,
    middle_name: String,
    initials: String,
    job_title: String,
    organisation: String,
    web_site: Option<String>,
    time_zone: Option<String>,
    language: Option<String>,
    avatar_id: Option<Uuid>,
    department_id: Option<Uuid>,
    version: i64,
    updated_at: jiff_sqlx::Timestamp,
}

impl BareProfiles {
    async fn profile(&self, user_id: Uuid) -> Result<ProfileRow, sqlx::Error> {
        sqlx::query_as(
            "SELECT realm_id, user_id, company_id, full_name, last_name, first_name, middle_name, initials, job_title, organisation,
                 web_site, time_zone, language, avatar_id, department_id, version, updated_at
             FROM profiles
             WHERE realm_id = $1
               AND user_id = $2",
        )
        .bind(self.realm_id)
        .bind(user_id)
        .fetch_one(&self.pool)
        .await
    }

    /// The further fields of his company: whoever shows a profile has to know whether there are any.
    async fn attributes(&self, company_id: Uuid) -> Result<Vec<sqlx::postgres::PgRow>, sqlx::Error> {
        sqlx::query(
            "SELECT realm_id, attribute_id, company_id, key, type AS kind, rules::text, version
             FROM attributes
             WHERE realm_id = $1
               AND company_id = ANY($2)
             ORDER BY key",
        )
        .bind(self.realm_id)
        .bind(vec![company_id])
        .fetch_all(&self.pool)
        .await
    }
}

#[tonic::async_trait]
impl ProfileService for BareProfiles {
    async fn get_profile(&self, request: Request<pb::GetProfileRequest>) -> Result<Response<pb::GetProfileResponse>, Status> {
        let user_id: Uuid = request.get_ref().user_id.parse().map_err(|_| Status::invalid_argument("user_id"))?;
        let failed = |error: sqlx::Error| Status::internal(error.to_string());
        let row = self.profile(user_id).await.map_err(failed)?;
        let attributes = self.attributes(row.company_id).await.map_err(failed)?;
        let profile = pb::Profile {
            user_id: row.user_id.to_string(),
            display_label: row.full_name.clone(),
            full_name: row.full_name,
            last_name: row.last_name,
            first_name: row.first_name,
            middle_name: row.middle_name,
            initials: row.initials,
            job_title: row.job_title,
            organisation: row.organisation,
            web_site: row.web_site.unwrap_or_default(),
            time_zone: row.time_zone.unwrap_or_default(),
            language: row.language.unwrap_or_default(),
            avatar_id: row.avatar_id.map(|id| id.to_string()).unwrap_or_default(),
            department_id: row.department_id.map(|id| id.to_string()).unwrap_or_default(),
            department: String::new(),
            version: row.version,
            update_time: Some(moment(row.updated_at)),
            etag: row.version.to_string(),
            attributes: attributes.iter().map(|_| pb::ProfileAttribute::default()).collect(),
        };
        Ok(Response::new(pb::GetProfileResponse { profile: Some(profile) }))
    }

    async fn batch_get_profiles(
        &self,
        _: Request<pb::BatchGetProfilesRequest>,
    ) -> Result<Response<pb::BatchGetProfilesResponse>, Status> {
        Err(Status::unimplemented(""))
    }

    async fn update_profile(&self, _: Request<pb::UpdateProfileRequest>) -> Result<Response<pb::UpdateProfileResponse>, Status> {
        Err(Status::unimplemented(""))
    }
}
