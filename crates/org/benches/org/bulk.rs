//! A Bulk API 2.0 query over every contact: from the request to the last byte of the last page.

use std::time::{Duration, Instant};

use reqwest::Client;
use serde_json::{Value, json};

use crate::{Bench, bare, print};

const STATEMENT: &str = "SELECT Id, FirstName, LastName, Email, Title, AccountId, SystemModstamp FROM Contact";
/// Records a page: a client with parallel pages asks for the default, so this is what one request brings.
const PAGE_RECORDS: usize = 100_000;

pub(crate) async fn measure(bench: &Bench) {
    let plain = Client::builder().tcp_nodelay(true).no_gzip().build().expect("a client");
    let mut first_page = Vec::new();
    for (what, http) in [("Bulk query, job and pages, packed", &bench.http), ("Bulk query, job and pages", &plain)] {
        let mut rates = Vec::new();
        for _ in 0..bench.rounds {
            let started = Instant::now();
            let (rows, page) = read_everything(bench, http).await;
            rates.push(rows as f64 / started.elapsed().as_secs_f64());
            first_page = page;
        }
        print(what, "rows/s", rates);
    }

    // The same bytes from a server that has them ready.
    let rows = PAGE_RECORDS.min(newlines(&first_page));
    let server = bare::Server::start(first_page.into()).await;
    let mut limits = Vec::new();
    for _ in 0..bench.rounds {
        let started = Instant::now();
        let pages = 10;
        for _ in 0..pages {
            let answer = plain.get(&server.url).send().await.expect("an answer");
            newlines(&read(answer).await);
        }
        limits.push((rows * pages) as f64 / started.elapsed().as_secs_f64());
    }
    print("  limit: the same bytes, ready-made", "rows/s", limits);
}

async fn read_everything(bench: &Bench, http: &Client) -> (usize, Vec<u8>) {
    let asked = json!({ "operation": "query", "query": STATEMENT });
    let request = http.post(bench.url("/jobs/query")).bearer_auth(&bench.token).json(&asked);
    let job: Value = request.send().await.expect("the org answers").json().await.expect("JSON");
    let path = format!("/jobs/query/{}", job["id"].as_str().unwrap_or_else(|| panic!("no job: {job}")));
    loop {
        let job = bench.get(&path).await;
        match job["state"].as_str() {
            Some("JobComplete") => break,
            Some("UploadComplete" | "InProgress") => tokio::time::sleep(Duration::from_millis(2)).await,
            _ => panic!("the job ended as {job}"),
        }
    }
    let (mut rows, mut first_page, mut locator) = (0, Vec::new(), None::<String>);
    loop {
        let mut url = format!("{}/results?maxRecords={PAGE_RECORDS}", bench.url(&path));
        if let Some(locator) = &locator {
            url.push_str(&format!("&locator={locator}"));
        }
        let answer = http.get(url).bearer_auth(&bench.token).send().await.expect("the org answers");
        let next = answer.headers().get("sforce-locator").and_then(|next| next.to_str().ok()).map(str::to_owned);
        let page = read(answer).await;
        // Every page begins with a header row.
        rows += newlines(&page) - 1;
        if first_page.is_empty() {
            first_page = page;
        }
        match next.as_deref() {
            None | Some("null") => return (rows, first_page),
            Some(_) => locator = next,
        }
    }
}

async fn read(answer: reqwest::Response) -> Vec<u8> {
    answer.bytes().await.expect("a body").to_vec()
}

fn newlines(page: &[u8]) -> usize {
    page.iter().filter(|byte| **byte == b'\n').count()
}
