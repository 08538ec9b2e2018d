//! Writes of 200 records a request, two requests under way at a time.

use std::time::Instant;

use serde_json::{Value, json};

use crate::{Bench, bare, print};

const RECORDS: usize = 200;
const REQUESTS: usize = 100;
const AT_ONCE: usize = 2;

pub(crate) async fn measure(bench: &Bench) {
    let statement = format!("SELECT Id FROM Contact LIMIT {}", RECORDS * 10);
    let found = bench.query(&statement).await;
    let ids: Vec<&str> =
        found["records"].as_array().expect("records").iter().filter_map(|row| row["Id"].as_str()).collect();
    let mut written = 0;
    let mut next_body = || {
        written += 1;
        let from = written % (ids.len() / RECORDS) * RECORDS;
        let record = |id: &&str| json!({ "attributes": { "type": "Contact" }, "id": id, "Title": format!("Title {written}"), "Department": "Bench" });
        let records: Vec<Value> = ids[from..from + RECORDS].iter().map(record).collect();
        json!({ "allOrNone": false, "records": records }).to_string()
    };

    let url = bench.url("/composite/sobjects");
    let mut rates = Vec::new();
    for _ in 0..bench.rounds {
        let bodies: Vec<String> = (0..REQUESTS).map(|_| next_body()).collect();
        rates.push(send_all(bench, &url, bodies).await);
    }
    print("Collections update, 200 a request", "records/s", rates);

    let answer = bench.http.patch(&url).bearer_auth(&bench.token).body(next_body());
    let answer = answer.header("content-type", "application/json").send().await.expect("the org answers");
    let server = bare::Server::start(answer.bytes().await.expect("a body")).await;
    let mut limits = Vec::new();
    for _ in 0..bench.rounds {
        let bodies: Vec<String> = (0..REQUESTS).map(|_| next_body()).collect();
        limits.push(send_all(bench, &server.url, bodies).await);
    }
    print("  limit: the same bytes, ready-made", "records/s", limits);
}

/// Sends every body, and says how many records a second that was.
async fn send_all(bench: &Bench, url: &str, bodies: Vec<String>) -> f64 {
    let count = bodies.len() * RECORDS;
    let mut lanes: Vec<Vec<String>> = vec![Vec::new(); AT_ONCE];
    bodies.into_iter().enumerate().for_each(|(number, body)| lanes[number % AT_ONCE].push(body));
    let started = Instant::now();
    let lanes: Vec<_> = lanes
        .into_iter()
        .map(|bodies| {
            let (http, url, token) = (bench.http.clone(), url.to_owned(), bench.token.clone());
            tokio::spawn(async move {
                for body in bodies {
                    let request = http.patch(&url).bearer_auth(&token).header("content-type", "application/json");
                    let answer = request.body(body).send().await.expect("an answer");
                    let results: Vec<Value> = answer.json().await.expect("a list of results");
                    assert!(results.iter().all(|result| result["success"] == true), "{results:?}");
                }
            })
        })
        .collect();
    for lane in lanes {
        lane.await.expect("a lane ends well");
    }
    count as f64 / started.elapsed().as_secs_f64()
}
