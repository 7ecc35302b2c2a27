//! Listing users: a page of a large company, beside a page of a small one.

use std::time::Instant;

use api::cabinet::identity::v1 as pb;
use api::cabinet::identity::v1::realm_service_client::RealmServiceClient;
use api::cabinet::identity::v1::user_service_client::UserServiceClient;
use cabinet_e2e::with_token;

use crate::Scale;
use crate::report::{Limit, Report, median};
use crate::stage::Stage;

/// How much larger the one is than the other.
const TIMES: usize = 100;
const PAGES: usize = 200;
const PAGE_SIZE: i32 = 50;
const LARGEST_PAGE: i32 = 1000;

/// Pages of a company, one after the other, and from the beginning again behind the last.
struct Walk<'a> {
    stage: &'a Stage,
    company_id: String,
    page_token: String,
}

impl Walk<'_> {
    /// Passes so many users by.
    async fn skip(&mut self, token: &str, users: usize) {
        for _ in 0..users / usize::try_from(LARGEST_PAGE).expect("not negative") {
            self.page(token, LARGEST_PAGE).await;
        }
    }

    /// Milliseconds that the next page took.
    async fn next(&mut self, token: &str) -> f64 {
        self.page(token, PAGE_SIZE).await
    }

    async fn page(&mut self, token: &str, page_size: i32) -> f64 {
        let request = pb::ListUsersRequest {
            company_id: self.company_id.clone(),
            page_size,
            page_token: std::mem::take(&mut self.page_token),
        };
        let mut client = UserServiceClient::new(self.stage.cabinet.identity.channel());
        let started = Instant::now();
        let page = client.list_users(with_token(token, request)).await.expect("the realm's own SERVICE may").into_inner();
        let taken = started.elapsed().as_secs_f64() * 1000.0;
        self.page_token = page.next_page_token;
        taken
    }
}

/// `list_users`: a page of a company of 500,000 users, against one of a company of 5,000; turn by turn, from the middle of each.
pub(crate) async fn list_users(stage: &Stage, scale: Scale, report: &mut Report) {
    let few = scale.people / 4;
    let many = few * TIMES;
    let (small, large) = (company(stage, few).await, company(stage, many).await);
    stage.cabinet.databases.identity.execute("VACUUM ANALYZE users");
    let token = stage.cabinet.service_token();
    let [mut small, mut large] = [small, large].map(|company_id| Walk { stage, company_id, page_token: String::new() });
    small.skip(&token, few / 2).await;
    large.skip(&token, many / 2).await;
    let (mut limits, mut values) = (Vec::new(), Vec::new());
    for _ in 0..scale.rounds {
        let (mut of_small, mut of_large) = (Vec::new(), Vec::new());
        for _ in 0..PAGES {
            of_small.push(small.next(&token).await);
            of_large.push(large.next(&token).await);
        }
        limits.push(median(&of_small));
        values.push(median(&of_large));
    }
    let command = format!("the same page of a company of {few} users, beside one of {many}");
    report.against("list_users", &values, "ms", &Limit { values: limits, command, reference: None });
}

/// A company of so many.
async fn company(stage: &Stage, users: usize) -> String {
    let realm_id = stage.cabinet.realm.id.to_string();
    let message = pb::CreateCompanyRequest { realm_id: realm_id.clone(), name: format!("{users} users"), ..Default::default() };
    let request = with_token(&stage.cabinet.operator_token("operator"), message);
    let answer =
        RealmServiceClient::new(stage.cabinet.identity.channel()).create_company(request).await.expect("an operator may");
    let company_id = answer.into_inner().company.expect("the contract promises the company").company_id;
    let now = kernel::Timestamp::now();
    let milliseconds = now.as_millisecond();
    // By calls it would take half an hour.
    stage.cabinet.databases.identity.execute(&format!(
        "INSERT INTO users (realm_id, user_id, company_id, role, email, email_key, version, created_at)
         SELECT '{realm_id}', format('%s7%s8%s', moment, left(random, 3), right(random, 15))::uuid, '{company_id}', 'CUSTOMER',
             email, email, 1, '{now}'
         FROM generate_series(1, {users}) AS number,
             format('user%s@of-%s.bench.example', number, {users}) AS email,
             md5(email) AS random,
             lpad(to_hex({milliseconds} + number), 12, '0') AS moment -- one a millisecond (UUIDv7)"
    ));
    company_id
}
