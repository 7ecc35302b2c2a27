//! Departments and branches: a company's OWNERs list them, people name one of them in their profiles.

use api::cabinet::profile::v1 as pb;
use api::cabinet::profile::v1::department_service_client::DepartmentServiceClient;
use api::cabinet::profile::v1::profile_service_client::ProfileServiceClient;
use cabinet_e2e::{Cabinet, Kind, Refused, is, new_id, reason, refused, user_id, with_token};
use kernel::{Caller, Role, Through, UserCaller};
use prost_types::FieldMask;
use tonic::transport::Channel;
use tonic::{Code, Status};
use tonic_types::StatusExt as _;

/// Somebody at work on departments.
struct Desk<'a> {
    cabinet: &'a Cabinet,
    owner: String,
    company_id: String,
}

impl<'a> Desk<'a> {
    /// An OWNER of the realm's company.
    fn of(cabinet: &'a Cabinet) -> Self {
        let owner = cabinet.user_token(new_id(), Role::Owner);
        Self { cabinet, owner, company_id: cabinet.realm.company_id.to_string() }
    }

    /// An OWNER of another company of the same realm.
    fn next_door(cabinet: &'a Cabinet) -> Self {
        let (realm, through) = (&cabinet.realm, Through::Session(new_id()));
        let company_id = realm.other_company_id;
        let owner = UserCaller { realm_id: realm.id, company_id, user_id: new_id(), role: Role::Owner, through };
        Self { cabinet, owner: cabinet.token(&Caller::User(owner)), company_id: company_id.to_string() }
    }

    fn client(&self) -> DepartmentServiceClient<Channel> {
        DepartmentServiceClient::new(self.cabinet.profile.channel())
    }

    async fn create(&self, name: &str) -> Result<pb::Department, Status> {
        self.cabinet.watch.canary(Kind::Text, name);
        let message = pb::CreateDepartmentRequest { company_id: self.company_id.clone(), name: name.to_owned() };
        let answer = self.client().create_department(with_token(&self.owner, message)).await?;
        Ok(answer.into_inner().department.expect("the contract promises the department"))
    }

    async fn rename(&self, department: &pb::Department, name: &str, etag: &str) -> Result<pb::Department, Status> {
        let (department_id, name, etag) = (department.department_id.clone(), name.to_owned(), etag.to_owned());
        let message = pb::RenameDepartmentRequest { department_id, name, etag };
        let answer = self.client().rename_department(with_token(&self.owner, message)).await?;
        Ok(answer.into_inner().department.expect("the contract promises the department"))
    }

    async fn delete(&self, department: &pb::Department, etag: &str) -> Result<(), Status> {
        let message = pb::DeleteDepartmentRequest { department_id: department.department_id.clone(), etag: etag.to_owned() };
        self.client().delete_department(with_token(&self.owner, message)).await.map(|_| ())
    }

    async fn page(&self, token: &str, page_size: i32, page_token: &str) -> Result<pb::ListDepartmentsResponse, Status> {
        let (company_id, page_token) = (self.company_id.clone(), page_token.to_owned());
        let message = pb::ListDepartmentsRequest { company_id, page_size, page_token };
        Ok(self.client().list_departments(with_token(token, message)).await?.into_inner())
    }
}

/// Names a department in somebody's profile, with whatever else the mask names.
async fn work_in(cabinet: &Cabinet, token: &str, user_id: &str, department_id: &str, more: &str) -> Result<pb::Profile, Status> {
    let profile = pb::Profile {
        user_id: user_id.to_owned(),
        department_id: department_id.to_owned(),
        time_zone: "Mars/Olympus".to_owned(),
        ..Default::default()
    };
    let paths = ["department_id", more].into_iter().filter(|path| !path.is_empty()).map(str::to_owned);
    let update_mask = Some(FieldMask { paths: paths.collect() });
    let message = pb::UpdateProfileRequest { profile: Some(profile), update_mask, ..Default::default() };
    let answer = ProfileServiceClient::new(cabinet.profile.channel()).update_profile(with_token(token, message)).await?;
    Ok(answer.into_inner().profile.expect("the contract promises the profile"))
}

fn department_of(profile: &pb::Profile) -> (&str, &str) {
    (&profile.department_id, &profile.department)
}

/// Rule P1.c: an OWNER adds, renames and deletes departments; a name is there once in a company, large or small, and all of the company reads
/// the list, page by page.
#[tokio::test(flavor = "multi_thread")]
async fn an_owner_keeps_the_list_of_departments() {
    let cabinet = Cabinet::start().await;
    let (desk, next_door) = (Desk::of(&cabinet), Desk::next_door(&cabinet));
    let sales = desk.create(" Sales of Lamps ").await.expect("a good name");
    assert_eq!((sales.name.as_str(), sales.company_id.as_str()), ("Sales of Lamps", desk.company_id.as_str()));
    let exists = is(Code::AlreadyExists, "DEPARTMENT_EXISTS");
    assert_eq!(refused(desk.create("SALES OF LAMPS").await), exists);
    next_door.create("Sales of Lamps").await.expect("another company's names are its own");
    for nothing in ["  ", "Sales\nof Lamps"] {
        assert_eq!(refused(desk.create(nothing).await), is(Code::InvalidArgument, "DEPARTMENT_INVALID"), "{nothing:?}");
    }
    let repairs = desk.create("Repairs at Pryluky").await.expect("a good name");
    assert_eq!(refused(desk.rename(&repairs, "sales of lamps", "").await), exists);
    let same = desk.rename(&repairs, "Repairs at Pryluky", &repairs.etag).await.expect("it is called so");
    assert_eq!(same.etag, repairs.etag);
    let renamed = desk.rename(&repairs, "REPAIRS AT PRYLUKY", &repairs.etag).await.expect("its own name, in large letters");
    let stale = is(Code::Aborted, "ETAG_MISMATCH");
    assert_eq!(refused(desk.rename(&repairs, "Repairs", &repairs.etag).await), stale);
    assert_eq!(refused(desk.delete(&repairs, &repairs.etag).await), stale);

    let customer = cabinet.user_token(new_id(), Role::Customer);
    let first = desk.page(&customer, 1, "").await.expect("his own company");
    assert_eq!(first.departments, std::slice::from_ref(&sales));
    let second = desk.page(&customer, 1, &first.next_page_token).await.expect("his own company");
    assert_eq!(second.departments, std::slice::from_ref(&renamed));
    let nobodys = is(Code::NotFound, "COMPANY_NOT_FOUND");
    assert_eq!(refused(desk.page(&next_door.owner, 1, "").await), nobodys);
    let unknown = is(Code::NotFound, "DEPARTMENT_NOT_FOUND");
    assert_eq!(refused(next_door.rename(&renamed, "Theirs", "").await), unknown);
    assert_eq!(refused(next_door.delete(&renamed, "").await), unknown);

    desk.delete(&renamed, &renamed.etag).await.expect("an OWNER may");
    assert_eq!(refused(desk.delete(&renamed, "").await), unknown);
    desk.create("Repairs at Pryluky").await.expect("the name is free");
}

/// Rule P1.c: a profile names a department of the person's company, and no other; another name shows at once, and a department that is
/// deleted is nobody's.
#[tokio::test(flavor = "multi_thread")]
async fn a_profile_names_a_department_of_its_company() {
    let cabinet = Cabinet::start().await;
    let (desk, next_door) = (Desk::of(&cabinet), Desk::next_door(&cabinet));
    let anna = cabinet.create_customer("anna@example.com").await;
    let token = cabinet.user_token(user_id(&anna), Role::Customer);
    let sales = desk.create("Sales of Lamps").await.expect("a good name");
    let theirs = next_door.create("Sales next door").await.expect("a good name");
    let saved = work_in(&cabinet, &token, &anna.user_id, &sales.department_id, "").await.expect("a department of hers");
    assert_eq!(department_of(&saved), (sales.department_id.as_str(), "Sales of Lamps"));

    let unknown = new_id::<kernel::of::User>().to_string();
    for other in [theirs.department_id.as_str(), unknown.as_str(), "Sales of Lamps"] {
        let status = work_in(&cabinet, &token, &anna.user_id, other, "time_zone").await.expect_err("it is none");
        assert_eq!(reason(&status), is(Code::InvalidArgument, "PROFILE_INVALID"));
        let wrong = status.get_details_bad_request().expect("BadRequest").field_violations;
        let mut fields: Vec<_> = wrong.iter().map(|violation| violation.field.as_str()).collect();
        fields.sort_unstable();
        assert_eq!(fields, ["profile.department_id", "profile.time_zone"], "all of it at once");
        let of_department = wrong.iter().find(|violation| violation.field == "profile.department_id").expect("it is wrong");
        assert_eq!(of_department.description, "is no department of the company", "in the same words: {other}");
    }
    let denied = work_in(&cabinet, &desk.owner, &anna.user_id, &sales.department_id, "").await;
    assert_eq!(refused(denied), is(Code::PermissionDenied, "PERMISSION_DENIED"), "her profile is her own");

    let renamed = desk.rename(&sales, "Lamps and more", "").await.expect("an OWNER may");
    let shown = cabinet.get_profile(&token, &anna.user_id).await.expect("her own");
    assert_eq!(department_of(&shown), (sales.department_id.as_str(), "Lamps and more"));
    desk.delete(&renamed, "").await.expect("an OWNER may");
    let shown = cabinet.get_profile(&token, &anna.user_id).await.expect("her own");
    assert_eq!(department_of(&shown), ("", ""));
    assert_eq!(cabinet.databases.profile.value("SELECT count(department_id) FROM profiles"), "0");

    let repairs = desk.create("Repairs").await.expect("a good name");
    work_in(&cabinet, &token, &anna.user_id, &repairs.department_id, "").await.expect("a department of hers");
    let none = work_in(&cabinet, &token, &anna.user_id, "", "").await.expect("she may work in none");
    assert_eq!(department_of(&none), ("", ""));
}

/// Rule P1.c: while departments come and go, no profile names one that is gone.
#[tokio::test(flavor = "multi_thread")]
async fn no_profile_is_left_with_a_department_that_is_gone() {
    let cabinet = Cabinet::start().await;
    let desk = Desk::of(&cabinet);
    let anna = cabinet.create_customer("anna@example.com").await;
    let token = cabinet.user_token(user_id(&anna), Role::Customer);
    for round in 0..20 {
        let department = desk.create(&format!("Branch number {round}")).await.expect("a good name");
        let (named, deleted) =
            tokio::join!(work_in(&cabinet, &token, &anna.user_id, &department.department_id, ""), desk.delete(&department, ""),);
        deleted.expect("an OWNER may");
        if let Err(status) = named {
            assert_eq!(reason(&status), is(Code::InvalidArgument, "PROFILE_INVALID"), "round {round}");
        }
        assert_eq!(cabinet.databases.profile.value("SELECT count(department_id) FROM profiles"), "0", "round {round}");
    }
}

/// Rule P1.c: a company has a thousand at the most, however many are added at once.
#[tokio::test(flavor = "multi_thread")]
async fn a_company_has_a_thousand_departments_at_the_most() {
    let cabinet = Cabinet::start().await;
    let desk = Desk::of(&cabinet);
    cabinet.databases.profile.execute(&format!(
        "INSERT INTO departments (realm_id, department_id, company_id, name, name_key, version)
         SELECT '{}', gen_random_uuid(), '{}', 'Branch ' || number, 'branch ' || number, 1
         FROM generate_series(1, 999) AS number",
        cabinet.realm.id, desk.company_id,
    ));
    let names: Vec<String> = (0..5).map(|number| format!("Latecomer {number}")).collect();
    let added = futures::future::join_all(names.iter().map(|name| desk.create(name))).await;
    let refusals: Vec<Refused> = added.into_iter().filter_map(|added| Some(reason(&added.err()?))).collect();
    assert_eq!(refusals, vec![is(Code::FailedPrecondition, "DEPARTMENTS_LIMITED"); 4]);
    // Whoever has lost the answer to what he added is told that it is there.
    assert_eq!(refused(desk.create("Branch 7").await), is(Code::AlreadyExists, "DEPARTMENT_EXISTS"));
}
