//! An SFTP server: its secrets and its pinned key stay only with the place they were given for (D13, M7).

use pressrun_domain::destination::{Destination, Host, HostKey, InvalidHost, LoginName, Port, RemotePath, SftpSettings};
use pressrun_domain::secret::Secret;
use pressrun_domain::sftp_quirks::{SftpQuirks, TemporaryName, UploadMode};

use super::super::error::AppError;
use super::super::given::{Fields, Given};
use super::{PRIVATE_KEY_BYTES, SECRET_BYTES, bounded_secret, needed, parsed};

/// Why a secret has to be given again.
const MOVED: &str =
    "Required: host, port, user name or host key changed, and a stored secret goes only to the server that it was given for";

/// Reads the fields over what is stored.
pub(super) fn read(fields: Fields<'_>, stored: Option<&Destination>) -> Result<SftpSettings, AppError> {
    let stored = if let Some(Destination::Sftp(sftp)) = stored { Some(sftp) } else { None };
    let given = fields.filled("address")?;
    parsed("address", &given, |text| Host::of_sftp_address(text).map_err(address_fault))?;
    let address = needed("address", given, stored.map(|sftp| sftp.address.clone()))?;
    let port = match fields.whole("port")? {
        Given::Value(number) => Given::Value(Port::try_from(number).map_err(|fault| AppError::field("port", fault.to_string()))?.get()),
        Given::Null => Given::Null,
        Given::Absent => Given::Absent,
    };
    let port = needed("port", port, stored.map(|sftp| sftp.port))?;
    let given = fields.filled("username")?;
    parsed("username", &given, str::parse::<LoginName>)?;
    let username = needed("username", given, stored.map(|sftp| sftp.username.clone()))?;

    let same_server = stored.filter(|sftp| same_host(&sftp.address, &address) && sftp.port == port);
    let given = fields.filled("hostKey")?;
    let host_key = parsed("hostKey", &given, str::parse::<HostKey>)?;
    let pinned = given.over(same_server.and_then(|sftp| sftp.host_key.clone()));
    // A key that is newly trusted, or any key from now on, is another server as far as a secret is concerned.
    let trusts_as_before = |sftp: &&SftpSettings| match &sftp.host_key {
        None => true,
        Some(before) => pinned.as_ref() == Some(before) || (host_key.is_some() && HostKey::of_stored(before).ok() == host_key),
    };
    let same = same_server.filter(|sftp| sftp.username == username).filter(trusts_as_before);
    let secret = |field, bytes, kept: Option<Secret>| {
        Ok::<_, AppError>(match fields.filled(field)? {
            Given::Value(text) => Some(bounded_secret(field, text, bytes)?),
            Given::Absent => kept,
            Given::Null => None,
        })
    };
    let password = secret("passwordUnencrypted", SECRET_BYTES, same.and_then(|sftp| sftp.password.clone()))?;
    let private_key = secret("privateKeyUnencrypted", PRIVATE_KEY_BYTES, same.and_then(|sftp| sftp.private_key.clone()))?;
    let passphrase = secret("passphraseUnencrypted", SECRET_BYTES, same.and_then(|sftp| sftp.passphrase.clone()))?;
    if password.is_none() && private_key.is_none() {
        return Err(match stored {
            Some(before) if same.is_none() && before.private_key.is_some() => AppError::field("privateKeyUnencrypted", MOVED),
            Some(_) if same.is_none() => AppError::field("passwordUnencrypted", MOVED),
            _ => AppError::required("passwordUnencrypted"),
        });
    }
    let path = match fields.text("path")? {
        // A folder of nothing is the login's.
        Given::Value(text) if text.trim_matches(' ').is_empty() => None,
        given => {
            let path = parsed("path", &given, str::parse::<RemotePath>)?;
            path.map_or_else(|| given.over(stored.and_then(|sftp| sftp.path.clone())), |path| Some(path.as_str().to_owned()))
        }
    };
    let quirks = quirks(fields, stored.map(|sftp| &sftp.quirks))?;
    Ok(SftpSettings { path, host_key: pinned, address, port, username, password, private_key, passphrase, quirks })
}

/// What the server needs otherwise than usual: our own fields, beside the contract's.
fn quirks(fields: Fields<'_>, stored: Option<&SftpQuirks>) -> Result<SftpQuirks, AppError> {
    let stored = stored.cloned().unwrap_or_default();
    let temporary_name = fields
        .filled("temporaryName")?
        .try_map(|text| text.parse::<TemporaryName>().map_err(|invalid| AppError::field("temporaryName", invalid.to_string())))?;
    Ok(SftpQuirks {
        upload_mode: fields.word("uploadMode", &UploadMode::ALL, UploadMode::as_str)?.or_default(stored.upload_mode, UploadMode::default()),
        temporary_name: temporary_name.over(stored.temporary_name),
        legacy_algorithms: fields.flag("legacyAlgorithms")?.or_default(stored.legacy_algorithms, false),
    })
}

fn address_fault(fault: InvalidHost) -> String {
    format!("Invalid SFTP address: {fault}; give the host alone, such as sftp.example.com")
}

/// Whether two addresses name one host; what is no address names none.
fn same_host(one: &str, other: &str) -> bool {
    matches!((Host::of_sftp_address(one), Host::of_sftp_address(other)), (Ok(one), Ok(other)) if one == other)
}
