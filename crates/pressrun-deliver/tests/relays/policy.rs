//! A policy service as Postfix asks it (`SMTPD_POLICY_README`): the first mail to `grey@…` is put off.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader};
use tokio::net::TcpListener;
use tokio::task::JoinHandle;

pub(crate) struct Policy {
    pub(crate) port: u16,
    relents: Arc<AtomicBool>,
    task: JoinHandle<()>,
}

impl Policy {
    pub(crate) async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let port = listener.local_addr().expect("an address").port();
        let relents = Arc::new(AtomicBool::new(false));
        let shared = Arc::clone(&relents);
        let task = tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let relents = Arc::clone(&shared);
                tokio::spawn(async move {
                    let mut wire = BufReader::new(stream);
                    let (mut line, mut grey) = (String::new(), false);
                    while wire.read_line(&mut line).await.is_ok_and(|read| read > 0) {
                        if line == "\n" {
                            let put_off = grey && !relents.load(Ordering::SeqCst);
                            let answer = if put_off { "action=DEFER_IF_PERMIT Greylisted\n\n" } else { "action=DUNNO\n\n" };
                            if wire.write_all(answer.as_bytes()).await.is_err() {
                                return;
                            }
                            grey = false;
                        }
                        grey |= line.starts_with("recipient=grey@");
                        line.clear();
                    }
                });
            }
        });
        Self { port, relents, task }
    }

    /// From now on everybody is known.
    pub(crate) fn relent(&self) {
        self.relents.store(true, Ordering::SeqCst);
    }
}

impl Drop for Policy {
    fn drop(&mut self) {
        self.task.abort();
    }
}
