//! # teardown-race
//!
//! An object is freed while something that can still reach it runs, or may be started: a timer, a work item or an interrupt that was not stopped or is armed again by what
//! is still registered, an operation that is unregistered only later, a waiter that has just been woken, a callback that finds the object through a pointer kept elsewhere.
//!
//! ## Why it matters
//!
//! Teardown runs once in a while, and the window is small, so such defects survive testing; a user who can open, close and unplug at will finds the window. What is used then is
//! freed memory, on another CPU, in a context that has nothing to do with the one that freed it.
//!
//! ## Example
//!
//! ```c
//! static void cup_disconnect(struct usb_interface *intf)
//! {
//!         struct cup *c = usb_get_intfdata(intf);
//!
//!         del_timer(&c->refill);          /* the timer function may be running */
//!         kfree(c);
//! }
//! ```
//!
//! Stop first what can start others, then the others, and wait for each (`timer_shutdown_sync()`, `cancel_work_sync()`, `free_irq()`); unregister before freeing; let the last
//! user free what several users hold.
//!
//! ## How it decides
//!
//! For each function it is noted what it frees, arms, cancels, waits for and wakes: callback objects by the record and member that they are, objects by the type of the pointer.
//! Releases are followed through the device's last reference, and records that lie in the memory of others (`netdev_priv()`, `p->priv = &p[1]`) go with them. Over the whole tree, for each
//! record that is freed:
//!
//! * a timer or work item in it that somebody arms, and that nobody stops and waits for before the free, in the function, its callees or its callers;
//! * one that the very function arms which goes on to free the object, at once or when readers are done;
//! * one that is stopped, and that an interrupt, a timer, a work item or an operation can arm again which is stopped or unregistered only later;
//! * one that is waited for only if it is pending, which it no longer is when its function has begun;
//! * a delayed work item that arms itself, cancelled without waiting and then merely flushed;
//! * memory freed before what uses it is unregistered, or before the timer or work item that uses it is stopped;
//! * waiters woken on the object's queue by who frees it then, without waiting for them to leave;
//! * an object on the stack of a waiter, which whoever completes it goes on to use: the waiter may have returned by then;
//! * a timer or work item that is a variable of a module (its file states a licence), armed in its file and not stopped by the function that unloads it;
//! * a timer or work item in the data of a driver, armed in its folder and not waited for by the function that takes the driver off its device;
//! * the data of a driver with a misc device, which go when the driver is taken off its device, while operations of open files find them by their file, and opening takes no reference;
//! * a pointer to it in an object that lives on, cleared without waiting for those who have just loaded it;
//! * a count that reaches zero before the object is taken off its list, where others find it under the list's lock and take a reference that does not ask.
//!
//! Not reported: objects that their own callback frees, references taken by who arms or held by what the object lies in, work that whoever arms it waits for, what is asked for a flag of the teardown's under a lock before it is armed, what whoever frees it stops once more, error paths before anything was armed, objects that go with the owner of the pointer.
//!
//! ## Confidence
//!
//! The check is on trial: nothing is of high confidence.
//!
//! * **medium**: both sides are in the source, and nothing that was read keeps them apart.
//! * **low**: a flag, a count or a lock may do so.
//!
//! ## What it assumes and misses
//!
//! Two objects of a type are one. What hardware still does after it was told to stop is not known. Registrations that the kernel model has no words for are not seen.

mod armed;
mod asked;
mod chain;
mod detach;
mod doomed;
mod early;
mod ends;
mod files;
mod held;
mod open_file;
mod order;
mod others;
mod owner;
mod parts;
mod rearms;
mod revived;
mod unload;
mod waiter;
mod woken;

use cuthere_analysis::{Check, CheckInfo, Claims, Maturity, Tree};

pub(crate) const CHECK: Check = Check {
    info: CheckInfo {
        id: "teardown-race",
        summary: "an object is freed while a timer, work item, interrupt, operation or waiter can still reach it",
        source: include_str!("teardown_race.rs"),
        maturity: Maturity::Trial,
    },
    start: None,
    entered: false,
    tree: Some(judge),
};

fn judge(tree: &Tree<'_>, claims: &mut Claims) {
    let all = parts::Teardown::new(tree);
    waiter::judge(&all, claims);
    woken::judge(&all, claims);
    let told = armed::judge(&all, claims);
    asked::judge(&all, claims);
    detach::judge(&all, &told, claims);
    doomed::judge(&all, &told, claims);
    open_file::judge(&all, claims);
    order::judge(&all, claims);
    rearms::judge(&all, claims);
    early::judge(&all, claims);
    owner::judge(&all, claims);
    unload::judge(&all, claims);
    revived::judge(tree, &all, claims);
}
