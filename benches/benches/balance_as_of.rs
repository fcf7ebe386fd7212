//! What does a balance by value date and knowledge cost, on an account with few and with very many
//! operations?

use criterion::{BenchmarkId, Criterion, criterion_group, criterion_main};
use ledger_benches::{DAYS, NOW, business_date, the_account, year_on_one_account};

fn asking(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("balance_as_of");
    for count in [1_000, 1_000_000] {
        let dir = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).expect("a directory");
        let ledger = year_on_one_account(dir.path(), count);
        let account = the_account();
        group.bench_function(BenchmarkId::new("latest", count), |bencher| {
            bencher.iter(|| {
                ledger
                    .balance(None, &account, None, None)
                    .expect("a balance")
            });
        });
        // Every day of the year in turn, as known a number of days later.
        let mut day = 0;
        group.bench_function(BenchmarkId::new("both_axes", count), |bencher| {
            bencher.iter(|| {
                day = (day + 101) % DAYS;
                let known = NOW.plus_days(u32::try_from(day + day % 7).expect("days of a year"));
                let valued = Some(business_date(day));
                let balance = ledger.balance(None, &account, valued, Some(known));
                balance.expect("a balance")
            });
        });
    }
    group.finish();
}

criterion_group! {
    name = benches;
    config = ledger_benches::short();
    targets = asking
}
criterion_main!(benches);
