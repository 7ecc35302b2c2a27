//! Avatars: what people send becomes a small picture with nothing else in it, or is refused with the reason.

use api::cabinet::profile::v1 as pb;
use api::cabinet::profile::v1::AvatarSize;
use api::cabinet::profile::v1::avatar_service_client::AvatarServiceClient;
use api::cabinet::profile::v1::profile_service_client::ProfileServiceClient;
use cabinet_e2e::{Cabinet, Kind, colour_at, eventually_async, is, new_id, picture, reason, refused, user_id, with_token};
use futures::StreamExt as _;
use futures::channel::mpsc::{UnboundedSender, unbounded};
use image::ImageFormat;
use kernel::Role;
use tokio::task::JoinHandle;
use tonic::Code;
use tonic_types::StatusExt as _;

/// Where its camera was, as it would stand in a picture.
const POSITION: &str = "50.450100 N 30.523400 E lantern";
const FORMATS: [ImageFormat; 3] = [ImageFormat::Jpeg, ImageFormat::Png, ImageFormat::WebP];

async fn profile(cabinet: &Cabinet, user_id: &str) -> pb::Profile {
    let message = pb::GetProfileRequest { user_id: user_id.to_owned(), ..Default::default() };
    let request = with_token(&cabinet.service_token(), message);
    let answer = ProfileServiceClient::new(cabinet.profile.channel()).get_profile(request).await.expect("everybody has one");
    answer.into_inner().profile.expect("the contract promises the profile")
}

/// A JPEG with such metadata as telephones write: which side is up, and a text where they have the position.
fn photograph(orientation: u8, position: &str) -> Vec<u8> {
    // TIFF (Exif 2.32, 4.5): big-endian, one directory with two entries, its end, the text.
    let length = u8::try_from(position.len()).expect("a short text");
    let tiff = [
        b"MM\0\x2a\0\0\0\x08\0\x02",
        &b"\x01\x12\0\x03\0\0\0\x01\0"[..],
        &[orientation],
        b"\0\0\x01\x0e\0\x02\0\0\0",
        &[length],
        b"\0\0\0\x26\0\0\0\0",
        position.as_bytes(),
    ]
    .concat();
    let segment = [b"Exif\0\0", &tiff[..]].concat();
    let length = u16::try_from(segment.len() + 2).expect("a short segment").to_be_bytes();
    let file = picture(ImageFormat::Jpeg, 400, 300);
    [&file[..2], b"\xff\xe1", &length, &segment, &file[2..]].concat()
}

/// The checksum of PNG (ISO 3309), bit by bit.
fn crc(bytes: &[u8]) -> u32 {
    let step = |crc: u32, byte: &u8| {
        (0..8).fold(crc ^ u32::from(*byte), |crc, _| (crc >> 1) ^ if crc & 1 == 1 { 0xedb8_8320 } else { 0 })
    };
    !bytes.iter().fold(u32::MAX, step)
}

fn png_chunk(kind: [u8; 4], data: &[u8]) -> Vec<u8> {
    let length = u32::try_from(data.len()).expect("a few bytes").to_be_bytes();
    let body = [&kind[..], data].concat();
    [&length[..], &body, &crc(&body).to_be_bytes()].concat()
}

/// A PNG whose header says how large it is, and how many bits a colour has: red, green, blue and transparency.
fn png_that_says(width: u32, height: u32, depth: u8) -> Vec<u8> {
    let mut file = picture(ImageFormat::Png, 8, 8);
    let header = [&width.to_be_bytes()[..], &height.to_be_bytes(), &[depth, 6, 0, 0, 0]].concat();
    file.splice(8..33, png_chunk(*b"IHDR", &header));
    file
}

/// A PNG that says it has frames.
fn animated_png() -> Vec<u8> {
    let mut file = picture(ImageFormat::Png, 8, 8);
    file.splice(33..33, png_chunk(*b"acTL", &[0, 0, 0, 2, 0, 0, 0, 0]));
    file
}

/// A WebP whose picture is the frame of an animation.
fn animated_webp() -> Vec<u8> {
    let head = b"VP8X\x0a\0\0\0\x02\0\0\0\x07\0\0\x07\0\0ANIM\x06\0\0\0\0\0\0\0\0\0";
    let body = [b"WEBP", &head[..], &picture(ImageFormat::WebP, 8, 8)[12..]].concat();
    [b"RIFF", &u32::try_from(body.len()).expect("a few bytes").to_le_bytes()[..], &body].concat()
}

/// Rules P5.a, P5.b: JPEG, PNG or WebP becomes a JPEG in two sizes; another one replaces it; it can be taken away.
#[tokio::test(flavor = "multi_thread")]
async fn a_picture_becomes_an_avatar_in_two_sizes() {
    let cabinet = Cabinet::start().await;
    let anna = cabinet.create_customer("anna@example.com").await;
    let her_own = cabinet.user_token(user_id(&anna), Role::Customer);
    let get = async |size, known: &str| cabinet.get_avatar(&her_own, &anna.user_id, size, known).await;
    assert_eq!(refused(get(AvatarSize::Small, "").await), is(Code::NotFound, "AVATAR_NOT_FOUND"));

    let mut former = profile(&cabinet, &anna.user_id).await;
    assert_eq!((former.avatar_id.as_str(), former.version), ("", 0));
    for format in FORMATS {
        let file = picture(format, 400, 300);
        let saved = cabinet.upload_avatar(&her_own, &anna.user_id, &former.etag, &file).await.expect("a good picture");
        assert_eq!((saved.version, saved.avatar_id.len()), (former.version + 1, 36), "{format:?}");
        assert!(saved.etag != former.etag && saved.avatar_id != former.avatar_id);
        assert_eq!(profile(&cabinet, &anna.user_id).await, saved);
        for (size, pixels) in [(AvatarSize::Small, 64), (AvatarSize::Large, 256)] {
            let avatar = get(size, &former.avatar_id).await.expect("she has one");
            assert_eq!((&avatar.avatar_id, avatar.media_type.as_str()), (&saved.avatar_id, "image/jpeg"));
            assert_eq!(image::guess_format(&avatar.content).ok(), Some(ImageFormat::Jpeg));
            let shown = image::load_from_memory(&avatar.content).expect("a picture");
            assert_eq!((shown.width(), shown.height()), (pixels, pixels));
            assert_eq!(colour_at(&avatar.content), [Some(0), Some(1), Some(2), Some(3)], "{format:?}");
        }
        let known = get(AvatarSize::Large, &saved.avatar_id).await.expect("she has one");
        assert_eq!((known.avatar_id, known.content.len()), (saved.avatar_id.clone(), 0), "she has that one already");
        former = saved;
    }

    let without = cabinet.delete_avatar(&her_own, &anna.user_id, &former.etag).await.expect("her own");
    assert_eq!((without.avatar_id.as_str(), without.version), ("", 4));
    assert_eq!(refused(get(AvatarSize::Small, "").await), is(Code::NotFound, "AVATAR_NOT_FOUND"));
    let again = cabinet.delete_avatar(&her_own, &anna.user_id, "").await.expect("nothing to do");
    assert_eq!(again, without);
    let facts =
        "SELECT count(*) FROM (SELECT type FROM messaging.outbox UNION ALL SELECT type FROM messaging.outbox_archive) AS told";
    assert_eq!(cabinet.databases.profile.value(facts), "4", "every change was told, and nothing else");
}

/// Rule P5.c: what is no whole, single, still picture of a possible size is refused, each with its reason, and changes nothing.
#[tokio::test(flavor = "multi_thread")]
async fn what_is_no_picture_is_refused() {
    let cabinet = Cabinet::start().await;
    let anna = cabinet.create_customer("anna@example.com").await;
    let token = cabinet.service_token();
    let with = |file: Vec<u8>, more: &[u8]| [&file[..], more].concat();
    let mut files = vec![
        ("nothing", Vec::new(), "AVATAR_FORMAT_UNKNOWN"),
        (
            "a GIF",
            b"GIF89a\x01\0\x01\0\x80\0\0\0\0\0\xff\xff\xff,\0\0\0\0\x01\0\x01\0\0\x02\x02D\x01\0;".to_vec(),
            "AVATAR_FORMAT_UNKNOWN",
        ),
        ("a drawing", b"<svg xmlns='http://www.w3.org/2000/svg'/>".to_vec(), "AVATAR_FORMAT_UNKNOWN"),
        ("a program before a picture", with(b"MZ".to_vec(), &picture(ImageFormat::Png, 8, 8)), "AVATAR_FORMAT_UNKNOWN"),
        ("a bomb", png_that_says(60_000, 60_000, 8), "AVATAR_TOO_LARGE"),
        ("the largest bomb", png_that_says(i32::MAX.unsigned_abs(), i32::MAX.unsigned_abs(), 8), "AVATAR_TOO_LARGE"),
        ("no width", png_that_says(0, 8, 8), "AVATAR_BROKEN"),
        ("deep colours", png_that_says(4500, 4500, 16), "AVATAR_TOO_LARGE"),
        ("more than its pixels", png_that_says(4500, 4500, 8), "AVATAR_BROKEN"),
        ("5 MiB and a byte", with(picture(ImageFormat::Png, 8, 8), &vec![0; 5 << 20]), "AVATAR_TOO_LARGE"),
        ("frames", animated_png(), "AVATAR_ANIMATED"),
        ("frames", animated_webp(), "AVATAR_ANIMATED"),
    ];
    for format in FORMATS {
        let file = picture(format, 400, 300);
        files.push(("the first half", file[..file.len() / 2].to_vec(), "AVATAR_BROKEN"));
        files.push(("all but the last byte", file[..file.len() - 1].to_vec(), "AVATAR_BROKEN"));
        files.push(("an archive behind it", with(file.clone(), b"PK\x05\x06"), "AVATAR_MIXED"));
        files.push(("a page behind it", with(file, b"<script>alert(1)</script>"), "AVATAR_MIXED"));
    }
    for (what, file, wanted) in files {
        let status = cabinet.upload_avatar(&token, &anna.user_id, "", &file).await.expect_err(what);
        assert_eq!(reason(&status), is(Code::InvalidArgument, wanted), "{what}");
    }
    assert_eq!(profile(&cabinet, &anna.user_id).await.version, 0);
    assert_eq!(std::fs::read_dir(cabinet.avatars_folder.path()).expect("a folder").count(), 0, "nothing was kept");
    assert_eq!(cabinet.databases.profile.value("SELECT count(*) FROM unused_avatars"), "0");
}

/// Rule P5.b: a picture is turned as its camera said; that, the position and everything else that is no picture is gone.
#[tokio::test(flavor = "multi_thread")]
async fn a_photograph_is_turned_and_says_nothing_more() {
    let cabinet = Cabinet::start().await;
    assert!(cabinet.watch.canary(Kind::Text, POSITION));
    let anna = cabinet.create_customer("anna@example.com").await;
    let token = cabinet.service_token();
    // Exif 2.32, 4.6.4: what is to be seen above on the left, above on the right, below …
    let turned = [(1, [0, 1, 2, 3]), (3, [3, 2, 1, 0]), (6, [2, 0, 3, 1]), (8, [1, 3, 0, 2]), (5, [0, 2, 1, 3])];
    for (orientation, wanted) in turned {
        let file = photograph(orientation, POSITION);
        cabinet.upload_avatar(&token, &anna.user_id, "", &file).await.expect("a good picture");
        for size in [AvatarSize::Small, AvatarSize::Large] {
            let content = cabinet.get_avatar(&token, &anna.user_id, size, "").await.expect("she has one").content;
            assert_eq!(colour_at(&content), wanted.map(Some), "orientation {orientation}");
            let holds = |what: &[u8]| content.windows(what.len()).any(|part| part == what);
            assert!(!holds(b"Exif") && !holds(b"lantern"), "orientation {orientation}");
        }
    }
}

type Sending = JoinHandle<Result<tonic::Response<pb::UploadAvatarResponse>, tonic::Status>>;

/// An upload that has begun, and ends when the sender is dropped.
async fn begun_upload(
    cabinet: &Cabinet,
    token: &str,
    first: pb::UploadAvatarRequest,
) -> (UnboundedSender<pb::UploadAvatarRequest>, Sending) {
    let send = || {
        let (sender, parts) = unbounded();
        sender.unbounded_send(first.clone()).expect("it is open");
        let mut client = AvatarServiceClient::new(cabinet.profile.channel());
        let request = with_token(token, parts);
        (sender, tokio::spawn(async move { client.upload_avatar(request).await }))
    };
    let (service, mut sending) = (cabinet.service_token(), send());
    let begun = eventually_async("an upload to have its place", async || {
        // Perhaps whoever looks had the place at that moment.
        if sending.1.is_finished() {
            sending = send();
        }
        let no_picture = cabinet.upload_avatar(&service, &first.user_id, &first.etag, b"x").await;
        (refused(no_picture) == is(Code::ResourceExhausted, "AVATARS_BUSY")).then_some(())
    });
    begun.await;
    sending
}

/// Rules P2, P5.b: a change that was made from another state of the profile is refused, also if it changed while the file was sent.
#[tokio::test(flavor = "multi_thread")]
async fn two_tabs_do_not_overwrite_each_others_avatars() {
    let cabinet = Cabinet::start().await;
    let anna = cabinet.create_customer("anna@example.com").await;
    let token = cabinet.service_token();
    let nothing_saved = profile(&cabinet, &anna.user_id).await.etag;
    let file = picture(ImageFormat::Png, 40, 40);
    let (one, other) = (
        cabinet.upload_avatar(&token, &anna.user_id, &nothing_saved, &file).await,
        cabinet.upload_avatar(&token, &anna.user_id, &nothing_saved, &file).await,
    );
    let saved = one.expect("the etag was right");
    assert_eq!(refused(other), is(Code::Aborted, "ETAG_MISMATCH"));
    assert_eq!(refused(cabinet.delete_avatar(&token, &anna.user_id, &nothing_saved).await), is(Code::Aborted, "ETAG_MISMATCH"));
    assert_eq!(profile(&cabinet, &anna.user_id).await, saved);

    let first = pb::UploadAvatarRequest { user_id: anna.user_id.clone(), etag: saved.etag.clone(), chunk: file };
    let (send, upload) = begun_upload(&cabinet, &token, first).await;
    let without = cabinet.delete_avatar(&token, &anna.user_id, &saved.etag).await.expect("the etag is right");
    drop(send);
    assert_eq!(refused(upload.await.expect("it ends")), is(Code::Aborted, "ETAG_MISMATCH"));
    assert_eq!(profile(&cabinet, &anna.user_id).await, without);
}

/// Rule P5.c: each person sends one file at a time; who breaks off leaves his place.
#[tokio::test(flavor = "multi_thread")]
async fn one_person_sends_one_picture_at_a_time() {
    let cabinet = Cabinet::start().await;
    let anna = cabinet.create_customer("anna@example.com").await;
    let token = cabinet.service_token();
    let file = picture(ImageFormat::Png, 40, 40);
    let first = pb::UploadAvatarRequest { user_id: anna.user_id.clone(), ..Default::default() };
    let send = || {
        let mut client = AvatarServiceClient::new(cabinet.profile.channel());
        let endless = futures::stream::once(std::future::ready(first.clone())).chain(futures::stream::pending());
        let request = with_token(&token, endless);
        tokio::spawn(async move { client.upload_avatar(request).await })
    };
    let mut sending = send();
    let busy = eventually_async("the first to have its place", async || {
        // Perhaps the second was faster once, or the first silent for too long.
        if sending.is_finished() {
            sending = send();
        }
        cabinet.upload_avatar(&token, &anna.user_id, "", &file).await.err()
    });
    let busy = busy.await;
    assert_eq!(reason(&busy), is(Code::ResourceExhausted, "AVATARS_BUSY"));
    assert!(busy.get_details_retry_info().is_some_and(|info| info.retry_delay.is_some()));
    sending.abort();
    eventually_async("the place to be free", async || cabinet.upload_avatar(&token, &anna.user_id, "", &file).await.ok()).await;
}

/// Whoever says nothing of whom, or too much at once, breaks the rules of the contract; nobody unknown has an avatar.
#[tokio::test(flavor = "multi_thread")]
async fn an_upload_says_whose_it_is_and_has_small_parts() {
    let cabinet = Cabinet::start().await;
    let anna = cabinet.create_customer("anna@example.com").await;
    let token = cabinet.service_token();
    let message = |user_id: &str, length| pb::UploadAvatarRequest {
        user_id: user_id.to_owned(),
        etag: String::new(),
        chunk: vec![0; length],
    };
    let send = async |messages| {
        let status = cabinet.send_avatar(&token, messages).await.expect_err("a refusal");
        let violated = status.get_details_bad_request().map(|details| details.field_violations).unwrap_or_default();
        (reason(&status), violated.into_iter().map(|violation| violation.field).collect::<Vec<_>>())
    };
    let invalid = |field: &str| (is(Code::InvalidArgument, "REQUEST_INVALID"), vec![field.to_owned()]);
    assert_eq!(send(Vec::new()).await, invalid("user_id"));
    assert_eq!(send(vec![message("", 8)]).await, invalid("user_id"));
    assert_eq!(send(vec![message(&anna.user_id, (1 << 20) + 1)]).await, invalid("chunk"));
    assert_eq!(send(vec![message(&anna.user_id, 0), message("", (1 << 20) + 1)]).await, invalid("chunk"));
    let unknown = new_id::<kernel::of::User>().to_string();
    assert_eq!(send(vec![message(&unknown, 8)]).await.0, is(Code::NotFound, "PROFILE_NOT_FOUND"));
    assert_eq!(refused(cabinet.delete_avatar(&token, &unknown, "").await), is(Code::NotFound, "PROFILE_NOT_FOUND"));
    let shown = cabinet.get_avatar(&token, &unknown, AvatarSize::Small, "").await;
    assert_eq!(refused(shown), is(Code::NotFound, "PROFILE_NOT_FOUND"));
}

/// Rules I4.b, P5.c: whoever is blocked while he sends a file has no access any more when he has sent it.
#[tokio::test(flavor = "multi_thread")]
async fn a_file_of_somebody_who_is_blocked_meanwhile_changes_nothing() {
    let cabinet = Cabinet::start().await;
    let owner = cabinet.owner_token("owner@example.com").await;
    let anna = cabinet.create_customer("anna@example.com").await;
    let token = cabinet.signed_in(&anna).await.access_token;
    let chunk = picture(ImageFormat::Png, 40, 40);
    let first = pb::UploadAvatarRequest { user_id: anna.user_id.clone(), chunk, ..Default::default() };
    let (sender, sending) = begun_upload(&cabinet, &token, first).await;
    cabinet.block_user(&owner, &anna.user_id).await.expect("an OWNER may");
    cabinet.refused_everywhere(&token, &anna.user_id).await;
    drop(sender);
    let refused = sending.await.expect("it comes to an end").expect_err("he is blocked");
    assert_eq!(refused.code(), Code::Unauthenticated);
    let profile = cabinet.get_profile(&cabinet.service_token(), &anna.user_id).await.expect("a service may");
    assert_eq!(profile.avatar_id, "");
}
