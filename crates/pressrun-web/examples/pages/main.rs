//! Serves the pages over sample data, for looking at them.
//!
//! `cargo run -p pressrun-web --example pages -- 127.0.0.1:8080 [tiles.json]`, then sign in with `admin`, `sales` or `guest`.
//! The file holds the JSON of `pressrun_render::html::dashboard_html`.

mod sample;

use std::error::Error;

use pressrun_web::DashboardPage;

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let mut arguments = std::env::args().skip(1);
    let address = arguments.next().unwrap_or_else(|| "127.0.0.1:8080".to_owned());
    let tiles: Vec<DashboardPage> = match arguments.next() {
        Some(path) => serde_json::from_slice(&std::fs::read(path)?)?,
        None => Vec::new(),
    };
    let dir = tempfile::tempdir()?;
    let mut site = sample::site(dir.path(), tiles).await;
    site.state.public_url = format!("http://{address}");
    let listener = tokio::net::TcpListener::bind(&address).await?;
    axum::serve(listener, pressrun_web::router(site.state)).await?;
    Ok(())
}
