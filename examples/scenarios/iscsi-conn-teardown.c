/*
 * The error handler aborts a command while user space tears the session's only connection down. Both go through their real entry
 * points; the session and the connection are made by libiscsi's own set-up functions.
 */
#include <cuthere.h>
#include "drivers/scsi/libiscsi.c"
#include "drivers/scsi/scsi_transport_iscsi.c"
#include "lib/kfifo.c"

static struct iscsi_transport transport;
static struct iscsi_cls_conn *cls_conn;
static struct scsi_cmnd *command;

int transport_register_device(struct device *dev)
{
	return 0;
}

void transport_unregister_device(struct device *dev)
{
}

int iscsi_add_session(struct iscsi_cls_session *cls_session, unsigned int target_id)
{
	return 0;
}

void iscsi_dbg_trace(void (*trace)(struct device *dev, struct va_format *), struct device *dev, const char *fmt, ...)
{
}

static int transmit(struct iscsi_task *task)
{
	return 0;
}

static int make_room(struct iscsi_task *task, uint8_t opcode)
{
	task->hdr = kzalloc(sizeof(struct iscsi_hdr), GFP_ATOMIC);
	task->hdr_max = sizeof(struct iscsi_hdr);
	return 0;
}

static void abort_command(void *unused)
{
	iscsi_eh_abort(command);
}

static void tear_down(void *unused)
{
	iscsi_conn_teardown(cls_conn);
}

void scenario(void)
{
	struct Scsi_Host *host = kzalloc(sizeof(*host) + sizeof(struct iscsi_host), GFP_KERNEL);
	struct scsi_transport_template *template = kzalloc(sizeof(struct iscsi_internal), GFP_KERNEL);
	struct iscsi_host *ihost = shost_priv(host);
	struct iscsi_cls_session *cls_session;
	struct iscsi_session *session;
	struct iscsi_task *task;
	struct scsi_device *device = kzalloc(sizeof(*device), GFP_KERNEL);
	struct scsi_target *target = kzalloc(sizeof(*target), GFP_KERNEL);

	transport.xmit_task = transmit;
	transport.alloc_pdu = make_room;
	host->transportt = template;
	spin_lock_init(&ihost->lock);
	cls_session = iscsi_session_setup(&transport, host, 16, 0, sizeof(struct iscsi_task), 1, 0);
	session = cls_session->dd_data;
	cls_conn = iscsi_conn_setup(cls_session, 0, 0);
	session->leadconn = cls_conn->dd_data;
	session->leadconn->c_stage = ISCSI_CONN_STARTED;
	session->state = ISCSI_STATE_LOGGED_IN;

	target->dev.parent = &cls_session->dev;
	device->sdev_gendev.parent = &target->dev;
	command = kzalloc(sizeof(*command), GFP_KERNEL);
	command->device = device;
	command->SCp.phase = session->age;
	task = session->cmds[3];
	task->sc = command;
	task->conn = session->leadconn;
	task->state = ISCSI_TASK_RUNNING;
	command->SCp.ptr = (char *)task;

	cuthere_task(0, abort_command, NULL);
	cuthere_task(1, tear_down, NULL);
}
