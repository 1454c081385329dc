/*
 * User space closes the file of an interrupt controller device while an interrupt is injected through the routing table. Others
 * hold references to the machine, so it stays.
 */
#include <cuthere.h>
#include "arch/powerpc/kvm/mpic.c"
#include "virt/kvm/irqchip.c"
#include "virt/kvm/kvm_main.c"

static struct kvm *kvm;
static struct file *file;

void kvm_arch_irq_routing_update(struct kvm *machine)
{
}

static void close_device(void *unused)
{
	kvm_device_release(NULL, file);
}

static void inject(void *unused)
{
	kvm_set_irq(kvm, KVM_USERSPACE_IRQ_SOURCE_ID, 0, 1, false);
}

void scenario(void)
{
	struct kvm_irq_routing_entry *route = kzalloc(sizeof(*route), GFP_KERNEL);
	struct kvm_device *device = kzalloc(sizeof(*device), GFP_KERNEL);

	kvm = kzalloc(sizeof(*kvm), GFP_KERNEL);
	refcount_set(&kvm->users_count, 2);
	INIT_LIST_HEAD(&kvm->devices);
	mutex_init(&kvm->lock);

	device->kvm = kvm;
	device->ops = &kvm_mpic_ops;
	mpic_create(device, KVM_DEV_TYPE_FSL_MPIC_20);
	list_add(&device->vm_node, &kvm->devices);
	file = kzalloc(sizeof(*file), GFP_KERNEL);
	file->private_data = device;

	route->type = KVM_IRQ_ROUTING_IRQCHIP;
	kvm_set_irq_routing(kvm, route, 1, 0);

	cuthere_task(0, close_device, NULL);
	cuthere_task(1, inject, NULL);
}
