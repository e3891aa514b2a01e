//! M7: whoever manages a schedule without knowing its secrets cannot have them sent to a server of their own.

use pressrun_testkit::{SftpScript, SftpServer};
use serde_json::json;

use crate::program::Program;
use crate::secrets::{NOWHERE, SFTP_PASSWORD, place, sftp, to, with};

#[tokio::test]
async fn m7_a_stored_password_goes_to_no_other_server_whatever_a_manager_changes() {
    let right = SftpServer::start("blobby", SFTP_PASSWORD, SftpScript::default()).await;
    let trap = SftpServer::start("blobby", "unknown to the attacker", SftpScript::default()).await;
    let place = place("smtp+plain://127.0.0.1:1", NOWHERE, NOWHERE);
    let program = Program::serve(&place.config).await;
    let body = to(with(sftp(right.address(), "blobby"), json!({"passwordUnencrypted": SFTP_PASSWORD})));
    let id = program.ok(&place.token, "POST", "/api/v1/schedules", Some(&body)).await["id"].as_str().unwrap().to_owned();
    let path = format!("/api/v1/schedules/{id}");
    // The first run pins the server's key.
    assert_eq!(program.run(&place.token, &id).await["status"], "COMPLETE");
    let (trap_port, right_port) = (trap.address().port(), right.address().port());
    for attack in [
        json!({ "port": trap_port }),
        json!({ "port": trap_port, "hostKey": null }),
        json!({"address": "localhost", "port": trap_port}),
        json!({"address": "sftp://127.0.0.1/", "port": trap_port.to_string()}),
        json!({"destinationType": "sftp", "port": trap_port, "username": "blobby"}),
        json!({"username": "root"}),
        json!({ "hostKey": null }),
        json!({ "hostKey": format!("SHA256:{}", "a".repeat(43)) }),
    ] {
        let (status, answer) = program.call(&place.token, "PUT", &path, Some(&attack)).await;
        let said = answer["detail"].as_str().unwrap_or_default();
        assert!(
            status == 400 && said.starts_with("passwordUnencrypted: Required: host, port, user name or host key changed"),
            "{attack}: {answer}"
        );
    }
    // By way of another kind of destination, and back.
    let detour = json!({"destinationType": "webhook", "url": "https://hooks.example.com/x"});
    program.ok(&place.token, "PUT", &path, Some(&detour)).await;
    let back = with(sftp(trap.address(), "blobby"), json!({}));
    let (status, answer) = program.call(&place.token, "PUT", &path, Some(&back)).await;
    assert_eq!((status, &answer["detail"]), (400, &json!("passwordUnencrypted: Required")));

    // Whoever knows the password may move it, and the new server's key is learnt anew.
    let moved = with(sftp(right.address(), "blobby"), json!({"passwordUnencrypted": SFTP_PASSWORD, "path": "."}));
    program.ok(&place.token, "PUT", &path, Some(&moved)).await;
    assert_eq!(program.run(&place.token, &id).await["status"], "COMPLETE");
    assert!(right.passwords_seen().len() == 2 && right_port != trap_port);
    assert_eq!(trap.passwords_seen(), Vec::<String>::new(), "nothing was ever sent there");
}
