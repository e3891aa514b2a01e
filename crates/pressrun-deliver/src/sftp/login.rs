//! Logging in with everything the schedule has: a key, a password, or one after the other where the server wants both (RFC 4252 §5).

use std::sync::Arc;
use std::time::Duration;

use pressrun_domain::delivery::Outcome;
use pressrun_domain::destination::SftpSettings;
use pressrun_domain::secret::Secret;
use russh::client::{AuthResult, Handle, KeyboardInteractiveAuthResponse};
use russh::keys::{HashAlg, PrivateKey, PrivateKeyWithHashAlg};
use russh::{MethodKind, MethodSet};
use tokio::time::timeout;

use super::private_key;
use super::session::Watch;
use crate::outcome::{chain, rejected, retry};

/// Rounds of questions that a server may ask.
const QUESTIONS_MAX: usize = 4;
/// Methods tried on one connection; servers hang up after about six (OpenSSH's `MaxAuthTries`).
const TRIES_MAX: usize = 6;

/// What a schedule has to show.
pub(super) struct Credentials {
    key: Option<Arc<PrivateKey>>,
    password: Option<Secret>,
}

/// How far a login came.
#[derive(Default)]
struct Progress {
    /// Methods that the server took, as one of several.
    taken: Vec<MethodKind>,
    /// Methods that it refused since it took the last one.
    refused: Vec<MethodKind>,
    /// Methods that may be tried now; every one before the server has spoken.
    offered: Option<MethodSet>,
}

impl Credentials {
    pub(super) fn of(settings: &SftpSettings) -> Result<Self, Outcome> {
        let key = match &settings.private_key {
            None => None,
            Some(key) => {
                let read = private_key::read(key, settings.passphrase.as_ref());
                Some(Arc::new(read.map_err(|fault| rejected(format!("sftp: {fault}")))?))
            }
        };
        let password = settings.password.clone();
        if key.is_none() && password.is_none() {
            return Err(rejected("sftp: neither a password nor a private key is set"));
        }
        Ok(Self { key, password })
    }

    /// Logs in, or says what the server took and what it did not.
    pub(super) async fn log_in(&self, handle: &mut Handle<Watch>, user: &str, deadline: Duration) -> Result<(), Outcome> {
        let mut progress = Progress::default();
        for _ in 0..TRIES_MAX {
            let Some(method) = self.next(&progress) else { break };
            let answer = match timeout(deadline, self.try_method(handle, user, method)).await {
                Ok(Ok(answer)) => answer,
                Ok(Err(error)) => return Err(retry(format!("sftp: login: {}", chain(&error)))),
                Err(_) => return Err(retry("sftp: login: timed out")),
            };
            match answer {
                AuthResult::Success => return Ok(()),
                AuthResult::Failure { remaining_methods, partial_success } => {
                    if remaining_methods.is_empty() && !was_refused(handle, deadline).await {
                        return Err(retry("sftp: login: the server closed the connection"));
                    }
                    progress.note(method, remaining_methods, partial_success);
                }
            }
        }
        Err(rejected(format!("sftp: login: {}", self.refusal(&progress))))
    }

    /// What to try next: the key first, because a server that wants both mostly asks for it first.
    fn next(&self, progress: &Progress) -> Option<MethodKind> {
        let offered = |method: MethodKind| progress.offered.as_ref().is_none_or(|offered| offered.contains(&method));
        let open = |method: &MethodKind| offered(*method) && !progress.taken.contains(method) && !progress.refused.contains(method);
        let key = self.key.as_ref().map(|_| MethodKind::PublicKey);
        let password = self.password.as_ref().map(|_| MethodKind::Password);
        // Some servers take passwords only as the answer to a question. One that takes them directly and refused ours is not asked in this way
        // as well: that would count as a second wrong password, and accounts are locked for that. One that took it asks for something else now.
        let asked = progress.offered.is_some() && !offered(MethodKind::Password) && !progress.taken.contains(&MethodKind::Password);
        let questions = self.password.as_ref().filter(|_| asked).map(|_| MethodKind::KeyboardInteractive);
        [key, password, questions].into_iter().flatten().find(open)
    }

    async fn try_method(&self, handle: &mut Handle<Watch>, user: &str, method: MethodKind) -> Result<AuthResult, russh::Error> {
        match (method, &self.key, &self.password) {
            (MethodKind::PublicKey, Some(key), _) => show_key(handle, user, key).await,
            (MethodKind::Password, _, Some(password)) => handle.authenticate_password(user, password.expose()).await,
            (_, _, Some(password)) => answer_questions(handle, user, password).await,
            _ => Ok(AuthResult::Failure { remaining_methods: MethodSet::empty(), partial_success: false }),
        }
    }

    fn refusal(&self, progress: &Progress) -> String {
        let took_key = progress.taken.contains(&MethodKind::PublicKey);
        let took_password = progress.taken.iter().any(|method| *method != MethodKind::PublicKey);
        let wanted = progress.offered.iter().flat_map(|offered| offered.iter()).map(<&str>::from).collect::<Vec<_>>().join(", ");
        let refused = match (took_key, took_password, &self.key, &self.password) {
            (true, false, _, None) => return format!("the server takes the private key and wants more ({wanted}): set the password too"),
            (true, false, _, Some(_)) => "the server takes the private key and refuses the password",
            (false, true, None, _) => return format!("the server takes the password and wants more ({wanted}): set the private key too"),
            (false, true, Some(_), _) => "the server takes the password and refuses the private key",
            (true, true, ..) => {
                return format!(
                    "the server takes the private key and the password and wants more ({wanted}), which a schedule cannot give"
                );
            }
            (false, false, Some(_), None) => "the server refused the user name or the private key",
            (false, false, None, _) => "wrong user name or password",
            (false, false, Some(_), Some(_)) => "the server refused the user name, or both the private key and the password",
        };
        let fits = |method: MethodKind| progress.offered.as_ref().is_some_and(|offered| offered.contains(&method));
        let ours = (self.key.is_some() && fits(MethodKind::PublicKey))
            || (self.password.is_some() && (fits(MethodKind::Password) || fits(MethodKind::KeyboardInteractive)));
        if ours || wanted.is_empty() { refused.to_owned() } else { format!("{refused}; it goes on with {wanted} only") }
    }
}

impl Progress {
    fn note(&mut self, method: MethodKind, offered: MethodSet, partial: bool) {
        if partial {
            self.taken.push(method);
            // What was refused out of turn may be right now.
            self.refused.clear();
        } else {
            self.refused.push(method);
        }
        self.offered = Some(offered);
    }
}

/// Whether an answer without any method left was one: the library reports a cut connection in the same way, and ends its session at both.
async fn was_refused(handle: &mut Handle<Watch>, deadline: Duration) -> bool {
    match timeout(deadline, handle).await {
        Ok(ended) => matches!(ended, Err(russh::Error::NoAuthMethod)),
        Err(_) => true,
    }
}

async fn show_key(handle: &mut Handle<Watch>, user: &str, key: &Arc<PrivateKey>) -> Result<AuthResult, russh::Error> {
    let show = |hash| PrivateKeyWithHashAlg::new(Arc::clone(key), hash);
    if !key.algorithm().is_rsa() {
        return handle.authenticate_publickey(user, show(None)).await;
    }
    match handle.best_supported_rsa_hash().await? {
        Some(hash) => handle.authenticate_publickey(user, show(hash)).await,
        // The server does not say what it takes: today's form first, then that of servers from before 2016.
        None => match handle.authenticate_publickey(user, show(Some(HashAlg::Sha256))).await? {
            AuthResult::Failure { remaining_methods, partial_success: false } if remaining_methods.contains(&MethodKind::PublicKey) => {
                handle.authenticate_publickey(user, show(None)).await
            }
            answer => Ok(answer),
        },
    }
}

async fn answer_questions(handle: &mut Handle<Watch>, user: &str, password: &Secret) -> Result<AuthResult, russh::Error> {
    let mut answer = handle.authenticate_keyboard_interactive_start(user, None).await?;
    for _ in 0..QUESTIONS_MAX {
        match answer {
            KeyboardInteractiveAuthResponse::Success => return Ok(AuthResult::Success),
            KeyboardInteractiveAuthResponse::Failure { remaining_methods, partial_success } => {
                return Ok(AuthResult::Failure { remaining_methods, partial_success });
            }
            KeyboardInteractiveAuthResponse::InfoRequest { prompts, .. } => {
                // A password is asked for without an echo; what is asked for with one is not it.
                let answers = prompts.iter().map(|prompt| if prompt.echo { user } else { password.expose() }.to_owned()).collect();
                answer = handle.authenticate_keyboard_interactive_respond(answers).await?;
            }
        }
    }
    Ok(AuthResult::Failure { remaining_methods: MethodSet::empty(), partial_success: false })
}

#[cfg(test)]
mod tests {
    use pressrun_testkit::SshKey;

    use super::*;

    fn credentials(key: bool, password: bool) -> Credentials {
        let key = key.then(|| Arc::new(private_key::read(&Secret::new(SshKey::generate().private_text()), None).expect("a key")));
        Credentials { key, password: password.then(|| Secret::new("1am@g00dBL0b")) }
    }

    /// Plays a login against a server that wants all of `wants`, in this order, and takes nothing else.
    fn played(credentials: &Credentials, wants: &[MethodKind]) -> (Vec<MethodKind>, Result<(), String>) {
        let (mut progress, mut tried, mut done) = (Progress::default(), Vec::new(), 0);
        for _ in 0..TRIES_MAX {
            let Some(method) = credentials.next(&progress) else { break };
            tried.push(method);
            let right = wants.get(done) == Some(&method);
            done += usize::from(right);
            let Some(next) = wants.get(done) else { return (tried, Ok(())) };
            progress.note(method, MethodSet::from(&[*next][..]), right);
        }
        (tried, Err(credentials.refusal(&progress)))
    }

    #[test]
    fn f3_key_and_password_are_shown_in_the_order_that_the_server_wants() {
        use MethodKind::{KeyboardInteractive as Questions, Password, PublicKey as Key};
        for (wants, tries) in [
            (vec![Key], vec![Key]),
            (vec![Password], vec![Key, Password]),
            (vec![Questions], vec![Key, Questions]),
            (vec![Key, Password], vec![Key, Password]),
            (vec![Key, Questions], vec![Key, Questions]),
            (vec![Password, Key], vec![Key, Password, Key]),
            (vec![Questions, Key], vec![Key, Questions, Key]),
        ] {
            assert_eq!(played(&credentials(true, true), &wants), (tries, Ok(())), "{wants:?}");
        }
        assert_eq!(played(&credentials(false, true), &[Questions]), (vec![Password, Questions], Ok(())));
    }

    #[test]
    fn f3_what_is_missing_is_said() {
        use MethodKind::{KeyboardInteractive as Questions, Password, PublicKey as Key};
        for (key, password, wants, words) in [
            (true, false, vec![Key, Password], "takes the private key and wants more (password): set the password too"),
            (false, true, vec![Password, Key], "takes the password and wants more (publickey): set the private key too"),
            (true, true, vec![Key, Password, Questions], "takes the private key and the password and wants more (keyboard-interactive)"),
            (true, false, vec![Password], "refused the user name or the private key; it goes on with password only"),
            (false, true, vec![Key], "wrong user name or password; it goes on with publickey only"),
        ] {
            let (tried, end) = played(&credentials(key, password), &wants);
            assert!(end.as_ref().is_err_and(|found| found.contains(words)), "{wants:?}: {end:?} after {tried:?}");
        }
    }

    #[test]
    fn f3_a_refused_password_is_not_tried_again_as_an_answer() {
        let mut progress = Progress::default();
        let both = [MethodKind::Password, MethodKind::KeyboardInteractive];
        let mine = credentials(false, true);
        assert_eq!(mine.next(&progress), Some(MethodKind::Password));
        progress.note(MethodKind::Password, MethodSet::from(&both[..]), false);
        assert_eq!(mine.next(&progress), None, "accounts are locked after a few wrong passwords");
    }
}
