//! What identity keeps of a user, as he is shown it (I27): no secret, not even as a hash, and nothing of anybody else.
//!
//! The members of each record are a promise of the contract, so PostgreSQL makes them: nobody in between has to know them.

use kernel::{Fault, RealmId, UserId};
use messaging::{EXPORT_PAGE, KeyedRecord, Records};
use sqlx::PgPool;
use uuid::Uuid;

/// Whose records are read, and where.
#[derive(Clone, Copy)]
struct Kept<'a> {
    pool: &'a PgPool,
    realm_id: Uuid,
    user_id: Uuid,
}

pub(super) async fn give(pool: &PgPool, realm_id: RealmId, user_id: UserId, records: &Records) -> Result<(), Fault> {
    let kept = Kept { pool, realm_id: realm_id.as_uuid(), user_id: user_id.as_uuid() };
    records.add_pages("user", |behind| kept.user(behind)).await?;
    records.add_pages("password", |behind| kept.password(behind)).await?;
    records.add_pages("second_factor", |behind| kept.second_factor(behind)).await?;
    records.add_pages("passkey", |behind| kept.passkeys(behind)).await?;
    records.add_pages("external_id", |behind| kept.external_id(behind)).await?;
    records.add_pages("social_account", |behind| kept.social_accounts(behind)).await?;
    records.add_pages("session", |behind| kept.sessions(behind)).await?;
    records.add_pages("link", |behind| kept.links(behind)).await?;
    records.add_pages("phone_code", |behind| kept.phone_codes(behind)).await?;
    records.add_pages("email_change", |behind| kept.email_changes(behind)).await?;
    records.add_pages("registration", |behind| kept.registrations(behind)).await?;
    records.add_pages("vpn_stations", |behind| kept.vpn_stations(behind)).await?;
    records.add_pages("group", |behind| kept.groups(behind)).await?;
    records.add_pages("audit_entry", |behind| kept.own_acts(behind)).await?;
    records.add_pages("audit_entry", |behind| kept.acts_of_others(behind)).await
}

impl Kept<'_> {
    async fn user(self, behind: Uuid) -> sqlx::Result<Vec<KeyedRecord>> {
        sqlx::query_as!(
            KeyedRecord,
            r#"SELECT user_id AS key,
                 jsonb_build_object('user_id', user_id, 'company_id', company_id, 'role', role, 'status', status, 'email', email,
                     'email_verify_time', email_verified_at, 'phone', phone, 'phone_verify_time', phone_verified_at,
                     'user_name', user_name, 'introduction', introduction, 'create_time', created_at,
                     'activate_time', activated_at, 'awaits', awaits, 'version', version)::text AS "record!"
             FROM users
             WHERE realm_id = $1
               AND user_id = $2
               AND user_id > $3"#,
            self.realm_id,
            self.user_id,
            behind,
        )
        .fetch_all(self.pool)
        .await
    }

    async fn password(self, behind: Uuid) -> sqlx::Result<Vec<KeyedRecord>> {
        sqlx::query_as!(
            KeyedRecord,
            r#"SELECT user_id AS key, jsonb_build_object('set_time', set_at)::text AS "record!"
             FROM passwords
             WHERE realm_id = $1
               AND user_id = $2
               AND user_id > $3"#,
            self.realm_id,
            self.user_id,
            behind,
        )
        .fetch_all(self.pool)
        .await
    }

    async fn second_factor(self, behind: Uuid) -> sqlx::Result<Vec<KeyedRecord>> {
        sqlx::query_as!(
            KeyedRecord,
            r#"SELECT user_id AS key,
                 jsonb_build_object('create_time', created_at, 'confirm_time', confirmed_at, 'recovery_codes', (
                     SELECT count(*) FROM recovery_codes WHERE realm_id = $1 AND user_id = $2
                 ))::text AS "record!"
             FROM second_factors
             WHERE realm_id = $1
               AND user_id = $2
               AND user_id > $3"#,
            self.realm_id,
            self.user_id,
            behind,
        )
        .fetch_all(self.pool)
        .await
    }

    async fn passkeys(self, behind: Uuid) -> sqlx::Result<Vec<KeyedRecord>> {
        sqlx::query_as!(
            KeyedRecord,
            r#"SELECT passkey_id AS key,
                 jsonb_build_object('passkey_id', passkey_id, 'name', name, 'create_time', created_at, 'use_time', used_at,
                     'copy_time', copied_at)::text AS "record!"
             FROM passkeys
             WHERE realm_id = $1
               AND user_id = $2
               AND passkey_id > $3
             ORDER BY passkey_id
             LIMIT $4"#,
            self.realm_id,
            self.user_id,
            behind,
            EXPORT_PAGE,
        )
        .fetch_all(self.pool)
        .await
    }

    async fn external_id(self, behind: Uuid) -> sqlx::Result<Vec<KeyedRecord>> {
        sqlx::query_as!(
            KeyedRecord,
            r#"SELECT user_id AS key, jsonb_build_object('external_id', external_id, 'link_time', linked_at)::text AS "record!"
             FROM external_ids
             WHERE realm_id = $1
               AND user_id = $2
               AND user_id > $3"#,
            self.realm_id,
            self.user_id,
            behind,
        )
        .fetch_all(self.pool)
        .await
    }

    async fn social_accounts(self, behind: Uuid) -> sqlx::Result<Vec<KeyedRecord>> {
        sqlx::query_as!(
            KeyedRecord,
            r#"SELECT social_account_id AS key,
                 jsonb_build_object('social_account_id', social_account_id, 'issuer', issuer, 'subject', subject, 'email', email,
                     'link_time', linked_at)::text AS "record!"
             FROM social_accounts
             WHERE realm_id = $1
               AND user_id = $2
               AND social_account_id > $3
             ORDER BY social_account_id
             LIMIT $4"#,
            self.realm_id,
            self.user_id,
            behind,
            EXPORT_PAGE,
        )
        .fetch_all(self.pool)
        .await
    }

    async fn sessions(self, behind: Uuid) -> sqlx::Result<Vec<KeyedRecord>> {
        sqlx::query_as!(
            KeyedRecord,
            r#"SELECT session_id AS key,
                 jsonb_build_object('session_id', session_id, 'name', name, 'client_address', client_address,
                     'client_agent', client_agent, 'proof', proof, 'create_time', created_at, 'refresh_time', refreshed_at,
                     'authenticate_time', authenticated_at, 'expire_time', expires_at, 'end_time', ended_at)::text AS "record!"
             FROM sessions
             WHERE realm_id = $1
               AND user_id = $2
               AND session_id > $3
             ORDER BY session_id
             LIMIT $4"#,
            self.realm_id,
            self.user_id,
            behind,
            EXPORT_PAGE,
        )
        .fetch_all(self.pool)
        .await
    }

    async fn links(self, behind: Uuid) -> sqlx::Result<Vec<KeyedRecord>> {
        sqlx::query_as!(
            KeyedRecord,
            r#"SELECT link_id AS key,
                 jsonb_build_object('link_id', link_id, 'purpose', purpose, 'email', email_key, 'phone', phone, 'create_time', created_at, 'expire_time', expires_at,
                     'end_time', ended_at)::text AS "record!"
             FROM links
             WHERE realm_id = $1
               AND user_id = $2
               AND link_id > $3
             ORDER BY link_id
             LIMIT $4"#,
            self.realm_id,
            self.user_id,
            behind,
            EXPORT_PAGE,
        )
        .fetch_all(self.pool)
        .await
    }

    async fn phone_codes(self, behind: Uuid) -> sqlx::Result<Vec<KeyedRecord>> {
        sqlx::query_as!(
            KeyedRecord,
            r#"SELECT code_id AS key,
                 jsonb_build_object('code_id', code_id, 'phone', phone, 'replaces', replaces, 'tries', tries,
                     'client_address', client_address, 'create_time', created_at, 'expire_time', expires_at,
                     'end_time', ended_at)::text AS "record!"
             FROM phone_codes
             WHERE realm_id = $1
               AND user_id = $2
               AND code_id > $3
             ORDER BY code_id
             LIMIT $4"#,
            self.realm_id,
            self.user_id,
            behind,
            EXPORT_PAGE,
        )
        .fetch_all(self.pool)
        .await
    }

    async fn email_changes(self, behind: Uuid) -> sqlx::Result<Vec<KeyedRecord>> {
        sqlx::query_as!(
            KeyedRecord,
            r#"SELECT link_id AS key,
                 jsonb_build_object('link_id', link_id, 'session_id', session_id, 'email', email, 'present_email', present_key,
                     'create_time', created_at, 'expire_time', expires_at)::text AS "record!"
             FROM email_changes
             WHERE realm_id = $1
               AND user_id = $2
               AND link_id > $3
             ORDER BY link_id
             LIMIT $4"#,
            self.realm_id,
            self.user_id,
            behind,
            EXPORT_PAGE,
        )
        .fetch_all(self.pool)
        .await
    }

    /// By which he became a user, and those that others may have made since with an address that he has shown to be his. What was said in
    /// them is the user's by then, or nobody's.
    async fn registrations(self, behind: Uuid) -> sqlx::Result<Vec<KeyedRecord>> {
        sqlx::query_as!(
            KeyedRecord,
            r#"SELECT link_id AS key,
                 jsonb_build_object('link_id', link_id, 'email', email_key, 'create_time', created_at, 'expire_time', expires_at,
                     'end_time', ended_at)::text AS "record!"
             FROM registrations
             WHERE realm_id = $1
               AND (user_id = $2 OR email_key = (
                   SELECT email_key FROM users WHERE realm_id = $1 AND user_id = $2 AND email_verified_at IS NOT NULL
               ))
               AND link_id > $3
             ORDER BY link_id
             LIMIT $4"#,
            self.realm_id,
            self.user_id,
            behind,
            EXPORT_PAGE,
        )
        .fetch_all(self.pool)
        .await
    }

    /// Which stations they are cannot be told from what is kept.
    async fn vpn_stations(self, behind: Uuid) -> sqlx::Result<Vec<KeyedRecord>> {
        sqlx::query_as!(
            KeyedRecord,
            r#"SELECT user_id AS key,
                 jsonb_build_object('count', count(station), 'enter_times', jsonb_agg(entered_at ORDER BY entered_at))::text
                     AS "record!"
             FROM stations
             WHERE realm_id = $1
               AND user_id = $2
               AND user_id > $3
             GROUP BY user_id"#,
            self.realm_id,
            self.user_id,
            behind,
        )
        .fetch_all(self.pool)
        .await
    }

    async fn groups(self, behind: Uuid) -> sqlx::Result<Vec<KeyedRecord>> {
        sqlx::query_as!(
            KeyedRecord,
            r#"SELECT team.group_id AS key,
                 jsonb_build_object('group_id', team.group_id, 'name', name, 'leads', leader_id = $2, 'add_time', added_at)::text
                     AS "record!"
             FROM groups AS team
             LEFT JOIN group_members AS member
                 ON member.realm_id = team.realm_id AND member.group_id = team.group_id AND member.user_id = $2
             WHERE team.realm_id = $1
               AND (leader_id = $2 OR member.user_id IS NOT NULL)
               AND team.group_id > $3
             ORDER BY team.group_id
             LIMIT $4"#,
            self.realm_id,
            self.user_id,
            behind,
            EXPORT_PAGE,
        )
        .fetch_all(self.pool)
        .await
    }

    /// What he has done to whom: ids.
    async fn own_acts(self, behind: Uuid) -> sqlx::Result<Vec<KeyedRecord>> {
        sqlx::query_as!(
            KeyedRecord,
            r#"SELECT entry_id AS key,
                 jsonb_build_object('audit_entry_id', entry_id, 'act', act, 'object_id', object_id, 'detail', detail,
                     'by_himself', true, 'actor_kind', actor_kind, 'acting_credential_id', acting_service,
                     'client_address', client_address, 'company_id', company_id, 'command_id', command_id,
                     'act_time', done_at)::text AS "record!"
             FROM audit_log
             WHERE realm_id = $1
               AND actor_id = $2
               AND entry_id > $3
             ORDER BY entry_id
             LIMIT $4"#,
            self.realm_id,
            self.user_id,
            behind,
            EXPORT_PAGE,
        )
        .fetch_all(self.pool)
        .await
    }

    /// What was done to him, and of which kind whoever did it is: who, and from where, is nobody else's business. Which fields of his
    /// profile is not said: his company may keep some of them from him.
    async fn acts_of_others(self, behind: Uuid) -> sqlx::Result<Vec<KeyedRecord>> {
        sqlx::query_as!(
            KeyedRecord,
            r#"SELECT entry_id AS key,
                 jsonb_build_object('audit_entry_id', entry_id, 'act', act, 'object_id', object_id,
                     'detail', CASE WHEN act <> 'PROFILE_CHANGED' THEN detail END, 'by_himself', false,
                     'actor_kind', actor_kind, 'act_time', done_at)::text AS "record!"
             FROM audit_log
             WHERE realm_id = $1
               AND object_id = $2
               AND actor_id IS DISTINCT FROM $2
               AND entry_id > $3
             ORDER BY entry_id
             LIMIT $4"#,
            self.realm_id,
            self.user_id,
            behind,
            EXPORT_PAGE,
        )
        .fetch_all(self.pool)
        .await
    }
}
