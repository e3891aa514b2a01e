//! Put, and put in parts.

use std::sync::Arc;

use bytes::Bytes;
use hyper::header::HeaderValue;
use object_store::aws::{AmazonS3, AmazonS3Builder, AwsCredential};
use object_store::path::Path;
use object_store::{
    Attribute, Attributes, MultipartUpload, ObjectStore as _, PutMultipartOptions, PutOptions, PutPayload, StaticCredentialProvider,
};
use pressrun_domain::delivery::Outcome;
use tokio::io::AsyncReadExt;

use super::credentials::{Usable, no_retries};
use super::fault::NotPut;
use super::wire::{Trouble, Wire};
use crate::outcome::{rejected, retry};
use crate::parcel::{Parcel, ParcelFile};

/// Parts of one object (the S3 user guide's "multipart upload limits").
const PARTS_MAX: u64 = 10_000;

/// Where an object goes.
pub(super) struct Place<'a> {
    /// Address, and whether the bucket's name is part of it.
    pub(super) endpoint: (String, bool),
    pub(super) bucket: &'a str,
    pub(super) region: &'a str,
    pub(super) key: String,
    pub(super) part_bytes: u64,
}

/// Puts the parcel's file, replacing what is there; for link_only a small JSON document (R1). Nobody sees a part of an object.
pub(super) async fn put(place: &Place<'_>, keys: &Usable, wire: &Wire, parcel: &Parcel) -> Result<(), NotPut> {
    let key = Path::parse(&place.key).map_err(|_| rejected("s3: prefix and file name make no key that a bucket can have"))?;
    let uploader = Uploader { store: store(place, keys, wire)?, key, keys, wire };
    let Some(file) = &parcel.artifact else {
        let link = parcel.message.link.as_deref().ok_or_else(|| rejected("s3: there is neither a file nor a link to send"))?;
        let json = format!("{}\n", serde_json::json!({ "url": link }));
        return uploader.whole(json.into(), "application/json").await;
    };
    if file.bytes > place.part_bytes {
        return uploader.in_parts(file, place.part_bytes.max(file.bytes.div_ceil(PARTS_MAX))).await;
    }
    let mut source = tokio::fs::File::open(&file.path).await.map_err(unreadable)?.take(file.bytes);
    let mut bytes = Vec::new();
    source.read_to_end(&mut bytes).await.map_err(unreadable)?;
    complete(bytes.len() as u64, file)?;
    uploader.whole(bytes.into(), &file.media_type).await
}

fn store(place: &Place<'_>, keys: &Usable, wire: &Wire) -> Result<AmazonS3, Outcome> {
    let (address, in_host) = &place.endpoint;
    let credential = AwsCredential { key_id: keys.0.key_id.clone(), secret_key: keys.0.secret_key.clone(), token: keys.0.token.clone() };
    AmazonS3Builder::new()
        .with_bucket_name(place.bucket)
        .with_region(place.region)
        .with_endpoint(address)
        .with_virtual_hosted_style_request(*in_host)
        .with_allow_http(true)
        .with_credentials(Arc::new(StaticCredentialProvider::new(credential)))
        .with_http_connector(wire.clone())
        .with_retry(no_retries())
        .build()
        .map_err(|_| rejected("s3: the endpoint is not a valid address"))
}

/// One object on its way.
struct Uploader<'a> {
    store: AmazonS3,
    key: Path,
    keys: &'a Usable,
    wire: &'a Wire,
}

impl Uploader<'_> {
    async fn whole(&self, bytes: Bytes, media_type: &str) -> Result<(), NotPut> {
        let options = PutOptions { attributes: attributes(media_type), ..PutOptions::default() };
        let done = self.store.put_opts(&self.key, PutPayload::from(bytes), options).await;
        done.map(drop).or_else(|error| self.judged("put", &error))
    }

    async fn in_parts(&self, file: &ParcelFile, part_bytes: u64) -> Result<(), NotPut> {
        let options = PutMultipartOptions { attributes: attributes(&file.media_type), ..PutMultipartOptions::default() };
        let mut upload = match self.store.put_multipart_opts(&self.key, options).await {
            Ok(upload) => upload,
            Err(error) => return Err(self.not_put("begin parts", &error)),
        };
        let done = self.parts(upload.as_mut(), file, part_bytes).await;
        if done.is_err() {
            // What is not aborted costs the bucket's owner money (D8).
            let _ = upload.abort().await;
        }
        done
    }

    async fn parts(&self, upload: &mut dyn MultipartUpload, file: &ParcelFile, part_bytes: u64) -> Result<(), NotPut> {
        let mut source = tokio::fs::File::open(&file.path).await.map_err(unreadable)?.take(file.bytes);
        let mut sent = 0;
        loop {
            let mut part = Vec::new();
            (&mut source).take(part_bytes).read_to_end(&mut part).await.map_err(unreadable)?;
            if part.is_empty() {
                break;
            }
            sent += part.len() as u64;
            upload.put_part(PutPayload::from(part)).await.map_err(|error| self.not_put("part", &error))?;
        }
        complete(sent, file)?;
        let done = upload.complete().await;
        done.map(drop).or_else(|error| self.judged("complete parts", &error))
    }

    /// The library also fails over an answer without an `ETag`; the object is there all the same.
    fn judged(&self, phase: &str, error: &object_store::Error) -> Result<(), NotPut> {
        if self.wire.stored() { Ok(()) } else { Err(self.not_put(phase, error)) }
    }

    fn not_put(&self, phase: &str, error: &object_store::Error) -> NotPut {
        match self.wire.take_trouble() {
            Some(trouble) => self.keys.not_put(trouble),
            // An answer that is a success and says nothing that can be understood.
            None => retry(self.keys.shown(&format!("s3: {phase}: {}", crate::outcome::chain(error)))).into(),
        }
    }
}

impl Usable {
    /// What trouble on the way means for the delivery.
    pub(super) fn not_put(&self, trouble: Trouble) -> NotPut {
        match trouble {
            Trouble::Answered(phase, fault) => {
                NotPut { keys_ran_out: fault.keys_ran_out(), outcome: fault.outcome(phase, |text| self.shown(text)) }
            }
            Trouble::Silent { phase, refused, reason } => {
                let reason = self.shown(&format!("s3: {phase}: {reason}"));
                if refused { rejected(reason).into() } else { retry(reason).into() }
            }
        }
    }
}

/// The media type, when it can stand in a header.
fn attributes(media_type: &str) -> Attributes {
    let valid = HeaderValue::from_str(media_type).is_ok();
    valid.then(|| (Attribute::ContentType, media_type.to_owned())).into_iter().collect()
}

fn complete(read: u64, file: &ParcelFile) -> Result<(), Outcome> {
    if read == file.bytes { Ok(()) } else { Err(retry(format!("s3: the artifact has {read} bytes instead of {}", file.bytes))) }
}

fn unreadable(error: std::io::Error) -> Outcome {
    retry(format!("s3: the artifact could not be read: {error}"))
}
