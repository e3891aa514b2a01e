//! Several nodes on one PostgreSQL: what one may do, all of them together may (P7).

use std::process::Command;
use std::sync::Arc;
use std::time::{Duration, Instant};

use pressrun_domain::destination::{Destination, WebhookSettings};
use pressrun_domain::output::Format;
use pressrun_domain::run::RunStatus;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;

use crate::process::{Server, Site, eventually};
use crate::world::{definition, ended};

/// A receiver that takes requests and answers none before it is told to.
struct Slow {
    address: std::net::SocketAddr,
    /// Requests that are there now, and the most that were at one time.
    open: Arc<watch::Sender<(usize, usize)>>,
    answers: watch::Sender<bool>,
}

impl Slow {
    async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let slow = Self { address: listener.local_addr().unwrap(), open: Arc::default(), answers: watch::Sender::new(false) };
        let (open, answers) = (Arc::clone(&slow.open), slow.answers.subscribe());
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let (open, answers) = (Arc::clone(&open), answers.clone());
                tokio::spawn(async move {
                    open.send_modify(|(now, most)| {
                        *now += 1;
                        *most = (*most).max(*now);
                    });
                    serve(stream, answers).await;
                    open.send_modify(|(now, _)| *now -= 1);
                });
            }
        });
        slow
    }

    fn now(&self) -> usize {
        self.open.borrow().0
    }

    fn most(&self) -> usize {
        self.open.borrow().1
    }
}

/// Answers a request when it may; ends when the other side is gone.
async fn serve(mut stream: TcpStream, mut answers: watch::Receiver<bool>) {
    let mut request = Vec::new();
    loop {
        let is_whole = is_whole(&request);
        let may = async { answers.wait_for(|may| *may).await.is_ok() };
        tokio::select! {
            bytes = stream.read_buf(&mut request) => if !matches!(bytes, Ok(1..)) { return },
            _ = may, if is_whole => {
                let _ = stream.write_all(b"HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 2\r\n\r\nok").await;
                let _ = stream.shutdown().await;
                return;
            }
        }
    }
}

/// Whether head and body are there.
fn is_whole(request: &[u8]) -> bool {
    let text = String::from_utf8_lossy(request);
    let Some((head, _)) = text.split_once("\r\n\r\n") else { return false };
    let length = head.lines().find_map(|line| line.to_ascii_lowercase().strip_prefix("content-length:")?.trim().parse::<usize>().ok());
    request.len() >= head.len() + 4 + length.unwrap_or(0)
}

async fn start(site: &Site) -> Server {
    let mut command = Command::new(env!("CARGO_BIN_EXE_pressrun"));
    command.env("NO_COLOR", "1");
    let node = Server::start_with(command, site.dir.path(), None, &["--role", "worker"]);
    eventually("the node works", async || node.log().contains("working").then_some(())).await;
    node
}

#[tokio::test(flavor = "multi_thread")]
async fn p7_three_nodes_deliver_to_one_host_what_one_may_at_once_and_the_share_of_a_dead_one_comes_back() {
    const AT_ONCE: usize = 6;
    let site = Site::on_postgres(&format!("deliveries_of_one_host = {AT_ONCE}\nworkers = 4"), "").await;
    let slow = Slow::start().await;
    let mut nodes = vec![start(&site).await, start(&site).await, start(&site).await];
    let mut schedules = Vec::new();
    for _ in 0..24 {
        let hook = WebhookSettings::new(format!("http://{}/hook", slow.address), Vec::new());
        schedules.push(site.due_once(definition(Destination::Webhook(hook), Format::Json)).await);
    }
    eventually("all that may be is used", async || (slow.now() == AT_ONCE).then_some(())).await;
    // Whichever has deliveries under way: when it dies they break off.
    nodes.remove(0).kill().await;
    nodes.remove(0).kill().await;
    eventually("the node that is left has all of it", async || (slow.now() == AT_ONCE).then_some(())).await;
    slow.answers.send_replace(true);
    for schedule in schedules {
        let (run, deliveries) = site.ended(schedule).await;
        assert_eq!((ended(&run).0, deliveries.len()), (RunStatus::Complete, 1), "{:?}", run.record);
    }
    assert_eq!(slow.most(), AT_ONCE, "never more");
}

#[tokio::test(flavor = "multi_thread")]
async fn p7_h6_two_nodes_send_mail_by_the_connections_and_the_rate_of_one() {
    let site = Site::on_postgres("workers = 4", "connections = 2\nper_minute = 240").await;
    let nodes = [start(&site).await, start(&site).await];
    let mut schedules = Vec::new();
    let began = Instant::now();
    for number in 0..16 {
        schedules.push(site.due_once(Site::email(&[&format!("blob{number}@x.example")])).await);
    }
    for schedule in schedules {
        let (run, _) = site.ended(schedule).await;
        assert_eq!(ended(&run).0, RunStatus::Complete, "{:?}", run.record);
    }
    assert_eq!(site.smtp.mails().len(), 16);
    assert!(site.smtp.most_at_once() <= 2, "{} connections", site.smtp.most_at_once());
    assert!(began.elapsed() > Duration::from_millis(15 * 250 - 200), "a quarter of a second lies between two: {:?}", began.elapsed());
    drop(nodes);
}
