//! The files of avatars: in a folder of this machine, or in a bucket that speaks S3.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use futures::future::try_join_all;
use kernel::{AvatarId, Fault, RealmId, Secret};
use object_store::aws::AmazonS3Builder;
use object_store::local::LocalFileSystem;
use object_store::path::Path;
use object_store::{BackoffConfig, Certificate, ClientOptions, ObjectStore, ObjectStoreExt as _, RetryConfig};
use runtime::settings::Settings;

use crate::application::AvatarFiles;
use crate::domain::{Avatar, AvatarSize};

/// How long a bucket may take to answer, and how long it is tried again: somebody waits for it.
const BUCKET_TIMEOUT: Duration = Duration::from_secs(5);
const BUCKET_RETRIES: usize = 2;
const CA_FILE: &str = "avatars.s3.ca_file";

/// Where the files are.
#[derive(Debug, Clone)]
pub(crate) enum AvatarStoreConfig {
    /// A folder that every replica of the service sees.
    Folder(PathBuf),
    Bucket(BucketConfig),
}

/// A bucket, and who we are to it.
#[derive(Debug, Clone)]
pub(crate) struct BucketConfig {
    endpoint: String,
    region: String,
    bucket: String,
    access_key_id: Secret<String>,
    secret_access_key: Secret<String>,
    /// Who signs its certificate; nobody for the system's authorities.
    authorities: Vec<Certificate>,
}

impl AvatarStoreConfig {
    pub(crate) fn read(settings: &mut Settings) -> Option<Self> {
        let store: String = settings.value("avatars.store")?;
        if store != "folder" {
            settings.leave_out("avatars.folder");
        }
        if store != "s3" {
            settings.leave_out("avatars.s3");
        }
        match store.as_str() {
            "folder" => settings.value("avatars.folder").map(Self::Folder),
            "s3" => BucketConfig::read(settings).map(Self::Bucket),
            _ => {
                settings.problem("avatars.store", "must be folder or s3");
                None
            }
        }
    }
}

impl BucketConfig {
    fn read(settings: &mut Settings) -> Option<Self> {
        let endpoint = settings.value("avatars.s3.endpoint");
        let region = settings.value("avatars.s3.region");
        let bucket = settings.value("avatars.s3.bucket");
        let access_key_id = settings.secret("avatars.s3.access_key_id");
        let secret_access_key = settings.secret("avatars.s3.secret_access_key");
        let authorities = read_authorities(settings);
        Some(Self {
            endpoint: endpoint?,
            region: region?,
            bucket: bucket?,
            access_key_id: access_key_id?,
            secret_access_key: secret_access_key?,
            authorities,
        })
    }

    fn open(&self) -> Result<Arc<dyn ObjectStore>, Fault> {
        let mut options = ClientOptions::new()
            .with_timeout(BUCKET_TIMEOUT)
            .with_connect_timeout(BUCKET_TIMEOUT)
            .with_allow_http(self.endpoint.starts_with("http://"));
        for authority in &self.authorities {
            // Nobody else is believed.
            options = options.with_root_certificate(authority.clone()).with_no_system_certificates(true);
        }
        let backoff = BackoffConfig { init_backoff: Duration::from_millis(100), ..BackoffConfig::default() };
        let bucket = AmazonS3Builder::new()
            .with_endpoint(&self.endpoint)
            .with_region(&self.region)
            .with_bucket_name(&self.bucket)
            .with_access_key_id(self.access_key_id.expose())
            .with_secret_access_key(self.secret_access_key.expose())
            .with_client_options(options)
            // Every bucket knows how to delete one object; many, not every one.
            .with_disable_bulk_delete(true)
            .with_retry(RetryConfig { backoff, max_retries: BUCKET_RETRIES, retry_timeout: BUCKET_TIMEOUT })
            .build();
        Ok(Arc::new(bucket.map_err(Fault::internal)?))
    }
}

fn read_authorities(settings: &mut Settings) -> Vec<Certificate> {
    let Some(file) = settings.optional(CA_FILE) else { return Vec::new() };
    let authorities = match std::fs::read(file) {
        Ok(text) => Certificate::from_pem_bundle(&text).unwrap_or_default(),
        Err(error) => {
            settings.problem(CA_FILE, error.kind());
            return Vec::new();
        }
    };
    if authorities.is_empty() {
        settings.problem(CA_FILE, "holds no certificate in PEM");
    }
    authorities
}

/// No avatar is larger: what is, is none.
const LONGEST_FILE: u64 = 1 << 20;

#[derive(Clone)]
pub(crate) struct AvatarStore {
    store: Arc<dyn ObjectStore>,
    is_bucket: bool,
}

/// What a bucket says of itself stays with it: its answers may name the key we show it.
#[derive(Debug, thiserror::Error)]
enum BucketError {
    #[error("the files of avatars cannot be reached: {0}")]
    Away(&'static str),
    #[error("a file of an avatar is no avatar")]
    TooLong,
}

impl AvatarStore {
    pub(crate) fn open(config: &AvatarStoreConfig) -> Result<Self, Fault> {
        match config {
            AvatarStoreConfig::Folder(folder) => {
                std::fs::create_dir_all(folder).map_err(Fault::internal)?;
                let files = LocalFileSystem::new_with_prefix(folder).map_err(Fault::internal)?;
                // A row that is committed names files that outlast a loss of power.
                let store = Arc::new(files.with_automatic_cleanup(true).with_fsync(true));
                Ok(Self { store, is_bucket: false })
            }
            AvatarStoreConfig::Bucket(bucket) => Ok(Self { store: bucket.open()?, is_bucket: true }),
        }
    }

    /// What is not there is removed. Of what a bucket does not find that may be the bucket itself.
    pub(crate) async fn delete(&self, realm_id: RealmId, avatar_id: AvatarId) -> Result<(), Fault> {
        for size in AvatarSize::ALL {
            match self.store.delete(&path(realm_id, avatar_id, size)).await {
                Ok(()) => {}
                Err(object_store::Error::NotFound { source, .. }) if !self.is_bucket || names_the_object(&*source) => {}
                Err(error) => return Err(fault(&error)),
            }
        }
        Ok(())
    }
}

#[async_trait]
impl AvatarFiles for AvatarStore {
    async fn put(&self, realm_id: RealmId, avatar_id: AvatarId, avatar: &Avatar) -> Result<(), Fault> {
        let put = async |size| {
            let content = avatar.in_size(size).to_vec();
            self.store.put(&path(realm_id, avatar_id, size), content.into()).await.map_err(|error| fault(&error))
        };
        try_join_all(AvatarSize::ALL.map(put)).await?;
        Ok(())
    }

    async fn get(&self, realm_id: RealmId, avatar_id: AvatarId, size: AvatarSize) -> Result<Option<Vec<u8>>, Fault> {
        match self.store.get(&path(realm_id, avatar_id, size)).await {
            Ok(found) if found.meta.size > LONGEST_FILE => Err(Fault::internal(BucketError::TooLong)),
            Ok(found) => Ok(Some(found.bytes().await.map_err(|error| fault(&error))?.to_vec())),
            Err(object_store::Error::NotFound { .. }) => Ok(None),
            Err(error) => Err(fault(&error)),
        }
    }
}

/// Ids and a number: nothing of it says who somebody is.
fn path(realm_id: RealmId, avatar_id: AvatarId, size: AvatarSize) -> Path {
    Path::from(format!("{realm_id}/{avatar_id}/{}.jpg", size.pixels()))
}

/// Whether a bucket lacks just the object that it was asked to delete. Amazon's says nothing of it, others that speak S3 do.
fn names_the_object(answer: &dyn std::error::Error) -> bool {
    answer.to_string().contains("<Code>NoSuchKey</Code>")
}

/// What we ask for is always the same and always right: whatever fails is for operators to mend, and succeeds then.
fn fault(error: &object_store::Error) -> Fault {
    let kind = match error {
        object_store::Error::NotFound { .. } => "there is no such bucket",
        object_store::Error::PermissionDenied { .. } => "we may not",
        object_store::Error::Unauthenticated { .. } => "it does not know us",
        _ => "no answer, or none that helps",
    };
    Fault::unavailable(BucketError::Away(kind))
}
