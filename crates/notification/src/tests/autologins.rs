//! Letters of status changes, whose links open their readers' accounts: by identity's leave, and without it as good as ever.

use kernel::{CaseId, Clock as _};

use super::desk::{Desk, TOKEN, autologin_of};
use crate::application::CaseDelivery;
use crate::domain::LEASE;

fn plain_link(case_id: CaseId) -> String {
    format!("https://cabinet.example/cases/{case_id}\n")
}

/// Rule I19.a: the letter leads to the case, by the token that identity has made for it; without a password, it says.
#[tokio::test(flavor = "multi_thread")]
async fn a_letter_of_a_status_change_opens_its_readers_account_at_the_case() {
    let desk = Desk::open().await;
    let (user_id, case_id) = (desk.customer_who_ticked(), desk.case());
    desk.tell(&[desk.status_changed(user_id, case_id)]).await;
    desk.becomes("STATUS_CHANGE normal SENT 1 kept").await;

    let (delivery_id, created_at) = (desk.normal_mail.ids()[0], desk.clock.now());
    let letter = CaseDelivery { delivery_id, user_id, case_id, created_at };
    assert_eq!(desk.identity.asked_for_autologins(), [vec![letter]]);
    let link = format!("https://cabinet.example/cases/{case_id}?autologin={}\n", autologin_of(&letter));
    let texts = desk.normal_mail.texts();
    assert!(texts[0].contains(&link) && texts[0].contains("without a password"), "{texts:?}");
}

/// Rule I19.a: a kill between the letter and the ledger: whoever sends it again asks for the same, and it carries the same link.
#[tokio::test(flavor = "multi_thread")]
async fn a_letter_that_is_sent_again_carries_the_same_link() {
    let mut desk = Desk::open().await;
    let (user_id, case_id) = (desk.customer_who_ticked(), desk.case());
    desk.normal_mail.fall_silent();
    desk.tell(&[desk.status_changed(user_id, case_id)]).await;
    desk.eventually("the first letter", || desk.normal_mail.ids().len() == 1).await;
    desk.kill_dispatchers();
    desk.normal_mail.answer_again();

    desk.clock.advance(LEASE);
    desk.start_dispatchers();
    desk.becomes("STATUS_CHANGE normal SENT 2 kept").await;
    let texts = desk.normal_mail.texts();
    assert!(texts.len() == 2 && texts[0] == texts[1] && texts[0].contains("?autologin="), "{texts:?}");
    let asked = desk.identity.asked_for_autologins();
    assert_eq!((asked.len(), &asked[0]), (2, &asked[1]));
}

/// Rule I19.c: her address is another one since a moment ago: whoever reads the letter to the former one is not let in by it.
#[tokio::test(flavor = "multi_thread")]
async fn a_letter_to_a_former_address_opens_nothing() {
    let desk = Desk::open().await;
    desk.identity.change_addresses();
    let (user_id, case_id) = (desk.customer_who_ticked(), desk.case());
    desk.tell(&[desk.status_changed(user_id, case_id)]).await;
    desk.becomes("STATUS_CHANGE normal SENT 1 kept").await;
    assert_eq!(desk.identity.asked_for_autologins().len(), 1);
    let texts = desk.normal_mail.texts();
    assert!(texts[0].contains(&plain_link(case_id)) && !texts[0].contains("without a password"), "{texts:?}");
}

/// Rule I19.a: letters of one realm that are prepared together are asked about together.
#[tokio::test(flavor = "multi_thread")]
async fn letters_of_a_batch_are_one_question() {
    let mut desk = Desk::open().await;
    desk.kill_dispatchers();
    let changes: Vec<_> = (0..3).map(|_| desk.status_changed(desk.customer_who_ticked(), desk.case())).collect();
    desk.tell(&changes).await;
    desk.clock.advance(LEASE);
    desk.start_dispatchers();
    desk.eventually("all letters", || desk.normal_mail.ids().len() == 3).await;

    assert_eq!(desk.identity.asked_for_autologins().iter().map(Vec::len).collect::<Vec<_>>(), [3]);
    let texts = desk.normal_mail.texts();
    assert!(texts.iter().all(|text| text.contains("?autologin=")), "{texts:?}");
}

/// Rule I19.a: identity is away: letters leave with the plain link, say nothing of another, and it is not asked again at once.
#[tokio::test(flavor = "multi_thread")]
async fn while_identity_is_away_letters_leave_with_the_plain_link() {
    let desk = Desk::open().await;
    let (user_id, case_id) = (desk.customer_who_ticked(), desk.case());
    // Once he has been written to, he and the realm are known.
    desk.tell(&[desk.status_changed(user_id, case_id)]).await;
    desk.becomes("STATUS_CHANGE normal SENT 1 kept").await;
    desk.identity.go_away();
    for letters in [2, 3] {
        desk.tell(&[desk.status_changed(user_id, case_id)]).await;
        desk.eventually("a letter", || desk.normal_mail.ids().len() == letters).await;
    }

    let texts = desk.normal_mail.texts();
    for text in &texts[1..] {
        assert!(text.contains(&plain_link(case_id)) && !text.contains("without a password"), "{text}");
    }
    assert_eq!(desk.identity.asked_for_autologins().len(), 2, "the second failed, and there was no third");
}

/// Rule I19.a: an identity that takes the question and says nothing holds up no letter.
#[tokio::test(flavor = "multi_thread")]
async fn a_letter_does_not_wait_for_an_autologin_that_never_comes() {
    let desk = Desk::open().await;
    let case_id = desk.case();
    desk.identity.keep_autologins_waiting();
    desk.tell(&[desk.status_changed(desk.customer_who_ticked(), case_id)]).await;
    desk.becomes("STATUS_CHANGE normal SENT 1 kept").await;
    let texts = desk.normal_mail.texts();
    assert!(texts[0].contains(&plain_link(case_id)), "{texts:?}");
}

/// Rule I19.a: letters that everybody is sent carry none, and identity is asked for none.
#[tokio::test(flavor = "multi_thread")]
async fn letters_about_an_account_open_none() {
    let desk = Desk::open().await;
    desk.tell(&[desk.password_reset(), desk.password_changed(), desk.blocked()]).await;
    let sent = || (desk.security_mail.ids().len(), desk.normal_mail.ids().len());
    desk.eventually("three letters", || sent() == (2, 1)).await;
    let texts = [desk.security_mail.texts(), desk.normal_mail.texts()].concat();
    assert!(texts.iter().all(|text| !text.contains("autologin")), "{texts:?}");
    assert!(texts.iter().any(|text| text.contains(TOKEN)), "a link of its own");
    assert_eq!(desk.identity.asked_for_autologins().len(), 0);
}
