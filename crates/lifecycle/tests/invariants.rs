//! The invariants of a life, under random scripts of all possible events.

mod seeds;
mod world;

use lifecycle::idle::IdleTerms;
use lifecycle::{Action, Market, PowerOff, Terms};
use proptest::prelude::*;
use std::sync::atomic::{AtomicU64, Ordering};
use world::{Act, Load, Power, World, secs};

fn acts() -> impl Strategy<Value = Vec<Act>> {
    let load = prop_oneof![Just(Load::Quiet), Just(Load::Busy), Just(Load::Unknown)];
    let act = prop_oneof![
        8 => (1u16..400).prop_map(Act::Run),
        1 => Just(Act::CliStop),
        1 => any::<bool>().prop_map(|graceful| Act::ConsoleStop { graceful }),
        3 => (0u32..2_000_000).prop_map(|after| Act::Start { after }),
        1 => (10u16..900).prop_map(|down| Act::Reboot { down }),
        1 => (60u32..1_000_000).prop_map(|asleep| Act::Hibernate { asleep }),
        1 => (-200_000i32..200_000).prop_map(Act::ClockStep),
        1 => (1u16..20_000, any::<bool>()).prop_map(|(by, local_only)| Act::Extend { by, local_only }),
        1 => (1u16..20_000).prop_map(|by| Act::CliExtend { by }),
        1 => Just(Act::LoseTags),
        1 => Just(Act::GarbleTag),
        1 => (0u16..300).prop_map(|ticks| Act::Crash { ticks }),
        2 => (0u8..6).prop_map(Act::CrashAtEffect),
        1 => Just(Act::CorruptState),
        1 => any::<bool>().prop_map(Act::Imds),
        1 => any::<bool>().prop_map(Act::Ec2),
        1 => any::<bool>().prop_map(Act::Iam),
        2 => load.prop_map(Act::Load),
        1 => Just(Act::SpotNotice),
        1 => (1u16..300).prop_map(|minutes| Act::KeepAlive { minutes }),
        1 => Just(Act::Cancel),
        1 => Just(Act::Complete),
    ];
    prop::collection::vec(act, 1..40)
}

fn terms() -> impl Strategy<Value = Terms> {
    let action = || prop_oneof![Just(Action::Stop), Just(Action::Hibernate), Just(Action::Terminate)];
    let market =
        prop_oneof![3 => Just(Market::OnDemand), 1 => Just(Market::Spot), 1 => Just(Market::PersistentSpot)];
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
    for seed in seeds::number("FIRST_SEED", 1).. {
        seeds::hold(seed, &(terms(), acts()), |(terms, script)| {
            let world = live(terms, &script);
            steps.fetch_add(world.steps, Ordering::Relaxed);
            beats.fetch_add(world.beats, Ordering::Relaxed);
        });
        if steps.load(Ordering::Relaxed) >= seeds::number("STEPS", 1_000_000) {
            break;
        }
    }
    let steps = steps.into_inner();
    assert!(beats.into_inner() > 0, "no heartbeat was written, so none was checked");
    println!("{steps} steps, {:.0} a second", steps as f64 / began.elapsed().as_secs_f64());
}

/// Runs one life: the script, and then on to its end with every fault repaired. Each tick asserts
/// that it ends in time. Returns the world at the end.
fn live(terms: Terms, script: &[Act]) -> World {
    let mut world = World::launch(terms);
    for act in script {
        world.act(act);
    }
    world.repair();
    while world.power == Power::Running {
        world.run(1);
    }
    world
}
