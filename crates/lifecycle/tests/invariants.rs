//! The invariants of a life, under random scripts of all possible events.

#![allow(clippy::disallowed_macros, reason = "a test prints its seed")]

mod seeds;
mod world;

use lifecycle::idle::IdleTerms;
use lifecycle::{EndAction, PowerOff, PurchasingOption, Terms};
use proptest::prelude::*;
use std::sync::atomic::{AtomicU64, Ordering};
use world::{LifeWorld, PowerState, SignalLoad, WorldAct, secs};

fn acts() -> impl Strategy<Value = Vec<WorldAct>> {
    let load = prop_oneof![
        2 => Just(SignalLoad::Quiet),
        2 => Just(SignalLoad::Busy),
        1 => Just(SignalLoad::Unknown),
        1 => Just(SignalLoad::Stuck),
        2 => (2u8..30).prop_map(SignalLoad::Flapping),
    ];
    let act = prop_oneof![
        8 => (1u16..400).prop_map(WorldAct::Run),
        1 => Just(WorldAct::CliStop),
        1 => any::<bool>().prop_map(|graceful| WorldAct::ConsoleStop { graceful }),
        3 => (0u32..2_000_000).prop_map(|after| WorldAct::Start { after }),
        1 => (10u16..900).prop_map(|down| WorldAct::Reboot { down }),
        1 => (60u32..1_000_000).prop_map(|asleep| WorldAct::Hibernate { asleep }),
        1 => (-200_000i32..200_000).prop_map(WorldAct::ClockStep),
        1 => (1u16..20_000, any::<bool>()).prop_map(|(by, local_only)| WorldAct::Extend { by, local_only }),
        1 => (1u16..20_000).prop_map(|by| WorldAct::CliExtend { by }),
        1 => Just(WorldAct::LoseTags),
        1 => Just(WorldAct::GarbleTag),
        1 => (0u16..300).prop_map(|ticks| WorldAct::Crash { ticks }),
        2 => (0u8..6).prop_map(WorldAct::CrashAtEffect),
        1 => Just(WorldAct::CorruptState),
        1 => any::<bool>().prop_map(WorldAct::Imds),
        1 => any::<bool>().prop_map(WorldAct::Ec2),
        1 => any::<bool>().prop_map(WorldAct::Iam),
        2 => load.prop_map(WorldAct::Load),
        1 => Just(WorldAct::SpotNotice),
        1 => (1u16..300).prop_map(|minutes| WorldAct::KeepAlive { minutes }),
        1 => Just(WorldAct::Cancel),
        1 => Just(WorldAct::Complete),
        1 => Just(WorldAct::Install),
        1 => (5u16..600).prop_map(|minutes| WorldAct::Image { minutes }),
        1 => Just(WorldAct::Copy),
    ];
    prop::collection::vec(act, 1..40)
}

fn terms() -> impl Strategy<Value = Terms> {
    let action =
        || prop_oneof![Just(EndAction::Stop), Just(EndAction::Hibernate), Just(EndAction::Terminate)];
    let market = prop_oneof![3 => Just(PurchasingOption::OnDemand), 1 => Just(PurchasingOption::Spot), 1 => Just(PurchasingOption::PersistentSpot)];
    let power_off = prop_oneof![Just(PowerOff::Stops), Just(PowerOff::Terminates)];
    let idle = prop::option::of((5i64..60).prop_map(|minutes| IdleTerms::after(secs(minutes * 60))));
    let heartbeat = prop_oneof![3 => Just(Some(secs(900))), 1 => Just(Some(secs(3_600))), 1 => Just(None)];
    (5i64..600, action(), action(), market, power_off, idle, any::<bool>(), heartbeat).prop_map(
        |(minutes, on_expiry, on_complete, market, power_off, idle, capped, heartbeat)| Terms {
            heartbeat,
            on_expiry,
            on_complete,
            market,
            power_off,
            idle,
            cap: capped.then(|| world::instant(7 * 86_400)),
            ..Terms::with_budget(secs(minutes * 60))
        },
    )
}

#[test]
fn a_million_steps_keep_the_invariants() {
    let began = std::time::Instant::now();
    let (steps, beats) = (AtomicU64::new(0), AtomicU64::new(0));
    for seed in seeds::env_number("FIRST_SEED", 1).. {
        seeds::check_scripts(seed, &(terms(), acts(), prop::bool::weighted(0.2)), |(terms, script, bare)| {
            let world = live(terms, &script, bare);
            steps.fetch_add(world.steps, Ordering::Relaxed);
            beats.fetch_add(world.beats, Ordering::Relaxed);
        });
        if steps.load(Ordering::Relaxed) >= seeds::env_number("STEPS", 1_000_000) {
            break;
        }
    }
    let steps = steps.into_inner();
    assert!(beats.into_inner() > 0, "no heartbeat was written, so none was checked");
    println!("{steps} steps, {:.0} a second", steps as f64 / began.elapsed().as_secs_f64());
}

fn idle_after(minutes: i64) -> Terms {
    let idle = Some(IdleTerms::after(secs(minutes * 60)));
    Terms { idle, heartbeat: None, ..Terms::with_budget(secs(9 * 3_600)) }
}

#[test]
fn one_lost_look_in_five_or_more_delays_an_idle_end_by_at_most_two_looks() {
    let cases = (5i64..60, 5u8..60, 1u16..400);
    seeds::check_scripts(1, &cases, |(minutes, every, worked)| {
        let mut world = LifeWorld::launch(idle_after(minutes));
        world.run(worked);
        world.act(&WorldAct::Load(SignalLoad::Flapping(every)));
        // The grace after the boot, the timeout, the warnings, and two looks, in steps of 15 s. The
        // first losses of a life count as busy until four looks have succeeded.
        let longest = (15 + 5 + minutes + 10 + 2) * 4;
        world.run(u16::try_from(longest).expect("a short life"));
        assert_eq!(world.power, PowerState::Stopped, "one in {every}, {minutes} m");
    });
}

#[test]
fn a_stuck_look_ends_nothing_early_and_keeps_nothing_past_its_bound() {
    let cases = (5i64..60, 1u16..400, 60i64..200);
    seeds::check_scripts(1, &cases, |(minutes, worked, stuck)| {
        let mut world = LifeWorld::launch(idle_after(minutes));
        world.run(worked);
        world.act(&WorldAct::Load(SignalLoad::Stuck));
        world.run(u16::try_from(stuck * 4).expect("a few hours"));
        assert_eq!(world.power, PowerState::Running, "{minutes} m, stuck for {stuck} m");
        world.act(&WorldAct::Extend { by: 3_600, local_only: false });
        assert!(world.books.least > (9 * 60 + 60 - stuck) * 60 - 400 * 15, "{:?}", world.books);
        // The bound is checked in each tick.
        while world.power == PowerState::Running {
            world.run(1);
        }
    });
}

/// Runs one life: the script, and then on to its end with every fault repaired. A bare one begins
/// without spawnd. Each tick asserts that it ends in time. Returns the world at the end.
fn live(terms: Terms, script: &[WorldAct], bare: bool) -> LifeWorld {
    let mut world = if bare { LifeWorld::launch_without_spawnd(terms) } else { LifeWorld::launch(terms) };
    for act in script {
        world.act(act);
    }
    world.repair();
    while world.power == PowerState::Running {
        world.run(1);
    }
    world
}
