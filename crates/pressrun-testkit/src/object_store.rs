//! S3, its token service and a machine's metadata service, as far as deliveries use them. Every signature is checked, by code that shares
//! nothing with the client's. The clock is the real one: the client signs by it.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::fmt::Write as _;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use jiff::{SignedDuration, Timestamp};
use ring::{digest, hmac};

use crate::{HttpAnswer, HttpReceiver, ReceivedRequest};

/// How far the clocks may differ.
const SKEW_MAX: SignedDuration = SignedDuration::from_mins(15);
/// Smallest part but for the last.
const PART_MIN: usize = 5 * 1024 * 1024;

/// An object as it was put.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoredObject {
    /// Its bytes.
    pub bytes: Vec<u8>,
    /// Its media type.
    pub media_type: String,
    /// When it was put.
    pub put_at: Timestamp,
}

#[derive(Default)]
struct State {
    /// How wrong the clock is.
    off: SignedDuration,
    /// The role of the machine.
    machine: Option<&'static str>,
    /// The token that opens the role of [`ObjectServer::allow_role`] without keys.
    identity: Option<String>,
    /// Secret, token and whether they still hold, by access key.
    keys: HashMap<String, (String, Option<String>, bool)>,
    role: Option<(String, String)>,
    assumed: usize,
    buckets: HashSet<String>,
    objects: BTreeMap<String, StoredObject>,
    uploads: HashMap<String, Upload>,
    begun: usize,
}

struct Upload {
    place: String,
    media_type: String,
    parts: BTreeMap<u32, Vec<u8>>,
}

/// The server: S3 under `/`, the token service under `/sts`, the metadata service under `/latest`.
pub struct ObjectServer {
    receiver: HttpReceiver,
    state: Arc<Mutex<State>>,
}

impl ObjectServer {
    /// Starts with one access key and these buckets.
    pub async fn start(access_key: &str, secret: &str, buckets: &[&str]) -> Self {
        let state = State {
            keys: HashMap::from([(access_key.to_owned(), (secret.to_owned(), None, true))]),
            buckets: buckets.iter().map(|name| (*name).to_owned()).collect(),
            ..State::default()
        };
        let state = Arc::new(Mutex::new(state));
        let shared = Arc::clone(&state);
        let receiver = HttpReceiver::serving(move |request| lock(&shared).answer(request)).await;
        Self { receiver, state }
    }

    /// The role that may be assumed, with this external id only.
    pub fn allow_role(&self, arn: &str, external_id: &str) {
        lock(&self.state).role = Some((arn.to_owned(), external_id.to_owned()));
    }

    /// Ends every pair of temporary keys before its time.
    pub fn end_temporary_keys(&self) {
        lock(&self.state).keys.values_mut().filter(|(_, token, _)| token.is_some()).for_each(|key| key.2 = false);
    }

    /// Puts the server's clock ahead.
    pub fn put_clock_ahead(&self, by: SignedDuration) {
        lock(&self.state).off = by;
    }

    /// Answers as the metadata service of a machine with a role.
    pub fn be_a_machine(&self) {
        lock(&self.state).machine = Some("blob-machine");
    }

    /// Whoever shows this token may assume the role without keys.
    pub fn trust_identity(&self, token: &str) {
        lock(&self.state).identity = Some(token.to_owned());
    }

    /// The wire underneath, for scripted answers and for what was received.
    #[must_use]
    pub fn receiver(&self) -> &HttpReceiver {
        &self.receiver
    }

    /// Everything stored, by `bucket/key`.
    #[must_use]
    pub fn objects(&self) -> BTreeMap<String, StoredObject> {
        lock(&self.state).objects.clone()
    }

    /// Makes an object look as if it was put so much earlier.
    pub fn age(&self, place: &str, by: SignedDuration) {
        if let Some(object) = lock(&self.state).objects.get_mut(place) {
            object.put_at -= by;
        }
    }

    /// Puts other bytes in the place of an object.
    pub fn damage(&self, place: &str, bytes: &[u8]) {
        if let Some(object) = lock(&self.state).objects.get_mut(place) {
            object.bytes = bytes.to_vec();
        }
    }

    /// Uploads in parts that were begun and neither completed nor aborted: what their owner pays for.
    #[must_use]
    pub fn unfinished(&self) -> usize {
        lock(&self.state).uploads.len()
    }

    /// How often a role was assumed.
    #[must_use]
    pub fn assumed(&self) -> usize {
        lock(&self.state).assumed
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Status, code and words of an error.
type Refusal = (u16, &'static str, &'static str);

impl State {
    fn answer(&mut self, request: &ReceivedRequest) -> HttpAnswer {
        let (path, query) = request.path.split_once('?').unwrap_or((&request.path, ""));
        if let Some(asked) = path.strip_prefix("/latest/") {
            return self.metadata(request, asked).unwrap_or_else(|(status, _, words)| HttpAnswer::new(status, words));
        }
        if path == "/sts" {
            return self.token_service(request).unwrap_or_else(|(status, code, words)| {
                let error = format!("<Error><Type>Sender</Type><Code>{code}</Code><Message>{words}</Message></Error>");
                HttpAnswer::new(
                    status,
                    format!("<ErrorResponse xmlns=\"https://sts.amazonaws.com/doc/2011-06-15/\">{error}</ErrorResponse>"),
                )
            });
        }
        self.store(request, path, query).unwrap_or_else(|(status, code, words)| {
            HttpAnswer::new(
                status,
                format!("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<Error><Code>{code}</Code><Message>{words}</Message></Error>"),
            )
        })
    }

    /// Version 2 of the machine's metadata service: a token first, then with it the role's name and its keys.
    fn metadata(&mut self, request: &ReceivedRequest, asked: &str) -> Result<HttpAnswer, Refusal> {
        const TOKEN: &str = "metadata-t0ken";
        let role = self.machine.ok_or((404, "", "there is no role"))?;
        if asked == "api/token" {
            let lives = request.method == "PUT" && request.header("x-aws-ec2-metadata-token-ttl-seconds").is_some();
            return if lives { Ok(HttpAnswer::new(200, TOKEN)) } else { Err((400, "", "no time to live")) };
        }
        if request.method != "GET" || request.header("x-aws-ec2-metadata-token") != Some(TOKEN) {
            return Err((401, "", "no token"));
        }
        match asked.strip_prefix("meta-data/iam/security-credentials/") {
            Some("") => Ok(HttpAnswer::new(200, role)),
            Some(named) if named == role => {
                let (key, secret, token, until) = self.temporary_key();
                let keys = format!(
                    "{{\"Code\":\"Success\",\"AccessKeyId\":\"{key}\",\"SecretAccessKey\":\"{secret}\",\"Token\":\"{token}\",\"Expiration\":\"{until}\"}}"
                );
                Ok(HttpAnswer::new(200, keys))
            }
            _ => Err((404, "", "there is no such role")),
        }
    }

    fn temporary_key(&mut self) -> (String, String, String, Timestamp) {
        self.assumed += 1;
        let (key, secret, token) =
            (format!("ASIATEMP{}", self.assumed), format!("temp-s3cret-{}", self.assumed), format!("t0k&en/{}", self.assumed));
        self.keys.insert(key.clone(), (secret.clone(), Some(token.clone()), true));
        (key, secret, token, self.now() + SignedDuration::from_hours(1))
    }

    #[expect(clippy::disallowed_methods, reason = "the client signs by the real clock")]
    fn now(&self) -> Timestamp {
        Timestamp::now() + self.off
    }

    fn token_service(&mut self, request: &ReceivedRequest) -> Result<HttpAnswer, Refusal> {
        let (_, query) = request.path.split_once('?').unwrap_or_default();
        if let Some((role, _)) = self.role.clone().filter(|_| !query.is_empty()) {
            return self.web_identity(&role, query);
        }
        self.authenticate(request, "sts", &hex(&sha256(&request.body)))?;
        let text = request.text();
        let field = |name: &str| {
            text.split('&').find_map(|pair| pair.split_once('=').filter(|(key, _)| *key == name)).map(|(_, value)| percent_decoded(value))
        };
        if field("Action").as_deref() != Some("AssumeRole") || field("Version").as_deref() != Some("2011-06-15") {
            return Err((400, "InvalidAction", "Could not find operation"));
        }
        let allowed =
            self.role.as_ref().is_some_and(|(arn, id)| field("RoleArn").as_ref() == Some(arn) && field("ExternalId").as_ref() == Some(id));
        if !allowed {
            return Err((403, "AccessDenied", "User is not authorized to perform: sts:AssumeRole"));
        }
        Ok(self.assumed_role("AssumeRole"))
    }

    fn assumed_role(&mut self, action: &str) -> HttpAnswer {
        let (key, secret, token, until) = self.temporary_key();
        HttpAnswer::new(
            200,
            format!(
                "<{action}Response xmlns=\"https://sts.amazonaws.com/doc/2011-06-15/\"><{action}Result><Credentials>\
                 <AccessKeyId>{key}</AccessKeyId><SecretAccessKey>{secret}</SecretAccessKey><SessionToken>{}</SessionToken>\
                 <Expiration>{until}</Expiration></Credentials></{action}Result></{action}Response>",
                token.replace('&', "&amp;")
            ),
        )
    }

    /// Keys for a token that somebody else has signed; the request itself is not signed.
    fn web_identity(&mut self, role: &str, query: &str) -> Result<HttpAnswer, Refusal> {
        let asked: HashMap<&str, String> =
            query.split('&').filter_map(|pair| pair.split_once('=')).map(|(name, value)| (name, percent_decoded(value))).collect();
        let given = |name: &str| asked.get(name).map(String::as_str);
        if given("Action") != Some("AssumeRoleWithWebIdentity") || given("RoleArn") != Some(role) {
            return Err((400, "InvalidAction", "Could not find operation"));
        }
        if self.identity.is_none() || given("WebIdentityToken") != self.identity.as_deref() {
            return Err((400, "InvalidIdentityToken", "The web identity token that was passed could not be validated."));
        }
        Ok(self.assumed_role("AssumeRoleWithWebIdentity"))
    }

    fn store(&mut self, request: &ReceivedRequest, path: &str, query: &str) -> Result<HttpAnswer, Refusal> {
        let declared = request.header("x-amz-content-sha256").unwrap_or_default().to_owned();
        self.authenticate(request, "s3", &declared)?;
        if declared != hex(&sha256(&request.body)) {
            return Err((400, "XAmzContentSHA256Mismatch", "The provided 'x-amz-content-sha256' header does not match what was computed."));
        }
        let place = percent_decoded(path.trim_start_matches('/'));
        let bucket = place.split('/').next().unwrap_or_default();
        if !self.buckets.contains(bucket) {
            return Err((404, "NoSuchBucket", "The specified bucket does not exist"));
        }
        let asked: HashMap<&str, String> =
            query.split('&').filter_map(|pair| pair.split_once('=')).map(|(name, value)| (name, percent_decoded(value))).collect();
        let media_type = request.header("content-type").unwrap_or("binary/octet-stream").to_owned();
        match (request.method.as_str(), asked.get("uploadId"), asked.contains_key("uploads"), asked.get("partNumber")) {
            ("PUT", None, false, None) => {
                let put_at = self.now();
                self.objects.insert(place, StoredObject { bytes: request.body.clone(), media_type, put_at });
                Ok(HttpAnswer::new(200, "").header("ETag", &format!("\"{}\"", &declared[..32])))
            }
            ("POST", None, true, None) => {
                self.begun += 1;
                let id = format!("up/{}+=", self.begun);
                self.uploads.insert(id.clone(), Upload { place, media_type, parts: BTreeMap::new() });
                Ok(HttpAnswer::new(
                    200,
                    format!("<InitiateMultipartUploadResult><UploadId>{id}</UploadId></InitiateMultipartUploadResult>"),
                ))
            }
            ("PUT", Some(id), false, Some(number)) => {
                let number = number.parse().ok().filter(|number| (1..=10_000).contains(number));
                let number = number.ok_or((400, "InvalidArgument", "Part number must be an integer between 1 and 10000"))?;
                self.upload(id, &place)?.parts.insert(number, request.body.clone());
                Ok(HttpAnswer::new(200, "").header("ETag", &format!("\"{}\"", &declared[..32])))
            }
            ("POST", Some(id), false, None) => self.complete(id, &place, &request.text()),
            ("DELETE", Some(id), false, None) => {
                self.upload(id, &place)?;
                self.uploads.remove(id);
                Ok(HttpAnswer::new(204, ""))
            }
            ("GET", None, false, None) if asked.get("list-type").map(String::as_str) == Some("2") => {
                Ok(self.list(&place, asked.get("prefix").map_or("", String::as_str)))
            }
            ("GET" | "HEAD", None, false, None) => {
                let object = self.objects.get(&place).ok_or((404, "NoSuchKey", "The specified key does not exist."))?;
                let modified = object.put_at.strftime("%a, %d %b %Y %H:%M:%S GMT").to_string();
                let etag = format!("\"{}\"", &hex(&sha256(&object.bytes))[..32]);
                Ok(HttpAnswer::new(200, object.bytes.clone()).header("Last-Modified", &modified).header("ETag", &etag))
            }
            ("DELETE", None, false, None) => {
                self.objects.remove(&place);
                Ok(HttpAnswer::new(204, ""))
            }
            ("POST", None, false, None) if query.trim_end_matches('=') == "delete" => Ok(self.delete_many(&place, &request.text())),
            _ => Err((405, "MethodNotAllowed", "The specified method is not allowed against this resource.")),
        }
    }

    /// `DeleteObjects`: what is not there is as good as deleted.
    fn delete_many(&mut self, bucket: &str, list: &str) -> HttpAnswer {
        let keys = list.split("<Key>").skip(1).filter_map(|rest| rest.split('<').next());
        let deleted = keys.fold(String::new(), |mut text, key| {
            self.objects.remove(&format!("{}/{key}", bucket.trim_end_matches('/')));
            let _ = write!(text, "<Deleted><Key>{key}</Key></Deleted>");
            text
        });
        HttpAnswer::new(200, format!("<DeleteResult>{deleted}</DeleteResult>"))
    }

    /// `ListObjectsV2`, all of it on one page.
    fn list(&self, bucket: &str, prefix: &str) -> HttpAnswer {
        let inside = format!("{}/", bucket.trim_end_matches('/'));
        let found = self.objects.iter().filter_map(|(place, object)| Some((place.strip_prefix(&inside)?, object)));
        let contents = found.filter(|(key, _)| key.starts_with(prefix)).fold(String::new(), |mut text, (key, object)| {
            let (size, at) = (object.bytes.len(), object.put_at);
            let _ = write!(text, "<Contents><Key>{key}</Key><LastModified>{at}</LastModified><Size>{size}</Size></Contents>");
            text
        });
        HttpAnswer::new(200, format!("<ListBucketResult><IsTruncated>false</IsTruncated>{contents}</ListBucketResult>"))
    }

    fn complete(&mut self, id: &str, place: &str, list: &str) -> Result<HttpAnswer, Refusal> {
        let upload = self.upload(id, place)?;
        // Order of the two elements and spelling of quotes are the client's choice.
        let plain = list.replace("&quot;", "\"");
        let named: Vec<(String, String)> = plain
            .split("<Part>")
            .skip(1)
            .map(|part| {
                let inside = |name: &str| {
                    let rest = part.split_once(&format!("<{name}>")).map(|(_, rest)| rest).unwrap_or_default();
                    rest.split('<').next().unwrap_or_default().to_owned()
                };
                (inside("PartNumber"), inside("ETag"))
            })
            .collect();
        let there: Vec<(String, String)> =
            upload.parts.iter().map(|(number, bytes)| (number.to_string(), format!("\"{}\"", &hex(&sha256(bytes))[..32]))).collect();
        if named != there {
            return Err((400, "InvalidPart", "One or more of the specified parts could not be found."));
        }
        let last = upload.parts.len().saturating_sub(1);
        if upload.parts.values().take(last).any(|bytes| bytes.len() < PART_MIN) {
            return Err((400, "EntityTooSmall", "Your proposed upload is smaller than the minimum allowed size"));
        }
        let (bytes, media_type) = (upload.parts.values().flatten().copied().collect(), upload.media_type.clone());
        let object = StoredObject { bytes, media_type, put_at: self.now() };
        self.objects.insert(place.to_owned(), object);
        self.uploads.remove(id);
        Ok(HttpAnswer::new(200, "<CompleteMultipartUploadResult><Key>x</Key><ETag>\"whole\"</ETag></CompleteMultipartUploadResult>"))
    }

    fn upload(&mut self, id: &str, place: &str) -> Result<&mut Upload, Refusal> {
        let found = self.uploads.get_mut(id).filter(|upload| upload.place == place);
        found.ok_or((404, "NoSuchUpload", "The specified upload does not exist."))
    }

    /// Signature Version 4, from the published description.
    fn authenticate(&self, request: &ReceivedRequest, service: &str, payload: &str) -> Result<(), Refusal> {
        let denied: Refusal = (403, "AccessDenied", "Access Denied");
        let given = request.header("authorization").and_then(|value| value.strip_prefix("AWS4-HMAC-SHA256 ")).ok_or(denied)?;
        let part = |name: &str| {
            given.split(',').map(str::trim).find_map(|part| part.strip_prefix(name)).map(|value| value.trim_start_matches('=').to_owned())
        };
        let (credential, signed, signature) =
            (part("Credential").ok_or(denied)?, part("SignedHeaders").ok_or(denied)?, part("Signature").ok_or(denied)?);
        let (key, scope) = credential.split_once('/').ok_or(denied)?;
        let (secret, token, holds) = self.keys.get(key).ok_or(if service == "sts" {
            (403, "InvalidClientTokenId", "The security token included in the request is invalid.")
        } else {
            (403, "InvalidAccessKeyId", "The AWS Access Key Id you provided does not exist in our records.")
        })?;
        if !holds {
            return Err((400, "ExpiredToken", "The provided token has expired."));
        }
        if token.as_deref() != request.header("x-amz-security-token") {
            return Err((400, "InvalidToken", "The provided token is malformed or otherwise invalid."));
        }
        let date = request.header("x-amz-date").unwrap_or_default().to_owned();
        let at = instant(&date).ok_or(denied)?;
        let off = at.duration_since(self.now()).abs();
        if off > SKEW_MAX {
            return Err(if service == "sts" {
                (403, "SignatureDoesNotMatch", "Signature expired: the request is too old or too new")
            } else {
                (403, "RequestTimeTooSkewed", "The difference between the request time and the current time is too large.")
            });
        }
        let names: Vec<&str> = signed.split(';').collect();
        let mut must = request.headers.iter().map(|(name, _)| name.as_str()).filter(|name| name.starts_with("x-amz-") || *name == "host");
        if must.any(|name| !names.contains(&name)) || !names.is_sorted() {
            return Err(denied);
        }
        let (path, query) = request.path.split_once('?').unwrap_or((&request.path, ""));
        let named = |pair: &str| if pair.contains('=') { pair.to_owned() } else { format!("{pair}=") };
        let mut pairs: Vec<String> = query.split('&').filter(|pair| !pair.is_empty()).map(named).collect();
        pairs.sort_unstable();
        let headers = names.iter().fold(String::new(), |mut text, name| {
            let _ = writeln!(text, "{name}:{}", request.header(name).unwrap_or_default());
            text
        });
        let canonical = format!("{}\n{path}\n{}\n{headers}\n{signed}\n{payload}", request.method, pairs.join("&"));
        let to_sign = format!("AWS4-HMAC-SHA256\n{date}\n{scope}\n{}", hex(&sha256(canonical.as_bytes())));
        let mut parts = scope.split('/');
        let (day, region, found) = (parts.next(), parts.next(), parts.next());
        if day != date.get(..8) || found != Some(service) || parts.next() != Some("aws4_request") {
            return Err(denied);
        }
        let derived = [day.unwrap_or_default(), region.unwrap_or_default(), service, "aws4_request"]
            .iter()
            .fold(format!("AWS4{secret}").into_bytes(), |key, part| mac(&key, part.as_bytes()));
        if hex(&mac(&derived, to_sign.as_bytes())) == signature {
            Ok(())
        } else {
            Err((403, "SignatureDoesNotMatch", "The request signature we calculated does not match the signature you provided."))
        }
    }
}

/// `20261124T090005Z`.
fn instant(text: &str) -> Option<Timestamp> {
    let part = |from: usize, to: usize| text.get(from..to);
    let (day, time) =
        (format!("{}-{}-{}", part(0, 4)?, part(4, 6)?, part(6, 8)?), format!("{}:{}:{}", part(9, 11)?, part(11, 13)?, part(13, 15)?));
    format!("{day}T{time}Z").parse().ok()
}

fn sha256(bytes: &[u8]) -> Vec<u8> {
    digest::digest(&digest::SHA256, bytes).as_ref().to_vec()
}

fn mac(key: &[u8], message: &[u8]) -> Vec<u8> {
    hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, key), message).as_ref().to_vec()
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    })
}

/// `%XX` undone; `+` stays `+`, which neither S3's paths nor our forms use for a blank.
pub(crate) fn percent_decoded(text: &str) -> String {
    percent_encoding::percent_decode_str(text).decode_utf8_lossy().into_owned()
}
