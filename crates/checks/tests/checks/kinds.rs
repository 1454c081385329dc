//! What one file says of the objects of another: which members of a table its kinds have, and how a card registers its streams.

use cuthere_base::{Confidence, MemorySource};
use cuthere_checks::{Options, Quiet};
use cuthere_kernel::Model;

/// The levels of `sleep-in-atomic` in a tree of these files.
fn levels(files: &[(&str, &str)]) -> Vec<Confidence> {
    let outcome =
        cuthere_checks::run(&MemorySource::new(files.iter().copied()), &Model::builtin().for_preempt(false), &Options::default(), &Quiet);
    outcome.findings.iter().filter(|f| f.check == "sleep-in-atomic").map(|f| f.confidence).collect()
}

const HEADER: &str = "#include <linux/mutex.h>
#include <linux/spinlock.h>
struct line;
struct line_ops { int (*send)(struct line *l); void (*flush)(struct line *l); };
struct line { const struct line_ops *ops; spinlock_t lock; struct mutex io; };
";

const CALLER: &str = "#include \"line.h\"
void line_push(struct line *l)
{
	spin_lock(&l->lock);
	if (l->ops->flush)
		l->ops->flush(l);
	spin_unlock(&l->lock);
}
";

const RADIO: &str = "#include \"line.h\"
static int radio_send(struct line *l) { return 0; }
static void radio_flush(struct line *l)
{
	mutex_lock(&l->io);
	mutex_unlock(&l->io);
}
const struct line_ops radio_ops = { .send = radio_send, .flush = radio_flush };
";

const WIRE: &str = "#include \"line.h\"
static int wire_send(struct line *l) { return 0; }
const struct line_ops wire_ops = { .send = wire_send };
";

#[test]
fn an_operation_that_another_kind_leaves_out() {
    let one = [("drivers/line/line.h", HEADER), ("drivers/line/push.c", CALLER), ("drivers/line/radio.c", RADIO)];
    assert_eq!(levels(&one), [Confidence::Medium]);
    let two = [&one[..], &[("drivers/line/wire.c", WIRE)]].concat();
    assert_eq!(levels(&two), [Confidence::Low]);
}

#[test]
fn a_wait_that_most_kinds_leave_out() {
    let caller = "#include \"line.h\"
static void line_settle(struct line *l)
{
	if (!l->ops->flush)
		return;
	mutex_lock(&l->io);
	mutex_unlock(&l->io);
}
void line_push(struct line *l)
{
	spin_lock(&l->lock);
	line_settle(l);
	spin_unlock(&l->lock);
}
";
    let one = [("drivers/line/line.h", HEADER), ("drivers/line/push.c", caller), ("drivers/line/radio.c", RADIO)];
    assert_eq!(levels(&one), [Confidence::High]);
    let cable = WIRE.replace("wire", "cable");
    let three = [&one[..], &[("drivers/line/wire.c", WIRE), ("drivers/line/cable.c", &cable)]].concat();
    assert_eq!(levels(&three), [Confidence::Low]);
}

#[test]
fn a_card_of_the_same_maker_says_how_its_streams_run() {
    let dai = "#include <linux/mutex.h>
static DEFINE_MUTEX(flute_mutex);
static int flute_trigger(struct snd_pcm_substream *substream, int cmd, struct snd_soc_dai *dai)
{
	mutex_lock(&flute_mutex);
	mutex_unlock(&flute_mutex);
	return 0;
}
const struct snd_soc_dai_ops flute_ops = { .trigger = flute_trigger };
";
    let card = "void wood_card(struct snd_soc_dai_link *link) { link->nonatomic = true; }\n";
    assert_eq!(levels(&[("sound/soc/wood/flute/flute.c", dai), ("sound/soc/brass/card.c", card)]), [Confidence::Medium]);
    assert_eq!(levels(&[("sound/soc/wood/flute/flute.c", dai), ("sound/soc/wood/boards/card.c", card)]), []);
}
