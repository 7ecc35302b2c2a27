//! The files of avatars: none is lost, and none stays of which nobody knows, whatever is away or dies.

use std::collections::BTreeSet;
use std::path::Path;
use std::process::Command;

use api::cabinet::profile::v1::AvatarSize;
use cabinet_e2e::{Bucket, Cabinet, Kind, Setup, colour_at, eventually, picture, reason};
use image::ImageFormat;
use tonic::{Code, Status};
use tonic_types::StatusExt as _;

/// The files below a folder, by their paths in it.
fn files(folder: &Path) -> BTreeSet<String> {
    let mut found = BTreeSet::new();
    let mut folders = vec![folder.to_owned()];
    while let Some(next) = folders.pop() {
        // A folder may go while it is looked at.
        for entry in std::fs::read_dir(&next).into_iter().flatten().flatten() {
            let path = entry.path();
            if path.is_dir() {
                folders.push(path);
            } else {
                found.insert(path.strip_prefix(folder).expect("below it").display().to_string());
            }
        }
    }
    found
}

/// The files of these avatars of the realm.
fn files_of(cabinet: &Cabinet, avatar_ids: &[&str]) -> BTreeSet<String> {
    let of = |id: &&str| ["64", "256"].map(|size| format!("{}/{id}/{size}.jpg", cabinet.realm.id));
    avatar_ids.iter().flat_map(of).collect()
}

fn unused(cabinet: &Cabinet) -> String {
    cabinet.databases.profile.value("SELECT count(*) FROM unused_avatars")
}

fn assert_unavailable<T: std::fmt::Debug>(result: Result<T, Status>) {
    let status = result.expect_err("the files are away");
    assert_eq!(reason(&status), (Code::Unavailable, "UNAVAILABLE".to_owned()));
    assert!(status.get_details_retry_info().is_some_and(|info| info.retry_delay.is_some()));
}

/// Rule P5.d: an avatar that was replaced or taken away leaves no file.
#[tokio::test(flavor = "multi_thread")]
async fn nothing_stays_of_an_avatar_that_was_replaced() {
    let cabinet = Cabinet::start().await;
    let (anna, boris) = (cabinet.create_customer("anna@example.com").await, cabinet.create_customer("boris@example.com").await);
    let token = cabinet.service_token();
    let upload = async |user_id: &str| {
        let file = picture(ImageFormat::Jpeg, 300, 200);
        cabinet.upload_avatar(&token, user_id, "", &file).await.expect("a good picture").avatar_id
    };
    let folder = cabinet.avatars_folder.path();
    let his = upload(&boris.user_id).await;
    upload(&anna.user_id).await;
    let hers = upload(&anna.user_id).await;
    eventually("the first one to go", || (unused(&cabinet) == "0").then_some(())).await;
    assert_eq!(files(folder), files_of(&cabinet, &[&hers, &his]));
    cabinet.delete_avatar(&token, &anna.user_id, "").await.expect("a service may");
    eventually("the second one to go", || (unused(&cabinet) == "0").then_some(())).await;
    assert_eq!(files(folder), files_of(&cabinet, &[&his]));
}

/// Rule P5.d: while files cannot be written, the call says when to come back, and the avatar stays what it was.
#[tokio::test(flavor = "multi_thread")]
async fn an_avatar_stays_while_its_folder_is_away() {
    let cabinet = Cabinet::start().await;
    let anna = cabinet.create_customer("anna@example.com").await;
    let token = cabinet.service_token();
    let file = picture(ImageFormat::Png, 300, 200);
    let saved = cabinet.upload_avatar(&token, &anna.user_id, "", &file).await.expect("a good picture");

    let (folder, elsewhere) = (cabinet.avatars_folder.path(), tempfile::tempdir().expect("the temporary folder is writable"));
    let away = elsewhere.path().join("avatars");
    std::fs::rename(folder, &away).expect("both are in the temporary folder");
    std::fs::write(folder, "").expect("the temporary folder is writable");
    assert_unavailable(cabinet.upload_avatar(&token, &anna.user_id, "", &file).await);
    assert_unavailable(cabinet.get_avatar(&token, &anna.user_id, AvatarSize::Small, "").await);
    std::fs::remove_file(folder).expect("it is there");
    std::fs::rename(&away, folder).expect("both are in the temporary folder");

    let avatar = cabinet.get_avatar(&token, &anna.user_id, AvatarSize::Large, "").await.expect("it is there again");
    assert_eq!((&avatar.avatar_id, colour_at(&avatar.content)), (&saved.avatar_id, [0, 1, 2, 3].map(Some)));
    let next = cabinet.upload_avatar(&token, &anna.user_id, &saved.etag, &file).await.expect("nothing has changed");
    assert_eq!(next.version, saved.version + 1);
}

/// Rule P5.d: killed after the files were written and before the profile names them, profile leaves the avatar there was; the files
/// go once no call can have anything to do with them.
#[tokio::test(flavor = "multi_thread")]
async fn files_that_a_killed_process_left_behind_are_removed() {
    let mut cabinet = Cabinet::start().await;
    let anna = cabinet.create_customer("anna@example.com").await;
    let token = cabinet.service_token();
    let file = picture(ImageFormat::Jpeg, 300, 200);
    let saved = cabinet.upload_avatar(&token, &anna.user_id, "", &file).await.expect("a good picture").avatar_id;

    // Profiles cannot be written while somebody holds their table.
    let hold = "BEGIN; LOCK TABLE profiles IN SHARE MODE; SELECT pg_sleep(600)";
    let url = cabinet.databases.profile.url().to_owned();
    let mut holder = Command::new("psql").args([&*url, "--quiet", "--command", hold]).spawn().expect("psql is installed");
    let held = "SELECT count(*) FROM pg_stat_activity WHERE query LIKE 'BEGIN; LOCK TABLE profiles%pg_sleep%'
                AND wait_event = 'PgSleep' AND datname = current_database()";
    eventually("the table to be held", || (cabinet.databases.profile.value(held) != "0").then_some(())).await;
    let blocked = "SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND query LIKE '%UPDATE profiles%'
                   AND datname = current_database()";
    {
        let wait = async {
            eventually("the profile to be written", || (cabinet.databases.profile.value(blocked) != "0").then_some(())).await;
        };
        tokio::select! {
            answer = cabinet.upload_avatar(&token, &anna.user_id, "", &file) => panic!("the table is held: {answer:?}"),
            () = wait => {}
        }
    }
    cabinet.profile.kill();
    let end = "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity WHERE query LIKE 'BEGIN; LOCK TABLE profiles%'
               AND datname = current_database()";
    cabinet.databases.profile.execute(end);
    holder.wait().expect("a child can be waited for");
    let folder = cabinet.avatars_folder.path().to_owned();
    assert_eq!((files(&folder).len(), unused(&cabinet).as_str()), (4, "1"), "its files are there, and it is known that they are");

    cabinet.profile.start();
    cabinet.profile.wait_until_ready().await;
    let avatar = cabinet.get_avatar(&token, &anna.user_id, AvatarSize::Small, "").await.expect("the one before");
    assert_eq!(avatar.avatar_id, saved);
    assert_eq!(files(&folder).len(), 4, "an upload might still go on");
    // A test does not wait for an hour, nor for the next look; whoever replaces an avatar rings.
    cabinet.databases.profile.execute("UPDATE unused_avatars SET removable_at = removable_at - interval '1 hour'");
    let boris = cabinet.create_customer("boris@example.com").await;
    let his = cabinet.upload_avatar(&token, &boris.user_id, "", &file).await.expect("a good picture").avatar_id;
    eventually("the files to go", || (unused(&cabinet) == "0").then_some(())).await;
    assert_eq!(files(&folder), files_of(&cabinet, &[&saved, &his]));
}

/// Rule P5.d: the same in a bucket that speaks S3, whose secrets nobody is told.
#[tokio::test(flavor = "multi_thread")]
async fn avatars_can_be_kept_in_a_bucket() {
    let bucket = Bucket::start().await;
    let setup = Setup::default()
        .with_profile("CABINET__AVATARS__STORE", "s3")
        .with_profile("CABINET__AVATARS__S3__ENDPOINT", &bucket.url())
        .with_profile("CABINET__AVATARS__S3__BUCKET", Bucket::NAME)
        .with_profile("CABINET__AVATARS__S3__ACCESS_KEY_ID", Bucket::ACCESS_KEY_ID)
        .with_profile("CABINET__AVATARS__S3__SECRET_ACCESS_KEY", Bucket::SECRET_ACCESS_KEY);
    let cabinet = setup.start().await;
    assert!(cabinet.watch.canary(Kind::Secret, Bucket::SECRET_ACCESS_KEY));
    let anna = cabinet.create_customer("anna@example.com").await;
    let token = cabinet.service_token();
    let file = picture(ImageFormat::WebP, 300, 200);
    cabinet.upload_avatar(&token, &anna.user_id, "", &file).await.expect("a good picture");
    let saved = cabinet.upload_avatar(&token, &anna.user_id, "", &file).await.expect("a good picture");
    eventually("the first one to go", || (unused(&cabinet) == "0").then_some(())).await;
    let objects = bucket.objects();
    assert_eq!(objects.keys().cloned().collect::<BTreeSet<_>>(), files_of(&cabinet, &[&saved.avatar_id]));
    let avatar = cabinet.get_avatar(&token, &anna.user_id, AvatarSize::Large, "").await.expect("she has one");
    assert!(objects.values().any(|content| *content == avatar.content));
    assert_eq!(colour_at(&avatar.content), [0, 1, 2, 3].map(Some));

    bucket.set_away(true);
    assert_unavailable(cabinet.upload_avatar(&token, &anna.user_id, "", &file).await);
    assert_unavailable(cabinet.get_avatar(&token, &anna.user_id, AvatarSize::Small, "").await);
    let without = cabinet.delete_avatar(&token, &anna.user_id, "").await.expect("that needs no bucket");
    assert_eq!(without.version, saved.version + 1);
    bucket.set_away(false);
    let bela = cabinet.create_customer("bela@example.com").await;
    cabinet.upload_avatar(&token, &bela.user_id, "", &file).await.expect("it is there again");
    // Of a bucket that is not there nothing is taken for deleted.
    bucket.set_gone(true);
    // The upload that found it away is given up in an hour, which is now.
    cabinet.databases.profile.execute("UPDATE unused_avatars SET removable_at = removable_at - interval '1 hour'");
    cabinet.delete_avatar(&token, &bela.user_id, "").await.expect("that needs no bucket");
    eventually("files to be asked for in vain", || (bucket.asked_in_vain() > 2).then_some(())).await;
    bucket.set_gone(false);
    let next = cabinet.upload_avatar(&token, &anna.user_id, &without.etag, &file).await.expect("it is the right one again");
    let wanted = files_of(&cabinet, &[&next.avatar_id]);
    let gone = || bucket.objects().into_keys().collect::<BTreeSet<_>>() == wanted;
    eventually("what was taken away meanwhile to go", || gone().then_some(())).await;
    // Also what never had a file, of which the bucket says that it is not there.
    eventually("nothing to be left to remove", || (unused(&cabinet) == "0").then_some(())).await;
}
