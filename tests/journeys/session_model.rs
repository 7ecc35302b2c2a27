//! Sessions beside a model of them (I24): whatever is done with their refresh tokens, by one or by many at once, is answered as the rule
//! says. A sequence is chosen by its seed, which every failure names.

use std::collections::BTreeMap;
use std::fmt;

use api::cabinet::identity::v1 as pb;
use cabinet_e2e::{Cabinet, Chance, eventually, reason};
use futures::future::{join, join_all};
use tonic::{Code, Status};

use crate::{passwords, sessions};

const SEEDS: u64 = 3;
const STEPS: usize = 30;
/// How many show tokens of one session at the same moment.
const CLIENTS: usize = 50;
const PASSWORDS: [&str; 2] = [Cabinet::PASSWORD, "another horse, battery and staple"];

/// A session as the rule describes it. Its tokens are counted from 0, in the order in which they were given out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Family {
    /// The token that is good.
    present: usize,
    /// Whether ten seconds have passed since that was given out.
    is_grace_over: bool,
    end: Option<End>,
}

/// By what a session ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum End {
    /// Its user, or whoever decides about him.
    Asked,
    /// A token that had been used before: its user is told.
    Reuse,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Act {
    /// Shows this token.
    Show(usize),
    /// Ends the session, in whatever way.
    End,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Answer {
    /// This token takes the place of the one that was shown.
    Token(usize),
    Over,
    Done,
}

impl Family {
    const NEW: Self = Self { present: 0, is_grace_over: false, end: None };

    /// What becomes of it, and what is answered.
    fn after(self, act: Act) -> (Self, Answer) {
        match (act, self.end) {
            (Act::End, None) => (Self { end: Some(End::Asked), ..self }, Answer::Done),
            (Act::End, Some(_)) => (self, Answer::Done),
            (Act::Show(_), Some(_)) => (self, Answer::Over),
            (Act::Show(shown), None) if shown == self.present => {
                let present = shown + 1;
                (Self { present, is_grace_over: false, end: None }, Answer::Token(present))
            }
            (Act::Show(shown), None) if shown + 1 == self.present && !self.is_grace_over => (self, Answer::Token(self.present)),
            (Act::Show(_), None) => (Self { end: Some(End::Reuse), ..self }, Answer::Over),
        }
    }

    /// What has become of it after calls that were made at once, if there is an order of them in which each is answered as it was.
    fn after_all(self, calls: &BTreeMap<(Act, Answer), usize>) -> Option<Self> {
        if calls.is_empty() {
            return Some(self);
        }
        calls.iter().find_map(|((act, answer), count)| {
            let (after, expected) = self.after(*act);
            if expected != *answer {
                return None;
            }
            let mut left = calls.clone();
            // Of those that change nothing all may as well come now.
            if after == self || *count == 1 {
                left.remove(&(*act, *answer));
            } else {
                left.insert((*act, *answer), count - 1);
            }
            after.after_all(&left)
        })
    }
}

/// A session there is, or was.
struct Played {
    session_id: String,
    /// All that was given out for it.
    tokens: Vec<String>,
    family: Family,
}

#[derive(Debug)]
enum Step {
    SignIn,
    /// The token that was given out so many before the present one.
    Show {
        session: usize,
        before: usize,
    },
    GraceEnds {
        session: usize,
    },
    End {
        session: usize,
    },
    /// Ends all sessions but the one it is made in.
    ChangePassword,
    /// And lets him in again.
    Block,
    /// Many at once show the present token.
    Race {
        session: usize,
        against: Against,
    },
}

/// What else is done at the same moment.
#[derive(Debug, Clone, Copy)]
enum Against {
    Nothing,
    /// Half of them show the token before it.
    TheOneBefore,
    End,
    Block,
}

/// One sequence, with a user of its own.
struct Play<'a> {
    cabinet: &'a Cabinet,
    owner: &'a str,
    user: pb::User,
    seed: u64,
    chance: Chance,
    /// A session that is not played with: by it he looks, ends others, and changes his password.
    home: pb::SessionTokens,
    password: usize,
    sessions: Vec<Played>,
    at: String,
}

/// Rules I24.c, I24.d, I4.b: of one refresh token there is one successor, however many show it; of those who show a former one after its grace
/// nobody keeps the session, and its user is told once; a session that has ended never comes back.
#[tokio::test(flavor = "multi_thread")]
async fn a_session_answers_as_its_model() {
    let cabinet = Cabinet::start().await;
    let owner = cabinet.owner_token("owner@example.com").await;
    let (cabinet, owner) = (&cabinet, &*owner);
    let plays = (1..=SEEDS).map(|seed| async move {
        let mut play = Play::begin(cabinet, owner, seed).await;
        for number in 0..STEPS {
            let step = play.choose();
            play.at = format!("seed {}, step {number}, {step:?}", play.seed);
            play.take(step).await;
            play.lists_what_there_is().await;
        }
        play.nothing_is_left_of_what_has_ended().await;
    });
    join_all(plays).await;
}

impl fmt::Display for Play<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let families: Vec<_> = self.sessions.iter().map(|session| session.family).collect();
        write!(f, "{}, from {families:?}", self.at)
    }
}

impl<'a> Play<'a> {
    async fn begin(cabinet: &'a Cabinet, owner: &'a str, seed: u64) -> Self {
        let user = cabinet.create_customer(&format!("anna{seed}@example.com")).await;
        let home = cabinet.signed_in(&user).await;
        let (chance, sessions, at) = (Chance::new(seed), Vec::new(), String::new());
        Self { cabinet, owner, user, seed, chance, home, password: 0, sessions, at }
    }

    fn living(&self) -> Vec<usize> {
        let is_living = |number: &usize| self.sessions[*number].family.end.is_none();
        (0..self.sessions.len()).filter(is_living).collect()
    }

    fn choose(&mut self) -> Step {
        let living = self.living();
        if living.len() < 2 {
            return Step::SignIn;
        }
        let any: Vec<usize> = (0..self.sessions.len()).collect();
        let from = if self.chance.happens(80) { &living } else { &any };
        let session = self.chance.pick(from);
        let against = [Against::Nothing, Against::TheOneBefore, Against::End, Against::Block];
        match self.chance.below(100) {
            0..10 => Step::SignIn,
            10..35 => Step::Show { session, before: 0 },
            35..55 => Step::Show { session, before: 1 },
            55..60 => Step::Show { session, before: 2 },
            60..70 => Step::GraceEnds { session },
            70..75 => Step::End { session },
            75..78 => Step::ChangePassword,
            78..80 => Step::Block,
            _ => Step::Race { session, against: self.chance.pick(&against) },
        }
    }

    async fn take(&mut self, step: Step) {
        match step {
            Step::SignIn => {
                let tokens = self.sign_in().await;
                let (session_id, tokens) = (tokens.session_id, vec![tokens.refresh_token]);
                self.sessions.push(Played { session_id, tokens, family: Family::NEW });
            }
            Step::Show { session, before } => {
                let shown = self.sessions[session].family.present.saturating_sub(before);
                self.set_clock(session);
                let shown = self.show(session, shown).await;
                self.follow(session, vec![shown]);
            }
            Step::GraceEnds { session } => self.sessions[session].family.is_grace_over = true,
            Step::End { session } => {
                self.end(session).await;
                self.follow(session, vec![(Act::End, Answered::Done)]);
            }
            Step::ChangePassword => self.change_password().await,
            Step::Block => {
                self.block().await;
                self.all_are_over().await;
            }
            Step::Race { session, against } => self.race(session, against).await,
        }
    }

    async fn sign_in(&self) -> pb::SessionTokens {
        self.cabinet
            .sign_in(&self.user.email, PASSWORDS[self.password])
            .await
            .unwrap_or_else(|status| panic!("{self}: {status:?}"))
    }

    /// No pause of the machine decides whether ten seconds have passed.
    fn set_clock(&self, session: usize) {
        let Played { session_id, family, .. } = &self.sessions[session];
        let age = if family.is_grace_over { "10 seconds" } else { "0 seconds" };
        let set = format!("UPDATE sessions SET refreshed_at = now() - interval '{age}' WHERE session_id = '{session_id}'");
        tokio::task::block_in_place(|| self.cabinet.databases.identity.execute(&set));
    }

    async fn show(&self, session: usize, shown: usize) -> (Act, Answered) {
        let answer = self.cabinet.refresh(&self.sessions[session].tokens[shown]).await;
        let answered = match answer {
            Ok(tokens) => Answered::Token(tokens.refresh_token),
            Err(status) => {
                assert_eq!(reason(&status), (Code::Unauthenticated, "SESSION_OVER".to_owned()), "{self}");
                Answered::Over
            }
        };
        (Act::Show(shown), answered)
    }

    async fn end(&self, session: usize) {
        let ended = sessions::end(self.cabinet, &self.home.access_token, &self.sessions[session].session_id).await;
        ended.unwrap_or_else(|status| panic!("{self}: {status:?}"));
    }

    async fn change_password(&mut self) {
        let [present, next] = [self.password, 1 - self.password].map(|number| PASSWORDS[number]);
        let ending = pb::ChangePasswordRequest { end_other_sessions: true, ..passwords::change([present, next, ""]) };
        let changed = passwords::send(self.cabinet, &self.home.access_token, ending).await;
        changed.unwrap_or_else(|status| panic!("{self}: {status:?}"));
        self.password = 1 - self.password;
        for session in 0..self.sessions.len() {
            self.follow(session, vec![(Act::End, Answered::Done)]);
        }
    }

    async fn block(&self) {
        self.cabinet.block_user(self.owner, &self.user.user_id).await.unwrap_or_else(|status| panic!("{self}: {status:?}"));
    }

    /// Whom a block has shut out is let in again, by a new session.
    async fn all_are_over(&mut self) {
        let unblocked = self.cabinet.unblock_user(self.owner, &self.user.user_id).await;
        unblocked.unwrap_or_else(|status| panic!("{self}: {status:?}"));
        self.home = self.sign_in().await;
        for session in 0..self.sessions.len() {
            self.follow(session, vec![(Act::End, Answered::Done)]);
        }
    }

    /// All at once, whoever comes first.
    async fn race(&mut self, session: usize, against: Against) {
        self.set_clock(session);
        let present = self.sessions[session].family.present;
        let former = if matches!(against, Against::TheOneBefore) { present.saturating_sub(1) } else { present };
        let shown = (0..CLIENTS).map(|client| self.show(session, if client % 2 == 0 { present } else { former }));
        let meanwhile = async {
            match against {
                Against::Nothing | Against::TheOneBefore => return Vec::new(),
                Against::End => self.end(session).await,
                Against::Block => self.block().await,
            }
            vec![(Act::End, Answered::Done)]
        };
        let (shown, ended) = join(join_all(shown), meanwhile).await;
        self.follow(session, [shown, ended].concat());
        if matches!(against, Against::Block) {
            self.all_are_over().await;
        }
    }

    /// Takes the model where identity has gone, which is somewhere it could go.
    fn follow(&mut self, session: usize, answers: Vec<(Act, Answered)>) {
        let mut calls = BTreeMap::new();
        for (act, answered) in answers {
            let answer = match answered {
                Answered::Token(token) => Answer::Token(self.number_of(session, token)),
                Answered::Over => Answer::Over,
                Answered::Done => Answer::Done,
            };
            *calls.entry((act, answer)).or_insert(0) += 1;
        }
        let after = self.sessions[session].family.after_all(&calls);
        let after = after.unwrap_or_else(|| panic!("{self}: in no order is session {session} answered so: {calls:?}"));
        let played = &mut self.sessions[session];
        played.family = after;
        assert!(played.tokens.len() <= after.present + 1, "{}: more than one successor", self.at);
    }

    fn number_of(&mut self, session: usize, token: String) -> usize {
        let tokens = &mut self.sessions[session].tokens;
        tokens.iter().position(|known| *known == token).unwrap_or_else(|| {
            tokens.push(token);
            tokens.len() - 1
        })
    }

    async fn lists_what_there_is(&self) {
        let listed = sessions::sessions(self.cabinet, &self.home.access_token).await;
        let mut listed: Vec<_> =
            listed.into_iter().filter(|session| !session.is_current).map(|session| session.session_id).collect();
        let mut expected: Vec<_> = self.living().into_iter().map(|number| self.sessions[number].session_id.clone()).collect();
        listed.sort_unstable();
        expected.sort_unstable();
        assert_eq!(listed, expected, "{self}");
    }

    /// None of its tokens is good, and of each that was used twice its user was told, once.
    async fn nothing_is_left_of_what_has_ended(&mut self) {
        self.at = format!("seed {}, in the end", self.seed);
        for session in (0..self.sessions.len()).filter(|number| self.sessions[*number].family.end.is_some()) {
            for token in &self.sessions[session].tokens {
                let answer: Result<_, Status> = self.cabinet.refresh(token).await;
                assert_eq!(answer.map(|_| ()).map_err(|status| reason(&status).1), Err("SESSION_OVER".to_owned()), "{self}");
            }
        }
        let reused = self.sessions.iter().filter(|session| session.family.end == Some(End::Reuse)).count();
        let told = || {
            let letters = self.cabinet.mail.letters().into_iter();
            letters.filter(|letter| letter.rcpt_to == [self.user.email.as_str()] && letter.subject.contains("was ended")).count()
        };
        eventually(&format!("{reused} letters, {}", self.at), || (told() >= reused).then_some(())).await;
        self.cabinet.settled().await;
        assert_eq!(told(), reused, "{self}");
    }
}

/// What identity answered.
#[derive(Debug, Clone)]
enum Answered {
    Token(String),
    Over,
    Done,
}

/// The model knows right from wrong.
#[test]
fn a_model_explains_what_the_rule_allows_and_nothing_else() {
    let family = Family { present: 3, ..Family::NEW };
    let explained = |calls: &[((Act, Answer), usize)]| family.after_all(&calls.iter().copied().collect());
    let next = ((Act::Show(3), Answer::Token(4)), 50);
    assert_eq!(explained(&[next]), Some(Family { present: 4, ..Family::NEW }));
    assert_eq!(explained(&[((Act::Show(3), Answer::Token(4)), 1), ((Act::Show(3), Answer::Token(5)), 1)]), None);
    let former = |answer| ((Act::Show(2), answer), 25);
    assert_eq!(explained(&[next, former(Answer::Token(3))]).map(|family| family.end), Some(None), "all of them were first");
    assert_eq!(explained(&[next, former(Answer::Over)]).map(|family| family.end), Some(Some(End::Reuse)));
    assert_eq!(explained(&[next, former(Answer::Token(4))]), None, "a former token never leads to the next but one");
    let over = ((Act::Show(3), Answer::Over), 1);
    assert_eq!(explained(&[over]), None);
    let ended = ((Act::End, Answer::Done), 1);
    assert_eq!(explained(&[next, over, ended]).map(|family| family.end), Some(Some(End::Asked)));
    let late = Family { is_grace_over: true, ..family };
    assert_eq!(late.after(Act::Show(2)), (Family { end: Some(End::Reuse), ..late }, Answer::Over));
}
