//! Names: what a realm takes for one, from the moment at which somebody is added.

use api::cabinet::identity::v1 as pb;
use api::cabinet::identity::v1::user_service_client::UserServiceClient;
use api::cabinet::profile::v1 as profile;
use api::cabinet::profile::v1::profile_service_client::ProfileServiceClient;
use cabinet_e2e::{Cabinet, Kind, is, refused, violations, with_token};
use mail_parser::MessageParser;
use prost_types::FieldMask;
use tonic::{Code, Status};

use crate::preset_realm::PresetRealm;

/// Somebody of this realm, as its own service sees him.
struct Person<'a> {
    realm: &'a PresetRealm<'a>,
    user_id: String,
}

impl<'a> Person<'a> {
    async fn add(realm: &'a PresetRealm<'a>, said: pb::Introduction) -> Result<Self, Status> {
        for name in [&said.full_name, &said.last_name, &said.first_name, &said.middle_name] {
            realm.cabinet.watch.canary(Kind::Name, name);
        }
        let request = pb::CreateUserRequest {
            phone: "+380671234567".to_owned(),
            user_name: "olena".to_owned(),
            introduction: Some(said),
            ..realm.invited("olena@example.com")
        };
        let user_id = realm.add(request).await?.user_id;
        Ok(Self { realm, user_id })
    }

    async fn profile(&self) -> profile::Profile {
        let token = self.realm.cabinet.service_token_in(self.realm.realm_id);
        self.realm.cabinet.get_profile(&token, &self.user_id).await.expect("everybody has one")
    }

    /// Changes the fields that the paths name.
    async fn change(&self, values: profile::Profile, paths: &[&str]) -> Result<profile::Profile, Status> {
        for name in [&values.full_name, &values.last_name, &values.first_name, &values.middle_name] {
            self.realm.cabinet.watch.canary(Kind::Name, name);
        }
        let request = profile::UpdateProfileRequest {
            profile: Some(profile::Profile { user_id: self.user_id.clone(), ..values }),
            update_mask: Some(FieldMask { paths: paths.iter().map(|path| (*path).to_owned()).collect() }),
            ..Default::default()
        };
        let token = self.realm.cabinet.service_token_in(self.realm.realm_id);
        let mut client = ProfileServiceClient::new(self.realm.cabinet.profile.channel());
        let answer = client.update_profile(with_token(&token, request)).await?;
        Ok(answer.into_inner().profile.expect("the contract promises the profile"))
    }
}

fn first_last(first: &str, last: &str) -> pb::Introduction {
    pb::Introduction { first_name: first.to_owned(), last_name: last.to_owned(), ..Default::default() }
}

/// Rule I9.a: a marketplace asks for Cyrillic names when somebody is added, says all that is wrong at once, and goes on asking.
#[tokio::test(flavor = "multi_thread")]
async fn a_marketplace_asks_for_cyrillic_names() {
    let cabinet = Cabinet::start().await;
    let realm = PresetRealm::open(&cabinet, "marketplace").await;
    assert_eq!(
        refused(Person::add(&realm, first_last("Olena", "Пчілка")).await.map(|_| ())),
        is(Code::InvalidArgument, "NAME_INVALID")
    );
    let nothing = pb::CreateUserRequest { phone: "0441234567".to_owned(), email: "olena@".to_owned(), ..realm.invited("") };
    let all = ["email", "phone", "introduction.last_name", "introduction.first_name"];
    assert_eq!(violations(realm.add(nothing).await), all);

    let olena = Person::add(&realm, first_last("Олена", "Нечуй-Левицька")).await.expect("a good name");
    let met = olena.profile().await;
    assert_eq!((met.display_label.as_str(), met.initials.as_str(), met.version), ("Олена Нечуй-Левицька", "ОН", 0));
    let named = |first: &str, last: &str| profile::Profile {
        first_name: first.to_owned(),
        last_name: last.to_owned(),
        ..Default::default()
    };
    let both = ["first_name", "last_name"];
    let latin = olena.change(named("Olena", "Пчілка"), &both).await;
    assert_eq!(refused(latin), is(Code::InvalidArgument, "PROFILE_INVALID"));
    assert_eq!(violations(olena.change(named("О", ""), &both).await), ["profile.last_name", "profile.first_name"]);
    let whole = profile::Profile { full_name: "Олена Пчілка".to_owned(), ..Default::default() };
    assert_eq!(violations(olena.change(whole, &["full_name"]).await), ["profile.full_name"]);
    assert_eq!(olena.profile().await, met, "what is refused changes nothing");
    let changed = olena.change(named("", "В'ячеславська"), &["last_name"]).await.expect("a good name");
    assert_eq!(changed.full_name, "Олена В'ячеславська", "the first name was said when she was added");
}

/// Rule P1.b: a name is said as the realm cuts it: in one field whose parts are read and can be corrected, or in parts.
#[tokio::test(flavor = "multi_thread")]
async fn each_realm_cuts_names_in_its_own_way() {
    let cabinet = Cabinet::start().await;
    let parts = |profile: &profile::Profile| {
        [&profile.full_name, &profile.last_name, &profile.first_name, &profile.middle_name].map(Clone::clone)
    };

    let tender = PresetRealm::open(&cabinet, "tender").await;
    let full = pb::Introduction { full_name: "Пчілка Олена Петрівна".to_owned(), ..Default::default() };
    let olena = Person::add(&tender, full).await.expect("a good name");
    assert_eq!(parts(&olena.profile().await), ["Пчілка Олена Петрівна", "Пчілка", "Олена", "Петрівна"]);
    let corrected = profile::Profile { first_name: "Ольга".to_owned(), ..Default::default() };
    let corrected = olena.change(corrected, &["first_name"]).await.expect("it can be corrected");
    assert_eq!(parts(&corrected), ["Пчілка Олена Петрівна", "Пчілка", "Ольга", "Петрівна"]);

    let legal = PresetRealm::open(&cabinet, "legal").await;
    let said = pb::Introduction { middle_name: "Петрівна".to_owned(), ..first_last("Олена", "Пчілка") };
    let olena = Person::add(&legal, said).await.expect("a good name");
    assert_eq!(parts(&olena.profile().await), ["Пчілка Олена Петрівна", "Пчілка", "Олена", "Петрівна"]);
    let whole = profile::Profile { full_name: "Олена".to_owned(), ..Default::default() };
    assert_eq!(violations(olena.change(whole, &["full_name"]).await), ["profile.full_name"], "it is said in parts there");

    let standard = PresetRealm::open(&cabinet, "standard").await;
    let in_parts = Person::add(&standard, first_last("Олена", "Пчілка")).await;
    assert_eq!(violations(in_parts.map(|_| ())), ["introduction.last_name", "introduction.first_name"], "and here in one field");
    let olena = Person::add(&standard, pb::Introduction::default()).await.expect("nobody needs a name");
    assert_eq!(olena.profile().await.display_label, "olena@example.com");
}

/// Rules P1.b, P3.b: organisation and web site are kept; initials can be corrected, and an empty correction is none.
#[tokio::test(flavor = "multi_thread")]
async fn a_person_says_where_he_works_and_corrects_his_initials() {
    let cabinet = Cabinet::start().await;
    let realm = PresetRealm::open(&cabinet, "standard").await;
    let full = pb::Introduction { full_name: "Олена Пчілка".to_owned(), ..Default::default() };
    let olena = Person::add(&realm, full).await.expect("a good name");
    let values = profile::Profile {
        initials: "О. П.".to_owned(),
        organisation: " Видавництво «Пчілка» ".to_owned(),
        web_site: "https://Pchilka.example".to_owned(),
        ..Default::default()
    };
    let saved = olena.change(values, &["initials", "organisation", "web_site"]).await.expect("good values");
    let told = (saved.initials.as_str(), saved.organisation.as_str(), saved.web_site.as_str());
    assert_eq!(told, ("О. П.", "Видавництво «Пчілка»", "https://pchilka.example/"));
    assert_eq!(saved.full_name, "Олена Пчілка", "what was said when she was added is kept with the first thing she saves");
    let wrong =
        profile::Profile {
            initials: "О. П. П. П.".to_owned(), web_site: "javascript:alert(1)".to_owned(), ..Default::default()
        };
    assert_eq!(violations(olena.change(wrong, &["initials", "web_site"]).await), ["profile.initials", "profile.web_site"]);
    let emptied =
        olena.change(profile::Profile::default(), &["initials", "organisation", "web_site"]).await.expect("empty values");
    assert_eq!((emptied.initials.as_str(), emptied.organisation.as_str(), emptied.web_site.as_str()), ("ОП", "", ""));
}

/// Rules I10.a, I15.a: whoever is added with a language is invited in it; his name is no password.
#[tokio::test(flavor = "multi_thread")]
async fn an_invitation_speaks_the_language_that_was_chosen() {
    let cabinet = Cabinet::start().await;
    let realm = PresetRealm::open(&cabinet, "standard").await;
    let said =
        pb::Introduction { full_name: "Олена Пчілка".to_owned(), language: "uk".to_owned(), ..Default::default() };
    Person::add(&realm, said).await.expect("a good user");
    let letter = cabinet.letter_to("olena@example.com", 0).await;
    let message = MessageParser::default().parse(&letter.raw).expect("a good letter");
    let subject = message.subject().expect("a subject");
    assert!(subject.contains("запрошення"), "not in Ukrainian: {subject}");
    let own_name = realm.redeem("olena@example.com", "олена пчілка1").await;
    assert_eq!(refused(own_name), is(Code::InvalidArgument, "PASSWORD_REFUSED"));
    realm.redeem("olena@example.com", Cabinet::PASSWORD).await.expect("a good password");
}

/// Rule I15.b: a user name is suggested by the language of the form, and is nobody's yet; another realm's names do not count.
#[tokio::test(flavor = "multi_thread")]
async fn a_user_name_is_suggested_that_nobody_has() {
    let cabinet = Cabinet::start().await;
    let realm = PresetRealm::open(&cabinet, "call_center").await;
    let suggest = async |realm: &PresetRealm<'_>, language: &str| {
        let request = pb::SuggestUserNameRequest {
            company_id: realm.company_id.to_string(),
            first_name: "Юлія".to_owned(),
            last_name: "Гончар".to_owned(),
            language: language.to_owned(),
        };
        let token = cabinet.service_token_in(realm.realm_id);
        let mut users = UserServiceClient::new(cabinet.identity.channel());
        users.suggest_user_name(with_token(&token, request)).await.map(|answer| answer.into_inner().user_name)
    };
    assert_eq!(suggest(&realm, "uk").await.expect("a suggestion"), "yhonchar");
    assert_eq!(suggest(&realm, "ru").await.expect("a suggestion"), "igonchar");
    for (number, name) in ["yhonchar", "yhonchar2", "yhonchar4", "yhoncharenko", "yhonchar-2"].into_iter().enumerate() {
        let request = realm.invited(&format!("somebody{number}@example.com"));
        realm.add(pb::CreateUserRequest { user_name: name.to_owned(), ..request }).await.expect("a good user");
    }
    assert_eq!(suggest(&realm, "uk").await.expect("a suggestion"), "yhonchar3");
    let elsewhere = PresetRealm::open(&cabinet, "call_center").await;
    assert_eq!(suggest(&elsewhere, "uk").await.expect("a suggestion"), "yhonchar");
    assert_eq!(refused(suggest(&realm, "tlh").await).0, Code::InvalidArgument);
}
