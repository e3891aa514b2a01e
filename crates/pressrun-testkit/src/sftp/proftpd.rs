//! ProFTPD's SFTP server, in a folder of its own: a user with a password *and* a key, and whatever its configuration can forbid.

use std::io::Write as _;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use tempfile::TempDir;

use super::openssh::{KeyFile, SshKey, free_port, listening, write_private};
use crate::sample::temp_dir;

/// `proftpd` on a free port of 127.0.0.1; stops when dropped.
pub struct ProFtpd {
    child: Child,
    address: SocketAddr,
    host_key: SshKey,
    folder: TempDir,
}

impl Drop for ProFtpd {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl ProFtpd {
    /// Starts it with one user, who may log in with this password and this key, and further lines of its configuration, such as
    /// `SFTPAuthMethods publickey+password`.
    ///
    /// # Panics
    /// When ProFTPD or its SFTP module is not installed: the message names the packages.
    #[must_use]
    pub fn start(user: &str, password: &str, key: &KeyFile, lines: &str) -> Self {
        let program = Path::new("/usr/sbin/proftpd");
        assert!(program.exists(), "ProFTPD is needed for this test: install the packages proftpd-core and proftpd-mod-crypto");
        let (folder, host_key) = (temp_dir(), SshKey::generate());
        let at = |name: &str| folder.path().join(name);
        std::fs::create_dir(at("files")).expect("a folder");
        write_private(&at("host_key"), &host_key.private_text());
        write_private(&at("key.pub"), &key.public);
        write_private(
            &at("passwd"),
            &format!("{user}:{}:{}:{}::{}:/bin/false\n", crypted(password), id("-u"), id("-g"), at("files").display()),
        );
        let exported = Command::new("ssh-keygen").args(["-e", "-m", "RFC4716", "-f"]).arg(at("key.pub")).output().expect("ssh-keygen runs");
        std::fs::write(at("authorized"), exported.stdout).expect("a writable folder");
        for _ in 0..20 {
            let port = free_port();
            let config = format!(
                "ModulePath /usr/lib/proftpd\nLoadModule mod_sftp.c\nServerType standalone\nDefaultAddress 127.0.0.1\nSocketBindTight on\n\
                 Port {port}\nUseIPv6 off\nPidFile {here}/pid\nScoreboardFile {here}/scoreboard\nSystemLog {here}/log\nRequireValidShell off\nRootLogin on\n\
                 AuthUserFile {here}/passwd\nAuthOrder mod_auth_file.c\nWtmpLog off\nSFTPEngine on\nSFTPLog {here}/sftp.log\n\
                 SFTPHostKey {here}/host_key\nSFTPAuthorizedUserKeys file:{here}/authorized\nDefaultRoot ~\nAllowOverwrite on\n{lines}\n",
                here = folder.path().display(),
            );
            std::fs::write(at("conf"), config).expect("a writable folder");
            let mut child = Command::new(program)
                .args(["--nodaemon", "--quiet", "--config"])
                .arg(at("conf"))
                .stdin(Stdio::null())
                .stdout(Stdio::null())
                .stderr(Stdio::piped())
                .spawn()
                .expect("proftpd starts");
            let address = SocketAddr::from(([127, 0, 0, 1], port));
            if listening(&mut child, address) {
                return Self { child, address, host_key, folder };
            }
            let said = child.wait_with_output().map(|output| String::from_utf8_lossy(&output.stderr).into_owned()).unwrap_or_default();
            let log = std::fs::read_to_string(at("log")).unwrap_or_default();
            assert!(log.contains("Address already in use"), "proftpd did not start: {said}{log}");
        }
        panic!("no free port for proftpd");
    }

    /// Where it listens.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// The host key in OpenSSH form.
    #[must_use]
    pub fn host_key(&self) -> String {
        self.host_key.public_text()
    }

    /// The folder that a login starts in.
    #[must_use]
    pub fn files(&self) -> PathBuf {
        self.folder.path().join("files")
    }
}

/// The password as its file of users wants it.
fn crypted(password: &str) -> String {
    let mut child = Command::new("openssl")
        .args(["passwd", "-5", "-stdin"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .expect("openssl is needed for this test: install the package openssl");
    child.stdin.take().expect("a pipe").write_all(password.as_bytes()).expect("openssl reads");
    let output = child.wait_with_output().expect("openssl ends");
    String::from_utf8_lossy(&output.stdout).trim().to_owned()
}

fn id(which: &str) -> String {
    let output = Command::new("id").arg(which).output().expect("id runs");
    String::from_utf8_lossy(&output.stdout).trim().to_owned()
}
