//! What people read of a refusal: in the language they want most, whatever their program sends as their wish.

use api::cabinet::case_monitoring::v1 as cases;
use api::cabinet::case_monitoring::v1::case_service_client::CaseServiceClient;
use api::cabinet::identity::v1 as identity;
use api::cabinet::identity::v1::user_service_client::UserServiceClient;
use api::cabinet::notification::v1 as notification;
use api::cabinet::notification::v1::preference_service_client::PreferenceServiceClient;
use api::cabinet::profile::v1 as profile;
use api::cabinet::profile::v1::profile_service_client::ProfileServiceClient;
use cabinet_e2e::{Cabinet, new_id, reason, user_request, with_token};
use tonic::metadata::AsciiMetadataValue;
use tonic::{Request, Status};
use tonic_types::{LocalizedMessage, StatusExt as _};

/// A request whose caller wishes for these languages.
fn wishing<M>(accept_language: &[u8], mut request: Request<M>) -> Request<M> {
    let wish = AsciiMetadataValue::try_from(accept_language).expect("no control characters");
    request.metadata_mut().insert("accept-language", wish);
    request
}

fn read_by_people(status: &Status) -> (String, String) {
    let LocalizedMessage { locale, message } = status.get_details_localized_message().expect("every refusal has a text");
    (locale, message)
}

fn text(locale: &str, message: &str) -> (String, String) {
    (locale.to_owned(), message.to_owned())
}

/// What programs read.
fn details(status: &Status) -> String {
    format!("{:?} {:?}", status.get_details_error_info(), status.get_details_bad_request())
}

/// Asks for a case that nobody has.
async fn ask_for_a_case(cabinet: &Cabinet, token: &str, accept_language: &[u8]) -> Status {
    let request = with_token(token, cases::GetCaseRequest { case_id: new_id::<kernel::of::Case>().to_string() });
    let mut client = CaseServiceClient::new(cabinet.case_monitoring.channel());
    client.get_case(wishing(accept_language, request)).await.expect_err("there is none")
}

/// Rule P4.b: whoever says which language he wants is refused in it, by every service.
#[tokio::test(flavor = "multi_thread")]
async fn every_service_says_its_own_refusals_in_the_language_that_is_wanted_most() {
    let cabinet = Cabinet::start().await;
    let token = cabinet.service_token();
    let nobody = new_id::<kernel::of::User>().to_string();
    let wish = b"uk, ru;q=0.5";

    let case = ask_for_a_case(&cabinet, &token, wish).await;
    assert_eq!(read_by_people(&case), text("uk", "Звернення не знайдено."));

    let request = with_token(&token, user_request(new_id(), identity::Role::Agent, "anna@example.com"));
    let user = UserServiceClient::new(cabinet.identity.channel()).create_user(wishing(wish, request)).await;
    assert_eq!(read_by_people(&user.expect_err("no company")), text("uk", "Компанію не знайдено."));

    let request = with_token(&token, profile::GetProfileRequest { realm_id: String::new(), user_id: nobody.clone() });
    let profile = ProfileServiceClient::new(cabinet.profile.channel()).get_profile(wishing(wish, request)).await;
    assert_eq!(read_by_people(&profile.expect_err("nobody")), text("uk", "Профіль не знайдено."));

    let request = with_token(&token, notification::GetPreferencesRequest { user_id: nobody });
    let mut preferences = PreferenceServiceClient::new(cabinet.notification.channel());
    let preferences = preferences.get_preferences(wishing(wish, request)).await;
    assert_eq!(read_by_people(&preferences.expect_err("nobody")), text("uk", "Користувача не знайдено."));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_refusal_before_any_service_is_asked_is_said_in_the_same_way() {
    let cabinet = Cabinet::start().await;
    let anonymous = ask_for_a_case(&cabinet, "", b"pl").await;
    assert_eq!(read_by_people(&anonymous), text("pl", "Proszę się najpierw zalogować."));
    let forged = ask_for_a_case(&cabinet, "forged", b"ru-RU,ru;q=0.9").await;
    assert_eq!(read_by_people(&forged), text("ru", "Ваш сеанс больше не действителен. Войдите ещё раз."));
}

/// What is no wish, or none that can be granted, changes neither the refusal nor anything else.
#[tokio::test(flavor = "multi_thread")]
async fn a_wish_that_cannot_be_read_is_answered_in_english() {
    let cabinet = Cabinet::start().await;
    let token = cabinet.service_token();
    let endless = b"uk,".repeat(3_500);
    for wish in [&b""[..], b"de", b"\xff\xfe;q=;;,,", b"ru;q=0", &endless] {
        let status = ask_for_a_case(&cabinet, &token, wish).await;
        assert_eq!(reason(&status).1, "CASE_NOT_FOUND");
        assert_eq!(read_by_people(&status), text("en", "The case was not found."));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_for_programs_stays_as_it_is() {
    let cabinet = Cabinet::start().await;
    let request = || {
        let user = user_request(cabinet.realm.company_id, identity::Role::Agent, "anna@localhost");
        with_token(&cabinet.service_token(), identity::CreateUserRequest { phone: "12".to_owned(), ..user })
    };
    let mut client = UserServiceClient::new(cabinet.identity.channel());
    let english = client.create_user(request()).await.expect_err("two bad contacts");
    let polish = client.create_user(wishing(b"pl", request())).await.expect_err("two bad contacts");
    assert_eq!(read_by_people(&english), text("en", "This e-mail address is not valid."));
    assert_eq!(read_by_people(&polish), text("pl", "Nieprawidłowy adres e-mail."));
    assert_eq!((polish.code(), polish.message()), (english.code(), english.message()));
    assert_eq!(details(&polish), details(&english));
    assert_eq!(polish.get_details_bad_request().expect("two fields").field_violations.len(), 2);
    assert!(polish.metadata().contains_key("x-request-id"));
}
