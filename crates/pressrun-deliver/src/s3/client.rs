//! Put, and put in parts.

use std::fmt::Write as _;

use bytes::Bytes;
use hyper::Request;
use hyper::header::ETAG;
use jiff::Timestamp;
use pressrun_domain::delivery::Outcome;
use pressrun_domain::secret::Secret;
use sha2::{Digest, Sha256};
use tokio::io::AsyncReadExt;
use url::Url;

use super::fault::{Fault, NotPut};
use super::sign::{Unsigned, encode, sign};
use super::xml::{escaped, text_of};
use crate::config::{Deadlines, S3Credentials};
use crate::dial::Trust;
use crate::http::{Answer, Body, Http, Reading, bytes_body, file_body, target};
use crate::outcome::{presentable, rejected, retry};
use crate::parcel::{Parcel, ParcelFile};

/// Parts of one object (the S3 user guide's "multipart upload limits").
const PARTS_MAX: u64 = 10_000;

/// A bucket, and what opens it.
pub(super) struct Bucket<'a> {
    /// Address of the bucket, with the bucket's name in host or path.
    pub(super) url: Url,
    pub(super) region: &'a str,
    pub(super) credentials: &'a S3Credentials,
    pub(super) http: &'a Http,
    pub(super) deadlines: &'a Deadlines,
    pub(super) part_bytes: u64,
    pub(super) trust: Trust,
    pub(super) now: Timestamp,
}

impl Bucket<'_> {
    /// Puts the parcel's file under `key`, replacing what is there; for link_only a small JSON document (R1).
    pub(super) async fn put(&self, key: &str, parcel: &Parcel) -> Result<(), NotPut> {
        let Some(file) = &parcel.artifact else {
            let link = parcel.message.link.as_deref().ok_or_else(|| rejected("s3: there is neither a file nor a link to send"))?;
            let json = format!("{}\n", serde_json::json!({ "url": link }));
            let sha256 = hex::encode(Sha256::digest(&json));
            let body = (json.len() as u64, bytes_body(json));
            return self.send("put", "PUT", &self.object(key, ""), &sha256, Some("application/json"), body).await.map(drop);
        };
        if file.bytes > self.part_bytes {
            return self.put_in_parts(key, file).await;
        }
        let body = file_body(Bytes::new(), &file.path, file.bytes, Bytes::new()).await.map_err(unreadable)?;
        self.send("put", "PUT", &self.object(key, ""), &file.sha256, Some(&file.media_type), (file.bytes, body)).await.map(drop)
    }

    async fn put_in_parts(&self, key: &str, file: &ParcelFile) -> Result<(), NotPut> {
        let empty = hex::encode(Sha256::digest(b""));
        let begun = self
            .send("begin parts", "POST", &self.object(key, "uploads="), &empty, Some(&file.media_type), (0, bytes_body(Bytes::new())))
            .await?;
        let id = text_of(&begun.text, "UploadId").ok_or_else(|| retry("s3: begin parts: the answer has no UploadId"))?;
        let done = self.parts(key, &id, file).await;
        if done.is_err() {
            // What is not aborted costs the bucket's owner money (D8).
            let place = self.object(key, &format!("uploadId={}", encode(&id, false)));
            let _ = self.send("abort parts", "DELETE", &place, &empty, None, (0, bytes_body(Bytes::new()))).await;
        }
        done
    }

    async fn parts(&self, key: &str, id: &str, file: &ParcelFile) -> Result<(), NotPut> {
        let mut source = tokio::fs::File::open(&file.path).await.map_err(unreadable)?.take(file.bytes);
        let part_bytes = self.part_bytes.max(file.bytes.div_ceil(PARTS_MAX));
        let mut list = String::from("<CompleteMultipartUpload>");
        let mut sent = 0;
        let id = encode(id, false);
        for number in 1_u32.. {
            let mut part = Vec::new();
            (&mut source).take(part_bytes).read_to_end(&mut part).await.map_err(unreadable)?;
            if part.is_empty() {
                break;
            }
            sent += part.len() as u64;
            let sha256 = hex::encode(Sha256::digest(&part));
            let place = self.object(key, &format!("partNumber={number}&uploadId={id}"));
            let body = (part.len() as u64, bytes_body(part));
            let answer = self.send("part", "PUT", &place, &sha256, None, body).await?;
            let tag =
                answer.headers.get(ETAG).and_then(|value| value.to_str().ok()).ok_or_else(|| retry("s3: part: the answer has no ETag"))?;
            let _ = write!(list, "<Part><PartNumber>{number}</PartNumber><ETag>{}</ETag></Part>", escaped(tag));
        }
        if sent != file.bytes {
            return Err(retry(format!("s3: the artifact has {sent} bytes instead of {}", file.bytes)).into());
        }
        list.push_str("</CompleteMultipartUpload>");
        let sha256 = hex::encode(Sha256::digest(&list));
        let body = (list.len() as u64, bytes_body(list));
        let place = self.object(key, &format!("uploadId={id}"));
        let answer = self.send("complete parts", "POST", &place, &sha256, Some("application/xml"), body).await?;
        // This one call can fail after its 200.
        match text_of(&answer.text, "Code") {
            Some(code) => Err(retry(self.shown(&format!("s3: complete parts: {code}"))).into()),
            None => Ok(()),
        }
    }

    fn object(&self, key: &str, query: &str) -> Url {
        let mut url = self.url.clone();
        let path = format!("{}/{}", self.url.path().trim_end_matches('/'), encode(key, true));
        url.set_path(&path);
        url.set_query((!query.is_empty()).then_some(query));
        url
    }

    async fn send(
        &self,
        phase: &str,
        method: &str,
        url: &Url,
        sha256: &str,
        media_type: Option<&str>,
        (bytes, body): (u64, Body),
    ) -> Result<Answer, NotPut> {
        let headers = media_type.map(|media_type| ("content-type", media_type.to_owned())).into_iter().collect();
        let unsigned = Unsigned { method, url, region: self.region, service: "s3", body_sha256: sha256, headers };
        let mut builder = Request::builder().method(method).uri(target(url)).header("content-length", bytes);
        for (name, value) in sign(&unsigned, self.credentials, self.now) {
            builder = builder.header(name, value);
        }
        let request = builder.body(body).map_err(|error| rejected(format!("s3: {phase}: {error}")))?;
        let answer = self.http.exchange(url, self.trust, request, self.deadlines.transfer, Reading::Whole).await.map_err(|error| {
            let reason = self.shown(&format!("s3: {phase}: {error}"));
            if error.refused { rejected(reason) } else { retry(reason) }
        })?;
        if answer.status.is_success() {
            return Ok(answer);
        }
        let fault = Fault::of(&answer, self.now);
        Err(NotPut { keys_ran_out: fault.keys_ran_out(), outcome: fault.outcome(phase, |text| self.shown(text)) })
    }

    fn shown(&self, text: &str) -> String {
        let secrets: Vec<&Secret> =
            [Some(&self.credentials.secret_access_key), self.credentials.session_token.as_ref()].into_iter().flatten().collect();
        presentable(text, &secrets)
    }
}

fn unreadable(error: std::io::Error) -> Outcome {
    retry(format!("s3: the artifact could not be read: {error}"))
}
