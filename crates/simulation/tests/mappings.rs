//! Random schemas, mappings and histories: once all is quiet, every attribute and every field is what an independent model says.
//! `SEED=n` plays one again, `SEEDS=n` plays more.

use std::sync::{
    Mutex,
    atomic::{AtomicU64, Ordering},
};

use syncline_simulation::{Case, play_case};

/// Seeds played unless `SEEDS` says otherwise.
const SEEDS: u64 = 100;
/// Cases at a time: each waits most of its time.
const AT_A_TIME: usize = 4;

fn number(variable: &str) -> Option<u64> {
    std::env::var(variable).ok().map(|text| text.parse().expect("a number"))
}

#[test]
fn a_seed_gives_the_same_case_again() {
    for seed in 0..200 {
        assert_eq!(Case::draw(seed), Case::draw(seed));
    }
}

#[test]
fn both_sides_are_as_the_model_says() {
    let seeds = match number("SEED") {
        Some(seed) => {
            // `RUST_LOG` says how much is to be told.
            tracing_subscriber::fmt().with_env_filter(tracing_subscriber::EnvFilter::from_default_env()).init();
            seed..seed + 1
        }
        None => 0..number("SEEDS").unwrap_or(SEEDS),
    };
    let next = AtomicU64::new(seeds.start);
    let failed = Mutex::new(Vec::new());
    std::thread::scope(|threads| {
        for _ in 0..AT_A_TIME {
            threads.spawn(|| {
                loop {
                    let seed = next.fetch_add(1, Ordering::Relaxed);
                    if !seeds.contains(&seed) {
                        break;
                    }
                    let case = Case::draw(seed);
                    let complaints = play_case(&case);
                    if !complaints.is_empty() {
                        println!("{case}  ! {}", complaints.join("\n  ! "));
                        println!("  again: SEED={seed} cargo test -p syncline-simulation --test mappings both_sides -- --nocapture");
                        failed.lock().unwrap().push(seed);
                    }
                }
            });
        }
    });
    let failed = failed.into_inner().unwrap();
    assert!(
        failed.is_empty(),
        "{} of {} seeds are not as the model says: {failed:?}",
        failed.len(),
        seeds.end - seeds.start
    );
}
