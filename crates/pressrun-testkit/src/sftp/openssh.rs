//! The OpenSSH server of this machine, in a folder of its own.

use std::fmt::Write as _;
use std::net::{SocketAddr, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use russh::keys::ssh_key::LineEnding;
use russh::keys::{Algorithm, HashAlg, PrivateKey};
use tempfile::TempDir;

use crate::sample::temp_dir;

/// A key for one test: Ed25519, unless `ssh-keygen` was asked for another.
#[derive(Clone)]
pub struct SshKey(PrivateKey);

/// A private key as `ssh-keygen` wrote it, and its public half.
#[derive(Clone)]
pub struct KeyFile {
    /// The private key's text.
    pub private: String,
    /// The public key's line.
    pub public: String,
}

impl KeyFile {
    /// The SHA-256 fingerprint of the public key, as `ssh-keygen -l` shows it.
    ///
    /// # Panics
    /// When the public key is none.
    #[must_use]
    pub fn fingerprint(&self) -> String {
        russh::keys::PublicKey::from_openssh(&self.public).expect("a public key").fingerprint(HashAlg::Sha256).to_string()
    }

    /// Makes one with OpenSSH's own tool, as customers do: `kind` with its options (`rsa -b 2048`), `form` one of `RFC4716` (OpenSSH's own), `PEM` and `PKCS8`.
    ///
    /// # Panics
    /// When `ssh-keygen` is not installed or refuses.
    #[must_use]
    pub fn generate(kind: &str, form: &str, passphrase: &str) -> Self {
        let folder = temp_dir();
        let path = folder.path().join("key");
        let made = Command::new("ssh-keygen")
            .args(["-q", "-t"])
            .args(kind.split(' '))
            .args(["-m", form, "-N", passphrase, "-C", "", "-f"])
            .arg(&path)
            .stdin(Stdio::null())
            .output()
            .expect("OpenSSH's ssh-keygen is needed for this test: install the package openssh-client");
        assert!(made.status.success(), "{kind} {form}: {}", String::from_utf8_lossy(&made.stderr));
        let read = |path: &Path| std::fs::read_to_string(path).expect("ssh-keygen wrote it");
        Self { private: read(&path), public: read(&path.with_extension("pub")).trim().to_owned() }
    }
}

impl SshKey {
    /// Makes a new one.
    #[must_use]
    pub fn generate() -> Self {
        Self(PrivateKey::random(&mut rand::rng(), Algorithm::Ed25519).expect("a key"))
    }

    /// The private key in OpenSSH form.
    #[must_use]
    pub fn private_text(&self) -> String {
        self.0.to_openssh(LineEnding::LF).expect("a key").to_string()
    }

    /// The private key in OpenSSH form, encrypted.
    #[must_use]
    pub fn encrypted_text(&self, passphrase: &str) -> String {
        let sealed = self.0.encrypt(&mut rand::rng(), passphrase).expect("a key");
        sealed.to_openssh(LineEnding::LF).expect("a key").to_string()
    }

    /// The public key in OpenSSH form.
    #[must_use]
    pub fn public_text(&self) -> String {
        self.0.public_key().to_openssh().expect("a key")
    }

    /// The SHA-256 fingerprint of the public key, as `ssh-keygen -l` shows it.
    #[must_use]
    pub fn fingerprint(&self) -> String {
        self.0.public_key().fingerprint(HashAlg::Sha256).to_string()
    }

    pub(super) fn private(&self) -> PrivateKey {
        self.0.clone()
    }
}

/// `sshd` on a free port of 127.0.0.1, SFTP only, for one authorized key; stops when dropped.
pub struct OpenSshServer {
    child: Child,
    address: SocketAddr,
    user: String,
    host_key: String,
    folder: TempDir,
}

impl Drop for OpenSshServer {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl OpenSshServer {
    /// Starts it; `authorized` may log in as [`OpenSshServer::user`].
    ///
    /// # Panics
    /// When OpenSSH's server is not installed: the message names the package.
    #[must_use]
    pub fn start(authorized: &SshKey) -> Self {
        Self::start_for(&[authorized.public_text()], "")
    }

    /// Starts it for several keys, with options for its `internal-sftp`, such as `-R` for read only.
    #[must_use]
    pub fn start_for(authorized: &[String], options: &str) -> Self {
        let key = SshKey::generate();
        let host_key = KeyFile { private: key.private_text(), public: key.public_text() };
        Self::start_with(authorized, options, &[host_key], "")
    }

    /// Starts it with these host keys, and with further lines of its configuration, such as `KexAlgorithms ecdh-sha2-nistp256`.
    #[must_use]
    pub fn start_with(authorized: &[String], options: &str, host_keys: &[KeyFile], lines: &str) -> Self {
        let sshd = ["/usr/sbin/sshd", "/usr/local/sbin/sshd", "/usr/bin/sshd"]
            .into_iter()
            .map(Path::new)
            .find(|path| path.exists())
            .expect("OpenSSH's server is needed for this test: install the package openssh-server");
        let folder = temp_dir();
        let at = |name: &str| folder.path().join(name);
        let mut host_key_lines = String::new();
        for (number, key) in host_keys.iter().enumerate() {
            let path = at(&format!("host_key_{number}"));
            write_private(&path, &key.private);
            let _ = writeln!(host_key_lines, "HostKey {}", path.display());
        }
        write_private(&at("authorized_keys"), &format!("{}\n", authorized.join("\n")));
        std::fs::create_dir(at("files")).expect("a folder");
        // As root, sshd wants the folder that its package makes at boot.
        if !Path::new("/run/sshd").exists() {
            let _ = std::fs::create_dir("/run/sshd");
        }
        // A port is free when chosen, but may be taken before sshd binds it: then choose again.
        for _ in 0..20 {
            let port = free_port();
            let config = format!(
                "Port {port}\nListenAddress 127.0.0.1\n{host_key_lines}AuthorizedKeysFile {keys}\nPidFile none\nStrictModes no\nUsePAM no\n\
                 PasswordAuthentication no\nKbdInteractiveAuthentication no\nPubkeyAuthentication yes\nPermitRootLogin prohibit-password\n\
                 Subsystem sftp internal-sftp\nForceCommand internal-sftp {options} -d {files}\nLogLevel ERROR\n{lines}\n",
                keys = at("authorized_keys").display(),
                files = at("files").display(),
            );
            std::fs::write(at("sshd_config"), config).expect("a writable folder");
            let mut child = Command::new(sshd)
                .arg("-D")
                .arg("-e")
                .arg("-f")
                .arg(at("sshd_config"))
                .stdin(Stdio::null())
                .stdout(Stdio::null())
                .stderr(Stdio::piped())
                .spawn()
                .expect("sshd starts");
            let address = SocketAddr::from(([127, 0, 0, 1], port));
            if listening(&mut child, address) {
                let host_key = host_keys.first().map(|key| without_comment(&key.public)).unwrap_or_default();
                return Self { child, address, user: login(), host_key, folder };
            }
            let said = child.wait_with_output().map(|output| String::from_utf8_lossy(&output.stderr).into_owned()).unwrap_or_default();
            assert!(said.contains("Bind to port") || said.contains("Address already in use"), "sshd did not start: {said}");
        }
        panic!("no free port for sshd");
    }

    /// Where it listens.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Who may log in.
    #[must_use]
    pub fn user(&self) -> &str {
        &self.user
    }

    /// The first host key in OpenSSH form.
    #[must_use]
    pub fn host_key(&self) -> String {
        self.host_key.clone()
    }

    /// The folder that a login starts in.
    #[must_use]
    pub fn files(&self) -> PathBuf {
        self.folder.path().join("files")
    }
}

/// Whether the server came up; `false` when it ended instead.
pub(super) fn listening(child: &mut Child, address: SocketAddr) -> bool {
    while child.try_wait().expect("the server can be asked").is_none() {
        if TcpStream::connect_timeout(&address, Duration::from_secs(1)).is_ok() {
            return true;
        }
        std::thread::yield_now();
    }
    false
}

/// Kind and key of a public key's line.
fn without_comment(line: &str) -> String {
    line.split_whitespace().take(2).collect::<Vec<_>>().join(" ")
}

pub(super) fn free_port() -> u16 {
    std::net::TcpListener::bind("127.0.0.1:0").and_then(|listener| listener.local_addr()).expect("a free port").port()
}

fn login() -> String {
    let output = Command::new("id").arg("-un").output().expect("id runs");
    String::from_utf8_lossy(&output.stdout).trim().to_owned()
}

pub(super) fn write_private(path: &Path, text: &str) {
    use std::os::unix::fs::PermissionsExt as _;
    std::fs::write(path, text).expect("a writable folder");
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o600)).expect("permissions");
}
