//! Letters about somebody's own account: always, once, in time or not at all, and never kept.

use std::time::Duration;

use kernel::RandomIds;
use kernel::{Clock as _, IdSource as _};
use messaging::Message;

use super::desk::{Desk, HOUR, TOKEN};
use crate::domain::LEASE;

#[tokio::test(flavor = "multi_thread")]
async fn a_link_is_mailed_and_its_token_is_not_kept() {
    let desk = Desk::open().await;
    desk.tell(&[desk.password_reset()]).await;
    desk.becomes("PASSWORD_RESET security SENT 1 emptied").await;
    let texts = desk.security_mail.texts();
    assert!(texts[0].contains(&format!("https://cabinet.example/reset-password?token={TOKEN}\n")), "{texts:?}");
}

/// Rule N4.a: the same message twice, in a batch and later, and another message of the same command.
#[tokio::test(flavor = "multi_thread")]
async fn a_fact_that_arrives_again_is_told_once() {
    let desk = Desk::open().await;
    let fact = desk.password_reset();
    let same_command = Message { event_id: desk.password_reset().event_id, ..fact.clone() };
    desk.tell(&[fact.clone(), fact.clone()]).await;
    desk.becomes("PASSWORD_RESET security SENT 1 emptied").await;
    desk.tell(&[fact]).await;
    desk.tell(&[same_command]).await;
    assert_eq!((desk.count(), desk.security_mail.ids().len()), ("1".to_owned(), 1));
}

#[tokio::test(flavor = "multi_thread")]
async fn what_has_expired_on_its_way_is_not_sent() {
    let desk = Desk::open().await;
    let fact = desk.password_reset();
    desk.clock.advance(HOUR);
    desk.tell(&[fact]).await;
    desk.becomes("PASSWORD_RESET security EXPIRED TOO_LATE 1 emptied").await;
    assert_eq!(desk.security_mail.ids(), []);
}

/// Rule I17.c: a link that somebody wants by SMS goes by SMS and by nothing else, in time or not at all.
#[tokio::test(flavor = "multi_thread")]
async fn a_link_that_goes_by_sms_is_not_mailed() {
    let desk = Desk::open().await;
    desk.tell(&[desk.password_reset_by_sms()]).await;
    desk.tell(&[desk.password_changed()]).await;
    desk.eventually("another letter", || desk.security_mail.ids().len() == 1).await;
    assert_eq!(desk.channels(), "PASSWORD_CHANGED EMAIL, PASSWORD_RESET SMS 3600");
    assert!(desk.security_mail.texts()[0].contains("was changed"));
}

/// Rule I22.e: whoever registers is no user yet: nobody is asked about him, and he is written to in the language he has named.
#[tokio::test(flavor = "multi_thread")]
async fn somebody_who_is_no_user_yet_is_written_to() {
    let desk = Desk::open().await;
    desk.identity.know_for_a_moment(desk.realm_id);
    desk.identity.go_away();
    desk.tell(&[desk.registration("wanted@example.com", "pl")]).await;
    desk.becomes("REGISTRATION security SENT 1 emptied").await;
    let texts = desk.security_mail.texts();
    assert!(texts[0].contains(&format!("https://cabinet.example/confirm-registration?token={TOKEN}\n")), "{texts:?}");
    assert!(texts[0].contains("Potwierdź rejestrację"), "{texts:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_token_that_does_not_open_is_given_up() {
    let desk = Desk::open().await;
    let link_id = RandomIds.uuid_v7(desk.clock.now());
    desk.tell(&[desk.password_reset_with(link_id, b"garbage".to_vec())]).await;
    desk.becomes("PASSWORD_RESET security FAILED NOT_RENDERABLE 1 emptied").await;
    assert_eq!(desk.security_mail.ids(), []);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_fact_that_cannot_be_read_is_refused() {
    let desk = Desk::open().await;
    let unreadable = desk.message("identity.user.invited.v1", b"\xff".to_vec());
    let incomplete = desk.message("identity.user.invited.v1", Vec::new());
    for message in [unreadable, incomplete] {
        assert!(desk.try_to_tell(&[message]).await.is_err());
    }
    assert_eq!(desk.count(), "0");
}

/// Identity comes back: whoever waited is told.
#[tokio::test(flavor = "multi_thread")]
async fn while_identity_is_away_a_letter_waits() {
    let desk = Desk::open().await;
    desk.identity.go_away();
    desk.tell(&[desk.password_changed()]).await;
    desk.becomes("PASSWORD_CHANGED security PENDING IDENTITY_AWAY 1 kept").await;
    desk.identity.come_back();
    desk.clock.advance(Duration::from_secs(10));
    desk.becomes("PASSWORD_CHANGED security SENT 2 emptied").await;
}

/// Identity was away for longer than the link is good for.
#[tokio::test(flavor = "multi_thread")]
async fn a_link_that_ends_while_identity_is_away_is_never_mailed() {
    let desk = Desk::open().await;
    desk.identity.go_away();
    desk.tell(&[desk.password_reset()]).await;
    desk.becomes("PASSWORD_RESET security PENDING IDENTITY_AWAY 1 kept").await;
    desk.clock.advance(Duration::from_secs(3_599));
    desk.becomes("PASSWORD_RESET security EXPIRED IDENTITY_AWAY 2 emptied").await;
    desk.identity.come_back();
    assert_eq!(desk.security_mail.ids(), []);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_realm_that_identity_does_not_know_is_told_nothing() {
    let desk = Desk::open().await;
    desk.identity.forget_realms();
    desk.tell(&[desk.password_changed()]).await;
    desk.becomes("PASSWORD_CHANGED security SUPPRESSED REALM_UNKNOWN 1 emptied").await;
}

/// A process looks at a realm again every few seconds; a batch that takes longer than that is written by what was known when it began.
#[tokio::test(flavor = "multi_thread")]
async fn a_realm_that_is_forgotten_meanwhile_is_written_by_all_the_same() {
    let desk = Desk::open().await;
    desk.identity.know_for_a_moment(desk.realm_id);
    desk.identity.forget_realms();
    desk.tell(&[desk.password_changed()]).await;
    desk.becomes("PASSWORD_CHANGED security SENT 1 emptied").await;
}

/// Rule I4.a: he is told that he is blocked, and nothing else.
#[tokio::test(flavor = "multi_thread")]
async fn a_blocked_person_is_told_of_his_block() {
    let desk = Desk::open().await;
    desk.identity.block_everybody();
    desk.tell(&[desk.blocked()]).await;
    desk.becomes("ACCOUNT_BLOCKED normal SENT 1 kept").await;
    assert!(desk.normal_mail.texts()[0].contains("was blocked"));
}

/// Rule I4.a: not even of a link he may have asked for.
#[tokio::test(flavor = "multi_thread")]
async fn a_blocked_person_is_told_nothing_else() {
    let desk = Desk::open().await;
    desk.identity.block_everybody();
    desk.tell(&[desk.password_reset()]).await;
    desk.becomes("PASSWORD_RESET security SUPPRESSED PERSON_BLOCKED 1 emptied").await;
    assert_eq!(desk.security_mail.ids(), []);
}

/// Rule F1: a kill -9 between the letter and the ledger: it is sent again under the same name, so that a mail program shows one.
#[tokio::test(flavor = "multi_thread")]
async fn a_letter_whose_sender_was_killed_is_sent_again_under_its_name() {
    let mut desk = Desk::open().await;
    desk.security_mail.fall_silent();
    desk.tell(&[desk.password_reset()]).await;
    desk.eventually("the first letter", || desk.security_mail.ids().len() == 1).await;
    desk.kill_dispatchers();
    desk.security_mail.answer_again();
    assert_eq!(desk.row(), "PASSWORD_RESET security PENDING 1 kept");

    desk.clock.advance(LEASE);
    desk.start_dispatchers();
    desk.becomes("PASSWORD_RESET security SENT 2 emptied").await;
    let ids = desk.security_mail.ids();
    assert_eq!(ids, [ids[0], ids[0]]);
}

/// More notices than the normal lane can send or even hold wait for a mail server that says nothing.
#[tokio::test(flavor = "multi_thread")]
async fn a_backlog_of_other_letters_does_not_hold_up_security_mail() {
    let desk = Desk::open().await;
    desk.normal_mail.fall_silent();
    let backlog: Vec<Message> = (0..2_000).map(|_| desk.blocked()).collect();
    desk.tell(&backlog).await;
    desk.eventually("the normal lane to be stuck", || desk.normal_mail.ids().len() == 2).await;

    desk.tell(&[desk.password_reset()]).await;

    desk.eventually("security mail", || desk.security_mail.ids().len() == 1).await;
    assert_eq!(desk.normal_mail.ids().len(), 2);
}
